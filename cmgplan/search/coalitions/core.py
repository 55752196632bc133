"""Who would leave an allocation: excesses, core, least core and nucleolus.

The excess of a coalition is what its members get less what they are worth by themselves, x(S) -
v(S): negative where they would gain by leaving. D. Schmeidler (1969) and M. Maschler, B. Peleg,
L. S. Shapley (1979) write it with the other sign.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog

from cmgplan.arrays import FloatArray
from cmgplan.errors import InputError, SolverError
from cmgplan.search.coalitions.game import Game

BINDS = 1e-6
"""Multiplier from which a coalition counts as binding; those of a round sum to 1."""

SPANNED = 1e-9
"""Part of a coalition's row outside the span of others under which it is in the span."""


@dataclass(frozen=True)
class CoreCheck:
    """Whether anybody would leave an allocation.

    Attributes
    ----------
    stable
        Whether the allocation is in the core: it shares all of v(N), and no coalition would gain.
    least_excess
        Least excess of a coalition of some but not all players; 0 with one player.
    worst
        Label of that coalition, the first of equals; empty with one player.
    gain
        What the worst coalition would gain by leaving, 0 where nothing.
    leaving
        What each coalition would gain that would leave, most first, by label.
    unshared
        What all players together are worth and nobody gets, v(N) - x(N).
    """

    stable: bool
    least_excess: float
    worst: str
    gain: float
    leaving: Mapping[str, float]
    unshared: float


@dataclass(frozen=True)
class LeastCore:
    """Greatest excess that every coalition can have at once.

    Attributes
    ----------
    least_excess
        The greatest possible least excess, eps*; 0 with one player.
    allocation
        One allocation that reaches it; in general there are others.
    core_is_empty
        Whether every allocation leaves some coalition that would gain by leaving.
    """

    least_excess: float
    allocation: Mapping[str, float]
    core_is_empty: bool


def excesses(game: Game, allocation: Mapping[str, float]) -> dict[str, float]:
    """Return x(S) - v(S) of every coalition of some but not all players, by label.

    Raises
    ------
    InputError
        A player is missing or unknown, or an amount is no finite number.
    """
    excess = game.membership @ game.amounts(allocation) - game.worth
    return {game.label(mask): float(excess[mask]) for mask in range(1, len(excess) - 1)}


def core_check(
    game: Game, allocation: Mapping[str, float], tolerance: float | None = None
) -> CoreCheck:
    """Return whether an allocation is in the core, and who would leave.

    Any allocation may be asked about: a Shapley value, or the settlement of a market at the
    prices of the grand coalition, which is in the core of a linear production game (G. Owen, "On
    the core of linear production games", 1975).

    Parameters
    ----------
    tolerance
        Gain that counts as none, in the unit of the worths; by default ``game.tolerance``.

    Raises
    ------
    InputError
        A player is missing or unknown, an amount is no finite number, or the allocation shares
        more than there is.
    """
    least = game.tolerance if tolerance is None else tolerance
    unshared = game.total - float(game.amounts(allocation).sum())
    if unshared < -least:
        raise InputError(
            f"the allocation shares {-unshared:.6g} more than the {game.total:.6g} that all are "
            "worth together; no allocation can"
        )
    excess = excesses(game, allocation)
    worst = min(excess, key=excess.__getitem__, default="")
    lowest = excess.get(worst, 0.0)
    leaving = sorted((x, who) for who, x in excess.items() if x < -least)
    return CoreCheck(
        stable=not leaving and unshared <= least,
        least_excess=lowest,
        worst=worst,
        gain=max(-lowest, 0.0),
        leaving={who: -x for x, who in leaving},
        unshared=unshared,
    )


def least_core(game: Game) -> LeastCore:
    """Return the greatest least excess and an allocation of v(N) that reaches it.

    It is negative exactly where the core is empty: then every allocation leaves some coalition
    that would gain that much by leaving (M. Maschler, B. Peleg, L. S. Shapley, 1979).

    Raises
    ------
    SolverError
        HiGHS failed.
    """
    scaled = _Scaled.of(game)
    if game.size == 1 or scaled.unit == 0.0:
        return LeastCore(0.0, game.named(scaled.back(np.zeros(game.size))), False)
    rows, worth = game.membership[1:-1], scaled.worth[1:-1]
    found = _raise_least(
        rows, worth, np.ones((1, game.size)), scaled.worth[-1:], np.full(game.size, -np.inf)
    )
    x = found.x + (scaled.worth[-1] - found.x.sum()) / game.size
    least = float((rows @ x - worth).min()) * scaled.unit
    return LeastCore(least, game.named(scaled.back(x)), least < -game.tolerance)


def nucleolus(game: Game, *, individually_rational: bool = True) -> dict[str, float]:
    """Return the nucleolus: the allocation whose excesses, sorted, are greatest from the least on.

    There is exactly one (D. Schmeidler, "The nucleolus of a characteristic function game", 1969),
    and it is in the core where the core is not empty. Linear programs raise the least excess, in
    each round of those coalitions that are not held yet (Maschler, Peleg, Shapley, 1979). A round
    holds the coalitions with a positive multiplier: they have the same excess in every optimum,
    whatever optimum the solver returns. Coalitions whose excess follows from held ones drop out,
    so that there are fewer rounds than players.

    Parameters
    ----------
    individually_rational
        Choose among allocations that give each player what it is worth alone, as Schmeidler does.
        Otherwise among all allocations of v(N) (the prenucleolus); both are the same where the
        core is not empty.

    Raises
    ------
    InputError
        No allocation gives each player what it is worth alone.
    SolverError
        HiGHS failed.
    """
    scaled, n = _Scaled.of(game), game.size
    if individually_rational and game.total < game.alone.sum() - game.tolerance:
        raise InputError(
            f"all together are worth {game.total:.6g}, less than {game.alone.sum():.6g} alone: "
            "nobody would join; ask with individually_rational=False"
        )
    if scaled.unit == 0.0:
        return game.named(scaled.back(np.zeros(n)))
    lower = np.full(n, 0.0 if individually_rational else -np.inf)
    rows, worth = game.membership[1:-1], scaled.worth[1:-1]
    held, right = np.ones((1, n)), np.maximum(scaled.worth[-1:], lower.sum())
    while len(held) < n:
        basis = np.linalg.qr(held.T)[0]
        free = np.linalg.norm(rows - (rows @ basis) @ basis.T, axis=1) > SPANNED
        rows, worth = rows[free], worth[free]
        found = _raise_least(rows, worth, held, right, lower)
        before = len(held)
        for k in np.flatnonzero(found.multipliers > BINDS):
            if np.linalg.matrix_rank(np.vstack([held, rows[k]])) > len(held):
                held = np.vstack([held, rows[k]])
                right = np.append(right, worth[k] + found.least)
        if len(held) == before:
            raise SolverError("a round of the nucleolus bound no coalition")
    return game.named(scaled.back(np.linalg.solve(held, right)))


@dataclass(frozen=True)
class _Scaled:
    """A game without what players are worth alone, its greatest worth 1.

    Core, least core and nucleolus move with both changes, and the solver's tolerances fit.
    """

    worth: FloatArray
    alone: FloatArray
    unit: float

    @classmethod
    def of(cls, game: Game) -> _Scaled:
        """Return a game scaled; ``unit`` is 0 where nobody gains by any coalition."""
        gains = game.worth - game.membership @ game.alone
        unit = float(np.abs(gains).max())
        if unit <= 1e-12 * float(np.abs(game.worth).max()):
            return cls(np.zeros_like(gains), game.alone, 0.0)
        return cls(gains / unit, game.alone, unit)

    def back(self, x: FloatArray) -> FloatArray:
        """Return a scaled allocation in the unit of the game."""
        return self.alone + self.unit * x


@dataclass(frozen=True)
class _Raised:
    """An allocation of greatest least excess, with the multiplier of every coalition."""

    x: FloatArray
    least: float
    multipliers: FloatArray


def _raise_least(
    rows: FloatArray, worth: FloatArray, held: FloatArray, right: FloatArray, lower: FloatArray
) -> _Raised:
    """Raise the least excess: max e, rows x - worth >= e, held x = right, x >= lower."""
    n = rows.shape[1]
    found = linprog(
        np.append(np.zeros(n), -1.0),
        A_ub=np.column_stack([-rows, np.ones(len(rows))]),
        b_ub=-worth,
        A_eq=np.column_stack([held, np.zeros(len(held))]),
        b_eq=right,
        bounds=[*((least, None) for least in lower), (None, None)],
        method="highs-ds",
    )
    if found.status != 0 or found.x is None:
        raise SolverError(f"the least excess of a game was not raised ({found.message})")
    return _Raised(found.x[:n], float(found.x[n]), -np.asarray(found.ineqlin.marginals))
