"""What the paper claims of its apartment building, and what a run of ``apartment5`` shows.

The paper is "A Novel Techno-Economic Multi-Level Optimization in Home-Microgrids with Coalition
Formation Capability": sections 5.2 and 5.3, Tables 3, 4 and 6. It counts hours 1..24, a run 0..23.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cmgplan.building.report.run_record import IMPROVED
from paper_claims.building_words import (
    CAR_KW,
    ELECTRIC_KWH,
    FITTED,
    HEAT_KWH,
    IDENTITIES,
    MONEY,
    SALE_KWH,
    TEXT,
    BuildingSubject,
    number,
)
from paper_claims.claim import Claim

MONTH_POINTS = 1.0
"""Percentage points within which an improvement over 31 days counts as the same."""

OWN_DAYS = (
    "The paper's 31 load profiles are not printed and it names no distribution, so the run draws "
    "its own days."
)

TOTALS: tuple[tuple[str, str, float, float, float], ...] = (
    ("cost over the day, GBP", "cost", 23.95, 25.60, MONEY),
    ("spare CHP output before storage, kWh", "spare_chp_kwh", 122.3, 149.14, ELECTRIC_KWH),
    ("CHP output with sales, kWh", "chp_kwh", 648.84, 634.02, SALE_KWH),
    ("CHP output sold, kWh", "chp_sold_kwh", 26.18, 55.12, SALE_KWH),
    ("batteries charged by CHPs, kWh", "battery_charge_kwh", 84.0, 67.08, ELECTRIC_KWH),
    ("batteries to loads, kWh", "battery_discharge_kwh", 65.6, 35.25, ELECTRIC_KWH),
    ("bought from the network, kWh", "grid_kwh", 1.5, 58.69, ELECTRIC_KWH),
    ("heat short at first, kWh", "heat_short_1_kwh", 189.76, 207.19, HEAT_KWH),
    ("heat short after exchange, kWh", "heat_short_2_kwh", 169.34, 207.19, HEAT_KWH),
    ("heat of boilers, kWh", "boiler_kwh", 160.90, 188.31, HEAT_KWH),
    ("heat unserved, kWh", "heat_unserved_kwh", 0.0, 18.87, HEAT_KWH),
    ("heat dumped, kWh", "heat_dumped_kwh", 0.0, 0.0, HEAT_KWH),
)
"""Name, key of run.json, the paper's numbers with and without coalition, and tolerance.

What is sold is the difference of the printed output and of what the other printed energies leave.
"""

MONTH = {
    "cost": 6.248,
    "grid_kwh": 80.6073,
    "heat_unserved_kwh": 99.9657,
    "heat_dumped_kwh": 100.0,
}
"""Table 6: improvement over 31 days, %. Its electric ENS can only be the energy bought."""

CARS = {
    "coalition": {16: 1.5, 17: 3.0},
    "alone": {16: 1.5, 17: 3.0},
}
"""Tables 3 and 4: what each car gives by hour, kW; unit 2 alone gives 1.1, 3 and 0.4."""

SECOND_ALONE = {16: 1.1, 17: 3.0, 18: 0.4}


def compare(s: BuildingSubject) -> list[Claim]:
    """Return every claim of the paper about the day and the month beside the run's answer."""
    return [
        *_of_totals(s),
        saving(s),
        *(claim(s) for claim in IDENTITIES),
        *_of_cars(s),
        *(claim(s) for claim in TEXT),
        *_of_month(s),
    ]


def _of_totals(s: BuildingSubject) -> Iterator[Claim]:
    for name, key, together, alone, tolerance in TOTALS:
        for way, paper in (("coalition", together), ("alone", alone)):
            ours = s.total(way, key)
            yield number(f"{name}, {way}", paper, ours, tolerance, FITTED, key)


def saving(s: BuildingSubject) -> Claim:
    """Return what the coalition saves, of the cost without it."""
    together, alone = s.total("coalition", "cost"), s.total("alone", "cost")
    ours = 100.0 * (alone - together) / alone
    why = f"The text prints 6.644; its costs, 23.95 and 25.60, give 6.445. {FITTED}"
    return number("saved by the coalition, %", 6.445, ours, 0.05, why, "saved_percent")


def _of_cars(s: BuildingSubject) -> Iterator[Claim]:
    """Yield Tables 3 and 4: what every car takes and gives by hour, kW."""
    for table, way in ((3, "coalition"), (4, "alone")):
        of, due = s.ways[way], np.zeros((s.case.hours, len(s.case.ids)))
        due[:3] = -3.0
        for hour, power in CARS[way].items():
            due[hour] = power
        if way == "alone" and due.shape[1] > 1:
            for hour, power in SECOND_ALONE.items():
                due[hour, 1] = power
        off = np.abs(of.plant(("ev",), "p_kw") - due)
        yield Claim(
            f"Table {table}: power of cars by hour, {way}",
            "3 kW in hours 0-2, 1.5 given in 16 and 3 in 17"
            + ("; unit 2 gives 1.1, 3 and 0.4 in 16-18" if way == "alone" else ""),
            f"within {off.max():.3f} kW in every hour and unit",
            f"{CAR_KW:g} kW",
            bool(off.max() <= CAR_KW),
            FITTED,
            {"greatest_difference_kw": float(off.max())},
        )


def _of_month(s: BuildingSubject) -> Iterator[Claim]:
    """Yield Table 6: by how much the coalition needs less over 31 days."""
    days, better = len(s.run.record.days), s.run.record.improvements()
    for key in IMPROVED:
        share, paper = better[key], MONTH[key]
        ours = float("nan") if share is None else 100.0 * share
        told = days == 31 and share is not None
        why = OWN_DAYS if told else f"The run has {days} stochastic days; run it with --days 31."
        yield Claim(
            f"Table 6: less over 31 days, {key}",
            f"{paper:g} %",
            f"{ours:.3f} %" if told else "-",
            f"{MONTH_POINTS:g} percentage points",
            abs(ours - paper) <= MONTH_POINTS if told else None,
            why,
            {"less_percent": ours} if told else {},
        )
