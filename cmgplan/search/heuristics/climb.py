"""A random climb: the control that a population method has to beat."""

from __future__ import annotations

from contextlib import suppress

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.search.heuristics.protocol import (
    POPULATION,
    Budget,
    Found,
    Question,
    SpentError,
    best_of,
    better,
)

CHANGED = 3.0
"""Coordinates that a mutation changes on average."""

STEP = 0.1
"""Standard deviation of a small change, as a share of the box; half of all changes are small."""


def climb(
    question: Question,
    evaluations: int,
    seed: int,
    start: FloatArray | None = None,
    population: int = POPULATION,
) -> Found:
    """Minimise by sparse random changes of the best point, the best of each batch kept."""
    rng, budget = np.random.default_rng(seed), Budget(question, evaluations)
    q = question
    with suppress(SpentError):
        x, value, breach = budget.first(population, rng, start)
        k = best_of(value, breach)
        at, at_value, at_breach = x[k], value[k], breach[k]
        while True:
            changed = rng.random(x.shape) < CHANGED / q.dimensions
            changed[np.arange(len(x)), rng.integers(q.dimensions, size=len(x))] = True
            small = at + STEP * q.span * rng.standard_normal(x.shape)
            drawn = np.where(rng.random(x.shape) < 0.5, small, q.drawn(len(x), rng))
            tried = np.clip(np.where(changed, drawn, at), q.lower, q.upper)
            value, breach = budget(tried)
            k = best_of(value, breach)
            if better(value[k], breach[k], at_value, at_breach):
                at, at_value, at_breach = tried[k], value[k], breach[k]
    return budget.found()
