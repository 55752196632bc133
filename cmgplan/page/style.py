"""One look for all figures: colours that the colour-blind tell apart, axes, labels."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from cmgplan.page.wording import MINUS, NONE, short_name

# Okabe and Ito's palette, darkest first where lines cross.
BLUE, VERMILLION, GREEN = "#0072b2", "#d55e00", "#009e73"
ORANGE, SKY, PURPLE, YELLOW, BLACK = "#e69f00", "#56b4e9", "#cc79a7", "#f0e442", "#222222"
INK, GRID = "#2b3843", "#e6eaee"
GREY, LIGHT = "#8a939b", "#eceff2"
SERIES = (BLUE, ORANGE, GREEN, PURPLE, VERMILLION, SKY, YELLOW, BLACK)
PATTERNS = ("", "/", ".", "x", "\\", "-", "+", "|")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "star", "hexagon")

WITH = {"color": BLUE, "dash": "solid", "symbol": "circle"}
WITHOUT = {"color": VERMILLION, "dash": "dash", "symbol": "square"}
LOWER = {"color": GREEN, "dash": "dot", "symbol": "diamond"}

SEQUENTIAL = "Viridis"
# Blue to orange through white: told apart by any kind of colour vision, and in grey by marks.
DIVERGING = [
    [0.0, "#005a8f"],
    [0.25, "#6fb3d9"],
    [0.5, "#ffffff"],
    [0.75, "#f0a860"],
    [1.0, "#b34700"],
]
STATUS_SYMBOLS = {"optimal": "circle", "feasible": "diamond"}

_NUMBERS = {"separatethousands": True, "exponentformat": "none"}
LOOK = {
    "layout": {
        "colorway": list(SERIES),
        "font": {
            "family": "system-ui, -apple-system, 'Segoe UI', sans-serif",
            "size": 13,
            "color": INK,
        },
        "legend": {"orientation": "h", "x": 0.0, "y": 1.02, "yanchor": "bottom"},
        "hoverlabel": {"namelength": -1},
        "xaxis": {
            "automargin": True,
            "title": {"standoff": 12},
            "ticks": "outside",
            "linecolor": "#b8c0c7",
            "showline": True,
            "zerolinecolor": GREY,
            "gridcolor": GRID,
            **_NUMBERS,
        },
        "yaxis": {
            "automargin": True,
            "title": {"standoff": 12},
            "zerolinecolor": GREY,
            "gridcolor": GRID,
            **_NUMBERS,
        },
    },
    "data": {
        "bar": [
            {
                "type": "bar",
                "marker": {
                    "line": {"width": 0},
                    "pattern": {"fillmode": "overlay", "size": 9, "solidity": 0.2},
                },
            }
        ]
    },
}
"""What all figures share, as a template of the drawing library."""

MARKED = 48
"""Most intervals over which marks in cells can be read."""

_TICKS = (1, 2, 3, 4, 6, 12, 24, 48, 96, 168, 336, 672)


def labels(ids: Iterable[object]) -> list[str]:
    """Return ids as labels that stay apart from each other, the same for the same id."""
    found: dict[object, str] = {}
    taken: set[str] = set()
    row = list(ids)
    for name in row:
        if name not in found:
            text, again = label(name), 1
            while text in taken:
                again += 1
                text = f"{label(name)} ({again})"
            found[name] = text
            taken.add(text)
    return [found[name] for name in row]


def label(name: object) -> str:
    """Return one id as a label: short, and without meaning as markup."""
    return escape(short_name(name), quote=False) or NONE


def time_word(dt_h: float) -> str:
    """Return what an interval is called."""
    return "hour" if dt_h == 1.0 else "interval"


def hour_axis(
    hours: Iterable[int], dt_h: float = 1.0, *, ticks: int = 25, **more: Any
) -> dict[str, Any]:
    """Return the axis of the intervals, with a tick for each or for every few."""
    count = max((int(h) for h in hours), default=0) + 1
    step = next((s for s in _TICKS if count / s <= ticks), _TICKS[-1])
    title = time_word(dt_h) if dt_h == 1.0 else f"interval of {dt_h:g} h"
    return {
        "title": {"text": title},
        "dtick": step,
        "tick0": 0,
        "range": [-0.5, count - 0.5],
        "showgrid": False,
        "zeroline": False,
        **more,
    }


def finish(figure: go.Figure, height: int = 400, **layout: Any) -> go.Figure:
    """Give a figure the common look and return it."""
    figure.update_layout(
        {
            "template": LOOK,
            "height": height,
            "margin": {"l": 70, "r": 25, "t": 45, "b": 55},
            **layout,
        },
        overwrite=True,  # or the library's own template would be mixed in
    )
    return figure


def line(kind: dict[str, str], **more: Any) -> dict[str, Any]:
    """Return the line and marker of one of the situations that figures compare."""
    return {
        "mode": "lines+markers",
        "line": {"color": kind["color"], "dash": kind["dash"], **more},
        "marker": {"symbol": kind["symbol"], "size": 6},
    }


def category_axis(title: str, **more: Any) -> dict[str, Any]:
    """Return an axis of names, which must not be taken for numbers or dates."""
    return {"title": {"text": title}, "type": "category", "showgrid": False, **more}


def colorbar(title: str, **more: Any) -> dict[str, Any]:
    """Return a slim scale of colours with its title above."""
    return {"title": {"text": title, "side": "top"}, "thickness": 14, **more}


def sign_marks(table: pd.DataFrame) -> dict[str, Any]:
    """Return marks for a heat map of what is more or less, for who cannot see its colours."""
    most = float(table.abs().to_numpy().max())
    marks = [
        ["" if abs(v) < 0.05 * most else "+" if v > 0.0 else MINUS for v in row]
        for row in table.to_numpy(dtype=float)
    ]
    return {"text": marks, "texttemplate": "%{text}" if table.shape[1] <= MARKED else ""}


def rows_height(rows: int, least: int = 190) -> int:
    """Return the height of a figure with one row for each name."""
    return max(least, min(120 + 24 * rows, 1400))
