"""The exact answer to demand response: one mixed-integer program for the day of all homes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from cmgplan.errors import LimitError
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.day.dispatch import Dispatch
from cmgplan.homes.optimum.front import front, unserved_kwh
from cmgplan.homes.optimum.result import OptimumOptions, OptimumPoint
from cmgplan.homes.optimum.why import explain
from cmgplan.progress import ProgressEvent, telling
from cmgplan.response.exact.answer import ExactAnswer, ExactOptions
from cmgplan.response.exact.owner import ResponseOwner, ResponseQuestion
from cmgplan.response.exact.question import owner_of, profit_question
from cmgplan.response.model.profit import objectives_of, profit_of, served_value

GIVES = 1e-5
"""Share of an objective by which it gives way to the next of an order."""

Tell = Callable[[ProgressEvent], None]


def solve_exact(
    case: HomesCase,
    options: ExactOptions | None = None,
    progress: Tell | None = None,
    *,
    start: Dispatch | None = None,
) -> ExactAnswer:
    """Return the day of greatest profit under the policies, or of what the options ask for.

    Parameters
    ----------
    start
        A day to begin from, that of the rules or of a heuristic: with its binaries. The answer
        is no worse, also where time runs out at once. Rules do not make the search faster.

    Raises
    ------
    InfeasibleError
        No day keeps all limits; the message says which would have to give.
    LimitError
        Time ran out before any day was held.
    SolverError
        The solver failed.
    """
    options, tell = options or ExactOptions(), telling(progress)
    begun = time.perf_counter()
    tell(ProgressEvent("model", "building the day's model", fraction=0.0))
    special = bool(options.weights or options.order)
    owner = owner_of(case, objectives=special)
    question = profit_question(case, options.emission_weight)
    ends = begun + options.time_limit_s
    held = None if start is None else owner.kept(start, question)
    tell(ProgressEvent("exact", "solving the day", fraction=0.1))
    if not special:
        point = _answered_or(held, owner, question, options.gap, _left(ends))
        return _profitable(case, owner, point, options, time.perf_counter() - begun)
    served = _answered(owner, question, options.gap, _left(ends))
    # Without this the least cost of consumers would be that of serving nobody.
    unserved = unserved_kwh(case, served.dispatch)
    point = _weighted(owner, options, unserved, ends)
    return _other(case, owner, point, options, time.perf_counter() - begun)


def money_front(
    case: HomesCase, points: int, options: ExactOptions | None = None, progress: Tell | None = None
) -> list[ExactAnswer]:
    """Return days from the greatest profit before penalties to the least emission.

    Between the two corners the profit is greatest under caps of emission in equal steps (the
    epsilon-constraint method; Haimes, Lasdon and Wismer, IEEE Transactions on Systems, Man and
    Cybernetics 1, 1971, 296-297), none better than another in both. ``bound`` is that of its
    own cap.

    Raises as ``solve_exact`` does.
    """
    options, tell = options or ExactOptions(), telling(progress)
    begun = time.perf_counter()
    owner = owner_of(case)
    asked = OptimumOptions(front=points, gap=options.gap, time_limit_s=options.time_limit_s)
    found = front(owner, case, asked, tell)
    wall_s, free = time.perf_counter() - begun, options.model_copy(update={"emission_weight": 0.0})
    answers = [_profitable(case, owner, point, free, wall_s) for point in found]
    return [replace(answer, relaxation=None) for answer in answers]


def _answered(
    owner: ResponseOwner, question: ResponseQuestion, gap: float, time_limit_s: float
) -> OptimumPoint:
    """Return the answer, or raise InfeasibleError with the limits that would have to give."""
    point = owner.answer(question, gap, time_limit_s)
    if point is None:
        raise explain(owner.case)
    return point


def _answered_or(
    held: OptimumPoint | None,
    owner: ResponseOwner,
    question: ResponseQuestion,
    gap: float,
    time_limit_s: float,
) -> OptimumPoint:
    """Return the answer, or the day that was held before where that is better."""
    try:
        point = _answered(owner, question, gap, time_limit_s)
    except LimitError:
        if held is None or owner.relaxed is None:
            raise
        point = replace(held, bound=owner.relaxed)
    if held is None or held.objective > point.objective:
        return point
    left = owner.gap_of(held.objective, bound := min(point.bound, held.objective))
    status = "optimal" if left <= gap else "feasible"
    return replace(held, bound=bound, gap=left, status=status)


def _left(ends: float) -> float:
    return max(ends - time.perf_counter(), 1.0)


def _weighted(
    owner: ResponseOwner, options: ExactOptions, unserved: Mapping[str, float], ends: float
) -> OptimumPoint:
    """Return the day of the weighted objectives, or of an order of them."""
    if not options.order:
        weights = {str(name): weight for name, weight in (options.weights or {}).items()}
        question = ResponseQuestion(weights, unserved_kwh=unserved)
        return _answered(owner, question, options.gap, _left(ends))
    caps: dict[str, float] = {}
    point: OptimumPoint | None = None
    for k, name in enumerate(options.order):
        question = ResponseQuestion({name: 1.0}, unserved_kwh=unserved, caps=dict(caps))
        time_s = _left(ends) / (len(options.order) - k)
        point = _answered(owner, question, options.gap, time_s)
        caps[name] = point.objective + GIVES * max(abs(point.objective), 1.0)
    if point is None:
        raise ValueError("an order without objectives")
    return point


def _profitable(
    case: HomesCase,
    owner: ResponseOwner,
    point: OptimumPoint,
    options: ExactOptions,
    wall_s: float,
) -> ExactAnswer:
    """Return the answer to the question for profit."""
    constant = served_value(case)
    profit = profit_of(case, point.dispatch, options.emission_weight)
    return ExactAnswer(
        status=point.status,
        dispatch=point.dispatch,
        profit=profit,
        bound=max(constant - point.bound, profit.total),
        relaxation=None if owner.relaxed is None else constant - owner.relaxed,
        gap=point.gap,
        objectives=objectives_of(case, point.dispatch),
        objective=None,
        objective_bound=None,
        wall_s=wall_s,
        solver=owner.solver,
    )


def _other(
    case: HomesCase,
    owner: ResponseOwner,
    point: OptimumPoint,
    options: ExactOptions,
    wall_s: float,
) -> ExactAnswer:
    """Return the answer to weights or an order, which bounds no profit."""
    answer = _profitable(case, owner, point, options, wall_s)
    return replace(
        answer,
        bound=None,
        relaxation=None,
        objective=point.objective,
        objective_bound=point.bound,
    )
