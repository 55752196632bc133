"""What the folders of both kinds of runs share: their marker, its JSON, their tables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cmgplan.errors import InputError
from cmgplan.given import read_text
from cmgplan.run.folder import FolderKind, jsonable
from cmgplan.run.strict_json import object_of

CONFIGURATION = FolderKind("a run of cmgplan reconfigure", "reconfiguration.json")
RELIABILITY = FolderKind("a run of cmgplan reliability", "reliability.json")

AGAIN = "run the command again"


def write_json(summary: Mapping[str, Any], path: Path) -> None:
    """Write a summary; what is not finite becomes null."""
    text = json.dumps(jsonable(summary), indent=2, allow_nan=False, ensure_ascii=False)
    path.write_text(f"{text}\n", encoding="utf-8")


def read_json(folder: Path, kind: FolderKind, needed: Mapping[str, type]) -> dict[str, Any]:
    """Read the summary of a run; InputError where a key is missing or of another type."""
    path = folder / kind.marker
    if not path.is_file():
        raise InputError(f"{folder}: is not {kind.what}, it has no {kind.marker}")
    try:
        found = object_of(read_text(path))
    except (InputError, ValueError) as error:
        raise InputError(f"{path}: is damaged ({error}); {AGAIN}") from error
    for key, of in needed.items():
        value = found.get(key)
        kinds = (int, float) if of is float else (of,)
        if not isinstance(value, kinds) or (isinstance(value, bool) and of is not bool):
            raise InputError(f"{path}: {key} is missing or of another type; {AGAIN}")
    return found
