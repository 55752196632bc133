"""A small day of two homes, put together by hand so that no solver is needed.

Four hours. A has an engine, sun and a tank, moves 2 kWh from hour 2 to hour 0 and leaves 1 kWh
unserved in hour 2; its surplus of hour 2 goes to B and to the retailer. B has a boiler, a heat
pump, a battery, a job and a refrigerator, and gives A heat in hours 0 and 3. Heat of 0.5 kWh is
dumped in hour 2.

By hand: purchases 16 * 0.10 + 6.1 * 0.20 + 10.1 * 0.20 = 4.84, sales 2.62 * 0.15 = 0.393, gas
70.625 * 0.04 = 2.825, moved 2 * 0.01 = 0.02, unserved 1 * 0.6 = 0.6: cost 7.892. Emission
32.2 * 0.25 = 8.05 of purchases, 0.002 * 132 + 0.1 * 22 = 2.464 of the engine, 15.625 * 0.2 =
3.125 of the boiler: 13.639 kg. Every kWh more unserved in hour 0 costs 0.5 and saves 0.25 kg.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.devices import Flows, HomeLoad
from cmgplan.homes.case.read import load_homes
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.day.dispatch import Dispatch, Exchange, Shift
from cmgplan.homes.optimum.result import OptimumOptions, OptimumPoint, OptimumResult

COST, EMISSION_KG = 7.892, 13.639
NAMES = {"A": "A", "B": "B", "engine": "engine", "title": "Two homes, by hand", "currency": "EUR"}
HOSTILE = {
    "A": "<script>alert(1)<!--",
    "B": "=1*1<b>x",
    "engine": "<img src=x onerror=alert(2)>",
    "title": "</title><script>alert(3)</script>",
    "currency": "<i>$</i>",
}

_TOML = """
format = 1
system = "homes"
name = "by-hand"
title = {title}
currency = {currency}

[time]
hours = 4

[retailer]
buy_per_kwh = "buy_per_kwh"
sell_per_kwh = "sell_per_kwh"
power_max_kw = 20.0
power_max_total_kw = 30.0
emission_kg_per_kwh = 0.25

[gas]
price_per_kwh = 0.04
emission_kg_per_kwh = 0.2

[pool]
unserved_electricity_per_kwh = 0.6

[[home]]
id = {A}
pv = [{{ id = "roof", p_max_kw = 8.0, forecast = "sun" }}]

[[home.load]]
id = "flats"
carrier = "electricity"
p_kw = 10.0
shiftable_share = 0.3
shift_in_max_kw = 3.0
shift_cost_per_kwh = 0.01

[[home.load]]
id = "heating"
carrier = "heat"
p_kw = 6.0

[[home.chp]]
id = {engine}
fuel_max_kw = 20.0
efficiency_electric = 0.4
efficiency_heat = 0.4
emission = {{ square = 0.002, linear = 0.1 }}

[[home.thermal_store]]
id = "tank"
energy_kwh = 10.0
heat_charge_max_kw = 4.0
heat_discharge_max_kw = 4.0

[[home]]
id = {B}
load = [
  {{ id = "flats", carrier = "electricity", p_kw = 5.0 }},
  {{ id = "heating", carrier = "heat", p_kw = 4.0 }},
]
gas_boiler = [{{ id = "boiler", heat_max_kw = 10.0, efficiency = 0.8 }}]
heat_pump = [{{ id = "pump", heat_max_kw = 3.0, cop = 3.0 }}]
job = [{{ id = "dishwasher", p_kw = 1.0, duration_h = 2, window = [0, 4] }}]

[[home.storage]]
id = "battery"
p_charge_max_kw = 2.0
p_discharge_max_kw = 2.0
energy_kwh = 10.0
efficiency_charge = 0.9
efficiency_discharge = 0.9

[[home.refrigerator]]
id = "fridge"
p_kw = 0.1
t_min_c = 2.0
t_max_c = 6.0
t_start_c = 4.0
cooling_k_per_h = 1.0
warming_k_per_h = 1.0
"""

_PROFILES = """hour,buy_per_kwh,sell_per_kwh,sun
0,0.10,0.05,0
1,0.20,0.10,0.5
2,0.30,0.15,1
3,0.20,0.10,0.25
"""


def write_case(folder: Path, names: Mapping[str, str] = NAMES) -> Path:
    """Write the case into a folder and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    quoted = {key: json.dumps(value) for key, value in names.items()}
    (folder / "case.toml").write_text(_TOML.format(**quoted), encoding="utf-8")
    (folder / "profiles.csv").write_text(_PROFILES, encoding="utf-8")
    (folder / "SOURCES.md").write_text("All numbers are made up.\n", encoding="utf-8")
    return folder


def homes_case(folder: Path, names: Mapping[str, str] = NAMES) -> HomesCase:
    """Return the case, written into a folder and read from there."""
    return load_homes(write_case(folder, names))


def _a(*values: float) -> FloatArray:
    return np.array(values, dtype=np.float64)


def by_hand(case: HomesCase, unserved_kw: float = 0.0) -> Dispatch:
    """Return the day; ``unserved_kw`` is what nothing serves in hour 0 at A."""
    a, b = case.ids
    engine = str(case.homes[0].chp[0].id)  # type: ignore[attr-defined]
    zero = np.zeros(4)
    fuel, boiler = _a(10, 15, 20, 10), _a(3, 4, 3.5, 2)
    pump = _a(3, 0, 0, 3)
    flows = {
        (a, "roof"): Flows.of(4, _a(0, 4, 6, 2)),
        (a, engine): Flows.of(4, 0.4 * fuel, heat_kw=0.4 * fuel, fuel_kw=fuel),
        (a, "tank"): Flows.of(4, heat_kw=_a(0, 0, -1, 1)),
        (b, "boiler"): Flows.of(4, heat_kw=boiler, fuel_kw=boiler / 0.8),
        (b, "pump"): Flows.of(4, -pump / 3.0, heat_kw=pump),
        (b, "battery"): Flows.of(4, _a(-2, 0, 1.62, 0)),
        (b, "fridge"): Flows.of(4, _a(0, -0.1, 0, -0.1)),
        (b, "dishwasher"): Flows.of(4, _a(0, -1, -1, 0)),
    }
    still = Shift(zero, zero, zero)
    shifts = {
        (a, "flats"): Shift(_a(2, 0, 0, 0), _a(0, 0, 2, 0), _a(unserved_kw, 0, 1, 0)),
        (a, "heating"): still,
        (b, "flats"): still,
        (b, "heating"): still,
    }
    for home in case.homes:
        for load in home.devices():
            if isinstance(load, HomeLoad):
                s = shifts[home.id, load.id]
                served = load.flows_of(case.forecasts(), s.up_kw, s.down_kw, s.unserved_kw)
                flows[home.id, load.id] = served
    pool, pool_heat = _a(0, 0, 4.38, 0), _a(-2, 0, 0.5, -1)
    exchange = {
        a: Exchange(_a(8 - unserved_kw, 0, 0, 4), _a(0, 0, 2.62, 0), pool, pool_heat),
        b: Exchange(_a(8, 6.1, 0, 6.1), zero, -pool, -pool_heat),
    }
    state = {(a, "tank"): _a(5, 5, 6, 5), (b, "battery"): _a(6.8, 6.8, 5, 5)}
    return Dispatch(flows, state, shifts, exchange, {a: _a(0, 0, 0.5, 0), b: zero})


def point(case: HomesCase, unserved_kw: float = 0.0, weight: float = 0.0) -> OptimumPoint:
    """Return the day as a point, with a bound a little under its objective."""
    cost, kg = COST + 0.5 * unserved_kw, EMISSION_KG - 0.25 * unserved_kw
    objective = cost + weight * kg
    bound = objective - 1e-5
    gap = (objective - bound) / max(abs(objective), 1.0)
    return OptimumPoint("optimal", objective, bound, gap, cost, kg, by_hand(case, unserved_kw))


def optimum(
    folder: Path, names: Mapping[str, str] = NAMES, *, weight: float = 0.0
) -> OptimumResult:
    """Return the optimum of the case, as if a solver had found it."""
    case = homes_case(folder, names)
    versions = {"cmgplan": "0.1.0", "highs": "1.10.0"}
    options = OptimumOptions(emission_weight=weight)
    points = (point(case, weight=weight),)
    return OptimumResult(case, options, points, wall_s={"solve": 0.1}, versions=versions)


def front(folder: Path, names: Mapping[str, str] = NAMES) -> OptimumResult:
    """Return a front of three points, the middle one chosen."""
    case = homes_case(folder, names)
    points = [point(case, unserved_kw) for unserved_kw in (0.0, 1.0, 2.0)]
    points[1:] = [replace(p, emission_cap_kg=p.emission_kg) for p in points[1:]]
    options = OptimumOptions(front=3)
    versions = {"cmgplan": "0.1.0", "highs": "1.10.0"}
    return OptimumResult(case, options, tuple(points), 1, wall_s={"solve": 0.2}, versions=versions)
