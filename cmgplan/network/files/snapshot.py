"""One hour of a plan as other tools take it: the feeder, the microgrids behind it, the switches.

Every microgrid is a node of its own, joined to its feeder bus and to other microgrids by the
switches of the case. Powers are those of the plan, in kW and kvar.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan

import networkx as nx

from cmgplan.case.records import Bus, Line, SwitchKind


@dataclass(frozen=True)
class Node:
    """A feeder bus, or a microgrid (``cluster`` not empty); ``vn_kv`` is the feeder's in both."""

    id: str
    vn_kv: float
    v_min_pu: float
    v_max_pu: float
    cluster: str = ""

    @property
    def kind(self) -> str:
        """``feeder`` or ``microgrid``."""
        return "microgrid" if self.cluster else "feeder"


@dataclass(frozen=True)
class Unit:
    """What stands at a node in the hour; injection into the node is positive.

    Attributes
    ----------
    name, kind
        Id, and the device's kind: ``load``, ``wt``, ``pv``, ``mt``, ``svc``, ``storage``, ``ev``;
        ``tie loss`` and ``tie flow`` stand for what a tie takes and brings.
    node
        Position among the nodes.
    energy_kwh, soc_kwh
        Capacity of a store and what it holds at the end of the hour; NaN elsewhere.
    """

    name: str
    kind: str
    node: int
    p_kw: float
    q_kvar: float
    energy_kwh: float = nan
    soc_kwh: float = nan


@dataclass(frozen=True)
class SwitchPosition:
    """A switch between two nodes in the hour, with the flow over it, from -> to positive.

    ``p_kw`` and ``q_kvar`` are measured at ``from_node``, ``p_to_kw`` at ``to_node``.
    """

    id: str
    kind: SwitchKind
    from_node: int
    to_node: int
    rating_kva: float
    closed: bool
    p_kw: float = 0.0
    q_kvar: float = 0.0
    p_to_kw: float = 0.0

    @property
    def loss_kw(self) -> float:
        """What is lost on the way."""
        return self.p_kw - self.p_to_kw


@dataclass(frozen=True)
class Snapshot:
    """One hour: nodes (the feeder's buses first, in the case's order), lines, units, switches.

    Attributes
    ----------
    slack, v_slack_pu
        Position of the bus that the upstream network feeds, and its voltage.
    """

    name: str
    nodes: tuple[Node, ...]
    lines: tuple[Line, ...]
    units: tuple[Unit, ...]
    switches: tuple[SwitchPosition, ...]
    slack: int
    v_slack_pu: float

    def position(self, bus_id: str) -> int:
        """Return the position of a feeder bus."""
        return next(k for k, n in enumerate(self.nodes) if not n.cluster and n.id == bus_id)


def feeder_nodes(buses: Sequence[Bus], v_min_pu: float, v_max_pu: float) -> list[Node]:
    """Return the feeder's buses as nodes; the limits hold for buses that state none."""
    return [
        Node(
            b.bus,
            b.vn_kv,
            v_min_pu if b.v_min_pu is None else b.v_min_pu,
            v_max_pu if b.v_max_pu is None else b.v_max_pu,
        )
        for b in buses
    ]


def ideal_switches(snapshot: Snapshot) -> frozenset[str]:
    """Return the closed switches whose flow follows from what stands at the nodes.

    With the feeder as one node they form a forest: each adds a branch to a tree, so that merging
    its ends changes no flow. A closed tie left over closes a loop; its flow is the plan's, not
    that of a connection without impedance. Plans with ``radial = true`` have none.
    """
    feeder = -1
    joined = nx.utils.UnionFind([feeder])
    found = set()
    # Connections to the feeder come first: each of them leads to another microgrid.
    for s in sorted(snapshot.switches, key=lambda s: s.kind != "grid"):
        ends = [
            k if snapshot.nodes[k].kind == "microgrid" else feeder for k in (s.from_node, s.to_node)
        ]
        if s.closed and joined[ends[0]] != joined[ends[1]]:
            joined.union(*ends)
            found.add(s.id)
    return frozenset(found)


def with_tie_powers(snapshot: Snapshot) -> tuple[Unit, ...]:
    """Return the units with what ties take and bring beside what joins their ends.

    A tie that joins its ends loses power at its to end; one that closes a loop takes its flow
    at one end and brings it at the other.
    """
    ideal = ideal_switches(snapshot)
    more = []
    for s in snapshot.switches:
        if s.kind == "grid" or not s.closed:
            continue
        if s.id not in ideal:
            name = f"flow of {s.id}"
            more.append(Unit(name, "tie flow", s.from_node, -s.p_kw, -s.q_kvar))
            more.append(Unit(name, "tie flow", s.to_node, s.p_to_kw, s.q_kvar))
        elif s.loss_kw != 0.0:
            more.append(Unit(f"loss of {s.id}", "tie loss", s.to_node, -s.loss_kw, 0.0))
    return (*snapshot.units, *more)
