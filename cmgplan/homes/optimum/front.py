"""Optimum and front of a case: what ``cmgplan optimum`` asks of one owner."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from cmgplan.homes.dispatch import Dispatch
from cmgplan.homes.optimum.result import OptimumOptions, OptimumPoint, OptimumResult
from cmgplan.homes.optimum.solve import OneOwner, Question
from cmgplan.homes.optimum.why import explain
from cmgplan.homes.records import HomesCase
from cmgplan.progress import ProgressEvent
from cmgplan.search.fuzzy import choose
from cmgplan.version import __version__

GIVES = 1e-6
"""Share by which the first goal of a corner may give way to the second."""

Tell = Callable[[ProgressEvent], None]


def find_optimum(
    case: HomesCase, options: OptimumOptions, progress: Tell | None = None
) -> OptimumResult:
    """Return the one-owner optimum of a case, or its front of cost against emission.

    Raises
    ------
    InfeasibleError
        No day keeps all limits; the message says which would have to give.
    LimitError
        Time ran out before any day was held.
    SolverError
        The solver failed.
    """
    tell = progress or (lambda event: None)
    begun = time.perf_counter()
    memberships: list[dict[str, float]]
    tell(ProgressEvent("model", "building the day's model", fraction=0.0))
    owner = OneOwner(case, begun + options.time_limit_s)
    built = time.perf_counter()
    if options.front is None:
        tell(ProgressEvent("optimum", "solving the day", fraction=0.1))
        weights = {"cost": 1.0, "emission": options.emission_weight}
        found = owner.answer(
            Question({name: weight for name, weight in weights.items() if weight > 0.0}),
            options.gap,
        )
        points = [_or_explained(found, case)]
        chosen, memberships = 0, []
    else:
        points = front(owner, case, options, tell)
        fuzzy = choose([[point.cost, point.emission_kg] for point in points])
        chosen = fuzzy.row
        memberships = [
            {"cost": float(mu[0]), "emission": float(mu[1]), "least": float(mu.min())}
            for mu in fuzzy.memberships
        ]
    ended = time.perf_counter()
    return OptimumResult(
        case,
        options,
        tuple(points),
        chosen,
        tuple(memberships),
        {"model": built - begun, "solve": ended - built, "total": ended - begun},
        {"cmgplan": __version__, "solver": owner.solver},
    )


def front(
    owner: OneOwner, case: HomesCase, options: OptimumOptions, tell: Tell
) -> list[OptimumPoint]:
    """Return points from least cost to least emission, none better than another in both goals.

    Between the corners the cost is minimised under caps of emission in equal steps (the
    epsilon-constraint method). Load may be unserved only as much as in the day of least cost:
    without that, the least emission would be that of serving nobody.
    """
    wanted = options.front or 2

    def asked(number: int, question: Question) -> OptimumPoint | None:
        message = f"point {number} of {wanted}"
        share = (number - 1) / wanted
        tell(ProgressEvent("front", message, number, wanted, fraction=share))
        return owner.answer(question, options.gap)

    cheapest = _or_explained(asked(1, Question({"cost": 1.0})), case)
    unserved = unserved_kwh(case, cheapest.dispatch)
    first = _second_goal(owner, cheapest, "emission", unserved, options.gap)
    cleanest = asked(wanted, Question({"emission": 1.0}, unserved_kwh=unserved))
    last = _second_goal(owner, _or_explained(cleanest, case), "cost", unserved, options.gap)
    points = [first]
    for number in range(2, wanted):
        share = (number - 1) / (wanted - 1)
        cap = first.emission_kg + share * (last.emission_kg - first.emission_kg)
        found = asked(number, Question({"cost": 1.0}, cap, unserved_kwh=unserved))
        if found is not None:
            points.append(replace(found, emission_cap_kg=cap))
    return efficient([*points, last])


def _second_goal(
    owner: OneOwner,
    corner: OptimumPoint,
    goal: str,
    unserved: dict[str, float],
    gap: float,
) -> OptimumPoint:
    """Return the corner's day that is best in the other goal, the corner's where there is none.

    The point keeps objective, bound and gap of cost: at least emission the cost is a minimum
    under a cap of the least emission.
    """
    if goal == "emission":
        cap = corner.cost + GIVES * max(abs(corner.cost), 1.0)
        better = owner.answer(Question({"emission": 1.0}, cost_cap=cap, unserved_kwh=unserved), gap)
        if better is None or better.emission_kg > corner.emission_kg:
            return corner
        left = max(better.cost - corner.bound, 0.0) / max(abs(better.cost), 1.0)
        return replace(
            better, objective=better.cost, bound=corner.bound, gap=left, status=corner.status
        )
    cap = corner.emission_kg + GIVES * max(corner.emission_kg, 1.0)
    found = owner.answer(Question({"cost": 1.0}, cap, unserved_kwh=unserved), gap)
    if found is None:
        bound = -np.inf
        return replace(corner, objective=corner.cost, bound=bound, emission_cap_kg=cap)
    return replace(found, emission_cap_kg=cap)


def efficient(points: list[OptimumPoint]) -> list[OptimumPoint]:
    """Return the points that no other betters in both goals, the first of equals."""
    kept: list[OptimumPoint] = []
    for point in sorted(points, key=lambda p: (p.cost, p.emission_kg)):
        if not kept or point.emission_kg < kept[-1].emission_kg - GIVES * max(
            abs(kept[-1].emission_kg), 1.0
        ):
            kept.append(point)
    return kept


def unserved_kwh(case: HomesCase, day: Dispatch) -> dict[str, float]:
    """Return the energy of loads that nothing serves, kWh by carrier."""
    total = {"electricity": 0.0, "heat": 0.0}
    for home in case.homes:
        for device in home.devices():
            shift = day.shifts.get((home.id, device.id))
            if shift is not None:
                carrier = "heat" if "heat" in device.carriers else "electricity"
                total[carrier] += case.dt_h * float(shift.unserved_kw.sum())
    return total


def _or_explained(point: OptimumPoint | None, case: HomesCase) -> OptimumPoint:
    """Return a point; raise InfeasibleError with the limits that would have to give."""
    if point is None:
        raise explain(case)
    return point
