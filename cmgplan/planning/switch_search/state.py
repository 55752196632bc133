"""State of one question of the search by hours, and its stopping rules."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.planning.model.bound_proof import Evidence
from cmgplan.planning.switch_search.schedules import Incumbent, SwitchSchedule
from cmgplan.planning.switch_search.topologies import HourlyGrid
from cmgplan.planning.switch_search.tuning import TUNING
from cmgplan.solve.blocks.hull import Hull, Question


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
    """Greatest times that parts of a question have taken, s.

    They are the hull, rounding it, operating a schedule, and proving what all rounds give together.
    """

    mixing_s: float = 0.0
    rounding_s: float = 0.0
    operating_s: float = 0.0
    proving_s: float = 0.0

    def kept_of(self, time_limit_s: float) -> float:
        """Return the seconds of a time limit that the end of a question needs."""
        needed = self.mixing_s + self.rounding_s + self.operating_s
        return min(needed, TUNING.stopping.kept_share * time_limit_s)


@dataclass
class SearchState:
    """State of one question.

    Attributes
    ----------
    bound
        Best proven bound so far.
    multipliers
        The best multipliers known: those of all that the hours have proved together, or else of the
        best bound that this question's own rounds gave, ``multipliers_bound``.
    known
        Schedules that the search began with or found.
    rounded
        Schedules from rounded hulls that are not yet operated in AC, each with the value that the
        relaxation gives it.
    rounds_done, rounds_most, idle
        Bounding rounds so far, how many there may be (None: any number), and how many of the
        latest moved nothing.
    wants_proof
        Whether the search goes on until value and bound meet, whatever the rounds.
    last_bound, last_value
        Bound and value of the hull before the latest round.
    lifted
        Whether the question leaves the limit of operations out.
    dived
        Value of the hull that was rounded last.
    best
        Best hull with one topology in each hour, where operations are counted.
    unfinished
        Whether the latest round left more open than it may, so that the next takes more nodes.
    pace
        Times that parts of questions have taken.
    kept_s
        Seconds of the time limit in which no round is begun, so that a schedule can follow.
    round_s
        What the latest round, its hull included, took.
    evidence
        What the bound rests on.
    """

    question: Question
    gap_abs: float
    deadline: float
    bound: float = -np.inf
    multipliers_bound: float = -np.inf
    known: list[SwitchSchedule] = field(default_factory=list)
    multipliers: FloatArray | None = None
    rounded: list[tuple[float, SwitchSchedule]] = field(default_factory=list)
    rounds_done: int = 0
    rounds_most: int | None = None
    wants_proof: bool = True
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
        """Reset what belongs to the blocks so far; bounds and schedules stay."""
        self.best, self.dived = None, np.inf
        self.idle, self.unfinished = 0, False

    def keep_if_best(self, found: Hull) -> None:
        """Keep a hull with one topology in each hour, if it is the best so far."""
        if self.best is None or found.value < self.best.value:
            self.best = found

    def gap_now(self, value: float) -> float:
        """Return a gap that is fine enough while ``value`` and bound are still far apart."""
        unknown = not np.isfinite(self.bound)
        apart = (
            TUNING.stopping.unknown_units * self.question.unit
            if unknown
            else TUNING.stopping.far_share * (value - self.bound)
        )
        return max(self.question.unit, min(self.gap_abs, TUNING.stopping.loose_gap), apart)

    @property
    def without_objective(self) -> SearchState:
        """The question of feasibility alone: its bound is positive only if nothing is feasible."""
        zero = replace(
            self.question,
            cost=np.zeros_like(self.question.cost),
            unit=TUNING.stopping.infeasible_break,
        )
        return SearchState(zero, TUNING.stopping.infeasible_break, self.deadline, bound=0.0)

    @property
    def proves_optimality(self) -> bool:
        """Whether the question has an objective: else its bound tells of feasibility."""
        return bool(self.question.cost.any())

    def record_own_bound(self, bound: float, multipliers: FloatArray, grid: HourlyGrid) -> None:
        """Record a bound, and its multipliers as the best of this question if they are."""
        self.record_bound(bound, multipliers, grid)
        if bound > self.multipliers_bound:
            self.multipliers_bound, self.multipliers = bound, multipliers

    def record_bound(self, bound: float, multipliers: FloatArray, grid: HourlyGrid) -> None:
        """Record a bound, whose multipliers may be those of another question."""
        if bound > self.bound:
            self.bound = bound
            self.evidence = Evidence(bound, multipliers, grid.blocks.coupling_names, grid.hours)

    def without_operation_limit(self, lifted: Question) -> SearchState:
        """Return the state of the same question, ``lifted`` over the limit of operations."""
        return SearchState(lifted, self.gap_abs, self.deadline, bound=self.bound, lifted=True)

    def aim(self, value: float) -> Aim:
        """Return what a rounded schedule should reach; ``value`` is that of the hull."""
        if not np.isfinite(self.bound):
            return Aim(np.inf, self.question.unit, self.deadline)
        apart = max(value - self.bound, 0.0)
        wanted = min(self.gap_abs, TUNING.stopping.loose_gap)
        good = self.gap_abs if np.isfinite(self.gap_abs) else TUNING.stopping.loose_gap
        return Aim(
            max(
                self.bound + TUNING.stopping.good_share * good,
                value + TUNING.stopping.far_good_share * apart,
            ),
            max(wanted, TUNING.stopping.fine_share * apart),
            self.deadline,
        )

    def note_round(self, value: float) -> bool:
        """Note a round's bound and value of the hull; return whether either moved noticeably."""
        counts = TUNING.stopping.stuck_share * self.gap_abs
        moved = self.bound > self.last_bound + counts or value < self.last_value - counts
        self.last_bound, self.last_value = self.bound, value
        return moved

    def stopped(self, *, moved: bool, new_topology: bool) -> str:
        """Return why the search ends without having closed the gap; empty if it goes on.

        ``moved`` tells of bound and hull, ``new_topology`` whether the hull has one it had not.
        After a round that moved nothing, the hull's own multipliers are tried before the end.
        """
        self.idle = 0 if moved or self.unfinished else self.idle + 1
        if self.idle >= TUNING.stopping.idle_rounds or (self.idle > 1 and not new_topology):
            return "nothing new"
        if self.bounding_left_s <= TUNING.stopping.enough_share * self.round_s:
            return "the time limit"
        ended = self.rounds_most is not None and self.rounds_done >= self.rounds_most
        return "stopped" if ended else ""

    @property
    def has_few_rounds(self) -> bool:
        """Whether rounds are too few for a proof of what they give together."""
        return self.rounds_most is not None and self.rounds_most <= TUNING.effort.few_rounds

    @property
    def wants_value(self) -> bool:
        """Whether a good value is all that is wanted, with so few rounds."""
        return self.rounds_most is not None and self.rounds_most < TUNING.effort.few_rounds

    def meets(self, incumbent: Incumbent) -> bool:
        """Whether value and bound meet; operates schedules whose relaxed value would do."""
        while True:
            least = self.least(incumbent)
            if not least - self.bound <= self.gap_abs < np.inf:
                return False
            if incumbent.best - self.bound <= self.gap_abs:
                return True
            self.operate_best(incumbent)

    def least(self, incumbent: Incumbent) -> float:
        """Return the least value of a schedule, operated or as the relaxation gives it."""
        return min([incumbent.best, *(value for value, _ in self.rounded)])

    def holds(self, incumbent: Incumbent, hull: Hull) -> bool:
        """Whether a schedule is known that misses the hull by less than the bound does.

        A schedule known from tighter caps is feasible here as well, but may be far from the best.
        """
        lacks = self.least(incumbent) - hull.value
        return bool(np.isfinite(lacks)) and lacks <= max(hull.value - self.bound, self.gap_abs)

    def operate_best(self, incumbent: Incumbent) -> None:
        """Operate in AC the schedule of least value in the relaxation."""
        self.rounded.sort(key=lambda entry: entry[0])
        value, schedule = self.rounded.pop(0)
        if value < incumbent.best:
            begun = time.perf_counter()
            incumbent.offer(schedule)
            self.pace.operating_s = max(self.pace.operating_s, time.perf_counter() - begun)

    def operate_all(self, incumbent: Incumbent) -> None:
        """Operate the schedules that are left, after the deadline only until one is better."""
        before = incumbent.best
        while self.rounded and (self.left_s > 0.0 or incumbent.best == before):
            self.operate_best(incumbent)

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
    def bounding_left_s(self) -> float:
        """Seconds that are left for bounding rounds."""
        return self.left_s - self.kept_s
