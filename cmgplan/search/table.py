"""Any CSV table of solutions, and the fuzzy choice among its rows."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.errors import InputError
from cmgplan.given import read_text
from cmgplan.plurals import counted
from cmgplan.search.fuzzy import choose

TIE = 1e-9
"""Difference of least memberships that is taken for none."""

Cell = str | float | int | None


@dataclass(frozen=True)
class SolutionTable:
    """Rows of a table as read, and its objectives, shape (rows, objectives)."""

    rows: tuple[dict[str, Cell], ...]
    objectives: tuple[str, ...]
    values: FloatArray


def read_solutions(path: Path, objectives: Sequence[str]) -> SolutionTable:
    """Read a CSV table with a header; an empty objective is NaN.

    Raises
    ------
    InputError
        If the file or a column is missing, there are no rows, or an objective is no number.
    """
    header, lines = _read_csv(path)
    if not objectives:
        raise InputError("no column to minimise is named; give --minimise a,b,c")
    repeated = sorted({name for name in objectives if objectives.count(name) > 1})
    if repeated:
        raise InputError(f"column {repeated[0]} is named twice; name every column once")
    for name in objectives:
        if name not in header:
            raise InputError(
                f"{path}: there is no column {name}; its columns are {', '.join(header)}"
            )
    if not lines:
        raise InputError(f"{path}: there are no rows under the header")
    rows: list[dict[str, Cell]] = []
    values = np.full((len(lines), len(objectives)), np.nan)
    for k, (number, cells) in enumerate(lines):
        row = dict(zip(header, cells, strict=True))
        for j, name in enumerate(objectives):
            values[k, j] = _objective(row[name], f"{path} row {number}, column {name}")
        rows.append({name: _cell(text) for name, text in row.items()})
    return SolutionTable(tuple(rows), tuple(objectives), values)


def select(table: SolutionTable) -> dict[str, Any]:
    """Return the choice among a table's rows as an object ready for JSON.

    The object holds ``selected`` (the row's cells, and its number from 1 under ``row``),
    ``mu_min``, ``tied`` (the numbers of other rows whose least membership is the same within
    1e-9), and ``memberships``: one object for each row, null where a row lacks values.
    """
    choice = choose(table.values)
    return {
        "selected": {**table.rows[choice.row], "row": choice.row + 1},
        "mu_min": choice.mu_min,
        "tied": [
            int(row) + 1
            for row in np.flatnonzero(choice.row_mu_min >= choice.mu_min - TIE)
            if row != choice.row
        ],
        "memberships": [
            dict(zip(table.objectives, mu.tolist(), strict=True)) if np.isfinite(mu).all() else None
            for mu in choice.memberships
        ],
    }


def _read_csv(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the header and the rows, each with the number of its line in the file."""
    if not path.exists():
        raise InputError(f"{path}: there is no such file; check the name")
    try:
        reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
        lines = [(reader.line_num, cells) for cells in reader if any(c.strip() for c in cells)]
    except csv.Error as error:
        raise InputError(f"{path}: is not a CSV table in UTF-8 ({error})") from error
    if not lines:
        raise InputError(f"{path}: is empty; the first row must name the columns")
    header = [name.strip() for name in lines[0][1]]
    if len(set(header)) < len(header):
        raise InputError(f"{path}: two columns share a name; its columns are {', '.join(header)}")
    for number, cells in lines[1:]:
        if len(cells) != len(header):
            raise InputError(
                f"{path} row {number}: {counted(len(cells), 'cell')} under "
                f"{counted(len(header), 'column')}; give every row one cell for each column"
            )
    return header, lines[1:]


def _objective(text: str, place: str) -> float:
    """Return an objective, NaN where the cell is empty or ``nan``."""
    if text.strip() == "":
        return math.nan
    try:
        value = float(text)
    except ValueError:
        raise InputError(
            f"{place}: {text!r} is not a number; give one, or leave it empty"
        ) from None
    if math.isinf(value):
        raise InputError(f"{place}: {text!r} is not finite; give a number, or leave it empty")
    return value


def _cell(text: str) -> Cell:
    """Return a cell as the number that it writes, as text, or as None where it is empty."""
    bare = text.strip()
    if not bare:
        return None
    for kind in (int, float):
        try:
            value = kind(bare)
            finite = math.isfinite(value)
        except (ValueError, OverflowError):
            continue
        if finite:
            return value
        return None if math.isnan(value) else text
    return text
