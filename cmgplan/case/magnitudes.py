"""Rules for the magnitude of figures: what no case of a distribution network meets.

Solvers lose their digits over such figures and refuse the problem in words of their own.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping

from cmgplan.case.folder import CASE_FILE
from cmgplan.devices import Record
from cmgplan.errors import Fault

LIMITS: dict[str, tuple[float, str]] = {
    "_kg_per_kwh": (10.0, "kg/kWh"),
    "_kg_per_h": (1e6, "kg/h"),
    "_per_kwh": (1e4, "money per kWh"),
    "_per_kg": (1e4, "money per kg"),
    "_k_per_h": (1e4, "K/h"),
    "_c": (150.0, "degrees Celsius"),
    "_k": (1000.0, "K"),
    "_m3": (1e6, "m3"),
    "cop": (100.0, "kW of heat per kW"),
    "_usd_per_mwh": (1e7, "$/MWh"),
    "_usd": (1e9, "$"),
    "_kw": (1e9, "kW"),
    "_kvar": (1e9, "kvar"),
    "_kva": (1e9, "kVA"),
    "_kwh": (1e9, "kWh"),
    "_ohm": (1e6, "ohm"),
    "_us": (1e9, "microsiemens"),
    "_kv": (2000.0, "kV"),
    "_pu": (10.0, "pu"),
    "_h": (1e5, "h"),
    "hours": (1e6, "intervals"),
    "_s": (1e9, "s"),
}
"""Largest magnitude by the end of a key, and its unit; a terawatt is 1e9 kW."""

LEAST_OHM = 1e-9
"""Smallest impedance above 0; a centimetre of cable has a thousand times as much."""

OTHERWISE = (1e9, "")


def row_magnitudes(file: str, where: str, record: Record) -> Iterator[Fault]:
    """Yield the figures of a row that are beyond the limits."""
    for key, message, mend in _beyond(record, ""):
        yield Fault(file, where, f"{key} {message}", mend)


def key_magnitudes(where: str, record: Record | None) -> Iterator[Fault]:
    """Yield the figures of a record of case.toml that are beyond the limits."""
    if record is not None:
        for key, message, mend in _beyond(record, f"{where}."):
            yield Fault(CASE_FILE, key, message, mend)


def _beyond(value: object, path: str, name: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield path, message and mend of every figure in a record that is beyond its limit."""
    if isinstance(value, Record):
        for key in type(value).model_fields:
            yield from _beyond(getattr(value, key), f"{path}{key}", key)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _beyond(item, f"{path}.{key}", name)
    elif isinstance(value, tuple):
        for k, item in enumerate(value):
            inner = f"{path}[{k}]"
            yield from _beyond(item, f"{inner}." if isinstance(item, Record) else inner, name)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        limit, unit = _limit(name)
        if abs(value) > limit:
            yield path, f"{_figure(value)} is beyond {limit:g} {unit}".rstrip(), "correct it"
        elif name.endswith("_ohm") and 0.0 < abs(value) < LEAST_OHM:
            mend = "correct it, or merge the two ends"
            yield path, f"{value:g} is under {LEAST_OHM:g} ohm", mend


def _limit(name: str) -> tuple[float, str]:
    """Return the largest magnitude of a key and its unit."""
    return next((told for end, told in LIMITS.items() if name.endswith(end)), OTHERWISE)


def _figure(value: float) -> str:
    """Return a figure in few digits; whole numbers may have any number of them."""
    few = abs(value) <= sys.float_info.max
    return f"{value:g}" if few else "a number of more than 300 digits"
