"""Hours of a case that repeats itself: which of them an interruption covers."""

from __future__ import annotations

import numpy as np

from cmgplan.arrays import FloatArray

DAY_H = 24.0


def covered_h(hours: int, dt_h: float, begins_h: float, long_h: float) -> FloatArray:
    """Return how long an interruption covers each interval of a case, h, shape (T,).

    The case repeats itself: what passes its end goes on at its beginning, and an interruption
    that is longer than the case covers its intervals more than once.

    Parameters
    ----------
    begins_h
        From the beginning of the case, h; any number of repetitions may have passed.
    """
    period = hours * dt_h
    rounds, rest = divmod(long_h, period)
    starts = dt_h * np.arange(hours)
    first = begins_h % period
    covered = np.full(hours, rounds * dt_h)
    for begin in (first, first - period):
        shared = np.minimum(starts + dt_h, begin + rest) - np.maximum(starts, begin)
        covered += np.maximum(shared, 0.0)
    return covered


def beginnings_h(hours: int, dt_h: float, clock_h: float, begins_h: float) -> list[float]:
    """Return when an interruption at an hour of the clock begins, on each day of a case.

    Parameters
    ----------
    clock_h
        Hour of the clock at which it begins.
    begins_h
        Hour of the clock at which the case does.
    """
    days = max(int(hours * dt_h / DAY_H + 1e-9), 1)
    return [(clock_h - begins_h) % DAY_H + DAY_H * day for day in range(days)]
