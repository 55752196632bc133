"""The page of a study of reliability: indices, which line costs most, what a device would save."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from cmgplan.feeders.report.drawing import Drawn, map_of, places
from cmgplan.network.reliability.read import ReliableFeeder, ReliableLine
from cmgplan.page.data_table import Column, data_table
from cmgplan.page.lookup import records
from cmgplan.page.page import render
from cmgplan.page.parts import Box, Chart, Note, Overview, Section
from cmgplan.page.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PURPLE,
    VERMILLION,
    finish,
    labels,
    rows_height,
)
from cmgplan.page.wording import amount, counted, number
from cmgplan.run.tables import Tables

SHOWN = 25
"""Bars of a chart; the table has all."""

WORST = 0.5
"""Share of the costliest line's SAIDI from which a line is marked on the map."""

MODEL = (
    "All single faults of lines and transformers are gone through; rates and times are means.",
    "A fault opens the nearest breaker or fuse towards the source, and all behind it is "
    "interrupted. The section of the fault, which switching devices bound, waits for the repair; "
    "what the source reaches without it, over ties too, is back after switching.",
    "Not modelled: faults of breakers, disconnectors and ties, faults that overlap, protection "
    "that fails, and load curves.",
)

RESTORED = {
    "topology": "Ties restore whatever they connect.",
    "limits": "Ties restore what keeps voltages of at least 0.9 pu and the ratings, by power flow.",
}


ISLANDS = {
    "none": "",
    "building": " While cut off, homes serve what the building's rules can without the feeder: "
    "that lowers EENS and AENS. What additions save in energy is told without it.",
}


def render_page(summary: Mapping[str, Any], tables: Tables, feeder: ReliableFeeder) -> str:
    """Return the page of a study.

    Parameters
    ----------
    summary
        Content of reliability.json.
    tables
        Tables of the run by file stem.
    feeder
        The feeder of the run's copy.
    """
    about = (
        f"{counted(len(feeder.lines), 'line')}, {counted(len(feeder.loads), 'load point')}, "
        f"{counted(len(feeder.ties), 'tie')}: reliability over all single faults. "
        f"{RESTORED[str(summary['restore'])]}{ISLANDS[str(summary['islands'])]}"
    )
    return render(
        str(summary["name"]),
        about,
        _overview(summary, tables),
        [
            Section("feeder", "Feeder", (_map(tables, feeder),)),
            Section("faults", "By fault", (_faults_chart(tables), _faults_table(tables))),
            Section("points", "By load point", (_points_chart(tables), _points_table(tables))),
            Section("additions", "What one more device would save", _additions(summary, tables)),
            Section("model", "What counts and what does not", (Note("Model", MODEL),)),
        ],
    )


def _overview(summary: Mapping[str, Any], tables: Tables) -> Overview:
    faults, more = tables["faults"], tables["additions"]
    worst = max(records(faults), key=lambda row: float(row["saidi_h"]))
    verdict = (
        f"A customer is interrupted {amount(summary['saifi'], 'times')} a year for "
        f"{amount(summary['saidi_h'], 'h')} in all."
    )
    share = float(worst["saidi_h"]) / float(summary["saidi_h"]) if summary["saidi_h"] else 0.0
    against = f"Faults of line {worst['line']} cost most, {100.0 * share:.0f} % of SAIDI."
    if len(more):
        best = records(more)[0]
        against += f" One more {_what(best)} would save {amount(best['saidi_saved_h'], 'h')}."
    boxes = (
        Box("SAIFI, 1/year", f"{summary['saifi']:.4f}", True),
        Box("SAIDI, h/year", f"{summary['saidi_h']:.4f}", True),
        Box("CAIDI, h", f"{summary['caidi_h']:.3f}", True),
        Box("ASAI", f"{summary['asai']:.6f}", True),
        Box("EENS, MWh/year", f"{summary['eens_mwh']:.4f}", True),
        Box("AENS, kWh/year", f"{summary['aens_kwh']:.3f}", True),
    )
    indices = (
        ("SAIFI", "interruptions a year", "saifi"),
        ("SAIDI", "h a year", "saidi_h"),
        ("CAIDI", "h", "caidi_h"),
        ("ASAI", "share of hours", "asai"),
        ("EENS", "MWh a year", "eens_mwh"),
        ("AENS", "kWh a customer and year", "aens_kwh"),
    )
    totals = data_table(
        "totals",
        "Indices",
        [Column("index", "index"), Column("unit", "unit"), Column("value", "value", 6)],
        [{"index": name, "unit": unit, "value": summary[key]} for name, unit, key in indices],
    )
    return Overview(True, verdict, against, boxes, totals, (), ())


def _what(row: Mapping[str, Any]) -> str:
    """Return an addition as a sentence has it."""
    ends = f"{row['from_bus']}-{row['to_bus']}"
    if not row["line"]:
        return f"{row['kind']} {ends}"
    return f"{row['kind']} {row['line']} ({ends}), {row['end']} end"


def _map(tables: Tables, feeder: ReliableFeeder) -> Chart:
    """Draw the feeder with its devices, the costliest lines marked, buses by hours a year."""
    ends = [(line.from_bus, line.to_bus) for line in feeder.lines]
    at = places([feeder.source], ends)
    cost = dict(zip(tables["faults"]["line"], tables["faults"]["saidi_h"], strict=True))
    most = max(map(float, cost.values()), default=0.0)

    def costly(line: ReliableLine) -> bool:
        return most > 0.0 and float(cost[line.line]) >= WORST * most

    groups = []
    for name, wanted, color, width in (
        ("line", False, INK, 2.0),
        ("line whose faults cost most", True, VERMILLION, 4.0),
    ):
        some = [line for line in feeder.lines if costly(line) == wanted]
        told = [
            f"{line.line}: SAIDI {float(cost[line.line]):.4f} h a year{_devices(line)}"
            for line in some
        ]
        pairs = [(line.from_bus, line.to_bus) for line in some]
        groups.append(Drawn(name, pairs, told, color, "solid", width))
    pairs = [(tie.from_bus, tie.to_bus) for tie in feeder.ties]
    groups.append(Drawn("tie", pairs, [f"tie {tie.tie}" for tie in feeder.ties], GREY, "dot"))
    points = tables["load_points"]
    hours = dict(zip(map(str, points["bus"]), map(float, points["hours_per_year"]), strict=True))
    figure = map_of(at, [feeder.source], groups, hours, "h a year")
    _mark_devices(figure, at, feeder)
    worst = max(hours, key=lambda bus: hours[bus])
    text = (
        f"Load point {worst} is out longest, {amount(hours[worst], 'h')} a year. White buses "
        "have no load point. Lines in red have at least half the cost of the costliest."
    )
    return Chart("map", "Devices and costliest lines", text, figure)


def _devices(line: ReliableLine) -> str:
    told = f", {line.protection}" if line.protection else ""
    return told + (f", disconnector at {line.disconnector}" if line.disconnector else "")


def _mark_devices(
    figure: go.Figure, at: Mapping[str, tuple[float, float]], feeder: ReliableFeeder
) -> None:
    """Add a mark for each device, near the end where it stands."""
    for name, symbol, color, ends in (
        ("breaker", "square", PURPLE, [(o, 0.25) for o in feeder.lines
                                       if o.protection == "breaker"]),
        ("fuse", "diamond", ORANGE, [(o, 0.25) for o in feeder.lines if o.protection == "fuse"]),
        ("disconnector", "line-ns-open", BLUE,
         [(o, 0.4) for o in feeder.lines if o.disconnector in ("from", "both")]
         + [(o, 0.75) for o in feeder.lines if o.disconnector in ("to", "both")]),
    ):  # fmt: skip
        if not ends:
            continue
        places_of = [
            tuple(a + share * (b - a) for a, b in zip(at[o.from_bus], at[o.to_bus], strict=True))
            for o, share in ends
        ]
        figure.add_scatter(
            x=[p[0] for p in places_of],
            y=[p[1] for p in places_of],
            mode="markers",
            name=name,
            marker={"symbol": symbol, "size": 10, "color": color, "line": {"width": 2}},
            hovertemplate=f"{name}<extra></extra>",
        )


def _bars(rows: pd.DataFrame, key: str, value: str, title: str, color: str) -> go.Figure:
    """Return the greatest rows as bars, the greatest on top."""
    some = rows.sort_values(value, ascending=False, kind="stable").head(SHOWN)[::-1]
    figure = go.Figure()
    figure.add_bar(
        x=some[value].tolist(), y=labels(some[key]), orientation="h", marker={"color": color}
    )
    return finish(
        figure,
        rows_height(len(some)),
        xaxis={"title": {"text": title}},
        yaxis={"type": "category", "showgrid": False},
        showlegend=False,
    )


def _faults_chart(tables: Tables) -> Chart:
    faults = tables["faults"].sort_values("saidi_h", ascending=False, kind="stable")
    total = float(faults["saidi_h"].sum())
    few = faults.head(3)
    share = 100.0 * float(few["saidi_h"].sum()) / total if total else 0.0
    text = (
        f"The three costliest lines, {', '.join(map(str, few['line']))}, make {share:.0f} % of "
        "SAIDI. A line's cost counts its transformer."
    )
    figure = _bars(faults, "line", "saidi_h", "SAIDI, h a year", VERMILLION)
    return Chart("by-fault", "What the faults of each line cost", text, figure)


def _faults_table(tables: Tables) -> Any:
    return data_table(
        "faults",
        "Faults of each line and its transformer",
        [
            Column("line", "line"),
            Column("failures_per_year", "failures a year", 4),
            Column("saifi", "SAIFI", 6),
            Column("saidi_h", "SAIDI, h", 6),
            Column("eens_mwh", "EENS, MWh", 5),
        ],
        records(tables["faults"].sort_values("saidi_h", ascending=False, kind="stable")),
        folded=True,
    )


def _points_chart(tables: Tables) -> Chart:
    points = tables["load_points"]
    rows = records(points)
    worst = max(rows, key=lambda row: float(row["hours_per_year"]))
    best = min(rows, key=lambda row: float(row["hours_per_year"]))
    text = (
        f"From {number(best['hours_per_year'], 3)} h a year at {best['bus']} to "
        f"{number(worst['hours_per_year'], 3)} h at {worst['bus']}."
    )
    figure = _bars(points, "bus", "hours_per_year", "h a year", BLUE)
    return Chart("by-point", "Hours without supply", text, figure)


def _points_table(tables: Tables) -> Any:
    return data_table(
        "load_points",
        "Load points",
        [
            Column("bus", "bus"),
            Column("customers", "customers", 0),
            Column("failures_per_year", "interruptions a year", 5),
            Column("hours_per_failure", "h each", 4),
            Column("hours_per_year", "h a year", 5),
            Column("eens_mwh", "EENS, MWh", 5),
        ],
        records(tables["load_points"]),
        folded=True,
    )


def _additions(summary: Mapping[str, Any], tables: Tables) -> tuple[Any, ...]:
    more = tables["additions"]
    if not len(more):
        text = (
            "No single disconnector, breaker or tie would save anything."
            if summary["additions_asked"]
            else "Not asked for (--additions 0)."
        )
        return (Note("Additions", (text,)),)
    rows = [{**row, "where": _what(row)} for row in records(more)]
    figure = _bars(pd.DataFrame(rows), "where", "saidi_saved_h", "SAIDI saved, h a year", GREEN)
    text = "Each by itself; savings of several do not add up. " + (
        "Ties are left out where limits count, since a new one has no impedance yet."
        if summary["restore"] == "limits"
        else "A tie may end at any other bus of the same sections."
    )
    table = data_table(
        "additions",
        "Single additions that save most, of each kind",
        [
            Column("where", "one more"),
            Column("saidi_saved_h", "SAIDI saved, h", 5),
            Column("saifi_saved", "SAIFI saved", 5),
            Column("eens_saved_mwh", "EENS saved, MWh", 5),
        ],
        rows,
    )
    return Chart("additions-chart", "What they would save", text, figure), table
