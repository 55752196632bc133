"""A planning case's feeder as a network for the optimal power flow."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from cmgplan.case.bundled import find_case, is_bundled
from cmgplan.case.folder import CASE_FILE
from cmgplan.errors import InputError
from cmgplan.network.feeder import build_feeder
from cmgplan.network.files.matpower import read_matpower
from cmgplan.network.files.networks import GivenNetwork, grid_at, grid_of_feeder, peak_hour
from cmgplan.network.files.pandapower_file import Missing, read_pandapower
from cmgplan.network.grid import checked
from cmgplan.network.grid_hours import horizon_of
from cmgplan.network.reconfiguration.day.loads import HourlyLoads
from cmgplan.network.reconfiguration.given import SwitchedNetwork
from cmgplan.network.reconfiguration.read import read_switched
from cmgplan.planning.case.read import load_case
from cmgplan.planning.case.records import Case
from cmgplan.units import S_BASE_KVA

NETWORK_SUFFIXES = (".m", ".json")
"""Endings of the network files that are read."""


def read_network(path: Path, missing: Missing | None = None) -> GivenNetwork:
    """Read a MATPOWER ``.m``, a pandapower ``.json``, or a case by its folder or bundled name.

    Raises
    ------
    InputError, CaseError
        The network cannot be read, or lacks figures that ``missing`` does not give.
    """
    missing = missing or Missing()
    _refuse_folder_without_case(path)
    if is_case(path):
        return grid_of_case(load_case(path))
    if path.suffix.lower() == ".m":
        price, limits = missing.price_usd_per_mwh, missing.v_limits_pu
        return GivenNetwork(read_matpower(path, price_usd_per_mwh=price, v_limits_pu=limits))
    if path.suffix.lower() == ".json":
        return GivenNetwork(read_pandapower(path, missing))
    raise InputError(
        f"{path}: not a network that is known; give a MATPOWER .m, a pandapower .json or the "
        "folder or name of a case"
    )


def grid_of_case(case: Case) -> GivenNetwork:
    """Return a case's feeder without its microgrids' devices, over all its hours.

    Loads are the feeder's own and, at their PCC buses, those of the microgrids; the slack bus
    imports or exports at the hourly price.
    """
    feeder, h = build_feeder(case), case.horizon()
    demand_kva = np.zeros((feeder.n_bus, h.hours), dtype=np.complex128)
    for load in case.feeder_load():
        demand_kva[feeder.position(load.id)] += load.base_kw(h) + 1j * load.base_kvar(h)
    for mg in case.microgrids:
        demand_kva[feeder.position(mg.bus)] += case.microgrid_load_kva(mg.id)
    demand = demand_kva.T / S_BASE_KVA
    grid = replace(
        grid_of_feeder(feeder, case.name),
        p_load_pu=demand.real.mean(axis=0),
        q_load_pu=demand.imag.mean(axis=0),
        notes=("the devices of the microgrids are left out; their loads stand at their buses",),
    )
    profiles = horizon_of(
        grid,
        hours=h.hours,
        p_load_pu=demand.real,
        q_load_pu=demand.imag,
        price_usd_per_mwh=case.price_usd_per_mwh,
        dt_h=h.dt_h,
    )
    return GivenNetwork(checked(grid), profiles)


def read_switched_network(path: Path) -> SwitchedNetwork:
    """Read a network with its open branches; see ``cmgplan.network.reconfiguration.read``.

    Of a case the feeder is taken at the hour of its greatest load.

    Raises
    ------
    InputError, CaseError
        The network cannot be read.
    """
    _refuse_folder_without_case(path)
    return switched_of_case(load_case(path)) if is_case(path) else read_switched(path)


def _refuse_folder_without_case(path: Path) -> None:
    """Raise InputError for a folder that holds no case, with the network files that it holds."""
    if not path.is_dir() or (find_case(path) / CASE_FILE).is_file():
        return
    files = sorted(one for one in path.iterdir() if one.suffix.lower() in NETWORK_SUFFIXES)
    meant = f"did you mean {files[0]}? " if files else ""
    raise InputError(
        f"{path}: has no {CASE_FILE}; {meant}give a network file (MATPOWER .m, pandapower .json), "
        "or the folder or name of a case"
    )


def is_case(path: Path) -> bool:
    """Return whether a path names a case, by its folder, its case.toml or as a bundled one."""
    return path.is_dir() or path.suffix.lower() == ".toml" or is_bundled(path)


def hourly_loads(case: Case) -> HourlyLoads:
    """Return the loads of a case's feeder by hour, in the order of ``switched_of_case``."""
    profiles = _all_in_service(case).profiles
    if profiles is None:
        raise InputError(f"{case.name}: has no hours; give --profiles FILE")
    return HourlyLoads(profiles.p_load_pu, profiles.q_load_pu, profiles.dt_h)


def _all_in_service(case: Case) -> GivenNetwork:
    lines = tuple(line.model_copy(update={"in_service": 1}) for line in case.lines)
    return grid_of_case(replace(case, lines=lines))


def switched_of_case(case: Case) -> SwitchedNetwork:
    """Return a case's feeder at the hour of greatest load; lines out of service are open ties."""
    lines, given = case.lines, _all_in_service(case)
    hour = peak_hour(given)
    grid = grid_at(given, hour)
    every = np.ones(len(lines), dtype=np.bool_)
    return SwitchedNetwork(
        replace(grid, reference_v_pu=np.array([case.network.v_slack_pu])),
        closed=np.array([line.in_service for line in case.lines], dtype=np.bool_),
        switchable=every,
        rows=tuple(range(1, 1 + len(lines))),
        notes=(
            *grid.notes,
            f"the loads are those of interval {hour + 1}, the greatest of the case",
        ),
    )
