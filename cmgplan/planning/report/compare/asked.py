"""What was asked differently: options of the plans, and the files of their cases."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cmgplan.errors import InputError
from cmgplan.given import MAX_DEPTH, deeper, read_text
from cmgplan.planning.report.compare.runs import ComparedRun, Comparison

NOT_GIVEN = "not given"
ABSENT = "no such file"
UNREADABLE = "not readable"


@dataclass(frozen=True)
class Asked:
    """Something that the runs do not all have alike, as text for each run."""

    name: str
    values: tuple[str, ...]


def options_asked(comparison: Comparison) -> tuple[Asked, ...]:
    """Return the options in which the plans differ."""
    flat = [dict(_flat(run.summary.options.model_dump())) for run in comparison.runs]
    return _unlike(flat)


def files_asked(comparison: Comparison) -> tuple[Asked, ...]:
    """Return the files in which the cases differ, each told by the first digits of its SHA-256."""
    held = [_digests(run) for run in comparison.runs]
    names = sorted({name for files in held for name in files})
    rows = (Asked(name, tuple(files.get(name, ABSENT) for files in held)) for name in names)
    return tuple(row for row in rows if len(set(row.values)) > 1)


def keys_asked(comparison: Comparison) -> tuple[Asked, ...]:
    """Return the keys of case.toml in which the cases differ, its plan options left out."""
    flat = []
    for run in comparison.runs:
        try:
            content = tomllib.loads(read_text(run.run.case_folder / "case.toml"))
        except (InputError, ValueError, RecursionError):
            return ()  # the table of files says which copy is not readable
        if deeper(content, MAX_DEPTH):
            return ()
        content.pop("plan", None)  # what a plan was made with stands among the options
        flat.append(dict(_flat(content)))
    return _unlike(flat)


def same_case(comparison: Comparison) -> bool:
    """Return whether all runs planned the same files."""
    return not files_asked(comparison)


def _unlike(flat: list[dict[str, str]]) -> tuple[Asked, ...]:
    names = list(dict.fromkeys(name for values in flat for name in values))
    rows = (Asked(name, tuple(values.get(name, NOT_GIVEN) for values in flat)) for name in names)
    return tuple(row for row in rows if len(set(row.values)) > 1)


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield the leaves of nested tables with their path; list entries go by their id or place."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flat(item, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        for k, item in enumerate(value):
            mark = item.get("id", k) if isinstance(item, Mapping) else k
            yield from _flat(item, f"{name}[{mark}]")
    else:
        yield name, _text(value)


def _text(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return repr(value) if isinstance(value, float) else str(value)


def _digests(run: ComparedRun) -> dict[str, str]:
    """Return the beginning of the SHA-256 of each file of a run's case."""
    folder = run.run.case_folder
    return {
        path.relative_to(folder).as_posix(): _digest(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    except OSError:
        return UNREADABLE
