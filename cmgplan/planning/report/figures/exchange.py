"""Exchange of clusters with the feeder and with each other: the paper's Fig. 6."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from cmgplan.page.lookup import greatest
from cmgplan.page.style import PATTERNS, SERIES, finish, hour_axis, labels
from cmgplan.page.wording import amount, counted, hours_text
from cmgplan.planning.report.topology import FeederView
from cmgplan.run.tables import Tables

LEVELS = {"lower": 4, "upper": 5}
LEAST_KW = 0.1
"""Flows below are not worth a word."""


def cluster_exchange(tables: Tables, view: FeederView | None, level: str) -> pd.DataFrame:
    """Return power from each cluster to the feeder by hour, kW; microgrids where no case is known.

    Measured at the microgrid's end of its switch, export positive.
    """
    rows = tables["exchange"]
    rows = rows[(rows["level"] == LEVELS[level]) & (rows["kind"] == "grid")]
    groups = rows["from"] if view is None else rows["from"].map(view.cluster_of)
    rows = rows.assign(group=groups.fillna(rows["from"]))
    wide = rows.pivot_table(index="hour", columns="group", values="p_kw", aggfunc="sum")
    return wide[list(dict.fromkeys(rows["group"]))]


def tie_exchange(tables: Tables, level: str) -> pd.DataFrame:
    """Return power on each tie between clusters by hour, kW, positive from -> to at ``from``."""
    rows = tables["exchange"]
    rows = rows[(rows["level"] == LEVELS[level]) & (rows["kind"] == "cluster")]
    wide = rows.pivot(index="hour", columns="switch", values="p_kw")
    return wide[list(dict.fromkeys(rows["switch"]))]


def exchange(
    tables: Tables, view: FeederView | None, level: str, dt_h: float = 1.0
) -> go.Figure | None:
    """Exchange with the feeder above, between clusters below; None where nothing flows."""
    feeder, ties = cluster_exchange(tables, view, level), tie_exchange(tables, level)
    shown = [part for part in (feeder, ties) if _flows(part)]
    if not shown:
        return None
    figure = make_subplots(rows=len(shown), cols=1, shared_xaxes=True, vertical_spacing=0.12)
    for row, part in enumerate(shown, start=1):
        ends = _ends(tables, view, level) if part is ties else {}
        for k, (key, name) in enumerate(zip(part.columns, labels(part.columns), strict=True)):
            shade = k + (len(feeder.columns) if part is ties else 0)
            figure.add_bar(
                x=[int(t) for t in part.index],
                y=part[key].tolist(),
                name=f"{name}{ends.get(key, '')}",
                marker={
                    "color": SERIES[shade % len(SERIES)],
                    "pattern": {"shape": PATTERNS[k % len(PATTERNS)], "solidity": 0.25},
                },
                hovertemplate="hour %{x}: %{y:,.2f} kW<extra>%{fullData.name}</extra>",
                row=row,
                col=1,
            )
        title = "between clusters, kW" if part is ties else "to the feeder, kW"
        figure.update_yaxes(title_text=title, row=row, col=1)
    finish(figure, 170 + 190 * len(shown), barmode="relative")
    figure.update_xaxes(**hour_axis(feeder.index, dt_h))
    if len(shown) > 1:
        figure.update_xaxes(title_text="", row=1, col=1)
    return figure


def exchange_sentence(tables: Tables, view: FeederView | None, level: str, dt_h: float) -> str:
    """Say who delivers and draws how much, and in which hours clusters help each other."""
    feeder, ties = cluster_exchange(tables, view, level), tie_exchange(tables, level)
    out = float(feeder.clip(lower=0.0).to_numpy().sum()) * dt_h
    into = float(-feeder.clip(upper=0.0).to_numpy().sum()) * dt_h
    what = "clusters" if view is not None else "microgrids"
    text = (
        f"The {what} export {amount(out, 'kWh')} to the feeder and import {amount(into, 'kWh')} "
        "(each hour's balance of a cluster)"
    )
    total = feeder.sum(axis=1)
    if out > LEAST_KW and len(total):
        top = greatest(total)
        text += f"; together they deliver most in hour {top}, {amount(float(total[top]), 'kW')}"
    if ties.empty:
        return f"{text}. There is no tie between clusters."
    moved = float(ties.abs().to_numpy().sum()) * dt_h
    busy = [int(t) for t in ties.index[(ties.abs() > LEAST_KW).any(axis=1)]]
    if not busy:
        return f"{text}. Nothing flows between clusters."
    return (
        f"{text}. Ties between clusters move {amount(moved, 'kWh')} in "
        f"{counted(len(busy), 'hour')} ({hours_text(busy)})."
    )


def _flows(part: pd.DataFrame) -> bool:
    return not part.empty and bool((part.abs() > 1e-6).to_numpy().any())


def _ends(tables: Tables, view: FeederView | None, level: str) -> dict[str, str]:
    """Return from and to of each tie between clusters, as its label goes on."""
    rows = tables["exchange"]
    rows = rows[(rows["level"] == LEVELS[level]) & (rows["kind"] == "cluster")]
    found = {}
    for tie in rows.drop_duplicates("switch").to_dict("records"):
        ends = [tie["from"], tie["to"]]
        if view is not None:
            ends = [view.cluster_of.get(end, end) for end in ends]
        start, end = labels(ends)
        found[tie["switch"]] = f" ({start} \N{RIGHTWARDS ARROW} {end})"
    return found
