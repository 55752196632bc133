"""Epsilon-constraint search over any oracle that minimises under caps.

Knows nothing of what is optimised: objectives are names, an oracle answers "minimise this
weighted sum under these caps" with values, a bound and a status.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

Caps = Mapping[str, float]


class Answer(Protocol):
    """What an oracle returns: values of all objectives, or None if it holds no solution."""

    @property
    def values(self) -> Mapping[str, float] | None:
        """Values of the objectives by name."""


AnswerT_co = TypeVar("AnswerT_co", bound=Answer, covariant=True)
AnswerT = TypeVar("AnswerT", bound=Answer)


class Oracle(Protocol[AnswerT_co]):
    """Minimiser of a weighted sum of objectives under upper caps."""

    def minimise(self, weights: Mapping[str, float], caps: Caps, *, label: str) -> AnswerT_co:
        """Return the best solution found."""


class NoSolutionError(Exception):
    """The oracle holds no solution where the search cannot go on without one."""

    def __init__(self, label: str, answer: Answer) -> None:
        self.label = label
        self.answer = answer
        super().__init__(f"no solution for {label}")


@dataclass(frozen=True)
class Range:
    """Least and largest value of an objective in the payoff table."""

    min: float
    max: float

    @property
    def width(self) -> float:
        """Largest less least."""
        return self.max - self.min


@dataclass(frozen=True)
class Payoff:
    """Payoff table: the values of every objective at the corner of each order."""

    corners: Mapping[tuple[str, ...], Mapping[str, float]]
    ranges: Mapping[str, Range]


def payoff_table(
    oracle: Oracle[AnswerT],
    orders: Sequence[tuple[str, ...]],
    *,
    give_share: Mapping[str, float] | None = None,
    tolerance: float = 1e-6,
) -> Payoff:
    """Return the lexicographic payoff table.

    Parameters
    ----------
    orders
        For each objective one order that begins with it.
    give_share
        Share of an objective's range by which it may give way once a step has fixed it; the
        range is that of the first steps.
    tolerance
        Relative margin of every cap.

    Raises
    ------
    NoSolutionError
        If a step has no solution.
    """
    firsts = {order[0]: _values(oracle, {order[0]: 1.0}, {}, order[0]) for order in orders}
    names = list(firsts)
    span = {
        n: max(f[n] for f in firsts.values()) - min(f[n] for f in firsts.values()) for n in names
    }
    share = give_share or {}
    corners: dict[tuple[str, ...], Mapping[str, float]] = {}
    for order in orders:
        values = firsts[order[0]]
        caps: dict[str, float] = {}
        for fixed, name in itertools.pairwise(order):
            reached = values[fixed]
            caps[fixed] = reached + max(
                tolerance * max(1.0, abs(reached)), share.get(fixed, 0.0) * span[fixed]
            )
            values = _values(oracle, {name: 1.0}, caps, " > ".join(order[: order.index(name) + 1]))
        corners[order] = values
    ranges = {
        n: Range(
            min=min(f[n] for f in (*corners.values(), *firsts.values())),
            max=max(f[n] for f in corners.values()),
        )
        for n in names
    }
    return Payoff(corners=corners, ranges=ranges)


def diagonal_caps(
    start: Mapping[str, float],
    end: Mapping[str, float],
    names: Sequence[str],
    ranges: Mapping[str, Range],
    points: int,
    slack: float = 1e-6,
) -> Iterator[dict[str, float]]:
    """Yield caps in equal steps from ``start`` to the larger of ``start`` and ``end``.

    Each cap is relaxed by ``slack`` of its objective's range, so that ``start`` stays feasible.
    """
    for k in range(points):
        share = k / (points - 1)
        yield {
            n: start[n]
            + share * max(end[n] - start[n], 0.0)
            + slack * max(ranges[n].width, abs(start[n]) * 1e-3, 1e-3)
            for n in names
        }


def grid_caps(
    names: Sequence[str], ranges: Mapping[str, Range], points: int, slack: float = 1e-6
) -> Iterator[dict[str, float]]:
    """Yield every combination of equally spaced caps over the payoff ranges."""
    axes = [
        [
            ranges[n].min + ranges[n].width * k / (points - 1) + slack * max(ranges[n].width, 1e-3)
            for k in range(points)
        ]
        for n in names
    ]
    for combination in itertools.product(*axes):
        yield dict(zip(names, combination, strict=True))


def augmented(
    goal: str, names: Sequence[str], ranges: Mapping[str, Range], share: float = 1e-4
) -> dict[str, float]:
    """Return weights that minimise ``goal`` and break ties by the other objectives.

    The others together count at most ``share`` of the goal's range each, so that the goal gives
    way by no more than that, and no weakly efficient solution is taken.
    """
    weights = {goal: 1.0}
    for n in names:
        if n != goal and ranges[n].width > 0.0:
            weights[n] = share * max(ranges[goal].width, 1e-9) / ranges[n].width
    return weights


def _values(
    oracle: Oracle[AnswerT], weights: Mapping[str, float], caps: Caps, label: str
) -> Mapping[str, float]:
    answer = oracle.minimise(weights, caps, label=label)
    if answer.values is None:
        raise NoSolutionError(label, answer)
    return answer.values
