"""What multipliers add to a Lagrangian bound, in exact fractions, and what rounding may take off.

Columns without bounds get those that rows imply, widened outwards.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.solve.blocks.hull import Question
from cmgplan.solve.blocks.problem import BlockProblem
from cmgplan.solve.blocks.tuning import TOLERANCES, TUNING
from cmgplan.solve.cones import Rows


def constant_of(
    blocks: BlockProblem,
    question: Question,
    multipliers: FloatArray,
    box: tuple[FloatArray, FloatArray],
) -> tuple[float, FloatArray]:
    """Return what coupling rows and linking columns add to the bound, not rounded up.

    It is calculated in exact fractions from the multipliers as ``BlockProblem.corrected`` leaves
    them, which are returned as well.
    """
    rows = blocks.coupling()
    y = blocks.corrected(*question.vectors, multipliers)
    total = Fraction(0)
    for value, low, high in zip(y.tolist(), rows.lower.tolist(), rows.upper.tolist(), strict=True):
        if value != 0.0:
            total += Fraction(value) * Fraction(low if value > 0.0 else high)
    matrix = rows.matrix.tocsc()
    for column in blocks.linking.tolist():
        own = slice(matrix.indptr[column], matrix.indptr[column + 1])
        entries = zip(matrix.indices[own].tolist(), matrix.data[own].tolist(), strict=True)
        reduced = Fraction(float(question.cost[column])) - sum(
            Fraction(value) * Fraction(float(y[row])) for row, value in entries
        )
        if reduced:
            edge = float(box[0][column] if reduced > 0 else box[1][column])
            if not np.isfinite(edge):
                return -np.inf, y
            total += reduced * Fraction(edge)
    return float(np.nextafter(float(total), -np.inf)), y


def margins(
    blocks: BlockProblem,
    question: Question,
    y: FloatArray,
    reduced: FloatArray,
    box: tuple[FloatArray, FloatArray],
) -> FloatArray:
    """Return what each block's minimum may be wrong by, as its reduced costs are rounded."""
    matrix = abs(blocks.coupling().matrix).tocsc()
    count = np.diff(matrix.indptr)
    sizes = np.abs(question.cost) + matrix.T @ np.abs(y)
    error = np.where(count > 0, (count + 2) * np.finfo(np.float64).eps * sizes, 0.0)
    most = np.maximum(np.abs(box[0]), np.abs(box[1]))
    wrong = np.where(error > 0.0, error * most, 0.0)
    return np.asarray([wrong[part.columns].sum() for part in blocks.blocks], dtype=np.float64)


def derived_bounds(
    rows: Rows, lower: FloatArray, upper: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return bounds of the columns, finite also where rows and other columns give them.

    A row gives a column a bound on the side on which nothing else in it is without one. Bounds are
    widened outwards beyond what rounding can have taken from them.
    """
    entries = rows.matrix.tocoo()
    (row, column), value = entries.coords, entries.data
    row, column, value = row[value != 0.0], column[value != 0.0], value[value != 0.0]
    low, high = lower.copy(), upper.copy()
    count = len(rows.lower)
    for _ in range(TUNING.reproving.bound_passes):
        before = int(np.isinf(low).sum() + np.isinf(high).sum())
        if before == 0:
            break
        ends = np.where(value > 0.0, value * low[column], value * high[column])
        for end, side in ((ends, rows.upper), (_other_ends(value, low, high, column), rows.lower)):
            endless = np.isinf(end)
            missing = np.bincount(row, weights=endless, minlength=count)
            known = np.bincount(row, weights=np.where(endless, 0.0, end), minlength=count)
            # All other columns at the end that leaves this one most room.
            rest = known[row] - np.where(endless, 0.0, end)
            told = (missing[row] - endless == 0) & np.isfinite(side[row])
            limit = np.where(told, side[row] - rest, 0.0) / value
            size = 1.0 + np.abs(limit) + np.abs(known[row] / value)
            limit_wide = TOLERANCES.derived_bound * size
            from_above = (value > 0.0) == (side is rows.upper)
            up = told & from_above & np.isinf(high[column])
            down = told & ~from_above & np.isinf(low[column])
            np.minimum.at(high, column[up], (limit + limit_wide)[up])
            np.maximum.at(low, column[down], (limit - limit_wide)[down])
        if int(np.isinf(low).sum() + np.isinf(high).sum()) == before:
            break
    return low, high


def _other_ends(
    value: FloatArray, low: FloatArray, high: FloatArray, column: FloatArray
) -> FloatArray:
    """Return the greatest that each entry can add to its row."""
    return np.asarray(np.where(value > 0.0, value * high[column], value * low[column]))
