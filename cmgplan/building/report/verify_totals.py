"""Totals of a run of the building, worked out again from its tables."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.building.report.read_run import BuildingRun
from cmgplan.building.report.way_tables import BOILERS, WayTables
from cmgplan.building.result import WAYS
from cmgplan.homes.accounts.ledger import RETAILER
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.day.tables import DUMP
from cmgplan.homes.day.totals import of_way
from cmgplan.run.findings import CheckResult, Finding, differs, unequal

SUMMED = 1e-5
"""Tolerance of a total over a day: kWh, or money."""

PAID = ("pool", "retailer", "gas", "emission")
"""Columns of the incomes that are payments."""


def check_totals(case: HomesCase, run: BuildingRun) -> CheckResult:
    """Compare the totals of run.json with those that follow from the tables."""
    found: list[Finding] = []
    for way, told in run.record.ways().items():
        for key, due in totals_of(case, run, way).items():
            found += unequal(getattr(told, key), due, f"{way}.{key}", "", SUMMED)
    return CheckResult("totals follow from the tables", tuple(found))


def totals_of(case: HomesCase, run: BuildingRun, way: str) -> dict[str, float]:
    """Return every total of a way from the tables of its run; sizes of plants from the case."""
    of, dt_h = WayTables(case, run.tables, way), case.dt_h
    sold, paid = of.sold(), of_way(run.tables["accounts"], way)

    def kwh(values: FloatArray) -> float:
        return dt_h * float(values.sum())

    most = sum(max(chp.p_max_kw, 0.0) for home in case.homes for chp in getattr(home, "chp", ()))
    used = kwh(of.steps(("E6", "E7"), "p_kw"))
    return {
        "cost": sum(costs_of(run, way).values()),
        "grid_kwh": kwh(of.exchange("import_kw")),
        "chp_kwh": kwh(of.plant(("chp",), "p_kw")),
        "chp_sold_kwh": kwh(sold.engine_kw),
        "spare_chp_kwh": most * case.hours * dt_h - used,
        "battery_charge_kwh": -kwh(of.steps(("E4", "E9"), "p_kw")),
        "battery_discharge_kwh": kwh(of.steps(("E5", "E10"), "p_kw")),
        "battery_sold_kwh": kwh(sold.battery_kw),
        "heat_short_1_kwh": kwh(np.maximum(-of.step("T1", "left_heat_kw"), 0.0)),
        "heat_short_2_kwh": kwh(np.maximum(-of.step("T2", "left_heat_kw"), 0.0)),
        "boiler_kwh": kwh(of.plant(BOILERS, "heat_kw")),
        "heat_unserved_kwh": kwh(of.load("heat", "unserved_kw")),
        "heat_dumped_kwh": -kwh(of.plant((DUMP,), "heat_kw")),
        "electricity_unserved_kwh": kwh(of.load("electricity", "unserved_kw")),
        "renewable_sold_kwh": kwh(sold.renewable_kw),
        "unserved_value": float(paid.loc[paid["reason"] == "unserved", "amount"].sum()),
    }


def costs_of(run: BuildingRun, way: str) -> dict[str, float]:
    """Return what every unit pays in a way, by the incomes, without the value of unserved load."""
    income = of_way(run.tables["income"], way).set_index("home")
    paid = -income[list(PAID)].sum(axis=1)
    return {str(home): float(cost) for home, cost in paid.items() if home != RETAILER}


def check_units(run: BuildingRun) -> CheckResult:
    """Compare what units pay with the incomes, and who is said to lose with what they pay."""
    found: list[Finding] = []
    record = run.record
    for way in WAYS:
        for unit, due in costs_of(run, way).items():
            told = getattr(record.units[unit], way)
            found += unequal(told, due, f"units.{unit}.{way}", "", SUMMED)
    costs = {way: {unit: getattr(c, way) for unit, c in record.units.items()} for way in WAYS}
    due_losers = who_loses(costs["coalition"], costs["alone"])
    found += differs(sorted(record.losers), sorted(due_losers), "losers")
    return CheckResult("what units pay follows from the accounts", tuple(found))


def who_loses(together: Mapping[str, float], alone: Mapping[str, float]) -> list[str]:
    """Return the units that pay more in the coalition than alone, beyond rounding."""
    return [u for u, cost in together.items() if cost > alone[u] + 1e-9 * max(abs(alone[u]), 1.0)]
