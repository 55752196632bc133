"""Tables of the page: what is shown, what is sorted by, and what is downloaded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any
from urllib.parse import quote

from cmgplan.page.wording import NONE, number


@dataclass(frozen=True)
class Column:
    """A column: its name in the CSV, its heading, and digits where it holds numbers."""

    key: str
    heading: str
    digits: int | None = None

    @property
    def numeric(self) -> bool:
        """Whether it holds numbers."""
        return self.digits is not None


@dataclass(frozen=True)
class Link:
    """Text that leads to a place beside the page."""

    text: str
    place: str


@dataclass(frozen=True)
class Cell:
    """A cell as shown, and the value that sorting and the CSV take; empty where there is none.

    ``link`` is where the cell leads to.
    """

    text: str
    value: str
    numeric: bool
    link: str = ""


@dataclass(frozen=True)
class DataTable:
    """A table with a name; ``marked`` is the row to stand out, ``folded`` hides it at first."""

    name: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    marked: int | None = None
    folded: bool = False

    def renamed(self, rename: Callable[[str], str]) -> DataTable:
        """Return the table with another caption and other headings."""
        columns = tuple(replace(c, heading=rename(c.heading)) for c in self.columns)
        return replace(self, caption=rename(self.caption), columns=columns)


def data_table(
    name: str,
    caption: str,
    columns: Sequence[Column],
    records: Iterable[Mapping[str, Any]],
    *,
    marked: int | None = None,
    folded: bool = False,
) -> DataTable:
    """Return a table of records, one for each row, by the keys of the columns."""
    rows = tuple(
        tuple(_cell(column, record.get(column.key)) for column in columns) for record in records
    )
    return DataTable(name, caption, tuple(columns), rows, marked, folded)


def _cell(column: Column, value: Any) -> Cell:
    """Return a value as a cell."""
    if isinstance(value, Link):
        return Cell(value.text, value.text, False, quote(value.place))
    if column.digits is None:
        return Cell(
            NONE if value is None else str(value), "" if value is None else str(value), False
        )
    if value is None or not isfinite(value):
        return Cell(NONE, "", True)
    exact = int(value) if float(value).is_integer() else float(value)
    return Cell(number(float(value), column.digits), f"{exact:.10g}", True)
