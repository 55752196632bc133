"""Clearing of the pool in merit order: what is traded in an hour, and the prices that clear it.

The cheapest offers meet the bids that pay most, as long as an offer asks no more than a bid pays:

    max  sum_j b_j d_j - sum_i a_i s_i    s.t.  sum_i s_i = sum_j d_j,  0 <= s <= S,  0 <= d <= D

with offers (S_i kW at a_i) and bids (D_j kW at b_j). The market clearing price (MCP) is the dual
of the balance. Every price of an interval clears the hour: from the dearest accepted offer, or the
best bid that is not fully served, to the poorest accepted bid, or the cheapest offer that is not
fully used. It is one point where an offer or a bid is accepted in part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite, nan

import numpy as np
import pandas as pd

from cmgplan.arrays import BoolArray, FloatArray
from cmgplan.homes.clearing.bids import Bid, PoolCarrier, books

SAME_KW = 1e-9
"""Power that counts as none, relative to the largest of a book or to 1 kW."""

SAME_PRICE = 1e-9
"""Width of an interval of prices, per kWh, that counts as one price."""

MIDDLE = 0.5
"""Where in its interval a price is taken from: 0 is the buyers' end, 1 the sellers'."""


@dataclass(frozen=True)
class Retailer:
    """The market outside in one hour, which trades with the pool at two fixed prices.

    Attributes
    ----------
    buy_per_kwh
        What homes pay for imports.
    sell_per_kwh
        What homes are paid for exports, no more than ``buy_per_kwh``.
    import_max_kw, export_max_kw
        Limits of all homes together, by default none.

    Raises
    ------
    ValueError
        Exports are paid more than imports cost, or a limit is negative.
    """

    buy_per_kwh: float
    sell_per_kwh: float
    import_max_kw: float = inf
    export_max_kw: float = inf

    def __post_init__(self) -> None:
        """Check the prices and limits."""
        if not self.sell_per_kwh <= self.buy_per_kwh:
            raise ValueError(f"exports are paid {self.sell_per_kwh}, over {self.buy_per_kwh}")
        if not min(self.import_max_kw, self.export_max_kw) >= 0.0:
            raise ValueError("a limit of import or export is negative")


@dataclass(frozen=True)
class Clearing:
    """The outcome of one hour and carrier.

    Attributes
    ----------
    book
        The bids of the hour.
    cleared_kw
        What is accepted of each bid, in the order of the book.
    import_kw, export_kw
        What the pool buys from the retailer and sells to it; never both.
    price_per_kwh
        The MCP, within its interval. No number where the interval has no two ends: nobody sells,
        or nobody buys.
    low_per_kwh, high_per_kwh
        Ends of the interval of prices that clear the hour; no numbers where it has no two ends.
    """

    book: tuple[Bid, ...]
    cleared_kw: FloatArray
    import_kw: float
    export_kw: float
    price_per_kwh: float
    low_per_kwh: float
    high_per_kwh: float

    @property
    def unique(self) -> bool:
        """Whether one price alone clears the hour."""
        return self.high_per_kwh - self.low_per_kwh <= SAME_PRICE

    def net_kw(self, homes: Sequence[str]) -> FloatArray:
        """Return what each home sells less what it buys, shape (homes,)."""
        place = {home: k for k, home in enumerate(homes)}
        net = np.zeros(len(homes))
        for bid, kw in zip(self.book, self.cleared_kw, strict=True):
            net[place[bid.home]] += kw if bid.side == "sell" else -kw
        return net


@dataclass(frozen=True)
class _Side:
    """Offers, or bids, as steps ranked by ``rank`` (least first), and the retailer's among them.

    Of steps of equal price those of homes come before the retailer's.
    """

    kw: FloatArray
    rank: FloatArray
    outside_kw: float
    outside_rank: float

    def up_to(self, rank: float) -> float:
        """Return the power of all steps that are ranked so or better."""
        outside = self.outside_kw if self.outside_rank <= rank else 0.0
        return float(self.kw[self.rank <= rank].sum()) + outside

    def accepted(self, volume_kw: float) -> tuple[FloatArray, float]:
        """Return what is accepted of each step and of the retailer's, of so much in all.

        Steps of equal price share pro rata in quantity.
        """
        taken = np.zeros(len(self.kw))
        for rank in np.unique(self.rank):
            level = self.rank == rank
            before = float(self.kw[self.rank < rank].sum())
            before += self.outside_kw if self.outside_rank < rank else 0.0
            total = float(self.kw[level].sum())
            if total > 0.0:
                share = min(max((volume_kw - before) / total, 0.0), 1.0)
                taken[level] = share * self.kw[level]
        before = float(self.kw[self.rank <= self.outside_rank].sum())
        return taken, min(max(volume_kw - before, 0.0), self.outside_kw)


def clear(book: Sequence[Bid], retailer: Retailer | None = None, split: float = MIDDLE) -> Clearing:
    """Return what is traded of the bids of one hour and carrier, and at which price.

    Equal prices trade. Offers of equal price share pro rata in quantity, and so do bids; homes come
    before the retailer. Nobody sells under the own offer or buys above the own bid.

    Parameters
    ----------
    book
        Bids of one hour and carrier, in any order.
    retailer
        The market outside, if the pool may trade with it.
    split
        Where in its interval the price is taken from, 0 (the low end) to 1 (the high end).

    Raises
    ------
    ValueError
        The bids are of several hours or carriers, or ``split`` is not a share.
    """
    if len({(bid.hour, bid.carrier) for bid in book}) > 1:
        raise ValueError("bids of several hours or carriers are no one book")
    if not 0.0 <= split <= 1.0:
        raise ValueError(f"the split {split} of an interval is outside 0..1")
    kw = np.asarray([bid.quantity_kw for bid in book], dtype=np.float64)
    price = np.asarray([bid.price_per_kwh for bid in book], dtype=np.float64)
    sells = np.asarray([bid.side == "sell" for bid in book], dtype=bool)
    return Clearing(tuple(book), *clear_steps(kw, price, sells, retailer, split))


def clear_steps(
    kw: FloatArray,
    price: FloatArray,
    sells: BoolArray,
    retailer: Retailer | None = None,
    split: float = MIDDLE,
    same_kw: float = SAME_KW,
) -> tuple[FloatArray, float, float, float, float, float]:
    """Return what ``clear`` finds for steps given as arrays, shape (steps,).

    What is accepted of each, import and export, the price and the ends of its interval, as in
    ``Clearing``. ``same_kw`` is the power that counts as none, for quantities that were rounded.
    """
    offers, bids = _sides(kw, price, sells, retailer)
    volume = _volume(offers, bids)
    cleared = np.zeros(len(kw))
    cleared[sells], imported = offers.accepted(volume)
    cleared[~sells], exported = bids.accepted(volume)
    # At one price for both the retailer would trade with itself.
    both = min(imported, exported)
    imported, exported = imported - both, exported - both
    low, high = _interval(kw, price, sells, cleared, retailer, imported, exported, same_kw)
    mcp = low + split * (high - low) if isfinite(low) and isfinite(high) else nan
    ends = (low, high) if isfinite(mcp) else (nan, nan)
    return cleared, imported, exported, mcp, *ends


def clear_hours(
    bids: Sequence[Bid],
    carrier: PoolCarrier,
    hours: int,
    retailers: Sequence[Retailer | None] | None = None,
    split: float = MIDDLE,
) -> list[Clearing]:
    """Return the clearing of every hour of a carrier, also of hours without bids.

    ``retailers`` holds the market outside by hour.
    """
    by_hour = books(bids)
    outside = [None] * hours if retailers is None else retailers
    return [
        clear(by_hour.get((t, carrier), ()), retailer, split)
        for t, retailer in zip(range(hours), outside, strict=True)
    ]


def mcp_table(way: str, clearings: Mapping[PoolCarrier, Sequence[Clearing]]) -> pd.DataFrame:
    """Return the prices by hour and carrier, the table ``mcp.csv``.

    Columns way, hour, carrier, price_per_kwh, low_per_kwh, high_per_kwh, unique; hours first.
    """
    rows = [
        (way, hour, carrier, c.price_per_kwh, c.low_per_kwh, c.high_per_kwh, c.unique)
        for carrier, by_hour in clearings.items()
        for hour, c in enumerate(by_hour)
    ]
    prices = ["price_per_kwh", "low_per_kwh", "high_per_kwh"]
    table = pd.DataFrame(rows, columns=["way", "hour", "carrier", *prices, "unique"])
    return table.sort_values("hour", kind="stable", ignore_index=True)


def _sides(
    kw: FloatArray,
    price: FloatArray,
    sells: BoolArray,
    retailer: Retailer | None,
) -> tuple[_Side, _Side]:
    """Return offers, cheapest first, and bids, best first; without limits the retailer suffices."""
    if retailer is None:
        return _Side(kw[sells], price[sells], 0.0, inf), _Side(kw[~sells], -price[~sells], 0.0, inf)
    imports = min(retailer.import_max_kw, float(kw[~sells].sum()))
    exports = min(retailer.export_max_kw, float(kw[sells].sum()))
    offers = _Side(kw[sells], price[sells], imports, retailer.buy_per_kwh)
    return offers, _Side(kw[~sells], -price[~sells], exports, -retailer.sell_per_kwh)


def _volume(offers: _Side, bids: _Side) -> float:
    """Return the power traded: the most that offers and bids have in common at any price."""
    prices = {*offers.rank.tolist(), offers.outside_rank}
    return max(min(offers.up_to(price), bids.up_to(-price)) for price in prices)


def _interval(
    kw: FloatArray,
    price: FloatArray,
    sells: BoolArray,
    cleared: FloatArray,
    retailer: Retailer | None,
    imported: float,
    exported: float,
    same_kw: float,
) -> tuple[float, float]:
    """Return the least and greatest price at which all that is accepted, and no more, is wanted.

    By complementary slackness the price is at least what an accepted offer asks and what a bid
    pays that is not fully served; at most what an offer asks that is not fully used and what an
    accepted bid pays.
    """
    least = same_kw * max(1.0, float(kw.max(initial=0.0)))
    some, room = cleared > least, cleared < kw - least
    lows = [-inf, *price[np.where(sells, some, room)]]
    highs = [inf, *price[np.where(sells, room, some)]]
    if retailer is not None:
        lows += [retailer.buy_per_kwh] * (imported > least)
        highs += [retailer.buy_per_kwh] * (imported < retailer.import_max_kw - least)
        lows += [retailer.sell_per_kwh] * (exported < retailer.export_max_kw - least)
        highs += [retailer.sell_per_kwh] * (exported > least)
    low, high = float(max(lows)), float(min(highs))
    return low, max(low, high)
