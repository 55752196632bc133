"""A game of coalitions: its players and what every coalition is worth."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import isfinite

import numpy as np

from cmgplan.arrays import FloatArray, IntArray
from cmgplan.errors import InputError

MOST_PLAYERS = 12
"""Players up to which a game is a table of all 2^n coalitions; beyond, Shapley is sampled."""

TOLERANCE = 1e-7
"""Share of the greatest worth within which two amounts count as equal."""

TOLD = 3
"""Missing coalitions that an error names."""

Members = str | Iterable[str]
"""A coalition: its label such as ``"A+B"``, or the ids of its players."""


def label(members: Members) -> str:
    """Return the ids of a coalition, sorted and joined by ``+``; empty for the empty one."""
    return "+".join(sorted(_ids(members)))


def _ids(members: Members) -> list[str]:
    """Return the ids of a coalition."""
    if isinstance(members, str):
        return members.split("+") if members else []
    return list(members)


@dataclass(frozen=True, eq=False)
class Game:
    """A game with transferable worth; make one by ``of`` or ``computed``.

    Attributes
    ----------
    players
        Ids of the players, 1 to 12 of them.
    worth
        What each coalition is worth, in any unit, shape (2^n,). Bit k of a position says whether
        player k is in the coalition; position 0 is the empty one, worth 0.
    """

    players: tuple[str, ...]
    worth: FloatArray

    @classmethod
    def of(
        cls, players: Iterable[str], values: Mapping[str, float] | Mapping[frozenset[str], float]
    ) -> Game:
        """Return the game of a table of worths.

        Parameters
        ----------
        players
            Their ids.
        values
            Worth of every coalition but the empty one, by label (``"A+B"``) or set of ids.

        Raises
        ------
        InputError
            An id or a coalition is given twice, is unknown or missing, or a worth is no number.
        """
        names = checked_players(players)
        worth = np.full(1 << len(names), np.nan)
        worth[0] = 0.0
        seen: set[int] = set()
        for members, value in values.items():
            mask, name = mask_of(names, members), label(members)
            if mask in seen:
                raise InputError(f"coalition {name} is given twice; keep one of them")
            if mask == 0 and value != 0.0:
                raise InputError(f"the empty coalition is worth 0, not {value}; leave it out")
            if not isfinite(value):
                raise InputError(f"coalition {name} is worth {value}; give a finite number")
            seen.add(mask)
            worth[mask] = value
        missing = [_label_of(names, int(k)) for k in np.flatnonzero(np.isnan(worth))]
        if missing:
            more = f" and {len(missing) - TOLD} more" if len(missing) > TOLD else ""
            told = f"{', '.join(missing[:TOLD])}{more}"
            raise InputError(f"the game has no worth of {told}; give one for every coalition")
        return cls(names, worth)

    @classmethod
    def computed(cls, players: Iterable[str], worth: Callable[[frozenset[str]], float]) -> Game:
        """Return the game of a function of coalitions, asked once for each but the empty one.

        Raises
        ------
        InputError
            An id is given twice, there are too many players, or a worth is no number.
        """
        names = checked_players(players)
        sets = [frozenset(_players_of(names, mask)) for mask in range(1, 1 << len(names))]
        return cls.of(names, {members: float(worth(members)) for members in sets})

    @property
    def size(self) -> int:
        """Number of players n."""
        return len(self.players)

    @property
    def total(self) -> float:
        """Worth of all players together."""
        return float(self.worth[-1])

    @property
    def alone(self) -> FloatArray:
        """Worth of every player alone, shape (n,)."""
        worth: FloatArray = self.worth[1 << np.arange(self.size)]
        return worth

    @property
    def masks(self) -> IntArray:
        """Positions of all coalitions, 0 to 2^n - 1."""
        return np.arange(1 << self.size, dtype=np.int64)

    @cached_property
    def membership(self) -> FloatArray:
        """1 where a player is in a coalition, 0 elsewhere, shape (2^n, n)."""
        bits = (self.masks[:, None] >> np.arange(self.size)) & 1
        return bits.astype(np.float64)

    @property
    def tolerance(self) -> float:
        """Difference of amounts that counts as none, in the unit of the worths."""
        return TOLERANCE * max(float(np.abs(self.worth).max()), 1e-300)

    def label(self, mask: int) -> str:
        """Return the label of a position."""
        return _label_of(self.players, mask)

    def value(self, members: Members) -> float:
        """Return the worth of a coalition."""
        return float(self.worth[mask_of(self.players, members)])

    def values(self) -> dict[str, float]:
        """Return the worth of every coalition but the empty one, by label."""
        return {self.label(mask): float(self.worth[mask]) for mask in range(1, len(self.worth))}

    def named(self, amounts: FloatArray) -> dict[str, float]:
        """Return an amount for each player by id."""
        return dict(zip(self.players, (float(x) for x in amounts), strict=True))

    def amounts(self, allocation: Mapping[str, float]) -> FloatArray:
        """Return an allocation in the order of the players, shape (n,).

        Raises
        ------
        InputError
            A player is missing or unknown, or an amount is no finite number.
        """
        for name in self.players:
            if name not in allocation:
                raise InputError(f"the allocation has nothing for {name}; give an amount, or 0")
            if not isfinite(allocation[name]):
                raise InputError(f"{name} is allocated {allocation[name]}; give a finite number")
        mask_of(self.players, allocation)
        return np.array([allocation[name] for name in self.players], dtype=np.float64)

    def subgame(self, members: Members, total: float | None = None) -> Game:
        """Return the game among the members of a coalition.

        Parameters
        ----------
        members
            Who plays; the others are not there.
        total
            What the members have to share in place of what they are worth.
        """
        kept = mask_of(self.players, members)
        if kept == 0:
            raise InputError("a game among nobody; name the players of the group")
        names = tuple(_players_of(self.players, kept))
        worth = self.worth[(self.masks & ~kept) == 0].copy()
        if total is not None:
            worth[-1] = total
        return Game(names, worth)


def checked_players(players: Iterable[str], most: int | None = MOST_PLAYERS) -> tuple[str, ...]:
    """Return the ids of players; raise InputError where they do not make a game."""
    names = tuple(players)
    if not names:
        raise InputError("a game needs at least one player")
    if most is not None and len(names) > most:
        raise InputError(f"{len(names)} players have too many coalitions; give at most {most}")
    for k, name in enumerate(names):
        if not name or "+" in name:
            raise InputError(f"{name!r} cannot name a player; use an id without +")
        if name in names[:k]:
            raise InputError(f"player {name} is named twice; name each once")
    return names


def mask_of(players: tuple[str, ...], members: Members) -> int:
    """Return the position of a coalition: the sum of 2^k over its players k."""
    mask = 0
    for name in _ids(members):
        if name not in players:
            told = ", ".join(players)
            raise InputError(f"there is no player {name!r}; the players are {told}")
        bit = 1 << players.index(name)
        if mask & bit:
            raise InputError(f"player {name} is twice in a coalition; name each once")
        mask |= bit
    return mask


def is_superadditive(game: Game) -> bool:
    """Return whether no two disjoint coalitions lose by joining: v(S or T) >= v(S) + v(T).

    Amounts within ``game.tolerance`` count as equal.
    """
    v, masks = game.worth, game.masks
    for first in range(1, len(v)):
        others = masks[((masks & first) == 0) & (masks > first)]
        if (v[first | others] < v[first] + v[others] - game.tolerance).any():
            return False
    return True


def is_convex(game: Game) -> bool:
    """Return whether a player adds no less to a larger coalition (L. S. Shapley, 1971).

    It suffices that it adds no less when one other player is there already. In a convex game the
    Shapley value is in the core. Amounts within ``game.tolerance`` count as equal.
    """
    v, masks = game.worth, game.masks
    for i in range(game.size):
        for j in range(i + 1, game.size):
            a, b = 1 << i, 1 << j
            base = masks[(masks & (a | b)) == 0]
            more = v[base | a | b] - v[base | b]
            if (more < v[base | a] - v[base] - game.tolerance).any():
                return False
    return True


def _players_of(players: tuple[str, ...], mask: int) -> list[str]:
    return [name for k, name in enumerate(players) if mask >> k & 1]


def _label_of(players: tuple[str, ...], mask: int) -> str:
    return label(_players_of(players, mask))
