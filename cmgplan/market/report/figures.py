"""Figures of the market: incomes, prices, load moved, and the core of three homes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from cmgplan.homes.report.figures.moved import response_of
from cmgplan.homes.report.figures.view import LEAST, DayView, drawn, rounded, with_choice
from cmgplan.market.report.run_record import MarketRecord
from cmgplan.page.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PATTERNS,
    SERIES,
    SKY,
    VERMILLION,
    hour_axis,
    label,
    labels,
)

RULE_LOOKS = {
    "shapley": ("Shapley", VERMILLION, "square"),
    "nucleolus": ("nucleolus", GREEN, "circle"),
    "owen": ("settled at one price", ORANGE, "diamond"),
}

CORNERS = np.array([(0.0, 0.0), (1.0, 0.0), (0.5, np.sqrt(3.0) / 2.0)])
"""Corners of the triangle at which one home gets everything."""


def incomes(record: MarketRecord) -> go.Figure:
    """Bars of every home's income by structure."""
    unit, ways = label(record.currency), [s.structure for s in record.structures]
    figure = go.Figure()
    names = labels(record.case.homes)
    for k, (home, name) in enumerate(zip(record.case.homes, names, strict=True)):
        told = [structure.income.get(home) for structure in record.structures]
        figure.add_bar(
            x=labels(ways),
            y=[None if income is None else round(income, 4) for income in told],
            name=name,
            marker={
                "color": SERIES[k % len(SERIES)],
                "pattern": {"shape": PATTERNS[k % len(PATTERNS)]},
            },
            hovertemplate=f"%{{x}}: %{{y:,.2f}} {unit}<extra>{name}</extra>",
        )
    axis = {"title": {"text": f"income, {unit}"}}
    return drawn(figure, 380, barmode="group", xaxis={"type": "category"}, yaxis=axis)


def prices(
    mcp: pd.DataFrame, exchange: pd.DataFrame, record: MarketRecord, carrier: str
) -> go.Figure | None:
    """Return clearing prices of a carrier by hour and structure, with the retailer's band."""
    rows = mcp[mcp["carrier"] == carrier]
    if rows.empty:
        return None
    unit, hours = label(record.currency), list(range(record.case.hours))
    figure = go.Figure()
    if carrier == "electricity":
        first = exchange.groupby("hour")[["buy_per_kwh", "sell_per_kwh"]].first()
        for column, name, dash in (
            ("buy_per_kwh", "retailer's price", "dash"),
            ("sell_per_kwh", "what the retailer pays", "dot"),
        ):
            if first[column].notna().all():
                figure.add_scatter(
                    x=hours,
                    y=rounded(first[column]),
                    name=name,
                    mode="lines",
                    line={"color": GREY, "dash": dash, "width": 1.5, "shape": "hvh"},
                )
    for k, structure in enumerate(record.structures):
        mine = rows[rows["way"] == structure.structure].sort_values("hour")
        if mine.empty:
            continue
        name = label(structure.structure)
        figure.add_scatter(
            x=hours,
            y=[round(float(price), 6) for price in mine["price_per_kwh"]],
            name=name,
            mode="lines",
            line={"color": SERIES[k % len(SERIES)], "width": 2, "shape": "hvh"},
            visible=True if structure.following else "legendonly",
            hovertemplate=f"%{{y:.4f}} {unit}/kWh<extra>{name}</extra>",
        )
    axis = {"title": {"text": f"{carrier}, {unit}/kWh"}}
    return drawn(figure, 400, xaxis=hour_axis(hours, record.case.dt_h), yaxis=axis)


def load_moved(views: Mapping[str, DayView], home: str | None) -> go.Figure | None:
    """Load of electricity before and after by hour; one choice for each structure."""
    groups = []
    for way, view in views.items():
        homes: Sequence[str] = view.homes if home is None else [home]
        if home is not None and home not in view.homes:
            continue
        table = response_of(view, "electricity", homes)
        if (table["down_kw"] > LEAST).any():
            groups.append((label(way), _moved_traces(view, table)))
    if not groups:
        return None
    view = next(iter(views.values()))
    axis = {"title": {"text": "load of electricity, kW"}}
    figure = with_choice(go.Figure(), groups)
    return drawn(figure, 360, barmode="relative", xaxis=view.axis(), yaxis=axis)


def _moved_traces(view: DayView, table: pd.DataFrame) -> list[go.Bar | go.Scatter]:
    hours, template = list(range(view.hours)), view.hover("kW")
    bars = (("DR+", table["up_kw"], BLUE, ""), ("DR-", -table["down_kw"], ORANGE, "/"))
    lines = (
        ("before", table["before_kw"], GREY, "dash"),
        ("after", table["after_kw"], VERMILLION, "solid"),
    )
    drawn_bars = [
        go.Bar(
            x=hours,
            y=rounded(series),
            name=name,
            marker={"color": colour, "pattern": {"shape": pattern}},
            hovertemplate=template,
        )
        for name, series, colour, pattern in bars
    ]
    drawn_lines = [
        go.Scatter(
            x=hours,
            y=rounded(series),
            name=name,
            mode="lines",
            line={"color": colour, "dash": dash, "width": 2},
            hovertemplate=template,
        )
        for name, series, colour, dash in lines
    ]
    return [*drawn_bars, *drawn_lines]


def core_triangle(record: MarketRecord) -> go.Figure | None:
    """Shares of what three homes save together: the core, and what each rule gives.

    A corner is the day in which one home gets the whole saving. None but for three homes that
    save something.
    """
    homes = sorted(record.case.homes)
    values, games = record.values, record.games
    if len(homes) != 3 or not games or "+".join(homes) not in values:
        return None
    alone = np.array([values[home] for home in homes])
    saved = values["+".join(homes)] - alone.sum()
    if saved <= LEAST:
        return None
    figure = go.Figure()
    outline = np.vstack([CORNERS, CORNERS[:1]])
    figure.add_scatter(
        x=outline[:, 0],
        y=outline[:, 1],
        mode="lines",
        line={"color": BLACK, "width": 1},
        hoverinfo="skip",
        showlegend=False,
    )
    polygon = core_polygon(homes, values, alone, saved)
    if len(polygon):
        at = np.vstack([polygon, polygon[:1]]) @ CORNERS
        figure.add_scatter(
            x=at[:, 0],
            y=at[:, 1],
            mode="lines",
            fill="toself",
            fillcolor="rgba(86,180,233,0.35)",
            line={"color": SKY, "width": 1},
            name="core",
            hoverinfo="skip",
        )
    unit = label(record.currency)
    for rule, (name, colour, symbol) in RULE_LOOKS.items():
        shares = np.array([games[rule][home] for home in homes])
        x, y = ((shares - alone) / saved) @ CORNERS
        told = ", ".join(f"{label(h)} {v:,.2f}" for h, v in zip(homes, shares, strict=True))
        figure.add_scatter(
            x=[x],
            y=[y],
            mode="markers",
            marker={"color": colour, "symbol": symbol, "size": 11},
            name=name,
            hovertemplate=f"{told} {unit}<extra>{name}</extra>",
        )
    for (x, y), home in zip(CORNERS, homes, strict=True):
        figure.add_annotation(
            x=x, y=y, text=f"all to {label(home)}", showarrow=False, yshift=14 if y > 0 else -14
        )
    hidden = {"visible": False}
    return drawn(
        figure, 430, xaxis={**hidden, "constrain": "domain"}, yaxis={**hidden, "scaleanchor": "x"}
    )


def core_polygon(
    homes: Sequence[str], values: Mapping[str, float], alone: np.ndarray, saved: float
) -> np.ndarray:
    """Return the corners of the core as shares of the saving, shape (corners, 3), in order.

    In shares the core of three homes is cut out of the triangle by one line for each pair: the
    pair gets at least what it saves on its own, so that the third gets at most the rest.
    """
    most = np.array(
        [
            1.0
            - (
                values["+".join(h for h in homes if h != home)]
                - sum(alone[j] for j, h in enumerate(homes) if h != home)
            )
            / saved
            for home in homes
        ]
    )
    corners = np.eye(3)
    for k in range(3):
        corners = _cut(corners, k, float(most[k]))
        if not len(corners):
            break
    return corners


def _cut(polygon: np.ndarray, k: int, most: float) -> np.ndarray:
    """Return the part of a convex polygon in which share ``k`` is at most ``most``."""
    kept: list[np.ndarray] = []
    for here, there in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        inside, next_inside = here[k] <= most, there[k] <= most
        if inside:
            kept.append(here)
        if inside != next_inside:
            share = (most - here[k]) / (there[k] - here[k])
            kept.append(here + share * (there - here))
    return np.array(kept).reshape(-1, 3)
