"""Energy kept in a store, whatever the carrier: its equations, simulation and single step."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import pyomo.environ as pyo

from cmgplan.arrays import FloatArray
from cmgplan.devices.base import (
    Breach,
    Conflict,
    Device,
    Efficiency,
    Flow,
    Flows,
    Forecasts,
    NonNegative,
    Positive,
    Share,
    State,
    Step,
    Trace,
    breaches,
)

TOLERANCE_KW = 1e-4
TOLERANCE_KWH = 1e-3
"""Excess of a power and of an energy up to which no limit counts as broken."""

SHORT_KWH = 1e-6
"""Energy short of a limit up to which fastest charging counts as enough."""


def next_soc_kwh(
    before_kwh: Any,
    charge_kw: Any,
    discharge_kw: Any,
    drawn_kwh: float,
    *,
    dt_h: float,
    efficiency_charge: float,
    efficiency_discharge: float,
    kept: float = 1.0,
) -> Any:
    """Return the stored energy at the end of an hour, kWh: planning eq. (12), response eq. (28).

    Powers and energies may be numbers, arrays or Pyomo expressions. ``kept`` is the share of the
    energy stored before that is left after an interval, ``drawn_kwh`` what driving takes.
    """
    carried = before_kwh if kept == 1.0 else kept * before_kwh
    return (
        carried
        - drawn_kwh
        + dt_h * (efficiency_charge * charge_kw - discharge_kw / efficiency_discharge)
    )


class Store(Device):
    """A device that keeps energy of one carrier.

    The state of charge is in shares of the capacity in the record and in kWh in the block, where
    ``soc[t]`` is the stored energy at the end of hour t. Charge and discharge stay continuous:
    ``exclude`` adds the binary of one hour where a solution would use both.
    """

    stores: ClassVar[bool] = True
    prefix: ClassVar[Literal["p", "heat"]] = "p"
    """What the keys of its powers begin with: ``p`` for electricity, ``heat`` for heat."""

    if TYPE_CHECKING:  # fields of every store, in the order of keys that each record has
        soc_min: Share
        soc_max: Share
        soc_start: Share
        efficiency_charge: Efficiency
        efficiency_discharge: Efficiency

    @property
    @abstractmethod
    def capacity_kwh(self) -> float:
        """Energy that a state of charge of 1 stands for, kWh."""

    @property
    @abstractmethod
    def charge_limit_kw(self) -> float:
        """Greatest power that it takes, kW at its terminals."""

    @property
    @abstractmethod
    def discharge_limit_kw(self) -> float:
        """Greatest power that it gives, kW at its terminals."""

    @property
    def kept_per_h(self) -> float:
        """Share of the stored energy that is kept after one hour."""
        return 1.0

    def connected(self, h: Forecasts) -> FloatArray:
        """Return 1 in the hours in which it can charge or discharge, shape (T,)."""
        return np.ones(h.hours)

    def drawn_kwh(self, h: Forecasts) -> FloatArray:
        """Return the energy drawn from the store in each hour by driving, shape (T,)."""
        return np.zeros(h.hours)

    def end_kwh(self, h: Forecasts) -> float:
        """Return the least energy that must be stored when the horizon ends, kWh."""
        return self.soc_start * self.capacity_kwh

    def soc_floor_kwh(self, h: Forecasts) -> FloatArray:
        """Return the least stored energy at the end of each hour, shape (T,)."""
        floor = np.full(h.hours, self.soc_min * self.capacity_kwh)
        floor[-1] = max(floor[-1], self.end_kwh(h))
        return floor

    def kept(self, dt_h: float) -> float:
        """Return the share of the stored energy that is kept after an interval."""
        return float(self.kept_per_h**dt_h)

    def standing_loss_kwh(self, before_kwh: float, dt_h: float) -> float:
        """Return what is lost in an interval of the energy stored before, kWh."""
        return (1.0 - self.kept(dt_h)) * before_kwh

    def next_soc_kwh(
        self, before_kwh: Any, charge_kw: Any, discharge_kw: Any, drawn_kwh: float, dt_h: float
    ) -> Any:
        """Return the stored energy at the end of an interval, see ``next_soc_kwh``."""
        return next_soc_kwh(
            before_kwh,
            charge_kw,
            discharge_kw,
            drawn_kwh,
            dt_h=dt_h,
            efficiency_charge=self.efficiency_charge,
            efficiency_discharge=self.efficiency_discharge,
            kept=self.kept(dt_h),
        )

    def add_store(self, b: pyo.Block, h: Forecasts) -> None:
        """Add powers, stored energy and its balance: planning eqs. (9), (10), (12), (13)."""
        plugged, drawn, floor = self.connected(h), self.drawn_kwh(h), self.soc_floor_kwh(h)
        start = self.soc_start * self.capacity_kwh
        b.charge = pyo.Var(
            h.steps, bounds=lambda b, t: (0.0, self.charge_limit_kw * float(plugged[t]))
        )
        b.discharge = pyo.Var(
            h.steps, bounds=lambda b, t: (0.0, self.discharge_limit_kw * float(plugged[t]))
        )
        b.soc = pyo.Var(
            h.steps, bounds=lambda b, t: (float(floor[t]), self.soc_max * self.capacity_kwh)
        )

        @b.Constraint(h.steps, doc="stored energy, kWh, eq. (12)")
        def energy_balance(b: pyo.Block, t: int) -> object:
            before = start if t == 0 else b.soc[t - 1]
            return b.soc[t] == self.next_soc_kwh(
                before, b.charge[t], b.discharge[t], float(drawn[t]), h.dt_h
            )

    def exclude(self, b: pyo.Block, t: int) -> None:
        """Let charge and discharge exclude each other in hour t of a block, planning eq. (11)."""
        if b.component("exclusion") is None:
            b.charging = pyo.VarList(domain=pyo.Binary)
            b.exclusion = pyo.ConstraintList(doc="charge or discharge, kW, eq. (11)")
            b.exclusion_hours = []
        if b.component("on") is None:
            charging = b.charging.add()
            b.exclusion_hours.append(t)
        else:
            charging = b.on[t]
        b.exclusion.add(b.charge[t] <= self.charge_limit_kw * charging)
        b.exclusion.add(b.discharge[t] <= self.discharge_limit_kw * (1 - charging))

    def binaries(self, b: Any, h: Forecasts, flows: Flows) -> Iterator[tuple[Any, float]]:
        """Yield each binary variable of block ``b`` with the value that it has in a dispatch."""
        if b.component("exclusion") is not None:
            net = self.net_kw(flows)
            for variable, t in zip(b.charging.values(), b.exclusion_hours, strict=True):
                yield variable, float(net[t] < 0.0)

    def net_kw(self, flows: Flows) -> FloatArray:
        """Return the power of the store's carrier, positive where it discharges, shape (T,)."""
        return flows.p_kw if self.prefix == "p" else flows.heat_kw

    def soc_of(self, h: Forecasts, charge_kw: FloatArray, discharge_kw: FloatArray) -> FloatArray:
        """Return the stored energy at the end of each hour, kWh, shape (T,)."""
        drawn = self.drawn_kwh(h)
        soc = np.empty(h.hours)
        stored = self.soc_start * self.capacity_kwh
        for t in h.steps:
            charge, discharge = float(charge_kw[t]), float(discharge_kw[t])
            stored = self.next_soc_kwh(stored, charge, discharge, float(drawn[t]), h.dt_h)
            soc[t] = stored
        return soc

    def broken(self, h: Forecasts, flows: Flows, soc: FloatArray) -> list[Breach]:
        """Return the limits of power and energy that a dispatch breaks."""
        net, plugged, floor = self.net_kw(flows), self.connected(h), self.soc_floor_kwh(h)
        return [
            *breaches(f"{self.prefix}_charge_max_kw", -net - self.charge_limit_kw * plugged),
            *breaches(f"{self.prefix}_discharge_max_kw", net - self.discharge_limit_kw * plugged),
            *breaches("soc_max", soc - self.soc_max * self.capacity_kwh, TOLERANCE_KWH),
            *breaches("soc_min", floor - soc, TOLERANCE_KWH),
            *breaches("unity power factor", np.abs(flows.q_kvar)),
            *self.idle(flows),
        ]

    def simulate_flows(self, h: Forecasts, flows: Flows) -> Trace:
        """Step through the day; see ``Device.simulate_flows``."""
        net = self.net_kw(flows)
        soc = self.soc_of(h, np.maximum(-net, 0.0), np.maximum(net, 0.0))
        return Trace(soc_kwh=soc, state=soc, breaches=self.broken(h, flows, soc))

    def start(self, h: Forecasts) -> State:
        """Return the state in which the store enters the first hour."""
        return State(self.soc_start * self.capacity_kwh)

    def step(self, h: Forecasts, t: int, state: State, flow: Flow) -> Step:
        """Run one hour; see ``Device.step``."""
        net = flow.p_kw if self.prefix == "p" else flow.heat_kw
        other = flow.heat_kw if self.prefix == "p" else flow.p_kw
        plugged, floor = float(self.connected(h)[t]), float(self.soc_floor_kwh(h)[t])
        drawn = float(self.drawn_kwh(h)[t])
        soc = float(self.next_soc_kwh(state.level, max(-net, 0.0), max(net, 0.0), drawn, h.dt_h))
        excess = (
            (f"{self.prefix}_charge_max_kw", -net - self.charge_limit_kw * plugged, TOLERANCE_KW),
            (
                f"{self.prefix}_discharge_max_kw",
                net - self.discharge_limit_kw * plugged,
                TOLERANCE_KW,
            ),
            ("soc_max", soc - self.soc_max * self.capacity_kwh, TOLERANCE_KWH),
            ("soc_min", floor - soc, TOLERANCE_KWH),
            ("unity power factor", abs(flow.q_kvar), TOLERANCE_KW),
            ("no heat" if self.prefix == "p" else "no active power", abs(other), TOLERANCE_KW),
            ("no fuel", abs(flow.fuel_kw), TOLERANCE_KW),
        )
        found = tuple(Breach(t, limit, over) for limit, over, least in excess if over > least)
        return Step(State(soc, given_kwh=state.given_kwh + net * h.dt_h), found)


class ElectricStore(Store):
    """A battery: ratings and efficiencies at its terminals, unity power factor."""

    p_charge_max_kw: NonNegative
    p_discharge_max_kw: NonNegative
    energy_kwh: Positive
    soc_min: Share = 0.0
    soc_max: Share = 1.0
    soc_start: Share
    efficiency_charge: Efficiency = 1.0
    efficiency_discharge: Efficiency = 1.0

    @property
    def capacity_kwh(self) -> float:
        """Energy that a state of charge of 1 stands for, kWh."""
        return self.energy_kwh

    @property
    def charge_limit_kw(self) -> float:
        """Greatest power that it takes, kW at its terminals."""
        return self.p_charge_max_kw

    @property
    def discharge_limit_kw(self) -> float:
        """Greatest power that it gives, kW at its terminals."""
        return self.p_discharge_max_kw

    def power_range(self, h: Forecasts) -> tuple[FloatArray, FloatArray]:
        """Return the least and the greatest injection of electricity, kW, each of shape (T,)."""
        plugged = self.connected(h)
        return -self.p_charge_max_kw * plugged, self.p_discharge_max_kw * plugged


class HomeStore(Store):
    """What the stores of homes have beside: the day ends no lower than ``soc_end``.

    ``soc_end`` defaults to ``soc_start``. What is left above it when the day ends is worth
    ``value_end_per_kwh``.
    """

    soc_start: Share = 0.5
    soc_end: Share | None = None
    value_end_per_kwh: NonNegative = 0.0

    def value_left(self, h: Forecasts, soc_kwh: Any) -> Any:
        """Return what the energy stored when the day ends is worth, currency."""
        return self.value_end_per_kwh * (soc_kwh - self.end_kwh(h))

    def add_store(self, b: pyo.Block, h: Forecasts) -> None:
        """Add powers and stored energy, and what is left of it at the end as money."""
        super().add_store(b, h)
        b.money = pyo.Expression(expr=-self.value_left(h, b.soc[h.hours - 1]))

    def simulate_flows(self, h: Forecasts, flows: Flows) -> Trace:
        """Step through the day; see ``Device.simulate_flows``."""
        trace = super().simulate_flows(h, flows)
        left = 0.0 if trace.soc_kwh is None else self.value_left(h, float(trace.soc_kwh[-1]))
        return replace(trace, money=-left)

    def step(self, h: Forecasts, t: int, state: State, flow: Flow) -> Step:
        """Run one hour; see ``Device.step``."""
        step = super().step(h, t, state, flow)
        if t < h.hours - 1:
            return step
        return replace(step, money=-self.value_left(h, step.state.level))

    def end_kwh(self, h: Forecasts) -> float:
        """Return the least energy that must be stored when the day ends, kWh."""
        share = self.soc_start if self.soc_end is None else self.soc_end
        return share * self.capacity_kwh

    def conflicts(self) -> Iterator[Conflict]:
        """Yield what is wrong with the window of the state of charge."""
        if self.soc_min > self.soc_max:
            message = f"soc_min {self.soc_min:g} is above soc_max {self.soc_max:g}"
            yield Conflict("soc_min", message, "exchange the two")
            return
        for key in ("soc_start", "soc_end"):
            value = getattr(self, key)
            if value is not None and not self.soc_min <= value <= self.soc_max:
                message = f"{key} {value:g} is outside {self.soc_min:g} to {self.soc_max:g}"
                yield Conflict(key, message, "name a share between soc_min and soc_max")

    def conflicts_over(self, h: Forecasts) -> Iterator[Conflict]:
        """Yield the first hour in which even the fastest charging leaves too little stored."""
        if any(True for _ in self.conflicts()):
            return
        plugged, drawn, floor = self.connected(h), self.drawn_kwh(h), self.soc_floor_kwh(h)
        most = self.soc_max * self.capacity_kwh
        stored = self.soc_start * self.capacity_kwh
        for t in h.steps:
            charge = self.charge_limit_kw * float(plugged[t])
            charged = self.next_soc_kwh(stored, charge, 0.0, 0.0, h.dt_h)
            stored = min(float(charged), most) - float(drawn[t])
            short = float(floor[t]) - stored
            if short > SHORT_KWH:
                message = f"at fastest charging it is {short:.3g} kWh short at the end of hour {t}"
                mend = "charge faster, ask for less at the end or drive less"
                yield Conflict(f"{self.prefix}_charge_max_kw", message, mend)
                return
