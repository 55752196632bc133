"""Numbers that claims about a run are judged by, from its tables alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from cmgplan.homes.day.totals import of_way
from cmgplan.response.report.under_emax import bought_kg, own_kg
from cmgplan.run.tables import Tables

BLOCKS = 4
"""Equal parts of the day that prices are compared in."""

SAME_PRICE = 1e-9


def claims_of(
    tables: Tables,
    ways: Sequence[str],
    compared: Mapping[str, Mapping[str, Any]],
    emax: Mapping[str, float | None],
    dt_h: float,
) -> dict[str, Any]:
    """Return the numbers by name.

    - ``against_rigid``, ``against_moving``, ...: by variant, what the exact answer has more of
      profit, of money before penalties and of emission, as shares of the variant's;
    - ``moving_against_rigid``: the same of load that moves alone;
    - ``price``: by way and carrier, ``below`` (share of hours below the forecast), ``over``
      (mean price over mean forecast less 1) and the same in four equal ``blocks`` of the day;
      and the same of bids drawn at random;
    - ``moved``: by way and home, the share of the day's electric load that leaves its hour;
    - ``dear``: by way and home, the share of the load's cost at the forecast that falls into
      hours above the day's mean forecast, before and after;
    - ``emission_under``: by way and home, one less the mean emission over Emax, own and with
      what is bought.
    """
    found: dict[str, Any] = {
        "price": {way: _prices(of_way(tables["mcp"], way)) for way in ways},
        "moved": {way: _moved(tables, way) for way in ways},
        "dear": {way: _dear(tables, way) for way in ways},
        "emission_under": {way: _under(tables, way, emax, dt_h) for way in ways},
    }
    exact = _exact(tables, compared)
    for name, variant in compared.items():
        found[f"against_{name}"] = _changes(exact, variant)
    if {"rigid", "moving"} <= set(compared):
        found["moving_against_rigid"] = _changes(compared["moving"], compared["rigid"])
    return found


def _exact(tables: Tables, compared: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Return profit, money and emission of the exact answer; empty where nothing is compared."""
    if not compared:
        return {}
    runs = tables["convergence"]
    profit = float(runs.loc[runs["method"] == "exact", "best"].iloc[-1])
    accounts = of_way(tables["accounts"], "exact")
    penalties = float(accounts.loc[accounts["reason"] == "emission", "amount"].sum())
    kg = sum(float(of(tables, "exact").to_numpy().sum()) for of in (own_kg, bought_kg))
    return {"profit": profit, "money": profit + penalties, "emission_kg": kg}


def _changes(ours: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, float | None]:
    """Return by how much of the other's ours is more."""
    return {
        key: (float(ours[key]) - float(other[key])) / abs(float(other[key]))
        if abs(float(other[key])) > 1e-9
        else None
        for key in ("profit", "money", "emission_kg")
    }


def _prices(mcp: pd.DataFrame) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for carrier, rows in mcp.groupby("carrier"):
        hours = rows.sort_values("hour")
        forecast = hours["forecast_per_kwh"].to_numpy(float)
        price, drawn = (hours[f"{k}_per_kwh"].to_numpy(float) for k in ("price", "drawn"))
        there = np.isfinite(drawn)
        below = hours["drawn_below"].to_numpy(float)
        found[str(carrier)] = {
            "below": float((price < forecast - SAME_PRICE).mean()),
            "over": _over(price, forecast),
            "blocks": _by_block(price, forecast),
            "drawn_below": float(below[there].mean()) if there.any() else None,
            "drawn_over": _over(drawn, forecast),
            "drawn_blocks": _by_block(drawn, forecast),
        }
    return found


def _over(price: np.ndarray, forecast: np.ndarray) -> float | None:
    """Return the mean price over the mean forecast, less 1; None without prices."""
    there = np.isfinite(price)
    mean = float(forecast[there].mean()) if there.any() else 0.0
    return float(price[there].mean()) / mean - 1.0 if mean > 0.0 else None


def _by_block(price: np.ndarray, forecast: np.ndarray) -> list[float | None]:
    """Return ``_over`` in each of four equal parts of the day."""
    pieces = zip(np.array_split(price, BLOCKS), np.array_split(forecast, BLOCKS), strict=True)
    return [_over(p, f) if len(p) else None for p, f in pieces]


def _electric(tables: Tables, way: str) -> pd.DataFrame:
    rows = of_way(tables["demand_response"], way)
    return rows[rows["carrier"] == "electricity"]


def _moved(tables: Tables, way: str) -> dict[str, float]:
    found = {}
    for home, rows in _electric(tables, way).groupby("home"):
        before = float(rows["before_kw"].sum())
        found[str(home)] = float(rows["down_kw"].sum()) / before if before > 0.0 else 0.0
    return found


def _dear(tables: Tables, way: str) -> dict[str, dict[str, float]]:
    mcp = of_way(tables["mcp"], way)
    rows = mcp[mcp["carrier"] == "electricity"]
    forecast = rows.set_index("hour")["forecast_per_kwh"]
    dear = forecast > float(forecast.mean()) + SAME_PRICE
    found = {}
    for home, load in _electric(tables, way).groupby("home"):
        by_hour = load.set_index("hour")
        shares = {}
        for key in ("before", "after"):
            cost = by_hour[f"{key}_kw"] * forecast
            whole = float(cost.sum())
            shares[key] = float(cost[dear].sum()) / whole if whole > 0.0 else 0.0
        found[str(home)] = shares
    return found


def _under(
    tables: Tables, way: str, emax: Mapping[str, float | None], dt_h: float
) -> dict[str, dict[str, float]]:
    own, bought = own_kg(tables, way), bought_kg(tables, way)
    return {
        home: {
            "own": 1.0 - float(own[home].mean()) / (limit * dt_h),
            "total": 1.0 - float((own + bought)[home].mean()) / (limit * dt_h),
        }
        for home, limit in emax.items()
        if limit
    }
