"""Bounding of Level 4: the Lagrangian bound of its blocks of hours, and new topologies.

``solve.blocks`` has the mathematics.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.planning.model.switching import counts_operations, cut_cycles
from cmgplan.planning.switch_search.state import SearchState
from cmgplan.planning.switch_search.topologies import HourlyGrid, Topologies
from cmgplan.planning.switch_search.tuning import TUNING
from cmgplan.solve.blocks.hull import Hull, Question, points_of
from cmgplan.solve.blocks.level_method import level_multipliers
from cmgplan.solve.blocks.problem import BlockAnswer
from cmgplan.solve.blocks.proven import ProvenRows

ALL_NODES = 10**9
"""More nodes than any tree will have."""


class BlockBounding:
    """Bounds the blocks at multipliers of the hull, and remembers what they answered.

    Attributes
    ----------
    workers
        As many threads as the options say; others may use them while no blocks are bounded.
    """

    def __init__(self, grid: HourlyGrid, pool: Topologies) -> None:
        self._case, self._options, self._m = grid.case, grid.options, grid.model
        self._grid = grid
        self._problem, self._blocks, self._pool = grid.problem, grid.blocks, pool
        self._proven = ProvenRows(self._blocks)
        self._asked: list[tuple[FloatArray, FloatArray, float]] = []
        self._counted = counts_operations(self._options)
        self._wide = grid.several_hours
        costly = self._options.operation_cost_usd > 0.0 and not self._wide
        self._smoothing = TUNING.bounding.smoothing_costly if costly else TUNING.bounding.smoothing
        self._nodes = np.full(self._blocks.n_blocks, TUNING.bounding.nodes, dtype=np.int64)
        self._work = np.zeros(self._blocks.n_blocks)
        self._reach = TUNING.bounding.furthest
        self.workers = ThreadPoolExecutor(max_workers=self._options.jobs)

    def begin_question(self) -> None:
        """Begin a question, whose hours may be easier than those of the last one.

        Blocks of several hours have whole trees: they are few, and begin with good multipliers.
        """
        self._nodes[:] = ALL_NODES if self._wide else TUNING.bounding.nodes
        self._reach = TUNING.bounding.furthest

    def remember(self, search: SearchState) -> None:
        """Tell a search the best bound that earlier multipliers give under its caps.

        The hours' bounds depend on objective and multipliers alone; caps enter the rest.
        """
        question = search.question
        for cost, multipliers, hours_bound in self._asked:
            if np.array_equal(cost, question.cost):
                constant, _ = self._blocks.relaxed(*question.vectors, multipliers)
                search.record_bound(constant + hours_bound, multipliers, self._grid)

    def combine(self, search: SearchState, hull: Hull, time_limit_s: float) -> None:
        """Prove what all bounds of the hours give together, and take its multipliers for the best.

        It takes as long as the hours' own searches, so that these come first where hull and bound
        are near, unless operations are counted.
        """
        near = hull.value - search.bound <= TUNING.bounding.near_gaps * search.gap_abs < np.inf
        first = search.multipliers is None
        if not self._proven.any or (near and (first or not self._counted)):
            return
        begun = time.perf_counter()
        proof = self._proven.proof(search.question, time_limit_s)
        took = time.perf_counter() - begun
        needed = took if proof is not None else TUNING.bounding.again * took
        search.pace.proving_s = max(search.pace.proving_s, needed)
        if proof is not None and proof.bound <= hull.value + search.gap_now(hull.value):
            search.record_own_bound(proof.bound, proof.multipliers, self._grid)

    def ask_relaxations(self, search: SearchState, relaxed: Hull) -> None:
        """Prove the bound of the hours' linear relaxations at the whole relaxation's multipliers.

        The rows that the hours proved before count. This takes much less time than a round.
        """
        self._resolve(search, points_of(self._blocks, relaxed), relaxed.multipliers)
        question = search.question
        constant, reduced = self._blocks.relaxed(*question.vectors, relaxed.multipliers)
        every = range(self._blocks.n_blocks)
        bound = sum(self._proven.bounds(every, question, reduced, self.workers.map))
        if np.isfinite(bound):
            self._asked.append((question.cost, relaxed.multipliers, bound))
        search.record_own_bound(constant + bound, relaxed.multipliers, self._grid)

    def ask(self, search: SearchState, hull: Hull) -> float:
        """Return the Lagrangian bound, and put each hour's topologies into the pool."""
        if search.multipliers is not None and self._wide and search.proves_optimality:
            return self._ask_level(search, hull, search.multipliers)
        if search.multipliers is None or search.idle:
            return self._ask(search, hull, hull.multipliers)
        return max(
            self._ask(search, hull, (1.0 - share) * hull.multipliers + share * search.multipliers)
            for share in self._smoothing
        )

    def ask_best(self, search: SearchState, hull: Hull) -> float:
        """Return the bound at the best multipliers known, and learn topologies there."""
        best = hull.multipliers if search.multipliers is None else search.multipliers
        return self._ask(search, hull, best)

    def _ask_level(self, search: SearchState, hull: Hull, centre: FloatArray) -> float:
        """Return the bound at the level method's multipliers, those nearest to the best known."""
        before = search.bound
        level = before + self._reach * max(hull.value - before, 0.0)
        patterns = [list(weights) for weights in hull.weights]
        multipliers = level_multipliers(
            self._blocks, search.question, patterns, hull, centre, level, spare=self._counted
        )
        if multipliers is None:
            multipliers = 0.5 * (hull.multipliers + centre)
        bound = self._ask(search, hull, multipliers)
        self._reach = (
            min(2.0 * self._reach, TUNING.bounding.furthest)
            if bound > before
            else max(0.5 * self._reach, TUNING.bounding.nearest)
        )
        return bound

    def _ask(self, search: SearchState, hull: Hull, multipliers: FloatArray) -> float:
        self._resolve(search, points_of(self._blocks, hull), hull.multipliers)
        question = search.question
        vectors = question.vectors
        constant, reduced = self._blocks.relaxed(*vectors, multipliers)
        slack = TUNING.bounding.gap_share * search.gap_now(hull.value)
        answers = self._answers(search, hull, vectors, reduced, slack)
        bound = constant + sum(self._bounds(question, reduced, answers))
        mixed = not any(None in weights for weights in hull.weights)
        if mixed and bound > hull.value + search.gap_now(hull.value):
            bound = -np.inf  # a bound above the value of a mix is an error of a solver
        else:
            self._proven.learn(question, reduced, answers)
        if np.isfinite(bound):
            self._asked.append((question.cost, multipliers, bound - constant))
        search.record_own_bound(bound, multipliers, self._grid)
        self._learn(search, answers, hull)
        return bound

    def _answers(
        self,
        search: SearchState,
        hull: Hull,
        vectors: tuple[FloatArray, FloatArray, FloatArray],
        reduced: FloatArray,
        slack: float,
    ) -> list[BlockAnswer]:
        """Return the hours' answers, which may leave ``slack`` together.

        Hours that took more work before may leave more. Where they leave more than that, trees
        that were cut short grow.
        """
        hours = self._blocks.n_blocks
        if hull.value - search.bound <= TUNING.bounding.near_gaps * search.gap_abs < np.inf:
            self._nodes = np.maximum(self._nodes, TUNING.bounding.nodes_near)
        even = np.full(hours, 1.0 / hours)
        worked = self._work / self._work.sum() if self._work.any() else even
        share = slack * 0.5 * (even + worked)
        deadline = time.perf_counter() + max(search.bounding_left_s, TUNING.bounding.least_s)
        if (
            search.bounding_left_s < TUNING.bounding.last_rounds * search.round_s
            and not self._counted
        ):
            self._nodes[:] = ALL_NODES
        solve = partial(
            self._blocks.solve_block, reduced=reduced, lower=vectors[1], upper=vectors[2]
        )
        asked = {
            hour: self.workers.submit(
                self._in_time,
                partial(
                    solve,
                    hour,
                    gap_abs=float(share[hour]),
                    nodes=int(self._nodes[hour]),
                    start=self._start(hull, hour, reduced),
                ),
                deadline=deadline,
                waiting=hours - rank,
            )
            for rank, hour in enumerate(np.argsort(-self._work, kind="stable").tolist())
        }
        answers = [asked[hour].result() for hour in range(hours)]
        self._work = np.asarray([answer.iterations for answer in answers], dtype=np.float64)
        cut_short = np.asarray([answer.cut_short for answer in answers])
        search.unfinished = bool(self._left_open(answers, reduced) > slack and cut_short.any())
        if search.unfinished:
            self._nodes[cut_short] = np.minimum(
                TUNING.bounding.more_nodes * self._nodes[cut_short], ALL_NODES
            )
        return answers

    def _bounds(
        self, question: Question, reduced: FloatArray, answers: Sequence[BlockAnswer]
    ) -> list[float]:
        """Return the hours' bounds.

        One whose solver had no time for its first node, or failed, has that of its linear
        relaxation with what it proved before.
        """
        bounds = [answer.bound for answer in answers]
        lacking = [hour for hour, bound in enumerate(bounds) if bound == -np.inf]
        relaxed = self._proven.bounds(lacking, question, reduced, self.workers.map)
        for hour, bound in zip(lacking, relaxed, strict=True):
            bounds[hour] = bound
        return bounds

    def _in_time(
        self, solve: Callable[..., BlockAnswer], deadline: float, waiting: int
    ) -> BlockAnswer:
        """Return an hour's answer; the hours still ``waiting`` share the time that is left."""
        left_s = deadline - time.perf_counter()
        fair_s = left_s * self._options.jobs / waiting
        return solve(
            time_limit_s=max(min(left_s, fair_s), TUNING.bounding.least_s / self._blocks.n_blocks)
        )

    def _left_open(self, answers: Sequence[BlockAnswer], reduced: FloatArray) -> float:
        """Return by how much the hours' points exceed their bounds together."""
        left = 0.0
        for part, answer in zip(self._blocks.blocks, answers, strict=True):
            if answer.x is not None:
                left += float(reduced[part.columns] @ answer.x) - answer.bound
            elif answer.cut_short:
                left = np.inf
        return left

    def _start(self, hull: Hull, hour: int, reduced: FloatArray) -> FloatArray | None:
        """Return the hull's point of an hour that is best at these multipliers.

        It is one of a topology, exactly: what the solver states is compared with its value.
        """
        if None in hull.weights[hour]:
            return None
        columns = self._blocks.blocks[hour].columns
        spare = self._blocks.spare[columns]
        points = [np.where(spare, x > 1.0 - 1e-6, x) for x in hull.of_block(hour)]
        return min(points, key=lambda point: float(reduced[columns] @ point), default=None)

    def _learn(self, search: SearchState, answers: Sequence[BlockAnswer], hull: Hull) -> None:
        """Put the hours' topologies into the pool and tangents at their points.

        Cycles that no row excludes yet are cut off for the next round.
        """
        self._pool.begin_round()
        x = self._blocks.expand(answers)
        cycles: set[frozenset[str]] = set()
        for hour, answer in enumerate(answers if self._wide else ()):
            for other in answer.others[-TUNING.bounding.more_points :]:
                self._pool.learn(hour, self._pool.carrying(hour, self._blocks.whole(hour, other)))
        for hour, answer in enumerate(answers):
            if answer.x is not None:
                pattern = self._blocks.pattern_of(hour, x)
                cycles.update(self._pool.cycles(hour, pattern) if self._options.radial else ())
                self._pool.learn(hour, self._pool.carrying(hour, x) if self._counted else pattern)
        cut_cycles(self._m, self._case, self._problem, cycles)
        self._resolve(search, [x], hull.multipliers)

    def _resolve(
        self, search: SearchState, points: Sequence[FloatArray], multipliers: FloatArray
    ) -> None:
        """Add tangents at points, as fine as the wanted gap and the cost of losses ask for."""
        _, reduced = self._blocks.relaxed(*search.question.vectors, multipliers)
        steepest = self._problem.cones.steepest(reduced)
        count = self._problem.cones.count
        fine = (
            TUNING.bounding.tangent_share
            * min(search.gap_abs, TUNING.stopping.loose_gap)
            / max(count * steepest, 1e-9)
        )
        for point in points:
            self._problem.resolve_at(
                point,
                float(np.clip(fine, *TUNING.bounding.tangent_range_kw)),
                TUNING.bounding.disk_tolerance_kva,
            )
        self._blocks.refresh()
