"""The profiles of a case: hourly prices and per-unit forecasts."""

from __future__ import annotations

import math

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.case.days import TIME_COLUMNS
from cmgplan.case.rows import number
from cmgplan.case.tables import Table
from cmgplan.errors import Fault

PRICE_SUFFIX = "_usd_per_mwh"


def is_price(column: str, price_column: str | None) -> bool:
    """Return whether a column holds prices, which need not lie within 0..1."""
    return column == price_column or column.endswith(PRICE_SUFFIX)


def read_profiles(
    table: Table, price_column: str | None, faults: list[Fault]
) -> dict[str, FloatArray]:
    """Return the sound columns other than the time, each of shape (T,)."""
    read = {
        column: _read_column(table, column, is_price(column, price_column), faults)
        for column in table.columns
        if column not in TIME_COLUMNS
    }
    return {column: values for column, values in read.items() if values is not None}


def _read_column(table: Table, column: str, price: bool, faults: list[Fault]) -> FloatArray | None:
    """Return a column's numbers, or append one fault that names its first bad row."""
    values, bad = [], []
    for row in table.rows:
        value = number(row.cells[column])
        if isinstance(value, str) or not math.isfinite(value):
            bad.append((row, "is empty" if value == "" else "is not a finite number"))
        elif not price and not 0.0 <= value <= 1.0:
            bad.append((row, "is outside 0..1"))
        else:
            values.append(float(value))
    if not bad:
        return np.asarray(values, dtype=np.float64)
    row, what = bad[0]
    cell = row.cells[column]
    message = f"{column} {cell} {what}" if cell else f"{column} {what}"
    more = f" (and {len(bad) - 1} more rows)" if len(bad) > 1 else ""
    mend = "give $/MWh" if price else "give the forecast as a share of the rating, 0 to 1"
    faults.append(Fault(table.file, row.where, f"{message}{more}", mend))
    return None
