"""The choice of a point of the front: fuzzy max-min, or the one that the options name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.errors import InfeasibleError, LimitError
from cmgplan.explanation import Explanation
from cmgplan.planning.case.records import PlanOptions
from cmgplan.planning.levels.front_points import Front
from cmgplan.planning.levels.level4 import OBJECTIVES, PointStatus
from cmgplan.planning.levels.trade import NEGLIGIBLE
from cmgplan.plurals import counted
from cmgplan.search.fuzzy import choose


@dataclass(frozen=True)
class Selection:
    """The chosen point with the memberships of all points, NaN where a point has no values."""

    number: int
    rule: Literal["fuzzy", "override"]
    memberships: np.ndarray[tuple[int, int], np.dtype[np.float64]]

    @property
    def mu_min(self) -> float:
        """Least membership of the chosen point."""
        return float(np.min(self.memberships[self.number - 1]))


def _not_selectable(front: Front, number: int) -> InfeasibleError | LimitError:
    """Return the error for a point that holds no schedule, with the reason where it is known."""
    told = f"point {number} holds no schedule and cannot be selected"
    if not 1 <= number <= len(front.points):
        return LimitError(f"{told}: the front has {counted(len(front.points), 'point')}")
    point = front.points[number - 1]
    if point.status is not PointStatus.INFEASIBLE:
        return LimitError("\n  ".join([told, *point.explanation]))
    explanation = Explanation("Level 4", f"{told}, which is proved", (), notes=point.explanation)
    return InfeasibleError(explanation.message(), explanation)


def _telling(values: FloatArray, front: Front) -> FloatArray:
    """Return the objectives of all points, at zero those that do not tell points apart.

    They have no range in the payoff table, or the points differ in them by what is negligible.
    """
    told = values.copy()
    held = ~np.isnan(values).any(axis=1)
    for k, name in enumerate(OBJECTIVES):
        if name in front.trade.flat or np.ptp(values[held, k]) < NEGLIGIBLE[name]:
            told[held, k] = 0.0
    return told


def select_point(front: Front, options: PlanOptions) -> Selection:
    """Choose a point by eqs. (40), (41), or the one that the options name.

    Raises
    ------
    InfeasibleError
        If the point asked for is proven to hold none.
    LimitError
        If no point holds a schedule, or the one asked for does not.
    """
    table = np.asarray(
        [
            [np.nan] * 3 if p.operation is None else [p.operation.value(n) for n in OBJECTIVES]
            for p in front.points
        ],
        dtype=np.float64,
    )
    if np.isnan(table).all():
        raise LimitError("no Pareto point holds a schedule; give more time with --time-limit")
    choice = choose(_telling(table, front))
    if options.select is None:
        return Selection(choice.row + 1, "fuzzy", choice.memberships)
    if not 1 <= options.select <= len(front.points) or np.isnan(table[options.select - 1]).any():
        raise _not_selectable(front, options.select)
    return Selection(options.select, "override", choice.memberships)
