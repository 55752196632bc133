"""What the figures of a day of homes are drawn from: the rows of one way, and how they are cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from cmgplan.homes.accounts.ledger import RETAILER
from cmgplan.homes.day.totals import DayTotals, day_totals, of_way
from cmgplan.page.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    YELLOW,
    finish,
    hour_axis,
    labels,
    time_word,
)
from cmgplan.run.tables import Tables

LEAST = 1e-6
"""Powers in kW, energies in kWh and money under which nothing is drawn."""

ALL = "all homes"

NAMES = {
    "load": "load",
    "pv": "sun",
    "wt": "wind",
    "solar_thermal": "solar heat",
    "chp": "CHP",
    "gas_boiler": "gas boiler",
    "electric_boiler": "electric boiler",
    "heat_pump": "heat pump",
    "storage": "battery",
    "thermal_store": "heat store",
    "ev": "car",
    "refrigerator": "refrigerator",
    "water_heater": "water heater",
    "job": "job",
    "dump": "dumped",
    "backstop": "nowhere (backstop)",
}
"""Kinds of devices as figures and tables call them."""

LOOKS = {
    "bought": (GREY, ""),
    "sold": (GREY, "/"),
    "from other homes": (SKY, "."),
    "to other homes": (SKY, "x"),
    "sun": (YELLOW, ""),
    "wind": (GREEN, ""),
    "solar heat": (YELLOW, ""),
    "CHP": (ORANGE, ""),
    "gas boiler": (VERMILLION, ""),
    "electric boiler": (PURPLE, "-"),
    "heat pump": (PURPLE, ""),
    "battery": (BLUE, ""),
    "heat store": (BLUE, ""),
    "car": (GREEN, "\\"),
    "dumped": (BLACK, "/"),
    "nowhere (backstop)": (VERMILLION, "x"),
}
"""Colour and pattern of what supplies or takes; what takes is drawn paler."""


@dataclass(frozen=True)
class _ByHome:
    """Sums by hour, of all homes and of each."""

    all: pd.DataFrame
    each: Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class DayView:
    """One way to run a day, as its run's tables hold it.

    Attributes
    ----------
    way, hours, dt_h, currency
        What ran, its intervals and their length in h, and the currency of the case.
    tables
        Tables of the run, rows of the way alone.
    homes
        Ids of the homes, in the order of the case.
    """

    way: str
    hours: int
    dt_h: float
    currency: str
    tables: Mapping[str, pd.DataFrame]
    homes: tuple[str, ...]
    _sums: dict[tuple[str, str, str], _ByHome] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, tables: Tables, way: str, hours: int, dt_h: float, currency: str) -> DayView:
        """Return the view of one way of a run."""
        mine = {stem: of_way(table, way) for stem, table in tables.items() if "way" in table}
        names = (str(name) for name in mine["income"]["home"])
        homes = tuple(name for name in names if name != RETAILER)
        return cls(way, hours, dt_h, currency, mine, homes)

    def totals(self) -> DayTotals:
        """Return the totals of the day."""
        return day_totals(self.tables, self.way, self.dt_h)

    @property
    def choices(self) -> list[tuple[str, tuple[str, ...]]]:
        """What a figure may show: all homes, then each home where there are several."""
        names = labels(self.homes)
        each = [(name, (home,)) for name, home in zip(names, self.homes, strict=True)]
        return [(ALL, self.homes), *(each if len(each) > 1 else [])]

    def axis(self) -> dict[str, Any]:
        """Return the axis of the hours."""
        return hour_axis(range(self.hours), self.dt_h)

    @property
    def hour(self) -> str:
        """What an interval is called."""
        return time_word(self.dt_h)

    def hover(self, unit: str, digits: int = 2, when: str = "") -> str:
        """Return what is shown of a trace by hour under the pointer."""
        value = f"%{{y:,.{digits}f}} {unit}"
        return f"{when}{self.hour} %{{x}}: {value}<extra>%{{fullData.name}}</extra>"

    def hourly(self, stem: str, column: str, by: str, homes: Sequence[str]) -> pd.DataFrame:
        """Return the sums of a column over all homes or one, hours by what ``by`` names."""
        key = (stem, column, by)
        if key not in self._sums:
            rows = self.tables[stem]
            of = rows["home"].rename("of")
            sums = rows.groupby([of, "hour", by])[column].sum().unstack(by).fillna(0.0)
            each = {str(home): part.droplevel("of") for home, part in sums.groupby(level="of")}
            self._sums[key] = _ByHome(sums.groupby(level="hour").sum(), each)
        found = self._sums[key]
        everyone = tuple(homes) == self.homes
        table = found.all if everyone else found.each.get(homes[0], found.all.iloc[:0])
        return table.reindex(range(self.hours), fill_value=0.0)

    def sums(self, stem: str, column: str, homes: Sequence[str]) -> pd.Series[float]:
        """Return the sums of a column over all homes or one, by hour."""
        return self.hourly(stem, column, "way", homes).sum(axis=1)


Group = tuple[str, list[Any]]
"""Name of a choice, and the traces that are shown when it is made."""


def with_choice(figure: go.Figure, groups: Sequence[Group]) -> go.Figure:
    """Add the traces of every choice to a figure, those of the first one visible.

    Choices with nothing to show are left out; with more than one the figure gets a menu.
    """
    filled = [(name, traces) for name, traces in groups if traces]
    for _, traces in filled[1:]:
        for trace in traces:
            trace.visible = False
    figure.add_traces([trace for _, traces in filled for trace in traces])
    if len(filled) > 1:
        owner = [k for k, (_, traces) in enumerate(filled) for _ in traces]
        buttons = [
            {
                "label": name,
                "method": "restyle",
                "args": [{"visible": [mine == k for mine in owner]}],
            }
            for k, (name, _) in enumerate(filled)
        ]
        menu = {"buttons": buttons, "x": 1.0, "xanchor": "right", "y": 1.18, "yanchor": "bottom"}
        figure.update_layout(updatemenus=[menu])
    return figure


def drawn(figure: go.Figure, height: int, **layout: Any) -> go.Figure:
    """Give a figure the common look, with room for two rows of its legend, and return it."""
    margin = {"l": 70, "r": 45, "t": 62, "b": 55}
    return finish(figure, height, margin=margin, **layout)


def rounded(values: Any) -> list[float]:
    """Return numbers with as many decimals as a figure needs."""
    return [round(float(value), 4) + 0.0 for value in values]


def energy(series: pd.Series[float], dt_h: float) -> float:
    """Return the energy of hourly powers in kW, kWh."""
    return float(series.sum()) * dt_h
