"""Search of Levels 1 to 3: which ties to close, then the dispatch with these ties."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import networkx as nx
import numpy as np
import pyomo.environ as pyo

from cmgplan.errors import SolverError
from cmgplan.planning.case.records import Case, PlanOptions
from cmgplan.planning.model.operation import both_ways, read_operation
from cmgplan.planning.model.schedule import VariableBounds, exchange_bounds
from cmgplan.planning.model.schedule_model import IslandedModel, committed
from cmgplan.planning.model.switches import SwitchHours, all_switches
from cmgplan.planning.model.switching import (
    counts_operations,
    cut_cycles,
    cycles_closed,
    open_idle,
    read_closed,
)
from cmgplan.planning.model.trajectories import trajectories
from cmgplan.solve import LinearProblem, Outcome, Stop

SWITCHING_GAP = 1e-2
"""Absolute gap, kWh and $, within which a choice of switches is proven best."""

CLOSING = 1e-3
"""Weight of a closed tie beside 1 for a kWh where the relaxation is to close few."""

COUNTED_GAP_SHARE = 1e-3
"""Gap as a share of the value, at least, where switch operations are counted."""

MISSED_USD = 10.0
"""Weight of an hour in which a switch stays open that would carry something."""

IDLE_KVA = 1e-6
"""A tie that carries less need not close."""


class NoScheduleError(SolverError):
    """HiGHS proves that there is no schedule."""


class IslandedSearch:
    """Choose the switches, then the operation with the switches held.

    Both go through unserved energy, f1 + f2 and, for the operation, the tie-break. Ratings and
    tie losses are met by tangents; with the switches held the problem is linear and the tangents
    are refined until none is broken.

    The switches are first guessed from the linear relaxation, whose values bound those of every
    schedule; mixed-integer solves follow only where the guess does not come up to them.
    """

    def __init__(
        self, m: IslandedModel, case: Case, options: PlanOptions, problem: LinearProblem
    ) -> None:
        self._m, self._case, self._options, self._problem = m, case, options, problem
        self._goals = {"unserved_kwh": m.unserved_kwh, "gc_plus_ec_usd": m.cost_and_emission}
        self._one_way: VariableBounds = pyo.ComponentMap()

    def run(self) -> tuple[dict[str, Outcome], SwitchHours]:
        """Return each solve's outcome by the name of its objective, and the switch schedule.

        Raises
        ------
        SolverError
            If HiGHS holds no answer.
        """
        closed, bounds = self._guess_switches() or self._search_switches()
        held = self._held(closed)
        outcomes: dict[str, Outcome] = {}
        limits: VariableBounds = pyo.ComponentMap()
        for name, goal in {**self._goals, "tie_break": self._m.tie_break}.items():
            outcome = self._operate(goal, held, limits)
            outcomes[name] = replace(outcome, bound=bounds.get(name, outcome.bound))
            limits[goal] = _within(float(goal.value))
        return outcomes, closed

    def _guess_switches(self) -> tuple[SwitchHours, dict[str, float | None]] | None:
        """Return the ties that the relaxation uses, if that is proven best, with the bounds.

        The tie-break, with a little weight on closing at all, picks one of the relaxation's
        optima. It seldom holds a cycle; where it does, the ties that carry most are kept.
        """
        m = self._m
        limits: VariableBounds = pyo.ComponentMap()
        for goal in self._goals.values():
            self._accept(self._problem.solve_tight([(goal, 1.0)], limits, relax=True, rounds=8))
            limits[goal] = _within(float(goal.value))
        sparing = [(m.tie_break, 1.0), *((m.closed[pair], CLOSING) for pair in m.MAY_CLOSE)]
        chosen = self._problem.solve_tight(sparing, limits, relax=True, rounds=8)
        if chosen.x is None:
            return None
        self._problem.load(chosen.x)
        closed = self._within_operations(self._carrying())
        if closed is None:
            return None
        held = self._held(closed)
        bounds: dict[str, float | None] = {}
        limits = pyo.ComponentMap()
        for name, goal in self._goals.items():
            relaxed = self._problem.solve_tight([(goal, 1.0)], limits, relax=True, rounds=8)
            reached = self._problem.solve_tight(
                [(goal, 1.0)], _both(held, limits), relax=not self._has_commitment()
            )
            if relaxed.bound is None or reached.value is None:
                return None
            if reached.value > relaxed.bound + self._gap(relaxed.bound):
                return None
            bounds[name] = relaxed.bound
            limits[goal] = _within(reached.value)
        return closed, bounds

    def _gap(self, bound: float) -> float:
        """Return the gap within which switches count as best, wider where operations count."""
        counted = counts_operations(self._options)
        return max(SWITCHING_GAP, COUNTED_GAP_SHARE * abs(bound)) if counted else SWITCHING_GAP

    def _within_operations(self, wanted: SwitchHours) -> SwitchHours | None:
        """Return forests that hold what is wanted so far as operations let, or None.

        A switch may stay closed between hours that want it: it only widens what can be done.
        """
        if not counts_operations(self._options):
            return wanted
        may_close = {s: np.zeros(len(self._m.T), dtype=bool) for s in wanted}
        for switch, t in self._m.MAY_CLOSE:
            may_close[switch][t] = True
        return trajectories(
            all_switches(self._case),
            wanted,
            may_close,
            radial=self._options.radial,
            limit=self._options.operation_limit,
            operation_price=self._options.operation_cost_usd,
            missed_price=MISSED_USD,
        )

    def _carrying(self) -> SwitchHours:
        """Return the forest of ties that carry most in the solution that stands in the model."""
        m = self._m
        ends = {s.id: s.ends for s in all_switches(self._case)}
        closed = {s: np.zeros(len(m.T), dtype=bool) for s in ends}
        for t in m.T:
            graph = nx.MultiGraph()
            for switch, hour in m.MAY_CLOSE:
                if hour == t:
                    kva = float(np.hypot(m.p_tie[switch, t].value, m.q_tie[switch, t].value))
                    if kva > IDLE_KVA:
                        graph.add_edge(*ends[switch], key=switch, kva=kva)
            kept = (
                nx.maximum_spanning_edges(graph, weight="kva", keys=True, data=False)
                if self._options.radial
                else graph.edges(keys=True)
            )
            for _, _, switch in kept:
                closed[switch][t] = True
        return closed

    def _search_switches(self) -> tuple[SwitchHours, dict[str, float | None]]:
        """Return the switches that mixed-integer solves find, goal after goal."""
        closed = read_closed(self._m, self._case)
        limits: VariableBounds = pyo.ComponentMap()
        bounds: dict[str, float | None] = {}
        for name, goal in self._goals.items():
            self._accept(self._problem.solve_tight([(goal, 1.0)], limits, relax=True, rounds=8))
            outcome, closed = self._choose_switches(goal, limits)
            bounds[name] = outcome.bound
            limits[goal] = _within(float(goal.value))
        return closed, bounds

    def _choose_switches(self, goal: Any, limits: VariableBounds) -> tuple[Outcome, SwitchHours]:
        """Solve until the closed switches form a forest."""
        m = self._m
        for _ in range(50):
            outcome = self._accept(
                self._problem.solve(
                    [(goal, 1.0)],
                    limits,
                    time_limit_s=self._options.time_limit_s,
                    gap_abs=self._gap(float(goal.value)),
                )
            )
            closed = read_closed(m, self._case)
            if not counts_operations(self._options):
                closed = open_idle(m, self._case, closed, idle_kva=IDLE_KVA)
            if not self._options.radial or not self._cut_cycles(closed):
                return outcome, closed
        raise SolverError("the closed switches still form cycles after 50 rounds")

    def _held(self, closed: SwitchHours) -> VariableBounds:
        held = exchange_bounds(self._m, self._case, closed)
        for switch, t in self._m.MAY_CLOSE:
            position = float(closed[switch][t])
            held[self._m.closed[switch, t]] = (position, position)
        return held

    def _operate(self, goal: Any, held: VariableBounds, limits: VariableBounds) -> Outcome:
        """Solve until every store goes one way."""
        m, case = self._m, self._case
        while True:
            bounds = _both(_both(held, limits), self._one_way)
            outcome = self._accept(
                self._problem.solve_tight([(goal, 1.0)], bounds, relax=not self._has_commitment())
            )
            found = both_ways(read_operation(m, case, read_closed(m, case)))
            for key, t in found:
                b = m.dev[key]
                lesser = b.charge if b.charge[t].value < b.discharge[t].value else b.discharge
                self._one_way[lesser[t]] = (0.0, 0.0)
            if not found:
                return outcome

    def _has_commitment(self) -> bool:
        return bool(committed(self._m))

    def _accept(self, outcome: Outcome) -> Outcome:
        if not outcome.accepted:
            kind = NoScheduleError if outcome.stop is Stop.INFEASIBLE else SolverError
            raise kind(
                f"no schedule without the feeder: {outcome.solver} says {outcome.message}; "
                "check reactive power, EV trips and minimum loads of each microgrid"
            )
        self._problem.load(outcome.values())
        return outcome

    def _cut_cycles(self, closed: SwitchHours) -> bool:
        """Cut off the cycles of a schedule in every hour; return whether there were any."""
        found = {nodes for nodes, _ in cycles_closed(self._case, closed)}
        cut_cycles(self._m, self._case, self._problem, found)
        return bool(found)


def _both(one: VariableBounds, other: VariableBounds) -> VariableBounds:
    """Return the bounds of both; those of the second where both bound a variable."""
    merged: VariableBounds = pyo.ComponentMap()
    merged.update(one)
    merged.update(other)
    return merged


def margin(reached: float) -> float:
    """Return by how much a goal may exceed what it reached, as later goals add tangents."""
    return 1e-2 + 1e-5 * abs(reached)


def _within(reached: float) -> tuple[float, float]:
    """Bound a goal by what it reached, with its margin."""
    return -np.inf, reached + margin(reached)
