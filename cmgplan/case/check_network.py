"""Rules for the feeder: ids, ends, impedances, voltages, and that it is one radial piece."""

from __future__ import annotations

from collections.abc import Iterator

import networkx as nx
from networkx.utils import UnionFind

from cmgplan.case.draft_parts import NetworkDraft
from cmgplan.case.explain import nearest
from cmgplan.case.folder import CASE_FILE
from cmgplan.case.ids import repeated
from cmgplan.case.records import Bus, NetworkSection
from cmgplan.errors import Fault
from cmgplan.plurals import counted


def check_buses(draft: NetworkDraft) -> Iterator[Fault]:
    """Yield what is wrong with buses, the slack bus and voltage limits."""
    yield from repeated(draft.bus_file, "bus", ((b.where, b.record.bus) for b in draft.buses))
    network = draft.network
    for placed in draft.buses:
        bus = placed.record
        if bus.p_kw == 0.0 and bus.q_kvar != 0.0:
            message = f"q_kvar of bus {bus.bus} is {bus.q_kvar:g} where p_kw is 0"
            yield Fault(draft.bus_file, placed.where, message, "give the load a p_kw")
        own_limits = bus.v_min_pu is not None or bus.v_max_pu is not None
        if network is not None and own_limits:
            low, high = _limits(bus, network)
            if low >= high:
                message = f"v_min_pu {low:g} of bus {bus.bus} is not under v_max_pu {high:g}"
                yield Fault(draft.bus_file, placed.where, message, "widen the limits")
    if network is not None:
        yield from _slack_faults(draft, network)


def _slack_faults(draft: NetworkDraft, network: NetworkSection) -> Iterator[Fault]:
    """Yield what is wrong with ``[network]``: voltage limits and the slack bus."""
    if network.v_min_pu >= network.v_max_pu:
        message = f"v_min_pu {network.v_min_pu:g} is not under v_max_pu {network.v_max_pu:g}"
        yield Fault(CASE_FILE, "network.v_min_pu", message, "widen the limits")
    slack = network.slack_bus
    if draft.bus_ids is not None and slack not in draft.bus_ids:
        message = f"the slack bus {slack} is not in {draft.bus_file}"
        mend = nearest(slack, draft.bus_ids, "name a bus of the feeder")
        yield Fault(CASE_FILE, "network.slack_bus", message, mend)
    low, high = network.v_min_pu, network.v_max_pu
    for placed in draft.buses:
        if placed.record.bus == slack:
            low, high = _limits(placed.record, network)
    if low < high and not low <= network.v_slack_pu <= high:
        message = f"{network.v_slack_pu:g} pu is outside the slack bus's limits {low:g} to {high:g}"
        yield Fault(CASE_FILE, "network.v_slack_pu", message, "set it within the limits")


def _limits(bus: Bus, network: NetworkSection) -> tuple[float, float]:
    """Return the voltage limits of a bus, pu."""
    low = network.v_min_pu if bus.v_min_pu is None else bus.v_min_pu
    high = network.v_max_pu if bus.v_max_pu is None else bus.v_max_pu
    return low, high


def check_lines(draft: NetworkDraft) -> Iterator[Fault]:
    """Yield what is wrong with single lines."""
    file = draft.line_file
    yield from repeated(file, "line", ((x.where, x.record.line) for x in draft.lines))
    voltage = {placed.record.bus: placed.record.vn_kv for placed in draft.buses}
    for placed in draft.lines:
        line, where = placed.record, placed.where
        for key, bus in (("from_bus", line.from_bus), ("to_bus", line.to_bus)):
            if draft.bus_ids is not None and bus not in draft.bus_ids:
                message = f"{key} {bus} is not in {draft.bus_file}"
                mend = nearest(bus, draft.bus_ids, "add the bus or correct the line")
                yield Fault(file, where, message, mend)
        if line.from_bus == line.to_bus:
            message = f"line {line.line} joins bus {line.from_bus} to itself"
            yield Fault(file, where, message, "name two buses")
        if line.r_ohm == 0.0 and line.x_ohm == 0.0:
            message = f"r_ohm and x_ohm of line {line.line} are both 0"
            yield Fault(file, where, message, "give its impedance, or merge its two buses")
        start, end = voltage.get(line.from_bus), voltage.get(line.to_bus)
        if start is not None and end is not None and start != end:
            message = (
                f"line {line.line} joins bus {line.from_bus} of {start:g} kV "
                f"to bus {line.to_bus} of {end:g} kV"
            )
            yield Fault(file, where, message, "correct vn_kv; transformers are not modelled")


def check_shape(draft: NetworkDraft) -> Iterator[Fault]:
    """Yield the loops of the feeder, and the buses that no line in service reaches."""
    if draft.bus_ids is None:
        return
    graph = nx.Graph()
    graph.add_nodes_from(draft.bus_ids)
    joined = UnionFind(draft.bus_ids)
    for placed in draft.lines:
        line = placed.record
        start, end = line.from_bus, line.to_bus
        known = start in draft.bus_ids and end in draft.bus_ids
        if not line.in_service or not known or start == end:
            continue
        if joined[start] == joined[end]:
            path = nx.shortest_path(graph, end, start)
            message = f"line {line.line} closes the loop {' - '.join([start, *path])}"
            mend = "set in_service of one line of the loop to 0; the feeder must be radial"
            yield Fault(draft.line_file, placed.where, message, mend)
        else:
            joined.union(start, end)
            graph.add_edge(start, end)
    slack = None if draft.network is None else draft.network.slack_bus
    if "lines" in draft.incomplete or slack not in graph:
        return
    cut_off = set(graph) - nx.node_connected_component(graph, slack)
    if cut_off:
        ordered = [b.record.bus for b in draft.buses if b.record.bus in cut_off] or sorted(cut_off)
        named = ", ".join(ordered[:10]) + (" and more" if len(ordered) > 10 else "")
        count = counted(len(cut_off), "bus is", "buses are")
        message = f"{count} cut off from the slack bus {slack}: {named}"
        yield Fault(draft.line_file, "", message, "add the lines that join them")
