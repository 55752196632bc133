"""Time the optimal power flow beside pandapower's, in one run on one machine.

The 94-bus feeder of ``cases/ieee94`` with ten dispatchable microgrids and its own 24 hours:
pandapower's ``runopp`` once for each hour, which knows no coupling, against the same hours and
against hours coupled by a store in each microgrid and by responsive loads. Seconds are processor
time, so that other work on the machine changes little.

    .venv/bin/python scripts/bench_opf.py [--repeat N]

With ``large`` it times large networks beside Ipopt alone on the same model: begun at the flat
start with Ipopt's own settings, compiled and solved once, neither replayed nor bounded. Without
files the networks are those of 1354 to 2869 buses that come with pandapower.

    .venv/bin/python scripts/bench_opf.py large [FILE or FOLDER of .m and .json ...]
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandapower as pp
import pandapower.networks

from cmgplan.devices.storage import Storage
from cmgplan.network.grid import Generators, Grid
from cmgplan.network.grid_hours import GridHours, single_hour
from cmgplan.network.opf.flexible import Flexible, Placed, Responsive
from cmgplan.network.opf.model import Layout, build_instance, build_model
from cmgplan.network.opf.problem import OpfProblem
from cmgplan.network.opf.result import OpfResult
from cmgplan.planning.case import load_case
from cmgplan.planning.case.network import grid_of_case, read_network
from cmgplan.solve.outcome import Outcome
from cmgplan.solve.templates import Strategy, TemplateProblem
from cmgplan.solve.time_limit import TimeLimit
from cmgplan.units import PerUnit, mw_from_pu

CASE = Path(__file__).parents[1] / "cases" / "ieee94"
P_MAX_MW, Q_MAX_MVAR, PRICE_USD_PER_MWH = 0.4, 0.2, 60.0
SHARE = 0.2
DAYS_OF_A_WEEK = 7
TIME_LIMIT_S = 300.0
IPOPT_ITSELF = Strategy(3000)
PANDAPOWERS = ("case1354pegase", "case1888rte", "case2848rte", "case2869pegase")


def given_network() -> tuple[Grid, GridHours, tuple[str, ...]]:
    """Return the feeder with a generator at each microgrid's bus, its hours and these buses."""
    case = load_case(CASE)
    given = grid_of_case(case)
    if given.profiles is None:
        raise ValueError("a case has profiles")
    grid, buses = given.grid, tuple(mg.bus for mg in case.microgrids)
    at = np.array([grid.bus_ids.index(bus) for bus in buses], dtype=np.int64)
    own, base, count = grid.generators, grid.s_base_mva, len(buses)
    price = np.zeros((count, 3))
    price[:, 1] = PRICE_USD_PER_MWH * base

    def joined(first: Any, value: float) -> Any:
        return np.concatenate([first, np.full(count, value / base)])

    generators = Generators(
        ids=(*own.ids, *(f"microgrid at {bus}" for bus in buses)),
        bus=np.concatenate([own.bus, at]),
        p_min_pu=joined(own.p_min_pu, 0.0),
        p_max_pu=joined(own.p_max_pu, P_MAX_MW),
        q_min_pu=joined(own.q_min_pu, -Q_MAX_MVAR),
        q_max_pu=joined(own.q_max_pu, Q_MAX_MVAR),
        cost_p=np.vstack([own.cost_p, price]),
        cost_q=np.vstack([own.cost_q, np.zeros((count, 3))]),
    )
    hours = given.profiles.hours
    upstream = given.profiles.price_usd_per_mwh[:, :1]
    profiles = replace(
        given.profiles,
        available=np.ones((hours, count + 1)),
        price_usd_per_mwh=np.hstack([upstream, np.full((hours, count), np.nan)]),
    )
    return replace(grid, generators=generators), profiles, buses


def devices(grid: Grid, buses: tuple[str, ...]) -> Flexible:
    """Return a store at each microgrid and a responsive share of every load."""
    store = Storage(
        id="B",
        energy_kwh=600.0,
        p_charge_max_kw=150.0,
        p_discharge_max_kw=150.0,
        soc_start=0.5,
        efficiency_charge=0.95,
        efficiency_discharge=0.95,
    )
    loaded = [bus for bus, p in zip(grid.bus_ids, grid.p_load_pu, strict=True) if p > 0]
    return Flexible(
        tuple(Placed(bus, store) for bus in buses),
        tuple(Responsive(bus, SHARE) for bus in loaded),
    )


def longer(horizon: GridHours, times: int) -> GridHours:
    """Return a horizon repeated."""
    parts = (horizon.p_load_pu, horizon.q_load_pu, horizon.available, horizon.price_usd_per_mwh)
    p, q, available, price = (np.tile(part, (times, 1)) for part in parts)
    return GridHours(p, q, available, price, horizon.dt_h)


def pandapower_net(grid: Grid) -> Any:
    """Return the same network for pandapower, voltages of the slack held on both sides."""
    net = pp.create_empty_network(sn_mva=grid.s_base_mva)
    base = PerUnit(float(grid.vn_kv[0]))
    pp.create_buses(net, grid.n_bus, base.vn_kv, min_vm_pu=grid.v_min_pu, max_vm_pu=grid.v_max_pu)
    lines, slack = grid.branches, int(grid.reference[0])
    limit = np.where(np.isfinite(lines.i_max_pu), lines.i_max_pu, 1e3)
    pp.create_lines_from_parameters(
        net,
        lines.from_bus,
        lines.to_bus,
        1.0,
        base.impedance_ohm(lines.r_pu),
        base.impedance_ohm(lines.x_pu),
        0.0,
        limit * base.i_base_a / 1e3,
        max_loading_percent=100.0,
    )
    pp.create_ext_grid(
        net,
        slack,
        vm_pu=float(grid.v_min_pu[slack]),
        min_p_mw=-100,
        max_p_mw=100,
        min_q_mvar=-100,
        max_q_mvar=100,
    )
    pp.create_loads(net, range(grid.n_bus), 0.0, 0.0, controllable=False)
    for bus in grid.generators.bus[1:]:
        index = pp.create_sgen(
            net,
            int(bus),
            0.0,
            controllable=True,
            min_p_mw=0.0,
            max_p_mw=P_MAX_MW,
            min_q_mvar=-Q_MAX_MVAR,
            max_q_mvar=Q_MAX_MVAR,
        )
        pp.create_poly_cost(net, index, "sgen", cp1_eur_per_mw=PRICE_USD_PER_MWH)
    pp.create_poly_cost(net, 0, "ext_grid", cp1_eur_per_mw=1.0)
    return net


def time_pandapower(grid: Grid, horizon: GridHours) -> tuple[float, float, int]:
    """Return seconds, cost and solved hours of one ``runopp`` per hour."""
    net, cost, solved, base = pandapower_net(grid), 0.0, 0, grid.s_base_mva
    upstream = net.poly_cost.index[net.poly_cost.et == "ext_grid"][0]
    begun = time.process_time()
    for t in range(horizon.hours):
        net.load["p_mw"] = mw_from_pu(horizon.p_load_pu[t], base)
        net.load["q_mvar"] = mw_from_pu(horizon.q_load_pu[t], base)
        net.poly_cost.loc[upstream, "cp1_eur_per_mw"] = horizon.price_usd_per_mwh[t, 0]
        try:
            pp.runopp(net, numba=False)
        except pp.OPFNotConverged:
            continue
        solved += 1
        cost += float(net.res_cost)
    return time.process_time() - begun, cost, solved


def solved_again(problem: OpfProblem, hours: GridHours) -> Iterator[tuple[str, float, OpfResult]]:
    """Yield what is changed, the seconds that solving again takes, and the answer."""
    rng = np.random.default_rng(1)
    drawn = rng.uniform(0.9, 1.1, (hours.hours, 1))
    for name, factor in (("all prices 5 % higher", 1.05), ("prices 10 % up or down", drawn)):
        changed = replace(hours, price_usd_per_mwh=factor * hours.price_usd_per_mwh)
        problem.solve(hours, replay=False)
        begun = time.process_time()
        result = problem.solve(changed, replay=False)
        yield name, time.process_time() - begun, result


def ours(days: int, coupled: bool) -> Iterator[tuple[str, float, OpfResult]]:
    """Yield seconds and answers of one horizon: from the files on, and solved again."""
    begun = time.process_time()
    grid, day, buses = given_network()
    hours = longer(day, days)
    flexible = devices(grid, buses) if coupled else Flexible()
    problem = OpfProblem(grid, hours.hours, flexible, hours.dt_h)
    result = problem.solve(hours, replay=False)
    name = f"cmgplan, {hours.hours} hours{' coupled' if coupled else ''}"
    yield f"{name}, files to answer", time.process_time() - begun, result
    for changed, seconds, other in solved_again(problem, hours):
        yield f"{name}, again: {changed}", seconds, other


def large_files(given: list[Path], made: Path) -> Iterator[Path]:
    """Yield the network files that are given, or pandapower's own, written to a folder."""
    for path in given:
        yield from sorted([*path.glob("*.m"), *path.glob("*.json")]) if path.is_dir() else [path]
    for name in () if given else PANDAPOWERS:
        net = getattr(pandapower.networks, name)()
        pp.to_json(net, made / f"{name}.json")
        yield made / f"{name}.json"


def alone(grid: Grid) -> tuple[float, Outcome]:
    """Return the seconds that Ipopt alone takes from the grid to an answer, and how it ends."""
    begun, layout = time.process_time(), Layout(grid)
    problem = TemplateProblem(build_model(layout))
    instance = build_instance(layout, single_hour(grid))
    outcome = problem.solve(instance, IPOPT_ITSELF, TimeLimit(TIME_LIMIT_S))
    return time.process_time() - begun, outcome


def time_large(path: Path) -> str:
    """Return the row of one network: Ipopt alone, our answer with its replay, and its bound."""
    begun = time.process_time()
    grid = read_network(path).grid
    read = time.process_time() - begun
    theirs, outcome = alone(grid)
    begun, wall = time.process_time(), time.perf_counter()
    limit = TimeLimit(TIME_LIMIT_S)
    problem = OpfProblem(grid)
    result = problem.solve(limit=limit)
    answered = time.process_time() - begun
    result = problem.with_bound(result, limit=limit)
    bounded, elapsed = time.process_time() - begun, time.perf_counter() - wall
    value = "no answer" if outcome.value is None else f"{outcome.value:.2f}"
    told = f"{result.status}, {result.rung}" if result.solved else result.status
    gap = result.bound_message or "-" if result.gap is None else f"{100.0 * result.gap:.3f} %"
    return (
        f"| {path.stem} | {grid.n_bus} | {read:.1f} | {theirs:.1f} | {value} | {answered:.1f} | "
        f"{answered / theirs:.1f} | {result.objective:.2f} | {told} | {bounded - answered:.1f} | "
        f"{gap} | {elapsed:.0f} |"
    )


def print_large(given: list[Path]) -> None:
    """Print the table of large networks."""
    print(
        "| network | buses | read | Ipopt alone | its $/h | answer with replay | times alone | $/h "
        "| | bound | gap | wall |"
    )
    print("|" + "---|" * 12)
    with tempfile.TemporaryDirectory() as made:
        for path in large_files(given, Path(made)):
            print(time_large(path), flush=True)
    print("\nseconds of processor time, the last column of the clock")


def main() -> None:
    """Print the table that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=3, help="Take the least of N runs.")
    parser.add_argument("what", nargs="?", choices=("feeder", "large"), default="feeder")
    parser.add_argument("files", nargs="*", type=Path, help="Networks for large.")
    given = parser.parse_args()
    if given.what == "large":
        print_large(given.files)
    else:
        print_feeder(given.repeat)


def print_feeder(repeat: int) -> None:
    """Print the table of the feeder."""
    grid, horizon, _ = given_network()  # imports what reading needs
    pp.runopp(pandapower_net(grid), numba=False)
    theirs, cost, solved = min(time_pandapower(grid, horizon) for _ in range(repeat))
    name = f"runopp, hour by hour ({solved} of {horizon.hours} solved)"
    print("| | seconds | times as fast | $ | |\n|---|---|---|---|---|")
    print(f"| {name} | {theirs:.3f} | 1 | {cost:.2f} | |")
    for days, coupled in ((1, False), (1, True), (DAYS_OF_A_WEEK, True)):
        runs = [list(ours(days, coupled)) for _ in range(repeat)]
        for row in zip(*runs, strict=True):
            name, seconds, result = min(row, key=lambda r: r[1])
            faster = theirs * days / seconds
            told = f"{result.status}, {result.rung}"
            print(f"| {name} | {seconds:.3f} | {faster:.1f} | {result.objective:.2f} | {told} |")
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\npeak memory {peak_mb:.0f} MB; seconds of processor time")


if __name__ == "__main__":
    main()
