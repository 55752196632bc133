"""Cells of a pandapower table, each column with one of the few types that it may have.

What a column holds follows from pandapower's own empty table, not from what the file says.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cmgplan.errors import InputError
from cmgplan.given import shown

MAX_INDEX = 10_000_000
"""pandapower makes arrays as long as the largest index."""

MAX_NUMBER = 1e12
"""Largest finite number in a column of pandapower's; MATPOWER's largest is 1e10."""

REFERENCES = frozenset(["bus", "from_bus", "to_bus", "hv_bus", "mv_bus", "lv_bus"])
NEEDED_TRUTHS = frozenset(["in_service", "closed"])
LEFT_OUT = frozenset(["geo", "coords"])
"""Columns of places on the map, which are not read."""

OPTIONAL_NUMBERS = re.compile(
    r"(min|max)_(p_mw|q_mvar|vm_pu|loading_percent|e_mwh|angle_degree)|c[pq][012]_eur\w*"
)
"""Columns of numbers that pandapower's empty tables need not have."""

LEAVE_OUT = "only numbers and texts are read, leave the object out"

TRUE_UNLESS_SAID = frozenset(
    [("gen", "controllable"), ("ext_grid", "controllable"), ("sgen", "current_source")]
)
_POINTING = frozenset(["switch", "poly_cost", "pwl_cost"])
_PLAIN = frozenset([bool, int, float, str, type(None)])


@dataclass(frozen=True)
class Column:
    """A column as the file holds it.

    Attributes
    ----------
    file, table, name
        Where it stands.
    values
        Its cells as JSON has them.
    index
        Index of each of its rows.
    usual
        Type of the column in pandapower's own empty table, None where it is not there.
    told
        Type that the file tells; only its kind is used, and only for columns of the user's own.
    """

    file: str
    table: str
    name: str
    values: Sequence[Any]
    index: Sequence[int]
    usual: Any = None
    told: str = "object"

    def fault(self, row: int, what: str) -> InputError:
        """Return what is wrong with the cell of a row as an error."""
        place = f"{self.table} {self.index[row]}: {shown(self.name)}"
        return InputError(f"{self.file}: {place} {what}")


def typed(column: Column) -> Any:
    """Return the cells of a column as an array of one type.

    Raises
    ------
    InputError
        A cell holds what the column cannot: the message names the row.
    """
    if (column.table, column.name) == ("pwl_cost", "points"):
        return _objects([_segments(column, k) for k in range(len(column.values))])
    _refuse_objects(column)
    if column.name in LEFT_OUT:
        return np.full(len(column.values), None, dtype=object)
    if set(map(type, column.values)) - _PLAIN:
        if column.usual is not None:
            k = next(k for k, value in enumerate(column.values) if type(value) not in _PLAIN)
            what = f"is {shown(column.values[k])} where a number or a text belongs; correct it"
            raise column.fault(k, what)
        return _objects([v if type(v) in _PLAIN else json.dumps(v) for v in column.values])
    if column.name == "controllable" or (
        column.usual is not None and pd.api.types.is_bool_dtype(column.usual)
    ):
        return _truths(column)
    if column.usual is not None and pd.api.types.is_numeric_dtype(column.usual):
        return _fitting(_numbers(column), column.usual)
    if OPTIONAL_NUMBERS.fullmatch(column.name):
        return _numbers(column)
    return _objects(column.values) if column.usual is not None else _own(column)


def _refuse_objects(column: Column) -> None:
    """Refuse Python objects in the cells of a column, at any depth of them."""
    for k, value in enumerate(column.values):
        if type(value) not in _PLAIN and (named := named_object(value)) is not None:
            place = f"row {column.index[k]}, column {shown(column.name)}"
            raise InputError(
                f"{column.file}: table {column.table} holds a Python object ({named}) in {place}; "
                f"{LEAVE_OUT}"
            )


def named_object(value: Any) -> str | None:
    """Return the module and class that a value names anywhere in it, if it names one."""
    if isinstance(value, dict) and {"_module", "_class"} & set(value):
        return shown(f"{value.get('_module')}.{value.get('_class')}")
    if not isinstance(value, dict | list):
        return None
    inner = value.values() if isinstance(value, dict) else value
    return next((named for item in inner if (named := named_object(item)) is not None), None)


def _truths(column: Column) -> Any:
    """Return truth values; what is not given is as pandapower's own functions set it."""
    found = np.full(len(column.values), (column.table, column.name) in TRUE_UNLESS_SAID)
    for k, value in enumerate(column.values):
        if isinstance(value, bool | int | float) and value in (0, 1):
            found[k] = bool(value)
        elif not _is_nothing(value) or column.name in NEEDED_TRUTHS:
            raise column.fault(k, f"is {kind_of(value)}, neither true nor false; correct it")
    return found


def _numbers(column: Column) -> Any:
    """Return numbers, NaN where none is given; whole ones where they name a row."""
    found = np.full(len(column.values), np.nan)
    unlimited = column.name.startswith(("min_", "max_"))
    for k, value in enumerate(column.values):
        if _is_nothing(value):
            continue
        if isinstance(value, bool | str):
            raise column.fault(k, f"is `{shown(value)}`, which is not a number; correct it")
        infinite = isinstance(value, float) and math.isinf(value)
        if not (-MAX_NUMBER <= value <= MAX_NUMBER or (infinite and unlimited)):
            raise column.fault(k, f"is {shown(value)}, beyond {MAX_NUMBER:g}; correct it")
        found[k] = value
    if column.name in REFERENCES or (column.name == "element" and column.table in _POINTING):
        wrong = ~((found == np.floor(found)) & (found >= 0) & (found <= MAX_INDEX))
        if wrong.any():
            k = int(np.flatnonzero(wrong)[0])
            what = f"is {kind_of(column.values[k])}, which is not the index of a row; correct it"
            raise column.fault(k, what)
    return found


def _fitting(found: Any, usual: Any) -> Any:
    """Return numbers in pandapower's own type where they fit into it, else as they are."""
    nothing = np.isnan(found)
    whole = bool(np.all(nothing | (found == np.floor(found)))) and not np.isinf(found).any()
    if isinstance(usual, pd.api.extensions.ExtensionDtype):
        if not whole:
            return found
        return pd.array([pd.NA if math.isnan(v) else int(v) for v in found], dtype="Int64")
    if not len(found) or not np.issubdtype(usual, np.integer):
        return found.astype(usual)
    bounds = np.iinfo(usual)
    if not whole or nothing.any() or found.min() < bounds.min or found.max() > bounds.max:
        return found
    return found.astype(usual)


def _segments(column: Column, row: int) -> list[list[float]]:
    """Return the segments of a piecewise cost: from, to and slope of each."""
    value = column.values[row]
    rows = value if isinstance(value, list) and value else [value]
    for part in rows:
        if not (
            isinstance(part, list)
            and len(part) == 3
            and all(type(x) in (int, float) and abs(x) <= MAX_NUMBER for x in part)
        ):
            what = f"has {kind_of(part)} where [from, to, slope] belongs, three numbers; correct it"
            raise column.fault(row, what)
    return [[float(x) for x in part] for part in rows]


def _own(column: Column) -> Any:
    """Return a column that pandapower's table does not have, typed by what it holds."""
    kinds = set(map(type, column.values))
    if kinds == {bool}:
        return np.array(column.values, dtype=bool)
    numbers = kinds & {int, float} or column.told.lower().startswith(("int", "uint", "float"))
    if kinds <= {int, float, type(None)} and numbers:
        try:
            return np.array([np.nan if v is None else float(v) for v in column.values])
        except OverflowError:
            return _objects(column.values)
    return _objects(column.values)


def _objects(values: Sequence[Any]) -> Any:
    """Return cells as they are, NaN as nothing, whole numbers beyond 64 bits as text."""
    found = np.empty(len(values), dtype=object)
    for k, value in enumerate(values):
        if type(value) is int and abs(value) >= 2**63:
            found[k] = str(value)
        else:
            found[k] = None if _is_nothing(value) else value
    return found


def _is_nothing(value: Any) -> bool:
    """Return whether a cell is not given."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def kind_of(value: object) -> str:
    """Return what a value is, in words."""
    if value is None:
        return "missing"
    named = named_object(value)
    if named is not None:
        return f"a Python object ({named})"
    return shown(value) if isinstance(value, dict | list) else f"`{shown(value)}`"
