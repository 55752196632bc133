"""Wind turbine: eqs. (17) and (18)."""

from __future__ import annotations

from math import acos, tan
from typing import ClassVar

import pyomo.environ as pyo

from cmgplan.devices.base import (
    Device,
    Efficiency,
    FloatArray,
    Horizon,
    Id,
    NonNegative,
    Price,
    Trace,
    breaches,
    energy_value,
)


class WindTurbine(Device):
    """Wind turbine under its forecast, reactive power within its lead and lag angles.

    ``power_factor_lead`` and ``power_factor_lag`` are the cosines of the angles of eq. (18).
    """

    kind: ClassVar[str] = "wt"
    p_max_kw: NonNegative
    forecast: Id
    power_factor_lead: Efficiency = 1.0
    power_factor_lag: Efficiency = 1.0
    price: Price = "market"

    def add_to(self, b: pyo.Block, h: Horizon) -> None:
        """Add eqs. (17), (18)."""
        available = self.p_max_kw * h.profile(self.forecast)
        lead, lag = tan(acos(self.power_factor_lead)), tan(acos(self.power_factor_lag))
        b.p = pyo.Var(h.steps, bounds=lambda b, t: (0.0, float(available[t])))
        b.q = pyo.Var(
            h.steps, bounds=lambda b, t: (-lead * float(available[t]), lag * float(available[t]))
        )

        @b.Constraint(h.steps, doc="lead angle, kvar, eq. (18)")
        def lead_angle(b: pyo.Block, t: int) -> object:
            return b.q[t] >= -lead * b.p[t]

        @b.Constraint(h.steps, doc="lag angle, kvar, eq. (18)")
        def lag_angle(b: pyo.Block, t: int) -> object:
            return b.q[t] <= lag * b.p[t]

        b.p_inj = pyo.Expression(h.steps, rule=lambda b, t: b.p[t])
        b.q_inj = pyo.Expression(h.steps, rule=lambda b, t: b.q[t])
        b.curtailed = pyo.Expression(h.steps, rule=lambda b, t: float(available[t]) - b.p[t])
        price = h.price_usd_per_kwh(self.price)
        b.cost_usd = pyo.Expression(
            expr=pyo.quicksum(h.dt_h * float(price[t]) * b.p[t] for t in h.steps)
        )
        b.emission_usd = pyo.Expression(expr=0.0)

    def simulate(self, h: Horizon, p_kw: FloatArray, q_kvar: FloatArray) -> Trace:
        """Step through the day; see ``Device.simulate``."""
        lead, lag = tan(acos(self.power_factor_lead)), tan(acos(self.power_factor_lag))
        return Trace(
            cost_usd=energy_value(h.price_usd_per_kwh(self.price), p_kw, h.dt_h),
            emission_usd=0.0,
            breaches=[
                *breaches("forecast", p_kw - self.p_max_kw * h.profile(self.forecast)),
                *breaches("p_min_kw", -p_kw),
                *breaches("power_factor_lag", q_kvar - lag * p_kw),
                *breaches("power_factor_lead", -lead * p_kw - q_kvar),
            ],
        )
