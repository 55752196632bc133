"""Demand response of the microgrids and of the feeder: the paper's Fig. 7."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from cmgplan.page.lookup import hours_of
from cmgplan.page.style import (
    DIVERGING,
    WITH,
    WITHOUT,
    colorbar,
    finish,
    hour_axis,
    labels,
    rows_height,
    sign_marks,
)
from cmgplan.page.wording import amount, counted, in_hours, named
from cmgplan.run.tables import Tables

_WHO = {"lower": "microgrids", "upper": "feeder"}
LEAST_KW = 0.01
"""Demand that moves less has not moved."""


def demand_response(tables: Tables, dt_h: float = 1.0) -> go.Figure | None:
    """Demand before and after response, microgrids above and the feeder's own loads below."""
    shown = [level for level in _WHO if moves(tables, level)]
    if not shown:
        return None
    figure = make_subplots(rows=len(shown), cols=1, shared_xaxes=True, vertical_spacing=0.12)
    for row, level in enumerate(shown, start=1):
        total = _rows(tables, level).groupby("hour")[["p_before_kw", "p_after_kw"]].sum()
        for name, column, kind in (
            ("before response", "p_before_kw", WITHOUT),
            ("after response", "p_after_kw", WITH),
        ):
            figure.add_scatter(
                x=[int(t) for t in total.index],
                y=total[column].tolist(),
                mode="lines",
                name=name,
                legendgroup=name,
                showlegend=row == 1,
                line={"color": kind["color"], "dash": kind["dash"], "shape": "hvh"},
                hovertemplate="hour %{x}: %{y:,.1f} kW<extra>%{fullData.name}</extra>",
                row=row,
                col=1,
            )
        figure.update_yaxes(title_text=f"{_WHO[level]}, kW", rangemode="tozero", row=row, col=1)
    finish(figure, 150 + 190 * len(shown))
    figure.update_xaxes(**hour_axis(tables["upstream"]["hour"], dt_h))
    if len(shown) > 1:
        figure.update_xaxes(title_text="", row=1, col=1)
    return figure


def demand_response_by_microgrid(tables: Tables, dt_h: float = 1.0) -> go.Figure | None:
    """Change of each microgrid's demand by hour: more is orange, less is blue."""
    if not moves(tables, "lower"):
        return None
    change = change_kw(tables, "lower")
    before = _rows(tables, "lower").pivot(index="place", columns="hour", values="p_before_kw")
    share = 100.0 * change / before.reindex_like(change).where(lambda kw: kw > 0.0)
    most = float(np.abs(change.to_numpy()).max())
    figure = go.Figure(
        go.Heatmap(
            z=change.to_numpy(dtype=float).round(6).tolist(),
            x=[int(t) for t in change.columns],
            y=labels(change.index),
            customdata=share.round(6).astype(object).where(share.notna(), None).to_numpy().tolist(),
            zmin=-most,
            zmax=most,
            colorscale=DIVERGING,
            colorbar=colorbar("change, kW"),
            **sign_marks(change),
            xgap=1,
            ygap=1,
            hovertemplate="%{y}, hour %{x}: %{z:+,.2f} kW (%{customdata:+.1f} %)<extra></extra>",
        )
    )
    return finish(
        figure,
        rows_height(len(change)),
        xaxis=hour_axis(hours_of(change.columns), dt_h),
        yaxis={"type": "category", "autorange": "reversed", "showgrid": False},
        margin={"l": 70, "r": 25, "t": 10, "b": 55},
    )


def moves(tables: Tables, level: str) -> bool:
    """Return whether any demand of a level moves."""
    rows = _rows(tables, level)
    return bool(((rows["p_after_kw"] - rows["p_before_kw"]).abs() > LEAST_KW).any())


def change_kw(tables: Tables, level: str) -> pd.DataFrame:
    """Return demand after response less before, place by hour."""
    rows = _rows(tables, level)
    rows = rows.assign(change=rows["p_after_kw"] - rows["p_before_kw"])
    wide = rows.pivot(index="place", columns="hour", values="change")
    return wide.loc[list(dict.fromkeys(rows["place"]))]


def response_sentence(tables: Tables, dt_h: float = 1.0) -> str:
    """Say how much demand moves, from which hours to which."""
    parts = []
    for level, who in _WHO.items():
        if _rows(tables, level).empty:
            parts.append(f"The {who} {_verb(level, 'have', 'has')} no demand that can move")
            continue
        if not moves(tables, level):
            parts.append(f"Demand of the {who} stays as it was")
            continue
        by_hour = change_kw(tables, level).sum()
        moved = float(change_kw(tables, level).clip(lower=0.0).to_numpy().sum()) * dt_h
        total = float(_rows(tables, level)["p_before_kw"].sum()) * dt_h
        less = [int(t) for t in by_hour.nsmallest(3).index if by_hour[t] < 0.0]
        more = [int(t) for t in by_hour.nlargest(3).index if by_hour[t] > 0.0]
        text = (
            f"The {who} {_verb(level, 'move', 'moves')} {amount(moved, 'kWh')}, "
            f"{100.0 * moved / total:.1f} % of demand"
        )
        if less and more:
            text += f", most out of {in_hours(less)} and into {in_hours(more)}"
        parts.append(text)
    return f"{'. '.join(parts)}."


def leaders_sentence(tables: Tables, dt_h: float = 1.0) -> str:
    """Name the microgrid that moves most, and count those that move nothing."""
    size = change_kw(tables, "lower").clip(lower=0.0).sum(axis=1).sort_values(ascending=False)
    still = int((size <= LEAST_KW).sum())
    text = (
        f"{named([str(size.index[0])])} moves most, {amount(float(size.iloc[0]) * dt_h, 'kWh')}; "
        "orange (+) takes more than without response, blue (\N{MINUS SIGN}) less"
    )
    return f"{text}. {counted(still, 'microgrid')} moved nothing." if still else f"{text}."


def _rows(tables: Tables, level: str) -> pd.DataFrame:
    rows = tables["demand_response"]
    return rows[rows["level"] == level]


def _verb(level: str, many: str, one: str) -> str:
    return many if level == "lower" else one
