"""A limit of time that many solves share, and who is told what takes it."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable

Clock = Callable[[], float]
"""Seconds since some moment."""

Tell = Callable[[str, float], None]
"""Takes what is being done, and the seconds since the beginning; may be called often."""


LATE, LATE_S = 1.5, 20.0
"""Multiple of its time limit, and seconds more, after which a solver is taken not to heed it."""


def lateness(solver: str, took_s: float, limit_s: float) -> str:
    """Return what is to be said of a solver that went on far beyond its limit, else nothing."""
    if not took_s > LATE * limit_s + LATE_S:
        return ""
    return f"; {solver} did not heed its time limit of {limit_s:.3g} s and took {took_s:.3g} s"


class TimeLimit:
    """What is left of a limit of time.

    Parameters
    ----------
    seconds
        Limit, s, from now on; infinite if there is none.
    clock
        Source of the time, s.
    tell
        Takes what is being done.

    Attributes
    ----------
    seconds
        The whole limit, s.
    """

    def __init__(
        self,
        seconds: float | None = None,
        *,
        clock: Clock = time.perf_counter,
        tell: Tell | None = None,
    ) -> None:
        self.seconds = float("inf") if seconds is None else seconds
        self._clock, self._tell = clock, tell
        self._begun = clock()
        self._end = self._begun + self.seconds
        self._doing = ""

    @property
    def left_s(self) -> float:
        """Seconds left, never negative."""
        return max(self._end - self._clock(), 0.0)

    @property
    def over(self) -> bool:
        """Whether nothing is left."""
        return self.left_s == 0.0

    @property
    def watched(self) -> bool:
        """Whether a solver has to look at it at all."""
        return self._end < float("inf") or self._tell is not None

    def begin(self, what: str) -> None:
        """Say what is being done from now on."""
        self._doing = what
        self.pulse()

    def pulse(self) -> None:
        """Say that it is still being done."""
        if self._tell is not None:
            self._tell(self._doing, self._clock() - self._begun)

    def part(self, share: float) -> TimeLimit:
        """Return a limit that ends after a share of what is left."""
        shorter = copy.copy(self)
        if self._end < float("inf"):
            shorter._end = self._clock() + share * self.left_s
        return shorter


UNLIMITED = TimeLimit()
