"""A feeder on the page: its tree from left to right, with what is open, new or broken marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import networkx as nx
import numpy as np
import plotly.graph_objects as go

from cmgplan.page.style import BLACK, SEQUENTIAL, colorbar, finish, label
from cmgplan.page.tree_layout import Place, tidy

ROOT = "\0root"
"""What stands for all sources together; no id begins so."""

BEND = 0.55
"""Rows by which a branch beyond the tree is bent."""

LABELLED = 60
"""Buses up to which all have their names drawn."""


@dataclass(frozen=True)
class Drawn:
    """Branches drawn alike: their ends, what they are called, colour and dash."""

    name: str
    ends: Sequence[tuple[str, str]]
    told: Sequence[str]
    color: str
    dash: str = "solid"
    width: float = 2.0


def places(sources: Sequence[str], links: Sequence[tuple[str, str]]) -> dict[str, Place]:
    """Return where the buses stand that links connect to the sources.

    The links should form a tree; of a loop the branches on the shortest ways count.
    """
    graph = nx.Graph()
    graph.add_edges_from((ROOT, source) for source in sources)
    graph.add_edges_from(links)
    found = tidy(nx.bfs_tree(graph, ROOT), ROOT)
    if len(sources) == 1:
        found = {bus: (x - 1.0, y) for bus, (x, y) in found.items()}
    return {bus: at for bus, at in found.items() if bus != ROOT}


def map_of(
    at: Mapping[str, Place],
    sources: Sequence[str],
    groups: Sequence[Drawn],
    values: Mapping[str, float] | None = None,
    what: str = "voltage, pu",
    span: tuple[float, float] | None = None,
) -> go.Figure:
    """Return the drawing of a feeder.

    Parameters
    ----------
    at
        Places of the buses.
    groups
        Branches; those whose ends have no place are left out.
    values
        What colours the buses; those without are white.
    span
        Ends of the scale of colours.
    """
    figure = go.Figure()
    for group in groups:
        _add_lines(figure, at, group)
    _add_buses(figure, at, sources, values or {}, what, span)
    rows = [y for _, y in at.values()] or [0.0]
    height = int(min(max(320.0, 140.0 + 30.0 * (max(rows) - min(rows))), 900.0))
    empty = {"visible": False, "showgrid": False, "zeroline": False}
    low, high = min(rows) - 1.0, max(rows) + 1.0
    return finish(
        figure,
        height,
        xaxis=empty,
        yaxis={**empty, "range": [low, high]},
        margin={"l": 10, "r": 10, "t": 60, "b": 20},
    )


def _add_lines(figure: go.Figure, at: Mapping[str, Place], group: Drawn) -> None:
    x: list[float | None] = []
    y: list[float | None] = []
    middle: list[tuple[float, float, str]] = []
    for (one, other), told in zip(group.ends, group.told, strict=True):
        if one not in at or other not in at:
            continue
        (x0, y0), (x1, y1) = at[one], at[other]
        # A branch beyond the tree is bent, or others of its row would hide it.
        bend = BEND if abs(x1 - x0) > 1.5 or x0 == x1 else 0.0
        way = np.linspace(0.0, 1.0, 13 if bend else 2)
        x += [*(x0 + way * (x1 - x0)).tolist(), None]
        y += [*(y0 + way * (y1 - y0) - bend * 4.0 * way * (1.0 - way)).tolist(), None]
        middle.append((0.5 * (x0 + x1), 0.5 * (y0 + y1) - bend, told))
    if not middle:
        return
    figure.add_scatter(
        x=x,
        y=y,
        mode="lines",
        name=group.name,
        line={"color": group.color, "dash": group.dash, "width": group.width},
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=[m[0] for m in middle],
        y=[m[1] for m in middle],
        mode="markers",
        marker={"color": group.color, "size": 7, "opacity": 0.0},
        text=[label(m[2]) for m in middle],
        hovertemplate="%{text}<extra></extra>",
        showlegend=False,
    )


def _add_buses(
    figure: go.Figure,
    at: Mapping[str, Place],
    sources: Sequence[str],
    values: Mapping[str, float],
    what: str,
    span: tuple[float, float] | None,
) -> None:
    buses = [bus for bus in at if bus not in sources]
    known = [bus for bus in buses if bus in values]
    low, high = span or (
        min((values[b] for b in known), default=0.0),
        max((values[b] for b in known), default=1.0),
    )
    named = len(at) <= LABELLED
    for group, filled in ((known, True), ([b for b in buses if b not in values], False)):
        if not group:
            continue
        told = [f"{b}: {values[b]:.4f}" if filled else f"{b}: not fed" for b in group]
        marker = {"size": 11, "line": {"color": BLACK, "width": 1}, "color": "#ffffff"}
        if filled:
            marker |= {
                "color": [values[b] for b in group],
                "colorscale": SEQUENTIAL,
                "cmin": low,
                "cmax": high,
                "colorbar": colorbar(what),
            }
        figure.add_scatter(
            x=[at[b][0] for b in group],
            y=[at[b][1] for b in group],
            mode="markers+text" if named else "markers",
            text=[label(b) for b in group],
            textposition="top center",
            textfont={"size": 10},
            customdata=[label(text) for text in told],
            hovertemplate="bus %{customdata}<extra></extra>",
            marker=marker,
            showlegend=False,
        )
    there = [bus for bus in sources if bus in at]
    figure.add_scatter(
        x=[at[b][0] for b in there],
        y=[at[b][1] for b in there],
        mode="markers+text",
        text=[label(b) for b in there],
        textposition="top center",
        marker={"color": BLACK, "size": 14, "symbol": "square"},
        hovertemplate="source %{text}<extra></extra>",
        name="source",
    )
