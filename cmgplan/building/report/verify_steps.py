"""Steps of the rules beside the dispatch of a run: one must be the sum of the other.

Everything here is worked out from the tables and the case alone, by sums; nothing runs the rules.
"""

from __future__ import annotations

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.building.report.run_record import STEP_NAMES
from cmgplan.building.report.way_tables import (
    BOILERS,
    ELECTRIC_STORES,
    FIXED,
    RENEWABLE,
    WayTables,
)
from cmgplan.building.result import WAYS
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.day.tables import DUMP
from cmgplan.homes.day.verify_day import BALANCE_KW
from cmgplan.run.findings import CheckResult, Finding, apart
from cmgplan.run.tables import Tables

SUMMED_KW = 10.0 * BALANCE_KW
"""Tolerance of a sum over many rounded steps, kW."""

BY_STORES = ("E2", "E4", "E5", "E8", "E9", "E10")
"""Steps in which electric stores are charged or give to loads; E13 sells from them."""


def check_steps(case: HomesCase, tables: Tables) -> CheckResult:
    """Check that the steps of each way sum to what its dispatch and exchange say."""
    found: list[Finding] = []
    for way in WAYS:
        of = WayTables(case, tables, way)
        for words, told, due in (*_electric(of), *_thermal(of), *_trade(of)):
            places = [f"steps.csv {way}, {unit}: {words}" for unit in case.ids]
            found += apart(told, due, places, SUMMED_KW, "kW")
    return CheckResult("steps sum to the dispatch and the exchange", tuple(found))


Sums = list[tuple[str, FloatArray, FloatArray]]
"""What is compared, what the steps say, and what the other tables say."""


def _served(of: WayTables, carrier: str, array: FloatArray) -> FloatArray:
    """Return values with 0 where nothing of a load is served: stores may forgo charging there."""
    some = of.load(carrier, "before_kw") - of.load(carrier, "unserved_kw") > BALANCE_KW
    return np.where(some, array, 0.0)


def _electric(of: WayTables) -> Sums:
    """Return what CHPs and electric stores do, by steps and by dispatch."""
    for_stores = of.step("E9", "pool_kw") - of.step("E9", "p_kw")
    engines = of.steps(("E6", "E7"), "p_kw") + for_stores + of.engines_sold_kw()
    given = of.steps(("E1", *BY_STORES), "p_kw") - of.step("E13", "p_kw")
    made = of.plant(RENEWABLE, "p_kw") + of.plant(RENEWABLE, "curtailed_kw")
    due = made + of.plant(ELECTRIC_STORES, "p_kw") + of.plant(FIXED, "p_kw")
    due = due - of.load("electricity", "before_kw")
    return [
        ("CHP by E6, E7, E9 and E12", engines, of.plant(("chp",), "p_kw")),
        (
            "balance E1 and stores by E2, E4, E5, E8, E9, E10 and E13",
            _served(of, "electricity", given),
            _served(of, "electricity", due),
        ),
    ]


def _thermal(of: WayTables) -> Sums:
    """Return what boilers and tanks do, by steps and by dispatch."""
    due = of.plant(("chp", "solar_thermal", "thermal_store", *FIXED), "heat_kw")
    due = due - of.load("heat", "before_kw")
    return [
        ("boilers by T4", of.step("T4", "heat_kw"), of.plant(BOILERS, "heat_kw")),
        (
            "balance T1 and tanks by T3 and T5",
            _served(of, "heat", of.steps(("T1", "T3", "T5"), "heat_kw")),
            _served(of, "heat", due),
        ),
        (
            "dumped after T5",
            np.maximum(of.step("T5", "left_heat_kw"), 0.0),
            -of.plant((DUMP,), "heat_kw"),
        ),
    ]


def _trade(of: WayTables) -> Sums:
    """Return trade with the retailer and between units, by steps and by exchange."""
    surplus_used = of.step("E13", "left_kw") - of.step("T4", "left_kw")
    net = of.steps(("E11", "E12", "E13"), "p_kw") - of.step("T4", "p_kw") - surplus_used
    return [
        ("power between units", of.steps(STEP_NAMES, "pool_kw"), of.exchange("pool_kw")),
        ("heat between units", of.steps(STEP_NAMES, "pool_heat_kw"), of.exchange("pool_heat_kw")),
        (
            "purchases less sales by E11, E12, E13 and T4",
            net,
            of.exchange("import_kw") - of.exchange("export_kw"),
        ),
    ]
