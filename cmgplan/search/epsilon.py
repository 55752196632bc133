"""Epsilon-constraint search over any oracle that minimises under caps.

Knows nothing of what is optimised: objectives are names, an oracle answers "minimise this
weighted sum under these caps" with values, a bound and a status.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

Caps = Mapping[str, float]

GIVE_WAY = 1e-3
"""Share of its range by which an objective gives way to the next in a lexicographic order."""


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
    rough: Oracle[AnswerT] | None = None,
    least: Mapping[str, float] | None = None,
) -> Payoff:
    """Return the lexicographic payoff table.

    Each objective is first minimised alone, which gives provisional ranges; then each order is
    solved at once with weights ``1 : GIVE_WAY : GIVE_WAY^2``, each objective divided by its
    range. An objective then gives way to all that come after it by at most ``GIVE_WAY`` of its
    range, so that the next one is not the noise of a solver, and no cap is thinner than a solver
    can resolve.

    Parameters
    ----------
    orders
        For each objective one order that begins with it.
    rough
        Who minimises each objective alone, where near its least value is enough.
    least
        Range of each objective that counts at least, so that one without a range, whose range is
        a solver's noise, weighs no more than one with so much.

    Raises
    ------
    NoSolutionError
        If a step has no solution.
    """
    firsts = {order[0]: _values(rough or oracle, {order[0]: 1.0}, order[0]) for order in orders}
    provisional = _ranges(list(firsts), firsts.values())
    corners = {
        order: _values(
            oracle, lexicographic_weights(order, provisional, least=least), " > ".join(order)
        )
        for order in orders
    }
    return Payoff(
        corners=corners,
        ranges=_ranges(list(firsts), [*corners.values(), *firsts.values()], corners),
    )


def lexicographic_weights(
    order: Sequence[str],
    ranges: Mapping[str, Range],
    give_way: float = GIVE_WAY,
    least: Mapping[str, float] | None = None,
) -> dict[str, float]:
    """Return weights under which an objective gives way by a small share of its range.

    A range counts as no less than ``least`` says.
    """
    floor = least or {}
    return {n: give_way**k / max(ranges[n].width, floor.get(n, 1e-9)) for k, n in enumerate(order)}


def _ranges(
    names: Sequence[str],
    found: Iterable[Mapping[str, float]],
    corners: Mapping[tuple[str, ...], Mapping[str, float]] | None = None,
) -> dict[str, Range]:
    """Return least values over all, largest over the corners where there are any."""
    everything = list(found)
    largest = list(corners.values()) if corners else everything
    return {n: Range(min(f[n] for f in everything), max(f[n] for f in largest)) for n in names}


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
    """Yield every combination of equally spaced caps over the payoff ranges, loosest first."""
    axes = [
        [
            ranges[n].min + ranges[n].width * k / (points - 1) + slack * max(ranges[n].width, 1e-3)
            for k in reversed(range(points))
        ]
        for n in names
    ]
    for combination in itertools.product(*axes):
        yield dict(zip(names, combination, strict=True))


def covers(
    caps: Caps, values: Mapping[str, float], tighter: Caps, *, tolerance: float = 1e-6
) -> bool:
    """Whether the optimum under some caps is one under other caps as well.

    It is if the other caps are nowhere looser and it meets them (Mavrotas and Florios 2013, doi
    10.1016/j.amc.2013.03.002, skip grid points by this in one direction). ``tolerance`` is how
    far values may lie over the other caps.
    """
    return all(values[n] - tolerance <= tighter[n] <= caps[n] for n in tighter)


def leaves_nothing(empty: Caps, caps: Caps) -> bool:
    """Whether caps are nowhere looser than some under which nothing is feasible."""
    return all(caps[n] <= empty[n] for n in caps)


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
    oracle: Oracle[AnswerT], weights: Mapping[str, float], label: str
) -> Mapping[str, float]:
    answer = oracle.minimise(weights, {}, label=label)
    if answer.values is None:
        raise NoSolutionError(label, answer)
    return answer.values
