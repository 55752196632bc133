"""Sections of a page about one day of homes, the same whichever system ran it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import plotly.graph_objects as go

from cmgplan.homes.day.totals import money_by_home
from cmgplan.homes.report.figures import exchange, money, moved, stores, supply
from cmgplan.homes.report.figures.view import NAMES, DayView
from cmgplan.page import lookup
from cmgplan.page.data_table import Column, DataTable, data_table
from cmgplan.page.parts import Chart, Section
from cmgplan.page.wording import in_intervals

CARRIERS: tuple[supply.Carrier, ...] = ("electricity", "heat")
_SHADES = "Orange is bought and blue is sold; homes stand in the order of the case."


def day_sections(view: DayView) -> tuple[Section, ...]:
    """Return what a page shows of a day: supply, stores, load moved, exchange, money, emission."""
    return (
        _energy(view),
        _stores_and_moved(view),
        _exchange(view),
        _money(view),
        _emissions(view),
        Section("tables", "Tables", (device_table(view), hour_table(view))),
    )


def _chart(
    view: DayView, name: str, title: str, figure: go.Figure | None, sentence: Callable[[], str]
) -> Chart:
    """Return a chart whose words fit the length of an interval."""
    text = in_intervals(sentence(), view.dt_h)
    return Chart(name, in_intervals(title, view.dt_h), text, figure)


def _energy(view: DayView) -> Section:
    charts = [
        _chart(
            view,
            f"supply_{carrier}",
            f"What supplies {carrier} by hour",
            supply.supply(view, carrier),
            partial(supply.supply_sentence, view, carrier),
        )
        for carrier in CARRIERS
    ]
    return Section("energy", "Electricity and heat", tuple(charts))


def _stores_and_moved(view: DayView) -> Section:
    charts = [
        _chart(
            view,
            "stores",
            "Stored energy by hour",
            stores.stores(view),
            lambda: stores.stores_sentence(view),
        )
    ]
    for carrier in CARRIERS:
        figure = moved.moved(view, carrier)
        if figure is not None or carrier == "electricity":
            charts.append(
                _chart(
                    view,
                    f"moved_{carrier}",
                    f"Load of {carrier} moved to other hours",
                    figure,
                    partial(moved.moved_sentence, view, carrier),
                )
            )
    return Section("flexibility", "Stores and load that moves", tuple(charts))


def _exchange(view: DayView) -> Section:
    charts = [
        _chart(
            view,
            "retailer",
            "Trade with the retailer by hour",
            exchange.retailer(view),
            lambda: exchange.retailer_sentence(view),
        )
    ]
    by_home = exchange.retailer_by_home(view)
    if by_home is not None:
        title = "Each home's trade with the retailer by hour"
        charts.append(Chart("retailer_by_home", title, _SHADES, by_home))
    if len(view.homes) > 1:
        for column, what in (("pool_kw", "electricity"), ("pool_heat_kw", "heat")):
            charts.append(
                _chart(
                    view,
                    column.removesuffix("_kw"),
                    f"{what.capitalize()} between homes by hour",
                    exchange.pool(view, column),
                    partial(exchange.pool_sentence, view, column),
                )
            )
    return Section("exchange", "Exchange with the retailer and between homes", tuple(charts))


def _money(view: DayView) -> Section:
    chart = _chart(
        view,
        "money",
        "Money by home and item",
        money.money(view),
        lambda: money.money_sentence(view),
    )
    return Section("money", "Money", (chart, home_table(view)))


def _emissions(view: DayView) -> Section:
    chart = _chart(
        view,
        "emissions",
        "Emissions by hour and source",
        money.emissions(view),
        lambda: money.emissions_sentence(view),
    )
    return Section("emissions", "Emissions", (chart,))


def home_table(view: DayView) -> DataTable:
    """Return money, trade and emission of every home."""
    paid = money_by_home(view.tables, view.way)
    dt_h = view.dt_h
    traded = view.tables["exchange"].groupby("home")
    burnt = view.tables["dispatch"].groupby("home")["emission_kg"].sum()
    unserved = view.tables["demand_response"].groupby("home")["unserved_kw"].sum() * dt_h
    used = [item for item in money.ITEMS if np.abs(paid[item]).max() > 0.0]
    by_item: dict[Any, dict[Any, float]] = paid.to_dict("index")
    records: list[dict[str, Any]] = []
    for home in view.homes:
        rows = traded.get_group(home)
        records.append(
            {
                "home": home,
                **by_item[home],
                "net": sum(by_item[home].values()),
                "bought_kwh": dt_h * float(rows["import_kw"].sum()),
                "sold_kwh": dt_h * float(rows["export_kw"].sum()),
                "pool_kwh": dt_h * float(rows["pool_kw"].sum()),
                "pool_heat_kwh": dt_h * float(rows["pool_heat_kw"].sum()),
                "unserved_kwh": float(unserved.get(home, 0.0)),
                "emission_kg": float(rows["emission_kg"].sum()) + float(burnt.get(home, 0.0)),
            }
        )
    unit = view.currency
    columns = (
        Column("home", "Home"),
        *(Column(item, f"{money.ITEMS[item][0].capitalize()}, {unit}", 2) for item in used),
        Column("net", f"Net, {unit}", 2),
        Column("bought_kwh", "Bought, kWh", 1),
        Column("sold_kwh", "Sold, kWh", 1),
        Column("pool_kwh", "To other homes, kWh", 1),
        Column("pool_heat_kwh", "Heat to other homes, kWh", 1),
        Column("unserved_kwh", "Unserved, kWh", 2),
        Column("emission_kg", "Emission, kg", 2),
    )
    return data_table("homes", "Homes: paid is positive, received negative", columns, records)


def device_table(view: DayView) -> DataTable:
    """Return the energy of every device over the day."""
    rows = view.tables["dispatch"]
    names = ["p_kw", "heat_kw", "fuel_kw", "unserved_kw", "up_kw", "curtailed_kw"]
    found = rows.groupby(["home", "device", "kind"], sort=False)
    energies = found[names].sum(min_count=1) * view.dt_h
    energies["emission_kg"] = found["emission_kg"].sum(min_count=1)
    records = [
        {**record, "kind": NAMES.get(record["kind"], record["kind"])}
        for record in lookup.records(energies.reset_index())
    ]
    columns = (
        Column("home", "Home"),
        Column("device", "Device"),
        Column("kind", "Kind"),
        Column("p_kw", "Electricity, kWh", 2),
        Column("heat_kw", "Heat, kWh", 2),
        Column("fuel_kw", "Gas, kWh", 2),
        Column("unserved_kw", "Unserved, kWh", 2),
        Column("up_kw", "Moved, kWh", 2),
        Column("curtailed_kw", "Curtailed, kWh", 2),
        Column("emission_kg", "Emission, kg", 3),
    )
    caption = "Devices over the day: what they give is positive, what they take negative"
    return data_table("devices", caption, columns, records, folded=True)


def hour_table(view: DayView) -> DataTable:
    """Return prices, trade, demand and emission of all homes by hour."""
    traded = view.tables["exchange"].groupby("hour")
    burnt = view.tables["dispatch"].groupby("hour")["emission_kg"].sum()
    electric = supply.served(view, "electricity", view.homes)
    heat = supply.served(view, "heat", view.homes)
    records = [
        {
            "hour": str(t),
            "buy_per_kwh": float(rows["buy_per_kwh"].iloc[0]),
            "sell_per_kwh": float(rows["sell_per_kwh"].iloc[0]),
            "import_kw": float(rows["import_kw"].sum()),
            "export_kw": float(rows["export_kw"].sum()),
            "pool_kw": float(rows["pool_kw"].clip(lower=0.0).sum()),
            "pool_heat_kw": float(rows["pool_heat_kw"].clip(lower=0.0).sum()),
            "electricity_kw": float(electric.iloc[k]),
            "heat_kw": float(heat.iloc[k]),
            "emission_kg": float(rows["emission_kg"].sum()) + float(burnt.get(t, 0.0)),
        }
        for k, (t, rows) in enumerate(traded)
    ]
    columns = (
        Column("hour", view.hour.capitalize()),
        Column("buy_per_kwh", f"Purchase, {view.currency}/kWh", 4),
        Column("sell_per_kwh", f"Sale, {view.currency}/kWh", 4),
        Column("import_kw", "Bought, kW", 2),
        Column("export_kw", "Sold, kW", 2),
        Column("pool_kw", "Between homes, kW", 2),
        Column("pool_heat_kw", "Heat between homes, kW", 2),
        Column("electricity_kw", "Demand served, kW", 2),
        Column("heat_kw", "Heat served, kW", 2),
        Column("emission_kg", "Emission, kg", 3),
    )
    return data_table("hours", "All homes by hour", columns, records, folded=True)
