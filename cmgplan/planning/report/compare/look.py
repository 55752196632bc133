"""How runs are told apart in figures, and their tables side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from cmgplan.page.lookup import greatest
from cmgplan.page.style import DASHES, PATTERNS, SERIES, SYMBOLS, finish, hour_axis, labels
from cmgplan.page.wording import amount, change, named
from cmgplan.planning.report.compare.runs import ComparedRun, Comparison

NOISE = 1e-6
"""Relative difference of two curves that is a solver's tolerance."""


def each(comparison: Comparison) -> Iterator[tuple[ComparedRun, str, dict[str, Any]]]:
    """Yield every run with its label and its look: colour, dash, symbol and pattern."""
    shown = labels(run.name for run in comparison.runs)
    for k, (run, label) in enumerate(zip(comparison.runs, shown, strict=True)):
        look = {
            "color": SERIES[k % len(SERIES)],
            "dash": DASHES[k % len(DASHES)],
            "symbol": SYMBOLS[k % len(SYMBOLS)],
            "pattern": PATTERNS[k % len(PATTERNS)],
        }
        yield run, label, look


def hourly(
    comparison: Comparison, values: Callable[[ComparedRun], pd.Series[float] | None]
) -> dict[str, pd.Series[float]]:
    """Return the values of the runs whose hours are those of the first, where they have any."""
    found = {}
    for run in comparison.runs:
        series = values(run) if comparison.same_intervals(run) else None
        if series is not None and len(series):
            found[run.name] = series
    return found


def hourly_lines(
    comparison: Comparison,
    values: Mapping[str, pd.Series[float]],
    axis: str,
    unit: str,
    *,
    half: bool = False,
) -> go.Figure | None:
    """Return one line for each run over the hours; ``half`` as wide as the page."""
    if len(values) == 0 or all(not series.abs().max() > 0.0 for series in values.values()):
        return None
    figure = go.Figure()
    for run, label, look in each(comparison):
        series = values.get(run.name)
        if series is None:
            continue
        figure.add_scatter(
            x=[int(t) for t in series.index],
            y=series.tolist(),
            name=label,
            mode="lines+markers",
            line={"color": look["color"], "dash": look["dash"]},
            marker={"symbol": look["symbol"], "size": 7},
            hovertemplate=f"hour %{{x}}: %{{y:,.3f}} {unit}<extra>%{{fullData.name}}</extra>",
        )
    longest = max(values.values(), key=len)
    return finish(
        figure,
        360,
        xaxis=hour_axis([int(t) for t in longest.index], comparison.dt_h, ticks=13 if half else 25),
        yaxis={"title": {"text": axis}},
    )


def hourly_sentence(
    comparison: Comparison,
    values: Mapping[str, pd.Series[float]],
    subject: str,
    unit: str,
) -> str:
    """Say for each run how far it is from the first at most, and in which hour."""
    first = values.get(comparison.first.name)
    if first is None:
        return f"{named([comparison.first.name])} has no {subject} to compare with."
    told, alike = [], []
    for other in comparison.others:
        series = values.get(other.name)
        if series is None:
            continue
        apart = (series - first).dropna()
        if not len(apart):
            continue
        if float(apart.abs().max()) <= NOISE * max(1.0, float(first.abs().max())):
            alike.append(other.name)
            continue
        hour = greatest(apart.abs())
        more = "more" if apart[hour] > 0.0 else "less"
        told.append(
            f"{named([other.name])} differs most in hour {hour}: {_size(apart[hour], unit)} "
            f"{more} than {named([comparison.first.name])}"
        )
    if alike:
        told.append(f"{named(alike)} {'has' if len(alike) == 1 else 'have'} the same {subject}")
    return f"{'; '.join(told)}." if told else f"No other run has {subject} to compare."


def _size(value: float, unit: str) -> str:
    """Return the size of a difference; voltages need all their digits."""
    return f"{abs(value):.5f} pu" if unit == "pu" else amount(abs(value), unit)


def energy_sentence(comparison: Comparison, values: Mapping[str, pd.Series[float]]) -> str:
    """Say what each run's power adds up to, and how that differs from the first."""
    sums = {name: float(series.sum()) * comparison.dt_h for name, series in values.items()}
    first = sums.get(comparison.first.name)
    told = []
    for run in comparison.runs:
        if run.name in sums:
            text = f"{named([run.name])} {amount(sums[run.name], 'kWh')}"
            compared = run is not comparison.first and comparison.same_horizon(run) and first
            told.append(f"{text} ({change(sums[run.name], first)})" if compared else text)
    return f"Over the horizon: {', '.join(told)}. " if told else ""
