"""A grid from a pandapower network saved as JSON, by pandapower's own conversion of impedances.

Loads, branches and shunts are those of pandapower's matrices; generators, limits and costs are
read from the tables, because the conversion fills in costs and limits that nobody gave.
"""

from __future__ import annotations

import copy
import logging
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cmgplan.errors import InputError
from cmgplan.network.costs import CostTable, costs_of_rows
from cmgplan.network.grid import Branches, FloatArray, Generators, Grid, checked
from cmgplan.network.net_replay import NetReplay
from cmgplan.network.pandapower_feeder import as_feeder
from cmgplan.network.pandapower_tables import decoded_net

ISOLATED = 4

_SOURCES = ("ext_grid", "gen", "sgen", "load", "storage")
_CONSUMERS = ("load", "storage")
_LIMITS = ("min_p_mw", "max_p_mw", "min_q_mvar", "max_q_mvar")


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
    if not generation:
        notes += as_feeder(net)
    return grid_of_net(_Reading(path, net, missing or Missing(), notes=notes))


def grid_of_net(reading: _Reading) -> Grid:
    """Return the grid of a network in memory."""
    net, given = reading.net, copy.deepcopy(reading.net)
    ppc = _matrices(reading)
    used = ppc["bus"][:, 1] != ISOLATED
    position = np.where(used, np.cumsum(used) - 1, -1)
    lookup = net._pd2ppc_lookups["bus"]
    bus = ppc["bus"][used]
    base = float(ppc["baseMVA"])
    sources = [s for s in _sources(reading) if position[lookup[s.bus]] >= 0]
    v_min, v_max = _voltage_limits(reading, position[lookup], len(bus))
    for source in sources:
        if source.held_v_pu is not None:
            at = position[lookup[source.bus]]
            v_min[at] = v_max[at] = source.held_v_pu
    costs = _costs(reading, sources, base)
    if reading.faults:
        raise InputError(f"{reading.path.name}: " + "; ".join(reading.faults))
    reading.notes.append("pandapower networks have no angle-difference limits")
    held = [net.ext_grid[net.ext_grid.in_service], net.gen[net.gen.in_service & net.gen.slack]]
    slack = np.concatenate([table.bus.to_numpy(dtype=np.int64) for table in held])
    reference = np.unique(position[lookup[slack]])
    reference = reference[reference >= 0]
    ids = {int(position[lookup[k]]): str(k) for k in reversed(net.bus.index.tolist())}
    return checked(
        Grid(
            name=reading.path.stem,
            s_base_mva=base,
            bus_ids=tuple(ids.get(k, f"inner {k}") for k in range(len(bus))),
            vn_kv=bus[:, 9],
            v_min_pu=v_min,
            v_max_pu=v_max,
            p_load_pu=bus[:, 2] / base,
            q_load_pu=bus[:, 3] / base,
            g_shunt_pu=bus[:, 4] / base,
            b_shunt_pu=bus[:, 5] / base,
            reference=reference.astype(np.int64),
            reference_angle_rad=np.deg2rad(bus[reference, 8]),
            branches=_branches(reading, ppc, position, base),
            generators=Generators(
                ids=tuple(source.id for source in sources),
                bus=np.array([position[lookup[s.bus]] for s in sources], dtype=np.int64),
                p_min_pu=np.array([s.p[0] for s in sources]) / base,
                p_max_pu=np.array([s.p[1] for s in sources]) / base,
                q_min_pu=np.array([s.q[0] for s in sources]) / base,
                q_max_pu=np.array([s.q[1] for s in sources]) / base,
                cost_p=costs.p,
                cost_q=costs.q,
                piecewise=costs.piecewise,
            ),
            notes=tuple(reading.notes),
            reference_v_pu=_set_points(held, position[lookup], reference),
            origin=NetReplay(
                given,
                position[lookup[net.bus.index.to_numpy(dtype=np.int64)]],
                [(source.kind, source.index) for source in sources],
                bus[:, 2] / base,
                bus[:, 3] / base,
            ),
        )
    )


def _set_points(held: list[Any], position: Any, reference: Any) -> FloatArray:
    """Return the voltage set point of each reference bus, pu."""
    told = {
        int(position[int(row.bus)]): float(row.vm_pu)
        for table in reversed(held)
        for row in table.itertuples()
    }
    return np.array([told[int(at)] for at in reference])


def _matrices(reading: _Reading) -> Any:
    """Return pandapower's bus and branch matrices, out-of-service rows included."""
    from pandapower.converter.pypower.to_ppc import to_ppc
    from pandapower.pd2ppc import _pd2ppc

    net = reading.net
    for kind in ("gen", "sgen", "storage", "load"):
        if "controllable" in net[kind]:
            net[kind]["controllable"] = net[kind]["controllable"].fillna(kind == "gen").astype(bool)
        else:
            net[kind]["controllable"] = kind == "gen"
        for limit in _LIMITS:
            if limit not in net[kind]:
                net[kind][limit] = np.nan
    shift = "va_degree"
    if shift in net.ext_grid:
        net.ext_grid[shift] = net.ext_grid[shift].fillna(0.0)
    logger = logging.getLogger("pandapower")
    level = logger.level
    logger.setLevel(logging.ERROR)  # of costs and limits that the conversion fills in
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of networks saved by old versions
            to_ppc(net, mode="opf", init="flat", trafo_model="pi", take_slack_vm_limits=True)
            ppc, _ = _pd2ppc(net)  # to_ppc cuts off the conductances
    except (LookupError, ValueError, TypeError, AttributeError, UserWarning) as error:
        raise InputError(f"{reading.path.name}: pandapower cannot convert it ({error})") from error
    finally:
        logger.setLevel(level)
    return ppc


def _sources(reading: _Reading) -> list[_Source]:
    found = []
    for kind in _SOURCES:
        table = reading.net[kind]
        for index, row in table[table.in_service.astype(bool)].iterrows():
            fixed = kind == "gen" and not row.controllable
            if kind not in ("ext_grid", "gen") and not row.controllable:
                continue
            low_p, high_p, low_q, high_q = (_limit(reading, kind, index, row, c) for c in _LIMITS)
            source = _Source(kind, int(index), int(row.bus), (low_p, high_p), (low_q, high_q))
            if fixed:
                scaled = float(row.p_mw) * float(row.get("scaling", 1.0))
                source.p, source.held_v_pu = (scaled, scaled), float(row.vm_pu)
            if kind == "ext_grid" and row.get("controllable", True) == False:  # noqa: E712
                source.held_v_pu = float(row.vm_pu)
            elif kind == "ext_grid":
                reading.notes.append(
                    f"ext_grid {index}: its voltage is free within the bus's limits; "
                    "controllable = False holds it"
                )
            if kind in _CONSUMERS:
                source.p, source.q = (-high_p, -low_p), (-high_q, -low_q)
            found.append(source)
    net = reading.net
    for index, aux in zip(
        net.xward.index, net._pd2ppc_lookups["aux"].get("xward", ()), strict=True
    ):
        if net.xward.in_service[index]:
            any_q, none = (-np.inf, np.inf), (0.0, 0.0)
            held = float(net.xward.vm_pu[index])
            found.append(_Source("xward", int(index), int(aux), none, any_q, held))
    return found


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


def _voltage_limits(reading: _Reading, position: Any, n_bus: int) -> tuple[FloatArray, FloatArray]:
    """Return the limits of each matrix row: the narrowest of the buses that a switch joins."""
    limits = []
    for k, column in enumerate(("min_vm_pu", "max_vm_pu")):
        table, default = reading.net.bus, reading.missing.v_limits_pu
        values = table[column] if column in table else pd.Series(np.nan, index=table.index)
        inside = [i for i in table.index if position[i] >= 0]
        lacking = [i for i in inside if pd.isna(values[i])]
        if lacking and default is None:
            reading.faults.append(
                f"{len(lacking)} buses have no {column}, bus {lacking[0]} the first; give it, or "
                "limits for all that lack them (--v-limits)"
            )
        outcome = np.full(n_bus, 0.0 if k == 0 else np.inf)
        narrower = np.maximum if k == 0 else np.minimum
        for i in inside:
            value = (default or (0.0, np.inf))[k] if pd.isna(values[i]) else float(values[i])
            outcome[position[i]] = narrower(outcome[position[i]], value)
        limits.append(outcome)
    inner = limits[0] == 0.0
    limits[0][inner], limits[1][inner] = _inner_limits(limits, inner)
    return limits[0], limits[1]


def _inner_limits(limits: list[FloatArray], inner: Any) -> tuple[float, float]:
    """Return limits for the star points of transformers: the widest of the network."""
    if inner.all():
        return 0.0, np.inf
    return float(limits[0][~inner].min()), float(limits[1][~inner].max())


def _branches(reading: _Reading, ppc: Any, position: Any, base_mva: float) -> Branches:
    from pandapower.pypower import idx_brch as at

    table = ppc["branch"].real
    ends = position[table[:, [at.F_BUS, at.T_BUS]].astype(np.int64)]
    used = (table[:, at.BR_STATUS] != 0) & (ends >= 0).all(axis=1)
    data, rows = table[used], np.flatnonzero(used)
    asymmetric = [at.BR_R_ASYM, at.BR_X_ASYM, at.BR_G_ASYM, at.BR_B_ASYM]
    if np.any(data[:, asymmetric] != 0):
        raise InputError(
            f"{reading.path.name}: a branch has different impedances seen from its two ends; "
            "leave it out"
        )
    spans = reading.net._pd2ppc_lookups["branch"]
    names = {k: f"{kind} {k - a}" for kind, (a, b) in spans.items() for k in range(a, b)}
    rate = np.where(data[:, at.RATE_A] == 0, np.inf, data[:, at.RATE_A] / base_mva)
    count = len(data)
    return Branches(
        ids=tuple(names.get(int(k), f"branch {k}") for k in rows),
        from_bus=ends[used, 0].astype(np.int64),
        to_bus=ends[used, 1].astype(np.int64),
        r_pu=data[:, at.BR_R],
        x_pu=data[:, at.BR_X],
        g_pu=data[:, at.BR_G],
        b_pu=data[:, at.BR_B],
        tap=np.where(data[:, at.TAP] == 0, 1.0, data[:, at.TAP]),
        shift_rad=np.deg2rad(data[:, at.SHIFT]),
        s_max_pu=np.full(count, np.inf),
        i_max_pu=np.where(np.isfinite(rate), rate, np.inf),
        angle_min_rad=np.full(count, -np.inf),
        angle_max_rad=np.full(count, np.inf),
    )


def _costs(reading: _Reading, sources: list[_Source], base_mva: float) -> CostTable:
    """Return costs as rows of MATPOWER's table, then as polynomials and segments."""
    active, reactive = [], []
    poly, pieces = reading.net.poly_cost, reading.net.pwl_cost
    for source in sources:
        sign = -1.0 if source.kind in _CONSUMERS else 1.0
        own = poly[(poly.et == source.kind) & (poly.element == source.index)]
        segments = pieces[(pieces.et == source.kind) & (pieces.element == source.index)]
        if len(own) + len(segments[segments.power_type == "p"]) > 1:
            reading.faults.append(f"{source.id} has more than one cost; leave one")
        if source.kind == "xward":
            active.append([2.0, 0, 0, 1, 0.0])
            reactive.append([2.0, 0, 0, 1, 0.0])
            continue
        if not len(own) and not len(segments):
            if reading.missing.price_usd_per_mwh is None:
                reading.faults.append(
                    f"{source.id} has no cost; give it in poly_cost or pwl_cost, or one price for "
                    "all that lack one (--price)"
                )
            price = reading.missing.price_usd_per_mwh or 0.0
            active.append([2.0, 0, 0, 2, sign * price, 0.0])
            reactive.append([2.0, 0, 0, 1, 0.0])
            continue
        for rows, letter, unit in ((active, "p", "mw"), (reactive, "q", "mvar")):
            row = _polynomial_row(own, letter, unit, sign)
            for points in segments[segments.power_type == letter].points:
                row = _segment_row(points, sign)
            rows.append(row)
    names = [source.id for source in sources]
    return costs_of_rows(reading.path.name, [_table(active), _table(reactive)], base_mva, names)


def _polynomial_row(own: Any, letter: str, unit: str, sign: float) -> list[float]:
    names = (f"c{letter}2_eur_per_{unit}2", f"c{letter}1_eur_per_{unit}", f"c{letter}0_eur")
    if not len(own):
        return [2.0, 0, 0, 1, 0.0]
    c2, c1, c0 = (float(own.iloc[0].get(name, 0.0) or 0.0) for name in names)
    return [2.0, 0, 0, 3, c2, sign * c1, c0]


def _segment_row(points: Any, sign: float) -> list[float]:
    """Return break points from segments ``[from, to, slope]``; the cost at 0 or the first is 0."""
    parts = sorted(
        (min(sign * a, sign * b), max(sign * a, sign * b), sign * c) for a, b, c in points
    )
    x = [parts[0][0], *(part[1] for part in parts)]
    y = np.concatenate([[0.0], np.cumsum([(b - a) * c for a, b, c in parts])])
    y = y - float(np.interp(0.0, x, y))
    return [1.0, 0, 0, float(len(x)), *(value for pair in zip(x, y, strict=True) for value in pair)]


def _table(rows: list[list[float]]) -> FloatArray:
    width = max((len(row) for row in rows), default=4)
    return np.array([row + [0.0] * (width - len(row)) for row in rows]).reshape(len(rows), width)
