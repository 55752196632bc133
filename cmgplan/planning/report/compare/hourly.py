"""Figures with a line for each run over the hours: what flows, is lost, is stored, is left."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from cmgplan.page.lookup import greatest
from cmgplan.page.parts import Chart
from cmgplan.page.wording import amount, named
from cmgplan.planning.report.compare.look import (
    energy_sentence,
    hourly,
    hourly_lines,
    hourly_sentence,
)
from cmgplan.planning.report.compare.runs import ComparedRun, Comparison
from cmgplan.planning.report.figures.exchange import LEVELS
from cmgplan.planning.report.figures.headroom import hourly as headroom_of
from cmgplan.planning.report.figures.losses import losses_kw
from cmgplan.planning.report.figures.stores import store_rows

LEAST_KWH = 1e-3
"""Difference of stored energy that is a solver's tolerance."""

Values = Callable[[ComparedRun], "pd.Series[float]"]


def losses_charts(comparison: Comparison) -> tuple[Chart, ...]:
    """Losses of the loaded feeder, and of the feeder without load at Level 4."""
    lower = "lower level, feeder without load"
    return (
        _power(
            comparison,
            "losses_upper",
            "The loaded feeder",
            "losses",
            lambda run: losses_kw(run.tables)["with microgrids"],
        ),
        _power(
            comparison,
            "losses_lower",
            "Level 4, feeder without load",
            "losses",
            lambda run: losses_kw(run.tables)[lower],
        ),
    )


def upstream_chart(comparison: Comparison) -> Chart:
    """Import from upstream with microgrids."""
    return _power(
        comparison,
        "upstream",
        "Import by hour",
        "import",
        lambda run: run.tables["upstream"].set_index("hour")["with_cmg_kw"],
        half=False,
    )


def exchange_charts(comparison: Comparison) -> tuple[Chart, ...]:
    """Return what all microgrids give to the feeder, less what they take."""
    return (
        _power(
            comparison,
            "exchange_upper",
            "Loaded feeder (Levels 5 and 6)",
            "export to the feeder",
            lambda run: _exported_kw(run, LEVELS["upper"]),
        ),
        _power(
            comparison,
            "exchange_lower",
            "Level 4, feeder without load",
            "export to the feeder",
            lambda run: _exported_kw(run, LEVELS["lower"]),
        ),
    )


def _power(
    comparison: Comparison,
    name: str,
    title: str,
    subject: str,
    values_of: Values,
    *,
    half: bool = True,
) -> Chart:
    """Return the chart of a power, and what it adds up to."""
    values = hourly(comparison, values_of)
    figure = hourly_lines(comparison, values, f"{subject}, kW", "kW", half=half)
    told = energy_sentence(comparison, values)
    sentence = told + hourly_sentence(comparison, values, subject, "kW")
    return Chart(name, title, sentence, figure, half=half)


def _exported_kw(run: ComparedRun, level: int) -> pd.Series[float]:
    rows = run.tables["exchange"]
    rows = rows[(rows["level"] == level) & (rows["kind"] == "grid")]
    return rows.groupby("hour")["p_kw"].sum()


def response_charts(comparison: Comparison) -> tuple[Chart, ...]:
    """Demand moved: what is taken more (positive) or less than without response."""
    levels = (("lower", "Microgrids"), ("upper", "The feeder's own loads"))
    return tuple(_response(comparison, level, title) for level, title in levels)


def _response(comparison: Comparison, level: str, title: str) -> Chart:
    values = hourly(comparison, lambda run: _moved_kw(run, level))
    figure = hourly_lines(comparison, values, "demand moved, kW", "kW", half=True)
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


def stores_charts(comparison: Comparison) -> tuple[Chart, ...]:
    """Energy in all batteries and vehicles at the end of each hour, and their power."""
    stored = hourly(comparison, lambda run: store_rows(run.tables).groupby("hour")["soc_kwh"].sum())
    power = hourly(comparison, lambda run: store_rows(run.tables).groupby("hour")["p_kw"].sum())
    if not stored:
        none = "No run has batteries or vehicles."
        return (Chart("stores", "Batteries and vehicles together", none, None),)
    told = hourly_sentence(comparison, stored, "stored energy", "kWh")
    return (
        Chart(
            "stores",
            "Stored in batteries and vehicles",
            told + _device_sentence(comparison),
            hourly_lines(comparison, stored, "stored, kWh", "kWh", half=True),
            half=True,
        ),
        Chart(
            "stores_power",
            "Discharge (+) and charge (\N{MINUS SIGN})",
            hourly_sentence(comparison, power, "net discharge", "kW"),
            hourly_lines(comparison, power, "net discharge, kW", "kW", half=True),
            half=True,
        ),
    )


def _device_sentence(comparison: Comparison) -> str:
    """Say which device each run holds at another level of charge."""
    told = []
    first = _soc(comparison.first)
    for other in comparison.others:
        if not comparison.same_intervals(other):
            continue
        apart = (_soc(other) - first).dropna().abs()
        if len(apart) and apart.max() > LEAST_KWH:
            microgrid, device, hour = greatest(apart)
            told.append(
                f"in {named([other.name])} the device farthest off is "
                f"{named([f'{microgrid} {device}'])} at the end of hour {hour}, by "
                f"{amount(float(apart.max()), 'kWh')}"
            )
    return f" By device: {'; '.join(told)}." if told else ""


def _soc(run: ComparedRun) -> pd.Series[float]:
    return store_rows(run.tables).set_index(["microgrid", "device", "hour"])["soc_kwh"]


def headroom_charts(comparison: Comparison) -> tuple[Chart, ...]:
    """Unused power of turbines and stores, and unused rating of closed PCC switches."""
    return (
        _unused(comparison, "headroom_power", "Turbines and storage", "kW", "mt_kw", "storage_kw"),
        _unused(comparison, "headroom_pcc", "Closed connections to the feeder", "kVA", "pcc_kva"),
    )


def _unused(comparison: Comparison, name: str, title: str, unit: str, *columns: str) -> Chart:
    values = hourly(comparison, lambda run: _headroom(run, list(columns)))
    figure = hourly_lines(comparison, values, f"unused, {unit}", unit, half=True)
    told = hourly_sentence(comparison, values, "headroom", unit)
    return Chart(name, title, told if values else "No run tells its headroom.", figure, half=True)


def _headroom(run: ComparedRun, columns: list[str]) -> pd.Series[float]:
    return headroom_of(run.summary).set_index("hour")[columns].sum(axis=1)
