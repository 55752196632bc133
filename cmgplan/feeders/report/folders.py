"""What the folders of both kinds of runs share: their marker, its JSON, their tables."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from cmgplan.errors import InputError, ReplayError, as_told
from cmgplan.given import read_text
from cmgplan.run.findings import CheckResult
from cmgplan.run.folder import FolderKind, jsonable
from cmgplan.run.strict_json import object_of
from cmgplan.run.tables import TableForm, read_csv, write_csv

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


def write_tables(
    tables: Mapping[str, pd.DataFrame], forms: Mapping[str, TableForm], folder: Path
) -> None:
    """Write tables by their forms."""
    for stem, form in forms.items():
        write_csv(tables[stem], form, folder / f"{stem}.csv")


def read_tables(forms: Mapping[str, TableForm], folder: Path) -> dict[str, pd.DataFrame]:
    """Read tables by their forms; InputError names the file and what is wrong with it."""
    return {stem: read_csv(form, folder / f"{stem}.csv", AGAIN) for stem, form in forms.items()}


def put_page(folder: Path, render: Callable[[], str]) -> Path:
    """Write the page of a run, whole or not at all, and return its path."""
    path, fresh = folder / "report.html", folder / ".report.html.new"
    try:
        fresh.write_text(render(), encoding="utf-8")
        fresh.replace(path)
    except OSError as error:
        raise as_told(error, path) from error
    finally:
        fresh.unlink(missing_ok=True)
    return path


def require_verified(checks: tuple[CheckResult, ...]) -> None:
    """Raise ReplayError unless every check of a run about to be written holds."""
    failed = [check for check in checks if not check.passed]
    if failed:
        told = "; ".join(f"{check.name}: {check.findings[0]}" for check in failed)
        raise ReplayError(f"the run is not verified and was not written: {told}")
