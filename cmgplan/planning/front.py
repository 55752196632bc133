"""The Pareto front of Level 4: payoff table, epsilon points, status and certificate of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cmgplan.case.records import PlanOptions
from cmgplan.errors import InfeasibleError, LimitError
from cmgplan.planning.level4 import OBJECTIVES, GridAnswer, GridConnection, PointStatus
from cmgplan.planning.operation import Operation
from cmgplan.planning.switching import counts_operations
from cmgplan.planning.why_point import CapReasons, explain_limit
from cmgplan.search.epsilon import (
    NoSolutionError,
    Payoff,
    augmented,
    covers,
    diagonal_caps,
    grid_caps,
    leaves_nothing,
    payoff_table,
)

CAPPED = ("gc_usd", "loss_kwh")
"""Objectives that eqs. (27) and (28) bound."""

ORDERS = (
    ("gc_usd", "ec_usd", "loss_kwh"),
    ("ec_usd", "gc_usd", "loss_kwh"),
    ("loss_kwh", "ec_usd", "gc_usd"),
)
ABSOLUTE_UNDER_USD = 1.0
"""Range of f2 under which a gap is stated in $ instead of as a share of the range."""

CORNER_GAP = 1e-5
"""Gap of a corner of the payoff table and of end A, whose objective is a share of a range."""

END_TRADE = 0.05
"""Weight of f2's share of its range in end A, beside those of cost and losses: at the very end,
where f2 falls without limit per $ of cost, the caps would leave all but one schedule out."""

END_ROUNDS = 10
"""Rounds of prices of end A where operations are counted: its values are the caps of point 1."""

CORNER_ROUNDS = 3
"""Rounds of prices that a corner may take: its value is wanted, not a proof."""

SAME = 1e-5
"""$ or kWh within which values are the same."""

CONTRADICTED_USD = 1e-2
"""By which a bound above the emission of an operation held is more than a tolerance."""

CONTRADICTED = "the solver's bound is above what is held, so that it proves nothing"

STOP_SHARE = 0.9
"""Share of the wanted gap at which a search stops, as f2's own gap is a little larger."""


@dataclass(frozen=True)
class FrontPoint:
    """One epsilon point.

    Attributes
    ----------
    number
        1-based.
    caps
        eps on cost and losses.
    bound_ec_usd
        Proven lower bound of f2 under the caps, or None.
    gap
        (f2 - bound) / range of f2, or in $ where the range is under 1 $.
    explanation
        Why it holds no schedule, in sentences; empty where it holds one.
    """

    number: int
    status: PointStatus
    caps: Mapping[str, float]
    answer: GridAnswer
    bound_ec_usd: float | None
    gap: float | None
    explanation: tuple[str, ...] = ()

    @property
    def operation(self) -> Operation | None:
        """AC operation of the point."""
        return self.answer.operation


@dataclass(frozen=True)
class Cell:
    """A combination of caps of the sweep, and the point that answers it, if it is not empty."""

    caps: Mapping[str, float]
    point: int | None


@dataclass(frozen=True)
class Front:
    """Payoff table, points of the front, and the cells of the sweep that they answer.

    A sweep over a grid asks no question whose answer is known: a cell may share the point of a
    looser one, or be empty because a looser one is.
    """

    payoff: Payoff
    points: Sequence[FrontPoint]
    cells: Sequence[Cell] = ()

    @property
    def ec_range_usd(self) -> float:
        """Range of f2 in the payoff table."""
        return self.payoff.ranges["ec_usd"].width

    @property
    def absolute(self) -> bool:
        """Whether gaps are in $."""
        return self.ec_range_usd < ABSOLUTE_UNDER_USD


Tell = Callable[[str, int | None, int | None, float | None], None]
"""Called with message, point, number of points and gap."""


def solve_front(
    connection: GridConnection,
    options: PlanOptions,
    tell: Tell,
    journal: Callable[[Front], None] = lambda front: None,
) -> Front:
    """Return the payoff table and every point of the sweep.

    ``journal`` is given the front so far after each point.

    Raises
    ------
    InfeasibleError
        If the relaxation proves that no schedule serves all load.
    LimitError
        If no schedule was found in time.
    """
    tell("payoff table", None, None, None)
    try:
        payoff = payoff_table(_Corners(connection, CORNER_ROUNDS), ORDERS, _Loosely(connection))
        caps = list(_sweep(connection, options, payoff, tell))
    except NoSolutionError as error:
        raise _explained(error, connection) from error
    points: list[FrontPoint] = []
    cells: list[Cell] = []
    for count, eps in enumerate(caps, start=1):
        known = _known(points, eps) if options.sweep == "grid" else None
        if known is None:
            known = solve_point(connection, options, payoff, len(points) + 1, eps)
            points.append(known)
            journal(Front(payoff, tuple(points)))
            tell(f"{known.status}", count, len(caps), known.gap)
        cells.append(Cell(eps, None if known.operation is None else known.number))
    points = [_improved(point, points, options, payoff) for point in points]
    reasons = CapReasons(connection)
    points = [_with_reason(reasons, point) for point in points]
    return Front(payoff, *(_merged(points, cells) if options.sweep == "grid" else (points, cells)))


def _known(points: Sequence[FrontPoint], caps: Mapping[str, float]) -> FrontPoint | None:
    """Return the point that answers a cell already, or the empty one that makes it empty."""
    for point in points:
        values = point.answer.values
        if point.status is PointStatus.INFEASIBLE and leaves_nothing(point.caps, caps):
            return point
        if values is not None and covers(point.caps, values, caps):
            return point
    return None


def _improved(
    point: FrontPoint, points: Sequence[FrontPoint], options: PlanOptions, payoff: Payoff
) -> FrontPoint:
    """Return a point with the best operation of all points that meets its caps."""
    weights = augmented("ec_usd", OBJECTIVES, payoff.ranges)

    def score(answer: GridAnswer) -> float:
        held = answer.values or {}
        return sum(weights[n] * held[n] for n in weights)

    meeting = [
        other.answer
        for other in points
        if other.answer.values is not None
        and all(other.answer.values[n] <= cap for n, cap in point.caps.items())
    ]
    best = min(meeting, key=score, default=point.answer)
    if point.operation is None or score(best) >= score(point.answer) - SAME:
        return point
    taken: dict[str, float | str | None] = {
        "s": point.answer.wall_s,
        "value": score(best),
        "by": "another point",
    }
    answer = replace(point.answer, operation=best.operation, history=(*point.answer.history, taken))
    return _stated(point.number, point.caps, answer, options, payoff)


def _with_reason(reasons: CapReasons, point: FrontPoint) -> FrontPoint:
    """Return a point with the reason why it holds no schedule, if it does not."""
    if point.status is PointStatus.INFEASIBLE:
        return replace(point, explanation=reasons.of(point.number, point.caps))
    if point.status is PointStatus.LIMIT:
        return replace(point, explanation=explain_limit(point.answer.reason))
    return point


def _same(one: FrontPoint, other: FrontPoint) -> bool:
    a, b = one.answer.values, other.answer.values
    return a is not None and b is not None and all(abs(a[n] - b[n]) <= SAME for n in a)


def _merged(
    points: Sequence[FrontPoint], cells: Sequence[Cell]
) -> tuple[list[FrontPoint], list[Cell]]:
    """Return the points without repeats, numbered by cost, and the cells with their new numbers.

    Points with the same values differ in their caps alone; the one with the loosest is kept.
    """
    first: dict[int, FrontPoint] = {}
    for point in points:
        kept = next((other for other in first.values() if _same(other, point)), point)
        first.setdefault(kept.number, point)
    ordered = sorted(first.values(), key=lambda p: (p.operation is None, *p.caps.values()))
    number = {point.number: k for k, point in enumerate(ordered, start=1)}
    for point in points:
        kept = next(other for other in first.values() if other is point or _same(other, point))
        number[point.number] = number[kept.number]
    return (
        [replace(point, number=number[point.number]) for point in ordered],
        [replace(c, point=None if c.point is None else number[c.point]) for c in cells],
    )


class _Loosely:
    """Level 4 as the oracle of the provisional ranges, which are mere weights: without a gap."""

    def __init__(self, connection: GridConnection) -> None:
        self._connection = connection

    def minimise(
        self, weights: Mapping[str, float], caps: Mapping[str, float], *, label: str
    ) -> GridAnswer:
        """See ``Oracle``."""
        return self._connection.minimise(weights, caps, label=label, gap_abs=np.inf)


class _Corners:
    """Level 4 as the oracle of the payoff table's corners and of end A."""

    def __init__(self, connection: GridConnection, rounds: int) -> None:
        self._connection, self._rounds = connection, rounds

    def minimise(
        self, weights: Mapping[str, float], caps: Mapping[str, float], *, label: str
    ) -> GridAnswer:
        """See ``Oracle``."""
        return self._connection.minimise(
            weights, caps, label=label, gap_abs=CORNER_GAP, rounds=self._rounds
        )


def _sweep(
    connection: GridConnection, options: PlanOptions, payoff: Payoff, tell: Tell
) -> Iterator[dict[str, float]]:
    ranges = payoff.ranges
    if options.sweep == "grid":
        return grid_caps(CAPPED, ranges, options.points)
    tell("end A of the diagonal", None, None, None)
    weights = {name: 1.0 / max(ranges[name].width, 1e-9) for name in CAPPED}
    weights["ec_usd"] = END_TRADE / max(ranges["ec_usd"].width, 1e-9)
    rounds = END_ROUNDS if counts_operations(options) else CORNER_ROUNDS
    start = _Corners(connection, rounds).minimise(weights, {}, label="end A").values
    end = payoff.corners[ORDERS[1]]
    if start is None:
        start = payoff.corners[ORDERS[0]]
    return diagonal_caps(start, end, CAPPED, ranges, options.points)


def solve_point(
    connection: GridConnection,
    options: PlanOptions,
    payoff: Payoff,
    number: int,
    caps: Mapping[str, float],
) -> FrontPoint:
    """Return the point of least f2 under caps, its gap in the ranges of a payoff table."""
    weights = augmented("ec_usd", OBJECTIVES, payoff.ranges)
    width = payoff.ranges["ec_usd"].width
    connection.gap_unit = width if width >= ABSOLUTE_UNDER_USD else 1.0
    wanted = STOP_SHARE * options.gap * connection.gap_unit
    answer = connection.minimise(weights, caps, label=f"point {number}", gap_abs=wanted)
    return _stated(number, caps, answer, options, payoff)


def _stated(
    number: int,
    caps: Mapping[str, float],
    answer: GridAnswer,
    options: PlanOptions,
    payoff: Payoff,
) -> FrontPoint:
    """Return a point with its status and gap."""
    weights = augmented("ec_usd", OBJECTIVES, payoff.ranges)
    width = payoff.ranges["ec_usd"].width
    if answer.operation is None:
        status = PointStatus.INFEASIBLE if answer.infeasible else PointStatus.LIMIT
        return FrontPoint(number, status, caps, answer, None, None)
    emission = answer.operation.ec_usd
    bound = None if answer.bound is None else _ec_bound(answer.bound, weights, caps)
    if bound is not None and bound > emission + CONTRADICTED_USD:
        answer, bound = replace(answer, reason=f"{answer.reason}; {CONTRADICTED}"), None
    if bound is None:
        return FrontPoint(number, PointStatus.FEASIBLE, caps, answer, None, None)
    difference = max(emission - bound, 0.0)
    gap = difference / width if width >= ABSOLUTE_UNDER_USD else difference
    status = PointStatus.OPTIMAL if gap <= options.gap else PointStatus.FEASIBLE
    return FrontPoint(number, status, caps, answer, bound, gap)


def _ec_bound(bound: float, weights: Mapping[str, float], caps: Mapping[str, float]) -> float:
    """Return a bound of f2 from one of f2 + w f1 + w' f3: the others are at most their caps."""
    return bound - sum(weights.get(name, 0.0) * cap for name, cap in caps.items())


def _explained(error: NoSolutionError, connection: GridConnection) -> InfeasibleError | LimitError:
    """Return the error with the limits that would have to give, where that is proven.

    A search that only stopped may stop for that reason as well.
    """
    explanation = connection.explain()
    if explanation is not None:
        return InfeasibleError(explanation.message(), explanation)
    answer = error.answer
    reason = getattr(answer, "reason", "")
    if getattr(answer, "infeasible", False):
        return InfeasibleError(
            "Level 4 has no schedule that serves all load, proved by the convex relaxation "
            f"({reason}). Give more PCC rating, more generation or wider voltage limits."
        )
    return LimitError(
        f"Level 4 holds no schedule for {error.label} ({reason}); give more time with --time-limit"
    )
