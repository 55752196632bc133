"""Solve the 24-hour optimal power flow of 94 buses under many random perturbations.

Each perturbation draws loads (0.3 to 1.6 times), availability of the microgrids (0 to 1.5 times),
prices by hour (-50 to 300 $/MWh), resistances and reactances (30 % up or down, each branch by
itself), and microgrids that are missing. It must end in an answer that an independent power flow
confirms, or in an infeasibility that is explained. Two of its hours are solved alone as well, here
and by pandapower's ``runopp`` under the same limits.

    .venv/bin/python scripts/perturb_opf.py [--count 500] [--seed 1] [--jobs 1] [--out FILE.csv]

A run that was stopped is taken up again where its file ends.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandapower as pp
from bench_opf import P_MAX_MW, devices, given_network, pandapower_net
from rich.console import Console
from rich.progress import Progress

from cmgplan.network.grid import Generators, Grid
from cmgplan.network.grid_hours import GridHours
from cmgplan.network.opf.flexible import Flexible
from cmgplan.network.opf.problem import OpfProblem
from cmgplan.units import mw_from_pu

LEVEL, HOURLY = (0.3, 1.6), (0.8, 1.2)
AVAILABLE, PRICE, IMPEDANCE = (0.0, 1.5), (-50.0, 300.0), (0.7, 1.3)
MISSING_SHARE = 0.2
SINGLE_HOURS = 2
EQUAL_COST = 1e-4
"""Relative difference of cost up to which two answers are called equal."""

INFEASIBLE = ("locally infeasible", "proven infeasible")


@dataclass(frozen=True)
class Perturbed:
    """One perturbation of the network, its day, and the buses of the microgrids present."""

    grid: Grid
    horizon: GridHours
    flexible: Flexible
    load_level: float
    missing: int


@dataclass(frozen=True)
class Row:
    """What became of one perturbation; ``NaN`` and empty text where there is nothing to say."""

    number: int
    load_level: float
    missing: int
    status: str
    rung: str
    iterations: int
    seconds: float
    cost_usd: float
    replay_max_dv_pu: float
    explanation: str
    hours: str
    single_status: str
    single_cost_usd: str
    runopp_cost_usd: str

    @property
    def sound(self) -> bool:
        """Whether it ended in a confirmed answer or in an explained infeasibility."""
        if self.status == "locally optimal":
            return self.replay_max_dv_pu <= 1e-6
        return self.status in INFEASIBLE and bool(self.explanation)


def perturbed(seed: int, number: int) -> Perturbed:
    """Return a perturbation, the same for the same seed and number."""
    rng = np.random.default_rng([seed, number])
    grid, day, buses = given_network()
    kept = rng.random(len(buses)) >= MISSING_SHARE
    present = np.concatenate([[True], kept])
    hours, branches = day.hours, grid.branches
    level = float(rng.uniform(*LEVEL))
    factor = np.clip(level * rng.uniform(*HOURLY, (hours, grid.n_bus)), *LEVEL)
    available = np.ones((hours, len(present)))
    available[:, 1:] = rng.uniform(*AVAILABLE, (hours, len(buses)))
    price = np.full((hours, len(present)), np.nan)
    price[:, 0] = rng.uniform(*PRICE, hours)
    lines = replace(
        branches,
        r_pu=branches.r_pu * rng.uniform(*IMPEDANCE, len(branches)),
        x_pu=branches.x_pu * rng.uniform(*IMPEDANCE, len(branches)),
    )
    grid = replace(grid, branches=lines, generators=_kept(grid.generators, present))
    horizon = GridHours(
        day.p_load_pu * factor,
        day.q_load_pu * factor,
        available[:, present],
        price[:, present],
        day.dt_h,
    )
    at = tuple(bus for bus, is_kept in zip(buses, kept, strict=True) if is_kept)
    return Perturbed(grid, horizon, devices(grid, at), level, int((~kept).sum()))


def _kept(gens: Generators, which: np.ndarray) -> Generators:
    arrays = {
        field.name: getattr(gens, field.name)[which]
        for field in fields(gens)
        if field.name not in ("ids", "piecewise") and getattr(gens, field.name) is not None
    }
    ids = tuple(name for name, kept in zip(gens.ids, which, strict=True) if kept)
    return Generators(ids=ids, **arrays)


def solved(seed: int, number: int) -> Row:
    """Solve one perturbation over its day, and some of its hours alone by both programs."""
    case = perturbed(seed, number)
    problem = OpfProblem(case.grid, case.horizon.hours, case.flexible, case.horizon.dt_h)
    begun = time.perf_counter()
    result = problem.solve(case.horizon)
    seconds = time.perf_counter() - begun
    rng = np.random.default_rng([seed, number, SINGLE_HOURS])
    hours = sorted(rng.choice(case.horizon.hours, SINGLE_HOURS, replace=False).tolist())
    alone = OpfProblem(case.grid)
    single = [alone.solve(case.horizon.at(t)) for t in hours]
    theirs = [_runopp(case, t) for t in hours]
    return Row(
        number=number,
        load_level=round(case.load_level, 4),
        missing=case.missing,
        status=result.status,
        rung=result.rung,
        iterations=result.iterations,
        seconds=round(seconds, 3),
        cost_usd=result.objective,
        replay_max_dv_pu=result.replay_max_dv_pu,
        explanation=" | ".join(result.explanation) or result.message,
        hours=" ".join(map(str, hours)),
        single_status="; ".join(one.status for one in single),
        single_cost_usd=" ".join(f"{one.objective:.8g}" for one in single),
        runopp_cost_usd=" ".join(f"{cost:.8g}" for cost in theirs),
    )


def _runopp(case: Perturbed, hour: int) -> float:
    """Return pandapower's cost of one hour alone, NaN where it does not converge."""
    net, base = pandapower_net(case.grid), case.grid.s_base_mva
    net.load["p_mw"] = mw_from_pu(case.horizon.p_load_pu[hour], base)
    net.load["q_mvar"] = mw_from_pu(case.horizon.q_load_pu[hour], base)
    net.sgen["max_p_mw"] = case.horizon.available[hour, 1:] * P_MAX_MW
    upstream = net.poly_cost.index[net.poly_cost.et == "ext_grid"][0]
    net.poly_cost.loc[upstream, "cp1_eur_per_mw"] = case.horizon.price_usd_per_mwh[hour, 0]
    try:
        pp.runopp(net, numba=False)
    except pp.OPFNotConverged:
        return float("nan")
    return float(net.res_cost)


def table(rows: Sequence[Row]) -> str:
    """Return what became of all perturbations as a table in Markdown."""
    count = len(rows)
    optimal = [row for row in rows if row.status == "locally optimal"]
    statuses = [status for row in rows for status in row.single_status.split("; ")]
    ours = np.array([float(v) for row in rows for v in row.single_cost_usd.split()])
    theirs = np.array([float(v) for row in rows for v in row.runopp_cost_usd.split()])
    both = np.isfinite(ours) & np.isfinite(theirs)
    apart = (ours - theirs)[both] / np.maximum(np.abs(theirs[both]), 1.0)
    infeasible = np.array([status in INFEASIBLE for status in statuses])
    proven = np.array([status == "proven infeasible" for status in statuses])
    lines = [
        ("perturbations of the 24 coupled hours", f"{count}"),
        ("answers, replayed within 1e-6 pu", f"{len(optimal)}"),
        ("proven infeasible, explained", _counted(rows, "proven infeasible")),
        ("locally infeasible, explained", _counted(rows, "locally infeasible")),
        ("anything else", f"{sum(not row.sound for row in rows)}"),
        *((f"answers from rung: {rung}", str(n)) for rung, n in _rungs(optimal)),
        ("seconds per answer, median and largest", _seconds(optimal)),
        ("single hours", f"{len(ours)}"),
        ("solved by cmgplan", f"{int(np.isfinite(ours).sum())}"),
        ("solved by pandapower's runopp", f"{int(np.isfinite(theirs).sum())}"),
        (
            "infeasible according to cmgplan, of these proven",
            f"{int(infeasible.sum())}, {int(proven.sum())}",
        ),
        (
            "solved by runopp and not by cmgplan",
            f"{int((np.isfinite(theirs) & ~np.isfinite(ours)).sum())}",
        ),
        ("solved by both", f"{int(both.sum())}"),
        (f"of these equal in cost (within {EQUAL_COST:g})", f"{_share(np.abs(apart))}"),
        ("cmgplan cheaper", f"{int((apart < -EQUAL_COST).sum())}"),
        ("runopp cheaper", f"{int((apart > EQUAL_COST).sum())}"),
        ("largest relative difference of cost", f"{np.abs(apart).max(initial=0.0):.1e}"),
    ]
    body = "\n".join(f"| {name} | {value} |" for name, value in lines)
    return f"| | |\n|---|---|\n{body}"


def _counted(rows: Sequence[Row], status: str) -> str:
    return str(sum(row.status == status and row.sound for row in rows))


def _rungs(rows: Sequence[Row]) -> list[tuple[str, int]]:
    names = [row.rung for row in rows]
    return sorted(((n, names.count(n)) for n in set(names)), key=lambda pair: -pair[1])


def _seconds(rows: Sequence[Row]) -> str:
    times = np.array([row.seconds for row in rows] or [np.nan])
    return f"{np.median(times):.2f}, {times.max():.2f}"


def _share(apart: np.ndarray) -> int:
    return int((apart <= EQUAL_COST).sum())


def read_rows(path: Path) -> list[Row]:
    """Return the rows of a file, none if there is no file."""
    if not path.exists():
        return []
    kinds = {"int": int, "float": float, "str": str}
    with path.open(newline="", encoding="utf-8") as file:
        return [
            Row(**{field.name: kinds[str(field.type)](raw[field.name]) for field in fields(Row)})
            for raw in csv.DictReader(file)
        ]


def run(count: int, seed: int, jobs: int, out: Path) -> list[Row]:
    """Solve what the file does not hold yet, and return all rows in order."""
    rows = read_rows(out)
    left = sorted(set(range(count)) - {row.number for row in rows})
    names = [field.name for field in fields(Row)]
    out.parent.mkdir(parents=True, exist_ok=True)
    console = Console(stderr=True)
    with (
        out.open("a", newline="", encoding="utf-8") as file,
        ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool,
        Progress(console=console, disable=not console.is_terminal) as bar,
    ):
        writer = csv.DictWriter(file, names)
        if not rows:
            writer.writeheader()
        work = partial(solved, seed)
        done = pool.map(work, left) if jobs > 1 else map(work, left)
        for row in bar.track(done, total=len(left), description="perturbations"):
            writer.writerow(asdict(row))
            file.flush()
            rows.append(row)
    return sorted((row for row in rows if row.number < count), key=lambda row: row.number)


def main() -> int:
    """Run, print the table, and return 1 if any perturbation ended badly."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=500, help="Perturbations.")
    parser.add_argument("--seed", type=int, default=1, help="Seed of the random numbers.")
    parser.add_argument("--jobs", type=int, default=1, help="Processes at once.")
    parser.add_argument("--out", type=Path, default=Path("runs/perturb_opf.csv"))
    given = parser.parse_args()
    rows = run(given.count, given.seed, given.jobs, given.out)
    print(table(rows))
    unsound = [row for row in rows if not row.sound]
    for row in unsound:
        print(f"perturbation {row.number}: {row.status}, {row.explanation}")
    return 1 if unsound else 0


if __name__ == "__main__":
    raise SystemExit(main())
