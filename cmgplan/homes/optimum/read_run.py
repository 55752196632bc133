"""A finished optimum, read from its folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from cmgplan.errors import CmgplanError, InputError
from cmgplan.homes.day.read_tables import require_rows
from cmgplan.homes.day.tables import TABLES
from cmgplan.homes.optimum.run_record import FRONT, OptimumRecord
from cmgplan.homes.report.run_folder import AGAIN, RunOfHomes, read_record
from cmgplan.run.tables import Tables, read_tables

WAY = "optimum"
SYSTEM = "optimum"
POINT_TABLES = {stem: TABLES[stem] for stem in ("dispatch", "exchange")}
"""Tables that every point of a front has of its own."""


@dataclass(frozen=True)
class OptimumRun(RunOfHomes[OptimumRecord]):
    """A finished optimum as read from its folder; ``front`` is among its tables if there is one.

    Attributes
    ----------
    points
        By number of a point of the front: its ``dispatch`` and ``exchange``.
    """

    points: Mapping[int, Tables]


def read_optimum(folder: Path | str) -> OptimumRun:
    """Read the folder of an optimum.

    Raises
    ------
    InputError
        It is no such run, or a file of it is missing or damaged.
    CaseError
        Its copy of the case cannot be used any more.
    """
    folder = Path(folder)
    record = read_record(folder, OptimumRecord, SYSTEM)
    forms = dict(TABLES) if record.front is None else {**TABLES, "front": FRONT}
    tables = read_tables(forms, folder, AGAIN)
    points: dict[int, Tables] = {}
    if record.front is not None:
        _require_points(folder, tables["front"], record)
        for number in tables["front"]["point"]:
            points[int(number)] = read_tables(
                POINT_TABLES, point_folder(folder, int(number)), AGAIN
            )
    run = OptimumRun(folder, record, tables, points)
    _require_rows(run)
    return run


def point_folder(folder: Path, number: int) -> Path:
    """Return where the tables of a point of a front lie."""
    return folder / "points" / f"{number:02d}"


def _require_points(folder: Path, front: pd.DataFrame, record: OptimumRecord) -> None:
    """Raise InputError unless points are counted from 1 and one is the chosen one."""
    numbers = [int(number) for number in front["point"]]
    told_of = [point.point for point in record.front or []]
    if numbers != list(range(1, len(numbers) + 1)) or numbers != told_of:
        told = "its points are not counted from 1 as in run.json; run the case again"
        raise InputError(f"{folder / 'front.csv'}: {told}")
    if record.point is None or record.point > len(numbers):
        raise InputError(f"{folder / 'run.json'}: point is none of front.csv; run the case again")


def _require_rows(run: OptimumRun) -> None:
    """Raise InputError unless the tables have the rows that the case asks for."""
    case = run.load_case()
    ways = {WAY: case.ids}
    try:
        require_rows(case, run.tables, ways)
    except InputError as error:
        raise InputError(f"{run.folder}/{error}") from None
    for number, tables in run.points.items():
        try:
            require_rows(case, {**run.tables, **tables}, ways)
        except CmgplanError as error:
            raise InputError(f"{point_folder(run.folder, number)}/{error}") from None
