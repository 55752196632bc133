"""Differential evolution, by scipy, a whole generation at a time."""

from __future__ import annotations

import inspect
from contextlib import suppress
from typing import Any

import numpy as np
from scipy.optimize import Bounds, differential_evolution

from cmgplan.arrays import FloatArray
from cmgplan.search.heuristics.protocol import (
    NO_BREACH,
    POPULATION,
    Budget,
    Found,
    Question,
    SpentError,
)

WORST = 1e9
"""Value that every point beats that misses no limit; scipy compares single numbers."""

LEAST = 5
"""Points that scipy wants in a generation."""


def evolve(
    question: Question,
    evaluations: int,
    seed: int,
    start: FloatArray | None = None,
    population: int = POPULATION,
) -> Found:
    """Minimise by differential evolution, best1bin: Storn and Price, 1997, in scipy.

    Where a population has contracted to a point before the budget is used up, another begins.
    """
    rng, budget = np.random.default_rng(seed), Budget(question, evaluations)
    size = max(population, LEAST)
    with suppress(SpentError):
        while budget.left > 0:
            _one_population(question, budget, rng, start, size)
            start = None
    return budget.found()


def _one_population(
    question: Question,
    budget: Budget,
    rng: np.random.Generator,
    start: FloatArray | None,
    size: int,
) -> None:
    """Run one population until it contracts or the budget is used up."""
    points, value, breach = budget.first(size, rng, start)
    known: list[FloatArray] = [_ranked(value, breach)]

    def values(x: FloatArray) -> FloatArray:
        # The first batch that scipy asks for is the population, which is evaluated.
        return known.pop() if known else _ranked(*budget(np.clip(x.T, q.lower, q.upper)))

    q = question
    seeded = "rng" in inspect.signature(differential_evolution).parameters
    options: dict[str, Any] = {"rng" if seeded else "seed": rng, "func": values}
    differential_evolution(
        bounds=Bounds(q.lower, q.upper),
        init=points,
        maxiter=budget.evaluations,
        tol=0.0,
        polish=False,
        vectorized=True,
        updating="deferred",
        **options,
    )


def _ranked(value: FloatArray, breach: FloatArray) -> FloatArray:
    """Return one number a point, in the order of the rules of Deb."""
    return np.where(
        breach <= NO_BREACH, np.minimum(value, WORST), WORST + np.minimum(breach, WORST)
    )
