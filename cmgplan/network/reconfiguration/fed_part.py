"""What the sources of a network can still reach without one of its branches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cmgplan.arrays import BoolArray, IntArray
from cmgplan.network.grid import Grid
from cmgplan.network.reconfiguration.given import SwitchedNetwork


def fed_part(network: SwitchedNetwork, branch: int) -> tuple[SwitchedNetwork, IntArray, IntArray]:
    """Return what sources can reach without a branch, and its buses and branches."""
    usable = network.closed | network.switchable
    usable[branch] = False
    return reached_part(network, usable)


def reached_part(
    network: SwitchedNetwork, usable: BoolArray
) -> tuple[SwitchedNetwork, IntArray, IntArray]:
    """Return what sources reach over some of the branches, and its buses and branches."""
    grid, lines = network.grid, network.grid.branches
    reached, waiting = set(grid.reference.tolist()), grid.reference.tolist()
    near: dict[int, list[int]] = {}
    for k in np.flatnonzero(usable):
        i, j = int(lines.from_bus[k]), int(lines.to_bus[k])
        near.setdefault(i, []).append(j)
        near.setdefault(j, []).append(i)
    while waiting:
        for other in near.get(waiting.pop(), ()):
            if other not in reached:
                reached.add(other)
                waiting.append(other)
    buses = np.array(sorted(reached), dtype=np.int64)
    at = np.full(grid.n_bus, -1, dtype=np.int64)
    at[buses] = np.arange(len(buses))
    inside = (at[lines.from_bus] >= 0) & (at[lines.to_bus] >= 0) & usable
    branches = np.flatnonzero(inside)
    part = SwitchedNetwork(
        _part_of(grid, buses, branches, at),
        network.closed[branches],
        network.switchable[branches],
        tuple(network.rows[int(k)] for k in branches),
        network.notes,
    )
    return part, buses, branches


def _part_of(grid: Grid, buses: IntArray, branches: IntArray, at: IntArray) -> Grid:
    lines = grid.branches
    of_branch = {
        name: np.asarray(getattr(lines, name))[branches]
        for name in lines.__dataclass_fields__
        if name not in ("ids", "from_bus", "to_bus")
    }
    return replace(
        grid,
        bus_ids=tuple(grid.bus_ids[int(k)] for k in buses),
        reference=at[grid.reference],
        branches=replace(
            lines,
            ids=tuple(lines.ids[int(k)] for k in branches),
            from_bus=at[lines.from_bus[branches]],
            to_bus=at[lines.to_bus[branches]],
            **of_branch,
        ),
        generators=replace(grid.generators, bus=at[grid.generators.bus]),
        origin=None,
        vn_kv=grid.vn_kv[buses],
        v_min_pu=grid.v_min_pu[buses],
        v_max_pu=grid.v_max_pu[buses],
        p_load_pu=grid.p_load_pu[buses],
        q_load_pu=grid.q_load_pu[buses],
        g_shunt_pu=grid.g_shunt_pu[buses],
        b_shunt_pu=grid.b_shunt_pu[buses],
    )
