"""What the page of a run of demand response is made from: its record and the day of each way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from cmgplan.homes.report.figures.supply import Carrier
from cmgplan.homes.report.figures.view import DayView
from cmgplan.response.report.run_record import ResponseRecord
from cmgplan.run.tables import Tables

CARRIERS: tuple[Carrier, ...] = ("electricity", "heat")

NAMES = {
    "exact": "exact answer",
    "rules": "rules",
    "de": "differential evolution",
    "bat": "bats",
    "pso": "particle swarm",
}
"""Methods as sentences call them."""

SHORT = {"exact": "exact", "rules": "rules", "de": "DE", "bat": "BAT", "pso": "PSO"}
"""Methods as figures and tables call them."""

VARIANTS = {
    "rigid": "no load moves, no stores, appliances by their own rule",
    "moving": "the same, and load moves",
    "storing": "the same as the first, with stores",
    "unbound": "all flexibility, no policies",
}
"""Variants as tables call them."""


@dataclass(frozen=True)
class ResponseView:
    """A run as its page looks at it.

    Attributes
    ----------
    record, tables
        Content of run.json, and tables by file stem.
    days
        By way: its day.
    """

    record: ResponseRecord
    tables: Tables
    days: Mapping[str, DayView]

    @classmethod
    def of(cls, record: ResponseRecord, tables: Tables) -> ResponseView:
        """Return the view of a run."""
        about = record.case
        days = {
            way: DayView.of(tables, way, about.hours, about.dt_h, record.currency)
            for way in record.methods
        }
        return cls(record, tables, days)

    @property
    def first(self) -> DayView:
        """The day of the first method, the exact answer."""
        return next(iter(self.days.values()))

    @property
    def best(self) -> str:
        """The way of greatest profit."""
        methods = self.record.methods
        return max(methods, key=lambda name: methods[name].profit.total)

    def mcp(self, way: str, carrier: str) -> pd.DataFrame:
        """Return the prices of a carrier in a way, by hour."""
        rows = self.tables["mcp"]
        rows = rows[(rows["way"] == way) & (rows["carrier"] == carrier)]
        return rows.sort_values("hour").set_index("hour")


def short(way: str) -> str:
    """Return a method as figures call it."""
    return SHORT.get(way, way)
