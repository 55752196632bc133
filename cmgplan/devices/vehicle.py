"""Electric vehicles: stores with a driving pattern, a priced fleet and the car of a home."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import ceil
from typing import Any, ClassVar

import numpy as np
import pyomo.environ as pyo

from cmgplan.arrays import FloatArray
from cmgplan.devices.base import (
    OFF_KW,
    Breach,
    Conflict,
    Flow,
    Flows,
    Forecasts,
    NonNegative,
    Share,
    State,
    Step,
    breaches,
)
from cmgplan.devices.storage import HomeBattery, Storage
from cmgplan.devices.store import TOLERANCE_KW, Store

DAY_H = 24.0

ON_TIME = 1e-2
"""Share of an interval within which a departure or a return is at its end."""


class Driving(Store):
    """Store that is away from ``depart_hour`` to ``return_hour``, hours of the clock, every day.

    A return before the departure means a trip over midnight. Hours may have fractions where
    intervals are shorter than an hour; both times lie at ends of intervals. Driving draws
    ``driving_kwh`` from the store in each trip, evenly over the hours away; what a trip does
    before or after the horizon does not count. At a departure within the horizon, that is at the
    end of the interval before, at least ``soc_departure`` of the capacity is stored.
    """

    depart_hour: NonNegative
    return_hour: NonNegative
    driving_kwh: NonNegative
    soc_departure: Share

    @property
    def away_h(self) -> float:
        """Hours of one trip; none where it returns when it departs."""
        return (self.return_hour - self.depart_hour) % DAY_H

    def trips(self, h: Forecasts) -> Iterator[tuple[float, float]]:
        """Yield departure and return of every trip that meets the horizon, in intervals from 0."""
        if self.away_h == 0.0:
            return
        ends_h = h.hours * h.dt_h
        first = int((h.begins_h - self.return_hour) // DAY_H) - 1
        last = ceil((h.begins_h + ends_h - self.depart_hour) / DAY_H)
        for day in range(first, last + 1):
            leaves_h = day * DAY_H + self.depart_hour - h.begins_h
            if leaves_h + self.away_h > 0.0 and leaves_h < ends_h:
                yield leaves_h / h.dt_h, (leaves_h + self.away_h) / h.dt_h

    def departures(self, h: Forecasts) -> list[int]:
        """Return the intervals, after the first, at whose beginning it departs."""
        at = [round(leaves) for leaves, _ in self.trips(h)]
        return [t for t in at if 0 < t < h.hours]

    def between_intervals(self, h: Forecasts) -> list[tuple[str, float]]:
        """Return key and hour of departures and returns that do not lie at an interval's end."""
        found: dict[str, float] = {}
        for trip in self.trips(h):
            for key, at in zip(("depart_hour", "return_hour"), trip, strict=True):
                if 0.0 < at < h.hours and abs(at - round(at)) > ON_TIME:
                    found[key] = getattr(self, key)
        return list(found.items())

    def away(self, h: Forecasts) -> list[int]:
        """Return the intervals spent driving."""
        found: set[int] = set()
        for leaves, comes in self.trips(h):
            found.update(range(max(round(leaves), 0), min(round(comes), h.hours)))
        return sorted(found)

    def connected(self, h: Forecasts) -> FloatArray:
        """Return 1 in the intervals in which it is plugged in, shape (T,)."""
        plugged = np.ones(h.hours)
        plugged[self.away(h)] = 0.0
        return plugged

    def drawn_kwh(self, h: Forecasts) -> FloatArray:
        """Return the energy that driving draws in each interval, shape (T,)."""
        away = self.away(h)
        drawn = np.zeros(h.hours)
        if away:
            drawn[away] = self.driving_kwh * h.dt_h / self.away_h
        return drawn

    def soc_floor_kwh(self, h: Forecasts) -> FloatArray:
        """Return the least stored energy at the end of each interval, shape (T,)."""
        floor = super().soc_floor_kwh(h)
        for t in self.departures(h):
            floor[t - 1] = max(floor[t - 1], self.soc_departure * self.capacity_kwh)
        return floor


class ElectricVehicle(Driving, Storage):
    """Fleet that drives every day between two hours of the clock; see ``Driving``."""

    kind: ClassVar[str] = "ev"


class Car(Driving, HomeBattery):
    """Car of a home: response eqs. (39)-(42).

    It charges with 0 or ``p_charge_min_kw``..``p_charge_max_kw``. Unlike a fleet of planning it
    may depart at the end of the day, at hour 24: the state of charge at departure then binds at
    the end of the last interval. At a departure when the day begins it has ``soc_start``,
    whatever that is. The day ends with at least ``soc_end``, which defaults to ``soc_start``.
    """

    kind: ClassVar[str] = "ev"
    p_charge_min_kw: NonNegative = 0.0
    p_discharge_max_kw: NonNegative = 0.0
    driving_kwh: NonNegative = 0.0
    soc_departure: Share = 0.0

    def departures(self, h: Forecasts) -> list[int]:
        """Return the intervals, after the first, at whose beginning it departs; T is the end."""
        found = super().departures(h)
        to_end_h = (h.begins_h + h.hours * h.dt_h - self.depart_hour) % DAY_H
        at_end = min(to_end_h, DAY_H - to_end_h) < ON_TIME * h.dt_h
        return [*found, h.hours] if at_end and self.depart_hour != self.return_hour else found

    def wants_binary(self, h: Forecasts) -> bool:
        """Return whether the block has a binary variable: with a least power of charging."""
        return self.p_charge_min_kw > 0.0

    def conflicts(self) -> Iterator[Conflict]:
        """Yield what is wrong with its hours, its powers and its state of charge."""
        for key in ("depart_hour", "return_hour"):
            if getattr(self, key) > DAY_H:
                message = f"{getattr(self, key):g} is not an hour of the clock, from 0 to 24"
                yield Conflict(key, message, "give the hour of the day; every day has the trip")
        if self.p_charge_min_kw > self.p_charge_max_kw:
            least, most = self.p_charge_min_kw, self.p_charge_max_kw
            message = f"p_charge_min_kw {least:g} is above p_charge_max_kw {most:g}"
            yield Conflict("p_charge_min_kw", message, "lower p_charge_min_kw")
        if self.away_h == 0.0 and self.driving_kwh > 0.0:
            message = f"it drives {self.driving_kwh:g} kWh but is never away"
            mend = "let it return in another hour than it departs"
            yield Conflict("return_hour", message, mend)
        if self.away_h == 0.0 and self.soc_departure > self.soc_start:
            message = f"soc_departure {self.soc_departure:g} is wanted but it never departs"
            mend = "let it return in another hour than it departs"
            yield Conflict("return_hour", message, mend)
        if self.soc_departure > self.soc_max:
            message = f"soc_departure {self.soc_departure:g} is above soc_max {self.soc_max:g}"
            yield Conflict("soc_departure", message, "ask for no more than soc_max")
        yield from super().conflicts()

    def conflicts_over(self, h: Forecasts) -> Iterator[Conflict]:
        """Yield hours that lie within an interval, and what fastest charging cannot reach."""
        between = self.between_intervals(h)
        for key, hour in between:
            message = f"hour {hour:g} lies within an interval of {h.dt_h:g} h"
            yield Conflict(key, message, "name an hour at which an interval begins")
        if not between:
            yield from super().conflicts_over(h)

    def add_to(self, b: pyo.Block, h: Forecasts) -> None:
        """Add the store, and response eq. (39) where charging has a least power."""
        super().add_to(b, h)
        if self.p_charge_min_kw > 0.0:
            b.on = pyo.Var(h.steps, domain=pyo.Binary)

            @b.Constraint(h.steps, doc="least power while charging, kW, response (39)")
            def at_least_minimum(b: pyo.Block, t: int) -> object:
                return b.charge[t] >= self.p_charge_min_kw * b.on[t]

            @b.Constraint(h.steps, doc="rating while charging, kW, response (39)")
            def only_when_on(b: pyo.Block, t: int) -> object:
                return b.charge[t] <= self.p_charge_max_kw * b.on[t]

    def binaries(self, b: Any, h: Forecasts, flows: Flows) -> Iterator[tuple[Any, float]]:
        """Yield each binary variable of block ``b`` with the value that it has in a dispatch."""
        if self.p_charge_min_kw > 0.0:
            yield from ((b.on[t], float(-flows.p_kw[t] > OFF_KW)) for t in h.steps)
        yield from super().binaries(b, h, flows)

    def broken(self, h: Forecasts, flows: Flows, soc: FloatArray) -> list[Breach]:
        """Return the limits of power and energy that a dispatch breaks."""
        charge = -flows.p_kw
        below = np.where(charge > OFF_KW, self.p_charge_min_kw - charge, 0.0)
        return [*super().broken(h, flows, soc), *breaches("p_charge_min_kw", below)]

    def step(self, h: Forecasts, t: int, state: State, flow: Flow) -> Step:
        """Run one hour; see ``Device.step``."""
        step = super().step(h, t, state, flow)
        below = self.p_charge_min_kw + flow.p_kw
        if -flow.p_kw > OFF_KW and below > TOLERANCE_KW:
            found = (*step.breaches, Breach(t, "p_charge_min_kw", below))
            return replace(step, breaches=found)
        return step
