"""Who might lead, and from whom each home would buy: a suggestion from what homes do alone.

The paper says that homes with a higher priority lead, by their excess or shortage of energy and
their bid, and that consumers choose the provider that asks least. It gives no formula. Here homes
are ranked by the electricity that they have over when alone less what they lack, then by their
bid: the mean of what a kWh is worth to them. In an hour the cheapest provider of a home is the
other home to which a kWh is worth least, where that is less than the retailer asks.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from cmgplan.market.report.run_record import MarketRecord
from cmgplan.page.data_table import Column, DataTable, data_table
from cmgplan.page.parts import Section
from cmgplan.page.wording import named
from cmgplan.run.tables import Tables

RETAILER = "retailer"


def suggestion(record: MarketRecord, tables: Tables) -> Section | None:
    """Return ranking and providers; None unless every home was run alone."""
    homes = list(record.case.homes)
    worth = worth_alone(record, tables)
    if len(homes) < 2 or set(worth) != set(homes):
        return None
    ranked = ranking(record, tables, worth)
    order = named([str(row["home"]) for row in ranked])
    columns = (
        Column("home", "Home"),
        Column("excess_kwh", "Sold alone, kWh", 1),
        Column("shortage_kwh", "Bought alone, kWh", 1),
        Column("bid", f"Mean worth of a kWh, {record.currency}", 4),
    )
    caption = f"Who might lead, most over first: {order} (a suggestion, no result)"
    return Section(
        "leading",
        "Who might lead, and who buys from whom",
        (
            data_table("ranking", caption, columns, ranked),
            provider_table(record, tables, worth),
        ),
    )


def worth_alone(record: MarketRecord, tables: Tables) -> dict[str, pd.Series[float]]:
    """Return by home what a kWh of electricity is worth to it alone, by hour."""
    mcp = tables["mcp"]
    rows = mcp[mcp["carrier"] == "electricity"]
    found = {}
    for home in record.case.homes:
        mine = rows[rows["way"] == home].set_index("hour")["price_per_kwh"].sort_index()
        if len(mine):
            found[home] = mine
    return found


def ranking(
    record: MarketRecord, tables: Tables, worth: dict[str, pd.Series[float]]
) -> list[dict[str, Any]]:
    """Return homes by excess less shortage of electricity alone, then by the lower bid."""
    exchange, dt_h = tables["exchange"], record.case.dt_h
    rows: list[dict[str, Any]] = []
    for home in record.case.homes:
        alone = exchange[(exchange["way"] == home) & (exchange["home"] == home)]
        rows.append(
            {
                "home": home,
                "excess_kwh": dt_h * float(alone["export_kw"].sum()),
                "shortage_kwh": dt_h * float(alone["import_kw"].sum()),
                "bid": float(worth[home].mean()),
            }
        )
    return sorted(rows, key=lambda row: (row["shortage_kwh"] - row["excess_kwh"], row["bid"]))


def providers(
    record: MarketRecord, tables: Tables, worth: dict[str, pd.Series[float]]
) -> dict[str, list[str]]:
    """Return by home its cheapest provider of electricity in each hour."""
    buy = tables["exchange"].groupby("hour")["buy_per_kwh"].first()
    found: dict[str, list[str]] = {}
    for home in record.case.homes:
        asked = {other: worth[other] for other in record.case.homes if other != home}
        if buy.notna().all():
            asked = {RETAILER: buy, **asked}
        frame = pd.DataFrame(asked)
        found[home] = [str(name) for name in frame.idxmin(axis=1).sort_index()]
    return found


def provider_table(
    record: MarketRecord, tables: Tables, worth: dict[str, pd.Series[float]]
) -> DataTable:
    """Return the cheapest provider of every home by hour."""
    by_home = providers(record, tables, worth)
    records = [
        {"hour": str(t), **{home: names[t] for home, names in by_home.items()}}
        for t in range(record.case.hours)
    ]
    columns = (Column("hour", "Hour"), *(Column(home, home) for home in record.case.homes))
    caption = "Cheapest provider of electricity for each home by hour"
    return data_table("providers", caption, columns, records, folded=True)
