"""CSV tables of a case as text: columns, and rows as an editor counts them."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from cmgplan.case.folder import CaseFolder
from cmgplan.errors import Fault
from cmgplan.given import MAX_ROWS, shown
from cmgplan.plurals import counted


@dataclass(frozen=True)
class Row:
    """One row of a table: its number in the file (the header is row 1) and its stripped cells."""

    number: int
    cells: dict[str, str]

    @property
    def where(self) -> str:
        """Place of the row in a fault."""
        return f"row {self.number}"


@dataclass(frozen=True)
class Table:
    """A CSV file as text; ``whole`` says that no row had to be left out."""

    file: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    whole: bool


def read_table(folder: CaseFolder, name: str, faults: list[Fault]) -> Table | None:
    """Read a CSV file, appending what is wrong; None where nothing of it can be used."""
    text = folder.read_text(name)
    if isinstance(text, Fault):
        faults.append(text)
        return None
    records = _records(name, text, faults)
    header = next(records, None)
    if header is None:
        faults.append(Fault(name, "", "the file is empty", "write a header row and the data"))
        return None
    columns = tuple(header[1])
    if columns[0].startswith("#"):
        message = "the first row is a remark; a CSV file begins with the names of its columns"
        mend = f"remove the remark; remarks belong into SOURCES.md ({shown(columns[0])})"
        faults.append(Fault(name, f"row {header[0]}", message, mend))
        return None
    if not _sound_header(name, header[0], columns, faults):
        return None
    before = len(faults)
    rows = tuple(itertools.islice(_rows(name, columns, records, faults), MAX_ROWS + 1))
    if len(rows) > MAX_ROWS:
        message = f"it has more than {MAX_ROWS} rows, the most that are read"
        faults.append(Fault(name, "", message, "leave out rows that are not planned"))
        return None
    whole = len(faults) == before
    if whole and not rows:
        faults.append(Fault(name, "", "there is no row under the header", "add the data"))
        return None
    return Table(name, columns, rows, whole)


def _records(name: str, text: str, faults: list[Fault]) -> Iterator[tuple[int, list[str]]]:
    """Yield line number and stripped cells of every row that is not blank."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    start = 1
    try:
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            if any(stripped):
                yield start, stripped
            start = reader.line_num + 1
    except csv.Error as error:
        faults.append(
            Fault(name, f"row {start}", f"this is not CSV ({error})", "mend the quotes of the row")
        )


def _sound_header(name: str, number: int, columns: tuple[str, ...], faults: list[Fault]) -> bool:
    """Append what is wrong with a header; return whether it can be used."""
    where = f"row {number}"
    if len(columns) == 1 and any(mark in columns[0] for mark in ";\t"):
        faults.append(
            Fault(name, where, "the columns are not separated by commas", "save it as CSV with ,")
        )
        return False
    twice = sorted({column for column in columns if column and columns.count(column) > 1})
    faults.extend(
        Fault(name, where, f"the column {column} stands there twice", "keep one of them")
        for column in twice
    )
    if "" in columns:
        place = columns.index("") + 1
        faults.append(
            Fault(name, where, f"column {place} has no name", "name the column or remove it")
        )
    return not twice and "" not in columns


def _rows(
    name: str,
    columns: tuple[str, ...],
    records: Iterator[tuple[int, list[str]]],
    faults: list[Fault],
) -> Iterator[Row]:
    """Yield the rows that have a cell for each column."""
    for number, cells in records:
        if len(cells) == len(columns):
            yield Row(number, dict(zip(columns, cells, strict=True)))
        else:
            faults.append(
                Fault(
                    name,
                    f"row {number}",
                    f"it has {counted(len(cells), 'cell')} where the header has {len(columns)}",
                    "give one cell for each column (decimals with a point)",
                )
            )
