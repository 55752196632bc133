"""How shortage and surplus fall from level to level: the paper's Fig. 2 in numbers."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from cmgplan.page.lookup import greatest
from cmgplan.page.style import GREEN, ORANGE, PATTERNS, PURPLE, VERMILLION, finish, hour_axis
from cmgplan.page.wording import amount, in_hours
from cmgplan.planning.record.plan import PlanRecord
from cmgplan.run.tables import Tables

LEAST_KW = 0.1
"""What the plan itself counts as shortage or surplus."""

LEVEL_COLOURS = {1: VERMILLION, 2: ORANGE, 3: PURPLE, 4: GREEN}
LEVEL_NAMES = {
    1: "Level 1: islanded",
    2: "Level 2: within clusters",
    3: "Level 3: between clusters",
    4: "Level 4: with the feeder",
}


def energy_by_level(tables: Tables, dt_h: float = 1.0) -> pd.DataFrame:
    """Return unserved and surplus energy of each level, kWh."""
    rows = tables["shortage"].groupby("level")[["shortage_kw", "surplus_kw"]].sum()
    # A solver may leave a surplus of minus nothing, which would shift the axis.
    rows = rows.clip(lower=0.0) * dt_h
    return rows.rename(columns={"shortage_kw": "unserved_kwh", "surplus_kw": "surplus_kwh"})


def level_energy(tables: Tables, dt_h: float = 1.0) -> go.Figure | None:
    """Unserved energy and surplus left by each level, in two panels of their own scale."""
    energy = energy_by_level(tables, dt_h)
    if energy.empty or not energy.to_numpy().any():
        return None
    figure = go.Figure()
    names = [LEVEL_NAMES.get(int(level), f"Level {level}") for level in energy.index]
    for column, name, colour, pattern, axis in (
        ("unserved_kwh", "unserved demand", VERMILLION, "", ""),
        ("surplus_kwh", "curtailed renewable energy", ORANGE, "/", "2"),
    ):
        values = energy[column].tolist()
        figure.add_bar(
            x=values,
            y=names,
            orientation="h",
            name=name,
            xaxis=f"x{axis}",
            yaxis=f"y{axis}",
            marker={"color": colour, "pattern": {"shape": pattern, "solidity": 0.25}},
            text=[f"{value:,.0f}" for value in values],
            textposition="auto",
            hovertemplate="%{y}: %{x:,.2f} kWh<extra>" + name + "</extra>",
        )
    return finish(
        figure,
        260,
        xaxis={"domain": [0.0, 0.48], "title": {"text": "unserved, kWh"}, "rangemode": "tozero"},
        xaxis2={
            "domain": [0.54, 1.0],
            "anchor": "y2",
            "title": {"text": "surplus, kWh"},
            "rangemode": "tozero",
        },
        yaxis={"type": "category", "autorange": "reversed"},
        yaxis2={
            "type": "category",
            "autorange": "reversed",
            "anchor": "x2",
            "showticklabels": False,
        },
    )


def shortage(tables: Tables, dt_h: float = 1.0) -> go.Figure | None:
    """Unserved power of all microgrids by hour and level."""
    return _by_hour(tables, "shortage_kw", "unserved, kW", dt_h)


def surplus(tables: Tables, dt_h: float = 1.0) -> go.Figure | None:
    """Curtailed renewable power of all microgrids by hour and level."""
    return _by_hour(tables, "surplus_kw", "surplus, kW", dt_h)


def _by_hour(tables: Tables, column: str, title: str, dt_h: float) -> go.Figure | None:
    """Sum a column over the microgrids; None where nothing is left at any level."""
    rows = tables["shortage"]
    total = rows.groupby(["level", "hour"])[column].sum().clip(lower=0.0)
    if total.empty or not (total.abs() > 0.0).any():
        return None
    figure = go.Figure()
    for level in sorted(set(rows["level"])):
        part = total.loc[level]
        figure.add_bar(
            x=part.index.tolist(),
            y=part.tolist(),
            name=f"Level {level}",
            marker={
                "color": LEVEL_COLOURS.get(int(level), "#666666"),
                "pattern": {"shape": PATTERNS[int(level) % len(PATTERNS) - 1], "solidity": 0.2},
            },
            hovertemplate="hour %{x}: %{y:,.2f} kW<extra>%{fullData.name}</extra>",
        )
    return finish(
        figure,
        330,
        barmode="group",
        xaxis=hour_axis(rows["hour"], dt_h),
        yaxis={"title": {"text": title}, "rangemode": "tozero"},
    )


def levels_sentence(summary: PlanRecord, tables: Tables, dt_h: float = 1.0) -> str:
    """Say what each level leaves unserved and curtailed."""
    energy = energy_by_level(tables, dt_h)
    if energy.empty:
        return "The run has no table of shortage and surplus."
    parts = []
    for column, subject in (("unserved_kwh", "Unserved demand"), ("surplus_kwh", "surplus")):
        values = energy[column]
        if not (values > 0.0).any():
            parts.append(f"{subject} is zero at every level")
            continue
        chain = ", ".join(
            f"{amount(value, 'kWh')} at Level\N{NO-BREAK SPACE}{level}"
            for level, value in values.items()
        )
        verb = "falls from" if values.iloc[-1] < values.iloc[0] else "goes from"
        parts.append(f"{subject} {verb} " + chain.replace(", ", " to ", 1))
    last = int(energy.index[-1])
    left = float(energy["unserved_kwh"].iloc[-1])
    close = (
        f"Level {last} serves all load."
        if left <= 0.1
        else f"Level {last} leaves {amount(left, 'kWh')} unserved."
    )
    joint = summary.options.hierarchy == "joint"
    note = " This plan was made without the hierarchy: all switches could close at Level 4."
    return f"{'; '.join(parts)}. {close}{note if joint else ''}"


def by_hour_sentence(tables: Tables, column: str, what: str) -> str:
    """Say when a column of the shortage table is greatest, and in which hours each level has it."""
    total = tables["shortage"].groupby(["level", "hour"])[column].sum()
    most, hour = greatest(total)
    parts = []
    for level in sorted(set(total.index.get_level_values("level"))):
        there = total.loc[level]
        hours = [int(t) for t in there.index[there > LEAST_KW]]
        when = f"in {in_hours(hours)}" if hours else "never"
        parts.append(f"Level\N{NO-BREAK SPACE}{level} {when}")
    return (
        f"{what} is greatest at Level\N{NO-BREAK SPACE}{most} in hour {hour}, "
        f"{amount(float(total.max()), 'kW')}. It occurs at {'; '.join(parts)}."
    )
