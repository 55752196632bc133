"""The tables of a case's feeder from a network of any origin: exact, noted or refused.

A radial network in per unit is the same network whatever its voltage levels are, as long as every
transformer stands at its nominal ratio: phase shifts turn all that is behind them alike.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import floor, inf, isfinite, log10

import numpy as np

from cmgplan.case.records import Bus, Line
from cmgplan.errors import InputError
from cmgplan.network.grid import Grid
from cmgplan.planning.starter.radial import Branch, cut_below, radial_branches
from cmgplan.units import PerUnit, kw_from_mw

NO_LIMITS = (0.5, 1.5)
"""Voltage limits, pu, that and beyond which count as none; they stand in where a file has none."""

HELD_WITHIN_PU = 1e-6
"""Limits closer to each other hold a voltage."""

ASSUMED_LIMITS = (0.9, 1.1)
ASSUMED_V_PU = 1.0

LEAST_KW = 0.001
"""Active power of a load that has reactive power only, so that it counts as a load."""

NEVER_BINDING = 1000.0
"""Ratings of so many times the feeder's load stand for none, as 9999 MVA does in many files."""

NAMED = 10
"""Buses or branches that a note lists by name."""

DIGITS = 8
"""Significant digits of the tables: a file's own numbers come back from per unit unharmed."""


@dataclass(frozen=True)
class FeederTables:
    """What ``buses.csv``, ``lines.csv`` and ``[network]`` of a case hold.

    ``notes`` say what of the network is not as its file has it, a sentence each.
    """

    buses: tuple[Bus, ...]
    lines: tuple[Line, ...]
    slack_bus: str
    v_slack_pu: float
    v_min_pu: float
    v_max_pu: float
    notes: tuple[str, ...]

    @property
    def load_kw(self) -> float:
        """The feeder's load, kW."""
        return sum(bus.p_kw for bus in self.buses)


def feeder_tables(grid: Grid, slack_bus: str | None = None) -> FeederTables:
    """Return the feeder that begins at a bus of a network, by default at its only reference bus.

    Raises
    ------
    InputError
        The network is not a radial feeder, or has what a feeder of a case cannot have; the
        element is named.
    """
    notes = list(grid.notes)
    slack, kept = cut_below(grid, slack_bus, notes)
    branches = radial_branches(grid, kept, notes)
    voltage_kv = _voltage_level(grid, kept, notes)
    base = PerUnit(voltage_kv, kw_from_mw(grid.s_base_mva))
    v_slack = _slack_voltage(grid, slack, notes)
    v_min, v_max = _common_limits(grid, [k for k in kept if k != slack], notes)
    limits = {
        k: _own_limits(grid, k, (v_min, v_max), v_slack if k == slack else None) for k in kept
    }
    _note_generators(grid, kept, slack, notes)
    load_pu = np.abs(grid.p_load_pu[kept] + 1j * grid.q_load_pu[kept]).sum()
    never_kva = NEVER_BINDING * float(load_pu) * base.s_base_kva or inf
    lines = tuple(_line(grid, branch, base, never_kva) for branch in branches)
    if all(line.rating_kva is None for line in lines):
        notes.append("no line has a rating in the file that could bind, so none limits the current")
    return FeederTables(
        buses=tuple(_buses(grid, kept, voltage_kv, limits, notes)),
        lines=lines,
        slack_bus=grid.bus_ids[slack],
        v_slack_pu=v_slack,
        v_min_pu=v_min,
        v_max_pu=v_max,
        notes=tuple(notes),
    )


def listed(names: list[str]) -> str:
    """Return the first names of a list, and that there are more."""
    return ", ".join(names[:NAMED]) + (" and more" if len(names) > NAMED else "")


def rounded(value: float, digits: int = DIGITS) -> float:
    """Return a number to some significant digits."""
    if value == 0.0 or not isfinite(value):
        return value
    return round(value, digits - 1 - floor(log10(abs(value))))


def _voltage_level(grid: Grid, kept: list[int], notes: list[str]) -> float:
    """Return the voltage that most buses have, kV; impedances of the others are referred to it."""
    faulty = [grid.bus_ids[k] for k in kept if not 0.0 < grid.vn_kv[k] < np.inf]
    if faulty:
        raise InputError(
            f"{grid.name}: bus {listed(faulty)} has no nominal voltage; give its base voltage in kV"
        )
    levels = Counter(float(grid.vn_kv[k]) for k in kept)
    common = max(levels, key=lambda kv: (levels[kv], kv))
    others = [grid.bus_ids[k] for k in kept if float(grid.vn_kv[k]) != common]
    if others:
        notes.append(
            f"bus {listed(others)} is not of {common:g} kV in the file: here what is connected "
            "there is referred to that voltage, and voltages in per unit stay the same"
        )
    return common


def _slack_voltage(grid: Grid, slack: int, notes: list[str]) -> float:
    """Return the voltage that the slack bus holds, pu."""
    at = np.flatnonzero(grid.reference == slack)
    if at.size and grid.reference_v_pu is not None:
        told = float(grid.reference_v_pu[at[0]])
        if isfinite(told) and told > 0.0:
            return rounded(told, 6)
    notes.append(
        f"v_slack_pu = {ASSUMED_V_PU:g} is assumed: the file gives no set point for bus "
        f"{grid.bus_ids[slack]}; write the voltage that its busbar is held at"
    )
    return ASSUMED_V_PU


def _common_limits(grid: Grid, kept: list[int], notes: list[str]) -> tuple[float, float]:
    """Return the limits that most buses have, pu."""
    given = [_given_limits(grid, k) for k in kept]
    lows = Counter(low for low, _ in given if low is not None)
    highs = Counter(high for _, high in given if high is not None)
    low = max(lows, key=lambda v: lows[v], default=ASSUMED_LIMITS[0])
    high = max(highs, key=lambda v: highs[v], default=ASSUMED_LIMITS[1])
    if not lows and not highs:
        notes.append(f"voltage limits of {low:g} to {high:g} pu are assumed: the file gives none")
    elif not lows or not highs:
        which, value = ("upper", high) if lows else ("lower", low)
        notes.append(
            f"{'an' if lows else 'a'} {which} voltage limit of {value:g} pu is assumed: the file "
            "gives none"
        )
    return low, high


def _given_limits(grid: Grid, k: int) -> tuple[float | None, float | None]:
    """Return the limits that a bus has in the file; a held voltage is no limit of what may be."""
    low, high = rounded(float(grid.v_min_pu[k])), rounded(float(grid.v_max_pu[k]))
    if high - low < HELD_WITHIN_PU:
        return None, None
    return low if low > NO_LIMITS[0] else None, high if high < NO_LIMITS[1] else None


def _own_limits(
    grid: Grid, k: int, common: tuple[float, float], held_pu: float | None
) -> tuple[float | None, float | None]:
    """Return the limits of a bus where they are not the common ones; ``held_pu`` is within."""
    if held_pu is not None:
        low, high = min(common[0], held_pu), max(common[1], held_pu)
    else:
        given = _given_limits(grid, k)
        low = common[0] if given[0] is None else given[0]
        high = common[1] if given[1] is None else given[1]
    return None if low == common[0] else low, None if high == common[1] else high


def _buses(
    grid: Grid,
    kept: list[int],
    voltage_kv: float,
    limits: dict[int, tuple[float | None, float | None]],
    notes: list[str],
) -> list[Bus]:
    """Return the buses with their loads; negative loads and shunts are noted."""
    base_kw = kw_from_mw(grid.s_base_mva)
    found, feeding, reactive, shunts = [], [], [], []
    for k in kept:
        name = grid.bus_ids[k]
        p_kw = rounded(float(grid.p_load_pu[k]) * base_kw)
        q_kvar = rounded(float(grid.q_load_pu[k]) * base_kw)
        if p_kw < 0.0:
            feeding.append(f"{name} ({-p_kw:g} kW)")
            p_kw, q_kvar = 0.0, 0.0
        if p_kw == 0.0 and q_kvar != 0.0:
            reactive.append(name)
            p_kw = LEAST_KW
        shunt = complex(grid.g_shunt_pu[k], grid.b_shunt_pu[k]) * base_kw
        if abs(shunt) > LEAST_KW:
            shunts.append(f"{name} ({shunt.real:.6g} kW, {-shunt.imag:.6g} kvar drawn)")
        v_min, v_max = limits[k]
        found.append(
            Bus(
                bus=name, p_kw=p_kw, q_kvar=q_kvar, vn_kv=voltage_kv, v_min_pu=v_min, v_max_pu=v_max
            )
        )
    for names, note in (
        (feeding, "negative load at bus {} is left out; give it to a microgrid as pv or wt"),
        (reactive, f"bus {{}} has reactive load only: p_kw = {LEAST_KW:g} makes it a load"),
        (
            shunts,
            "shunt at bus {} is left out; where its kvar count, correct q_kvar of the bus (less "
            "for a capacitor) or put an svc into a microgrid",
        ),
    ):
        if names:
            notes.append(note.format(listed(names)))
    return found


def _line(grid: Grid, branch: Branch, base: PerUnit, never_kva: float) -> Line:
    """Return a branch in ohm, microsiemens and kVA; a rating above ``never_kva`` is none."""
    rating = branch.rating_pu * base.s_base_kva
    rating = rating if rating < never_kva else inf
    return Line(
        line=branch.id,
        from_bus=grid.bus_ids[branch.from_bus],
        to_bus=grid.bus_ids[branch.to_bus],
        r_ohm=rounded(base.impedance_ohm(branch.r_pu)),
        x_ohm=rounded(base.impedance_ohm(branch.x_pu)),
        b_us=rounded(base.susceptance_us(branch.b_pu)),
        rating_kva=rounded(rating, 6) if rating < inf else None,
    )


def _note_generators(grid: Grid, kept: list[int], slack: int, notes: list[str]) -> None:
    """Note the generators that are left out, those at the slack bus apart."""
    inside = set(kept) - {slack}
    units = grid.generators
    at = zip(units.ids, units.bus.tolist(), units.p_max_pu.tolist(), strict=True)
    base_kw = kw_from_mw(grid.s_base_mva)
    names = [f"{name} (up to {p * base_kw:.6g} kW)" for name, bus, p in at if bus in inside]
    if names:
        notes.append(
            f"generator {listed(names)} is left out; give it to a microgrid at its bus as mt, wt "
            "or pv"
        )
