#!/usr/bin/env python
"""Time the ways to run demand response: the exact answer of hmg3-response and of ten homes.

    .venv/bin/python scripts/bench_response.py [exact] [front] [ten]

Without words it runs all. Prints Markdown tables, for docs/benchmarks.md.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace

import numpy as np

from cmgplan.homes.case.read import load_homes
from cmgplan.homes.case.records import HomesCase
from cmgplan.response.exact.answer import ExactOptions
from cmgplan.response.exact.prices import priced
from cmgplan.response.exact.solve import money_front, solve_exact

GAPS = (1e-2, 1e-3, 1e-4)
TEN_GAPS = (1e-2, 1e-3)
TEN_LIMIT_S = 120.0


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


def main() -> None:
    """Run what the words ask for."""
    words = sys.argv[1:] or ["exact", "front", "ten"]
    case = load_homes("hmg3-response")
    if "exact" in words:
        times(case, GAPS)
    if "front" in words:
        prices_and_front(case)
    if "ten" in words:
        times(many_homes(10), TEN_GAPS, TEN_LIMIT_S)


if __name__ == "__main__":
    main()
