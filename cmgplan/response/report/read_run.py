"""A finished run of demand response, read from its folder."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pandas as pd

from cmgplan.errors import CmgplanError, InputError
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.day.day import Day
from cmgplan.homes.day.read_tables import read_dispatch, require_rows
from cmgplan.homes.report.run_folder import AGAIN, RunOfHomes, read_record
from cmgplan.response.report.run_record import ResponseRecord
from cmgplan.response.tables import TABLES, day_of, prices_told
from cmgplan.run.tables import read_tables

SYSTEM = "response"

CARRIERS = ("electricity", "heat")


@dataclass(frozen=True)
class ResponseRun(RunOfHomes[ResponseRecord]):
    """A finished run of demand response as read from its folder."""

    @property
    def ways(self) -> list[str]:
        """Names of the methods, in the order of the run."""
        return list(self.record.methods)

    def of_way(self, stem: str, way: str) -> pd.DataFrame:
        """Return the rows of a table that are about one way."""
        table = self.tables[stem]
        return table[table["way"] == way]

    def days(self, case: HomesCase) -> list[Day]:
        """Return the day of every method as the tables hold it."""
        return [
            day_of(
                case,
                way,
                read_dispatch(case, self.tables, way, case.ids),
                prices_told(self.of_way("mcp", way)),
            )
            for way in self.ways
        ]


def read_response(folder: Path | str) -> ResponseRun:
    """Read the folder of a run of demand response.

    Raises
    ------
    InputError
        It is no such run, or a file of it is missing or damaged.
    CaseError
        Its copy of the case cannot be used any more.
    """
    folder = Path(folder)
    record = read_record(folder, ResponseRecord, SYSTEM)
    run = ResponseRun(folder, record, read_tables(TABLES, folder, AGAIN))
    case = run.load_case()
    if "exact" not in record.methods:
        raise InputError(f"{folder / 'run.json'}: methods lack the exact answer; {AGAIN}")
    for key in ("policies", "emax_kg_per_h"):
        if sorted(getattr(record, key)) != sorted(case.ids):
            told = f"{key} is not of the homes of the case"
            raise InputError(f"{folder / 'run.json'}: {told}; {AGAIN}")
    for key in ("emission_kg", "share_under_emax", "market"):
        if sorted(getattr(record, key)) != sorted(run.ways):
            told = f"{key} is not of the methods"
            raise InputError(f"{folder / 'run.json'}: {told}; {AGAIN}")
    try:
        require_rows(case, run.tables, dict.fromkeys(run.ways, case.ids))
        _require(run, "mcp", set(product(run.ways, range(case.hours), CARRIERS)))
        prices = set(product(run.ways, range(case.hours), case.ids, CARRIERS))
        _require(run, "home_prices", prices)
        _require_runs(run)
    except CmgplanError as error:
        raise InputError(f"{folder}/{error}") from None
    return run


def _require(run: ResponseRun, stem: str, due: AbstractSet[tuple[object, ...]]) -> None:
    """Raise InputError unless a table has exactly the rows that are due."""
    keys = list(TABLES[stem].key)
    told = set(run.tables[stem][keys].itertuples(index=False, name=None))
    for rows, words in ((told - due, "does not belong to the run"), (due - told, "is missing")):
        if rows:
            first = min(rows, key=lambda row: tuple(map(str, row)))
            place = ", ".join(f"{key} {part}" for key, part in zip(keys, first, strict=True))
            raise InputError(f"{stem}.csv: the row of {place} {words}; {AGAIN}")


def _require_runs(run: ResponseRun) -> None:
    """Raise InputError unless every run of every method has its end in ``convergence``."""
    table = run.tables["convergence"]
    due = {(name, k) for name, told in run.record.methods.items() for k in range(told.runs)}
    there = set(table[["method", "run"]].itertuples(index=False, name=None))
    if there != due:
        name, k = min(there ^ due)
        raise InputError(f"convergence.csv: run {k} of {name} is missing or too many; {AGAIN}")
