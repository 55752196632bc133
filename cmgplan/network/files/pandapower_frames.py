"""Tables of a pandapower file as frames, from JSON text, with the few types that one may have.

What a column holds follows from pandapower's own empty table, not from what the file names: the
types in the file are compared with a list of known words and otherwise left alone.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd

from cmgplan.errors import InputError
from cmgplan.given import MAX_ROWS, json_value, shown
from cmgplan.network.files.pandapower_cells import LEAVE_OUT, MAX_INDEX, Column, kind_of, typed
from cmgplan.plurals import counted

_FRAME_MODULES = ("pandas.core.frame", "pandas")
_BESIDE = frozenset(
    [
        *("_module", "_class", "_object", "orient", "dtype", "index_name", "column_name"),
        *("index_names", "column_names", "is_multiindex", "is_multicolumn"),
    ]
)
_TYPES = re.compile(
    r"bool|boolean|([uU]?[iI]nt|[fF]loat)(8|16|32|64)|object|str|string|category"
    r"|datetime64\[ns(, [\w/]{1,40})?\]|timedelta64\[ns\]"
)


def frame_of(file: str, key: str, entry: Any, usual: pd.DataFrame | None) -> pd.DataFrame:
    """Return the table that an entry of a file holds.

    Parameters
    ----------
    file
        Name of the file, with which messages begin.
    key
        Name of the table.
    entry
        The table as JSON holds it: a class, a text and the layout of the text.
    usual
        pandapower's empty table of that name, for the types of its columns.

    Raises
    ------
    InputError
        The entry is not a table, or holds something else than numbers, truth values and texts;
        the message names row and column.
    """
    called = f"{file}: table {shown(key)}"
    columns, index, rows = _parts(called, _sound_entry(called, entry), entry.get("orient"))
    kinds = {} if usual is None else dict(usual.dtypes)
    types = entry.get("dtype", {})
    cells = zip(*rows, strict=True) if rows else (() for _ in columns)
    made = {
        column: typed(
            Column(file, key, column, values, index, kinds.get(column), types.get(column, "object"))
        )
        for column, values in zip(columns, cells, strict=True)
    }
    frame = pd.DataFrame(made, index=pd.Index(index, dtype=np.int64), columns=columns)
    told = entry.get("index_name")
    frame.index.name = told if isinstance(told, str) else None
    return frame


def _sound_entry(called: str, entry: Any) -> dict[str, Any]:
    """Return what the text of a table holds, after a look at what stands beside it."""
    if not isinstance(entry, dict) or not {"_module", "_class"} <= set(entry):
        raise InputError(f"{called} is {kind_of(entry)}, not a table as pandapower saves it")
    if entry["_class"] != "DataFrame" or entry["_module"] not in _FRAME_MODULES:
        told = shown(f"{entry['_module']}.{entry['_class']}")
        raise InputError(f"{called} holds a Python object ({told}); {LEAVE_OUT}")
    beside = sorted(set(entry) - _BESIDE)
    if beside:
        raise InputError(f"{called}: {shown(beside[0])} stands beside it; leave it out")
    for flag in ("is_multiindex", "is_multicolumn"):
        if entry.get(flag, False) is not False:
            raise InputError(f"{called}: {flag} is {kind_of(entry[flag])}; give it one index")
    for label in ("index_name", "column_name", "index_names", "column_names"):
        if isinstance(entry.get(label), dict | list):
            raise InputError(f"{called}: {label} is {kind_of(entry[label])}; leave it out")
    types = entry.get("dtype", {})
    if not isinstance(types, dict):
        raise InputError(f"{called}: dtype is {kind_of(types)}, not types by column; leave it out")
    for column, told in types.items():
        if not isinstance(told, str) or not _TYPES.fullmatch(told):
            raise InputError(
                f"{called}, column {shown(column)}: dtype is {kind_of(told)}, which is no type of "
                "a table; leave it out"
            )
    text = entry.get("_object")
    if not isinstance(text, str):
        raise InputError(f"{called}: its _object is {kind_of(text)}, not JSON text; save it again")
    held = json_value(text, called)
    if not isinstance(held, dict):
        raise InputError(f"{called}: its text holds {kind_of(held)}, not columns; save it again")
    return held


def _parts(
    called: str, held: dict[str, Any], orient: Any
) -> tuple[list[str], list[int], list[list[Any]]]:
    """Return columns, index and rows of a table's text in either of pandapower's layouts."""
    if orient == "columns" or (orient is None and set(held) != {"columns", "index", "data"}):
        held = _split(called, held)
    elif orient not in ("split", None):
        raise InputError(f"{called}: orient is {kind_of(orient)}, not `split`; save it again")
    for part in ("columns", "index", "data"):
        if not isinstance(held.get(part), list):
            raise InputError(f"{called}: {part} is {kind_of(held.get(part))}, not a list; add it")
    beyond = sorted(set(held) - {"columns", "index", "data"})
    if beyond:
        raise InputError(f"{called}: {shown(beyond[0])} stands in its text; leave it out")
    columns, index, rows = held["columns"], held["index"], held["data"]
    for k, column in enumerate(columns):
        if not isinstance(column, str):
            raise InputError(f"{called}: column {k + 1} is named {kind_of(column)}, not by a text")
    twice = _first_twice(columns)
    if twice is not None:
        raise InputError(f"{called}: column {shown(twice)} stands twice; leave one")
    if len(rows) > MAX_ROWS:
        raise InputError(f"{called} has {len(rows)} rows; {MAX_ROWS} at most are read")
    if len(index) != len(rows):
        indices = counted(len(index), "index", "indices")
        raise InputError(f"{called}: {indices} for {counted(len(rows), 'row')}; give one for each")
    for k, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != len(columns):
            told = (
                f"has {counted(len(row), 'cell')}"
                if isinstance(row, list)
                else f"is {kind_of(row)}"
            )
            named = counted(len(columns), "column is", "columns are")
            raise InputError(f"{called}, row {k}: it {told} where {named} named")
    return columns, _index(called, index), rows


def _split(called: str, held: dict[str, Any]) -> dict[str, Any]:
    """Return columns of cells by index in the other layout: columns, index and rows."""
    for column, cells in held.items():
        if not isinstance(cells, dict):
            told = kind_of(cells)
            raise InputError(f"{called}, column {shown(column)}: it is {told}, not cells by index")
    labels = list(next(iter(held.values()), {}))
    for column, cells in held.items():
        if list(cells) != labels:
            raise InputError(
                f"{called}, column {shown(column)}: its rows are not those of the first"
            )
    index = [int(label) if re.fullmatch(r"-?\d{1,18}", label) else label for label in labels]
    rows = [[cells[label] for cells in held.values()] for label in labels]
    return {"columns": list(held), "index": index, "data": rows}


def _index(called: str, labels: list[Any]) -> list[int]:
    """Return the indices of a table: whole numbers from 0, each once."""
    found = []
    for k, label in enumerate(labels):
        whole = _whole(label)
        if whole is None or not 0 <= whole <= MAX_INDEX:
            raise InputError(
                f"{called}, row {k}: its index is {kind_of(label)}, not a whole number from 0 to "
                f"{MAX_INDEX}; number the rows anew"
            )
        found.append(whole)
    twice = _first_twice(found)
    if twice is not None:
        raise InputError(f"{called}: index {twice} stands twice; number the rows anew")
    return found


def _whole(label: Any) -> int | None:
    """Return a whole number, or None for what is none."""
    if isinstance(label, int) and not isinstance(label, bool):
        return label
    return int(label) if isinstance(label, float) and label.is_integer() else None


def _first_twice(labels: list[Any]) -> Any:
    """Return the first label that stands twice, or None."""
    seen = set()
    for label in labels:
        if label in seen:
            return label
        seen.add(label)
    return None
