"""Water heater with a tank of its own."""

from __future__ import annotations

from typing import ClassVar, Literal

from cmgplan.devices.base import NonNegative, Positive
from cmgplan.devices.thermostat import Thermostat


class WaterHeater(Thermostat):
    """Water heater: response eqs. (92)-(95), on heat or on electricity.

    It warms by ``heating_k_per_h`` net while on, cools by ``cooling_k_per_h`` while off, and
    ends the day no colder than ``t_start_c``.
    """

    kind: ClassVar[str] = "water_heater"
    ends: ClassVar[Literal["no warmer", "no colder"]] = "no colder"
    carrier: Literal["electricity", "heat"]
    heating_k_per_h: Positive
    cooling_k_per_h: NonNegative

    @property
    def by_heat(self) -> bool:
        """Whether it runs on heat and not on electricity."""
        return self.carrier == "heat"

    @property
    def on_k_per_h(self) -> float:
        """Net change of temperature while on, K/h."""
        return self.heating_k_per_h

    @property
    def off_k_per_h(self) -> float:
        """Change of temperature while off, K/h."""
        return -self.cooling_k_per_h
