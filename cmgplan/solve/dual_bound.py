"""What multipliers prove of a linear problem, calculated from the problem itself.

For any multipliers of the rows the Lagrangian's minimum over the bounds of the columns is a lower
bound, whichever solver gave them and however well it converged (Neumaier and Shcherbina 2004,
doi 10.1007/s10107-003-0433-3).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from cmgplan.arrays import FloatArray
from cmgplan.solve.cones import Rows

PASSES = 3
"""Times that bounds are derived from rows; flows come first, then what balances them."""

ROUNDING = 1e-9
"""Reduced cost, relative to the largest price, that is a rounding error of zero."""

UNIT_ROUNDOFF = 2.0**-52
"""Twice the relative error of one rounding."""

SAFETY = 1.001
"""Factor that covers the roundings of the error bound itself."""

GIVES = 1e-8
"""Break of every row and bound that a proof of infeasibility must outlast."""


@dataclass(frozen=True)
class DualBound:
    """Rows ``row_lower <= matrix @ x <= row_upper`` and bounds ``lower <= x <= upper``."""

    matrix: sp.csr_array
    row_lower: FloatArray
    row_upper: FloatArray
    lower: FloatArray
    upper: FloatArray

    def bound(self, prices: FloatArray, multipliers: FloatArray) -> float | None:
        """Return a lower bound of ``prices @ x``; None if the multipliers prove none.

        A multiplier is positive where the lower limit of its row holds it.
        """
        y, d = self._lagrangian(prices, multipliers)
        tiny = ROUNDING * max(1.0, float(np.abs(prices).max(initial=0.0)))
        value = _least(y, self.row_lower, self.row_upper, 0.0) + _least(
            d, self.lower, self.upper, tiny
        )
        return value if np.isfinite(value) else None

    def excludes(self, multipliers: FloatArray) -> bool:
        """Return whether the combination of rows cannot be met, even if each gives a little."""
        scaled = multipliers / max(float(np.abs(multipliers).max(initial=0.0)), 1e-300)
        y, d = self._lagrangian(np.zeros(self.matrix.shape[1]), scaled)
        value = _least(y, self.row_lower, self.row_upper, 0.0) + _least(
            d, self.lower, self.upper, ROUNDING
        )
        return bool(value > GIVES * (np.abs(y).sum() + np.abs(d).sum()))

    def _lagrangian(
        self, prices: FloatArray, multipliers: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return multipliers without those of limits that do not exist, and reduced costs."""
        none = np.where(multipliers > 0.0, np.isinf(self.row_lower), np.isinf(self.row_upper))
        y = np.where(none, 0.0, multipliers)
        return y, np.asarray(prices - self.matrix.T @ y, dtype=np.float64)


def _least(weight: FloatArray, lower: FloatArray, upper: FloatArray, tiny: float) -> float:
    """Return the least of ``weight @ x`` within limits; tiny weights on none count as zero."""
    limit = np.where(weight > 0.0, lower, upper)
    free = np.isinf(limit) & (np.abs(weight) <= tiny)
    return float((np.where(free, 0.0, weight) * np.where(free | (weight == 0.0), 0.0, limit)).sum())


def safe_bound(
    prices: FloatArray, rows: Rows, lower: FloatArray, upper: FloatArray, multipliers: FloatArray
) -> float:
    """Return what multipliers prove of ``prices @ x``, rounded to the safe side.

    Every rounding error of the calculation is bounded from above and taken off, so that the result
    holds for the numbers as they stand (Neumaier and Shcherbina 2004, section 3). Columns must be
    bounded on the side to which their reduced cost pulls; else it is minus infinity.
    """
    there = np.where(multipliers > 0.0, np.isfinite(rows.lower), np.isfinite(rows.upper))
    y = np.where(there, multipliers, 0.0)
    if not np.all(np.isfinite(y)):
        return -np.inf
    sizes = np.abs(prices) + abs(rows.matrix).T @ np.abs(y)
    entries = np.bincount(rows.matrix.indices, minlength=len(prices))
    d = prices - rows.matrix.T @ y
    error = UNIT_ROUNDOFF * (entries + 3) * sizes
    sides = y * np.where(y == 0.0, 0.0, np.where(y > 0.0, rows.lower, rows.upper))
    least, most = np.abs(lower), np.abs(upper)
    sure = np.abs(d) > error
    furthest = np.where(sure, np.where(d > 0.0, least, most), np.maximum(least, most))
    counts = sizes > 0.0
    if np.any(np.isinf(furthest[counts])):
        return -np.inf
    edges = d[counts] * np.where(d > 0.0, lower, upper)[counts]
    wrong = error[counts] * furthest[counts]
    terms = np.concatenate([sides, edges])
    lost = math.fsum(wrong) + UNIT_ROUNDOFF * math.fsum(np.abs(terms))
    return float(np.nextafter(math.fsum(terms) - SAFETY * lost, -np.inf))


def implied_bounds(
    rows: Rows, lower: FloatArray, upper: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return bounds of the columns, finite also where only rows and other columns bound them."""
    matrix = rows.matrix.tocoo()
    row, column, value = matrix.row, matrix.col, matrix.data
    low, high = lower.copy(), upper.copy()
    for _ in range(PASSES):
        open_ = np.isinf(low[column]) | np.isinf(high[column])
        if not open_.any():
            break
        least = np.where(value > 0.0, value * low[column], value * high[column])
        most = np.where(value > 0.0, value * high[column], value * low[column])
        count = len(rows.lower)
        unbounded = np.bincount(row, weights=open_, minlength=count)
        least_sum = np.bincount(row, weights=np.where(open_, 0.0, least), minlength=count)
        most_sum = np.bincount(row, weights=np.where(open_, 0.0, most), minlength=count)
        single = open_ & (unbounded[row] == 1)
        r, c, v = row[single], column[single], value[single]
        ends = np.stack([(rows.lower[r] - most_sum[r]) / v, (rows.upper[r] - least_sum[r]) / v])
        np.maximum.at(low, c, ends.min(axis=0))
        np.minimum.at(high, c, ends.max(axis=0))
    return low, high
