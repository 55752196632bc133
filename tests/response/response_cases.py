"""Random cases of homes for demand response: every kind of device, every policy."""

from __future__ import annotations

from typing import Any

import numpy as np
from homes_cases import homes_case, random_case
from wild_cases import CAR, FRIDGE, JOB

from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.day.day import Day
from cmgplan.homes.day.dispatch import Dispatch
from cmgplan.homes.day.verify_day import check_balances, check_trade
from cmgplan.homes.day.verify_devices import check_devices
from cmgplan.response.rules.day import run_rules
from cmgplan.response.rules.electric import Follows

POLICIES = ("price", "emission", "both", "none")

TAP = {
    "id": "tap",
    "carrier": "heat",
    "p_kw": 1.0,
    "t_min_c": 50.0,
    "t_max_c": 65.0,
    "t_start_c": 55.0,
    "heating_k_per_h": 5.0,
    "cooling_k_per_h": 5.0,
}


def broken_of(case: HomesCase, dispatch: Dispatch) -> list[str]:
    """Return what of a day breaks a limit of a device, a balance, or a limit of trade."""
    day = Day("rules", dispatch)
    checks = (*check_devices(case, day), *check_balances(case, day), check_trade(case, day))
    return [f"{check.name}: {finding}" for check in checks for finding in check.findings]


def response_case(seed: int) -> HomesCase:
    """Return a random case: 6 to 24 intervals of one hour or half of one."""
    rng, base = np.random.default_rng([seed, 24]), random_case(seed)
    document = base.file.model_dump(exclude_none=True)
    hours = int(rng.integers(6, 25))
    profiles = {name: np.resize(values, hours) for name, values in base.profiles.items()}
    for name in ("power_kw", "warmth_kw"):
        profiles[name] = profiles[name] * rng.uniform(0.5, 1.5, hours)
    profiles["grid_kg_per_kwh"] = rng.uniform(0.1, 0.4, hours)
    retailer = {**document["retailer"], "emission_kg_per_kwh": "grid_kg_per_kwh"}
    retailer["power_max_total_kw"] = float(rng.uniform(16.0, 30.0))
    if rng.random() < 0.4:
        del retailer["power_max_kw"], retailer["power_max_total_kw"]
    if rng.random() < 0.2:
        profiles["sell_per_kwh"] = profiles["sell_per_kwh"] - 0.2
    pool = {
        **document["pool"],
        "heat": bool(rng.random() < 0.5),
        "electricity": bool(rng.random() < 0.8),
    }
    return homes_case(
        [_as_any_home(home, rng) for home in document["home"]],
        profiles,
        hours=hours,
        time={"hours": hours, "dt_h": float(rng.choice([1.0, 0.5]))},
        retailer=retailer,
        gas=document["gas"],
        pool=pool,
        response={"adjustment_price_per_kwh": "mean" if rng.random() < 0.8 else 0.2},
    )


def _as_any_home(home: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    """Return a home with a policy, and with more kinds of devices and more of their limits."""
    home = {key: value for key, value in home.items() if value != ()}
    home["policy"] = str(rng.choice(POLICIES))
    home["emission_max_kg_per_h"] = float(rng.uniform(1.2, 3.0))
    if rng.random() < 0.7:
        home["load"] = [{**home["load"][0], **_later(rng)}, *home["load"][1:]]
    if rng.random() < 0.3:
        second = {"id": "shop", "carrier": "electricity", "p_kw": 1.5, "shiftable_share": 0.4}
        home["load"] = [*home["load"], {**second, **_later(rng)}]
    for kind, device in (("job", JOB), ("refrigerator", FRIDGE)):
        if rng.random() < 0.5:
            home[kind] = [device]
    if rng.random() < 0.5:
        car = {**CAR, "energy_kwh": 12.0, "p_charge_min_kw": float(rng.choice([0.0, 1.0]))}
        home["ev"] = [car]
    if "chp" in home:
        home["chp"] = _engines(home["chp"][0], rng)
    if "storage" in home and rng.random() < 0.5:
        home["storage"] = [{**home["storage"][0], "retention_per_h": 0.98}]
    if "thermal_store" in home and not {"gas_boiler", "heat_pump"} & set(home):
        del home["thermal_store"]  # nothing could serve its standing loss
    if rng.random() < 0.3:
        home["wt"] = [{"id": "mast", "p_max_kw": 2.0, "forecast": "sun"}]
    if rng.random() < 0.3:
        home["solar_thermal"] = [{"id": "collector", "heat_max_kw": 2.0, "forecast": "sun"}]
    if rng.random() < 0.2:
        home["electric_boiler"] = [{"id": "rod", "heat_max_kw": 2.0, "efficiency": 0.98}]
    if "gas_boiler" in home:
        own = {"square": 0.002, "linear": 0.2, "fixed": float(rng.choice([0.0, 0.05]))}
        boiler = {**home["gas_boiler"][0], **({"emission": own} if rng.random() < 0.5 else {})}
        home["gas_boiler"] = [boiler]
        if rng.random() < 0.5:
            home["water_heater"] = [TAP]
    return home


def _later(rng: np.random.Generator) -> dict[str, Any]:
    """Return keys of a load that moves to later hours."""
    return {
        "shift_direction": "later",
        "shift_in_max_kw": float(rng.uniform(0.5, 2.0)),
        "shift_delay_max_h": float(rng.integers(1, 12)),
        "shift_backlog_max_kwh": float(rng.uniform(0.5, 5.0)),
    }


def _engines(engine: dict[str, Any], rng: np.random.Generator) -> list[dict[str, Any]]:
    """Return one or two engines, with or without a least fuel, an offset and an own emission."""
    found = dict(engine)
    if rng.random() < 0.6:
        found["fuel_min_kw"] = 0.3 * found["fuel_max_kw"]
        found["offset_kw"] = float(rng.choice([0.0, -0.25, 0.2]))
    if rng.random() < 0.5:
        found["emission"] = {"square": 0.01, "linear": 0.45, "fixed": 0.12}
    return [found, {**found, "id": "second"}][: int(rng.integers(1, 3))]


def sound(case: HomesCase, follows: Follows = "load") -> Dispatch:
    """Return the day by the rules, which breaks nothing."""
    dispatch = run_rules(case, follows)
    assert broken_of(case, dispatch) == []
    return dispatch
