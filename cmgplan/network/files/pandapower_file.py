"""A grid from a pandapower network saved as JSON, by pandapower's own conversion of impedances.

Loads, branches and shunts are those of pandapower's matrices; generators, limits and costs are
read from the tables, because the conversion fills in costs and limits that nobody gave.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cmgplan.arrays import FloatArray
from cmgplan.errors import InputError
from cmgplan.network.files.net_replay import NetReplay
from cmgplan.network.files.pandapower_costs import CONSUMERS, read_costs
from cmgplan.network.files.pandapower_coverage import refusals, remarks
from cmgplan.network.files.pandapower_feeder import as_feeder, balanced
from cmgplan.network.files.pandapower_matrices import LIMITS, Matrices, branches_of, converted
from cmgplan.network.files.pandapower_tables import decoded_net
from cmgplan.network.files.pandapower_values import completed, idle_taps
from cmgplan.network.grid import Generators, Grid, checked
from cmgplan.plurals import counted

_SOURCES = ("ext_grid", "gen", "sgen", "load", "storage")
_FREE_WITHIN = ("gen", "ext_grid")
"""Tables whose voltage limits narrow those of their bus where the voltage is free."""

NAMED = 5


@dataclass(frozen=True)
class Missing:
    """What stands in for figures that a network does not give; None refuses the network.

    Attributes
    ----------
    price_usd_per_mwh
        Cost of sources without one.
    power_limit_mva
        Limit of active and reactive power, either sign, of sources without one.
    v_limits_pu
        Lower and upper voltage limit of buses without one.
    """

    price_usd_per_mwh: float | None = None
    power_limit_mva: float | None = None
    v_limits_pu: tuple[float, float] | None = None


@dataclass
class _Source:
    """One controllable element as a generator."""

    kind: str
    index: int
    bus: int
    p: tuple[float, float]
    q: tuple[float, float]
    held_v_pu: float | None = None
    v: tuple[float, float] = (0.0, np.inf)

    @property
    def id(self) -> str:
        return f"{self.kind} {self.index}"


@dataclass
class _Reading:
    """A network under way, with what is found missing or not honoured."""

    path: Path
    net: Any
    missing: Missing
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_pandapower(path: Path, missing: Missing | None = None, *, generation: bool = True) -> Grid:
    """Read a pandapower network, its tables only: objects in the file are not created.

    Without ``generation`` the loads are fixed and nothing but the slacks feeds them; the notes
    say what was left out.

    Raises
    ------
    InputError
        The file is not such a network, or costs or limits are missing and ``missing`` does not
        say what to put in their place.
    """
    net, notes = decoded_net(path)
    return grid_of_net(net, path, missing or Missing(), notes=notes, generation=generation)


def _refuse(path: Path, faults: list[str]) -> None:
    if faults:
        raise InputError(f"{path.name}: " + "; ".join(faults))


def grid_of_net(
    net: Any,
    path: Path,
    missing: Missing,
    *,
    notes: Sequence[str] = (),
    generation: bool = True,
) -> Grid:
    """Return the grid of a network in memory, which is altered; see ``read_pandapower``.

    ``path`` names it in messages, ``notes`` are put before its own.
    """
    reading = _Reading(path, net, missing, notes=list(notes))
    _refuse(path, completed(net))
    if not generation:
        reading.notes += as_feeder(net)
    _refuse(path, list(refusals(net)))
    reading.notes += [*remarks(net), *idle_taps(net)]
    return _grid(reading)


def _grid(reading: _Reading) -> Grid:
    net, given = reading.net, copy.deepcopy(reading.net)
    reading.notes += balanced(net)
    held = _slacks(reading)
    matrices = converted(net, reading.path.name)
    position, bus, base = matrices.position, matrices.bus, matrices.base_mva
    sources = [s for s in _sources(reading) if position[s.bus] >= 0]
    v_min, v_max = _voltage_limits(reading, matrices, sources)
    costs = read_costs(
        net,
        [(source.kind, source.index) for source in sources],
        base,
        price_usd_per_mwh=reading.missing.price_usd_per_mwh,
        file=reading.path.name,
    )
    _refuse(reading.path, [*reading.faults, *costs.faults])
    reading.notes += [*costs.notes, *_unsupplied(net, matrices), *_impedance_ratings(net)]
    reading.notes.append("pandapower networks have no angle-difference limits")
    slack = np.concatenate([table.bus.to_numpy(dtype=np.int64) for table in held])
    reference = np.unique(position[slack])
    reference = reference[reference >= 0]
    ids = {int(position[k]): str(k) for k in reversed(net.bus.index.tolist())}
    return checked(
        Grid(
            name=reading.path.stem,
            s_base_mva=base,
            bus_ids=tuple(ids.get(k, matrices.inner.get(k, f"inner {k}")) for k in range(len(bus))),
            vn_kv=bus[:, 9],
            v_min_pu=v_min,
            v_max_pu=v_max,
            p_load_pu=bus[:, 2] / base,
            q_load_pu=bus[:, 3] / base,
            g_shunt_pu=bus[:, 4] / base,
            b_shunt_pu=bus[:, 5] / base,
            reference=reference.astype(np.int64),
            reference_angle_rad=np.deg2rad(bus[reference, 8]),
            branches=branches_of(matrices, reading.path.name),
            generators=Generators(
                ids=tuple(source.id for source in sources),
                bus=np.array([position[s.bus] for s in sources], dtype=np.int64),
                p_min_pu=np.array([s.p[0] for s in sources]) / base,
                p_max_pu=np.array([s.p[1] for s in sources]) / base,
                q_min_pu=np.array([s.q[0] for s in sources]) / base,
                q_max_pu=np.array([s.q[1] for s in sources]) / base,
                cost_p=costs.table.p,
                cost_q=costs.table.q,
                piecewise=costs.table.piecewise,
                firm=np.array([s.kind == "xward" for s in sources], dtype=bool),
            ),
            notes=tuple(reading.notes),
            reference_v_pu=_set_points(held, position, reference),
            origin=NetReplay(
                given,
                matrices.rows_of(net.bus.index),
                [(source.kind, source.index) for source in sources],
                bus[:, 2] / base,
                bus[:, 3] / base,
            ),
        )
    )


def _slacks(reading: _Reading) -> list[Any]:
    """Return the rows in service that hold an angle: of external grids and of generators.

    Raises
    ------
    InputError
        There is none.
    """
    net = reading.net
    held = [net.ext_grid[net.ext_grid.in_service], net.gen[net.gen.in_service & net.gen.slack]]
    if not any(len(table) for table in held):
        _refuse(
            reading.path,
            [
                "no ext_grid and no gen with slack = True is in service, so nothing holds the "
                "angle; add an ext_grid, or set slack of a gen"
            ],
        )
    names = [f"ext_grid {k}" for k in held[0].index] + [f"gen {k}" for k in held[1].index]
    if len(names) > 1:
        reading.notes.append(
            f"{', '.join(names[:NAMED])} hold their voltage angles (va_degree), as in pandapower's "
            "runpp; its runopp holds the first alone and lets the others lead or lag"
        )
    return held


def _set_points(held: list[Any], position: Any, reference: Any) -> FloatArray:
    """Return the voltage set point of each reference bus, pu."""
    told = {
        int(position[int(row.bus)]): float(row.vm_pu)
        for table in reversed(held)
        for row in table.itertuples()
    }
    return np.array([told[int(at)] for at in reference])


def _unsupplied(net: Any, matrices: Matrices) -> list[str]:
    """Return a note on buses in service that nothing supplies."""
    index = net.bus.index[net.bus.in_service]
    out = index[matrices.rows_of(index) < 0]
    if not len(out):
        return []
    load_mw = sum(
        float((table.p_mw * table.scaling)[table.in_service & table.bus.isin(out)].sum())
        for table in (net.load,)
    )
    named = ", ".join(map(str, out[:NAMED])) + (
        f" and {len(out) - NAMED} more" if len(out) > NAMED else ""
    )
    return [
        f"bus {named} with {load_mw:.6g} MW of load is left out, as in pandapower's runpp: no "
        "ext_grid and no slack is connected"
    ]


def _impedance_ratings(net: Any) -> list[str]:
    """Return a note on impedances, whose base power pandapower takes for a rating."""
    used = net.impedance.index[net.impedance.in_service]
    if not len(used):
        return []
    named = ", ".join(map(str, used[:NAMED])) + (" and more" if len(used) > NAMED else "")
    return [
        f"impedance {named}: sn_mva limits the current, as in pandapower's runopp; give a larger "
        "one, with impedances in proportion, to lift the limit"
    ]


def _sources(reading: _Reading) -> list[_Source]:
    found = []
    for kind in _SOURCES:
        table = reading.net[kind]
        for index, row in table[table.in_service].iterrows():
            if kind not in ("ext_grid", "gen") and not row.controllable:
                continue
            low_p, high_p, low_q, high_q = (_limit(reading, kind, index, row, c) for c in LIMITS)
            source = _Source(kind, int(index), int(row.bus), (low_p, high_p), (low_q, high_q))
            _set_voltage(reading, source, row)
            if kind == "gen" and not row.controllable:
                scaled = float(row.p_mw) * float(row.scaling)
                source.p = (scaled, scaled)
                if np.isnan(scaled):
                    reading.faults.append(f"gen {index}: p_mw is not given; give a number")
            if kind in CONSUMERS:
                source.p, source.q = (-high_p, -low_p), (-high_q, -low_q)
            found.append(source)
    net = reading.net
    for index in net.xward.index[net.xward.in_service]:
        aux = net._pd2ppc_lookups["aux"]["xward"][net.xward.index.get_loc(index)]
        any_q, none = (-np.inf, np.inf), (0.0, 0.0)
        held = float(net.xward.vm_pu[index])
        found.append(_Source("xward", int(index), int(aux), none, any_q, held))
    return found


def _set_voltage(reading: _Reading, source: _Source, row: Any) -> None:
    """Set the voltage that a source holds, or the limits of its own within which it is free."""
    if source.kind not in _FREE_WITHIN:
        return
    if not row.get("controllable", True):
        source.held_v_pu = float(row.vm_pu)
        return
    low, high = (row.get(f"{end}_vm_pu") for end in ("min", "max"))
    source.v = (
        0.0 if low is None or pd.isna(low) else float(low),
        np.inf if high is None or pd.isna(high) else float(high),
    )
    if source.kind == "ext_grid":
        reading.notes.append(
            f"{source.id}: its voltage is free within the bus's limits; "
            "controllable = False holds it"
        )


def _limit(reading: _Reading, kind: str, index: Any, row: Any, column: str) -> float:
    value = row.get(column)
    if value is not None and not pd.isna(value):
        return float(value)
    if kind == "gen" and not row.controllable and "_p_" in column:
        return 0.0
    limit = reading.missing.power_limit_mva
    if limit is None:
        reading.faults.append(
            f"{kind} {index} has no {column}; give it, or one limit for all that lack one "
            "(--power-limit)"
        )
        return 0.0
    return -limit if column.startswith("min") else limit


def _voltage_limits(
    reading: _Reading, matrices: Matrices, sources: list[_Source]
) -> tuple[FloatArray, FloatArray]:
    """Return the limits of each matrix row: the narrowest of its buses and free sources.

    A source that holds its voltage holds it whatever the limits.
    """
    position, n_bus = matrices.position, len(matrices.bus)
    limits = []
    for k, column in enumerate(("min_vm_pu", "max_vm_pu")):
        table, default = reading.net.bus, reading.missing.v_limits_pu
        values = table[column] if column in table else pd.Series(np.nan, index=table.index)
        at, given = matrices.rows_of(table.index), values.to_numpy(dtype=np.float64)
        lacking = (at >= 0) & np.isnan(given)
        if lacking.any() and default is None:
            buses = counted(int(lacking.sum()), "bus has", "buses have")
            reading.faults.append(
                f"{buses} no {column}, bus {table.index[lacking][0]} the first; give it, "
                "or limits for all that lack them (--v-limits)"
            )
        given = np.where(lacking, (default or (0.0, np.inf))[k], given)
        outcome = np.full(n_bus, 0.0 if k == 0 else np.inf)
        narrower = np.maximum if k == 0 else np.minimum
        narrower.at(outcome, at[at >= 0], given[at >= 0])
        for source in sources:
            place = position[source.bus]
            outcome[place] = narrower(outcome[place], source.v[k])
        limits.append(outcome)
    inside = matrices.rows_of(reading.net.bus.index)
    inner = np.setdiff1d(np.arange(n_bus), inside)
    limits[0][inner], limits[1][inner] = _inner_limits(limits, inside[inside >= 0])
    _hold(reading, matrices, sources, limits)
    return limits[0], limits[1]


def _hold(
    reading: _Reading, matrices: Matrices, sources: list[_Source], limits: list[FloatArray]
) -> None:
    """Put voltages that sources hold in the place of limits; two at one bus must agree."""
    by: dict[int, _Source] = {}
    for source in sources:
        if source.held_v_pu is None:
            continue
        at = int(matrices.position[source.bus])
        other = by.setdefault(at, source)
        if other.held_v_pu != source.held_v_pu:
            reading.faults.append(
                f"{other.id} and {source.id} hold {other.held_v_pu:g} and {source.held_v_pu:g} pu "
                "at one bus; give them the same vm_pu"
            )
        limits[0][at] = limits[1][at] = source.held_v_pu


INNER_ROOM = (0.5, 1.5)
"""What the voltage of an inner bus may be of the widest limits of the network."""


def _inner_limits(limits: list[FloatArray], inside: Any) -> tuple[float, float]:
    """Return limits for inner buses, which the network gives none; wide enough not to bind."""
    return INNER_ROOM[0] * float(limits[0][inside].min()), INNER_ROOM[1] * float(
        limits[1][inside].max()
    )
