"""Lagrangian decomposition of a mixed-integer problem whose binaries fall into blocks.

A problem like Level 4 couples its hours only by linear rows in continuous variables (stored
energy, moved demand, objectives), while the binaries of one hour meet those of no other. With
multipliers on the coupling rows each block is a small mixed-integer problem, and the sum of the
blocks' dual bounds is a lower bound for any multipliers (Geoffrion 1974, doi
10.1007/BFb0120690). Good multipliers come from the hull: per block a few patterns of the
binaries, each with its own copy of the block's rows scaled by a weight, the weights summing to
one (Balas 1985, doi 10.1137/0606047).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    run_highs,
    set_time_limit,
)

GLOBAL = -1
"""Block number of columns that belong to no block."""

WORTH_A_LOOK = 0.02
"""Weight over which a pattern's point is handed back."""

Pattern = tuple[int, ...]
"""Values of a block's binaries in column order."""


@dataclass
class _Block:
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


@dataclass(frozen=True)
class Hull:
    """Answer of the hull: multipliers of the coupling rows and the weight of each pattern.

    ``points`` holds the block's point for each pattern whose weight is worth looking at.
    """

    value: float
    multipliers: FloatArray
    weights: Sequence[Mapping[Pattern, float]]
    points: Sequence[tuple[int, FloatArray]]


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
        self._problem = problem
        self._block_of = block_of
        self._n_blocks = int(block_of.max()) + 1
        self._local = np.full(problem.n, -1, dtype=np.int64)
        self._blocks: list[_Block] = []
        for k in range(self._n_blocks):
            columns = np.flatnonzero(block_of == k)
            self._local[columns] = np.arange(len(columns))
            self._blocks.append(_Block(columns, problem.integer[columns]))
        self._globals = np.flatnonzero(block_of == GLOBAL)
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
        part = self._blocks[block]
        return tuple(int(v > 0.5) for v in x[part.columns[part.binary]])

    def binaries_of(self, block: int) -> IntArray:
        """Return the columns of a block's binaries."""
        part = self._blocks[block]
        return part.columns[part.binary]

    def refresh(self) -> None:
        """Sort the rows that were added to the problem since the last call into blocks."""
        for rows in self._problem.rows[self._seen :]:
            self._sort(rows)
        self._seen = len(self._problem.rows)

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
            part = self._blocks[int(k)]
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
        g = self._globals
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
        part = self._blocks[block]
        return self._price(part, reduced, lower, upper, gap_abs, time_limit_s)

    def _price(
        self,
        part: _Block,
        reduced: FloatArray,
        lower: FloatArray,
        upper: FloatArray,
        gap_abs: float,
        time_limit_s: float,
    ) -> Priced:
        h = self._solver_of(part)
        count = len(part.columns)
        every = np.arange(count, dtype=np.int32)
        h.changeColsCost(count, every, reduced[part.columns])
        h.changeColsBounds(count, every, lower[part.columns], upper[part.columns])
        h.setOptionValue("mip_abs_gap", gap_abs)
        set_time_limit(h, time_limit_s, mixed=bool(part.binary.any()))
        h.run()
        status = h.getModelStatus()
        if status == highspy.HighsModelStatus.kInfeasible:
            return Priced(np.inf, None)
        info = h.getInfo()
        mixed = bool(part.binary.any())
        optimal = status == highspy.HighsModelStatus.kOptimal
        if mixed:
            bound = float(info.mip_dual_bound)
        else:
            bound = float(info.objective_function_value) if optimal else -np.inf
        held = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
        x = np.asarray(h.getSolution().col_value, dtype=np.float64) if held else None
        return Priced(bound, x)

    def _solver_of(self, part: _Block) -> Any:
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
        x = np.zeros(self._problem.n)
        for part, answer in zip(self._blocks, answers, strict=True):
            if answer.x is not None:
                x[part.columns] = answer.x
        return x

    def points_of(self, hull: Hull) -> list[FloatArray]:
        """Return whole points made of the hull's copies: the k-th of every block together."""
        depth = max((sum(b == k for b, _ in hull.points) for k in range(self._n_blocks)), default=0)
        made = [np.zeros(self._problem.n) for _ in range(depth)]
        filled = [0] * self._n_blocks
        for block, point in hull.points:
            made[filled[block]][self._blocks[block].columns] = point
            filled[block] += 1
        return made

    def hull(
        self,
        cost: FloatArray,
        lower: FloatArray,
        upper: FloatArray,
        patterns: Sequence[Sequence[Pattern]],
        *,
        time_limit_s: float,
    ) -> Hull | None:
        """Solve the hull over some patterns of each block; None if it has no answer.

        Its value is a bound of nothing: other patterns may do better. Solved by interior point
        without crossover, whose central multipliers need no further damping.
        """
        copies = [
            _Copy(self, k, pattern, lower, upper)
            for k in range(self._n_blocks)
            for pattern in patterns[k]
        ]
        return _HullModel(self, copies, cost, lower, upper).solve(time_limit_s)


class _Copy:
    """A block's rows and columns for one pattern, scaled by the pattern's weight."""

    def __init__(
        self,
        problem: BlockProblem,
        block: int,
        pattern: Pattern,
        lower: FloatArray,
        upper: FloatArray,
    ) -> None:
        part = problem._blocks[block]
        self.block, self.pattern = block, pattern
        low, high = lower[part.columns].copy(), upper[part.columns].copy()
        low[part.binary] = high[part.binary] = np.asarray(pattern, dtype=np.float64)
        for column in problem._problem.stopped_by(part.columns[part.binary], pattern):
            local = problem._local[column]
            low[local] = high[local] = 0.0
        free = high > low
        self.columns = part.columns[free]
        value = np.where(free, 0.0, low)
        self.fixed = value
        self.fixed_columns = part.columns
        self.low, self.high = low[free], high[free]
        matrix = sp.csr_array(sp.vstack([r.matrix for r in part.rows], format="csr"))
        shift = matrix @ value
        self.row_low = np.concatenate([r.lower for r in part.rows]) - shift
        self.row_high = np.concatenate([r.upper for r in part.rows]) - shift
        inner = sp.csr_array(matrix[:, np.flatnonzero(free)])
        used = np.flatnonzero(np.diff(inner.indptr) > 0)
        self.matrix = sp.csr_array(inner[used])
        self.row_low, self.row_high = self.row_low[used], self.row_high[used]


class _HullModel:
    """The hull as one linear model with columns [linking, copies' columns ..., weights]."""

    def __init__(
        self,
        problem: BlockProblem,
        copies: Sequence[_Copy],
        cost: FloatArray,
        lower: FloatArray,
        upper: FloatArray,
    ) -> None:
        g = problem._globals
        rows = problem.coupling()
        coupled = rows.matrix.tocsc()
        sizes = [len(copy.columns) for copy in copies]
        self._problem, self._copies = problem, copies
        self._offset = len(g) + np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        self._first_weight = int(self._offset[-1])
        self._n = self._first_weight + len(copies)
        self._coupling_rows = rows.matrix.shape[0]
        held = np.column_stack([coupled[:, c.fixed_columns] @ c.fixed for c in copies])
        top = sp.hstack(
            [coupled[:, g], *[coupled[:, c.columns] for c in copies], sp.csc_array(held)],
            format="csr",
        )
        self._highs = new_highs()
        self._add_columns(cost, lower[g], upper[g])
        pass_rows(self._highs, Rows(sp.csr_array(top), rows.lower, rows.upper))
        for k, copy in enumerate(copies):
            for part in _scaled_rows(copy, int(self._offset[k]), self._first_weight + k, self._n):
                pass_rows(self._highs, part)
        pass_rows(self._highs, _weight_rows(problem, copies, self._first_weight, self._n))

    def _add_columns(self, cost: FloatArray, lower: FloatArray, upper: FloatArray) -> None:
        low, high = np.full(self._n, -np.inf), np.full(self._n, np.inf)
        low[: len(lower)], high[: len(upper)] = lower, upper
        low[self._first_weight :], high[self._first_weight :] = 0.0, 1.0
        self._highs.addVars(self._n, low, high)
        full = np.zeros(self._n)
        full[: len(lower)] = cost[self._problem._globals]
        for k, copy in enumerate(self._copies):
            full[self._offset[k] : self._offset[k + 1]] = cost[copy.columns]
            full[self._first_weight + k] = float(cost[copy.fixed_columns] @ copy.fixed)
        self._highs.changeColsCost(self._n, np.arange(self._n, dtype=np.int32), full)

    def solve(self, time_limit_s: float) -> Hull | None:
        """Solve the mix by interior point."""
        h = self._highs
        h.setOptionValue("solver", "ipm")
        h.setOptionValue("run_crossover", "off")
        set_time_limit(h, time_limit_s, mixed=False)
        run_highs(h)
        if h.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return None
        dual = np.asarray(h.getSolution().row_dual, dtype=np.float64)[: self._coupling_rows]
        return self._answer(dual)

    def _answer(self, multipliers: FloatArray) -> Hull:
        h, problem = self._highs, self._problem
        x = np.asarray(h.getSolution().col_value, dtype=np.float64)
        weights: list[dict[Pattern, float]] = [{} for _ in range(problem.n_blocks)]
        points = []
        for k, copy in enumerate(self._copies):
            share = float(x[self._first_weight + k])
            weights[copy.block][copy.pattern] = share
            if share > WORTH_A_LOOK:
                point = copy.fixed.copy()
                local = problem._local[copy.columns]
                point[local] = x[self._offset[k] : self._offset[k + 1]] / share
                points.append((copy.block, point))
        return Hull(float(h.getInfo().objective_function_value), multipliers, weights, points)


def _scaled_rows(copy: _Copy, offset: int, weight: int, n: int) -> list[Rows]:
    """Return a copy's rows and bounds times its weight."""
    size = copy.matrix.shape[1]
    eye = sp.eye_array(size, format="csr")
    parts = []
    both = [
        (copy.matrix, copy.row_low, copy.row_high),
        (eye, copy.low, copy.high),
    ]
    for matrix, low, high in both:
        for bound, is_lower in ((low, True), (high, False)):
            equal = np.isfinite(low) & (low == high)
            which = np.isfinite(bound) & (~equal | is_lower)
            chosen = np.flatnonzero(which)
            if not len(chosen):
                continue
            inner = sp.csr_array(matrix[chosen]).tocoo()
            data = np.concatenate([inner.data, -bound[chosen]])
            row = np.concatenate([inner.coords[0], np.arange(len(chosen))])
            column = np.concatenate([inner.coords[1] + offset, np.full(len(chosen), weight)])
            block = sp.csr_array((data, (row, column)), shape=(len(chosen), n))
            tight = equal[chosen]
            if is_lower:
                parts.append(Rows(block, np.zeros(len(chosen)), np.where(tight, 0.0, np.inf)))
            else:
                parts.append(Rows(block, np.full(len(chosen), -np.inf), np.zeros(len(chosen))))
    return parts


def _weight_rows(problem: BlockProblem, copies: Sequence[_Copy], first: int, n: int) -> Rows:
    """Return the rows that make the weights of each block sum to one."""
    row = [copy.block for copy in copies]
    column = [first + k for k in range(len(copies))]
    matrix = sp.csr_array((np.ones(len(copies)), (row, column)), shape=(problem.n_blocks, n))
    return Rows(matrix, np.ones(problem.n_blocks), np.ones(problem.n_blocks))
