"""The Pareto front: cost against emissions, in 3D as the paper's Fig. 3, as parallel axes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from cmgplan.page.lookup import greatest, least
from cmgplan.page.style import (
    BLACK,
    BLUE,
    GREY,
    GRID,
    SEQUENTIAL,
    STATUS_SYMBOLS,
    VERMILLION,
    colorbar,
    finish,
    label,
)
from cmgplan.page.wording import amount, counted, number
from cmgplan.planning.record.plan import PlanRecord
from cmgplan.planning.report.goal import SHORT, UNITS, WORDS, bounds_of, goal_of, stepped
from cmgplan.run.tables import Tables

OBJECTIVES = {
    "gc_usd": "generation cost, $",
    "ec_usd": "emission cost, $",
    "loss_kwh": "losses, kWh",
}
LEAST_USD = 1e-6
NUMBERED = 30
"""Most points whose numbers can be told apart."""

_HOVER = (
    "point %{text}: %{customdata[0]}<br>cost %{customdata[1]:,.2f} $<br>emissions "
    "%{customdata[2]:,.2f} $<br>losses %{customdata[3]:,.3f} kWh<br>gap %{customdata[4]}"
    "<extra></extra>"
)


def points_with_values(tables: Tables) -> pd.DataFrame:
    """Return the points that hold a schedule; the others have no place in a drawing."""
    return tables["pareto"].dropna(subset=list(OBJECTIVES))


def pareto_front(tables: Tables) -> go.Figure | None:
    """Draw what is minimised against what it is traded for; bars reach down to the proven bound.

    It is emission cost against cost, coloured by losses, unless one of them has no range.
    """
    rows = points_with_values(tables)
    if rows.empty:
        return None
    goal, against = goal_of(rows), stepped(rows)
    slack = (rows[goal] - bounds_of(rows)).clip(lower=0.0)
    figure = go.Figure(
        go.Scatter(
            x=rows[against].tolist(),
            y=rows[goal].tolist(),
            customdata=_told(rows),
            mode=_mode(rows, against),
            text=rows["point"].astype(str).tolist(),
            textposition="top right",
            line={"color": "#c4cad0"},
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [0.0] * len(rows),
                "arrayminus": slack.fillna(0.0).tolist(),
                "color": GREY,
                "width": 5,
            },
            marker={"size": 12, "symbol": _symbols(rows), **_by_losses(rows, against)},
            hovertemplate=_HOVER,
            name="points (bar: down to the proven bound)",
        )
    )
    _ring_chosen(figure, rows, against, goal)
    return finish(
        figure,
        430,
        xaxis={"title": {"text": OBJECTIVES[against]}},
        yaxis={"title": {"text": OBJECTIVES[goal]}},
    )


def front_title(tables: Tables) -> str:
    """Return the heading of the front: what is traded for what."""
    rows = tables["pareto"]
    told = f"{SHORT[stepped(rows)]} against {SHORT[goal_of(rows)]}"
    return told[0].upper() + told[1:]


def _ring_chosen(figure: go.Figure, rows: pd.DataFrame, against: str, goal: str) -> None:
    """Draw a ring around the chosen point."""
    chosen = rows[rows["selected"] == 1]
    if not chosen.empty:
        figure.add_scatter(
            x=chosen[against].tolist(),
            y=chosen[goal].tolist(),
            mode="markers",
            marker={
                "size": 23,
                "symbol": "circle-open",
                "color": VERMILLION,
                "line": {"width": 3},
            },
            name="chosen",
            hoverinfo="skip",
        )


def pareto_3d(tables: Tables) -> go.Figure | None:
    """All three objectives in space."""
    rows = points_with_values(tables)
    if rows.empty:
        return None
    chosen = rows["selected"] == 1
    figure = go.Figure()
    for part, name, colour, size in (
        (rows, "points", BLUE, 5),
        (rows[chosen], "chosen", VERMILLION, 10),
    ):
        if part.empty:
            continue
        figure.add_scatter3d(
            x=part["loss_kwh"].tolist(),
            y=part["ec_usd"].tolist(),
            z=part["gc_usd"].tolist(),
            customdata=_told(part),
            text=part["point"].astype(str).tolist(),
            mode=_mode(part, "gc_usd") if name == "points" else "markers",
            line={"color": "#9aa4ad", "width": 3},
            marker={
                "size": size,
                "color": colour,
                "symbol": _symbols(part) if name == "points" else "diamond-open",
            },
            hovertemplate=_HOVER,
            name=name,
        )
    axes = {
        f"{axis}axis": {"title": {"text": OBJECTIVES[name]}, "nticks": 6, "zerolinecolor": GRID}
        for axis, name in (("x", "loss_kwh"), ("y", "ec_usd"), ("z", "gc_usd"))
    }
    scene = {**axes, "camera": {"eye": {"x": 1.9, "y": 1.75, "z": 0.8}, "center": {"z": -0.15}}}
    return finish(figure, 420, scene=scene, margin={"l": 0, "r": 0, "t": 40, "b": 0})


def pareto_parallel(tables: Tables) -> go.Figure | None:
    """Each point as a line over one axis for each objective, least at the bottom."""
    rows = points_with_values(tables)
    if rows.empty:
        return None
    figure = go.Figure()
    for row in rows.to_dict("records"):
        chosen = row["selected"] == 1
        figure.add_scatter(
            x=list(OBJECTIVES),
            y=[_share(rows[name], row[name]) for name in OBJECTIVES],
            customdata=[[row[name]] for name in OBJECTIVES],
            mode="lines+markers+text" if chosen else "lines+markers",
            text=["", "", f"  {row['point']}"] if chosen else None,
            textposition="middle right",
            line={
                "color": VERMILLION if chosen else BLUE,
                "width": 4 if chosen else 1.5,
                "dash": "solid" if chosen or row["status"] == "optimal" else "dot",
            },
            marker={"symbol": "circle" if chosen else "circle-open", "size": 9},
            name=f"point {row['point']}{', chosen' if chosen else ''}",
            hovertemplate="%{fullData.name}: %{customdata[0]:,.3f}<extra></extra>",
            showlegend=False,
        )
    _write_ranges(figure, rows)
    return finish(
        figure,
        420,
        xaxis={
            "type": "category",
            "tickvals": list(OBJECTIVES),
            "ticktext": list(OBJECTIVES.values()),
            "showgrid": True,
            "gridcolor": BLACK,
            "range": [-0.25, 2.25],
        },
        yaxis={
            "title": {"text": "share of the range of the points"},
            "range": [-0.15, 1.15],
            "tickvals": [0.0, 0.5, 1.0],
            "tickformat": ".0%",
            "zeroline": False,
        },
    )


def _write_ranges(figure: go.Figure, rows: pd.DataFrame) -> None:
    """Write the least and greatest value at the ends of each axis."""
    for name in OBJECTIVES:
        for edge, at, anchor in ((rows[name].min(), 0.0, "top"), (rows[name].max(), 1.0, "bottom")):
            figure.add_annotation(
                x=name,
                y=at,
                yanchor=anchor,
                yshift=8 if at else -8,
                text=number(float(edge), 2),
                showarrow=False,
                bgcolor="#ffffff",
            )


def pareto_sentence(summary: PlanRecord, tables: Tables) -> str:
    """Say how far the front reaches, which point is chosen and how good the answers are."""
    every, rows = tables["pareto"], points_with_values(tables)
    if rows.empty:
        return "No point of the front holds a schedule."
    ends = (stepped(rows), goal_of(rows))
    first, last = (rows.loc[least(rows[name])] for name in ends)
    text = f"{counted(len(rows), 'point')} of {len(every)} hold{'s' * (len(rows) == 1)} a schedule"
    if len(rows) > 1:
        text += (
            f": from {amount(first['gc_usd'], '$')} of cost with {amount(first['ec_usd'], '$')} of "
            f"emissions and {amount(first['loss_kwh'], 'kWh')} of losses to "
            f"{amount(last['gc_usd'], '$')}, {amount(last['ec_usd'], '$')} and "
            f"{amount(last['loss_kwh'], 'kWh')}"
        )
    return f"{text}. {_chosen(summary, rows)}{_statuses(every)}"


def steps_sentence(tables: Tables) -> str:
    """Say what emissions are saved for a dollar of cost along the front, and where it pays most."""
    rows = points_with_values(tables).sort_values("gc_usd")
    if len(rows) < 2:
        return "One point alone shows no trade between the objectives."
    goal, against = goal_of(rows), stepped(rows)
    if (goal, against) != ("ec_usd", "gc_usd"):
        return _trade_sentence(rows, goal, against)
    steps = rows[["gc_usd", "ec_usd"]].diff().iloc[1:]
    steps = steps[steps["gc_usd"] > LEAST_USD]
    if steps.empty:
        return "All points cost the same."
    overall = -float(steps["ec_usd"].sum()) / float(steps["gc_usd"].sum())
    if overall <= 0.0:
        return "Along the front emissions do not fall with cost."
    rates = -steps["ec_usd"] / steps["gc_usd"]
    best = greatest(rates)
    before = rows["point"].iloc[list(rows.index).index(best) - 1]
    after = rows.at[best, "point"]
    return (
        f"Along the front a dollar of cost saves {amount(overall, '$')} of emissions on average; "
        f"most, {amount(float(rates[best]), '$')}, between points {before!s} and {after!s}."
    )


def _trade_sentence(rows: pd.DataFrame, goal: str, against: str) -> str:
    """Say what is saved of the minimised objective over the whole front, where it is not f2."""
    more = float(np.ptp(rows[against]))
    less = float(np.ptp(rows[goal]))
    return (
        f"From one end of the front to the other {amount(less, UNITS[goal])} less "
        f"of {WORDS[goal]} take {amount(more, UNITS[against])} "
        f"more of {WORDS[against]}."
    )


def parallel_sentence(tables: Tables) -> str:
    """Say where the chosen point stands on each axis."""
    rows = points_with_values(tables)
    chosen = rows[rows["selected"] == 1]
    if chosen.empty or len(rows) < 2:
        return "Each line is a point; the lower it runs the better."
    row = chosen.iloc[0]
    where = [
        f"{100.0 * _share(rows[name], row[name]):.0f} % of the range in {text.split(',')[0]}"
        for name, text in OBJECTIVES.items()
    ]
    return (
        f"Each line is a point; the lower it runs the better. Point {row['point']} stands at "
        f"{', '.join(where[:-1])} and {where[-1]}."
    )


def _chosen(summary: PlanRecord, rows: pd.DataFrame) -> str:
    """Say which point is chosen and why."""
    chosen = rows[rows["selected"] == 1]
    if chosen.empty:
        return ""
    row = chosen.iloc[0]
    if summary.selected.rule == "override":
        return f"Point {row['point']} was chosen by hand. "
    held = number(float(row["mu_min"]), 3)
    return (
        f"Point {row['point']} is the fuzzy compromise: its least membership, {held}, is the "
        "greatest. "
    )


def _statuses(every: pd.DataFrame) -> str:
    """Count the statuses and give the worst gap."""
    counts = every["status"].value_counts(sort=False)
    told = ", ".join(f"{count} {status}" for status, count in counts.items())
    return f"Statuses: {told}."


def _mode(rows: pd.DataFrame, along: str) -> str:
    """Return how points are drawn: joined where they follow each other, numbered if few."""
    joined = "lines+markers" if rows[along].is_monotonic_increasing else "markers"
    return f"{joined}+text" if len(rows) <= NUMBERED else joined


def _told(rows: pd.DataFrame) -> list[list[Any]]:
    """Return status, objectives and gap of every point, for its label."""
    return [
        [
            label(row["status"]),
            row["gc_usd"],
            row["ec_usd"],
            row["loss_kwh"],
            number(row["gap"], 4),
        ]
        for row in rows.to_dict("records")
    ]


def _symbols(rows: pd.DataFrame) -> list[str]:
    """Return the marker of each point's status."""
    return [STATUS_SYMBOLS.get(str(status), "x") for status in rows["status"]]


def _by_losses(rows: pd.DataFrame, against: str) -> dict[str, Any]:
    """Return the colours by losses; one value, or an axis of losses, needs no scale."""
    if against == "loss_kwh" or rows["loss_kwh"].nunique() < 2:
        return {"color": BLUE}
    return {
        "color": rows["loss_kwh"].tolist(),
        "colorscale": SEQUENTIAL,
        "colorbar": colorbar("losses, kWh"),
    }


def _share(column: pd.Series[float], value: float) -> float:
    """Return where a value lies between the least and the greatest of a column."""
    low, high = float(column.min()), float(column.max())
    return 0.5 if high <= low else (value - low) / (high - low)
