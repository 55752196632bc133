"""Where the curves of offers and bids of a day cross, hour by hour, and who is rejected there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.case.folder import CaseFolder
from cmgplan.errors import CaseError, Fault
from cmgplan.homes.accounts.ledger import Carrier
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.clearing.bids import BID_FILE, Bid, PoolCarrier, read_bids
from cmgplan.homes.clearing.merit_order import Retailer, clear_steps
from cmgplan.homes.day.dispatch import Dispatch
from cmgplan.response.case.prices import intensity_kg_per_kwh
from cmgplan.response.market.batch import SAME_KW
from cmgplan.response.market.lines import (
    APPLIANCES,
    CARRIERS,
    WEIGHED,
    Line,
    lines_of,
    places,
)
from cmgplan.response.market.marginal import PricedLine, marginal_bids
from cmgplan.response.market.ranges import bid_prices, costs_of
from cmgplan.response.model.penalty import penalties_of


@dataclass(frozen=True)
class Crossing:
    """What bids of a day clear at.

    Attributes
    ----------
    bids
        Where they come from: ``marginal-cost``, ``random`` or ``bids.csv``.
    price, low, high
        By carrier: clearing price and the ends of its interval, currency/kWh, shape (T,). No
        number in an hour in which one side is empty. Where homes do not share a carrier: of each
        home's own book, the mean weighted by its load.
    asked_kwh, rejected_kwh
        By kind of appliance: energy asked for over the day, and that of bids not accepted.
    net_kw
        Electricity that each home sells less what it buys, by the bids, kW, shape (T, homes).
    import_kw, export_kw
        What the pool buys from the retailer and sells to it, kW, shape (T,).
    """

    bids: str
    price: Mapping[PoolCarrier, FloatArray]
    low: Mapping[PoolCarrier, FloatArray]
    high: Mapping[PoolCarrier, FloatArray]
    asked_kwh: Mapping[str, float]
    rejected_kwh: Mapping[str, float]
    net_kw: FloatArray
    import_kw: FloatArray
    export_kw: FloatArray

    @property
    def rejected_share(self) -> float:
        """Share of the appliances' energy that is not accepted; 0 where they ask for none."""
        asked = sum(self.asked_kwh.values())
        return sum(self.rejected_kwh.values()) / asked if asked > 0.0 else 0.0


def crossing_of(
    case: HomesCase,
    dispatch: Dispatch,
    of_home: Mapping[Carrier, FloatArray],
    seed: int = 0,
) -> Crossing:
    """Return where the bids that the case asks for cross: ``bids`` of ``[response]``.

    Parameters
    ----------
    of_home
        By carrier: price in each home, shape (T, homes); bids at marginal cost value what is
        stored by it.
    seed
        Of bids that are drawn at random.

    Raises
    ------
    CaseError
        bids.csv is missing or wrong; every fault is named.
    """
    how = case.file.response.bids
    if how == BID_FILE:
        return cross(case, given_bids(case), how, _band(case))
    if how == "random":
        lines = lines_of(case, dispatch)
        share = np.random.default_rng(seed).random((len(lines) + 2, case.hours))
        asked = bid_prices(case, lines, costs_of(case, dispatch), share[:-2])
        bids = [PricedLine(line, asked[k]) for k, line in enumerate(lines)]
        return cross(case, bids, how, _band(case, share[-2], share[-1]))
    return cross(case, marginal_bids(case, dispatch, of_home), how, _band(case, priced=True))


def given_bids(case: HomesCase) -> list[PricedLine]:
    """Return the bids of the case's bids.csv, a line for each row; CaseError with its faults."""
    faults: list[Fault] = []
    rows = read_bids(CaseFolder(case.folder), case.ids, case.hours, faults)
    errors = [fault for fault in faults if fault.severity == "error"]
    if errors:
        raise CaseError(errors)
    return [_of_row(bid, case.hours) for bid in rows]


def _of_row(bid: Bid, hours: int) -> PricedLine:
    kw, price = np.zeros(hours), np.full(hours, bid.price_per_kwh)
    kw[bid.hour] = bid.quantity_kw
    return PricedLine(Line(bid.home, "", "bid", bid.carrier, bid.side, kw), price)


def _band(
    case: HomesCase,
    offer: FloatArray | float = 1.0,
    bid: FloatArray | float = 1.0,
    *,
    priced: bool = False,
) -> list[Retailer | None]:
    """Return the retailer by hour, at shares of its prices, the sale not above the purchase.

    ``priced`` adds to its purchase price what the emission of a kWh counts for.
    """
    retailer = case.file.retailer
    if retailer is None:
        return [None] * case.hours
    most = np.inf if retailer.power_max_total_kw is None else retailer.power_max_total_kw
    buy = np.asarray(offer * case.series(retailer.buy_per_kwh))
    if priced:
        weight = case.file.response.emission_weight * penalties_of(case).retailer_per_kg
        buy = buy + weight * intensity_kg_per_kwh(case)
    sell = np.minimum(np.asarray(bid * case.series(retailer.sell_per_kwh)), buy)
    return [Retailer(float(b), float(s), most, most) for b, s in zip(buy, sell, strict=True)]


def cross(
    case: HomesCase, bids: Sequence[PricedLine], how: str, band: Sequence[Retailer | None]
) -> Crossing:
    """Return what bids clear at; ``band`` is the retailer in the book of electricity, by hour."""
    price, low, high = ({c: np.full(case.hours, np.nan) for c in CARRIERS} for _ in range(3))
    tally = _Tally(case)
    for carrier in CARRIERS:
        books = [
            [b for b in bids if b.line.carrier == carrier and b.line.home in group]
            for group in places(case, carrier)
        ]
        for t in range(case.hours):
            outside = band[t] if carrier == "electricity" else None
            ends = _mean([tally.clear(book, t, outside) for book in books])
            for series, value in zip((price, low, high), ends, strict=True):
                series[carrier][t] = value
    return Crossing(
        how,
        price,
        low,
        high,
        tally.asked,
        tally.rejected,
        tally.net_kw,
        tally.import_kw,
        tally.export_kw,
    )


class _Tally:
    """Clears books one by one, and adds up what homes trade and what appliances do not get."""

    def __init__(self, case: HomesCase) -> None:
        self._place = {home: k for k, home in enumerate(case.ids)}
        self._dt_h = case.dt_h
        self.asked = dict.fromkeys(APPLIANCES, 0.0)
        self.rejected = dict.fromkeys(APPLIANCES, 0.0)
        self.net_kw = np.zeros((case.hours, len(case.ids)))
        self.import_kw, self.export_kw = np.zeros(case.hours), np.zeros(case.hours)

    def clear(self, book: Sequence[PricedLine], t: int, retailer: Retailer | None) -> FloatArray:
        """Return price, low and high of a book in hour t, and its load, shape (4,)."""
        kw = np.array([b.line.kw[t] for b in book])
        paid = np.array([b.price[t] for b in book])
        sells = np.array([b.line.side == "sell" for b in book], dtype=np.bool_)
        cleared, imported, exported, *ends = clear_steps(kw, paid, sells, retailer, same_kw=SAME_KW)
        self.import_kw[t] += imported
        self.export_kw[t] += exported
        for b, got, wanted in zip(book, cleared, kw, strict=True):
            line, kind = b.line, b.line.kind
            if line.carrier == "electricity":
                self.net_kw[t, self._place[line.home]] += got if line.side == "sell" else -got
            if kind in self.asked and line.side == "buy":
                self.asked[kind] += self._dt_h * float(wanted)
                self.rejected[kind] += self._dt_h * float(wanted - got)
        load = [b.line.kw[t] for b in book if b.line.side == "buy" and b.line.kind in WEIGHED]
        return np.array([*ends, sum(load)])


def _mean(found: Sequence[FloatArray]) -> FloatArray:
    """Return price, low and high of books, weighted by the load in each, shape (3,)."""
    table = np.array(found)
    priced = table[np.isfinite(table[:, 0])]
    if len(priced) == 0:
        return np.full(3, np.nan)
    weight = priced[:, 3] if priced[:, 3].sum() > 0.0 else np.ones(len(priced))
    return np.asarray((weight[:, None] * priced[:, :3]).sum(axis=0) / weight.sum())
