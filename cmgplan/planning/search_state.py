"""State of one question of the search by hours, and its stopping rules."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

import numpy as np

from cmgplan.devices.base import FloatArray
from cmgplan.planning.grid_search import Judge, SwitchSchedule
from cmgplan.solve.hull import Question

FAR_SHARE = 0.5
"""Share of what value and bound are apart that the hours' gap is taken from for now."""

UNKNOWN_UNITS = 10.0
"""The same while there is no bound, in units of the question."""

LOOSE_GAP = 1.0
"""Gap of the hours together, where no gap is asked for."""

INFEASIBLE_BREAK = 1e-4
"""Proven break of the coupling rows from which a question counts as infeasible."""


@dataclass
class Search:
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
        return max(self.question.unit, min(self.gap_abs, LOOSE_GAP), apart)

    @property
    def without_objective(self) -> Search:
        """The question of feasibility alone: its bound is positive only if nothing is feasible."""
        zero = replace(self.question, cost=np.zeros_like(self.question.cost), unit=INFEASIBLE_BREAK)
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
        """Seconds that are left."""
        return self.deadline - time.perf_counter()
