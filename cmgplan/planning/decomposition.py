"""Switch search by hours: Lagrangian bound, hull of topologies, rounding.

The binaries of one hour meet those of another nowhere; stored energy, moved demand, the caps and
switch operations couple hours by linear rows. ``solve.blocks`` and ``solve.hull`` have the
mathematics.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import pyomo.environ as pyo

from cmgplan.case.records import Case, PlanOptions
from cmgplan.devices.base import FloatArray
from cmgplan.planning.grid_models import ConvexModel, linear_problem
from cmgplan.planning.grid_search import (
    HighsSearch,
    Judge,
    SwitchesFound,
    SwitchSchedule,
    cut_cycles,
    goals_of,
)
from cmgplan.planning.schedule import VariableBounds
from cmgplan.planning.topologies import Topologies
from cmgplan.solve import LinearProblem
from cmgplan.solve.blocks import GLOBAL, BlockProblem, Pattern, Priced
from cmgplan.solve.cones import IntArray
from cmgplan.solve.hull import Hull, Question, points_of, solve_hull

PRICE_GAP_SHARE = 0.2
"""Share of the wanted gap that the hours' mixed-integer solves may leave together."""

TANGENT_SHARE = 0.1
"""Share of the wanted gap that the tangents of all hours may leave together."""

INWARD = 0.4
"""Share of the prices of the best bound in those that are asked (Wentges 1997, doi
10.1016/S0969-6016(97)00001-4): the hull's own overshoot while it knows few topologies."""

FAR_SHARE = 0.5
"""Share of what value and bound are apart that the hours' gap is taken from for now."""

UNKNOWN_UNITS = 10.0
"""The same while there is no bound, in units of the question."""

LOOSE_GAP = 1.0
"""Gap of the hours together, where no gap is asked for."""

TANGENT_RANGE_KW = (1e-6, 1e-2)
DISK_TOLERANCE_KVA = 5e-3

FEASIBLE_BREAK = 1e-6
"""Break of the coupling rows, in $ and kWh together, that is the solver's tolerance."""

INFEASIBLE_BREAK = 1e-4
"""Proven break of the coupling rows from which a question counts as infeasible."""

TAKEN = 0.95
"""Weight from which a topology is taken in its hour when the hull is rounded."""

SURE = 1.0 - 1e-4
"""Weight from which a topology is the only one of its hour."""

USED = 1e-4
"""Weight under which a topology is not in use."""

FEW_BINARIES = 150
"""Binaries up to which HiGHS is asked to close a duality gap on the whole problem."""

STUCK_SHARE = 0.02
"""Share of the wanted gap by which the bound must rise where no topology is new."""

NEAR = 2.0
"""Multiple of the wanted gap within which hull and bound are worth a schedule."""

FEW_HOURS = 5
"""Open hours that are decided one by one, each by trial."""


class _OutOfTimeError(Exception):
    """The search's time is used up."""


class _InfeasibleError(Exception):
    """The hours prove that nothing meets the coupling rows."""


@dataclass
class _Search:
    """State of one question.

    Attributes
    ----------
    bound
        Best proven bound so far.
    rounded
        Schedules that the hull has been rounded to and that nobody has operated, by the value
        that the relaxation gives them.
    priced, rounds
        Rounds of prices so far, and how many there may be.
    """

    question: Question
    gap_abs: float
    deadline: float
    bound: float = -np.inf
    prices: FloatArray | None = None
    rounded: list[tuple[float, SwitchSchedule]] = field(default_factory=list)
    priced: int = 0
    rounds: int = 10_000

    def gap_now(self, value: float) -> float:
        """Return a gap that is fine enough while ``value`` and bound are still far apart."""
        unknown = not np.isfinite(self.bound)
        apart = UNKNOWN_UNITS * self.question.unit if unknown else FAR_SHARE * (value - self.bound)
        return max(min(self.gap_abs, LOOSE_GAP), apart)

    @property
    def without_objective(self) -> _Search:
        """The question of feasibility alone: its bound is positive only if nothing is feasible."""
        zero = replace(self.question, cost=np.zeros_like(self.question.cost))
        return replace(self, question=zero, gap_abs=INFEASIBLE_BREAK, bound=0.0, prices=None)

    def stopped(self, *, stuck: bool) -> str:
        """Return why the search ends without having closed the gap; empty if it goes on."""
        if stuck:
            return "nothing new"
        if self.left_s <= 0.0:
            return "the time limit"
        return "stopped" if self.priced >= self.rounds else ""

    def meets(self, judge: Judge) -> bool:
        """Whether value and bound meet; schedules are operated once they promise that."""
        while True:
            least = min([judge.best, *(value for value, _ in self.rounded)])
            if not least - self.bound <= self.gap_abs < np.inf:
                return False
            if judge.best - self.bound <= self.gap_abs:
                return True
            self.operate_best(judge)

    def operate_best(self, judge: Judge) -> None:
        """Have the schedule judged that the relaxation values most."""
        self.rounded.sort(key=lambda entry: entry[0])
        value, schedule = self.rounded.pop(0)
        if value < judge.best:
            judge.value(schedule)

    @property
    def left_s(self) -> float:
        return self.deadline - time.perf_counter()


class DecompositionSearch:
    """Search that alternates between hourly mixed-integer problems and the hull."""

    def __init__(self, case: Case, options: PlanOptions, convex: ConvexModel) -> None:
        self._case, self._options, self._m = case, options, convex.model
        self._problem: LinearProblem = linear_problem(convex)
        self._whole = HighsSearch(case, options, convex, self._problem)
        self._blocks = BlockProblem(self._problem, hour_of_columns(self._problem, case))
        self._blocks.refresh()
        self._pool = Topologies(case, options, self._m, self._problem, self._blocks)
        self._prices: list[tuple[FloatArray, FloatArray, float]] = []
        self._last_s = np.zeros(self._blocks.n_blocks)
        self._workers = ThreadPoolExecutor(max_workers=options.jobs)

    def run(
        self,
        weights: Mapping[str, float],
        caps: Mapping[str, float],
        *,
        time_limit_s: float,
        gap_abs: float,
        judge: Judge,
        known: Sequence[SwitchSchedule] = (),
        rounds: int | None = None,
    ) -> SwitchesFound:
        """See ``SwitchSearch``; with an infinite gap, prices are asked once."""
        goals = goals_of(self._m)
        pairs = [(goals[name], weight) for name, weight in weights.items()]
        bounds: VariableBounds = pyo.ComponentMap()
        for name, goal in goals.items():
            bounds[goal] = (-np.inf, caps.get(name, np.inf))
        search = _Search(
            Question(
                *self._problem.vectors(pairs, bounds), unit=float(np.clip(gap_abs, 1e-3, LOOSE_GAP))
            ),
            gap_abs,
            time.perf_counter() + time_limit_s,
            rounds=10_000 if rounds is None else rounds,
        )
        self._pool.begin_round()
        for schedule in known:
            self._pool.learn_schedule(schedule)
        search.bound, search.prices = self._remembered(search.question)
        judge.proved(search.bound, "prices of earlier questions")
        try:
            reason = self._rounds(search, judge) if np.isfinite(gap_abs) else self._once(search)
        except _InfeasibleError:
            return SwitchesFound(None, True, "the hours prove that nothing meets the caps", "hours")
        except _OutOfTimeError:
            reason = "the time limit"
        while search.rounded:
            search.operate_best(judge)
        found = SwitchesFound(
            search.bound if np.isfinite(search.bound) else None, False, reason, "hours"
        )
        open_still = judge.best - search.bound > gap_abs and self._small
        if search.left_s > 0.0 and (open_still or not np.isfinite(judge.best)):
            return self._closed(found, weights, caps, search, judge)
        return found

    @property
    def _small(self) -> bool:
        """Whether the whole mixed-integer problem is worth a try."""
        return self._problem.size[2] <= FEW_BINARIES

    def _closed(
        self,
        found: SwitchesFound,
        weights: Mapping[str, float],
        caps: Mapping[str, float],
        search: _Search,
        judge: Judge,
    ) -> SwitchesFound:
        """Let HiGHS close on the whole problem what the decomposition cannot: a duality gap.

        It shrinks with the number of hours, so that only small problems have one that counts.
        """
        whole = self._whole.run(
            weights, caps, time_limit_s=search.left_s, gap_abs=0.5 * search.gap_abs, judge=judge
        )
        if whole.infeasible:
            return whole
        bounds = [bound for bound in (found.bound, whole.bound) if bound is not None]
        reason = f"{found.reason}; {whole.reason} on the whole problem"
        return replace(found, bound=max(bounds, default=None), reason=reason)

    def _rounds(self, search: _Search, judge: Judge) -> str:
        """Alternate until value and bound meet, or nothing new is found; return why."""
        while True:
            hull = self._mix(search)
            if hull.value - search.bound <= NEAR * search.gap_abs:
                self._round_off(search, hull)
                if search.meets(judge):
                    return f"value and bound meet after {search.priced} rounds of prices"
            before, proven = self._pool.count, search.bound
            self._resolve(search, points_of(self._blocks, hull), hull.multipliers)
            self._price(search, hull)
            search.priced += 1
            judge.proved(search.bound, "hours")
            if search.meets(judge):
                return f"value and bound meet after {search.priced} rounds of prices"
            reason = search.stopped(
                stuck=self._pool.count == before
                and search.bound - proven < STUCK_SHARE * search.gap_abs
            )
            if reason:
                self._round_off(search, self._mix(search))
                return f"{reason} after {search.priced} rounds of prices"

    def _once(self, search: _Search) -> str:
        """Ask for prices and round the hull once."""
        hull = self._mix(search)
        self._resolve(search, points_of(self._blocks, hull), hull.multipliers)
        self._price(search, hull)
        self._round_off(search, self._mix(search))
        return "one round of prices"

    def _mix(self, search: _Search) -> Hull:
        """Return the hull of the topologies known, or of all where some hour knows none.

        Where no mix meets the coupling rows, hours are priced by the break until one does.
        """
        while True:
            patterns = self._pool.kept() if self._pool.complete else None
            hull = self._solve(search, patterns)
            if isinstance(hull, Hull):
                self._age(hull)
                return hull
            broken = self._solve(search, patterns, elastic=True)
            before = self._pool.count
            if not isinstance(broken, Hull):
                raise _OutOfTimeError
            if self._price(search.without_objective, broken) > INFEASIBLE_BREAK:
                raise _InfeasibleError
            if search.left_s <= 0.0 or self._pool.count == before:
                raise _OutOfTimeError

    def _solve(
        self,
        search: _Search,
        patterns: Sequence[Sequence[Pattern | None]] | None,
        *,
        elastic: bool = False,
    ) -> Hull | None:
        relaxed: list[list[Pattern | None]] = [[None]] * self._blocks.n_blocks
        found = solve_hull(self._blocks, search.question, patterns or relaxed, elastic=elastic)
        return found if isinstance(found, Hull) else None

    def _remembered(self, question: Question) -> tuple[float, FloatArray | None]:
        """Return the best bound that earlier prices give under these caps, and these prices.

        The hours' bounds depend on objective and multipliers alone; caps enter the rest.
        """
        best: tuple[float, FloatArray | None] = (-np.inf, None)
        for cost, multipliers, hours_bound in self._prices:
            if np.array_equal(cost, question.cost):
                constant, _ = self._blocks.relaxed(*_vectors(question), multipliers)
                if constant + hours_bound > best[0]:
                    best = (constant + hours_bound, multipliers)
        return best

    def _resolve(
        self, search: _Search, points: Sequence[FloatArray], multipliers: FloatArray
    ) -> None:
        """Add tangents at points, as fine as the wanted gap and the price of losses ask for."""
        _, reduced = self._blocks.relaxed(*_vectors(search.question), multipliers)
        price = self._problem.cones.dearest(reduced)
        count = self._problem.cones.count
        fine = TANGENT_SHARE * min(search.gap_abs, LOOSE_GAP) / max(count * price, 1e-9)
        for point in points:
            self._problem.resolve_at(
                point, float(np.clip(fine, *TANGENT_RANGE_KW)), DISK_TOLERANCE_KVA
            )
        self._blocks.refresh()

    def _price(self, search: _Search, hull: Hull) -> float:
        """Return the Lagrangian bound, and put each hour's topology into the pool."""
        question = search.question
        vectors = _vectors(question)
        hours = self._blocks.n_blocks
        multipliers = hull.multipliers
        if search.prices is not None:
            multipliers = (1.0 - INWARD) * multipliers + INWARD * search.prices
        constant, reduced = self._blocks.relaxed(*vectors, multipliers)
        price = partial(
            self._timed_price,
            reduced=reduced,
            lower=vectors[1],
            upper=vectors[2],
            gap_abs=PRICE_GAP_SHARE * search.gap_now(hull.value) / hours,
            time_limit_s=max(search.left_s, 1.0),
        )
        longest_first = np.argsort(-self._last_s, kind="stable")
        asked = [
            self._workers.submit(price, int(hour), start=self._start(hull, int(hour), reduced))
            for hour in longest_first
        ]
        answers: list[Priced] = [Priced(-np.inf, None)] * hours
        for hour, answer in zip(longest_first, asked, strict=True):
            answers[int(hour)] = answer.result()
        bound = constant + sum(answer.bound for answer in answers)
        if np.isfinite(bound):
            self._prices.append((question.cost, multipliers, bound - constant))
        if bound > search.bound:
            search.bound, search.prices = bound, multipliers
        self._learn(search, answers, hull)
        return bound

    def _timed_price(self, hour: int, **asked: Any) -> Priced:
        begun = time.perf_counter()
        answer = self._blocks.price(hour, **asked)
        self._last_s[hour] = time.perf_counter() - begun
        return answer

    def _start(self, hull: Hull, hour: int, reduced: FloatArray) -> FloatArray | None:
        """Return the hull's point of an hour that is best at these prices."""
        columns = self._blocks.blocks[hour].columns
        binary = self._blocks.blocks[hour].binary
        points = [
            point
            for point in hull.of_block(hour)
            if np.all(np.abs(point[binary] - np.round(point[binary])) < 1e-6)
        ]
        return min(points, key=lambda point: float(reduced[columns] @ point), default=None)

    def _learn(self, search: _Search, answers: Sequence[Priced], hull: Hull) -> None:
        """Put the hours' topologies into the pool and tangents at their points.

        Cycles that no row excludes yet are cut off for the next prices.
        """
        self._pool.begin_round()
        x = self._blocks.expand(answers)
        cycles: set[frozenset[str]] = set()
        for hour, answer in enumerate(answers):
            if answer.x is not None:
                pattern = self._blocks.pattern_of(hour, x)
                cycles.update(self._pool.cycles(hour, pattern) if self._options.radial else ())
                self._pool.learn(hour, pattern)
        cut_cycles(self._m, self._case, self._problem, cycles)
        self._resolve(search, [x], hull.multipliers)

    def _age(self, hull: Hull) -> None:
        """Keep the topologies that the hull uses young."""
        for hour, weights in enumerate(hull.weights):
            for pattern, weight in weights.items():
                if pattern is not None and weight > 1e-3:
                    self._pool.learn(hour, pattern)

    def _round_off(self, search: _Search, hull: Hull) -> None:
        """Take a topology in each hour: half of the open hours at a time, the last one by one."""
        if any(None in weights for weights in hull.weights):
            return
        while True:
            share = np.asarray([max(weights.values()) for weights in hull.weights])
            open_hours = np.flatnonzero(share < SURE)
            if not len(open_hours):
                break
            tried = None
            if len(open_hours) > FEW_HOURS:
                tried = self._solve(search, _narrowed(hull, float(np.median(share[open_hours]))))
            if tried is None:
                tried = self._best_in_hour(search, hull, int(np.argmax(share * (share < SURE))))
            if tried is None:
                return
            hull = tried
        best = [max(w, key=w.__getitem__) for w in hull.weights]
        point = points_of(self._blocks, hull)[0]
        schedule = self._pool.schedule_of([p for p in best if p is not None], point)
        search.rounded.append((hull.value, schedule))

    def _best_in_hour(self, search: _Search, hull: Hull, hour: int) -> Hull | None:
        """Return the best hull with one topology of an hour taken, of the two heaviest if any."""
        weights = hull.weights[hour]
        tried: list[Hull] = []
        for count, pattern in enumerate(sorted(weights, key=lambda p: -weights[p])):
            if count >= 2 and tried:
                break
            mix: list[list[Pattern | None]] = [
                [pattern] if k == hour else [p for p, weight in w.items() if weight > USED]
                for k, w in enumerate(hull.weights)
            ]
            found = self._solve(search, mix)
            if found is not None:
                tried.append(found)
        return min(tried, key=lambda found: found.value, default=None)


def _narrowed(hull: Hull, sure: float) -> list[list[Pattern | None]]:
    """Return the topologies in use, one alone where its weight is at least ``sure``."""
    return [
        [max(weights, key=weights.__getitem__)]
        if max(weights.values()) >= min(sure, TAKEN)
        else [pattern for pattern, weight in weights.items() if weight > USED]
        for weights in hull.weights
    ]


def _vectors(question: Question) -> tuple[FloatArray, FloatArray, FloatArray]:
    return question.cost, question.lower, question.upper


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
