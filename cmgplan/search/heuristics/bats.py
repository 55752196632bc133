"""The bat algorithm, a whole generation at a time."""

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

FREQUENCY_MAX = 2.0
LOUDNESS, QUIETER = 0.95, 0.9
PULSES, SOONER = 0.5, 0.05
"""Parameters of Yang: loudness falls by a factor, the rate of pulses rises to its greatest."""

FASTEST = 0.2
"""Share of the box that a bat crosses in a generation at most."""

STEP, LEAST_STEP = 0.05, 0.005
"""Shares of the box that a bat of loudness 1 steps around the best, and the least that any does.

Yang's step is the mean loudness alone, which dies out long before the budget is used up.
"""


def bats(
    question: Question,
    evaluations: int,
    seed: int,
    start: FloatArray | None = None,
    population: int = POPULATION,
) -> Found:
    """Minimise by the bat algorithm: Yang, 2010 (Studies in Computational Intelligence 284).

    Each bat flies towards the best at a frequency of its own, or steps around the best; it takes
    a better place the rarer, the quieter it has become.
    """
    rng, budget = np.random.default_rng(seed), Budget(question, evaluations)
    fastest = FASTEST * question.span
    with suppress(SpentError):
        x, value, breach = budget.first(population, rng, start)
        speed, rows = np.zeros_like(x), len(x)
        loudness, pulses, flights = np.full(rows, LOUDNESS), np.zeros(rows), np.zeros(rows)
        k = best_of(value, breach)
        leader, least, misses = x[k], value[k], breach[k]
        while True:
            frequency = FREQUENCY_MAX * rng.random((rows, 1))
            speed = np.clip(speed + frequency * (leader - x), -fastest, fastest)
            step = np.maximum(STEP * loudness.mean(), LEAST_STEP) * question.span
            near = leader + step * rng.standard_normal(x.shape)
            around = rng.random(rows) > pulses
            flown = np.where(around[:, None], near, x + speed)
            flown = np.clip(flown, question.lower, question.upper)
            told, missed = budget(flown)
            k = best_of(told, missed)
            if better(told[k], missed[k], least, misses):  # kept, whether a bat takes it or not
                leader, least, misses = flown[k], told[k], missed[k]
            taken = better(told, missed, value, breach) & (rng.random(rows) < loudness)
            x = np.where(taken[:, None], flown, x)
            value, breach = np.where(taken, told, value), np.where(taken, missed, breach)
            flights += taken
            loudness = np.where(taken, QUIETER * loudness, loudness)
            pulses = PULSES * (1.0 - np.exp(-SOONER * flights))
    return budget.found()
