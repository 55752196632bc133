"""A reconfiguration checked from its files alone: trees, power flows, limits, sums, bound."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from cmgplan.arrays import BoolArray, FloatArray
from cmgplan.errors import InputError
from cmgplan.network.grid import Branches, Generators, Grid
from cmgplan.network.reconfiguration.fed_part import reached_part
from cmgplan.network.reconfiguration.given import SwitchedNetwork, tree_network
from cmgplan.network.reconfiguration.search import replayed, voltages
from cmgplan.network.reconfiguration.tree import broken_limits, solve_tree
from cmgplan.run.findings import CheckResult, Finding, differs, unequal
from cmgplan.run.tables import Tables

LOSS_KW = 1e-6
"""Relative tolerance of losses: tables keep ten digits."""

VOLTAGE_PU = 1e-6

BOUND = 1e-6
"""Relative amount by which a bound may pass the value it is compared with."""

SHED_KW = 1e-3


def network_of(summary: Mapping[str, Any], tables: Tables) -> SwitchedNetwork:
    """Return the network of a run, without loads; InputError where the tables do not fit."""
    buses, lines = tables["buses"], tables["branches"]
    at = {str(bus): k for k, bus in enumerate(buses["bus"])}
    for column in ("from_bus", "to_bus"):
        for k, bus in enumerate(lines[column]):
            if bus not in at:
                raise InputError(f"branches.csv row {k + 2}: {column} {bus} is not in buses.csv")
    sources = np.flatnonzero(buses["source"].to_numpy() == 1)
    if not len(sources):
        raise InputError("buses.csv: no bus is a source")
    n, count, free = len(buses), len(lines), np.full(len(sources), np.inf)

    def of(table: str, column: str, missing: float = np.nan) -> FloatArray:
        return tables[table][column].fillna(missing).to_numpy(dtype=np.float64)

    zero, none = np.zeros(count), np.zeros((len(sources), 3))
    grid = Grid(
        name=str(summary["name"]),
        s_base_mva=float(summary["s_base_kva"]) / 1000.0,
        bus_ids=tuple(str(bus) for bus in buses["bus"]),
        vn_kv=of("buses", "vn_kv"),
        v_min_pu=of("buses", "v_min_pu"),
        v_max_pu=of("buses", "v_max_pu"),
        p_load_pu=np.zeros(n),
        q_load_pu=np.zeros(n),
        g_shunt_pu=of("buses", "g_shunt_pu"),
        b_shunt_pu=of("buses", "b_shunt_pu"),
        reference=sources,
        reference_angle_rad=np.zeros(len(sources)),
        branches=Branches(
            ids=tuple(str(name) for name in lines["branch"]),
            from_bus=np.array([at[bus] for bus in lines["from_bus"]], dtype=np.int64),
            to_bus=np.array([at[bus] for bus in lines["to_bus"]], dtype=np.int64),
            r_pu=of("branches", "r_pu"),
            x_pu=of("branches", "x_pu"),
            g_pu=of("branches", "g_pu"),
            b_pu=of("branches", "b_pu"),
            tap=np.ones(count),
            shift_rad=zero,
            s_max_pu=of("branches", "s_max_pu", np.inf),
            i_max_pu=of("branches", "i_max_pu", np.inf),
            angle_min_rad=np.full(count, -np.inf),
            angle_max_rad=np.full(count, np.inf),
        ),
        generators=Generators(
            tuple(f"source {k}" for k in sources), sources, -free, free, -free, free, none, none
        ),
        reference_v_pu=of("buses", "v_source_pu")[sources],
    )
    return SwitchedNetwork(
        grid,
        lines["closed_before"].to_numpy() == 1,
        lines["switchable"].to_numpy() == 1,
        tuple(int(row) for row in lines["row"]),
    )


def verify_tables(summary: Mapping[str, Any], tables: Tables) -> tuple[CheckResult, ...]:
    """Return every check of a run."""
    network = network_of(summary, tables)
    states = _states(network, tables)
    found: dict[str, list[Finding]] = {
        name: []
        for name in ("radial", "switches", "power flow", "independent power flow", "limits")
    }
    for k, closed in states.items():
        moved = (closed != network.closed) & ~network.switchable
        if summary["aim"] != "ens" and moved.any():
            names = [network.name(int(b)) for b in np.flatnonzero(moved)]
            found["switches"].append(Finding(f"block {k}, {names[0]} may not move", np.nan, ""))
        for t in tables["hours"].loc[tables["hours"]["block"] == k, "hour"]:
            _check_hour(summary, network, closed, int(t), tables, found)
    checks = [CheckResult(name, tuple(findings)) for name, findings in found.items()]
    return (*checks, CheckResult("sums and bound", tuple(_sums(summary, network, states, tables))))


def _states(network: SwitchedNetwork, tables: Tables) -> dict[int, BoolArray]:
    """Return the closed branches of each block, in the order of branches.csv."""
    found = {}
    for block, rows in tables["states"].groupby("block"):
        if list(rows["branch"]) != list(network.grid.branches.ids):
            raise InputError(f"states.csv: block {block} does not name the branches in their order")
        found[int(str(block))] = rows["closed"].to_numpy() == 1
    if sorted(tables["hours"]["block"].unique()) != sorted(found):
        raise InputError("hours.csv: its blocks are not those of states.csv")
    return found


def _check_hour(
    summary: Mapping[str, Any],
    network: SwitchedNetwork,
    closed: BoolArray,
    t: int,
    tables: Tables,
    found: dict[str, list[Finding]],
) -> None:
    loads = tables["loads"].loc[tables["loads"]["hour"] == t]
    if list(loads["bus"]) != list(network.grid.bus_ids):
        raise InputError(f"loads.csv: hour {t} does not name the buses in their order")
    kva = float(summary["s_base_kva"])
    share = loads["served"].to_numpy(dtype=np.float64)
    p, q = (loads[c].to_numpy(dtype=np.float64) * share / kva for c in ("p_kw", "q_kvar"))
    grid = replace(network.grid, p_load_pu=p, q_load_pu=q)
    part, buses, branches = reached_part(replace(network, grid=grid), closed)
    away = np.setdiff1d(np.arange(grid.n_bus), buses)
    if len(branches) != len(buses) - len(grid.reference):
        found["radial"].append(Finding("closed branches form a loop", np.nan, "", t))
        return
    if (summary["aim"] != "ens" and len(away)) or (np.abs(p[away]) > 0.0).any():
        found["radial"].append(Finding(f"bus {grid.bus_ids[away[0]]} is not fed", np.nan, "", t))
        return
    row = tables["hours"].loc[tables["hours"]["hour"] == t]
    told = {column: float(row[column].iloc[0]) for column in ("loss_kw", "v_min_pu")}
    v_told = loads["v_pu"].to_numpy(dtype=np.float64)
    if len(buses) == len(grid.reference):
        found["power flow"] += unequal(told["loss_kw"], 0.0, "loss", "kW", LOSS_KW)
        return
    net = tree_network(replace(part, closed=np.ones(len(branches), dtype=np.bool_)))
    every = np.ones(len(branches), dtype=np.bool_)
    flow = solve_tree(net, every)
    if flow.order is None:
        found["power flow"].append(Finding("no power flow", np.nan, "", t))
        return
    v = voltages(part, net, flow)
    loss = flow.loss_pu * kva
    found["power flow"] += unequal(told["loss_kw"], loss, f"loss of hour {t}", "kW",
                                   LOSS_KW * max(1.0, loss))  # fmt: skip
    found["power flow"] += unequal(told["v_min_pu"], float(v.min()), "least voltage", "pu",
                                   VOLTAGE_PU)  # fmt: skip
    _compare(found["power flow"], "voltage", v_told[buses], v, grid, buses, t)
    again = replayed(part, every, v)
    _compare(found["independent power flow"], "voltage", v_told[buses], again, grid, buses, t)
    if not flow.feasible:
        found["limits"] += [
            Finding(text, np.nan, "", t)
            for text in broken_limits(net, flow, part.grid.branches.ids)
            if flow.broken_pu > VOLTAGE_PU
        ]


def _compare(
    found: list[Finding], what: str, told: FloatArray, due: FloatArray, grid: Grid,
    buses: Any, t: int,
) -> None:  # fmt: skip
    for k in np.flatnonzero(~(np.abs(told - due) <= VOLTAGE_PU))[:5]:
        name = f"{what} of bus {grid.bus_ids[int(buses[k])]}"
        found.append(Finding(name, abs(told[k] - due[k]), "pu", t, float(told[k]), float(due[k])))


def _sums(
    summary: Mapping[str, Any],
    network: SwitchedNetwork,
    states: Mapping[int, BoolArray],
    tables: Tables,
) -> list[Finding]:
    """Check value, bound, status, operations, open branches and the end of the course."""
    value, bound, aim = float(summary["value"]), float(summary["bound"]), summary["aim"]
    hours, loads = tables["hours"], tables["loads"]
    due = {
        "loss": float(hours["loss_kw"].sum()),
        "day": float(hours["loss_kw"].sum()) * float(summary["dt_h"]),
        "ens": float((loads["p_kw"].clip(lower=0.0) * (1.0 - loads["served"])).sum()),
    }[aim]
    if aim == "ens":
        sources = set(tables["buses"].loc[tables["buses"]["source"] == 1, "bus"])
        own = loads[~loads["bus"].isin(sources)]
        due = float((own["p_kw"].clip(lower=0.0) * (1.0 - own["served"])).sum())
    size = max(abs(value), 1.0)
    found = unequal(value, due, "value", tolerance=(SHED_KW if aim == "ens" else LOSS_KW * size))
    if bound > value + BOUND * size:
        found.append(Finding("the bound is above the value", bound - value, ""))
    asked = float(summary["gap_asked"])
    if aim != "ens":
        within = value - bound <= asked * value * (1.0 + BOUND) + BOUND * asked
        found += differs(summary["status"], "optimal" if within else "feasible", "status")
    course = tables["course"]
    if course["bound"].max() > bound + BOUND * size or not course["bound"].is_monotonic_increasing:
        found.append(Finding("course.csv: its bound does not rise to the bound", np.nan, ""))
    if aim == "day":
        row = [states[k] for k in sorted(states)]
        changes = sum(int((a != b).sum()) for a, b in itertools.pairwise(row))
        found += differs(summary["operations"], changes, "operations")
    if aim == "loss":
        rows = [network.rows[int(b)] for b in np.flatnonzero(~states[0])]
        found += differs(summary["result"].get("open_rows"), rows, "open_rows")
    return found
