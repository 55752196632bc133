"""Columns of every table of a run, and how they are written and read as CSV."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from cmgplan.errors import InputError
from cmgplan.given import read_text

ColumnType = Literal["text", "int", "float"]
Tables = Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class TableForm:
    """Columns of a table in order, and those that together name a row."""

    columns: dict[str, ColumnType]
    key: tuple[str, ...]


def _form(key: str, values: str, *, ints: str = "", texts: str = "") -> TableForm:
    """Build a form from blank-separated names; what is neither int nor text is a float."""
    names = [*key.split(), *values.split()]
    kinds: dict[str, ColumnType] = dict.fromkeys(names, "float")
    kinds.update(dict.fromkeys(ints.split(), "int"))
    kinds.update(dict.fromkeys(texts.split(), "text"))
    return TableForm(kinds, tuple(key.split()))


TABLES: dict[str, TableForm] = {
    "pareto": _form(
        "point",
        "status gc_usd ec_usd loss_kwh eps_gc_usd eps_loss_kwh mu_gc mu_ec mu_loss mu_min "
        "selected bound_ec_usd gap",
        ints="point selected",
        texts="status",
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
    ),
    "exchange": _form(
        "level hour switch",
        "kind from to p_kw q_kvar p_to_kw",
        ints="level hour",
        texts="switch kind from to",
    ),
    "nodal_injection": _form("level hour bus", "p_kw q_kvar", ints="hour", texts="level bus"),
    "bus_voltage": _form("level hour bus", "v_pu", ints="hour", texts="level bus"),
    "loss": _form(
        "hour",
        "lower_feeder_kw lower_ties_kw upper_feeder_kw upper_ties_kw without_cmg_kw",
        ints="hour",
    ),
    "upstream": _form("hour", "price_usd_per_mwh with_cmg_kw without_cmg_kw", ints="hour"),
    "demand_response": _form(
        "level hour place", "p_before_kw p_after_kw", ints="hour", texts="level place"
    ),
}
"""Form of every table by file stem. A table may carry more columns after these."""

POINT_TABLES = ("switch_schedule", "dispatch", "exchange")
"""Tables that every Pareto point has of its own."""

# A spreadsheet would run such a cell as a formula; the apostrophe makes it text. Cells that
# already look guarded get one more, so that reading gives back exactly what was written.
_FORMULA = re.compile(r"'*[=+\-@\t\r]")


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
    if not path.exists():
        raise InputError(f"{path}: is missing; plan the case again")
    try:
        raw = pd.read_csv(io.StringIO(read_text(path)), dtype=str, keep_default_na=False)
    except (InputError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise InputError(f"{path}: is not a CSV table ({error}); plan the case again") from error
    missing = [name for name in form.columns if name not in raw.columns]
    if missing:
        raise InputError(f"{path}: lacks column {', '.join(missing)}; plan the case again")
    for name, kind in form.columns.items():
        if kind == "text":
            raw[name] = raw[name].map(_unguarded)
        else:
            raw[name] = _numbers(raw[name], kind, path)
    repeated = raw.duplicated(list(form.key))
    if repeated.any():
        row = int(repeated.to_numpy().argmax()) + 2
        raise InputError(f"{path} row {row}: repeats the {', '.join(form.key)} of a row above it")
    return raw


def guarded(value: object) -> object:
    """Return text that no spreadsheet takes for a formula; other values as they are."""
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def _unguarded(text: str) -> str:
    """Undo ``guarded``."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def _numbers(column: pd.Series[str], kind: ColumnType, path: Path) -> pd.Series[Any]:
    """Return a column as numbers, empty cells as NaN; an int column may not have any."""
    numbers = pd.to_numeric(column, errors="coerce")
    wrong = numbers.isna() & (column.str.strip() != "")
    if kind == "int":
        wrong |= numbers.isna() | (numbers % 1 != 0)
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        raise InputError(
            f"{path} row {row + 2}, column {column.name}: {column.iloc[row]!r} is not "
            f"{'a whole number' if kind == 'int' else 'a number'}"
        )
    return numbers.astype("int64" if kind == "int" else "float64")
