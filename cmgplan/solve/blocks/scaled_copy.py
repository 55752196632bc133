"""A block under one pattern, its rows and cones ready to be scaled by the pattern's weight.

A hull is put together anew whenever its patterns change, but most of them stay: the entries that
a copy brings are kept, numbered within its own rows and columns.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from enum import IntEnum
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from cmgplan.arrays import FloatArray, IntArray
from cmgplan.solve.cones import Rows, SecondOrderRows


class Kind(IntEnum):
    """Rows of a hull in their order; copies have equations, inequalities and cones of their own."""

    COUPLED_EQUATION = 0
    WEIGHT = 1
    EQUATION = 2
    COUPLED_INEQUALITY = 3
    INEQUALITY = 4
    CONE = 5


@dataclass(frozen=True)
class StackedRows:
    """Linear rows as equations and then inequalities ``matrix @ x <= right``.

    Rows with a lower side stand negated, those with two sides twice.

    Attributes
    ----------
    number, sign
        Which of the ``count`` rows each stacked one is, and -1 where it is negated.
    equations
        Number of equations.
    """

    matrix: sp.csc_array
    right: FloatArray
    number: IntArray
    sign: FloatArray
    equations: int
    count: int

    @classmethod
    def of(cls, rows: Rows) -> StackedRows:
        """Stack rows: equations, rows with an upper side, rows with a lower side."""
        same = rows.lower == rows.upper
        equal = np.flatnonzero(same)
        below = np.flatnonzero(~same & np.isfinite(rows.upper))
        above = np.flatnonzero(~same & np.isfinite(rows.lower))
        sign = np.repeat([1.0, 1.0, -1.0], [len(equal), len(below), len(above)])
        number = np.concatenate([equal, below, above])
        stacked = sp.csc_array(sp.diags_array(sign) @ rows.matrix[number])
        side = sign * np.where(sign > 0.0, rows.upper[number], rows.lower[number])
        return cls(stacked, side, number, sign, len(equal), len(rows.lower))

    def row_dual(self, z: FloatArray) -> FloatArray:
        """Return multipliers of the rows from those of the stacked ones.

        They have the sign of HiGHS's: the reduced cost is ``cost - matrix.T @ row_dual``.
        """
        dual = np.zeros(self.count)
        np.subtract.at(dual, self.number, self.sign * z)
        return dual

    def scaled(self) -> sp.coo_array:
        """Return the rows times a weight, whose column is the last one: their sides are zero."""
        return beside(self.matrix, -self.right)


def beside(matrix: sp.csc_array, column: FloatArray) -> sp.coo_array:
    """Return a matrix with one column more."""
    more: Any = sp.csc_array(column[:, None])
    return sp.coo_array(sp.hstack([matrix, more], format="coo"))


@dataclass(frozen=True)
class ScaledCopy:
    """What a block under one pattern brings into a hull.

    Attributes
    ----------
    columns
        Columns of the whole problem that are free; the weight comes after them.
    fixed, free, low, high
        Values of the block's columns that are fixed, and which are not; the bounds of all.
    value, row, column, kind
        Entries: rows are numbered within their kind, columns within the copy.
    equations, inequalities, sizes
        Number of rows of these kinds, and of rows of each cone.
    """

    block: int
    pattern: tuple[int, ...] | None
    low: FloatArray
    high: FloatArray
    columns: IntArray
    fixed: FloatArray
    free: npt.NDArray[np.bool_]
    value: FloatArray
    row: IntArray
    column: IntArray
    kind: IntArray
    equations: int
    inequalities: int
    sizes: IntArray


class KeptCopies:
    """Copies that hulls keep, those asked for longest ago dropped first; hulls may share it."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, ScaledCopy] = {}
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Hashable) -> ScaledCopy | None:
        """Return a copy if there is one."""
        return self._kept.get(key)

    def keep(self, key: Hashable, copy: ScaledCopy, most: int) -> None:
        """Keep a copy as the recent of at most so many."""
        with self._lock:
            self._kept.pop(key, None)
            self._kept[key] = copy
            while len(self._kept) > most:
                del self._kept[next(iter(self._kept))]

    def clear(self) -> None:
        """Forget all copies."""
        self._kept.clear()


def entries_of(
    own: StackedRows,
    cones: SecondOrderRows,
    coupled: sp.coo_array,
    coupling: StackedRows,
    block: int,
) -> tuple[FloatArray, IntArray, IntArray, IntArray]:
    """Return value, row, column and kind of a copy's entries that are not zero.

    ``coupled`` are the copy's columns and weight in the stacked coupling rows.
    """
    width = cones.matrix.shape[1]
    parts = [
        _split(own.scaled(), own.equations, Kind.EQUATION, Kind.INEQUALITY),
        _split(coupled, coupling.equations, Kind.COUPLED_EQUATION, Kind.COUPLED_INEQUALITY),
        _split(-cones.matrix.tocoo(), 0, Kind.CONE, Kind.CONE),
        (np.ones(1), np.asarray([block]), np.asarray([width - 1]), np.asarray([Kind.WEIGHT])),
    ]
    value, row, column, kind = (np.concatenate(part) for part in zip(*parts, strict=True))
    there = value != 0.0
    return value[there], row[there], column[there], kind[there]


def _split(
    matrix: sp.coo_array, first: int, kind: Kind, other: Kind
) -> tuple[FloatArray, IntArray, IntArray, IntArray]:
    """Return the entries of a matrix whose first rows are of one kind, the rest of another."""
    row = np.asarray(matrix.coords[0], dtype=np.int64)
    rest = row >= first
    return (
        np.asarray(matrix.data, dtype=np.float64),
        np.where(rest, row - first, row),
        np.asarray(matrix.coords[1], dtype=np.int64),
        np.where(rest, int(other), int(kind)),
    )
