"""Emission of homes by hour against Emax, from the tables of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from cmgplan.homes.day.totals import of_way
from cmgplan.run.tables import Tables

ALLOWED_KG = 1e-6
"""Emission over Emax up to which an hour counts as within it, kg/h."""


def own_kg(tables: Tables, way: str) -> pd.DataFrame:
    """Return what engines and boilers of each home emit, kg, hours by home."""
    rows = of_way(tables["dispatch"], way)
    sums = rows.groupby(["hour", "home"], sort=False)["emission_kg"].sum().unstack("home")
    bought = bought_kg(tables, way)
    return sums.reindex(index=bought.index, columns=bought.columns, fill_value=0.0)


def bought_kg(tables: Tables, way: str) -> pd.DataFrame:
    """Return the emission of what each home buys, kg, hours by home."""
    rows = of_way(tables["exchange"], way)
    return rows.pivot(index="hour", columns="home", values="emission_kg")


def under_emax(
    tables: Tables, ways: Sequence[str], emax: Mapping[str, float | None], dt_h: float
) -> dict[str, dict[str, Any]]:
    """Return by way the shares of hours within Emax, of all homes and of each."""
    limits = {home: limit for home, limit in emax.items() if limit is not None}
    found: dict[str, dict[str, Any]] = {}
    for way in ways:
        own = own_kg(tables, way)
        both = own + bought_kg(tables, way)
        shares = {
            home: {
                key: _share_within(table[home], limit * dt_h)
                for key, table in (("own", own), ("total", both))
            }
            for home, limit in limits.items()
        }
        count = len(shares)
        found[way] = {
            key: sum(s[key] for s in shares.values()) / count if count else None
            for key in ("own", "total")
        }
        none = {"own": None, "total": None}
        found[way]["homes"] = {home: shares.get(home, none) for home in emax}
    return found


def _share_within(kg: pd.Series[float], limit_kg: float) -> float:
    return float((kg <= limit_kg + ALLOWED_KG).mean())
