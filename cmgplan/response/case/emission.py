"""Emission of engines and boilers as a function of their output, and its inverse under a limit."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

from cmgplan.devices import CombinedHeatPower, Device, GasBoiler
from cmgplan.homes.case.records import HomesCase

Burner = CombinedHeatPower | GasBoiler

ALLOWED_KG = 1e-9
"""Emission over a limit that rounding may leave, kg/h."""


@dataclass(frozen=True)
class Curve:
    """``square * P^2 + linear * P + fixed`` in kg/h while on, from kW of output P.

    Response eqs. (57) and (65). P is electricity of a CHP and heat of a boiler; a plant that is
    off emits nothing.
    """

    square: float = 0.0
    linear: float = 0.0
    fixed: float = 0.0

    def kg_per_h(self, output_kw: float) -> float:
        """Return the emission of a plant that is on."""
        output = max(output_kw, 0.0)
        return self.square * output**2 + self.linear * output + self.fixed

    def most_kw(self, limit_kg_per_h: float, least_kw: float, most_kw: float) -> float | None:
        """Return the greatest output from ``least_kw`` to ``most_kw`` within a limit.

        None where even the least output is over it, so that the plant must be off.
        """
        if self.kg_per_h(least_kw) > limit_kg_per_h + ALLOWED_KG:
            return None
        if self.kg_per_h(most_kw) <= limit_kg_per_h:
            return most_kw
        room = max(limit_kg_per_h - self.fixed, 0.0)
        # The root without cancellation, which also holds where nothing is quadratic.
        slope = self.linear + sqrt(self.linear**2 + 4.0 * self.square * room)
        root = 2.0 * room / slope if slope > 0.0 else most_kw
        return min(max(root, least_kw), most_kw)


def output_range_kw(device: Burner) -> tuple[float, float]:
    """Return the least output of a plant that is on, and its greatest, kW; see ``Curve``."""
    if isinstance(device, GasBoiler):
        return 0.0, device.heat_max_kw
    least = device.efficiency_electric * device.fuel_min_kw + device.offset_kw
    return max(least, 0.0), max(device.p_max_kw, 0.0)


def curve_of(case: HomesCase, device: Burner, t: int | None = None) -> Curve:
    """Return the emission of a plant in hour t, or with the day's mean of gas where it is None.

    A plant without an emission of its own emits what its gas does.
    """
    own = device.emission
    if own is not None:
        return Curve(own.square, own.linear, own.fixed)
    gas = case.file.gas
    rates = case.series(0.0 if gas is None else gas.emission_kg_per_kwh)
    rate = float(rates.mean()) if t is None else float(rates[t])
    if isinstance(device, GasBoiler):
        return Curve(linear=rate / device.efficiency)
    per_kwh = rate / device.efficiency_electric
    return Curve(linear=per_kwh, fixed=-per_kwh * device.offset_kw)


def burners(devices: tuple[Device, ...]) -> list[Burner]:
    """Return the devices that burn gas."""
    return [d for d in devices if isinstance(d, CombinedHeatPower | GasBoiler)]


def greatest_kg_per_h(case: HomesCase, device: Burner) -> float:
    """Return the emission at the greatest output, kg/h."""
    return float(np.maximum(curve_of(case, device).kg_per_h(output_range_kw(device)[1]), 0.0))
