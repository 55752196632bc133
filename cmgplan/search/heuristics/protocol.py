"""What every population method shares: the question, the budget of evaluations, the answer.

A method asks for batches of points and gets a value and a breach for each. Values are minimised;
a breach above 0 says by how much a point misses its limits. Points are compared by the rules of
Deb (Computer Methods in Applied Mechanics and Engineering 186, 2000, 311-338): a feasible point
beats one that is not, of two that are not the one that misses less is better, of two feasible ones
the one of less value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from cmgplan.arrays import BoolArray, FloatArray
from cmgplan.errors import InputError

Evaluate = Callable[[FloatArray], tuple[FloatArray, FloatArray]]
"""From points of shape (points, D): their values and their breaches, each of shape (points,)."""

POPULATION = 50
"""Points of a generation: with 100 generations, the budget of response section 5."""

NO_BREACH = 1e-9
"""Breach up to which a point counts as feasible."""


class SpentError(Exception):
    """The budget of evaluations is used up."""


@dataclass(frozen=True)
class Question:
    """What is minimised, and where.

    Attributes
    ----------
    evaluate
        Values and breaches of a batch of points.
    lower, upper
        Bounds, each of shape (D,).
    """

    evaluate: Evaluate
    lower: FloatArray
    upper: FloatArray

    @classmethod
    def on_unit_cube(cls, evaluate: Evaluate, dimensions: int) -> Question:
        """Return a question whose points lie in [0, 1]^D."""
        return cls(evaluate, np.zeros(dimensions), np.ones(dimensions))

    @property
    def dimensions(self) -> int:
        """Number of coordinates D."""
        return len(self.lower)

    @property
    def span(self) -> FloatArray:
        """Lengths of the box, shape (D,)."""
        return self.upper - self.lower

    def drawn(self, points: int, rng: np.random.Generator) -> FloatArray:
        """Return points that are uniform in the box, shape (points, D)."""
        return self.lower + self.span * rng.random((points, self.dimensions))


@dataclass(frozen=True)
class Found:
    """What a method found.

    Attributes
    ----------
    x
        Best point, shape (D,).
    value, breach
        Its value and breach.
    evaluations
        Points evaluated, those of the initial population among them.
    history
        After each batch: evaluations so far, shape (batches,).
    best
        After each batch: value of the best feasible point so far, NaN before there is one.
    """

    x: FloatArray
    value: float
    breach: float
    evaluations: int
    history: FloatArray
    best: FloatArray


class Method(Protocol):
    """A method: looks for the least value within a budget of evaluations."""

    def __call__(
        self,
        question: Question,
        evaluations: int,
        seed: int,
        start: FloatArray | None = None,
        population: int = POPULATION,
    ) -> Found:
        """Return the best point found; ``start`` holds points to begin from, shape (k, D)."""


def better(
    value: FloatArray, breach: FloatArray, than_value: FloatArray, than_breach: FloatArray
) -> BoolArray:
    """Return where points are at least as good as others, by the rules of Deb."""
    meets, others = breach <= NO_BREACH, than_breach <= NO_BREACH
    less = np.where(meets & others, value <= than_value, breach <= than_breach)
    return np.asarray(np.where(meets == others, less, meets), dtype=np.bool_)


def best_of(value: FloatArray, breach: FloatArray) -> int:
    """Return the index of the best point, by the rules of Deb."""
    return int(np.lexsort((value, np.where(breach <= NO_BREACH, 0.0, breach)))[0])


@dataclass
class Budget:
    """Evaluates batches until the evaluations are used up, and keeps the best point."""

    question: Question
    evaluations: int
    used: int = 0
    _x: FloatArray = field(default_factory=lambda: np.zeros(0))
    _value: float = np.inf
    _breach: float = np.inf
    _history: list[tuple[int, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.evaluations < 1:
            raise InputError(f"{self.evaluations} evaluations: give 1 or more")

    @property
    def left(self) -> int:
        """Evaluations that are left."""
        return self.evaluations - self.used

    def __call__(self, points: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return values and breaches of points; those past the budget are as bad as can be.

        Raises
        ------
        SpentError
            Nothing was left.
        """
        if self.left == 0:
            raise SpentError
        asked = points[: self.left]
        value, breach = (np.full(len(points), np.inf) for _ in range(2))
        told, missed = self.question.evaluate(asked)
        value[: len(asked)] = np.where(np.isnan(told), np.inf, told)
        breach[: len(asked)] = np.where(np.isnan(missed), np.inf, np.maximum(missed, 0.0))
        self.used += len(asked)
        k = best_of(value, breach)
        kept = np.array(self._value), np.array(self._breach)
        if not len(self._x) or not better(*kept, value[k], breach[k]):
            self._x, self._value, self._breach = points[k].copy(), float(value[k]), float(breach[k])
        feasible = self._breach <= NO_BREACH
        self._history.append((self.used, self._value if feasible else np.nan))
        return value, breach

    def first(
        self, population: int, rng: np.random.Generator, start: FloatArray | None
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return an evaluated population, given points first, the others uniform.

        Raises
        ------
        InputError
            Given points have another number of coordinates, or lie outside the bounds.
        """
        points = self.question.drawn(population, rng)
        if start is not None:
            given = np.atleast_2d(start)[:population]
            q = self.question
            if given.shape[1] != q.dimensions:
                raise InputError(
                    f"points to start from have {given.shape[1]} coordinates: "
                    f"give {q.dimensions} to each"
                )
            if not ((given >= q.lower) & (given <= q.upper)).all():
                raise InputError("points to start from lie outside the bounds: move them inside")
            points[: len(given)] = given
        value, breach = self(points)
        return points, value, breach

    def found(self) -> Found:
        """Return the best point so far."""
        history = np.array(self._history, dtype=np.float64).reshape(-1, 2)
        return Found(
            self._x, self._value, self._breach, self.used, history[:, 0].copy(), history[:, 1]
        )
