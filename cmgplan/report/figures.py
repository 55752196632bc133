"""Figures of the page, each from the tables of a run; None where there is nothing to show."""

from __future__ import annotations

from html import escape

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from cmgplan.report.tables import Tables

WITH, WITHOUT, LOWER = "#1b6ca8", "#b0413e", "#3c8d5a"
LEVEL_COLOURS = {1: "#b0413e", 2: "#d98e32", 3: "#7a5ea8", 4: "#3c8d5a"}
HOUR_AXIS = {"title": "hour", "dtick": 2}


def pareto_front(tables: Tables) -> go.Figure | None:
    """Cost against emission cost of every point that has values, coloured by losses."""
    rows = tables["pareto"].dropna(subset=["gc_usd", "ec_usd", "loss_kwh"])
    if rows.empty:
        return None
    chosen = rows[rows["selected"] == 1]
    figure = go.Figure(
        go.Scatter(
            x=rows["gc_usd"],
            y=rows["ec_usd"],
            mode="lines+markers+text",
            text=rows["point"].astype(str),
            textposition="top center",
            line={"color": "#cccccc"},
            marker={
                "size": 11,
                "color": rows["loss_kwh"],
                "colorscale": "Viridis",
                "colorbar": {"title": "losses, kWh"},
            },
            name="points",
            showlegend=False,
        )
    )
    figure.add_scatter(
        x=chosen["gc_usd"],
        y=chosen["ec_usd"],
        mode="markers",
        marker={"size": 20, "symbol": "circle-open", "color": WITHOUT, "line": {"width": 3}},
        name="selected",
        showlegend=False,
    )
    figure.update_layout(xaxis_title="generation cost, $", yaxis_title="emission cost, $")
    return figure


def switch_schedule(tables: Tables, kind: str) -> go.Figure | None:
    """Hours in which the switches of one kind are closed."""
    rows = tables["switch_schedule"]
    rows = rows[rows["kind"] == kind]
    if rows.empty:
        return None
    grid = rows.pivot(index="switch", columns="hour", values="closed")
    grid = grid.loc[list(dict.fromkeys(rows["switch"]))]
    figure = go.Figure(
        go.Heatmap(
            z=grid.to_numpy(),
            x=list(grid.columns),
            y=_names(grid.index),
            zmin=0,
            zmax=1,
            colorscale=[[0, "#eef1f4"], [1, WITH]],
            showscale=False,
            xgap=2,
            ygap=2,
            hovertemplate="%{y}, hour %{x}: %{z}<extra></extra>",
        )
    )
    figure.update_layout(
        xaxis=HOUR_AXIS,
        yaxis={"type": "category", "autorange": "reversed"},
        height=110 + 26 * len(grid),
    )
    return figure


def voltage_profile(tables: Tables) -> go.Figure | None:
    """Voltage of every bus with and without microgrids, in the hour of greatest import."""
    hour = peak_hour(tables)
    rows = tables["bus_voltage"]
    rows = rows[rows["hour"] == hour]
    if rows.empty:
        return None
    figure = go.Figure()
    for level, name, colour in (
        ("upper", "with microgrids", WITH),
        ("without_cmg", "without", WITHOUT),
    ):
        part = rows[rows["level"] == level]
        figure.add_scatter(
            x=_names(part["bus"]), y=part["v_pu"], mode="lines", name=name, line_color=colour
        )
    figure.update_layout(
        xaxis={"title": "bus", "type": "category", "nticks": 30},
        yaxis_title=f"voltage in hour {hour}, pu",
    )
    return figure


def losses(tables: Tables) -> go.Figure:
    """Active losses of every hour: lower level, upper level, without microgrids."""
    rows = tables["loss"]
    figure = go.Figure()
    for name, values, colour in (
        ("lower level", rows["lower_feeder_kw"] + rows["lower_ties_kw"], LOWER),
        ("upper level", rows["upper_feeder_kw"] + rows["upper_ties_kw"], WITH),
        ("without microgrids", rows["without_cmg_kw"], WITHOUT),
    ):
        figure.add_scatter(
            x=rows["hour"], y=values, mode="lines+markers", name=name, line_color=colour
        )
    figure.update_layout(xaxis=HOUR_AXIS, yaxis_title="losses, kW")
    return figure


def upstream(tables: Tables) -> go.Figure:
    """Power from the upstream grid (import positive) and its price."""
    rows = tables["upstream"]
    figure = make_subplots(specs=[[{"secondary_y": True}]])
    for name, column, colour in (
        ("with microgrids", "with_cmg_kw", WITH),
        ("without", "without_cmg_kw", WITHOUT),
    ):
        figure.add_scatter(
            x=rows["hour"], y=rows[column], mode="lines+markers", name=name, line_color=colour
        )
    figure.add_scatter(
        x=rows["hour"],
        y=rows["price_usd_per_mwh"],
        mode="lines",
        name="price",
        line={"color": "#999999", "dash": "dot", "shape": "hvh"},
        secondary_y=True,
    )
    figure.update_layout(xaxis=HOUR_AXIS, yaxis_title="upstream import, kW")
    figure.update_yaxes(title_text="$/MWh", showgrid=False, secondary_y=True)
    return figure


def shortage(tables: Tables) -> go.Figure | None:
    """Unserved power of all microgrids by hour and level."""
    rows = tables["shortage"]
    if rows.empty:
        return None
    total = rows.groupby(["level", "hour"])["shortage_kw"].sum()
    figure = go.Figure()
    for level in sorted(set(rows["level"])):
        part = total.loc[level]
        figure.add_bar(
            x=part.index,
            y=part.to_numpy(),
            name=f"level {level}",
            marker_color=LEVEL_COLOURS.get(int(level), "#666666"),
        )
    figure.update_layout(barmode="group", xaxis=HOUR_AXIS, yaxis_title="unserved, kW")
    return figure


def state_of_charge(tables: Tables) -> go.Figure | None:
    """Energy stored in every battery and fleet at the end of each hour."""
    rows = tables["dispatch"].dropna(subset=["soc_kwh"])
    if rows.empty:
        return None
    rows = rows[rows["level"] == rows["level"].max()]
    figure = go.Figure()
    for (microgrid, device), part in rows.groupby(["microgrid", "device"], sort=False):
        name = escape(f"{microgrid} {device}")
        figure.add_scatter(x=part["hour"], y=part["soc_kwh"], mode="lines", name=name)
    figure.update_layout(xaxis=HOUR_AXIS, yaxis_title="stored, kWh")
    return figure


def demand_response(tables: Tables) -> go.Figure | None:
    """Demand of the microgrids before and after response."""
    rows = tables["demand_response"]
    rows = rows[rows["level"] == "lower"]
    if rows.empty:
        return None
    total = rows.groupby("hour")[["p_before_kw", "p_after_kw"]].sum()
    figure = go.Figure()
    for name, column, colour in (("before", "p_before_kw", WITHOUT), ("after", "p_after_kw", WITH)):
        figure.add_scatter(
            x=total.index,
            y=total[column],
            mode="lines",
            name=name,
            line={"color": colour, "shape": "hvh"},
        )
    figure.update_layout(xaxis=HOUR_AXIS, yaxis_title="microgrid demand, kW")
    return figure


def peak_hour(tables: Tables) -> int:
    """Return the hour of greatest import without microgrids."""
    rows = tables["upstream"]
    return int(rows["hour"].iloc[int(rows["without_cmg_kw"].argmax())])


def _names(ids: pd.Series[str] | pd.Index) -> list[str]:
    """Return ids as labels; the drawing library would read markup in them."""
    return [escape(str(name)) for name in ids]
