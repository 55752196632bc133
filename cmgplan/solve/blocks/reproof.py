"""Lagrangian bounds proved a second time: other settings and tangents, rounding to the safe side.

What multipliers add to a bound is calculated in exact fractions. The minimum of each block is asked
of a fresh HiGHS that works otherwise than in the search (no presolve, another seed), with tangents
found anew; what floating-point reduced costs may be wrong by is taken off, as Neumaier and
Shcherbina (2004, doi 10.1007/s10107-003-0433-3) do for linear bounds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import highspy
import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.solve.blocks.exact_constant import constant_of, derived_bounds, margins
from cmgplan.solve.blocks.hull import Question
from cmgplan.solve.blocks.problem import BlockAnswer, BlockProblem, answer_of
from cmgplan.solve.blocks.tuning import TUNING
from cmgplan.solve.cones import Rows, joined
from cmgplan.solve.dual_bound import safe_bound
from cmgplan.solve.highs import new_highs, pass_rows, set_time_limit
from cmgplan.solve.linear import LinearProblem
from cmgplan.solve.outcome import Stop

Each = Callable[[Callable[[int], BlockAnswer], Iterable[int]], Iterable[BlockAnswer]]
"""Asks several blocks like ``map``."""

Cut = Callable[[int, FloatArray], None]
"""Told a block and its point in the whole problem; may add rows that the point breaks."""

SETTINGS: dict[str, object] = {"presolve": "off", "random_seed": 20, "mip_heuristic_effort": 0.02}
"""How HiGHS works here: otherwise than in the search that the bounds are of."""

TIME_LIMIT = "the time limit"


@dataclass(frozen=True)
class Reproved:
    """The bound proved, whether the target is met, and why it ended where it is not.

    ``refuted`` says that no more can be proved in this way, so that the target is out of reach.
    """

    value: float
    reached: bool
    reason: str
    refuted: bool = False


def reprove(
    blocks: BlockProblem,
    question: Question,
    multipliers: FloatArray,
    *,
    target: float,
    first_gap: float,
    deadline: float,
    each: Each = map,
    cut: Cut = lambda block, x: None,
) -> Reproved:
    """Prove the Lagrangian bound at some multipliers again, until it is at least ``target``.

    Parameters
    ----------
    blocks, question, multipliers
        As for ``BlockProblem.relaxed``.
    target
        Bound that is wanted; the work ends there.
    first_gap
        What all trees may leave open in the first round.
    deadline
        Of ``time.perf_counter``.
    each
        Works like ``map``, perhaps on several blocks at the same time.
    cut
        Adds rows that exclude what no row excludes yet.
    """
    return _Attempt(blocks, question, multipliers, target, deadline, each, cut).run(first_gap)


def reprove_whole(
    problem: LinearProblem,
    question: Question,
    *,
    target: float,
    deadline: float,
    cut: Callable[[FloatArray], None],
) -> Reproved:
    """Prove a bound of the whole problem again, or its infeasibility, without presolve."""
    tuned = TUNING.reproving
    problem.ask_otherwise(SETTINGS)
    best, relax = -np.inf, True
    while best < target:
        left = deadline - time.perf_counter()
        if left <= 0.0:
            return Reproved(best, False, TIME_LIMIT)
        size = problem.size[0]
        outcome = problem.solve_vectors(
            *question.vectors, relax=relax, time_limit_s=left, gap_abs=tuned.least_gap
        )
        if outcome.stop is Stop.INFEASIBLE:
            return Reproved(np.inf, True, "")
        best = max(best, -np.inf if outcome.bound is None else outcome.bound)
        if outcome.x is None:
            return Reproved(best, best >= target, outcome.message)
        fine = tuned.tangent_share * (target - best) if np.isfinite(best) else 0.0
        fine = float(np.clip(fine, *tuned.tangent_range_kw))
        problem.resolve_at(outcome.x, fine, tuned.disk_tolerance_kva)
        if not relax:
            cut(outcome.x)
        if problem.size[0] == size:
            if not relax:
                told = f"the whole problem leaves {target - best:.3g} of it unproved"
                return Reproved(best, best >= target, told, refuted=outcome.stop is Stop.OPTIMAL)
            relax = False
    return Reproved(best, True, "")


class _Attempt:
    """A proof under way: the best bound of each block so far, and the value of its point."""

    def __init__(
        self,
        blocks: BlockProblem,
        question: Question,
        multipliers: FloatArray,
        target: float,
        deadline: float,
        each: Each,
        cut: Cut,
    ) -> None:
        self._blocks, self._question = blocks, question
        self._target, self._deadline, self._each, self._cut = target, deadline, each, cut
        _, self._reduced = blocks.relaxed(*question.vectors, multipliers)
        rows = joined(blocks.problem.exact_rows)
        box = derived_bounds(rows, question.lower, question.upper)
        self._constant, y = constant_of(blocks, question, multipliers, box)
        self._box = box
        self._margin = margins(blocks, question, y, self._reduced, box)
        self._best = np.full(blocks.n_blocks, -np.inf)
        self._known = np.full(blocks.n_blocks, np.inf)

    def run(self, gap: float) -> Reproved:
        tuned = TUNING.reproving
        if not np.isfinite(self._constant):
            told = "the multipliers leave an objective without a bound"
            return Reproved(-np.inf, False, told, refuted=True)
        for _ in range(tuned.relaxed_rounds):
            self._round(range(self._blocks.n_blocks), 0.0, relaxed=True)
            if self._value() >= self._target or not self._in_time:
                break
        pending: Sequence[int] = range(self._blocks.n_blocks)
        while self._value() < self._target:
            if not self._in_time:
                return Reproved(self._value(), False, TIME_LIMIT)
            moved = self._round(pending, gap / self._blocks.n_blocks)
            lacking = self._target - self._value()
            most = self._constant + self._known.sum()
            if not moved and most + tuned.sure_share * lacking < self._target:
                told = f"its multipliers leave {self._target - most:.3g} of it unproved"
                return Reproved(self._value(), False, told, refuted=True)
            if not moved:
                gap *= tuned.finer
            elif np.isfinite(lacking):
                gap = min(gap, tuned.gap_share * lacking)
            left = self._known - self._best
            gap = max(gap, tuned.least_gap)
            loose = np.flatnonzero(left > gap / self._blocks.n_blocks).tolist()
            pending = sorted({*moved, *loose}) or range(self._blocks.n_blocks)
        return Reproved(self._value(), True, "")

    @property
    def _in_time(self) -> bool:
        return time.perf_counter() < self._deadline

    def _value(self) -> float:
        return float(self._constant + self._best.sum())

    def _round(self, which: Sequence[int], gap: float, *, relaxed: bool = False) -> list[int]:
        """Solve some blocks, add rows that their points break, and return blocks with new rows."""
        left = max(self._deadline - time.perf_counter(), 0.01)

        def ask(block: int) -> BlockAnswer:
            if relaxed:
                return self._relaxed(block, left)
            return ask_anew(self._blocks, block, self._reduced, self._question, gap, left)

        answers = dict(zip(which, self._each(ask, which), strict=True))
        before = [len(part.rows) + len(part.tangents) for part in self._blocks.blocks]
        for block, answer in answers.items():
            self._best[block] = max(self._best[block], answer.bound - self._margin[block])
            if answer.x is not None:
                columns = self._blocks.blocks[block].columns
                self._known[block] = np.inf if relaxed else self._reduced[columns] @ answer.x
                x = self._blocks.whole(block, answer.x)
                self._resolve(x)
                if not relaxed:
                    self._cut(block, x)
        self._blocks.refresh()
        if not relaxed:
            self._settle({k: a.x for k, a in answers.items() if a.x is not None})
        after = [len(part.rows) + len(part.tangents) for part in self._blocks.blocks]
        return [block for block in answers if after[block] > before[block]]

    def _settle(self, points: Mapping[int, FloatArray]) -> None:
        """Set tangents where the binaries of some points lead, by linear problems alone.

        These take a small part of the time of another tree, and prove nothing themselves.
        """
        for _ in range(TUNING.reproving.settling_rounds):
            if not points or not self._in_time:
                return
            left = max(self._deadline - time.perf_counter(), 0.01)

            def ask(
                block: int, at: Mapping[int, FloatArray] = points, left: float = left
            ) -> BlockAnswer:
                return self._relaxed(block, left, at[block])

            which = list(points)
            before = [len(self._blocks.blocks[k].tangents) for k in which]
            found = dict(zip(which, self._each(ask, which), strict=True))
            for block, answer in found.items():
                if answer.x is not None:
                    self._resolve(self._blocks.whole(block, answer.x))
            self._blocks.refresh()
            points = {
                k: points[k]
                for k, count in zip(which, before, strict=True)
                if len(self._blocks.blocks[k].tangents) > count
            }

    def _relaxed(
        self, block: int, time_limit_s: float, at: FloatArray | None = None
    ) -> BlockAnswer:
        """Return what the multipliers of a block's linear relaxation prove, and its point.

        ``at`` is a point of the block whose binaries are held; what is proved then is no bound.
        """
        part, problem = self._blocks.blocks[block], self._blocks.problem
        unit = problem.unit[part.columns]
        h, rows = _block_problem(self._blocks, block, self._reduced, self._question)
        if at is not None and part.binary.any():
            held = np.flatnonzero(part.binary).astype(np.int32)
            values = np.round(at[part.binary])
            h.changeColsBounds(len(held), held, values, values)
        set_time_limit(h, time_limit_s, mixed=False)
        h.run()
        found = answer_of(h, unit, mixed=False)
        solution = h.getSolution()
        if found is None or not solution.dual_valid:
            return BlockAnswer(-np.inf, None)
        bound = safe_bound(
            self._reduced[part.columns] * unit,
            rows,
            self._box[0][part.columns] / unit,
            self._box[1][part.columns] / unit,
            np.asarray(solution.row_dual, dtype=np.float64),
        )
        return replace(found, bound=bound)

    def _resolve(self, x: FloatArray) -> None:
        """Add tangents at a point, as fine as what is lacking and the cost of losses ask for."""
        cones, tuned = self._blocks.problem.cones, TUNING.reproving
        lacking = self._target - self._value()
        wanted = min(lacking, 1.0) if np.isfinite(lacking) else 1.0
        steepest = max(cones.count * cones.steepest(self._reduced), 1e-9)
        fine = float(np.clip(tuned.tangent_share * wanted / steepest, *tuned.tangent_range_kw))
        self._blocks.problem.resolve_at(x, fine, tuned.disk_tolerance_kva)


def ask_anew(
    blocks: BlockProblem,
    block: int,
    reduced: FloatArray,
    question: Question,
    gap_abs: float,
    time_limit_s: float,
) -> BlockAnswer:
    """Minimise a block's reduced cost with a HiGHS of its own, made for this question alone."""
    part = blocks.blocks[block]
    h, _ = _block_problem(blocks, block, reduced, question)
    mixed = bool(part.binary.any())
    if mixed:
        which = np.flatnonzero(part.binary).astype(np.int32)
        h.changeColsIntegrality(
            len(which), which, np.full(len(which), highspy.HighsVarType.kInteger)
        )
        h.setOptionValue("mip_abs_gap", gap_abs)
    set_time_limit(h, time_limit_s, mixed=mixed)
    h.run()
    unit = blocks.problem.unit[part.columns]
    return answer_of(h, unit, mixed=mixed) or BlockAnswer(-np.inf, None)


def _block_problem(
    blocks: BlockProblem, block: int, reduced: FloatArray, question: Question
) -> tuple[Any, Rows]:
    """Return a block without integrality as HiGHS sees it, and its rows in the same units."""
    part, problem = blocks.blocks[block], blocks.problem
    unit = problem.unit[part.columns]
    h = new_highs(interruptible=False)
    for name, value in SETTINGS.items():
        h.setOptionValue(name, value)
    h.addVars(
        len(part.columns), question.lower[part.columns] / unit, question.upper[part.columns] / unit
    )
    every = np.arange(len(part.columns), dtype=np.int32)
    h.changeColsCost(len(every), every, reduced[part.columns] * unit)
    rows = problem.passed(joined([*part.rows, *part.tangents]), part.columns)
    pass_rows(h, rows)
    return h, rows
