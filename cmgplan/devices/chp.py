"""Combined heat and power: an engine that burns gas."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from typing import Any, ClassVar

import numpy as np
import pyomo.environ as pyo

from cmgplan.arrays import BoolArray, FloatArray
from cmgplan.devices.base import (
    OFF_KW,
    Breach,
    Carrier,
    Conflict,
    Device,
    Efficiency,
    Finite,
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
    complete,
)
from cmgplan.devices.emission import Emission

OFF_SHARE = 1e-5
"""Share of the greatest fuel that a binary within its tolerance may leave."""


TOLERANCE_H = 1e-6


def intervals(hours: float, dt_h: float) -> int:
    """Return the least number of intervals that cover some hours."""
    return ceil(hours / dt_h - TOLERANCE_H)


class CombinedHeatPower(Device):
    """CHP: market eqs. (8)-(11), response eqs. (50)-(52) and (57).

    Electricity is ``efficiency_electric * fuel + offset_kw * on``, heat is
    ``efficiency_heat * fuel``. With a least fuel, an offset or a fixed emission it is on or off;
    ``fuel_max_kw`` and ``fuel_min_kw`` are gas input.

    Once on it stays on for ``min_on_h``, once off it stays off for ``min_off_h``, in whole
    intervals, up to the end of the horizon. It enters the first hour off, for as long as it takes.
    """

    kind: ClassVar[str] = "chp"
    fuel_max_kw: Positive
    fuel_min_kw: NonNegative = 0.0
    efficiency_electric: Efficiency
    efficiency_heat: Share
    offset_kw: Finite = 0.0
    min_on_h: NonNegative = 0.0
    min_off_h: NonNegative = 0.0
    emission: Emission | None = None

    @property
    def carriers(self) -> frozenset[Carrier]:
        """Carriers that the device may give or take."""
        return frozenset({"electricity", "heat", "fuel"})

    @property
    def p_max_kw(self) -> float:
        """Electricity at full fuel, kW."""
        return self.efficiency_electric * self.fuel_max_kw + self.offset_kw

    @property
    def on_or_off(self) -> bool:
        """Whether it makes a difference that it is on."""
        fixed = 0.0 if self.emission is None else self.emission.fixed
        least = self.fuel_min_kw > 0.0 or self.offset_kw != 0.0
        return least or fixed > 0.0 or self.timed

    @property
    def timed(self) -> bool:
        """Whether it has a least time on or off."""
        return self.min_on_h > 0.0 or self.min_off_h > 0.0

    @property
    def off_kw(self) -> float:
        """Gas up to which it counts as off: what a binary's tolerance leaves of its fuel."""
        return max(OFF_KW, OFF_SHARE * self.fuel_max_kw)

    def wants_binary(self, h: Forecasts) -> bool:
        """Return whether the block has a binary variable."""
        return self.on_or_off

    def power_range(self, h: Forecasts) -> tuple[FloatArray, FloatArray]:
        """Return the least and the greatest injection of electricity, kW, each of shape (T,)."""
        least = self.efficiency_electric * self.fuel_min_kw + self.offset_kw
        return h.series(min(0.0, least)), h.series(max(0.0, self.p_max_kw))

    def heat_range(self, h: Forecasts) -> tuple[FloatArray, FloatArray]:
        """Return the least and the greatest injection of heat, kW, each of shape (T,)."""
        return np.zeros(h.hours), h.series(self.efficiency_heat * self.fuel_max_kw)

    def start(self, h: Forecasts) -> State:
        """Return the state in which it enters the first hour: off, for as long as it takes."""
        return State(intervals(self.min_off_h, h.dt_h) * h.dt_h)

    def step(self, h: Forecasts, t: int, state: State, flow: Flow) -> Step:
        """Run one hour; the state is whether it is on, and the hours since it was switched."""
        if not self.timed:
            return super().step(h, t, state, flow)
        now = self.model_copy(update={"min_on_h": 0.0, "min_off_h": 0.0})
        alone = now.step(h, t, state, flow)
        held, found = self._switched(state, bool(self.runs(flow.as_flows())[0]), t, h.dt_h)
        return Step(held, (*alone.breaches, *found), alone.money, alone.emission_kg)

    def _switched(
        self, state: State, on: bool, t: int, dt_h: float
    ) -> tuple[State, tuple[Breach, ...]]:
        """Return the state after an hour on or off, and the least time that it breaks."""
        if on == state.on:
            return State(state.level + dt_h, on=on), ()
        key, least = ("min_on_h", self.min_on_h) if state.on else ("min_off_h", self.min_off_h)
        left = intervals(least, dt_h) * dt_h - state.level
        found = (Breach(t, key, left),) if left > TOLERANCE_H else ()
        return State(dt_h, on=on), found

    def conflicts(self) -> Iterator[Conflict]:
        """Yield what is wrong with its fuel and its offset."""
        if self.fuel_min_kw > self.fuel_max_kw:
            message = f"fuel_min_kw {self.fuel_min_kw:g} is above fuel_max_kw {self.fuel_max_kw:g}"
            yield Conflict("fuel_min_kw", message, "lower fuel_min_kw")
        if self.p_max_kw < 0.0:
            message = f"offset_kw {self.offset_kw:g} takes more than it makes at full fuel"
            yield Conflict("offset_kw", message, "give an offset nearer to zero")

    def add_to(self, b: pyo.Block, h: Forecasts) -> None:
        """Add market eqs. (8)-(11); with a least fuel or an offset, a binary ``on[t]``."""
        b.fuel = pyo.Var(h.steps, bounds=(0.0, self.fuel_max_kw))
        if self.on_or_off:
            b.on = pyo.Var(h.steps, domain=pyo.Binary)

            @b.Constraint(h.steps, doc="least fuel, kW, response (50)")
            def at_least_minimum(b: pyo.Block, t: int) -> object:
                return b.fuel[t] >= self.fuel_min_kw * b.on[t]

            @b.Constraint(h.steps, doc="fuel when on, kW, response (50)")
            def only_when_on(b: pyo.Block, t: int) -> object:
                return b.fuel[t] <= self.fuel_max_kw * b.on[t]

        if self.timed:
            self._add_least_times(b, h)
        b.p_inj = pyo.Expression(
            h.steps,
            rule=lambda b, t: (
                self.efficiency_electric * b.fuel[t]
                + (self.offset_kw * b.on[t] if self.offset_kw != 0.0 else 0.0)
            ),
            doc="electricity, kW, market (10), response (51)",
        )
        b.heat_inj = pyo.Expression(
            h.steps,
            rule=lambda b, t: self.efficiency_heat * b.fuel[t],
            doc="heat, kW, market (11), response (52)",
        )
        if self.emission is not None:
            self.emission.add_to(b, h, "p_inj", max(self.p_max_kw, 0.0))
        complete(b, h)

    def _add_least_times(self, b: pyo.Block, h: Forecasts) -> None:
        """Hold what was switched for its least time.

        Carrion and Arroyo, IEEE Transactions on Power Systems 21, 2006, 1371-1378, eqs. (22)-(26).
        """
        on, off = (intervals(hours, h.dt_h) for hours in (self.min_on_h, self.min_off_h))
        b.least_times = pyo.ConstraintList(doc="least time on and off")
        for t in h.steps:
            before = b.on[t - 1] if t > 0 else 0
            for later in range(t + 1, min(t + on, h.hours)):
                b.least_times.add(b.on[later] >= b.on[t] - before)
            for later in range(t + 1, min(t + off, h.hours)):
                b.least_times.add(1 - b.on[later] >= before - b.on[t])

    def binaries(self, b: Any, h: Forecasts, flows: Flows) -> Iterator[tuple[Any, float]]:
        """Yield each binary variable of block ``b`` with the value that it has in a dispatch."""
        if self.on_or_off:
            on = self.runs(flows)
            yield from ((b.on[t], float(on[t])) for t in h.steps)

    def runs(self, flows: Flows) -> BoolArray:
        """Return whether it is on in each hour of a dispatch, shape (T,)."""
        on = (flows.fuel_kw > self.off_kw) | (np.abs(flows.p_kw) > self.off_kw)
        return np.asarray(on, dtype=np.bool_)

    def simulate_flows(self, h: Forecasts, flows: Flows) -> Trace:
        """Step through the day; see ``Device.simulate_flows``."""
        fuel = flows.fuel_kw
        on = self.runs(flows)
        p_kw = self.efficiency_electric * fuel + self.offset_kw * on
        below = np.where(fuel > self.off_kw, self.fuel_min_kw - fuel, -fuel)
        kg = None
        if self.emission is not None:
            kg = h.dt_h * self.emission.exact_kg_per_h(flows.p_kw, on.astype(np.float64))
        held = self.start(h)
        early: list[Breach] = []
        for t in h.steps if self.timed else ():
            held, found = self._switched(held, bool(on[t]), t, h.dt_h)
            early += found
        return Trace(
            emission_kg=kg,
            breaches=[
                *early,
                *breaches("fuel_max_kw", fuel - self.fuel_max_kw),
                *breaches("fuel_min_kw", below),
                *breaches("efficiency_electric", np.abs(flows.p_kw - p_kw)),
                *breaches("efficiency_heat", np.abs(flows.heat_kw - self.efficiency_heat * fuel)),
                *breaches("unity power factor", np.abs(flows.q_kvar)),
            ],
        )
