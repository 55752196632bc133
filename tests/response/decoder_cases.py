"""Random homes over a short day with every kind of device, for tests of decoders."""

from __future__ import annotations

from typing import Any

import numpy as np
from homes_cases import homes_case

from cmgplan.homes.case.records import HomesCase

HOURS = 8


def _loads(rng: np.random.Generator) -> list[dict[str, Any]]:
    later = bool(rng.random() < 0.6)
    moving = {
        "shiftable_share": float(rng.uniform(0.1, 0.5)),
        "shift_in_max_kw": float(rng.uniform(0.5, 3.0)),
        "shift_cost_per_kwh": 0.01,
        "shift_direction": "later" if later else "any",
    }
    if later:
        moving["shift_delay_max_h"] = int(rng.integers(1, 6))
        moving["shift_backlog_max_kwh"] = float(rng.uniform(0.5, 6.0))
    loads = [
        {"id": "flats", "carrier": "electricity", "p_kw": "power_kw", **moving},
        {"id": "warmth", "carrier": "heat", "p_kw": "warmth_kw"},
    ]
    if rng.random() < 0.5:
        loads.append(
            {"id": "floor", "carrier": "heat", "p_kw": 1.0, **moving, "shift_in_max_kw": 0.8}
        )
    return loads


def _plants(rng: np.random.Generator) -> dict[str, Any]:
    size = float(rng.uniform(0.5, 2.0))
    found: dict[str, Any] = {
        "pv": [{"id": "roof", "p_max_kw": 5.0 * size, "forecast": "sun"}],
        "solar_thermal": [{"id": "panel", "heat_max_kw": 2.0 * size, "forecast": "sun"}],
        "gas_boiler": [{"id": "boiler", "heat_max_kw": 14.0, "efficiency": 0.9}],
    }
    if rng.random() < 0.7:
        engine: dict[str, Any] = {
            "id": "engine",
            "fuel_max_kw": 9.0 * size,
            "fuel_min_kw": float(rng.choice([0.0, 3.0 * size])),
            "efficiency_electric": 0.38,
            "efficiency_heat": 0.45,
            "offset_kw": float(rng.choice([0.0, -0.2])),
        }
        if rng.random() < 0.6:
            engine["emission"] = {"square": 0.01, "linear": 0.4, "fixed": 0.05}
            found["gas_boiler"][0]["emission"] = {"square": 0.002, "linear": 0.2}
        found["chp"] = [engine]
    if rng.random() < 0.5:
        found["heat_pump"] = [{"id": "pump", "heat_max_kw": 4.0, "cop": 3.0}]
    return found


def _stores(rng: np.random.Generator) -> dict[str, Any]:
    car = {
        "id": "car",
        "p_charge_max_kw": 3.0,
        "p_charge_min_kw": float(rng.choice([0.0, 1.0, 2.0])),
        "p_discharge_max_kw": float(rng.choice([0.0, 2.0])),
        "energy_kwh": 12.0,
        "soc_start": 0.5,
        "soc_departure": float(rng.choice([0.75, 1.0])),
        "depart_hour": 4,
        "return_hour": 6,
        "driving_kwh": 4.0,
        "efficiency_charge": 0.9,
    }
    store = {"soc_start": 0.5, "efficiency_charge": 0.95, "retention_per_h": 0.99}
    battery = {"p_charge_max_kw": 2.0, "p_discharge_max_kw": 3.0, "energy_kwh": 6.0}
    tank = {"heat_charge_max_kw": 3.0, "heat_discharge_max_kw": 3.0, "energy_kwh": 8.0}
    return {
        "ev": [car],
        "storage": [{"id": "battery", **battery, **store}],
        "thermal_store": [{"id": "tank", **tank, **store}],
    }


def _appliances() -> dict[str, Any]:
    band = {"t_min_c": 2.0, "t_max_c": 6.0, "t_start_c": 4.0}
    tap = {"t_min_c": 50.0, "t_max_c": 65.0, "t_start_c": 55.0}
    rates = {"heating_k_per_h": 5.0, "cooling_k_per_h": 2.5}
    return {
        "refrigerator": [
            {"id": "fridge", "p_kw": 0.3, **band, "cooling_k_per_h": 2.0, "warming_k_per_h": 1.0}
        ],
        "water_heater": [{"id": "tap", "carrier": "heat", "p_kw": 2.0, **tap, **rates}],
        "job": [{"id": "washer", "p_kw": 1.0, "duration_h": 2, "window": [1, 7]}],
    }


def busy_case(seed: int, **sections: Any) -> HomesCase:
    """Return two or three homes with every kind of device; policies, pools and limits vary."""
    rng = np.random.default_rng(seed)
    buy = rng.uniform(0.1, 0.4, HOURS)
    profiles = {
        "sun": np.clip(rng.uniform(-0.3, 1.0, HOURS), 0.0, 1.0),
        "buy_per_kwh": buy,
        "sell_per_kwh": buy * rng.uniform(0.2, 1.0, HOURS),
        "grid_kg_per_kwh": rng.uniform(0.1, 0.4, HOURS),
        "power_kw": rng.uniform(1.0, 6.0, HOURS),
        "warmth_kw": rng.uniform(0.0, 5.0, HOURS),
    }
    homes = [
        {
            "id": name,
            "policy": str(rng.choice(["price", "emission", "both", "none"])),
            "emission_max_kg_per_h": float(rng.uniform(2.0, 4.0)),
            "load": _loads(rng),
            **_plants(rng),
            **_stores(rng),
            **_appliances(),
        }
        for name in "ABC"[: int(rng.integers(2, 4))]
    ]
    retailer: dict[str, Any] = {
        "buy_per_kwh": "buy_per_kwh",
        "sell_per_kwh": "sell_per_kwh",
        "emission_kg_per_kwh": "grid_kg_per_kwh",
    }
    if rng.random() < 0.5:
        retailer["power_max_kw"] = 20.0
    if rng.random() < 0.5:
        retailer["power_max_total_kw"] = 40.0
    pool = {"electricity": bool(rng.random() < 0.7), "heat": bool(rng.random() < 0.5)}
    given = {
        "retailer": retailer,
        "gas": {"price_per_kwh": 0.04, "emission_kg_per_kwh": 0.184},
        "pool": {**pool, "unserved_electricity_per_kwh": 2.0},
    }
    return homes_case(homes, profiles, hours=HOURS, **{**given, **sections})
