"""A folder that is written whole or not at all.

A new folder is first written beside its place, then put there by renames. Whatever kills the
process, either the earlier one or the new one stands whole in the place, or ``recover`` puts the
earlier one back the next time.
"""

from __future__ import annotations

import hashlib
import math
import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cmgplan.errors import InputError, MachineError, as_told
from cmgplan.run.lock import locked
from cmgplan.run.moving import WINDOWS, move


@dataclass(frozen=True)
class FolderKind:
    """A kind of folder that is written whole, known by a file that it always has."""

    what: str
    marker: str


LONGEST_ENDING = 24
"""Characters that a name beside a folder has more than the folder's."""


LEAST_ROOM = 1 << 20
"""Bytes that must be free before any work is spent on a folder."""


def prepare(out: Path, kind: FolderKind) -> None:
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
        with locked(place.parent):
            _settle(place)
            _try_to_write(place, kind)
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


def _try_to_write(place: Path, kind: FolderKind) -> None:
    """Make the folder that a run is written to first, and remove it; OSError says why not.

    Some of it is filled: an empty folder takes no room on a full disk.
    """
    with suppress(FileNotFoundError):
        os.lstat(place.with_name(place.name + "-" * LONGEST_ENDING))
    trial = _fresh(place)
    filled = trial / kind.marker
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
        with locked(place.parent):
            _settle(place)


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
    with locked(place.parent):
        fresh = _fresh(place)
        try:
            fresh.mkdir()
            fill(fresh)
            _sync(fresh)
            _put_in_place(fresh, place, kind)
        except OSError as error:
            _settle(place)
            raise as_told(error, place) from error
        except MachineError as error:
            _settle(place)
            if isinstance(error.__cause__, OSError):  # told of a file in the folder beside
                raise as_told(error.__cause__, place) from error
            raise
        except BaseException:
            _settle(place)
            raise
        _settle(place)
    return place


def put_page(folder: Path, render: Callable[[], str]) -> Path:
    """Write the page of a run, whole or not at all, and return its path."""
    path, fresh = folder / "report.html", folder / ".report.html.new"
    try:
        fresh.write_text(render(), encoding="utf-8")
        move(fresh, path)
    except OSError as error:
        raise as_told(error, path) from error
    finally:
        fresh.unlink(missing_ok=True)
    return path


def case_sha256(folder: Path) -> str:
    """Return the SHA-256 over names and contents of all files of a case copy, sorted by name."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        for part in (path.relative_to(folder).as_posix().encode(), path.read_bytes()):
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
    return digest.hexdigest()


def jsonable(value: Any) -> Any:
    """Return a value of plain JSON types; what is not finite becomes null."""
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return [jsonable(item) for item in value]
    if isinstance(value, np.generic):
        return jsonable(value.item())
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
        move(place, _aside(place))
    move(fresh, place)
    _sync_folder(place.parent)


def _settle(place: Path) -> None:
    """Bring the place and its leftovers to rest; the caller holds the lock."""
    aside, discard = _aside(place), _discard(place)
    if aside.exists():
        # Only a run that is already replaced may be deleted piece by piece: under another name,
        # so that a kill in the middle never leaves half a run that looks worth restoring.
        shutil.rmtree(discard, ignore_errors=True)
        move(aside, discard if place.exists() else place)
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


def _sync(folder: Path) -> None:
    """Bring every file under a folder to the disk."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            # Windows brings only files that are open for writing to the disk.
            with path.open("r+b" if WINDOWS else "rb") as handle:
                os.fsync(handle.fileno())
        else:
            _sync_folder(path)
    _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    """Bring a folder's entries to the disk; Windows cannot open folders."""
    if WINDOWS:
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
