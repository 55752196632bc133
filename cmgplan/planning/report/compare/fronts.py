"""The Pareto fronts of the runs over each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from cmgplan.page.lookup import records
from cmgplan.page.parts import Chart
from cmgplan.page.style import finish
from cmgplan.page.wording import amount, counted, named
from cmgplan.planning.report.compare.look import each
from cmgplan.planning.report.compare.runs import Comparison
from cmgplan.planning.report.compare.totals import open_by
from cmgplan.planning.report.figures.pareto import OBJECTIVES, points_with_values
from cmgplan.planning.report.goal import SHORT, goal_of

SLACK = {"gc_usd": 0.0, "ec_usd": 1e-6, "loss_kwh": 1e-6}
"""$ or kWh by which a point may be worse in an objective and still be no worse."""


def front_charts(comparison: Comparison) -> tuple[Chart, ...]:
    """Every run's points: cost against emissions, and cost against losses."""
    sides = f"The same points seen from another side: {_least_losses(comparison)}."
    return (
        Chart(
            "fronts",
            "Cost against emissions",
            _fronts_sentence(comparison),
            _drawn(comparison, "ec_usd"),
        ),
        Chart("fronts_losses", "Cost against losses", sides, _drawn(comparison, "loss_kwh")),
    )


def _drawn(comparison: Comparison, against: str) -> go.Figure | None:
    """Return the points of every run, generation cost against another objective."""
    figure = go.Figure()
    for run, label, look in each(comparison):
        rows = points_with_values(run.tables)
        if rows.empty:
            continue
        figure.add_scatter(
            x=rows["gc_usd"].tolist(),
            y=rows[against].tolist(),
            customdata=rows[["point", "ec_usd", "loss_kwh", "gap"]].to_numpy(dtype=float).tolist(),
            mode="lines+markers",
            line={"color": look["color"], "dash": look["dash"], "width": 1.5},
            marker={"symbol": look["symbol"], "size": 9},
            name=label,
            legendgroup=label,
            hovertemplate=(
                "point %{customdata[0]}<br>cost %{x:,.2f} $<br>emissions "
                "%{customdata[1]:,.2f} $<br>losses %{customdata[2]:,.3f} kWh<br>"
                "gap %{customdata[3]:.4f}"
                "<extra>%{fullData.name}</extra>"
            ),
        )
        chosen = rows[rows["selected"] == 1]
        figure.add_scatter(
            x=chosen["gc_usd"].tolist(),
            y=chosen[against].tolist(),
            mode="markers",
            marker={
                "size": 21,
                "symbol": f"{look['symbol']}-open",
                "color": look["color"],
                "line": {"width": 3},
            },
            legendgroup=label,
            showlegend=False,
            hoverinfo="skip",
        )
    if not figure.data:
        return None
    return finish(
        figure,
        420,
        xaxis={"title": {"text": OBJECTIVES["gc_usd"]}},
        yaxis={"title": {"text": OBJECTIVES[against]}},
    )


def _least_losses(comparison: Comparison) -> str:
    """Say between which losses the points of each run lie."""
    told = []
    for run in comparison.runs:
        losses = points_with_values(run.tables)["loss_kwh"]
        if losses.empty:
            told.append(f"{named([run.name])} has no point with a schedule")
        else:
            low, high = amount(float(losses.min()), "kWh"), amount(float(losses.max()), "kWh")
            told.append(f"{named([run.name])} loses {low} to {high}")
    return ", ".join(told)


def _fronts_sentence(comparison: Comparison) -> str:
    """Say which points of one run are beaten by points of another, by more than the gap."""
    told, first = [], comparison.first
    alike = [other for other in comparison.others if comparison.same_horizon(other)]
    for other in alike:
        for loser, winner in ((first, other), (other, first)):
            rows, better = (points_with_values(run.tables) for run in (loser, winner))
            room = {name: open_by(loser, winner, name) or 0.0 for name in OBJECTIVES}
            goal = goal_of(rows)
            beaten = sum(_beaten(row, better, room, goal) for row in records(rows))
            if beaten:
                told.append(
                    f"{counted(beaten, 'point')} of {len(rows)} of {named([loser.name])} "
                    f"{'is' if beaten == 1 else 'are'} beaten by {named([winner.name])} in "
                    f"{SHORT[goal]} at no more {_others(goal)}"
                )
    text = "; ".join(told) if told else "no point of a run is beaten by one of another"
    head = f"Beyond the gaps of the proofs: {text}. " if alike else ""
    apart = [other.name for other in comparison.others if other not in alike]
    if apart:
        head += f"Another horizon than that of {named([first.name])}: {named(apart)}. "
    return f"{head}The open marks are the chosen points."


def _others(goal: str) -> str:
    """Return the objectives besides one, in words."""
    return " and ".join(words for name, words in SHORT.items() if name != goal)


def _beaten(
    row: Mapping[str, Any], better: pd.DataFrame, room: Mapping[str, float], goal: str
) -> bool:
    """Return whether some point has less of the goal than one by more than the gap.

    It has no more of the others.
    """
    beats = better[goal] < row[goal] - room[goal]
    for name in SHORT:
        if name != goal:
            beats &= better[name] <= row[name] + max(1e-9 * abs(row[name]), SLACK[name])
    return bool(beats.any())
