"""What supplies electricity and heat by hour, and what takes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import pandas as pd
import plotly.graph_objects as go

from cmgplan.homes.report.figures.view import (
    LEAST,
    LOOKS,
    NAMES,
    DayView,
    drawn,
    energy,
    rounded,
    with_choice,
)
from cmgplan.page.lookup import greatest
from cmgplan.page.style import BLACK, VERMILLION
from cmgplan.page.wording import amount, in_hours, number

Carrier = Literal["electricity", "heat"]

DEMAND = ("load", "refrigerator", "water_heater", "job")
"""Kinds that are demand; what other kinds take is drawn below zero."""

COLUMN = {"electricity": "p_kw", "heat": "heat_kw"}
POOL = {"electricity": "pool_kw", "heat": "pool_heat_kw"}


def sources(view: DayView, carrier: Carrier, homes: Sequence[str]) -> dict[str, pd.Series[float]]:
    """Return what supplies (positive) and takes (negative) by hour, kW, by name; no demand."""
    found: dict[str, pd.Series[float]] = {}
    if carrier == "electricity":
        found["bought"] = view.sums("exchange", "import_kw", homes)
        found["sold"] = -view.sums("exchange", "export_kw", homes)
    if len(homes) == 1:
        pool = view.sums("exchange", POOL[carrier], homes)
        found["from other homes"] = (-pool).clip(lower=0.0)
        found["to other homes"] = -pool.clip(lower=0.0)
    by_kind = view.hourly("dispatch", COLUMN[carrier], "kind", homes)
    for kind, name in NAMES.items():
        if kind in by_kind and kind not in DEMAND:
            found[name] = by_kind[kind]
    return {name: series for name, series in found.items() if (series.abs() > LEAST).any()}


def served(view: DayView, carrier: Carrier, homes: Sequence[str]) -> pd.Series[float]:
    """Return the demand that is served by hour, kW."""
    by_kind = view.hourly("dispatch", COLUMN[carrier], "kind", homes)
    kinds = [kind for kind in DEMAND if kind in by_kind]
    return 0.0 - by_kind[kinds].sum(axis=1)


def unserved(view: DayView, carrier: Carrier, homes: Sequence[str]) -> pd.Series[float]:
    """Return the load that nothing serves by hour, kW."""
    by_carrier = view.hourly("demand_response", "unserved_kw", "carrier", homes)
    return by_carrier.get(carrier, pd.Series(0.0, index=by_carrier.index))


def supply(view: DayView, carrier: Carrier) -> go.Figure | None:
    """Stacked bars of what supplies a carrier, with its demand as a line; None without any."""
    groups = [(name, _traces(view, carrier, homes)) for name, homes in view.choices]
    if not groups[0][1]:
        return None
    figure = with_choice(go.Figure(), groups)
    return drawn(
        figure,
        430,
        barmode="relative",
        bargap=0.15,
        xaxis=view.axis(),
        yaxis={"title": {"text": f"{carrier}, kW"}},
    )


def _traces(view: DayView, carrier: Carrier, homes: Sequence[str]) -> list[go.Bar | go.Scatter]:
    """Return the traces of one choice of homes; none where nothing flows."""
    hours = list(range(view.hours))
    template = view.hover("kW")
    traces: list[go.Bar] = []
    for name, series in sources(view, carrier, homes).items():
        colour, pattern = LOOKS[name]
        for sign, part in ((1.0, series.clip(lower=0.0)), (-1.0, series.clip(upper=0.0))):
            if not (part.abs() > LEAST).any():
                continue
            takes = sign < 0.0 and name not in ("sold", "to other homes", "dumped")
            traces.append(
                go.Bar(
                    x=hours,
                    y=rounded(part),
                    name=f"into {name}" if takes else name,
                    marker={"color": colour, "pattern": {"shape": pattern}},
                    opacity=0.55 if takes else 1.0,
                    hovertemplate=template,
                )
            )
    return [*traces, *_demand_lines(view, carrier, homes, always=bool(traces))]


def _demand_lines(
    view: DayView, carrier: Carrier, homes: Sequence[str], *, always: bool
) -> list[go.Scatter]:
    """Return the demand that is served, and with what is unserved where there is any."""
    demand, missing = served(view, carrier, homes), unserved(view, carrier, homes)
    looks: list[tuple[str, pd.Series[float], dict[str, Any]]] = []
    if (missing > LEAST).any():
        dotted = {"color": VERMILLION, "dash": "dot", "shape": "hvh", "width": 2}
        looks.append(("demand with what is unserved", demand + missing, {"line": dotted}))
    if always or looks or (demand > LEAST).any():
        solid = {"line": {"color": BLACK, "width": 2}, "marker": {"size": 5}}
        looks.append(("demand served", demand, {"mode": "lines+markers", **solid}))
    return [
        go.Scatter(
            x=list(range(view.hours)),
            y=rounded(line),
            name=name,
            hovertemplate=view.hover("kW"),
            **{"mode": "lines", **look},
        )
        for name, line, look in looks
    ]


def supply_sentence(view: DayView, carrier: Carrier) -> str:
    """Say how much is supplied by what, when demand is greatest, and what is lost or missing."""
    found, demand = sources(view, carrier, view.homes), served(view, carrier, view.homes)
    total = energy(demand, view.dt_h)
    given = {name: energy(s.clip(lower=0.0), view.dt_h) for name, s in found.items()}
    whole = sum(given.values())
    if total <= LEAST and whole <= LEAST:
        return f"The homes need and make no {carrier}."
    ranked = sorted(((kwh, name) for name, kwh in given.items() if kwh > LEAST), reverse=True)
    parts = [f"{name} {amount(kwh, 'kWh')} ({_share(kwh, whole)})" for kwh, name in ranked]
    text = f"Demand of {amount(total, 'kWh')} is served"
    if parts:
        text += f"; of what supplies, {_row(parts)}"
    text += f". Demand is greatest in {view.hour} {greatest(demand)}: "
    text += f"{amount(float(demand.max()), 'kW')}."
    missing = unserved(view, carrier, view.homes)
    if (missing > LEAST).any():
        hours = in_hours(int(t) for t in missing.index[missing > LEAST])
        text += f" Nothing serves {amount(energy(missing, view.dt_h), 'kWh')}, in {hours}."
    if "dumped" in found:
        text += f" {amount(-energy(found['dumped'], view.dt_h), 'kWh')} of heat is dumped."
    return text


def _share(part: float, whole: float) -> str:
    return f"{number(100.0 * part / whole, 0)}\N{NO-BREAK SPACE}%"


def _row(parts: Sequence[str]) -> str:
    return ", ".join(parts[:-1]) + f" and {parts[-1]}" if len(parts) > 1 else parts[0]
