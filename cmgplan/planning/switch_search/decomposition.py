"""Switch search by hours: Lagrangian bound, hull of topologies, rounding.

Stored energy, moved demand, caps and switch operations couple the hours by linear rows; without
these rows each hour is a small mixed-integer problem. Where operations are counted, blocks of
several hours follow single ones. ``solve.blocks`` has the mathematics.
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
from cmgplan.planning.switch_search.schedules import (
    Incumbent,
    PointQuestion,
    SwitchesFound,
    SwitchSchedule,
    goals_of,
)
from cmgplan.planning.switch_search.seeking import CountedSeeker, FreeSeeker, Seeker
from cmgplan.planning.switch_search.state import Pace, SearchState
from cmgplan.planning.switch_search.tuning import TUNING
from cmgplan.planning.switch_search.whole import HighsSearch
from cmgplan.solve import LinearProblem
from cmgplan.solve.blocks.hull import Hull, Question


class DecompositionSearch:
    """Search that alternates between hourly mixed-integer problems and the hull.

    A ``Seeker`` makes schedules of the hull.
    """

    def __init__(self, case: Case, options: PlanOptions, convex: ConvexModel) -> None:
        self._case, self._options, self._m = case, options, convex.model
        self._problem: LinearProblem = linear_problem(convex)
        self._whole = cache(lambda: HighsSearch(case, options, convex))
        self._counted = counts_operations(options)
        hours = case.file.time.hours
        self._hourly = self._partition(single_hours(hours))
        wide = blocks_of_hours(self._m.MAY_CLOSE, hours) if self._counted else ()
        self._wide_hours = wide if len(wide) < hours else ()
        self._wide: Partition | None = None
        self._costly = options.operation_cost_usd > 0.0
        self._at = self._hourly
        self._pace = Pace()

    def _partition(self, hours: Sequence[range]) -> Partition:
        return Partition(self._case, self._options, self._m, self._problem, hours)

    def run(self, asked: PointQuestion, incumbent: Incumbent) -> SwitchesFound:
        """See ``SwitchSearch``."""
        weights, caps, gap_abs = asked.weights, asked.caps, asked.solver_gap_abs
        goals = goals_of(self._m)
        pairs = [(goals[name], weight) for name, weight in weights.items()]
        bounds: VariableBounds = pyo.ComponentMap()
        for name, goal in goals.items():
            bounds[goal] = (-np.inf, caps.get(name, np.inf))
        effort = TUNING.effort
        few = effort.few_binaries if asked.rounds is None else effort.few_without_proof
        small = self._problem.size[2] <= few
        # Bounding rounds close slowly what HiGHS closes at once on a small problem, if it can.
        few_counted = asked.rounds is None and small and self._counted
        deadline = time.perf_counter() + asked.time_limit_s
        hours_s = asked.time_limit_s * (effort.hours_share if small and not asked.once else 1.0)
        search = SearchState(
            Question(
                *self._problem.vectors(pairs, bounds),
                unit=float(np.clip(gap_abs, *effort.unit_range)),
            ),
            gap_abs,
            time.perf_counter() + hours_s,
            rounds_most=effort.few_rounds if few_counted else asked.rounds,
            wants_proof=asked.rounds is None and not few_counted,
            pace=self._pace,
            kept_s=self._pace.kept_of(hours_s),
            known=[*asked.known],
        )
        search.rounded = self._begin(search, self._hourly)
        partitions = [self._hourly] if self._wide is None else [self._hourly, self._wide]
        for part in partitions:
            part.bounding.remember(search)
        incumbent.proved(search.bound, "multipliers of earlier questions")
        try:
            reason = self._once(search) if asked.once else self._rounds(search, incumbent)
        except NoMixError as broken:
            told = "the hours prove that nothing meets the caps"
            return SwitchesFound(None, True, told, "hours", _proof(broken.evidence, {}, caps))
        except StoppedError as stopped:
            reason = str(stopped)
        search.operate_all(incumbent)
        found = SwitchesFound(
            search.bound if np.isfinite(search.bound) else None,
            False,
            reason,
            "hours",
            _proof(search.evidence, weights, caps),
        )
        open_still = incumbent.best - search.bound > gap_abs
        search.deadline = deadline
        if small and open_still and search.left_s > 0.0:
            return self._closed(found, asked, search, incumbent)
        return found

    def _begin(
        self, search: SearchState, partition: Partition
    ) -> list[tuple[float, SwitchSchedule]]:
        """Begin a question on a partition; return the known schedules that meet it, with values.

        Where operations are free, it returns none: their topologies alone are put into the pool.
        """
        self._at = partition
        partition.begin_question()
        held: list[tuple[float, SwitchSchedule]] = []
        for schedule in search.known:
            patterns = partition.pool.learn_schedule(schedule)
            if partition.counted:
                again = self._at.solve(search, [[pattern] for pattern in patterns], spare=False)
                if again is not None:
                    held.append((again.value, schedule))
                    search.keep_if_best(again)
        return held

    def _widen(self, search: SearchState) -> None:
        """Continue with blocks of several hours, at the best multipliers of single hours."""
        if self._wide is None:
            self._wide = self._partition(self._wide_hours)
        self._hourly.blocks.refresh()
        self._wide.blocks.refresh()
        if search.multipliers is not None:
            search.multipliers = self._wide.taken_over(self._hourly, search.multipliers)
        search.begin_anew()
        self._begin(search, self._wide)
        self._at.bounding.ask_best(search, self._at.mix(search))

    def _closed(
        self, found: SwitchesFound, asked: PointQuestion, search: SearchState, incumbent: Incumbent
    ) -> SwitchesFound:
        """Let HiGHS close on the whole problem what the decomposition cannot: a duality gap.

        The gap shrinks with the number of hours, so that it matters in small problems alone. HiGHS
        begins without the hull's tangents, which are many and would slow it down.
        """
        rest = replace(asked, time_limit_s=search.left_s, gap_abs=0.5 * search.gap_abs, known=())
        whole = self._whole().run(rest, incumbent)
        if whole.infeasible:
            return whole
        reason = f"{found.reason}; {whole.reason} on the whole problem"
        if whole.bound is None or (found.bound is not None and found.bound >= whole.bound):
            return replace(found, reason=reason)
        return replace(found, bound=whole.bound, reason=reason, proof=whole.proof)

    def _rounds(self, search: SearchState, incumbent: Incumbent) -> str:
        """Alternate until value and bound meet, or nothing new is found; return why."""
        self._begin_relaxed(search, incumbent)
        while True:
            begun = time.perf_counter()
            hull = self._mixed(search)
            if self._seeker.seek(search, incumbent, hull):
                if search.meets(incumbent):
                    return f"value and bound meet after {search.rounds_done} bounding rounds"
            elif self._seeker.lacks_schedule(search, incumbent, hull):
                why = self._seeker.improve(search, incumbent, hull)
                return f"{why} after {search.rounds_done} bounding rounds"
            if self._combined(
                search, incumbent, hull, TUNING.effort.proving_share * search.bounding_left_s
            ):
                return f"value and bound meet after {search.rounds_done} bounding rounds"
            before, moved = self._at.known, search.note_round(hull.value)
            self._at.bounding.ask(search, hull)
            search.round_s = time.perf_counter() - begun
            search.rounds_done += 1
            incumbent.proved(search.bound, "hours")
            if search.meets(incumbent):
                return f"value and bound meet after {search.rounds_done} bounding rounds"
            reason = search.stopped(moved=moved, new_topology=self._at.known != before)
            if self._is_narrow(search, reason):
                self._widen(search)
            elif reason:
                told = f"{reason} after {search.rounds_done} bounding rounds"
                if search.lacks_time and search.holds(incumbent, hull):
                    return told
                hull = self._mixed(search)
                self._seeker.round_hull(search, hull, held=search.holds(incumbent, hull))
                if search.wants_proof:
                    self._seeker.swap(search, hull)
                self._combined(search, incumbent, hull, search.left_s - search.pace.operating_s)
                return told + self._seeker.last_attempt(search, incumbent, hull)

    def _is_narrow(self, search: SearchState, reason: str) -> bool:
        """Whether to continue with blocks of several hours; ``reason`` is why the search would end.

        They are worth their time where a proof is wanted that single hours do not give.
        """
        if not self._wide_hours or self._at.several_hours or not search.wants_proof:
            return False
        return search.bounding_left_s > 0.0 and (
            bool(reason) or search.rounds_done >= TUNING.effort.hourly_rounds
        )

    def _combined(
        self, search: SearchState, incumbent: Incumbent, hull: Hull, time_limit_s: float
    ) -> bool:
        """Prove what all rounds give together, if proof is wanted; return whether that suffices."""
        if search.has_few_rounds or self._many or time_limit_s <= search.pace.proving_s:
            return False
        self._at.bounding.combine(search, hull, time_limit_s)
        incumbent.proved(search.bound, "all bounding rounds together")
        return search.meets(incumbent)

    def _begin_relaxed(self, search: SearchState, incumbent: Incumbent) -> None:
        """Begin with the multipliers of the relaxation without binaries, where that is worth it.

        A hull of few topologies misjudges what operations cost; its multipliers are smoothed.
        Where there are many binaries and a proof is wanted, the hours' linear relaxations do.
        """
        if not self._costly and not (self._many and search.wants_proof):
            return
        relaxed = self._at.solve(search, None)
        if relaxed is None:
            return
        if self._costly:
            self._at.bounding.ask(search, relaxed)
            incumbent.proved(search.bound, "hours at the relaxation's multipliers")
        else:
            self._at.bounding.ask_relaxations(search, relaxed)
            incumbent.proved(search.bound, "the linear relaxations of the hours")

    @property
    def _seeker(self) -> Seeker:
        """The seeker of schedules for the partition at hand."""
        if self._at.dive is None:
            return FreeSeeker(self._at)
        return CountedSeeker(self._at, self._at.dive, costly=self._costly)

    @property
    def _many(self) -> bool:
        """Whether the problem has many binaries."""
        return self._problem.size[2] > TUNING.effort.many_binaries

    def _mixed(self, search: SearchState) -> Hull:
        """Return the hull, and take note of the time that it takes."""
        begun = time.perf_counter()
        hull = self._at.mix(search)
        search.pace.mixing_s = max(search.pace.mixing_s, time.perf_counter() - begun)
        return hull

    def _once(self, search: SearchState) -> str:
        """Take one bounding round and round the hull once."""
        hull = self._at.mix(search)
        self._at.bounding.ask(search, hull)
        self._seeker.round_hull(search, self._at.mix(search))
        return "one bounding round"


def _proof(
    evidence: Evidence | None, weights: Mapping[str, float], caps: Mapping[str, float]
) -> BoundProof | None:
    """Return the proof of a bound that is kept with the run."""
    return None if evidence is None else evidence.proof(weights, caps)
