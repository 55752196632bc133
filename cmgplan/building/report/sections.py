"""Sections of a building's page: money, steps, exchange, sales."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cmgplan.building.report import figures
from cmgplan.building.report.overview import use_table
from cmgplan.building.report.run_record import ELECTRIC, STEP_NAMES, THERMAL
from cmgplan.building.report.view import (
    BuildingView,
    Series,
    electric_cover,
    engine_use,
    given_by_step,
    heat_cover,
    store_use,
)
from cmgplan.homes.day.totals import of_way
from cmgplan.page import lookup
from cmgplan.page.data_table import Column, DataTable, data_table
from cmgplan.page.parts import Chart, Section
from cmgplan.page.wording import amount, change, in_intervals, named
from cmgplan.run.tables import Tables

LITTLE_KWH = 0.005
"""Energy under which nothing is said."""

STEP_TITLES = {
    "E1": "balance of sun and wind with loads",
    "E2": "cars charge for their departure",
    "E3": "units with a surplus give others",
    "E4": "surplus into batteries",
    "E5": "batteries cover shortages with it",
    "E6": "own CHP",
    "E7": "others' CHP",
    "E8": "cars cover shortages",
    "E9": "spare CHP output into batteries",
    "E10": "batteries cover shortages",
    "E11": "purchases",
    "E12": "sale of surplus and spare CHP output",
    "E13": "sale from batteries",
    "T1": "balance of CHP and solar heat with loads",
    "T2": "units with surplus heat give others",
    "T3": "surplus into heat stores, own stores cover",
    "T4": "boilers and heat pumps",
    "T5": "others' heat stores",
}
"""What each step does."""

MODEL = (
    ("Steps", "Each acts on the whole day before the next begins, and none undoes another."),
    (
        "Coalition",
        "Within a step units give in proportion to what they have left, and get in proportion to "
        "what they are short of.",
    ),
    ("Alone", "The same rules, without trade between units."),
    (
        "Internal prices",
        "They move money between units and do not change what all of them pay together.",
    ),
    (
        "Cost",
        "Money paid, without the value of load that nothing serves; with it only where that is "
        "said.",
    ),
    (
        "Optimum",
        "One owner of all plant, under the same limits of sale, who pays for unserved load.",
    ),
)
"""What the model assumes, as the page says it."""


def _chart(view: BuildingView, name: str, title: str, sentence: str, figure: Any) -> Chart:
    dt_h = view.case.dt_h
    return Chart(name, in_intervals(title, dt_h), in_intervals(sentence, dt_h), figure)


def money(view: BuildingView) -> Section:
    """Return what every unit pays, in the coalition and alone."""
    record = view.record
    records = [
        {
            "unit": unit,
            "coalition": costs.coalition,
            "alone": costs.alone,
            "less": costs.alone - costs.coalition,
            "change": change(costs.coalition, costs.alone),
        }
        for unit, costs in record.units.items()
    ]
    gains = {unit: costs.alone - costs.coalition for unit, costs in record.units.items()}
    most = max(gains, key=lambda unit: gains[unit])
    sentence = f"{most} gains most by the coalition, {amount(gains[most], record.currency)}."
    if record.losers:
        lost = [f"{unit} {amount(-gains[unit], record.currency)}" for unit in record.losers]
        sentence += f" Some lose at its internal prices: {named(lost)}."
    unit = record.currency
    columns = (
        Column("unit", "Unit"),
        Column("coalition", f"Coalition, {unit}", 2),
        Column("alone", f"Alone, {unit}", 2),
        Column("less", f"Less in the coalition, {unit}", 2),
        Column("change", "Change"),
    )
    caption = "What units pay over the day, without the value of unserved load"
    chart = _chart(view, "unit_costs", "Money by unit", sentence, figures.unit_costs(view))
    return Section(
        "units", "Who pays what", (chart, data_table("units", caption, columns, records))
    )


def electricity(view: BuildingView) -> Section:
    """Return electricity by step: shortage, CHPs, batteries and cars."""
    charts = (
        _chart(
            view,
            "shortage_electricity",
            "Shortage of electricity by hour, and the step that covers it",
            _shortage_sentence(view, "electricity"),
            figures.electric_shortage(view),
        ),
        _chart(
            view,
            "engines",
            "CHP output by hour: used, sold and spare",
            _engine_sentence(view),
            figures.engines(view),
        ),
        _chart(
            view,
            "stores_by_step",
            "Batteries and cars by hour and step",
            _store_sentence(view),
            figures.stores(view),
        ),
    )
    return Section(
        "electricity_steps",
        "Electricity, step by step",
        (*charts, step_table(view), use_table(view)),
    )


def heat(view: BuildingView) -> Section:
    """Return heat by step."""
    chart = _chart(
        view,
        "shortage_heat",
        "Shortage of heat by hour, and the step that covers it",
        _shortage_sentence(view, "heat"),
        figures.heat_shortage(view),
    )
    return Section("heat_steps", "Heat, step by step", (chart,))


def _shortage_sentence(view: BuildingView, carrier: str) -> str:
    """Say how much is short at first, what covers it, and what nothing does, both ways."""
    told = []
    for way, of in view.ways.items():
        units = list(range(len(view.case.ids)))
        found = (electric_cover if carrier == "electricity" else heat_cover)(of, units)
        kwh = {name: view.kwh(values) for name, values in found.items()}
        whole = sum(kwh.values())
        if whole < LITTLE_KWH:
            told.append(f"{way}: nothing is short")
            continue
        parts = _parts({name: value for name, value in kwh.items() if name != "unserved"})
        text = f"{way}: {amount(whole, 'kWh')} short, covered by {parts or 'nothing'}"
        if kwh["unserved"] > LITTLE_KWH:
            text += f"; {amount(kwh['unserved'], 'kWh')} unserved"
        told.append(text)
    text = ". ".join(f"{line[0].upper()}{line[1:]}" for line in told)
    return f"{text}."


def _parts(kwh: Mapping[str, float]) -> str:
    """Return energies with their names, those that are something."""
    found = [f"{name} {amount(value, 'kWh')}" for name, value in kwh.items() if value > LITTLE_KWH]
    return ", ".join(found)


def _energies(view: BuildingView, series: Series) -> dict[str, float]:
    return {name: view.kwh(values) for name, values in series.items()}


def _engine_sentence(view: BuildingView) -> str:
    """Say what the CHPs' output is used for, both ways."""
    told, units = [], list(range(len(view.case.ids)))
    for way, of in view.ways.items():
        kwh = _energies(view, engine_use(view, of, units))
        if sum(kwh.values()) < LITTLE_KWH:
            return "No unit has a CHP."
        told.append(f"{way.capitalize()}: {_parts(kwh)}")
    return f"{'. '.join(told)}."


def _store_sentence(view: BuildingView) -> str:
    """Say what batteries and cars take and give, both ways."""
    told, units = [], list(range(len(view.case.ids)))
    for way, of in view.ways.items():
        kwh = _energies(view, store_use(of, units))
        taken = -sum(value for value in kwh.values() if value < 0.0)
        parts = _parts({name: value for name, value in kwh.items() if value > 0.0})
        if taken < LITTLE_KWH and not parts:
            continue
        text = f"{way.capitalize()}: {amount(taken, 'kWh')} taken"
        told.append(f"{text}; given: {parts}" if parts else text)
    return f"{'. '.join(told)}." if told else "No battery or car takes or gives anything."


def step_table(view: BuildingView) -> DataTable:
    """Return the energy of every step in both ways, and what is short after it."""
    records = []
    for step in STEP_NAMES:
        row: dict[str, Any] = {"step": step, "does": STEP_TITLES[step]}
        power, left = ("heat_kw", "left_heat_kw") if step in THERMAL else ("p_kw", "left_kw")
        for way, of in view.ways.items():
            row[way] = view.kwh(of.step(step, power))
            row[f"{way}_short"] = view.kwh(np.maximum(-of.step(step, left), 0.0))
        records.append(row)
    columns = (
        Column("step", "Step"),
        Column("does", "What it does"),
        Column("coalition", "Coalition, kWh", 2),
        Column("coalition_short", "Short after it, kWh", 2),
        Column("alone", "Alone, kWh", 2),
        Column("alone_short", "Alone, short after it, kWh", 2),
    )
    caption = "Every step over the day: given is positive, taken, stored and sold negative"
    return data_table("steps", caption, columns, records)


def exchange(view: BuildingView, tables: Tables) -> Section:
    """Return what units of the coalition give each other."""
    charts = []
    for carrier, column, steps in (
        ("electricity", "pool_kw", ELECTRIC),
        ("heat", "pool_heat_kw", THERMAL),
    ):
        given = given_by_step(view.ways["coalition"], column, steps)
        kwh = {figures.GIVEN.get(k, k): view.kwh(values) for k, values in given.items()}
        parts = _parts(kwh)
        total = amount(sum(kwh.values()), "kWh")
        text = f"Units give each other {total} of {carrier}: {parts}." if parts else ""
        charts.append(
            _chart(
                view,
                f"given_{carrier}",
                f"{carrier.capitalize()} between units by hour and step",
                text or f"Units give each other no {carrier}.",
                figures.given(view, carrier),
            )
        )
    return Section("between", "Exchange between units", (*charts, pair_table(view, tables)))


def pair_table(view: BuildingView, tables: Tables) -> DataTable:
    """Return who gave whom how much over the day, and for how much money."""
    paid = of_way(tables["accounts"], "coalition")
    rows = paid[paid["reason"] == "pool"]
    keys = ["to", "from", "carrier"]
    sums = rows.groupby(keys)[["kwh", "amount"]].sum().reset_index()
    records = [
        {**row, "price": row["amount"] / row["kwh"] if row["kwh"] else None}
        for row in lookup.records(sums)
    ]
    unit = view.record.currency
    columns = (
        Column("to", "Giver"),
        Column("from", "Taker"),
        Column("carrier", "Carrier"),
        Column("kwh", "Energy, kWh", 2),
        Column("amount", f"Paid, {unit}", 3),
        Column("price", f"Mean price, {unit}/kWh", 4),
    )
    caption = "Who gave whom how much, and for what"
    return data_table("pairs", caption, columns, records, folded=True)


def sales(view: BuildingView) -> Section:
    """Return sales and offers against the market price."""
    told = []
    for way, of in view.ways.items():
        sold = of.sold()
        kwh = {
            "CHP": view.kwh(sold.engine_kw),
            "batteries": view.kwh(sold.battery_kw),
            "sun and wind": view.kwh(sold.renewable_kw),
        }
        told.append(f"{way.capitalize()}: {_parts(kwh) or 'nothing'}")
    sentence = (
        f"Sold, {'. '.join(told)[0].lower()}{'. '.join(told)[1:]}. CHPs offer what is spare; the "
        "market takes the share that the case gives."
    )
    chart = _chart(
        view,
        "sales",
        "Sales and offers by hour against the market price",
        sentence,
        figures.sales(view),
    )
    return Section("sales", "Sales", (chart,))


def assumptions() -> Section:
    """Return what the model assumes."""
    rows = [{"what": what, "how": how} for what, how in MODEL]
    columns = (Column("what", "What"), Column("how", "How it is taken"))
    return Section("model", "What is assumed", (data_table("model", "The model", columns, rows),))
