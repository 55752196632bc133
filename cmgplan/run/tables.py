"""Columns of every table of a run, and how they are written and read as CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from cmgplan.errors import InputError
from cmgplan.given import read_text
from cmgplan.report.plan_record import GREATEST

ColumnType = Literal["text", "int", "float"]
Tables = Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class TableForm:
    """Columns of a table in order, and those that together name a row."""

    columns: dict[str, ColumnType]
    key: tuple[str, ...]
    may_be_empty: frozenset[str] = frozenset()
    """Columns of floats whose cells may be empty."""


def _form(key: str, values: str, *, ints: str = "", texts: str = "", empty: str = "") -> TableForm:
    """Build a form from blank-separated names; what is neither int nor text is a float."""
    names = [*key.split(), *values.split()]
    kinds: dict[str, ColumnType] = dict.fromkeys(names, "float")
    kinds.update(dict.fromkeys(ints.split(), "int"))
    kinds.update(dict.fromkeys(texts.split(), "text"))
    return TableForm(kinds, tuple(key.split()), frozenset(empty.split()))


TABLES: dict[str, TableForm] = {
    "pareto": _form(
        "point",
        "status gc_usd ec_usd loss_kwh eps_gc_usd eps_loss_kwh mu_gc mu_ec mu_loss mu_min "
        "selected bound_ec_usd gap",
        ints="point selected",
        texts="status",
        empty="gc_usd ec_usd loss_kwh mu_gc mu_ec mu_loss mu_min eps_gc_usd eps_loss_kwh "
        "bound_ec_usd gap",
    ),
    "shortage": _form(
        "level hour microgrid",
        "shortage_kw shortage_kvar surplus_kw",
        ints="level hour",
        texts="microgrid",
    ),
    "switch_schedule": _form(
        "hour switch", "kind from to closed", ints="hour closed", texts="switch kind from to"
    ),
    "dispatch": _form(
        "level hour microgrid device",
        "kind p_kw q_kvar soc_kwh",
        ints="level hour",
        texts="microgrid device kind",
        empty="soc_kwh",
    ),
    "exchange": _form(
        "level hour switch",
        "kind from to p_kw q_kvar p_to_kw",
        ints="level hour",
        texts="switch kind from to",
    ),
    "nodal_injection": _form("level hour bus", "p_kw q_kvar", ints="hour", texts="level bus"),
    "bus_voltage": _form("level hour bus", "v_pu", ints="hour", texts="level bus", empty="v_pu"),
    "loss": _form(
        "hour",
        "lower_feeder_kw lower_ties_kw upper_feeder_kw upper_ties_kw without_cmg_kw",
        ints="hour",
        empty="upper_feeder_kw without_cmg_kw",
    ),
    "upstream": _form(
        "hour",
        "price_usd_per_mwh with_cmg_kw without_cmg_kw",
        ints="hour",
        empty="with_cmg_kw without_cmg_kw",
    ),
    "demand_response": _form(
        "level hour place", "p_before_kw p_after_kw", ints="hour", texts="level place"
    ),
}
"""Form of every table by file stem. A table may carry more columns after these.

An hour whose power flow has no solution leaves its voltages, losses and import empty.
"""

GREATEST_INT = 10**9
"""No hour, level or point is larger."""

SHOWN = 60
"""Characters of a cell that a message shows."""

POINT_TABLES = ("switch_schedule", "dispatch", "exchange")
"""Tables that every Pareto point has of its own."""

# A spreadsheet would run such a cell as a formula; the apostrophe makes it text. Cells that
# already look guarded get one more, so that reading gives back exactly what was written.
_FORMULA = re.compile(r"'*[=+\-@\t\r]")


OPTIONAL: dict[str, dict[str, ColumnType]] = {
    "pareto": {"minimised": "text", "bound": "float", "eps_ec_usd": "float"}
}
"""Columns that a table may carry after those of its form, numbers where there are any."""


def write_table(stem: str, table: pd.DataFrame, folder: Path) -> None:
    """Write a table as ``folder/stem.csv``, text cells guarded against spreadsheet formulas.

    ValueError if a column of its form is missing.
    """
    columns = TABLES[stem].columns
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise ValueError(f"table {stem} lacks {', '.join(missing)}")
    extra = [name for name in table.columns if name not in columns]
    ordered = table[[*columns, *extra]].copy()
    for name in ordered.columns:
        if columns.get(name) == "text" or ordered[name].dtype == object:
            ordered[name] = ordered[name].map(guarded)
    ordered.to_csv(folder / f"{stem}.csv", index=False, float_format="%.10g", lineterminator="\n")


def read_table(stem: str, folder: Path) -> pd.DataFrame:
    """Read ``folder/stem.csv``; InputError names the file and what is wrong with it."""
    path = folder / f"{stem}.csv"
    form = TABLES[stem]
    raw = _cells(path)
    missing = [name for name in form.columns if name not in raw.columns]
    if missing:
        raise InputError(f"{path}: lacks column {', '.join(missing)}; plan the case again")
    if raw.empty:
        raise InputError(f"{path}: has no rows; plan the case again")
    known = OPTIONAL.get(stem, {}).items()
    told = {**form.columns, **{name: kind for name, kind in known if name in raw.columns}}
    for name, kind in told.items():
        if kind == "text":
            raw[name] = raw[name].map(_unguarded)
        else:
            empty = name in form.may_be_empty or name not in form.columns
            raw[name] = _numbers(raw[name], kind, path, empty=empty)
    repeated = raw.duplicated(list(form.key))
    if repeated.any():
        row = int(repeated.to_numpy().argmax()) + 2
        raise InputError(f"{path} row {row}: repeats the {', '.join(form.key)} of a row above it")
    return raw


def _cells(path: Path) -> pd.DataFrame:
    """Return the cells of a file as text."""
    if not path.exists():
        raise InputError(f"{path}: is missing; plan the case again")
    try:
        text = io.StringIO(read_text(path), newline="")
        rows = [row for row in csv.reader(text, strict=True) if row]
    except (InputError, csv.Error) as error:
        raise InputError(f"{path}: is not a CSV table ({error}); plan the case again") from error
    if not rows:
        raise InputError(f"{path}: is empty; plan the case again")
    header = rows[0]
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(header):
            told = f"has {len(row)} cells, not {len(header)}"
            raise InputError(f"{path} row {number}: {told}; plan the case again")
    if len(set(header)) != len(header):
        raise InputError(f"{path}: names a column twice; plan the case again")
    return pd.DataFrame(rows[1:], columns=header, dtype=str)


def guarded(value: object) -> object:
    """Return text that no spreadsheet takes for a formula; other values as they are."""
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def _unguarded(text: str) -> str:
    """Undo ``guarded``."""
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
