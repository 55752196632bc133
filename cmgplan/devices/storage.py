"""Battery storage: eqs. (9)-(14)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pyomo.environ as pyo

from cmgplan.devices.base import (
    Breach,
    Device,
    Efficiency,
    FloatArray,
    Horizon,
    NonNegative,
    Positive,
    Price,
    Share,
    Trace,
    breaches,
    energy_value,
)


class Storage(Device):
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
    p_charge_max_kw: NonNegative
    p_discharge_max_kw: NonNegative
    energy_kwh: Positive
    soc_min: Share = 0.0
    soc_max: Share = 1.0
    soc_start: Share
    efficiency_charge: Efficiency = 1.0
    efficiency_discharge: Efficiency = 1.0
    price: Price = "market"

    def connected(self, h: Horizon) -> FloatArray:
        """Return 1 in the hours in which it can charge or discharge, shape (T,)."""
        return np.ones(h.hours)

    def drawn_kwh(self, h: Horizon) -> FloatArray:
        """Return the energy drawn from the store in each hour by driving, shape (T,)."""
        return np.zeros(h.hours)

    def soc_floor_kwh(self, h: Horizon) -> FloatArray:
        """Return the least stored energy at the end of each hour, shape (T,)."""
        floor = np.full(h.hours, self.soc_min * self.energy_kwh)
        if h.soc_balance == "energy":
            floor[-1] = max(floor[-1], self.soc_start * self.energy_kwh)
        return floor

    def add_to(self, b: pyo.Block, h: Horizon) -> None:
        """Add eqs. (9), (10), (12)-(14)."""
        plugged, drawn, floor = self.connected(h), self.drawn_kwh(h), self.soc_floor_kwh(h)
        start = self.soc_start * self.energy_kwh
        b.charge = pyo.Var(
            h.steps, bounds=lambda b, t: (0.0, self.p_charge_max_kw * float(plugged[t]))
        )
        b.discharge = pyo.Var(
            h.steps, bounds=lambda b, t: (0.0, self.p_discharge_max_kw * float(plugged[t]))
        )
        b.soc = pyo.Var(
            h.steps, bounds=lambda b, t: (float(floor[t]), self.soc_max * self.energy_kwh)
        )

        @b.Constraint(h.steps, doc="stored energy, kWh, eq. (12)")
        def energy_balance(b: pyo.Block, t: int) -> object:
            before = start if t == 0 else b.soc[t - 1]
            return b.soc[t] == before - float(drawn[t]) + h.dt_h * (
                self.efficiency_charge * b.charge[t] - b.discharge[t] / self.efficiency_discharge
            )

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

    def simulate(self, h: Horizon, p_kw: FloatArray, q_kvar: FloatArray) -> Trace:
        """Step through the day; see ``Device.simulate``."""
        plugged, drawn, floor = self.connected(h), self.drawn_kwh(h), self.soc_floor_kwh(h)
        soc = np.empty(h.hours)
        stored = self.soc_start * self.energy_kwh
        for t in h.steps:
            charge, discharge = max(-float(p_kw[t]), 0.0), max(float(p_kw[t]), 0.0)
            stored += h.dt_h * (
                self.efficiency_charge * charge - discharge / self.efficiency_discharge
            )
            stored -= float(drawn[t])
            soc[t] = stored
        price = h.price_usd_per_kwh(self.price)
        found: list[Breach] = [
            *breaches("p_charge_max_kw", -p_kw - self.p_charge_max_kw * plugged),
            *breaches("p_discharge_max_kw", p_kw - self.p_discharge_max_kw * plugged),
            *breaches("soc_max", soc - self.soc_max * self.energy_kwh, 1e-3),
            *breaches("soc_min", floor - soc, 1e-3),
            *breaches("unity power factor", np.abs(q_kvar)),
        ]
        excess_kwh = float(np.sum(p_kw)) * h.dt_h
        if h.soc_balance == "power" and excess_kwh > 1e-3:
            found.append(Breach(h.hours - 1, "eq. (14)", excess_kwh))
        return Trace(
            cost_usd=energy_value(price, p_kw if self.price == "market" else np.abs(p_kw), h.dt_h),
            emission_usd=0.0,
            soc_kwh=soc,
            breaches=found,
        )
