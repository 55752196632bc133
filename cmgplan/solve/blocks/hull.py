"""The hull of a block problem: a mix of a few patterns in each block, as one cone program.

Each pattern has its own copy of the block's rows, cones and disks, scaled by its weight (Balas
1985, doi 10.1137/0606047): cones are homogeneous, so that a scaled copy has the same cones. The
program's multipliers on the coupling rows are good ones for the blocks' bounds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from cmgplan.arrays import FloatArray, IntArray
from cmgplan.solve.blocks.copies import copy_of
from cmgplan.solve.blocks.problem import BlockProblem, Pattern
from cmgplan.solve.blocks.scaled_copy import Kind, ScaledCopy
from cmgplan.solve.blocks.tuning import TUNING
from cmgplan.solve.conic_program import (
    STUCK_GAP_ABS,
    ConicAnswer,
    ConicProgram,
    solve_conic,
)

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
    """Optimum of a hull: value, multipliers, and weights and points of the patterns.

    Attributes
    ----------
    value
        Optimum over the mix, or the least break of the coupling rows where they may give.
    multipliers
        Of the coupling rows.
    weights
        Weight of each pattern, by block.
    points
        Block and the block's point of each pattern in use, by weight.
    mean
        The weighted point of the whole problem.
    """

    value: float
    multipliers: FloatArray
    weights: Sequence[Mapping[Pattern | None, float]]
    points: Sequence[tuple[int, FloatArray]]
    mean: FloatArray

    def used(self) -> Iterator[tuple[int, Pattern]]:
        """Yield block and pattern of all patterns in use."""
        for block, weights in enumerate(self.weights):
            for pattern, weight in weights.items():
                if pattern is not None and weight > TUNING.master.used_weight:
                    yield block, pattern

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
    model = HullModel(
        problem, copies_of(problem, question, patterns, spare=spare), question, elastic=elastic
    )
    stuck = STUCK_GAP_ABS if elastic else TUNING.master.stuck_gap_units
    answer = solve_conic(model.program(), time_limit_s=time_limit_s, stuck_gap_abs=stuck)
    return model.hull(answer) if answer.accepted else answer


def copies_of(
    problem: BlockProblem, question: Question, patterns: Mix, *, spare: bool
) -> list[ScaledCopy]:
    """Return the copies of a mix."""
    return [
        copy_of(problem, k, pattern, question.lower, question.upper, spare=spare)
        for k in range(problem.n_blocks)
        for pattern in patterns[k]
    ]


class HullModel:
    """The hull as a cone program over [linking, (a copy's columns, its weight) ..., breaks].

    Its rows stand in the order of ``Kind``; bounds of columns come before other inequalities.
    """

    def __init__(
        self,
        problem: BlockProblem,
        copies: Sequence[ScaledCopy],
        question: Question,
        *,
        elastic: bool,
    ) -> None:
        self._problem, self._copies, self._question = problem, copies, question
        self._coupling = problem.stacked_coupling
        self._elastic = elastic
        ends = len(problem.linking) + np.cumsum([0, *(len(copy.columns) + 1 for copy in copies)])
        self._offset, self._weight, self._first_break = ends[:-1], ends[1:] - 1, int(ends[-1])
        self._n = self._first_break + (2 * self._coupling.count if elastic else 0)
        self._bounded, self._sign, self._side = self._bounds()
        self._first, self._before = self._rows()

    def program(self) -> ConicProgram:
        """Return the mix as a cone program.

        Where right-hand sides are zero, rows hold for every multiple of a point as well.
        """
        first = self._first
        right = np.zeros(first[-1])
        right[self.coupled_rows()] = self._coupling.right
        right[first[Kind.WEIGHT] : first[Kind.WEIGHT + 1]] = 1.0
        right[first[Kind.INEQUALITY] :][: len(self._side)] = self._side
        equations = int(first[Kind.COUPLED_INEQUALITY])
        return ConicProgram(
            self._cost(),
            self._matrix(),
            right,
            equations,
            int(first[Kind.CONE]) - equations,
            np.concatenate([copy.sizes for copy in self._copies]),
        )

    def _bounds(self) -> tuple[IntArray, FloatArray, FloatArray]:
        """Return columns, signs and sides of rows ``sign * x <= side`` that are bounds.

        Those of copies stand among their scaled rows.
        """
        g = self._problem.linking
        lower, upper = self._question.lower[g], self._question.upper[g]
        capped, floored = np.flatnonzero(np.isfinite(upper)), np.flatnonzero(np.isfinite(lower))
        positive = np.concatenate([self._weight, np.arange(self._first_break, self._n)])
        columns = np.concatenate([capped, floored, positive])
        sign = np.repeat([1.0, -1.0], [len(capped), len(floored) + len(positive)])
        side = np.concatenate([upper[capped], -lower[floored], np.zeros(len(positive))])
        return columns, sign, side

    def _rows(self) -> tuple[IntArray, IntArray]:
        """Return the first row of each kind, and how many of it come before those of each copy."""
        own = np.zeros((len(self._copies) + 1, len(Kind)), dtype=np.int64)
        own[0, Kind.INEQUALITY] = len(self._side)
        for k, copy in enumerate(self._copies, start=1):
            own[k, Kind.EQUATION] = copy.equations
            own[k, Kind.INEQUALITY] = copy.inequalities
            own[k, Kind.CONE] = copy.sizes.sum()
        before = np.cumsum(own, axis=0)
        count = before[-1].copy()
        count[Kind.COUPLED_EQUATION] = self._coupling.equations
        count[Kind.WEIGHT] = self._problem.n_blocks
        count[Kind.COUPLED_INEQUALITY] = len(self._coupling.right) - self._coupling.equations
        return np.concatenate([[0], np.cumsum(count)]), before[:-1]

    def coupled_rows(self) -> IntArray:
        """Return the rows in which the stacked coupling rows stand."""
        equations = self._coupling.equations
        row = np.arange(len(self._coupling.right))
        later = self._first[Kind.COUPLED_INEQUALITY] - equations
        return np.where(row < equations, row, row + later)

    def _matrix(self) -> sp.csc_array:
        coupled, n_bounds = self.coupled_rows(), len(self._side)
        linking = self._coupling.matrix[:, self._problem.linking].tocoo()
        base = self._first[:-1] + self._before
        values = [copy.value for copy in self._copies]
        rows = [base[k, copy.kind] + copy.row for k, copy in enumerate(self._copies)]
        columns = [self._offset[k] + copy.column for k, copy in enumerate(self._copies)]
        values += [linking.data, self._sign]
        rows += [coupled[linking.coords[0]], self._first[Kind.INEQUALITY] + np.arange(n_bounds)]
        columns += [linking.coords[1], self._bounded]
        if self._elastic:
            sign, number = self._coupling.sign, self._coupling.number
            values += [sign, -sign]
            rows += [coupled, coupled]
            columns += [
                self._first_break + number,
                self._first_break + self._coupling.count + number,
            ]
        entries = np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))
        return sp.csc_array(entries, shape=(int(self._first[-1]), self._n))

    def _cost(self) -> FloatArray:
        full = np.zeros(self._n)
        if self._elastic:
            full[self._first_break :] = 1.0
            return full
        cost = self._question.cost / self._question.unit
        g = self._problem.linking
        full[: len(g)] = cost[g]
        for k, copy in enumerate(self._copies):
            full[self._offset[k] : self._weight[k]] = cost[copy.columns]
            columns = self._problem.blocks[copy.block].columns
            full[self._weight[k]] = float(cost[columns] @ copy.fixed)
        return full

    def hull(self, answer: ConicAnswer) -> Hull:
        """Return the hull that an answer of the program is."""
        problem, x = self._problem, answer.x
        weights: list[dict[Pattern | None, float]] = [{} for _ in range(problem.n_blocks)]
        points = []
        mean = np.zeros(problem.problem.n)
        mean[problem.linking] = x[: len(problem.linking)]
        for k, copy in enumerate(self._copies):
            share, own = float(x[self._weight[k]]), x[self._offset[k] : self._weight[k]]
            weights[copy.block][copy.pattern] = share
            mean[problem.blocks[copy.block].columns] += share * copy.fixed
            mean[copy.columns] += own
            if share > TUNING.master.used_weight:
                point = copy.fixed.copy()
                point[copy.free] = own / share
                points.append((share, copy.block, point))
        points.sort(key=lambda entry: -entry[0])
        unit = 1.0 if self._elastic else self._question.unit
        multipliers = unit * self._coupling.row_dual(answer.z[self.coupled_rows()])
        points_by_block = [(block, point) for _, block, point in points]
        return Hull(unit * answer.value, multipliers, weights, points_by_block, mean)
