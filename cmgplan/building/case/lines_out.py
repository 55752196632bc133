"""Lines that a case takes out of service: when, which buses that cuts off, and what is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import networkx as nx

from cmgplan.case.folder import CASE_FILE
from cmgplan.errors import Fault
from cmgplan.homes.case.records import BuildingFault, FeederLine, HomesCase

DAY_H = 24.0

SLACK_H = 1e-9
"""Time by which an end may pass the end of the case, h."""


def window_h(case: HomesCase, fault: BuildingFault) -> tuple[float, float] | None:
    """Return when a fault begins and ends, in hours from the beginning of the case.

    Its hours are those of the clock, on the first day on which they lie in the case; None where
    they do on none.
    """
    begins, ends = fault.hours
    start = (begins - case.begins_h) % DAY_H
    end = start + ends - begins
    return (start, end) if end <= case.hours * case.dt_h + SLACK_H else None


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


def faulty_faults(case: HomesCase) -> Iterator[Fault]:
    """Yield what is wrong with faults of lines: their lines, ties and hours."""
    lines = {line.line: line for line in case.lines}
    for k, fault in enumerate(case.file.building.fault):
        where = f"building.fault[{k}]"
        yield from _lines(lines, fault, where)
        yield from _hours(case, fault, where)
        if set(fault.close) <= lines.keys() and fault.line in lines:
            yield from _loops(case, fault, where)


def _lines(lines: dict[str, FeederLine], fault: BuildingFault, where: str) -> Iterator[Fault]:
    """Yield a line that is out of service anyway, and ties that are closed anyway."""
    line = lines.get(fault.line)
    if line is not None and not line.in_service:
        message = f"line {fault.line} is out of service, so that its fault cuts nothing off"
        yield Fault(CASE_FILE, f"{where}.line", message, "name a line in service")
    for n, name in enumerate(fault.close):
        tie = lines.get(name)
        if tie is not None and tie.in_service:
            message = f"line {name} is in service, so that it cannot close"
            mend = "name a line whose in_service is 0"
            yield Fault(CASE_FILE, f"{where}.close[{n}]", message, mend)


def _hours(case: HomesCase, fault: BuildingFault, where: str) -> Iterator[Fault]:
    """Yield hours that are not in the case, and ties that close when the fault is over."""
    begins, ends = fault.hours
    if window_h(case, fault) is None:
        first, last = case.begins_h, case.begins_h + case.hours * case.dt_h
        message = f"{begins} to {ends} is not in the case, which runs from {first:g} to {last:g}"
        yield Fault(CASE_FILE, f"{where}.hours", message, "give hours of the clock within it")
    elif fault.close and fault.close_after_h >= ends - begins:
        message = f"ties close after {fault.close_after_h:g} h, when the fault is over"
        mend = f"give less than {ends - begins} h, or leave close out"
        yield Fault(CASE_FILE, f"{where}.close_after_h", message, mend)


def _loops(case: HomesCase, fault: BuildingFault, where: str) -> Iterator[Fault]:
    """Yield ties that close a loop, or that join none of the buses cut off."""
    rows = {row.line: row for row in case.lines}
    graph = nx.Graph()
    graph.add_edges_from(
        (row.from_bus, row.to_bus)
        for row in case.lines
        if row.in_service and row.line != fault.line
    )
    for n, name in enumerate(fault.close):
        ends = rows[name].from_bus, rows[name].to_bus
        if rows[name].in_service:
            continue
        if all(end in graph for end in ends) and nx.has_path(graph, *ends):
            message = f"closing {name} makes a loop while {fault.line} is out"
            mend = "name a tie between buses that are cut off and buses that are not"
            yield Fault(CASE_FILE, f"{where}.close[{n}]", message, mend)
        graph.add_edge(*ends)
