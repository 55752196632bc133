"""Units in which HiGHS sees a model: powers of two, so that nothing is rounded.

Where coefficients fall under 1e-8, HiGHS 1.15 has cut off optima and stated bounds above them:
those of a voltage drop are 1e-6 pu^2 per kW and 1e-9 pu^2 per A^2. In units in which no row or
column has large coefficients beside small ones it found the same optima whatever its seed.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from cmgplan.arrays import FloatArray, IntArray
from cmgplan.solve.cones import Rows

ROUNDS = 6
"""Passes over rows and columns; the geometric means settle within a few."""

MOST = 2.0**12
"""Largest unit of a column, and the inverse of the smallest: tolerances are absolute."""


def column_units(matrix: sp.csr_array, integer: npt.NDArray[np.bool_]) -> FloatArray:
    """Return the unit of each column of ``matrix``: one for integer columns, shape (n,).

    Rows and columns are divided in turn by the geometric mean of their least and greatest
    coefficients (Curtis and Reid 1972, doi 10.1093/imamat/10.1.118, do so by least squares).
    """
    entries = sp.coo_array(matrix)
    row, column = entries.coords
    there = entries.data != 0.0
    row, column = row[there], column[there]
    size = np.log2(np.abs(entries.data[there]))
    of_row, of_column = np.zeros(matrix.shape[0]), np.zeros(matrix.shape[1])
    for _ in range(ROUNDS):
        of_row -= _middle(size + of_row[row] + of_column[column], row, len(of_row))
        middle = _middle(size + of_row[row] + of_column[column], column, len(of_column))
        of_column -= np.where(integer, 0.0, middle)
    most = np.log2(MOST)
    return np.exp2(np.clip(np.round(of_column), -most, most))


def in_units(rows: Rows, unit: FloatArray) -> Rows:
    """Return rows over columns in these units, each row multiplied to have coefficients near 1."""
    matrix = sp.csr_array(rows.matrix, copy=True)
    matrix.data *= unit[matrix.indices]
    matrix.eliminate_zeros()
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    size = np.log2(np.abs(matrix.data))
    factor = np.exp2(-np.round(_middle(size, row, matrix.shape[0])))
    matrix.data *= factor[row]
    return Rows(matrix, rows.lower * factor, rows.upper * factor)


def _middle(size: FloatArray, group: IntArray, count: int) -> FloatArray:
    """Return the mean of the least and the greatest size in each group, zero where it is empty."""
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(low, group, size)
    np.maximum.at(high, group, size)
    return np.where(high >= low, 0.5 * (np.where(high >= low, low, 0.0) + high), 0.0)
