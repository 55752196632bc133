"""The leaders' best quantities at a kink of the followers' cost, and the step away from it."""

from __future__ import annotations

from dataclasses import dataclass

from cmgplan.arrays import FloatArray
from cmgplan.errors import LimitError
from cmgplan.market.leading.groups import Groups
from cmgplan.market.leading.prices import Prices, price_intervals
from cmgplan.market.leading.shading import leanest, shade

SAME_INCOME = 1e-7
"""Share of an income by which two are the same."""


@dataclass(frozen=True)
class Kink:
    """Quantities with the prices that are best and worst for the leaders.

    Attributes
    ----------
    quantity
        What leaders put into the market, kW by traded row.
    best, worst
        Their income at either, currency.
    price
        Multipliers of the followers' rows that are best for the leaders.
    """

    quantity: FloatArray
    best: float
    worst: float
    price: FloatArray


def kink_at(groups: Groups, quantity: FloatArray) -> Kink | None:
    """Return quantities with their prices; None where they cannot be or have none."""
    both = groups.both_at(quantity)
    if both is None:
        return None
    face = groups.face(both.vertex)
    weight = groups.weight(quantity)
    best, worst = face.best(weight), face.best(-weight)
    if best is None or worst is None:
        return None
    unit = groups.plant.unit
    earned = [(float(weight @ price) - both.cost) * unit for price in (best, worst)]
    return Kink(quantity, earned[0], earned[1], best)


def lean_kink(groups: Groups, quantity: FloatArray) -> Kink:
    """Return the least quantities that earn as much as given ones, with their prices.

    Raises
    ------
    LimitError
        The given quantities cannot be, or have no prices.
    """
    found = kink_at(groups, quantity)
    if found is None:
        raise LimitError("the quantities found have no prices within their bounds; give more time")
    lean = kink_at(groups, leanest(groups, quantity, found.price))
    if lean is None or lean.best < found.best - SAME_INCOME * max(abs(found.best), 1.0):
        return found
    return lean


def stepped(groups: Groups, kink: Kink, step_kw: float) -> tuple[FloatArray, Prices]:
    """Return quantities a step away from a kink, and the prices there with their intervals."""
    moved = shade(groups, kink.quantity, kink.price, step_kw) if step_kw > 0.0 else None
    quantity = kink.quantity if moved is None else moved.quantity
    if moved is not None:
        y = moved.y
    elif (followed := groups.followers_at(quantity)) is not None:
        y = followed[1]
    else:
        raise LimitError("the followers cannot balance at the quantities found; give more time")
    face = groups.face(y)
    chosen = face.best(groups.weight(quantity))
    price = kink.price if chosen is None else chosen
    return quantity, price_intervals(face, groups.followers, price)
