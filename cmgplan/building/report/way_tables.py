"""The tables of one way of a run of the building as arrays, hours by units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cmgplan.arrays import FloatArray
from cmgplan.homes.records import HomesCase
from cmgplan.homes.totals import of_way
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


class WayTables:
    """The rows of one way, as arrays of shape (T, units)."""

    def __init__(self, case: HomesCase, tables: Tables, way: str) -> None:
        self.way, self.units, self.hours = way, case.ids, case.hours
        steps = of_way(tables["steps"], way).groupby("step")
        self._by_step = {str(name): rows for name, rows in steps}
        self._dispatch = of_way(tables["dispatch"], way)
        self._exchange = of_way(tables["exchange"], way)
        self._loads = of_way(tables["demand_response"], way)

    def step(self, name: str, column: str) -> FloatArray:
        """Return a column of a step."""
        return self._wide(self._by_step[name], "unit", column)

    def steps(self, names: Sequence[str], column: str) -> FloatArray:
        """Return a column of several steps, summed."""
        return np.asarray(np.sum([self.step(name, column) for name in names], axis=0))

    def plant(self, kinds: Sequence[str], column: str) -> FloatArray:
        """Return a column of devices of some kinds, summed by home."""
        return self._wide(self._dispatch[self._dispatch["kind"].isin(kinds)], "home", column)

    def exchange(self, column: str) -> FloatArray:
        """Return a column of the exchange."""
        return self._wide(self._exchange, "home", column)

    def load(self, carrier: str, column: str) -> FloatArray:
        """Return a column of the loads of a carrier."""
        return self._wide(self._loads[self._loads["carrier"] == carrier], "home", column)

    def _wide(self, rows: pd.DataFrame, by: str, column: str) -> FloatArray:
        table = rows.pivot_table(index="hour", columns=by, values=column, aggfunc="sum")
        wide = table.reindex(index=range(self.hours), columns=list(self.units)).fillna(0.0)
        return wide.to_numpy(np.float64)

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
