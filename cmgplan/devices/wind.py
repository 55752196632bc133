"""Wind turbines: the priced one of planning, eqs. (17) and (18), and that of a home."""

from __future__ import annotations

from math import acos, tan
from typing import ClassVar

import pyomo.environ as pyo

from cmgplan.devices.base import (
    Efficiency,
    Flows,
    Forecasts,
    Price,
    Trace,
    breaches,
    energy_value,
)
from cmgplan.devices.renewable import HomePlant, Renewable


class WindTurbine(Renewable):
    """Wind turbine under its forecast, reactive power within its lead and lag angles.

    ``power_factor_lead`` and ``power_factor_lag`` are the cosines of the angles of eq. (18).
    """

    kind: ClassVar[str] = "wt"
    power_factor_lead: Efficiency = 1.0
    power_factor_lag: Efficiency = 1.0
    price: Price = "market"

    def add_to(self, b: pyo.Block, h: Forecasts) -> None:
        """Add eqs. (17), (18)."""
        available = self.available_kw(h)
        lead, lag = tan(acos(self.power_factor_lead)), tan(acos(self.power_factor_lag))
        self.add_power(b, h)
        b.q = pyo.Var(
            h.steps, bounds=lambda b, t: (-lead * float(available[t]), lag * float(available[t]))
        )

        @b.Constraint(h.steps, doc="lead angle, kvar, eq. (18)")
        def lead_angle(b: pyo.Block, t: int) -> object:
            return b.q[t] >= -lead * b.p[t]

        @b.Constraint(h.steps, doc="lag angle, kvar, eq. (18)")
        def lag_angle(b: pyo.Block, t: int) -> object:
            return b.q[t] <= lag * b.p[t]

        b.q_inj = pyo.Expression(h.steps, rule=lambda b, t: b.q[t])
        price = h.price_usd_per_kwh(self.price)
        b.cost_usd = pyo.Expression(
            expr=pyo.quicksum(h.dt_h * float(price[t]) * b.p[t] for t in h.steps)
        )
        b.emission_usd = pyo.Expression(expr=0.0)

    def simulate_flows(self, h: Forecasts, flows: Flows) -> Trace:
        """Step through the day; see ``Device.simulate_flows``."""
        lead, lag = tan(acos(self.power_factor_lead)), tan(acos(self.power_factor_lag))
        return Trace(
            cost_usd=energy_value(h.price_usd_per_kwh(self.price), flows.p_kw, h.dt_h),
            breaches=[
                *self.beyond(h, flows.p_kw),
                *breaches("power_factor_lag", flows.q_kvar - lag * flows.p_kw),
                *breaches("power_factor_lead", -lead * flows.p_kw - flows.q_kvar),
                *self.idle(flows),
            ],
        )


class WindPlant(HomePlant):
    """Wind turbine of a home under its forecast: market eq. (13)."""

    kind: ClassVar[str] = "wt"
