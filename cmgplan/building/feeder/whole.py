"""The feeder of a case as a whole: from what units buy and sell to tables and run.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd

from cmgplan.arrays import FloatArray
from cmgplan.building.feeder.kinds import has_feeder, kind_loads
from cmgplan.building.feeder.supply import FAULTS_FORM, faults_summary, faults_table
from cmgplan.building.feeder.voltages import FEEDER_FORM, feeder_summary, feeder_table
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.day.totals import of_way
from cmgplan.run.tables import TableForm

Summary = dict[str, list[dict[str, Any]]]
"""Keys ``feeder`` and ``faults`` of run.json."""

WAYS_THERE = ("coalition", "alone")
"""Ways in which the rules run the day, each a kind of building."""


def feeder_forms(case: HomesCase) -> dict[str, TableForm]:
    """Return the forms of the tables that a case's feeder has; none without buildings on one."""
    if not has_feeder(case):
        return {}
    forms = {"feeder": FEEDER_FORM}
    return {**forms, "faults": FAULTS_FORM} if case.file.building.fault else forms


def feeder_results(
    case: HomesCase, exchange: pd.DataFrame, rules: Literal["paper", "paying"]
) -> tuple[dict[str, pd.DataFrame], Summary]:
    """Return the tables of a case's feeder and the keys of run.json.

    Parameters
    ----------
    exchange
        The table ``exchange``: what units buy and sell, by way.
    """
    if not has_feeder(case):
        return {}, {"feeder": [], "faults": []}
    loads = kind_loads(case, drawn_kw(case, exchange))
    tables = {"feeder": feeder_table(case, loads)}
    found: Summary = {"feeder": feeder_summary(case, tables["feeder"]), "faults": []}
    if case.file.building.fault:
        tables["faults"] = faults_table(case, rules)
        found["faults"] = faults_summary(case, tables["faults"], loads)
    return tables, found


def drawn_kw(case: HomesCase, exchange: pd.DataFrame) -> Mapping[str, FloatArray]:
    """Return by way what each unit buys less what it sells, shape (S, T)."""
    found = {}
    for way in WAYS_THERE:
        rows = of_way(exchange, way)
        units = rows["home"].map({name: k for k, name in enumerate(case.ids)})
        drawn = np.zeros((len(case.ids), case.hours))
        at = units.to_numpy(np.int64), rows["hour"].to_numpy(np.int64)
        np.add.at(drawn, at, (rows["import_kw"] - rows["export_kw"]).to_numpy(np.float64))
        found[way] = drawn
    return found
