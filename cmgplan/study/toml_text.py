"""Plain values as TOML: the reverse of ``tomllib``, as far as case files need it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")


def toml_text(values: Mapping[str, Any]) -> str:
    """Return a TOML document; keys whose value is None are left out.

    Raises
    ------
    TypeError
        A value has no form in TOML.
    """
    lines = [
        f"{_key(key)} = {_value(value)}"
        for key, value in values.items()
        if value is not None and not _is_table(value) and not _is_tables(value)
    ]
    for key, value in values.items():
        if _is_table(value):
            lines += ["", f"[{_key(key)}]", *_lines(value)]
        elif _is_tables(value):
            for item in value:
                lines += ["", f"[[{_key(key)}]]", *_lines(item)]
    return "\n".join(lines) + "\n"


def _lines(table: Mapping[str, Any]) -> list[str]:
    return [f"{_key(key)} = {_value(item)}" for key, item in table.items() if item is not None]


def _is_table(value: object) -> bool:
    return isinstance(value, Mapping)


def _is_tables(value: object) -> bool:
    several = isinstance(value, list | tuple) and len(value) > 0
    return several and all(isinstance(item, Mapping) for item in value)  # type: ignore[attr-defined]


def _key(key: str) -> str:
    return key if _BARE.match(key) else _text(key)


def _value(value: Any) -> str:
    """Return one value; tables inline."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        return "{ " + ", ".join(_lines(value)) + " }" if value else "{}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    raise TypeError(f"{type(value).__name__} has no form in TOML")


def _text(text: str) -> str:
    """Return a text in quotes: JSON's escapes are TOML's too, but JSON leaves DEL as it is."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")
