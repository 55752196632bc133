"""What a row of a pandapower network must say, and what it may leave to pandapower's defaults."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from cmgplan.network.files.pandapower_cells import TRUE_UNLESS_SAID
from cmgplan.plurals import counted

_TRAFO3W = tuple(
    f"{what}_{side}_{unit}"
    for what, unit in (("sn", "mva"), ("vn", "kv"), ("vk", "percent"), ("vkr", "percent"))
    for side in ("hv", "mv", "lv")
)

NEEDED: dict[str, tuple[str, ...]] = {
    "bus": ("vn_kv",),
    "ext_grid": ("vm_pu",),
    "load": ("p_mw", "q_mvar"),
    "sgen": ("p_mw", "q_mvar"),
    "storage": ("p_mw", "q_mvar"),
    "motor": ("pn_mech_mw", "loading_percent", "cos_phi", "efficiency_percent"),
    "shunt": ("p_mw", "q_mvar", "vn_kv"),
    "ward": ("ps_mw", "qs_mvar", "pz_mw", "qz_mvar"),
    "xward": ("ps_mw", "qs_mvar", "pz_mw", "qz_mvar", "r_ohm", "x_ohm", "vm_pu"),
    "line": ("length_km", "r_ohm_per_km", "x_ohm_per_km", "c_nf_per_km"),
    "trafo": (
        *("sn_mva", "vn_hv_kv", "vn_lv_kv"),
        *("vk_percent", "vkr_percent", "pfe_kw", "i0_percent"),
    ),
    "trafo3w": (*_TRAFO3W, "pfe_kw", "i0_percent"),
    "impedance": ("rft_pu", "xft_pu", "rtf_pu", "xtf_pu", "sn_mva"),
    "switch": ("bus", "element", "et", "closed"),
    "poly_cost": ("et", "element", "cp1_eur_per_mw"),
    "pwl_cost": ("et", "element", "power_type", "points"),
}
"""Columns that every row in service must give."""

NEEDED_OF_FIXED_GENERATORS = ("p_mw", "vm_pu")

DEFAULTS: dict[str, float] = {
    **dict.fromkeys(("scaling", "parallel", "df", "step", "max_step"), 1.0),
    **dict.fromkeys(("va_degree", "shift_degree", "shift_mv_degree", "shift_lv_degree"), 0.0),
    **dict.fromkeys(("g_us_per_km", "gf_pu", "bf_pu", "gt_pu", "bt_pu", "z_ohm"), 0.0),
    **{f"const_{k}_{p}percent": 0.0 for k in "zi" for p in ("", "p_", "q_")},
    **{f"cp{k}_{unit}": 0.0 for k, unit in ((0, "eur"), (2, "eur_per_mw2"))},
    **{f"cq{k}_{unit}": 0.0 for k, unit in enumerate(("eur", "eur_per_mvar", "eur_per_mvar2"))},
}
"""What pandapower's own functions set where nothing is said, apart from slack weights."""


def complete(net: Any, usual: dict[str, pd.DataFrame]) -> None:
    """Add the columns that a network's tables lack, and pandapower's defaults in empty cells.

    Columns that must be given, names of buses and states are left as they are (see ``unsaid``);
    ``usual`` holds pandapower's empty tables.
    """
    for key, empty in usual.items():
        table = net[key]
        for column in empty.columns:
            default = DEFAULTS.get(column)
            if column == "slack_weight":
                default = 1.0 if key == "ext_grid" else 0.0
            if column in table:
                if default is not None and table[column].isna().any():
                    table[column] = table[column].astype(float).fillna(default)
            elif not _must_be_given(key, column):
                truth = (key, column) in TRUE_UNLESS_SAID
                table[column] = _nothing(empty[column].dtype, len(table), default, truth)


def _must_be_given(key: str, column: str) -> bool:
    return column.endswith("bus") or column == "in_service" or column in NEEDED.get(key, ())


def _nothing(kind: Any, rows: int, default: float | None, truth: bool) -> Any:
    """Return a column of defaults, or of nothing."""
    if default is not None:
        return np.full(rows, default)
    if pd.api.types.is_bool_dtype(kind):
        return np.full(rows, truth)
    if pd.api.types.is_numeric_dtype(kind):
        return np.full(rows, np.nan)
    return np.full(rows, None, dtype=object)


def unsaid(net: Any) -> Iterator[str]:
    """Yield the columns that a table lacks and the rows in service that leave out a figure."""
    for key, columns in NEEDED.items():
        table = net[key]
        lacking = [column for column in columns if column not in table]
        if lacking and len(table):
            yield f"table {key} has no {', '.join(lacking)}; add what is missing"
        used = table[table.in_service] if "in_service" in table else table
        yield from _empty_cells(key, used, [c for c in columns if c not in lacking])
    if {"in_service", "controllable"} <= set(net.gen.columns):
        fixed = net.gen[net.gen.in_service & ~net.gen.controllable]
        yield from _empty_cells("gen", fixed, NEEDED_OF_FIXED_GENERATORS)


def _empty_cells(key: str, rows: pd.DataFrame, columns: Any) -> Iterator[str]:
    """Yield the first row of each column that says nothing."""
    for column in columns:
        empty = rows.index[rows[column].isna()] if column in rows else []
        if len(empty):
            more = f" (and {counted(len(empty) - 1, 'more row')})" if len(empty) > 1 else ""
            yield f"{key} {empty[0]}: {column} is not given{more}; fill in the cell"
