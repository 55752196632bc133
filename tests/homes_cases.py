"""Cases of homes put together in memory, by hand or at random."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.case.scenarios import CERTAIN
from cmgplan.homes.case.records import HomesCase, HomesFile


def frozen(value: Any) -> Any:
    """Return lists as tuples, as the records want them."""
    if isinstance(value, dict):
        return {key: frozen(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return tuple(frozen(item) for item in value)
    return value


def homes_case(
    homes: list[dict[str, Any]],
    profiles: dict[str, FloatArray] | None = None,
    *,
    hours: int = 1,
    **sections: Any,
) -> HomesCase:
    """Return a case of homes that was read from nowhere."""
    file = {
        "format": 1,
        "system": "homes",
        "name": "in-memory",
        "time": {"hours": hours},
        "home": homes,
        **sections,
    }
    return HomesCase(HomesFile.model_validate(frozen(file)), profiles or {}, CERTAIN, Path())


def random_case(seed: int) -> HomesCase:
    """Return two or three homes over six hours with every kind of linear device."""
    rng = np.random.default_rng(seed)
    hours, homes = 6, []
    profiles = {
        "sun": np.clip(rng.uniform(-0.3, 1.0, hours), 0.0, 1.0),
        "buy_per_kwh": rng.uniform(0.1, 0.4, hours),
        "power_kw": rng.uniform(1.0, 6.0, hours),
        "warmth_kw": rng.uniform(0.0, 5.0, hours),
    }
    profiles["sell_per_kwh"] = profiles["buy_per_kwh"] * rng.uniform(0.2, 1.0, hours)
    for name in "ABC"[: int(rng.integers(2, 4))]:
        size = float(rng.uniform(0.5, 2.0))
        home: dict[str, Any] = {
            "id": name,
            "load": [
                {
                    "id": "flats",
                    "carrier": "electricity",
                    "p_kw": "power_kw",
                    "shiftable_share": float(rng.uniform(0.0, 0.5)),
                    "shift_in_max_kw": 2.0,
                    "shift_cost_per_kwh": 0.01,
                },
                {"id": "warmth", "carrier": "heat", "p_kw": "warmth_kw"},
            ],
        }
        if rng.random() < 0.7:
            home["pv"] = [{"id": "roof", "p_max_kw": 5.0 * size, "forecast": "sun"}]
        if rng.random() < 0.6:
            home["chp"] = [
                {
                    "id": "engine",
                    "fuel_max_kw": 9.0 * size,
                    "efficiency_electric": 0.38,
                    "efficiency_heat": 0.45,
                }
            ]
        if rng.random() < 0.7:
            home["gas_boiler"] = [{"id": "boiler", "heat_max_kw": 4.0, "efficiency": 0.9}]
        if rng.random() < 0.5:
            home["heat_pump"] = [{"id": "pump", "heat_max_kw": 3.0, "cop": 2.8}]
        if rng.random() < 0.6:
            home["storage"] = [
                {
                    "id": "battery",
                    "p_charge_max_kw": 2.0,
                    "p_discharge_max_kw": 2.0,
                    "energy_kwh": 6.0,
                    "soc_start": 0.5,
                    "efficiency_charge": 0.95,
                    "efficiency_discharge": 0.9,
                }
            ]
        if rng.random() < 0.5:
            home["thermal_store"] = [
                {
                    "id": "tank",
                    "energy_kwh": 8.0,
                    "heat_charge_max_kw": 3.0,
                    "heat_discharge_max_kw": 3.0,
                    "soc_start": 0.25,
                    "retention_per_h": 0.97,
                }
            ]
        homes.append(home)
    return homes_case(
        homes,
        profiles,
        hours=hours,
        retailer={
            "buy_per_kwh": "buy_per_kwh",
            "sell_per_kwh": "sell_per_kwh",
            "power_max_kw": 8.0,
            "power_max_total_kw": float(rng.uniform(8.0, 16.0)),
            "emission_kg_per_kwh": 0.245,
        },
        gas={"price_per_kwh": 0.05, "emission_kg_per_kwh": 0.184},
        pool={"unserved_electricity_per_kwh": 2.0, "unserved_heat_per_kwh": 0.5},
    )
