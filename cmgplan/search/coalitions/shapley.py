"""What players add to coalitions: marginal contributions, Shapley and Owen values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import factorial, isfinite, sqrt

import numpy as np

from cmgplan.arrays import FloatArray, IntArray
from cmgplan.errors import InputError
from cmgplan.plurals import counted
from cmgplan.search.coalitions.game import Game, Members, checked_players, label, mask_of

LEAST_ORDERS = 4
"""Orders of players from which a standard error can be told."""


@dataclass(frozen=True)
class ShapleyEstimate:
    """A Shapley value from a sample of orders.

    Attributes
    ----------
    allocation
        Mean of what each player adds, in the unit of the worths; the sum is exactly v(N).
    standard_error
        Of each player's mean, in the same unit.
    orders
        Number of orders in the sample.
    evaluated
        Number of coalitions whose worth was asked for, each once.
    """

    allocation: Mapping[str, float]
    standard_error: Mapping[str, float]
    orders: int
    evaluated: int


def marginal_contributions(game: Game) -> dict[str, float]:
    """Return what each player adds to all others, v(N) - v(N without i): the most it can ask."""
    without = game.masks[-1] ^ (1 << np.arange(game.size))
    return game.named(game.total - game.worth[without])


def join_in_order(game: Game, order: Sequence[str]) -> dict[str, float]:
    """Return what each player adds where players join one after the other.

    Raises
    ------
    InputError
        The order does not name every player once.
    """
    if mask_of(game.players, order) != game.masks[-1]:
        raise InputError(f"the order must name every player once: {', '.join(game.players)}")
    steps = [0]
    for name in order:
        steps.append(steps[-1] | mask_of(game.players, [name]))
    added = dict(zip(order, np.diff(game.worth[steps]), strict=True))
    return {name: float(added[name]) for name in game.players}


def shapley(game: Game) -> dict[str, float]:
    """Return the Shapley value: what each player adds, on average over all orders of joining.

    ``phi_i = sum over S without i of |S|! (n-|S|-1)! / n! (v(S and i) - v(S))``, from all 2^n
    coalitions (L. S. Shapley, "A value for n-person games", 1953, eq. (13)). It is in the core of
    a convex game, but not of every game whose core is not empty.
    """
    n, v, masks = game.size, game.worth, game.masks
    sizes = game.membership.sum(axis=1).astype(int)
    weights = _order_shares(n)
    value = np.zeros(n)
    for i in range(n):
        without = masks[(masks >> i & 1) == 0]
        value[i] = weights[sizes[without]] @ (v[without | 1 << i] - v[without])
    return game.named(value)


def owen_value(game: Game, unions: Iterable[Members]) -> dict[str, float]:
    """Return the Owen value: Shapley over orders in which the members of a union come together.

    The unions share v(N) by the Shapley value of the game among unions, and the members of each
    share what theirs gets (G. Owen, "Values of games with a priori unions", 1977). With unions of
    one player each, or one of all, it is the Shapley value. This is not Owen's point (1975), the
    settlement of a linear production game at dual prices.

    Parameters
    ----------
    unions
        A partition of the players: labels such as ``"A+B"``, or sets of ids.

    Raises
    ------
    InputError
        A player is in no union, or in several.
    """
    parts = _partition(game, unions)
    v, value = game.worth, np.zeros(game.size)
    for union in parts:
        others = np.array([part for part in parts if part != union], dtype=np.int64)
        before, count = _sums(others)
        outer = _order_shares(len(parts))[count]
        members = [i for i in range(game.size) if union >> i & 1]
        for i in members:
            mates = np.array([1 << j for j in members if j != i], dtype=np.int64)
            joined, size = _sums(mates)
            inner = _order_shares(len(members))[size]
            there = before[:, None] | joined[None, :]
            value[i] = outer @ (v[there | 1 << i] - v[there]) @ inner
    return game.named(value)


def sampled_shapley(
    players: Iterable[str],
    worth: Callable[[frozenset[str]], float],
    orders: int,
    rng: np.random.Generator,
) -> ShapleyEstimate:
    """Return the Shapley value of many players from random orders of joining.

    Every order is taken with its reverse, which lessens the variance; the standard error is that
    of the mean over such pairs (J. Castro, D. Gomez, J. Tejada, "Polynomial calculation of the
    Shapley value based on sampling", 2009; pairs as antithetic variates).

    Parameters
    ----------
    players
        Their ids, any number.
    worth
        Worth of a coalition, asked once for each that an order passes; never for the empty one.
    orders
        Orders to sample, at least 4; an odd number is raised by one.
    rng
        Where the orders come from, such as ``np.random.default_rng(seed)``.

    Raises
    ------
    InputError
        There are too few orders, an id is given twice, or a worth is no finite number.
    """
    names = checked_players(players, most=None)
    if orders < LEAST_ORDERS:
        raise InputError(
            f"{counted(orders, 'order tells', 'orders tell')} no standard error; give at least "
            f"{LEAST_ORDERS}"
        )
    asked = _Asked(names, worth)
    pairs = np.empty((-(-orders // 2), len(names)))
    for pair in pairs:
        order = rng.permutation(len(names))
        pair[:] = 0.5 * (asked.added(order) + asked.added(order[::-1]))
    mean = pairs.mean(axis=0)
    error = pairs.std(axis=0, ddof=1) / sqrt(len(pairs))
    return ShapleyEstimate(
        {name: float(x) for name, x in zip(names, mean, strict=True)},
        {name: float(x) for name, x in zip(names, error, strict=True)},
        2 * len(pairs),
        len(asked.known) - 1,
    )


class _Asked:
    """Worths of coalitions, each asked for once."""

    def __init__(self, names: tuple[str, ...], worth: Callable[[frozenset[str]], float]) -> None:
        self._names, self._worth = names, worth
        self.known: dict[frozenset[int], float] = {frozenset(): 0.0}

    def added(self, order: IntArray) -> FloatArray:
        """Return what each player adds in an order, shape (n,)."""
        added, there, before = np.empty(len(order)), frozenset[int](), 0.0
        for player in order.tolist():
            there |= {player}
            now = self._value(there)
            added[player] = now - before
            before = now
        return added

    def _value(self, there: frozenset[int]) -> float:
        if there not in self.known:
            members = frozenset(self._names[k] for k in there)
            value = float(self._worth(members))
            if not isfinite(value):
                raise InputError(
                    f"coalition {label(members)} is worth {value}; give a finite number"
                )
            self.known[there] = value
        return self.known[there]


def _order_shares(n: int) -> FloatArray:
    """Return the share of orders of n in which s given others, and no more, come before one."""
    return np.array([factorial(s) * factorial(n - s - 1) / factorial(n) for s in range(n)])


def _sums(parts: IntArray) -> tuple[IntArray, IntArray]:
    """Return the union of every choice of disjoint masks, and how many were chosen."""
    chosen = (np.arange(1 << len(parts))[:, None] >> np.arange(len(parts))) & 1
    return (chosen @ parts).astype(np.int64), chosen.sum(axis=1).astype(np.int64)


def _partition(game: Game, unions: Iterable[Members]) -> list[int]:
    """Return the positions of unions that hold every player once."""
    parts: list[int] = []
    for union in unions:
        part = mask_of(game.players, union)
        twice = part & sum(parts)
        if twice:
            raise InputError(f"{game.label(twice)} is in two unions; name each player once")
        if part:
            parts.append(part)
    left = int(game.masks[-1]) ^ sum(parts)
    if left:
        raise InputError(f"{game.label(left)} is in no union; add it, alone if it is")
    return parts
