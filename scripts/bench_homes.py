"""Time the one-owner optimum of homes, and its front of cost against emission, as homes grow.

The homes are those of ``cases/hmg3`` over and over, each with a size drawn for it. With choices,
engines are on or off, and each home has a dishwasher, a refrigerator and a car that charges with a
least power.

    .venv/bin/python scripts/bench_homes.py [--sizes 3,10,40] [--points 6] [--limit 120]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from cmgplan.errors import CmgplanError
from cmgplan.homes.case.read import load_homes
from cmgplan.homes.case.records import HomesCase, HomesFile
from cmgplan.homes.optimum.front import find_optimum
from cmgplan.homes.optimum.model import DayModel
from cmgplan.homes.optimum.result import OptimumOptions, OptimumResult
from cmgplan.solve import LinearProblem

BY_SIZE = ("fuel_max_kw", "heat_max_kw", "p_max_kw", "energy_kwh", "volume_m3", "shift_in_max_kw")
"""Keys that grow with a home, beside the powers of stores."""

HEADER = (
    *("homes", "choices", "rows", "columns", "binaries", "build, s", "optimum, s", "gap"),
    *("front, s", "points", "worst gap"),
)


def grown(case: HomesCase, homes: int, choices: bool, seed: int) -> HomesCase:
    """Return a case of many homes, each one of the case's with a size of its own."""
    rng, profiles = np.random.default_rng(seed), dict(case.profiles)
    made = []
    for k in range(homes):
        size, source = float(rng.uniform(0.5, 1.5)), case.homes[k % len(case.homes)]
        home: dict[str, Any] = source.model_dump(exclude_defaults=True)
        home["id"] = f"H{k}"
        for devices in home.values():
            for device in devices if isinstance(devices, tuple) else ():
                for key in device:
                    if key in BY_SIZE or key.endswith("charge_max_kw"):
                        device[key] *= size
        for load in home["load"]:
            column = f"{load['id']}_{k}_kw"
            profiles[column] = size * np.roll(profiles[load["p_kw"]], int(rng.integers(-1, 2)))
            load["p_kw"] = column
        if choices:
            add_choices(home, k)
        made.append(home)
    document = {**case.file.model_dump(exclude_defaults=True), "home": tuple(made)}
    return replace(case, file=HomesFile.model_validate(document), profiles=profiles)


def add_choices(home: dict[str, Any], k: int) -> None:
    """Add what is on or off to a home."""
    for engine in home.get("chp", ()):
        engine["fuel_min_kw"] = 0.4 * engine["fuel_max_kw"]
    home["job"] = ({"id": "dishwasher", "p_kw": 1.2, "duration_h": 2, "window": (7, 22)},)
    home["refrigerator"] = (
        {
            "id": "fridge",
            "p_kw": 0.25,
            "t_min_c": 2.0,
            "t_max_c": 6.0,
            "t_start_c": 4.0,
            "cooling_k_per_h": 1.0 + 0.1 * (k % 3),
            "warming_k_per_h": 1.0,
        },
    )
    home["ev"] = (
        {
            "id": "car",
            "p_charge_max_kw": 3.0,
            "p_charge_min_kw": 1.0,
            "energy_kwh": 20.0,
            "soc_start": 0.3,
            "soc_departure": 0.75,
            "depart_hour": 7,
            "return_hour": 17,
            "driving_kwh": 9.0,
            "efficiency_charge": 0.92,
        },
    )


def asked(case: HomesCase, **options: Any) -> OptimumResult | str:
    """Return an optimum or a front, or why there is none."""
    try:
        return find_optimum(case, OptimumOptions(**options))
    except CmgplanError as error:
        return str(error).splitlines()[0]


def measured(case: HomesCase, arguments: argparse.Namespace) -> Sequence[str]:
    """Return size and times of a case as text."""
    begun = time.perf_counter()
    problem = LinearProblem(DayModel(case).m)
    built = time.perf_counter() - begun
    rows, columns, _ = problem.size
    size = (f"{rows:,}", f"{columns:,}", f"{int(problem.integer.sum()):,}", f"{built:.2f}")
    options = {"gap": arguments.gap, "time_limit_s": arguments.limit}
    one = asked(case, **options)
    if isinstance(one, str):
        return (*size, one)
    first = (*size, f"{one.wall_s['solve']:.2f}", f"{one.point.gap:.1e}")
    front = asked(case, front=arguments.points, **options)
    if isinstance(front, str):
        return (*first, front)
    worst = max(point.gap for point in front.points)
    return (*first, f"{front.wall_s['solve']:.1f}", str(len(front.points)), f"{worst:.1e}")


def table(arguments: argparse.Namespace, told: Progress) -> Iterator[Sequence[str]]:
    """Yield the rows of the table, its header first."""
    yield HEADER
    base = load_homes("hmg3")
    for homes in (int(part) for part in arguments.sizes.split(",")):
        for choices in (False, True):
            task = told.add_task(f"{homes} homes", total=None)
            case = grown(base, homes, choices, arguments.seed)
            row = (str(homes), "yes" if choices else "no", *measured(case, arguments))
            told.remove_task(task)
            yield (*row, *["-"] * (len(HEADER) - len(row)))


def main() -> None:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--sizes", default="3,10,40", help="numbers of homes")
    parser.add_argument("--points", type=int, default=6, help="points of the front")
    parser.add_argument("--limit", type=float, default=120.0, help="time limit, s")
    parser.add_argument("--gap", type=float, default=1e-4, help="relative gap asked for")
    parser.add_argument("--seed", type=int, default=0, help="seed of the sizes of homes")
    arguments = parser.parse_args()
    console = Console()
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as told:
        for k, row in enumerate(table(arguments, told)):
            console.print(f"| {' | '.join(row)} |", soft_wrap=True, markup=False)
            if k == 0:
                console.print(f"|{'---|' * len(row)}", soft_wrap=True, markup=False)


if __name__ == "__main__":
    main()
