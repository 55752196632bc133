"""Tuned numbers of the switch search, by theme, in one record.

They decide how long the search takes and what it tries first. None of them touches what is proved:
a bound holds for any multipliers, any nodes and any time. They were set by trial on the bundled
cases (``ieee33``, ``ieee94``, ``ieee94-costs``) and on small seeded ones; they are not options.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Effort:
    """How the search divides its work between hours, blocks of hours and the whole problem.

    Attributes
    ----------
    unit_range
        Least and greatest difference of the objective that the hours resolve, whatever gap is
        asked for, $ or kWh.
    few_binaries
        Binaries up to which HiGHS is asked to close a duality gap on the whole problem.
    few_without_proof
        Binaries up to which HiGHS is asked where rounds are limited: a value is wanted there, and
        closing the gap may take minutes.
    hours_share
        Share of the time limit that the hours have where HiGHS may be asked as well.
    many_binaries
        Binaries beyond which proving what all rounds give together takes longer than the rounds.
    few_rounds
        Bounding rounds of a small problem whose operations are counted, before it is solved whole.
        With so few, what the rounds give together is not proved.
    hourly_rounds
        Bounding rounds by single hours before blocks of several, where operations are counted.
    proving_share
        Share of the time left for bounding in which what all rounds give together is proved.
    block_binaries
        Switch positions in a block of several hours, so that its problem stays small.
    feasibility_rounds
        Bounding rounds in which a mix is sought that meets the coupling rows.
    """

    unit_range: tuple[float, float] = (1e-2, 1.0)
    few_binaries: int = 150
    few_without_proof: int = 40
    hours_share: float = 0.4
    many_binaries: int = 3000
    few_rounds: int = 8
    hourly_rounds: int = 4
    proving_share: float = 0.4
    block_binaries: int = 75
    feasibility_rounds: int = 30


@dataclass(frozen=True)
class Stopping:
    """When gaps are fine enough, schedules good enough, and a question at its end.

    Attributes
    ----------
    far_share
        Gap of the hours together while value and bound are far apart, as a share of their
        difference.
    unknown_units
        Gap of the hours together while there is no bound, in units of the question.
    loose_gap
        Gap of the hours together where no gap is asked for, $ or kWh.
    infeasible_break
        Proven break of the coupling rows from which a question counts as infeasible.
    stuck_share
        Share of the wanted gap by which bound or hull must move to count.
    good_share
        Share of the wanted gap over the bound at which a rounded schedule is good enough.
    far_good_share
        Share of the difference of hull and bound over the hull at which it is good enough too.
    fine_share
        Share of the difference of hull and bound that matters in choosing a schedule.
    idle_rounds
        Bounding rounds that may move nothing, as topologies come and go, before the search ends.
    enough_share
        Share of what the latest round took that is too little time for the next.
    kept_share
        Share of the time limit that is kept for a schedule at most.
    """

    far_share: float = 0.5
    unknown_units: float = 10.0
    loose_gap: float = 1.0
    infeasible_break: float = 1e-4
    stuck_share: float = 0.02
    good_share: float = 0.9
    far_good_share: float = 0.25
    fine_share: float = 0.1
    idle_rounds: int = 4
    enough_share: float = 0.5
    kept_share: float = 0.5


@dataclass(frozen=True)
class Bounding:
    """How far the blocks' mixed-integer problems go, and at which multipliers.

    Attributes
    ----------
    gap_share
        Share of the wanted gap that the blocks' mixed-integer solves may leave together.
    nodes, nodes_near
        Nodes of a block's tree in the first round of a question, and near the wanted gap.
    near_gaps
        Multiple of the wanted gap that counts as near.
    more_nodes
        Factor of the nodes after a round that leaves more open than it may.
    last_rounds
        Rounds that fit into the time left, under which the next is the last and takes it all.
    tangent_share
        Share of the wanted gap that the tangents of all hours may leave together.
    smoothing
        Share of the best known multipliers in those of a round (Wentges 1997, doi
        10.1016/S0969-6016(97)00001-4): the hull's own overshoot while it knows few topologies.
    smoothing_costly
        Shares of the best known multipliers for single hours where operations cost something, one
        round after the other: multipliers of rows by switch and hour jump more, and these rounds
        take less time than the hull.
    furthest, nearest
        Greatest and least level of the level method in blocks of several hours, as a share of the
        way from the bound to the hull's value: half as far after each round without progress.
    more_points
        Points of a block of several hours, found on the way, whose topologies are learnt as well.
    tangent_range_kw
        Least and greatest break of a tangent that is left, kW of loss.
    disk_tolerance_kva
        Break of a rating that is left, kVA.
    again
        Multiple of the time in which no proof was found that is to be left for another attempt.
    least_s
        Time of a round that begins near the time limit, s.
    """

    gap_share: float = 0.2
    nodes: int = 4
    nodes_near: int = 300
    near_gaps: float = 5.0
    more_nodes: int = 4
    last_rounds: float = 3.0
    tangent_share: float = 0.1
    smoothing: tuple[float, ...] = (0.5,)
    smoothing_costly: tuple[float, ...] = (0.6, 0.9)
    furthest: float = 0.5
    nearest: float = 0.1
    more_points: int = 3
    tangent_range_kw: tuple[float, float] = (1e-6, 1e-2)
    disk_tolerance_kva: float = 5e-3
    again: float = 2.0
    least_s: float = 1.0


@dataclass(frozen=True)
class Pool:
    """How many topologies of a block the hull works with.

    Attributes
    ----------
    kept
        Topologies where operations are free, the most recently used or found.
    kept_counted
        Topologies where operations are counted: blocks mix more of them to spare operations.
    kept_several_hours
        Topologies of blocks of several hours, which find several at once.
    kept_wide
        Least number of topologies where no mix of fewer meets the coupling rows.
    nearly_zero
        Relaxed position under which a switch is not wanted.
    """

    kept: int = 5
    kept_counted: int = 8
    kept_several_hours: int = 14
    kept_wide: int = 12
    nearly_zero: float = 1e-3


@dataclass(frozen=True)
class Rounding:
    """How the hull is rounded to one topology in each hour.

    Attributes
    ----------
    taken
        Weight from which a topology is taken in its hour.
    sure
        Weight from which a topology is the only one of its hour.
    used
        Weight under which a topology is not in use.
    few_hours
        Open hours that are decided one by one, each by trial.
    tried
        Topologies of an hour that are tried, the heaviest first; more while none is feasible.
    """

    taken: float = 0.95
    sure: float = 1.0 - 1e-4
    used: float = 1e-4
    few_hours: int = 5
    tried: int = 2


@dataclass(frozen=True)
class Seeking:
    """When seeking a schedule is worth its time.

    Attributes
    ----------
    worth_gaps
        Multiple of the wanted gap within which hull and bound are worth a schedule.
    dive_again
        Share of the difference of best schedule and hull by which the hull must fall before the
        next dive.
    improving_hulls
        Hulls solved to improve a schedule before the next bounding round: they take as long.
    settled
        Share of the wanted gap between hull and bound under which better multipliers gain little.
    near_share
        Share of the wanted gap between hull and bound within which swaps are worth their time.
    swap_share
        Gain of a swap that counts, in units of the aim.
    rough
        Factor of the aim's unit where a value is wanted and no proof: any schedule will do there.
    """

    worth_gaps: float = 2.0
    dive_again: float = 0.2
    improving_hulls: int = 150
    settled: float = 0.25
    near_share: float = 0.5
    swap_share: float = 0.01
    rough: float = 5.0


@dataclass(frozen=True)
class Dive:
    """How switches are held one after the other, where operations are counted.

    Attributes
    ----------
    operation_hours
        Weight of an operation in a trajectory beside 1 for an hour closed against the mean.
    near_hours
        Difference of mean and trajectory up to which switches are held together, h.
    step_units
        Loss of a step that is accepted at once, in units of the aim.
    few
        Switches that are tried one by one where holding several at once loses more.
    fine_units
        Gain that makes a schedule a better one, in units of the aim.
    drawn
        Switches drawn at random that are released together.
    idle_tries
        Draws in a row that gain nothing after which a schedule is left as it is.
    missed_weights
        Weights of an hour open against the mean beside 1 for an hour closed against it: tried in
        turn, as switches that carry much had better stay closed.
    """

    operation_hours: float = 0.25
    near_hours: float = 0.3
    step_units: float = 2.0
    few: int = 3
    fine_units: float = 0.05
    drawn: int = 6
    idle_tries: int = 40
    missed_weights: tuple[float, ...] = (1.0, 5.0, 30.0)


@dataclass(frozen=True)
class Whole:
    """How Level 4 is solved as one mixed-integer problem.

    Attributes
    ----------
    relaxed_rounds
        Linear relaxations that gather tangents before binaries count.
    tangent_rounds
        Mixed-integer solves at one fineness, each with the tangents that the last one broke.
    finer_kw
        Breaks of a cone or circle that are cut off, one after the other, while value and bound
        differ, kW and kVA: what the usual tolerance lets a schedule lose too little can be what
        makes it meet a cap.
    cycle_rounds
        Solves that cut off cycles of closed switches before a schedule is given up.
    repair_s, repair_gap
        Time and gap of a solve that frees the switches of hours with cycles alone: s, $ or kWh.
    """

    relaxed_rounds: int = 12
    tangent_rounds: int = 10
    finer_kw: tuple[float, ...] = (1e-4, 1e-5, 1e-6, 1e-6, 1e-6)
    cycle_rounds: int = 30
    repair_s: float = 5.0
    repair_gap: float = 1e-2


@dataclass(frozen=True)
class Tuning:
    """All tuned numbers of the search."""

    effort: Effort = field(default_factory=Effort)
    stopping: Stopping = field(default_factory=Stopping)
    bounding: Bounding = field(default_factory=Bounding)
    pool: Pool = field(default_factory=Pool)
    rounding: Rounding = field(default_factory=Rounding)
    seeking: Seeking = field(default_factory=Seeking)
    dive: Dive = field(default_factory=Dive)
    whole: Whole = field(default_factory=Whole)


TUNING = Tuning()
