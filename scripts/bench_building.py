"""Times of the building's rules: a day, feeders, a month with its optima, a year by the rules.

Usage: .venv/bin/python scripts/bench_building.py [CASE] [--workers N]
"""

from __future__ import annotations

import argparse
import time

from cmgplan.building.feeder.kinds import kind_loads
from cmgplan.building.feeder.supply import faults_summary, faults_table
from cmgplan.building.feeder.voltages import feeder_table
from cmgplan.building.pipeline import days_by_rules, run_building
from cmgplan.building.result import BuildingOptions
from cmgplan.homes.case.read import load_homes
from cmgplan.homes.case.records import HomesCase

FLOWS_TIMED = 5
"""Repeats of which the quickest is told."""

DAYS_TIMED = 20
"""Days by the rules whose mean time is told."""


FEEDERS = ("apartment5-15bus", "apartment5-33bus", "apartment5-69bus")


def _feeder(case: HomesCase) -> str:
    """Return the times of all hours of all scenarios of a feeder, and of its faults."""
    days = days_by_rules(case, "paper")
    drawn = {way: day.imported_kw - day.sales.total_kw for way, day in days.items()}
    loads, best = kind_loads(case, drawn), []
    for _ in range(FLOWS_TIMED):
        begun = time.perf_counter()
        table = feeder_table(case, loads)
        solved = time.perf_counter()
        if case.file.building.fault:
            faults_summary(case, faults_table(case, "paper"), loads)
        best.append((solved - begun, time.perf_counter() - solved))
    states = len(case.file.building.load_mix) * case.hours
    told = f"{states} hours, {len(table)} voltages, {1e3 * min(t for t, _ in best):.1f} ms"
    faults = min(t for _, t in best)
    return f"{told}; faults {1e3 * faults:.1f} ms" if case.file.building.fault else told


def main() -> None:
    """Print the times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", nargs="?", default="apartment5")
    parser.add_argument("--workers", type=int, default=2)
    told = parser.parse_args()
    case = load_homes(told.case)
    days_by_rules(case, "paper")
    begun = time.perf_counter()
    for _ in range(DAYS_TIMED):
        days_by_rules(case, "paper")
    each = (time.perf_counter() - begun) / DAYS_TIMED
    print(f"a day, coalition and alone: {1e3 * each:.1f} ms")
    for name in FEEDERS:
        print(f"{name}: {_feeder(load_homes(name))}")
    runs = (
        ("31 days with their optima", BuildingOptions(days=31, workers=told.workers)),
        ("365 days by the rules", BuildingOptions(days=365, workers=told.workers, priced=False)),
    )
    for name, options in runs:
        result = run_building(case, options)
        print(f"{name}: {result.wall_s['days']:.1f} s by {told.workers} processes")


if __name__ == "__main__":
    main()
