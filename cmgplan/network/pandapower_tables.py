"""The tables of a pandapower network saved as JSON; Python objects in it are not created."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cmgplan.errors import InputError
from cmgplan.network.pandapower_coverage import TABLES

SCALARS = frozenset(["version", "format_version", "name", "f_hz", "sn_mva"])
SILENT = ("res_", "std_types", "user_pf_options", "converged", "OPF_converged", "_empty")

BUSES = ("bus", "from_bus", "to_bus", "hv_bus", "mv_bus", "lv_bus")
"""Columns that name a bus."""

LIMITS = frozenset(
    f"{end}_{what}"
    for end in ("min", "max")
    for what in ("p_mw", "q_mvar", "vm_pu", "loading_percent")
)
"""Columns of numbers that a table need not have."""


def decoded_net(path: Path) -> tuple[Any, list[str]]:
    """Return the network built from the known tables of a file, and notes on the others.

    Raises
    ------
    InputError
        The file is not such a network, or a table cannot be right; the message says where.
    """
    import pandapower as pp

    name, notes = path.name, list[str]()
    raw = _raw(path)
    kept: dict[str, Any] = {}
    for key, value in raw["_object"].items():
        table = isinstance(value, dict) and value.get("_class") == "DataFrame"
        if key in SCALARS:
            kept[key] = value
        elif key in TABLES:
            if not table or "_module" in str(value["_object"]) or "_class" in str(value["_object"]):
                raise InputError(
                    f"{name}: table {key} holds a Python object; only numbers and texts are read, "
                    "leave the object out"
                )
            kept[key] = value
        elif table and not key.startswith(SILENT) and not _empty(value):
            notes.append(f"table {key} is not honoured")
    if "bus" not in kept:
        raise InputError(f"{name}: there is no table of buses; save it with pandapower.to_json")
    try:
        net = pp.from_json_string(json.dumps({**raw, "_object": kept}), convert=True)
    except (LookupError, ValueError, TypeError, AttributeError, UserWarning) as error:
        raise InputError(f"{name}: pandapower cannot read it ({error})") from error
    usual = pp.create_empty_network()
    faults = [fault for key in sorted(TABLES) for fault in _faults(net, key, usual.get(key))]
    if faults:
        raise InputError(f"{name}: " + "; ".join(faults))
    return net, notes


def _empty(table: dict[str, Any]) -> bool:
    return '"data":[]' in str(table["_object"]).replace(" ", "")


def _raw(path: Path) -> dict[str, Any]:
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the name") from error
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{path.name}: cannot be read as JSON ({error}); check the file"
        ) from error
    content = raw.get("_object") if isinstance(raw, dict) else None
    if not isinstance(content, dict) or raw.get("_class") != "pandapowerNet":
        raise InputError(f"{path.name}: not a pandapower network; save it with pandapower.to_json")
    return dict(raw)


def _faults(net: Any, key: str, usual: pd.DataFrame | None) -> Iterator[str]:
    """Yield what cannot be right in a table: missing columns, texts for numbers, unknown buses.

    ``usual`` is the empty table as pandapower makes it; columns of the user's own are left alone.
    """
    if key not in net:
        return
    table = net[key]
    usual = table.iloc[:0] if usual is None else usual
    needed = [c for c in usual.columns if c in (*BUSES, "in_service") and c not in table.columns]
    if needed and len(table):
        yield f"table {key} has no {', '.join(needed)}; add what is missing"
    numbers = {c for c in usual.columns if pd.api.types.is_numeric_dtype(usual[c])} | LIMITS
    for column in (column for column in table.columns if column in numbers):
        values = table[column]
        wrong = pd.to_numeric(values, errors="coerce").isna() & values.notna()
        if wrong.any():
            place = values.index[np.flatnonzero(wrong.to_numpy())[0]]
            shown = str(values[place])[:40]
            yield f"{key} {place}: {column} is `{shown}`, which is not a number; correct it"
    for column in (column for column in BUSES if column in table):
        unknown = ~table[column].isin(net.bus.index)
        if unknown.any():
            place = table.index[np.flatnonzero(unknown.to_numpy())[0]]
            yield (
                f"{key} {place}: {column} {table[column][place]} is not in the table of buses; add "
                "the bus or correct the row"
            )
