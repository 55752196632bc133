"""A radial feeder without loads, reduced to the branches that carry anything.

Buses at which nothing is ever injected carry no current out: branches behind them fall away,
and chains between them merge into one branch with the summed impedance and the smallest rating.
Both steps are exact without charging; the voltage limits of the merged buses are dropped, so
that what the reduced feeder allows contains what the whole one does.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import networkx as nx
import numpy as np

from cmgplan.arrays import ComplexArray
from cmgplan.network.feeder import Feeder, oriented


def reduce_feeder(feeder: Feeder, active: Collection[int]) -> Feeder:
    """Return the oriented feeder between the slack and the active buses.

    Parameters
    ----------
    feeder
        Radial feeder.
    active
        Positions of the buses at which power is injected or drawn.

    Returns
    -------
    Feeder
        Oriented, with the ids of the buses kept. A feeder with charging is returned unreduced.
    """
    feeder = oriented(feeder)
    if np.any(feeder.b_pu != 0.0):
        return feeder
    tree = nx.DiGraph()
    tree.add_node(feeder.slack)
    for k in range(feeder.n_line):
        tree.add_edge(
            int(feeder.from_bus[k]),
            int(feeder.to_bus[k]),
            r=float(feeder.r_pu[k]),
            x=float(feeder.x_pu[k]),
            limit=float(feeder.i_max_pu[k]),
            id=feeder.line_ids[k],
        )
    keep = {feeder.slack, *active}
    for bus in reversed(list(nx.topological_sort(tree))):
        if bus not in keep and tree.out_degree(bus) == 0:
            tree.remove_node(bus)
    for bus in list(nx.topological_sort(tree)):
        if bus not in keep and tree.out_degree(bus) == 1:
            _merge(tree, bus)
    return _as_feeder(feeder, tree)


def _merge(tree: nx.DiGraph, bus: int) -> None:
    """Join the branch into ``bus`` with the one out of it."""
    parent = next(iter(tree.predecessors(bus)))
    child = next(iter(tree.successors(bus)))
    above, below = tree.edges[parent, bus], tree.edges[bus, child]
    tree.add_edge(
        parent,
        child,
        r=above["r"] + below["r"],
        x=above["x"] + below["x"],
        limit=min(above["limit"], below["limit"]),
        id=f"{above['id']}..{below['id'].rsplit('..', 1)[-1]}",
    )
    tree.remove_node(bus)


def _as_feeder(feeder: Feeder, tree: nx.DiGraph) -> Feeder:
    buses = sorted(tree.nodes)
    position = {bus: k for k, bus in enumerate(buses)}
    edges = list(tree.edges(data=True))

    def column(name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return np.asarray([data[name] for _, _, data in edges], dtype=np.float64)

    return oriented(
        replace(
            feeder,
            bus_ids=tuple(feeder.bus_ids[bus] for bus in buses),
            slack=position[feeder.slack],
            v_min_pu=feeder.v_min_pu[buses],
            v_max_pu=feeder.v_max_pu[buses],
            line_ids=tuple(data["id"] for _, _, data in edges),
            from_bus=np.asarray([position[a] for a, _, _ in edges], dtype=np.int64),
            to_bus=np.asarray([position[b] for _, b, _ in edges], dtype=np.int64),
            r_pu=column("r"),
            x_pu=column("x"),
            b_pu=np.zeros(len(edges)),
            i_max_pu=column("limit"),
        )
    )


def expand_voltages(feeder: Feeder, reduced: Feeder, v_pu: ComplexArray) -> ComplexArray:
    """Return the voltages of all buses from those of the reduced feeder, complex.

    Parameters
    ----------
    feeder
        The whole feeder, without charging.
    reduced
        What ``reduce_feeder`` made of it.
    v_pu
        Voltages of the reduced feeder's buses, shape (T, its buses).

    Returns
    -------
    ComplexArray
        Shape (T, n), in the order of the whole feeder's buses.
    """
    whole = oriented(feeder)
    kept = [whole.position(bus) for bus in reduced.bus_ids]
    downstream = (v_pu[:, reduced.from_bus] - v_pu[:, reduced.to_bus]) / (
        reduced.r_pu + 1j * reduced.x_pu
    )
    drawn = np.zeros((len(v_pu), whole.n_bus), dtype=np.complex128)
    for k in range(reduced.n_line):
        drawn[:, kept[int(reduced.to_bus[k])]] += downstream[:, k]
        drawn[:, kept[int(reduced.from_bus[k])]] -= downstream[:, k]
    through = drawn.copy()
    for k in reversed(range(whole.n_line)):
        through[:, whole.from_bus[k]] += through[:, whole.to_bus[k]]
    found = np.empty_like(drawn)
    found[:, whole.slack] = v_pu[:, reduced.slack]
    for k in range(whole.n_line):
        drop = (whole.r_pu[k] + 1j * whole.x_pu[k]) * through[:, whole.to_bus[k]]
        found[:, whole.to_bus[k]] = found[:, whole.from_bus[k]] - drop
    return found
