"""Switch search by hours: Lagrangian bound, hull of topologies, rounding.

The binaries of one hour meet those of another nowhere; stored energy, moved demand, the caps and
switch operations couple hours by linear rows. ``solve.blocks`` has the mathematics.
"""

from __future__ import annotations

import itertools
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
from cmgplan.solve.blocks import GLOBAL, BlockProblem, Pattern, Priced
from cmgplan.solve.cones import IntArray
from cmgplan.solve.hull import Hull, points_of, solve_hull

UNBOUNDED_USD = 1e6
"""Box of f1, f2, f3, far beyond any value; a Lagrangian bound needs finite boxes."""

SEARCH_SHARE = 0.6
"""Share of the time limit that bound and hull take; rounding and AC take the rest."""

LEAST_ROUNDS = 2
"""Rounds of prices and hull that are made whatever the time."""

KEPT_PATTERNS = 3
"""Topologies per hour that the hull works with."""

HULL_TIME_S = 20.0
"""Time that a hull may take when the search's own time is used up."""

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
        self._prices: list[tuple[FloatArray, FloatArray, float]] = []
        self._workers = ThreadPoolExecutor(max_workers=options.jobs)

    def run(
        self,
        weights: Mapping[str, float],
        caps: Mapping[str, float],
        *,
        time_limit_s: float,
        gap_abs: float,
        known: Sequence[SwitchSchedule] = (),
    ) -> SwitchesFound:
        """See ``SwitchSearch``."""
        begun = time.perf_counter()
        deadline = begun + SEARCH_SHARE * time_limit_s
        goals = goals_of(self._m)
        pairs = [(goals[name], weight) for name, weight in weights.items()]
        bounds: VariableBounds = pyo.ComponentMap()
        for name, goal in goals.items():
            bounds[goal] = (-UNBOUNDED_USD, caps.get(name, UNBOUNDED_USD))
        vectors = self._problem.vectors(pairs, bounds)
        bound, multipliers = self._remembered(vectors)
        asked_before = multipliers is not None
        relaxed = self._problem.solve_tight(
            pairs, bounds, relax=True, rounds=1 if asked_before else 5
        )
        if relaxed.stop is Stop.INFEASIBLE:
            return SwitchesFound((), None, True, "the linear relaxation is infeasible", "hours")
        if not relaxed.accepted:
            return SwitchesFound((), None, False, relaxed.message, "hours")
        self._blocks.refresh()
        linear_bound = -np.inf if relaxed.bound is None else relaxed.bound
        if multipliers is None or linear_bound > bound:
            multipliers = self._blocks.multipliers_from(self._problem.row_duals())
        bound = max(bound, linear_bound)
        for schedule in known:
            self._learn(schedule)
        hull = self._hull(vectors, deadline) if asked_before else None
        reason = "the time limit"
        for round_number in itertools.count(1):
            multipliers = multipliers if hull is None else hull.multipliers
            bound = max(bound, self._price(vectors, multipliers, gap_abs, deadline))
            found = self._hull(vectors, deadline)
            if found is None:
                break
            hull = found
            if hull.value - bound <= gap_abs:
                reason = f"hull and bound meet after {round_number} rounds"
                break
            if round_number >= LEAST_ROUNDS and time.perf_counter() > deadline:
                break
        if hull is None:
            left = max(time_limit_s - (time.perf_counter() - begun), 1.0)
            whole = self._whole.run(weights, caps, time_limit_s=left, gap_abs=gap_abs)
            if whole.bound is None or whole.bound < bound < np.inf:
                return replace(whole, bound=bound if np.isfinite(bound) else None)
            return whole
        return SwitchesFound([self._rounded(hull)], bound, False, reason, "hours")

    def _remembered(
        self, vectors: tuple[FloatArray, FloatArray, FloatArray]
    ) -> tuple[float, FloatArray | None]:
        """Return the best bound that earlier prices give under these caps, and its multipliers.

        The hours' bounds depend on objective and multipliers alone; caps enter the rest.
        """
        best: tuple[float, FloatArray | None] = (-np.inf, None)
        for cost, multipliers, hours_bound in self._prices:
            if np.array_equal(cost, vectors[0]):
                constant, _ = self._blocks.relaxed(*vectors, multipliers)
                if constant + hours_bound > best[0]:
                    best = (constant + hours_bound, multipliers)
        return best

    def _learn(self, schedule: SwitchSchedule) -> None:
        """Put the topologies of a schedule that is known to work into the pool."""
        x = np.zeros(self._problem.n)
        for switch, t in self._m.MAY_CLOSE:
            x[self._problem.column(self._m.closed[switch, t])] = schedule.closed[switch][t]
        for key, on in schedule.on.items():
            for t, committed in enumerate(on):
                x[self._problem.column(self._m.dev[key].on[t])] = round(float(committed))
        for hour in range(self._blocks.n_blocks):
            self._pool[hour][self._blocks.pattern_of(hour, x)] = self._round + 1

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
        self._problem.tangents_at(x, coarse=True)
        self._blocks.refresh()
        bound = constant + sum(answer.bound for answer in answers)
        self._prices.append((cost, multipliers, bound - constant))
        self._remember(x, without=waiting)
        return bound

    def _hull(
        self, vectors: tuple[FloatArray, FloatArray, FloatArray], deadline: float
    ) -> Hull | None:
        """Solve the hull over the youngest topologies; refine tangents at its points."""
        patterns = [
            sorted(pool, key=lambda p, pool=pool: -pool[p])[:KEPT_PATTERNS]  # type: ignore[misc]
            for pool in self._pool
        ]
        if not all(patterns):
            return None
        hull = solve_hull(
            self._blocks,
            *vectors,
            patterns,
            time_limit_s=max(deadline - time.perf_counter(), HULL_TIME_S),
        )
        if hull is not None:
            self._age(hull)
            for point in points_of(self._blocks, hull):
                self._problem.tangents_at(point)
            self._blocks.refresh()
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

    def _rounded(self, hull: Hull) -> SwitchSchedule:
        """Return the schedule of each hour's topology of largest weight."""
        return self._schedule_of([max(w, key=w.__getitem__) for w in hull.weights])

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
