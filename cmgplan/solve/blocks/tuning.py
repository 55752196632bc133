"""Tuned numbers of the block decomposition, by theme, and the tolerances that its bounds allow for.

``TUNING`` decides how long the work takes and in what order it goes; a bound holds for any of its
numbers. They were set by trial with the searches that use the blocks, on their cases; where a
number has another reason, it stands beside it. ``TOLERANCES`` are part of what is proved: with
smaller ones a bound would rest on more than a solver or a rounded sum can promise.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Trees:
    """How the mixed-integer problem of a block is solved in the search.

    Attributes
    ----------
    heuristic_effort
        Share of HiGHS's effort that goes into heuristics where no good point is known; with one
        they have none.
    """

    heuristic_effort: float = 0.05


@dataclass(frozen=True)
class Master:
    """How the hull is solved, and what multipliers the level method takes from it.

    Attributes
    ----------
    copies_per_block
        Scaled copies kept for each block on average. Memory sets it: a number for all blocks
        together would be too much where blocks are large, and too little where they are many.
    used_weight
        Weight over which a pattern counts as used and its point is handed back.
    stuck_gap_units
        Gap, in units of the question, at which an interior-point solver that gets no further will
        do. Other settings mostly get further, but take as long again, and a mix is no bound.
    least_spread
        Least scale of a multiplier in the level method, as a share of the mean scale: one that is
        zero in both the hull's and the centre's multipliers may move as well.
    """

    copies_per_block: int = 20
    used_weight: float = 1e-3
    stuck_gap_units: float = 1e-2
    least_spread: float = 0.3


@dataclass(frozen=True)
class Proving:
    """What all rounds prove together.

    Attributes
    ----------
    rows_per_block
        Proven rows kept for each block, the newest.
    multiplier_tolerance
        Optimality tolerance of the interior-point solver that finds multipliers; any give a bound.
    lacking_share
        Share of a question's unit up to which proven rows may lack by their tolerance before the
        block is asked with weaker rows as well.
    """

    rows_per_block: int = 40
    multiplier_tolerance: float = 1e-6
    lacking_share: float = 0.05


@dataclass(frozen=True)
class Reproving:
    """How a bound is proved a second time, in rounds of trees and tangents.

    Attributes
    ----------
    relaxed_rounds
        Rounds of linear relaxations that gather tangents before binaries count.
    settling_rounds
        Linear problems with held binaries after each tree, for tangents where it will look next:
        they take a small part of the time of another tree.
    tangent_share
        Share of what is lacking that the tangents of all cones may leave together.
    tangent_range_kw
        Least and greatest break of a cone that is left, kW.
    disk_tolerance_kva
        Break of a circle that is left, kVA.
    gap_share
        Share of what is lacking that the blocks' trees may leave open together.
    finer
        Factor of that gap after a round that adds no row.
    least_gap
        Least gap of the blocks' trees together, in units of the objective.
    sure_share
        Share of what is lacking that tangents still to come might prove, several times over: what
        lacks more is given up.
    bound_passes
        Times that bounds of columns are derived from rows. A feeder's flows follow branch by
        branch, so that its depth sets it.
    """

    relaxed_rounds: int = 8
    settling_rounds: int = 12
    tangent_share: float = 0.05
    tangent_range_kw: tuple[float, float] = (1e-6, 1e-2)
    disk_tolerance_kva: float = 5e-3
    gap_share: float = 0.3
    finer: float = 0.25
    least_gap: float = 1e-6
    sure_share: float = 0.2
    bound_passes: int = 60


@dataclass(frozen=True)
class Tuning:
    """All tuned numbers of the block decomposition."""

    trees: Trees = field(default_factory=Trees)
    master: Master = field(default_factory=Master)
    proving: Proving = field(default_factory=Proving)
    reproving: Reproving = field(default_factory=Reproving)


@dataclass(frozen=True)
class Tolerances:
    """What a bound allows for, as solvers and sums are exact to a tolerance alone.

    Attributes
    ----------
    point_value
        Share of a point's terms by which its value may be wrong: a solver's bound above the value
        of a known point by more than that and the gap is not believed.
    proven_row
        Share of what a row has proved to which a solver's bound is right; rows are scaled to 1.
    derived_bound
        Relative widening of each bound that is derived from rows, over a thousand times its
        rounding error.
    no_reduced_cost
        Reduced cost of a linking column that counts as none where it points to a side without a
        bound, in units of the objective per unit of the column.
    """

    point_value: float = 1e-6
    proven_row: float = 1e-6
    derived_bound: float = 1e-9
    no_reduced_cost: float = 1e-12


TUNING = Tuning()
TOLERANCES = Tolerances()
