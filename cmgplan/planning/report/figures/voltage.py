"""Voltages: the profile at the peak hour and over bus and hour, the paper's Fig. 10."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from cmgplan.page.lookup import greatest, hours_of, least
from cmgplan.page.style import (
    BLACK,
    SEQUENTIAL,
    VERMILLION,
    WITH,
    WITHOUT,
    category_axis,
    colorbar,
    finish,
    hour_axis,
    labels,
    line,
    time_word,
)
from cmgplan.page.wording import counted, named, number
from cmgplan.planning.report.topology import FeederView
from cmgplan.run.tables import Tables

SITUATIONS = {"without_cmg": ("without microgrids", WITHOUT), "upper": ("with microgrids", WITH)}
TOLERANCE_PU = 1e-6


def peak_hour(tables: Tables) -> int:
    """Return the hour of greatest import without microgrids."""
    rows = tables["upstream"]
    return int(greatest(rows.set_index("hour")["without_cmg_kw"]))


def voltage_pu(tables: Tables, level: str) -> pd.DataFrame:
    """Return the voltages of a level, bus by hour, buses in the order of the table."""
    rows = tables["bus_voltage"]
    rows = rows[rows["level"] == level]
    wide = rows.pivot(index="bus", columns="hour", values="v_pu")
    return wide.loc[list(dict.fromkeys(rows["bus"]))]


def voltage_profile(
    tables: Tables, view: FeederView | None = None, dt_h: float = 1.0
) -> go.Figure | None:
    """Voltage of every bus with and without microgrids, in the hour of greatest import."""
    hour = peak_hour(tables)
    if tables["bus_voltage"].empty:
        return None
    figure = go.Figure()
    buses: list[str] = []
    for level, (name, kind) in SITUATIONS.items():
        column = voltage_pu(tables, level).get(hour)
        if column is None:
            continue
        buses = [str(bus) for bus in column.index]
        look = line(kind)
        figure.add_scatter(
            x=labels(buses),
            y=column.tolist(),
            name=name,
            mode=look["mode"],
            line=look["line"],
            marker={**look["marker"], "size": 5},
            hovertemplate="bus %{x}: %{y:.4f} pu<extra>%{fullData.name}</extra>",
        )
    if view is not None and buses:
        _draw_limits(figure, labels(buses), [view.v_limits_pu[bus] for bus in buses])
    return finish(
        figure,
        390,
        xaxis=category_axis("bus", nticks=30),
        yaxis={"title": {"text": f"voltage in {time_word(dt_h)} {hour}, pu"}, "tickformat": ".2f"},
    )


def _draw_limits(figure: go.Figure, names: list[str], limits: list[tuple[float, float]]) -> None:
    """Draw the limits of each bus where they are in reach of what is drawn."""
    for k, name in enumerate(("least allowed", "greatest allowed")):
        figure.add_scatter(
            x=names,
            y=[pair[k] for pair in limits],
            mode="lines",
            name=name,
            line={"color": BLACK, "width": 1, "dash": "dot" if k == 0 else "dashdot"},
            hoverinfo="skip",
        )


def voltage_heatmap(
    tables: Tables, level: str, view: FeederView | None = None, dt_h: float = 1.0
) -> go.Figure | None:
    """Voltage over bus and hour, crosses where a limit is broken; one scale for all levels."""
    table = voltage_pu(tables, level)
    if table.isna().all(axis=None):
        return None
    rows = tables["bus_voltage"]
    every = rows.loc[rows["level"].isin(SITUATIONS), "v_pu"]
    figure = go.Figure(
        go.Heatmap(
            z=table.round(6).to_numpy(dtype=float).tolist(),
            x=[int(t) for t in table.columns],
            y=labels(table.index),
            zmin=float(np.nanmin(every.to_numpy())),
            zmax=float(np.nanmax(every.to_numpy())),
            colorscale=SEQUENTIAL,
            colorbar=colorbar("voltage, pu", tickformat=".3f"),
            hovertemplate="bus %{y}, hour %{x}: %{z:.4f} pu<extra></extra>",
        )
    )
    _cross_broken(figure, table, view)
    return finish(
        figure,
        480,
        xaxis=hour_axis(hours_of(table.columns), dt_h, ticks=13),
        yaxis={
            "title": {"text": "bus"},
            "type": "category",
            "nticks": 20,
            "showgrid": False,
            "range": [-0.5, len(table) - 0.5],
        },
    )


def _cross_broken(figure: go.Figure, table: pd.DataFrame, view: FeederView | None) -> None:
    """Draw a cross on every bus and hour outside its limits."""
    names = labels(table.index)
    broken = _broken(table, view)
    if broken:
        figure.add_scatter(
            x=[hour for _, hour in broken],
            y=[names[k] for k, _ in broken],
            mode="markers",
            marker={"symbol": "x-thin", "size": 7, "line": {"color": VERMILLION, "width": 2}},
            name="outside the limits",
            hoverinfo="skip",
            showlegend=True,
        )


def _broken(table: pd.DataFrame, view: FeederView | None) -> list[tuple[int, int]]:
    """Return position of bus and hour of every voltage outside its limits."""
    if view is None:
        return []
    low, high = (np.array([view.v_limits_pu[bus][k] for bus in table.index]) for k in (0, 1))
    values = table.to_numpy(dtype=float)
    outside = (values < low[:, None] - TOLERANCE_PU) | (values > high[:, None] + TOLERANCE_PU)
    held = [bus == view.slack for bus in table.index]
    outside[held] = False
    return [(int(k), int(table.columns[t])) for k, t in np.argwhere(outside)]


def voltage_sentence(tables: Tables, level: str, view: FeederView | None = None) -> str:
    """Say the lowest voltage of a situation, where and when, and what the limits say."""
    name, table = SITUATIONS[level][0], voltage_pu(tables, level)
    lowest = table.min()
    if lowest.isna().all():
        return f"{name.capitalize()} the power flow has no solution in any hour."
    hour = int(least(lowest))
    text = (
        f"{name.capitalize()} the lowest voltage is {number(float(lowest[hour]), 4)} pu, at bus "
        f"{named([str(least(table[hour]))])} in hour {hour}"
    )
    if view is None:
        return f"{text}."
    count = len(_broken(table, view))
    if count:
        verb = "are" if count > 1 else "is"
        return f"{text}; {counted(count, 'bus-hour')} {verb} outside the limits (crosses)."
    return f"{text}; every bus keeps its limits in every hour."


def profile_sentence(tables: Tables) -> str:
    """Say by how much the microgrids move the voltages of the peak hour."""
    hour = peak_hour(tables)
    both = [voltage_pu(tables, level).get(hour) for level in ("upper", "without_cmg")]
    if both[0] is None or both[1] is None:
        return f"Hour {hour} takes most from upstream."
    move = both[0] - both[1]
    bus = str(greatest(move))
    if not move[bus] > 0.0:
        return f"In the peak hour {hour} no bus gains from the microgrids."
    return (
        f"In the peak hour {hour} the microgrids lift bus {named([bus])} most, by "
        f"{number(float(move[bus]), 4)} pu, and the mean by {number(float(move.mean()), 4)} pu."
    )
