"""Optimum and front of a case: what ``cmgplan optimum`` asks of one owner."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from cmgplan.errors import LimitError
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.day.dispatch import Dispatch
from cmgplan.homes.optimum.result import OptimumOptions, OptimumPoint, OptimumResult
from cmgplan.homes.optimum.solve import OneOwner, Question
from cmgplan.homes.optimum.why import explain
from cmgplan.progress import ProgressEvent, telling
from cmgplan.search.fuzzy import choose
from cmgplan.version import __version__

GIVES = 1e-6
"""Share by which cost may give way to emission where cost is least."""

GIVES_EMISSION = 1e-5
"""The other way round; near the least emission a little of it saves much."""

CORNERS = (4.0, 1.0, 4.0)
"""Shares of time of the questions of the two corners, beside one of any other point: without
them there is no front."""

Tell = Callable[[ProgressEvent], None]


def find_optimum(
    case: HomesCase, options: OptimumOptions | None = None, progress: Tell | None = None
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
    options = options or OptimumOptions()
    tell = telling(progress)
    begun = time.perf_counter()
    memberships: list[dict[str, float]]
    tell(ProgressEvent("model", "building the day's model", fraction=0.0))
    owner = OneOwner(case)
    built = time.perf_counter()
    if options.front is None:
        tell(ProgressEvent("optimum", "solving the day", fraction=0.1))
        weights = {"cost": 1.0, "emission": options.emission_weight}
        found = owner.answer(
            Question({name: weight for name, weight in weights.items() if weight > 0.0}),
            options.gap,
            options.time_limit_s,
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
    asks = _Asks(owner, options, wanted, tell)
    cheapest = _or_explained(asks.answer(1, Question({"cost": 1.0})), case)
    unserved = unserved_kwh(case, cheapest.dispatch)
    first = _cleanest_of_cheapest(asks, cheapest, unserved)
    cleanest = asks.answer(wanted, Question({"emission": 1.0}, unserved_kwh=unserved))
    least_kg = _or_explained(cleanest, case).emission_kg
    last_cap = least_kg + GIVES_EMISSION * max(least_kg, 1.0)
    points = [first]
    for number in range(2, wanted + 1):
        share = (number - 1) / (wanted - 1)
        cap = first.emission_kg + share * (last_cap - first.emission_kg)
        try:
            found = asks.answer(number, Question({"cost": 1.0}, cap, unserved_kwh=unserved))
        except LimitError:
            continue  # the other points stand without it
        if found is not None:
            points.append(replace(found, emission_cap_kg=cap))
    return efficient(points)


class _Asks:
    """Questions of a front, each with its share of the time that is left."""

    def __init__(self, owner: OneOwner, options: OptimumOptions, wanted: int, tell: Tell) -> None:
        self._owner, self._gap, self._wanted, self._tell = owner, options.gap, wanted, tell
        self._ends = time.perf_counter() + options.time_limit_s
        self._shares = [*CORNERS, *[1.0] * (wanted - 1)]
        self._all = sum(self._shares)

    def gap_of(self, objective: float, bound: float) -> float:
        """Return the relative gap between an objective and its bound, never negative."""
        return self._owner.gap_of(objective, bound)

    def answer(self, number: int, question: Question) -> OptimumPoint | None:
        """Return the answer to a question that is asked for a point."""
        left = sum(self._shares)
        done = 1.0 - left / self._all
        self._tell(ProgressEvent("front", "solving the day", number, self._wanted, fraction=done))
        time_s = max(self._ends - time.perf_counter(), 1.0) * self._shares.pop(0) / left
        return self._owner.answer(question, self._gap, time_s)


def _cleanest_of_cheapest(
    asks: _Asks, cheapest: OptimumPoint, unserved: dict[str, float]
) -> OptimumPoint:
    """Return the day of least emission among those of least cost, with the bound of its cost."""
    cap = cheapest.cost + GIVES * max(abs(cheapest.cost), 1.0)
    question = Question({"emission": 1.0}, cost_cap=cap, unserved_kwh=unserved)
    try:
        found = asks.answer(1, question)
    except LimitError:
        return cheapest
    if found is None or found.emission_kg > cheapest.emission_kg:
        return cheapest
    gap = asks.gap_of(found.cost, cheapest.bound)
    return replace(
        found, objective=found.cost, bound=cheapest.bound, gap=gap, status=cheapest.status
    )


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
