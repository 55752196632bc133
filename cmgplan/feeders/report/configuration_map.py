"""The feeder as given and as found, and which branches are open."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from cmgplan.feeders.report.drawing import Drawn, map_of, places
from cmgplan.page.data_table import Column, DataTable, data_table
from cmgplan.page.lookup import records
from cmgplan.page.parts import Chart, Part
from cmgplan.page.style import GREEN, GREY, INK, VERMILLION
from cmgplan.page.tree_layout import Place
from cmgplan.page.wording import named
from cmgplan.run.tables import Tables

SHOWN_BLOCKS = 4
"""Blocks of hours whose configurations are drawn."""


def feeder_maps(tables: Tables) -> list[Part]:
    """Return drawings of the feeder as given and, for the first blocks, as found."""
    branches, states = tables["branches"], tables["states"]
    ends = [(str(a), str(b)) for a, b in zip(branches["from_bus"], branches["to_bus"], strict=True)]
    told = [
        f"{name} (row {row})" for name, row in zip(branches["branch"], branches["row"], strict=True)
    ]
    buses = tables["buses"]
    sources = [str(bus) for bus in buses.loc[buses["source"] == 1, "bus"]]
    before = branches["closed_before"].to_numpy() == 1
    blocks = [
        (int(str(k)), rows["closed"].to_numpy() == 1, rows) for k, rows in states.groupby("block")
    ]
    at = places(sources, [pair for pair, shut in zip(ends, before, strict=True) if shut])
    if len(at) < len(buses):
        at = places(sources, [pair for pair, shut in zip(ends, blocks[0][1], strict=True) if shut])
    if len(at) < len(buses):
        at = places(sources, ends)
    # One scale of colours and one layout, so that the drawings can be compared.
    both = pd.concat([tables["loads"]["v_pu"], tables["loads"]["v_before_pu"]]).dropna()
    span = (float(both.min()), float(both.max()))
    parts: list[Part] = [
        _map("before", "As given", at, sources, ends, told, before, before,
             _at_peak(tables, None, "v_before_pu"), span)
    ]  # fmt: skip
    for k, closed, rows in blocks[:SHOWN_BLOCKS]:
        hours = f"{rows['from_hour'].iloc[0]} to {rows['to_hour'].iloc[0]}"
        title = "As found" if len(blocks) == 1 else f"Block {k}: hours {hours}"
        parts.append(
            _map(f"after-{k}", title, at, sources, ends, told, before, closed,
                 _at_peak(tables, k, "v_pu"), span)
        )  # fmt: skip
    return parts


def _at_peak(tables: Tables, block: int | None, column: str) -> dict[str, float]:
    """Return the voltages of the block's hour of greatest load."""
    loads, hours = tables["loads"], tables["hours"]
    if block is not None:
        loads = loads[loads["hour"].isin(hours.loc[hours["block"] == block, "hour"])]
    peak = loads.groupby("hour")["p_kw"].sum().idxmax()
    rows = loads[loads["hour"] == peak].dropna(subset=[column])
    return {str(b): float(v) for b, v in zip(rows["bus"], rows[column], strict=True)}


def _map(
    name: str,
    title: str,
    at: dict[str, Place],
    sources: list[str],
    ends: list[tuple[str, str]],
    told: list[str],
    before: Any,
    closed: Any,
    voltage: dict[str, float],
    span: tuple[float, float],
) -> Chart:
    kinds = (
        ("closed", closed & before, INK, "solid", 2.0),
        ("closed now", closed & ~before, GREEN, "solid", 4.0),
        ("open", ~closed & ~before, GREY, "dot", 1.5),
        ("opened now", ~closed & before, VERMILLION, "dash", 3.0),
    )
    groups = [
        Drawn(what, [ends[k] for k in np.flatnonzero(which)],
              [f"{told[k]}, {what}" for k in np.flatnonzero(which)], color, dash, width)
        for what, which, color, dash, width in kinds
    ]  # fmt: skip
    opened = [told[k] for k in np.flatnonzero(~closed)]
    sentence = f"Open: {named(opened) if opened else 'none'}."
    if voltage:
        low = min(voltage, key=lambda bus: voltage[bus])
        sentence += f" Voltage is lowest at bus {low}, {voltage[low]:.4f} pu."
    else:
        sentence += " This is no tree, or has no power flow, so that there are no voltages."
    return Chart(name, title, sentence, map_of(at, sources, groups, voltage, span=span))


def switch_table(tables: Tables) -> DataTable:
    """Return the branches that are open before or after, with their state in each block."""
    branches = {str(row["branch"]): row for row in records(tables["branches"])}
    rows = []
    for name, states in tables["states"].groupby("branch", sort=False):
        about = branches[str(name)]
        told = [int(about["closed_before"]), *states.sort_values("block")["closed"]]
        if all(told) or (len(states) == 1 and not about["switchable"] and told[0] == told[1]):
            continue
        words = ["closed" if closed else "open" for closed in told]
        rows.append(
            {"row": int(about["row"]), "branch": name, "ends": f"{about['from_bus']}-"
             f"{about['to_bus']}", "before": words[0], "after": ", ".join(words[1:]),
             "changes": "yes" if len(set(words)) > 1 else "no"}
        )  # fmt: skip
    return data_table(
        "switches",
        "Branches that are open before or after, in any block",
        [
            Column("row", "row", 0),
            Column("branch", "branch"),
            Column("ends", "between"),
            Column("before", "as given"),
            Column("after", "as found, by block"),
            Column("changes", "changes"),
        ],
        sorted(rows, key=lambda row: row["row"]),
    )
