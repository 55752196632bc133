"""Microturbine: eqs. (15) and (16), with an optional minimum load."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pyomo.environ as pyo

from cmgplan.arrays import FloatArray
from cmgplan.devices.base import (
    OFF_KW,
    Device,
    Finite,
    Flows,
    Forecasts,
    NonNegative,
    Price,
    Trace,
    breaches,
    energy_value,
    total_emission_usd_per_mwh,
)
from cmgplan.units import usd_per_kwh


class MicroTurbine(Device):
    """Microturbine with active power 0 or ``p_min_kw``..``p_max_kw``.

    Its reactive power stays within its limits even at zero active power, as eqs. (15) and (16)
    are written. ``emission_usd_per_mwh`` holds one price for each pollutant.
    """

    kind: ClassVar[str] = "mt"
    p_max_kw: NonNegative
    p_min_kw: NonNegative = 0.0
    q_min_kvar: Finite = 0.0
    q_max_kvar: Finite = 0.0
    price: Price = "market"
    emission_usd_per_mwh: dict[str, NonNegative]

    @property
    def commits(self) -> bool:
        """Whether it is committed hour by hour: with a minimum load."""
        return self.p_min_kw > 0.0

    def wants_binary(self, h: Forecasts) -> bool:
        """Return whether the block has a binary variable: with a minimum load."""
        return self.commits

    def power_range(self, h: Forecasts) -> tuple[FloatArray, FloatArray]:
        """Return the least and the greatest injection of electricity, kW, each of shape (T,)."""
        return np.zeros(h.hours), h.series(self.p_max_kw)

    def add_to(self, b: pyo.Block, h: Forecasts) -> None:
        """Add eqs. (15), (16); with a minimum load, a binary ``on[t]``."""
        b.p = pyo.Var(h.steps, bounds=(0.0, self.p_max_kw))
        b.q = pyo.Var(h.steps, bounds=(self.q_min_kvar, self.q_max_kvar))
        if self.commits:
            b.on = pyo.Var(h.steps, domain=pyo.Binary)

            @b.Constraint(h.steps, doc="minimum load, kW")
            def at_least_minimum(b: pyo.Block, t: int) -> object:
                return b.p[t] >= self.p_min_kw * b.on[t]

            @b.Constraint(h.steps, doc="rating when on, kW, eq. (15)")
            def only_when_on(b: pyo.Block, t: int) -> object:
                return b.p[t] <= self.p_max_kw * b.on[t]

        b.p_inj = pyo.Expression(h.steps, rule=lambda b, t: b.p[t])
        b.q_inj = pyo.Expression(h.steps, rule=lambda b, t: b.q[t])
        price = h.price_usd_per_kwh(self.price)
        b.cost_usd = pyo.Expression(
            expr=pyo.quicksum(h.dt_h * float(price[t]) * b.p[t] for t in h.steps)
        )
        rate = usd_per_kwh(total_emission_usd_per_mwh(self.emission_usd_per_mwh))
        b.emission_usd = pyo.Expression(expr=pyo.quicksum(h.dt_h * rate * b.p[t] for t in h.steps))

    def simulate_flows(self, h: Forecasts, flows: Flows) -> Trace:
        """Step through the day; see ``Device.simulate_flows``."""
        p_kw, q_kvar = flows.p_kw, flows.q_kvar
        below = np.where(p_kw > OFF_KW, self.p_min_kw - p_kw, -p_kw)
        rate = usd_per_kwh(total_emission_usd_per_mwh(self.emission_usd_per_mwh))
        return Trace(
            cost_usd=energy_value(h.price_usd_per_kwh(self.price), p_kw, h.dt_h),
            emission_usd=float(np.sum(p_kw) * h.dt_h * rate),
            breaches=[
                *breaches("p_max_kw", p_kw - self.p_max_kw),
                *breaches("p_min_kw", below),
                *breaches("q_max_kvar", q_kvar - self.q_max_kvar),
                *breaches("q_min_kvar", self.q_min_kvar - q_kvar),
                *self.idle(flows),
            ],
        )
