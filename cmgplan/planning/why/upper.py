"""Why Levels 5 and 6 have no answer: the feeder's limits that would have to give."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace

import numpy as np

from cmgplan.explanation import Explanation, GivingLimit, Way, rounded_away
from cmgplan.network.feeder import Feeder
from cmgplan.network.grid import Grid
from cmgplan.network.grid_hours import GridHours
from cmgplan.network.opf.broken_limits import CONSIDERABLE, ElasticBreak, broken_limits
from cmgplan.network.opf.elastic import ElasticProblem, Need
from cmgplan.units import S_BASE_KVA

HOURS_S = 5.0
"""Seconds after which hours are no longer asked what of their limits can be spared."""

TIME_LIMIT_S = 15.0
"""Seconds in which less than what is surely enough is tried."""

HALVINGS = 5
"""Bisection steps between a share known to be enough and one known not to be."""

NOT_ENOUGH = 1e-9
"""Share over which a share that is not enough is told."""


def explain_upper(
    feeder: Feeder, grid: Grid, horizon: GridHours, works: Callable[[Feeder], bool]
) -> Explanation | None:
    """Say what would let the loaded feeder keep its limits; None where nothing is found.

    Parameters
    ----------
    grid, horizon
        The feeder with the exchange selected and its loads before response, at which what gives
        is found hour by hour.
    works
        Whether Levels 5 and 6 have an answer on another feeder.
    """
    problem = ElasticProblem(grid)
    broken, needs = _broken(problem, horizon)
    if not broken:
        return None
    limits = _limits(feeder, broken)
    ways = [_least_share(feeder, limits, works), *_other_ways(feeder, broken, needs, works)]
    return Explanation(
        "Levels 5 and 6",
        "the loaded feeder cannot keep its voltage and current limits with the schedule selected, "
        "says a local search",
        tuple(ways),
        notes=("another point of the front may do as well (--select)",),
    )


def widened(feeder: Feeder, limits: Iterable[GivingLimit]) -> Feeder:
    """Return the feeder with limits giving."""
    low, high = feeder.v_min_pu.copy(), feeder.v_max_pu.copy()
    current, slack = feeder.i_max_pu.copy(), feeder.v_slack_pu
    for limit in limits:
        if limit.kind == "v_min":
            low[feeder.position(limit.place)] += limit.amount
        elif limit.kind == "v_max":
            high[feeder.position(limit.place)] += limit.amount
        elif limit.kind == "branch":
            current[feeder.line_ids.index(limit.place)] += limit.amount / S_BASE_KVA
        elif limit.kind == "v_slack":
            slack += limit.amount
    return replace(feeder, v_min_pu=low, v_max_pu=high, i_max_pu=current, v_slack_pu=slack)


def _broken(
    problem: ElasticProblem, horizon: GridHours
) -> tuple[dict[int, Sequence[ElasticBreak]], dict[int, Need]]:
    """Return the limits that each hour breaks, and what is known of the worst hours.

    The least sum of what gives is found for every hour; which of it can be spared takes many
    solves and is asked of the worst hours while there is time.
    """
    nearest = {t: problem.nearest(horizon, t) for t in range(horizon.hours)}
    if not all(found.accepted for found in nearest.values()):
        return {}, {}
    sums = {t: found.value or 0.0 for t, found in nearest.items()}
    short = sorted((t for t in sums if sums[t] > CONSIDERABLE), key=lambda t: -sums[t])
    broken = {t: broken_limits(problem.layout, nearest[t].values()) for t in short}
    needs: dict[int, Need] = {}
    deadline = time.perf_counter() + HOURS_S
    for t in short:
        if needs and time.perf_counter() > deadline:
            break
        needs[t] = problem.need(horizon, t)
        broken[t] = needs[t].broken or broken[t]
    return dict(broken), needs


def _limits(feeder: Feeder, broken: dict[int, Sequence[ElasticBreak]]) -> list[GivingLimit]:
    """Return each limit once, by the most that it gives in any hour."""
    by_limit: dict[tuple[str, int], dict[int, float]] = {}
    for t, found in broken.items():
        for one in found:
            by_limit.setdefault((one.kind, one.position), {})[t] = one.amount
    limits = []
    for (kind, position), amounts in by_limit.items():
        hours = tuple(sorted(amounts, key=lambda t: (-round(amounts[t], 6), t)))
        limit = _limit(feeder, kind, position, hours, max(amounts.values()))
        if limit is not None:
            limits.append(limit)
    return sorted(limits, key=lambda limit: (limit.kind, -abs(limit.amount)))


def _limit(
    feeder: Feeder, kind: str, position: int, hours: tuple[int, ...], amount: float
) -> GivingLimit | None:
    if kind == "over":
        line = feeder.line_ids[position]
        rating, more = S_BASE_KVA * float(feeder.i_max_pu[position]), S_BASE_KVA * amount
        ends = (feeder.from_bus[position], feeder.to_bus[position])
        a, b = (feeder.bus_ids[int(end)] for end in ends)
        words = f"rating of line {line} from bus {a} to {b}"
        return GivingLimit("branch", words, line, hours, rating, rounded_away(more, "kVA"), "kVA")
    if kind not in ("low", "high"):
        return None
    bus = feeder.bus_ids[position]
    if position == feeder.slack:
        change = amount if kind == "high" else -amount
        words = f"voltage that is held at the slack bus {bus} (v_slack_pu)"
        now = feeder.v_slack_pu
        return GivingLimit("v_slack", words, bus, hours, now, rounded_away(change, "pu"), "pu")
    if kind == "low":
        words, now, change = f"least voltage of bus {bus}", feeder.v_min_pu[position], -amount
    else:
        words, now, change = f"greatest voltage of bus {bus}", feeder.v_max_pu[position], amount
    name = "v_min" if kind == "low" else "v_max"
    return GivingLimit(name, words, bus, hours, float(now), rounded_away(change, "pu"), "pu")


def _least_share(feeder: Feeder, limits: list[GivingLimit], works: Callable[[Feeder], bool]) -> Way:
    """Return the least share of what gives that is found to be enough.

    The whole is enough at the exchange selected; with turbines, curtailment and response free
    less may be.
    """
    if not works(widened(feeder, limits)):
        told = "enough at the exchange selected and without response, each hour alone"
        return Way(tuple(limits), told)
    deadline, taken = time.perf_counter() + TIME_LIMIT_S, 0.0
    enough, least, too_little = 1.0, limits, 0.0
    for _ in range(HALVINGS):
        begun = time.perf_counter()
        if begun + taken > deadline:
            break
        share = 0.5 * (enough + too_little)
        tried = [_share(limit, share) for limit in limits]
        if works(widened(feeder, tried)):
            enough, least = share, tried
        else:
            too_little = share
        taken = max(taken, time.perf_counter() - begun)
    told = "enough, shown by an AC optimal power flow"
    if too_little > NOT_ENOUGH:
        told += f"; no answer was found with {100.0 * too_little / enough:.0f} % of it"
    return Way(tuple(least), told)


def _share(limit: GivingLimit, share: float) -> GivingLimit:
    return replace(limit, amount=rounded_away(share * limit.amount, limit.unit))


def _other_ways(
    feeder: Feeder,
    short: Collection[int],
    needs: dict[int, Need],
    works: Callable[[Feeder], bool],
) -> Iterable[Way]:
    """Yield another voltage at the slack bus, and less load."""
    limits = _limits(feeder, {t: need.set_points or [] for t, need in needs.items()})
    if len(limits) == 1 and limits[0].kind == "v_slack" and works(widened(feeder, limits)):
        yield Way(tuple(limits), "enough, shown by an AC optimal power flow")
    cuts = {t: float(need.shed_kw.sum()) for t, need in needs.items() if need.shed_kw is not None}
    if len(cuts) == len(short) and max(cuts.values()) > 0.0:
        hours = tuple(sorted(cuts, key=lambda t: (-round(cuts[t], 3), t)))
        most = rounded_away(float(np.max(list(cuts.values()))), "kW")
        words = "load of the feeder and its microgrids that is not served"
        limit = GivingLimit("load", words, "", hours, None, most, "kW")
        yield Way((limit,), "enough at the exchange selected")
