"""Seeking of schedules in the hull: when it is worth its time, and how.

Where operations are free, the hull is rounded and single hours' topologies are swapped; where they
are counted, ``switch_dive`` closes switches one after the other and lets go of some again.
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from cmgplan.planning.switch_search.partition import Partition
from cmgplan.planning.switch_search.rounding import rounded, rounded_well, swapped, taken
from cmgplan.planning.switch_search.schedules import Judge
from cmgplan.planning.switch_search.state import FEW_ROUNDS, Search
from cmgplan.solve.blocks.hull import Hull, points_of

WORTH_GAPS = 2.0
"""Multiple of the wanted gap within which hull and bound are worth a schedule."""

DIVE_AGAIN = 0.2
"""Share of what the best schedule misses by which the hull must better before the next one."""

BETTERING_HULLS = 150
"""Hulls solved to better a schedule before the next round of prices: they take as long."""

SETTLED = 0.25
"""Share of the wanted gap between hull and bound under which prices have done their part."""

NEAR_SHARE = 0.5
"""Share of the wanted gap between hull and bound within which swaps are worth their time."""

SWAP_SHARE = 0.01
"""Gain of a swap that counts, in units of the aim."""

ROUGH = 5.0
"""Multiple of the aim's unit in rounding where no proof is wanted: the first schedule will do."""


class Seeker:
    """Seeks schedules in the hulls of a partition, for the ``Search`` to have operated later.

    ``costly`` says whether an operation has a price.
    """

    def __init__(self, partition: Partition, *, costly: bool) -> None:
        self._at, self._costly = partition, costly

    def sought(self, search: Search, judge: Judge, hull: Hull) -> bool:
        """Round the hull or better the best schedule; return whether either was worth its time."""
        if self._worth_a_schedule(search, judge, hull):
            self.round_off(search, hull, held=search.holds(judge, hull))
        elif self._worth_bettering(search, judge, hull):
            self._better(search, hull, BETTERING_HULLS)
        else:
            return False
        return True

    def round_off(self, search: Search, hull: Hull, *, held: bool = False) -> None:
        """Round the hull to a schedule, to be operated later.

        Where a schedule is ``held`` already that is worth something, that ends with the time.

        Where operations are counted, blocks of several hours take one topology each first, as
        these hold whole positions over their hours; what is rounded then is what may stay closed.
        """
        if any(None in weights for weights in hull.weights):
            return
        if self._at.dive is not None:
            search.dived, aim = hull.value, search.aim(hull.value)
            if search.rounds < FEW_ROUNDS and not self._costly:
                aim = replace(aim, good=np.inf, unit=ROUGH * aim.unit)
            begun_at = hull
            if self._at.several_hours:
                begun_at = rounded(hull, lambda mix: self._at.solve(search, mix)) or hull
            found = self._at.dive.rounded(search.question, begun_at, aim, search.best)
        else:
            begun = time.perf_counter()
            found = rounded_well(
                hull,
                lambda mix: None if held and search.left_s <= 0.0 else self._at.solve(search, mix),
                search.aim(hull.value).good,
                late=lambda: search.is_late,
                each=self._at.prices.workers.map,
            )
            took = time.perf_counter() - begun
            search.pace.rounding_s = max(search.pace.rounding_s, took)
        if found is not None:
            self._take(search, found)
        if self._at.several_hours:
            self._better(search, hull)
        elif self._lacks_swaps(search, hull):
            self.swap(search, hull)

    def bettered(self, search: Search, judge: Judge, hull: Hull) -> str:
        """Better the best schedule until value and bound meet or nothing helps; return why."""
        while self._better(search, hull):
            if search.meets(judge):
                return "value and bound meet"
        return "no better schedule found"

    def swap(self, search: Search, hull: Hull) -> None:
        """Better the best schedule where operations are free, by one hour's topology at a time."""
        if self._at.dive is not None or search.best is None:
            return
        found = swapped(
            search.best,
            hull,
            lambda mix: None if search.is_late else self._at.solve(search, mix),
            SWAP_SHARE * search.aim(hull.value).unit,
            late=lambda: search.is_late,
            each=self._at.prices.workers.map,
        )
        if found is not search.best:
            self._take(search, found)

    def lacks_schedule(self, search: Search, judge: Judge, hull: Hull) -> bool:
        """Whether no prices could prove what is wanted, so that a better schedule is sought."""
        settled = hull.value - search.bound <= SETTLED * search.gap_abs
        return self._at.dive is not None and settled and np.isfinite(judge.best)

    def _worth_a_schedule(self, search: Search, judge: Judge, hull: Hull) -> bool:
        """Whether a schedule is what the proof lacks, rather than better prices.

        Where operations are counted, it takes as long as several prices.
        """
        best = search.least(judge)
        apart = hull.value - search.bound
        if not np.isfinite(best):
            return True
        if self._at.dive is None:
            return apart <= WORTH_GAPS * search.gap_abs
        if best - search.bound <= search.gap_abs:
            return False
        lacks = best - hull.value
        primal = lacks > apart or apart <= search.gap_abs
        return primal and hull.value < search.dived - DIVE_AGAIN * lacks

    def _worth_bettering(self, search: Search, judge: Judge, hull: Hull) -> bool:
        """Whether letting go of switches is worth as long as prices take.

        Blocks of several hours take long to price, and know good topologies.
        """
        best = search.least(judge)
        lacks, apart = best - hull.value, hull.value - search.bound
        open_still = best - search.bound > search.gap_abs
        return self._at.several_hours and search.dived < np.inf and open_still and lacks > apart

    def _lacks_swaps(self, search: Search, hull: Hull) -> bool:
        """Whether hull and bound are near enough, but not the best schedule."""
        if search.best is None:
            return False
        apart, open_still = hull.value - search.bound, search.best.value - search.bound
        return apart <= NEAR_SHARE * search.gap_abs and open_still > search.gap_abs

    def _better(self, search: Search, hull: Hull, hulls: float = np.inf) -> bool:
        """Better the best schedule by what the hull knows; return whether anything helped."""
        if self._at.dive is None or search.best is None:
            return False
        aim = search.aim(hull.value)
        found = self._at.dive.bettered(search.question, hull, aim, search.best, hulls)
        if found is not None:
            self._take(search, found)
        return found is not None

    def _take(self, search: Search, found: Hull) -> None:
        """Take note of a schedule, to be operated later."""
        self._at.age(found)
        point = points_of(self._at.blocks, found)[0]
        schedule = self._at.pool.schedule_of(taken(found), point)
        search.rounded.append((found.value, schedule))
        search.known.append(schedule)
        search.stands(found)
