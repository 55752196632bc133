"""What homes exchange with the retailer and with each other by hour."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from cmgplan.homes.report.figures.view import ALL, LEAST, DayView, drawn, energy, rounded
from cmgplan.page.lookup import greatest
from cmgplan.page.style import (
    BLACK,
    DIVERGING,
    GREEN,
    PATTERNS,
    SERIES,
    colorbar,
    labels,
    rows_height,
    sign_marks,
)
from cmgplan.page.wording import amount, counted, in_hours, short_name

STACKED = 8
"""Most homes that are stacked; more become a heat map, one row for each."""


def by_home(view: DayView, column: str) -> pd.DataFrame:
    """Return a column of the exchange, hours by home, kW."""
    table = view.hourly("exchange", column, "home", view.homes)
    return table.reindex(columns=list(view.homes)).fillna(0.0)


def retailer(view: DayView) -> go.Figure | None:
    """Purchases (up) and sales (down) above the retailer's prices; many homes as one."""
    net = by_home(view, "import_kw") - by_home(view, "export_kw")
    prices = _prices(view)
    if prices.empty or not (net.abs() > LEAST).to_numpy().any():
        return None
    stacked = net if len(view.homes) <= STACKED else net.sum(axis=1).to_frame(ALL)
    figure = make_subplots(
        rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.08, row_heights=[0.7, 0.3]
    )
    for trace in _bars(view, stacked):
        figure.add_trace(trace, row=1, col=1)
    for column, name, colour, dash in (
        ("buy_per_kwh", "price of purchases", BLACK, "solid"),
        ("sell_per_kwh", "price of sales", GREEN, "dash"),
    ):
        figure.add_scatter(
            x=[int(t) for t in prices.index],
            y=rounded(prices[column]),
            name=name,
            mode="lines",
            line={"color": colour, "dash": dash, "shape": "hvh"},
            hovertemplate=f"{view.hour} %{{x}}: %{{y:.4f}}<extra>{name}</extra>",
            row=2,
            col=1,
        )
    drawn(figure, 460, barmode="relative")
    figure.update_xaxes(**view.axis())
    figure.update_xaxes(title_text="", row=1, col=1)
    figure.update_yaxes(title_text="bought (+), sold (\N{MINUS SIGN}), kW", row=1, col=1)
    unit = f"{labels([view.currency])[0]} per kWh"
    figure.update_yaxes(title_text=unit, rangemode="tozero", row=2, col=1)
    return figure


def retailer_by_home(view: DayView) -> go.Figure | None:
    """Purchases and sales of many homes, one row for each; None where they are few."""
    net = by_home(view, "import_kw") - by_home(view, "export_kw")
    if len(view.homes) <= STACKED or not (net.abs() > LEAST).to_numpy().any():
        return None
    return _map(view, net, "bought (+), sold (\N{MINUS SIGN}), kW")


def pool(view: DayView, column: str) -> go.Figure | None:
    """Bars of what homes put into the pool (up) and take (down); None where nobody does."""
    put = by_home(view, column)
    if not (put.abs() > LEAST).to_numpy().any():
        return None
    title = "put in (+), taken (\N{MINUS SIGN}), kW"
    if len(view.homes) > STACKED:
        return _map(view, put, title)
    figure = go.Figure(_bars(view, put))
    return drawn(
        figure, 340, barmode="relative", xaxis=view.axis(), yaxis={"title": {"text": title}}
    )


def _bars(view: DayView, table: pd.DataFrame) -> list[go.Bar]:
    """Return stacked bars, one colour and pattern for each home."""
    return [
        go.Bar(
            x=[int(t) for t in table.index],
            y=rounded(table[home]),
            name=name,
            marker={
                "color": SERIES[k % len(SERIES)],
                "pattern": {"shape": PATTERNS[k % len(PATTERNS)]},
            },
            hovertemplate=view.hover("kW"),
        )
        for k, (home, name) in enumerate(zip(table.columns, labels(table.columns), strict=True))
        if (table[home].abs() > LEAST).any()
    ]


def _map(view: DayView, table: pd.DataFrame, title: str) -> go.Figure:
    """Return a heat map of homes by hour, white at zero."""
    rows = table.T
    most = float(rows.abs().to_numpy().max())
    figure = go.Figure(
        go.Heatmap(
            x=[int(t) for t in rows.columns],
            y=labels(rows.index),
            z=np.round(rows.to_numpy(dtype=float), 4).tolist(),
            zmin=-most,
            zmax=most,
            colorscale=DIVERGING,
            colorbar=colorbar(title),
            hovertemplate=f"%{{y}}, {view.hour} %{{x}}: %{{z:,.2f}} kW<extra></extra>",
            **sign_marks(rows),
        )
    )
    names = {"type": "category", "autorange": "reversed", "dtick": 1, "showgrid": False}
    return drawn(figure, rows_height(len(rows)), xaxis=view.axis(), yaxis=names)


def _prices(view: DayView) -> pd.DataFrame:
    """Return the retailer's prices by hour; empty without a retailer."""
    columns = ["buy_per_kwh", "sell_per_kwh"]
    return view.tables["exchange"].groupby("hour")[columns].first().dropna(how="all")


def retailer_sentence(view: DayView) -> str:
    """Say what is bought and sold, when most, and by whom."""
    bought, sold = by_home(view, "import_kw"), by_home(view, "export_kw")
    if _prices(view).empty:
        return "There is no retailer."
    total, back = (energy(table.sum(axis=1), view.dt_h) for table in (bought, sold))
    if total + back <= LEAST:
        return "The homes buy nothing from the retailer and sell it nothing."
    text = f"The homes buy {amount(total, 'kWh')} and sell {amount(back, 'kWh')}."
    if total > LEAST:
        by_hour, who = bought.sum(axis=1), bought.sum()
        text += (
            f" They buy most in {view.hour} {greatest(by_hour)}, "
            f"{amount(float(by_hour.max()), 'kW')}"
        )
        if len(view.homes) > 1:
            text += f"; the greatest buyer is {short_name(greatest(who))} with "
            text += amount(energy(bought[greatest(who)], view.dt_h), "kWh")
        text += "."
    if back > LEAST:
        by_hour = sold.sum(axis=1)
        text += f" They sell in {in_hours(int(t) for t in by_hour.index[by_hour > LEAST])}."
    return text


def pool_sentence(view: DayView, column: str) -> str:
    """Say how much homes give each other, and who gives and takes most."""
    what = "heat" if column == "pool_heat_kw" else "electricity"
    put = by_home(view, column)
    given = put.clip(lower=0.0).sum() * view.dt_h
    total = float(given.sum())
    if total <= LEAST:
        return f"Homes give each other no {what}."
    taken = (-put).clip(lower=0.0).sum() * view.dt_h
    active = int((put.clip(lower=0.0).sum(axis=1) > LEAST).sum())
    return (
        f"Homes give each other {amount(total, 'kWh')} of {what}, in "
        f"{counted(active, view.hour)}. {short_name(greatest(given))} gives most, "
        f"{amount(float(given.max()), 'kWh')}; {short_name(greatest(taken))} takes most, "
        f"{amount(float(taken.max()), 'kWh')}."
    )
