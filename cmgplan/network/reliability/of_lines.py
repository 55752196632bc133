"""The feeder of a case whose lines.csv carries failure rates, as one for the indices.

Lines in service are turned away from the source; those out of service are the ties.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import networkx as nx
from pydantic import ValidationError

from cmgplan.case.explain import problems
from cmgplan.case.records import Line
from cmgplan.errors import CaseError, Fault
from cmgplan.network.reliability.read import (
    LINES,
    LoadPoint,
    ReliableFeeder,
    ReliableLine,
    Tie,
    checked_feeder,
)

RATES = ("km", "failures_per_km_year", "repair_h", "switching_h")
"""Columns that every line in service needs."""

TURNED = {"from": "to", "to": "from", "both": "both", None: None}


def feeder_of_lines(
    lines: Sequence[Line],
    loads: Sequence[LoadPoint],
    *,
    source: str,
    vn_kv: float,
    file: str = LINES,
) -> ReliableFeeder:
    """Return a feeder of a case's lines and load points.

    Parameters
    ----------
    lines
        All rows of the table, those out of service too.
    source
        Bus that feeds it.
    vn_kv
        Its nominal voltage.
    file
        What messages call the table.

    Raises
    ------
    CaseError
        With every line that lacks rates, or has a number out of range; or this is no radial feeder.
    """
    served = [(k, line) for k, line in enumerate(lines) if line.in_service]
    faults = list(_without_rates(file, served))
    if faults:
        raise CaseError(faults)
    graph = nx.Graph([(line.from_bus, line.to_bus) for _, line in served])
    graph.add_node(source)
    depth = nx.single_source_shortest_path_length(graph, source)
    found = []
    for k, line in served:
        turned = depth.get(line.from_bus, 0) > depth.get(line.to_bus, 0)
        if turned and line.protection is not None:
            message = f"{line.line} leads towards the source, so that its {line.protection}, at "
            message += "from_bus, would stand at its far end"
            faults.append(Fault(file, f"row {k + 2}", message, "turn the line round"))
            continue
        try:
            found.append(_line(line, turned, vn_kv))
        except ValidationError as error:
            faults += [
                Fault(file, f"row {k + 2}", f"{problem.key} {problem.message}", problem.mend)
                for problem in problems(error, ReliableLine, line.model_dump())
            ]
    if faults:
        raise CaseError(faults)
    return checked_feeder(found, loads, [_tie(line) for line in lines if not line.in_service])


def _without_rates(file: str, served: Sequence[tuple[int, Line]]) -> Iterator[Fault]:
    """Yield the columns that no line has, then the lines that lack one of the others."""
    columns = [name for name in RATES if all(getattr(line, name) is None for _, line in served)]
    if columns:
        message = f"no line has {', '.join(columns)}"
        yield Fault(file, "", message, "give each line in service its rate and times")
    for k, line in served:
        lacking = [o for o in RATES if o not in columns and getattr(line, o) is None]
        if lacking:
            message = f"line {line.line} has no {', '.join(lacking)}"
            yield Fault(file, f"row {k + 2}", message, "give it; each line in service needs one")


def _line(line: Line, turned: bool, vn_kv: float) -> ReliableLine:
    ends = line.from_bus, line.to_bus
    return ReliableLine.model_validate(
        {
            "line": line.line,
            "from_bus": ends[turned],
            "to_bus": ends[not turned],
            **{name: getattr(line, name) for name in RATES},
            "protection": line.protection,
            "disconnector": TURNED[line.disconnector] if turned else line.disconnector,
            "transformer_failures_per_year": line.transformer_failures_per_year or 0.0,
            "transformer_repair_h": line.transformer_repair_h or 0.0,
            "r_ohm": line.r_ohm,
            "x_ohm": line.x_ohm,
            "rating_kva": line.rating_kva,
            "vn_kv": vn_kv,
        }
    )


def _tie(line: Line) -> Tie:
    return Tie(
        tie=line.line,
        from_bus=line.from_bus,
        to_bus=line.to_bus,
        r_ohm=line.r_ohm,
        x_ohm=line.x_ohm,
        rating_kva=line.rating_kva,
    )
