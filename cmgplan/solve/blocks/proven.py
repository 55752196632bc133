"""What the blocks have proved, as rows of the whole problem without integrality.

A block's dual bound ``v`` of its reduced cost ``c`` holds for every point ``x`` of the block:
``c @ x >= v``, whatever caps and objective the next question has. The linear program over the
problem's rows and all of these is a relaxation whose bound is at least that of each single round,
and at its multipliers on the coupling rows the blocks' next bound cannot be
worse. (Lagrangian cuts: Chen and Luedtke 2022, doi 10.1287/ijoc.2022.1185.)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import highspy
import numpy as np
import scipy.sparse as sp

from cmgplan.arrays import FloatArray, IntArray
from cmgplan.solve.blocks.hull import Question
from cmgplan.solve.blocks.problem import BlockAnswer, BlockProblem
from cmgplan.solve.blocks.tuning import TOLERANCES, TUNING
from cmgplan.solve.cones import Rows
from cmgplan.solve.highs import linear_program

Each = Callable[[Callable[[int], float], Iterable[int]], Iterable[float]]
"""Takes bounds of several blocks like ``map``."""


@dataclass(frozen=True)
class Proof:
    """Lower bound of a question, and its multipliers on the coupling rows."""

    bound: float
    multipliers: FloatArray


class ProvenRows:
    """Rows that the blocks have proved, kept from question to question.

    Questions may differ in objective and in the bounds of linking columns, not in those of the
    blocks' columns.
    """

    def __init__(self, blocks: BlockProblem) -> None:
        self._blocks = blocks
        self._rows: list[deque[tuple[FloatArray, float]]] = [
            deque(maxlen=TUNING.proving.rows_per_block) for _ in range(blocks.n_blocks)
        ]
        self._within: FloatArray | None = None

    @property
    def any(self) -> bool:
        """Whether anything has been proved."""
        return any(self._rows)

    def learn(
        self, question: Question, reduced: FloatArray, answers: Sequence[BlockAnswer]
    ) -> None:
        """Keep the blocks' bounds of their reduced costs."""
        self._check(question)
        for part, rows, answer in zip(self._blocks.blocks, self._rows, answers, strict=True):
            cost = reduced[part.columns]
            scale = float(np.abs(cost).max(initial=0.0))
            if np.isfinite(answer.bound) and scale > 0.0:
                rows.append((cost / scale, answer.bound / scale))

    def proof(self, question: Question, time_limit_s: float) -> Proof | None:
        """Return what all rows prove together, or None where there are no multipliers in time.

        An interior-point solution gives multipliers; the bound is that of the blocks' relaxations
        at these, each with its own proven rows.
        """
        self._check(question)
        multipliers = self._multipliers(question, time_limit_s)
        if multipliers is None:
            return None
        constant, reduced = self._blocks.relaxed(*question.vectors, multipliers)
        every = range(self._blocks.n_blocks)
        return Proof(constant + sum(self.bounds(every, question, reduced)), multipliers)

    def _multipliers(self, question: Question, time_limit_s: float) -> FloatArray | None:
        problem = self._blocks.problem
        proven = [
            _as_rows(rows, part.columns, problem.n)
            for part, rows in zip(self._blocks.blocks, self._rows, strict=True)
        ]
        h = linear_program(
            question.cost / question.unit,
            question.lower,
            question.upper,
            (*problem.rows, *proven),
            interruptible=False,
        )
        h.setOptionValue("solver", "ipm")
        h.setOptionValue("run_crossover", "off")
        h.setOptionValue("ipm_optimality_tolerance", TUNING.proving.multiplier_tolerance)
        h.setOptionValue("time_limit", time_limit_s)
        h.run()
        solution = h.getSolution()
        if not solution.dual_valid:
            return None
        coupling = self._blocks.coupled
        dual = np.asarray(solution.row_dual, dtype=np.float64)[: len(coupling)]
        return question.unit * dual[coupling]

    def bounds(
        self, blocks: Iterable[int], question: Question, reduced: FloatArray, each: Each = map
    ) -> list[float]:
        """Return lower bounds of some blocks' reduced costs over relaxation and proven rows.

        ``each`` works like ``map``, perhaps on several at the same time.
        """
        return list(each(lambda block: self._bound(block, question, reduced), blocks))

    def _bound(self, block: int, question: Question, reduced: FloatArray) -> float:
        """Return a bound of a block that is valid although its proven rows hold to a tolerance.

        What a row lacks counts by its multiplier, which has been seen at 5e7 where the row is
        nearly a multiple of others: the bound was 2.8 dollars above the optimum. Such rows give
        by the tolerance from the start.
        """
        part = self._blocks.blocks[block]
        proven = _as_rows(self._rows[block], np.arange(len(part.columns)), len(part.columns))
        margin = TOLERANCES.proven_row * np.maximum(1.0, np.abs(proven.lower))
        best = -np.inf
        for rows in (proven, replace(proven, lower=proven.lower - margin)):
            h = linear_program(
                reduced[part.columns],
                question.lower[part.columns],
                question.upper[part.columns],
                (*part.rows, *part.tangents, rows),
                interruptible=False,
            )
            value = _least(h)
            if value is None:
                continue
            lacks = 0.0
            if rows is proven and len(margin):
                dual = np.asarray(h.getSolution().row_dual, dtype=np.float64)[-len(margin) :]
                lacks = float(np.maximum(dual, 0.0) @ margin)
            best = max(best, value - lacks)
            if lacks <= TUNING.proving.lacking_share * question.unit:
                break
        return best

    def _check(self, question: Question) -> None:
        inside = np.setdiff1d(np.arange(self._blocks.problem.n), self._blocks.linking)
        within = np.concatenate([question.lower[inside], question.upper[inside]])
        if self._within is None:
            self._within = within
        elif not np.array_equal(within, self._within):
            raise ValueError("what blocks have proved holds under the same bounds of their columns")


def _least(h: highspy.Highs) -> float | None:
    """Return the optimum of a linear program, None where HiGHS has none."""
    for presolve in ("choose", "off"):  # presolve has ended in HiGHS's status "unknown"
        h.setOptionValue("presolve", presolve)
        h.run()
        if h.getModelStatus() == highspy.HighsModelStatus.kOptimal:
            return float(h.getInfo().objective_function_value)
    return None


def _as_rows(proven: Iterable[tuple[FloatArray, float]], columns: IntArray, n: int) -> Rows:
    """Return a block's proven rows as rows over ``n`` columns."""
    costs = [cost for cost, _ in proven]
    lower = np.asarray([bound for _, bound in proven])
    dense = sp.coo_array(np.asarray(costs).reshape(len(costs), len(columns)))
    row, column = dense.coords
    matrix = sp.csr_array((dense.data, (row, columns[column])), shape=(len(costs), n))
    return Rows(matrix, lower, np.full(len(lower), np.inf))
