"""Locks held by one process at a time: ``fcntl`` or, on Windows, ``msvcrt``."""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

POLL_S = 0.05
"""Pause between two tries where a lock cannot be waited for."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Let one process at a time work in a folder; others wait."""
    by = _by_folder if _has("fcntl") else _by_file
    with by(folder):
        yield


@contextmanager
def locked_file(path: Path) -> Iterator[bool]:
    """Lock a file, which is made where it is not there; give whether nobody else has it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        mine = _try_lock(handle)
        try:
            yield mine
        finally:
            if mine:
                _unlock(handle)
    finally:
        os.close(handle)


def _has(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ValueError:  # it is None among the modules
        return False


@contextmanager
def _by_folder(folder: Path) -> Iterator[None]:
    """Lock the folder itself, which POSIX systems can open."""
    fcntl = import_module("fcntl")
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextmanager
def _by_file(folder: Path) -> Iterator[None]:
    """Lock a file of the system's temporary folder that stands for the folder.

    Windows opens no folders. Its temporary folder is one of the user's, so that other users and
    other machines, which share the folder, are not kept out.
    """
    path = lock_file(folder)
    while True:
        with locked_file(path) as mine:
            if mine:
                yield
                return
        time.sleep(POLL_S)


def _try_lock(handle: int) -> bool:
    """Lock an open file without waiting; return whether it is locked now.

    Of ``msvcrt`` the call that waits gives up after ten seconds, so that none waits here. What it
    locks is the first byte, which may lie beyond the end of the file.
    """
    if _has("fcntl"):
        fcntl = import_module("fcntl")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
    msvcrt = import_module("msvcrt")
    os.lseek(handle, 0, os.SEEK_SET)
    try:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
    except OSError as error:
        if error.errno == errno.EACCES:  # the only one that says that another has it
            return False
        raise
    return True


def _unlock(handle: int) -> None:
    """Unlock an open file; ``msvcrt`` wants that of just what was locked, before it is closed."""
    if _has("fcntl"):
        return  # closing unlocks
    msvcrt = import_module("msvcrt")
    os.lseek(handle, 0, os.SEEK_SET)
    msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)


def lock_file(folder: Path) -> Path:
    """Return the file that stands for a folder where folders cannot be locked."""
    name = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"cmgplan-{name}.lock"
