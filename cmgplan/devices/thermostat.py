"""What refrigerators and water heaters share: on or off, and a temperature within a band."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar, Literal

import numpy as np
import pyomo.environ as pyo

from cmgplan.arrays import BoolArray, FloatArray
from cmgplan.devices.base import (
    Breach,
    Carrier,
    Conflict,
    Device,
    Finite,
    Flow,
    Flows,
    Forecasts,
    Positive,
    State,
    Step,
    Trace,
    breaches,
    complete,
)

TOLERANCE_K = 1e-4
TOLERANCE_KW = 1e-4
ROUNDING_K = 1e-6
"""Room that is left around a temperature that can be reached: with no more than HiGHS's tolerance,
1e-7, its presolve calls some programs infeasible that are not."""

DECIMALS = 9
"""Decimals of a temperature within which two of them count as one."""


class Thermostat(Device):
    """Appliance that is on or off and moves a temperature by a fixed rate in either state.

    The temperature keeps within its limits at the end of every hour. At the end of the day it
    is no worse than ``t_start_c``: no warmer in a refrigerator, no colder in a water heater.
    """

    p_kw: Positive
    t_min_c: Finite
    t_max_c: Finite
    t_start_c: Finite

    ends: ClassVar[Literal["no warmer", "no colder"]]
    """How the temperature at the end of the day compares with the one at its beginning."""

    @property
    def by_heat(self) -> bool:
        """Whether it runs on heat and not on electricity."""
        return False

    @property
    def carriers(self) -> frozenset[Carrier]:
        """Carriers that the device may give or take."""
        return frozenset({"heat"} if self.by_heat else {"electricity"})

    @property
    @abstractmethod
    def on_k_per_h(self) -> float:
        """Net change of temperature while on, K/h."""

    @property
    @abstractmethod
    def off_k_per_h(self) -> float:
        """Change of temperature while off, K/h."""

    def wants_binary(self, h: Forecasts) -> bool:
        """Return whether the block has a binary variable: always."""
        return True

    def power_range(self, h: Forecasts) -> tuple[FloatArray, FloatArray]:
        """Return the least and the greatest injection of electricity, kW, each of shape (T,)."""
        return h.series(0.0 if self.by_heat else -self.p_kw), np.zeros(h.hours)

    def heat_range(self, h: Forecasts) -> tuple[FloatArray, FloatArray]:
        """Return the least and the greatest injection of heat, kW, each of shape (T,)."""
        return h.series(-self.p_kw if self.by_heat else 0.0), np.zeros(h.hours)

    def limits_c(self, h: Forecasts) -> tuple[FloatArray, FloatArray]:
        """Return the least and the greatest temperature at the end of each hour, shape (T,)."""
        low, high = h.series(self.t_min_c), h.series(self.t_max_c)
        if self.ends == "no warmer":
            high[-1] = min(high[-1], self.t_start_c)
        else:
            low[-1] = max(low[-1], self.t_start_c)
        return low, high

    def conflicts(self) -> Iterator[Conflict]:
        """Yield what is wrong with the temperatures."""
        if self.t_min_c >= self.t_max_c:
            message = f"t_min_c {self.t_min_c:g} is not below t_max_c {self.t_max_c:g}"
            yield Conflict("t_min_c", message, "lower t_min_c")
        elif not self.t_min_c <= self.t_start_c <= self.t_max_c:
            message = f"t_start_c {self.t_start_c:g} is outside {self.t_min_c:g}..{self.t_max_c:g}"
            yield Conflict("t_start_c", message, "start between t_min_c and t_max_c")

    def conflicts_over(self, h: Forecasts) -> Iterator[Conflict]:
        """Yield that nothing it can do keeps the temperature within its limits."""
        if not any(True for _ in self.conflicts()) and not self._reachable(h)[0]:
            message = f"neither on nor off keeps it within {self.t_min_c:g}..{self.t_max_c:g} deg C"
            message += f" and {self.ends} than {self.t_start_c:g} at the end"
            yield Conflict("t_max_c", message, "widen the band, or let it change more slowly")

    def add_to(self, b: pyo.Block, h: Forecasts) -> None:
        """Add ``on[t]`` and ``temperature[t]``: response eqs. (83)-(86), (92)-(95)."""
        low, high = self.limits_c(h)
        b.on = pyo.Var(h.steps, domain=pyo.Binary)
        b.temperature = pyo.Var(h.steps, bounds=lambda b, t: (float(low[t]), float(high[t])))

        @b.Constraint(h.steps, doc="temperature, deg C, response (84), (85), (93), (94)")
        def warming(b: pyo.Block, t: int) -> object:
            before = self.t_start_c if t == 0 else b.temperature[t - 1]
            rate = self.on_k_per_h * b.on[t] + self.off_k_per_h * (1 - b.on[t])
            return b.temperature[t] == before + h.dt_h * rate

        taken = pyo.Expression(h.steps, rule=lambda b, t: -self.p_kw * b.on[t])
        b.add_component("heat_inj" if self.by_heat else "p_inj", taken)
        complete(b, h)

    def binaries(self, b: Any, h: Forecasts, flows: Flows) -> Iterator[tuple[Any, float]]:
        """Yield each binary variable of block ``b`` with the value that it has in a dispatch."""
        on = self.taken_kw(flows) > 0.5 * self.p_kw
        yield from ((b.on[t], float(on[t])) for t in h.steps)

    def tighten(self, b: Any, h: Forecasts) -> None:
        """Draw the temperature in to what on and off can reach in each hour.

        Then the hours on up to any hour lie between whole numbers, so that the relaxation of
        ``on`` has whole numbers at its corners.
        """
        for t, reachable in enumerate(self._reachable(h)[1:]):
            if reachable:
                variable = b.temperature[t]
                variable.setlb(max(variable.lb, min(reachable) - ROUNDING_K))
                variable.setub(min(variable.ub, max(reachable) + ROUNDING_K))

    def taken_kw(self, flows: Flows) -> FloatArray:
        """Return what it takes of its carrier, kW, shape (T,)."""
        return -(flows.heat_kw if self.by_heat else flows.p_kw)

    def simulate_flows(self, h: Forecasts, flows: Flows) -> Trace:
        """Step through the day; see ``Device.simulate_flows``."""
        taken, (low, high) = self.taken_kw(flows), self.limits_c(h)
        on = taken > 0.5 * self.p_kw
        rate = np.where(on, self.on_k_per_h, self.off_k_per_h)
        temperature = self.t_start_c + h.dt_h * np.cumsum(rate)
        return Trace(
            state=temperature,
            breaches=[
                *breaches("p_kw", np.abs(taken - self.p_kw * on)),
                *breaches("t_max_c", temperature - high, TOLERANCE_K),
                *breaches("t_min_c", low - temperature, TOLERANCE_K),
                *breaches("unity power factor", np.abs(flows.q_kvar)),
                *self.idle(flows),
            ],
        )

    def start(self, h: Forecasts) -> State:
        """Return the state in which it enters the first hour: off, at its first temperature."""
        return State(self.t_start_c)

    def step(self, h: Forecasts, t: int, state: State, flow: Flow) -> Step:
        """Run one hour; see ``Device.step``."""
        taken = -(flow.heat_kw if self.by_heat else flow.p_kw)
        on = taken > 0.5 * self.p_kw
        after = state.level + h.dt_h * (self.on_k_per_h if on else self.off_k_per_h)
        last = t == h.hours - 1
        low = max(self.t_min_c, self.t_start_c) if last and self.ends == "no colder" else None
        high = min(self.t_max_c, self.t_start_c) if last and self.ends == "no warmer" else None
        found = [
            Breach(t, limit, excess)
            for limit, excess, least in (
                ("p_kw", abs(taken - (self.p_kw if on else 0.0)), TOLERANCE_KW),
                ("t_max_c", after - (self.t_max_c if high is None else high), TOLERANCE_K),
                ("t_min_c", (self.t_min_c if low is None else low) - after, TOLERANCE_K),
                ("unity power factor", abs(flow.q_kvar), TOLERANCE_KW),
            )
            if excess > least
        ]
        found += [Breach(t, idle.limit, idle.excess) for idle in self.idle(flow.as_flows())]
        return Step(State(after, on=on), tuple(found))

    def own_schedule(self, h: Forecasts) -> BoolArray | None:
        """Return whether it is on in each hour by its thermostat, shape (T,); None where it cannot.

        It begins off and goes on doing what it does until that would leave the band (so the
        literal response eq. (83), which overshoots, is not used); it deviates from this only
        where the day would end on the wrong side of ``t_start_c``.
        """
        reachable = self._reachable(h)
        if not reachable[0]:
            return None
        temperature, on = round(self.t_start_c, DECIMALS), False
        schedule = np.zeros(h.hours, dtype=np.bool_)
        for t in h.steps:
            kept = self._after(h, temperature, on)
            on = on if kept in reachable[t + 1] else not on
            temperature = self._after(h, temperature, on)
            schedule[t] = on
        return schedule

    def _after(self, h: Forecasts, temperature_c: float, on: bool) -> float:
        """Return the temperature an hour later, rounded."""
        rate = self.on_k_per_h if on else self.off_k_per_h
        return round(temperature_c + h.dt_h * rate, DECIMALS)

    def _reachable(self, h: Forecasts) -> list[set[float]]:
        """Return the temperatures before each hour, and after the last, from which the day ends.

        The first set is empty where no sequence of on and off keeps all limits.
        """
        low, high = self.limits_c(h)
        found = [{round(self.t_start_c, DECIMALS)}]
        for t in h.steps:
            after = {self._after(h, c, on) for c in found[-1] for on in (False, True)}
            least, most = float(low[t]) - TOLERANCE_K, float(high[t]) + TOLERANCE_K
            found.append({c for c in after if least <= c <= most})
        for t in reversed(h.steps):
            found[t] = {
                c
                for c in found[t]
                if any(self._after(h, c, on) in found[t + 1] for on in (False, True))
            }
        return found
