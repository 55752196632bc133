"""The tables of one way of a run of the building as arrays, hours by units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cmgplan.arrays import BoolArray, FloatArray, IntArray
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.day.totals import of_way
from cmgplan.run.tables import Tables

ELECTRIC_STORES = ("storage", "ev")
FIXED = ("refrigerator", "water_heater", "job")
BOILERS = ("heat_pump", "electric_boiler", "gas_boiler")
RENEWABLE = ("pv", "wt")


@dataclass(frozen=True)
class Sold:
    """What units sell at the end of a day, kW, each of shape (T, units)."""

    renewable_kw: FloatArray
    engine_kw: FloatArray
    battery_kw: FloatArray


@dataclass(frozen=True)
class _Part:
    """Rows of a table, and where each belongs in an array of hours by units."""

    rows: pd.DataFrame
    hours: IntArray
    units: IntArray

    def only(self, kept: BoolArray) -> _Part:
        """Return some of the rows."""
        return _Part(self.rows[kept], self.hours[kept], self.units[kept])


class WayTables:
    """The rows of one way, as arrays of shape (T, units)."""

    def __init__(self, case: HomesCase, tables: Tables, way: str) -> None:
        self.way, self.units, self.hours = way, case.ids, case.hours
        steps = self._part(of_way(tables["steps"], way), "unit")
        self._by_step = {
            str(name): steps.only(np.asarray(steps.rows["step"] == name))
            for name in steps.rows["step"].unique()
        }
        self._dispatch = self._part(of_way(tables["dispatch"], way), "home")
        self._exchange = self._part(of_way(tables["exchange"], way), "home")
        self._loads = self._part(of_way(tables["demand_response"], way), "home")

    def step(self, name: str, column: str) -> FloatArray:
        """Return a column of a step."""
        return self._wide(self._by_step[name], column)

    def steps(self, names: Sequence[str], column: str) -> FloatArray:
        """Return a column of several steps, summed."""
        return np.asarray(np.sum([self.step(name, column) for name in names], axis=0))

    def plant(self, kinds: Sequence[str], column: str) -> FloatArray:
        """Return a column of devices of some kinds, summed by home."""
        kept = np.asarray(self._dispatch.rows["kind"].isin(kinds))
        return self._wide(self._dispatch.only(kept), column)

    def exchange(self, column: str) -> FloatArray:
        """Return a column of the exchange."""
        return self._wide(self._exchange, column)

    def load(self, carrier: str, column: str) -> FloatArray:
        """Return a column of the loads of a carrier."""
        kept = np.asarray(self._loads.rows["carrier"] == carrier)
        return self._wide(self._loads.only(kept), column)

    def _part(self, rows: pd.DataFrame, by: str) -> _Part:
        position = {unit: k for k, unit in enumerate(self.units)}
        units = np.asarray([position[str(name)] for name in rows[by]], dtype=np.int64)
        return _Part(rows, rows["hour"].to_numpy(np.int64), units)

    def _wide(self, part: _Part, column: str) -> FloatArray:
        """Return the sums of a column by hour and unit; empty cells count as 0."""
        wide = np.zeros((self.hours, len(self.units)))
        values = part.rows[column].to_numpy(np.float64)
        np.add.at(wide, (part.hours, part.units), np.nan_to_num(values))
        return wide

    def engines_sold_kw(self) -> FloatArray:
        """Return what CHPs sell in step E12, before electric heat keeps any of it."""
        return -self.step("E12", "p_kw") - self.renewables_sold_kw()

    def renewables_sold_kw(self) -> FloatArray:
        """Return what wind and sun sell in step E12: it is what the balance loses there."""
        return self.step("E11", "left_kw") - self.step("E12", "left_kw")

    def sold(self) -> Sold:
        """Return what is sold; electric heat keeps of renewables, CHPs and batteries in turn."""
        offered = (
            self.renewables_sold_kw(),
            self.engines_sold_kw(),
            -self.step("E13", "p_kw"),
        )
        kept = np.sum(offered, axis=0) - self.exchange("export_kw")
        left = []
        for part in offered:
            taken = np.minimum(np.maximum(part, 0.0), np.maximum(kept, 0.0))
            kept = kept - taken
            left.append(part - taken)
        return Sold(*left)
