"""The feeder as a map: voltages, switches and flows of every hour, with a slider over the day."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from cmgplan.report.branch_flow import FloatArray, branch_flow_kw
from cmgplan.report.figures.layout import Layout, Place, map_layout
from cmgplan.report.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    PURPLE,
    SEQUENTIAL,
    colorbar,
    finish,
    label,
    labels,
    time_word,
)
from cmgplan.report.figures.voltage import TOLERANCE_PU, voltage_pu
from cmgplan.report.lookup import greatest
from cmgplan.report.tables import Tables
from cmgplan.report.topology import FeederView
from cmgplan.report.wording import MINUS, amount, counted, named

LEVEL = 5
SWITCHES = {
    "grid": ("connection to the feeder", BLUE),
    "microgrid": ("tie within a cluster", GREEN),
    "cluster": ("tie between clusters", PURPLE),
}
WIDTHS = ((0.0, 1.2), (0.15, 3.0), (0.5, 6.0))
"""Share of the day's greatest flow from which a branch is drawn, and how wide."""
LEAST_KW = 0.05


@dataclass(frozen=True)
class _Drawing:
    """What every hour's frame is drawn from."""

    view: FeederView
    layout: Layout
    voltage: pd.DataFrame
    flow: FloatArray | None
    switches: pd.DataFrame


def feeder_map(tables: Tables, view: FeederView | None, dt_h: float = 1.0) -> go.Figure | None:
    """Map of the loaded feeder at the upper level, one frame for each hour.

    Frames are named by their hour. Flows on switches stand in exchange.csv, those on branches
    follow from injections and voltages.
    """
    if view is None or tables["bus_voltage"].empty:
        return None
    drawing = _Drawing(
        view,
        map_layout(view),
        voltage_pu(tables, "upper").reindex(list(view.buses)),
        branch_flow_kw(tables, view),
        _switch_rows(tables),
    )
    hours = [int(t) for t in drawing.voltage.columns]
    start = busiest_hour(drawing.switches)
    moving = _moving(drawing, start)
    fixed = [_slack(drawing)]
    numbers = list(range(len(moving)))
    figure = go.Figure(
        data=[*moving, *fixed],
        frames=[go.Frame(name=str(t), data=_moving(drawing, t), traces=numbers) for t in hours],
    )
    rows = [y for _, y in [*drawing.layout.buses.values(), *drawing.layout.microgrids.values()]]
    height = int(min(max(420.0, 150.0 + 30.0 * (max(rows) - min(rows))), 900.0))
    empty = {"visible": False, "showgrid": False, "zeroline": False}
    return finish(
        figure,
        height,
        xaxis=empty,
        yaxis=empty,
        margin={"l": 10, "r": 10, "t": 70, "b": 60},
        sliders=[_slider(hours, start, dt_h)],
    )


def busiest_hour(rows: pd.DataFrame) -> int:
    """Return the hour in which switches of most kinds, and then most switches, are closed."""
    closed = rows[rows["closed"] == 1].groupby("hour")["kind"].agg(["nunique", "size"])
    if closed.empty:
        return int(rows["hour"].min())
    return int(closed.sort_values(["nunique", "size"], ascending=False, kind="stable").index[0])


def _switch_rows(tables: Tables) -> pd.DataFrame:
    """Return position and flow of every switch and hour."""
    flow = tables["exchange"]
    flow = flow.loc[flow["level"] == LEVEL, ["hour", "switch", "p_kw"]]
    joined = tables["switch_schedule"].merge(flow, on=["hour", "switch"], how="left")
    return joined.fillna({"p_kw": 0.0})


def _moving(drawing: _Drawing, hour: int) -> list[go.Scatter]:
    """Return the traces that change with the hour, always in the same order."""
    rows = drawing.switches[drawing.switches["hour"] == hour]
    return [
        *_branches(drawing, hour),
        _switch_lines(drawing, rows[rows["closed"] == 0], "open switch", GREY, dash="dot"),
        *(
            _switch_lines(
                drawing, rows[(rows["closed"] == 1) & (rows["kind"] == kind)], name, colour
            )
            for kind, (name, colour) in SWITCHES.items()
        ),
        _arrows(drawing, rows[rows["closed"] == 1]),
        _buses(drawing, hour),
        _microgrids(drawing, rows[rows["kind"] == "grid"]),
    ]


def _branches(drawing: _Drawing, hour: int) -> list[go.Scatter]:
    """Return the branches by how much they carry, and points with their flows to hover over."""
    view, at = drawing.view, drawing.layout.buses
    drawn = [(k, b) for k, b in enumerate(view.branches) if b.from_bus in at and b.to_bus in at]
    flow = np.zeros(len(view.branches)) if drawing.flow is None else drawing.flow[hour]
    most = 1.0 if drawing.flow is None else max(float(np.abs(drawing.flow).max()), 1e-9)
    classes: list[list[Sequence[Place]]] = [[] for _ in WIDTHS]
    for k, branch in drawn:
        share = abs(float(flow[k])) / most
        fitting = max(n for n, (least, _) in enumerate(WIDTHS) if share >= least)
        classes[fitting].append((at[branch.from_bus], at[branch.to_bus]))
    names = [_width_name(n, most) for n in range(len(WIDTHS))]
    traces = [
        go.Scatter(
            **_segments(segments),
            mode="lines",
            line={"color": "#9aa4ad", "width": width},
            hoverinfo="skip",
            name=name,
            showlegend=drawing.flow is not None,
        )
        for segments, (_, width), name in zip(classes, WIDTHS, names, strict=True)
    ]
    if drawing.flow is not None:
        middles = [_middle(at[b.from_bus], at[b.to_bus]) for _, b in drawn]
        traces.append(
            go.Scatter(
                x=[x for x, _ in middles],
                y=[y for _, y in middles],
                mode="markers",
                marker={"size": 9, "opacity": 0.0},
                text=labels(b.id for _, b in drawn),
                customdata=[round(float(flow[k]), 4) for k, _ in drawn],
                hovertemplate="branch %{text}: %{customdata:,.1f} kW<extra></extra>",
                name="branch flow",
                showlegend=False,
            )
        )
    return traces


def _width_name(number: int, most_kw: float) -> str:
    least, _ = WIDTHS[number]
    if number + 1 < len(WIDTHS):
        return f"branch under {amount(WIDTHS[number + 1][0] * most_kw, 'kW')}"
    return f"branch over {amount(least * most_kw, 'kW')}"


def _switch_lines(
    drawing: _Drawing, rows: pd.DataFrame, name: str, colour: str, dash: str = "solid"
) -> go.Scatter:
    """Return switches as lines between their ends."""
    ends = [pair for _, pair in _ends(drawing, rows)]
    return go.Scatter(
        **_segments(ends),
        mode="lines",
        line={"color": colour, "width": 1.3 if dash == "dot" else 3.0, "dash": dash},
        opacity=0.7 if dash == "dot" else 1.0,
        hoverinfo="skip",
        name=name if dash == "dot" else f"closed {name}",
    )


def _arrows(drawing: _Drawing, rows: pd.DataFrame) -> go.Scatter:
    """Return an arrow in the direction of flow on every closed switch that carries anything."""
    x: list[float | None] = []
    y: list[float | None] = []
    size: list[float] = []
    told: list[str] = []
    for row, (start, end) in _ends(drawing, rows[rows["p_kw"].abs() > LEAST_KW]):
        if row["p_kw"] < 0.0:
            start, end = end, start
        middle = _middle(start, end)
        x += [start[0], middle[0], None]
        y += [start[1], middle[1], None]
        size += [0.0, 13.0, 0.0]
        text = f"{label(row['switch'])}: {abs(row['p_kw']):,.1f} kW"
        told += ["", text, ""]
    return go.Scatter(
        x=x,
        y=y,
        mode="markers",
        marker={"symbol": "arrow", "size": size, "angleref": "previous", "color": BLACK},
        text=told,
        hovertemplate="%{text}<extra></extra>",
        name="flow on a switch",
        showlegend=False,
    )


def _buses(drawing: _Drawing, hour: int) -> go.Scatter:
    """Return the buses coloured by voltage; a diamond is outside its limits."""
    shown = [bus for bus in drawing.view.buses if bus in drawing.layout.buses]
    values = drawing.voltage.loc[shown, hour].to_numpy(dtype=float).tolist()
    every = drawing.voltage.to_numpy(dtype=float)
    return go.Scatter(
        x=[drawing.layout.buses[bus][0] for bus in shown],
        y=[drawing.layout.buses[bus][1] for bus in shown],
        mode="markers",
        text=labels(shown),
        marker={
            "size": 11,
            "symbol": [_symbol(drawing.view, bus, v) for bus, v in zip(shown, values, strict=True)],
            "color": [round(v, 6) for v in values],
            "cmin": round(float(np.nanmin(every)), 4),
            "cmax": round(float(np.nanmax(every)), 4),
            "colorscale": SEQUENTIAL,
            "colorbar": colorbar("voltage, pu", tickformat=".3f"),
            "line": {"color": "#44505a", "width": 1},
        },
        hovertemplate="bus %{text}: %{marker.color:.4f} pu<extra></extra>",
        name="bus",
        showlegend=False,
    )


def _symbol(view: FeederView, bus: str, v_pu: float) -> str:
    low, high = view.v_limits_pu[bus]
    held = bus == view.slack or low - TOLERANCE_PU <= v_pu <= high + TOLERANCE_PU
    return "circle" if held else "diamond-x"


def _slack(drawing: _Drawing) -> go.Scatter:
    """Return the bus that the upstream grid feeds."""
    x, y = drawing.layout.buses[drawing.view.slack]
    return go.Scatter(
        x=[x],
        y=[y],
        mode="markers+text",
        marker={"size": 20, "symbol": "square-open", "color": BLACK, "line": {"width": 2}},
        text=["upstream"],
        textposition="top center",
        hoverinfo="skip",
        name="slack bus",
        showlegend=False,
    )


def _microgrids(drawing: _Drawing, grid: pd.DataFrame) -> go.Scatter:
    """Return the microgrids beside their buses, with what they give to the feeder."""
    places = drawing.layout.microgrids
    power = dict(zip(grid["from"], grid["p_kw"], strict=True))
    names = [
        f"{name} {_signed(power.get(microgrid, 0.0))}".strip()
        for microgrid, name in zip(places, labels(places), strict=True)
    ]
    return go.Scatter(
        x=[x for x, _ in places.values()],
        y=[y for _, y in places.values()],
        mode="markers+text",
        marker={
            "size": 17,
            "symbol": "hexagon",
            "color": "#ffffff",
            "line": {"color": BLACK, "width": 2},
        },
        text=names,
        customdata=labels(drawing.view.cluster_of[name] for name in places),
        textposition=_label_sides(list(places.values())),
        textfont={"size": 12, "color": BLACK},
        hovertemplate="%{text} kW to the feeder, cluster %{customdata}<extra></extra>",
        name="microgrid",
        showlegend=False,
    )


def _label_sides(places: list[Place]) -> list[str]:
    """Return above or below for each label, by turns where neighbours stand in one row."""
    sides: dict[Place, str] = {}
    for x, y in sorted(places):
        left = next((sides[x - d, y] for d in (1.0, 2.0, 3.0) if (x - d, y) in sides), None)
        sides[x, y] = "bottom center" if left == "top center" else "top center"
    return [sides[place] for place in places]


def _signed(p_kw: float) -> str:
    """Return a flow as a label, nothing where nothing flows."""
    if abs(p_kw) < LEAST_KW:
        return ""
    return f"{'+' if p_kw > 0.0 else MINUS}{abs(p_kw):,.0f}"


def _ends(
    drawing: _Drawing, rows: pd.DataFrame
) -> Iterable[tuple[dict[str, Any], tuple[Place, Place]]]:
    """Yield switches with the places of their ends, those that have places."""
    microgrids, buses = drawing.layout.microgrids, drawing.layout.buses
    for row in rows.to_dict("records"):
        start = microgrids.get(row["from"])
        end = (buses if row["kind"] == "grid" else microgrids).get(row["to"])
        if start is not None and end is not None:
            yield {str(key): value for key, value in row.items()}, (start, end)


def _segments(ends: Iterable[Sequence[Place]]) -> dict[str, list[float | None]]:
    """Return lines as one trace, cut apart by gaps."""
    x: list[float | None] = []
    y: list[float | None] = []
    for start, end in ends:
        x += [start[0], end[0], None]
        y += [start[1], end[1], None]
    return {"x": x, "y": y}


def _middle(start: Place, end: Place) -> Place:
    return (start[0] + end[0]) / 2.0, (start[1] + end[1]) / 2.0


def _slider(hours: list[int], start: int, dt_h: float) -> dict[str, Any]:
    """Return the slider over the frames."""
    move = {
        "mode": "immediate",
        "frame": {"duration": 0, "redraw": True},
        "transition": {"duration": 0},
    }
    return {
        "active": hours.index(start),
        "currentvalue": {"prefix": f"{time_word(dt_h)} "},
        "steps": [{"label": str(t), "method": "animate", "args": [[str(t)], move]} for t in hours],
        "pad": {"t": 10, "b": 5},
    }


def map_sentence(tables: Tables, view: FeederView | None) -> str:
    """Say the hour with the most microgrids connected, and where voltage is lowest."""
    if view is None:
        return "The copy of the case cannot be read, so there is no map of the feeder."
    rows = _switch_rows(tables)
    grid = rows[rows["kind"] == "grid"]
    closed = grid.groupby("hour")["closed"].sum()
    export = grid.groupby("hour")["p_kw"].sum()
    islands = [int(t) for t in closed.index[closed == 0]]
    voltage = voltage_pu(tables, "upper")
    lowest = voltage.min().idxmin()
    text = (
        f"{counted(len(view.buses), 'bus', 'buses')} and "
        f"{counted(len(view.microgrid_bus), 'microgrid')}; "
        f"at most {closed.max()} are connected at once (hour {closed.idxmax()})"
    )
    if export.abs().max() > LEAST_KW:
        hour = greatest(export.abs())
        way = "deliver" if export[hour] > 0.0 else "draw"
        text += f", and in hour {hour} they {way} most, {amount(abs(export[hour]), 'kW')}"
    if islands:
        text += f"; in {counted(len(islands), 'hour')} none is"
    return (
        f"{text}. Voltage is lowest in hour {lowest} at bus "
        f"{named([str(voltage[lowest].idxmin())])}. Line width shows what a branch carries, "
        "arrows the direction on closed switches, numbers what a microgrid gives to the feeder (+) "
        "or takes from it (\N{MINUS SIGN}), kW."
    )
