"""The folder of a run of homes: what every system writes into it, and how it is read."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic

import numpy as np

from cmgplan.case.folder import SOURCES_FILE, CaseFolder
from cmgplan.case.scenarios import SCENARIO_FILE
from cmgplan.devices.base import Record
from cmgplan.errors import InputError
from cmgplan.given import read_text
from cmgplan.homes.case.read import load_homes
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.report.run_record import About, RecordT, RunRecord, parse_run
from cmgplan.run.folder import FolderKind, case_sha256, jsonable, place_of, prepare, write_folder
from cmgplan.run.tables import Tables

MARKER = "run.json"
RUN = FolderKind("a run of homes", MARKER)
AGAIN = "run the case again"
BIDS_FILE = "bids.csv"


def system_of(folder: Path | str) -> str:
    """Return the system that wrote a run of homes.

    Raises
    ------
    InputError
        The folder has no run.json, or it does not name its system.
    """
    return _read_record(Path(folder), RunRecord).system


def refuse_other_system(out: Path | str, system: str) -> None:
    """Raise InputError where a run of another system stands in a place to be written."""
    place = place_of(Path(out))
    if not (place / MARKER).is_file():
        return
    try:
        other = system_of(place)
    except InputError:  # a damaged run may be replaced
        return
    if other != system:
        raise InputError(
            f"{place}: holds a run of {other}, so it is left alone; choose another --out"
        )


def about_case(case: HomesCase, copy: Path) -> dict[str, Any]:
    """Return what run.json tells of a case; the hash is over the files of its copy."""
    day = case.file.time.day
    return {
        "name": case.name,
        "title": case.file.title,
        "hours": case.hours,
        "dt_h": case.dt_h,
        "begins_h": case.begins_h,
        "day": None if day is None else day.isoformat(),
        "homes": list(case.ids),
        "sha256": case_sha256(copy),
    }


def prepare_run(out: Path | str, system: str) -> None:
    """Raise InputError where a run cannot be written, before any work is spent on it."""
    refuse_other_system(out, system)
    prepare(Path(out), RUN)


def write_run(out: Path | str, system: str, fill: Callable[[Path], None]) -> Path:
    """Fill the folder of a run, whole or not at all, and return it.

    Raises
    ------
    InputError
        The folder holds something else than a run of the system.
    """
    refuse_other_system(out, system)
    return write_folder(Path(out), RUN, fill)


def head_of(
    system: str,
    case: HomesCase,
    copy: Path,
    options: Record,
    versions: Mapping[str, str],
    wall_s: Mapping[str, float],
    warnings: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the keys that every run.json has; warnings of the case come first.

    ``copy`` is the folder of the run's copy of the case. What is written has been verified.
    """
    return {
        "system": system,
        "case": about_case(case, copy),
        "currency": case.file.currency,
        "versions": dict(versions),
        "options": options.model_dump(mode="json"),
        "wall_s": dict(wall_s),
        "verified": True,
        "warnings": [*(str(fault) for fault in case.warnings), *warnings],
    }


def write_summary(summary: Mapping[str, Any], folder: Path) -> None:
    """Write run.json."""
    text = json.dumps(jsonable(summary), indent=2, allow_nan=False, ensure_ascii=False)
    (folder / MARKER).write_text(f"{text}\n", encoding="utf-8")


def read_record(folder: Path | str, form: type[RecordT], system: str) -> RecordT:
    """Read run.json of a run of one system.

    Raises
    ------
    InputError
        The folder is no such run, or its run.json is damaged.
    """
    folder = Path(folder)
    found = _read_record(folder, RunRecord).system
    if found != system:
        raise InputError(f"{folder}: is a run of {found}, not of {system}; give another folder")
    return _read_record(folder, form)


def _read_record(folder: Path, form: type[RecordT]) -> RecordT:
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder; give the folder of a run")
    path = folder / MARKER
    if not path.exists():
        raise InputError(f"{folder}: is not a run of homes, it has no {MARKER}")
    try:
        return parse_run(read_text(path), form)
    except InputError as error:
        raise InputError(f"{path}: is damaged ({error}); {AGAIN}") from error


@dataclass(frozen=True)
class RunOfHomes(Generic[RecordT]):
    """A finished run of homes as read from its folder.

    Attributes
    ----------
    folder
        Where it lies; its copy of the case is in ``case/``.
    record
        Content of run.json.
    tables
        Tables by file stem.
    """

    folder: Path
    record: RecordT
    tables: Tables

    def load_case(self) -> HomesCase:
        """Return the case as it was run, from the run's copy; CaseError if it cannot be used."""
        return load_copy(self.folder, self.record.case)


def load_copy(folder: Path, about: About) -> HomesCase:
    """Return the case of a run as it was run, from the run's copy.

    Raises
    ------
    CaseError, InputError
        The copy cannot be used any more, or run.json names no such day.
    """
    return load_homes(folder / "case", day=about.day)


def sources_of(folder: Path) -> str:
    """Return the text of the SOURCES.md in a run's copy of its case; empty without one."""
    try:
        return read_text(folder / "case" / SOURCES_FILE)
    except InputError:
        return ""


def copy_case(case: HomesCase, target: Path) -> None:
    """Copy the files that a case is read from, and its sources; nothing else of its folder.

    InputError if they are no longer what was run.
    """
    names = {"case.toml", case.file.profiles}
    if case.file.network is not None:
        names |= {case.file.network.buses, case.file.network.lines}
    if case.file.response.bids == BIDS_FILE:
        names.add(BIDS_FILE)
    optional = (SOURCES_FILE, SCENARIO_FILE)
    there = CaseFolder(case.folder)
    names |= {name for name in optional if isinstance(there.read_text(name), str)}
    for name in sorted(names):
        copy = target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((case.folder / name).read_bytes())
    copied = load_homes(target, day=case.file.time.day)
    parts = ("file", "buses", "lines", "scenarios", "begins_h")
    same = all(getattr(copied, part) == getattr(case, part) for part in parts)
    if not same or any(
        not np.array_equal(copied.profiles[name], case.profiles[name]) for name in case.profiles
    ):
        raise InputError(f"{case.folder}: has changed while it was run; {AGAIN}")
