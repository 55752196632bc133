"""Radial configurations of least loss of published feeders: value, bound, gap and time.

    .venv/bin/python scripts/bench_reconfigure.py [--gap G] [--limit S] [--enumerate] [NAME ...]

``--enumerate`` solves all spanning trees of the 33-bus feeder in its place, about a minute.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from cmgplan.case.records import Bus, Line
from cmgplan.network.feeder import feeder_from_tables
from cmgplan.network.files.networks import grid_of_feeder
from cmgplan.network.reconfiguration.given import SwitchedNetwork, tree_network
from cmgplan.network.reconfiguration.search import ReconfigureOptions, reconfigure
from cmgplan.network.reconfiguration.tree import solve_tree
from cmgplan.units import S_BASE_KVA

NETWORKS = Path(__file__).resolve().parents[1] / "tests" / "data" / "networks"

NAMES = "case33bw", "case69", "case70da", "case118zh"

KNOWN = {"case33bw": 139.5513, "case70da": 301.6453, "case118zh": 869.7299}
"""Least losses known, kW."""

SOURCES = {"case70da": ("1", "70")}

TIES = {
    "case69": (
        ("11", "43", 0.5, 0.5),
        ("13", "21", 0.5, 0.5),
        ("15", "46", 1.0, 0.5),
        ("50", "59", 2.0, 1.0),
        ("27", "65", 1.0, 0.5),
    )
}
"""The five ties usually added to case69: ends, r and x in ohm."""

HEADER = (
    "| feeder | buses | ties | as given, kW | known, kW | value, kW | after, s | bound, kW | gap |"
)


def published(name: str) -> SwitchedNetwork:
    """Return a feeder of tests/data/networks at its nominal loads, the sources at 1 pu."""
    with (NETWORKS / name / "buses.csv").open(encoding="utf-8") as file:
        buses = list(csv.DictReader(file))
    with (NETWORKS / name / "lines.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    ends = [(r["from_bus"], r["to_bus"], float(r["r_ohm"]), float(r["x_ohm"])) for r in rows]
    state = [r["in_service"] == "1" for r in rows]
    ties = TIES.get(name, ())
    ends, state = [*ends, *ties], [*state, *(False for _ in ties)]
    sources = SOURCES.get(name, (buses[0]["bus"],))
    feeder = feeder_from_tables(
        [Bus(bus=b["bus"], vn_kv=float(b["vn_kv"])) for b in buses],
        [
            Line(line=str(k + 1), from_bus=i, to_bus=j, r_ohm=r, x_ohm=x)
            for k, (i, j, r, x) in enumerate(ends)
        ],
        slack_bus=sources[0],
        v_slack_pu=1.0,
        v_min_pu=0.85,
        v_max_pu=1.1,
    )
    grid = grid_of_feeder(feeder, name)
    at = np.array([feeder.position(bus) for bus in sources], dtype=np.int64)
    none, free = np.zeros((len(at), 3)), np.full(len(at), np.inf)
    grid = replace(
        grid,
        p_load_pu=np.array([float(b["p_kw"]) for b in buses]) / S_BASE_KVA,
        q_load_pu=np.array([float(b["q_kvar"]) for b in buses]) / S_BASE_KVA,
        reference=at,
        reference_angle_rad=np.zeros(len(at)),
        reference_v_pu=np.ones(len(at)),
        generators=replace(
            grid.generators,
            ids=tuple(sources),
            bus=at,
            p_min_pu=-free,
            p_max_pu=free,
            q_min_pu=-free,
            q_max_pu=free,
            cost_p=none,
            cost_q=none,
        ),
    )
    every = np.ones(len(ends), dtype=np.bool_)
    return SwitchedNetwork(grid, np.array(state), every, tuple(range(1, 1 + len(ends))))


def row(name: str, options: ReconfigureOptions) -> str:
    """Return the table's row of a feeder."""
    network = published(name)
    begun = time.perf_counter()
    reconfigure(network, replace(options, prove=False))
    first_s = time.perf_counter() - begun
    found = reconfigure(network, options)
    given = "-" if found.given_loss_kw is None else f"{found.given_loss_kw:.3f}"
    known = f"{KNOWN[name]:.4f}" if name in KNOWN else "-"
    cells = (
        *(name, str(len(network.grid.bus_ids)), str(int((~network.closed).sum())), given, known),
        *(f"{found.loss_kw:.4f}", f"{first_s:.1f}", f"{found.bound_kw:.4f}"),
        *(f"{100.0 * found.gap:.3f} %", f"{found.wall_s:.0f}", found.status),
    )
    return "| " + " | ".join(cells) + " |"


def trees(name: str) -> Iterator[float]:
    """Yield the loss of every spanning tree, kW; infinite where there is no power flow."""
    network = published(name)
    net = tree_network(network)
    for opened in itertools.combinations(range(net.n_branch), net.n_branch - net.n_bus + 1):
        closed = np.ones(net.n_branch, dtype=np.bool_)
        closed[list(opened)] = False
        flow = solve_tree(net, closed)
        if flow.order is not None:
            yield flow.loss_pu * net.s_base_kva


def main() -> None:
    """Print the table, or the enumeration."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("names", nargs="*", default=list(NAMES))
    parser.add_argument("--gap", type=float, default=1e-3)
    parser.add_argument("--limit", type=float, default=300.0)
    parser.add_argument("--enumerate", action="store_true")
    asked = parser.parse_args()
    if asked.enumerate:
        begun, losses = time.perf_counter(), list(trees("case33bw"))
        seconds = time.perf_counter() - begun
        print(f"{len(losses)} trees with a power flow, least {min(losses):.4f} kW, {seconds:.0f} s")
        return
    print(HEADER + " after, s | status |")
    print("|" + "---|" * 11)
    for name in asked.names:
        print(row(name, ReconfigureOptions(gap=asked.gap, time_limit_s=asked.limit)), flush=True)


if __name__ == "__main__":
    main()
