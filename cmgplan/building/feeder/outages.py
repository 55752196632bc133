"""Which buses a fault cuts off, and for how long, with its ties closed after a while or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import networkx as nx
import numpy as np

from cmgplan.arrays import FloatArray, IntArray
from cmgplan.homes.case.records import BuildingFault, HomesCase, fault_window_h

SHORTEST_H = 1e-9
"""Part of an interval that counts as none, h."""


@dataclass(frozen=True)
class CutOff:
    """Buses that are cut off alike, from and to in hours from the beginning of the case.

    ``until`` says what joins them again: ``closing`` of ties, or the ``end`` of the fault.
    """

    until: str
    buses: tuple[str, ...]
    begins_h: float
    ends_h: float

    def hours(self, case: HomesCase) -> IntArray:
        """Return the intervals in which they are cut off, wholly or in part."""
        return np.flatnonzero(self.cut_h(case) > SHORTEST_H)

    def cut_h(self, case: HomesCase) -> FloatArray:
        """Return how long they are cut off in each interval, h, shape (T,)."""
        return overlap_h(case, self.begins_h, self.ends_h)


@dataclass(frozen=True)
class Outage:
    """A fault of a line, with the network reconfigured or not.

    Attributes
    ----------
    fault
        Position in the case.
    begins_h, ends_h
        Of the fault, in hours from the beginning of the case.
    reconfigured
        Whether the ties that the case names close.
    groups
        The buses cut off, by how long.
    """

    fault: int
    record: BuildingFault
    begins_h: float
    ends_h: float
    reconfigured: bool
    groups: tuple[CutOff, ...]

    @property
    def closed(self) -> tuple[str, ...]:
        """Ties that close."""
        return self.record.close if self.reconfigured else ()

    @property
    def left_out(self) -> tuple[str, ...]:
        """Buses that stay cut off to the end of the fault."""
        return tuple(bus for group in self.groups if group.until == "end" for bus in group.buses)


def overlap_h(case: HomesCase, begins_h: float, ends_h: float) -> FloatArray:
    """Return how much of each interval lies between two times, h, shape (T,)."""
    starts = case.dt_h * np.arange(case.hours)
    shared = np.minimum(starts + case.dt_h, ends_h) - np.maximum(starts, begins_h)
    return np.asarray(np.maximum(shared, 0.0))


def cut_off(case: HomesCase, line: str, closed: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the buses that no line in service joins to the slack bus, in the case's order."""
    network = case.file.network
    graph = nx.Graph()
    graph.add_nodes_from(bus.bus for bus in case.buses)
    graph.add_edges_from(
        (row.from_bus, row.to_bus)
        for row in case.lines
        if row.line != line and (row.in_service or row.line in closed)
    )
    fed = set() if network is None else nx.node_connected_component(graph, network.slack_bus)
    return tuple(bus.bus for bus in case.buses if bus.bus not in fed)


def outages(case: HomesCase) -> tuple[Outage, ...]:
    """Return every fault of a case: as it is, and with its ties closed where it names any."""
    found = []
    for k, fault in enumerate(case.file.building.fault):
        window = fault_window_h(fault, case.begins_h, case.hours * case.dt_h)
        if window is None:
            raise ValueError(f"fault {k} lies outside the case")
        begins, ends = window
        cut = cut_off(case, fault.line)
        found.append(Outage(k, fault, begins, ends, False, (CutOff("end", cut, begins, ends),)))
        if fault.close:
            left = cut_off(case, fault.line, fault.close)
            joined = tuple(bus for bus in cut if bus not in left)
            groups = (
                CutOff("closing", joined, begins, begins + fault.close_after_h),
                CutOff("end", left, begins, ends),
            )
            found.append(Outage(k, fault, begins, ends, True, tuple(g for g in groups if g.buses)))
    return tuple(found)
