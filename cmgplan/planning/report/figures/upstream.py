"""Exchange with the upstream grid, with and without microgrids: the paper's Fig. 11."""

from __future__ import annotations

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from cmgplan.page.lookup import greatest, least
from cmgplan.page.style import GREY, WITH, WITHOUT, finish, hour_axis, line
from cmgplan.page.wording import amount, change, in_hours
from cmgplan.run.tables import Tables

SITUATIONS = {
    "without microgrids": (WITHOUT, "without_cmg_kw"),
    "with microgrids": (WITH, "with_cmg_kw"),
}


def upstream(tables: Tables, dt_h: float = 1.0) -> go.Figure | None:
    """Power from the upstream grid (import positive) above its price."""
    rows = tables["upstream"]
    if rows.empty:
        return None
    hours = [int(t) for t in rows["hour"]]
    figure = make_subplots(
        rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.08, row_heights=[0.7, 0.3]
    )
    for name, (kind, column) in SITUATIONS.items():
        figure.add_scatter(
            x=hours,
            y=rows[column].tolist(),
            name=name,
            hovertemplate="hour %{x}: %{y:,.1f} kW<extra>%{fullData.name}</extra>",
            row=1,
            col=1,
            **line(kind),
        )
    figure.add_scatter(
        x=hours,
        y=rows["price_usd_per_mwh"].tolist(),
        mode="lines",
        name="price",
        line={"color": GREY, "shape": "hvh"},
        hovertemplate="hour %{x}: %{y:,.2f} $/MWh<extra>price</extra>",
        row=2,
        col=1,
    )
    finish(figure, 440)
    figure.update_xaxes(**hour_axis(hours, dt_h))
    figure.update_xaxes(title_text="", row=1, col=1)
    figure.update_yaxes(title_text="upstream import, kW", rangemode="tozero", row=1, col=1)
    figure.update_yaxes(title_text="price, $/MWh", rangemode="tozero", row=2, col=1)
    return figure


def upstream_sentence(tables: Tables, dt_h: float = 1.0) -> str:
    """Say the energy bought with and without, the peaks, and the hours of export."""
    rows = tables["upstream"].set_index("hour")
    now, before = rows["with_cmg_kw"], rows["without_cmg_kw"]
    total, earlier = now.sum(skipna=False), before.sum(skipna=False)
    text = (
        f"The feeder takes {amount(total * dt_h, 'kWh')} from upstream with microgrids and "
        f"{amount(earlier * dt_h, 'kWh')} without ({change(total, earlier)}); its "
        f"peak goes from {amount(before.max(), 'kW')} in hour {greatest(before)} to "
        f"{amount(now.max(), 'kW')} in hour {greatest(now)}."
    )
    export = [int(t) for t in rows.index[now < 0.0]]
    if export:
        return f"{text} It exports in {in_hours(export)}, most {amount(-now.min(), 'kW')}."
    low = f"{amount(now.min(), 'kW')} in hour {least(now)}"
    return f"{text} It never exports; the least import is {low}."
