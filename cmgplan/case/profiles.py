"""The profiles of a case: prices, powers, weather and per-unit forecasts by hour.

The end of a column's name says its unit; a column without one holds shares of a rating, 0..1.
"""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.case.days import TIME_COLUMNS
from cmgplan.case.rows import number
from cmgplan.case.tables import Table
from cmgplan.errors import Fault
from cmgplan.plurals import counted
from cmgplan.units import FACTOR, PRICE, SHARE, ColumnUnit, column_unit

PRICE_SUFFIX = PRICE.suffix


def is_price(column: str, price_column: str | None) -> bool:
    """Return whether a column holds prices in $/MWh, which need not lie within 0..1."""
    return column == price_column or column.endswith(PRICE_SUFFIX)


def read_profiles(
    table: Table,
    price_column: str | None,
    faults: list[Fault],
    factors: Collection[str] = (),
) -> dict[str, FloatArray]:
    """Return the sound columns other than the time, each of shape (T,) in its own unit.

    Parameters
    ----------
    table
        The rows of the hours that are run. It may hold the time alone.
    price_column
        Column that holds $/MWh whatever it is called; None where no column does.
    faults
        Is added one fault for each column with bad rows.
    factors
        Columns that hold factors of any size, not shares, though their name ends in no unit.
    """
    read = {}
    for column in table.columns:
        if column not in TIME_COLUMNS:
            unit = PRICE if is_price(column, price_column) else column_unit(column)
            unit = FACTOR if unit is SHARE and column in factors else unit
            read[column] = _read_column(table, column, unit, faults)
    return {column: values for column, values in read.items() if values is not None}


def _read_column(
    table: Table, column: str, unit: ColumnUnit, faults: list[Fault]
) -> FloatArray | None:
    """Return a column's numbers, or append one fault that names its first bad row."""
    values, bad = [], []
    for row in table.rows:
        value = _as_float(row.cells[column])
        if value is None:
            bad.append((row, "is not a finite number" if row.cells[column] else "is empty"))
        elif not unit.holds(value):
            bad.append((row, f"is outside {unit.span} {unit.unit}".rstrip()))
        else:
            values.append(value)
    if not bad:
        return np.asarray(values, dtype=np.float64)
    row, what = bad[0]
    cell = row.cells[column]
    message = f"{column} {cell} {what}" if cell else f"{column} {what}"
    more = f" (and {counted(len(bad) - 1, 'more row')})" if len(bad) > 1 else ""
    faults.append(Fault(table.file, row.where, f"{message}{more}", _mend(unit)))
    return None


def _as_float(cell: str) -> float | None:
    """Return the finite number that a cell holds, None where it holds none."""
    value = number(cell)
    try:
        return float(value) if not isinstance(value, str) and math.isfinite(value) else None
    except OverflowError:  # of whole numbers with more than 308 digits
        return None


def _mend(unit: ColumnUnit) -> str:
    """Return what a column of a unit should hold."""
    if unit is PRICE:
        return "give $/MWh"
    if unit is SHARE:
        return "give the forecast as a share of the rating, 0 to 1"
    if unit is FACTOR:
        return f"give a factor, {unit.least:g} to {unit.most:g}"
    return f"give {unit.quantity} in {unit.unit}, as the name says: {unit.least:g} to {unit.most:g}"
