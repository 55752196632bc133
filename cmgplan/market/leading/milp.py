"""The leaders' problem solved exactly: HiGHS on the mixed-integer program, from a known start."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.market.leading.groups import Groups
from cmgplan.market.model.bilevel import Bilevel
from cmgplan.solve.array_program import ArraySolver

ON = 1e-9
"""Multiplier over which a pair's binary is 1."""


@dataclass(frozen=True)
class Answer:
    """Quantities of the leaders with what they earn.

    Attributes
    ----------
    quantity
        What leaders put into the market, kW by traded row.
    income, bound
        Of the leaders, in the programs' unit of money; ``bound`` is proven by the search.
    seconds
        Time of the search, s.
    """

    quantity: FloatArray
    income: float
    bound: float
    seconds: float = 0.0


def start_at(groups: Groups, quantity: FloatArray) -> tuple[float, FloatArray] | None:
    """Return the leaders' income at a quantity with the prices best for them, and all columns.

    None where leaders or followers cannot, or where no prices are within their boxes.
    """
    both = groups.both_at(quantity)
    if both is None:
        return None
    weight = np.zeros(groups.followers.m)
    weight[groups.followers.traded] = quantity
    price = groups.face(both.vertex).best(weight)
    if price is None:
        return None
    z = np.concatenate([both.x, quantity])
    return float(weight @ price) - both.cost, whole(groups.bilevel, z, both.y, price)


def whole(bilevel: Bilevel, z: FloatArray, y: FloatArray, price: FloatArray) -> FloatArray:
    """Return all columns of the mixed-integer program for given z, y and multipliers."""
    p, f = bilevel.pairs, bilevel.followers
    rest = f.cost + bilevel.posted @ z - f.matrix.T @ price
    multiplier = np.maximum(np.where(p.at_upper, -rest[p.column], rest[p.column]), 0.0)
    x = np.zeros(bilevel.n)
    x[bilevel.at["z"]], x[bilevel.at["y"]], x[bilevel.at["price"]] = z, y, price
    x[bilevel.at["multiplier"]] = np.where(p.binary | (p.slack_max <= 0.0), multiplier, 0.0)
    x[bilevel.at["on"]] = multiplier[bilevel.binary] > ON
    return x


def search(
    groups: Groups,
    *,
    free_bound: float,
    gap_abs: float,
    time_limit_s: float,
    start: FloatArray | None = None,
) -> Answer | None:
    """Return the best quantities found; None where nothing was.

    Parameters
    ----------
    free_bound
        Bound of the leaders' income that is known beforehand.
    gap_abs
        Gap at which the search may end, in the programs' unit of money.
    start
        Columns to begin from.
    """
    bilevel = groups.bilevel
    constant = groups.constant
    solver = ArraySolver(bilevel.program(), {"mip_feasibility_tolerance": 1e-7})
    # In what is minimised: minus income, without the leaders' constant cost.
    target = -(free_bound - gap_abs) - constant
    found = solver.solve(gap_abs=gap_abs, time_limit_s=time_limit_s, target=target, start=start)
    if found.x is None or found.value is None:
        return None
    bound = np.inf if found.bound is None else -found.bound - constant
    quantity = groups.quantity(found.x[bilevel.at["z"]])
    return Answer(quantity, -found.value - constant, bound, found.wall_s)
