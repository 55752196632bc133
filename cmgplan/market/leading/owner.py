"""A group that acts as one owner: its day, and the prices inside that support it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cmgplan.arrays import BoolArray, FloatArray
from cmgplan.errors import InfeasibleError
from cmgplan.homes.day.dispatch import Dispatch
from cmgplan.market.leading.groups import face_of, least
from cmgplan.market.leading.prices import price_intervals, spread
from cmgplan.market.leading.settle import incomes, settled_day
from cmgplan.market.model.boxes import followers_program
from cmgplan.market.model.plant import Plant


@dataclass(frozen=True)
class Owned:
    """A group's day: income by home at the inner prices, prices of shape (2, T) per kWh."""

    income: Mapping[str, float]
    value: float
    prices: FloatArray
    low: FloatArray
    high: FloatArray
    unique: BoolArray
    dispatch: Dispatch


def owned(plant: Plant, homes: Sequence[str]) -> Owned:
    """Return the best day of a group on its own, settled inside at its clearing prices.

    Of many clearing prices the one is taken that lies midway between those of the greatest and of
    the least sum: it clears the market, and favours neither who sells nor who buys.
    """
    case = plant.case
    wide = np.ones(case.hours, dtype=bool) if limited(plant) else np.zeros(case.hours, dtype=bool)
    program, boxes = followers_program(plant, homes, wide)
    found = least(program)
    if found is None:
        raise InfeasibleError(f"{'+'.join(homes)} on its own has no day; see cmgplan optimum")
    face = face_of(program, boxes, found[1])
    weight = np.zeros(program.m)
    weight[program.traded] = 1.0
    ends = [face.best(sign * weight) for sign in (1.0, -1.0)]
    known = [price for price in ends if price is not None]
    price = np.mean(known, axis=0) if known else np.zeros(program.m)
    prices = price_intervals(face, program, price)
    per_kwh = plant.unit / case.dt_h
    middle, low, high = (
        per_kwh * spread(prices, values, case.hours)
        for values in (prices.price, prices.low, prices.high)
    )
    unique = spread(prices, (~prices.unique).astype(float), case.hours) == 0.0
    day = settled_day(plant, [(tuple(homes), np.zeros((2, case.hours)))])
    income = incomes(case, day, middle)
    return Owned(income, sum(income.values()), middle, low, high, unique, day)


def limited(plant: Plant) -> bool:
    """Return whether trade with the retailer has a limit, or there is no retailer."""
    retailer = plant.case.file.retailer
    if retailer is None:
        return True
    return retailer.power_max_kw is not None or retailer.power_max_total_kw is not None
