"""Particle swarm optimisation, a whole generation at a time."""

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

INERTIA, PULL = 0.7298, 1.49618
"""Constriction: Clerc and Kennedy, IEEE Transactions on Evolutionary Computation 6, 2002, 58-73."""

FASTEST = 0.2
"""Share of the box that a particle crosses in a generation at most; without a limit they stick."""


def swarm(
    question: Question,
    evaluations: int,
    seed: int,
    start: FloatArray | None = None,
    population: int = POPULATION,
) -> Found:
    """Minimise by a particle swarm with one best for all: Kennedy and Eberhart, 1995.

    A particle that meets a bound stops there in that coordinate.
    """
    rng, budget = np.random.default_rng(seed), Budget(question, evaluations)
    fastest = FASTEST * question.span
    with suppress(SpentError):
        x, value, breach = budget.first(population, rng, start)
        own, own_value, own_breach = x.copy(), value, breach
        speed = fastest * rng.uniform(-1.0, 1.0, x.shape)
        while True:
            leader = own[best_of(own_value, own_breach)]
            speed = (
                INERTIA * speed
                + PULL * rng.random(x.shape) * (own - x)
                + PULL * rng.random(x.shape) * (leader - x)
            )
            speed = np.clip(speed, -fastest, fastest)
            moved = x + speed
            x = np.clip(moved, question.lower, question.upper)
            speed = np.where(moved == x, speed, 0.0)
            value, breach = budget(x)
            improved = better(value, breach, own_value, own_breach)
            own = np.where(improved[:, None], x, own)
            own_value = np.where(improved, value, own_value)
            own_breach = np.where(improved, breach, own_breach)
    return budget.found()
