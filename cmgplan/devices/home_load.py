"""Load of a home, electric or heat, part of which may move to other hours of the day."""

from __future__ import annotations

from collections.abc import Iterator
from math import floor
from typing import Any, ClassVar, Literal

import numpy as np
import pyomo.environ as pyo

from cmgplan.arrays import FloatArray
from cmgplan.devices.base import (
    Breach,
    Carrier,
    Conflict,
    Device,
    Flow,
    Flows,
    Forecasts,
    Hourly,
    HourlyShare,
    Id,
    NonNegative,
    State,
    Step,
    Trace,
    breaches,
    complete,
)
from cmgplan.units import column_unit

TOLERANCE_KW = 1e-4
TOLERANCE_KWH = 1e-3
"""Energy up to which none counts as lost over a day, or as late."""


class HomeLoad(Device):
    """Load of a home: market eqs. (2)-(6), response eqs. (68)-(72).

    ``down`` is power that leaves its hour (DR-), ``up`` power that arrives in another (DR+). At
    most ``shiftable_share`` of the hour's load leaves, at most ``shift_in_max_kw`` arrives, and
    over the day nothing is lost. Every kWh that leaves costs ``shift_cost_per_kwh``.

    With ``shift_direction = "later"`` nothing arrives before it left: the backlog, which is what
    has left and not yet arrived, lies between 0 and ``shift_backlog_max_kwh``, and each kWh
    arrives within ``shift_delay_max_h`` of the hour that it left, oldest first. The two limits
    say nothing where the direction is ``"any"``.

    Where a delay binds, an hour has one of ``up`` and ``down``: with both, load that arrives
    could leave again in the same hour, and so be put off without end.
    """

    kind: ClassVar[str] = "load"
    column_keys: ClassVar[tuple[str, ...]] = (
        "p_kw",
        "profile",
        "shiftable_share",
        "shift_in_max_kw",
        "shift_cost_per_kwh",
    )
    carrier: Literal["electricity", "heat"]
    p_kw: Hourly
    profile: Id | None = None
    shiftable_share: HourlyShare = 0.0
    shift_in_max_kw: Hourly | None = None
    shift_cost_per_kwh: Hourly = 0.0
    shift_direction: Literal["any", "later"] = "any"
    shift_delay_max_h: NonNegative | None = None
    shift_backlog_max_kwh: NonNegative | None = None

    @property
    def carriers(self) -> frozenset[Carrier]:
        """Carriers that the device may give or take."""
        return frozenset({self.carrier})

    @property
    def shiftable(self) -> bool:
        """Whether any of it may move."""
        return self.shiftable_share != 0.0

    def base_kw(self, h: Forecasts) -> FloatArray:
        """Return the load before any of it moves, kW, shape (T,)."""
        return h.series(self.p_kw) * h.profile(self.profile)

    def down_max_kw(self, h: Forecasts) -> FloatArray:
        """Return what may leave each hour, kW, shape (T,)."""
        return h.series(self.shiftable_share) * self.base_kw(h)

    def up_max_kw(self, h: Forecasts) -> FloatArray:
        """Return what may arrive in each hour, kW, shape (T,).

        Without ``shift_in_max_kw`` that is all that may leave in the day.
        """
        if not self.shiftable:
            return np.zeros(h.hours)
        total = float(self.down_max_kw(h).sum())
        return h.series(total if self.shift_in_max_kw is None else self.shift_in_max_kw)

    def delay(self, h: Forecasts) -> int:
        """Return the intervals within which a kWh must arrive; T where there is no limit."""
        if self.shift_direction == "any" or self.shift_delay_max_h is None:
            return h.hours
        return min(floor(self.shift_delay_max_h / h.dt_h + 1e-9), h.hours)

    def one_way(self, h: Forecasts) -> bool:
        """Return whether load may not both leave and arrive in an hour: a delay can bind."""
        return self.shiftable and self.delay(h) < h.hours - 1

    def wants_binary(self, h: Forecasts) -> bool:
        """Return whether the block has a binary variable."""
        return self.one_way(h)

    def power_range(self, h: Forecasts) -> tuple[FloatArray, FloatArray]:
        """Return the least and the greatest injection of electricity, kW, each of shape (T,).

        The greatest is 0, where all of the load is unserved or has left.
        """
        return self._range(h, "electricity")

    def heat_range(self, h: Forecasts) -> tuple[FloatArray, FloatArray]:
        """Return the least and the greatest injection of heat, kW, each of shape (T,)."""
        return self._range(h, "heat")

    def _range(self, h: Forecasts, carrier: Carrier) -> tuple[FloatArray, FloatArray]:
        if carrier != self.carrier:
            return np.zeros(h.hours), np.zeros(h.hours)
        return -self.base_kw(h) - self.up_max_kw(h), np.zeros(h.hours)

    def conflicts(self) -> Iterator[Conflict]:
        """Yield columns whose unit does not fit the key that names them."""
        column = self.p_kw if isinstance(self.p_kw, str) else None
        if column is not None and column_unit(column).unit != "kW" and self.profile is None:
            message = f"the column {column} does not end in _kw, so it is no power"
            mend = f'give a number in kW and profile = "{column}"'
            yield Conflict("p_kw", message, mend)
        if self.profile is not None and column_unit(self.profile).unit == "kW":
            message = f"the column {self.profile} is in kW and no share of p_kw"
            yield Conflict("profile", message, f'write p_kw = "{self.profile}" and no profile')

    def add_to(self, b: pyo.Block, h: Forecasts) -> None:
        """Add market eqs. (2)-(6), response (68), (70), (72), and the part that is unserved."""
        base, up_max = self.base_kw(h), self.up_max_kw(h)
        if self.shiftable:
            self._add_shift(b, h)
        else:
            b.up = pyo.Expression(h.steps, rule=lambda b, t: 0.0)
            b.down = pyo.Expression(h.steps, rule=lambda b, t: 0.0)
        b.unserved = pyo.Var(h.steps, bounds=lambda b, t: (0.0, float(base[t] + up_max[t])))
        b.demand = pyo.Expression(h.steps, rule=lambda b, t: float(base[t]) + b.up[t] - b.down[t])
        if self.shiftable:

            @b.Constraint(h.steps, doc="unserved at most demanded, kW")
            def unserved_limit(b: pyo.Block, t: int) -> object:
                return b.unserved[t] <= b.demand[t]

        taken = pyo.Expression(h.steps, rule=lambda b, t: b.unserved[t] - b.demand[t])
        b.add_component("heat_inj" if self.carrier == "heat" else "p_inj", taken)
        cost = h.series(self.shift_cost_per_kwh)
        b.money = pyo.Expression(
            expr=pyo.quicksum(h.dt_h * float(cost[t]) * b.down[t] for t in h.steps)
        )
        complete(b, h)

    def _add_shift(self, b: pyo.Block, h: Forecasts) -> None:
        """Add what leaves and arrives; nothing is lost, and it arrives in time."""
        down_max, up_max = self.down_max_kw(h), self.up_max_kw(h)
        b.down = pyo.Var(h.steps, bounds=lambda b, t: (0.0, float(down_max[t])))
        b.up = pyo.Var(h.steps, bounds=lambda b, t: (0.0, float(up_max[t])))
        if self.shift_direction == "any":
            b.none_lost = pyo.Constraint(
                expr=pyo.quicksum(b.up[t] - b.down[t] for t in h.steps) == 0.0,
                doc="what leaves arrives in the same day, kW summed over hours, market (6)",
            )
            return
        last, delay = h.hours - 1, self.delay(h)
        b.backlog = pyo.Var(
            h.steps, bounds=lambda b, t: (0.0, self.shift_backlog_max_kwh if t < last else 0.0)
        )

        @b.Constraint(h.steps, doc="what has left and not yet arrived, kWh")
        def backlog_balance(b: pyo.Block, t: int) -> object:
            before = 0.0 if t == 0 else b.backlog[t - 1]
            return b.backlog[t] == before + h.dt_h * (b.down[t] - b.up[t])

        # Cumulative arrivals by t reach what had left by t - delay: the backlog holds no more
        # than what has left since.
        @b.Constraint(range(delay, last), doc="each kWh arrives within the delay, kWh")
        def in_time(b: pyo.Block, t: int) -> object:
            since = pyo.quicksum(b.down[s] for s in range(t - delay + 1, t + 1))
            return b.backlog[t] <= h.dt_h * since

        if self.one_way(h):
            self._add_one_way(b, h)

    def _add_one_way(self, b: pyo.Block, h: Forecasts) -> None:
        """Let load leave or arrive in an hour: ``leaving[t]`` is 1 where it may leave."""
        down_max, up_max = self.down_max_kw(h), self.up_max_kw(h)
        b.leaving = pyo.Var(h.steps, domain=pyo.Binary)

        @b.Constraint(h.steps, doc="what leaves, kW, where it may")
        def leaves(b: pyo.Block, t: int) -> object:
            return b.down[t] <= float(down_max[t]) * b.leaving[t]

        @b.Constraint(h.steps, doc="what arrives, kW, where none leaves")
        def arrives(b: pyo.Block, t: int) -> object:
            return b.up[t] <= float(up_max[t]) * (1 - b.leaving[t])

    def tighten(self, b: Any, h: Forecasts) -> None:
        """Let no more arrive than may have left in the hours of the delay; see ``Device``."""
        if self.one_way(h):
            down_max, delay = self.down_max_kw(h), self.delay(h)
            for t in h.steps:
                owed = float(down_max[max(t - delay, 0) : t].sum())
                b.up[t].setub(min(b.up[t].ub, owed))

    def binaries(self, b: Any, h: Forecasts, flows: Flows) -> Iterator[tuple[Any, float]]:
        """Yield each binary variable of block ``b`` with its value where all load is served."""
        if self.one_way(h):
            moved = self._moved_kw(h, flows)
            yield from ((b.leaving[t], float(moved[t] < 0.0)) for t in h.steps)

    def _moved_kw(self, h: Forecasts, flows: Flows) -> FloatArray:
        """Return what arrives (positive) or leaves in each hour of flows, all load served."""
        return -(flows.heat_kw if self.carrier == "heat" else flows.p_kw) - self.base_kw(h)

    def flows_of(
        self,
        h: Forecasts,
        up_kw: FloatArray,
        down_kw: FloatArray,
        unserved_kw: FloatArray | None = None,
    ) -> Flows:
        """Return the flows of a load some of which moves, each of shape (T,)."""
        taken = self.base_kw(h) + up_kw - down_kw
        served = taken if unserved_kw is None else taken - unserved_kw
        if self.carrier == "heat":
            return Flows.of(h.hours, heat_kw=-served)
        return Flows.of(h.hours, p_kw=-served)

    def simulate_flows(self, h: Forecasts, flows: Flows) -> Trace:
        """Step through the day, all load served and each hour with one of up and down.

        What is not served must be taken off the flows before (they are then more negative by
        it); ``simulate_shift`` takes up, down and unserved themselves.
        """
        moved = self._moved_kw(h, flows)
        trace = self.simulate_shift(h, np.maximum(moved, 0.0), np.maximum(-moved, 0.0))
        other = [*breaches("unity power factor", np.abs(flows.q_kvar)), *self.idle(flows)]
        return Trace(money=trace.money, state=trace.state, breaches=[*trace.breaches, *other])

    def simulate_shift(
        self,
        h: Forecasts,
        up_kw: FloatArray,
        down_kw: FloatArray,
        unserved_kw: FloatArray | None = None,
    ) -> Trace:
        """Step through the day with what arrives, leaves and is not served, each of shape (T,)."""
        unserved = np.zeros(h.hours) if unserved_kw is None else unserved_kw
        demand = self.base_kw(h) + up_kw - down_kw
        backlog = h.dt_h * np.cumsum(down_kw - up_kw)
        ends = np.zeros(h.hours)
        ends[-1] = abs(float(backlog[-1]))
        found = [
            *breaches("shiftable_share", down_kw - self.down_max_kw(h)),
            *breaches("shift_in_max_kw", up_kw - self.up_max_kw(h)),
            *breaches("down", -down_kw),
            *breaches("up", -up_kw),
            *breaches("unserved", np.maximum(unserved - demand, -unserved)),
            *breaches("none lost", ends, TOLERANCE_KWH),
        ]
        if self.shift_direction == "later":
            most = np.inf if self.shift_backlog_max_kwh is None else self.shift_backlog_max_kwh
            left, arrived, delay = np.cumsum(down_kw), np.cumsum(up_kw), self.delay(h)
            late = np.zeros(h.hours)
            late[delay:] = h.dt_h * (left[: h.hours - delay] - arrived[delay:])
            found += breaches("shift_direction", -backlog, TOLERANCE_KWH)
            found += breaches("shift_backlog_max_kwh", backlog - most, TOLERANCE_KWH)
            found += breaches("shift_delay_max_h", late, TOLERANCE_KWH)
        if self.one_way(h):
            found += breaches("leave or arrive", np.minimum(up_kw, down_kw))
        cost = h.dt_h * float(np.sum(h.series(self.shift_cost_per_kwh) * down_kw))
        return Trace(money=cost, state=backlog, breaches=found)

    def step(self, h: Forecasts, t: int, state: State, flow: Flow) -> Step:
        """Run one hour, all load served; see ``step_shift`` and ``Device.step``."""
        base = float(self.base_kw(h)[t])
        moved = -(flow.heat_kw if self.carrier == "heat" else flow.p_kw) - base
        step = self.step_shift(h, t, state, max(moved, 0.0), max(-moved, 0.0))
        found = [Breach(t, idle.limit, idle.excess) for idle in self.idle(flow.as_flows())]
        if abs(flow.q_kvar) > TOLERANCE_KW:
            found.append(Breach(t, "unity power factor", abs(flow.q_kvar)))
        return Step(step.state, (*step.breaches, *found), step.money)

    def step_shift(
        self,
        h: Forecasts,
        t: int,
        state: State,
        up_kw: float,
        down_kw: float,
        unserved_kw: float = 0.0,
    ) -> Step:
        """Run one hour with what arrives, leaves and is not served, kW.

        The state holds what is owed by the hour that it left: arrivals settle the oldest first,
        and what arrives too early (a negative level) settles what leaves next.
        """
        base = float(self.base_kw(h)[t])
        level, owed = settle(state, t, down_kw * h.dt_h, up_kw * h.dt_h)
        excess = [
            ("shiftable_share", down_kw - float(self.down_max_kw(h)[t]), TOLERANCE_KW),
            ("shift_in_max_kw", up_kw - float(self.up_max_kw(h)[t]), TOLERANCE_KW),
            ("down", -down_kw, TOLERANCE_KW),
            ("up", -up_kw, TOLERANCE_KW),
            ("unserved", max(unserved_kw - base - up_kw + down_kw, -unserved_kw), TOLERANCE_KW),
        ]
        if t == h.hours - 1:
            excess.append(("none lost", abs(level), TOLERANCE_KWH))
        if self.shift_direction == "later":
            late = sum(kwh for left, kwh in owed if left <= t - self.delay(h))
            most = np.inf if self.shift_backlog_max_kwh is None else self.shift_backlog_max_kwh
            excess += [
                ("shift_direction", -level, TOLERANCE_KWH),
                ("shift_backlog_max_kwh", level - most, TOLERANCE_KWH),
                ("shift_delay_max_h", late, TOLERANCE_KWH),
            ]
        if self.one_way(h):
            excess.append(("leave or arrive", min(up_kw, down_kw), TOLERANCE_KW))
        found = tuple(Breach(t, limit, over) for limit, over, least in excess if over > least)
        cost = h.dt_h * float(h.series(self.shift_cost_per_kwh)[t]) * down_kw
        return Step(State(level, owed), found, money=cost)


def settle(
    state: State, t: int, left_kwh: float, arrived_kwh: float
) -> tuple[float, tuple[tuple[int, float], ...]]:
    """Return what is owed at the end of an hour: its sum in kWh, and by the hour that it left."""
    level = state.level + left_kwh - arrived_kwh
    owed = [*state.owed, (t, max(left_kwh + min(state.level, 0.0), 0.0))]
    rest = arrived_kwh
    for k, (left, kwh) in enumerate(owed):
        settled = min(kwh, rest)
        rest -= settled
        owed[k] = (left, kwh - settled)
    return level, tuple((left, kwh) for left, kwh in owed if kwh > 0.0)
