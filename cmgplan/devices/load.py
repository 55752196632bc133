"""Load with a responsive share: eqs. (23)-(25)."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pyomo.environ as pyo

from cmgplan.arrays import FloatArray
from cmgplan.devices.base import (
    Breach,
    Device,
    Finite,
    Flow,
    Flows,
    Forecasts,
    Id,
    NonNegative,
    Price,
    Share,
    State,
    Step,
    Trace,
    breaches,
    energy_value,
)

TOLERANCE_KWH = 1e-3
"""Energy saved or added over a day up to which none counts as lost."""


class Load(Device):
    """Load whose hourly level may move within ``1 -/+ responsive_share``, energy-neutral.

    Reactive power keeps its ratio to active power; a purely reactive load does not respond.
    ``responsive_share_up`` is the share by which it may rise, when that differs. At the
    ``"market"`` price the demand after response costs the hourly price, eq. (1); a number is
    the cost in $ of each MWh moved.
    """

    kind: ClassVar[str] = "load"
    responds: ClassVar[bool] = True
    column_keys: ClassVar[tuple[str, ...]] = ("profile",)
    p_kw: NonNegative
    q_kvar: Finite = 0.0
    profile: Id | None = None
    responsive_share: Share = 0.0
    responsive_share_up: Share | None = None
    price: Price = "market"

    @property
    def share_up(self) -> float:
        """Share by which demand may rise."""
        up = self.responsive_share_up
        return self.responsive_share if up is None else up

    @property
    def kvar_per_kw(self) -> float:
        """Ratio of reactive to active power."""
        return self.q_kvar / self.p_kw if self.p_kw > 0.0 else 0.0

    def base_kw(self, h: Forecasts) -> FloatArray:
        """Return the demand before response, kW, shape (T,)."""
        return self.p_kw * h.profile(self.profile)

    def base_kvar(self, h: Forecasts) -> FloatArray:
        """Return the reactive demand before response, kvar, shape (T,)."""
        return self.q_kvar * h.profile(self.profile)

    def add_to(self, b: pyo.Block, h: Forecasts) -> None:
        """Add eqs. (23)-(25) and the unserved part, which is zero unless freed."""
        base, base_q, ratio = self.base_kw(h), self.base_kvar(h), self.kvar_per_kw
        # Without active power nothing would hold gamma: eq. (24) is empty and Q moves for free.
        down, up = (self.responsive_share, self.share_up) if self.p_kw > 0.0 else (0.0, 0.0)
        b.gamma = pyo.Var(h.steps, bounds=(1.0 - down, 1.0 + up), initialize=1.0)
        b.unserved = pyo.Var(h.steps, bounds=(0.0, 0.0), initialize=0.0)
        b.demand = pyo.Expression(h.steps, rule=lambda b, t: float(base[t]) * b.gamma[t])
        b.unserved_q = pyo.Expression(h.steps, rule=lambda b, t: ratio * b.unserved[t])
        if float(base.sum()) > 0.0:
            b.energy_neutral = pyo.Constraint(
                expr=pyo.quicksum(float(base[t]) * b.gamma[t] for t in h.steps)
                == float(base.sum()),
                doc="demand moved, not saved, kW summed over hours, eq. (24)",
            )

        b.p_inj = pyo.Expression(h.steps, rule=lambda b, t: b.unserved[t] - b.demand[t])
        b.q_inj = pyo.Expression(
            h.steps, rule=lambda b, t: b.unserved_q[t] - float(base_q[t]) * b.gamma[t]
        )
        price = h.price_usd_per_kwh(self.price)
        if self.price == "market":
            b.cost_usd = pyo.Expression(
                expr=pyo.quicksum(h.dt_h * float(price[t]) * b.demand[t] for t in h.steps)
            )
        else:
            b.moved = pyo.Var(h.steps, bounds=lambda b, t: (0.0, float(base[t])))

            @b.Constraint(h.steps, doc="demand added by response, kW")
            def moved_in(b: pyo.Block, t: int) -> object:
                return b.moved[t] >= b.demand[t] - float(base[t])

            b.cost_usd = pyo.Expression(
                expr=pyo.quicksum(h.dt_h * float(price[t]) * b.moved[t] for t in h.steps)
            )
        b.emission_usd = pyo.Expression(expr=0.0)

    def allow_unserved(self, b: pyo.Block, h: Forecasts) -> None:
        """Free the unserved part of a block, up to the demand after response."""
        base = self.base_kw(h)
        for t in h.steps:
            b.unserved[t].setub(float(base[t]) * (1.0 + self.share_up))

        @b.Constraint(h.steps, doc="unserved at most demanded, kW")
        def unserved_limit(b: pyo.Block, t: int) -> object:
            return b.unserved[t] <= b.demand[t]

    def power_range(self, h: Forecasts) -> tuple[FloatArray, FloatArray]:
        """Return the least and the greatest injection of electricity, kW, each of shape (T,)."""
        base = self.base_kw(h)
        return -(1.0 + self.share_up) * base, -(1.0 - self.responsive_share) * base

    def simulate_flows(self, h: Forecasts, flows: Flows) -> Trace:
        """Step through the day, all load served; see ``Device.simulate_flows``."""
        p_kw = flows.p_kw
        found = self._broken(h, flows)
        imbalance = abs(float((-p_kw - self.base_kw(h)).sum())) * h.dt_h
        if imbalance > TOLERANCE_KWH:
            found.append(Breach(h.hours - 1, "eq. (24)", imbalance))
        return Trace(self._cost_usd(h, p_kw), breaches=found)

    def step(self, h: Forecasts, t: int, state: State, flow: Flow) -> Step:
        """Run one hour, all load served; the state is the energy saved so far, kWh."""
        now, flows = h.hour(t), flow.as_flows()
        saved = state.level + (float(self.base_kw(now)[0]) + flow.p_kw) * h.dt_h
        found = [replace(breach, hour=t) for breach in self._broken(now, flows)]
        if t == h.hours - 1 and abs(saved) > TOLERANCE_KWH:
            found.append(Breach(t, "eq. (24)", abs(saved)))
        return Step(State(saved), tuple(found))

    def _broken(self, h: Forecasts, flows: Flows) -> list[Breach]:
        """Return the limits that hold hour by hour and are broken."""
        p_kw = flows.p_kw
        base, demand = self.base_kw(h), -p_kw
        expected_kvar = self.kvar_per_kw * p_kw if self.p_kw > 0.0 else -self.base_kvar(h)
        return [
            *breaches("responsive_share", (1.0 - self.responsive_share) * base - demand),
            *breaches("responsive_share_up", demand - (1.0 + self.share_up) * base),
            *breaches("reactive ratio", np.abs(flows.q_kvar - expected_kvar)),
            *self.idle(flows),
        ]

    def _cost_usd(self, h: Forecasts, p_kw: FloatArray) -> float:
        """Return the cost of the demand, or of moving it, $ over the horizon."""
        base, demand = self.base_kw(h), -p_kw
        counted = demand if self.price == "market" else np.maximum(demand - base, 0.0)
        return energy_value(h.price_usd_per_kwh(self.price), counted, h.dt_h)
