"""Switch schedule: the three windows of the paper's Fig. 5."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from cmgplan.page.lookup import greatest, hours_of, hours_where
from cmgplan.page.style import BLUE, LIGHT, MARKED, finish, hour_axis, labels, rows_height
from cmgplan.page.wording import amount, counted, in_hours, named
from cmgplan.run.tables import Tables

WINDOWS = {
    "grid": "Window 1: connection to the feeder",
    "microgrid": "Window 2: ties inside the clusters",
    "cluster": "Window 3: ties between clusters",
}
"""Kinds of switches in the order of the paper's windows."""

SELECTED_LEVEL = 4


def switch_schedule(tables: Tables, kind: str, dt_h: float = 1.0) -> go.Figure | None:
    """Hours in which the switches of one kind are closed, and what they carry."""
    grid = schedule_grid(tables, kind)
    if grid.empty:
        return None
    rows = tables["exchange"]
    rows = rows[(rows["level"] == SELECTED_LEVEL) & (rows["kind"] == kind)]
    carried = rows.pivot(index="switch", columns="hour", values="p_kw").reindex_like(grid)
    figure = go.Figure(
        go.Heatmap(
            z=grid.to_numpy(dtype=int).tolist(),
            x=[int(t) for t in grid.columns],
            y=labels(grid.index),
            customdata=carried.round(6).to_numpy(dtype=float).tolist(),
            text=[["\N{BLACK CIRCLE}" if v else "" for v in row] for row in grid.to_numpy()],
            texttemplate="%{text}" if grid.shape[1] <= MARKED else "",
            textfont={"color": "#ffffff"},
            zmin=0,
            zmax=1,
            colorscale=[[0, LIGHT], [1, BLUE]],
            showscale=False,
            xgap=2,
            ygap=2,
            hovertemplate="%{y}, hour %{x}: %{z} (1 closed), %{customdata:,.2f} kW<extra></extra>",
        )
    )
    return finish(
        figure,
        rows_height(len(grid), 150),
        xaxis=hour_axis(hours_of(grid.columns), dt_h),
        yaxis={"type": "category", "autorange": "reversed", "showgrid": False},
        margin={"l": 70, "r": 25, "t": 10, "b": 55},
    )


def schedule_grid(tables: Tables, kind: str) -> pd.DataFrame:
    """Return the positions of the switches of a kind, switch by hour, in the order of the table."""
    rows = tables["switch_schedule"]
    rows = rows[rows["kind"] == kind]
    grid = rows.pivot(index="switch", columns="hour", values="closed")
    return grid.loc[list(dict.fromkeys(rows["switch"]))]


def switches_sentence(tables: Tables, kind: str) -> str:
    """Say how often the switches of a kind are closed, and when all of them are open."""
    grid = schedule_grid(tables, kind)
    if grid.empty:
        return "The case has no switch of this kind."
    closed = grid.to_numpy(dtype=int)
    text = (
        f"Closed in {closed.sum()} of {closed.size} switch-hours, with "
        f"{counted(int(operations(grid).sum()), 'change')} of position over the horizon"
    )
    idle = hours_where(grid.max() == 0)
    text += f"; all open in {in_hours(idle)}" if idle else "; never all open at once"
    never = [str(name) for name, most in grid.max(axis=1).items() if most == 0]
    text += f"; {named(never)} never close{'s' if len(never) == 1 else ''}." if never else "."
    return text + _carried(tables, kind)


def operations(grid: pd.DataFrame) -> pd.Series[int]:
    """Return how often each switch changes its position between two intervals."""
    return (grid.diff(axis=1).iloc[:, 1:] != 0).sum(axis=1)


def _carried(tables: Tables, kind: str) -> str:
    """Say the greatest flow on a switch of a kind."""
    rows = tables["exchange"]
    rows = rows[(rows["level"] == SELECTED_LEVEL) & (rows["kind"] == kind)]
    if rows.empty or not rows["p_kw"].abs().max() > 0.0:
        return ""
    top = rows.loc[greatest(rows["p_kw"].abs())]
    return (
        f" The greatest flow is {amount(abs(top['p_kw']), 'kW')} on {named([top['switch']])} "
        f"in hour {top['hour']}."
    )
