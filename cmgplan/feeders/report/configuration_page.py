"""The page of a reconfiguration: the feeder before and after, voltages, losses, proof."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

from cmgplan.feeders.report.configuration_map import feeder_maps, switch_table
from cmgplan.page.data_table import Column, data_table
from cmgplan.page.lookup import records
from cmgplan.page.page import render
from cmgplan.page.parts import Box, Chart, Note, Overview, Part, Section
from cmgplan.page.style import (
    WITH,
    WITHOUT,
    category_axis,
    finish,
    hour_axis,
    labels,
    line,
)
from cmgplan.page.wording import amount, change, counted, number
from cmgplan.run.tables import Tables

UNITS = {"loss": "kW", "day": "kWh", "ens": "kW"}

TITLES = {
    "loss": "the radial configuration of least loss",
    "day": "the radial configurations of a day",
    "ens": "the radial configuration after a fault",
}

MODEL = (
    "Loads are of constant power. Every bus is fed over exactly one way; sources hold their "
    "voltages, and their limits and costs do not count.",
    "The value is the exact power flow of the configuration, confirmed by Newton's method on a "
    "matrix that another program builds. The bound comes from a mixed-integer cone program of all "
    "radial configurations within the limits; none can fall below it.",
)


def render_page(summary: Mapping[str, Any], tables: Tables) -> str:
    """Return the page of a run.

    Parameters
    ----------
    summary
        Content of reconfiguration.json.
    tables
        Tables of the run by file stem.
    """
    aim = summary["aim"]
    buses, branches = tables["buses"], tables["branches"]
    about = (
        f"{counted(len(buses), 'bus', 'buses')}, {counted(len(branches), 'branch', 'branches')}: "
        f"{TITLES[aim]}."
    )
    return render(
        str(summary["name"]),
        about,
        _overview(summary, tables),
        [
            Section("feeder", "Feeder", tuple(feeder_maps(tables))),
            Section("switches", "Switches", (switch_table(tables),)),
            Section("voltage", "Voltages and losses", tuple(_values(summary, tables))),
            Section("proof", "Value and bound", (_course(summary, tables),)),
            Section("model", "What counts and what does not", (_notes(summary),)),
        ],
    )


def percent(share: float) -> str:
    """Return a share in per cent, to three digits after the point."""
    return f"{number(100.0 * share, 3)}\N{NO-BREAK SPACE}%"


def _gap(summary: Mapping[str, Any]) -> float:
    value, bound = float(summary["value"]), float(summary["bound"])
    return (value - bound) / value if value > 0.0 else 0.0


def _overview(summary: Mapping[str, Any], tables: Tables) -> Overview:
    aim, unit, gap = summary["aim"], UNITS[summary["aim"]], _gap(summary)
    value, bound = float(summary["value"]), float(summary["bound"])
    optimal = summary["status"] == "optimal"
    what = "sheds" if aim == "ens" else "loses"
    found = f"The configuration found {what} {amount(value, unit)}"
    verdict = f"{found}; none {what} less than {amount(bound, unit)}."
    verdict += (
        " It is optimal within the gap asked."
        if optimal
        else " It is not proven optimal: the gap asked was not reached."
    )
    given = _before(tables, summary)
    against = (
        f"As given the network loses {amount(given, unit)}, so {change(value, given)}."
        if given is not None and aim != "ens"
        else ""
    )
    boxes = (
        Box("Status", str(summary["status"]), optimal),
        Box("Gap", percent(gap), optimal),
        Box("Operations", str(summary["operations"]), True),
        Box("Least voltage", f"{tables['hours']['v_min_pu'].min():.4f}\N{NO-BREAK SPACE}pu", True),
        Box("Verified", "yes", True),
    )
    rows: list[dict[str, Any]] = [
        {"what": "as given", "value": given if aim != "ens" else None},
        {"what": "found", "value": value},
        {"what": "bound", "value": bound},
    ]
    head = "load shed" if aim == "ens" else "loss"
    totals = data_table(
        "totals",
        f"{head.capitalize()}, {unit}",
        [Column("what", "configuration"), Column("value", f"{head}, {unit}", 4)],
        [row for row in rows if row["value"] is not None],
    )
    return Overview(optimal, verdict, against, boxes, totals, (), tuple(summary["notes"]))


def _before(tables: Tables, summary: Mapping[str, Any]) -> float | None:
    """Return loss (or energy) of the network as given; None where it has none."""
    hourly = tables["hours"]["loss_before_kw"]
    if hourly.isna().any():
        return None
    return float(hourly.sum()) * (float(summary["dt_h"]) if summary["aim"] == "day" else 1.0)


# -- voltages, losses, proof ---------------------------------------------------------------------


def _values(summary: Mapping[str, Any], tables: Tables) -> list[Part]:
    parts: list[Part] = [_voltage(tables)]
    if summary["aim"] == "day":
        parts.append(_losses(summary, tables))
        parts.append(
            data_table(
                "hours",
                "By hour",
                [
                    Column("hour", "hour", 0),
                    Column("block", "block", 0),
                    Column("loss_before_kw", "loss as given, kW", 4),
                    Column("loss_kw", "loss, kW", 4),
                    Column("v_min_pu", "least voltage, pu", 5),
                ],
                records(tables["hours"]),
                folded=True,
            )
        )
    peak = tables["loads"].groupby("hour")["p_kw"].sum().idxmax()
    parts.append(
        data_table(
            "buses",
            "Buses" if summary["aim"] != "day" else f"Buses in hour {peak}, of greatest load",
            [
                Column("bus", "bus"),
                Column("p_kw", "load, kW", 3),
                Column("q_kvar", "load, kvar", 3),
                Column("served", "served", 4),
                Column("v_before_pu", "voltage as given, pu", 5),
                Column("v_pu", "voltage, pu", 5),
            ],
            records(tables["loads"][tables["loads"]["hour"] == peak]),
            folded=True,
        )
    )
    return parts


def _voltage(tables: Tables) -> Chart:
    peak = tables["loads"].groupby("hour")["p_kw"].sum().idxmax()
    rows = tables["loads"][tables["loads"]["hour"] == peak]
    names = labels(rows["bus"])
    figure = go.Figure()
    for column, what, look in (("v_before_pu", "as given", WITHOUT), ("v_pu", "as found", WITH)):
        if rows[column].notna().sum() > 1:
            figure.add_scatter(x=names, y=rows[column].tolist(), name=what, **line(look))
    lowest = rows["v_pu"].min()
    text = f"The lowest voltage is {lowest:.4f} pu"
    if rows["v_before_pu"].notna().all():
        text += f"; as given it was {rows['v_before_pu'].min():.4f} pu"
    finish(figure, 380, xaxis=category_axis("bus"), yaxis={"title": {"text": "voltage, pu"}})
    return Chart("voltages", "Voltages", f"{text}.", figure)


def _losses(summary: Mapping[str, Any], tables: Tables) -> Chart:
    hours, dt_h = tables["hours"], float(summary["dt_h"])
    figure = go.Figure()
    for column, what, look in (
        ("loss_before_kw", "as given", WITHOUT),
        ("loss_kw", "as found", WITH),
    ):
        if hours[column].notna().any():
            figure.add_scatter(
                x=hours["hour"].tolist(), y=hours[column].tolist(), name=what, **line(look)
            )
    worst = max(records(hours), key=lambda row: float(row["loss_kw"]))
    finish(figure, 380, xaxis=hour_axis(hours["hour"], dt_h), yaxis={"title": {"text": "loss, kW"}})
    text = f"Losses are greatest in hour {int(worst['hour'])}, {amount(worst['loss_kw'], 'kW')}."
    return Chart("losses", "Losses by hour", text, figure)


def _course(summary: Mapping[str, Any], tables: Tables) -> Chart:
    course, unit = tables["course"], UNITS[summary["aim"]]
    title, figure = "Value and bound over the time", go.Figure()
    if len(course) < 2:
        text = (
            f"Value and bound are {percent(_gap(summary))} apart; asked were "
            f"{percent(float(summary['gap_asked']))}."
        )
        return Chart("course", title, text, None)
    for column, what, look in (("value", "value held", WITH), ("bound", "bound", WITHOUT)):
        known = course.dropna(subset=[column])
        known = known[known[column] > 0.0]
        figure.add_scatter(
            x=known["wall_s"].tolist(),
            y=known[column].tolist(),
            name=what,
            **{**line(look), "line": {**line(look)["line"], "shape": "hv"}},
        )
    finish(
        figure,
        380,
        xaxis={"title": {"text": "time, s"}, "rangemode": "tozero"},
        yaxis={"title": {"text": f"{'load shed' if summary['aim'] == 'ens' else 'loss'}, {unit}"}},
    )
    last = float(course["wall_s"].max())
    text = (
        f"After {amount(last, 's')} value and bound are {percent(_gap(summary))} apart; asked were "
        f"{percent(float(summary['gap_asked']))}. A value alone proves nothing: branch exchange "
        "can stop at a local optimum."
    )
    return Chart("course", title, text, figure)


def _notes(summary: Mapping[str, Any]) -> Note:
    more = {
        "day": "The bound of several blocks is the sum of each block's own, which no limit of "
        "operations heeds; operations are counted from one block to the next.",
        "ens": "Least load is shed, then fewest switches are operated; what no branch reaches is "
        "shed whole.",
    }.get(summary["aim"])
    sentences = (*MODEL, *(() if more is None else (more,)), *map(str, summary["notes"]))
    return Note("Model", sentences)
