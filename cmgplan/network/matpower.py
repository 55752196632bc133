"""A grid from the matrices of a MATPOWER case.

Columns and their meaning are those of MATPOWER's case format, version 2 (Zimmerman,
Murillo-Sanchez, Thomas 2011, doi 10.1109/TPWRS.2010.2051168).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from cmgplan.errors import InputError
from cmgplan.network.costs import CostTable, costs_of_rows, uniform_price
from cmgplan.network.grid import Branches, FloatArray, Generators, Grid, IntArray, checked
from cmgplan.network.matpower_coverage import refusals, remarks
from cmgplan.network.matpower_file import MatpowerFile, read_matpower_file

BoolArray = npt.NDArray[np.bool_]

BUS_ID, BUS_TYPE, PD, QD, GS, BS, VA, BASE_KV, VMAX, VMIN = 0, 1, 2, 3, 4, 5, 8, 9, 11, 12
GEN_BUS, QMAX, QMIN, VG, GEN_STATUS, PMAX, PMIN = 0, 3, 4, 5, 7, 8, 9
F_BUS, T_BUS, BR_R, BR_X, BR_B, RATE_A, TAP, SHIFT, BR_STATUS, ANGMIN, ANGMAX = (
    *(0, 1, 2, 3, 4, 5),
    *(8, 9, 10, 11, 12),
)
REFERENCE, ISOLATED = 3, 4
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
    file = read_matpower_file(path)
    for name, least in _LEAST_COLUMNS.items():
        if file.matrices[name].shape[1] < least:
            raise InputError(
                f"{path.name}: mpc.{name} has {file.matrices[name].shape[1]} columns; "
                f"give at least {least}"
            )
    faults = list(refusals(file))
    if faults:
        raise InputError(f"{path.name}: " + "; ".join(faults))
    bus = file.matrices["bus"]
    in_service = bus[:, BUS_TYPE] != ISOLATED
    position = _positions(path, bus, in_service)
    bus = bus[in_service]
    base = file.scalars["baseMVA"]
    if not 0.0 < base < np.inf:
        raise InputError(f"{path.name}: baseMVA is {base:g}; give a positive number")
    if v_limits_pu is not None:
        bus[~(bus[:, VMIN] > 0.0), VMIN] = v_limits_pu[0]
        bus[~(bus[:, VMAX] > 0.0), VMAX] = v_limits_pu[1]
    reference = np.flatnonzero(bus[:, BUS_TYPE] == REFERENCE).astype(np.int64)
    generators, notes = _generators(file, position, base, price_usd_per_mwh)
    return checked(
        Grid(
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
            branches=_branches(path, file.matrices["branch"], position, base),
            generators=generators,
            notes=(*remarks(file), *notes),
            reference_v_pu=_set_points(file, bus[reference, BUS_ID]),
        )
    )


def _number(value: float) -> str:
    """Return the whole digits of a bus number."""
    return f"{value:.15g}"


def _set_points(file: MatpowerFile, reference: FloatArray) -> FloatArray:
    """Return the voltage set point of the first unit in service at each reference bus, pu."""
    gen = file.matrices["gen"]
    used = gen[gen[:, GEN_STATUS] > 0]
    held = {float(row[GEN_BUS]): float(row[VG]) for row in used[::-1] if row[VG] > 0.0}
    return np.array([held.get(float(bus), np.nan) for bus in reference])


def _positions(path: Path, bus: FloatArray, in_service: BoolArray) -> dict[float, int]:
    """Return the position of each bus in service, -1 of those out of service."""
    ids = bus[:, BUS_ID]
    values, counts = np.unique(ids, return_counts=True)
    if np.any(counts > 1):
        raise InputError(f"{path.name}: bus {values[counts > 1][0]:g} stands twice in mpc.bus")
    where = np.where(in_service, np.cumsum(in_service) - 1, -1)
    return {float(k): int(p) for k, p in zip(ids, where, strict=True)}


def _at(path: Path, matrix: str, column: FloatArray, position: dict[float, int]) -> IntArray:
    unknown = [k for k, value in enumerate(column) if float(value) not in position]
    if unknown:
        row = unknown[0]
        raise InputError(
            f"{path.name}: mpc.{matrix} row {row + 1} names bus {column[row]:g}, which is not in "
            "mpc.bus; add the bus or correct the row"
        )
    return np.asarray([position[float(value)] for value in column], dtype=np.int64)


def _branches(
    path: Path, table: FloatArray, position: dict[float, int], base_mva: float
) -> Branches:
    """Return the branches in service; of two angle limits of zero none holds, as in MATPOWER."""
    ends_from = _at(path, "branch", table[:, F_BUS], position)
    ends_to = _at(path, "branch", table[:, T_BUS], position)
    used = (table[:, BR_STATUS] != 0) & (ends_from >= 0) & (ends_to >= 0)
    rows, data = np.flatnonzero(used), table[used]
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
    at = _at(file.path, "gen", table[:, GEN_BUS], position)
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
            f"{file.path.name}: mpc.gencost has {len(table)} rows for {n_gen} generators; give "
            f"{n_gen}, or {2 * n_gen} with reactive costs"
        )
    chosen = [table[rows]] + ([table[n_gen + rows]] if len(table) == 2 * n_gen else [])
    names = [f"{row + 1} at bus {file.matrices['gen'][row, GEN_BUS]:g}" for row in rows]
    return costs_of_rows(file.path.name, chosen, base_mva, names)
