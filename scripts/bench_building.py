"""Times of the building's rules: a day, a month with its optima, a year by the rules.

Usage: .venv/bin/python scripts/bench_building.py [CASE] [--workers N]
"""

from __future__ import annotations

import argparse
import time

from cmgplan.building.pipeline import days_by_rules, run_building
from cmgplan.building.result import BuildingOptions
from cmgplan.homes.case.read import load_homes

DAYS_TIMED = 20
"""Days by the rules whose mean time is told."""


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
    runs = (
        ("31 days with their optima", BuildingOptions(days=31, workers=told.workers)),
        ("365 days by the rules", BuildingOptions(days=365, workers=told.workers, priced=False)),
    )
    for name, options in runs:
        result = run_building(case, options)
        print(f"{name}: {result.wall_s['days']:.1f} s by {told.workers} processes")


if __name__ == "__main__":
    main()
