"""The page of an optimum."""

from __future__ import annotations

from typing import Any

from cmgplan.homes.day.totals import DayTotals
from cmgplan.homes.optimum.run_record import OptimumRecord
from cmgplan.homes.report.day_sections import day_sections
from cmgplan.homes.report.figures.front import front_figure, front_sentence
from cmgplan.homes.report.figures.view import DayView
from cmgplan.page.data_table import Column, DataTable, data_table
from cmgplan.page.page import render
from cmgplan.page.parts import Box, Chart, Overview, Section
from cmgplan.page.wording import amount, counted, named
from cmgplan.run.tables import Tables

WAY = "optimum"

WITH_UNSERVED = "Cost with unserved load"

WITHOUT_UNSERVED = "Cost without unserved load"

AT_ITS_VALUE = "Load unserved, at its value"

LEAST_KWH = 0.01
"""Energy under which no load counts as unserved."""

MODEL = (
    ("Owner", "One party owns everything: what homes give each other is not paid for."),
    (
        "Balances",
        "Electricity and heat balance in every home and hour; trade between homes has no "
        "losses. Heat may be dumped and renewables curtailed freely.",
    ),
    (
        WITH_UNSERVED,
        "Purchases less sales, gas, the cost of moving load, and the value of load that "
        "nothing serves.",
    ),
    (
        "Emission",
        "That of gas, of plants with an emission of their own, and of electricity "
        "bought; what is sold takes nothing off. Quadratic emissions are tangents in the model and "
        "exact in every number shown.",
    ),
)
"""What the model assumes, as the page says it."""


def render_page(record: OptimumRecord, tables: Tables, sources: str = "") -> str:
    """Return the page of an optimum.

    Parameters
    ----------
    record
        Content of run.json.
    tables
        Tables of the run by file stem.
    sources
        Text of the case's SOURCES.md.
    """
    case = record.case
    view = DayView.of(tables, WAY, case.hours, case.dt_h, record.currency)
    day = "" if case.day is None else f" of {case.day}"
    about = (
        f"Case {case.name}, {counted(case.hours, 'interval')} of {case.dt_h:g} h{day}, counted "
        f"from 0. {counted(len(case.homes), 'home')}: {named(case.homes)}. The one-owner optimum: "
        "the day as one party that owns everything would run it."
    )
    fronts = () if record.front is None else (_front(record, tables),)
    return render(
        case.title or case.name,
        about,
        overview(record, view.totals()),
        (*fronts, *day_sections(view), _assumptions(record)),
        sources,
    )


def overview(record: OptimumRecord, totals: DayTotals) -> Overview:
    """Return the first screen: is it proven and verified, what does it cost and emit."""
    unit, proven = record.currency, record.status == "optimal"
    gap = "no gap is known" if record.gap is None else f"a gap of {percent(record.gap)}"
    found = (
        f"Proven to within {percent(record.gap or 0.0)}: no day of these homes "
        f"{_is_better(record)} by more than that."
        if proven
        else f"Time ran out: the day holds every limit, but only {gap} is proven."
    )
    verdict = f"{found} Verified: devices, balances and accounts were worked out again."
    unserved_kwh = totals.unserved_electricity_kwh + totals.unserved_heat_kwh
    against = (
        f"The day costs {amount(record.cost, unit)} and emits {amount(record.emission_kg, 'kg')}"
    )
    missing = f", and leaves {amount(unserved_kwh, 'kWh')} unserved"
    against += f"{missing}." if unserved_kwh >= LEAST_KWH else "."
    shown = "not known" if record.gap is None else percent(record.gap)
    boxes = [
        Box("Verified", "passed", True),
        Box("Gap", shown, proven),
        Box(WITH_UNSERVED, amount(record.cost, unit), True),
        Box("Emission", amount(record.emission_kg, "kg"), True),
        Box("Unserved", amount(unserved_kwh, "kWh"), unserved_kwh < LEAST_KWH),
    ]
    if record.front is not None:
        boxes.append(Box("Chosen", f"point {record.point} of {len(record.front)} (fuzzy)", True))
    warnings = tuple(f"{text[0].upper()}{text[1:]}." for text in record.warnings if text)
    return Overview(
        good=proven,
        verdict=verdict,
        against=against,
        boxes=tuple(boxes),
        totals=totals_table(record, totals),
        faults=(),
        warnings=warnings,
    )


def percent(share: float) -> str:
    """Return a gap in percent, with as many digits as it needs."""
    value = 100.0 * share
    text = f"{value:.4f}" if value >= 1e-4 or value == 0.0 else f"{value:.0e}"
    text = text.rstrip("0").rstrip(".") if "e" not in text else text
    return f"{text}\N{NO-BREAK SPACE}%"


def _is_better(record: OptimumRecord) -> str:
    """Say what no other day can be."""
    if record.options.emission_weight > 0.0:
        return "has cost and priced emissions together lower"
    return "that emits as little is cheaper" if record.front is not None else "is cheaper"


def totals_table(record: OptimumRecord, totals: DayTotals) -> DataTable:
    """Return what the cost is made of, and the energies beside it."""
    unit, priced = record.currency, record.options.emission_weight > 0.0
    bound_of = f"Lower bound of the {'objective' if priced else 'cost with unserved load'}"
    worth = [(AT_ITS_VALUE, totals.unserved, None)] if totals.unserved > 0.0 else []
    rows: list[tuple[str, float | None, float | None]] = [
        ("Purchases from the retailer", totals.purchases, totals.import_kwh),
        ("Sales to the retailer", 0.0 - totals.sales, totals.export_kwh),
        ("Gas", totals.gas, totals.gas_kwh),
        ("Load moved to other hours", totals.shift, totals.moved_kwh),
        ("Electricity unserved", None, totals.unserved_electricity_kwh),
        ("Heat unserved", None, totals.unserved_heat_kwh),
        (WITHOUT_UNSERVED, totals.served_cost, None),
        *worth,
        (WITH_UNSERVED, record.cost, None),
        (bound_of, record.bound, None),
        ("Electricity between homes", None, totals.pool_kwh),
        ("Heat between homes", None, totals.pool_heat_kwh),
        ("Heat dumped", None, totals.dumped_kwh),
        ("Renewables curtailed", None, totals.curtailed_kwh),
    ]
    extra = [
        ("Peak charge", totals.peak),
        ("Value of optional jobs and of energy left", 0.0 - totals.value),
    ]
    at = next(k for k, row in enumerate(rows) if row[0] == WITHOUT_UNSERVED)
    rows[at:at] = [(name, money, None) for name, money in extra if money != 0.0]
    if priced:
        at = next(k for k, row in enumerate(rows) if row[0] == WITH_UNSERVED) + 1
        price = record.options.emission_weight * record.emission_kg
        rows[at:at] = [("Price of emissions", price, None), ("Objective", record.objective, None)]
    columns = (
        Column("quantity", "Over the day"),
        Column("money", unit, 2),
        Column("kwh", "kWh", 1),
    )
    records: list[dict[str, Any]] = [
        {"quantity": name, "money": money, "kwh": kwh} for name, money, kwh in rows
    ]
    return data_table("totals", "Totals of all homes", columns, records)


def _front(record: OptimumRecord, tables: Tables) -> Section:
    """Return the front as a chart and a table."""
    rows, unit = tables["front"], record.currency
    columns = (
        Column("point", "Point", 0),
        Column("status", "Status"),
        Column("cost", f"{WITH_UNSERVED}, {unit}", 3),
        Column("emission_kg", "Emission, kg", 3),
        Column("bound", f"Bound of cost, {unit}", 3),
        Column("gap_percent", "Gap, %", 4),
        Column("mu_cost", "Membership of cost", 4),
        Column("mu_emission", "Membership of emission", 4),
        Column("mu_min", "Least", 4),
    )
    records = [
        {**{str(key): value for key, value in row.items()}, "gap_percent": 100.0 * row["gap"]}
        for row in rows.to_dict("records")
    ]
    marked = next((k for k, row in enumerate(records) if row["selected"] == 1), None)
    chart = Chart(
        "front", "Cost against emission", front_sentence(rows, unit), front_figure(rows, unit)
    )
    table = data_table("front", "Points of the front", columns, records, marked=marked)
    return Section("front", "Front of cost against emission", (chart, table))


def _assumptions(record: OptimumRecord) -> Section:
    """Return options, model and versions."""
    options = record.options
    rows = [
        ("emission_weight", f"{options.emission_weight:g} {record.currency}/kg"),
        ("front", "one optimum" if options.front is None else f"{options.front} points"),
        ("gap", percent(options.gap)),
        ("time_limit_s", f"{options.time_limit_s:g} s"),
        *((f"time: {name}", f"{seconds:.2f} s") for name, seconds in record.wall_s.items()),
        *((f"version: {name}", version) for name, version in record.versions.items()),
    ]
    columns = (Column("name", "Option"), Column("value", "Value"))
    table = data_table(
        "options",
        "How it was sought",
        columns,
        [{"name": name, "value": value} for name, value in rows],
    )
    heads = (Column("what", "What"), Column("how", "How it is taken"))
    model = data_table("model", "The model", heads, [{"what": a, "how": b} for a, b in MODEL])
    return Section("assumptions", "What is assumed", (model, table))
