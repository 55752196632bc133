"""Electric-vehicle fleet: storage with a driving pattern."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from typing import ClassVar

import numpy as np

from cmgplan.devices.base import FloatArray, Horizon, NonNegative, Share
from cmgplan.devices.storage import Storage

DAY_H = 24.0

ON_TIME = 1e-2
"""Share of an interval within which a departure or a return is at its end."""


class ElectricVehicle(Storage):
    """Fleet that is away from ``depart_hour`` to ``return_hour``, hours of the clock, every day.

    A return before the departure means a trip over midnight. Hours may have fractions where
    intervals are shorter than an hour; both times lie at ends of intervals. Driving draws
    ``driving_kwh`` from the store in each trip, evenly over the hours away; what a trip does
    before or after the horizon does not count. At a departure within the horizon, that is at the
    end of the interval before, at least ``soc_departure`` of ``energy_kwh`` is stored.
    """

    kind: ClassVar[str] = "ev"
    depart_hour: NonNegative
    return_hour: NonNegative
    driving_kwh: NonNegative
    soc_departure: Share

    @property
    def away_h(self) -> float:
        """Hours of one trip; none where it returns when it departs."""
        return (self.return_hour - self.depart_hour) % DAY_H

    def trips(self, h: Horizon) -> Iterator[tuple[float, float]]:
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

    def departures(self, h: Horizon) -> list[int]:
        """Return the intervals, after the first, at whose beginning it departs."""
        at = [round(leaves) for leaves, _ in self.trips(h)]
        return [t for t in at if 0 < t < h.hours]

    def between_intervals(self, h: Horizon) -> list[tuple[str, float]]:
        """Return key and hour of departures and returns that do not lie at an interval's end."""
        found: dict[str, float] = {}
        for trip in self.trips(h):
            for key, at in zip(("depart_hour", "return_hour"), trip, strict=True):
                if 0.0 < at < h.hours and abs(at - round(at)) > ON_TIME:
                    found[key] = getattr(self, key)
        return list(found.items())

    def away(self, h: Horizon) -> list[int]:
        """Return the intervals spent driving."""
        found: set[int] = set()
        for leaves, comes in self.trips(h):
            found.update(range(max(round(leaves), 0), min(round(comes), h.hours)))
        return sorted(found)

    def connected(self, h: Horizon) -> FloatArray:
        """Return 1 in the intervals in which the fleet is plugged in, shape (T,)."""
        plugged = np.ones(h.hours)
        plugged[self.away(h)] = 0.0
        return plugged

    def drawn_kwh(self, h: Horizon) -> FloatArray:
        """Return the energy that driving draws in each interval, shape (T,)."""
        away = self.away(h)
        drawn = np.zeros(h.hours)
        if away:
            drawn[away] = self.driving_kwh * h.dt_h / self.away_h
        return drawn

    def soc_floor_kwh(self, h: Horizon) -> FloatArray:
        """Return the least stored energy at the end of each interval, shape (T,)."""
        floor = super().soc_floor_kwh(h)
        for t in self.departures(h):
            floor[t - 1] = max(floor[t - 1], self.soc_departure * self.energy_kwh)
        return floor
