"""The copies of blocks that a hull is made of, kept from hull to hull."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from cmgplan.arrays import FloatArray, IntArray
from cmgplan.solve.blocks.problem import BlockProblem, Pattern
from cmgplan.solve.blocks.scaled_copy import ScaledCopy, StackedRows, beside, entries_of
from cmgplan.solve.blocks.tuning import TUNING
from cmgplan.solve.cones import Placing, Rows, SecondOrderRows, joined


def copy_of(
    problem: BlockProblem,
    block: int,
    pattern: Pattern | None,
    lower: FloatArray,
    upper: FloatArray,
    *,
    spare: bool,
) -> ScaledCopy:
    """Return a block under a pattern, within bounds of the whole problem's columns.

    It is made anew where bounds of the block or its rows are not those of the copy that is kept.
    With ``spare`` the problem's spare binaries may be more than the pattern's.
    """
    part = problem.blocks[block]
    freed = problem.spare[part.columns[part.binary]].tobytes() if spare else b""
    key = (block, pattern, freed, len(part.rows))
    low, high = lower[part.columns], upper[part.columns]
    copy = problem.copies.get(key)
    if copy is None or not (np.array_equal(copy.low, low) and np.array_equal(copy.high, high)):
        copy = _Copy(problem, block, pattern, low, high, spare=spare).scaled()
    problem.copies.keep(key, copy, TUNING.master.copies_per_block * problem.n_blocks)
    return copy


class _Copy:
    """A block's free columns under one pattern, with their rows, cones and disks."""

    def __init__(
        self,
        problem: BlockProblem,
        block: int,
        pattern: Pattern | None,
        low: FloatArray,
        high: FloatArray,
        *,
        spare: bool,
    ) -> None:
        part = problem.blocks[block]
        self._problem, self._part, self._block, self._pattern = problem, part, block, pattern
        self._given = low, high
        low, high = low.copy(), high.copy()
        if pattern is not None:
            values = np.asarray(pattern, dtype=np.float64)
            stays = problem.spare[part.columns[part.binary]] & (values == 0.0) & spare
            low[part.binary] = values
            high[part.binary] = np.where(stays, high[part.binary], values)
            stopped = problem.problem.stopped_by(part.columns[part.binary], pattern)
            low[problem.local[stopped]] = high[problem.local[stopped]] = 0.0
        self._free = high > low
        self._columns = part.columns[self._free]
        self._fixed = np.where(self._free, 0.0, low)
        self._low, self._high = low[self._free], high[self._free]

    def scaled(self) -> ScaledCopy:
        """Return the entries that the copy brings into a hull."""
        part, coupling = self._part, self._problem.stacked_coupling
        own, cones = StackedRows.of(self._rows()), self._cones()
        held = coupling.matrix[:, part.columns] @ self._fixed
        coupled = beside(coupling.matrix[:, self._columns], held)
        value, row, column, kind = entries_of(own, cones, coupled, coupling, self._block)
        return ScaledCopy(
            self._block,
            self._pattern,
            *self._given,
            columns=self._columns,
            fixed=self._fixed,
            free=self._free,
            value=value,
            row=row,
            column=column,
            kind=kind,
            equations=own.equations,
            inequalities=own.matrix.shape[0] - own.equations,
            sizes=cones.sizes,
        )

    def _rows(self) -> Rows:
        """Return the rows over the free columns, and the bounds that no disk implies."""
        rows = joined(self._part.rows)
        shift = rows.matrix @ self._fixed
        inner = sp.csr_array(rows.matrix[:, np.flatnonzero(self._free)])
        used = np.flatnonzero(np.diff(inner.indptr) > 0)
        bounded = self._bounded()
        eye = sp.eye_array(len(self._columns), format="csr")[bounded]
        left = Rows(inner[used], (rows.lower - shift)[used], (rows.upper - shift)[used])
        return joined([left, Rows(eye, self._low[bounded], self._high[bounded])])

    def _bounded(self) -> IntArray:
        within = np.full(self._problem.problem.n, np.inf)
        columns, rating = self._problem.problem.cones.rated(self._part.disks)
        within[columns] = rating
        reach = np.minimum(-self._low, self._high)
        bounded = np.isfinite(self._low) | np.isfinite(self._high)
        return np.flatnonzero(bounded & (reach < within[self._columns]))

    def _cones(self) -> SecondOrderRows:
        """Return the cones and disks that have a free flow, over the copy's columns."""
        problem, count = self._problem.problem, len(self._columns)
        column = np.full(problem.n, -1)
        column[self._columns] = np.arange(count)
        constant = np.zeros(problem.n)
        constant[self._part.columns] = self._fixed
        place = Placing(column, constant, count, count + 1)
        return problem.cones.second_order(self._part.cones, self._part.disks, place)
