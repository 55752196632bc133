"""What tables of a pandapower network do not give: None, NaN and empty columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from cmgplan.network.files.pandapower_coverage import HONOURED

_FLAGS = frozenset(
    [
        *("in_service", "controllable", "slack", "closed"),
        *("tap_dependency_table", "step_dependency_table", "tap_at_star_point"),
        "tap_phase_shifter",
    ]
)
_TEXTS = {
    "tap_side": ("hv", "mv", "lv"),
    "tap2_side": ("hv", "mv", "lv"),
    "tap_changer_type": ("Ratio", "Symmetrical", "Ideal", "Tabular"),
    "tap2_changer_type": ("Ratio", "Symmetrical", "Ideal", "Tabular"),
    "et": ("b", "l", "t", "t3"),
    "power_type": ("p", "q"),
}
_NO_TEXT = ("", "nan", "None", "none")
"""Texts that stand for none; pandapower's own create functions write ``nan``."""

_OTHER = frozenset(["points"])
_PRICED = ("ext_grid", "gen", "sgen", "load", "storage", "dcline")

_DEFAULTS: dict[str, float | bool] = {
    **dict.fromkeys(("in_service", "closed"), True),
    **dict.fromkeys(("slack", "tap_dependency_table", "step_dependency_table"), False),
    **dict.fromkeys(("tap_at_star_point", "tap_phase_shifter"), False),
    **dict.fromkeys(("scaling", "df", "parallel", "step"), 1),
    "loading_percent": 100.0,
    **dict.fromkeys(
        (
            *("q_mvar", "va_degree", "g_us_per_km", "shift_degree", "shift_mv_degree", "z_ohm"),
            *("shift_lv_degree", "gf_pu", "bf_pu", "gt_pu", "bt_pu", "c_nf_per_km"),
            *("q_a_mvar", "q_b_mvar", "q_c_mvar", "p_a_mw", "p_b_mw", "p_c_mw"),
            *("cp0_eur", "cp1_eur_per_mw", "cp2_eur_per_mw2"),
            *("cq0_eur", "cq1_eur_per_mvar", "cq2_eur_per_mvar2"),
        ),
        0.0,
    ),
}
"""What pandapower takes where nothing is given."""

_OPTIONAL = frozenset(
    f"{end}_{what}"
    for end in ("min", "max")
    for what in ("p_mw", "q_mvar", "vm_pu", "loading_percent")
) | frozenset(
    ["max_i_ka", "id_characteristic_table", "controllable", "vn_kv of shunt", "p_mw of gen"]
    + [f"{tap}_{what}" for tap in ("tap", "tap2") for what in ("neutral", "pos", "step_percent")]
    + ["tap_step_degree", "tap2_step_degree"]
)
"""Columns of numbers that need not be given and have no single default."""


def completed(net: Any) -> list[str]:
    """Put numbers and truth values into the columns that hold them; return what cannot be.

    None stands for "not given" everywhere: what pandapower takes then is put in its place, and
    a number that it needs is asked for by table, row and column.
    """
    faults: list[str] = []
    for name, columns in HONOURED.items():
        table = net.get(name)
        if not isinstance(table, pd.DataFrame) or table.empty:
            continue
        for column in sorted(columns & set(table.columns)):
            faults += _completed_column(net, name, column)
    return faults


def _completed_column(net: Any, name: str, column: str) -> Iterator[str]:
    table = net[name]
    if column in _FLAGS:
        yield from _flags(net, name, column)
    elif column in _TEXTS:
        yield from _texts(table, name, column)
    elif column not in _OTHER:
        numbers = pd.to_numeric(table[column], errors="coerce")
        wrong = numbers.isna() & table[column].notna()
        if wrong.any():
            place = table.index[int(np.argmax(wrong.to_numpy()))]
            shown = str(table[column][place])[:40]
            yield f"{name} {place}: {column} is `{shown}`, which is not a number; correct it"
        elif column in _DEFAULTS:
            net[name][column] = numbers.fillna(_DEFAULTS[column])
        else:
            if table[column].dtype == object:
                net[name][column] = numbers.astype(np.float64)
            yield from _needed(net[name], name, column)


def _needed(table: pd.DataFrame, name: str, column: str) -> Iterator[str]:
    """Yield the first row in service that lacks a number without which there is no model."""
    if column in _OPTIONAL or f"{column} of {name}" in _OPTIONAL or "characteristic" in name:
        return
    lacking = table[column].isna()
    if "in_service" in table:
        lacking &= ~table["in_service"].isin((False, 0))
    if lacking.any():
        place = table.index[int(np.argmax(lacking.to_numpy()))]
        yield f"{name} {place}: {column} is not given; give a number"


def _flags(net: Any, name: str, column: str) -> Iterator[str]:
    """Turn a column of truth values into such; anything but true, false, 1 and 0 is told."""
    values = net[name][column]
    known = values.isna() | values.map(lambda v: isinstance(v, bool | np.bool_) or v in (0, 1))
    if not known.all():
        place = values.index[int(np.argmin(known.to_numpy()))]
        shown = str(values[place])[:40]
        yield f"{name} {place}: {column} is `{shown}`, which is neither true nor false; correct it"
        return
    usual = name == "gen" if column == "controllable" else bool(_DEFAULTS[column])
    given = [usual if pd.isna(value) else bool(value) for value in values]
    net[name][column] = np.array(given, dtype=bool)


def _texts(table: pd.DataFrame, name: str, column: str) -> Iterator[str]:
    known = _TEXTS[column] if column != "et" or name == "switch" else _PRICED
    wrong = table[column].notna() & ~table[column].isin((*known, *_NO_TEXT))
    if wrong.any():
        place = table.index[int(np.argmax(wrong.to_numpy()))]
        shown = str(table[column][place])[:40]
        yield f"{name} {place}: {column} is `{shown}`; give one of {', '.join(known)}"


def idle_taps(net: Any) -> list[str]:
    """Return notes on taps off neutral that no type of tap changer lets count, as in ``runpp``."""
    notes = []
    for name in ("trafo", "trafo3w"):
        table = net[name]
        for tap in ("tap", "tap2"):
            if not {f"{tap}_pos", f"{tap}_neutral", f"{tap}_changer_type"} <= set(table.columns):
                continue
            off = (table[f"{tap}_pos"] - table[f"{tap}_neutral"]).fillna(0.0) != 0.0
            counts = table[f"{tap}_changer_type"].isin(_TEXTS["tap_changer_type"])
            rows = table.index[table.in_service & off & ~counts]
            if len(rows):
                named = ", ".join(map(str, rows[:5])) + (" and more" if len(rows) > 5 else "")
                notes.append(
                    f"{name} {named}: "
                    f"{tap}_pos has no effect, as in pandapower's runpp, because "
                    f"{tap}_changer_type is not given"
                )
    return notes
