"""Rows of a network table as records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import ValidationError

from cmgplan.case.explain import known_key, problems
from cmgplan.case.tables import Row, Table
from cmgplan.devices import Record
from cmgplan.errors import Fault

R = TypeVar("R", bound=Record)
AnyRecord = TypeVar("AnyRecord", bound=Record, covariant=True)

_TEXT_COLUMNS = {"bus", "line", "tie", "from_bus", "to_bus", "profile", "scenario", "home"}


@dataclass(frozen=True)
class Placed(Generic[AnyRecord]):
    """A sound record and where in its file it stands."""

    where: str
    record: AnyRecord


def read_rows(table: Table, model: type[R], faults: list[Fault]) -> list[Placed[R]]:
    """Return the sound rows of a table as records, appending what is wrong with the others."""
    absent = _check_columns(table, model, faults)
    found = []
    for row in table.rows:
        data = {
            column: text if column in _TEXT_COLUMNS else number(text)
            for column, text in row.cells.items()
            if text and column in model.model_fields
        }
        try:
            found.append(Placed(row.where, model.model_validate(data)))
        except ValidationError as error:
            faults.extend(_row_faults(table, row, model, data, error, absent))
    return found


def number(text: str) -> float | int | str:
    """Return the number that a cell holds, or its text where it holds none."""
    for kind in (int, float):
        try:
            return kind(text) if "_" not in text else text
        except ValueError:
            continue
    return text


def _check_columns(table: Table, model: type[Record], faults: list[Fault]) -> set[str]:
    """Append unknown and missing columns; return the missing ones."""
    known = list(model.model_fields)
    required = {name for name, info in model.model_fields.items() if info.is_required()}
    absent = required - set(table.columns)
    unknown = {c: known_key(c, known) for c in table.columns if c not in known}
    faults.extend(
        Fault(table.file, "row 1", f"{column} is not a known column", mend)
        for column, (_, mend) in unknown.items()
    )
    meant = {key for key, _ in unknown.values()}
    faults.extend(
        Fault(table.file, "row 1", f"the column {column} is missing", f"add {column}")
        for column in known
        if column in absent - meant
    )
    return absent


def _row_faults(
    table: Table,
    row: Row,
    model: type[Record],
    data: dict[str, float | int | str],
    error: ValidationError,
    absent: set[str],
) -> list[Fault]:
    """Return what is wrong with a row, apart from columns that the whole table lacks."""
    faults = []
    for problem in problems(error, model, data):
        if problem.missing and problem.key not in absent:
            faults.append(
                Fault(table.file, row.where, f"{problem.key} is empty", "fill in the cell")
            )
        elif not problem.missing:
            faults.append(
                Fault(table.file, row.where, f"{problem.key} {problem.message}", problem.mend)
            )
    return faults
