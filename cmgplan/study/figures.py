"""Figures of a study's page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from textwrap import wrap
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from cmgplan.page.style import (
    DASHES,
    PATTERNS,
    SEQUENTIAL,
    SERIES,
    colorbar,
    finish,
    labels,
    rows_height,
)
from cmgplan.study.key_figures import Figure
from cmgplan.study.view import Curve, SwitchUse

SHOWN_DECIMALS = 9
"""Decimals of what is drawn: a gap of 1e-16 is none."""

LEAST_WEEKS = 12
"""Weeks that a calendar has room for, so that a few days are not drawn as bars."""

AXIS_LETTERS = 40
"""Letters that stand beside each other below a figure of half the page's width."""

MOST_DOTS = 100
"""Scenarios up to which each is a dot beside its box."""

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def calendar(values: pd.Series[float], unit: str) -> go.Figure:
    """Return a heat map of one value a day: weeks beside each other, weekdays below each other.

    ``values`` has dates such as 2016-07-14 as its index.
    """
    days = [date.fromisoformat(str(day)) for day in values.index]
    first = min(days) - timedelta(days=min(days).weekday())
    weeks = (max(days) - first).days // 7 + 1
    z = np.full((7, weeks), np.nan)
    text = [["" for _ in range(weeks)] for _ in range(7)]
    for day, value in zip(days, values, strict=True):
        week = (day - first).days // 7
        z[day.weekday(), week] = value
        text[day.weekday()][week] = day.isoformat()
    figure = go.Figure(
        go.Heatmap(
            z=[[None if np.isnan(v) else round(float(v), 6) for v in row] for row in z],
            x=[(first + timedelta(weeks=k)).isoformat() for k in range(weeks)],
            y=list(WEEKDAYS),
            text=text,
            colorscale=SEQUENTIAL,
            colorbar=colorbar(unit),
            hovertemplate=f"%{{text}}: %{{z:,.4~f}} {unit}<extra></extra>",
            hoverongaps=False,
            xgap=1,
            ygap=1,
        )
    )
    return finish(
        figure,
        260,
        xaxis={
            "title": {"text": "week that begins on"},
            "type": "category",
            "nticks": 8,
            "range": [-0.5, max(weeks, LEAST_WEEKS) - 0.5],
            "showgrid": False,
        },
        yaxis={"autorange": "reversed", "type": "category", "showgrid": False},
    )


def durations(curves: Sequence[Curve]) -> go.Figure:
    """Return the duration curves of the import, one for each way.

    Each begins at 0 % with its greatest value, which lasts until the first share.
    """
    figure = go.Figure()
    for k, (curve, name) in enumerate(
        zip(curves, labels(curve.way for curve in curves), strict=True)
    ):
        figure.add_scatter(
            x=[0.0, *(round(100.0 * float(share), 3) for share in curve.share)],
            y=[round(float(kw), 4) for kw in (curve.kw[0], *curve.kw)],
            name=name,
            mode="lines",
            line={
                "shape": "vh",
                "color": SERIES[k % len(SERIES)],
                "dash": DASHES[k % len(DASHES)],
            },
            hovertemplate="%{y:,.1f} kW or more in %{x:.1f} % of the time",
        )
    return finish(
        figure,
        400,
        xaxis={"title": {"text": "share of the time, %"}, "range": [0, 100]},
        yaxis={"title": {"text": "import from upstream, kW"}},
        showlegend=len(curves) > 1,
    )


def distribution(done: pd.DataFrame, ways: Sequence[str], figure: Figure, unit: str) -> go.Figure:
    """Return a box for each way of a key figure, with the tasks that stand out."""
    drawn = go.Figure()
    names = dict(zip(ways, labels(ways), strict=True))
    for k, way in enumerate(ways):
        rows = done[(done["way"] == way) & done[figure.name].notna()]
        drawn.add_box(
            x=[round(float(f"{value:.6g}"), SHOWN_DECIMALS) for value in rows[figure.name]],
            text=list(rows["task"]),
            name=names[way],
            marker={"color": SERIES[k % len(SERIES)]},
            boxpoints="outliers" if len(rows) > 30 else "all",
            hovertemplate="%{text}: %{x}<extra></extra>",
        )
    title = f"{figure.heading}, {unit}" if unit else figure.heading
    return finish(
        drawn,
        rows_height(len(ways), 210),
        xaxis={"title": {"text": "<br>".join(wrap(title, AXIS_LETTERS))}},
        yaxis={"type": "category", "autorange": "reversed", "showgrid": False},
        showlegend=False,
    )


def parts(
    rows: Sequence[Mapping[str, Any]], ways: Sequence[str], title: str, most: int
) -> go.Figure:
    """Return a box for each group and part of a quantity, coloured by way.

    ``rows`` have way, group, part, least, q1, median, q3 and greatest, so that the figure is as
    small for many tasks as for few; at most so many groups and parts are drawn.
    """
    kinds = list(dict.fromkeys((row["group"], row["part"]) for row in rows))[:most]
    shown = dict(zip(kinds, labels(": ".join(filter(None, kind)) for kind in kinds), strict=True))
    names, drawn = dict(zip(ways, labels(ways), strict=True)), go.Figure()
    for k, way in enumerate(ways):
        mine = [row for row in rows if row["way"] == way and (row["group"], row["part"]) in shown]
        if not mine:
            continue
        columns = {"lowerfence": "least", "q1": "q1", "median": "median", "q3": "q3"}
        drawn.add_box(
            **{
                place: [round(float(f"{row[name]:.6g}"), SHOWN_DECIMALS) for row in mine]
                for place, name in {**columns, "upperfence": "greatest"}.items()
            },
            y=[shown[row["group"], row["part"]] for row in mine],
            name=names[way],
            orientation="h",
            marker={"color": SERIES[k % len(SERIES)]},
        )
    return finish(
        drawn,
        rows_height(len(kinds) * len(ways), 240),
        xaxis={"title": {"text": title}},
        yaxis={"type": "category", "autorange": "reversed", "showgrid": False},
        boxmode="group",
        showlegend=len(ways) > 1,
    )


def switches(uses: Sequence[SwitchUse], ways: Sequence[str]) -> go.Figure:
    """Return the share of the time in which each switch is closed, a bar for each way."""
    figure = go.Figure()
    ids = list(dict.fromkeys(use.switch for use in uses))
    shown = dict(zip(ids, labels(ids), strict=True))
    names = dict(zip(ways, labels(ways), strict=True))
    for k, way in enumerate(ways):
        mine = [use for use in uses if use.way == way]
        bar: dict[str, Any] = {
            "x": [shown[use.switch] for use in mine],
            "y": [round(100.0 * use.closed_share, 3) for use in mine],
        }
        figure.add_bar(
            **bar,
            name=names[way],
            marker={
                "color": SERIES[k % len(SERIES)],
                "pattern": {"shape": PATTERNS[k % len(PATTERNS)]},
            },
            hovertemplate="%{x}: closed %{y:.1f} % of the time",
        )
    return finish(
        figure,
        380,
        xaxis={"title": {"text": "switch"}, "type": "category", "showgrid": False},
        yaxis={"title": {"text": "closed, % of the time"}, "range": [0, 100]},
        barmode="group",
        showlegend=len(ways) > 1,
    )


def held_points(held: pd.DataFrame) -> go.Figure:
    """Return the total of each point of a plan in every scenario."""
    figure = go.Figure()
    for k, (point, rows) in enumerate(held.groupby("point")):
        known = rows[rows["total_usd"].notna()]
        figure.add_box(
            x=[f"{point}"] * len(known),
            y=[round(float(value), 4) for value in known["total_usd"]],
            text=list(known["scenario"]),
            boxpoints="all" if len(known) <= MOST_DOTS else "outliers",
            marker={"color": SERIES[k % len(SERIES)]},
            hovertemplate="%{text}: %{y:,.2f} $<extra></extra>",
        )
    return finish(
        figure,
        380,
        xaxis={"title": {"text": "point"}, "type": "category", "showgrid": False},
        yaxis={"title": {"text": "total, $"}},
        showlegend=False,
    )
