"""The files of a run that say what its bounds rest on."""

from __future__ import annotations

import json
from pathlib import Path

MOST_BYTES = 20_000_000
"""Size over which a file is not read: a year of hours takes a tenth of it."""

DAMAGED = "damaged"
"""Stands for a file that cannot be read."""


def read_proofs(folder: Path | str) -> dict[int, object]:
    """Return the content of ``proofs/NN.json`` by Pareto point, ``DAMAGED`` where there is none."""
    found: dict[int, object] = {}
    for path in sorted((Path(folder) / "proofs").glob("*.json")):
        if path.stem.isascii() and path.stem.isdigit() and len(path.stem) <= 6:
            found[int(path.stem)] = _content(path)
    return found


def _content(path: Path) -> object:
    try:
        if path.stat().st_size > MOST_BYTES:
            return DAMAGED
        content: object = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return DAMAGED
    return content
