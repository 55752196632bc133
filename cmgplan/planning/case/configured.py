"""A planning case written again with other lines in service."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cmgplan.arrays import BoolArray
from cmgplan.case.folder import CASE_FILE, SOURCES_FILE, CaseFolder
from cmgplan.errors import InputError
from cmgplan.planning.case.read import load_case
from cmgplan.planning.case.records import Case
from cmgplan.run.folder import FolderKind, place_of, write_folder

STATE = "in_service"


def prepare_case(out: Path | str) -> None:
    """Raise InputError unless the place of a case to be written is free."""
    place = place_of(Path(out))
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise InputError(f"{place}: is there already; name a new folder with --write-case")


def write_configured_case(case: Case, closed: BoolArray, out: Path | str) -> Path:
    """Write a copy of a case whose lines are in service as given, and return its folder.

    All its files stay as they are but lines.csv, of which the column ``in_service`` alone changes.

    Parameters
    ----------
    closed
        Which lines are in service, in the order of lines.csv.

    Raises
    ------
    InputError
        Something stands in the place, or a file cannot be copied.
    """
    prepare_case(out)

    def fill(folder: Path) -> None:
        network = case.file.network
        names = {CASE_FILE, network.buses, network.lines, case.file.profiles}
        if isinstance(CaseFolder(case.folder).read_text(SOURCES_FILE), str):
            names.add(SOURCES_FILE)
        for name in sorted(names):
            copy = folder / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes((case.folder / name).read_bytes())
        lines = folder / network.lines
        lines.write_text(_with_states(lines.read_text(encoding="utf-8-sig"), closed), "utf-8")
        written = load_case(folder, day=case.file.time.day)
        states = np.array([bool(line.in_service) for line in written.lines])
        if not np.array_equal(states, closed):
            raise InputError(f"{case.folder}: has changed meanwhile; run the command again")

    return write_folder(Path(out), FolderKind("a case", CASE_FILE), fill)


def _with_states(text: str, closed: Sequence[bool] | BoolArray) -> str:
    """Return lines.csv with its column of states set."""
    rows = [row for row in csv.reader(io.StringIO(text, newline="")) if any(row)]
    header = [cell.strip() for cell in rows[0]]
    if STATE not in header:
        header.append(STATE)
    at, written = header.index(STATE), io.StringIO(newline="")
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(header)
    for row, state in zip(rows[1:], closed, strict=True):
        cells = [*row, *[""] * (len(header) - len(row))]
        cells[at] = str(int(state))
        writer.writerow(cells)
    return written.getvalue()
