"""A front of cost against emission."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from cmgplan.homes.report.figures.view import drawn
from cmgplan.page.style import BLUE, ORANGE, STATUS_SYMBOLS, label
from cmgplan.page.wording import amount, counted


def front_figure(front: pd.DataFrame, currency: str) -> go.Figure:
    """Cost over emission, one mark for each point, the chosen one ringed."""
    unit = label(currency)
    figure = go.Figure()
    figure.add_scatter(
        x=front["emission_kg"].tolist(),
        y=front["cost"].tolist(),
        mode="lines+markers+text",
        text=[str(point) for point in front["point"]],
        textposition="top right",
        name="points of the front",
        line={"color": BLUE},
        marker={
            "color": BLUE,
            "size": 9,
            "symbol": [STATUS_SYMBOLS.get(str(s), "x") for s in front["status"]],
        },
        hovertemplate=f"point %{{text}}: %{{y:,.2f}} {unit}, %{{x:,.2f}} kg<extra></extra>",
    )
    chosen = front[front["selected"] == 1]
    figure.add_scatter(
        x=chosen["emission_kg"].tolist(),
        y=chosen["cost"].tolist(),
        mode="markers",
        name="chosen",
        marker={"size": 18, "symbol": "circle-open", "line": {"color": ORANGE, "width": 3}},
        hoverinfo="skip",
    )
    return drawn(
        figure,
        400,
        xaxis={"title": {"text": "emission, kg"}},
        yaxis={"title": {"text": f"cost, {unit}"}},
    )


def front_sentence(front: pd.DataFrame, currency: str) -> str:
    """Say what the front spans, what is chosen, and what a kg less costs there."""
    cheap, clean = front.iloc[0], front.iloc[-1]
    chosen = front[front["selected"] == 1].iloc[0]
    text = (
        f"{counted(len(front), 'point')} from {amount(float(cheap['cost']), currency)} and "
        f"{amount(float(cheap['emission_kg']), 'kg')} to {amount(float(clean['cost']), currency)} "
        f"and {amount(float(clean['emission_kg']), 'kg')}. "
    )
    cost, kg = float(chosen["cost"]), float(chosen["emission_kg"])
    text += f"Chosen is point {int(chosen['point'])}, the fuzzy compromise: "
    text += f"{amount(cost, currency)} and {amount(kg, 'kg')}"
    saved = float(cheap["emission_kg"] - chosen["emission_kg"])
    if saved > 0.0:
        price = float(chosen["cost"] - cheap["cost"]) / saved
        text += f", which pays {amount(price, currency)} for each kg less than at least cost"
    return f"{text}."
