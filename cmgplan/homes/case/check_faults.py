"""Rules for faults of lines: their hours, the lines they take out, and the ties that close."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import networkx as nx

from cmgplan.case.folder import CASE_FILE
from cmgplan.errors import Fault
from cmgplan.homes.case.draft import Draft
from cmgplan.homes.case.records import BuildingFault, FeederLine, fault_window_h


def check_faults(draft: Draft) -> Iterator[Fault]:
    """Yield what is wrong with faults of a feeder, and with buildings that stand on it."""
    if not draft.has_network:
        return
    if draft.line_faults and not draft.load_mix and draft.building is not None:
        message = "there are no buildings on the feeder that a fault could cut off"
        yield Fault(CASE_FILE, "building.fault", message, "add [[building.load_mix]]")
    for home in draft.homes if draft.load_mix else ():
        if home.base is not None and home.base.power_factor == 0.0:
            message = f"0 leaves home {home.name} no active power to draw"
            mend = "give more than 0, at most 1"
            yield Fault(CASE_FILE, f"{home.where}.power_factor", message, mend)
    rows = {placed.record.line: placed.record for placed in draft.lines}
    for placed in draft.line_faults:
        yield from _lines(rows, placed.record, placed.where)
        yield from _hours(draft, placed.record, placed.where)
        if "lines" not in draft.incomplete:
            yield from _loops(rows, placed.record, placed.where)


def _lines(rows: Mapping[str, FeederLine], fault: BuildingFault, where: str) -> Iterator[Fault]:
    """Yield a line that is out of service anyway, and ties that are closed anyway."""
    line = rows.get(fault.line)
    if line is not None and not line.in_service:
        message = f"line {fault.line} is out of service, so that its fault cuts nothing off"
        yield Fault(CASE_FILE, f"{where}.line", message, "name a line in service")
    for n, name in enumerate(fault.close):
        tie = rows.get(name)
        if tie is not None and tie.in_service:
            message = f"line {name} is in service, so that it cannot close"
            mend = "name a line whose in_service is 0"
            yield Fault(CASE_FILE, f"{where}.close[{n}]", message, mend)


def _hours(draft: Draft, fault: BuildingFault, where: str) -> Iterator[Fault]:
    """Yield hours that are not in the case, and ties that close when the fault is over."""
    begins, ends = fault.hours
    if draft.time is None or begins >= ends:
        return
    long_h = draft.time.hours * draft.time.dt_h
    if fault_window_h(fault, draft.begins_h, long_h) is None:
        first, last = draft.begins_h, draft.begins_h + long_h
        message = f"{begins} to {ends} is not in the case, which runs from {first:g} to {last:g}"
        yield Fault(CASE_FILE, f"{where}.hours", message, "give hours of the clock within it")
    if fault.close and fault.close_after_h >= ends - begins:
        message = f"ties close after {fault.close_after_h:g} h, when the fault is over"
        mend = f"give less than {ends - begins} h, or leave close out"
        yield Fault(CASE_FILE, f"{where}.close_after_h", message, mend)


def _loops(rows: Mapping[str, FeederLine], fault: BuildingFault, where: str) -> Iterator[Fault]:
    """Yield ties that close a loop, which all do that join none of the buses cut off."""
    graph = nx.Graph()
    graph.add_edges_from(
        (row.from_bus, row.to_bus)
        for row in rows.values()
        if row.in_service and row.line != fault.line
    )
    for n, name in enumerate(fault.close):
        if name not in rows or rows[name].in_service or fault.line not in rows:
            continue
        ends = rows[name].from_bus, rows[name].to_bus
        if all(end in graph for end in ends) and nx.has_path(graph, *ends):
            message = f"closing {name} makes a loop while {fault.line} is out"
            mend = "name a tie between buses that are cut off and buses that are not"
            yield Fault(CASE_FILE, f"{where}.close[{n}]", message, mend)
        graph.add_edge(*ends)
