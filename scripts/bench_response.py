#!/usr/bin/env python
"""Time the ways to run demand response: exact, by searches, by an array, and with ten homes.

    .venv/bin/python scripts/bench_response.py [exact] [front] [methods] [toat] [ten]

Without words it runs all. Prints Markdown tables, for docs/benchmarks.md. On a machine that others
use too, the seconds of the processor say more than those of the clock.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace

import numpy as np

from cmgplan.homes.case.read import load_homes
from cmgplan.homes.case.records import HomesCase
from cmgplan.response.exact.answer import ExactOptions
from cmgplan.response.exact.prices import priced
from cmgplan.response.exact.solve import money_front, solve_exact
from cmgplan.response.heuristics.decoder import Decoder
from cmgplan.response.heuristics.runs import EVALUATIONS, run_methods
from cmgplan.response.uncertainty.spread import toat
from cmgplan.search.heuristics.protocol import POPULATION

GAPS = (1e-2, 1e-3, 1e-4)
TEN_GAPS = (1e-2, 1e-3)
TEN_LIMIT_S = 120.0
METHODS = ("de", "bat", "pso")
BATCHES = 20


def many_homes(count: int, seed: int = 1) -> HomesCase:
    """Return hmg3-response with as many homes, copies whose loads differ in size and hour."""
    case, rng = load_homes("hmg3-response"), np.random.default_rng(seed)
    profiles, homes = dict(case.profiles), list(case.homes)
    while len(homes) < count:
        home = case.homes[len(homes) % len(case.homes)]
        name, size, later = f"H{len(homes)}", rng.uniform(0.8, 1.2), int(rng.integers(-2, 3))
        loads = []
        for load in home.load:  # type: ignore[attr-defined]
            column = f"{name}_{load.id}_kw"
            profiles[column] = size * np.roll(case.series(load.p_kw), later)
            loads.append(load.model_copy(update={"p_kw": column}))
        homes.append(home.model_copy(update={"id": name, "load": tuple(loads)}))
    retailer = case.file.retailer
    if retailer is None or retailer.power_max_total_kw is None:
        raise ValueError("hmg3-response has a retailer with a limit")
    room = {"power_max_total_kw": retailer.power_max_total_kw * count / len(case.homes)}
    update = {"home": tuple(homes), "retailer": retailer.model_copy(update=room)}
    return replace(case, file=case.file.model_copy(update=update), profiles=profiles)


def times(case: HomesCase, gaps: tuple[float, ...], limit_s: float = 300.0) -> None:
    """Print a row for each gap that is asked for."""
    print(f"{len(case.homes)} homes\n")
    print("| gap asked | profit | bound | LP relaxation | gap | emission kg | s |")
    print("|---|---|---|---|---|---|---|")
    for gap in gaps:
        found = solve_exact(case, ExactOptions(gap=gap, time_limit_s=limit_s))
        print(
            f"| {100 * gap:g} % | {found.profit.total:.4f} | {found.bound:.4f} "
            f"| {found.relaxation:.3f} | {100 * found.gap:.3f} % "
            f"| {found.profit.emission_kg:.2f} | {found.wall_s:.1f} |",
            flush=True,
        )
    print()


def prices_and_front(case: HomesCase) -> None:
    """Print the time of prices with both sides, and of a front of money against emission."""
    day = solve_exact(case).dispatch
    begun = time.perf_counter()
    priced(case, day)
    print(f"Prices of the day with both sides: {time.perf_counter() - begun:.1f} s\n")
    print("| profit before penalties | emission kg | gap |")
    print("|---|---|---|")
    points = money_front(case, 6)
    for point in points:
        profit = point.profit
        print(f"| {profit.total:.3f} | {profit.emission_kg:.2f} | {100 * point.gap:.2f} % |")
    print(f"\nFront: {points[0].wall_s:.1f} s\n", flush=True)


def methods(case: HomesCase) -> None:
    """Print the time of one run of each method at the paper's budget, and of the decoder."""
    print(
        f"{EVALUATIONS} evaluations of each method, load of the machine {os.getloadavg()[0]:.1f}\n"
    )
    print("| method | profit | s of the processor | s |")
    print("|---|---|---|---|")
    for name in METHODS:
        begun, used = time.perf_counter(), time.process_time()
        found = run_methods(case, (name,), evaluations=EVALUATIONS)[name].best
        used, wall = time.process_time() - used, time.perf_counter() - begun
        print(f"| {name} | {found.profit:.3f} | {used:.1f} | {wall:.1f} |", flush=True)
    decoder, rng = Decoder(case), np.random.default_rng(0)
    points = rng.random((POPULATION, decoder.dimensions))
    decoder(points)
    used = time.process_time()
    for _ in range(BATCHES):
        decoder(points)
    each = 1e3 * (time.process_time() - used) / BATCHES
    print(f"\nDecoder: {each:.1f} ms of the processor for {POPULATION} points\n", flush=True)


def by_array(case: HomesCase) -> None:
    """Print the time of an orthogonal array of exact answers."""
    begun, used = time.perf_counter(), time.process_time()
    found = toat(case, exact_profit)
    used, wall = time.process_time() - used, time.perf_counter() - begun
    print(
        f"L9 of the exact answer to 1 %: mean {found.moments.mean:.3f}, sd {found.moments.sd:.3f}; "
        f"{wall:.1f} s, {used:.1f} s of the processor, load of the machine "
        f"{os.getloadavg()[0]:.1f}\n",
        flush=True,
    )


def exact_profit(case: HomesCase) -> float:
    """Return the profit of the exact answer to 1 %."""
    return solve_exact(case, ExactOptions(gap=1e-2)).profit.total


def main() -> None:
    """Run what the words ask for."""
    words = sys.argv[1:] or ["exact", "front", "methods", "toat", "ten"]
    case = load_homes("hmg3-response")
    if "exact" in words:
        times(case, GAPS)
    if "front" in words:
        prices_and_front(case)
    if "methods" in words:
        methods(case)
    if "toat" in words:
        by_array(case)
    if "ten" in words:
        times(many_homes(10), TEN_GAPS, TEN_LIMIT_S)


if __name__ == "__main__":
    main()
