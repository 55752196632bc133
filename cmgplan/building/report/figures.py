"""Figures of a building: shortage and plant by step, exchange, sales, money, stochastic days."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from cmgplan.arrays import FloatArray
from cmgplan.building.report.run_record import ELECTRIC, IMPROVED, THERMAL
from cmgplan.building.report.view import (
    BuildingView,
    Series,
    electric_cover,
    engine_use,
    given_by_step,
    heat_cover,
    store_use,
)
from cmgplan.building.report.way_tables import WayTables
from cmgplan.homes.report.figures.view import LEAST, drawn, rounded, with_choice
from cmgplan.page.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    LIGHT,
    ORANGE,
    PATTERNS,
    PURPLE,
    SERIES,
    SKY,
    VERMILLION,
    YELLOW,
    hour_axis,
    label,
    labels,
    time_word,
)

LOOKS = {
    "others' surplus (E3)": (SKY, "."),
    "batteries filled by surplus (E5)": (SKY, "x"),
    "own CHP (E6)": (ORANGE, ""),
    "others' CHP (E7)": (ORANGE, "/"),
    "cars (E8)": (GREEN, ""),
    "batteries (E10)": (BLUE, ""),
    "bought (E11)": (GREY, ""),
    "unserved": (VERMILLION, "x"),
    "others' surplus (T2)": (SKY, "."),
    "own heat stores (T3)": (BLUE, ""),
    "boilers (T4)": (ORANGE, ""),
    "others' heat stores (T5)": (BLUE, "/"),
    "own loads (E6)": (ORANGE, ""),
    "others' loads (E7)": (ORANGE, "/"),
    "batteries (E9)": (BLUE, ""),
    "sold (E12)": (GREEN, "\\"),
    "electric heat (T4)": (PURPLE, ""),
    "spare": (LIGHT, ""),
    "needed at departure or at the end (E2)": (GREEN, "/"),
    "surplus stored (E4)": (SKY, "."),
    "CHP stored (E9)": (BLUE, "/"),
    "from batteries filled by surplus (E5)": (SKY, "x"),
    "battery sales (E13)": (PURPLE, "\\"),
    "surplus to loads (E3)": (SKY, "."),
    "surplus to batteries (E4)": (SKY, "x"),
    "CHP to loads (E7)": (ORANGE, ""),
    "cars to loads (E8)": (GREEN, ""),
    "CHP to batteries (E9)": (ORANGE, "/"),
    "batteries to loads (E10)": (BLUE, ""),
    "surplus to loads (T2)": (SKY, "."),
    "surplus to heat stores (T3)": (SKY, "x"),
    "boilers to loads (T4)": (ORANGE, ""),
    "heat stores to loads (T5)": (BLUE, ""),
}
"""Colour and pattern of what a figure stacks."""

GIVEN = {
    "E3": "surplus to loads (E3)",
    "E4": "surplus to batteries (E4)",
    "E5": "batteries filled by surplus (E5)",
    "E7": "CHP to loads (E7)",
    "E8": "cars to loads (E8)",
    "E9": "CHP to batteries (E9)",
    "E10": "batteries to loads (E10)",
    "T2": "surplus to loads (T2)",
    "T3": "surplus to heat stores (T3)",
    "T4": "boilers to loads (T4)",
    "T5": "heat stores to loads (T5)",
}
"""What units give each other in a step."""

WAY_LOOKS = {"coalition": (BLUE, ""), "alone": (ORANGE, "/")}

QUANTITIES = {
    "cost": "cost",
    "grid_kwh": "bought, kWh",
    "heat_unserved_kwh": "heat unserved, kWh",
    "heat_dumped_kwh": "heat dumped, kWh",
}
"""What is told of the stochastic days."""


def stacked(
    view: BuildingView, make: Callable[[WayTables, Sequence[int]], Series], axis: str
) -> go.Figure | None:
    """Stacked bars by hour of what a function makes, to be chosen by way and unit."""
    groups = [(name, _bars(view, make(of, units))) for name, of, units in view.choices]
    if not any(traces for _, traces in groups):
        return None
    figure = with_choice(go.Figure(), groups)
    hours = hour_axis(range(view.case.hours), view.case.dt_h)
    title = {"title": {"text": axis}}
    return drawn(figure, 420, barmode="relative", bargap=0.15, xaxis=hours, yaxis=title)


def _bars(view: BuildingView, series: Series, unit: str = "kW") -> list[go.Bar]:
    word = time_word(view.case.dt_h)
    return [
        go.Bar(
            x=list(range(view.case.hours)),
            y=rounded(values),
            name=name,
            marker={
                "color": LOOKS.get(name, (SERIES[k % len(SERIES)], ""))[0],
                "pattern": {"shape": LOOKS.get(name, ("", PATTERNS[k % len(PATTERNS)]))[1]},
            },
            hovertemplate=f"{word} %{{x}}: %{{y:,.2f}} {unit}<extra>{name}</extra>",
        )
        for k, (name, values) in enumerate(series.items())
        if np.abs(values).max(initial=0.0) > LEAST
    ]


def electric_shortage(view: BuildingView) -> go.Figure | None:
    """Return the shortage of electricity by hour, and the step that covers it."""
    return stacked(view, electric_cover, "shortage, kW")


def heat_shortage(view: BuildingView) -> go.Figure | None:
    """Return the shortage of heat by hour, and the step that covers it."""
    return stacked(view, heat_cover, "shortage of heat, kW")


def engines(view: BuildingView) -> go.Figure | None:
    """Return the output of the CHPs by hour and use, and what is spare."""
    return stacked(view, lambda of, units: engine_use(view, of, units), "CHP, kW")


def stores(view: BuildingView) -> go.Figure | None:
    """Return what batteries and cars take and give by hour and step."""
    return stacked(view, store_use, "given (up) and taken (down), kW")


def given(view: BuildingView, carrier: str) -> go.Figure | None:
    """Return what units of the coalition give each other by hour and step."""
    heat = carrier == "heat"
    column, steps = ("pool_heat_kw", THERMAL) if heat else ("pool_kw", ELECTRIC)
    by_step = given_by_step(view.ways["coalition"], column, steps)
    found = {GIVEN.get(step, step): values for step, values in by_step.items()}
    traces = _bars(view, found)
    if not traces:
        return None
    hours = hour_axis(range(view.case.hours), view.case.dt_h)
    title = {"title": {"text": f"{carrier} given, kW"}}
    figure = go.Figure(traces)
    return drawn(figure, 360, barmode="stack", bargap=0.15, xaxis=hours, yaxis=title)


def sales(view: BuildingView) -> go.Figure | None:
    """Return sales and what CHPs offer by hour, with the market price and the price of a sale."""
    if view.case.file.retailer is None:
        return None
    groups = []
    for name, of, units in view.choices[:2]:
        sold = of.sold()
        parts = {
            "CHP": (sold.engine_kw, GREEN, ""),
            "batteries": (sold.battery_kw, PURPLE, "\\"),
            "sun and wind": (sold.renewable_kw, YELLOW, "."),
        }
        traces: list[Any] = [
            _sale_bar(view, array[:, units].sum(axis=1), part, colour, pattern)
            for part, (array, colour, pattern) in parts.items()
            if array.max(initial=0.0) > LEAST
        ]
        if traces:
            use = engine_use(view, of, units)
            offered = use["spare"] + use["sold (E12)"]
            traces.append(_line(view, offered, "offered by CHPs", BLACK, "dot", "kW"))
            groups.append((name, [*traces, *_prices(view)]))
    if not groups:
        return None
    figure = with_choice(go.Figure(), groups)
    hours = hour_axis(range(view.case.hours), view.case.dt_h)
    power = {"title": {"text": "sold and offered, kW"}, "domain": [0.42, 1.0]}
    price = {
        "title": {"text": f"{label(view.record.currency)}/kWh"},
        "domain": [0.0, 0.3],
        "rangemode": "tozero",
    }
    return drawn(
        figure,
        480,
        barmode="stack",
        bargap=0.15,
        xaxis={**hours, "anchor": "y2"},
        yaxis=power,
        yaxis2=price,
    )


def _sale_bar(
    view: BuildingView, values: FloatArray, name: str, colour: str, pattern: str
) -> go.Bar:
    return go.Bar(
        x=list(range(view.case.hours)),
        y=rounded(values),
        name=f"sold by {name}",
        marker={"color": colour, "pattern": {"shape": pattern}},
        hovertemplate="%{x}: %{y:,.2f} kW<extra>%{fullData.name}</extra>",
    )


def _prices(view: BuildingView) -> list[go.Scatter]:
    """Return the market price and what a sale of CHP and battery power brings, by hour."""
    retailer, section = view.case.file.retailer, view.case.file.building
    if retailer is None:
        return []
    buy, sell = view.case.series(retailer.buy_per_kwh), view.case.series(retailer.sell_per_kwh)
    if section.price_coefficient is not None:
        sell = view.case.series(section.price_coefficient) * buy
    unit = f"{label(view.record.currency)}/kWh"
    return [
        _line(view, buy, "market price", VERMILLION, "solid", unit, yaxis="y2"),
        _line(view, sell, "paid for sales", BLUE, "dash", unit, yaxis="y2"),
    ]


def _line(
    view: BuildingView,
    values: FloatArray,
    name: str,
    colour: str,
    dash: str,
    unit: str,
    **more: Any,
) -> go.Scatter:
    return go.Scatter(
        x=list(range(view.case.hours)),
        y=[round(float(value), 6) + 0.0 for value in values],
        name=name,
        mode="lines",
        line={"color": colour, "dash": dash, "width": 2, "shape": "hvh"},
        hovertemplate=f"%{{x}}: %{{y:.4g}} {unit}<extra>{name}</extra>",
        **more,
    )


def unit_costs(view: BuildingView) -> go.Figure:
    """Return bars of what every unit pays, in the coalition and alone."""
    units, currency = view.record.units, label(view.record.currency)
    figure = go.Figure()
    for way, (colour, pattern) in WAY_LOOKS.items():
        figure.add_bar(
            x=labels(units),
            y=[round(getattr(costs, way), 4) for costs in units.values()],
            name=way,
            marker={"color": colour, "pattern": {"shape": pattern}},
            hovertemplate=f"%{{x}}: %{{y:,.2f}} {currency}<extra>{way}</extra>",
        )
    axis = {"title": {"text": f"paid over the day, {currency}"}}
    return drawn(figure, 360, barmode="group", xaxis={"type": "category"}, yaxis=axis)


def stochastic_days(view: BuildingView) -> go.Figure | None:
    """Return four totals of the stochastic days by way, and the optimum where it was sought."""
    days = view.record.days
    if not days:
        return None
    groups = []
    for key in IMPROVED:
        name = QUANTITIES[key]
        unit = view.record.currency if key == "cost" else "kWh"
        traces = [
            _day_line(days, way, [getattr(getattr(day, way), key) for day in days], look, unit)
            for way, look in (
                ("coalition", {"color": BLUE, "dash": "solid"}),
                ("alone", {"color": ORANGE, "dash": "dash"}),
            )
        ]
        for way, colour in (("coalition", SKY), ("alone", YELLOW)):
            best = [getattr(day.optimum, way) for day in days]
            if any(best):
                values = [None if b is None else getattr(b, key) for b in best]
                look = {"color": colour, "dash": "dot"}
                traces.append(_day_line(days, f"optimum, {way}", values, look, unit))
        groups.append((name, traces))
    figure = with_choice(go.Figure(), groups)
    step = 1 if len(days) <= 31 else len(days) // 31 + 1
    axis = {
        "title": {"text": "stochastic day"},
        "dtick": step,
        "range": [days[0].day - 0.5, days[-1].day + 0.5],
        "showgrid": False,
        "zeroline": False,
    }
    title = {"title": {"text": f"{label(view.record.currency)} or kWh"}}
    return drawn(figure, 380, xaxis=axis, yaxis=title, hovermode="x unified")


def _day_line(
    days: Sequence[Any],
    name: str,
    values: Sequence[float | None],
    look: Mapping[str, str],
    unit: str,
) -> go.Scatter:
    return go.Scatter(
        x=[day.day for day in days],
        y=[None if value is None else round(value, 4) for value in values],
        name=name,
        mode="lines+markers",
        line={**look, "width": 2},
        marker={"size": 5},
        hovertemplate=f"day %{{x}}: %{{y:,.2f}} {label(unit)}<extra>{name}</extra>",
    )
