"""Tables of a run of demand response: those of every run of homes, prices, and convergence.

``mcp``
    By way, hour and carrier: the clearing price, which is the dual of the balance with on/off
    choices held, and the interval of prices that support the day, an end empty where no price is
    too low or too high. Behind it what it is measured
    by (the forecast of electricity, the value of heat), where the bids that the case asks for
    cross, and the mean of what bids drawn at random would give, with the share of draws below
    the forecast.
``home_prices``
    The price in each home. Where homes share a carrier they all have the pool's.
``convergence``
    By method and run: greatest profit after so many evaluations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from cmgplan.arrays import FloatArray
from cmgplan.errors import SolverError
from cmgplan.homes.accounts.ledger import Carrier
from cmgplan.homes.accounts.money import emission_of_device, emission_of_imports
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.day.day import Day
from cmgplan.homes.day.dispatch import Dispatch
from cmgplan.homes.day.tables import TABLES as HOMES_TABLES
from cmgplan.homes.day.tables import homes_tables
from cmgplan.response.exact.prices import by_forecast, priced
from cmgplan.response.market.day import MarketDay, market_of
from cmgplan.response.market.lines import CARRIERS
from cmgplan.response.model.penalty import penalties_of
from cmgplan.response.model.profit import Objectives, Profit, objectives_of, profit_of
from cmgplan.response.model.statistics import statistics_of
from cmgplan.response.result import MethodName, MethodRun, ResponseResult
from cmgplan.run.tables import TableForm, table_form

TABLES: dict[str, TableForm] = {
    **HOMES_TABLES,
    "mcp": table_form(
        "way hour carrier",
        "price_per_kwh low_per_kwh high_per_kwh unique forecast_per_kwh crossing_per_kwh "
        "crossing_low_per_kwh crossing_high_per_kwh drawn_per_kwh drawn_below",
        ints="hour unique",
        texts="way carrier",
        empty="low_per_kwh high_per_kwh crossing_per_kwh crossing_low_per_kwh "
        "crossing_high_per_kwh drawn_per_kwh drawn_below",
    ),
    "home_prices": table_form(
        "way hour home carrier", "price_per_kwh", ints="hour", texts="way home carrier"
    ),
    "convergence": table_form(
        "method run evaluations", "best", ints="run evaluations", texts="method", empty="best"
    ),
}
"""Form of every table of a run of demand response, by file stem."""


def response_tables(result: ResponseResult) -> dict[str, pd.DataFrame]:
    """Return every table of a run, in the order of ``TABLES``; each method is a way."""
    case = result.case
    days = [
        day_of(case, name, method.dispatch, method.market.price)
        for name, method in result.methods.items()
    ]
    markets: dict[str, MarketDay] = {name: method.market for name, method in result.methods.items()}
    runs = {name: method.runs for name, method in result.methods.items()}
    return {
        **homes_tables(case, days),
        "mcp": mcp_table(markets),
        "home_prices": _home_prices(case, markets),
        "convergence": _convergence(runs),
    }


def day_of(
    case: HomesCase, way: str, dispatch: Dispatch, price: Mapping[Carrier, FloatArray]
) -> Day:
    """Return a day as tables and ledger are made from it: the pool settles at its prices."""
    pool = case.file.pool
    shared: dict[Carrier, bool] = {"electricity": pool.electricity, "heat": pool.heat}
    paid = {carrier: price[carrier] for carrier, there in shared.items() if there}
    return Day(way, dispatch, paid, emission_amounts=_penalties(case, dispatch))


def _penalties(case: HomesCase, dispatch: Dispatch) -> dict[Carrier, FloatArray]:
    """Return what emissions of each home count for in the profit, currency, shape (T, homes)."""
    weight, penalties = case.file.response.emission_weight, penalties_of(case)
    shape = (case.hours, len(case.ids))
    bought, burnt = np.zeros(shape), np.zeros(shape)
    for k, home in enumerate(case.homes):
        imports = emission_of_imports(case, home.id, dispatch)
        bought[:, k] = weight * penalties.retailer_per_kg * imports
        for device in home.devices():
            if "fuel" in device.carriers:
                kg = emission_of_device(case, home.id, device, dispatch)
                burnt[:, k] += weight * penalties.of_device(home.id, device.id) * kg
    return {"electricity": bought, "fuel": burnt}


def mcp_table(markets: Mapping[str, MarketDay]) -> pd.DataFrame:
    """Return ``mcp``; ways first, then hours, electricity before heat."""
    parts = [_mcp_of(way, market) for way, market in markets.items()]
    return pd.concat(parts, ignore_index=True)


def _mcp_of(way: str, market: MarketDay) -> pd.DataFrame:
    parts = []
    for carrier in CARRIERS:
        crossing, drawn = market.crossing, market.drawn.price[carrier]
        prices = {
            "price_per_kwh": market.price[carrier],
            "low_per_kwh": _finite(market.low[carrier]),
            "high_per_kwh": _finite(market.high[carrier]),
            "forecast_per_kwh": market.forecast[carrier],
            "crossing_per_kwh": crossing.price[carrier],
            "crossing_low_per_kwh": crossing.low[carrier],
            "crossing_high_per_kwh": crossing.high[carrier],
            "drawn_per_kwh": market.drawn.mean(carrier),
            "drawn_below": _below(drawn, market.forecast[carrier]),
        }
        hours = len(market.price[carrier])
        data: dict[str, Any] = {"way": way, "hour": np.arange(hours), "carrier": carrier}
        data |= prices
        data["unique"] = market.unique(carrier).astype(int)
        parts.append(pd.DataFrame(data))
    table = pd.concat(parts, ignore_index=True)
    return table.sort_values("hour", kind="stable", ignore_index=True)


def _finite(ends: FloatArray) -> FloatArray:
    """Return ends of intervals, no number where no kW more, or less, can be had at any price."""
    return np.where(np.isfinite(ends), ends, np.nan)


def _below(drawn: FloatArray, forecast: FloatArray) -> FloatArray:
    """Return the share of draws below the forecast by hour; no number where none cleared."""
    count = np.isfinite(drawn).sum(axis=0)
    below = (drawn < forecast).sum(axis=0)  # what is no number is below nothing
    share = np.divide(below, count, out=np.full(len(forecast), np.nan), where=count > 0)
    return np.asarray(share, dtype=np.float64)


def _home_prices(case: HomesCase, markets: Mapping[str, MarketDay]) -> pd.DataFrame:
    parts = []
    for way, market in markets.items():
        for carrier in CARRIERS:
            hour, home = np.indices(market.of_home[carrier].shape).reshape(2, -1)
            price = market.of_home[carrier].ravel()
            names = np.asarray(case.ids, dtype=object)[home]
            data = {"way": way, "hour": hour, "home": names, "carrier": carrier}
            parts.append(pd.DataFrame({**data, "price_per_kwh": price}))
    return pd.concat(parts, ignore_index=True)


def _convergence(runs: Mapping[MethodName, Sequence[MethodRun]]) -> pd.DataFrame:
    parts = [
        pd.DataFrame(
            {
                "method": name,
                "run": k,
                "evaluations": run.evaluations.astype(int),
                "best": run.best,
            }
        )
        for name, of in runs.items()
        for k, run in enumerate(of)
    ]
    return pd.concat(parts, ignore_index=True)


def profit_again(case: HomesCase, dispatch: Dispatch) -> Profit:
    """Return what a day comes to, worked out again."""
    return profit_of(case, dispatch)


def objectives_again(
    case: HomesCase, dispatch: Dispatch, price: Mapping[Carrier, FloatArray]
) -> Objectives:
    """Return objectives (1)-(5) of a day, settled again at its prices."""
    return objectives_of(case, dispatch, price["electricity"], price["heat"])


def statistics_again(profits: FloatArray, bound: float) -> dict[str, float]:
    """Return the statistics of a method's runs, worked out again."""
    return statistics_of(profits, bound)


def intervals_again(case: HomesCase, dispatch: Dispatch) -> Iterator[tuple[Carrier, Any, Any]]:
    """Yield by carrier the ends of the intervals of prices that support a day, solved again.

    A day whose on/off choices leave the program without an answer is priced by the forecast, as
    in a run.
    """
    try:
        prices = priced(case, dispatch)
    except SolverError:
        prices = by_forecast(case)
    for carrier in CARRIERS:
        yield carrier, prices.low[carrier], prices.high[carrier]


def market_again(
    case: HomesCase,
    dispatch: Dispatch,
    mcp: pd.DataFrame,
    home_prices: pd.DataFrame,
    seed: int,
) -> MarketDay:
    """Return the market of a day from the prices that its tables hold, rows of one way alone."""
    price, low, high = (
        _by_carrier(mcp, column) for column in ("price_per_kwh", "low_per_kwh", "high_per_kwh")
    )
    of_home: dict[Carrier, FloatArray] = {}
    for carrier in CARRIERS:
        rows = home_prices[home_prices["carrier"] == carrier]
        square = rows.pivot(index="hour", columns="home", values="price_per_kwh")
        of_home[carrier] = square[list(case.ids)].to_numpy(np.float64)
    return market_of(case, dispatch, price, low, high, of_home, seed)


def prices_told(mcp: pd.DataFrame) -> dict[Carrier, FloatArray]:
    """Return the prices of a way by carrier, from its rows of ``mcp``."""
    return _by_carrier(mcp, "price_per_kwh")


def _by_carrier(mcp: pd.DataFrame, column: str) -> dict[Carrier, FloatArray]:
    rows = mcp.sort_values("hour", kind="stable")
    return {
        carrier: rows.loc[rows["carrier"] == carrier, column].to_numpy(np.float64)
        for carrier in CARRIERS
    }


def market_summary(case: HomesCase, market: MarketDay) -> dict[str, Any]:
    """Return what run.json tells of the market of a day.

    Its bids, appliances whose bids are rejected, payments for what clears (they sum to 0 with
    the retailer's), and the prices of electricity that chance would give: their mean as a share
    of the forecast's, and the share of hours below the forecast.
    """
    crossing, drawn = market.crossing, market.drawn.price["electricity"]
    forecast, there = market.forecast["electricity"], np.isfinite(drawn)
    parties = [*case.ids, "retailer"]
    mean = float(forecast.mean())
    clears = there.any() and mean > 0.0
    return {
        "bids": crossing.bids,
        "asked_kwh": dict(crossing.asked_kwh),
        "rejected_kwh": dict(crossing.rejected_kwh),
        "settlement": dict(zip(parties, market.settlement.total.tolist(), strict=True)),
        "draws": len(drawn),
        "drawn_over_forecast": float(drawn[there].mean()) / mean if clears else None,
        "drawn_below": float((drawn < forecast).sum() / there.sum()) if clears else None,
    }
