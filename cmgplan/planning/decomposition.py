"""Switch search by hours: Lagrangian bound, hull of topologies, rounding.

The binaries of one hour meet those of another nowhere; stored energy, moved demand, the caps and
switch operations couple hours by linear rows. ``solve.blocks`` and ``solve.hull`` have the
mathematics.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyomo.environ as pyo

from cmgplan.case.records import Case, PlanOptions
from cmgplan.planning.grid_models import ConvexModel, linear_problem
from cmgplan.planning.grid_search import (
    HighsSearch,
    Judge,
    SwitchesFound,
    SwitchSchedule,
    goals_of,
)
from cmgplan.planning.pricing import HourPrices
from cmgplan.planning.rounding import rounded_well, taken
from cmgplan.planning.schedule import VariableBounds
from cmgplan.planning.search_state import INFEASIBLE_BREAK, Pace, Search
from cmgplan.planning.switch_dive import SwitchDive
from cmgplan.planning.switching import counts_operations
from cmgplan.planning.topologies import HourlyGrid, Topologies
from cmgplan.solve import LinearProblem
from cmgplan.solve.blocks import GLOBAL, BlockProblem, Pattern
from cmgplan.solve.cones import IntArray
from cmgplan.solve.hull import Hull, Question, points_of, solve_hull

UNIT_RANGE = (1e-2, 1.0)
"""Differences of the objective that the hours resolve, whatever gap is asked for."""

FEW_BINARIES = 150
"""Binaries up to which HiGHS is asked to close a duality gap on the whole problem."""

FEW_WITHOUT_PROOF = 40
"""The same where rounds are limited: there a value is wanted, and proving it may take minutes."""

FEW_ROUNDS = 8
"""Rounds of prices before that, where operations are counted."""

KEPT_WIDE = 12
"""Topologies per hour of which a mix is sought that meets the coupling rows at all."""

FEASIBILITY_ROUNDS = 30
"""Rounds of prices in which a mix is sought that meets the coupling rows."""

WORTH_GAPS = 2.0
"""Multiple of the wanted gap within which hull and bound are worth a schedule."""

DIVE_AGAIN = 0.2
"""Share of what the best schedule misses by which the hull must better before the next one."""

SHARED = 0.1
"""Weight over which the hours beside are offered a topology."""

SETTLED = 0.25
"""Share of the wanted gap between hull and bound under which prices have done their part."""

ROUGH = 5.0
"""Multiple of the aim's unit in rounding where no proof is wanted: the first schedule will do."""


class _StoppedError(Exception):
    """The search cannot go on; says why."""


class _InfeasibleError(Exception):
    """The hours prove that nothing meets the coupling rows."""


class DecompositionSearch:
    """Search that alternates between hourly mixed-integer problems and the hull."""

    def __init__(self, case: Case, options: PlanOptions, convex: ConvexModel) -> None:
        self._case, self._options, self._m = case, options, convex.model
        self._problem: LinearProblem = linear_problem(convex)
        self._whole = HighsSearch(case, options, convex, self._problem)
        self._blocks = BlockProblem(self._problem, hour_of_columns(self._problem, case))
        self._blocks.refresh()
        grid = HourlyGrid(case, options, self._m, self._problem, self._blocks)
        self._pool = Topologies(grid)
        self._prices = HourPrices(grid, self._pool)
        self._pace = Pace()
        self._dive: SwitchDive | None = None
        if counts_operations(options):
            columns = [self._problem.column(v) for v in self._m.closed.values()]
            self._blocks.spare[columns] = True
            self._dive = SwitchDive(grid, self._pool)

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
        few = FEW_BINARIES if rounds is None else FEW_WITHOUT_PROOF
        search = Search(
            Question(
                *self._problem.vectors(pairs, bounds), unit=float(np.clip(gap_abs, *UNIT_RANGE))
            ),
            gap_abs,
            time.perf_counter() + time_limit_s,
            rounds=self._most_rounds(few) if rounds is None else rounds,
            pace=self._pace,
            kept_s=self._pace.kept_of(time_limit_s),
        )
        self._prices.begin_question()
        self._pool.begin_round()
        for schedule in known:
            patterns = self._pool.learn_schedule(schedule)
            if self._dive is not None:
                again = self._solve(search, [[pattern] for pattern in patterns], spare=False)
                if again is not None:
                    search.rounded.append((again.value, schedule))
                    search.stands(again)
        search.bound = self._prices.remembered(search.question)
        judge.proved(search.bound, "prices of earlier questions")
        try:
            reason = self._rounds(search, judge) if np.isfinite(gap_abs) else self._once(search)
        except _InfeasibleError:
            return SwitchesFound(None, True, "the hours prove that nothing meets the caps", "hours")
        except _StoppedError as stopped:
            reason = str(stopped)
        search.operate_all(judge)
        found = SwitchesFound(
            search.bound if np.isfinite(search.bound) else None, False, reason, "hours"
        )
        open_still = judge.best - search.bound > gap_abs
        if self._problem.size[2] <= few and open_still and search.left_s > 0.0:
            return self._closed(found, weights, caps, search, judge)
        return found

    def _most_rounds(self, few: int) -> int:
        """Return the rounds of prices after which the whole problem is the better question.

        Where operations are counted, prices close slowly what HiGHS closes at once if it can.
        """
        counted_few = self._dive is not None and self._problem.size[2] <= few
        return FEW_ROUNDS if counted_few else 10_000

    def _closed(
        self,
        found: SwitchesFound,
        weights: Mapping[str, float],
        caps: Mapping[str, float],
        search: Search,
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

    def _rounds(self, search: Search, judge: Judge) -> str:
        """Alternate until value and bound meet, or nothing new is found; return why."""
        if self._options.operation_cost_usd > 0.0:
            self._begin_relaxed(search, judge)
        while True:
            begun = time.perf_counter()
            hull = self._mix(search)
            if self._worth_a_schedule(search, judge, hull):
                self._round_off(search, hull)
                if search.meets(judge):
                    return f"value and bound meet after {search.priced} rounds of prices"
            elif self._lacks_schedule(search, judge, hull):
                bettered = self._bettered(search, judge, hull)
                return f"{bettered} after {search.priced} rounds of prices"
            if self._combined(search, judge, hull, search.prices_left_s):
                return f"value and bound meet after {search.priced} rounds of prices"
            before, reached = self._known_now(), search.reached(hull.value)
            self._prices.ask(search, hull)
            search.round_s = time.perf_counter() - begun
            search.priced += 1
            judge.proved(search.bound, "hours")
            if search.meets(judge):
                return f"value and bound meet after {search.priced} rounds of prices"
            reason = search.stopped(moved=reached, known=self._known_now() != before)
            if reason:
                hull = self._mix(search)
                self._round_off(search, hull)
                self._combined(search, judge, hull, search.left_s - search.pace.operating_s)
                told = f"{reason} after {search.priced} rounds of prices"
                if self._dive is None or search.rounds < FEW_ROUNDS or search.meets(judge):
                    return told
                return f"{told}, {self._bettered(search, judge, hull)}"

    def _combined(self, search: Search, judge: Judge, hull: Hull, time_limit_s: float) -> bool:
        """Prove what all prices give together, if proof is wanted; return whether that suffices."""
        if search.rounds <= FEW_ROUNDS or time_limit_s <= search.pace.proving_s:
            return False
        self._prices.combine(search, hull, time_limit_s)
        judge.proved(search.bound, "all prices together")
        return search.meets(judge)

    def _worth_a_schedule(self, search: Search, judge: Judge, hull: Hull) -> bool:
        """Whether a schedule is what the proof lacks, rather than better prices.

        Where operations are counted, it takes as long as several prices.
        """
        best = search.least(judge)
        apart = hull.value - search.bound
        if not np.isfinite(best):
            return True
        if self._dive is None:
            return apart <= WORTH_GAPS * search.gap_abs
        if best - search.bound <= search.gap_abs:
            return False
        lacks = best - hull.value
        primal = lacks > apart or apart <= search.gap_abs
        return primal and hull.value < search.dived - DIVE_AGAIN * lacks

    def _lacks_schedule(self, search: Search, judge: Judge, hull: Hull) -> bool:
        """Whether no prices could prove what is wanted, so that a better schedule is sought."""
        settled = hull.value - search.bound <= SETTLED * search.gap_abs
        return self._dive is not None and settled and np.isfinite(judge.best)

    def _bettered(self, search: Search, judge: Judge, hull: Hull) -> str:
        """Better the best schedule until value and bound meet or nothing helps; return why."""
        while self._dive is not None and search.best is not None:
            aim = search.aim(hull.value)
            found = self._dive.bettered(search.question, hull, aim, search.best)
            if found is None:
                break
            self._take(search, found)
            if search.meets(judge):
                return "value and bound meet"
        return "no better schedule found"

    def _begin_relaxed(self, search: Search, judge: Judge) -> None:
        """Ask for prices at the multipliers of the relaxation without binaries.

        A hull of few topologies misprices what operations cost; its prices are drawn to the best.
        """
        relaxed = self._solve(search, None)
        if relaxed is not None:
            self._prices.ask(search, relaxed)
            judge.proved(search.bound, "hours at the relaxation's prices")

    def _known_now(self) -> list[frozenset[Pattern | None]]:
        """Return the topologies that the hull would work with."""
        return [frozenset(patterns) for patterns in self._pool.kept()]

    def _once(self, search: Search) -> str:
        """Ask for prices and round the hull once."""
        hull = self._mix(search)
        self._prices.ask(search, hull)
        self._round_off(search, self._mix(search))
        return "one round of prices"

    def _mix(self, search: Search) -> Hull:
        """Return the hull of the topologies known, or of all where some hour knows none.

        Where no mix meets the coupling rows, hours are priced by the break until one does.
        """
        for _ in range(FEASIBILITY_ROUNDS):
            if not self._pool.complete:
                hull = self._first(search)
            else:
                hull = self._solve(search, self._pool.kept()) or self._within_limit(search)
            if hull is not None:
                self._age(hull)
                return hull
            wide = self._pool.kept(KEPT_WIDE) if self._pool.complete else None
            broken = self._solve(search, wide, elastic=True)
            if broken is None:
                self._ask_relaxed(search)
                continue
            self._age(broken)
            if self._prices.ask(search.without_objective, broken) > INFEASIBLE_BREAK:
                raise _InfeasibleError
            if self._pool.complete and self._pool.kept(KEPT_WIDE) == wide:
                raise _StoppedError("no mix of topologies that meets the caps")
            if search.left_s <= 0.0:
                raise _StoppedError("the time limit")
        raise _StoppedError("no mix of topologies that meets the caps")

    def _ask_relaxed(self, search: Search) -> None:
        """Ask at the relaxation's prices, as every topology of some hour fails in that hour alone.

        The tangents at these answers keep the hours from giving the same ones for ever.
        """
        relaxed = self._solve(search, None)
        if relaxed is None:
            raise _StoppedError("the solver's failure on the mix of topologies")
        self._prices.ask(search, relaxed)
        if search.left_s <= 0.0:
            raise _StoppedError("the time limit")

    def _within_limit(self, search: Search) -> Hull | None:
        """Return a hull with topologies of a schedule that keeps to the operations allowed."""
        if self._dive is None or search.lifted:
            return None
        free = search.asking(self._dive.lifted(search.question))
        hull = self._mix(free)
        found = self._dive.rounded(free.question, hull, search.aim(hull.value))
        if found is None:
            return None
        self._pool.begin_round()
        self._age(found)
        return self._solve(search, self._pool.kept())

    def _first(self, search: Search) -> Hull | None:
        """Return a hull where some hour knows no topology: prices of the relaxation.

        Its positions give a topology to each hour, whose points the hours' searches start from.
        Where these serve no load, as tangents hide what a tie loses, one follows that hangs on
        no tie.
        """
        relaxed = self._solve(search, None)
        if relaxed is None:
            return None
        hull = None
        for apart in (False, True):
            for hour in range(self._blocks.n_blocks):
                binary = self._blocks.blocks[hour].binary
                self._pool.learn_relaxed(hour, relaxed.of_block(hour)[0][binary], apart=apart)
            hull = self._solve(search, self._pool.kept())
            if hull is not None:
                break
        return relaxed if hull is None else replace(hull, multipliers=relaxed.multipliers)

    def _solve(
        self,
        search: Search,
        patterns: Sequence[Sequence[Pattern | None]] | None,
        *,
        elastic: bool = False,
        spare: bool = True,
    ) -> Hull | None:
        relaxed: list[list[Pattern | None]] = [[None]] * self._blocks.n_blocks
        found = solve_hull(
            self._blocks,
            search.question,
            patterns or relaxed,
            elastic=elastic,
            spare=spare and self._dive is not None,
        )
        return found if isinstance(found, Hull) else None

    def _age(self, hull: Hull) -> None:
        """Keep the topologies that the hull uses young; where operations count, share them."""
        for hour, weights in enumerate(hull.weights):
            for pattern, weight in weights.items():
                if pattern is not None and weight > 1e-3:
                    self._pool.learn(hour, pattern)
                if pattern is not None and weight > SHARED and self._dive is not None:
                    self._pool.share(hour, pattern)

    def _round_off(self, search: Search, hull: Hull) -> None:
        """Round the hull to a schedule, to be operated later."""
        if any(None in weights for weights in hull.weights):
            return
        if self._dive is not None:
            search.dived, aim = hull.value, search.aim(hull.value)
            if search.rounds < FEW_ROUNDS and self._options.operation_cost_usd == 0.0:
                aim = replace(aim, good=np.inf, unit=ROUGH * aim.unit)
            found = self._dive.rounded(search.question, hull, aim, search.best)
        else:
            begun = time.perf_counter()
            found = rounded_well(
                hull,
                lambda mix: self._solve(search, mix),
                search.aim(hull.value).good,
                late=lambda: search.left_s <= search.pace.operating_s,
                each=self._prices.workers.map,
            )
            took = time.perf_counter() - begun
            search.pace.rounding_s = max(search.pace.rounding_s, took)
        if found is not None:
            self._take(search, found)

    def _take(self, search: Search, found: Hull) -> None:
        """Take note of a schedule, to be operated later."""
        self._age(found)
        point = points_of(self._blocks, found)[0]
        schedule = self._pool.schedule_of(taken(found), point)
        search.rounded.append((found.value, schedule))
        if self._dive is not None:
            search.stands(found)


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
