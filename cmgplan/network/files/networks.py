"""Any network that the optimal power flow can take, by the kind of its file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cmgplan.errors import InputError
from cmgplan.network.feeder import Feeder
from cmgplan.network.files.costs import uniform_price
from cmgplan.network.files.matpower import read_matpower
from cmgplan.network.files.pandapower_file import Missing, read_pandapower
from cmgplan.network.grid import Branches, Generators, Grid
from cmgplan.network.grid_hours import GridHours, single_hour
from cmgplan.units import S_BASE_KVA, mw_from_kw

__all__ = [
    "GivenNetwork",
    "Missing",
    "grid_at",
    "grid_of_feeder",
    "peak_hour",
]


_OF_OPF_ONLY = ("ext_grid", "pandapower networks have no angle", "dispatchable loads")
"""Beginnings of notes that matter to an optimal power flow alone."""


@dataclass(frozen=True)
class GivenNetwork:
    """A network and the hours that came with it; None stands for one hour as it is."""

    grid: Grid
    profiles: GridHours | None = None


def read_feeder_network(path: Path, missing: Missing) -> Grid:
    """Read a MATPOWER ``.m`` or a pandapower ``.json`` for its loads, branches and slacks.

    Of a pandapower network other sources are left out, with a note, and loads are fixed; a
    MATPOWER file holds loads apart from generators.

    Raises
    ------
    InputError
        The network cannot be read; the message names the place.
    """
    kind = path.suffix.lower()
    if kind == ".m":
        price, limits = missing.price_usd_per_mwh, missing.v_limits_pu
        grid = read_matpower(path, price_usd_per_mwh=price, v_limits_pu=limits)
    elif kind == ".json":
        grid = read_pandapower(path, missing, generation=False)
    else:
        raise InputError(f"{path}: give a MATPOWER .m or a pandapower .json")
    return replace(grid, notes=tuple(n for n in grid.notes if not n.startswith(_OF_OPF_ONLY)))


def peak_hour(given: GivenNetwork) -> int:
    """Return the hour of greatest demand, the first of equals."""
    horizon = given.profiles or single_hour(given.grid)
    return int(horizon.p_load_pu.sum(axis=1).argmax())


def grid_at(given: GivenNetwork, hour: int) -> Grid:
    """Return one hour of a network: a grid whose own loads, limits and prices are that hour's."""
    horizon = (given.profiles or single_hour(given.grid)).at(hour)
    cost = given.grid.generators.cost_p.copy()
    cost[:, 1] = horizon.price_usd_per_puh(given.grid)[0]
    return replace(
        given.grid,
        p_load_pu=horizon.p_load_pu[0],
        q_load_pu=horizon.q_load_pu[0],
        generators=replace(
            given.grid.generators, cost_p=cost, p_max_pu=horizon.p_max_pu(given.grid)[0]
        ),
    )


def grid_of_feeder(feeder: Feeder, name: str) -> Grid:
    """Return a feeder as a grid without loads, fed from upstream by one free generator."""
    v_min, v_max = feeder.v_min_pu.copy(), feeder.v_max_pu.copy()
    v_min[feeder.slack] = v_max[feeder.slack] = feeder.v_slack_pu
    base = mw_from_kw(S_BASE_KVA)
    lines, zero = feeder.n_line, np.zeros(feeder.n_line)
    cost = uniform_price(1, 0.0, base)
    unlimited = np.array([np.inf])
    return Grid(
        name=name,
        s_base_mva=base,
        bus_ids=feeder.bus_ids,
        vn_kv=np.full(feeder.n_bus, feeder.base.vn_kv),
        v_min_pu=v_min,
        v_max_pu=v_max,
        p_load_pu=np.zeros(feeder.n_bus),
        q_load_pu=np.zeros(feeder.n_bus),
        g_shunt_pu=np.zeros(feeder.n_bus),
        b_shunt_pu=np.zeros(feeder.n_bus),
        reference=np.array([feeder.slack], dtype=np.int64),
        reference_angle_rad=np.zeros(1),
        branches=Branches(
            ids=feeder.line_ids,
            from_bus=feeder.from_bus,
            to_bus=feeder.to_bus,
            r_pu=feeder.r_pu,
            x_pu=feeder.x_pu,
            g_pu=zero,
            b_pu=feeder.b_pu,
            tap=np.ones(lines),
            shift_rad=zero,
            s_max_pu=np.full(lines, np.inf),
            i_max_pu=feeder.i_max_pu,
            angle_min_rad=np.full(lines, -np.inf),
            angle_max_rad=np.full(lines, np.inf),
        ),
        generators=Generators(
            ids=("upstream",),
            bus=np.array([feeder.slack], dtype=np.int64),
            p_min_pu=-unlimited,
            p_max_pu=unlimited,
            q_min_pu=-unlimited,
            q_max_pu=unlimited,
            cost_p=cost.p,
            cost_q=cost.q,
        ),
    )
