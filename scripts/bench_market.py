#!/usr/bin/env python
"""Time the coalition market: every structure of hmg3, coalitions and structures of six homes.

    .venv/bin/python scripts/bench_market.py [structures] [nlp] [six] [bid]

Without words it runs all but ``bid``. Prints Markdown tables, for docs/benchmarks.md.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace

import numpy as np

from cmgplan.homes.case.read import load_homes
from cmgplan.homes.case.records import HomesCase
from cmgplan.market.model.plant import Plant
from cmgplan.market.model.values import Values
from cmgplan.market.pipeline import run_market
from cmgplan.market.result import MarketOptions, MarketResult

SPLITS = ("A|B+C", "B|A+C", "C|A+B", "A+B|C", "A+C|B", "B+C|A")

SIX_SPLITS = ("A|B+C+D+E+F", "A+B+C|D+E+F", "C|A+B+D+E+F", "C+F|A+B+D+E")

COPIES = {"A": ("D", 0.8, 1), "B": ("E", 1.1, -2), "C": ("F", 0.9, 3)}
"""Home, the id of its copy, the size of the copy's loads, and by how many hours they are later."""


def six_homes() -> HomesCase:
    """Return hmg3 with a second home of each kind, whose loads differ in size and time."""
    case = load_homes("hmg3")
    profiles, homes = dict(case.profiles), list(case.homes)
    for home in case.homes:
        name, size, later = COPIES[home.id]
        loads = []
        for load in home.load:  # type: ignore[attr-defined]
            column = f"{name}_{load.id}_kw"
            profiles[column] = size * np.roll(case.series(load.p_kw), later)
            loads.append(load.model_copy(update={"p_kw": column}))
        homes.append(home.model_copy(update={"id": name, "load": tuple(loads)}))
    file = case.file.model_copy(update={"home": tuple(homes), "name": "six-homes"})
    return replace(case, file=file, profiles=profiles)


def told(result: MarketResult) -> None:
    """Print one row for each structure."""
    print("| structure | by | leaders | followers | bound | gap | of surplus | s |")
    print("|---|---|---|---|---|---|---|---|")
    for s in result.structures:
        print(
            f"| {s.name.replace('|', chr(92) + '|')} | {s.method} | {s.leader_income:.2f} "
            f"| {s.follower_income:.2f} | {s.bound:.2f} | {s.gap:.2f} | {100 * s.gap_share:.2f} % "
            f"| {sum(s.seconds.values()):.1f} |"
        )
    seconds = result.wall_s["structures"]
    print(f"\n{len(result.structures)} structures in {seconds:.1f} s of wall clock.\n", flush=True)


def main() -> None:
    """Run what is asked for."""
    asked = sys.argv[1:] or ["structures", "nlp", "six"]
    if "structures" in asked:
        told(run_market(load_homes("hmg3"), MarketOptions()))
    if "nlp" in asked:
        told(run_market(load_homes("hmg3"), MarketOptions(structures=SPLITS, method="nlp")))
    if "bid" in asked:
        told(run_market(load_homes("hmg3"), MarketOptions(structures=SPLITS, pricing="bid")))
    if "six" in asked:
        case, begun = six_homes(), time.perf_counter()
        values = Values(Plant(case))
        values.solve_all()
        count = len(values.named())
        print(f"{count} coalitions of six homes in {time.perf_counter() - begun:.2f} s.\n")
        for method in ("milp", "nlp"):
            options = MarketOptions.model_validate({"structures": SIX_SPLITS, "method": method})
            told(run_market(case, options))


if __name__ == "__main__":
    main()
