"""What a run of the building hands on: options, days, money by unit, optima, games."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Annotated, Any, Literal

import pandas as pd
from pydantic import Field

from cmgplan.building.model.state import DayState
from cmgplan.building.priced.games import Sharing
from cmgplan.building.priced.optimum import PricedDay
from cmgplan.building.rules.money import day_ledger
from cmgplan.building.rules.totals import steps_table
from cmgplan.devices.base import Positive, Record
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.day.dispatch import Dispatch

WAYS = ("coalition", "alone")
"""The two ways in which a day is run: all units trade, or none."""

IMPROVED = ("cost", "grid_kwh", "heat_unserved_kwh", "heat_dumped_kwh")
"""Totals that are compared over the stochastic days: the four of Table 6."""


def solver_versions() -> dict[str, str]:
    """Return the version of the solver of optima, by its name."""
    return {"highspy": version("highspy")}


class BuildingOptions(Record):
    """How a building is run.

    Attributes
    ----------
    days, seed
        Stochastic days beside the case's own day, and their seed.
    rules
        ``paper`` or ``paying``; None takes what the case says.
    priced
        Whether the one-owner optima are sought, of the case's day and of every stochastic one.
    optimal_values
        Whether every coalition's one-owner optimum is sought too.
    workers
        Processes that the stochastic days are spread over; the answer does not depend on it.
    gap, time_limit_s
        Relative gap of an optimum, and the time that each may take, s.
    """

    days: Annotated[int, Field(ge=0, le=10_000)] = 0
    seed: Annotated[int, Field(ge=0)] = 0
    rules: Literal["paper", "paying"] | None = None
    priced: bool = True
    optimal_values: bool = False
    workers: Annotated[int, Field(ge=1)] = 1
    gap: Annotated[float, Field(gt=0.0, lt=1.0)] = 1e-4
    time_limit_s: Positive = 60.0


@dataclass(frozen=True)
class MonthDay:
    """A stochastic day.

    Attributes
    ----------
    number
        Its number, from 0.
    totals
        By way: its totals.
    optimum
        By way: those of the one-owner optimum; empty where it was not sought or there is none.
    losers
        Units that pay more in the coalition than alone.
    """

    number: int
    totals: Mapping[str, Mapping[str, float]]
    optimum: Mapping[str, Mapping[str, float]]
    losers: tuple[str, ...]


@dataclass(frozen=True)
class BuildingResult:
    """A finished run.

    Attributes
    ----------
    rules
        The rules that ran.
    days
        By way: the case's day, all that every step did.
    dispatch
        By way: the same as a dispatch.
    totals
        By way: see ``cmgplan.building.rules.totals.totals``.
    indicators
        By way: how the plant was used; see ``cmgplan.building.rules.indicators``.
    units
        By unit and way: what it pays, currency.
    losers
        Units that pay more in the coalition than alone; the value of load that is unserved alone
        does not count.
    optimum
        By way: the one-owner optimum under the same limits of sale.
    values
        v(S) of every coalition of units by the rules; empty with many units.
    optimal_values
        The same in each coalition's one-owner optimum, where it was asked for.
    sharings
        Ways to share v(N) by the rules: ``rules``, ``shapley``, ``nucleolus``.
    month
        The stochastic days.
    feeder_tables, feeder
        Tables of the feeder by stem, and the keys ``feeder`` and ``faults`` of run.json; empty
        where the case puts no buildings on a feeder.
    wall_s
        Time by stage, s.
    """

    case: HomesCase
    options: BuildingOptions
    rules: Literal["paper", "paying"]
    days: Mapping[str, DayState]
    dispatch: Mapping[str, Dispatch]
    totals: Mapping[str, Mapping[str, float]]
    indicators: Mapping[str, Mapping[str, float | None]]
    units: Mapping[str, Mapping[str, float]]
    losers: tuple[str, ...]
    optimum: Mapping[str, PricedDay] = field(default_factory=dict)
    values: Mapping[str, float] = field(default_factory=dict)
    optimal_values: Mapping[str, float] = field(default_factory=dict)
    sharings: Mapping[str, Sharing] = field(default_factory=dict)
    month: tuple[MonthDay, ...] = ()
    feeder_tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    feeder: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)
    wall_s: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    def steps(self) -> pd.DataFrame:
        """Return the table of what every step did, both ways."""
        return steps_table(self.days)

    def ledger(self, way: str) -> pd.DataFrame:
        """Return who paid whom in a way, at the prices of each step."""
        return day_ledger(self.days[way], way, self.case.file.pool)

    def month_totals(self) -> dict[str, dict[str, float]]:
        """Return by way the sums of the four compared totals over the stochastic days."""
        return {
            way: {key: sum(day.totals[way][key] for day in self.month) for key in IMPROVED}
            for way in WAYS
        }

    def improvements(self) -> dict[str, float | None]:
        """Return by how much of what alone needs the coalition needs less over the days.

        None where alone there is nothing of it.
        """
        sums = self.month_totals()
        return {
            key: 1.0 - sums["coalition"][key] / sums["alone"][key] if sums["alone"][key] else None
            for key in IMPROVED
        }

    def summary(self) -> dict[str, Any]:
        """Return the building's keys of run.json."""
        return {
            **{way: dict(self.totals[way]) for way in WAYS},
            "optimum": {way: priced.totals() for way, priced in self.optimum.items()},
            "indicators": {way: dict(self.indicators[way]) for way in WAYS},
            "units": {unit: dict(costs) for unit, costs in self.units.items()},
            "losers": list(self.losers),
            "values": dict(self.values),
            "optimal_values": dict(self.optimal_values),
            "sharings": {
                name: {
                    "share": dict(sharing.share),
                    "least_excess": sharing.least_excess,
                    "leaving": dict(sharing.leaving),
                }
                for name, sharing in self.sharings.items()
            },
            "days": [
                {
                    "day": day.number,
                    **{way: dict(day.totals[way]) for way in WAYS},
                    "optimum": {way: dict(told) for way, told in day.optimum.items()},
                    "losers": list(day.losers),
                }
                for day in self.month
            ],
            "feeder": list(self.feeder.get("feeder", [])),
            "faults": list(self.feeder.get("faults", [])),
        }
