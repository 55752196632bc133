"""Level 4 cut into blocks of hours, with what the search knows of these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.planning.case.records import Case, PlanOptions
from cmgplan.planning.model.bound_proof import Evidence
from cmgplan.planning.model.schedule_model import SwitchingModel
from cmgplan.planning.model.switching import counts_operations
from cmgplan.planning.switch_search.blocks_of_hours import block_of_columns
from cmgplan.planning.switch_search.bounding import BlockBounding
from cmgplan.planning.switch_search.state import SearchState
from cmgplan.planning.switch_search.switch_dive import SwitchDive
from cmgplan.planning.switch_search.topologies import HourlyGrid, Topologies
from cmgplan.planning.switch_search.tuning import TUNING
from cmgplan.solve import LinearProblem
from cmgplan.solve.blocks.hull import Hull, solve_hull
from cmgplan.solve.blocks.problem import BlockProblem, Pattern


class StoppedError(Exception):
    """The search cannot go on; says why."""


class NoMixError(Exception):
    """The blocks prove that nothing meets the coupling rows; says by which multipliers."""

    def __init__(self, evidence: Evidence | None) -> None:
        self.evidence = evidence
        super().__init__("nothing meets the coupling rows")


class Partition:
    """Blocks of hours with their topologies and bounds.

    Attributes
    ----------
    blocks, pool, bounding
        The blocks, their topologies known, and what they answered at multipliers.
    several_hours
        Whether a block has more than one hour.
    counted
        Whether switch operations are counted: limited, or at a cost.
    dive
        Rounding of hulls where operations are counted, otherwise None.
    """

    def __init__(
        self,
        case: Case,
        options: PlanOptions,
        model: SwitchingModel,
        problem: LinearProblem,
        hours: Sequence[range],
    ) -> None:
        self.blocks = BlockProblem(problem, block_of_columns(problem, hours))
        self.blocks.refresh()
        grid = HourlyGrid(case, options, model, problem, self.blocks, hours)
        self.several_hours = self.blocks.notes_points = grid.several_hours
        self.pool = Topologies(grid)
        self.bounding = BlockBounding(grid, self.pool)
        self.dive: SwitchDive | None = None
        self.counted = counts_operations(options)
        if self.counted:
            columns = [problem.column(v) for v in model.closed.values()]
            self.blocks.spare[columns] = True
            self.dive = SwitchDive(grid, self.pool)

    def begin_question(self) -> None:
        """Begin a question with the rows and topologies that stand."""
        self.blocks.refresh()
        self.bounding.begin_question()
        self.pool.begin_round()

    def taken_over(self, other: Partition, multipliers: FloatArray) -> FloatArray:
        """Return another partition's multipliers on the rows that couple the blocks of this one.

        Both must have seen the same rows. Where this one's blocks are made of the other's, the
        bound at these multipliers cannot be lower.
        """
        full = np.zeros(len(other.blocks.coupled))
        full[other.blocks.coupled] = multipliers
        return np.asarray(full[self.blocks.coupled], dtype=np.float64)

    @property
    def known(self) -> list[frozenset[Pattern | None]]:
        """Return the topologies that the hull would work with."""
        return [frozenset(patterns) for patterns in self.pool.kept()]

    def mix(self, search: SearchState) -> Hull:
        """Return the hull of the known topologies, or the relaxation where some block knows none.

        Where no mix meets the coupling rows, blocks are bounded by the break until one does.

        Raises
        ------
        NoMixError
            If the blocks prove that no mix does.
        StoppedError
            If none is found.
        """
        for _ in range(TUNING.effort.feasibility_rounds):
            if not self.pool.complete:
                hull = self._first(search)
            else:
                hull = self.solve(search, self.pool.kept()) or self._within_limit(search)
            if hull is not None:
                if self.counted:
                    self.pool.begin_mix()
                self.mark_used(hull)
                return hull
            wide = self.pool.kept_wide() if self.pool.complete else None
            broken = self.solve(search, wide, elastic=True)
            if broken is None:
                self._ask_relaxed(search)
                continue
            self.mark_used(broken)
            of_break = search.without_objective
            if self.bounding.ask(of_break, broken) > TUNING.stopping.infeasible_break:
                raise NoMixError(of_break.evidence)
            if self.pool.complete and self.pool.kept_wide() == wide:
                raise StoppedError("no mix of topologies that meets the caps")
            if search.left_s <= 0.0:
                raise StoppedError("the time limit")
        raise StoppedError("no mix of topologies that meets the caps")

    def _ask_relaxed(self, search: SearchState) -> None:
        """Bound the blocks at the relaxation's multipliers, without a mix.

        It serves where every known topology of some block is infeasible by itself. Tangents at the
        new answers keep the blocks from giving the same ones again and again.
        """
        relaxed = self.solve(search, None)
        if relaxed is None:
            raise StoppedError("the solver's failure on the mix of topologies")
        self.bounding.ask(search, relaxed)
        if search.left_s <= 0.0:
            raise StoppedError("the time limit")

    def _within_limit(self, search: SearchState) -> Hull | None:
        """Return a hull with topologies of a schedule that keeps to the operations allowed."""
        if self.dive is None or search.lifted:
            return None
        free = search.without_operation_limit(self.dive.lifted(search.question))
        hull = self.mix(free)
        found = self.dive.rounded(free.question, hull, search.aim(hull.value))
        if found is None:
            return None
        self.pool.begin_round()
        self.mark_used(found)
        return self.solve(search, self.pool.kept())

    def _first(self, search: SearchState) -> Hull | None:
        """Return a first hull with the relaxation's multipliers, where a block knows no topology.

        Its positions give a topology to each block, whose points the blocks' searches start from.
        Where these cannot serve the load, as few tangents understate the losses of ties, topologies
        follow in which every microgrid is fed through its own PCC.
        """
        relaxed = self.solve(search, None)
        if relaxed is None:
            return None
        hull = None
        for apart in (False, True):
            for block, part in enumerate(self.blocks.blocks):
                values = relaxed.of_block(block)[0][part.binary]
                self.pool.learn_relaxed(block, values, apart=apart)
            hull = self.solve(search, self.pool.kept())
            if hull is not None:
                break
        return relaxed if hull is None else replace(hull, multipliers=relaxed.multipliers)

    def solve(
        self,
        search: SearchState,
        patterns: Sequence[Sequence[Pattern | None]] | None,
        *,
        elastic: bool = False,
        spare: bool = True,
    ) -> Hull | None:
        """Return the hull of some topologies, or of the relaxation; None where there is none.

        Where operations are counted, a topology stands for all that close more, if ``spare``.
        """
        relaxed: list[list[Pattern | None]] = [[None]] * self.blocks.n_blocks
        found = solve_hull(
            self.blocks,
            search.question,
            patterns or relaxed,
            elastic=elastic,
            spare=spare and self.counted,
        )
        return found if isinstance(found, Hull) else None

    def mark_used(self, hull: Hull) -> None:
        """Mark the topologies that the hull uses as used now."""
        for block, pattern in hull.used():
            self.pool.learn(block, pattern)
