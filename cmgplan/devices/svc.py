"""Static var compensator: the reactive source of eq. (8)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pyomo.environ as pyo

from cmgplan.devices.base import Device, Finite, Flows, Forecasts, Trace, breaches


class StaticVarCompensator(Device):
    """Reactive power within a range, free of cost and emission."""

    kind: ClassVar[str] = "svc"
    q_min_kvar: Finite
    q_max_kvar: Finite

    def add_to(self, b: pyo.Block, h: Forecasts) -> None:
        """Add the reactive range."""
        b.q = pyo.Var(h.steps, bounds=(self.q_min_kvar, self.q_max_kvar))
        b.p_inj = pyo.Expression(h.steps, rule=lambda b, t: 0.0)
        b.q_inj = pyo.Expression(h.steps, rule=lambda b, t: b.q[t])
        b.cost_usd = pyo.Expression(expr=0.0)
        b.emission_usd = pyo.Expression(expr=0.0)

    def simulate_flows(self, h: Forecasts, flows: Flows) -> Trace:
        """Step through the day; see ``Device.simulate_flows``."""
        return Trace(
            breaches=[
                *breaches("no active power", np.abs(flows.p_kw)),
                *breaches("q_max_kvar", flows.q_kvar - self.q_max_kvar),
                *breaches("q_min_kvar", self.q_min_kvar - flows.q_kvar),
                *self.idle(flows),
            ],
        )
