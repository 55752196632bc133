"""The feeder of a run of the building, worked out again from what its units buy and sell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cmgplan.building.report.read_run import BuildingRun
from cmgplan.building.tables import feeder_again, forms_of
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.day.verify_day import compare_tables
from cmgplan.run.findings import CheckResult, Finding, differs, unequal

SAME = 1e-6
"""Tolerance of a number that is worked out again: pu, kWh."""


def check_feeder(case: HomesCase, run: BuildingRun) -> tuple[CheckResult, ...]:
    """Solve the feeder again, and cut off again what faults cut off.

    Loads are those of ``exchange``; tables and run.json must say what comes out. No check where
    there is no feeder.
    """
    if "feeder" not in run.tables and not run.record.feeder and not run.record.faults:
        return ()
    tables, summary = feeder_again(case, run.tables["exchange"], run.record.rules)
    names = {"feeder": "voltages of the feeder", "faults": "supply during faults"}
    forms, found = forms_of(case), []
    for key, words in names.items():
        told = [part.model_dump() for part in getattr(run.record, key)]
        wrong = [*_apart(told, summary[key], key)]
        if key in tables:
            values = [name for name in forms[key].columns if name not in forms[key].key]
            keys = list(forms[key].key)
            wrong += compare_tables(key, run.tables[key], tables[key], keys, values)
        found.append(CheckResult(f"{words}, worked out again, are the same", tuple(wrong)))
    return tuple(found)


def _apart(told: Any, due: Any, place: str) -> list[Finding]:
    """Return a finding for every value in which two parts of run.json differ."""
    if isinstance(told, Mapping) and isinstance(due, Mapping):
        found = differs(sorted(told), sorted(due), f"{place}: keys")
        for key in told.keys() & due.keys():
            found += _apart(told[key], due[key], f"{place}.{key}")
        return found
    if _is_list(told) and _is_list(due):
        found = differs(len(told), len(due), f"{place}: length")
        for k, (mine, theirs) in enumerate(zip(told, due, strict=False)):
            found += _apart(mine, theirs, f"{place}[{k}]")
        return found
    if _is_number(told) and _is_number(due):
        return unequal(float(told), float(due), place, "", SAME)
    return differs(told, due, place)


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.floating) and not isinstance(value, bool)
