"""Reliability indices by enumeration of all single faults (IEEE Std 1366; Billinton, Allan 1996).

A fault opens the nearest breaker or fuse towards the source; all behind it is interrupted. The
section of the fault is bounded by switching devices and stays out until the repair. What is
connected to the source without that section, directly or by ties, is back after switching.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cmgplan.errors import CaseError, Fault, InputError
from cmgplan.network.reliability.read import (
    BODY,
    HOURS_PER_YEAR,
    LINES,
    LOADS,
    LoadPoint,
    ReliableFeeder,
    ReliableLine,
    body_of,
)

KWH_PER_MWH = 1000.0

HOURS_PER_DAY = 24
Restore = Callable[["Isolated"], frozenset[str]]
"""Which buses are back after switching, given the feeder without the section of the fault."""

ServedWhileCutOff = Callable[[str, float, float], float]
"""Mean power that a load point serves by itself, kW: its bus, the clock's hour at which the
interruption begins, and how many hours it lasts. At most the load of the load point counts."""

WantedWhileCutOff = Callable[[str, float, float], float]
"""Mean load of a load point over an interruption, kW; arguments as of ``ServedWhileCutOff``."""


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


def reliability(
    feeder: ReliableFeeder,
    restore: Restore | None = None,
    served_while_cut_off: ServedWhileCutOff | None = None,
    wanted_while_cut_off: WantedWhileCutOff | None = None,
) -> Reliability:
    """Return the indices of a feeder over all single faults of lines and transformers.

    Parameters
    ----------
    feeder
        The feeder; see ``read_reliable_feeder``.
    restore
        Which buses ties bring back; by default all that they connect, whatever they carry.
    served_while_cut_off
        What homes or microgrids at a load point serve while the feeder does not; faults begin at
        any hour of the day alike. It lowers EENS and AENS; SAIFI and SAIDI count who is cut off.
    wanted_while_cut_off
        What load points with loads by hour want meanwhile, beside which the former counts; by
        default the mean load. Not asked where nothing is served.

    Raises
    ------
    CaseError
        A load point would be cut off for longer than the year.
    """
    restore = restore or (lambda isolated: by_topology(feeder, isolated))
    customers = sum(load.customers for load in feeder.loads)
    lacking = _Lacking(served_while_cut_off, wanted_while_cut_off)
    totals = {load.bus: [0.0, 0.0, 0.0] for load in feeder.loads}
    faults = []
    for line in feeder.lines:
        often = hours = energy = 0.0
        for load, failures, lasting in interruptions(feeder, line, restore):
            mwh = failures * lasting * lacking.kw(load, lasting) / KWH_PER_MWH
            mine, share = totals[load.bus], load.customers / customers
            mine[0] += failures
            mine[1] += failures * lasting
            mine[2] += mwh
            often += share * failures
            hours += share * failures * lasting
            energy += mwh
        total = sum(failures for failures, _ in _failures(line))
        faults.append(FaultCost(line.line, total, often, hours, energy))
    _refuse_longer_than_a_year(totals)
    points = tuple(_of_point(load, *totals[load.bus]) for load in feeder.loads)
    return Reliability(
        saifi=sum(p.failures_per_year * p.customers for p in points) / customers,
        saidi_h=sum(p.hours_per_year * p.customers for p in points) / customers,
        eens_mwh=sum(point.eens_mwh for point in points),
        customers=customers,
        load_points=points,
        faults=tuple(faults),
    )


def interruptions(
    feeder: ReliableFeeder, line: ReliableLine, restore: Restore
) -> Iterator[tuple[LoadPoint, float, float]]:
    """Yield the load points that faults of a line cut off, failures a year, and h of each."""
    out, isolated = interrupted(feeder, line), isolate(feeder, line)
    back = isolated.fed | restore(isolated)
    at = feeder.load_at
    kept = back - isolated.section
    points = [
        (feeder.loads[k], feeder.loads[k].bus in kept)
        for k in sorted(at[bus] for bus in out if bus in at)  # in one order, so that sums are equal
    ]
    for failures, repair_h in _failures(line):
        if failures > 0.0:
            switched_h = min(line.switching_h, repair_h)
            for load, short in points:
                yield load, failures, switched_h if short else repair_h


class _Lacking:
    """Mean power that a load point lacks over an interruption, kW, over all hours of its begin."""

    def __init__(self, served: ServedWhileCutOff | None, wanted: WantedWhileCutOff | None) -> None:
        self._served, self._wanted = served, wanted
        self._known: dict[tuple[str, float], float] = {}

    def kw(self, load: LoadPoint, hours: float) -> float:
        """Return it for an interruption of some hours."""
        if self._served is None or hours <= 0.0:
            return load.p_kw
        key = load.bus, hours
        if key not in self._known:
            begins = [float(begin) for begin in range(HOURS_PER_DAY)]
            served = [self._served(load.bus, begin, hours) for begin in begins]
            wanted = np.full(HOURS_PER_DAY, load.p_kw)
            if self._wanted is not None:
                wanted = np.array([self._wanted(load.bus, begin, hours) for begin in begins])
            lacking = np.clip(wanted - np.array(served, dtype=np.float64), 0.0, wanted)
            if not np.isfinite(lacking).all():
                raise InputError(f"bus {load.bus}: what is served while it is cut off is no number")
            self._known[key] = float(lacking.mean())
        return self._known[key]


def _refuse_longer_than_a_year(totals: Mapping[str, list[float]]) -> None:
    faults = [
        Fault(
            LOADS,
            f"bus {bus}",
            f"it would be cut off for {total[1]:,.0f} h of the year's 8760",
            f"correct rates and times in {LINES}; single faults do not describe such a feeder",
        )
        for bus, total in totals.items()
        if not total[1] <= HOURS_PER_YEAR
    ]
    if faults:
        raise CaseError(faults)


def _of_point(load: LoadPoint, failures: float, hours: float, mwh: float) -> LoadPointIndices:
    return LoadPointIndices(
        bus=load.bus,
        customers=load.customers,
        failures_per_year=failures,
        hours_per_failure=hours / failures if failures else 0.0,
        hours_per_year=hours,
        eens_mwh=mwh,
    )


def _failures(line: ReliableLine) -> Iterator[tuple[float, float]]:
    """Yield failures per year and hours of repair, of the line and of its transformer."""
    yield line.failures_per_year, line.repair_h
    yield line.transformer_failures_per_year, line.transformer_repair_h


def interrupted(feeder: ReliableFeeder, line: ReliableLine) -> frozenset[str]:
    """Return the buses that a fault of a line interrupts; all where no device is before it."""
    at: ReliableLine | None = line
    while at is not None and at.protection is None:
        at = feeder.feeding.get(at.from_bus)
    found = [feeder.source if at is None else at.to_bus]
    for bus in found:  # grows while it is walked through
        found += [below.to_bus for below in feeder.leaving.get(bus, ())]
    return frozenset(found)


def isolate(feeder: ReliableFeeder, line: ReliableLine) -> Isolated:
    """Return the feeder without the section of a fault.

    Devices stand between a bus and the line's body; what no device parts is one section.
    """
    part = reached([body_of(line)], feeder.joints)
    section = frozenset(name for name in part if name in feeder.feeding or name == feeder.source)
    cut = {other.line for bus in section for other in feeder.leaving.get(bus, ())}
    cut |= {feeder.feeding[bus].line for bus in section if bus in feeder.feeding}
    cut |= {name.removeprefix(BODY) for name in part if name.startswith(BODY)}
    isolated = Isolated(line, section, frozenset(cut), frozenset())
    return replace(isolated, fed=_fed(feeder, isolated, ties=False))


def by_topology(feeder: ReliableFeeder, isolated: Isolated) -> frozenset[str]:
    """Return the buses that are connected to the source when all ties may be closed."""
    return _fed(feeder, isolated, ties=True) if feeder.ties else isolated.fed


def _fed(feeder: ReliableFeeder, isolated: Isolated, *, ties: bool) -> frozenset[str]:
    """Return what the source reaches without the lines that are cut."""
    section, cut = isolated.section, isolated.cut
    if feeder.source in section:
        return frozenset()
    # Only what is behind a line that is cut may lack the source: it alone is walked through.
    below = list(section)
    below += [o.to_bus for o in feeder.cut_lines(cut) if o.to_bus not in section]
    behind = set(below)
    while below:
        for line in feeder.leaving.get(below.pop(), ()):
            if line.to_bus not in behind:
                behind.add(line.to_bus)
                below.append(line.to_bus)
    fed = feeder.buses - behind
    return fed | _tied_back(feeder, isolated, fed, behind) if ties else fed


def _tied_back(
    feeder: ReliableFeeder, isolated: Isolated, fed: frozenset[str], behind: set[str]
) -> set[str]:
    """Return the buses behind the fault that ties connect to what is fed."""
    section, cut = isolated.section, isolated.cut
    usable = behind - section
    waiting = [bus for bus in feeder.tied if bus in usable and not fed.isdisjoint(feeder.tied[bus])]
    found = set(waiting)
    while waiting:
        bus = waiting.pop()
        above = feeder.feeding.get(bus)
        beside = [o.to_bus for o in feeder.leaving.get(bus, ()) if o.line not in cut]
        beside += [above.from_bus] if above is not None and above.line not in cut else []
        beside += feeder.tied.get(bus, [])
        for far in beside:
            if far in usable and far not in found:
                found.add(far)
                waiting.append(far)
    return found


def links_of(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return the other ends of all pairs at each bus."""
    joined: dict[str, list[str]] = {}
    for one, other in pairs:
        joined.setdefault(one, []).append(other)
        joined.setdefault(other, []).append(one)
    return joined


def reached(starts: list[str], joined: dict[str, list[str]]) -> frozenset[str]:
    """Return what is connected to any of the starts, these too."""
    found, waiting = set(starts), list(starts)
    while waiting:
        for other in joined.get(waiting.pop(), ()):
            if other not in found:
                found.add(other)
                waiting.append(other)
    return frozenset(found)
