"""Days of homes laid beside each other, whichever system ran them: page, table and summary."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from cmgplan.errors import InputError
from cmgplan.homes.day.totals import DayTotals, money_by_home
from cmgplan.homes.report.figures.money import ITEMS
from cmgplan.homes.report.figures.view import LEAST, DayView, drawn, rounded
from cmgplan.homes.report.run_record import About
from cmgplan.page.data_table import Column, DataTable, data_table
from cmgplan.page.page import render
from cmgplan.page.parts import Box, Chart, Overview, Section
from cmgplan.page.style import BLACK, DASHES, SERIES, SYMBOLS, label, labels, rows_height
from cmgplan.page.wording import amount, change, in_intervals, named
from cmgplan.run.comparison import COMPARISON, LEAST_RUNS, beside
from cmgplan.run.folder import jsonable, prepare, write_folder
from cmgplan.run.tables import guarded
from cmgplan.version import __version__

QUANTITIES = (
    ("cost", "Cost with unserved load", "money", 2),
    ("served_cost", "Cost without unserved load", "money", 2),
    ("purchases", "Purchases", "money", 2),
    ("sales", "Sales", "money", 2),
    ("gas", "Gas", "money", 2),
    ("peak", "Peak charge", "money", 2),
    ("shift", "Cost of load moved", "money", 2),
    ("unserved", "Load unserved, at its value", "money", 2),
    ("value", "Value of optional jobs and of energy left", "money", 2),
    ("emission_kg", "Emission", "kg", 2),
    ("import_kwh", "Bought", "kWh", 1),
    ("export_kwh", "Sold", "kWh", 1),
    ("gas_kwh", "Gas burnt", "kWh", 1),
    ("pool_kwh", "Electricity between homes", "kWh", 1),
    ("pool_heat_kwh", "Heat between homes", "kWh", 1),
    ("moved_kwh", "Load moved", "kWh", 1),
    ("unserved_electricity_kwh", "Electricity unserved", "kWh", 1),
    ("unserved_heat_kwh", "Heat unserved", "kWh", 1),
    ("dumped_kwh", "Heat dumped", "kWh", 1),
    ("curtailed_kwh", "Renewables curtailed", "kWh", 1),
)
"""Key of ``DayTotals``, name, unit and digits of everything that is compared."""


FEW = 3
"""Days that stand side by side in a table."""


@dataclass(frozen=True)
class ComparedDay:
    """One way that a run holds, under the name that the comparison gives it."""

    name: str
    about: About
    view: DayView

    @property
    def totals(self) -> DayTotals:
        """Totals of the day."""
        return self.view.totals()


@dataclass(frozen=True)
class WrittenDays:
    """A written comparison: where it stands, its table of totals, and what it warns of."""

    folder: Path
    table: pd.DataFrame
    notes: tuple[str, ...]


def compare_days(days: Sequence[ComparedDay], first: Path, out: Path | None = None) -> WrittenDays:
    """Write a comparison of days; differences are to the first of them.

    Parameters
    ----------
    days
        Two or more days, of one currency and with hours of one length.
    first
        Folder of the first run; the comparison stands beside it by default.
    out
        Where it is written.

    Raises
    ------
    InputError
        The days cannot be compared, or something other than a comparison stands in the place.
    """
    _require_alike(days)
    place = beside(first, "compare") if out is None else out
    prepare(place, COMPARISON)
    table, notes = totals_table(days), tuple(_notes(days))

    def fill(folder: Path) -> None:
        (folder / "compare.html").write_text(_page(days, table, notes), encoding="utf-8")
        named_table = table.rename(columns=lambda name: str(guarded(name)))
        named_table.to_csv(folder / "compare.csv", index=False, float_format="%.10g")
        about = {
            "format": "cmgplan-compare-homes",
            "version": 1,
            "cmgplan": __version__,
            "runs": [
                {"name": d.name, "way": d.view.way, "case": d.about.model_dump()} for d in days
            ],
            "notes": notes,
            "totals": table.to_dict("records"),
        }
        text = json.dumps(jsonable(about), indent=2, allow_nan=False, ensure_ascii=False)
        (folder / COMPARISON.marker).write_text(f"{text}\n", encoding="utf-8")

    return WrittenDays(write_folder(place, COMPARISON, fill), table, notes)


def totals_table(days: Sequence[ComparedDay]) -> pd.DataFrame:
    """Return quantity, unit, the totals of every day, and each one's difference to the first."""
    totals = [day.totals for day in days]
    rows = []
    for key, name, unit, _ in QUANTITIES:
        values = [float(getattr(total, key)) for total in totals]
        row: dict[str, Any] = {
            "quantity": name,
            "unit": days[0].view.currency if unit == "money" else unit,
        }
        row |= {day.name: value for day, value in zip(days, values, strict=True)}
        row |= {
            f"difference, {day.name}": value - values[0]
            for day, value in zip(days[1:], values[1:], strict=True)
        }
        rows.append(row)
    return pd.DataFrame(rows)


def _require_alike(days: Sequence[ComparedDay]) -> None:
    """Raise InputError unless days can be laid beside each other."""
    if len(days) < LEAST_RUNS:
        raise InputError("one run cannot be compared with itself; give two or more runs")
    first = days[0]
    for day in days[1:]:
        for what, mine, other in (
            ("currency", first.view.currency, day.view.currency),
            ("length of an interval in h", first.about.dt_h, day.about.dt_h),
            ("number of intervals", first.about.hours, day.about.hours),
        ):
            if mine != other:
                raise InputError(
                    f"{day.name} cannot be compared with {first.name}: the {what} is {other} and "
                    f"{mine}; give runs of one case"
                )


def _notes(days: Sequence[ComparedDay]) -> list[str]:
    """Return what a reader of the differences must know."""
    first = days[0]
    notes = []
    other = [day.name for day in days[1:] if day.about.sha256 != first.about.sha256]
    if other:
        text = f"The case of {named(other)} is not that of {first.name}: differences are of both."
        notes.append(text)
    homes = set(first.view.homes)
    part = [day.name for day in days[1:] if set(day.view.homes) < homes]
    if part:
        have = "has" if len(part) == 1 else "have"
        notes.append(f"{named(part)} {have} fewer homes than {first.name}: totals are of those.")
    return notes


def _page(days: Sequence[ComparedDay], table: pd.DataFrame, notes: tuple[str, ...]) -> str:
    """Return the page of a comparison."""
    first, unit = days[0], days[0].view.currency
    costs = [day.totals.cost for day in days]
    told = [
        f"{day.name} costs {amount(cost, unit)} ({change(cost, costs[0])})"
        for day, cost in zip(days[1:], costs[1:], strict=True)
    ]
    verdict = f"{first.name} costs {amount(costs[0], unit)}; {'; '.join(told)}."
    if any(day.totals.unserved > LEAST for day in days):
        verdict += " Load that nothing serves counts at its value."
    boxes = tuple(Box(day.name, amount(c, unit), True) for day, c in zip(days, costs, strict=True))
    top = Overview(True, verdict, "", boxes, _shown(days, table), (), notes)
    about = f"Days of homes beside each other: {named([day.name for day in days])}."
    charts = (
        Chart("costs", "Cost by item", _costs_sentence(days), _costs(days)),
        Chart(
            "trade",
            in_intervals("Trade with the retailer by hour", first.about.dt_h),
            "All homes together; what is bought is positive, what is sold negative.",
            _by_hour(days, _net_trade, "bought (+), sold (\N{MINUS SIGN}), kW"),
        ),
        Chart(
            "stored",
            in_intervals("Stored energy by hour", first.about.dt_h),
            "All batteries, heat stores and cars together.",
            _by_hour(days, _stored, "stored at the end, kWh"),
        ),
    )
    return render(
        f"Comparison: {first.about.title or first.about.name}",
        about,
        top,
        (Section("costs", "Money", charts[:1]), Section("hours", "By hour", charts[1:])),
    )


def _shown(days: Sequence[ComparedDay], table: pd.DataFrame) -> DataTable:
    """Return the totals as a table of the page: many days as rows, few as columns."""
    if len(days) > FEW:
        heads = [Column("day", "Day")]
        units = zip(QUANTITIES, table["unit"], strict=True)
        heads += [Column(key, f"{name}, {unit}", 2) for (key, name, *_), unit in units]
        rows: list[dict[str, Any]] = [
            {"day": day.name, **{key: float(getattr(day.totals, key)) for key, *_ in QUANTITIES}}
            for day in days
        ]
        return data_table("totals", "Totals of all homes", heads, rows)
    heads = [Column("quantity", "Over the day"), Column("unit", "Unit")]
    heads += [Column(str(name), str(name), 2) for name in table.columns[2:]]
    records = [{str(k): v for k, v in row.items()} for row in table.to_dict("records")]
    return data_table("totals", "Totals of all homes", heads, records)


def _costs(days: Sequence[ComparedDay]) -> go.Figure:
    """Bars of what all homes pay by item, one for each day."""
    unit = label(days[0].view.currency)
    paid = [
        money_by_home(day.view.tables, day.view.way).drop(columns="emission").sum() for day in days
    ]
    names = labels(day.name for day in days)
    figure = go.Figure()
    for item in paid[0].index.intersection(list(ITEMS)):
        name, colour, pattern = ITEMS[str(item)]
        values = [float(total[item]) for total in paid]
        if max(map(abs, values)) > LEAST:
            figure.add_bar(
                y=names,
                x=rounded(values),
                name=name,
                orientation="h",
                marker={"color": colour, "pattern": {"shape": pattern}},
                hovertemplate=f"%{{y}}: %{{x:,.2f}} {unit}<extra>{name}</extra>",
            )
    figure.add_scatter(
        y=names,
        x=rounded(total.sum() for total in paid),
        name="net",
        mode="markers",
        marker={"color": BLACK, "symbol": "diamond", "size": 9},
        hovertemplate=f"%{{y}}: %{{x:,.2f}} {unit}<extra>net</extra>",
    )
    axis = {"type": "category", "autorange": "reversed", "showgrid": False}
    height = rows_height(len(days), 230)
    x = {"title": {"text": f"paid, {unit}"}}
    return drawn(figure, height, barmode="relative", xaxis=x, yaxis=axis)


def _costs_sentence(days: Sequence[ComparedDay]) -> str:
    unit = days[0].view.currency
    cheapest = min(days, key=lambda day: day.totals.cost)
    cleanest = min(days, key=lambda day: day.totals.emission_kg)
    return (
        f"{cheapest.name} costs least, {amount(cheapest.totals.cost, unit)}; {cleanest.name} emits "
        f"least, {amount(cleanest.totals.emission_kg, 'kg')}."
    )


def _net_trade(view: DayView) -> pd.Series[float]:
    bought = view.sums("exchange", "import_kw", view.homes)
    return bought - view.sums("exchange", "export_kw", view.homes)


def _stored(view: DayView) -> pd.Series[float]:
    return view.sums("dispatch", "soc_kwh", view.homes)


def _by_hour(days: Sequence[ComparedDay], values: Any, title: str) -> go.Figure | None:
    """Return lines of one value by hour, one for each day; None where all are zero."""
    series = [values(day.view) for day in days]
    if not any((line.abs() > LEAST).any() for line in series):
        return None
    figure = go.Figure()
    for k, (name, line) in enumerate(zip(labels(day.name for day in days), series, strict=True)):
        figure.add_scatter(
            x=list(range(len(line))),
            y=rounded(line),
            name=name,
            mode="lines+markers",
            line={"color": SERIES[k % len(SERIES)], "dash": DASHES[k % len(DASHES)]},
            marker={"symbol": SYMBOLS[k % len(SYMBOLS)], "size": 6},
        )
    view = days[0].view
    return drawn(figure, 360, xaxis=view.axis(), yaxis={"title": {"text": title}})
