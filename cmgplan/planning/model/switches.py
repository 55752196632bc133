"""Switches of a case, in which hours they may close, and which hours they are closed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import networkx as nx
import numpy as np

from cmgplan.arrays import BoolArray
from cmgplan.case.records import SwitchKind
from cmgplan.planning.case.records import Case

FEEDER = "\0feeder"
"""The feeder as one node of the switch graph; no id from a case can equal it."""


@dataclass(frozen=True)
class Switch:
    """A switch; ``to`` of a grid switch is its feeder bus."""

    id: str
    kind: SwitchKind
    from_: str
    to: str
    initially_closed: bool

    @property
    def ends(self) -> tuple[str, str]:
        """Nodes of the switch graph that it joins."""
        return self.from_, FEEDER if self.kind == "grid" else self.to


def all_switches(case: Case) -> tuple[Switch, ...]:
    """Return ties, then PCC switches, in the order of the case."""
    ties = [
        Switch(tie.id, tie.kind, tie.from_microgrid, tie.to_microgrid, tie.initially_closed)
        for tie in case.ties
    ]
    pccs = [
        Switch(mg.pcc.id, "grid", mg.id, mg.bus, mg.pcc.initially_closed) for mg in case.microgrids
    ]
    return (*ties, *pccs)


SwitchHours = Mapping[str, BoolArray]
"""By switch id, one truth value per hour: may close (a mask) or is closed (a schedule)."""


def allow(case: Case, kinds: Sequence[SwitchKind], hours: SwitchHours | None = None) -> SwitchHours:
    """Return a mask that lets the kinds close always, other kinds as in ``hours`` or never."""
    count = case.file.time.hours
    return {
        s.id: (
            np.ones(count, dtype=bool)
            if s.kind in kinds
            else (hours or {}).get(s.id, np.zeros(count, dtype=bool))
        )
        for s in all_switches(case)
    }


def allowed_pairs(switches: Sequence[Switch], mask: SwitchHours) -> Iterator[tuple[str, int]]:
    """Yield (switch, hour) for each hour in which a switch may close."""
    for switch in switches:
        for t in np.flatnonzero(mask[switch.id]):
            yield switch.id, int(t)


def graph_of(switches: Sequence[Switch], closed: SwitchHours, t: int) -> nx.MultiGraph:
    """Return the graph of the switches closed in hour t, keyed by switch id."""
    graph = nx.MultiGraph()
    for switch in switches:
        if closed[switch.id][t]:
            graph.add_edge(*switch.ends, key=switch.id)
    return graph


def cycles_in(graph: nx.MultiGraph) -> list[frozenset[str]]:
    """Return the node sets of a cycle basis; two parallel switches are a cycle of two nodes."""
    found = [frozenset(cycle) for cycle in nx.cycle_basis(nx.Graph(graph))]
    parallel = {frozenset((a, b)) for a, b in graph.edges() if graph.number_of_edges(a, b) > 1}
    return [*parallel, *found]


def short_cycles(graph: nx.MultiGraph, length: int) -> list[frozenset[str]]:
    """Return the node sets of all cycles up to a length, each once."""
    simple = {frozenset(c) for c in nx.simple_cycles(nx.Graph(graph), length_bound=length)}
    parallel = {frozenset((a, b)) for a, b in graph.edges() if graph.number_of_edges(a, b) > 1}
    return sorted(simple | parallel, key=lambda nodes: (len(nodes), sorted(nodes)))


def is_forest(switches: Sequence[Switch], closed: SwitchHours, t: int) -> bool:
    """Whether the switches closed in hour t form a forest with the feeder as one node."""
    return not cycles_in(graph_of(switches, closed, t))


def operations(switch: Switch, closed: BoolArray) -> int:
    """Count the changes of position over the horizon, from the initial position."""
    before = np.concatenate([[switch.initially_closed], closed[:-1]])
    return int(np.sum(before != closed))


def next_mask(
    case: Case,
    level: int,
    mask: SwitchHours,
    left_over: Mapping[str, BoolArray],
) -> SwitchHours:
    """Return the mask of the level after ``level``.

    Parameters
    ----------
    level
        1, 2 or 3: the level that has been solved.
    mask
        Its own mask, which carries over.
    left_over
        By microgrid and hour, whether it was left a shortage or a surplus.
    """
    anyone = np.any(np.stack(list(left_over.values())), axis=0)
    within = {
        mg: np.any(np.stack([left_over[other] for other in cluster.microgrids]), axis=0)
        for cluster in case.clusters
        for mg in cluster.microgrids
    }
    opened: dict[str, BoolArray] = {}
    for switch in all_switches(case):
        kind_level = {"microgrid": 1, "cluster": 2, "grid": 3}[switch.kind]
        if kind_level != level:
            opened[switch.id] = mask[switch.id]
        else:
            opened[switch.id] = within[switch.from_] if level == 1 else anyone
    return opened
