"""Batteries: the priced one of planning, eqs. (9)-(14), and the battery of a home."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pyomo.environ as pyo

from cmgplan.devices.base import (
    Breach,
    Efficiency,
    Flow,
    Flows,
    Forecasts,
    Price,
    State,
    Step,
    Trace,
    complete,
    energy_value,
)
from cmgplan.devices.store import TOLERANCE_KWH, ElectricStore, HomeStore


class Storage(ElectricStore):
    """Battery with separate charge and discharge ratings.

    The state of charge is in shares of ``energy_kwh`` here and in kWh in the block, where
    ``soc[t]`` is the stored energy at the end of hour t. At the ``"market"`` price every kWh
    discharged adds the hourly price of eq. (1) to the cost and every kWh charged takes it off; a
    number is wear in $/MWh on every kWh charged or discharged.

    Charge and discharge exclude each other, eq. (11). The block leaves the two continuous:
    the search adds the binary only where a solution would use both, since without it every
    solution of eq. (11) is still contained.
    """

    kind: ClassVar[str] = "storage"
    price: Price = "market"

    def end_kwh(self, h: Forecasts) -> float:
        """Return the least energy that must be stored when the horizon ends, kWh, eq. (14)."""
        share = self.soc_start if h.soc_balance == "energy" else self.soc_min
        return share * self.energy_kwh

    def add_to(self, b: pyo.Block, h: Forecasts) -> None:
        """Add eqs. (9), (10), (12)-(14)."""
        self.add_store(b, h)
        if h.soc_balance == "power":
            b.daily_power = pyo.Constraint(
                expr=pyo.quicksum(b.charge[t] - b.discharge[t] for t in h.steps) >= 0.0,
                doc="charged at least discharged, kW summed over hours, eq. (14) as printed",
            )
        b.p_inj = pyo.Expression(h.steps, rule=lambda b, t: b.discharge[t] - b.charge[t])
        b.q_inj = pyo.Expression(h.steps, rule=lambda b, t: 0.0)
        price = h.price_usd_per_kwh(self.price)
        sign = -1.0 if self.price == "market" else 1.0
        b.cost_usd = pyo.Expression(
            expr=pyo.quicksum(
                h.dt_h * float(price[t]) * (b.discharge[t] + sign * b.charge[t]) for t in h.steps
            )
        )
        b.emission_usd = pyo.Expression(expr=0.0)

    def simulate_flows(self, h: Forecasts, flows: Flows) -> Trace:
        """Step through the day; see ``Device.simulate_flows``."""
        trace = super().simulate_flows(h, flows)
        found = list(trace.breaches)
        excess_kwh = float(np.sum(flows.p_kw)) * h.dt_h
        if h.soc_balance == "power" and excess_kwh > TOLERANCE_KWH:
            found.append(Breach(h.hours - 1, "eq. (14)", excess_kwh))
        price = h.price_usd_per_kwh(self.price)
        counted = flows.p_kw if self.price == "market" else np.abs(flows.p_kw)
        return Trace(
            cost_usd=energy_value(price, counted, h.dt_h),
            soc_kwh=trace.soc_kwh,
            state=trace.state,
            breaches=found,
        )

    def step(self, h: Forecasts, t: int, state: State, flow: Flow) -> Step:
        """Run one hour; see ``Device.step``."""
        step = super().step(h, t, state, flow)
        over_kwh = step.state.given_kwh
        if h.soc_balance == "power" and t == h.hours - 1 and over_kwh > TOLERANCE_KWH:
            return Step(step.state, (*step.breaches, Breach(t, "eq. (14)", over_kwh)))
        return step


class HomeBattery(HomeStore, ElectricStore):
    """What the battery and the car of a home share: ratings, efficiencies, no price."""

    def add_to(self, b: pyo.Block, h: Forecasts) -> None:
        """Add planning eqs. (9), (10), (12), (13); market (26)-(30), response (23)-(28)."""
        self.add_store(b, h)
        b.p_inj = pyo.Expression(h.steps, rule=lambda b, t: b.discharge[t] - b.charge[t])
        complete(b, h)


class Battery(HomeBattery):
    """Battery of a home: market eqs. (26)-(30), response eqs. (23)-(28).

    Efficiencies hold at either terminal; ``retention_per_h`` is the share of the stored energy
    that is kept after one hour. The day ends with at least ``soc_end``, which defaults to
    ``soc_start``.
    """

    kind: ClassVar[str] = "storage"
    retention_per_h: Efficiency = 1.0

    @property
    def kept_per_h(self) -> float:
        """Share of the stored energy that is kept after one hour."""
        return self.retention_per_h
