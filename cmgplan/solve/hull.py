"""The hull of a block problem: a mix of a few patterns in each block, as one linear program.

Each pattern has its own copy of the block's rows, scaled by its weight (Balas 1985, doi
10.1137/0606047). The program's multipliers on the coupling rows are good prices for the blocks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import highspy
import numpy as np
import scipy.sparse as sp

from cmgplan.solve.blocks import BlockProblem, Pattern
from cmgplan.solve.cones import FloatArray, Rows
from cmgplan.solve.linear import new_highs, pass_rows, run_highs, set_time_limit

WORTH_A_LOOK = 0.02
"""Weight over which a pattern's point is handed back."""


@dataclass(frozen=True)
class Hull:
    """Answer of the hull: multipliers of the coupling rows and the weight of each pattern.

    ``points`` holds the block's point for each pattern whose weight is worth looking at.
    """

    value: float
    multipliers: FloatArray
    weights: Sequence[Mapping[Pattern, float]]
    points: Sequence[tuple[int, FloatArray]]


def points_of(problem: BlockProblem, hull: Hull) -> list[FloatArray]:
    """Return whole points made of the hull's copies: the k-th of every block together."""
    depth = max((sum(b == k for b, _ in hull.points) for k in range(problem.n_blocks)), default=0)
    made = [np.zeros(problem.problem.n) for _ in range(depth)]
    filled = [0] * problem.n_blocks
    for block, point in hull.points:
        made[filled[block]][problem.blocks[block].columns] = point
        filled[block] += 1
    return made


def solve_hull(
    problem: BlockProblem,
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
        _Copy(problem, k, pattern, lower, upper)
        for k in range(problem.n_blocks)
        for pattern in patterns[k]
    ]
    return _HullModel(problem, copies, cost, lower, upper).solve(time_limit_s)


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
        part = problem.blocks[block]
        self.block, self.pattern = block, pattern
        low, high = lower[part.columns].copy(), upper[part.columns].copy()
        low[part.binary] = high[part.binary] = np.asarray(pattern, dtype=np.float64)
        for column in problem.problem.stopped_by(part.columns[part.binary], pattern):
            local = problem.local[column]
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
        g = problem.linking
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
        full[: len(lower)] = cost[self._problem.linking]
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
                local = problem.local[copy.columns]
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
