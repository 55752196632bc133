"""What a check of a run finds, and the arrays that the checks compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cmgplan.case.records import Case, PlanOptions
from cmgplan.devices.base import FloatArray
from cmgplan.report.tables import Tables

POWER_KW = 1e-3
"""Tolerance of every power balance, kW or kvar."""

VOLTAGE_PU = 1e-6
"""Tolerance of every voltage and current, pu."""

ENERGY = 1e-2
"""Tolerance of sums over the day: stored or lost energy in kWh, cost in $."""


@dataclass(frozen=True)
class Finding:
    """One value of a run that does not hold, by how much, and in which hour if in one."""

    place: str
    amount: float
    unit: str
    hour: int | None = None

    def __str__(self) -> str:
        """Return the finding as one line."""
        where = self.place if self.hour is None else f"{self.place}, hour {self.hour}"
        size = "no value" if np.isnan(self.amount) else f"{self.amount:.4g} {self.unit}"
        return f"{where}: {size}"


@dataclass(frozen=True)
class CheckResult:
    """A named check and what it found; nothing found is a pass."""

    name: str
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether everything holds."""
        return not self.findings


@dataclass(frozen=True)
class Subject:
    """What is checked: the tables and summary of a run, against its case and options."""

    case: Case
    options: PlanOptions
    summary: dict[str, object]
    tables: Tables

    @property
    def hours(self) -> int:
        """Number of intervals T."""
        return self.case.file.time.hours

    @property
    def dt_h(self) -> float:
        """Length of an interval, h."""
        return self.case.file.time.dt_h

    def rows(self, stem: str, level: int | str) -> pd.DataFrame:
        """Return the rows of a table at one level."""
        table = self.tables[stem]
        return table[table["level"] == level]

    def hourly(self, rows: pd.DataFrame, column: str, by: str, names: Sequence[str]) -> FloatArray:
        """Return a column as hours x names; NaN where the table has no such row."""
        wide = rows.pivot(index="hour", columns=by, values=column)
        wide = wide.reindex(index=range(self.hours), columns=list(names))
        return np.asarray(wide.to_numpy(), dtype=np.float64)

    def series(self, stem: str, column: str) -> FloatArray:
        """Return a column of a table that has one row an hour, shape (T,)."""
        values = self.tables[stem].set_index("hour")[column].reindex(range(self.hours))
        return np.asarray(values.to_numpy(), dtype=np.float64)

    def total(self, section: str, key: str) -> float:
        """Return a number of plan.json, NaN where it has none."""
        part = self.summary.get(section)
        value = part.get(key) if isinstance(part, dict) else None
        return float(value) if isinstance(value, int | float) else float("nan")


def over(excess: FloatArray, names: Sequence[str], tolerance: float, unit: str) -> list[Finding]:
    """Return a finding for every hour and name whose excess is over the tolerance, or unknown.

    ``excess`` is of shape (T, names); an absolute difference is an excess too.
    """
    # A comparison with NaN is false, so that a missing value counts as found.
    wrong = ~(excess <= tolerance)
    return [
        Finding(names[int(k)], float(excess[t, k]), unit, int(t))
        for t, k in zip(*np.nonzero(wrong), strict=True)
    ]


def over_hourly(excess: FloatArray, name: str, tolerance: float, unit: str) -> list[Finding]:
    """Return a finding for every hour whose excess, shape (T,), is over the tolerance."""
    return over(excess[:, np.newaxis], [name], tolerance, unit)


def unequal(told: float, computed: float, name: str, unit: str) -> list[Finding]:
    """Return a finding if a total differs from what the tables give."""
    gap = abs(told - computed)
    return [] if gap <= ENERGY else [Finding(name, gap, unit)]
