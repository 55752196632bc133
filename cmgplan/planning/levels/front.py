"""The Pareto front of Level 4: payoff table, epsilon points, status and certificate of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from cmgplan.errors import InfeasibleError, LimitError
from cmgplan.planning.case.records import PlanOptions
from cmgplan.planning.levels.front_points import Cell, Front, FrontPoint
from cmgplan.planning.levels.level4 import GridAnswer, GridConnection, PointStatus
from cmgplan.planning.levels.trade import CAPPED, NEGLIGIBLE, trade_of
from cmgplan.planning.model.switching import counts_operations
from cmgplan.planning.record.front import Step
from cmgplan.planning.why.empty_point import CapReasons, explain_limit
from cmgplan.search.epsilon import (
    NoSolutionError,
    Payoff,
    Range,
    augmented,
    covers,
    diagonal_caps,
    grid_caps,
    leaves_nothing,
    lexicographic_weights,
    payoff_table,
)

ORDERS = (
    ("gc_usd", "ec_usd", "loss_kwh"),
    ("ec_usd", "gc_usd", "loss_kwh"),
    ("loss_kwh", "ec_usd", "gc_usd"),
)
CORNER_GAP = 1e-5
"""Gap of a corner of the payoff table and of end A, whose objective is a share of a range."""

END_TRADE = 0.05
"""Weight of f2's share of its range in end A, beside those of cost and losses: at the very end,
where f2 falls without limit per $ of cost, the caps would leave all but one schedule out."""

END_ROUNDS = 10
"""Bounding rounds of end A where operations are counted: its values are the caps of point 1."""

CORNER_ROUNDS = 3
"""Bounding rounds that a corner may take: its value is wanted, not a proof."""

SAME = 1e-5
"""$ or kWh within which values are the same."""

CONTRADICTED_USD = 1e-2
"""$ or kWh by which a bound above the value of an operation held is more than a tolerance."""

CONTRADICTED = "the solver's bound is above what is held, so that it proves nothing"

STOP_SHARE = 0.9
"""Share of the wanted gap at which a search stops, as the point's own gap is a little larger."""


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
        payoff = payoff_table(
            _Corners(connection, CORNER_ROUNDS), ORDERS, _Loosely(connection), NEGLIGIBLE
        )
        payoff = _of_two(connection, payoff, tell)
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
    weights = _weights(payoff)

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
    taken = Step(s=point.answer.wall_s, value=score(best), by="another point")
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
        return self._connection.minimise(weights, caps, label=label, once=True)


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


def _of_two(connection: GridConnection, payoff: Payoff, tell: Tell) -> Payoff:
    """Return the payoff table with the ends of a front over two objectives.

    Where an objective has no range, the orders of three say little of the one that comes last.
    Each of the others is minimised first and the other one after it, with what has no range held.
    """
    trade = trade_of(payoff.ranges)
    if not trade.flat or not trade.stepped:
        return payoff
    tell("ends of the front", None, None, None)
    oracle, held = _Corners(connection, CORNER_ROUNDS), trade.held(payoff.ranges)
    caps: dict[str, float] = {name: cap for name, cap in held.items() if name in trade.flat}
    ends: dict[tuple[str, ...], Mapping[str, float]] = {}
    for order in (trade.weighed, trade.weighed[::-1]):
        weights = lexicographic_weights(order, payoff.ranges, least=NEGLIGIBLE)
        answer = oracle.minimise(weights, caps, label=" > ".join(order))
        if answer.values is None:
            raise NoSolutionError(" > ".join(order), answer)
        ends[order] = answer.values
    ranges: dict[str, Range] = {}
    for name in trade.weighed:
        values = [end[name] for end in ends.values()]
        ranges[name] = Range(min(values), max(values))
    return Payoff(ends, {**payoff.ranges, **ranges})


def _sweep(
    connection: GridConnection, options: PlanOptions, payoff: Payoff, tell: Tell
) -> Iterator[dict[str, float]]:
    ranges, trade = payoff.ranges, trade_of(payoff.ranges)
    if not trade.stepped:
        return iter([trade.held(ranges)])
    if options.sweep == "grid":
        steps = grid_caps(trade.stepped, ranges, options.points)
    elif trade.flat:
        ends = payoff.corners[trade.weighed[::-1]], payoff.corners[trade.weighed]
        steps = diagonal_caps(*ends, trade.stepped, ranges, options.points)
    else:
        start, end = _ends_of_three(connection, options, payoff, tell)
        steps = diagonal_caps(start, end, trade.stepped, ranges, options.points)
    held = trade.held(ranges)
    return ({name: {**held, **caps}[name] for name in _named(held, caps)} for caps in steps)


def _named(*caps: Mapping[str, float]) -> list[str]:
    """Return the objectives that have a cap, those of eqs. (27) and (28) first."""
    names = {name for given in caps for name in given}
    return [*(n for n in CAPPED if n in names), *sorted(names.difference(CAPPED))]


def _ends_of_three(
    connection: GridConnection, options: PlanOptions, payoff: Payoff, tell: Tell
) -> tuple[Mapping[str, float], Mapping[str, float]]:
    """Return the ends A and B of the diagonal."""
    tell("end A of the diagonal", None, None, None)
    ranges = payoff.ranges
    weights = {name: 1.0 / max(ranges[name].width, 1e-9) for name in CAPPED}
    weights["ec_usd"] = END_TRADE / max(ranges["ec_usd"].width, 1e-9)
    rounds = END_ROUNDS if counts_operations(options) else CORNER_ROUNDS
    start = _Corners(connection, rounds).minimise(weights, {}, label="end A").values
    return start or payoff.corners[ORDERS[0]], payoff.corners[ORDERS[1]]


def solve_point(
    connection: GridConnection,
    options: PlanOptions,
    payoff: Payoff,
    number: int,
    caps: Mapping[str, float],
) -> FrontPoint:
    """Return the point of least f2 under caps, its gap in the ranges of a payoff table.

    Where f2 has no range there, another objective is least; see ``trade_of``.
    """
    connection.gap_unit = trade_of(payoff.ranges).gap_unit(payoff.ranges)
    wanted = STOP_SHARE * options.gap * connection.gap_unit
    answer = connection.minimise(_weights(payoff), caps, label=f"point {number}", gap_abs=wanted)
    return _stated(number, caps, answer, options, payoff)


def _weights(payoff: Payoff) -> dict[str, float]:
    """Return the weights of a point's objective; what has no range has none."""
    trade = trade_of(payoff.ranges)
    return augmented(trade.minimised, trade.weighed, payoff.ranges)


def _stated(
    number: int,
    caps: Mapping[str, float],
    answer: GridAnswer,
    options: PlanOptions,
    payoff: Payoff,
) -> FrontPoint:
    """Return a point with its status and gap."""
    weights, trade = _weights(payoff), trade_of(payoff.ranges)
    goal = trade.minimised
    if answer.operation is None:
        status = PointStatus.INFEASIBLE if answer.infeasible else PointStatus.LIMIT
        return FrontPoint(number, status, caps, answer, None, None, goal)
    value = answer.operation.value(goal)
    bound = None if answer.bound is None else _goal_bound(answer.bound, goal, weights, caps)
    if bound is not None and bound > value + CONTRADICTED_USD:
        answer, bound = replace(answer, reason=f"{answer.reason}; {CONTRADICTED}"), None
    if bound is None:
        return FrontPoint(number, PointStatus.FEASIBLE, caps, answer, None, None, goal)
    gap = max(value - bound, 0.0) / trade.gap_unit(payoff.ranges)
    status = PointStatus.OPTIMAL if gap <= options.gap else PointStatus.FEASIBLE
    return FrontPoint(number, status, caps, answer, bound, gap, goal)


def _goal_bound(
    bound: float, goal: str, weights: Mapping[str, float], caps: Mapping[str, float]
) -> float:
    """Return a bound of f from one of f + w g + w' h: the others are at most their caps."""
    return bound - sum(weights.get(name, 0.0) * cap for name, cap in caps.items() if name != goal)


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
