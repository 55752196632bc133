"""Electric-vehicle fleet: storage with a driving pattern."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from cmgplan.devices.base import FloatArray, Horizon, NonNegative, Share
from cmgplan.devices.storage import Storage

Hour = Annotated[int, Field(ge=0)]


class ElectricVehicle(Storage):
    """Fleet that is away from hour ``depart_hour`` until hour ``return_hour``.

    It is away in the hours ``depart_hour .. return_hour - 1``; a return before the departure
    means a trip over midnight, so that both ends of the day are spent away. Driving draws
    ``driving_kwh`` from the store, evenly over the hours away. At departure, that is at the end
    of the hour before, at least ``soc_departure`` of ``energy_kwh`` is stored.
    """

    kind: ClassVar[str] = "ev"
    depart_hour: Hour
    return_hour: Hour
    driving_kwh: NonNegative
    soc_departure: Share

    def away(self, h: Horizon) -> list[int]:
        """Return the hours spent driving."""
        count = (self.return_hour - self.depart_hour) % h.hours
        return sorted((self.depart_hour + k) % h.hours for k in range(count))

    def connected(self, h: Horizon) -> FloatArray:
        """Return 1 in the hours in which the fleet is plugged in, shape (T,)."""
        plugged = np.ones(h.hours)
        plugged[self.away(h)] = 0.0
        return plugged

    def drawn_kwh(self, h: Horizon) -> FloatArray:
        """Return the energy that driving draws in each hour, shape (T,)."""
        away = self.away(h)
        drawn = np.zeros(h.hours)
        if away:
            drawn[away] = self.driving_kwh / len(away)
        return drawn

    def soc_floor_kwh(self, h: Horizon) -> FloatArray:
        """Return the least stored energy at the end of each hour, shape (T,)."""
        floor = super().soc_floor_kwh(h)
        if self.depart_hour > 0 and self.away(h):
            before = self.depart_hour - 1
            floor[before] = max(floor[before], self.soc_departure * self.energy_kwh)
        return floor
