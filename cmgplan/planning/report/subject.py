"""What the checks of a plan compare: its tables and summary, against case and options."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from cmgplan.arrays import FloatArray
from cmgplan.planning.case.records import Case, PlanOptions
from cmgplan.planning.record.plan import PlanRecord
from cmgplan.run.tables import Tables

DeviceKey = tuple[str, str]
"""Microgrid and device."""


@dataclass(frozen=True)
class OperatedCase:
    """What an operation is checked by: its tables, against case and options."""

    case: Case
    options: PlanOptions
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


@dataclass(frozen=True)
class Subject(OperatedCase):
    """What a plan is checked by: the tables of its run, and what plan.json says of it."""

    summary: PlanRecord = field(kw_only=True)
