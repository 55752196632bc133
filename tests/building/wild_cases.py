"""Random cases of homes with every kind of device and every option of the building."""

from __future__ import annotations

from typing import Any

import numpy as np
from homes_cases import homes_case, random_case

from cmgplan.homes.case.records import HomesCase

JOB = {"id": "washer", "p_kw": 1.2, "duration_h": 1, "window": [0, 24]}

FRIDGE = {
    "id": "fridge",
    "p_kw": 0.25,
    "t_min_c": 2.0,
    "t_max_c": 6.0,
    "t_start_c": 4.0,
    "cooling_k_per_h": 1.0,
    "warming_k_per_h": 1.0,
}

CAR = {
    "id": "car",
    "p_charge_max_kw": 3.0,
    "p_discharge_max_kw": 3.0,
    "energy_kwh": 9.0,
    "soc_start": 0.5,
    "soc_departure": 0.6,
    "depart_hour": 1,
    "return_hour": 2,
    "driving_kwh": 2.0,
    "efficiency_charge": 0.92,
    "efficiency_discharge": 0.92,
}


def wild_case(seed: int) -> HomesCase:
    """Return a random case: 4 to 24 intervals of one hour or half of one."""
    rng, base = np.random.default_rng([seed, 1]), random_case(seed)
    document = base.file.model_dump(exclude_none=True)
    hours = int(rng.integers(4, 25))
    profiles = {}
    for name, values in base.profiles.items():
        varies = not name.endswith("per_kwh") and name != "sun"
        profiles[name] = np.resize(values, hours) * (
            rng.uniform(0.5, 1.5, hours) if varies else 1.0
        )
    profiles["taken"] = rng.uniform(0.0, 1.0, hours)
    retailer = dict(document["retailer"])
    if rng.random() < 0.3:
        del retailer["power_max_kw"], retailer["power_max_total_kw"]
    return homes_case(
        [_more_devices(home, rng) for home in document["home"]],
        profiles,
        hours=hours,
        time={"hours": hours, "dt_h": float(rng.choice([1.0, 0.5]))},
        retailer=retailer,
        gas=document["gas"],
        pool={
            **document["pool"],
            "heat": bool(rng.random() < 0.8),
            "electricity": bool(rng.random() < 0.9),
        },
        building={
            "power_coefficient": "taken",
            "charge_order": str(rng.choice(["time", "price"])),
            "surplus_steps": str(rng.choice(["hourly", "separate"])),
            "sell_renewables": bool(rng.random() < 0.7),
            "sell_hours": [int(rng.integers(0, 10)), int(rng.integers(10, 25))],
        },
    )


def _more_devices(home: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    """Return a home with more kinds of devices, and those that it has with more limits."""
    home = {key: value for key, value in home.items() if value != ()}
    for kind, device in (("job", JOB), ("refrigerator", FRIDGE)):
        if rng.random() < 0.4:
            home[kind] = [device]
    if rng.random() < 0.4:
        home["ev"] = [{**CAR, "p_charge_min_kw": float(rng.choice([0.0, 1.0]))}]
    if "chp" in home and rng.random() < 0.6:
        engine = dict(home["chp"][0])
        engine["fuel_min_kw"] = 0.3 * engine["fuel_max_kw"]
        engine["offset_kw"] = float(rng.choice([0.0, -0.25, 0.2]))
        home["chp"] = [engine, {**engine, "id": "second"}][: int(rng.integers(1, 3))]
    if "storage" in home and rng.random() < 0.5:
        home["storage"] = [{**home["storage"][0], "retention_per_h": 0.98}]
    if rng.random() < 0.2:
        home["electric_boiler"] = [{"id": "rod", "heat_max_kw": 2.0, "efficiency": 0.98}]
    return home
