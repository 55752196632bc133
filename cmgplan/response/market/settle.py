"""Settlement of a day's market: every seller gets the clearing price, every buyer pays it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.day.dispatch import Dispatch
from cmgplan.response.market.crossing import Crossing


@dataclass(frozen=True)
class Settlement:
    """What each party receives, negative where it pays, currency, shape (T, homes + 1).

    The last party is the retailer; each hour sums to 0.

    Attributes
    ----------
    market
        For what the bids cleared, at the clearing price.
    balance
        For what homes really give and take beyond what cleared: bought from the retailer at its
        price, or sold to it at what it pays. What a rejected appliance needs all the same is
        here.
    """

    market: FloatArray
    balance: FloatArray

    @property
    def total(self) -> FloatArray:
        """Sum over the day, shape (homes + 1,)."""
        return np.asarray((self.market + self.balance).sum(axis=0))


def settled(case: HomesCase, dispatch: Dispatch, crossing: Crossing) -> Settlement:
    """Return the payments of a day: first the market, then what physics leaves to the retailer.

    A rejected bid changes nothing in what devices do.
    """
    price = np.nan_to_num(crossing.price["electricity"])
    outside = crossing.import_kw - crossing.export_kw
    market = case.dt_h * price[:, None] * np.column_stack([crossing.net_kw, outside])
    traded = [dispatch.exchange[home] for home in case.ids]
    real = np.column_stack([e.pool_kw + e.export_kw - e.import_kw for e in traded])
    beyond = real - crossing.net_kw
    retailer = case.file.retailer
    zero = np.zeros(case.hours)
    buy = zero if retailer is None else case.series(retailer.buy_per_kwh)
    sell = zero if retailer is None else case.series(retailer.sell_per_kwh)
    paid = case.dt_h * np.where(beyond > 0.0, sell[:, None], buy[:, None]) * beyond
    return Settlement(market, np.column_stack([paid, -paid.sum(axis=1)]))
