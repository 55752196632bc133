"""The hull of a block problem: a mix of a few patterns in each block, as one cone program.

Each pattern has its own copy of the block's rows, cones and disks, scaled by its weight (Balas
1985, doi 10.1137/0606047): cones are homogeneous, so that a scaled copy has the same cones. The
program's multipliers on the coupling rows are good prices for the blocks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from cmgplan.solve.blocks import BlockProblem, Pattern
from cmgplan.solve.cones import FloatArray, IntArray, Placing, Rows, SecondOrderRows
from cmgplan.solve.conic_program import ConicAnswer, solve_conic

WORTH_A_LOOK = 1e-3
"""Weight over which a pattern's point is handed back."""

Mix = Sequence[Sequence[Pattern | None]]
"""Patterns of each block; None leaves the block's binaries between 0 and 1."""


@dataclass(frozen=True)
class Question:
    """Objective and bounds of all columns of the whole problem.

    ``unit`` is a difference of the objective that matters; solvers work in multiples of it.
    """

    cost: FloatArray
    lower: FloatArray
    upper: FloatArray
    unit: float = 1.0

    @property
    def vectors(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Objective, lower and upper bounds."""
        return self.cost, self.lower, self.upper


@dataclass(frozen=True)
class Hull:
    """Answer of the hull.

    Attributes
    ----------
    value
        Optimum over the mix, or the least break of the coupling rows where they may give.
    multipliers
        Of the coupling rows.
    weights
        Weight of each pattern, by block.
    points
        Block and the block's point of each pattern whose weight is worth looking at, by weight.
    mean
        The weighted point of the whole problem.
    """

    value: float
    multipliers: FloatArray
    weights: Sequence[Mapping[Pattern | None, float]]
    points: Sequence[tuple[int, FloatArray]]
    mean: FloatArray

    def of_block(self, block: int) -> list[FloatArray]:
        """Return the points of one block, the heaviest first."""
        return [point for k, point in self.points if k == block]


def points_of(problem: BlockProblem, hull: Hull) -> list[FloatArray]:
    """Return whole points made of the hull's copies: the k-th of every block together."""
    found = [hull.of_block(k) for k in range(problem.n_blocks)]
    made = [np.zeros(problem.problem.n) for _ in range(max(len(points) for points in found))]
    for part, points in zip(problem.blocks, found, strict=True):
        for k, whole in enumerate(made):
            whole[part.columns] = points[min(k, len(points) - 1)] if points else 0.0
    return made


def solve_hull(
    problem: BlockProblem,
    question: Question,
    patterns: Mix,
    *,
    elastic: bool = False,
    spare: bool = False,
    time_limit_s: float = float("inf"),
) -> Hull | ConicAnswer:
    """Solve the hull over some patterns of each block.

    With ``elastic`` the coupling rows and the bounds of the linking columns may give and their
    breaks are summed instead of the cost. With ``spare`` a pattern stands for every one that has
    more of the problem's spare binaries at 1, what they switch staying at zero. Returns the
    solver's answer where it found no optimum. The value is a bound of nothing: other patterns may
    do better.
    """
    copies = [
        _Copy(problem, k, pattern, question, spare=spare)
        for k in range(problem.n_blocks)
        for pattern in patterns[k]
    ]
    return _HullModel(problem, copies, question, elastic=elastic).solve(time_limit_s)


class _Copy:
    """A block's rows, cones and disks for one pattern, to be scaled by the pattern's weight."""

    def __init__(
        self,
        problem: BlockProblem,
        block: int,
        pattern: Pattern | None,
        question: Question,
        *,
        spare: bool,
    ) -> None:
        part = problem.blocks[block]
        self.block, self.pattern, self.part = block, pattern, part
        low, high = question.lower[part.columns].copy(), question.upper[part.columns].copy()
        if pattern is not None:
            values = np.asarray(pattern, dtype=np.float64)
            stays = problem.spare[part.columns[part.binary]] & (values == 0.0) & spare
            low[part.binary] = values
            high[part.binary] = np.where(stays, high[part.binary], values)
            stopped = problem.problem.stopped_by(part.columns[part.binary], pattern)
            low[problem.local[stopped]] = high[problem.local[stopped]] = 0.0
        self.free = high > low
        self.columns = part.columns[self.free]
        self.fixed = np.where(self.free, 0.0, low)
        self.low, self.high = low[self.free], high[self.free]

    def rows(self, problem: BlockProblem) -> Rows:
        """Return the rows over the free columns, and the bounds that no disk implies."""
        matrix = sp.csr_array(sp.vstack([r.matrix for r in self.part.rows], format="csr"))
        shift = matrix @ self.fixed
        inner = sp.csr_array(matrix[:, np.flatnonzero(self.free)])
        used = np.flatnonzero(np.diff(inner.indptr) > 0)
        lower = np.concatenate([r.lower for r in self.part.rows]) - shift
        upper = np.concatenate([r.upper for r in self.part.rows]) - shift
        bounded = self._bounded(problem)
        eye = sp.eye_array(len(self.columns), format="csr")[bounded]
        return Rows(
            sp.csr_array(sp.vstack([inner[used], eye], format="csr")),
            np.concatenate([lower[used], self.low[bounded]]),
            np.concatenate([upper[used], self.high[bounded]]),
        )

    def _bounded(self, problem: BlockProblem) -> IntArray:
        within = np.full(problem.problem.n, np.inf)
        columns, rating = problem.problem.cones.rated(self.part.disks)
        within[columns] = rating
        reach = np.minimum(-self.low, self.high)
        bounded = np.isfinite(self.low) | np.isfinite(self.high)
        return np.flatnonzero(bounded & (reach < within[self.columns]))

    def cones(self, problem: BlockProblem, offset: int, weight: int, n: int) -> SecondOrderRows:
        """Return the cones and disks that have a free flow, over the columns of the model."""
        column = np.full(problem.problem.n, -1)
        column[self.columns] = offset + np.arange(len(self.columns))
        constant = np.zeros(problem.problem.n)
        constant[self.part.columns] = self.fixed
        place = Placing(column, constant, weight, n)
        return problem.problem.cones.second_order(self.part.cones, self.part.disks, place)


class _HullModel:
    """The hull as one model with columns [linking, copies' columns ..., weights, breaks]."""

    def __init__(
        self,
        problem: BlockProblem,
        copies: Sequence[_Copy],
        question: Question,
        *,
        elastic: bool,
    ) -> None:
        self._problem, self._copies, self._question = problem, copies, question
        sizes = [len(copy.columns) for copy in copies]
        self._offset = len(problem.linking) + np.concatenate([[0], np.cumsum(sizes)]).astype(int)
        self._first_weight = int(self._offset[-1])
        self._first_break = self._first_weight + len(copies)
        coupling = problem.coupling()
        self._coupling_rows = len(coupling.lower)
        self._elastic = elastic
        self._n = self._first_break + (2 * self._coupling_rows if elastic else 0)
        self._coupling = coupling

    def solve(self, time_limit_s: float) -> Hull | ConicAnswer:
        """Solve the mix by interior point."""
        parts = [self._coupled_rows(), self._weight_rows()]
        cones = []
        for k, copy in enumerate(self._copies):
            offset, weight = int(self._offset[k]), self._first_weight + k
            parts += _scaled(copy.rows(self._problem), offset, weight, self._n)
            cones.append(copy.cones(self._problem, offset, weight, self._n))
        lower, upper = self._bounds()
        answer = solve_conic(
            self._cost(),
            Rows(
                sp.csr_array(sp.vstack([part.matrix for part in parts], format="csr")),
                np.concatenate([part.lower for part in parts]),
                np.concatenate([part.upper for part in parts]),
            ),
            lower,
            upper,
            SecondOrderRows(
                sp.csr_array(sp.vstack([part.matrix for part in cones], format="csr")),
                np.concatenate([part.sizes for part in cones]),
            ),
            time_limit_s=time_limit_s,
        )
        return self._hull(answer) if answer.accepted else answer

    def _bounds(self) -> tuple[FloatArray, FloatArray]:
        """Return the bounds of the columns; those of copies stand as scaled rows."""
        lower, upper = np.full(self._n, -np.inf), np.full(self._n, np.inf)
        g = self._problem.linking
        lower[: len(g)], upper[: len(g)] = self._question.lower[g], self._question.upper[g]
        lower[self._first_weight :] = 0.0
        return lower, upper

    def _cost(self) -> FloatArray:
        full = np.zeros(self._n)
        if self._elastic:
            full[self._first_break :] = 1.0
            return full
        cost = self._question.cost / self._question.unit
        g = self._problem.linking
        full[: len(g)] = cost[g]
        for k, copy in enumerate(self._copies):
            full[self._offset[k] : self._offset[k + 1]] = cost[copy.columns]
            full[self._first_weight + k] = float(cost[copy.part.columns] @ copy.fixed)
        return full

    def _coupled_rows(self) -> Rows:
        rows, coupled = self._coupling, self._coupling.matrix.tocsc()
        held = np.column_stack([coupled[:, c.part.columns] @ c.fixed for c in self._copies])
        parts = [coupled[:, self._problem.linking]]
        parts += [coupled[:, c.columns] for c in self._copies]
        parts.append(sp.csc_array(held))
        if self._elastic:
            eye = sp.eye_array(self._coupling_rows, format="csc")
            parts += [eye, -eye]
        return Rows(sp.csr_array(sp.hstack(parts, format="csr")), rows.lower, rows.upper)

    def _weight_rows(self) -> Rows:
        """Return the rows that make the weights of each block sum to one."""
        count, blocks = len(self._copies), self._problem.n_blocks
        row = [copy.block for copy in self._copies]
        column = self._first_weight + np.arange(count)
        matrix = sp.csr_array((np.ones(count), (row, column)), shape=(blocks, self._n))
        return Rows(matrix, np.ones(blocks), np.ones(blocks))

    def _hull(self, answer: ConicAnswer) -> Hull:
        problem, x = self._problem, answer.x
        weights: list[dict[Pattern | None, float]] = [{} for _ in range(problem.n_blocks)]
        points = []
        mean = np.zeros(problem.problem.n)
        mean[problem.linking] = x[: len(problem.linking)]
        for k, copy in enumerate(self._copies):
            share = float(x[self._first_weight + k])
            weights[copy.block][copy.pattern] = share
            mean[copy.part.columns] += share * copy.fixed
            mean[copy.columns] += x[self._offset[k] : self._offset[k + 1]]
            if share > WORTH_A_LOOK:
                point = copy.fixed.copy()
                point[copy.free] = x[self._offset[k] : self._offset[k + 1]] / share
                points.append((share, copy.block, point))
        points.sort(key=lambda entry: -entry[0])
        unit = 1.0 if self._elastic else self._question.unit
        multipliers = unit * answer.row_dual[: self._coupling_rows]
        points_by_block = [(block, point) for _, block, point in points]
        return Hull(unit * answer.value, multipliers, weights, points_by_block, mean)


def _scaled(rows: Rows, offset: int, weight: int, n: int) -> list[Rows]:
    """Return a copy's rows times its weight: equations, rows from below, rows from above."""
    equal = rows.lower == rows.upper
    parts = []
    for which, side, low, high in (
        (equal, rows.lower, 0.0, 0.0),
        (~equal & np.isfinite(rows.lower), rows.lower, 0.0, np.inf),
        (~equal & np.isfinite(rows.upper), rows.upper, -np.inf, 0.0),
    ):
        chosen = np.flatnonzero(which)
        count = len(chosen)
        inner = sp.csr_array(rows.matrix[chosen]).tocoo()
        data = np.concatenate([inner.data, -side[chosen]])
        row: IntArray = np.concatenate([inner.coords[0], np.arange(count)])
        column = np.concatenate([inner.coords[1] + offset, np.full(count, weight)])
        matrix = sp.csr_array((data, (row, column)), shape=(count, n))
        parts.append(Rows(matrix, np.full(count, low), np.full(count, high)))
    return parts
