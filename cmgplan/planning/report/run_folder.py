"""A run folder: written whole or not at all, and read again.

A new run is first written beside its place, then put there by renames. Whatever kills the
process, either the earlier run or the new one stands whole in the place, or ``recover`` puts the
earlier one back the next time.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import math
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import ValidationError

from cmgplan.case import load_case
from cmgplan.case.folder import SOURCES_FILE, CaseFolder
from cmgplan.case.records import Case, PlanOptions
from cmgplan.errors import CmgplanError, InputError, MachineError, as_told
from cmgplan.given import read_text
from cmgplan.planning.result import PlanResult
from cmgplan.report.complete import names_of, require_complete
from cmgplan.report.page import render_page
from cmgplan.report.plan_record import parse_plan
from cmgplan.report.tables import POINT_TABLES, TABLES, read_table, write_table
from cmgplan.report.topology import FeederView, feeder_view


@dataclass(frozen=True)
class FolderKind:
    """A kind of folder that is written whole, known by a file that it always has."""

    what: str
    marker: str


RUN = FolderKind("a run", "plan.json")

LONGEST_ENDING = 24
"""Characters that a name beside a folder has more than the folder's."""

LEAST_ROOM = 1 << 20
"""Bytes that must be free before any work is spent on a folder."""

ABOUT_CASE = frozenset({"name", "title", "hours", "dt_h"})
"""What a page tells of the case."""


@dataclass(frozen=True)
class Run:
    """A finished run as read from its folder.

    Attributes
    ----------
    folder
        Where it lies; its copy of the case is in ``case/``.
    summary
        Content of plan.json.
    tables
        Tables by file stem, as in ``PlanResult``.
    """

    folder: Path
    summary: dict[str, Any]
    tables: Mapping[str, pd.DataFrame]

    @property
    def case_folder(self) -> Path:
        """The run's copy of its case."""
        return self.folder / "case"

    def load_case(self) -> Case:
        """Return the case as it was planned, from the run's copy.

        Raises
        ------
        CaseError, InputError
            If the copy cannot be used any more, or plan.json names no such day.
        """
        about = self.summary.get("case")
        day = about.get("day") if isinstance(about, dict) else None
        if not isinstance(day, str | None):
            raise InputError("plan.json case.day: is not a day; plan the case again")
        return load_case(self.case_folder, day=day)

    def load_options(self) -> PlanOptions:
        """Return the options that the run was planned with.

        Raises
        ------
        InputError
            If plan.json does not hold them.
        """
        try:
            return PlanOptions.model_validate(self.summary.get("options"))
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(str(part) for part in first["loc"])
            told = f"plan.json options.{key}: {first['msg']}; plan the case again"
            raise InputError(told) from error


def prepare(out: Path, kind: FolderKind = RUN) -> None:
    """Make sure that a folder can be written, before any work is spent on it.

    Restores what an interrupted run left behind; see ``recover``.

    Raises
    ------
    InputError
        If something of another kind stands in the place, or it cannot be made.
    """
    place = place_of(out)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with _locked(place):
            _settle(place)
            _try_to_write(place)
    except OSError as error:
        told = as_told(error, place)
        if isinstance(told, MachineError):
            raise told from error
        reason = "its folder is a file" if place.parent.is_file() else error.strerror
        raise InputError(
            f"{out}: {kind.what} cannot be written there ({reason}); choose another --out"
        ) from error
    _refuse_foreign(place, kind)


def place_of(out: Path) -> Path:
    """Return the whole path of a folder to be written or read.

    Raises
    ------
    InputError
        No folder with others beside it can be there.
    """
    try:
        place = out.resolve()
    except (OSError, RuntimeError, ValueError) as error:
        # Resolving a circle of links is a RuntimeError, a null character a ValueError.
        raise InputError(f"{str(out)!r}: is no path ({error}); name another folder") from error
    if not place.name:
        raise InputError(f"{out}: is the root of the file system; name a folder in it")
    return place


def _try_to_write(place: Path) -> None:
    """Make the folder that a run is written to first, and remove it; OSError says why not.

    Some of it is filled: an empty folder takes no room on a full disk.
    """
    with suppress(FileNotFoundError):
        os.lstat(place.with_name(place.name + "-" * LONGEST_ENDING))
    trial = _fresh(place)
    filled = trial / RUN.marker
    trial.mkdir()
    try:
        filled.write_bytes(bytes(LEAST_ROOM))
    finally:
        filled.unlink(missing_ok=True)
        trial.rmdir()


def recover(out: Path) -> None:
    """Put an earlier run back if an interrupted one had moved it aside, and clear leftovers."""
    place = place_of(out)
    if place.parent.is_dir():
        with _locked(place):
            _settle(place)


def write_run(result: PlanResult, out: Path | str) -> Path:
    """Write a plan to a folder, whole or not at all, and return the folder.

    An earlier run there is replaced; if anything fails on the way it stays.

    Raises
    ------
    InputError
        If the folder holds something else than a run.
    """
    return write_folder(Path(out), RUN, lambda fresh: _write_contents(result, fresh))


def write_folder(out: Path, kind: FolderKind, fill: Callable[[Path], None]) -> Path:
    """Let ``fill`` write a folder, put it in place whole or not at all, and return the place.

    An earlier folder of the same kind there is replaced; if anything fails on the way it stays.

    Raises
    ------
    InputError
        If something of another kind stands in the place.
    """
    place = place_of(out)
    prepare(place, kind)
    with _locked(place):
        fresh = _fresh(place)
        try:
            fresh.mkdir()
            fill(fresh)
            _sync(fresh)
            _put_in_place(fresh, place, kind)
        except OSError as error:
            _settle(place)
            raise as_told(error, place) from error
        except BaseException:
            _settle(place)
            raise
        _settle(place)
    return place


def read_run(folder: Path | str) -> Run:
    """Read a run folder.

    Raises
    ------
    InputError
        If it is not a run, or a file of it is missing or damaged.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder; give the folder of a run")
    path = folder / "plan.json"
    if not path.exists():
        raise InputError(f"{folder}: is not a run, it has no plan.json")
    try:
        summary = parse_plan(read_text(path))
    except (InputError, ValueError) as error:
        raise InputError(f"{path}: is damaged ({error}); plan the case again") from error
    return Run(folder, summary, {stem: read_table(stem, folder) for stem in TABLES})


def write_page(run: Run) -> Path:
    """Write the page of a run again and return its path.

    Raises
    ------
    InputError
        If plan.json does not tell of the case, or a table lacks rows.
    """
    about = run.summary.get("case")
    lacking = sorted(ABOUT_CASE - set(about if isinstance(about, dict) else ()))
    if lacking:
        names = ", ".join(f"case.{name}" for name in lacking)
        told = f"is damaged ({names} missing); plan the case again"
        raise InputError(f"{run.folder / 'plan.json'}: {told}")
    try:
        return _put_page(run)
    except OSError as error:
        raise as_told(error, run.folder / "report.html") from error


def _put_page(run: Run) -> Path:
    path = run.folder / "report.html"
    fresh = run.folder / ".report.html.new"
    require_complete_run(run)
    view, sources = _of_case(run)
    try:
        fresh.write_text(render_page(run.summary, run.tables, view, sources), encoding="utf-8")
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    return path


def require_complete_run(run: Run) -> None:
    """Raise InputError unless every table of a run has exactly the rows that its case asks for."""
    try:
        case: Case | None = run.load_case()
    except (CmgplanError, OSError):
        case = None
    try:
        require_complete(run.tables, names_of(case, run.summary, run.tables))
    except InputError as error:
        raise InputError(f"{run.folder}/{error}") from None


def _of_case(run: Run) -> tuple[FeederView | None, str]:
    """Return what the page shows of a case: nothing where its copy cannot be read any more."""
    try:
        sources = read_text(run.case_folder / SOURCES_FILE)
    except InputError:
        sources = ""
    try:
        return feeder_view(run.load_case()), sources
    except (CmgplanError, OSError):
        return None, sources


def case_sha256(folder: Path) -> str:
    """Return the SHA-256 over names and contents of all files of a case copy, sorted by name."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        for part in (path.relative_to(folder).as_posix().encode(), path.read_bytes()):
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
    return digest.hexdigest()


def _write_contents(result: PlanResult, folder: Path) -> None:
    """Write every file of a run."""
    _copy_case(result.case, folder / "case")
    about = {**result.summary["case"], "sha256": case_sha256(folder / "case")}
    summary = _jsonable({**result.summary, "case": about})
    text = json.dumps(summary, indent=2, allow_nan=False, ensure_ascii=False)
    (folder / "plan.json").write_text(f"{text}\n", encoding="utf-8")
    for stem in TABLES:
        write_table(stem, result.tables[stem], folder)
    for number, tables in result.points.items():
        sub = folder / "points" / f"{number:02d}"
        sub.mkdir(parents=True)
        for stem in POINT_TABLES:
            write_table(stem, tables[stem], sub)
    for number, proof in result.proofs.items():
        text = json.dumps(_jsonable(proof), indent=1, allow_nan=False, ensure_ascii=False)
        path = folder / "proofs" / f"{number:02d}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{text}\n", encoding="utf-8")
    # From the files just written: they are proven readable, and ``cmgplan report`` gives the same.
    _put_page(read_run(folder))


def _copy_case(case: Case, target: Path) -> None:
    """Copy the files that a case is read from, and its sources; nothing else of its folder.

    InputError if they are no longer what was planned.
    """
    names = {"case.toml", case.file.network.buses, case.file.network.lines, case.file.profiles}
    if isinstance(CaseFolder(case.folder).read_text(SOURCES_FILE), str):
        names.add(SOURCES_FILE)
    for name in sorted(names):
        copy = target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((case.folder / name).read_bytes())
    copied = load_case(target, day=case.file.time.day)
    same = (copied.file, copied.buses, copied.lines) == (case.file, case.buses, case.lines)
    if not same or any(
        not np.array_equal(copied.profiles[name], case.profiles[name]) for name in case.profiles
    ):
        raise InputError(f"{case.folder}: has changed while it was planned; plan it again")


def _jsonable(value: Any) -> Any:
    """Return a value of plain JSON types; what is not finite becomes null."""
    if isinstance(value, Mapping):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return [_jsonable(item) for item in value]
    if isinstance(value, np.generic):
        return _jsonable(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _fresh(place: Path) -> Path:
    """Return where a new run is written before it is put in place."""
    return place.with_name(f".{place.name}.new")


def _aside(place: Path) -> Path:
    """Return where the earlier run waits while the new one is put in place."""
    return place.with_name(f".{place.name}.earlier")


def _discard(place: Path) -> Path:
    """Return where an earlier run goes once the new one stands."""
    return place.with_name(f".{place.name}.discard")


def _put_in_place(fresh: Path, place: Path, kind: FolderKind) -> None:
    """Swap a finished folder into its place; between the renames ``_settle`` knows what to do."""
    _refuse_foreign(place, kind)
    if place.exists():
        place.rename(_aside(place))
    fresh.rename(place)
    _sync_folder(place.parent)


def _settle(place: Path) -> None:
    """Bring the place and its leftovers to rest; the caller holds the lock."""
    aside, discard = _aside(place), _discard(place)
    if aside.exists():
        # Only a run that is already replaced may be deleted piece by piece: under another name,
        # so that a kill in the middle never leaves half a run that looks worth restoring.
        shutil.rmtree(discard, ignore_errors=True)
        aside.rename(discard if place.exists() else place)
    for leftover in (discard, _fresh(place)):
        shutil.rmtree(leftover, ignore_errors=True)


def _refuse_foreign(place: Path, kind: FolderKind) -> None:
    """Raise InputError unless the place is free, empty, or holds a folder of the kind."""
    if not place.exists():
        return
    if not place.is_dir():
        raise InputError(f"{place}: is a file; choose another --out")
    if not (place / kind.marker).is_file() and any(place.iterdir()):
        raise InputError(
            f"{place}: holds files that are not {kind.what} (no {kind.marker}), so it is left "
            "alone; choose another --out"
        )


@contextmanager
def _locked(place: Path) -> Iterator[None]:
    """Let one process at a time write runs into the folder around a place."""
    handle = os.open(place.parent, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _sync(folder: Path) -> None:
    """Bring every file under a folder to the disk."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as handle:
                os.fsync(handle.fileno())
        else:
            _sync_folder(path)
    _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    """Bring a folder's entries to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
