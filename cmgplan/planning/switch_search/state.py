"""State of one question of the search by hours, and its stopping rules."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.planning.model.bound_proof import Evidence
from cmgplan.planning.switch_search.schedules import Judge, SwitchSchedule
from cmgplan.planning.switch_search.topologies import HourlyGrid
from cmgplan.solve.blocks.hull import Hull, Question

FAR_SHARE = 0.5
"""Share of what value and bound are apart that the hours' gap is taken from for now."""

UNKNOWN_UNITS = 10.0
"""The same while there is no bound, in units of the question."""

LOOSE_GAP = 1.0
"""Gap of the hours together, where no gap is asked for."""

INFEASIBLE_BREAK = 1e-4
"""Proven break of the coupling rows from which a question counts as infeasible."""


STUCK_SHARE = 0.02
"""Share of the wanted gap by which bound or hull must move to count."""

GOOD_SHARE = 0.9
"""Share of the wanted gap at which a rounded schedule is good enough."""

FAR_GOOD_SHARE = 0.25
"""Share of what hull and bound are apart now within which it is as well."""

FINE_SHARE = 0.1
"""Share of the same that matters in choosing a schedule."""

IDLE_ROUNDS = 4
"""Rounds of prices that may move nothing, as topologies come and go, before the search ends."""

ENOUGH_SHARE = 0.5
"""Share of what the latest round took that is too little time for the next."""

FEW_ROUNDS = 8
"""Rounds of prices of a small problem whose operations are counted, before it is solved whole."""

UNLIMITED = 10_000
"""More rounds of prices than any question takes."""

KEPT_SHARE = 0.5
"""Share of the time limit that is kept for a schedule at most."""


@dataclass(frozen=True)
class Aim:
    """What a rounded hull is to reach.

    Attributes
    ----------
    good
        Value that will do.
    unit
        Difference of values that matters.
    deadline
        Of ``time.perf_counter``; nothing is begun after it.
    """

    good: float
    unit: float
    deadline: float


@dataclass
class Pace:
    """What parts of a question took at most, s.

    They are the hull, rounding it, operating a schedule, and proving what all prices give together.
    """

    mixing_s: float = 0.0
    rounding_s: float = 0.0
    operating_s: float = 0.0
    proving_s: float = 0.0

    def kept_of(self, time_limit_s: float) -> float:
        """Return the seconds of a time limit that the end of a question needs."""
        needed = self.mixing_s + self.rounding_s + self.operating_s
        return min(needed, KEPT_SHARE * time_limit_s)


@dataclass
class Search:
    """State of one question.

    Attributes
    ----------
    bound
        Best proven bound so far.
    prices
        The best prices known: those of all that the hours have proved together, or else of the
        best bound that this question's own prices gave, ``priced_bound``.
    known
        Schedules that the search began with or found.
    rounded
        Schedules that the hull has been rounded to and that nobody has operated, by the value
        that the relaxation gives them.
    priced, rounds, idle
        Rounds of prices so far, how many there may be, and how many of the latest moved nothing.
    last_bound, last_value
        Bound and value of the hull before the latest prices.
    lifted
        Whether the question leaves the limit of operations out.
    dived
        Value of the hull that was rounded last.
    best
        Best hull with one topology in each hour, where operations are counted.
    unfinished
        Whether the latest prices left more open than they may, so that the next take more nodes.
    pace
        What a schedule took.
    kept_s
        Seconds of the time limit in which no prices are asked, so that a schedule can follow.
    round_s
        What the latest round of hull and prices took.
    evidence
        What the bound rests on.
    """

    question: Question
    gap_abs: float
    deadline: float
    bound: float = -np.inf
    priced_bound: float = -np.inf
    known: list[SwitchSchedule] = field(default_factory=list)
    prices: FloatArray | None = None
    rounded: list[tuple[float, SwitchSchedule]] = field(default_factory=list)
    priced: int = 0
    rounds: int = UNLIMITED
    idle: int = 0
    last_bound: float = -np.inf
    last_value: float = np.inf
    lifted: bool = False
    dived: float = np.inf
    best: Hull | None = None
    unfinished: bool = False
    pace: Pace = field(default_factory=Pace)
    kept_s: float = 0.0
    round_s: float = 0.0
    evidence: Evidence | None = None

    def begin_anew(self) -> None:
        """Forget what tells of the blocks so far, not what is proved or held."""
        self.best, self.dived = None, np.inf
        self.idle, self.unfinished = 0, False

    def stands(self, found: Hull) -> None:
        """Take note of a hull with one topology in each hour."""
        if self.best is None or found.value < self.best.value:
            self.best = found

    def gap_now(self, value: float) -> float:
        """Return a gap that is fine enough while ``value`` and bound are still far apart."""
        unknown = not np.isfinite(self.bound)
        apart = UNKNOWN_UNITS * self.question.unit if unknown else FAR_SHARE * (value - self.bound)
        return max(self.question.unit, min(self.gap_abs, LOOSE_GAP), apart)

    @property
    def without_objective(self) -> Search:
        """The question of feasibility alone: its bound is positive only if nothing is feasible."""
        zero = replace(self.question, cost=np.zeros_like(self.question.cost), unit=INFEASIBLE_BREAK)
        return Search(zero, INFEASIBLE_BREAK, self.deadline, bound=0.0)

    @property
    def proves_optimality(self) -> bool:
        """Whether the question has an objective: else its bound tells of feasibility."""
        return bool(self.question.cost.any())

    def proves(self, bound: float, prices: FloatArray, grid: HourlyGrid) -> None:
        """Take note of a bound and its prices, of the coupling rows of a grid's blocks."""
        self.knows(bound, prices, grid)
        if bound > self.priced_bound:
            self.priced_bound, self.prices = bound, prices

    def knows(self, bound: float, prices: FloatArray, grid: HourlyGrid) -> None:
        """Take note of a bound, whose prices may be those of another question."""
        if bound > self.bound:
            self.bound = bound
            self.evidence = Evidence(bound, prices, grid.blocks.coupling_names, grid.hours)

    def asking(self, lifted: Question) -> Search:
        """Return the search of the same question without the limit of operations."""
        return Search(lifted, self.gap_abs, self.deadline, bound=self.bound, lifted=True)

    def aim(self, value: float) -> Aim:
        """Return what a rounded schedule should reach; ``value`` is that of the hull."""
        if not np.isfinite(self.bound):
            return Aim(np.inf, self.question.unit, self.deadline)
        apart = max(value - self.bound, 0.0)
        wanted = min(self.gap_abs, LOOSE_GAP)
        good = self.gap_abs if np.isfinite(self.gap_abs) else LOOSE_GAP
        return Aim(
            max(self.bound + GOOD_SHARE * good, value + FAR_GOOD_SHARE * apart),
            max(wanted, FINE_SHARE * apart),
            self.deadline,
        )

    def reached(self, value: float) -> bool:
        """Whether bound or hull moved by what counts since the last round."""
        counts = STUCK_SHARE * self.gap_abs
        moved = self.bound > self.last_bound + counts or value < self.last_value - counts
        self.last_bound, self.last_value = self.bound, value
        return moved

    def stopped(self, *, moved: bool, known: bool) -> str:
        """Return why the search ends without having closed the gap; empty if it goes on.

        ``moved`` tells of bound and hull, ``known`` whether a topology is new to the hull. After a
        round that moved nothing, the hull's own prices are asked before the search ends.
        """
        self.idle = 0 if moved or self.unfinished else self.idle + 1
        if self.idle >= IDLE_ROUNDS or (self.idle > 1 and not known):
            return "nothing new"
        if self.prices_left_s <= ENOUGH_SHARE * self.round_s:
            return "the time limit"
        return "stopped" if self.priced >= self.rounds else ""

    def meets(self, judge: Judge) -> bool:
        """Whether value and bound meet; schedules are operated once they promise that."""
        while True:
            least = self.least(judge)
            if not least - self.bound <= self.gap_abs < np.inf:
                return False
            if judge.best - self.bound <= self.gap_abs:
                return True
            self.operate_best(judge)

    def least(self, judge: Judge) -> float:
        """Return the least value of a schedule, operated or as the relaxation gives it."""
        return min([judge.best, *(value for value, _ in self.rounded)])

    def holds(self, judge: Judge, hull: Hull) -> bool:
        """Whether a schedule is known that misses the hull by less than the bound does.

        One of tighter caps may hold here and be worth nearly nothing.
        """
        lacks = self.least(judge) - hull.value
        return bool(np.isfinite(lacks)) and lacks <= max(hull.value - self.bound, self.gap_abs)

    def operate_best(self, judge: Judge) -> None:
        """Have the schedule judged that the relaxation values most."""
        self.rounded.sort(key=lambda entry: entry[0])
        value, schedule = self.rounded.pop(0)
        if value < judge.best:
            begun = time.perf_counter()
            judge.value(schedule)
            self.pace.operating_s = max(self.pace.operating_s, time.perf_counter() - begun)

    def operate_all(self, judge: Judge) -> None:
        """Have the schedules judged that are left, after the deadline until one is better."""
        before = judge.best
        while self.rounded and (self.left_s > 0.0 or judge.best == before):
            self.operate_best(judge)

    @property
    def left_s(self) -> float:
        """Seconds that are left."""
        return self.deadline - time.perf_counter()

    @property
    def is_late(self) -> bool:
        """Whether no more time is left than a schedule takes to operate."""
        return self.left_s <= self.pace.operating_s

    @property
    def lacks_time(self) -> bool:
        """Whether no more time is left than a hull takes."""
        return self.left_s <= self.pace.mixing_s

    @property
    def prices_left_s(self) -> float:
        """Seconds that are left for prices."""
        return self.left_s - self.kept_s
