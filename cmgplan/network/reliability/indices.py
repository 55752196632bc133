"""Reliability indices by enumeration of all single faults (IEEE Std 1366; Billinton, Allan 1996).

A fault opens the nearest breaker or fuse towards the source; all behind it is interrupted. The
section of the fault is bounded by switching devices and stays out until the repair. What is
connected to the source without that section, directly or by ties, is back after switching.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from cmgplan.network.reliability.read import LoadPoint, ReliableFeeder, ReliableLine

HOURS_PER_YEAR = 8760.0

KWH_PER_MWH = 1000.0

Restore = Callable[["Isolated"], frozenset[str]]
"""Which buses are back after switching, given the feeder without the section of the fault."""


@dataclass(frozen=True)
class Isolated:
    """A feeder without the section of a fault.

    Attributes
    ----------
    line
        The line that failed.
    section
        Buses in its section.
    cut
        Lines that touch the section and carry nothing.
    fed
        Buses that the source feeds without ties.
    """

    line: ReliableLine
    section: frozenset[str]
    cut: frozenset[str]
    fed: frozenset[str]


@dataclass(frozen=True)
class FaultCost:
    """What the faults of one line contribute, its transformer's among them.

    ``saifi`` per year, ``saidi_h`` in h per year, ``eens_mwh`` in MWh per year.
    """

    line: str
    failures_per_year: float
    saifi: float
    saidi_h: float
    eens_mwh: float


@dataclass(frozen=True)
class LoadPointIndices:
    """Of one load point: failures per year, hours per failure and year, energy per year."""

    bus: str
    customers: float
    failures_per_year: float
    hours_per_failure: float
    hours_per_year: float
    eens_mwh: float


@dataclass(frozen=True)
class Reliability:
    """Indices of a feeder per year, by load point and by line."""

    saifi: float
    saidi_h: float
    eens_mwh: float
    customers: float
    load_points: tuple[LoadPointIndices, ...]
    faults: tuple[FaultCost, ...]

    @property
    def caidi_h(self) -> float:
        """Mean duration of an interruption, h; 0 where there is none."""
        return self.saidi_h / self.saifi if self.saifi > 0.0 else 0.0

    @property
    def asai(self) -> float:
        """Share of the customers' hours in which they are served."""
        return 1.0 - self.saidi_h / HOURS_PER_YEAR

    @property
    def aens_kwh(self) -> float:
        """Energy not supplied per customer, kWh."""
        return KWH_PER_MWH * self.eens_mwh / self.customers

    def summary(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        return {
            "saifi": self.saifi,
            "saidi_h": self.saidi_h,
            "caidi_h": self.caidi_h,
            "asai": self.asai,
            "eens_mwh": self.eens_mwh,
            "aens_kwh": self.aens_kwh,
            "load_points": [dict(vars(point)) for point in self.load_points],
            "faults": [dict(vars(fault)) for fault in self.faults],
        }


def reliability(feeder: ReliableFeeder, restore: Restore | None = None) -> Reliability:
    """Return the indices of a feeder over all single faults of lines and transformers.

    Parameters
    ----------
    feeder
        The feeder; see ``read_reliable_feeder``.
    restore
        Which buses ties bring back; by default all that they connect, whatever they carry.
    """
    restore = restore or (lambda isolated: by_topology(feeder, isolated))
    customers = sum(load.customers for load in feeder.loads)
    rate = dict.fromkeys((load.bus for load in feeder.loads), 0.0)
    hours = dict(rate)
    faults = []
    for line in feeder.lines:
        out, isolated = interrupted(feeder, line), isolate(feeder, line)
        back = isolated.fed | restore(isolated)
        told = {"saifi": 0.0, "saidi_h": 0.0, "eens_mwh": 0.0}
        for failures, repair_h in _failures(line):
            for load in feeder.loads:
                if load.bus not in out:
                    continue
                short = load.bus in back and load.bus not in isolated.section
                lasting = failures * (min(line.switching_h, repair_h) if short else repair_h)
                rate[load.bus] += failures
                hours[load.bus] += lasting
                told["saifi"] += failures * load.customers / customers
                told["saidi_h"] += lasting * load.customers / customers
                told["eens_mwh"] += lasting * load.p_kw / KWH_PER_MWH
        total = sum(failures for failures, _ in _failures(line))
        faults.append(FaultCost(line.line, total, **told))
    points = tuple(_of_point(load, rate[load.bus], hours[load.bus]) for load in feeder.loads)
    return Reliability(
        saifi=sum(rate[load.bus] * load.customers for load in feeder.loads) / customers,
        saidi_h=sum(hours[load.bus] * load.customers for load in feeder.loads) / customers,
        eens_mwh=sum(point.eens_mwh for point in points),
        customers=customers,
        load_points=points,
        faults=tuple(faults),
    )


def _of_point(load: LoadPoint, failures: float, hours: float) -> LoadPointIndices:
    return LoadPointIndices(
        bus=load.bus,
        customers=load.customers,
        failures_per_year=failures,
        hours_per_failure=hours / failures if failures else 0.0,
        hours_per_year=hours,
        eens_mwh=hours * load.p_kw / KWH_PER_MWH,
    )


def _failures(line: ReliableLine) -> Iterator[tuple[float, float]]:
    """Yield failures per year and hours of repair, of the line and of its transformer."""
    yield line.failures_per_year, line.repair_h
    yield line.transformer_failures_per_year, line.transformer_repair_h


def interrupted(feeder: ReliableFeeder, line: ReliableLine) -> frozenset[str]:
    """Return the buses that a fault of a line interrupts; all where no device is before it."""
    feeding = {other.to_bus: other for other in feeder.lines}
    at: ReliableLine | None = line
    while at is not None and at.protection is None:
        at = feeding.get(at.from_bus)
    first = feeder.source if at is None else at.to_bus
    links = [(other.from_bus, other.to_bus) for other in feeder.lines]
    down: dict[str, list[str]] = {}
    for one, other in links:
        down.setdefault(one, []).append(other)
    return _reached([first], down)


def isolate(feeder: ReliableFeeder, line: ReliableLine) -> Isolated:
    """Return the feeder without the section of a fault.

    Devices stand between a bus and the line's body; what no device parts is one section.
    """
    joined: dict[str, list[str]] = {}
    for other in feeder.lines:
        # Ids of buses and of lines may be equal: bodies of lines get a mark.
        body = _body(other)
        at_from = other.protection is not None or other.disconnector in ("from", "both")
        for bus, parted in (
            (other.from_bus, at_from),
            (other.to_bus, other.disconnector in ("to", "both")),
        ):
            if not parted:
                joined.setdefault(body, []).append(bus)
                joined.setdefault(bus, []).append(body)
    part = _reached([_body(line)], joined)
    buses = {bus for other in feeder.lines for bus in (other.from_bus, other.to_bus)}
    section = frozenset(part & buses)
    cut = frozenset(
        other.line
        for other in feeder.lines
        if _body(other) in part or {other.from_bus, other.to_bus} & section
    )
    whole = [other for other in feeder.lines if other.line not in cut]
    fed = _reached([feeder.source], _links((o.from_bus, o.to_bus) for o in whole))
    return Isolated(line, section, cut, fed if feeder.source not in section else frozenset())


def by_topology(feeder: ReliableFeeder, isolated: Isolated) -> frozenset[str]:
    """Return the buses that are connected to the source when all ties may be closed."""
    pairs = [(o.from_bus, o.to_bus) for o in feeder.lines if o.line not in isolated.cut]
    pairs += [
        (tie.from_bus, tie.to_bus)
        for tie in feeder.ties
        if not {tie.from_bus, tie.to_bus} & isolated.section
    ]
    if feeder.source in isolated.section:
        return frozenset()
    return _reached([feeder.source], _links(pairs))


def _body(line: ReliableLine) -> str:
    return f"line\0{line.line}"


def _links(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    joined: dict[str, list[str]] = {}
    for one, other in pairs:
        joined.setdefault(one, []).append(other)
        joined.setdefault(other, []).append(one)
    return joined


def _reached(starts: list[str], joined: dict[str, list[str]]) -> frozenset[str]:
    found, waiting = set(starts), list(starts)
    while waiting:
        for other in joined.get(waiting.pop(), ()):
            if other not in found:
                found.add(other)
                waiting.append(other)
    return frozenset(found)
