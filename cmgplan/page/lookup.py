"""Look-ups in the tables of a run whose labels are hours or names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import numpy as np
import pandas as pd


def hours_of(labels: Iterable[Any]) -> list[int]:
    """Return labels that are hours."""
    return [int(label) for label in labels]


def hours_where(mask: pd.Series[bool]) -> list[int]:
    """Return the hours for which a mask is true."""
    return [int(cast("int", hour)) for hour, held in mask.items() if held]


def greatest(column: pd.Series[Any]) -> Any:
    """Return the label of the greatest value, the first one where there are none."""
    return column.fillna(-np.inf).idxmax()


def least(column: pd.Series[Any]) -> Any:
    """Return the label of the least value, the first one where there are none."""
    return column.fillna(np.inf).idxmin()


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table by column name."""
    return cast("list[dict[str, Any]]", table.to_dict("records"))
