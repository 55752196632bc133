"""The solution by hand of ``cases/two-homes``, as its SOURCES.md derives it.

Powers are those of both homes together, kW by hour; costs in EUR, emissions in kg.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ByHand:
    """Cost and emission of a day."""

    cost: float
    emission_kg: float


ALONE_A = ByHand(-1.92, 24.0)
ALONE_B = ByHand(11.66, 29.3)
TOGETHER = ByHand(6.21, 33.0)

WEIGHTED_ALONE_A = ByHand(-0.88, 14.0)
WEIGHTED_ALONE_B = ByHand(11.66, 29.3)
WEIGHTED_TOGETHER = ByHand(6.702, 29.06)
"""With a price of 1 EUR/kg on emissions."""

FUEL_KW = (30.0, 50.0, 50.0)
ENGINE_KW = (12.0, 20.0, 20.0)
"""Electricity of the engine, and its heat."""
BOILER_HEAT_KW = (0.0, 4.0, 0.0)
DUMPED_KW = (0.0, 0.0, 2.0)
BATTERY_KW = (-5.0, 0.0, 4.0)
FLATS_KW = (19.0, 10.0, 27.0)
UP_KW = (3.0, 0.0, 0.0)
DOWN_KW = (0.0, 0.0, 3.0)
BOUGHT_KW = (12.0, 0.0, 3.0)
SOLD_KW = (0.0, 10.0, 0.0)
HEAT_A_TO_B_KW = (4.0, 12.0, 6.0)

COST_PARTS = {"purchases": 1.86, "sales": 1.20, "gas": 5.40, "shift": 0.15, "unserved": 0.0}
EMISSION_PARTS_KG = {"gas": 27.0, "purchases": 6.0}

SHAPLEY = {"A": 3.685, "B": -9.895}
"""Income of each home where the saving is split in equal parts."""
