"""Rows of a linear program, put together entry by entry."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from cmgplan.arrays import BoolArray, FloatArray, IntArray
from cmgplan.solve.cones import Rows


class RowBuilder:
    """Collects the entries of rows."""

    def __init__(self, columns: int) -> None:
        self._columns, self._count = columns, 0
        self._entries: list[tuple[IntArray, IntArray, FloatArray]] = []
        self._limits: list[tuple[FloatArray, FloatArray]] = []

    def add(self, count: int, lower: FloatArray | float, upper: FloatArray | float) -> IntArray:
        """Begin rows and return their numbers."""
        rows = np.arange(self._count, self._count + count)
        self._count += count
        limits = [np.broadcast_to(np.asarray(v, dtype=np.float64), count) for v in (lower, upper)]
        self._limits.append((limits[0], limits[1]))
        return rows

    def put(self, rows: IntArray, columns: IntArray, factors: FloatArray | float) -> None:
        """Add a factor to each pair of row and column."""
        values = np.broadcast_to(np.asarray(factors, dtype=np.float64), len(rows))
        self._entries.append((rows, columns, values))

    def put_below(self, columns: IntArray, others: IntArray, factor: FloatArray | float) -> None:
        """Add rows ``column <= factor * other``."""
        rows = self.add(len(columns), -np.inf, 0.0)
        self.put(rows, columns, 1.0)
        self.put(rows, others, -np.asarray(factor, dtype=np.float64))

    def rows(self) -> Rows:
        """Return the rows."""
        rows, columns, values = (
            np.concatenate(parts) for parts in zip(*self._entries, strict=True)
        )
        kept = values != 0.0
        matrix = sp.csr_array(
            (values[kept], (rows[kept], columns[kept])), shape=(self._count, self._columns)
        )
        lower, upper = (np.concatenate(parts) for parts in zip(*self._limits, strict=True))
        return Rows(matrix, lower, upper)


def part_of(rows: Rows, which: BoolArray | IntArray) -> Rows:
    """Return some of the rows."""
    return Rows(sp.csr_array(rows.matrix[which]), rows.lower[which], rows.upper[which])
