"""What one more disconnector, breaker or tie would save, by the indices of the feeder with it.

A device changes only the faults whose section or whose interrupted part it divides, so these alone
are gone through again. Of ties all pairs of sections are compared at once: a tie brings back the
load points of a part that a fault cut off where its other end is fed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, Literal

import numpy as np

from cmgplan.arrays import FloatArray, IntArray
from cmgplan.network.reliability.indices import (
    KWH_PER_MWH,
    Isolated,
    Restore,
    by_topology,
    interrupted,
    interruptions,
    isolate,
    links_of,
    reached,
)
from cmgplan.network.reliability.read import ReliableFeeder, ReliableLine, body_of

Kind = Literal["disconnector", "breaker", "tie"]

LEAST = 1e-12
"""Saving, relative to the index, that counts as one."""

MOST_SECTIONS = 600
"""Sections of which all pairs are compared; a feeder with more has no ranking of ties."""


@dataclass(frozen=True)
class Addition:
    """A device that the feeder does not have, and what it would save a year.

    ``line`` and ``end`` say where a disconnector or breaker would stand; ``from_bus`` and
    ``to_bus`` what a tie would join, any other buses of their two sections alike.
    """

    kind: Kind
    line: str | None
    end: str | None
    from_bus: str
    to_bus: str
    saifi_saved: float
    saidi_saved_h: float
    eens_saved_mwh: float

    def summary(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        return dict(vars(self))


def additions(
    feeder: ReliableFeeder,
    count: int = 10,
    restoring: Callable[[ReliableFeeder], Restore] | None = None,
) -> tuple[Addition, ...]:
    """Return the additions of each kind that save most, at most ``count`` of each.

    Sorted by what they save in SAIDI, then in EENS. Energies are those without homes or
    microgrids that serve while cut off.

    Parameters
    ----------
    restoring
        Restoration of a feeder; by default by topology. Given one, ties are left out, since a
        new tie has no impedance yet.
    """
    found = list(_devices(feeder, restoring or _topology))
    if restoring is None:
        found += _ties(feeder)
    ranked = sorted(found, key=lambda one: (-one.saidi_saved_h, -one.eens_saved_mwh))
    kept: list[Addition] = []
    for one in ranked:
        if sum(other.kind == one.kind for other in kept) < count:
            kept.append(one)
    return tuple(kept)


def _topology(feeder: ReliableFeeder) -> Restore:
    return lambda isolated: by_topology(feeder, isolated)


def _cost(feeder: ReliableFeeder, line: ReliableLine, restore: Restore) -> FloatArray:
    """Return what the faults of a line contribute: customers x (failures, hours), and MWh."""
    often = lasting = kwh = 0.0
    for load, failures, hours in interruptions(feeder, line, restore):
        often += failures * load.customers
        lasting += failures * hours * load.customers
        kwh += failures * hours * load.p_kw
    return np.array([often, lasting, kwh / KWH_PER_MWH])


def _devices(
    feeder: ReliableFeeder, restoring: Callable[[ReliableFeeder], Restore]
) -> Iterator[Addition]:
    """Yield the disconnectors and breakers that save anything."""
    restore = restoring(feeder)
    costs = {line.line: _cost(feeder, line, restore) for line in feeder.lines}
    whole = sum(costs.values(), np.zeros(3))
    section = {line.line: reached([body_of(line)], feeder.joints) for line in feeder.lines}
    for line in feeder.lines:
        kinds: list[tuple[Kind, str]] = []
        if line.protection is None:
            kinds.append(("breaker", "from"))
            if line.disconnector not in ("from", "both"):
                kinds.append(("disconnector", "from"))
        if line.disconnector not in ("to", "both"):
            kinds.append(("disconnector", "to"))
        for kind, end in kinds:
            changed, new = replace_line(feeder, line, kind, end)
            again = restoring(changed)
            saved = np.zeros(3)
            # Faults behind a new breaker no longer interrupt what is before it.
            behind = interrupted(changed, new) if kind == "breaker" else frozenset()
            for other in changed.lines:
                if body_of(line) in section[other.line] or other.to_bus in behind:
                    saved += costs[other.line] - _cost(changed, other, again)
            if saved[1] > LEAST * whole[1] or saved[2] > LEAST * whole[2]:
                yield _addition(feeder, kind, saved, line.from_bus, line.to_bus, line.line, end)


def replace_line(
    feeder: ReliableFeeder, line: ReliableLine, kind: Kind, end: str = "from"
) -> tuple[ReliableFeeder, ReliableLine]:
    """Return a feeder with a device more, and the line that has it."""
    if kind == "breaker":
        update = {"protection": "breaker"}
    else:
        update = {"disconnector": end if line.disconnector is None else "both"}
    new = line.model_copy(update=update)
    lines = tuple(new if other.line == line.line else other for other in feeder.lines)
    return replace(feeder, lines=lines), new


def _addition(
    feeder: ReliableFeeder,
    kind: Kind,
    saved: FloatArray,
    from_bus: str,
    to_bus: str,
    line: str | None = None,
    end: str | None = None,
) -> Addition:
    customers = sum(load.customers for load in feeder.loads)
    saifi, saidi, eens = (saved / [customers, customers, 1.0]).tolist()
    return Addition(kind, line, end, from_bus, to_bus, saifi, saidi, eens)


def _ties(feeder: ReliableFeeder) -> Iterator[Addition]:
    """Yield, for each pair of sections between which a tie saves anything, that tie."""
    ends = _section_ends(feeder)
    if len(ends) > MOST_SECTIONS:
        return
    hours, mwh = np.zeros((len(ends), len(ends))), np.zeros((len(ends), len(ends)))
    at = {bus: k for k, end in enumerate(ends) for bus in end}
    for line in feeder.lines:
        isolated = isolate(feeder, line)
        group = _groups(feeder, isolated, ends)
        back = group == 0
        gain = np.zeros((2, len(ends)))
        for load, failures, lasting in interruptions(feeder, line, _topology(feeder)):
            if load.bus not in isolated.section and not back[at[load.bus]]:
                less = failures * max(lasting - line.switching_h, 0.0)
                gain[:, at[load.bus]] += less * load.customers, less * load.p_kw / KWH_PER_MWH
        # A tie from what is fed brings back the whole of a part that is not.
        for part in np.unique(group[group > 0]):
            these = np.flatnonzero(group == part)
            both = np.ix_(np.flatnonzero(back), these)
            hours[both] += gain[0, these].sum()
            mwh[both] += gain[1, these].sum()
    hours, mwh = hours + hours.T, mwh + mwh.T
    for i, j in combinations(range(len(ends)), 2):
        if hours[i, j] > 0.0 or mwh[i, j] > 0.0:
            saved = np.array([0.0, hours[i, j], mwh[i, j]])
            yield _addition(feeder, "tie", saved, ends[i][0], ends[j][0])


def _section_ends(feeder: ReliableFeeder) -> list[tuple[str, ...]]:
    """Return the buses of each section, those with load points first."""
    joined = feeder.joints
    loaded = {load.bus for load in feeder.loads}
    buses = [feeder.source, *(line.to_bus for line in feeder.lines)]
    seen: set[str] = set()
    ends = []
    for bus in buses:
        if bus not in seen:
            part = reached([bus], joined)
            seen |= part
            own = [other for other in buses if other in part]
            ends.append(tuple(sorted(own, key=lambda other: other not in loaded)))
    return ends


def _groups(feeder: ReliableFeeder, isolated: Isolated, ends: list[tuple[str, ...]]) -> IntArray:
    """Return the part of each section after a fault: 0 is fed, -1 is the fault's own."""
    pairs = [(o.from_bus, o.to_bus) for o in feeder.lines if o.line not in isolated.cut]
    pairs += [
        (tie.from_bus, tie.to_bus)
        for tie in feeder.ties
        if not {tie.from_bus, tie.to_bus} & isolated.section
    ]
    joined = links_of(pairs)
    group = np.full(len(ends), -2, dtype=np.int64)
    fed = by_topology(feeder, isolated)
    at = {bus: k for k, end in enumerate(ends) for bus in end}
    for k, end in enumerate(ends):
        if end[0] in isolated.section:
            group[k] = -1
        elif end[0] in fed:
            group[k] = 0
    for k, end in enumerate(ends):
        if group[k] == -2:
            for bus in reached(list(end), joined):
                group[at[bus]] = k + 1
    return group
