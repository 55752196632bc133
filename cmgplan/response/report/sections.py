"""Sections of a page of demand response, each with sentences worked out from the run."""

from __future__ import annotations

from typing import Any

from cmgplan.homes.report.figures.moved import moved_by_way
from cmgplan.homes.report.figures.supply import Carrier, sources
from cmgplan.page.data_table import Column, DataTable, data_table
from cmgplan.page.parts import Chart, Note, Section
from cmgplan.page.wording import amount, in_hours, in_intervals, short_name
from cmgplan.response.report import figures
from cmgplan.response.report.overview import behind, percent
from cmgplan.response.report.under_emax import bought_kg, own_kg
from cmgplan.response.report.view import CARRIERS, ResponseView, short

MODEL = (
    (
        "Profit",
        "Served load at the forecast and served heat at its value (a constant), sales less "
        "purchases and gas, cost of moved and value of unserved load, and the weighted price of "
        "emissions; the same for every method.",
    ),
    (
        "Policies",
        "Under emission and both, Emax limits the emission of a home's own engines and boilers; "
        "load leaves only hours above the mean intensity, or above the adjustment price.",
    ),
    (
        "Prices",
        "The clearing price is what a kWh more would cost with every on/off choice held, the "
        "price of emissions included. Homes settle at it.",
    ),
    (
        "Bids at random",
        "Every bid uniform in the range that the published equations give it, 200 times, with "
        "the quantities of the day: what prices look like when nothing is optimised.",
    ),
)
"""What the model assumes, as the page says it."""


def methods(view: ResponseView) -> Section:
    """Return convergence, and what the profit of each method is made of."""
    chart = Chart(
        "convergence",
        "Best profit against evaluations",
        _convergence_sentence(view),
        figures.convergence(view),
    )
    return Section("convergence", "Methods", (chart, parts_table(view)))


def _convergence_sentence(view: ResponseView) -> str:
    record = view.record
    searches = [n for n in record.methods if n not in ("exact", "rules")]
    if not searches:
        return "No method that searches was run; add --method de, bat or pso."
    ranked = sorted(searches, key=lambda name: behind(record, name))
    told = [
        f"{short(n)} ends {amount(behind(record, n), record.currency)} behind the exact answer "
        f"on the mean of {record.methods[n].runs} (deviation "
        f"{amount(record.methods[n].profit_sd, record.currency)})"
        for n in ranked
    ]
    return f"{'; '.join(told)}."


def parts_table(view: ResponseView) -> DataTable:
    """Return the parts of every method's profit."""
    unit = view.record.currency
    records: list[dict[str, Any]] = []
    for name, told in view.record.methods.items():
        parts = told.profit.model_dump()
        weighted = parts["emission_weight"] * parts["penalties"]
        records.append({"method": short(name), **parts, "weighted": weighted})
    heads = {
        "served": "Served, a constant",
        "sales": "Sales",
        "purchases": "Purchases",
        "gas": "Gas",
        "shift": "Load moved",
        "unserved": "Unserved",
        "peak": "Peak charge",
        "value": "Jobs and energy left",
        "weighted": "Price of emissions",
        "total": "Profit",
    }
    rare = [key for key in ("peak", "value") if all(row[key] == 0.0 for row in records)]
    heads = {key: head for key, head in heads.items() if key not in rare}
    columns = (
        Column("method", "Method"),
        *(Column(key, f"{head}, {unit}", 2) for key, head in heads.items()),
    )
    return data_table("profit", "Profit of each method's best day by part", columns, records)


def response(view: ResponseView) -> Section:
    """Return how much load moves, by home and method."""
    days = list(view.days.values())
    charts = (
        Chart(
            "moved_by_home",
            "Electricity that arrives (DR+) and leaves (DR-) by home and method",
            _moved_sentence(view),
            figures.moved_energy(view),
        ),
        Chart(
            "moved_by_hour",
            "Load of electricity of all homes before and after",
            _dear_sentence(view),
            moved_by_way(days, [short(way) for way in view.days], "electricity"),
        ),
    )
    return Section("response", "Demand response", charts)


def _moved_sentence(view: ResponseView) -> str:
    moved: dict[str, dict[str, float]] = view.record.claims["moved"]
    told = []
    for way, homes in moved.items():
        if not homes:
            continue
        most = max(homes, key=lambda home: homes[home])
        shares = ", ".join(f"{short_name(h)} {percent(s)}" for h, s in homes.items())
        told.append(f"{short(way)}: {shares} of the load (most in {short_name(most)})")
    if not told:
        return "No home has electric load."
    return f"Of the day's electric load leaves its hour, by method: {'; '.join(told)}."


def _dear_sentence(view: ResponseView) -> str:
    dear = view.record.claims["dear"]["exact"]
    told = [
        f"{short_name(home)} from {percent(s['before'])} to {percent(s['after'])}"
        for home, s in dear.items()
    ]
    if not told:
        return "No home has electric load."
    return (
        "Share of what the load costs at the forecast that falls into hours above its mean, "
        f"before and after in the exact answer: {', '.join(told)}."
    )


def supply(view: ResponseView) -> Section:
    """Return what supplies electricity and heat, by method."""
    charts = tuple(
        Chart(
            f"sources_{carrier}",
            f"What supplies {carrier}, by method",
            _source_sentence(view, carrier),
            figures.source_shares(view, carrier),
        )
        for carrier in CARRIERS
    )
    return Section("sources", "Electricity and heat by source", charts)


def _source_sentence(view: ResponseView, carrier: Carrier) -> str:
    told = []
    for way, day in view.days.items():
        given = {
            name: float(series.clip(lower=0.0).sum())
            for name, series in sources(day, carrier, day.homes).items()
        }
        whole = sum(given.values())
        if whole > 0.0:
            most = max(given, key=lambda name: given[name])
            told.append(f"{short(way)} {most}, {percent(given[most] / whole, 0)}")
    return f"Most comes from: {'; '.join(told)}." if told else f"Nothing supplies {carrier}."


def emissions(view: ResponseView) -> Section:
    """Return emissions of each home against Emax, by method."""
    chart = Chart(
        "emax",
        in_intervals("Emission of each home by hour against Emax", view.first.dt_h),
        in_intervals(_emission_sentence(view), view.first.dt_h),
        figures.emissions(view),
    )
    return Section("emax", "Emissions against Emax", (chart, _emax_table(view)))


def _emission_sentence(view: ResponseView) -> str:
    emax = {h: v for h, v in view.record.emax_kg_per_h.items() if v is not None}
    if not emax:
        return "The case gives no home an Emax."
    own, bought = own_kg(view.tables, "exact"), bought_kg(view.tables, "exact")
    over = []
    for home, limit in emax.items():
        kg = (own + bought)[home]
        late = [int(t) for t in kg.index[kg > limit * view.first.dt_h + 1e-6]]
        if late:
            over.append(f"{short_name(home)} in {in_hours(late)}")
    text = "Solid is own emission, dotted that of the exact answer with what it buys."
    if not over:
        return f"{text} In the exact answer every home stays within Emax in every hour, so counted."
    return f"{text} In the exact answer purchases counted, above Emax: {'; '.join(over)}."


def _emax_table(view: ResponseView) -> DataTable:
    records = []
    for way, shares in view.record.share_under_emax.items():
        under = view.record.claims["emission_under"][way]
        for home, told in shares.homes.items():
            mean = under.get(home, {})
            records.append(
                {
                    "method": short(way),
                    "home": home,
                    "policy": view.record.policies[home],
                    "emax": view.record.emax_kg_per_h[home],
                    "own": None if told.own is None else 100.0 * told.own,
                    "total": None if told.total is None else 100.0 * told.total,
                    "under_own": 100.0 * mean["own"] if mean else None,
                    "under_total": 100.0 * mean["total"] if mean else None,
                }
            )
    columns = (
        Column("method", "Method"),
        Column("home", "Home"),
        Column("policy", "Policy"),
        Column("emax", "Emax, kg/h", 3),
        Column("own", "Hours within it, own, %", 0),
        Column("total", "with what is bought, %", 0),
        Column("under_own", "Mean under it, own, %", 0),
        Column("under_total", "with what is bought, %", 0),
    )
    return data_table("under_emax", "Emission against Emax", columns, records)


def assumptions() -> Section:
    """Return what the model assumes."""
    notes = tuple(Note(title, (text,)) for title, text in MODEL)
    return Section("model", "What this rests on", notes)
