"""Photovoltaic plants: the priced one of planning, eq. (19), and that of a home."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pyomo.environ as pyo

from cmgplan.devices.base import Flows, Forecasts, Price, Trace, breaches, energy_value
from cmgplan.devices.renewable import HomePlant, Renewable


class Photovoltaic(Renewable):
    """Photovoltaic plant under its forecast, at unity power factor as in eq. (8)."""

    kind: ClassVar[str] = "pv"
    price: Price = "market"

    def add_to(self, b: pyo.Block, h: Forecasts) -> None:
        """Add eq. (19)."""
        self.add_power(b, h)
        b.q_inj = pyo.Expression(h.steps, rule=lambda b, t: 0.0)
        price = h.price_usd_per_kwh(self.price)
        b.cost_usd = pyo.Expression(
            expr=pyo.quicksum(h.dt_h * float(price[t]) * b.p[t] for t in h.steps)
        )
        b.emission_usd = pyo.Expression(expr=0.0)

    def simulate_flows(self, h: Forecasts, flows: Flows) -> Trace:
        """Step through the day; see ``Device.simulate_flows``."""
        return Trace(
            cost_usd=energy_value(h.price_usd_per_kwh(self.price), flows.p_kw, h.dt_h),
            breaches=[
                *self.beyond(h, flows.p_kw),
                *breaches("unity power factor", np.abs(flows.q_kvar)),
                *self.idle(flows),
            ],
        )


class SolarPlant(HomePlant):
    """Photovoltaic plant of a home under its forecast: response eq. (45)."""

    kind: ClassVar[str] = "pv"
