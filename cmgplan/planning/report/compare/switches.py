"""In which hours the switches of two runs stand differently."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from cmgplan.page.data_table import Column, DataTable, data_table
from cmgplan.page.lookup import hours_of, hours_where
from cmgplan.page.parts import Chart
from cmgplan.page.style import BLUE, GREY, LIGHT, ORANGE, finish, hour_axis, labels, rows_height
from cmgplan.page.wording import counted, hours_text, named, short_name
from cmgplan.planning.report.compare.look import each
from cmgplan.planning.report.compare.runs import ComparedRun, Comparison

OPEN, CLOSED, FIRST_ONLY, OTHER_ONLY = 0, 1, 2, 3
_COLOURS = (LIGHT, GREY, BLUE, ORANGE)
_MARKS = ("", "\N{BLACK CIRCLE}", "\N{MINUS SIGN}", "+")


def switch_charts(comparison: Comparison) -> tuple[Chart, ...]:
    """For each run but the first: which switches stand otherwise, and when."""
    shown = {run.name: label for run, label, _ in each(comparison)}
    return tuple(_chart(comparison, other, shown, k) for k, other in enumerate(comparison.others))


def positions(comparison: Comparison, other: ComparedRun) -> pd.DataFrame:
    """Return how each switch that two runs share stands, switch by hour: OPEN to OTHER_ONLY."""
    both = [s for s, ends in comparison.first.switches.items() if other.switches.get(s) == ends]
    grids = []
    for run in (comparison.first, other):
        wide = run.tables["switch_schedule"].pivot(index="switch", columns="hour", values="closed")
        hours = [t for t in comparison.hours_compared() if t in wide.columns]
        grids.append(wide.reindex(index=both)[hours].fillna(OPEN))
    first, second = grids
    return (first * second * CLOSED + first * (1 - second) * FIRST_ONLY).add(
        (1 - first) * second * OTHER_ONLY
    )


def _chart(comparison: Comparison, other: ComparedRun, shown: dict[str, str], number: int) -> Chart:
    title = f"{short_name(other.name)} against {short_name(comparison.first.name)}"
    name = f"switches_{number}"
    if not comparison.same_intervals(other):
        return Chart(name, title, "Their intervals are of different length.", None)
    table = positions(comparison, other)
    apart = table[(table >= FIRST_ONLY).any(axis=1)]
    sentence = _sentence(comparison, other, table)
    if apart.empty:
        return Chart(name, title, sentence, None)
    words = (
        "open in both",
        "closed in both",
        f"closed in {shown[comparison.first.name]} only",
        f"closed in {shown[other.name]} only",
    )
    codes = apart.to_numpy(dtype=int)
    edges = [k / len(_COLOURS) for k in range(len(_COLOURS) + 1)]
    figure = go.Figure(
        go.Heatmap(
            z=codes.tolist(),
            x=hours_of(apart.columns),
            y=labels(apart.index),
            customdata=[[words[code] for code in row] for row in codes],
            text=[[_MARKS[code] for code in row] for row in codes],
            texttemplate="%{text}" if codes.shape[1] <= 48 else "",
            zmin=-0.5,
            zmax=len(_COLOURS) - 0.5,
            colorscale=[
                [edge, colour]
                for k, colour in enumerate(_COLOURS)
                for edge in (edges[k], edges[k + 1])
            ],
            colorbar={
                "tickvals": list(range(len(words))),
                "ticktext": [f"{mark} {word}" for mark, word in zip(_MARKS, words, strict=True)],
                "thickness": 14,
            },
            xgap=2,
            ygap=2,
            hovertemplate="%{y}, hour %{x}: %{customdata}<extra></extra>",
        )
    )
    drawn = finish(
        figure,
        rows_height(len(apart), 170),
        xaxis=hour_axis(hours_of(apart.columns), comparison.dt_h),
        yaxis={"type": "category", "autorange": "reversed", "showgrid": False},
        margin={"l": 70, "r": 25, "t": 10, "b": 55},
    )
    return Chart(name, title, sentence, drawn)


def _sentence(comparison: Comparison, other: ComparedRun, table: pd.DataFrame) -> str:
    """Count the switch-hours that differ, and name the switches and hours."""
    apart = table >= FIRST_ONLY
    count = int(apart.to_numpy().sum())
    if table.empty:
        return "They have no switch in common."
    if not count:
        return f"All {counted(table.size, 'switch-hour')} that both have stand alike."
    most = apart.sum(axis=1).sort_values(ascending=False)
    more = int((table == OTHER_ONLY).to_numpy().sum())
    return (
        f"{count} of {counted(table.size, 'switch-hour')} differ: {more} closed only in "
        f"{named([other.name])}, {count - more} only in {named([comparison.first.name])}. Most "
        f"often {named([str(most.index[0])])} ({int(most.iloc[0])}); hours "
        f"{hours_text(hours_where(apart.any()))}. Only switches that differ are drawn."
    )


def switch_hours_table(comparison: Comparison) -> DataTable:
    """Return in how many hours each run closes each switch, of the switches that differ."""
    counts = {
        run.name: run.tables["switch_schedule"].groupby("switch", sort=False)["closed"].sum()
        for run in comparison.runs
    }
    names = list(dict.fromkeys(name for column in counts.values() for name in column.index))
    columns = [Column("switch", "Switch")]
    columns += [
        Column(f"closed[{run.name}]", f"hours closed, {short_name(run.name)}", 0)
        for run in comparison.runs
    ]
    records = [
        {"switch": name} | {f"closed[{run}]": column.get(name) for run, column in counts.items()}
        for name in names
        if len({column.get(name) for column in counts.values()}) > 1
    ]
    return data_table("switch_hours", "Switches closed more or less often", columns, records)
