"""Small markets of home microgrids: solved by hand, and made at random."""

from __future__ import annotations

from typing import Any

import numpy as np
from homes_cases import homes_case

from cmgplan.homes.case.records import HomesCase
from cmgplan.market.leading.uniform import Settlement, Uniform, Worth
from cmgplan.market.model.plant import Plant

GAS_PRICE = 4.0


def engine(p_max_kw: float, cost_per_kwh: float, name: str = "engine") -> dict[str, Any]:
    """Return an engine without heat that makes electricity at a cost, 4 or more."""
    efficiency = GAS_PRICE / cost_per_kwh
    return {
        "id": name,
        "fuel_max_kw": p_max_kw / efficiency,
        "efficiency_electric": efficiency,
        "efficiency_heat": 0.0,
    }


def flats(p_kw: float | str, carrier: str = "electricity", **keys: Any) -> dict[str, Any]:
    return {"id": f"{carrier}-load", "carrier": carrier, "p_kw": p_kw, **keys}


def market_case(
    homes: list[dict[str, Any]], buy: float | str, sell: float | str, **keys: Any
) -> HomesCase:
    """Return a market in pence, with a ceiling of heat that is far away."""
    more = {
        "gas": {"price_per_kwh": GAS_PRICE},
        "pool": {"unserved_electricity_per_kwh": 1000.0, "unserved_heat_per_kwh": 100.0},
        "retailer": {"buy_per_kwh": buy, "sell_per_kwh": sell},
    }
    for name, section in keys.items():
        more[name] = {**more.get(name, {}), **section} if isinstance(section, dict) else section
    return homes_case(homes, **more)


def generator_for_a_load(**keys: Any) -> HomesCase:
    """A has 50 kW at 6 p/kWh, B a load of 100 kW and 60 kW at 8 p/kWh; retailer 20 and 5 p.

    A does best with 40 kW at 20 p, the price of what it spares B from buying.
    """
    a = {"id": "A", "chp": [engine(50.0, 6.0)]}
    b = {"id": "B", "chp": [engine(60.0, 8.0)], "load": [flats(100.0)]}
    return market_case([a, b], 20.0, 5.0, **keys)


def boiler_for_a_heat_pump(**keys: Any) -> HomesCase:
    """A has 100 kW of heat at 5 p/kWh, B a heat load of 80 kW and a heat pump of COP 3 at 18 p.

    A does best with all 80 kW at 6 p, what the heat pump's heat costs.
    """
    a = {"id": "A", "gas_boiler": [{"id": "boiler", "heat_max_kw": 100.0, "efficiency": 0.8}]}
    pump = {"id": "pump", "heat_max_kw": 150.0, "cop": 3.0}
    b = {"id": "B", "heat_pump": [pump], "load": [flats(80.0, "heat")]}
    return market_case([a, b], 18.0, 5.0, **keys)


def monopoly(step_kw: float) -> HomesCase:
    """A sells at a cost of 4 to B, who pays 20 - 0.1 q for the q-th kW, in steps.

    B's willingness to pay is what its own engines cost: steps valued at their end.
    """
    count = round(150.0 / step_kw)
    engines = [engine(step_kw, 20.0 - 0.1 * step_kw * k, f"e{k}") for k in range(1, count + 1)]
    a = {"id": "A", "chp": [engine(200.0, 4.0)]}
    b = {"id": "B", "chp": engines, "load": [flats(150.0)]}
    return market_case([a, b], 20.0, 0.5)


def two_hours(seed: int) -> tuple[HomesCase, dict[str, Any]]:
    """Return two homes over two hours with engines, loads and a battery without losses."""
    rng = np.random.default_rng(seed)
    buy = rng.uniform(12.0, 20.0, 2)
    d: dict[str, Any] = {
        "buy": buy,
        "sell": buy * rng.uniform(0.2, 0.6, 2),
        "load_a": rng.uniform(0.0, 80.0, 2),
        "load_b": rng.uniform(20.0, 120.0, 2),
        "engine_a": float(rng.uniform(20.0, 120.0)),
        "engine_b": float(rng.uniform(20.0, 90.0)),
        "cost_a": float(rng.uniform(5.0, 11.0)),
        "cost_b": float(rng.uniform(5.0, 11.0)),
        "battery_b": float(rng.uniform(0.0, 30.0)),
    }
    battery = {
        "id": "battery",
        "p_charge_max_kw": 200.0,
        "p_discharge_max_kw": 200.0,
        "energy_kwh": 2.0 * d["battery_b"] + 1e-3,
        "soc_start": 0.5,
    }
    homes = [
        {"id": "A", "chp": [engine(d["engine_a"], d["cost_a"])], "load": [flats("a_kw")]},
        {
            "id": "B",
            "chp": [engine(d["engine_b"], d["cost_b"])],
            "load": [flats("b_kw")],
            "storage": [battery],
        },
    ]
    d["battery_b"] = battery["energy_kwh"] / 2.0
    profiles = {
        "a_kw": d["load_a"],
        "b_kw": d["load_b"],
        "buy_per_kwh": d["buy"],
        "sell_per_kwh": d["sell"],
    }
    case = market_case(homes, "buy_per_kwh", "sell_per_kwh", profiles=profiles, hours=2)
    return case, d


def worth_of(plant: Plant, leading: tuple[str, ...], following: tuple[str, ...]) -> Worth:
    groups = leading + following, leading, following
    return Worth(*(-plant.cost_of(group) for group in groups))


def settled(
    case: HomesCase, leading: str = "A", following: str = "B", gap: float = 1e-6
) -> tuple[Settlement, Worth]:
    """Return a structure's settlement; each letter is a home."""
    plant, groups = Plant(case), (tuple(leading), tuple(following))
    worth = worth_of(plant, *groups)
    return Uniform(plant, *groups, worth, gap=gap, time_limit_s=60.0).answer(), worth
