"""Refrigerator."""

from __future__ import annotations

from typing import ClassVar, Literal

from cmgplan.devices.base import NonNegative, Positive
from cmgplan.devices.thermostat import Thermostat


class Refrigerator(Thermostat):
    """Refrigerator: response eqs. (83)-(86).

    It cools by ``cooling_k_per_h`` net while on, warms by ``warming_k_per_h`` while off, and
    ends the day no warmer than ``t_start_c``. The text to (83) lets the temperature rise while
    the compressor works; here it rises while the compressor rests.
    """

    kind: ClassVar[str] = "refrigerator"
    ends: ClassVar[Literal["no warmer", "no colder"]] = "no warmer"
    cooling_k_per_h: Positive
    warming_k_per_h: NonNegative

    @property
    def on_k_per_h(self) -> float:
        """Net change of temperature while on, K/h."""
        return -self.cooling_k_per_h

    @property
    def off_k_per_h(self) -> float:
        """Change of temperature while off, K/h."""
        return self.warming_k_per_h
