"""The folder of a reliability study: lines.csv, loads.csv, ties.csv, every fault of them named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import Field

from cmgplan.case.folder import CaseFolder
from cmgplan.case.ids import repeated
from cmgplan.case.rows import Placed, read_rows
from cmgplan.case.tables import read_table
from cmgplan.devices.base import Id, Positive, Record
from cmgplan.errors import CaseError, Fault

R = TypeVar("R", bound=Record)

LINES, LOADS, TIES = "lines.csv", "loads.csv", "ties.csv"

HOURS_PER_YEAR = 8760.0

BODY = "line\0"
"""How the name of a line's conductor begins."""

MOST_LINES = 10_000
"""Lines of a feeder; the work grows with their square."""

MOST_FAILURES = 1000.0
"""Failures of a line or transformer a year; more mean that it never stands."""

Rate = Annotated[float, Field(ge=0.0, le=MOST_FAILURES, allow_inf_nan=False)]
Duration = Annotated[float, Field(ge=0.0, le=HOURS_PER_YEAR, allow_inf_nan=False)]
Length = Annotated[float, Field(ge=0.0, le=1e5, allow_inf_nan=False)]
Amount = Annotated[float, Field(ge=0.0, le=1e9, allow_inf_nan=False)]
Impedance = Annotated[float, Field(ge=0.0, le=1e6, allow_inf_nan=False)]
Reactive = Annotated[float, Field(ge=-1e9, le=1e9, allow_inf_nan=False)]


class ReliableLine(Record):
    """A row of lines.csv: a line that points away from the source.

    ``protection`` (breaker or fuse) stands at the from end, opens under a fault and isolates;
    ``disconnector`` stands at the ends named. A transformer hangs at the to end, in the line's
    section. ``r_ohm``, ``x_ohm``, ``rating_kva`` and ``vn_kv`` are read where limits are checked.
    """

    line: Id
    from_bus: Id
    to_bus: Id
    km: Length
    failures_per_km_year: Rate
    repair_h: Duration
    switching_h: Duration
    protection: Literal["breaker", "fuse"] | None = None
    disconnector: Literal["from", "to", "both"] | None = None
    transformer_failures_per_year: Rate = 0.0
    transformer_repair_h: Duration = 0.0
    r_ohm: Impedance | None = None
    x_ohm: Impedance | None = None
    rating_kva: Positive | None = None
    vn_kv: Positive | None = None

    @property
    def failures_per_year(self) -> float:
        """Failures of the line itself."""
        return self.km * self.failures_per_km_year


class LoadPoint(Record):
    """A row of loads.csv: mean load and customers of a bus."""

    bus: Id
    p_kw: Amount
    customers: Amount
    q_kvar: Reactive = 0.0


class Tie(Record):
    """A row of ties.csv: a switch between two buses that is open unless a fault asks for it."""

    tie: Id
    from_bus: Id
    to_bus: Id
    r_ohm: Impedance | None = None
    x_ohm: Impedance | None = None
    rating_kva: Positive | None = None


@dataclass(frozen=True)
class ReliableFeeder:
    """A radial feeder with its devices; ``source`` is the bus that no line leads to."""

    lines: tuple[ReliableLine, ...]
    loads: tuple[LoadPoint, ...]
    ties: tuple[Tie, ...]
    source: str

    @cached_property
    def buses(self) -> frozenset[str]:
        """All buses."""
        return frozenset([self.source, *(line.to_bus for line in self.lines)])

    @cached_property
    def _by_id(self) -> dict[str, ReliableLine]:
        return {line.line: line for line in self.lines}

    def cut_lines(self, ids: frozenset[str]) -> list[ReliableLine]:
        """Return the lines of some ids."""
        return [self._by_id[name] for name in ids]

    @cached_property
    def feeding(self) -> dict[str, ReliableLine]:
        """The line that leads to each bus."""
        return {line.to_bus: line for line in self.lines}

    @cached_property
    def load_at(self) -> dict[str, int]:
        """The position of the load point of each bus that has one."""
        return {load.bus: k for k, load in enumerate(self.loads)}

    @cached_property
    def leaving(self) -> dict[str, list[ReliableLine]]:
        """The lines that lead away from each bus."""
        found: dict[str, list[ReliableLine]] = {}
        for line in self.lines:
            found.setdefault(line.from_bus, []).append(line)
        return found

    @cached_property
    def tied(self) -> dict[str, list[str]]:
        """The other ends of the ties at each bus."""
        found: dict[str, list[str]] = {}
        for tie in self.ties:
            found.setdefault(tie.from_bus, []).append(tie.to_bus)
            found.setdefault(tie.to_bus, []).append(tie.from_bus)
        return found

    @cached_property
    def joints(self) -> dict[str, list[str]]:
        """What no device parts: buses, and conductors of lines (``body_of``), by each of them."""
        joined: dict[str, list[str]] = {}
        for line in self.lines:
            body = body_of(line)
            at_from = line.protection is not None or line.disconnector in ("from", "both")
            for bus, parted in (
                (line.from_bus, at_from),
                (line.to_bus, line.disconnector in ("to", "both")),
            ):
                if not parted:
                    joined.setdefault(body, []).append(bus)
                    joined.setdefault(bus, []).append(body)
        return joined


def body_of(line: ReliableLine) -> str:
    """Return the name of a line's conductor; ids of buses and lines may be equal."""
    return f"{BODY}{line.line}"


def read_reliable_feeder(path: Path | str) -> ReliableFeeder:
    """Read a folder with lines.csv, loads.csv and, where there are ties, ties.csv.

    Raises
    ------
    CaseError
        With every fault found: file, row, column and what to do.
    """
    folder, faults = CaseFolder.at(path), list[Fault]()
    if not folder.path.is_dir():
        mend = f"name a folder with {LINES} and {LOADS}"
        raise CaseError([Fault(str(path), "", "there is no such folder", mend)])
    tables = {name: read_table(folder, name, faults) for name in (LINES, LOADS)}
    if (folder.path / TIES).exists():
        tables[TIES] = read_table(folder, TIES, faults)
    found = {name: table for name, table in tables.items() if table is not None}
    lines = read_rows(found[LINES], ReliableLine, faults) if LINES in found else []
    loads = read_rows(found[LOADS], LoadPoint, faults) if LOADS in found else []
    ties = read_rows(found[TIES], Tie, faults) if TIES in found else []
    if faults:
        raise CaseError(faults)
    faults.extend(_faults(lines, loads, ties))
    if faults:
        raise CaseError(faults)
    return checked_feeder(
        [placed.record for placed in lines],
        [placed.record for placed in loads],
        [placed.record for placed in ties],
    )


def checked_feeder(
    lines: Sequence[ReliableLine], loads: Sequence[LoadPoint], ties: Sequence[Tie] = ()
) -> ReliableFeeder:
    """Return a feeder of records.

    Raises
    ------
    CaseError
        The records are no radial feeder.
    """
    faults = list(_faults(_placed(lines), _placed(loads), _placed(ties)))
    if faults:
        raise CaseError(faults)
    source = _sources(lines)[0]
    return ReliableFeeder(tuple(lines), tuple(loads), tuple(ties), source)


def _placed(records: Sequence[R]) -> list[Placed[R]]:
    return [Placed(f"row {k + 2}", record) for k, record in enumerate(records)]


def _sources(lines: Sequence[ReliableLine]) -> list[str]:
    fed = {line.to_bus for line in lines}
    return list(dict.fromkeys(line.from_bus for line in lines if line.from_bus not in fed))


def _faults(
    lines: Sequence[Placed[ReliableLine]],
    loads: Sequence[Placed[LoadPoint]],
    ties: Sequence[Placed[Tie]],
) -> Iterator[Fault]:
    """Yield what keeps the rows from being a radial feeder."""
    if len(lines) > MOST_LINES:
        message = f"{len(lines)} lines are more than {MOST_LINES}, the most of one feeder"
        yield Fault(LINES, "", message, "give one feeder of the substation at a time")
        return
    yield from repeated(LINES, "line", ((p.where, p.record.line) for p in lines))
    yield from repeated(LOADS, "bus", ((p.where, p.record.bus) for p in loads))
    yield from repeated(TIES, "tie", ((p.where, p.record.tie) for p in ties))
    yield from _tree_faults(lines)
    known = {bus for p in lines for bus in (p.record.from_bus, p.record.to_bus)}
    mend = f"correct the bus, or add a line to it in {LINES}"
    for placed in loads:
        if placed.record.bus not in known:
            message = f"bus {placed.record.bus} is not in {LINES}"
            yield Fault(LOADS, placed.where, message, mend)
    for tie in ties:
        for column, bus in (("from_bus", tie.record.from_bus), ("to_bus", tie.record.to_bus)):
            if bus not in known:
                yield Fault(TIES, tie.where, f"{column} {bus} is not in {LINES}", mend)
        if tie.record.from_bus == tie.record.to_bus:
            message = f"it begins and ends at bus {tie.record.to_bus}"
            yield Fault(TIES, tie.where, message, "name two buses")
    yield from _always_down(lines)
    if sum(p.record.customers for p in loads) <= 0.0:
        message = "no load point has customers"
        yield Fault(LOADS, "", message, "give customers; the indices are means over them")


def _always_down(lines: Sequence[Placed[ReliableLine]]) -> Iterator[Fault]:
    """Yield the lines whose failures fill more than a year with repairs."""
    for placed in lines:
        line = placed.record
        for columns, rate, repair_h in (
            ("km, failures_per_km_year and repair_h", line.failures_per_year, line.repair_h),
            (
                "transformer_failures_per_year and transformer_repair_h",
                line.transformer_failures_per_year,
                line.transformer_repair_h,
            ),
        ):
            if rate * repair_h > HOURS_PER_YEAR:
                message = f"{columns} make {rate * repair_h:g} h of repair in a year of 8760 h"
                yield Fault(LINES, placed.where, message, "correct the rate or the time")


def _tree_faults(lines: Sequence[Placed[ReliableLine]]) -> Iterator[Fault]:
    by_end: dict[str, Placed[ReliableLine]] = {}
    for placed in lines:
        line = placed.record
        if line.to_bus in by_end:
            message = f"bus {line.to_bus} is fed by {by_end[line.to_bus].record.line} already"
            mend = f"a feeder is radial: turn the line round, or put it into {TIES}"
            yield Fault(LINES, placed.where, message, mend)
        by_end.setdefault(line.to_bus, placed)
    sources = _sources([placed.record for placed in lines])
    mend = "let every line point away from the source (from_bus nearer to it)"
    if not sources:
        message = "there is no source: every bus is the to_bus of a line"
        yield Fault(LINES, "", message, mend)
        return
    if len(sources) > 1:
        message = f"{', '.join(sources[:5])} are fed by no line, so there are several sources"
        yield Fault(LINES, "", message, f"{mend}; join feeders at one bus of their substation")
    leaving: dict[str, list[str]] = {}
    for placed in lines:
        leaving.setdefault(placed.record.from_bus, []).append(placed.record.to_bus)
    reached, waiting = set(sources), list(sources)
    while waiting:
        for bus in leaving.get(waiting.pop(), ()):
            if bus not in reached:
                reached.add(bus)
                waiting.append(bus)
    for placed in lines:
        if placed.record.from_bus not in reached:
            message = f"bus {placed.record.from_bus} is not connected to the source"
            yield Fault(LINES, placed.where, message, mend)
