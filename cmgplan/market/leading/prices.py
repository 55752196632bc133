"""Market clearing prices: the multipliers of the followers' balances, and their intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cmgplan.arrays import FloatArray, IntArray
from cmgplan.market.leading.groups import Face
from cmgplan.market.model.program import Program

UNIQUE = 1e-6
"""Width of an interval, in units in which prices are about ten, that is a rounding."""


@dataclass(frozen=True)
class Prices:
    """Prices by traded row of a program, in its unit of money per kW and interval.

    Attributes
    ----------
    carrier, hour
        Of each row: 0 for electricity and 1 for heat, and its hour.
    price, low, high
        The price at which all settle, and the least and the greatest that clear the market.
    """

    carrier: IntArray
    hour: IntArray
    price: FloatArray
    low: FloatArray
    high: FloatArray

    @property
    def unique(self) -> np.ndarray:
        """Whether no other price clears the market, by row."""
        return np.asarray(self.high - self.low <= UNIQUE)


def price_intervals(face: Face, program: Program, price: FloatArray) -> Prices:
    """Return the prices among multipliers, with the interval of each over a face."""
    rows = program.traded
    low, high = price[rows].copy(), price[rows].copy()
    for k, row in enumerate(rows):
        for sign, ends in ((1.0, high), (-1.0, low)):
            weight = np.zeros(program.m)
            weight[row] = sign
            best = face.best(weight)
            if best is not None:
                ends[k] = sign * max(sign * ends[k], sign * best[row])
    return Prices(program.carrier[rows], program.hour[rows], price[rows], low, high)


def spread(prices: Prices, values: FloatArray, hours: int) -> FloatArray:
    """Return values by traded row as an array of shape (2, T), zero where nothing is traded."""
    table = np.zeros((2, hours))
    table[prices.carrier, prices.hour] = values
    return table
