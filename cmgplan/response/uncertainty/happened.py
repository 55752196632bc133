"""A day as it happens beside its forecast, and as it is seen in an hour of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.errors import InputError
from cmgplan.homes.case.records import HomesCase
from cmgplan.response.uncertainty.changed import changed_case, deviations_of

KEPT = 0.8
"""Share of a deviation that is still there an hour later, where none is given."""


@dataclass(frozen=True)
class DayTwice:
    """A day as forecast and as it happens: the same devices, other profiles.

    Raises
    ------
    InputError
        The two differ in more than their profiles.
    """

    forecast: HomesCase
    happens: HomesCase

    def __post_init__(self) -> None:
        if self.forecast.file != self.happens.file:
            raise InputError(
                "the day that happens has another case.toml than its forecast: change only its "
                "profiles"
            )
        missing = set(self.forecast.profiles) - set(self.happens.profiles)
        if missing:
            raise InputError(
                f"the day that happens lacks the column {min(missing)}: give it every column of "
                "the forecast"
            )

    def seen(self, hour: int, ahead: int) -> HomesCase:
        """Return the day as it is seen at the beginning of an hour.

        Hours before it are as they were, it and the following ones up to ``ahead`` in all as
        they will be, later ones as forecast.
        """
        known = np.arange(self.forecast.hours) < hour + ahead
        profiles = {
            name: np.where(known, self.happens.profiles[name], values)
            for name, values in self.forecast.profiles.items()
        }
        return replace(self.forecast, profiles=profiles)


def drawn_day(
    case: HomesCase,
    seed: int,
    sd: Mapping[str, float] | None = None,
    *,
    kept: float = KEPT,
) -> DayTwice:
    """Return a case as forecast beside a day drawn for it.

    Every quantity is multiplied by ``1 + sd z`` in each hour, not below 0, where z is an
    autoregressive process of order 1: it keeps ``kept`` of an hour's deviation in the next and has
    the variance 1.
    """
    if not 0.0 <= kept <= 1.0:
        raise InputError(f"{kept:g} of a deviation is kept: give a share from 0 to 1")
    rng, deviation = np.random.default_rng(seed), deviations_of(case, sd)
    factors = {
        name: np.maximum(1.0 + share * _process(case.hours, kept, rng), 0.0)
        for name, share in deviation.items()
    }
    as_it_is = {name: np.ones(case.hours) for name in factors}
    return DayTwice(changed_case(case, as_it_is), changed_case(case, factors))


def _process(hours: int, kept: float, rng: np.random.Generator) -> FloatArray:
    """Return an autoregressive process of order 1 and variance 1, shape (T,)."""
    noise = rng.standard_normal(hours)
    values = np.empty(hours)
    values[0] = noise[0]
    for t in range(1, hours):
        values[t] = kept * values[t - 1] + np.sqrt(1.0 - kept**2) * noise[t]
    return values
