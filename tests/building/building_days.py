"""A building of two units that is solved by hand, and how to run a case by the rules."""

from __future__ import annotations

from typing import Any

import numpy as np
from homes_cases import homes_case

from cmgplan.building.model.plant import read_plant
from cmgplan.building.model.state import DayState
from cmgplan.building.rules.day import run_day
from cmgplan.homes.case.records import HomesCase

HOURS = 24


def over_day(*values: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return a column that holds values in its first hours and 0 later."""
    return np.array([*values, *[0.0] * (HOURS - len(values))])


def hand_case() -> HomesCase:
    """Return two units with loads in the first three hours only, dearest in the third."""
    homes = []
    for name, battery_kw in (("1", 2.0), ("2", 1.0)):
        homes.append(
            {
                "id": name,
                "load": [
                    {"id": "electric", "carrier": "electricity", "p_kw": f"electric_{name}_kw"},
                    {"id": "heating", "carrier": "heat", "p_kw": f"heat_{name}_kw"},
                ],
                "chp": [
                    {
                        "id": "engine",
                        "fuel_max_kw": 5.0,
                        "efficiency_electric": 0.4,
                        "efficiency_heat": 0.5,
                    }
                ],
                "gas_boiler": [{"id": "boiler", "heat_max_kw": 2.0, "efficiency": 0.8}],
                "storage": [
                    {
                        "id": "battery",
                        "p_charge_max_kw": battery_kw,
                        "p_discharge_max_kw": battery_kw,
                        "energy_kwh": 2.0 * battery_kw,
                        "soc_start": 0.0,
                    }
                ],
                "thermal_store": [
                    {
                        "id": "tank",
                        "energy_kwh": 2.0,
                        "heat_charge_max_kw": 2.0,
                        "heat_discharge_max_kw": 2.0,
                        "soc_start": 0.0,
                    }
                ],
            }
        )
    homes[1]["pv"] = [{"id": "roof", "p_max_kw": 2.0, "forecast": "sun"}]
    profiles = {
        "electric_1_kw": over_day(1.0, 4.0, 4.0),
        "electric_2_kw": over_day(1.0, 1.0, 4.0),
        "heat_1_kw": over_day(1.0, 5.0, 8.0),
        "heat_2_kw": over_day(0.0, 1.0, 6.0),
        "sun": over_day(1.0),
        "mcp_per_kwh": np.array([0.02, 0.05, 0.06, *[0.04] * 21]),
    }
    return homes_case(
        homes,
        profiles,
        hours=HOURS,
        retailer={"buy_per_kwh": "mcp_per_kwh", "sell_per_kwh": 0.0},
        gas={"price_per_kwh": 0.012},
        building={"power_coefficient": 0.0},
    )


def by_rules(case: HomesCase, *groups: tuple[int, ...]) -> DayState:
    """Return the day of a case by the rules; all units together where no groups are named."""
    plant = read_plant(case)
    return run_day(plant, groups or (tuple(range(len(plant.units))),))
