"""Photovoltaic plant: eq. (19)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pyomo.environ as pyo

from cmgplan.devices.base import (
    Device,
    FloatArray,
    Horizon,
    Id,
    NonNegative,
    Price,
    Trace,
    breaches,
    energy_value,
)


class Photovoltaic(Device):
    """Photovoltaic plant under its forecast, at unity power factor as in eq. (8)."""

    kind: ClassVar[str] = "pv"
    p_max_kw: NonNegative
    forecast: Id
    price: Price = "market"

    def add_to(self, b: pyo.Block, h: Horizon) -> None:
        """Add eq. (19)."""
        available = self.p_max_kw * h.profile(self.forecast)
        b.p = pyo.Var(h.steps, bounds=lambda b, t: (0.0, float(available[t])))
        b.p_inj = pyo.Expression(h.steps, rule=lambda b, t: b.p[t])
        b.q_inj = pyo.Expression(h.steps, rule=lambda b, t: 0.0)
        b.curtailed = pyo.Expression(h.steps, rule=lambda b, t: float(available[t]) - b.p[t])
        price = h.price_usd_per_kwh(self.price)
        b.cost_usd = pyo.Expression(
            expr=pyo.quicksum(h.dt_h * float(price[t]) * b.p[t] for t in h.steps)
        )
        b.emission_usd = pyo.Expression(expr=0.0)

    def simulate(self, h: Horizon, p_kw: FloatArray, q_kvar: FloatArray) -> Trace:
        """Step through the day; see ``Device.simulate``."""
        return Trace(
            cost_usd=energy_value(h.price_usd_per_kwh(self.price), p_kw, h.dt_h),
            emission_usd=0.0,
            breaches=[
                *breaches("forecast", p_kw - self.p_max_kw * h.profile(self.forecast)),
                *breaches("p_min_kw", -p_kw),
                *breaches("unity power factor", np.abs(q_kvar)),
            ],
        )
