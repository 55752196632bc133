"""Restoration through ties within limits of voltage and rating, checked by power flow.

A part of the feeder that the fault cuts off is brought back whole or not at all. Of all choices
of ties that keep the network radial, the one that restores most load counts, then the one with
fewest ties.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from cmgplan.errors import InputError
from cmgplan.network.reconfiguration.given import TreeNetwork
from cmgplan.network.reconfiguration.tree import solve_tree
from cmgplan.network.reliability.indices import Isolated, Restore, by_topology
from cmgplan.network.reliability.read import (
    LINES,
    TIES,
    ReliableFeeder,
    ReliableLine,
    Tie,
)

V_MIN_PU = 0.9
"""Voltage that restored and other buses keep."""

MOST_TIES = 12
"""Ties that may serve one fault; more would take too many choices."""

Link = ReliableLine | Tie


def within_limits(feeder: ReliableFeeder, v_min_pu: float = V_MIN_PU) -> Restore:
    """Return the restoration that keeps voltages at ``v_min_pu`` and branches in their ratings.

    Loads are the mean loads; the source holds 1 pu.

    Raises
    ------
    InputError
        A line or tie has no impedance, or no line names its nominal voltage.
    """
    lacking = [f"{LINES} {o.line}" for o in feeder.lines if o.r_ohm is None or o.x_ohm is None]
    lacking += [f"{TIES} {o.tie}" for o in feeder.ties if o.r_ohm is None or o.x_ohm is None]
    if lacking:
        raise InputError(
            f"{', '.join(lacking[:5])}: limits need impedances; give r_ohm and x_ohm, or "
            "--restore topology"
        )
    voltages = {line.vn_kv for line in feeder.lines if line.vn_kv is not None}
    if len(voltages) != 1:
        raise InputError(f"{LINES}: limits need one nominal voltage; give the column vn_kv")
    vn_kv = voltages.pop()

    def restore(isolated: Isolated) -> frozenset[str]:
        reachable = by_topology(feeder, isolated)
        if reachable <= isolated.fed:
            return isolated.fed
        ties = [
            tie
            for tie in feeder.ties
            if {tie.from_bus, tie.to_bus} <= reachable and not _inside(tie, isolated.fed)
        ]
        if len(ties) > MOST_TIES:
            raise InputError(
                f"{TIES}: {len(ties)} ties can serve a fault of {isolated.line.line}, more than "
                f"{MOST_TIES}; use --restore topology"
            )
        return _best(feeder, isolated, ties, vn_kv, v_min_pu)

    return restore


def _inside(tie: Tie, buses: frozenset[str]) -> bool:
    return tie.from_bus in buses and tie.to_bus in buses


def _best(
    feeder: ReliableFeeder,
    isolated: Isolated,
    ties: Sequence[Tie],
    vn_kv: float,
    v_min_pu: float,
) -> frozenset[str]:
    load = {point.bus: point.p_kw for point in feeder.loads}
    whole = [line for line in feeder.lines if line.line not in isolated.cut]
    best, most = isolated.fed, sum(load.get(bus, 0.0) for bus in isolated.fed)
    for count in range(1, len(ties) + 1):
        for chosen in itertools.combinations(ties, count):
            tree = _tree(feeder.source, [*whole, *chosen])
            if tree is None or not all(tie in tree[1] for tie in chosen):
                continue
            served = sum(load.get(bus, 0.0) for bus in tree[0])
            if served > most and _kept(feeder, *tree, vn_kv, v_min_pu):
                best, most = frozenset(tree[0]), served
    return best


def _tree(source: str, links: Sequence[Link]) -> tuple[list[str], list[Link]] | None:
    """Return buses and links that the source feeds, None where they form a loop."""
    at: dict[str, list[Link]] = {}
    for link in links:
        at.setdefault(link.from_bus, []).append(link)
        at.setdefault(link.to_bus, []).append(link)
    buses, used, known = [source], [], {source}
    for bus in buses:  # grows while it is walked through
        for link in at.get(bus, ()):
            far = link.to_bus if link.from_bus == bus else link.from_bus
            if link in used:
                continue
            if far in known:
                return None
            known.add(far)
            buses.append(far)
            used.append(link)
    return buses, used


def _kept(
    feeder: ReliableFeeder, buses: list[str], links: list[Link], vn_kv: float, v_min_pu: float
) -> bool:
    """Return whether the power flow of a radial part keeps its limits."""
    at, n, count = {bus: k for k, bus in enumerate(buses)}, len(buses), len(links)
    p, q = np.zeros(n), np.zeros(n)
    for load in feeder.loads:
        if load.bus in at:
            p[at[load.bus]] += load.p_kw
            q[at[load.bus]] += load.q_kvar
    ends = [(at[link.from_bus], at[link.to_bus]) for link in links]
    near: list[list[tuple[int, int]]] = [[] for _ in buses]
    for k, (i, j) in enumerate(ends):
        near[i].append((k, j))
        near[j].append((k, i))
    base_kva = 1000.0
    ohm = vn_kv**2 * 1000.0 / base_kva
    rated = [np.inf if link.rating_kva is None else link.rating_kva for link in links]
    every = np.ones(count, dtype=np.bool_)
    net = TreeNetwork(
        bus_ids=tuple(buses),
        at=np.arange(n),
        from_bus=np.array([i for i, _ in ends], dtype=np.int64),
        to_bus=np.array([j for _, j in ends], dtype=np.int64),
        r_pu=np.array([link.r_ohm for link in links], dtype=np.float64) / ohm,
        x_pu=np.array([link.x_ohm for link in links], dtype=np.float64) / ohm,
        g_pu=np.zeros(count),
        b_pu=np.zeros(count),
        i_max_pu=np.array(rated, dtype=np.float64) / base_kva,
        s_max_pu=np.full(count, np.inf),
        v_root_pu=np.ones(count),
        p_pu=p / base_kva,
        q_pu=q / base_kva,
        g_shunt_pu=np.zeros(n),
        b_shunt_pu=np.zeros(n),
        v_min_pu=np.full(n, v_min_pu),
        v_max_pu=np.full(n, np.inf),
        may_close=every,
        may_open=every,
        s_base_kva=base_kva,
        near=tuple(tuple(pairs) for pairs in near),
    )
    return solve_tree(net, every).feasible
