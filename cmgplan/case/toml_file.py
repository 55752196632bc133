"""case.toml as plain values, and its records as far as they are sound."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from cmgplan.case.explain import holds, shown
from cmgplan.case.folder import CASE_FILE, CaseFolder
from cmgplan.devices import Record
from cmgplan.errors import Fault
from cmgplan.given import MAX_DEPTH, deeper

R = TypeVar("R", bound=Record)


def read_toml(folder: CaseFolder, faults: list[Fault]) -> dict[str, Any] | None:
    """Read case.toml with its arrays as tuples, as the records want them."""
    text = folder.read_text(CASE_FILE)
    if isinstance(text, Fault):
        faults.append(text)
        return None
    try:
        raw = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        row = re.search(r"at line (\d+)", str(error))
        where = f"row {row.group(1)}" if row else ""
        faults.append(
            Fault(CASE_FILE, where, f"this is not TOML ({error})", "mend the syntax of the row")
        )
        return None
    if deeper(raw, MAX_DEPTH):
        message = f"its tables are nested deeper than {MAX_DEPTH} levels"
        faults.append(Fault(CASE_FILE, "", message, "no key of a case has so many parts"))
        return None
    return {key: _frozen(value) for key, value in raw.items()}


def other_system(raw: Mapping[str, Any], system: str, *, named: bool) -> Fault | None:
    """Return a fault where a case.toml is of another system than the one that reads it.

    ``named`` says that cases of the system must name it.
    """
    given = raw.get("system", None if named else system)
    if given == system:
        return None
    if given is None:
        message = f"system is missing, so this is no case of {system}"
        return Fault(CASE_FILE, "system", message, f'add system = "{system}"')
    message = f"{shown(given)} is not {system}, which is what is read here"
    return Fault(CASE_FILE, "system", message, f'run it as what it is, or give "{system}"')


def _frozen(value: object) -> object:
    """Return a value with every list in it turned into a tuple."""
    if isinstance(value, dict):
        return {key: _frozen(item) for key, item in value.items()}
    if isinstance(value, list):
        return tuple(_frozen(item) for item in value)
    return value


def sound(model: type[R], raw: object) -> R | None:
    """Return a record, or None where it is faulty."""
    try:
        return model.model_validate(raw)
    except ValidationError:
        return None


def dotted(path: tuple[str | int, ...]) -> str:
    """Return ``microgrid[2].mt[0].p_max_kw`` for a path in the data."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in path]
    return "".join(parts).removeprefix(".")


def owner(raw: object, path: tuple[str | int, ...]) -> str:
    """Return the ids along a path, such as `` (MG3, MT1)``."""
    ids = []
    for part in path:
        raw = raw[part] if holds(raw, part) else None  # type: ignore[index]
        if isinstance(part, int) and isinstance(raw, Mapping) and isinstance(raw.get("id"), str):
            ids.append(str(raw["id"]))
    return f" ({', '.join(ids)})" if ids else ""
