"""A grid from the matrices of a MATPOWER case.

Columns and their meaning are those of MATPOWER's case format, version 2 (Zimmerman,
Murillo-Sanchez, Thomas 2011, doi 10.1109/TPWRS.2010.2051168).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cmgplan.arrays import BoolArray, FloatArray, IntArray
from cmgplan.errors import InputError
from cmgplan.network.files.costs import CostTable, costs_of_rows, uniform_price
from cmgplan.network.files.matpower_coverage import refusals, remarks
from cmgplan.network.files.matpower_file import MatpowerFile, read_matpower_file
from cmgplan.network.grid import Branches, Generators, Grid, Source, checked
from cmgplan.plurals import counted

BUS_ID, BUS_TYPE, PD, QD, GS, BS, VA, BASE_KV, VMAX, VMIN = 0, 1, 2, 3, 4, 5, 8, 9, 11, 12
GEN_BUS, QMAX, QMIN, VG, GEN_STATUS, PMAX, PMIN = 0, 3, 4, 5, 7, 8, 9
F_BUS, T_BUS, BR_R, BR_X, BR_B, RATE_A, TAP, SHIFT, BR_STATUS, ANGMIN, ANGMAX = (
    *(0, 1, 2, 3, 4, 5),
    *(8, 9, 10, 11, 12),
)
GENERATION, REFERENCE, ISOLATED = 2, 3, 4
KINDS = (1, GENERATION, REFERENCE, ISOLATED)
FULL_TURN_DEG = 360.0

_LEAST_COLUMNS = {"bus": 13, "gen": 10, "branch": 11}


def read_matpower(
    path: Path,
    *,
    price_usd_per_mwh: float | None = None,
    v_limits_pu: tuple[float, float] | None = None,
) -> Grid:
    """Read a network from a MATPOWER case file.

    Parameters
    ----------
    path
        File of format version 2.
    price_usd_per_mwh
        Price of every generator's active output where the file has no ``gencost``; without it
        such a file is refused.
    v_limits_pu
        Voltage limits of buses whose lower limit is not positive; without them such a file is
        refused.

    Raises
    ------
    InputError
        The file cannot be read or the network cannot be solved; the message names the place.
    """
    price, limits = price_usd_per_mwh, v_limits_pu
    return grid_of_file(read_matpower_file(path), price_usd_per_mwh=price, v_limits_pu=limits)


def grid_of_file(
    file: MatpowerFile,
    *,
    price_usd_per_mwh: float | None = None,
    v_limits_pu: tuple[float, float] | None = None,
) -> Grid:
    """Return the grid of matrices that were read; see ``read_matpower``."""
    path = file.path
    for name, least in _LEAST_COLUMNS.items():
        if not file.matrices[name].size:
            raise InputError(f"{path.name}: mpc.{name} is empty; give its rows")
        if file.matrices[name].shape[1] < least:
            raise InputError(
                f"{path.name}: mpc.{name} has {counted(file.matrices[name].shape[1], 'column')}; "
                f"give at least {least}"
            )
    faults = list(refusals(file))
    if faults:
        raise InputError(f"{path.name}: " + "; ".join(faults))
    bus = file.matrices["bus"]
    in_service = bus[:, BUS_TYPE] != ISOLATED
    position = _positions(file, bus, in_service)
    bus = bus[in_service]
    _finite(file, "bus", np.flatnonzero(in_service), (PD, QD, GS, BS, VA, BASE_KV))
    base = file.scalars["baseMVA"]
    if not 0.0 < base < np.inf:
        raise InputError(f"{path.name}: baseMVA is {base:g}; give a positive number")
    if v_limits_pu is not None:
        bus[~(bus[:, VMIN] > 0.0), VMIN] = v_limits_pu[0]
        bus[~(bus[:, VMAX] > 0.0), VMAX] = v_limits_pu[1]
    reference, notes = _reference(file, bus)
    with np.errstate(all="ignore"):
        generators, more = _generators(file, position, base, price_usd_per_mwh)
        grid = Grid(
            name=file.name,
            s_base_mva=base,
            bus_ids=tuple(_number(row) for row in bus[:, BUS_ID]),
            vn_kv=bus[:, BASE_KV],
            v_min_pu=bus[:, VMIN],
            v_max_pu=bus[:, VMAX],
            p_load_pu=bus[:, PD] / base,
            q_load_pu=bus[:, QD] / base,
            g_shunt_pu=bus[:, GS] / base,
            b_shunt_pu=bus[:, BS] / base,
            reference=reference,
            reference_angle_rad=np.deg2rad(bus[reference, VA]),
            branches=_branches(file, position, base),
            generators=generators,
            notes=(*remarks(file), *notes, *more),
            reference_v_pu=_set_points(file, bus[reference, BUS_ID]),
        )
    return checked(grid, _source(file, grid, position))


def _source(file: MatpowerFile, grid: Grid, position: dict[float, int]) -> Source:
    """Return what messages call the parts of a grid, each with its row and line in the file."""
    gens, branches = file.matrices["gen"], file.matrices["branch"]
    buses = [row for row, at in enumerate(position.values()) if at >= 0]
    generators = _used_rows(gens[:, [GEN_BUS]], gens[:, GEN_STATUS] > 0, position)
    lines = _used_rows(branches[:, [F_BUS, T_BUS]], branches[:, BR_STATUS] != 0, position)
    ends = [f"{_number(row[F_BUS])}-{_number(row[T_BUS])}" for row in branches[lines]]
    return Source(
        file=file.path.name,
        buses=_placed(file, "bus", grid.bus_ids, buses),
        generators=_placed(file, "gen", grid.generators.ids, generators.tolist()),
        branches=_placed(file, "branch", ends, lines.tolist()),
    )


def _placed(
    file: MatpowerFile, matrix: str, names: Sequence[str], rows: Sequence[int]
) -> tuple[str, ...]:
    pairs = zip(names, rows, strict=True)
    return tuple(f"{name} ({file.row(matrix, row)})" for name, row in pairs)


def _used_rows(ends: FloatArray, on: BoolArray, position: dict[float, int]) -> IntArray:
    """Return the rows in service whose buses are in service."""
    there = [all(position[float(bus)] >= 0 for bus in row) for row in ends]
    return np.flatnonzero(on & np.array(there, dtype=bool)).astype(np.int64)


def _finite(file: MatpowerFile, matrix: str, rows: IntArray, columns: Sequence[int]) -> None:
    """Refuse what is no number in columns that have to be finite."""
    wrong = ~np.isfinite(file.matrices[matrix][rows[:, None], list(columns)])
    if np.any(wrong):
        row, column = np.argwhere(wrong)[0]
        raise InputError(
            f"{file.path.name}: {file.row(matrix, int(rows[row]))}: column {columns[column] + 1} "
            "is not a finite number; correct it"
        )


def _reference(file: MatpowerFile, bus: FloatArray) -> tuple[IntArray, list[str]]:
    """Return the reference buses; without any, as MATPOWER, the first bus of type 2 with a unit.

    Where there is none of these either, it is the bus of the first unit in service.
    """
    reference = np.flatnonzero(bus[:, BUS_TYPE] == REFERENCE).astype(np.int64)
    if len(reference):
        return reference, []
    gen = file.matrices["gen"]
    fed = gen[gen[:, GEN_STATUS] > 0, GEN_BUS]
    fed = fed[np.isin(fed, bus[:, BUS_ID])]
    with_unit = np.isin(bus[:, BUS_ID], fed)
    first = np.flatnonzero(with_unit & (bus[:, BUS_TYPE] == GENERATION))
    if not len(first):
        first = np.flatnonzero(bus[:, BUS_ID] == fed[0]) if len(fed) else first
    if not len(first):
        return reference, []
    note = f"no bus is the reference (type 3): bus {_number(bus[first[0], BUS_ID])}, which has a "
    return first[:1].astype(np.int64), [f"{note}generator, is taken"]


def _number(value: float) -> str:
    """Return the whole digits of a bus number."""
    return f"{value:.15g}"


def _set_points(file: MatpowerFile, reference: FloatArray) -> FloatArray:
    """Return the voltage set point of the first unit in service at each reference bus, pu."""
    gen = file.matrices["gen"]
    used = gen[gen[:, GEN_STATUS] > 0]
    held = {float(row[GEN_BUS]): float(row[VG]) for row in used[::-1] if row[VG] > 0.0}
    return np.array([held.get(float(bus), np.nan) for bus in reference])


def _positions(file: MatpowerFile, bus: FloatArray, in_service: BoolArray) -> dict[float, int]:
    """Return the position of each bus in service, -1 of those out of service."""
    ids, kinds = bus[:, BUS_ID], bus[:, BUS_TYPE]
    for what, wrong in (
        ("the bus number is not a whole number", ~((ids >= 0) & (ids == np.floor(ids)))),
        ("the bus number is not a whole number", ~np.isfinite(ids)),
        ("the type of the bus is none of 1, 2, 3 and 4", ~np.isin(kinds, KINDS)),
    ):
        if np.any(wrong):
            row = int(np.flatnonzero(wrong)[0])
            raise InputError(f"{file.path.name}: {file.row('bus', row)}: {what}; correct it")
    values, counts = np.unique(ids, return_counts=True)
    if np.any(counts > 1):
        twice = values[counts > 1][0]
        rows = np.flatnonzero(ids == twice)[:2]
        raise InputError(
            f"{file.path.name}: bus {_number(twice)} stands twice in mpc.bus: "
            + " and ".join(file.row("bus", int(row)).removeprefix("mpc.bus ") for row in rows)
            + "; leave one"
        )
    where = np.where(in_service, np.cumsum(in_service) - 1, -1)
    return {float(k): int(p) for k, p in zip(ids, where, strict=True)}


def _at(file: MatpowerFile, matrix: str, column: int, position: dict[float, int]) -> IntArray:
    """Return the positions of a matrix's buses."""
    values = file.matrices[matrix][:, column]
    unknown = [k for k, value in enumerate(values) if float(value) not in position]
    if unknown:
        row = unknown[0]
        raise InputError(
            f"{file.path.name}: {file.row(matrix, row)} names bus {values[row]:g}, which is not in "
            "mpc.bus; add the bus or correct the row"
        )
    return np.asarray([position[float(value)] for value in values], dtype=np.int64)


def _branches(file: MatpowerFile, position: dict[float, int], base_mva: float) -> Branches:
    """Return the branches in service; of two angle limits of zero none holds, as in MATPOWER."""
    table = file.matrices["branch"]
    ends_from, ends_to = (_at(file, "branch", column, position) for column in (F_BUS, T_BUS))
    _finite(file, "branch", np.arange(len(table)), (BR_STATUS,))
    used = (table[:, BR_STATUS] != 0) & (ends_from >= 0) & (ends_to >= 0)
    rows, data = np.flatnonzero(used), table[used]
    _finite(file, "branch", rows, (BR_R, BR_X, BR_B, TAP, SHIFT))
    if np.any(np.isnan(data[:, RATE_A])):
        row = int(rows[np.isnan(data[:, RATE_A])][0])
        raise InputError(
            f"{file.path.name}: {file.row('branch', row)}: the rating is not a number; give 0 for "
            "none"
        )
    if data.shape[1] > ANGMAX:
        low, high = data[:, ANGMIN].copy(), data[:, ANGMAX].copy()
    else:
        low, high = np.zeros(len(data)), np.zeros(len(data))
    free = (low == 0) & (high == 0)
    low[free | (low <= -FULL_TURN_DEG)] = -np.inf
    high[free | (high >= FULL_TURN_DEG)] = np.inf
    rate = np.where(data[:, RATE_A] == 0, np.inf, data[:, RATE_A] / base_mva)
    return Branches(
        ids=tuple(
            f"{_number(data[k, F_BUS])}-{_number(data[k, T_BUS])} (row {row + 1})"
            for k, row in enumerate(rows)
        ),
        from_bus=ends_from[used],
        to_bus=ends_to[used],
        r_pu=data[:, BR_R],
        x_pu=data[:, BR_X],
        g_pu=np.zeros(len(data)),
        b_pu=data[:, BR_B],
        tap=np.where(data[:, TAP] == 0, 1.0, data[:, TAP]),
        shift_rad=np.deg2rad(data[:, SHIFT]),
        s_max_pu=rate,
        i_max_pu=np.full(len(data), np.inf),
        angle_min_rad=np.deg2rad(low),
        angle_max_rad=np.deg2rad(high),
    )


def _generators(
    file: MatpowerFile,
    position: dict[float, int],
    base_mva: float,
    price_usd_per_mwh: float | None,
) -> tuple[Generators, list[str]]:
    table = file.matrices["gen"]
    at = _at(file, "gen", GEN_BUS, position)
    _finite(file, "gen", np.arange(len(table)), (GEN_STATUS,))
    used = (table[:, GEN_STATUS] > 0) & (at >= 0)
    rows, data = np.flatnonzero(used), table[used]
    costs = _costs(file, rows, len(table), base_mva, price_usd_per_mwh)
    generators = Generators(
        ids=tuple(f"{row + 1} at bus {_number(table[row, GEN_BUS])}" for row in rows),
        bus=at[used],
        p_min_pu=data[:, PMIN] / base_mva,
        p_max_pu=data[:, PMAX] / base_mva,
        q_min_pu=data[:, QMIN] / base_mva,
        q_max_pu=data[:, QMAX] / base_mva,
        cost_p=costs.p,
        cost_q=costs.q,
        piecewise=costs.piecewise,
    )
    notes = []
    if np.any((data[:, PMIN] < 0) & (data[:, PMAX] == 0)):
        notes.append("dispatchable loads are free in Q; MATPOWER holds their power factor")
    return generators, notes


def _costs(
    file: MatpowerFile,
    rows: IntArray,
    n_gen: int,
    base_mva: float,
    price_usd_per_mwh: float | None,
) -> CostTable:
    table = file.matrices.get("gencost")
    if table is None or not len(table):
        if price_usd_per_mwh is None:
            raise InputError(
                f"{file.path.name}: mpc.gencost is missing, so no generator has a cost; add it "
                "or give one price for all of them (--price)"
            )
        return uniform_price(len(rows), price_usd_per_mwh, base_mva)
    if len(table) not in (n_gen, 2 * n_gen):
        raise InputError(
            f"{file.path.name}: mpc.gencost has {counted(len(table), 'row')} for "
            f"{counted(n_gen, 'generator')}; give {n_gen}, or {2 * n_gen} with reactive costs"
        )
    chosen = [table[rows]] + ([table[n_gen + rows]] if len(table) == 2 * n_gen else [])
    names = [
        f"{row + 1} at bus {_number(file.matrices['gen'][row, GEN_BUS])} "
        f"({file.row('gencost', int(row))})"
        for row in rows
    ]
    return costs_of_rows(file.path.name, chosen, base_mva, names, points_given=True)
