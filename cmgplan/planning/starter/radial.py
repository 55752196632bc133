"""The part of a network that a bus feeds, and its branches without loops."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from math import inf

import networkx as nx
import numpy as np

from cmgplan.errors import InputError
from cmgplan.network.grid import Grid
from cmgplan.plurals import counted, noun
from cmgplan.units import kw_from_mw

RATIO_TOLERANCE = 1e-9
NEGLIGIBLE_KW = 1e-3
NAMED = 8


@dataclass(frozen=True)
class Branch:
    """A branch of the feeder in per unit of the grid; ``rating_pu`` is infinite without one."""

    id: str
    from_bus: int
    to_bus: int
    r_pu: float
    x_pu: float
    b_pu: float
    rating_pu: float


def cut_below(grid: Grid, slack_bus: str | None, notes: list[str]) -> tuple[int, list[int]]:
    """Return the position of the bus that the feeder begins at, and of all buses that it feeds.

    Where the network has other reference buses, they and what lies between them and this bus are
    left out.
    """
    slack = _slack(grid, slack_bus)
    others = set(grid.reference.tolist()) - {slack}
    graph = grid.graph()
    behind = set(nx.node_connected_component(graph, slack))
    graph.remove_node(slack)
    kept = {slack}
    for piece in nx.connected_components(graph):
        if piece <= behind and not piece & others:
            kept |= piece
    if len(kept) == 1:
        raise InputError(
            f"{grid.name}: bus {grid.bus_ids[slack]} feeds nothing but what the slack bus feeds "
            "from another side; name a bus that the feeder begins at (--slack-bus)"
        )
    left_out = [grid.bus_ids[k] for k in range(grid.n_bus) if k not in kept]
    if left_out:
        some = ", ".join(left_out[:NAMED]) + (" and more" if len(left_out) > NAMED else "")
        count, are = counted(len(left_out), "bus", "buses"), noun(len(left_out), "is", "are")
        notes.append(f"{count} that bus {grid.bus_ids[slack]} does not feed {are} left out: {some}")
    return slack, sorted(kept)


def radial_branches(grid: Grid, kept: list[int], notes: list[str]) -> list[Branch]:
    """Return the branches among the buses kept, parallel ones merged.

    Raises
    ------
    InputError
        They form a loop, or one of them cannot be a line of a case.
    """
    inside, lines = set(kept), grid.branches
    ends = zip(lines.from_bus.tolist(), lines.to_bus.tolist(), strict=True)
    used = [k for k, (i, j) in enumerate(ends) if i in inside and j in inside]
    _refuse_unlike_a_line(grid, used)
    _note_shunts(grid, used, notes)
    groups: dict[tuple[int, int], list[Branch]] = {}
    for k in used:
        branch = _branch(grid, k)
        key = (min(branch.from_bus, branch.to_bus), max(branch.from_bus, branch.to_bus))
        groups.setdefault(key, []).append(branch)
    merged = []
    for group in groups.values():
        merged.append(group[0] if len(group) == 1 else _in_parallel(group))
        if len(group) > 1:
            notes.append(
                f"parallel branches {', '.join(b.id for b in group)} stand as one line "
                f"{merged[-1].id} of the same admittance"
            )
    _refuse_loops(grid, merged)
    return merged


def _slack(grid: Grid, wanted: str | None) -> int:
    """Return the position of the bus that the feeder begins at."""
    if wanted is not None:
        if wanted in grid.bus_ids:
            return grid.bus_ids.index(wanted)
        near = get_close_matches(wanted, grid.bus_ids, n=1)
        mend = f"did you mean {near[0]}?" if near else "name a bus of the network (--slack-bus)"
        raise InputError(f"{grid.name}: there is no bus {wanted} in service; {mend}")
    if len(grid.reference) != 1:
        names = ", ".join(grid.bus_ids[k] for k in grid.reference)
        raise InputError(
            f"{grid.name}: the network has {len(grid.reference)} slack buses, {names}; a case has "
            "one feeder, name the bus that it begins at (--slack-bus)"
        )
    return int(grid.reference[0])


def _branch(grid: Grid, k: int) -> Branch:
    lines = grid.branches
    return Branch(
        id=lines.ids[k].partition(" (row")[0],
        from_bus=int(lines.from_bus[k]),
        to_bus=int(lines.to_bus[k]),
        r_pu=float(lines.r_pu[k]),
        x_pu=float(lines.x_pu[k]),
        b_pu=max(float(lines.b_pu[k]), 0.0),
        rating_pu=float(min(lines.s_max_pu[k], lines.i_max_pu[k])) or inf,
    )


def _refuse_unlike_a_line(grid: Grid, used: list[int]) -> None:
    """Raise InputError for transformers off their nominal ratio and negative resistances."""
    lines, faults = grid.branches, []
    for k in used:
        name = f"branch {lines.ids[k]}"
        if abs(float(lines.tap[k]) - 1.0) > RATIO_TOLERANCE:
            behind = grid.bus_ids[int(lines.to_bus[k])]
            faults.append(
                f"{name} is a transformer of ratio {float(lines.tap[k]):.6g}, which a feeder of "
                f"one voltage level cannot hold; begin behind it (--slack-bus {behind}), or set "
                "its tap to neutral"
            )
        if lines.r_pu[k] < 0.0:
            end = grid.bus_ids[int(lines.to_bus[k])]
            faults.append(
                f"{name} has a negative resistance, as a leg of a three-winding transformer may, "
                f"but not a line of a case; begin behind it (--slack-bus {end}), or correct it"
            )
    if faults:
        more = (
            f"; and {counted(len(faults) - NAMED, 'more such branch', 'more such branches')}"
            if len(faults) > NAMED
            else ""
        )
        raise InputError(f"{grid.name}: " + "; ".join(faults[:NAMED]) + more)


def _note_shunts(grid: Grid, used: list[int], notes: list[str]) -> None:
    """Note what transformers draw without load, which a line of a case cannot."""
    lines, base_kw = grid.branches, kw_from_mw(grid.s_base_mva)
    names = [lines.ids[k] for k in used if lines.g_pu[k] != 0.0 or lines.b_pu[k] < 0.0]
    p_kw = float(np.sum(lines.g_pu[used])) * base_kw
    q_kvar = float(np.sum(np.maximum(-lines.b_pu[used], 0.0))) * base_kw
    if names and max(abs(p_kw), q_kvar) > NEGLIGIBLE_KW:
        notes.append(
            f"the no-load losses and magnetising power of {', '.join(names[:NAMED])} are left "
            f"out: {p_kw:.3g} kW and {q_kvar:.3g} kvar at nominal voltage"
        )


def _in_parallel(group: list[Branch]) -> Branch:
    """Return one branch for several; it is full when the first of them is."""
    y = [1.0 / complex(b.r_pu, b.x_pu) for b in group]
    z = 1.0 / sum(y)
    rating = min(b.rating_pu / abs(own * z) for b, own in zip(group, y, strict=True))
    return Branch(
        id="+".join(b.id for b in group) if len({b.id for b in group}) > 1 else group[0].id,
        from_bus=group[0].from_bus,
        to_bus=group[0].to_bus,
        r_pu=max(z.real, 0.0),
        x_pu=z.imag,
        b_pu=sum(b.b_pu for b in group),
        rating_pu=rating,
    )


def _refuse_loops(grid: Grid, branches: list[Branch]) -> None:
    """Raise InputError that names a loop of lines, if there is one."""
    graph = nx.Graph()
    graph.add_edges_from((b.from_bus, b.to_bus, {"id": b.id}) for b in branches)
    loops = nx.number_of_edges(graph) - graph.number_of_nodes() + 1
    if loops <= 0:
        return
    ring = min(nx.cycle_basis(graph), key=len)
    around = zip(ring, [*ring[1:], ring[0]], strict=True)
    names = ", ".join(graph.edges[ends]["id"] for ends in around)
    raise InputError(
        f"{grid.name}: a feeder must be radial, and this network has "
        f"{counted(loops, 'loop')}, one through branches {names}; take one line of "
        "each loop out of service in the file, as it is operated"
    )
