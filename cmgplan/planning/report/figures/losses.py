"""Losses with and without microgrids by hour: the paper's Fig. 8."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from cmgplan.page.lookup import greatest
from cmgplan.page.style import LOWER, WITH, WITHOUT, finish, hour_axis, line
from cmgplan.page.wording import amount, change, counted
from cmgplan.run.tables import Tables

SITUATIONS = {
    "without microgrids": (WITHOUT, ("without_cmg_kw",)),
    "with microgrids": (WITH, ("upper_feeder_kw", "upper_ties_kw")),
    "lower level, feeder without load": (LOWER, ("lower_feeder_kw", "lower_ties_kw")),
}
"""Names, look and columns of loss.csv that add up to each."""


def losses_kw(tables: Tables) -> pd.DataFrame:
    """Return the losses of each situation by hour."""
    rows = tables["loss"]
    sums = {
        name: rows[list(columns)].sum(axis=1, skipna=False)
        for name, (_, columns) in SITUATIONS.items()
    }
    return pd.DataFrame(sums).set_axis(rows["hour"].astype(int))


def losses(tables: Tables, dt_h: float = 1.0) -> go.Figure | None:
    """Active losses of every hour in three situations."""
    table = losses_kw(tables)
    if table.empty:
        return None
    figure = go.Figure()
    for name, (kind, _) in SITUATIONS.items():
        figure.add_scatter(
            x=table.index.tolist(),
            y=table[name].tolist(),
            name=name,
            hovertemplate="hour %{x}: %{y:,.3f} kW<extra>%{fullData.name}</extra>",
            **line(kind),
        )
    return finish(
        figure,
        370,
        xaxis=hour_axis(table.index, dt_h),
        yaxis={"title": {"text": "losses, kW"}, "rangemode": "tozero"},
    )


def losses_sentence(tables: Tables, dt_h: float = 1.0) -> str:
    """Say the energy lost with and without, and in which hour the difference is greatest."""
    table = losses_kw(tables)
    with_cmg, without = table["with microgrids"], table["without microgrids"]
    saved = without - with_cmg
    lost, before = with_cmg.sum(skipna=False), without.sum(skipna=False)
    text = (
        f"With microgrids {amount(lost * dt_h, 'kWh')} are lost, without them "
        f"{amount(before * dt_h, 'kWh')}: {change(lost, before)}."
    )
    worse = int((saved < 0.0).sum())
    hour = greatest(saved)
    if saved[hour] > 0.0:
        text += f" The most is saved in hour {hour}, {amount(float(saved[hour]), 'kW')}."
    text += f" In {counted(worse, 'hour')} losses are higher with them." if worse else ""
    lower = table["lower level, feeder without load"].sum() * dt_h
    return f"{text} At the lower level, on the feeder without its loads, {amount(lower, 'kWh')}."
