"""Lagrangian decomposition of a mixed-integer problem whose binaries fall into blocks.

A problem like Level 4 couples its hours only by linear rows in continuous variables (stored
energy, moved demand, objectives), while the binaries of one hour meet those of no other. With
multipliers on the coupling rows each block is a small mixed-integer problem, and the sum of the
blocks' dual bounds is a lower bound for any multipliers (Geoffrion 1974, doi
10.1007/BFb0120690). Good multipliers come from ``hull``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import highspy
import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from cmgplan.solve.cones import FloatArray, IntArray, Rows
from cmgplan.solve.linear import (
    LinearProblem,
    new_highs,
    pass_rows,
    set_time_limit,
)

GLOBAL = -1
"""Block number of columns that belong to no block."""

Pattern = tuple[int, ...]
"""Values of a block's binaries in column order."""


@dataclass
class Block:
    """Columns and rows of one block, and the solver that keeps them between prices."""

    columns: IntArray
    binary: npt.NDArray[np.bool_]
    highs: Any = None
    rows: list[Rows] = field(default_factory=list)
    passed: int = 0


@dataclass(frozen=True)
class Priced:
    """Answer of one block: dual bound of its objective and its best point, if it has any."""

    bound: float
    x: FloatArray | None


class BlockProblem:
    """Block structure over a ``LinearProblem``; rows added to that are seen here.

    Parameters
    ----------
    problem
        The whole problem.
    block_of
        Block of each column, ``GLOBAL`` for linking columns, which must be continuous.
    """

    def __init__(self, problem: LinearProblem, block_of: IntArray) -> None:
        if np.any(problem.integer & (block_of == GLOBAL)):
            raise ValueError("a binary belongs to no block")
        self.problem = problem
        self._block_of = block_of
        self._n_blocks = int(block_of.max()) + 1
        self.local = np.full(problem.n, -1, dtype=np.int64)
        self.blocks: list[Block] = []
        for k in range(self._n_blocks):
            columns = np.flatnonzero(block_of == k)
            self.local[columns] = np.arange(len(columns))
            self.blocks.append(Block(columns, problem.integer[columns]))
        self.linking = np.flatnonzero(block_of == GLOBAL)
        self._coupling: list[Rows] = []
        self._coupling_index: list[IntArray] = []
        self._seen = 0
        self._row_count = 0

    @property
    def n_blocks(self) -> int:
        """Number of blocks."""
        return self._n_blocks

    def pattern_of(self, block: int, x: FloatArray) -> Pattern:
        """Return the binaries of a block in a point of the whole problem."""
        part = self.blocks[block]
        return tuple(int(v > 0.5) for v in x[part.columns[part.binary]])

    def binaries_of(self, block: int) -> IntArray:
        """Return the columns of a block's binaries."""
        part = self.blocks[block]
        return part.columns[part.binary]

    def refresh(self) -> None:
        """Sort the rows that were added to the problem since the last call into blocks."""
        for rows in self.problem.rows[self._seen :]:
            self._sort(rows)
        self._seen = len(self.problem.rows)

    def _sort(self, rows: Rows) -> None:
        matrix = rows.matrix.tocsr()
        count = matrix.shape[0]
        entry_row = np.repeat(np.arange(count), np.diff(matrix.indptr))
        entry_block = self._block_of[matrix.indices]
        low = np.full(count, self._n_blocks + 1)
        high = np.full(count, -2)
        np.minimum.at(low, entry_row, entry_block)
        np.maximum.at(high, entry_row, entry_block)
        single = (low == high) & (low >= 0)
        for k in np.unique(low[single]):
            part = self.blocks[int(k)]
            which = np.flatnonzero(single & (low == k))
            local = matrix[which][:, part.columns]
            part.rows.append(Rows(sp.csr_array(local), rows.lower[which], rows.upper[which]))
        others = np.flatnonzero(~single)
        if len(others):
            self._coupling.append(
                Rows(sp.csr_array(matrix[others]), rows.lower[others], rows.upper[others])
            )
            self._coupling_index.append(others + self._row_count)
        self._row_count += count

    def coupling(self) -> Rows:
        """Return the coupling rows over all columns."""
        return Rows(
            sp.csr_array(sp.vstack([part.matrix for part in self._coupling], format="csr")),
            np.concatenate([part.lower for part in self._coupling]),
            np.concatenate([part.upper for part in self._coupling]),
        )

    def multipliers_from(self, row_dual: FloatArray) -> FloatArray:
        """Pick the coupling rows' multipliers out of the whole problem's row duals."""
        return row_dual[np.concatenate(self._coupling_index)]

    def relaxed(
        self, cost: FloatArray, lower: FloatArray, upper: FloatArray, multipliers: FloatArray
    ) -> tuple[float, FloatArray]:
        """Return what the coupling rows and the linking columns add to the Lagrangian bound.

        With it come the reduced costs of all columns, by which the blocks are priced. Linking
        columns need finite bounds wherever their reduced cost is not zero.
        """
        rows = self.coupling()
        y = np.where(
            multipliers > 0.0,
            np.where(np.isfinite(rows.lower), multipliers, 0.0),
            np.where(np.isfinite(rows.upper), multipliers, 0.0),
        )
        side = np.where(y == 0.0, 0.0, np.where(y > 0.0, rows.lower, rows.upper))
        reduced = cost - rows.matrix.T @ y
        g = self.linking
        edge = np.where(reduced[g] >= 0.0, lower[g], upper[g])
        edge = np.where((np.abs(reduced[g]) < 1e-11) & ~np.isfinite(edge), 0.0, edge)
        return float(y @ side + reduced[g] @ edge), reduced

    def price(
        self,
        block: int,
        reduced: FloatArray,
        lower: FloatArray,
        upper: FloatArray,
        *,
        gap_abs: float,
        time_limit_s: float,
    ) -> Priced:
        """Minimise a block's reduced cost over its rows, to an absolute gap."""
        part = self.blocks[block]
        h = self._solver_of(part)
        count = len(part.columns)
        every = np.arange(count, dtype=np.int32)
        h.changeColsCost(count, every, reduced[part.columns])
        h.changeColsBounds(count, every, lower[part.columns], upper[part.columns])
        h.setOptionValue("mip_abs_gap", gap_abs)
        mixed = bool(part.binary.any())
        set_time_limit(h, time_limit_s, mixed=mixed)
        h.run()
        status = h.getModelStatus()
        if status == highspy.HighsModelStatus.kInfeasible:
            return Priced(np.inf, None)
        info = h.getInfo()
        optimal = status == highspy.HighsModelStatus.kOptimal
        if mixed:
            bound = float(info.mip_dual_bound)
        else:
            bound = float(info.objective_function_value) if optimal else -np.inf
        held = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
        x = np.asarray(h.getSolution().col_value, dtype=np.float64) if held else None
        return Priced(bound, x)

    def _solver_of(self, part: Block) -> Any:
        if part.highs is None:
            part.highs = new_highs(interruptible=False)
            count = len(part.columns)
            part.highs.addVars(count, np.zeros(count), np.ones(count))
            which = np.flatnonzero(part.binary).astype(np.int32)
            if len(which):
                kinds = np.full(len(which), highspy.HighsVarType.kInteger)
                part.highs.changeColsIntegrality(len(which), which, kinds)
        for rows in part.rows[part.passed :]:
            pass_rows(part.highs, rows)
        part.passed = len(part.rows)
        return part.highs

    def expand(self, answers: Sequence[Priced]) -> FloatArray:
        """Return a point of the whole problem from the blocks' points, globals at zero."""
        x = np.zeros(self.problem.n)
        for part, answer in zip(self.blocks, answers, strict=True):
            if answer.x is not None:
                x[part.columns] = answer.x
        return x
