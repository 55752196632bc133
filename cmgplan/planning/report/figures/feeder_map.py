"""The feeder as a map: voltages, switches and flows of every hour, with a slider over the day."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from cmgplan.page.lookup import greatest, hours_of, least
from cmgplan.page.style import finish, time_word
from cmgplan.page.wording import amount, counted, named
from cmgplan.planning.report.branch_flow import branch_flow_kw
from cmgplan.planning.report.figures.layout import map_layout
from cmgplan.planning.report.figures.map_traces import LEAST_KW, Drawing, moving_traces, slack_trace
from cmgplan.planning.report.figures.voltage import voltage_pu
from cmgplan.planning.report.topology import FeederView
from cmgplan.run.tables import Tables

LEVEL = 5


def feeder_map(tables: Tables, view: FeederView | None, dt_h: float = 1.0) -> go.Figure | None:
    """Map of the loaded feeder at the upper level, one frame for each hour.

    Frames are named by their hour. Flows on switches stand in exchange.csv, those on branches
    follow from injections and voltages.
    """
    if view is None or tables["bus_voltage"].empty:
        return None
    drawing = Drawing(
        view,
        map_layout(view),
        voltage_pu(tables, "upper").reindex(list(view.buses)),
        branch_flow_kw(tables, view),
        _switch_rows(tables),
    )
    hours = hours_of(drawing.voltage.columns)
    start = busiest_hour(drawing.switches)
    moving = moving_traces(drawing, start)
    fixed = [slack_trace(drawing)]
    numbers = list(range(len(moving)))
    figure = go.Figure(
        data=[*moving, *fixed],
        frames=[
            go.Frame(name=str(t), data=moving_traces(drawing, t), traces=numbers) for t in hours
        ],
    )
    rows = [y for _, y in [*drawing.layout.buses.values(), *drawing.layout.microgrids.values()]]
    height = int(min(max(420.0, 150.0 + 30.0 * (max(rows) - min(rows))), 900.0))
    empty = {"visible": False, "showgrid": False, "zeroline": False}
    low, high = min(rows) - 1.0, max(rows) + 1.6
    return finish(
        figure,
        height,
        xaxis=empty,
        yaxis={**empty, "range": [low, high]},
        margin={"l": 10, "r": 10, "t": 70, "b": 60},
        sliders=[_slider(hours, start, dt_h)],
    )


def busiest_hour(rows: pd.DataFrame) -> int:
    """Return the hour in which switches of most kinds, and then most switches, are closed."""
    closed = rows[rows["closed"] == 1].groupby("hour")["kind"].agg(["nunique", "size"])
    if closed.empty:
        return int(rows["hour"].min())
    return int(closed.sort_values(["nunique", "size"], ascending=False, kind="stable").index[0])


def _switch_rows(tables: Tables) -> pd.DataFrame:
    """Return position and flow of every switch and hour."""
    flow = tables["exchange"]
    flow = flow.loc[flow["level"] == LEVEL, ["hour", "switch", "p_kw"]]
    joined = tables["switch_schedule"].merge(flow, on=["hour", "switch"], how="left")
    return joined.fillna({"p_kw": 0.0})


def _slider(hours: list[int], start: int, dt_h: float) -> dict[str, Any]:
    """Return the slider over the frames."""
    move = {
        "mode": "immediate",
        "frame": {"duration": 0, "redraw": True},
        "transition": {"duration": 0},
    }
    return {
        "active": hours.index(start),
        "currentvalue": {"prefix": f"{time_word(dt_h)} "},
        "steps": [{"label": str(t), "method": "animate", "args": [[str(t)], move]} for t in hours],
        "pad": {"t": 10, "b": 5},
    }


def connected(closed: pd.Series[int]) -> str:
    """Say how many microgrids are connected at most; ``closed`` counts them by hour."""
    most = int(closed.max())
    if most == 0:
        return "no microgrid is connected to the feeder in any hour"
    are = "is" if most == 1 else "are"
    return f"at most {most} {are} connected at once (hour {closed.idxmax()})"


def map_sentence(tables: Tables, view: FeederView | None) -> str:
    """Say the hour with the most microgrids connected, and where voltage is lowest."""
    if view is None:
        return "The copy of the case cannot be read, so there is no map of the feeder."
    rows = _switch_rows(tables)
    grid = rows[rows["kind"] == "grid"]
    closed = grid.groupby("hour")["closed"].sum()
    export = grid.groupby("hour")["p_kw"].sum()
    islands = [int(t) for t in closed.index[closed == 0]]
    voltage = voltage_pu(tables, "upper")
    lowest = least(voltage.min())
    text = (
        f"{counted(len(view.buses), 'bus', 'buses')} and "
        f"{counted(len(view.microgrid_bus), 'microgrid')}; {connected(closed)}"
    )
    if export.abs().max() > LEAST_KW:
        hour = greatest(export.abs())
        way = "deliver" if export[hour] > 0.0 else "draw"
        text += f", and in hour {hour} they {way} most, {amount(abs(export[hour]), 'kW')}"
    if 0 < len(islands) < len(closed):
        text += f"; in {counted(len(islands), 'hour')} there is no connection"
    return (
        f"{text}. Voltage is lowest in hour {lowest} at bus "
        f"{named([str(least(voltage[lowest]))])}. Line width shows what a branch carries, "
        "arrows the direction on closed switches, numbers what a microgrid gives to the feeder (+) "
        "or takes from it (\N{MINUS SIGN}), kW."
    )
