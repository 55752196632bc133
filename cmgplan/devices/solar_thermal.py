"""Solar thermal collector."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pyomo.environ as pyo

from cmgplan.arrays import FloatArray
from cmgplan.devices.base import (
    Carrier,
    Device,
    Flows,
    Forecasts,
    Id,
    NonNegative,
    Trace,
    breaches,
    complete,
)
from cmgplan.devices.renewable import available_in_unit


class SolarThermal(Device):
    """Solar collector under its forecast: market eq. (24), response eqs. (48), (49)."""

    kind: ClassVar[str] = "solar_thermal"
    can_curtail: ClassVar[bool] = True
    column_keys: ClassVar[tuple[str, ...]] = ("forecast",)
    heat_max_kw: NonNegative
    forecast: Id

    @property
    def carriers(self) -> frozenset[Carrier]:
        """Carriers that the device may give or take."""
        return frozenset({"heat"})

    def available_kw(self, h: Forecasts) -> FloatArray:
        """Return the heat that the forecast allows, kW, shape (T,)."""
        return available_in_unit(h, self.heat_max_kw, self.forecast)

    def heat_range(self, h: Forecasts) -> tuple[FloatArray, FloatArray]:
        """Return the least and the greatest injection of heat, kW, each of shape (T,)."""
        return np.zeros(h.hours), self.available_kw(h)

    def add_to(self, b: pyo.Block, h: Forecasts) -> None:
        """Add heat under the forecast: market eq. (24)."""
        available = self.available_kw(h)
        b.heat = pyo.Var(h.steps, bounds=lambda b, t: (0.0, float(available[t])))
        b.heat_inj = pyo.Expression(h.steps, rule=lambda b, t: b.heat[t])
        b.curtailed = pyo.Expression(h.steps, rule=lambda b, t: float(available[t]) - b.heat[t])
        complete(b, h)

    def simulate_flows(self, h: Forecasts, flows: Flows) -> Trace:
        """Step through the day; see ``Device.simulate_flows``."""
        return Trace(
            breaches=[
                *breaches("forecast", flows.heat_kw - self.available_kw(h)),
                *breaches("heat_min_kw", -flows.heat_kw),
                *breaches("unity power factor", np.abs(flows.q_kvar)),
                *self.idle(flows),
            ],
        )
