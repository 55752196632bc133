"""Schedules that keep to the limit or the cost of switch operations.

A closed switch only widens what an hour can do, so that an hour that wants a topology is served by
any forest that contains it. Which topology each hour takes, and which switches stay closed between
the hours that want them, is a small mixed-integer problem without power in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyomo.environ as pyo

from cmgplan.case.records import Case, PlanOptions
from cmgplan.devices.base import FloatArray
from cmgplan.planning.switches import SwitchHours, all_switches
from cmgplan.planning.switching import (
    add_operations,
    cut_cycles,
    cycles_closed,
    exclude_cycles,
    read_closed,
)
from cmgplan.planning.trajectories import trajectories
from cmgplan.solve import LinearProblem

CYCLE_ROUNDS = 20
"""Solves, each with the cycles of the last one cut off."""

NODE_LIMIT = 5
"""Nodes of one solve; what is found early is good enough."""

TIME_LIMIT_S = 30.0


@dataclass(frozen=True)
class Wanted:
    """A topology that an hour may take, and what it costs more than the hour's best one."""

    closed: frozenset[str]
    excess: float


class Projection:
    """Chooses one wanted topology an hour so that operations stay within their limit.

    Parameters
    ----------
    mask
        Hours in which each switch may close.
    """

    def __init__(self, case: Case, options: PlanOptions, mask: SwitchHours) -> None:
        self._case, self._options, self._mask = case, options, mask
        self._switches = all_switches(case)

    def choose(
        self,
        wanted: Sequence[Sequence[Wanted]],
        *,
        operation_price: float,
        missed_price: float,
        gap_abs: float,
    ) -> SwitchHours | None:
        """Return the positions of least excess, operation cost and missed switches.

        Parameters
        ----------
        wanted
            Topologies of each hour.
        operation_price
            What a dollar of operation cost weighs.
        missed_price
            What an hour of a switch that is wanted and stays open weighs.
        gap_abs
            What the choice may weigh more than the best one.
        """
        m = self._model(wanted)
        problem = LinearProblem(m)
        start = self._start(problem, m, wanted, operation_price, missed_price)
        weights = [
            *((m.taken[k], wanted[k[0]][k[1]].excess) for k in m.CHOICE),
            *((m.missed[k], missed_price) for k in m.MAY_CLOSE),
            (m.operation_cost, operation_price),
        ]
        for _ in range(CYCLE_ROUNDS):
            outcome = problem.solve(
                weights,
                time_limit_s=TIME_LIMIT_S,
                gap_abs=gap_abs,
                start=start,
                node_limit=NODE_LIMIT,
            )
            if outcome.x is None:
                return None
            problem.load(outcome.x)
            closed = read_closed(m, self._case)
            cycles = cycles_closed(self._case, closed) if self._options.radial else []
            if not cycles:
                return closed
            cut_cycles(m, self._case, problem, {nodes for nodes, _ in cycles})
        return None

    def _model(self, wanted: Sequence[Sequence[Wanted]]) -> Any:
        m = pyo.ConcreteModel()
        m.T = pyo.RangeSet(0, self._case.file.time.hours - 1)
        m.MAY_CLOSE = pyo.Set(
            initialize=[(s.id, t) for s in self._switches for t in m.T if self._mask[s.id][t]],
            dimen=2,
        )
        m.CHOICE = pyo.Set(initialize=[(t, k) for t in m.T for k in range(len(wanted[t]))], dimen=2)
        m.closed = pyo.Var(m.MAY_CLOSE, domain=pyo.Binary)
        m.taken = pyo.Var(m.CHOICE, domain=pyo.Binary)
        m.missed = pyo.Var(m.MAY_CLOSE, bounds=(0.0, 1.0))
        m.operation_cost = pyo.Var(bounds=(0.0, None))
        if self._options.radial:
            exclude_cycles(m, self._case, self._switches, self._mask)
        add_operations(m, self._switches, self._options)

        @m.Constraint(m.T, doc="one topology in each hour")
        def one(m: Any, t: int) -> Any:
            return pyo.quicksum(m.taken[t, k] for k in range(len(wanted[t]))) == 1.0

        @m.Constraint(m.MAY_CLOSE, doc="wanted switches are closed, or missed")
        def served(m: Any, s: str, t: int) -> Any:
            wanting = [m.taken[t, k] for k, w in enumerate(wanted[t]) if s in w.closed]
            if not wanting:
                return m.missed[s, t] == 0.0
            return m.closed[s, t] + m.missed[s, t] >= pyo.quicksum(wanting)

        return m

    def _start(
        self,
        problem: LinearProblem,
        m: Any,
        wanted: Sequence[Sequence[Wanted]],
        operation_price: float,
        missed_price: float,
    ) -> FloatArray | None:
        """Return a point in which each hour takes its best topology, so far as operations let."""
        best = [min(range(len(w)), key=lambda k, w=w: w[k].excess) for w in wanted]  # type: ignore[misc]
        asked = {
            s.id: np.asarray([s.id in wanted[t][k].closed for t, k in enumerate(best)])
            for s in self._switches
        }
        closed = trajectories(
            self._switches,
            asked,
            self._mask,
            radial=self._options.radial,
            limit=self._options.operation_limit,
            operation_price=operation_price * self._options.operation_cost_usd,
            missed_price=missed_price,
        )
        if closed is None:
            return None
        x = np.zeros(problem.n)
        for t, k in enumerate(best):
            x[problem.column(m.taken[t, k])] = 1.0
        for s, t in m.MAY_CLOSE:
            x[problem.column(m.closed[s, t])] = closed[s][t]
            x[problem.column(m.missed[s, t])] = asked[s][t] and not closed[s][t]
        for switch in self._switches:
            positions = np.concatenate([[switch.initially_closed], closed[switch.id]])
            moved = np.abs(np.diff(positions.astype(int)))
            for t, operated in enumerate(moved):
                x[problem.column(m.operated[switch.id, t])] = operated
            x[problem.column(m.operations[switch.id])] = moved.sum()
        total = sum(x[problem.column(m.operations[s.id])] for s in self._switches)
        x[problem.column(m.operation_cost)] = self._options.operation_cost_usd * total
        return x
