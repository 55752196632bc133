"""Which levels of a store, and which counts of hours on, still lead to an allowed end of the day.

A decoder that steps through the hours must not take a choice now that no later choice can mend.
Here the allowed states at the end of every hour are worked out once, backwards from the end, and
a wish is then moved to the nearest state among them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cmgplan.arrays import BoolArray, FloatArray

Interval = tuple[float, float]

SLACK = 1e-9
"""Level by which an interval may be missed by rounding."""

BLOCKED = 1e9
"""Distance added to levels that a limit of the moment rules out; they remain the last resort."""


class Levels:
    """Levels that change within pieces: stored energy, or energy that has left its hour.

    From a level before an hour, ``kept * before - drawn`` is what it is without a choice; a
    choice adds a change from one of the pieces, or none.

    Parameters
    ----------
    start
        Level before the first hour.
    floor, ceiling
        Least and greatest level at the end of each hour, shape (T,).
    pieces
        Intervals of change by hour: arrays of their least and greatest, each of shape (T,).
    kept
        Share of the level that is kept over an hour.
    drawn
        What is drawn in each hour, shape (T,).
    """

    def __init__(
        self,
        start: float,
        floor: FloatArray,
        ceiling: FloatArray,
        pieces: Sequence[tuple[FloatArray, FloatArray]],
        *,
        kept: float = 1.0,
        drawn: FloatArray | None = None,
    ) -> None:
        self.start, self._kept = start, kept
        self._drawn = np.zeros(len(floor)) if drawn is None else drawn
        zero = np.zeros(len(floor))
        within = any(((low <= 0.0) & (high >= 0.0)).all() for low, high in pieces)
        self._pieces = [*pieces, *([] if within else [(zero, zero)])]
        rising = [np.maximum(low, 0.0) for low, high in self._pieces if high.any()]
        self._step: FloatArray = np.min(rising, axis=0) if rising else zero
        self.allowed = self._backwards(floor, ceiling)

    def _backwards(self, floor: FloatArray, ceiling: FloatArray) -> list[list[Interval]]:
        """Return the intervals of allowed levels at the end of each hour."""
        last = len(floor) - 1
        found: list[list[Interval]] = [[(float(floor[last]), float(ceiling[last]))]]
        for t in range(last, 0, -1):
            before = [
                (
                    (low - float(high_change[t]) + float(self._drawn[t])) / self._kept,
                    (high - float(low_change[t]) + float(self._drawn[t])) / self._kept,
                )
                for low, high in found[-1]
                for low_change, high_change in self._pieces
            ]
            within = (float(floor[t - 1]), float(ceiling[t - 1]))
            found.append(_merged([(max(a, within[0]), min(b, within[1])) for a, b in before]))
        return found[::-1]

    def idle(self, t: int, before: FloatArray) -> FloatArray:
        """Return the levels at the end of hour t without a choice, shape (points,)."""
        return self._kept * before - float(self._drawn[t])

    def rise(self, t: int, before: FloatArray, floor: FloatArray | None = None) -> FloatArray:
        """Return by how much levels must rise in hour t to keep the day possible, (points,)."""
        rest = self.idle(t, before)
        if len(self.allowed[t]) > 1:
            low = self.nearest(t, rest, np.full_like(rest, -np.inf), floor=floor)
            return np.maximum(low - rest, 0.0)
        least = self.allowed[t][0][0] if self.allowed[t] else -np.inf
        need = (least if floor is None else np.maximum(floor, least)) - rest
        return np.where(need > SLACK, np.maximum(need, self._step[t]), 0.0)

    def nearest(
        self,
        t: int,
        rest: FloatArray,
        wanted: FloatArray,
        most: FloatArray | None = None,
        floor: FloatArray | None = None,
    ) -> FloatArray:
        """Return the allowed levels at the end of hour t that are nearest to wanted ones.

        Parameters
        ----------
        rest
            Levels without a choice, see ``idle``, shape (points,).
        wanted
            Levels that are wished for, shape (points,).
        most
            Levels that should not be exceeded where the day allows, shape (points,).
        floor
            Levels that should be reached as far as a change can, shape (points,).
        """
        wanted = np.minimum(np.maximum(wanted, -BLOCKED), BLOCKED)
        if floor is not None:
            wanted = np.maximum(wanted, floor)
        only = len(self._pieces) == 1 and len(self.allowed[t]) == 1
        best, off = rest, rest if only else np.full_like(rest, np.inf)
        for low_change, high_change in self._pieces:
            least, greatest = rest + float(low_change[t]), rest + float(high_change[t])
            for low, high in self.allowed[t]:
                a, b = np.maximum(least, low), np.minimum(greatest, high)
                if floor is not None:
                    a = np.maximum(a, np.minimum(floor, b))
                level = np.minimum(np.maximum(wanted, a), np.maximum(a, b))
                if only:
                    if most is not None:
                        level = np.maximum(np.minimum(level, most), a)
                    return np.where(a <= b + SLACK, level, rest)
                apart = np.abs(level - wanted)
                if most is not None:
                    apart = apart + BLOCKED * (a > most + SLACK)
                    level = np.maximum(np.minimum(level, most), a)
                apart = np.where(a <= b + SLACK, apart, np.inf)
                nearer = apart < off
                best, off = np.where(nearer, level, best), np.where(nearer, apart, off)
        return best


def _merged(intervals: list[Interval]) -> list[Interval]:
    """Return intervals without empty ones, and overlapping ones as one."""
    found: list[Interval] = []
    for low, high in sorted((a, b) for a, b in intervals if a <= b + SLACK):
        if found and low <= found[-1][1] + SLACK:
            found[-1] = (found[-1][0], max(found[-1][1], high))
        else:
            found.append((low, max(low, high)))
    return found


class Counts:
    """Numbers of hours on so far from which a band of temperature can still be kept.

    A temperature that moves by fixed rates follows from the number of hours on alone.
    """

    def __init__(self, inside: BoolArray) -> None:
        """Take whether the band holds after hour t with n hours on, shape (T, T + 1)."""
        hours = len(inside)
        self.possible = inside.copy()
        for t in range(hours - 2, -1, -1):
            later = self.possible[t + 1]
            self.possible[t] &= later | np.append(later[1:], False)

    def decided(self, wanted_on: BoolArray) -> BoolArray:
        """Return wishes for on or off, those changed that would leave the band, (T, points)."""
        on, count = np.empty_like(wanted_on), np.zeros(wanted_on.shape[1], dtype=np.int64)
        for t, wanted in enumerate(wanted_on):
            kept = self.possible[t][count + wanted]
            on[t] = np.where(kept, wanted, ~wanted)
            count = count + on[t]
        return on
