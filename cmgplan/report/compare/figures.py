"""Figures that lay runs over each other, each with a sentence worked out from them."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from cmgplan.report.compare.look import (
    each,
    energy_sentence,
    hourly,
    hourly_lines,
    hourly_sentence,
)
from cmgplan.report.compare.runs import ComparedRun, Comparison
from cmgplan.report.figures.levels import energy_by_level
from cmgplan.report.figures.losses import losses_kw
from cmgplan.report.figures.stores import store_rows
from cmgplan.report.figures.style import category_axis, finish, labels
from cmgplan.report.figures.voltage import peak_hour, voltage_pu
from cmgplan.report.lookup import greatest, least, records
from cmgplan.report.sections import Chart
from cmgplan.report.wording import amount, named, number

ALIKE_PU = 1e-6
"""Difference of a voltage that is rounding."""

ALIKE_KWH = 1e-3
"""Difference of an energy that is a solver's tolerance."""


def losses_charts(comparison: Comparison) -> tuple[Chart, ...]:
    """Losses by hour of the loaded feeder, and of the feeder without load at Level 4."""
    return (
        _losses(comparison, "losses_upper", "The loaded feeder", "with microgrids"),
        _losses(
            comparison,
            "losses_lower",
            "Level 4, feeder without load",
            "lower level, feeder without load",
        ),
    )


def _losses(comparison: Comparison, name: str, title: str, situation: str) -> Chart:
    values = hourly(comparison, lambda run: losses_kw(run.tables)[situation])
    figure = hourly_lines(comparison, values, "losses, kW", "kW")
    told = energy_sentence(comparison, values)
    sentence = told + hourly_sentence(comparison, values, "losses", "kW")
    return Chart(name, title, sentence, figure, half=True)


def upstream_chart(comparison: Comparison) -> Chart:
    """Import from upstream by hour with microgrids."""
    values = hourly(comparison, lambda run: _by_hour(run, "upstream", "with_cmg_kw"))
    figure = hourly_lines(comparison, values, "upstream import, kW", "kW")
    told = energy_sentence(comparison, values)
    sentence = told + hourly_sentence(comparison, values, "import", "kW")
    return Chart("upstream", "Import by hour", sentence, figure)


def voltage_chart(comparison: Comparison) -> Chart:
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


def levels_chart(comparison: Comparison) -> Chart:
    """Unserved energy that each level leaves over, a bar for each run."""
    energy = {run.name: energy_by_level(run.tables, run.horizon[1]) for run in comparison.runs}
    figure = go.Figure()
    for run, label, look in each(comparison):
        table = energy[run.name]
        figure.add_bar(
            x=[f"Level {level}" for level in table.index],
            y=table["unserved_kwh"].tolist(),
            name=label,
            marker={
                "color": look["color"],
                "pattern": {"shape": look["pattern"], "solidity": 0.25},
            },
            customdata=table["surplus_kwh"].tolist(),
            hovertemplate="%{x}: %{y:,.2f} kWh unserved, %{customdata:,.2f} kWh curtailed"
            "<extra>%{fullData.name}</extra>",
        )
    drawn = finish(figure, 340, barmode="group", yaxis={"title": {"text": "unserved, kWh"}})
    return Chart("levels", "Unserved demand by level", _levels_sentence(comparison, energy), drawn)


def _levels_sentence(comparison: Comparison, energy: Mapping[str, pd.DataFrame]) -> str:
    """Say what each run leaves more or less than the first, level by level."""
    first, base = energy[comparison.first.name], named([comparison.first.name])
    told = []
    for other in comparison.others:
        name = named([other.name])
        if not comparison.same_horizon(other):
            told.append(f"{name} covers another horizon")
            continue
        apart = (energy[other.name] - first).dropna()
        moved = [
            f"{amount(abs(row[column]), 'kWh')} {'more' if row[column] > 0 else 'less'} {what} "
            f"at Level {row['level']:.0f}"
            for row in records(apart.reset_index())
            for column, what in (("unserved_kwh", "unserved"), ("surplus_kwh", "curtailed"))
            if abs(row[column]) > ALIKE_KWH
        ]
        told.append(
            f"{name} leaves {', '.join(moved)} than {base}"
            if moved
            else f"{name} leaves the same as {base} at every level"
        )
    return f"{'; '.join(told)}."


def response_charts(comparison: Comparison) -> tuple[Chart, ...]:
    """Demand moved by hour: what is taken more (positive) or less than without response."""
    levels = (("lower", "Microgrids"), ("upper", "The feeder's own loads"))
    return tuple(_response(comparison, level, title) for level, title in levels)


def _response(comparison: Comparison, level: str, title: str) -> Chart:
    values = hourly(comparison, lambda run: _moved_kw(run, level))
    figure = hourly_lines(comparison, values, "demand moved, kW", "kW")
    moved = []
    for name, series in values.items():
        kwh = float(series.clip(lower=0.0).sum()) * comparison.dt_h
        moved.append(f"{named([name])} moves {amount(kwh, 'kWh')}")
    told = f"{'; '.join(moved)}. " if moved else ""
    sentence = told + hourly_sentence(comparison, values, "demand response", "kW")
    return Chart(f"response_{level}", title, sentence, figure, half=True)


def _moved_kw(run: ComparedRun, level: str) -> pd.Series[float]:
    rows = run.tables["demand_response"]
    rows = rows[rows["level"] == level]
    total = rows.groupby("hour")[["p_before_kw", "p_after_kw"]].sum()
    return total["p_after_kw"] - total["p_before_kw"]


def stores_chart(comparison: Comparison) -> Chart:
    """Energy in all batteries and vehicles at the end of each hour."""
    values = hourly(comparison, lambda run: store_rows(run.tables).groupby("hour")["soc_kwh"].sum())
    figure = hourly_lines(comparison, values, "stored in all, kWh", "kWh")
    sentence = (
        hourly_sentence(comparison, values, "stored energy", "kWh") + _device_sentence(comparison)
        if values
        else "No run has batteries or vehicles."
    )
    return Chart("stores", "Batteries and vehicles together", sentence, figure)


def _device_sentence(comparison: Comparison) -> str:
    """Say which device each run holds at another level of charge."""
    told = []
    first = _soc(comparison.first)
    for other in comparison.others:
        if not comparison.same_intervals(other):
            continue
        apart = (_soc(other) - first).dropna().abs()
        if len(apart) and apart.max() > ALIKE_KWH:
            microgrid, device, hour = greatest(apart)
            told.append(
                f"in {named([other.name])} the device farthest off is "
                f"{named([f'{microgrid} {device}'])} at the end of hour {hour}, by "
                f"{amount(float(apart.max()), 'kWh')}"
            )
    return f" By device: {'; '.join(told)}." if told else ""


def _soc(run: ComparedRun) -> pd.Series[float]:
    return store_rows(run.tables).set_index(["microgrid", "device", "hour"])["soc_kwh"]


def _by_hour(run: ComparedRun, stem: str, column: str) -> pd.Series[float]:
    return run.tables[stem].set_index("hour")[column]
