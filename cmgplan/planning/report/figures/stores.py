"""Storage and vehicles: charge, discharge and state of charge, the paper's Fig. 9."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from cmgplan.page.lookup import greatest, hours_of, least
from cmgplan.page.style import (
    BLUE,
    DIVERGING,
    ORANGE,
    SEQUENTIAL,
    SKY,
    YELLOW,
    colorbar,
    finish,
    hour_axis,
    labels,
    rows_height,
    sign_marks,
)
from cmgplan.page.wording import amount, counted, in_hours, named
from cmgplan.planning.report.topology import FeederView
from cmgplan.run.tables import Tables

LEVEL = 5
"""Storage and fleets keep the selected point's schedule at the upper level."""

KINDS = {
    "storage": ("batteries", {"discharge": BLUE, "charge": SKY}, ""),
    "ev": ("vehicles", {"discharge": ORANGE, "charge": YELLOW}, "/"),
}


def store_rows(tables: Tables) -> pd.DataFrame:
    """Return the dispatch of batteries and fleets in the plan as it is operated."""
    rows = tables["dispatch"].dropna(subset=["soc_kwh"])
    levels = set(rows["level"])
    return rows[rows["level"] == (LEVEL if LEVEL in levels else max(levels, default=LEVEL))]


def storage_power(tables: Tables, dt_h: float = 1.0) -> go.Figure | None:
    """Discharge (up) and charge (down) of all batteries and of all vehicles by hour."""
    rows = store_rows(tables)
    if not (rows["p_kw"].abs() > 1e-6).any():
        return None
    figure = go.Figure()
    for kind, (name, colours, pattern) in KINDS.items():
        part = rows[rows["kind"] == kind]
        if part.empty:
            continue
        for text, power in (
            ("discharge", part["p_kw"].clip(lower=0.0)),
            ("charge", part["p_kw"].clip(upper=0.0)),
        ):
            total = power.groupby(part["hour"]).sum()
            figure.add_bar(
                x=[int(t) for t in total.index],
                y=total.tolist(),
                name=f"{name}: {text}",
                marker={
                    "color": colours[text],
                    "pattern": {"shape": pattern, "solidity": 0.25},
                },
                hovertemplate="hour %{x}: %{y:,.2f} kW<extra>%{fullData.name}</extra>",
            )
    return finish(
        figure,
        340,
        barmode="relative",
        xaxis=hour_axis(rows["hour"], dt_h),
        yaxis={"title": {"text": "discharge (+), charge (\N{MINUS SIGN}), kW"}},
    )


def storage_by_device(tables: Tables, dt_h: float = 1.0) -> go.Figure | None:
    """Charge and discharge of every device: discharge is orange, charge is blue."""
    power = _wide(tables, "p_kw")
    if power.empty or not (power.abs() > 1e-6).to_numpy().any():
        return None
    most = float(power.abs().to_numpy().max())
    return _heatmap(
        power,
        dt_h,
        zmin=-most,
        zmax=most,
        colorscale=DIVERGING,
        **sign_marks(power),
        colorbar=colorbar("discharge, kW"),
        hovertemplate="%{y}, hour %{x}: %{z:+,.2f} kW<extra></extra>",
    )


def state_of_charge(
    tables: Tables, view: FeederView | None = None, dt_h: float = 1.0
) -> go.Figure | None:
    """Energy stored at the end of each hour, as a share of the capacity where that is known."""
    energy = _wide(tables, "soc_kwh")
    if energy.empty:
        return None
    known = view is not None and all(key in view.energy_kwh for key in energy.index)
    if view is not None and known:
        capacity = np.array([view.energy_kwh[key] for key in energy.index])
        shown = energy.div(capacity, axis=0) * 100.0
        hover = "%{y}, end of hour %{x}: %{customdata:,.2f} kWh, %{z:.1f} %<extra></extra>"
        scale = {"zmin": 0.0, "zmax": 100.0}
    else:
        shown, scale = energy, {"zmin": 0.0}
        hover = "%{y}, end of hour %{x}: %{z:,.2f} kWh<extra></extra>"
    return _heatmap(
        shown,
        dt_h,
        **scale,
        colorscale=SEQUENTIAL,
        customdata=energy.round(6).to_numpy(dtype=float).tolist(),
        colorbar=colorbar("stored, %" if known else "stored, kWh"),
        hovertemplate=hover,
    )


def storage_sentence(tables: Tables, dt_h: float = 1.0) -> str:
    """Say how much goes in and out, and when."""
    rows = store_rows(tables)
    if rows.empty:
        return "The case has neither batteries nor vehicles."
    parts = []
    for kind in KINDS:
        part = rows[rows["kind"] == kind]
        if part.empty:
            continue
        devices = len(part.drop_duplicates(["microgrid", "device"]))
        total = part.groupby("hour")["p_kw"].sum()
        into = float(-part["p_kw"].clip(upper=0.0).sum()) * dt_h
        out = float(part["p_kw"].clip(lower=0.0).sum()) * dt_h
        owner = "battery" if kind == "storage" else "vehicle fleet"
        many = "batteries" if kind == "storage" else "vehicle fleets"
        text = (
            f"{counted(devices, owner, many).capitalize()} {'take' if devices > 1 else 'takes'} "
            f"{amount(into, 'kWh')} and {'give' if devices > 1 else 'gives'} {amount(out, 'kWh')}"
        )
        charge = [int(t) for t in total.nsmallest(3).index if total[t] < -0.1]
        give = [int(t) for t in total.nlargest(3).index if total[t] > 0.1]
        text += f"; most charge in {in_hours(charge)}" if charge else ""
        text += f"; most discharge in {in_hours(give)}" if give else ""
        parts.append(text)
    return f"{'. '.join(parts)}."


def device_sentence(tables: Tables, dt_h: float = 1.0) -> str:
    """Say which device moves most energy, and which none."""
    power = _wide(tables, "p_kw")
    moved = power.abs().sum(axis=1) * dt_h
    idle = [name for (_, name), kwh in zip(moved.index, moved, strict=True) if kwh < 1e-3]
    microgrid, device = greatest(moved)
    who = f"{named([device])} of {named([microgrid])}"
    text = f"{who} moves most, {amount(float(moved.max()), 'kWh')} in and out"
    return f"{text}; {named(idle)} {'rest' if len(idle) > 1 else 'rests'}." if idle else f"{text}."


def stored_sentence(tables: Tables) -> str:
    """Say when most and least energy is stored."""
    total = _wide(tables, "soc_kwh").sum()
    full, empty = greatest(total), least(total)
    return (
        f"Together they hold most at the end of hour {full}, {amount(float(total[full]), 'kWh')}, "
        f"and least at the end of hour {empty}, {amount(float(total[empty]), 'kWh')}."
    )


def _wide(tables: Tables, column: str) -> pd.DataFrame:
    """Return a column by device and hour, devices in the order of the table."""
    rows = store_rows(tables)
    wide = rows.pivot(index=["microgrid", "device"], columns="hour", values=column)
    order = list(dict.fromkeys(zip(rows["microgrid"], rows["device"], strict=True)))
    return wide.loc[order] if order else wide


def _heatmap(table: pd.DataFrame, dt_h: float, **look: object) -> go.Figure:
    """Draw a table of devices and hours."""
    names = labels(
        device if str(device).startswith(str(microgrid)) else f"{microgrid} {device}"
        for microgrid, device in table.index
    )
    figure = go.Figure(
        go.Heatmap(
            z=table.round(6).to_numpy(dtype=float).tolist(),
            x=[int(t) for t in table.columns],
            y=names,
            xgap=1,
            ygap=1,
            **look,
        )
    )
    return finish(
        figure,
        rows_height(len(table)),
        xaxis=hour_axis(hours_of(table.columns), dt_h),
        yaxis={"type": "category", "autorange": "reversed", "showgrid": False},
        margin={"l": 70, "r": 25, "t": 10, "b": 55},
    )
