"""Rounding of the hull: one topology in each hour, found by fixing and trial."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping

import numpy as np

from cmgplan.planning.switch_search.tuning import TUNING
from cmgplan.solve.blocks.hull import Hull, Mix
from cmgplan.solve.blocks.problem import Pattern

Solve = Callable[[Mix], Hull | None]
"""Solves the hull of some topologies; None where it is infeasible."""

Each = Callable[[Solve, Iterable[Mix]], Iterable[Hull | None]]
"""Solves several hulls like ``map``, perhaps at the same time."""


def rounded_well(
    hull: Hull,
    solve: Solve,
    good: float,
    late: Callable[[], bool] = lambda: False,
    each: Each = map,
) -> Hull | None:
    """Return a hull with one topology in each hour, or None where none was found.

    The heaviest topologies of all hours together often have nearly the value of the hull: they are
    taken where their value is ``good``, or where it is ``late``. Otherwise the better of these and
    of what rounding step by step finds is taken.
    """
    straight = solve([[pattern] for pattern in taken(hull)])
    if straight is not None and (straight.value <= good or late()):
        return straight
    found = [straight, rounded(hull, solve, late, each)]
    return min((f for f in found if f is not None), key=lambda f: f.value, default=None)


def rounded(
    hull: Hull,
    solve: Solve,
    late: Callable[[], bool] = lambda: False,
    each: Each = map,
) -> Hull | None:
    """Return a hull with one topology in each hour, or None where none was found.

    Half of the open hours are fixed at a time, the heaviest topologies first; where nothing is
    feasible then, half as many, down to one hour by trial, and twice as many again after it. The
    last hours are tried one by one, unless it is ``late``: then the first topology will do that is
    feasible.
    """
    most = len(hull.weights)
    while True:
        share = np.asarray([max(weights.values()) for weights in hull.weights])
        open_hours = np.flatnonzero(share < TUNING.rounding.sure)
        if not len(open_hours):
            return hull
        by_share = open_hours[np.argsort(-share[open_hours], kind="stable")]
        count = 1
        if len(open_hours) > TUNING.rounding.few_hours or late():
            sure = min(float(np.median(share[open_hours])), TUNING.rounding.taken)
            count = min(int(np.sum(share[open_hours] >= sure)), most)
        if count > 1:
            tried = solve(_fixed(hull, {*by_share[:count]}))
            if tried is None:
                most = count // 2
                continue
        else:
            tried = _best_in_hour(
                hull, solve, int(by_share[0]), 1 if late() else TUNING.rounding.tried, each
            )
            if tried is None:
                return None
        most = 2 * count
        hull = tried


def swapped(
    best: Hull,
    hull: Hull,
    solve: Solve,
    gain: float,
    late: Callable[[], bool] = lambda: False,
    each: Each = map,
) -> Hull:
    """Return a better hull with one topology in each hour, or ``best``, which is one.

    In one hour at a time the topology is swapped for one that ``hull`` uses, the best swap first,
    as long as it gains enough. Rounding fixes hours greedily; this local search revisits its
    choices.
    """
    while not late():
        now = taken(best)
        mixes: list[Mix] = [
            [[pattern] if k == hour else [kept] for k, kept in enumerate(now)]
            for hour, weights in enumerate(hull.weights)
            for pattern in in_use(weights)
            if pattern != now[hour]
        ]
        tried = [found for found in each(solve, mixes) if found is not None]
        found = min(tried, key=lambda one: one.value, default=best)
        if found.value >= best.value - gain:
            break
        best = found
    return best


def taken(hull: Hull) -> list[Pattern]:
    """Return the heaviest topology of each hour."""
    heaviest = [max(weights, key=weights.__getitem__) for weights in hull.weights]
    return [pattern for pattern in heaviest if pattern is not None]


def in_use(weights: Mapping[Pattern | None, float]) -> list[Pattern | None]:
    """Return the topologies of an hour that the hull uses."""
    return [pattern for pattern, weight in weights.items() if weight > TUNING.rounding.used]


def _best_in_hour(hull: Hull, solve: Solve, hour: int, most: int, each: Each) -> Hull | None:
    """Return the best hull with one topology of an hour taken, of the heaviest ``most`` if any."""
    weights = hull.weights[hour]
    mixes: list[list[list[Pattern | None]]] = [
        [[pattern] if k == hour else in_use(w) for k, w in enumerate(hull.weights)]
        for pattern in sorted(weights, key=lambda p: -weights[p])
    ]
    tried = [found for found in each(solve, mixes[:most]) if found is not None]
    if not tried:
        later = (solve(mix) for mix in mixes[most:])
        return next((found for found in later if found is not None), None)
    return min(tried, key=lambda found: found.value)


def _fixed(hull: Hull, hours: Container[int]) -> list[list[Pattern | None]]:
    """Return the topologies in use, the heaviest alone in some hours."""
    return [
        [max(weights, key=weights.__getitem__)] if hour in hours else in_use(weights)
        for hour, weights in enumerate(hull.weights)
    ]
