"""What bids drawn at random in the paper's ranges would give, beside every claim of prices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cmgplan.arrays import BoolArray, FloatArray
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.clearing.bids import PoolCarrier
from cmgplan.homes.day.dispatch import Dispatch
from cmgplan.response.market.batch import clearing_intervals
from cmgplan.response.market.lines import CARRIERS, WEIGHED, Line, kw_of, lines_of, places
from cmgplan.response.market.ranges import Costs, bid_prices, costs_of

DRAWS = 200
"""Draws that are made beside a day."""

SEED = 0

MIDDLE = 0.5
"""Where in its interval a price is taken from."""


LEAST_KW = 1e-6
"""Load of an hour up to which a book weighs nothing: tables do not keep less."""


@dataclass(frozen=True)
class DrawnPrices:
    """Clearing prices of bids drawn at random, uniform in their ranges.

    Attributes
    ----------
    price
        By carrier: prices, currency/kWh, shape (draws, T); no numbers where one side is empty.
    """

    price: dict[PoolCarrier, FloatArray]

    def mean(self, carrier: PoolCarrier) -> FloatArray:
        """Return the mean price over the draws, shape (T,); no number where none cleared."""
        return mean_of(self.price[carrier], axis=0)


def mean_of(values: FloatArray, axis: int | None = None) -> FloatArray:
    """Return the mean of the numbers among values, no number where there is none."""
    there = np.isfinite(values)
    count = there.sum(axis=axis)
    total = np.where(there, values, 0.0).sum(axis=axis)
    return np.asarray(
        np.divide(total, count, out=np.full(np.shape(count), np.nan), where=count > 0)
    )


def drawn_prices(
    case: HomesCase, dispatch: Dispatch, draws: int = DRAWS, seed: int = SEED
) -> DrawnPrices:
    """Return what the market of a day would clear at with bids drawn at random.

    The quantities are those of the day. The retailer offers as much as it may at a price drawn in
    (9), and takes as much as it may at one drawn in (11), not above its own offer.
    """
    lines = lines_of(case, dispatch)
    rng = np.random.default_rng(seed)
    share = rng.random((draws, len(lines) + 2, case.hours))
    return prices_at(case, lines, costs_of(case, dispatch), share)


def prices_at(case: HomesCase, lines: list[Line], costs: Costs, share: FloatArray) -> DrawnPrices:
    """Return the clearing prices of bids at shares of their ranges, shape (draws, lines + 2, T).

    The last two shares are those of the retailer's offer and of its bid.
    """
    price, kw = bid_prices(case, lines, costs, share[:, :-2]), kw_of(lines, case.hours)
    found: dict[PoolCarrier, FloatArray] = {}
    for carrier in CARRIERS:
        each, weight = [], []
        for homes in places(case, carrier):
            mine = [k for k, ln in enumerate(lines) if ln.carrier == carrier and ln.home in homes]
            sells = np.array([lines[k].side == "sell" for k in mine], dtype=np.bool_)
            outside = share[:, -2:] if carrier == "electricity" else None
            each.append(_cleared(case, kw[mine], price[:, mine], sells, outside))
            load = [k for k in mine if lines[k].side == "buy" and lines[k].kind in WEIGHED]
            weight.append(kw[load].sum(axis=0))
        found[carrier] = _joined(np.array(each), np.array(weight))
    return DrawnPrices(found)


def _cleared(
    case: HomesCase,
    kw: FloatArray,
    price: FloatArray,
    sells: BoolArray,
    outside: FloatArray | None,
) -> FloatArray:
    """Return the prices of one book by draw and hour, shape (draws, T)."""
    draws, hours = price.shape[0], case.hours
    power = np.broadcast_to(kw, price.shape)
    retailer = case.file.retailer
    if outside is not None and retailer is not None:
        most = retailer.power_max_total_kw
        limit = np.inf if most is None else most
        offer = outside[:, 0] * case.series(retailer.buy_per_kwh)
        taken = np.minimum(outside[:, 1] * case.series(retailer.sell_per_kwh), offer)
        amounts = [np.minimum(kw[side].sum(axis=0), limit) for side in (~sells, sells)]
        more = np.broadcast_to(np.array(amounts), (draws, 2, hours))
        power = np.concatenate([power, more], axis=1)
        price = np.concatenate([price, offer[:, None], taken[:, None]], axis=1)
        sells = np.concatenate([sells, [True, False]])
    books = [np.moveaxis(part, 1, 2).reshape(draws * hours, -1) for part in (power, price)]
    low, high = clearing_intervals(books[0], books[1], sells)
    return np.asarray(low + MIDDLE * (high - low)).reshape(draws, hours)


def _joined(price: FloatArray, weight: FloatArray) -> FloatArray:
    """Return the mean of the prices of several books, weighted by the load in each."""
    there = np.isfinite(price)
    weights = np.broadcast_to(weight[:, None, :], price.shape) * there
    total = weights.sum(axis=0)
    sums = np.where(there, price * weights, 0.0).sum(axis=0)
    return np.asarray(
        np.divide(sums, total, out=np.full(total.shape, np.nan), where=total > LEAST_KW)
    )
