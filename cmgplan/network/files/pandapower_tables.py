"""The tables of a pandapower network saved as JSON, filled into a network of pandapower's."""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cmgplan.errors import InputError
from cmgplan.given import shown
from cmgplan.network.files.pandapower_coverage import TABLES
from cmgplan.network.files.pandapower_json import NetFile, read_net_file, release
from cmgplan.network.files.pandapower_required import complete, unsaid

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
    file = read_net_file(path)
    read = [key for key in file.entries if key in TABLES]
    unread = [key for key in file.entries if key not in TABLES | SCALARS]
    if "bus" not in read:
        raise InputError(
            f"{file.name}: there is no table of buses; save it with pandapower.to_json"
        )
    empty = empty_net()
    usual = {key: empty[key] for key in TABLES if key in empty}
    frames = {key: file.frame(key, usual.get(key)) for key in read}
    file.refuse_objects(unread)
    net = copy.deepcopy(empty)
    fill(net, file, frames)
    notes = [
        f"table {key} is not honoured"
        for key in unread
        if file.is_table(key) and not key.startswith(SILENT) and not file.is_empty(key)
    ]
    complete(net, usual)
    faults = [fault for key in sorted(usual) for fault in _faults(net, key, usual[key])]
    faults += unsaid(net)
    if faults:
        raise InputError(f"{file.name}: " + "; ".join(faults))
    return net, notes


@functools.cache
def empty_net() -> Any:
    """Return pandapower's empty network, which takes it a second to make; not to be altered."""
    import pandapower as pp

    return pp.create_empty_network()


def fill(net: Any, file: NetFile, frames: dict[str, pd.DataFrame]) -> None:
    """Put a file's frames into an empty network and bring them to the layout of this pandapower.

    Raises
    ------
    InputError
        The file is of a newer layout, or what pandapower needs to bring it up to date is missing.
    """
    import pandapower as pp
    from pandapower import __format_version__
    from pandapower.convert_format import convert_format

    net.name, net.f_hz = file.text("name"), file.number("f_hz", 50.0)
    net.sn_mva = file.number("sn_mva", 1.0)
    layout = file.format_version or __format_version__
    if release(layout) > release(__format_version__):
        raise InputError(
            f"{file.name}: saved by pandapower {file.version} in a layout ({layout}) "
            f"newer than the {__format_version__} of the pandapower {pp.__version__} that is "
            "installed; update pandapower"
        )
    net.version, net.format_version = file.version or pp.__version__, layout
    for key, frame in frames.items():
        net[key] = frame
    try:
        convert_format(net)
    except (LookupError, ValueError, TypeError, AttributeError, UserWarning) as error:
        told = shown(str(error))
        raise InputError(f"{file.name}: pandapower cannot bring it up to date ({told})") from error


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
