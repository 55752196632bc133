"""The whole of Level 4 as one mixed-integer problem: HiGHS on tangents, or Bonmin on cones."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyomo.environ as pyo

from cmgplan.arrays import FloatArray
from cmgplan.planning.case.records import Case, PlanOptions
from cmgplan.planning.model.bound_proof import WHOLE, BoundProof
from cmgplan.planning.model.grid_models import ConvexModel, linear_problem
from cmgplan.planning.model.schedule import VariableBounds
from cmgplan.planning.model.switching import (
    cut_cycles,
    cycles_closed,
    forest_cuts,
)
from cmgplan.planning.switch_search.schedules import (
    Incumbent,
    PointQuestion,
    SwitchesFound,
    SwitchSchedule,
    goals_of,
    read_schedule,
)
from cmgplan.planning.switch_search.tuning import TUNING
from cmgplan.solve import LinearProblem, Outcome, Stop
from cmgplan.solve.bonmin import solve_bonmin

NO_FINER = "value and bound differ with the finest tangents"

ANY_BREAK = 1.0
"""Break of the rows that stands for that of a problem which a solver finds infeasible."""

NONE_OPERATES = "no schedule that the relaxation chose has an AC operation under the caps"


def _whole(
    found: SwitchesFound, weights: Mapping[str, float], caps: Mapping[str, float]
) -> BoundProof | None:
    """Return the proof that is kept with the run, of a bound that a solver of the whole states."""
    if found.infeasible:
        return BoundProof(WHOLE, ANY_BREAK, {}, dict(caps))
    return (
        None if found.bound is None else BoundProof(WHOLE, found.bound, dict(weights), dict(caps))
    )


class HighsSearch:
    """Search by HiGHS on the relaxation whose cones are replaced by tangents.

    Tangents are first gathered on the linear relaxation until it stands still, then the
    mixed-integer problem is solved; its dual bound holds for the cones as well, since tangents
    contain them. Cycles that the short cuts left are cut off, and only the hours that had them
    are solved again.
    """

    def __init__(
        self,
        case: Case,
        options: PlanOptions,
        convex: ConvexModel,
        problem: LinearProblem | None = None,
    ) -> None:
        self._case, self._options, self._m = case, options, convex.model
        self._problem: LinearProblem = problem or linear_problem(convex)
        self._last: FloatArray | None = None

    def run(self, asked: PointQuestion, incumbent: Incumbent) -> SwitchesFound:
        """See ``SwitchSearch``."""
        found = self._run(asked, incumbent)
        return replace(found, proof=_whole(found, asked.weights, asked.caps))

    def _run(self, asked: PointQuestion, incumbent: Incumbent) -> SwitchesFound:
        goals, gap_abs = goals_of(self._m), asked.solver_gap_abs
        pairs = [(goals[name], weight) for name, weight in asked.weights.items()]
        bounds: VariableBounds = pyo.ComponentMap()
        for name, cap in asked.caps.items():
            bounds[goals[name]] = (-np.inf, cap)
        deadline = time.perf_counter() + asked.time_limit_s
        relaxed = self._problem.solve_tight(
            pairs,
            bounds,
            relax=True,
            rounds=TUNING.whole.relaxed_rounds,
            time_limit_s=asked.time_limit_s,
        )
        if relaxed.stop is Stop.INFEASIBLE:
            return SwitchesFound(None, True, "the linear relaxation is infeasible", "HiGHS")
        bound = relaxed.bound
        for tolerance in TUNING.whole.finer_kw:
            mixed = self._mixed(pairs, bounds, deadline, gap_abs)
            if mixed.stop is Stop.INFEASIBLE:
                return SwitchesFound(None, True, "the relaxation is infeasible", "HiGHS")
            bound = max((b for b in (bound, mixed.bound) if b is not None), default=None)
            if not mixed.accepted:
                return SwitchesFound(bound, False, mixed.message, mixed.solver)
            self._last = mixed.values()
            incumbent.proved(bound, "HiGHS")
            schedule = self._without_cycles(mixed, pairs, bounds)
            if schedule is not None:
                incumbent.offer(schedule)
            if bound is not None and incumbent.best - bound <= gap_abs:
                return SwitchesFound(bound, False, mixed.message, mixed.solver)
            if time.perf_counter() > deadline:
                break
            self._problem.resolve_at(self._last, tolerance, tolerance)
        reason = NO_FINER if np.isfinite(incumbent.best) else NONE_OPERATES
        return SwitchesFound(bound, False, reason, mixed.solver)

    def _mixed(
        self,
        pairs: Sequence[tuple[Any, float]],
        bounds: VariableBounds,
        deadline: float,
        gap_abs: float,
    ) -> Outcome:
        """Solve with integers, again with the tangents that its answer breaks while time is left.

        The bound is the largest of all rounds: each holds, as tangents contain the cones.
        """
        proven: float | None = None
        start = self._last
        held: Outcome | None = None
        for _ in range(TUNING.whole.tangent_rounds):
            left = max(deadline - time.perf_counter(), 1.0)
            outcome = self._problem.solve(
                pairs, bounds, time_limit_s=left, gap_abs=gap_abs, start=start
            )
            proven = max((b for b in (proven, outcome.bound) if b is not None), default=None)
            if outcome.stop is Stop.INFEASIBLE:
                return outcome
            held = outcome if outcome.accepted else held
            if outcome.stop is not Stop.OPTIMAL or time.perf_counter() > deadline:
                break
            start = outcome.values()
            if self._problem.tangents_at(start) == 0:
                break
        return replace(held or outcome, bound=proven)

    def _without_cycles(
        self, outcome: Outcome, pairs: Sequence[tuple[Any, float]], bounds: VariableBounds
    ) -> SwitchSchedule | None:
        """Return the outcome's schedule, with hours that hold cycles solved again."""
        m, case = self._m, self._case
        for _ in range(TUNING.whole.cycle_rounds):
            self._problem.load(outcome.values())
            schedule = read_schedule(m, case, self._options, outcome.solver)
            cycles = cycles_closed(case, schedule.closed) if self._options.radial else []
            if not cycles:
                return schedule
            cut_cycles(m, case, self._problem, {nodes for nodes, _ in cycles})
            outcome = self._repair(schedule, {t for _, t in cycles}, pairs, bounds)
            if not outcome.accepted:
                return None
        return None

    def _repair(
        self,
        schedule: SwitchSchedule,
        hours: set[int],
        pairs: Sequence[tuple[Any, float]],
        bounds: VariableBounds,
    ) -> Outcome:
        """Solve again with the switches of all other hours held."""
        m = self._m
        held: VariableBounds = pyo.ComponentMap()
        held.update(bounds)
        for switch, t in m.MAY_CLOSE:
            if t not in hours:
                position = float(schedule.closed[switch][t])
                held[m.closed[switch, t]] = (position, position)
        tuned = TUNING.whole
        return self._problem.solve(
            pairs, held, time_limit_s=tuned.repair_s, gap_abs=tuned.repair_gap
        )


class BonminSearch:
    """Search by Bonmin on the relaxation with its cones as convex rows."""

    def __init__(self, case: Case, options: PlanOptions, convex: ConvexModel) -> None:
        self._case, self._options, self._m = case, options, convex.model
        self._linear: LinearProblem = linear_problem(convex)
        m = self._m
        cone_rows = pyo.ConstraintList(doc="coefficient (p^2 + q^2) / v <= level")
        m.add_component("cone_rows", cone_rows)
        for cone in convex.cones:
            square = cone.coefficient * (cone.p**2 + cone.q**2)
            if not cone.implied:
                whole = cone.v is None or cone.switched
                cone_rows.add((square if whole else square / cone.v) <= cone.level)
        disk_rows = pyo.ConstraintList(doc="(p^2 + q^2) / rating^2 <= switch^2")
        m.add_component("disk_rows", disk_rows)
        for disk in convex.disks:
            p = disk.p if disk.less is None else disk.p - disk.less
            share = (p / disk.rating) ** 2 + (disk.q / disk.rating) ** 2
            disk_rows.add(share <= (1.0 if disk.switch is None else disk.switch))

    def run(self, asked: PointQuestion, incumbent: Incumbent) -> SwitchesFound:
        """See ``SwitchSearch``."""
        m, case = self._m, self._case
        goals = goals_of(m)
        for name, goal in goals.items():
            goal.setub(asked.caps.get(name))
        pairs = [(goals[name], weight) for name, weight in asked.weights.items()]
        deadline = time.perf_counter() + asked.time_limit_s
        for _ in range(TUNING.whole.cycle_rounds):
            outcome = self._solve(pairs, deadline, asked.solver_gap_abs)
            if outcome.stop is Stop.INFEASIBLE:
                return self._infeasible(pairs, asked.caps)
            if not outcome.accepted:
                return SwitchesFound(outcome.bound, False, outcome.message, "Bonmin")
            schedule = read_schedule(m, case, self._options, "Bonmin")
            cycles = cycles_closed(case, schedule.closed) if self._options.radial else []
            if not cycles:
                incumbent.proved(outcome.bound, "Bonmin")
                incumbent.offer(schedule)
                found = SwitchesFound(outcome.bound, False, outcome.message, "Bonmin")
                return replace(found, proof=_whole(found, asked.weights, asked.caps))
            self._cut({nodes for nodes, _ in cycles})
        return SwitchesFound(None, False, "the closed switches keep forming cycles", "Bonmin")

    def _solve(
        self, pairs: Sequence[tuple[Any, float]], deadline: float, gap_abs: float
    ) -> Outcome:
        """Solve by branch and bound; where that finds nothing, by the hybrid algorithm."""
        for algorithm in ("B-BB", "B-Hyb"):
            outcome = solve_bonmin(
                self._m,
                pairs,
                time_limit_s=max(deadline - time.perf_counter(), 1.0),
                gap_abs=gap_abs,
                algorithm=algorithm,
            )
            if outcome.accepted:
                break
        return outcome

    def _infeasible(
        self, pairs: Sequence[tuple[Any, float]], caps: Mapping[str, float]
    ) -> SwitchesFound:
        """Ask the linear relaxation for a proof: Bonmin's statement rests on local solves."""
        bounds: VariableBounds = pyo.ComponentMap()
        for name, cap in caps.items():
            bounds[goals_of(self._m)[name]] = (-np.inf, cap)
        relaxed = self._linear.solve_tight(
            pairs, bounds, relax=True, rounds=TUNING.whole.relaxed_rounds
        )
        if relaxed.stop is Stop.INFEASIBLE:
            return SwitchesFound(None, True, "the linear relaxation is infeasible", "HiGHS")
        reason = "Bonmin finds nothing feasible, the linear relaxation does"
        return SwitchesFound(relaxed.bound, False, reason, "Bonmin")

    def _cut(self, node_sets: set[frozenset[str]]) -> None:
        for inside, most in forest_cuts(self._m, self._case, node_sets):
            self._m.forest.add(pyo.quicksum(inside) <= most)
