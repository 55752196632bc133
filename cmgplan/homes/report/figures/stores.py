"""Energy in batteries, heat stores and cars by hour."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from cmgplan.homes.report.figures.view import LEAST, NAMES, DayView, drawn, rounded, with_choice
from cmgplan.page.lookup import greatest
from cmgplan.page.style import BLUE, DASHES, GREEN, ORANGE, SERIES, SYMBOLS, labels
from cmgplan.page.wording import amount

COLOURS = {"storage": BLUE, "thermal_store": ORANGE, "ev": GREEN}
PLURALS = {"storage": "batteries", "thermal_store": "heat stores", "ev": "cars"}


def stored(view: DayView) -> pd.DataFrame:
    """Return the rows of devices that store."""
    return view.tables["dispatch"].dropna(subset=["soc_kwh"])


def stores(view: DayView) -> go.Figure | None:
    """Energy stored at the end of every hour: by kind, and by store of a home."""
    rows = stored(view)
    if rows.empty:
        return None
    by_kind = rows.pivot_table(index="hour", columns="kind", values="soc_kwh", aggfunc="sum")
    kinds = [kind for kind in COLOURS if kind in by_kind]
    groups = [
        (
            "all homes",
            [
                _line(view, by_kind[kind], PLURALS[kind], COLOURS[kind], k)
                for k, kind in enumerate(kinds)
            ],
        )
    ]
    for name, homes in view.choices[1:]:
        mine = rows[rows["home"] == homes[0]]
        devices = list(dict.fromkeys(zip(mine["device"], mine["kind"], strict=True)))
        traces = []
        for k, (device, kind) in enumerate(devices):
            series = mine[mine["device"] == device].set_index("hour")["soc_kwh"]
            title = f"{labels([device])[0]} ({NAMES.get(kind, kind)})"
            traces.append(_line(view, series, title, SERIES[k % len(SERIES)], k))
        groups.append((name, traces))
    figure = with_choice(go.Figure(), groups)
    axis = {"title": {"text": "stored at the end, kWh"}, "rangemode": "tozero"}
    return drawn(figure, 340, xaxis=view.axis(), yaxis=axis)


def _line(view: DayView, series: pd.Series[float], name: str, colour: str, k: int) -> go.Scatter:
    return go.Scatter(
        x=[int(t) for t in series.index],
        y=rounded(series),
        name=name,
        mode="lines+markers",
        line={"color": colour, "dash": DASHES[k % len(DASHES)]},
        marker={"symbol": SYMBOLS[k % len(SYMBOLS)], "size": 6},
        hovertemplate=view.hover("kWh", when="end of "),
    )


def stores_sentence(view: DayView) -> str:
    """Say how many stores there are, what goes through them, and when they hold most."""
    rows = stored(view)
    if rows.empty:
        return "No home has a battery, a heat store or a car."
    told = []
    for kind in COLOURS:
        mine = rows[rows["kind"] == kind]
        if mine.empty:
            continue
        count = len(mine[["home", "device"]].drop_duplicates())
        power = mine["heat_kw"] if kind == "thermal_store" else mine["p_kw"]
        taken = float((-power).clip(lower=0.0).sum()) * view.dt_h
        given = float(power.clip(lower=0.0).sum()) * view.dt_h
        noun = NAMES[kind] if count == 1 else PLURALS[kind]
        text = f"{count}\N{NO-BREAK SPACE}{noun}: {amount(taken, 'kWh')} in, "
        text += f"{amount(given, 'kWh')} out"
        most = mine.groupby("hour")["soc_kwh"].sum()
        if taken + given > LEAST:
            text += f", fullest at the end of {view.hour} {greatest(most)} with "
            text += amount(float(most.max()), "kWh")
        told.append(text)
    return "; ".join(told) + "."
