"""Switch search by hours: Lagrangian bound, hull of topologies, rounding.

The binaries of one hour meet those of another nowhere; stored energy, moved demand, the caps and
switch operations couple hours by linear rows. ``solve.blocks`` has the mathematics.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np
import pyomo.environ as pyo

from cmgplan.case.records import Case, PlanOptions
from cmgplan.devices.base import FloatArray
from cmgplan.planning.grid_models import ConvexModel, linear_problem
from cmgplan.planning.grid_search import (
    HighsSearch,
    SwitchesFound,
    SwitchSchedule,
    cut_cycles,
    goals_of,
    read_schedule,
)
from cmgplan.planning.schedule import VariableBounds
from cmgplan.planning.switching import cycles_closed
from cmgplan.solve import LinearProblem, Stop
from cmgplan.solve.blocks import GLOBAL, BlockProblem, Hull, Pattern, Priced
from cmgplan.solve.cones import IntArray, Rows

UNBOUNDED_USD = 1e6
"""Box of f1, f2, f3, far beyond any value; a Lagrangian bound needs finite boxes."""

SEARCH_SHARE = 0.5
"""Share of the time limit that bound and hull take; rounding and AC take the rest."""

KEPT_PATTERNS = 4
"""Topologies per hour that the hull works with."""

ROUNDING_PATTERNS = 4
ROUNDING_SHARE = 0.25
"""Topologies per hour, and share of the time, of the choice of one topology in each hour."""

PRICE_GAP_SHARE = 0.2
"""Share of the wanted gap that the hours' mixed-integer solves may leave together."""


class DecompositionSearch:
    """Search that alternates between hourly mixed-integer problems and the hull.

    Where the topologies that the hours propose meet the coupling rows in no mix, the whole
    mixed-integer problem is solved instead.
    """

    def __init__(self, case: Case, options: PlanOptions, convex: ConvexModel) -> None:
        self._case, self._options, self._m = case, options, convex.model
        self._problem: LinearProblem = linear_problem(convex)
        self._whole = HighsSearch(case, options, convex, self._problem)
        self._blocks = BlockProblem(self._problem, hour_of_columns(self._problem, case))
        self._pool: list[dict[Pattern, int]] = [{} for _ in range(self._blocks.n_blocks)]
        self._round = 0
        self._best_bound = -np.inf
        self._best_rows: Rows | None = None
        self._workers = ThreadPoolExecutor(max_workers=options.jobs)

    def run(
        self,
        weights: Mapping[str, float],
        caps: Mapping[str, float],
        *,
        time_limit_s: float,
        gap_abs: float,
    ) -> SwitchesFound:
        """See ``SwitchSearch``."""
        begun = time.perf_counter()
        deadline = begun + SEARCH_SHARE * time_limit_s
        self._forget_bound()
        goals = goals_of(self._m)
        pairs = [(goals[name], weight) for name, weight in weights.items()]
        bounds: VariableBounds = pyo.ComponentMap()
        for name, goal in goals.items():
            bounds[goal] = (-UNBOUNDED_USD, caps.get(name, UNBOUNDED_USD))
        relaxed = self._problem.solve_tight(
            pairs, bounds, relax=True, rounds=5, time_limit_s=time_limit_s
        )
        if relaxed.stop is Stop.INFEASIBLE:
            return SwitchesFound((), None, True, "the linear relaxation is infeasible", "hours")
        if not relaxed.accepted:
            return SwitchesFound((), None, False, relaxed.message, "hours")
        vectors = self._problem.vectors(pairs, bounds)
        self._blocks.refresh()
        multipliers = self._blocks.multipliers_from(self._problem.row_duals())
        bound = relaxed.bound if relaxed.bound is not None else -np.inf
        hull: Hull | None = None
        reason = "the time limit"
        rounds = 0
        while True:
            rounds += 1
            bound = max(bound, self._price(vectors, multipliers, gap_abs, deadline))
            found = self._hull(vectors, deadline)
            if found is None:
                break
            hull, multipliers = found, found.multipliers
            if hull.value - bound <= gap_abs:
                reason = f"hull and bound meet after {rounds} rounds"
                break
            if time.perf_counter() > deadline:
                break
        self._keep_bound()
        if hull is None:
            left = max(time_limit_s - (time.perf_counter() - begun), 1.0)
            whole = self._whole.run(weights, caps, time_limit_s=left, gap_abs=gap_abs)
            if whole.bound is None or whole.bound < bound < np.inf:
                return replace(whole, bound=bound if np.isfinite(bound) else None)
            return whole
        schedules = self._rounded(
            hull, vectors, max(ROUNDING_SHARE * time_limit_s, 2.0), PRICE_GAP_SHARE * gap_abs
        )
        return SwitchesFound(schedules, bound, False, reason, "hours")

    def _forget_bound(self) -> None:
        self._best_bound, self._best_rows = -np.inf, None

    def _keep_bound(self) -> None:
        """Keep the best bound's rows: they are true of later questions as well."""
        if self._best_rows is not None:
            self._problem.add_bounding_rows(self._best_rows)

    def _price(
        self,
        vectors: tuple[FloatArray, FloatArray, FloatArray],
        multipliers: FloatArray,
        gap_abs: float,
        deadline: float,
    ) -> float:
        """Return the Lagrangian bound, and put each hour's topology into the pool.

        Hours whose switches close a cycle that no row excludes yet are solved again.
        """
        cost, lower, upper = vectors
        hours = self._blocks.n_blocks
        constant, reduced = self._blocks.relaxed(cost, lower, upper, multipliers)
        answers: list[Priced] = [Priced(-np.inf, None)] * hours
        waiting = list(range(hours))
        for _ in range(6):
            left = max(deadline - time.perf_counter(), 1.0)
            price = partial(
                self._blocks.price,
                reduced=reduced,
                lower=lower,
                upper=upper,
                gap_abs=PRICE_GAP_SHARE * gap_abs / hours,
                time_limit_s=max(left / len(waiting), 0.5),
            )
            for hour, answer in zip(waiting, self._workers.map(price, waiting), strict=True):
                answers[hour] = answer
            x = self._blocks.expand(answers)
            waiting = self._cut_cycles(x)
            self._blocks.refresh()
            if not waiting:
                break
        self._problem.tangents_at(x)
        self._blocks.refresh()
        bound = constant + sum(answer.bound for answer in answers)
        if bound > self._best_bound:
            self._best_bound = bound
            self._best_rows = self._blocks.bounding_rows(reduced, answers)
        self._remember(x, without=waiting)
        return bound

    def _hull(
        self, vectors: tuple[FloatArray, FloatArray, FloatArray], deadline: float
    ) -> Hull | None:
        """Solve the hull, refining tangents at its points once."""
        hull = None
        for _ in range(2):
            patterns = [
                sorted(pool, key=lambda p, pool=pool: -pool[p])[:KEPT_PATTERNS]  # type: ignore[misc]
                for pool in self._pool
            ]
            if not all(patterns):
                return None
            hull = self._blocks.hull(
                *vectors, patterns, time_limit_s=max(deadline - time.perf_counter(), 5.0)
            )
            if hull is None:
                return None
            self._age(hull)
            added = sum(self._problem.tangents_at(point) for point in self._blocks.points_of(hull))
            self._blocks.refresh()
            if added == 0:
                break
        return hull

    def _remember(self, x: FloatArray, without: Sequence[int]) -> None:
        self._round += 1
        self._problem.load(x)
        for hour, pattern in enumerate(self._opened_patterns(x)):
            if hour not in without:
                self._pool[hour][pattern] = self._round

    def _opened_patterns(self, x: FloatArray) -> list[Pattern]:
        """Return each hour's binaries with switches that carry nothing opened."""
        schedule = read_schedule(self._m, self._case, self._options, "price")
        for switch, t in self._m.MAY_CLOSE:
            column = self._problem.column(self._m.closed[switch, t])
            x[column] = float(schedule.closed[switch][t])
        return [self._blocks.pattern_of(k, x) for k in range(self._blocks.n_blocks)]

    def _age(self, hull: Hull) -> None:
        """Keep the topologies that the hull uses young."""
        for hour, weights in enumerate(hull.weights):
            for pattern, weight in weights.items():
                if weight > 1e-4:
                    self._pool[hour][pattern] = self._round + 1

    def _cut_cycles(self, x: FloatArray) -> list[int]:
        """Cut off the cycles that a point's switches close; return their hours."""
        if not self._options.radial:
            return []
        self._problem.load(x)
        schedule = read_schedule(self._m, self._case, self._options, "price")
        cycles = cycles_closed(self._case, schedule.closed)
        cut_cycles(self._m, self._case, self._problem, {nodes for nodes, _ in cycles})
        return sorted({t for _, t in cycles})

    def _rounded(
        self,
        hull: Hull,
        vectors: tuple[FloatArray, FloatArray, FloatArray],
        time_limit_s: float,
        gap_abs: float,
    ) -> list[SwitchSchedule]:
        """Return schedules of whole topologies: the best mix-free one, and the largest weights."""
        patterns = [
            [p for p in sorted(w, key=lambda p, w=w: -w[p])[:ROUNDING_PATTERNS] if w[p] > 1e-3]  # type: ignore[misc]
            for w in hull.weights
        ]
        largest = [chosen[0] for chosen in patterns]
        found = [largest]
        if any(len(chosen) > 1 for chosen in patterns):
            whole = self._blocks.hull(
                *vectors, patterns, time_limit_s=time_limit_s, whole=True, gap_abs=gap_abs
            )
            if whole is not None:
                best = [max(w, key=lambda p, w=w: w[p]) for w in whole.weights]  # type: ignore[misc]
                found = [best] if best == largest else [best, largest]
        return [self._schedule_of(chosen) for chosen in found]

    def _schedule_of(self, patterns: Sequence[Pattern]) -> SwitchSchedule:
        x = np.zeros(self._problem.n)
        for hour, pattern in enumerate(patterns):
            x[self._blocks.binaries_of(hour)] = pattern
        self._problem.load(x)
        return read_schedule(self._m, self._case, self._options, "hull", keep_idle=True)


def hour_of_columns(problem: LinearProblem, case: Case) -> IntArray:
    """Return the hour of each column; stored energy and the objectives link the hours."""
    hours = case.file.time.hours
    found = np.full(problem.n, GLOBAL, dtype=np.int64)
    for k, variable in enumerate(problem.variables):
        parent = variable.parent_component()
        index = variable.index()
        last = index[-1] if isinstance(index, tuple) else index
        if parent.local_name != "soc" and isinstance(last, int) and 0 <= last < hours:
            found[k] = last
    return found
