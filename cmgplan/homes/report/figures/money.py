"""Money by home and item, and emissions by hour and source."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from cmgplan.homes.day.totals import money_by_home
from cmgplan.homes.report.figures.view import (
    LEAST,
    LOOKS,
    NAMES,
    DayView,
    drawn,
    rounded,
    with_choice,
)
from cmgplan.page.lookup import greatest, least
from cmgplan.page.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    label,
    labels,
    rows_height,
)
from cmgplan.page.wording import amount, number, short_name

ITEMS = {
    "purchases": ("purchases", GREY, ""),
    "gas": ("gas", ORANGE, ""),
    "pool": ("pool", SKY, "."),
    "shift": ("load moved", PURPLE, "/"),
    "unserved": ("load unserved", VERMILLION, "x"),
    "emission": ("price of emissions", BLACK, "-"),
    "peak": ("peak charge", BLUE, "x"),
    "sales": ("sales", GREEN, "\\"),
    "value": ("value of jobs and energy left", GREEN, "."),
}
"""Items of money by name, with colour and pattern."""


def money(view: DayView) -> go.Figure | None:
    """Bars of what every home pays (right) and is paid (left) by item, the balance as a mark."""
    table = money_by_home(view.tables, view.way)
    if not (table.abs() > LEAST).to_numpy().any():
        return None
    names, unit = labels(table.index), label(view.currency)
    figure = go.Figure()
    for item, (name, colour, pattern) in ITEMS.items():
        if (table[item].abs() > LEAST).any():
            figure.add_bar(
                y=names,
                x=rounded(table[item]),
                name=name,
                orientation="h",
                marker={"color": colour, "pattern": {"shape": pattern}},
                hovertemplate=f"%{{y}}: %{{x:,.2f}} {unit}<extra>{name}</extra>",
            )
    figure.add_scatter(
        y=names,
        x=rounded(table.sum(axis=1)),
        name="net",
        mode="markers",
        marker={
            "color": BLACK,
            "symbol": "diamond",
            "size": 9,
            "line": {"color": "white", "width": 1},
        },
        hovertemplate=f"%{{y}}: %{{x:,.2f}} {unit}<extra>net</extra>",
    )
    axis = {"type": "category", "autorange": "reversed", "dtick": 1, "showgrid": False}
    return drawn(
        figure,
        rows_height(len(names), 230),
        barmode="relative",
        xaxis={"title": {"text": f"paid, {unit}"}},
        yaxis=axis,
    )


def money_sentence(view: DayView) -> str:
    """Say what the day costs, what makes most of it, and which homes pay most and least."""
    table = money_by_home(view.tables, view.way)
    total, items = float(table.to_numpy().sum()), table.sum()
    unit = view.currency
    text = f"All homes together pay {amount(total, unit)} net"
    most = str(greatest(items))
    if float(items[most]) > LEAST:
        text += f", most of it for {ITEMS[most][0]} ({amount(float(items[most]), unit)})"
    net = table.sum(axis=1)
    if len(net) > 1:
        text += (
            f". {short_name(greatest(net))} pays most, {amount(float(net.max()), unit)}; "
            f"{short_name(least(net))} least, {amount(float(net.min()), unit)}"
        )
    unpaid = table["pool"].abs().max() <= LEAST and view.totals().given_kwh > LEAST
    return f"{text}. What homes give each other is not paid for." if unpaid else f"{text}."


def emission_sources(view: DayView, homes: tuple[str, ...]) -> dict[str, pd.Series[float]]:
    """Return emissions by hour and source, kg."""
    found = {"bought": view.sums("exchange", "emission_kg", homes)}
    by_kind = view.hourly("dispatch", "emission_kg", "kind", homes)
    found |= {NAMES.get(str(kind), str(kind)): by_kind[kind] for kind in by_kind}
    return {name: series for name, series in found.items() if (series.abs() > LEAST).any()}


def emissions(view: DayView) -> go.Figure | None:
    """Emissions by hour, stacked by source; None where nothing emits."""
    groups = []
    for choice, homes in view.choices:
        traces = [
            go.Bar(
                x=list(range(view.hours)),
                y=rounded(series),
                name="electricity bought" if name == "bought" else name,
                marker={
                    "color": LOOKS.get(name, (BLUE, ""))[0],
                    "pattern": {"shape": LOOKS.get(name, (BLUE, ""))[1]},
                },
                hovertemplate=view.hover("kg", 3),
            )
            for name, series in emission_sources(view, homes).items()
        ]
        groups.append((choice, traces))
    if not groups[0][1]:
        return None
    figure = with_choice(go.Figure(), groups)
    axis = {"title": {"text": "emission, kg"}}
    return drawn(figure, 340, barmode="relative", xaxis=view.axis(), yaxis=axis)


def emissions_sentence(view: DayView) -> str:
    """Say how much is emitted, by what, and when most."""
    found = emission_sources(view, view.homes)
    if not found:
        return "Nothing that the case tells of emits anything."
    total = sum(found.values(), pd.Series(0.0, index=range(view.hours)))
    whole = float(total.sum())
    ranked = sorted(((float(s.sum()), name) for name, s in found.items()), reverse=True)
    parts = [
        f"{'electricity bought' if name == 'bought' else name} "
        f"{number(100.0 * kg / whole, 0)}\N{NO-BREAK SPACE}%"
        for kg, name in ranked
    ]
    return (
        f"The day emits {amount(whole, 'kg')}: {', '.join(parts)}. Most is emitted in {view.hour} "
        f"{greatest(total)}, {amount(float(total.max()), 'kg')}."
    )
