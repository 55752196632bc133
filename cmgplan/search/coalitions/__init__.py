"""Games of coalitions: what groups of players are worth, and rules that share it.

A game says what every coalition of players is worth by itself. All functions are free of units:
allocations and excesses are in the unit of the worths, and more is better, so that a net cost is
a negative worth. Nothing here knows power.

Two ideas carry the name of G. Owen. The *Owen value* (1977) shares the worth of all where some
players act as unions; it is ``owen_value``. *Owen's point* (1975) is an allocation of a game that
comes from linear programs: each player is paid for its resources at the dual prices of the
program of all players, in a market at the clearing prices of the grand coalition. It needs those
prices, not a game; whoever has them hands the allocation to ``core_check``, which must find it in
the core.
"""

from cmgplan.search.coalitions.core import (
    CoreCheck,
    LeastCore,
    core_check,
    excesses,
    least_core,
    nucleolus,
)
from cmgplan.search.coalitions.game import (
    MOST_PLAYERS,
    Game,
    is_convex,
    is_superadditive,
    label,
)
from cmgplan.search.coalitions.shapley import (
    ShapleyEstimate,
    join_in_order,
    marginal_contributions,
    owen_value,
    sampled_shapley,
    shapley,
)

__all__ = [
    "MOST_PLAYERS",
    "CoreCheck",
    "Game",
    "LeastCore",
    "ShapleyEstimate",
    "core_check",
    "excesses",
    "is_convex",
    "is_superadditive",
    "join_in_order",
    "label",
    "least_core",
    "marginal_contributions",
    "nucleolus",
    "owen_value",
    "sampled_shapley",
    "shapley",
]
