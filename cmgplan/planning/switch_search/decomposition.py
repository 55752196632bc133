"""Switch search by hours: Lagrangian bound, hull of topologies, rounding.

The binaries of one hour meet those of another nowhere; stored energy, moved demand, the caps and
switch operations couple hours by linear rows. Where operations are counted, blocks of several
hours follow single ones. ``solve.blocks`` and ``solve.hull`` have the mathematics.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pyomo.environ as pyo

from cmgplan.planning.case.records import Case, PlanOptions
from cmgplan.planning.model.bound_proof import BoundProof, Evidence
from cmgplan.planning.model.grid_models import ConvexModel, linear_problem
from cmgplan.planning.model.schedule import VariableBounds
from cmgplan.planning.model.switching import counts_operations
from cmgplan.planning.switch_search.blocks_of_hours import blocks_of_hours, single_hours
from cmgplan.planning.switch_search.partition import NoMixError, Partition, StoppedError
from cmgplan.planning.switch_search.schedules import Judge, SwitchesFound, SwitchSchedule, goals_of
from cmgplan.planning.switch_search.seeking import Seeker
from cmgplan.planning.switch_search.state import FEW_ROUNDS, UNLIMITED, Pace, Search
from cmgplan.planning.switch_search.whole import HighsSearch
from cmgplan.solve import LinearProblem
from cmgplan.solve.blocks.hull import Hull, Question

UNIT_RANGE = (1e-2, 1.0)
"""Differences of the objective that the hours resolve, whatever gap is asked for."""

FEW_BINARIES = 150
"""Binaries up to which HiGHS is asked to close a duality gap on the whole problem."""

FEW_WITHOUT_PROOF = 40
"""The same where rounds are limited: there a value is wanted, and proving it may take minutes."""

HOURS_SHARE = 0.4
"""Share of the time limit that the hours have where HiGHS may be asked as well."""

MANY_BINARIES = 3000
"""Binaries beyond which proving what all prices give together takes longer than prices do."""

HOURLY_ROUNDS = 4
"""Rounds of prices by single hours before blocks of several hours, where operations count."""

PROVING_SHARE = 0.4
"""Share of the time left for prices in which what all prices give together is to be proved."""


class DecompositionSearch:
    """Search that alternates between hourly mixed-integer problems and the hull.

    A ``Seeker`` makes schedules of the hull.
    """

    def __init__(self, case: Case, options: PlanOptions, convex: ConvexModel) -> None:
        self._case, self._options, self._m = case, options, convex.model
        self._problem: LinearProblem = linear_problem(convex)
        self._whole = cache(lambda: HighsSearch(case, options, convex))
        hours = case.file.time.hours
        self._hourly = self._partition(single_hours(hours))
        wide = blocks_of_hours(self._m.MAY_CLOSE, hours) if counts_operations(options) else ()
        self._wide_hours = wide if len(wide) < hours else ()
        self._wide: Partition | None = None
        self._costly = options.operation_cost_usd > 0.0
        self._at = self._hourly
        self._pace = Pace()

    def _partition(self, hours: Sequence[range]) -> Partition:
        return Partition(self._case, self._options, self._m, self._problem, hours)

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
        small = self._problem.size[2] <= few
        deadline = time.perf_counter() + time_limit_s
        time_limit_s *= HOURS_SHARE if small and np.isfinite(gap_abs) else 1.0
        search = Search(
            Question(
                *self._problem.vectors(pairs, bounds), unit=float(np.clip(gap_abs, *UNIT_RANGE))
            ),
            gap_abs,
            time.perf_counter() + time_limit_s,
            rounds=self._most_rounds(few) if rounds is None else rounds,
            pace=self._pace,
            kept_s=self._pace.kept_of(time_limit_s),
            known=[*known],
        )
        search.rounded = self._begin(search, self._hourly)
        partitions = [self._hourly] if self._wide is None else [self._hourly, self._wide]
        for part in partitions:
            part.prices.remember(search)
        judge.proved(search.bound, "prices of earlier questions")
        try:
            reason = self._rounds(search, judge) if np.isfinite(gap_abs) else self._once(search)
        except NoMixError as broken:
            told = "the hours prove that nothing meets the caps"
            return SwitchesFound(None, True, told, "hours", _proof(broken.evidence, {}, caps))
        except StoppedError as stopped:
            reason = str(stopped)
        search.operate_all(judge)
        found = SwitchesFound(
            search.bound if np.isfinite(search.bound) else None,
            False,
            reason,
            "hours",
            _proof(search.evidence, weights, caps),
        )
        open_still = judge.best - search.bound > gap_abs
        search.deadline = deadline
        if small and open_still and search.left_s > 0.0:
            return self._closed(found, weights, caps, search, judge)
        return found

    def _begin(self, search: Search, partition: Partition) -> list[tuple[float, SwitchSchedule]]:
        """Search by a partition's blocks, and return the schedules known that hold, with values.

        Where operations are free, their topologies are merely learnt.
        """
        self._at = partition
        partition.begin_question()
        held: list[tuple[float, SwitchSchedule]] = []
        for schedule in search.known:
            patterns = partition.pool.learn_schedule(schedule)
            if partition.dive is not None:
                again = self._at.solve(search, [[pattern] for pattern in patterns], spare=False)
                if again is not None:
                    held.append((again.value, schedule))
                    search.stands(again)
        return held

    def _widen(self, search: Search) -> None:
        """Go on by blocks of several hours, from the best prices that single hours gave."""
        if self._wide is None:
            self._wide = self._partition(self._wide_hours)
        self._hourly.blocks.refresh()
        self._wide.blocks.refresh()
        if search.prices is not None:
            search.prices = self._wide.taken_over(self._hourly, search.prices)
        search.begin_anew()
        self._begin(search, self._wide)
        self._at.prices.ask_best(search, self._at.mix(search))

    def _most_rounds(self, few: int) -> int:
        """Return the rounds of prices after which the whole problem is the better question.

        Where operations are counted, prices close slowly what HiGHS closes at once if it can.
        """
        counted_few = self._at.dive is not None and self._problem.size[2] <= few
        return FEW_ROUNDS if counted_few else UNLIMITED

    def _closed(
        self,
        found: SwitchesFound,
        weights: Mapping[str, float],
        caps: Mapping[str, float],
        search: Search,
        judge: Judge,
    ) -> SwitchesFound:
        """Let HiGHS close on the whole problem what the decomposition cannot: a duality gap.

        It shrinks with the number of hours, so that only small problems have one that counts. It
        sets its own tangents: those of the hull are many, and slow it down.
        """
        whole = self._whole().run(
            weights, caps, time_limit_s=search.left_s, gap_abs=0.5 * search.gap_abs, judge=judge
        )
        if whole.infeasible:
            return whole
        reason = f"{found.reason}; {whole.reason} on the whole problem"
        if whole.bound is None or (found.bound is not None and found.bound >= whole.bound):
            return replace(found, reason=reason)
        return replace(found, bound=whole.bound, reason=reason, proof=whole.proof)

    def _rounds(self, search: Search, judge: Judge) -> str:
        """Alternate until value and bound meet, or nothing new is found; return why."""
        self._begin_relaxed(search, judge)
        while True:
            begun = time.perf_counter()
            hull = self._mixed(search)
            if self._seeker.sought(search, judge, hull):
                if search.meets(judge):
                    return f"value and bound meet after {search.priced} rounds of prices"
            elif self._seeker.lacks_schedule(search, judge, hull):
                bettered = self._seeker.bettered(search, judge, hull)
                return f"{bettered} after {search.priced} rounds of prices"
            if self._combined(search, judge, hull, PROVING_SHARE * search.prices_left_s):
                return f"value and bound meet after {search.priced} rounds of prices"
            before, reached = self._at.known, search.reached(hull.value)
            self._at.prices.ask(search, hull)
            search.round_s = time.perf_counter() - begun
            search.priced += 1
            judge.proved(search.bound, "hours")
            if search.meets(judge):
                return f"value and bound meet after {search.priced} rounds of prices"
            reason = search.stopped(moved=reached, known=self._at.known != before)
            if self._is_narrow(search, reason):
                self._widen(search)
            elif reason:
                told = f"{reason} after {search.priced} rounds of prices"
                if search.lacks_time and search.holds(judge, hull):
                    return told
                hull = self._mixed(search)
                self._seeker.round_off(search, hull, held=search.holds(judge, hull))
                if search.rounds >= UNLIMITED:
                    self._seeker.swap(search, hull)
                self._combined(search, judge, hull, search.left_s - search.pace.operating_s)
                if self._at.dive is None or search.rounds < FEW_ROUNDS or search.meets(judge):
                    return told
                return f"{told}, {self._seeker.bettered(search, judge, hull)}"

    def _is_narrow(self, search: Search, reason: str) -> bool:
        """Whether blocks of several hours are worth their time, with ``reason`` to stop or not.

        They are where a proof is wanted that single hours do not give.
        """
        if not self._wide_hours or self._at.several_hours or search.rounds < UNLIMITED:
            return False
        return search.prices_left_s > 0.0 and (bool(reason) or search.priced >= HOURLY_ROUNDS)

    def _combined(self, search: Search, judge: Judge, hull: Hull, time_limit_s: float) -> bool:
        """Prove what all prices give together, if proof is wanted; return whether that suffices."""
        if search.rounds <= FEW_ROUNDS or self._many or time_limit_s <= search.pace.proving_s:
            return False
        self._at.prices.combine(search, hull, time_limit_s)
        judge.proved(search.bound, "all prices together")
        return search.meets(judge)

    def _begin_relaxed(self, search: Search, judge: Judge) -> None:
        """Begin with the multipliers of the relaxation without binaries, where that is worth it.

        A hull of few topologies misprices what operations cost; its prices are drawn to the best.
        Where there are many binaries and a proof is wanted, the hours' linear relaxations do.
        """
        if not self._costly and not (self._many and search.rounds >= UNLIMITED):
            return
        relaxed = self._at.solve(search, None)
        if relaxed is None:
            return
        if self._costly:
            self._at.prices.ask(search, relaxed)
            judge.proved(search.bound, "hours at the relaxation's prices")
        else:
            self._at.prices.ask_relaxations(search, relaxed)
            judge.proved(search.bound, "the linear relaxations of the hours")

    @property
    def _seeker(self) -> Seeker:
        """What makes schedules of the hulls of the blocks at hand."""
        return Seeker(self._at, costly=self._costly)

    @property
    def _many(self) -> bool:
        """Whether the problem has many binaries."""
        return self._problem.size[2] > MANY_BINARIES

    def _mixed(self, search: Search) -> Hull:
        """Return the hull, and take note of the time that it takes."""
        begun = time.perf_counter()
        hull = self._at.mix(search)
        search.pace.mixing_s = max(search.pace.mixing_s, time.perf_counter() - begun)
        return hull

    def _once(self, search: Search) -> str:
        """Ask for prices and round the hull once."""
        hull = self._at.mix(search)
        self._at.prices.ask(search, hull)
        self._seeker.round_off(search, self._at.mix(search))
        return "one round of prices"


def _proof(
    evidence: Evidence | None, weights: Mapping[str, float], caps: Mapping[str, float]
) -> BoundProof | None:
    """Return what is to be kept of a bound's evidence."""
    return None if evidence is None else evidence.proof(weights, caps)
