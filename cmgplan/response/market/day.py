"""The market of one day: its prices by home and hour, its crossing, what chance alone would give.

Prices come from the duals of the balances (``cmgplan.response.exact.prices``) and are handed in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cmgplan.arrays import BoolArray, FloatArray
from cmgplan.homes.accounts.ledger import Carrier
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.clearing.bids import PoolCarrier
from cmgplan.homes.day.dispatch import Dispatch
from cmgplan.response.case.prices import forecast_per_kwh
from cmgplan.response.market.crossing import Crossing, crossing_of
from cmgplan.response.market.drawn import DrawnPrices, drawn_prices
from cmgplan.response.market.settle import Settlement, settled

SAME = 1e-4
"""Width of an interval of prices that counts as one price, currency/kWh."""


@dataclass(frozen=True)
class MarketDay:
    """The market of one day.

    Attributes
    ----------
    price, low, high
        By carrier: clearing price and the interval that supports the day, currency/kWh, shape
        (T,).
    of_home
        By carrier: price in each home, shape (T, homes).
    forecast
        By carrier: what the price is measured by, shape (T,): the forecast of electricity, the
        value of heat.
    crossing, drawn
        Where the bids that the case asks for cross, and where bids drawn at random would.
    settlement
        Payments for what the bids clear.
    """

    price: Mapping[Carrier, FloatArray]
    low: Mapping[Carrier, FloatArray]
    high: Mapping[Carrier, FloatArray]
    of_home: Mapping[Carrier, FloatArray]
    forecast: Mapping[PoolCarrier, FloatArray]
    crossing: Crossing
    drawn: DrawnPrices
    settlement: Settlement

    def unique(self, carrier: Carrier) -> BoolArray:
        """Return the hours in which one price alone supports the day, shape (T,)."""
        return np.asarray(self.high[carrier] - self.low[carrier] <= SAME)


def market_of(
    case: HomesCase,
    dispatch: Dispatch,
    price: Mapping[Carrier, FloatArray],
    low: Mapping[Carrier, FloatArray],
    high: Mapping[Carrier, FloatArray],
    of_home: Mapping[Carrier, FloatArray],
    seed: int = 0,
) -> MarketDay:
    """Return the market of a day at given prices; ``seed`` is that of bids drawn at random.

    Raises
    ------
    CaseError
        bids.csv is missing or wrong.
    """
    crossing = crossing_of(case, dispatch, of_home, seed)
    heat = np.full(case.hours, case.file.response.heat_value_per_kwh)
    return MarketDay(
        price,
        low,
        high,
        of_home,
        {"electricity": forecast_per_kwh(case), "heat": heat},
        crossing,
        drawn_prices(case, dispatch, seed=seed),
        settled(case, dispatch, crossing),
    )
