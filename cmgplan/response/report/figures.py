"""Figures of demand response: the paper's Figs. 7 to 12 in the form of this package's pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from cmgplan.homes.report.figures.supply import Carrier, sources
from cmgplan.homes.report.figures.view import LOOKS, drawn, energy, rounded, with_choice
from cmgplan.page.style import (
    BLACK,
    BLUE,
    DASHES,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    label,
    labels,
)
from cmgplan.response.report.under_emax import bought_kg, own_kg
from cmgplan.response.report.view import ResponseView, short

COLOURS = {"exact": BLACK, "rules": GREY, "de": BLUE, "bat": ORANGE, "pso": GREEN}

MOST_LINES = 30
"""Runs of a method up to which each is drawn in the figure of convergence."""


def moved_energy(view: ResponseView) -> go.Figure | None:
    """Bars of the electric load that arrives (up) and leaves (down) by home and method: Fig. 7."""
    ways, figure = list(view.days), go.Figure()
    names = labels(view.first.homes)
    anything = False
    for way in ways:
        day = view.days[way]
        rows = day.tables["demand_response"]
        rows = rows[rows["carrier"] == "electricity"]
        sums = rows.groupby("home")[["up_kw", "down_kw"]].sum() * day.dt_h
        sums = sums.reindex(list(day.homes), fill_value=0.0)
        anything = anything or bool((sums["down_kw"] > 1e-6).any())
        for column, sign, pattern in (("up_kw", 1.0, ""), ("down_kw", -1.0, "/")):
            what = "DR+" if sign > 0.0 else "DR-"
            figure.add_bar(
                x=names,
                y=rounded(sign * sums[column]),
                name=f"{short(way)} {what}",
                offsetgroup=way,
                marker={"color": COLOURS.get(way, SKY), "pattern": {"shape": pattern}},
                hovertemplate=f"%{{x}}: %{{y:,.2f}} kWh<extra>{short(way)} {what}</extra>",
            )
    if not anything:
        return None
    axis = {"title": {"text": "electricity moved, kWh"}}
    return drawn(figure, 360, barmode="relative", xaxis={"type": "category"}, yaxis=axis)


def source_shares(view: ResponseView, carrier: Carrier) -> go.Figure | None:
    """Bars of what supplies a carrier by method, per cent: Figs. 8 and 9; a choice of homes."""
    groups = []
    for name, homes in view.first.choices:
        given = {
            way: {
                source: energy(series.clip(lower=0.0), day.dt_h)
                for source, series in sources(day, carrier, homes).items()
            }
            for way, day in view.days.items()
        }
        groups.append((name, _share_bars(given, carrier)))
    if not groups[0][1]:
        return None
    axis = {"title": {"text": f"{carrier} supplied, %"}, "range": [0, 100]}
    figure = with_choice(go.Figure(), groups)
    return drawn(figure, 360, barmode="stack", xaxis={"type": "category"}, yaxis=axis)


def _share_bars(given: dict[str, dict[str, float]], carrier: str) -> list[go.Bar]:
    names = [n for n in LOOKS if any(of.get(n, 0.0) > 1e-6 for of in given.values())]
    totals = {way: sum(of.values()) or 1.0 for way, of in given.items()}
    return [
        go.Bar(
            x=[short(way) for way in given],
            y=rounded(100.0 * of.get(name, 0.0) / totals[way] for way, of in given.items()),
            customdata=[round(of.get(name, 0.0), 3) for of in given.values()],
            name=name,
            marker={"color": LOOKS[name][0], "pattern": {"shape": LOOKS[name][1]}},
            hovertemplate=f"%{{x}}: %{{y:.1f}} %, %{{customdata:,.2f}} kWh<extra>{name}</extra>",
        )
        for name in names
    ]


def emissions(view: ResponseView) -> go.Figure:
    """Emission of each home by hour and method against its Emax: Fig. 10; a choice of homes."""
    day, groups = view.first, []
    own = {way: own_kg(view.tables, way) for way in view.days}
    bought = {way: bought_kg(view.tables, way) for way in view.days}
    hours = list(range(day.hours))
    for home, name in zip(day.homes, labels(day.homes), strict=True):
        traces: list[Any] = []
        limit = view.record.emax_kg_per_h.get(home)
        if limit is not None:
            binds = view.record.policies[home] in ("emission", "both")
            traces.append(
                go.Scatter(
                    x=hours,
                    y=rounded([limit * day.dt_h] * day.hours),
                    name="Emax, a limit on own" if binds else "Emax, a yardstick",
                    mode="lines",
                    line={"color": VERMILLION, "dash": "dash", "width": 2},
                    hoverinfo="skip",
                )
            )
        for way in view.days:
            parts = (("own", own[way][home], "solid"), ("with bought", None, "dot"))
            for what, series, dash in parts if way == "exact" else parts[:1]:
                kg = own[way][home] + bought[way][home] if series is None else series
                traces.append(_line(view, way, kg, f"{short(way)}, {what}", dash))
        groups.append((name, traces))
    figure = with_choice(go.Figure(), groups)
    return drawn(figure, 400, xaxis=day.axis(), yaxis={"title": {"text": "emission, kg"}})


def _line(
    view: ResponseView, way: str, series: Sequence[float] | pd.Series[float], name: str, dash: str
) -> go.Scatter:
    return go.Scatter(
        x=list(range(view.first.hours)),
        y=rounded(series),
        name=name,
        mode="lines",
        line={"color": COLOURS.get(way, SKY), "dash": dash, "width": 2, "shape": "hvh"},
        hovertemplate=view.first.hover("kg", 3),
    )


def prices(view: ResponseView, carrier: str) -> go.Figure:
    """Lines of clearing prices by method against the forecast and random bids: Fig. 11."""
    day, unit = view.first, label(view.record.currency)
    figure, hours = go.Figure(), list(range(day.hours))
    template = day.hover(f"{unit}/kWh", 4)
    told = view.mcp(next(iter(view.days)), carrier)
    measure = "forecast" if carrier == "electricity" else "value of heat"
    lines: list[tuple[str, Any, dict[str, Any]]] = [
        (measure, told["forecast_per_kwh"], {"color": VERMILLION, "dash": "dash"})
    ]
    for way in view.days:
        mine = view.mcp(way, carrier)
        colour = COLOURS.get(way, SKY)
        lines.append((short(way), mine["price_per_kwh"], {"color": colour, "dash": "solid"}))
    lines.append(("bids at random, mean", told["drawn_per_kwh"], {"color": PURPLE, "dash": "dot"}))
    lines.append(("crossing of bids", told["crossing_per_kwh"], {"color": SKY, "dash": "longdash"}))
    for k, (name, series, look) in enumerate(lines):
        figure.add_scatter(
            x=hours,
            y=[round(float(p), 6) if np.isfinite(p) else None for p in series],
            name=name,
            mode="lines",
            line={"width": 2, "shape": "hvh", **look},
            hovertemplate=template,
            visible="legendonly" if k == len(lines) - 1 else True,
        )
    axis = {"title": {"text": f"{carrier}, {unit}/kWh"}}
    return drawn(figure, 400, xaxis=day.axis(), yaxis=axis)


def convergence(view: ResponseView) -> go.Figure | None:
    """Greatest profit against evaluations, every run of each search, and the bound: Fig. 12."""
    table, figure = view.tables["convergence"], go.Figure()
    searches = [name for name in view.record.methods if name not in ("exact", "rules")]
    if not searches:
        return None
    unit = label(view.record.currency)
    most = 0
    for k, name in enumerate(searches):
        rows = table[table["method"] == name]
        most = max(most, int(rows["evaluations"].max()))
        for run, part in list(rows.groupby("run"))[:MOST_LINES]:
            figure.add_scatter(
                x=part["evaluations"].tolist(),
                y=[round(float(b), 4) if np.isfinite(b) else None for b in part["best"]],
                name=short(name),
                legendgroup=name,
                showlegend=bool(run == 0),
                mode="lines",
                opacity=0.55,
                line={
                    "color": COLOURS.get(name, SKY),
                    "width": 1.5,
                    "dash": DASHES[k % len(DASHES)],
                },
                hovertemplate=f"%{{x:,}} evaluations: %{{y:.3f}} {unit}<extra>run {run}</extra>",
            )
    known = {"bound": view.record.bound} | {
        short(name): told.profit.total
        for name, told in view.record.methods.items()
        if name in ("exact", "rules")
    }
    looks = {"bound": (VERMILLION, "dash"), "exact": (BLACK, "solid"), "rules": (GREY, "dot")}
    for name, value in known.items():
        colour, dash = looks[name]
        figure.add_scatter(
            x=[0, most],
            y=[round(value, 4)] * 2,
            name=name,
            mode="lines",
            line={"color": colour, "dash": dash, "width": 2},
            hovertemplate=f"%{{y:.3f}} {unit}<extra>{name}</extra>",
        )
    axis = {"title": {"text": "evaluations"}, "rangemode": "tozero"}
    return drawn(figure, 400, xaxis=axis, yaxis={"title": {"text": f"best profit, {unit}"}})
