"""Load that moves to other hours, before and after."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from cmgplan.homes.report.figures.view import LEAST, DayView, drawn, energy, rounded, with_choice
from cmgplan.page.lookup import greatest
from cmgplan.page.style import BLUE, GREY, ORANGE, VERMILLION
from cmgplan.page.wording import amount


def response_of(view: DayView, carrier: str, homes: Sequence[str]) -> pd.DataFrame:
    """Return before, after, up and down of a carrier by hour, kW."""
    rows = view.tables["demand_response"]
    rows = rows[(rows["carrier"] == carrier) & rows["home"].isin(list(homes))]
    columns = ["before_kw", "after_kw", "up_kw", "down_kw"]
    return rows.groupby("hour")[columns].sum().reindex(range(view.hours)).fillna(0.0)


def moved(view: DayView, carrier: str) -> go.Figure | None:
    """Load before and after as lines, what arrives and leaves as bars; None where none moves."""
    groups = [(name, _traces(view, carrier, homes)) for name, homes in view.choices]
    if not groups[0][1]:
        return None
    figure = with_choice(go.Figure(), groups)
    axis = {"title": {"text": f"load of {carrier}, kW"}}
    return drawn(figure, 360, barmode="relative", xaxis=view.axis(), yaxis=axis)


def _traces(view: DayView, carrier: str, homes: Sequence[str]) -> list[go.Bar | go.Scatter]:
    table = response_of(view, carrier, homes)
    if not (table["down_kw"] > LEAST).any():
        return []
    hours = list(range(view.hours))
    template = view.hover("kW")
    bars = (("arrives", table["up_kw"], BLUE, ""), ("leaves", -table["down_kw"], ORANGE, "/"))
    lines = (
        ("before", table["before_kw"], GREY, "dash"),
        ("after", table["after_kw"], VERMILLION, "solid"),
    )
    return [
        *(
            go.Bar(
                x=hours,
                y=rounded(series),
                name=name,
                marker={"color": colour, "pattern": {"shape": pattern}},
                hovertemplate=template,
            )
            for name, series, colour, pattern in bars
        ),
        *(
            go.Scatter(
                x=hours,
                y=rounded(series),
                name=name,
                mode="lines",
                line={"color": colour, "dash": dash, "width": 2},
                hovertemplate=template,
            )
            for name, series, colour, dash in lines
        ),
    ]


def moved_sentence(view: DayView, carrier: str) -> str:
    """Say how much load moves, from when to when, and what becomes of the peak."""
    table = response_of(view, carrier, view.homes)
    total = energy(table["down_kw"], view.dt_h)
    if total <= LEAST:
        return f"No load of {carrier} moves."
    share = 100.0 * total / max(energy(table["before_kw"], view.dt_h), LEAST)
    before, after = table["before_kw"], table["after_kw"]
    return (
        f"{amount(total, 'kWh')} of {carrier} ({share:.1f}\N{NO-BREAK SPACE}% of the load) moves, "
        f"most out of {view.hour} {greatest(table['down_kw'])} and most into {view.hour} "
        f"{greatest(table['up_kw'])}. The peak goes from {amount(float(before.max()), 'kW')} in "
        f"{view.hour} {greatest(before)} to {amount(float(after.max()), 'kW')} in {view.hour} "
        f"{greatest(after)}."
    )


def moved_by_way(views: Sequence[DayView], names: Sequence[str], carrier: str) -> go.Figure | None:
    """Load before and after by hour, of all homes; one choice for each way. None if none moves."""
    groups = [
        (name, _traces(view, carrier, view.homes)) for view, name in zip(views, names, strict=True)
    ]
    if not any(traces for _, traces in groups):
        return None
    axis = {"title": {"text": f"load of {carrier}, kW"}}
    figure = with_choice(go.Figure(), groups)
    return drawn(figure, 360, barmode="relative", xaxis=views[0].axis(), yaxis=axis)
