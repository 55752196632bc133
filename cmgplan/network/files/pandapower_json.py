"""What a pandapower network saved as JSON holds, as data alone.

The file names modules, classes and functions; none of them is imported, called or opened. Tables
that are read consist of numbers, truth values, texts and nothing (see ``pandapower_frames``);
Python objects that pandapower itself stores elsewhere stay unread, and all others are refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from cmgplan.errors import InputError
from cmgplan.given import MAX_NETWORK_MB, json_value, read_text, shown
from cmgplan.network.files.pandapower_cells import kind_of
from cmgplan.network.files.pandapower_frames import frame_of

NET_MODULE, NET_CLASS = "pandapower.auxiliary", "pandapowerNet"
SIGNATURE = ("_module", "_class")
SAVE_AGAIN = "open it with pandapower and save it again with pandapower.to_json"

_STORED = (
    (re.compile(r"pandas(\.[\w.]+)?"), re.compile(r"DataFrame|Series|\w*Index")),
    (re.compile(r"numpy"), re.compile(r"array|bool_?|(u?int|float|complex)\d+|str_")),
    (re.compile(r"builtins"), re.compile(r"tuple|set|frozenset|complex")),
    (re.compile(r"(pandapower|pandaplan|simbench)(\.\w+)*"), re.compile(r"[A-Z]\w*")),
    (re.compile(r"pandapower\.auxiliary"), re.compile(r"pandapowerNet")),
    (re.compile(r"networkx(\.\w+)*"), re.compile(r"(Multi)?(Di)?Graph")),
    (re.compile(r"geopandas\.geodataframe"), re.compile(r"GeoDataFrame")),
    (re.compile(r"shapely(\.\w+)*"), re.compile(r"[A-Z]\w*")),
)
"""Modules and classes of data that pandapower stores in parts that are not read here."""

_VERSION = re.compile(r"\d{1,4}(\.\d{1,6}){1,3}[.\w+-]{0,40}")
_NUMBER = re.compile(r"(u?int|float)(8|16|32|64)")


@dataclass(frozen=True)
class NetFile:
    """The entries of a pandapower file, tables and others, as JSON holds them.

    Attributes
    ----------
    name
        Name of the file, for messages.
    entries
        What stands in the network by its key.
    version, format_version
        pandapower's version that saved it, and of the layout of its tables; None where the file
        does not say.
    """

    name: str
    entries: dict[str, Any]
    version: str | None
    format_version: str | None

    def is_table(self, key: str) -> bool:
        """Return whether an entry is a table as pandapower saves one."""
        entry = self.entries[key]
        return isinstance(entry, dict) and entry.get("_class") == "DataFrame"

    def is_empty(self, key: str) -> bool:
        """Return whether an entry is a table without rows."""
        text = str(self.entries[key].get("_object")).replace(" ", "")
        return '"data":[]' in text or re.fullmatch(r'\{("[^"]*":\{\},?)*\}', text) is not None

    def frame(self, key: str, usual: pd.DataFrame | None) -> pd.DataFrame:
        """Return a table; ``usual`` is the empty one with pandapower's own columns and types.

        Raises
        ------
        InputError
            The table holds something else than numbers, truth values, texts and nothing.
        """
        return frame_of(self.name, key, self.entries[key], usual)

    def number(self, key: str, default: float) -> float:
        """Return a number above 0 that stands in the network, or the default where none does.

        Raises
        ------
        InputError
            Something else stands there.
        """
        value = _plain(self.entries.get(key))
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InputError(f"{self.name}: {key} is {kind_of(value)}, not a number; correct it")
        if not (0.0 < value <= 1e9 and math.isfinite(value)):
            raise InputError(f"{self.name}: {key} is {shown(value)}; give a number above 0")
        return float(value)

    def text(self, key: str) -> str:
        """Return a text that stands in the network, empty where none does.

        Raises
        ------
        InputError
            Something else stands there.
        """
        value = _plain(self.entries.get(key))
        if value is None:
            return ""
        if isinstance(value, dict | list | bool):
            raise InputError(f"{self.name}: {key} is {kind_of(value)}, not a text; correct it")
        return str(value)

    def refuse_objects(self, keys: Iterable[str]) -> None:
        """Refuse entries that hold a Python object other than pandapower's own kinds of data.

        Raises
        ------
        InputError
            One does; the message says where, and what it names.
        """
        for key in keys:
            for place, module, told in _objects(self.entries[key], f"entry {shown(key)}"):
                if not _is_stored(module, told):
                    raise InputError(
                        f"{self.name}: {place} is a Python object ({shown(f'{module}.{told}')}); "
                        "a file is data and nothing that it names is run, leave the object out"
                    )


def read_net_file(path: Path) -> NetFile:
    """Read a pandapower file of version 2.0 or newer.

    Raises
    ------
    InputError
        It is no such file, or names a callable, a module or a class that is not data; the message
        says where.
    """
    name = path.name
    raw = json_value(read_text(path, max_mb=MAX_NETWORK_MB), shown(name))
    name = shown(name)
    entries = _entries(name, raw)
    version, layout = (
        _version(name, entries.get(key), key) for key in ("version", "format_version")
    )
    told = [v for v in (version, layout) if v is not None]
    return NetFile(name, entries, version, min(told, key=release, default=None))


def _entries(name: str, raw: Any) -> dict[str, Any]:
    """Return what stands in the network of a file."""
    if isinstance(raw, dict) and "_class" not in raw and "bus" in raw:
        raise InputError(f"{name}: saved by pandapower older than 2.0; {SAVE_AGAIN}")
    if not isinstance(raw, dict) or raw.get("_class") != NET_CLASS:
        raise InputError(f"{name}: not a pandapower network; save it with pandapower.to_json")
    if raw.get("_module", NET_MODULE) != NET_MODULE:
        told = shown(raw.get("_module"))
        raise InputError(f"{name}: _module is {told} where pandapower writes {NET_MODULE}")
    beside = sorted(set(raw) - {*SIGNATURE, "_object", "dtype"})
    if beside:
        raise InputError(f"{name}: {shown(beside[0])} stands beside the network; leave it out")
    content = raw.get("_object")
    if isinstance(content, str):  # the layout of pandapower 2.0
        content = json_value(content, f"{name}: the network")
    if not isinstance(content, dict):
        raise InputError(f"{name}: the network is {kind_of(content)}, not an object; {SAVE_AGAIN}")
    return content


def _version(name: str, value: Any, key: str) -> str | None:
    """Return a version as text, refusing what is none and what is older than 2.0."""
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(float(value))
    if not isinstance(value, str) or not _VERSION.fullmatch(value):
        raise InputError(
            f"{name}: {key} is {kind_of(value)}, not a version such as 3.1.0; {SAVE_AGAIN}"
        )
    if release(value) < (2, 0):
        raise InputError(f"{name}: saved by pandapower {value}, older than 2.0; {SAVE_AGAIN}")
    return value


def release(version: str) -> tuple[int, ...]:
    """Return the numbers that a version begins with."""
    found = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(part) for part in found.group().split(".")) if found else ()


def _plain(value: Any) -> Any:
    """Return a value of the network, unpacked where it was saved as a number of NumPy."""
    if isinstance(value, dict) and set(value) == {*SIGNATURE, "_object"}:
        held, kind = value["_object"], value["_class"]
        if value["_module"] == "numpy" and isinstance(kind, str) and _NUMBER.fullmatch(kind):
            return None if held == "nan" else held
    return None if isinstance(value, float) and math.isnan(value) else value


def _objects(value: Any, place: str) -> Iterator[tuple[str, Any, Any]]:
    """Yield place, module and class of every Python object that a value names, at any depth."""
    if isinstance(value, dict):
        if set(SIGNATURE) & set(value):
            yield place, value.get("_module"), value.get("_class")
        for key, item in value.items():
            if key == "_object" and isinstance(item, str):
                yield from _objects(_inner(value.get("_class"), item), place)
            elif key not in SIGNATURE or not isinstance(item, str):
                yield from _objects(item, place if key == "_object" else f"{place}, {shown(key)}")
    elif isinstance(value, list):
        for k, item in enumerate(value):
            if isinstance(item, dict | list):
                yield from _objects(item, f"{place}, {k}")


def _inner(told: Any, text: str) -> Any:
    """Return what the text of a table holds where it may name an object, else nothing."""
    if told not in ("DataFrame", "Series"):
        return None
    if not any(mark in text for mark in (*SIGNATURE, "\\u")):
        return None
    try:
        return json_value(text, "")
    except InputError:
        return None


def _is_stored(module: Any, told: Any) -> bool:
    """Return whether pandapower stores objects of a class as data."""
    if not isinstance(module, str) or not isinstance(told, str):
        return False
    return any(m.fullmatch(module) and c.fullmatch(told) for m, c in _STORED)
