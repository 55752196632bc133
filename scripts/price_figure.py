"""Figure of several fronts at the same caps: value and bound of each point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import plotly.graph_objects as go

COLOURS = ("#1b6ca8", "#d98e32", "#3c8d5a", "#7a5ea8")
WIDTH, HEIGHT = 760, 400
LEFT, RIGHT, TOP, BOTTOM = 70, 160, 20, 50
TICKS = 5
X_TITLE, Y_TITLE = "point of the front (caps on cost and losses widen)", "emission cost, $"


@dataclass(frozen=True)
class Curve:
    """Least emission held and proven bound by point, $; the optimum lies between them."""

    name: str
    points: Sequence[int]
    values: Sequence[float]
    bounds: Sequence[float]


def as_figure(curves: Sequence[Curve]) -> go.Figure:
    """Return the interactive figure: values as lines, bounds as error bars downwards."""
    figure = go.Figure()
    for curve, colour in zip(curves, COLOURS, strict=True):
        below = [value - bound for value, bound in zip(curve.values, curve.bounds, strict=True)]
        figure.add_scatter(
            x=curve.points,
            y=curve.values,
            name=curve.name,
            mode="lines+markers",
            line={"color": colour},
            error_y={"type": "data", "symmetric": False, "array": [0.0] * len(below)}
            | {"arrayminus": below},
        )
    figure.update_layout(xaxis_title=X_TITLE, yaxis_title=Y_TITLE)
    return figure


def as_svg(curves: Sequence[Curve]) -> str:
    """Return the figure as a picture: values as lines, bounds as bars downwards."""
    shown = [v for curve in curves for v in (*curve.values, *curve.bounds) if v == v]
    numbers = [n for curve in curves for n in curve.points]
    low, high = min(shown), max(shown)
    low, high = low - 0.05 * (high - low), high + 0.05 * (high - low)
    first, last = min(numbers), max(numbers)

    def x(number: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (number - first) / max(last - first, 1)

    def y(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - value) / max(high - low, 1e-9)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12" fill="#333333">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
    ]
    for k in range(TICKS):
        value = low + (high - low) * k / (TICKS - 1)
        parts.append(_line([(LEFT, y(value)), (WIDTH - RIGHT, y(value))], "#dddddd"))
        parts.append(_text(LEFT - 8, y(value) + 4, f"{value:.0f}", "end"))
    parts += [_text(x(n), HEIGHT - BOTTOM + 18, str(n), "middle") for n in sorted(set(numbers))]
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, X_TITLE, "middle"))
    middle = (TOP + HEIGHT - BOTTOM) / 2
    turned = _text(16, middle, Y_TITLE, "middle")
    parts.append(f'<g transform="rotate(-90 16 {middle:.1f})">{turned}</g>')
    for k, (curve, colour) in enumerate(zip(curves, COLOURS, strict=True)):
        corners = [(x(n), y(v)) for n, v in zip(curve.points, curve.values, strict=True)]
        parts.append(_line(corners, colour, 2.0))
        for (a, b), bound in zip(corners, curve.bounds, strict=True):
            parts.append(f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3.5" fill="{colour}"/>')
            if bound == bound:
                parts.append(_line([(a, b), (a, y(bound))], colour))
        beside = WIDTH - RIGHT + 16
        parts.append(_line([(beside, TOP + 20 * k), (beside + 20, TOP + 20 * k)], colour, 2.0))
        parts.append(_text(beside + 26, TOP + 20 * k + 4, curve.name, "start"))
    return "\n".join([*parts, "</svg>", ""])


def _line(points: Sequence[tuple[float, float]], colour: str, width: float = 1.0) -> str:
    path = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"/>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
