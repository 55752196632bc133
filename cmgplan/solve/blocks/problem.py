"""Lagrangian decomposition of a mixed-integer problem whose binaries fall into blocks.

A problem like Level 4 couples its hours only by linear rows in continuous variables (stored
energy, moved demand, objectives), while the binaries of one hour meet those of no other. With
multipliers on the coupling rows each block is a small mixed-integer problem, and the sum of the
blocks' dual bounds is a lower bound for any multipliers (Geoffrion 1974, doi
10.1007/BFb0120690). Good multipliers come from ``hull``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import highspy
import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from cmgplan.arrays import FloatArray, IntArray
from cmgplan.solve.blocks.scaled_copy import KeptCopies, StackedRows
from cmgplan.solve.blocks.tuning import TOLERANCES, TUNING
from cmgplan.solve.cones import Rows, joined
from cmgplan.solve.highs import new_highs, pass_rows, set_time_limit
from cmgplan.solve.linear import LinearProblem

GLOBAL = -1
"""Block number of columns that belong to no block."""

Pattern = tuple[int, ...]
"""Values of a block's binaries in column order."""


HEURISTICS = (
    "mip_heuristic_run_rins",
    "mip_heuristic_run_rens",
    "mip_heuristic_run_root_reduced_cost",
    "mip_heuristic_run_feasibility_jump",
)


STOPS = frozenset(
    {
        highspy.HighsModelStatus.kOptimal,
        highspy.HighsModelStatus.kTimeLimit,
        highspy.HighsModelStatus.kIterationLimit,
        highspy.HighsModelStatus.kSolutionLimit,
        highspy.HighsModelStatus.kInterrupt,
    }
)
"""Statuses with which a dual bound holds; after a failure HiGHS states one of zero."""


@dataclass
class Block:
    """Columns, rows, cones and disks of one block, and the solver kept between rounds.

    ``tangents`` are the rows that follow from cones and disks; ``cones`` and ``disks`` are
    numbers in the problem's set; ``on_the_way`` are improving points of a solve, in its units.
    """

    columns: IntArray
    binary: npt.NDArray[np.bool_]
    cones: IntArray
    disks: IntArray
    highs: Any = None
    rows: list[Rows] = field(default_factory=list)
    tangents: list[Rows] = field(default_factory=list)
    passed: tuple[int, int] = (0, 0)
    on_the_way: list[FloatArray] = field(default_factory=list)


@dataclass(frozen=True)
class BlockAnswer:
    """Answer of one block: dual bound of its objective and its best point, if it has any.

    ``cut_short`` tells of nodes that were left, ``iterations`` of the simplex method's work,
    ``others`` are points that were found before the best, which comes last.
    """

    bound: float
    x: FloatArray | None
    cut_short: bool = False
    iterations: int = 0
    others: tuple[FloatArray, ...] = ()


class BlockProblem:
    """Block structure over a ``LinearProblem``; rows added to that are seen here.

    Parameters
    ----------
    problem
        The whole problem.
    block_of
        Block of each column, ``GLOBAL`` for linking columns, which must be continuous.

    Attributes
    ----------
    spare
        Binary columns that may be 1 without use in any block; none unless the caller says so.
    copies
        Scaled copies of blocks that hulls keep.
    notes_points
        Whether answers have the points that were found on the way: not unless the caller says so.
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
            members = problem.cones.members(columns)
            self.blocks.append(Block(columns, problem.integer[columns], *members))
        self.linking = np.flatnonzero(block_of == GLOBAL)
        self.spare = np.zeros(problem.n, dtype=np.bool_)
        self.copies = KeptCopies()
        self.notes_points = False
        self._coupling = [Rows(sp.csr_array((0, problem.n)), np.zeros(0), np.zeros(0))]
        self._joined = joined(self._coupling)
        self._stacked = StackedRows.of(self._joined)
        self._coupled: list[npt.NDArray[np.bool_]] = []
        self._seen = 0

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
        first, known = self._seen, len(self._coupling)
        for rows, outer in zip(self.problem.rows[first:], self.problem.outer[first:], strict=True):
            self._sort(rows, outer=outer)
        self._seen = len(self.problem.rows)
        if len(self._coupling) > known:
            self._joined = joined(self._coupling)
            self._stacked = StackedRows.of(self._joined)
            self.copies.clear()

    def _sort(self, rows: Rows, *, outer: bool) -> None:
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
            kept = part.tangents if outer else part.rows
            kept.append(Rows(sp.csr_array(local), rows.lower[which], rows.upper[which]))
        self._coupled.append(~single)
        others = np.flatnonzero(~single)
        if len(others):
            self._coupling.append(
                Rows(sp.csr_array(matrix[others]), rows.lower[others], rows.upper[others])
            )

    @property
    def coupled(self) -> npt.NDArray[np.bool_]:
        """Which of the problem's rows are coupling rows, in order, as of the last refresh."""
        return np.concatenate(self._coupled)

    @property
    def coupling_names(self) -> list[str]:
        """Names of the coupling rows, the same whenever the model is built again."""
        return [self.problem.row_name(int(row)) for row in np.flatnonzero(self.coupled)]

    def coupling(self) -> Rows:
        """Return the coupling rows over all columns."""
        return self._joined

    @property
    def stacked_coupling(self) -> StackedRows:
        """The coupling rows as equations and inequalities."""
        return self._stacked

    def relaxed(
        self, cost: FloatArray, lower: FloatArray, upper: FloatArray, multipliers: FloatArray
    ) -> tuple[float, FloatArray]:
        """Return what the coupling rows and the linking columns add to the Lagrangian bound.

        With it come the reduced costs of all columns, by which the blocks are bounded. Any
        multipliers give a bound. Where the reduced cost of a linking column points to a side on
        which it has no bound, the multiplier of an equation that defines it is corrected.
        """
        rows, g = self.coupling(), self.linking
        y = self.corrected(cost, lower, upper, multipliers)
        reduced = cost - rows.matrix.T @ y
        side = np.where(y == 0.0, 0.0, np.where(y > 0.0, rows.lower, rows.upper))
        edge = np.where(reduced[g] >= 0.0, lower[g], upper[g])
        none = np.abs(reduced[g]) < TOLERANCES.no_reduced_cost
        edge = np.where(none & ~np.isfinite(edge), 0.0, edge)
        return float(y @ side + reduced[g] @ edge), reduced

    def corrected(
        self, cost: FloatArray, lower: FloatArray, upper: FloatArray, multipliers: FloatArray
    ) -> FloatArray:
        """Return multipliers without those that prove nothing; see ``relaxed``."""
        rows, g = self.coupling(), self.linking
        y = np.where(
            multipliers > 0.0,
            np.where(np.isfinite(rows.lower), multipliers, 0.0),
            np.where(np.isfinite(rows.upper), multipliers, 0.0),
        )
        reduced = cost - rows.matrix.T @ y
        endless = np.where(reduced[g] > 0.0, lower[g], upper[g])
        for column in g[~np.isfinite(endless) & (reduced[g] != 0.0)]:
            y = self._corrected(rows, y, int(column), float(reduced[column]))
        return np.asarray(y, dtype=np.float64)

    def _corrected(self, rows: Rows, y: FloatArray, column: int, reduced: float) -> FloatArray:
        """Return multipliers under which a linking column has no reduced cost."""
        entries = rows.matrix[:, [column]].tocoo()
        for row, value in zip(entries.coords[0], entries.data, strict=True):
            if rows.lower[row] == rows.upper[row]:
                y = y.copy()
                y[row] += reduced / value
                return y
        return y

    def solve_block(
        self,
        block: int,
        reduced: FloatArray,
        lower: FloatArray,
        upper: FloatArray,
        *,
        gap_abs: float,
        time_limit_s: float,
        nodes: int | None = None,
        start: FloatArray | None = None,
    ) -> BlockAnswer:
        """Minimise a block's reduced cost over its rows, to an absolute gap.

        The search ends after so many ``nodes`` of its tree, if they are given. With a ``start``,
        values of the block's columns, HiGHS works without its own heuristics. Where it fails, or
        states a bound above the value of ``start`` by more than the gap, a new one is asked without
        it: of two bounds the lower one counts, and none where that one fails.
        """
        part = self.blocks[block]
        limits = {
            "mip_abs_gap": gap_abs,
            "mip_max_nodes": highspy.kHighsIInf if nodes is None else nodes,
        }
        asked = partial(self._run, part, reduced, lower, upper, time_limit_s=time_limit_s)
        first = asked({**limits, "random_seed": 1}, start=start)
        if first is not None and first.bound <= _known_value(part, reduced, start) + gap_abs:
            return first
        part.highs, part.passed = None, (0, 0)
        again = asked({**limits, "random_seed": 2}, start=None)
        if again is None:
            return BlockAnswer(-np.inf, None)
        return again if first is None else replace(again, bound=min(first.bound, again.bound))

    def _run(
        self,
        part: Block,
        reduced: FloatArray,
        lower: FloatArray,
        upper: FloatArray,
        limits: Mapping[str, float | int],
        *,
        time_limit_s: float,
        start: FloatArray | None,
    ) -> BlockAnswer | None:
        """Return the answer of a block's solver, or None where it failed."""
        h = self._solver_of(part)
        count, unit = len(part.columns), self.problem.unit[part.columns]
        every = np.arange(count, dtype=np.int32)
        h.changeColsCost(count, every, reduced[part.columns] * unit)
        h.changeColsBounds(count, every, lower[part.columns] / unit, upper[part.columns] / unit)
        for name, limit in limits.items():
            h.setOptionValue(name, limit)
        mixed = bool(part.binary.any())
        set_time_limit(h, time_limit_s, mixed=mixed)
        if mixed:
            effort = TUNING.trees.heuristic_effort
            h.setOptionValue("mip_heuristic_effort", effort if start is None else 0.0)
            for name in HEURISTICS:
                h.setOptionValue(name, start is None)
            if start is not None:
                solution = highspy.HighsSolution()
                solution.col_value = list(start / unit)
                h.setSolution(solution)
        part.on_the_way.clear()
        try:
            h.run()
        except Exception:  # noqa: BLE001 - one that breaks off has failed
            return None
        found = answer_of(h, unit, mixed=mixed)
        others = tuple(x * unit for x in part.on_the_way[:-1])
        return None if found is None else replace(found, others=others)

    def _solver_of(self, part: Block) -> Any:
        if part.highs is None:
            part.highs = new_highs(interruptible=False)
            count = len(part.columns)
            part.highs.addVars(count, np.zeros(count), np.ones(count))
            which = np.flatnonzero(part.binary).astype(np.int32)
            if len(which):
                kinds = np.full(len(which), highspy.HighsVarType.kInteger)
                part.highs.changeColsIntegrality(len(which), which, kinds)
                if self.notes_points:
                    part.highs.cbMipImprovingSolution.subscribe(partial(_note, part.on_the_way))
        exact, outer = part.passed
        for rows in (*part.rows[exact:], *part.tangents[outer:]):
            pass_rows(part.highs, self.problem.passed(rows, part.columns))
        part.passed = (len(part.rows), len(part.tangents))
        return part.highs

    def expand(self, answers: Sequence[BlockAnswer]) -> FloatArray:
        """Return a point of the whole problem from the blocks' points, globals at zero."""
        x = np.zeros(self.problem.n)
        for part, answer in zip(self.blocks, answers, strict=True):
            if answer.x is not None:
                x[part.columns] = answer.x
        return x

    def whole(self, block: int, x: FloatArray) -> FloatArray:
        """Return a point of the whole problem from one block's point, all else at zero."""
        full = np.zeros(self.problem.n)
        full[self.blocks[block].columns] = x
        return full


def _note(points: list[FloatArray], event: Any) -> None:
    """Note a point that the solver has found; it reuses the memory."""
    points.append(np.array(event.data_out.mip_solution, dtype=np.float64))


def _known_value(part: Block, reduced: FloatArray, x: FloatArray | None) -> float:
    """Return the value of a block's point that a bound cannot exceed, as far as it is exact."""
    if x is None:
        return np.inf
    terms = reduced[part.columns] * x
    return float(terms.sum() + TOLERANCES.point_value * np.abs(terms).sum())


def answer_of(h: Any, unit: FloatArray, *, mixed: bool) -> BlockAnswer | None:
    """Return what HiGHS answers a block, in the problem's units; None where it failed."""
    status, info = h.getModelStatus(), h.getInfo()
    if status == highspy.HighsModelStatus.kInfeasible:
        return BlockAnswer(np.inf, None)
    if status not in STOPS:
        return None
    if mixed:
        bound = float(info.mip_dual_bound)
    else:
        optimal = status == highspy.HighsModelStatus.kOptimal
        bound = float(info.objective_function_value) if optimal else -np.inf
    held = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
    x = np.asarray(h.getSolution().col_value) * unit if held else None
    if np.isnan(bound) or not (x is None or np.isfinite(x).all()):
        return None
    cut_short = status == highspy.HighsModelStatus.kSolutionLimit
    return BlockAnswer(bound, x, cut_short, int(info.simplex_iteration_count))
