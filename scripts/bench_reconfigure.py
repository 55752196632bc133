"""Radial configurations of least loss of published feeders: value, bound, gap and time.

    .venv/bin/python scripts/bench_reconfigure.py [--gap G] [--limit S] [--enumerate] [--day]
        [--flow] [NAME ...]

Names are folders of tests/data/networks, bundled cases and networks that pandapower ships.
``--enumerate`` solves all spanning trees of the 33-bus feeder in its place, about two minutes;
``--day`` looks for one configuration of 24 hours; ``--flow`` times one power flow of a tree.
SimBench's networks are not there: its package is no dependency.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import tempfile
import time
import timeit
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from cmgplan.case.records import Bus, Line
from cmgplan.network.feeder import feeder_from_tables
from cmgplan.network.files.networks import grid_of_feeder
from cmgplan.network.reconfiguration.day.loads import HourlyLoads
from cmgplan.network.reconfiguration.day.search import reconfigure_day
from cmgplan.network.reconfiguration.exchange import opened_in_sequence
from cmgplan.network.reconfiguration.given import SwitchedNetwork, components, tree_network
from cmgplan.network.reconfiguration.read import read_switched
from cmgplan.network.reconfiguration.search import ReconfigureOptions, reconfigure
from cmgplan.network.reconfiguration.tree import solve_tree
from cmgplan.planning.case.network import read_switched_network
from cmgplan.units import S_BASE_KVA

NETWORKS = Path(__file__).resolve().parents[1] / "tests" / "data" / "networks"

NAMES = "case33bw", "case69", "case70da", "case118zh"

CASES = ("ieee33",)
"""Bundled cases; ieee94 keeps its voltage limits with the help of its microgrids alone."""

SHIPPED = "mv_oberrhein", "create_cigre_network_mv", "simple_mv_open_ring_net"
"""Networks of pandapower with switches that are radial as given."""

OVERLOADED = ("create_cigre_network_mv",)
"""Those whose transformers no configuration keeps within their rating: they get twice of it."""

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


def shipped(name: str) -> SwitchedNetwork:
    """Return a network that pandapower ships, as its file is read."""
    import pandapower as pp
    import pandapower.networks

    net = getattr(pandapower.networks, name)()
    if name in OVERLOADED:
        net.trafo["sn_mva"] *= 2.0
        net.trafo["i0_percent"] /= 2.0
        net.trafo[["vk_percent", "vkr_percent"]] *= 2.0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.json"
        pp.to_json(net, str(path))
        return read_switched(path)


def network_of(name: str) -> SwitchedNetwork:
    """Return a network by its name."""
    if name in SHIPPED:
        return shipped(name)
    return published(name) if (NETWORKS / name).is_dir() else read_switched_network(Path(name))


def row(name: str, options: ReconfigureOptions) -> str:
    """Return the table's row of a feeder."""
    network = network_of(name)
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
    net = tree_network(published(name))
    for opened in itertools.combinations(range(net.n_branch), net.n_branch - net.n_bus + 1):
        closed = np.ones(net.n_branch, dtype=np.bool_)
        closed[list(opened)] = False
        if components(net, np.flatnonzero(closed))[0] == 1:
            yield solve_tree(net, closed).loss_pu * net.s_base_kva


def day_loads(network: SwitchedNetwork, spread: float = 0.2, seed: int = 0) -> HourlyLoads:
    """Return loads of 24 hours: one course for all, and a draw for each bus and hour."""
    hours = np.arange(24)
    course = 0.55 + 0.3 * np.sin((hours - 9) / 24 * 2 * np.pi)
    draw = np.random.default_rng(seed).standard_normal((24, network.grid.n_bus))
    factor = np.clip(course[:, None] * (1.0 + spread * draw), 0.0, None)
    return HourlyLoads(factor * network.grid.p_load_pu, factor * network.grid.q_load_pu)


def day_row(name: str, blocks: int, options: ReconfigureOptions) -> str:
    """Return the table's row of a feeder over a day."""
    network = network_of(name)
    found = reconfigure_day(network, day_loads(network), options, blocks=blocks)
    given = "-" if found.given_loss_kwh is None else f"{found.given_loss_kwh:.2f}"
    cells = (
        *(name, str(blocks), given, f"{found.loss_kwh:.3f}", f"{found.bound_kwh:.3f}"),
        *(f"{100.0 * found.gap:.3f} %", str(found.operations), f"{found.wall_s:.0f}"),
        found.status,
    )
    return "| " + " | ".join(cells) + " |"


def flow_ms(name: str) -> float:
    """Return the time of one power flow of a tree, ms, the best of many."""
    net = tree_network(network_of(name))
    closed = opened_in_sequence(net)
    return 10.0 * min(timeit.repeat(lambda: solve_tree(net, closed), number=100, repeat=20))


def main() -> None:
    """Print the table, or the enumeration."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("names", nargs="*", default=[*NAMES, *CASES, *SHIPPED])
    parser.add_argument("--gap", type=float, default=1e-3)
    parser.add_argument("--limit", type=float, default=300.0)
    parser.add_argument("--enumerate", action="store_true")
    parser.add_argument("--day", action="store_true")
    parser.add_argument("--blocks", type=int, default=1)
    parser.add_argument("--flow", action="store_true")
    asked = parser.parse_args()
    options = ReconfigureOptions(gap=asked.gap, time_limit_s=asked.limit)
    if asked.enumerate:
        begun, losses = time.perf_counter(), np.array(list(trees("case33bw")))
        seconds, solved = time.perf_counter() - begun, int(np.isfinite(losses).sum())
        told = f"{len(losses)} spanning trees, {solved} with a power flow"
        print(f"{told}, least {losses.min():.4f} kW, {seconds:.0f} s")
        return
    if asked.flow:
        for name in asked.names:
            print(f"| {name} | {flow_ms(name):.3f} ms |", flush=True)
        return
    if asked.day:
        print("| feeder | blocks | as given, kWh | value, kWh | bound, kWh | gap | operations |"
              " after, s | status |")  # fmt: skip
        print("|" + "---|" * 9)
        for name in asked.names:
            print(day_row(name, asked.blocks, options), flush=True)
        return
    print(HEADER + " after, s | status |")
    print("|" + "---|" * 11)
    for name in asked.names:
        print(row(name, options), flush=True)


if __name__ == "__main__":
    main()
