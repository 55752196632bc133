"""What each level leaves over, and the voltages of the loaded feeder."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from cmgplan.page.lookup import greatest, least
from cmgplan.page.parts import Chart
from cmgplan.page.style import category_axis, finish, labels
from cmgplan.page.wording import amount, named, number
from cmgplan.planning.report.compare.look import each, hourly, hourly_lines, hourly_sentence
from cmgplan.planning.report.compare.runs import Comparison
from cmgplan.planning.report.figures.levels import energy_by_level
from cmgplan.planning.report.figures.voltage import peak_hour, voltage_pu

ALIKE_PU = 1e-6
"""Difference of a voltage that is rounding."""

ALIKE_KWH = 1e-3
"""Difference of an energy that is a solver's tolerance."""


def levels_charts(comparison: Comparison) -> tuple[Chart, ...]:
    """Unserved and curtailed energy that each level leaves over, a bar for each run."""
    energy = {run.name: energy_by_level(run.tables, run.horizon[1]) for run in comparison.runs}
    kinds = (
        ("unserved_kwh", "Unserved demand by level", "unserved"),
        ("surplus_kwh", "Surplus by level", "curtailed"),
    )
    return tuple(_levels_chart(comparison, energy, *kind) for kind in kinds)


def _levels_chart(
    comparison: Comparison, energy: Mapping[str, pd.DataFrame], column: str, title: str, what: str
) -> Chart:
    figure = go.Figure()
    for run, label, look in each(comparison):
        values = energy[run.name][column]
        figure.add_bar(
            x=[f"Level {level}" for level in values.index],
            y=values.tolist(),
            name=label,
            marker={"color": look["color"], "pattern": {"shape": look["pattern"]}},
            hovertemplate="%{x}: %{y:,.2f} kWh<extra>%{fullData.name}</extra>",
        )
    drawn = finish(figure, 330, barmode="group", yaxis={"title": {"text": f"{what}, kWh"}})
    some = any((table[column].abs() > ALIKE_KWH).any() for table in energy.values())
    if not some:
        none = f"No run leaves anything {what} at any level."
        return Chart(f"levels_{what}", title, none, None, half=True)
    sentence = _levels_sentence(comparison, energy, column, what)
    return Chart(f"levels_{what}", title, sentence, drawn, half=True)


def _levels_sentence(
    comparison: Comparison, energy: Mapping[str, pd.DataFrame], column: str, what: str
) -> str:
    """Say what each run leaves more or less than the first, level by level."""
    first, base = energy[comparison.first.name][column], named([comparison.first.name])
    told = []
    for other in comparison.others:
        name = named([other.name])
        if not comparison.same_horizon(other):
            told.append(f"{name} covers another horizon")
            continue
        apart = (energy[other.name][column] - first).dropna()
        moved = [
            f"{amount(abs(kwh), 'kWh')} {'more' if kwh > 0 else 'less'} {what} at Level {level}"
            for level, kwh in zip(apart.index.tolist(), apart.tolist(), strict=True)
            if abs(kwh) > ALIKE_KWH
        ]
        told.append(
            f"{name} leaves {', '.join(moved)} than {base}"
            if moved
            else f"{name} leaves the same as {base} at every level"
        )
    return f"{'; '.join(told)}."


def voltage_charts(comparison: Comparison) -> tuple[Chart, ...]:
    """Return the profile at the first run's peak, and the lowest voltage of each hour."""
    values = hourly(comparison, lambda run: voltage_pu(run.tables, "upper").min())
    title = "Lowest voltage of the feeder by hour"
    sentence = hourly_sentence(comparison, values, "lowest voltage", "pu")
    figure = hourly_lines(comparison, values, "lowest voltage, pu", "pu")
    return _profile(comparison), Chart("voltage_least", title, sentence, figure)


def _profile(comparison: Comparison) -> Chart:
    """Voltage of every bus with microgrids, in the hour of the first run's greatest import."""
    hour = peak_hour(comparison.first.tables)
    profiles = {
        run.name: table[hour]
        for run in comparison.runs
        if comparison.same_intervals(run)
        and hour in (table := voltage_pu(run.tables, "upper")).columns
    }
    figure = go.Figure()
    for run, label, look in each(comparison):
        column = profiles.get(run.name)
        if column is None:
            continue
        figure.add_scatter(
            x=labels(column.index),
            y=column.tolist(),
            name=label,
            mode="lines+markers",
            line={"color": look["color"], "dash": look["dash"]},
            marker={"symbol": look["symbol"], "size": 5},
            hovertemplate="bus %{x}: %{y:.5f} pu<extra>%{fullData.name}</extra>",
        )
    drawn = finish(
        figure,
        400,
        xaxis=category_axis("bus", nticks=30),
        yaxis={"title": {"text": f"voltage in hour {hour}, pu"}, "tickformat": ".3f"},
    )
    sentence = _voltage_sentence(comparison, profiles, hour)
    title = f"Profile with microgrids in hour {hour}, the first run's peak without them"
    return Chart("voltage", title, sentence, drawn if figure.data else None)


def _voltage_sentence(
    comparison: Comparison, profiles: Mapping[str, pd.Series[float]], hour: int
) -> str:
    told = [
        f"{named([name])} has its lowest voltage, {number(float(column.min()), 4)} pu, at bus "
        f"{named([str(least(column))])}"
        for name, column in profiles.items()
    ]
    first = profiles.get(comparison.first.name)
    for other in comparison.others:
        column = profiles.get(other.name)
        if column is None or first is None:
            told.append(f"{named([other.name])} has no hour {hour} to compare")
            continue
        apart = (column - first).dropna()
        if len(apart) and apart.abs().max() > ALIKE_PU:
            bus = greatest(apart.abs())
            told.append(
                f"{named([other.name])} is farthest from {named([comparison.first.name])} at bus "
                f"{named([str(bus)])}, {number(float(apart[bus]), 4)} pu"
            )
        elif len(apart):
            told.append(f"{named([other.name])} has the same voltages")
    return f"{'; '.join(told)}."
