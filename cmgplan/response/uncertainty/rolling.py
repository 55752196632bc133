"""A day replanned every hour with what is known by then, and what foresight would have been worth.

In each hour the day is planned again, hours that are over held as they were, and what the plan
says of the hour is carried out. The decoder of ``cmgplan.response.heuristics`` carries it out: it
takes what the plan wishes as far as stores, temperatures, Emax and the day's end allow, and lets
boilers and the retailer make up for what happens otherwise than forecast.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.errors import InputError
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.day.dispatch import Dispatch
from cmgplan.response.heuristics.decoder import Decoder
from cmgplan.response.uncertainty.happened import DayTwice

Replan = Callable[[HomesCase, int, Dispatch | None], Dispatch]
"""A plan of the whole day: from the day as it is seen, the hour from which it is free, and what
has been done and planned so far (None in the first hour). Hours before must stay as they were;
what a plan says of them is not carried out."""


@dataclass(frozen=True)
class Rolled:
    """A day that was replanned every hour.

    Attributes
    ----------
    dispatch
        The day as it was carried out, under what happened.
    profit
        What it came to.
    plans
        What each hour's plan hoped for, shape (T,).
    """

    dispatch: Dispatch
    profit: float
    plans: FloatArray


@dataclass(frozen=True)
class Foresight:
    """What a day came to with more and less of it known beforehand, currency.

    Attributes
    ----------
    once
        Planned once on the forecast, and carried out.
    rolled
        Replanned every hour.
    perfect
        Planned once on what happens.
    """

    once: float
    rolled: Rolled
    perfect: float

    @property
    def worth(self) -> float:
        """What foresight would have been worth: ``perfect - once``."""
        return self.perfect - self.once

    @property
    def recovered(self) -> float:
        """Share of its worth that replanning recovers; NaN where it is worth nothing."""
        return (self.rolled.profit - self.once) / self.worth if self.worth > 1e-9 else np.nan

    def record(self) -> dict[str, Any]:
        """Return what is told of it, for run.json."""
        return {
            "once": self.once,
            "rolled": self.rolled.profit,
            "perfect": self.perfect,
            "worth": self.worth,
            "recovered": self.recovered if np.isfinite(self.recovered) else None,
        }


def rolled(
    day: DayTwice,
    replan: Replan,
    ahead: int = 1,
    told: Callable[[int], None] | None = None,
) -> Rolled:
    """Return a day that is replanned every hour.

    Parameters
    ----------
    ahead
        Hours, the present one among them, that are known as they will be.
    told
        Is called after each hour.
    """
    if ahead < 0:
        raise InputError(f"{ahead} hours known ahead: give 0 or more")
    point, so_far, hoped = np.zeros(0), None, np.empty(day.forecast.hours)
    for t in range(day.forecast.hours):
        seen = day.seen(t, ahead)
        decoder = Decoder(seen)
        if t > 0:
            so_far = decoder.dispatch(point)
        plan = decoder.encode(replan(seen, t, so_far))
        hoped[t] = -float(decoder(plan[None])[0][0])
        point = plan if so_far is None else decoder.joined(point, plan, t)
        if told is not None:
            told(t)
    return Rolled(*_carried_out(day.happens, point), hoped)


def foresight(
    day: DayTwice,
    replan: Replan,
    ahead: int = 1,
    told: Callable[[int], None] | None = None,
) -> Foresight:
    """Return what a day comes to planned once, replanned every hour, and with perfect foresight.

    See ``rolled``.
    """
    once = Decoder(day.forecast).encode(replan(day.forecast, 0, None))
    perfect = Decoder(day.happens).encode(replan(day.happens, 0, None))
    return Foresight(
        _carried_out(day.happens, once)[1],
        rolled(day, replan, ahead, told),
        _carried_out(day.happens, perfect)[1],
    )


def _carried_out(case: HomesCase, point: FloatArray) -> tuple[Dispatch, float]:
    """Return the day of a point, and its profit."""
    decoder = Decoder(case)
    return decoder.dispatch(point), -float(decoder(point[None])[0][0])
