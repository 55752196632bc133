"""How the building's money could be shared otherwise, and who would leave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cmgplan.search.coalitions import Game, core_check, nucleolus, shapley


@dataclass(frozen=True)
class Sharing:
    """A way to share what all units are worth together.

    Attributes
    ----------
    share
        By unit: what it gets, in the currency; negative is a net cost.
    least_excess
        What the worst-off coalition has over what it is worth by itself; negative where it would
        gain by leaving.
    leaving
        By coalition that would gain by leaving: how much.
    """

    share: Mapping[str, float]
    least_excess: float
    leaving: Mapping[str, float]


def sharings(values: Mapping[str, float], by_rules: Mapping[str, float]) -> dict[str, Sharing]:
    """Return the rules' own sharing, the Shapley value and the nucleolus.

    By the rules all units may be worth less together than alone, since they charge and sell
    blindly. Then no allocation gives each unit what it is worth alone, and the nucleolus is that
    among all allocations (the prenucleolus).

    Parameters
    ----------
    values
        v(S) of every coalition of units, by sorted ids joined by ``+``.
    by_rules
        What each unit gets at the rules' internal prices, unserved load priced; together v(N).
    """
    units = tuple(by_rules)
    if len(units) < 2 or not values:
        return {}
    game = Game.of(units, values)
    joins = game.total >= game.alone.sum() - game.tolerance
    return {
        "rules": _sharing(game, by_rules),
        "shapley": _sharing(game, shapley(game)),
        "nucleolus": _sharing(game, nucleolus(game, individually_rational=joins)),
    }


def _sharing(game: Game, share: Mapping[str, float]) -> Sharing:
    """Return a sharing with what coalitions have to say to it."""
    check = core_check(game, share)
    return Sharing(dict(share), check.least_excess, dict(check.leaving))
