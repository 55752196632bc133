"""Headroom by hour, and the replay of the plan under forecast error."""

from __future__ import annotations

from collections import Counter

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from cmgplan.network.broken_limit import BrokenLimit
from cmgplan.page.lookup import least
from cmgplan.page.style import (
    BLACK,
    BLUE,
    DASHES,
    GREEN,
    ORANGE,
    PURPLE,
    SYMBOLS,
    VERMILLION,
    finish,
    hour_axis,
)
from cmgplan.page.wording import amount, counted, in_hours, number
from cmgplan.planning.record.plan import PlanRecord
from cmgplan.planning.report.topology import FeederView

LEAST_KW = 0.1
"""Room below is none."""

KINDS = {
    "shortage": ("shortage with every connection open", "shortages with every connection open"),
    "connection": ("connection over its rating", "connections over their rating"),
    "voltage": ("voltage outside its limits", "voltages outside their limits"),
    "branch": ("branch over its rating", "branches over their rating"),
    "power_flow": ("power flow without a solution", "power flows without a solution"),
}
"""What one and several broken limits of a kind are called."""

POWER = {
    "mt_kw": ("turbines, kW", BLUE),
    "storage_kw": ("storage, kW", ORANGE),
    "pcc_kva": ("closed connections to the feeder, kVA", GREEN),
}


def hourly(summary: PlanRecord) -> pd.DataFrame:
    """Return the headroom by hour."""
    rows = [
        (room.hour, room.mt_kw, room.storage_kw, room.pcc_kva, room.storage_kwh)
        for room in summary.headroom.hourly
    ]
    table = pd.DataFrame(rows, columns=["hour", *POWER, "storage_kwh"])
    return table.astype({"hour": int}).astype(dict.fromkeys([*POWER, "storage_kwh"], float))


def under_error(summary: PlanRecord) -> pd.DataFrame:
    """Return voltages and loading by hour under forecast error."""
    columns = ["hour", "v_min_pu", "v_max_pu", "max_loading"]
    rows = [
        (told.hour, told.v_min_pu, told.v_max_pu, told.max_loading)
        for told in summary.headroom.forecast_error.hours
    ]
    table = pd.DataFrame(rows, columns=columns)
    return table.astype({"hour": int}).astype(dict.fromkeys(columns[1:], float))


def headroom(summary: PlanRecord, dt_h: float = 1.0) -> go.Figure | None:
    """Unused power above, energy stored over its least below."""
    rows = hourly(summary)
    if rows.empty or not rows[[*POWER, "storage_kwh"]].to_numpy().any():
        return None
    energy = bool((rows["storage_kwh"] > 0.0).any())
    figure = make_subplots(rows=1 + energy, cols=1, shared_xaxes=True, vertical_spacing=0.1)
    hours = rows["hour"].tolist()
    for k, (column, (name, colour)) in enumerate(POWER.items()):
        figure.add_scatter(
            x=hours,
            y=rows[column].tolist(),
            mode="lines+markers",
            name=name,
            line={"color": colour, "dash": DASHES[k]},
            marker={"symbol": SYMBOLS[k]},
            hovertemplate="hour %{x}: %{y:,.1f}<extra>%{fullData.name}</extra>",
            row=1,
            col=1,
        )
    figure.update_yaxes(title_text="unused, kW or kVA", rangemode="tozero", row=1, col=1)
    if energy:
        figure.add_bar(
            x=hours,
            y=rows["storage_kwh"].tolist(),
            name="stored over the least state of charge, kWh",
            marker={"color": PURPLE, "pattern": {"shape": "/", "solidity": 0.2}},
            hovertemplate="end of hour %{x}: %{y:,.1f} kWh<extra></extra>",
            row=2,
            col=1,
        )
        figure.update_yaxes(title_text="stored, kWh", rangemode="tozero", row=2, col=1)
    finish(figure, 260 + 170 * energy)
    figure.update_xaxes(**hour_axis(hours, dt_h))
    if energy:
        figure.update_xaxes(title_text="", row=1, col=1)
    return figure


def forecast_error(
    summary: PlanRecord, view: FeederView | None = None, dt_h: float = 1.0
) -> go.Figure | None:
    """Range of voltages above, greatest branch loading below, under forecast error."""
    rows = under_error(summary)
    if rows.dropna(subset=["v_min_pu", "v_max_pu"]).empty:
        return None
    loaded = bool((rows["max_loading"] > 0.0).any())
    figure = make_subplots(rows=1 + loaded, cols=1, shared_xaxes=True, vertical_spacing=0.1)
    hours = rows["hour"].tolist()
    _draw_voltages(figure, rows, view)
    if loaded:
        figure.add_bar(
            x=hours,
            y=_or_none(100.0 * rows["max_loading"]),
            name="most loaded branch",
            marker={"color": ORANGE, "pattern": {"shape": "/", "solidity": 0.2}},
            hovertemplate="hour %{x}: %{y:.1f} % of the rating<extra></extra>",
            row=2,
            col=1,
        )
        figure.add_hline(y=100.0, line={"color": BLACK, "dash": "dot", "width": 1}, row=2, col=1)
        figure.update_yaxes(title_text="loading, %", rangemode="tozero", row=2, col=1)
    finish(figure, 270 + 170 * loaded)
    figure.update_xaxes(**hour_axis(hours, dt_h))
    if loaded:
        figure.update_xaxes(title_text="", row=1, col=1)
    return figure


def _draw_voltages(figure: go.Figure, rows: pd.DataFrame, view: FeederView | None) -> None:
    """Draw the range of voltages and the limits that every bus keeps."""
    for column, name, colour, dash in (
        ("v_max_pu", "highest voltage", BLUE, "dash"),
        ("v_min_pu", "lowest voltage", VERMILLION, "solid"),
    ):
        figure.add_scatter(
            x=rows["hour"].tolist(),
            y=_or_none(rows[column]),
            mode="lines+markers",
            name=name,
            line={"color": colour, "dash": dash},
            hovertemplate="hour %{x}: %{y:.4f} pu<extra>%{fullData.name}</extra>",
            row=1,
            col=1,
        )
    if view is not None:
        limits = [pair for bus, pair in view.v_limits_pu.items() if bus != view.slack]
        for limit in {max(low for low, _ in limits), min(high for _, high in limits)}:
            figure.add_hline(
                y=limit, line={"color": BLACK, "dash": "dot", "width": 1}, row=1, col=1
            )
    figure.update_yaxes(title_text="voltage, pu", tickformat=".2f", row=1, col=1)


def headroom_sentence(summary: PlanRecord) -> str:
    """Say in which hours there is least room."""
    rows = hourly(summary).set_index("hour")
    parts = []
    for column, what, verb in (("mt_kw", "turbines", "have"), ("storage_kw", "storage", "has")):
        none = [int(t) for t in rows.index[rows[column] <= LEAST_KW]]
        if len(none) == len(rows):
            parts.append(f"{what} {verb} no room in any hour")
        elif none:
            parts.append(f"{what} {verb} nothing more to give in {in_hours(none)}")
        else:
            room = float(rows[column].min())
            hour = int(least(rows[column]))
            parts.append(
                f"{what} always {verb} {amount(room, 'kW')} or more to give (least: hour {hour})"
            )
    return f"{'; '.join(parts).capitalize()}."


def error_sentence(summary: PlanRecord) -> str:
    """Say what forecast error would break."""
    error = summary.headroom.forecast_error
    broken = broken_limits(summary)
    rows = under_error(summary)
    low = rows["v_min_pu"].min()
    start = (
        f"With loads at {number(100.0 * error.load_factor, 0)} % and renewables at "
        f"{number(100.0 * error.renewable_factor, 0)} % of the forecast "
    )
    if not broken:
        return f"{start}no limit breaks; the lowest voltage is {number(low, 4)} pu."
    hours = {limit.hour for limit in broken}
    return (
        f"{start}{counted(len(broken), 'limit')} would break in {counted(len(hours), 'hour')}: "
        f"{_by_kind(broken)}. The lowest voltage is {number(low, 4)} pu."
    )


def broken_limits(summary: PlanRecord) -> list[BrokenLimit]:
    """Return the limits that forecast error would break."""
    return [limit.told for limit in summary.headroom.forecast_error.broken_limits]


def _by_kind(broken: list[BrokenLimit]) -> str:
    """Count what breaks by its kind."""
    counts: Counter[str] = Counter(limit.kind for limit in broken)
    return ", ".join(counted(counts[kind], *KINDS[kind]) for kind in KINDS if counts[kind])


def _or_none(column: pd.Series[float]) -> list[float | None]:
    """Return values with a gap where an hour has none."""
    return [None if value != value else float(value) for value in column]
