"""A lock around a folder, held by one process at a time: ``fcntl`` or, on Windows, ``msvcrt``."""

from __future__ import annotations

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
    """Lock the first byte of a file of the system's temporary folder that stands for the folder."""
    msvcrt = import_module("msvcrt")
    handle = os.open(lock_file(folder), os.O_RDWR | os.O_CREAT)
    try:
        while True:
            try:
                msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
                break
            except OSError:
                time.sleep(POLL_S)
        try:
            yield
        finally:
            os.lseek(handle, 0, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)
    finally:
        os.close(handle)


def lock_file(folder: Path) -> Path:
    """Return the file that stands for a folder where folders cannot be locked."""
    name = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"cmgplan-{name}.lock"
