"""What a record refuses, said in plain words and with the mend."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from cmgplan.units import in_known_unit, unit_of

Path = tuple[str | int, ...]

_WANTED = {
    "float_type": "a number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "string_type": "text",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a table",
    "date_type": "a day such as 2016-07-14",
    "date_from_datetime_inexact": "a day such as 2016-07-14",
    "model_type": "a table",
}

_LIMITS = {"greater_than", "greater_than_equal", "less_than", "less_than_equal"}


@dataclass(frozen=True)
class Problem:
    """One value, or one key, that a record refuses. ``path`` leads to it in the data."""

    path: Path
    message: str
    mend: str
    missing: bool = False

    @property
    def key(self) -> str:
        """Name of the key or column that the problem is about."""
        names = [part for part in self.path if isinstance(part, str)]
        return names[-1] if names else ""


def problems(error: ValidationError, model: type[BaseModel], data: object) -> list[Problem]:
    """Return the problems of one refused record, one for each path in the data."""
    grouped: dict[Path, list[ErrorDetails]] = {}
    for detail in error.errors(include_url=False):
        path = detail["loc"] if detail["type"] == "missing" else _path_in(data, detail["loc"])
        if _follows(detail, _at(data, path) if detail["type"] == "too_short" else None):
            continue
        grouped.setdefault(path, []).append(detail)
    refused = {
        path: known_key(str(path[-1]), keys_of(model, path[:-1]))
        for path, details in grouped.items()
        if details[0]["type"] == "extra_forbidden"
    }
    meant = {(*path[:-1], key) for path, (key, _) in refused.items()}
    found = []
    for path, details in grouped.items():
        if path in refused:
            found.append(Problem(path, f"{path[-1]} is not a known key", refused[path][1]))
        elif details[0]["type"] != "missing":
            found.append(_value_problem(path, details, _at(data, path)))
        elif path not in meant:
            mend = f"add {path[-1]}{_in_unit(str(path[-1]))}"
            found.append(Problem(path, f"{path[-1]} is missing", mend, missing=True))
    return found


def _follows(detail: ErrorDetails, value: object) -> bool:
    """Return whether a list counts as too short for its faulty items alone, which are told."""
    if not isinstance(value, list | tuple):
        return False
    return len(value) >= int(detail["ctx"]["min_length"])


def known_key(key: str, known: Iterable[str]) -> tuple[str | None, str]:
    """Return the known key that an unknown one probably means, and the mend in words."""
    names = list(known)
    converted = in_known_unit(key)
    if converted is not None and converted[0] in names:
        return converted[0], f"use {converted[0]} and {converted[1]}"
    near = get_close_matches(key, names, n=1)
    if near:
        return near[0], f"use {near[0]}, or remove it"
    return None, f"remove it; known are {', '.join(names)}"


def nearest(value: str, known: Iterable[str], otherwise: str) -> str:
    """Return a mend that names the nearest of the known ids."""
    near = get_close_matches(value, list(known), n=1)
    return f"did you mean {near[0]}?" if near else otherwise


def keys_of(model: type[BaseModel], path: Path) -> list[str]:
    """Return the keys of the record that a path leads to, starting from a model."""
    for part in path:
        if isinstance(part, str) and part in model.model_fields:
            model = _model_in(model.model_fields[part].annotation) or model
    return list(model.model_fields)


def shown(value: object) -> str:
    """Return a value as its file would hold it, shortened."""
    if isinstance(value, str):
        text = f'"{value}"'
    elif isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, Mapping):
        text = "a table"
    elif isinstance(value, list | tuple):
        text = "a list"
    else:
        text = str(value)
    return text if len(text) <= 40 else f"{text[:36]} ..."


def _listed(value: object) -> str:
    """Return a value, a short list with what it holds."""
    if not isinstance(value, list | tuple) or len(value) > 4:
        return shown(value)
    return f"[{', '.join(shown(item) for item in value)}]"


def _model_in(annotation: object) -> type[BaseModel] | None:
    """Return the record type inside an annotation such as ``tuple[Bus, ...]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((m for m in map(_model_in, get_args(annotation)) if m is not None), None)


def holds(data: object, part: str | int) -> bool:
    """Return whether a table or a list of the data has an entry."""
    if isinstance(data, Mapping):
        return part in data
    return isinstance(data, tuple) and isinstance(part, int) and part < len(data)


def _at(data: object, path: Path) -> object:
    """Return the value that a path leads to."""
    for part in path:
        data = data[part]  # type: ignore[index]
    return data


def _path_in(data: object, loc: Path) -> Path:
    """Return the leading part of a location that exists in the data.

    Where a value may be of two types, pydantic adds the type's name to the location.
    """
    for depth, part in enumerate(loc):
        if not holds(data, part):
            return loc[:depth]
        data = data[part]  # type: ignore[index]
    return loc


def _in_unit(key: str) -> str:
    """Return `` in kW`` for a key of that unit."""
    unit = unit_of(key)
    return f" in {unit}" if unit else ""


def _value_problem(path: Path, details: list[ErrorDetails], value: object) -> Problem:
    """Say what is wrong with a value."""
    names = [part for part in path if isinstance(part, str)]
    # A pollutant's price takes its unit from the table that holds it.
    with_unit = next(
        (name for name in reversed(names) if unit_of(name)), names[-1] if names else ""
    )
    unit = _in_unit(with_unit)
    detail = details[-1]
    kind, limits = detail["type"], detail.get("ctx", {})
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if len(details) > 1:
        return _none_of_several(path, details, value, unit)
    if kind in _WANTED:
        return _type_problem(path, _WANTED[kind], value, unit)
    if kind == "finite_number" or value != value:  # no limit holds of what is no number
        return Problem(path, f"{shown(value)} is not a finite number", f"give a number{unit}")
    if kind == "literal_error":
        expected = str(limits["expected"])
        return Problem(path, f"{shown(value)} is not known", f"give {expected}")
    if kind in ("string_too_short", "too_short"):
        return Problem(path, f"{shown(value)} is empty", "give at least one")
    if kind in ("greater_than", "greater_than_equal") and number:
        least = limits.get("gt", limits.get("ge"))
        words = f"above {least:g}" if kind == "greater_than" else f"{least:g} or more"
        bad = "is negative" if float(detail["input"]) < 0.0 else f"is not {words}"
        return Problem(path, f"{shown(value)} {bad}", f"give {words}{unit}")
    if kind in ("less_than", "less_than_equal") and number:
        most = limits.get("lt", limits.get("le"))
        words, bad = f"at most {most:g}", f"is over {most:g}"
        if kind == "less_than":
            words, bad = f"less than {most:g}", f"is not under {most:g}"
        share = " (20 % is 0.2)" if most == 1 else ""
        return Problem(path, f"{shown(value)} {bad}", f"give {words}{share}")
    if kind == "value_error" and not path:  # of a whole record: what is wrong; the mend
        message, _, mend = detail["msg"].removeprefix("Value error, ").partition("; ")
        return Problem(path, message, mend or "give another value")
    if detail["msg"].startswith("give "):  # of a type that says what it wants
        return Problem(path, f"{_listed(value)} does not fit", detail["msg"])
    return Problem(path, f"{shown(value)}: {detail['msg']}", "give another value")


def _none_of_several(path: Path, details: list[ErrorDetails], value: object, unit: str) -> Problem:
    """Say what is wrong with a value that may be of several types and is of none."""
    words = [str(d["ctx"]["expected"]) for d in details if d["type"] == "literal_error"]
    kinds = {detail["type"] for detail in details}
    if "'market'" in words:
        bad = "is negative" if "greater_than_equal" in kinds else "is not a price"
        return Problem(path, f"{shown(value)} {bad}", 'give "market" or 0 or more in $/MWh')
    other = words[0] if words else "the name of a column of the profiles"
    limits = [d for d in details if d["type"] in _LIMITS]
    if limits:
        alone = _value_problem(path, limits, value)
        return Problem(path, alone.message, f"{alone.mend}, or {other}")
    if "finite_number" in kinds:
        return Problem(path, f"{shown(value)} is not finite", f"give a number{unit}, or {other}")
    message = f"{shown(value)} is neither a number nor {other}"
    return Problem(path, message, f"give a number{unit}, or {other}")


def _type_problem(path: Path, wanted: str, value: object, unit: str) -> Problem:
    """Say that a value is of the wrong type."""
    key = next((part for part in reversed(path) if isinstance(part, str)), "")
    message = f"{shown(value)} is not {wanted}"
    if wanted == "a list" and isinstance(value, Mapping):
        tables = ".".join(part for part in path if isinstance(part, str))
        return Problem(path, message, f"write [[{tables}]] with double brackets")
    if isinstance(value, str) and wanted in ("a number", "a whole number"):
        digits = re.match(r"\s*[-+]?\d+(\.\d+)?", value)
        example = f", as in {key} = {digits.group().strip()}" if digits else ""
        return Problem(path, message, f"give {wanted}{unit}{example}")
    return Problem(path, message, f"give {wanted}{unit}")
