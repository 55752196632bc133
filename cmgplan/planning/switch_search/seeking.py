"""Seekers of schedules in the hull: when a schedule is worth its time, and how it is made.

Where operations are free, the hull is rounded and single hours' topologies are swapped; where they
are counted, ``switch_dive`` holds the switches in turn, then releases some and holds them anew.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from dataclasses import replace

import numpy as np

from cmgplan.planning.switch_search.partition import Partition
from cmgplan.planning.switch_search.rounding import rounded, rounded_well, swapped, taken
from cmgplan.planning.switch_search.schedules import Incumbent
from cmgplan.planning.switch_search.state import SearchState
from cmgplan.planning.switch_search.switch_dive import SwitchDive
from cmgplan.planning.switch_search.tuning import TUNING
from cmgplan.solve.blocks.hull import Hull, points_of


class Seeker(ABC):
    """Seeks schedules in the hulls of a partition, which are operated in AC later."""

    def __init__(self, partition: Partition) -> None:
        self._at = partition

    @abstractmethod
    def seek(self, search: SearchState, incumbent: Incumbent, hull: Hull) -> bool:
        """Seek a schedule where that is worth its time; return whether it was."""

    def round_hull(self, search: SearchState, hull: Hull, *, held: bool = False) -> None:
        """Round the hull to a schedule, to be operated later.

        Where a good schedule is ``held`` already, rounding ends at the time limit.
        """
        if not any(None in weights for weights in hull.weights):
            self._round(search, hull, held)

    @abstractmethod
    def _round(self, search: SearchState, hull: Hull, held: bool) -> None:
        """Round a hull of topologies to a schedule."""

    def swap(self, search: SearchState, hull: Hull) -> None:  # noqa: B027 - not all seekers can
        """Improve the best schedule by one hour's topology at a time, where that can be done."""

    def lacks_schedule(self, search: SearchState, incumbent: Incumbent, hull: Hull) -> bool:
        """Whether better multipliers cannot close the gap, so that a better schedule is sought."""
        return False

    def improve(self, search: SearchState, incumbent: Incumbent, hull: Hull) -> str:
        """Improve the best schedule until value and bound meet or nothing helps; return why."""
        return "no better schedule found"

    def last_attempt(self, search: SearchState, incumbent: Incumbent, hull: Hull) -> str:
        """Improve the best schedule as the search ends; return what to add to its reason."""
        return ""

    def _take(self, search: SearchState, found: Hull) -> None:
        """Take note of a schedule, to be operated later."""
        self._at.mark_used(found)
        point = points_of(self._at.blocks, found)[0]
        schedule = self._at.pool.schedule_of(taken(found), point)
        search.rounded.append((found.value, schedule))
        search.known.append(schedule)
        search.keep_if_best(found)


class FreeSeeker(Seeker):
    """Seeks schedules where operations are free: rounds the hull, swaps an hour's topology."""

    def seek(self, search: SearchState, incumbent: Incumbent, hull: Hull) -> bool:
        """Round the hull where a schedule is what the proof lacks; return whether it was."""
        near = hull.value - search.bound <= TUNING.seeking.worth_gaps * search.gap_abs
        worth = not np.isfinite(search.least(incumbent)) or near
        if worth:
            self.round_hull(search, hull, held=search.holds(incumbent, hull))
        return worth

    def _round(self, search: SearchState, hull: Hull, held: bool) -> None:
        begun = time.perf_counter()
        found = rounded_well(
            hull,
            lambda mix: None if held and search.left_s <= 0.0 else self._at.solve(search, mix),
            search.aim(hull.value).good,
            late=lambda: search.is_late,
            each=self._at.bounding.workers.map,
        )
        took = time.perf_counter() - begun
        search.pace.rounding_s = max(search.pace.rounding_s, took)
        if found is not None:
            self._take(search, found)
        if self._lacks_swaps(search, hull):
            self.swap(search, hull)

    def swap(self, search: SearchState, hull: Hull) -> None:
        """Improve the best schedule by one hour's topology at a time."""
        if search.best is None:
            return
        found = swapped(
            search.best,
            hull,
            lambda mix: None if search.is_late else self._at.solve(search, mix),
            TUNING.seeking.swap_share * search.aim(hull.value).unit,
            late=lambda: search.is_late,
            each=self._at.bounding.workers.map,
        )
        if found is not search.best:
            self._take(search, found)

    def _lacks_swaps(self, search: SearchState, hull: Hull) -> bool:
        """Whether hull and bound are near enough, but not the best schedule."""
        if search.best is None:
            return False
        apart, open_still = hull.value - search.bound, search.best.value - search.bound
        near = apart <= TUNING.seeking.near_share * search.gap_abs
        return near and open_still > search.gap_abs


class CountedSeeker(Seeker):
    """Seeks schedules where operations are counted: holds switches in turn, releases some again.

    Blocks of several hours are first rounded to one topology each; the switches that these close
    are then held in turn. ``costly`` says whether an operation costs something.
    """

    def __init__(self, partition: Partition, dive: SwitchDive, *, costly: bool) -> None:
        super().__init__(partition)
        self._dive, self._costly = dive, costly

    def seek(self, search: SearchState, incumbent: Incumbent, hull: Hull) -> bool:
        """Round the hull or improve the best schedule; return whether either was worth its time."""
        if self._worth_a_schedule(search, incumbent, hull):
            self.round_hull(search, hull, held=search.holds(incumbent, hull))
        elif self._worth_improving(search, incumbent, hull):
            self._improve(search, hull, TUNING.seeking.improving_hulls)
        else:
            return False
        return True

    def _round(self, search: SearchState, hull: Hull, held: bool) -> None:
        search.dived, aim = hull.value, search.aim(hull.value)
        if search.wants_value and not self._costly:
            aim = replace(aim, good=np.inf, unit=TUNING.seeking.rough * aim.unit)
        begun_at = hull
        if self._at.several_hours:
            begun_at = rounded(hull, lambda mix: self._at.solve(search, mix)) or hull
        found = self._dive.rounded(search.question, begun_at, aim, search.best)
        if found is not None:
            self._take(search, found)
        if self._at.several_hours:
            self._improve(search, hull)

    def improve(self, search: SearchState, incumbent: Incumbent, hull: Hull) -> str:
        """Improve the best schedule until value and bound meet or nothing helps; return why."""
        while self._improve(search, hull):
            if search.meets(incumbent):
                return "value and bound meet"
        return "no better schedule found"

    def last_attempt(self, search: SearchState, incumbent: Incumbent, hull: Hull) -> str:
        """Improve the best schedule unless it suffices; return what to add to the reason."""
        if search.wants_value or search.meets(incumbent):
            return ""
        return f", {self.improve(search, incumbent, hull)}"

    def lacks_schedule(self, search: SearchState, incumbent: Incumbent, hull: Hull) -> bool:
        """Whether better multipliers cannot close the gap, so that a better schedule is sought."""
        settled = hull.value - search.bound <= TUNING.seeking.settled * search.gap_abs
        return settled and bool(np.isfinite(incumbent.best))

    def _worth_a_schedule(self, search: SearchState, incumbent: Incumbent, hull: Hull) -> bool:
        """Whether a schedule is what the proof lacks, rather than better multipliers.

        It takes as long as several bounding rounds.
        """
        best = search.least(incumbent)
        apart = hull.value - search.bound
        if not np.isfinite(best):
            return True
        if best - search.bound <= search.gap_abs:
            return False
        lacks = best - hull.value
        primal = lacks > apart or apart <= search.gap_abs
        return primal and hull.value < search.dived - TUNING.seeking.dive_again * lacks

    def _worth_improving(self, search: SearchState, incumbent: Incumbent, hull: Hull) -> bool:
        """Whether improving the best schedule is worth as long as a bounding round takes.

        Blocks of several hours take long to bound, and their pools hold good topologies.
        """
        best = search.least(incumbent)
        lacks, apart = best - hull.value, hull.value - search.bound
        open_still = best - search.bound > search.gap_abs
        return self._at.several_hours and search.dived < np.inf and open_still and lacks > apart

    def _improve(self, search: SearchState, hull: Hull, hulls: float = np.inf) -> bool:
        """Improve the best schedule with the hull's topologies; return whether that helped."""
        if search.best is None:
            return False
        aim = search.aim(hull.value)
        found = self._dive.improved(search.question, hull, aim, search.best, hulls)
        if found is not None:
            self._take(search, found)
        return found is not None
