"""Networks with their open branches, of MATPOWER and pandapower files, and lists of switches."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from cmgplan.arrays import BoolArray, FloatArray, IntArray
from cmgplan.errors import InputError
from cmgplan.given import read_text, shown
from cmgplan.network.files import matpower as columns
from cmgplan.network.files.matpower_file import MatpowerFile, read_matpower_file
from cmgplan.network.files.pandapower_file import Missing, grid_of_net
from cmgplan.network.files.pandapower_tables import decoded_net
from cmgplan.network.files.pandapower_values import completed
from cmgplan.network.grid import Grid
from cmgplan.network.reconfiguration.given import LEAST_V_PU, MOST_V_PU, SwitchedNetwork, listed

LEAST_X_PU = 1e-6
"""Reactance given to branches without any impedance."""

LEAST_Z_OHM = 1e-5
"""Impedance given to switches between two buses without any."""

_OF_SOURCES = ("ext_grid", "pandapower networks have no angle", "dispatchable loads")
"""Beginnings of notes that matter to an optimal power flow alone."""


def read_switched(path: Path) -> SwitchedNetwork:
    """Read a MATPOWER ``.m`` or pandapower ``.json`` with its open branches.

    Every branch of a ``.m`` may be switched; those out of service (status 0) are open. A
    pandapower network with switches at lines or between buses lets these be switched and its
    lines out of service be closed; one without lets every line be switched.

    Raises
    ------
    InputError
        The network cannot be read, has no source, or has buses that nothing can feed.
    """
    kind = path.suffix.lower()
    if kind == ".m":
        return _of_matpower(path)
    if kind == ".json":
        return _of_pandapower(path)
    raise InputError(
        f"{path}: not a network that is known; give a MATPOWER .m, a pandapower .json or the "
        "folder or name of a case"
    )


def at_nominal_ratio(grid: Grid) -> Grid:
    """Return a grid whose transformers stand at their nominal ratio, with a note on others."""
    lines = grid.branches
    off = np.flatnonzero((lines.tap != 1.0) | (lines.shift_rad != 0.0))
    if not len(off):
        return grid
    note = (
        f"transformer {listed([lines.ids[int(k)] for k in off])}: its tap and phase shift are "
        "left out, it stands at its nominal ratio"
    )
    nominal = replace(lines, tap=np.ones(len(lines)), shift_rad=np.zeros(len(lines)))
    return replace(grid, branches=nominal, notes=(*grid.notes, note))


def _of_matpower(path: Path) -> SwitchedNetwork:
    file = read_matpower_file(path)
    branch, gen = file.matrices["branch"], file.matrices["gen"]
    states, notes = None, []
    if branch.ndim == 2 and branch.shape[1] > columns.BR_STATUS:
        states = branch[:, columns.BR_STATUS] != 0.0
        branch[:, columns.BR_STATUS] = 1.0
        bare = (branch[:, columns.BR_R] == 0.0) & (branch[:, columns.BR_X] == 0.0)
        branch[bare, columns.BR_X] = LEAST_X_PU
        if bare.any():
            named = listed([file.row("branch", int(k)) for k in np.flatnonzero(bare)])
            notes.append(f"{named}: without impedance, so {LEAST_X_PU:g} pu of reactance is taken")
    outputs = gen[:, 1:3].copy() if gen.ndim == 2 and gen.shape[1] > 2 else np.zeros((len(gen), 2))
    if gen.ndim == 2 and gen.shape[1] > columns.PMIN:
        gen[:, [columns.QMAX, columns.PMAX]] = 1.0
        gen[:, [columns.QMIN, columns.PMIN]] = -1.0
    file.matrices.pop("gencost", None)
    limits = (LEAST_V_PU, MOST_V_PU)
    grid = columns.grid_of_file(file, price_usd_per_mwh=0.0, v_limits_pu=limits)
    rows = _rows_used(file)
    grid, more = _with_outputs(file, grid, outputs)
    states = np.ones(len(branch), dtype=np.bool_) if states is None else states
    return _switched(grid, states[rows], np.ones(len(rows), dtype=np.bool_), rows, notes + more)


def _rows_used(file: MatpowerFile) -> IntArray:
    """Return the rows of branches between buses in service."""
    bus, branch = file.matrices["bus"], file.matrices["branch"]
    there = bus[bus[:, columns.BUS_TYPE] != columns.ISOLATED, columns.BUS_ID]
    ends = branch[:, [columns.F_BUS, columns.T_BUS]]
    return np.flatnonzero(np.isin(ends, there).all(axis=1)).astype(np.int64)


def _with_outputs(file: MatpowerFile, grid: Grid, outputs_mw: FloatArray) -> tuple[Grid, list[str]]:
    """Turn generators at other buses than the sources into negative loads, as the file has them."""
    gen, bus = file.matrices["gen"], file.matrices["bus"]
    there = bus[bus[:, columns.BUS_TYPE] != columns.ISOLATED, columns.BUS_ID]
    used = (gen[:, columns.GEN_STATUS] > 0) & np.isin(gen[:, columns.GEN_BUS], there)
    gens = grid.generators
    feeding = ~np.isin(gens.bus, grid.reference)
    notes = ["limits and costs of the sources do not count"]
    if not feeding.any():
        return grid, notes
    out = outputs_mw[used][feeding] / grid.s_base_mva
    if not np.isfinite(out).all():
        raise InputError(f"{file.path.name}: mpc.gen: an output (Pg, Qg) is no number; correct it")
    p, q = grid.p_load_pu.copy(), grid.q_load_pu.copy()
    np.subtract.at(p, gens.bus[feeding], out[:, 0])
    np.subtract.at(q, gens.bus[feeding], out[:, 1])
    names = listed([gens.ids[int(k)] for k in np.flatnonzero(feeding)])
    notes.append(f"generator {names}: feeds in what the file says (Pg, Qg), at any voltage")
    return replace(grid, p_load_pu=p, q_load_pu=q, generators=_those(gens, ~feeding)), notes


def _those(gens: Any, which: BoolArray) -> Any:
    arrays = ("bus", "p_min_pu", "p_max_pu", "q_min_pu", "q_max_pu", "cost_p", "cost_q")
    ids = tuple(name for name, there in zip(gens.ids, which, strict=True) if there)
    chosen = {name: getattr(gens, name)[which] for name in arrays}
    return replace(gens, ids=ids, piecewise=(), firm=None, **chosen)


def _of_pandapower(path: Path) -> SwitchedNetwork:
    net, notes = decoded_net(path)
    faults = completed(net)
    if faults:
        raise InputError(f"{path.name}: " + "; ".join(faults))
    notes += _generation_as_loads(net)
    state, told = _all_closed(net)
    notes += told
    missing = Missing(0.0, 1.0, (LEAST_V_PU, MOST_V_PU))
    for table in ("poly_cost", "pwl_cost"):
        net[table] = net[table].iloc[:0]
    grid = grid_of_net(net, path, missing, notes=notes, generation=False)
    ids = grid.branches.ids
    closed = np.array([state.get(name, (True, False))[0] for name in ids], dtype=np.bool_)
    switchable = np.array([state.get(name, (True, False))[1] for name in ids], dtype=np.bool_)
    rows = np.array([_table_row(net, name) for name in ids], dtype=np.int64) - 1
    return _switched(
        grid, closed, switchable, rows, ["limits and costs of the sources do not count"]
    )


def _table_row(net: Any, name: str) -> int:
    """Return the row of a branch in its table, counted from 1."""
    kind, index, *_ = [*name.split(" "), "0"]
    table = net[kind] if kind in net and hasattr(net[kind], "index") else None
    if table is None or int(index) not in table.index:
        return 1
    return 1 + int(table.index.get_loc(int(index)))


def _generation_as_loads(net: Any) -> list[str]:
    """Turn static generators, stores and generators that are no slack into negative loads."""
    import pandas as pd

    notes, rows = [], []
    for kind, sign in (("sgen", -1.0), ("gen", -1.0), ("storage", 1.0)):
        table = net[kind]
        used = table.in_service.astype(bool)
        if kind == "gen":
            used &= ~table.slack.astype(bool)
        if not used.any():
            continue
        for row in table[used].to_dict("records"):
            scaling = float(row.get("scaling", 1.0)) * sign
            q = row.get("q_mvar", 0.0)
            reactive = 0.0 if kind == "gen" or pd.isna(q) else scaling * float(q)
            rows.append((int(row["bus"]), scaling * float(row["p_mw"]), reactive))
        net[kind]["in_service"] = table.in_service.astype(bool) & ~used
        what = ", at power factor 1 and any voltage" if kind == "gen" else ""
        notes.append(f"table {kind}: {int(used.sum())} in service count as negative loads{what}")
    if rows:
        first = 1 + int(net.load.index.max()) if len(net.load) else 0
        model = dict.fromkeys(net.load.columns)
        added = pd.DataFrame(
            [
                {**model, "bus": bus, "p_mw": p, "q_mvar": q, "scaling": 1.0, "in_service": True}
                for bus, p, q in rows
            ],
            index=range(first, first + len(rows)),
        )
        for column in net.load.columns:
            if column.startswith("const_"):
                added[column] = 0.0
        kept = [column for column in added.columns if added[column].notna().any()]
        net.load = pd.concat([net.load, added[kept]]) if len(net.load) else added[kept]
        net.load["bus"] = net.load["bus"].astype("int64")
        net.load["in_service"] = net.load["in_service"].astype(bool)
    return notes


def _all_closed(net: Any) -> tuple[dict[str, tuple[bool, bool]], list[str]]:
    """Close all lines and switches; return state and switchability by the branch's name."""
    switch, line = net.switch, net.line
    at_line = switch[switch.et == "l"]
    between = switch[switch.et == "b"]
    at_transformer = switch[switch.et.isin(["t", "t3"])]
    any_switch = bool(len(at_line) or len(between))
    state: dict[str, tuple[bool, bool]] = {}
    for index in line.index:
        own = at_line[at_line.element == index]
        in_service = bool(line.in_service[index])
        closed = in_service and bool(own.closed.all())
        state[f"line {index}"] = (closed, not any_switch or bool(len(own)) or not in_service)
    for index in between.index:
        state[f"switch {index}"] = (bool(switch.closed[index]), True)
    notes = []
    if len(between):
        z = switch.z_ohm.astype(float).fillna(0.0)
        net.switch["z_ohm"] = np.where(switch.et == "b", np.maximum(z, LEAST_Z_OHM), z)
        if (z[between.index] < LEAST_Z_OHM).any():
            notes.append(f"switches between buses have at least {LEAST_Z_OHM:g} ohm here")
    if any_switch:
        notes.append("only lines with switches, and switches between buses, may be switched")
    if len(at_transformer):
        notes.append("switches at transformers stay as they are")
    net.line["in_service"] = True
    net.switch.loc[switch.et.isin(["l", "b"]), "closed"] = True
    return state, notes


def _switched(
    grid: Grid,
    closed: BoolArray,
    switchable: BoolArray,
    rows: IntArray,
    notes: Sequence[str],
) -> SwitchedNetwork:
    grid = at_nominal_ratio(grid)
    grid = replace(grid, notes=tuple(n for n in grid.notes if not n.startswith(_OF_SOURCES)))
    numbers = tuple(int(row) + 1 for row in rows)
    return SwitchedNetwork(grid, closed, switchable, numbers, (*grid.notes, *notes))


def only_switchable(network: SwitchedNetwork, path: Path) -> SwitchedNetwork:
    """Return a network of which only the branches of a list may be switched.

    Parameters
    ----------
    path
        CSV file with the columns ``from_bus,to_bus``, or one column ``row``: the numbers that
        ``open_rows`` uses.

    Raises
    ------
    InputError
        The file cannot be read or names a branch that is not there; with the row.
    """
    reader = csv.reader(io.StringIO(read_text(path), newline=""))
    lines = [
        (reader.line_num, [cell.strip() for cell in cells])
        for cells in reader
        if any(cell.strip() for cell in cells)
    ]
    if not lines:
        raise InputError(
            f"{path.name}: is empty; write from_bus,to_bus or row, and a line for each branch that "
            "may be switched"
        )
    header = lines[0][1]
    if header not in (["from_bus", "to_bus"], ["row"]):
        raise InputError(
            f"{path.name} row 1: the columns are {shown(','.join(header))}; write "
            "from_bus,to_bus or row"
        )
    at: dict[tuple[str, ...], list[int]] = {}
    for k, row in enumerate(network.rows):
        one, other = network.ends(k)
        keys = {(str(row),)} if header == ["row"] else {(one, other), (other, one)}
        for key in keys:
            at.setdefault(key, []).append(k)
    switchable = np.zeros(len(network.rows), dtype=np.bool_)
    for number, cells in lines[1:]:
        if tuple(cells) not in at:
            named = shown("-".join(cells))
            raise InputError(
                f"{path.name} row {number}: there is no branch {named}; give one of the network"
            )
        switchable[at[tuple(cells)]] = True
    return replace(network, switchable=switchable)
