"""Tables of a run: their form, and how they are written and read as CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from cmgplan.errors import InputError
from cmgplan.given import read_text
from cmgplan.plurals import counted

ColumnType = Literal["text", "int", "float"]
Tables = Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class TableForm:
    """Columns of a table in order, and those that together name a row."""

    columns: dict[str, ColumnType]
    key: tuple[str, ...]
    may_be_empty: frozenset[str] = frozenset()
    """Columns of floats whose cells may be empty."""
    optional: Mapping[str, ColumnType] = field(default_factory=dict)
    """Columns that may follow those of the form, numbers where there are any."""
    may_lack_rows: bool = False


def table_form(
    key: str,
    values: str,
    *,
    ints: str = "",
    texts: str = "",
    empty: str = "",
    optional: Mapping[str, ColumnType] | None = None,
    may_lack_rows: bool = False,
) -> TableForm:
    """Build a form from blank-separated names; what is neither int nor text is a float."""
    names = [*key.split(), *values.split()]
    kinds: dict[str, ColumnType] = dict.fromkeys(names, "float")
    kinds.update(dict.fromkeys(ints.split(), "int"))
    kinds.update(dict.fromkeys(texts.split(), "text"))
    return TableForm(
        kinds, tuple(key.split()), frozenset(empty.split()), optional or {}, may_lack_rows
    )


GREATEST = 1e30
"""No number of a run is larger; what is only serves to overflow."""

GREATEST_INT = 10**9
"""No hour, level or point is larger."""

SHOWN = 60
"""Characters of a cell that a message shows."""


# A spreadsheet would run such a cell as a formula; the apostrophe makes it text. Cells that
# already look guarded get one more, so that reading gives back exactly what was written.
_FORMULA = re.compile(r"'*[=+\-@\t\r]")


def write_csv(table: pd.DataFrame, form: TableForm, path: Path) -> None:
    """Write a table, text cells guarded against spreadsheet formulas.

    ValueError if a column of its form is missing.
    """
    columns = form.columns
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise ValueError(f"table {path.stem} lacks {', '.join(missing)}")
    extra = [name for name in table.columns if name not in columns]
    ordered = table[[*columns, *extra]].copy()
    for name in ordered.columns:
        if columns.get(name) == "text" or ordered[name].dtype == object:
            ordered[name] = ordered[name].map(guarded)
    ordered.to_csv(path, index=False, float_format="%.10g", lineterminator="\n")


def read_csv(form: TableForm, path: Path, mend: str) -> pd.DataFrame:
    """Read a table; InputError names the file, what is wrong with it, and the mend."""
    raw = _cells(path, mend)
    missing = [name for name in form.columns if name not in raw.columns]
    if missing:
        raise InputError(f"{path}: lacks column {', '.join(missing)}; {mend}")
    if raw.empty and not form.may_lack_rows:
        raise InputError(f"{path}: has no rows; {mend}")
    known = form.optional.items()
    told = {**form.columns, **{name: kind for name, kind in known if name in raw.columns}}
    for name, kind in told.items():
        if kind == "text":
            raw[name] = raw[name].map(unguarded)
        else:
            empty = name in form.may_be_empty or name not in form.columns
            raw[name] = _numbers(raw[name], kind, path, empty=empty)
    repeated = raw.duplicated(list(form.key))
    if form.key and repeated.any():
        row = int(repeated.to_numpy().argmax()) + 2
        raise InputError(f"{path} row {row}: repeats the {', '.join(form.key)} of a row above it")
    return raw


def write_tables(
    tables: Mapping[str, pd.DataFrame], forms: Mapping[str, TableForm], folder: Path
) -> None:
    """Write tables by their forms; ValueError if a column is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    for stem, form in forms.items():
        write_csv(tables[stem], form, folder / f"{stem}.csv")


def read_tables(forms: Mapping[str, TableForm], folder: Path, mend: str) -> dict[str, pd.DataFrame]:
    """Read tables by their forms; InputError names the file, what is wrong with it and the mend."""
    return {stem: read_csv(form, folder / f"{stem}.csv", mend) for stem, form in forms.items()}


def _cells(path: Path, mend: str) -> pd.DataFrame:
    """Return the cells of a file as text."""
    if not path.exists():
        raise InputError(f"{path}: is missing; {mend}")
    try:
        text = io.StringIO(read_text(path), newline="")
        rows = [row for row in csv.reader(text, strict=True) if row]
    except (InputError, csv.Error) as error:
        raise InputError(f"{path}: is not a CSV table ({error}); {mend}") from error
    if not rows:
        raise InputError(f"{path}: is empty; {mend}")
    header = rows[0]
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(header):
            told = f"has {counted(len(row), 'cell')}, not {len(header)}"
            raise InputError(f"{path} row {number}: {told}; {mend}")
    if len(set(header)) != len(header):
        raise InputError(f"{path}: names a column twice; {mend}")
    return pd.DataFrame(rows[1:], columns=header, dtype=str)


def guarded(value: object) -> object:
    """Return text that no spreadsheet takes for a formula; other values as they are."""
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def unguarded(text: str) -> str:
    """Return what a text was before ``guarded``."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def _numbers(
    column: pd.Series[str], kind: ColumnType, path: Path, *, empty: bool
) -> pd.Series[Any]:
    """Return a column as numbers; empty cells are NaN where there may be any."""
    numbers = column.map(_number)
    wrong = ~(numbers.abs() <= GREATEST)
    if kind == "int":
        wrong |= (numbers % 1 != 0) | (numbers.abs() > GREATEST_INT)
    elif empty:
        wrong &= column.str.strip() != ""
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        cell = column.iloc[row]
        raise InputError(
            f"{path} row {row + 2}, column {column.name}: "
            f"{cell if len(cell) <= SHOWN else cell[:SHOWN] + '...'!r} is not "
            f"{'a whole number' if kind == 'int' else 'a number'}"
        )
    return numbers.astype("int64" if kind == "int" else "float64")


def _number(cell: str) -> float:
    """Return a cell as a number, NaN where it is none."""
    try:
        return float("nan") if "_" in cell else float(cell)
    except ValueError:
        return float("nan")
