"""What a check of a run finds, and the arrays that the checks compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from cmgplan.case.records import Case, PlanOptions
from cmgplan.devices.base import FloatArray
from cmgplan.report.tables import Tables

DeviceKey = tuple[str, str]
"""Microgrid and device."""

POWER_KW = 1e-3
"""Tolerance of every power balance, kW or kvar."""

VOLTAGE_PU = 1e-6
"""Tolerance of every voltage and current, pu."""

ENERGY = 1e-2
"""Tolerance of stored energy in kWh, and of ratings in kVA."""

TOTAL = 1e-3
"""Tolerance of sums over the day, $ or kWh."""

ROUNDING = 1e-8
"""Relative tolerance of what was only rounded when it was written: tables keep ten digits."""

SHOWN = 80
"""Characters of a value that a finding shows."""


@dataclass(frozen=True)
class Finding:
    """One value of a run that does not hold, by how much, and in which hour if in one.

    ``told`` is what the run says and ``due`` what follows from the rest of it, where that is
    known; both are numbers or texts.
    """

    place: str
    amount: float
    unit: str
    hour: int | None = None
    told: object = None
    due: object = None

    def __str__(self) -> str:
        """Return the finding as one line."""
        where = self.place if self.hour is None else f"{self.place}, hour {self.hour}"
        size = "no value" if np.isnan(self.amount) else f"{self.amount:.4g} {self.unit}".rstrip()
        if self.told is None and self.due is None:
            return f"{where}: {size}"
        both = f"told {_shown(self.told)}, computed {_shown(self.due)}"
        return f"{where}: {both}" if np.isnan(self.amount) else f"{where}: {size} ({both})"


def _shown(value: object) -> str:
    """Return a value as a finding tells it."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return "nothing"
    text = f"{value:.10g}" if isinstance(value, float) else str(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


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
    summary: Mapping[str, Any]
    tables: Tables
    _wide: dict[tuple[int, str], dict[DeviceKey, FloatArray]] = field(
        default_factory=dict, compare=False, repr=False
    )

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

    def devices(self, level: int, column: str) -> dict[DeviceKey, FloatArray]:
        """Return a column of dispatch.csv for every device of the case, each of shape (T,)."""
        if (level, column) not in self._wide:
            rows = self.rows("dispatch", level)
            wide = rows.pivot(index="hour", columns=["microgrid", "device"], values=column)
            wide = wide.reindex(index=range(self.hours))
            nothing = np.full(self.hours, np.nan)
            self._wide[level, column] = {
                (mg.id, d.id): (
                    wide[mg.id, d.id].to_numpy(dtype=np.float64)
                    if (mg.id, d.id) in wide.columns
                    else nothing
                )
                for mg in self.case.microgrids
                for d in mg.devices()
            }
        return self._wide[level, column]

    def told(self, *path: str | int) -> Any:
        """Return a value of plan.json, None where it has none."""
        found: Any = self.summary
        for part in path:
            if isinstance(part, int):
                found = found[part] if isinstance(found, list) and part < len(found) else None
            else:
                found = found.get(part) if isinstance(found, Mapping) else None
        return found

    def number(self, *path: str | int) -> float:
        """Return a number of plan.json, NaN where it has none."""
        value = self.told(*path)
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


def apart(
    told: FloatArray, due: FloatArray, places: Sequence[str], tolerance: float, unit: str
) -> list[Finding]:
    """Return a finding for every hour and place in which a table and its value due differ.

    Both are of shape (T, places). What is missing in one of them only is a difference.
    """
    wrong = ~(np.abs(told - due) <= tolerance + ROUNDING * np.abs(due))
    wrong &= ~(np.isnan(told) & np.isnan(due))
    return [
        Finding(
            places[int(k)],
            abs(float(told[t, k] - due[t, k])),
            unit,
            int(t),
            float(told[t, k]),
            float(due[t, k]),
        )
        for t, k in zip(*np.nonzero(wrong), strict=True)
    ]


def apart_hourly(
    told: FloatArray, due: FloatArray, place: str, tolerance: float, unit: str
) -> list[Finding]:
    """Return what ``apart`` does for one value an hour, both of shape (T,)."""
    return apart(told[:, np.newaxis], due[:, np.newaxis], [place], tolerance, unit)


def unequal(
    told: float, due: float, place: str, unit: str = "", tolerance: float = TOTAL
) -> list[Finding]:
    """Return a finding if a number differs from what follows from the rest; NaN is no value."""
    if np.isnan(told) and np.isnan(due):
        return []
    gap = abs(told - due)
    if gap <= tolerance + ROUNDING * abs(due):
        return []
    return [Finding(place, gap, unit, None, told, due)]


def differs(told: object, due: object, place: str, hour: int | None = None) -> list[Finding]:
    """Return a finding if a text, a list or a truth value is not the one due."""
    if type(told) is type(due) and told == due:
        return []
    return [Finding(place, float("nan"), "", hour, told, due)]
