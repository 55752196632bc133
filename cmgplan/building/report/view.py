"""What figures and sentences of a building are made from: both ways, step by step, by hour."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.building.report.run_record import BuildingRecord
from cmgplan.building.report.way_tables import WayTables
from cmgplan.building.result import WAYS
from cmgplan.homes.case.records import HomesCase
from cmgplan.page.style import labels
from cmgplan.run.tables import Tables

MOST_CHOICES = 8
"""Units up to which figures may be chosen for each of them."""

SHORTAGE = {
    "E3": "others' surplus (E3)",
    "E5": "batteries filled by surplus (E5)",
    "E6": "own CHP (E6)",
    "E7": "others' CHP (E7)",
    "E8": "cars (E8)",
    "E10": "batteries (E10)",
    "E11": "bought (E11)",
}
"""Steps that lessen a shortage of electricity."""

HEAT_SHORTAGE = {
    "T2": "others' surplus (T2)",
    "T3": "own heat stores (T3)",
    "T4": "boilers (T4)",
    "T5": "others' heat stores (T5)",
}
"""Steps that lessen a shortage of heat."""

Series = dict[str, FloatArray]
"""By name: values by hour, shape (T,)."""


@dataclass(frozen=True)
class BuildingView:
    """A run of the building as its page looks at it.

    Attributes
    ----------
    record, case
        Content of run.json, and the case that was run.
    ways
        By way: its tables as arrays of shape (T, units).
    """

    record: BuildingRecord
    case: HomesCase
    ways: Mapping[str, WayTables]

    @classmethod
    def of(cls, record: BuildingRecord, tables: Tables, case: HomesCase) -> BuildingView:
        """Return the view of a run."""
        return cls(record, case, {way: WayTables(case, tables, way) for way in WAYS})

    @property
    def choices(self) -> list[tuple[str, WayTables, list[int]]]:
        """What a figure may show: both ways with all units, then units of the coalition."""
        units = list(range(len(self.case.ids)))
        found = [(way, of, units) for way, of in self.ways.items()]
        if 1 < len(units) <= MOST_CHOICES:
            names = labels(self.case.ids)
            found += [(f"coalition, {names[s]}", self.ways["coalition"], [s]) for s in units]
        return found

    def kwh(self, values: FloatArray) -> float:
        """Return the energy of powers in kW."""
        return self.case.dt_h * float(values.sum())


def covered(
    of: WayTables, units: Sequence[int], steps: Mapping[str, str], begin: str, column: str
) -> Series:
    """Return how much less is short after each step, by hour, and last what is left.

    The series sum to the shortage before the first of the steps.
    """

    def short(step: str) -> FloatArray:
        return np.asarray(np.maximum(-of.step(step, column)[:, units], 0.0).sum(axis=1))

    before, found = short(begin), {}
    for step, name in steps.items():
        after = short(step)
        found[name] = before - after
        before = after
    return {**found, "unserved": before}


def electric_cover(of: WayTables, units: Sequence[int]) -> Series:
    """Return what covers the shortage of electricity that E2 leaves."""
    return covered(of, units, SHORTAGE, "E2", "left_kw")


def heat_cover(of: WayTables, units: Sequence[int]) -> Series:
    """Return what covers the shortage of heat that T1 leaves."""
    return covered(of, units, HEAT_SHORTAGE, "T1", "left_heat_kw")


def engine_use(view: BuildingView, of: WayTables, units: Sequence[int]) -> Series:
    """Return what the CHPs' output is used for, and what is spare, by hour."""
    stored = of.step("E9", "pool_kw") - of.step("E9", "p_kw")
    made, sold = of.plant(("chp",), "p_kw"), of.sold().engine_kw
    kept = np.maximum(of.engines_sold_kw() - sold, 0.0)
    homes = [view.case.homes[s] for s in units]
    most = sum(max(chp.p_max_kw, 0.0) for home in homes for chp in getattr(home, "chp", ()))
    parts = {
        "own loads (E6)": of.step("E6", "p_kw"),
        "others' loads (E7)": of.step("E7", "p_kw"),
        "batteries (E9)": stored,
        "sold (E12)": sold,
        "electric heat (T4)": kept,
    }
    found = {name: array[:, units].sum(axis=1) for name, array in parts.items()}
    return {**found, "spare": most - made[:, units].sum(axis=1)}


def store_use(of: WayTables, units: Sequence[int]) -> Series:
    """Return what batteries and cars take (negative) and give in each step, by hour."""
    parts = {
        "needed at departure or at the end (E2)": of.step("E2", "p_kw"),
        "surplus stored (E4)": of.step("E4", "p_kw"),
        "CHP stored (E9)": of.step("E9", "p_kw"),
        "from batteries filled by surplus (E5)": of.step("E5", "p_kw"),
        "cars (E8)": of.step("E8", "p_kw"),
        "batteries (E10)": of.step("E10", "p_kw"),
        "battery sales (E13)": -of.step("E13", "p_kw"),
    }
    return {name: array[:, units].sum(axis=1) for name, array in parts.items()}


def given_by_step(of: WayTables, column: str, steps: Sequence[str]) -> Series:
    """Return what units give each other in each step, by hour, kW."""
    return {step: np.maximum(of.step(step, column), 0.0).sum(axis=1) for step in steps}


def largest(values: Mapping[str, float], key: Callable[[float], float] = abs) -> str:
    """Return the name of the largest of some numbers."""
    return max(values, key=lambda name: key(values[name]))
