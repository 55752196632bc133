"""A network whose branches can be switched, and its form for trees: all sources are one root."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from cmgplan.arrays import BoolArray, FloatArray, IntArray
from cmgplan.errors import InfeasibleError, InputError
from cmgplan.network.grid import Grid

LEAST_V_PU = 0.5
"""Voltage below which no configuration is looked at, where a network gives no limit above it."""

MOST_V_PU = 2.0
"""The same above."""

MOST_KVA, MOST_PU = 1e9, 1e9
"""Greatest load or shunt of a bus, a terawatt, and greatest impedance or shunt of a branch."""

NAMED = 5
"""Buses or branches that a message lists by name."""


@dataclass(frozen=True)
class SwitchedNetwork:
    """A network with all branches that can be closed, and how they stand.

    Attributes
    ----------
    grid
        All l branches, those that are open too. Its generators are the sources alone; what else
        generates is a negative load.
    closed
        How the branches stand, shape (l,).
    switchable
        Which of them may change, shape (l,).
    rows
        Row of each branch in its file or table, counted from 1.
    notes
        What of the file does not count here, a sentence each.
    """

    grid: Grid
    closed: BoolArray
    switchable: BoolArray
    rows: tuple[int, ...]
    notes: tuple[str, ...] = ()

    def ends(self, branch: int) -> tuple[str, str]:
        """Return the buses that a branch joins."""
        lines, ids = self.grid.branches, self.grid.bus_ids
        return ids[int(lines.from_bus[branch])], ids[int(lines.to_bus[branch])]

    def name(self, branch: int) -> str:
        """Return what messages call a branch."""
        return self.grid.branches.ids[branch]


@dataclass(frozen=True)
class TreeNetwork:
    """Per-unit arrays for radial configurations; bus 0 is the root that all sources are part of.

    Attributes
    ----------
    bus_ids
        Names of the n buses; that of the root joins those of the sources.
    at
        Bus of each bus of the network, shape of that network's buses.
    from_bus, to_bus, r_pu, x_pu, g_pu, b_pu, i_max_pu, s_max_pu
        Of the l branches; a branch between two sources begins and ends at the root.
    v_root_pu
        Voltage that a branch finds at the root, shape (l,); 1 where it does not touch it.
    p_pu, q_pu, g_shunt_pu, b_shunt_pu, v_min_pu, v_max_pu
        Of the buses, shape (n,).
    may_close, may_open
        What may become of each branch, shape (l,).
    s_base_kva
        Base of all powers.
    """

    bus_ids: tuple[str, ...]
    at: IntArray
    from_bus: IntArray
    to_bus: IntArray
    r_pu: FloatArray
    x_pu: FloatArray
    g_pu: FloatArray
    b_pu: FloatArray
    i_max_pu: FloatArray
    s_max_pu: FloatArray
    v_root_pu: FloatArray
    p_pu: FloatArray
    q_pu: FloatArray
    g_shunt_pu: FloatArray
    b_shunt_pu: FloatArray
    v_min_pu: FloatArray
    v_max_pu: FloatArray
    may_close: BoolArray
    may_open: BoolArray
    s_base_kva: float
    near: tuple[tuple[tuple[int, int], ...], ...] = field(repr=False, compare=False, default=())

    @property
    def n_bus(self) -> int:
        """Number of buses, the root included."""
        return len(self.bus_ids)

    @property
    def n_branch(self) -> int:
        """Number of branches."""
        return len(self.from_bus)

    @property
    def limited(self) -> bool:
        """Whether any branch has a rating."""
        return bool(np.isfinite(self.i_max_pu).any() or np.isfinite(self.s_max_pu).any())

    @property
    def loses(self) -> bool:
        """Whether no branch gives power, so that losses have a bound."""
        usable = self.may_close
        return bool((self.r_pu[usable] >= 0.0).all() and (self.g_pu[usable] >= 0.0).all())

    @property
    def only_loads(self) -> bool:
        """Whether nothing but the sources feeds active or reactive power into the network."""
        shunts = (self.g_shunt_pu >= 0.0).all() and (self.b_shunt_pu <= 0.0).all()
        lines = (self.g_pu >= 0.0).all() and (self.b_pu <= 0.0).all()
        series = (self.r_pu >= 0.0).all() and (self.x_pu >= 0.0).all()
        return bool(
            (self.p_pu >= 0.0).all() and (self.q_pu >= 0.0).all() and shunts and lines and series
        )


def tree_network(network: SwitchedNetwork) -> TreeNetwork:
    """Return a network with its sources joined, each with the voltage that it holds.

    Raises
    ------
    InputError
        Buses that no closing of switches feeds; branches that would give power instead of losing
        it.
    InfeasibleError
        Branches that cannot be opened form a loop.
    """
    grid, lines = network.grid, network.grid.branches
    source = np.zeros(grid.n_bus, dtype=np.bool_)
    source[grid.reference] = True
    at = np.zeros(grid.n_bus, dtype=np.int64)
    at[~source] = np.arange(1, 1 + int((~source).sum()))
    held = source_voltages(grid)
    ends = (lines.from_bus, lines.to_bus)
    v_root = np.where(source[ends[0]], held[ends[0]], np.where(source[ends[1]], held[ends[1]], 1.0))
    names = [grid.bus_ids[k] for k in np.flatnonzero(~source)]
    if not names:
        raise InputError(f"{grid.name}: every bus is a source, so nothing is to be fed; add buses")
    root = " and ".join(grid.bus_ids[k] for k in np.flatnonzero(source))
    others = np.flatnonzero(~source)
    start, end = at[ends[0]], at[ends[1]]
    may_close = (network.closed | network.switchable) & (start != end)

    def of_buses(values: FloatArray, root_value: float = 0.0) -> FloatArray:
        return np.concatenate([[root_value], values[others]])

    tree = TreeNetwork(
        bus_ids=(root, *names),
        at=at,
        from_bus=start,
        to_bus=end,
        r_pu=lines.r_pu,
        x_pu=lines.x_pu,
        g_pu=lines.g_pu,
        b_pu=lines.b_pu,
        i_max_pu=lines.i_max_pu,
        s_max_pu=lines.s_max_pu,
        v_root_pu=v_root,
        p_pu=of_buses(grid.p_load_pu),
        q_pu=of_buses(grid.q_load_pu),
        g_shunt_pu=of_buses(grid.g_shunt_pu),
        b_shunt_pu=of_buses(grid.b_shunt_pu),
        v_min_pu=np.maximum(of_buses(grid.v_min_pu, 1.0), LEAST_V_PU),
        v_max_pu=np.minimum(of_buses(grid.v_max_pu, 1.0), MOST_V_PU),
        may_close=may_close,
        may_open=network.switchable | ~network.closed,
        s_base_kva=1000.0 * grid.s_base_mva,
        near=_neighbours(start, end, may_close, 1 + len(names)),
    )
    _refuse_magnitudes(network, tree)
    _refuse_negative_resistance(network, tree)
    _refuse_islands(tree)
    _refuse_fixed_loops(network, tree)
    return tree


def source_voltages(grid: Grid) -> FloatArray:
    """Return the voltages that the sources hold, 1 pu elsewhere, shape (n,)."""
    held = np.ones(grid.n_bus)
    at = grid.reference
    if grid.reference_v_pu is not None:
        told = np.where(np.isfinite(grid.reference_v_pu), grid.reference_v_pu, 1.0)
        held[at] = told
    held[at] = np.clip(held[at], grid.v_min_pu[at], grid.v_max_pu[at])
    return held


def _neighbours(
    start: IntArray, end: IntArray, usable: BoolArray, n_bus: int
) -> tuple[tuple[tuple[int, int], ...], ...]:
    """Return branch and far end of all branches at each bus that may be closed."""
    near: list[list[tuple[int, int]]] = [[] for _ in range(n_bus)]
    for k, (i, j) in enumerate(zip(start.tolist(), end.tolist(), strict=True)):
        if usable[k]:
            near[i].append((k, j))
            near[j].append((k, i))
    return tuple(tuple(pairs) for pairs in near)


def components(tree: TreeNetwork, branches: IntArray) -> tuple[int, IntArray]:
    """Return the number of parts that branches join the buses to, and the part of each bus."""
    ones = np.ones(len(branches), dtype=np.int8)
    ends = (tree.from_bus[branches], tree.to_bus[branches])
    joined = sp.csr_array((ones, ends), shape=(tree.n_bus, tree.n_bus))
    count, part = connected_components(joined, directed=False)
    return int(count), np.asarray(part, dtype=np.int64)


def without_bound(network: SwitchedNetwork, tree: TreeNetwork) -> SwitchedNetwork:
    """Return the network with a note that its losses have no bound."""
    below = np.flatnonzero(tree.may_close & ((tree.r_pu < 0.0) | (tree.g_pu < 0.0)))
    note = (
        f"branch {listed([network.name(int(k)) for k in below])}: has a resistance below 0, so "
        "that no bound on losses is claimed"
    )
    return replace(network, notes=(*network.notes, note))


def with_lone_tree_noted(network: SwitchedNetwork, tree: TreeNetwork) -> SwitchedNetwork:
    """Return the network, with a note where it has one radial configuration and no choice."""
    least = tree.n_bus - 1
    if int((~tree.may_open & tree.may_close).sum()) == least:
        note = (
            "the branches that may not be opened feed every bus, so that there is one radial "
            "configuration; let other branches be switched"
        )
    elif int(tree.may_close.sum()) == least:
        note = (
            "the branches that may be closed are a tree, the only radial configuration; give the "
            "network ties: branches out of service that may be switched"
        )
    else:
        return network
    return replace(network, notes=(*network.notes, note))


def _refuse_magnitudes(network: SwitchedNetwork, tree: TreeNetwork) -> None:
    """Refuse figures that no network has, over which power flows overflow."""
    kw = tree.s_base_kva
    faults = [
        f"bus {listed([tree.bus_ids[k] for k in np.flatnonzero(wrong)])}: its {what}"
        for values, what in (
            (kw * tree.p_pu, "active load"),
            (kw * tree.q_pu, "reactive load"),
            (kw * tree.g_shunt_pu, "shunt"),
            (kw * tree.b_shunt_pu, "shunt"),
        )
        if (wrong := ~(np.abs(values) <= MOST_KVA)).any()
    ]
    faults += [
        f"branch {listed([network.name(int(k)) for k in np.flatnonzero(wrong)])}: its {what}"
        for values, what in (
            (tree.r_pu, "resistance"),
            (tree.x_pu, "reactance"),
            (tree.g_pu, "shunt"),
            (tree.b_pu, "charging"),
        )
        if (wrong := ~(np.abs(values) <= MOST_PU)).any()
    ]
    if faults:
        raise InputError("; ".join(f"{fault} is beyond what a network has" for fault in faults)
                         + "; correct it")  # fmt: skip


def _refuse_negative_resistance(network: SwitchedNetwork, tree: TreeNetwork) -> None:
    """Refuse branches that may be switched and whose loss is negative.

    Those that stay closed, such as a leg of a transformer's equivalent star, have no bound.
    """
    for values, what in ((tree.r_pu, "resistance"), (tree.g_pu, "shunt conductance")):
        below = np.flatnonzero(tree.may_close & tree.may_open & (values < 0.0))
        if len(below):
            names = listed([network.name(int(k)) for k in below])
            raise InputError(
                f"branch {names}: its {what} is below 0, so that it gives power instead of losing "
                "it and no bound on losses holds; correct it, or merge the two ends of an "
                "equivalent branch"
            )


def _refuse_islands(tree: TreeNetwork) -> None:
    count, part = components(tree, np.flatnonzero(tree.may_close))
    if count == 1:
        return
    apart = [tree.bus_ids[k] for k in np.flatnonzero(part != part[0])]
    raise InputError(
        f"bus {listed(apart)}: no branch that is closed or may be closed leads there from a source "
        "(a branch between them may be out of service and not switchable); add a branch, let it be "
        "switched, or take the bus out of service"
    )


def _refuse_fixed_loops(network: SwitchedNetwork, tree: TreeNetwork) -> None:
    """Refuse branches that are closed for good and form a loop."""
    group = list(range(tree.n_bus))

    def head(k: int) -> int:
        while group[k] != k:
            group[k] = group[group[k]]
            k = group[k]
        return k

    for k in np.flatnonzero(~tree.may_open):
        one, other = head(int(tree.from_bus[k])), head(int(tree.to_bus[k]))
        if one == other:
            raise InfeasibleError(
                f"no radial configuration exists: branch {network.name(int(k))} closes a loop, or "
                "joins two sources, with branches that may not be opened; let one of them be "
                "switched"
            )
        group[one] = other


def listed(names: Sequence[str]) -> str:
    """Return the first names and how many more there are."""
    rest = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {rest} more" if rest > 0 else "")
