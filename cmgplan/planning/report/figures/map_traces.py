"""What the map of a feeder is drawn of: branches, switches, buses and microgrids of one hour."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from cmgplan.arrays import FloatArray
from cmgplan.page.lookup import records
from cmgplan.page.style import BLACK, BLUE, GREEN, GREY, PURPLE, SEQUENTIAL, colorbar, label, labels
from cmgplan.page.tree_layout import Place
from cmgplan.page.wording import MINUS, amount
from cmgplan.planning.report.figures.layout import Layout, label_sides
from cmgplan.planning.report.figures.voltage import TOLERANCE_PU
from cmgplan.planning.report.topology import FeederView

SWITCHES = {
    "grid": ("connection to the feeder", BLUE),
    "microgrid": ("tie within a cluster", GREEN),
    "cluster": ("tie between clusters", PURPLE),
}
NARROW_PU = 0.005
"""Range of voltages up to which ticks with three digits would repeat."""

WIDTHS = ((0.0, 1.2), (0.15, 3.0), (0.5, 6.0))
"""Share of the day's greatest flow from which a branch is drawn, and how wide."""
LEAST_KW = 0.05


@dataclass(frozen=True)
class Drawing:
    """What every hour's frame is drawn from."""

    view: FeederView
    layout: Layout
    voltage: pd.DataFrame
    flow: FloatArray | None
    switches: pd.DataFrame


def moving_traces(drawing: Drawing, hour: int) -> list[go.Scatter]:
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


def _branches(drawing: Drawing, hour: int) -> list[go.Scatter]:
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
    drawing: Drawing, rows: pd.DataFrame, name: str, colour: str, dash: str = "solid"
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


def _arrows(drawing: Drawing, rows: pd.DataFrame) -> go.Scatter:
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


def _buses(drawing: Drawing, hour: int) -> go.Scatter:
    """Return the buses coloured by voltage; a diamond is outside its limits."""
    shown = [bus for bus in drawing.view.buses if bus in drawing.layout.buses]
    values = drawing.voltage.loc[shown, hour].to_numpy(dtype=float).tolist()
    every = drawing.voltage.to_numpy(dtype=float)
    low, high = float(np.nanmin(every)), float(np.nanmax(every))
    return go.Scatter(
        x=[drawing.layout.buses[bus][0] for bus in shown],
        y=[drawing.layout.buses[bus][1] for bus in shown],
        mode="markers",
        text=labels(shown),
        marker={
            "size": 11,
            "symbol": [_symbol(drawing.view, bus, v) for bus, v in zip(shown, values, strict=True)],
            "color": [round(v, 6) for v in values],
            "cmin": round(low, 4),
            "cmax": round(high, 4),
            "colorscale": SEQUENTIAL,
            "colorbar": colorbar(
                "voltage, pu", tickformat=".3f" if high - low > NARROW_PU else ".4f"
            ),
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


def slack_trace(drawing: Drawing) -> go.Scatter:
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


def _microgrids(drawing: Drawing, grid: pd.DataFrame) -> go.Scatter:
    """Return the microgrids beside their buses, with what they give to the feeder."""
    places = drawing.layout.microgrids
    power = dict(zip(grid["from"], grid["p_kw"], strict=True))
    names = [
        f"{name}<br>{_signed(power.get(microgrid, 0.0))}".removesuffix("<br>")
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
        cliponaxis=False,
        textposition=label_sides(drawing.layout),
        textfont={"size": 12, "color": BLACK},
        hovertemplate="%{text} kW to the feeder, cluster %{customdata}<extra></extra>",
        name="microgrid",
        showlegend=False,
    )


def _signed(p_kw: float) -> str:
    """Return a flow as a label, nothing where nothing flows."""
    if abs(p_kw) < LEAST_KW:
        return ""
    return f"{'+' if p_kw > 0.0 else MINUS}{abs(p_kw):,.0f}"


def _ends(
    drawing: Drawing, rows: pd.DataFrame
) -> Iterable[tuple[dict[str, Any], tuple[Place, Place]]]:
    """Yield switches with the places of their ends, those that have places."""
    microgrids, buses = drawing.layout.microgrids, drawing.layout.buses
    for row in records(rows):
        start = microgrids.get(row["from"])
        end = (buses if row["kind"] == "grid" else microgrids).get(row["to"])
        if start is not None and end is not None:
            yield row, (start, end)


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
