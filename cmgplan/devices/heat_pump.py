"""Electric heat pump."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from cmgplan.arrays import FloatArray
from cmgplan.devices.base import Conflict, Forecasts, HourlyPositive
from cmgplan.devices.electric_boiler import ElectricHeat


class HeatPump(ElectricHeat):
    """Heat pump: market eqs. (18), (19). ``cop`` is a number or a column with one for each hour."""

    kind: ClassVar[str] = "heat_pump"
    ratio_key: ClassVar[str] = "cop"
    column_keys: ClassVar[tuple[str, ...]] = ("cop",)
    cop: HourlyPositive

    def heat_per_power(self, h: Forecasts) -> FloatArray:
        """Return heat over electricity in each hour, shape (T,)."""
        return h.series(self.cop)

    def conflicts_over(self, h: Forecasts) -> Iterator[Conflict]:
        """Yield the first hour whose coefficient is not above zero."""
        for t, cop in enumerate(self.heat_per_power(h)):
            if not cop > 0.0:
                message = f"the column {self.cop} is {cop:g} in hour {t}"
                yield Conflict("cop", message, "give heat over electricity, above 0")
                return
