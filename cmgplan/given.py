"""What a user gives as files: read whole, within stated limits, and quoted in short.

A name that a user gives is opened only where it is a plain file, so that a device or a pipe
cannot hang the reader; what it holds is checked for its size and depth before it is used.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path
from typing import Any

from cmgplan.errors import InputError

MAX_DEPTH = 64
"""Deepest nesting of lists and objects in a file that is read; no file of ours passes 10."""

MAX_MB = 64
"""Largest size of a case's own files, of plan.json and of a table, in MB of 10^6 bytes."""

MAX_NETWORK_MB = 512
"""Largest size of a network file; 10,000 buses take about 10."""

MAX_ROWS = 1_000_000
"""Most rows of a table: two years of minutes."""

QUOTED = 60
"""Longest value quoted in a message, in characters."""


def shown(value: object) -> str:
    """Return a value as a message quotes it: on one line, its middle left out where it is long."""
    if isinstance(value, dict | list | tuple):
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)}"
    text = value if isinstance(value, str) else repr(value)
    cut = text if len(text) <= QUOTED else f"{text[:40]}...{text[-10:]} ({len(text)} characters)"
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in cut)


def read_text(path: Path, *, max_mb: int = MAX_MB, name: str | None = None) -> str:
    """Return the text of a plain file in UTF-8, a byte order mark left out; line ends stay.

    Raises
    ------
    InputError
        There is no such plain file, it cannot be read, is larger than ``max_mb`` or not UTF-8;
        the message begins with ``name``, by default the path.
    """
    called = shown(str(path)) if name is None else name
    try:
        data = file_bytes(path, max_mb * 1_000_000)
    except IsADirectoryError as error:
        raise InputError(f"{called}: this is a folder, not a file; name a file") from error
    except OSError as error:
        raise InputError(f"{called}: cannot be read ({error.strerror}); check the name") from error
    except ValueError as error:
        raise InputError(f"{called}: not a name of a file ({error}); correct the name") from error
    if data is None:
        raise InputError(f"{called}: larger than {max_mb} MB, the most that is read; split it")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = data[: error.start].count(b"\n") + 1
        raise InputError(f"{called} row {row}: not UTF-8; save the file as UTF-8") from error


def file_bytes(path: Path, limit: int) -> bytes | None:
    """Return what a plain file holds, None where that is more than ``limit`` bytes.

    Raises
    ------
    OSError
        There is no such file, it cannot be read, or it is a folder, a device or a pipe.
    """
    with open(path, "rb", opener=_unblocked) as file:
        kind = os.fstat(file.fileno()).st_mode
        if stat.S_ISDIR(kind):
            raise IsADirectoryError(errno.EISDIR, "it is a folder", str(path))
        if not stat.S_ISREG(kind):
            raise OSError(errno.EINVAL, "it is a device or a pipe, not a file", str(path))
        data = file.read(limit + 1)
    return data if len(data) <= limit else None


def _unblocked(path: str, flags: int) -> int:
    """Open a file without waiting for the other end of a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def json_value(text: str, called: str) -> Any:
    """Return what a JSON text holds, each key of an object once, nested ``MAX_DEPTH`` at most.

    Raises
    ------
    InputError
        It is not JSON, a key stands twice, or it is nested too deep; the message begins with
        ``called``.
    """
    try:
        value = json.loads(text, object_pairs_hook=_once)
    except RecursionError as error:
        raise InputError(f"{called}: nested deeper than {MAX_DEPTH} levels; flatten it") from error
    except ValueError as error:
        told = shown(str(error))
        raise InputError(f"{called}: cannot be read as JSON ({told}); check the file") from error
    if deeper(value, MAX_DEPTH):
        raise InputError(f"{called}: nested deeper than {MAX_DEPTH} levels; flatten it")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON, refusing a key that stands twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {shown(twice)} stands twice")
    return found


def deeper(value: object, levels: int) -> bool:
    """Return whether lists and objects are nested deeper than so many levels."""
    layer: list[object] = [value]
    for _ in range(levels):
        inner: list[object] = []
        for item in layer:
            if isinstance(item, dict):
                inner.extend(item.values())
            elif isinstance(item, list | tuple):
                inner.extend(item)
        layer = [item for item in inner if isinstance(item, dict | list | tuple)]
        if not layer:
            return False
    return True
