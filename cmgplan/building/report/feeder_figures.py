"""Figures of a building's feeder: voltages by bus, deviation by hour, supply during faults."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from cmgplan.arrays import FloatArray
from cmgplan.building.report.run_record import FaultRecord, FeederScenario
from cmgplan.homes.report.figures.view import Group, drawn, with_choice
from cmgplan.page.style import (
    BLACK,
    BLUE,
    DASHES,
    GREY,
    MARKED,
    ORANGE,
    SERIES,
    SYMBOLS,
    hour_axis,
    label,
    labels,
    time_word,
)

KIND_LOOKS = {"coalition": (BLUE, ""), "alone": (ORANGE, "/"), "grid": (GREY, ".")}
"""Colour and pattern of each kind of building."""

READINGS = {"ens_chp_kwh": "CHPs alone", "ens_kwh": "with cars and batteries"}
"""The two readings of energy not supplied."""


def voltages(rows: pd.DataFrame, v_min_pu: float, dt_h: float) -> go.Figure | None:
    """Return the voltage of every bus by scenario, at its least and in each hour."""
    if rows["v_pu"].isna().all():
        return None
    scenarios = list(dict.fromkeys(rows["scenario"]))
    buses = list(dict.fromkeys(rows["bus"]))
    names, word = labels(buses), time_word(dt_h)
    wide = {
        str(scenario): part.pivot(index="hour", columns="bus", values="v_pu")[buses].to_numpy(float)
        for scenario, part in rows.groupby("scenario", sort=False)
    }
    least = {s: np.where(np.isnan(v), np.inf, v).min(axis=0) for s, v in wide.items()}
    groups: list[Group] = [("least of the day", _by_bus(least, scenarios, names))]
    hours = len(next(iter(wide.values())))
    if hours <= MARKED:
        groups += [
            (f"{word} {t}", _by_bus({s: v[t] for s, v in wide.items()}, scenarios, names))
            for t in range(hours)
        ]
    figure = with_choice(go.Figure(), groups)
    figure.add_hline(y=v_min_pu, line={"color": BLACK, "dash": "dot", "width": 1})
    bus_axis = {"title": {"text": "bus"}, "type": "category", "showgrid": False}
    return drawn(figure, 420, xaxis=bus_axis, yaxis={"title": {"text": "voltage, pu"}})


def _by_bus(
    values: dict[str, FloatArray], scenarios: Sequence[str], names: Sequence[str]
) -> list[Any]:
    """Return a line by bus for each scenario that has a power flow."""
    shown = [
        (k, scenario) for k, scenario in enumerate(scenarios) if np.isfinite(values[scenario]).all()
    ]
    return [
        go.Scatter(
            x=list(names),
            y=np.round(values[scenario], 5).tolist(),
            name=f"scenario {label(scenario)}",
            mode="lines+markers",
            line={"color": SERIES[k % len(SERIES)], "dash": DASHES[k % len(DASHES)], "width": 2},
            marker={"symbol": SYMBOLS[k % len(SYMBOLS)], "size": 5},
            hovertemplate="bus %{x}: %{y:.4f} pu<extra>%{fullData.name}</extra>",
        )
        for k, scenario in shown
    ]


def deviations(told: Sequence[FeederScenario], hours: int, dt_h: float) -> go.Figure:
    """Return the voltage deviation of each scenario by hour; a gap has no power flow."""
    word, figure = time_word(dt_h), go.Figure()
    for k, scenario in enumerate(told):
        figure.add_scatter(
            x=list(range(hours)),
            y=[None if x is None else round(x, 5) for x in scenario.hourly_deviation_pu],
            name=f"scenario {label(scenario.scenario)}",
            mode="lines+markers",
            line={"color": SERIES[k % len(SERIES)], "dash": DASHES[k % len(DASHES)], "width": 2},
            marker={"symbol": SYMBOLS[k % len(SYMBOLS)], "size": 5},
            hovertemplate=f"{word} %{{x}}: %{{y:.4f}} pu<extra>%{{fullData.name}}</extra>",
        )
    axis = {"title": {"text": "sum of |1 \N{MINUS SIGN} V|, pu"}, "rangemode": "tozero"}
    return drawn(figure, 380, xaxis=hour_axis(range(hours), dt_h), yaxis=axis)


def not_supplied(faults: Sequence[FaultRecord]) -> go.Figure | None:
    """Return energy not supplied by scenario and kind of building, for each fault and reading."""
    groups = [
        (f"{name_of(fault)}, {words}", _supply(fault, key))
        for fault in faults
        for key, words in READINGS.items()
    ]
    if not any(traces for _, traces in groups):
        return None
    figure = with_choice(go.Figure(), groups)
    axis = {"title": {"text": "not supplied, kWh"}}
    category = {"type": "category", "title": {"text": "scenario"}}
    return drawn(figure, 380, barmode="stack", bargap=0.35, xaxis=category, yaxis=axis)


def name_of(fault: FaultRecord) -> str:
    """Return what the page calls a fault."""
    closed = f"{', '.join(fault.close)} closed" if fault.reconfigured else "not reconfigured"
    return label(f"line {fault.line}, {closed}")


def _supply(fault: FaultRecord, key: str) -> list[Any]:
    """Return a bar by scenario for each kind of building."""
    scenarios = labels(told.scenario for told in fault.scenarios)
    found = []
    for kind, (colour, pattern) in KIND_LOOKS.items():
        values = [
            round(getattr(told.kinds[kind], key), 4) if kind in told.kinds else 0.0
            for told in fault.scenarios
        ]
        if any(values):
            found.append(
                go.Bar(
                    x=scenarios,
                    y=values,
                    name=kind,
                    marker={"color": colour, "pattern": {"shape": pattern}},
                    hovertemplate=f"%{{x}}: %{{y:,.2f}} kWh<extra>{kind}</extra>",
                )
            )
    return found
