"""The one-owner optimum against a linear program written apart, against Ipopt, and by reason."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from homes_cases import homes_case, random_case
from ipopt_day import least_by_ipopt
from scipy.optimize import linprog

from cmgplan.arrays import FloatArray
from cmgplan.devices import HomeLoad
from cmgplan.errors import InfeasibleError
from cmgplan.homes.accounts.money import cost_of_day, costs_of_home, emission_of_day
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.optimum.front import find_optimum
from cmgplan.homes.optimum.model import DayModel
from cmgplan.homes.optimum.result import OptimumOptions, OptimumPoint

SEEDS = range(50)


def optimum(case: HomesCase, **options: Any) -> OptimumPoint:
    return find_optimum(case, OptimumOptions(**options)).point


class Rows:
    """A linear program that is written down row by row."""

    def __init__(self) -> None:
        self.cost: list[float] = []
        self.bounds: list[tuple[float, float | None]] = []
        self.equal: list[tuple[dict[int, float], float]] = []
        self.at_most: list[tuple[dict[int, float], float]] = []

    def new(self, most: float | None = None, cost: float = 0.0, least: float = 0.0) -> int:
        self.cost.append(cost)
        self.bounds.append((least, most))
        return len(self.cost) - 1

    def _matrix(self, rows: list[tuple[dict[int, float], float]]) -> tuple[Any, Any]:
        matrix = np.zeros((len(rows), len(self.cost)))
        for k, (terms, _) in enumerate(rows):
            for column, value in terms.items():
                matrix[k, column] += value
        return matrix, [right for _, right in rows]

    def least(self) -> float:
        a_eq, b_eq = self._matrix(self.equal)
        a_ub, b_ub = self._matrix(self.at_most)
        found = linprog(self.cost, a_ub, b_ub, a_eq, b_eq, self.bounds, method="highs")
        assert found.status == 0, found.message
        return float(found.fun)


def written_apart(case: HomesCase) -> float:
    """Return the least cost of the day of a random case, from the contract and nothing else."""
    lp, hours = Rows(), case.hours
    retailer, gas, pool = case.file.retailer, case.file.gas, case.file.pool
    assert retailer is not None
    assert gas is not None
    buy, sell = case.profiles["buy_per_kwh"], case.profiles["sell_per_kwh"]
    power, heat = ([dict[int, float]() for _ in range(hours)] for _ in range(2))
    for t in range(hours):
        imports, exports = {}, {}
        shared, shared_heat = dict[int, float](), dict[int, float]()
        for home in case.homes:
            shared[pool_column := lp.new(None, least=-np.inf)] = 1.0
            shared_heat[heat_column := lp.new(None, least=-np.inf)] = 1.0
            imports[bought := lp.new(retailer.power_max_kw, float(buy[t]))] = 1.0
            exports[sold := lp.new(retailer.power_max_kw, -float(sell[t]))] = 1.0
            power[t] |= {(home.id, k): v for k, v in ((bought, 1.0), (sold, -1.0))}  # type: ignore[misc]
            power[t] |= {(home.id, pool_column): -1.0}  # type: ignore[dict-item]
            heat[t] |= {(home.id, heat_column): -1.0, (home.id, lp.new()): -1.0}  # type: ignore[dict-item]
        lp.equal += [(shared, 0.0), (shared_heat, 0.0)]
        assert retailer.power_max_total_kw is not None
        lp.at_most += [(imports, retailer.power_max_total_kw)]
        lp.at_most += [(exports, retailer.power_max_total_kw)]
    for home in case.homes:
        for device in home.devices():
            _write(lp, home.id, device, case, power, heat, gas.price_per_kwh, pool)
    for t in range(hours):
        for home in case.homes:
            for balance in (power[t], heat[t]):
                mine = {k: v for k, v in balance.items() if k[0] == home.id}  # type: ignore[index]
                fixed = sum(v for (_, k), v in mine.items() if k < 0)  # type: ignore[misc]
                terms = {k: v for (_, k), v in mine.items() if k >= 0}  # type: ignore[misc]
                lp.equal.append((terms, -fixed))
    return lp.least()


def _write(
    lp: Rows, home: str, d: Any, case: HomesCase, power: Any, heat: Any, gas: Any, pool: Any
) -> None:
    """Write the rows of one device; constants of a balance stand at negative columns."""
    hours, values = range(case.hours), case.profiles
    if d.kind == "load":
        worth = (
            pool.unserved_heat_per_kwh if d.carrier == "heat" else pool.unserved_electricity_per_kwh
        )
        balance, moved, load = (
            (heat if d.carrier == "heat" else power),
            dict[int, float](),
            values[d.p_kw],
        )
        for t in hours:
            up = lp.new(d.shift_in_max_kw if d.shiftable_share else 0.0)
            down = lp.new(d.shiftable_share * load[t], d.shift_cost_per_kwh)
            lost = lp.new(None, worth)
            lp.at_most.append(({lost: 1.0, up: -1.0, down: 1.0}, float(load[t])))
            moved |= {up: 1.0, down: -1.0}
            balance[t] |= {(home, up): -1.0, (home, down): 1.0, (home, lost): 1.0}
            balance[t][home, -1 - len(balance[t])] = -float(load[t])
        lp.equal.append((moved, 0.0))
    elif d.kind in ("storage", "thermal_store"):
        limits = [(d.p_charge_max_kw, d.p_discharge_max_kw)] if d.kind == "storage" else []
        limits += [(d.heat_charge_max_kw, d.heat_discharge_max_kw)] if not limits else []
        kept = getattr(d, "retention_per_h", 1.0)
        before: int | None = None
        for t in hours:
            charge, discharge = lp.new(limits[0][0]), lp.new(limits[0][1])
            floor = d.soc_start * d.energy_kwh if t == case.hours - 1 else 0.0
            stored = lp.new(d.energy_kwh, least=floor)
            row = {stored: 1.0, charge: -d.efficiency_charge}
            row[discharge] = 1.0 / d.efficiency_discharge
            if before is not None:
                row[before] = -kept
            lp.equal.append((row, kept * d.soc_start * d.energy_kwh if before is None else 0.0))
            (power if d.kind == "storage" else heat)[t] |= {
                (home, discharge): 1.0,
                (home, charge): -1.0,
            }
            before = stored
    else:
        for t in hours:
            if d.kind == "pv":
                power[t][home, lp.new(d.p_max_kw * float(values["sun"][t]))] = 1.0
            elif d.kind == "chp":
                fuel = lp.new(d.fuel_max_kw, gas)
                power[t][home, fuel] = d.efficiency_electric
                heat[t][home, fuel] = d.efficiency_heat
            elif d.kind == "gas_boiler":
                heat[t][home, lp.new(d.heat_max_kw, gas / d.efficiency)] = 1.0
            else:
                made = lp.new(d.heat_max_kw)
                heat[t][home, made] = 1.0
                power[t][home, made] = -1.0 / d.cop


@pytest.mark.parametrize("seed", SEEDS)
def test_the_optimum_is_that_of_a_program_written_apart(seed: int) -> None:
    case = random_case(seed)
    point = optimum(case)
    assert point.cost == pytest.approx(written_apart(case), abs=1e-6)
    assert point.status == "optimal"
    assert point.bound <= point.objective <= point.bound + 1e-4


def same(case: HomesCase, **changes: Any) -> HomesCase:
    """Return the case with sections of its file in the place of others."""
    return replace(case, file=case.file.model_copy(update=changes))


@pytest.mark.parametrize("seed", range(8))
def test_more_freedom_never_costs_more(seed: int) -> None:
    case = random_case(seed)
    cost = optimum(case).cost
    file = case.file
    assert file.retailer is not None
    unlimited = file.retailer.model_copy(update={"power_max_kw": None, "power_max_total_kw": None})
    assert optimum(same(case, retailer=unlimited)).cost <= cost + 1e-6
    battery = random_battery()
    richer = tuple(home.model_copy(update={"storage": battery}) for home in file.home)
    poorer = tuple(home.model_copy(update={"storage": ()}) for home in file.home)
    assert optimum(same(case, home=richer)).cost <= optimum(same(case, home=poorer)).cost + 1e-6
    apart = file.pool.model_copy(update={"electricity": False, "heat": False})
    no_limit_together = file.retailer.model_copy(update={"power_max_total_kw": None})
    freed = same(case, pool=apart, retailer=no_limit_together)
    together = same(case, retailer=no_limit_together)
    alone = [optimum(same(freed, home=(home,))).cost for home in file.home]
    assert sum(alone) == pytest.approx(optimum(freed).cost, abs=1e-6)
    assert optimum(together).cost <= sum(alone) + 1e-6


def random_battery() -> tuple[Any, ...]:
    return random_case(3).homes[0].model_fields_set and next(
        home.storage
        for seed in SEEDS
        for home in random_case(seed).homes
        if home.storage  # type: ignore[attr-defined]
    )


@pytest.mark.parametrize("seed", range(6))
def test_the_order_of_homes_changes_nothing(seed: int) -> None:
    case = random_case(seed)
    turned = same(case, home=tuple(reversed(case.file.home)))
    one, other = optimum(case, emission_weight=0.1), optimum(turned, emission_weight=0.1)
    assert other.objective == pytest.approx(one.objective, abs=1e-6)
    total = {
        way: cost_of_day(c, p.dispatch) for way, c, p in (("a", case, one), ("b", turned, other))
    }
    assert total["a"] == pytest.approx(one.cost, abs=1e-7)
    assert total["b"] == pytest.approx(other.cost, abs=1e-7)


def chp(**more: Any) -> dict[str, Any]:
    return {
        "id": "engine",
        "fuel_max_kw": 30.0,
        "efficiency_electric": 0.4,
        "efficiency_heat": 0.4,
    } | more


BAND = {"buy_per_kwh": 0.30, "sell_per_kwh": 0.10, "emission_kg_per_kwh": 0.5}
GAS = {"price_per_kwh": 0.05, "emission_kg_per_kwh": 0.2}


def test_one_home_by_hand() -> None:
    """10 kW and 8 kW of heat from 25 kW of gas, which makes 10 of each: 2 kW are dumped."""
    home = {
        "id": "A",
        "load": [
            {"id": "flats", "carrier": "electricity", "p_kw": 10.0},
            {"id": "warmth", "carrier": "heat", "p_kw": 8.0},
        ],
        "chp": [chp()],
    }
    case = homes_case([home], retailer=BAND, gas=GAS)
    point = optimum(case)
    assert point.cost == pytest.approx(25.0 * 0.05, abs=1e-7)
    assert point.emission_kg == pytest.approx(25.0 * 0.2, abs=1e-7)
    assert point.dispatch.dumped_kw["A"] == pytest.approx([2.0], abs=1e-7)
    assert point.dispatch.exchange["A"].import_kw == pytest.approx([0.0], abs=1e-7)
    # At full fuel it makes 12 kW; the fifth of a kWh sold brings less than its gas costs.
    assert 0.10 < 0.05 / 0.4


def test_two_homes_by_hand() -> None:
    """A's engine serves both: 4 kW over the pool at 0.125 a kWh where the retailer asks 0.30."""
    homes = [
        {"id": "A", "load": [{"id": "l", "carrier": "heat", "p_kw": 12.0}], "chp": [chp()]},
        {"id": "B", "load": [{"id": "l", "carrier": "electricity", "p_kw": 16.0}]},
    ]
    point = optimum(homes_case(homes, retailer=BAND, gas=GAS))
    # 30 kW of gas give 12 kW of heat and 12 kW of electricity; 4 kW are bought.
    assert point.cost == pytest.approx(30.0 * 0.05 + 4.0 * 0.30, abs=1e-7)
    assert point.emission_kg == pytest.approx(30.0 * 0.2 + 4.0 * 0.5, abs=1e-7)
    assert point.dispatch.exchange["A"].pool_kw == pytest.approx([12.0], abs=1e-7)
    assert point.dispatch.exchange["B"].import_kw == pytest.approx([4.0], abs=1e-7)
    alone = optimum(homes_case(homes, retailer=BAND, gas=GAS, pool={"electricity": False}))
    # Alone, A sells its 12 kW at 0.10 and B buys all of its 16 kW.
    assert alone.cost == pytest.approx(1.50 - 1.20 + 4.80, abs=1e-7)


def test_an_engine_with_a_least_fuel_is_on_or_off() -> None:
    """5 kW of heat need 12.5 kW of gas, under the least of 20: the boiler is cheaper."""
    home = {
        "id": "A",
        "load": [{"id": "warmth", "carrier": "heat", "p_kw": 5.0}],
        "chp": [chp(fuel_min_kw=20.0)],
        "gas_boiler": [{"id": "boiler", "heat_max_kw": 9.0, "efficiency": 0.9}],
    }
    retailer = BAND | {"sell_per_kwh": 0.0}
    point = optimum(homes_case([home], retailer=retailer, gas=GAS))
    assert point.cost == pytest.approx(5.0 / 0.9 * 0.05, abs=1e-7)
    assert point.dispatch.flows["A", "engine"].fuel_kw == pytest.approx([0.0], abs=1e-7)
    # Where what it makes sells well, 20 kW of gas bring 8 kW * 0.20 and cost 1.00.
    well = homes_case([home], retailer=BAND | {"sell_per_kwh": 0.20}, gas=GAS)
    assert optimum(well).cost == pytest.approx(30 * 0.05 - 12 * 0.20, abs=1e-7)


def test_a_store_does_not_burn_energy_where_prices_are_negative() -> None:
    """Charging and discharging at once would earn 0.2 a kWh lost; a store can only fill once."""
    battery = {
        "id": "battery",
        "p_charge_max_kw": 10.0,
        "p_discharge_max_kw": 10.0,
        "energy_kwh": 100.0,
        "soc_start": 0.5,
        "efficiency_charge": 0.8,
        "efficiency_discharge": 0.8,
    }
    prices = {"buy_per_kwh": -0.2, "sell_per_kwh": -0.2}
    case = homes_case([{"id": "A", "storage": [battery]}], retailer=prices, hours=2)
    point = optimum(case)
    assert point.cost == pytest.approx(-2 * 10.0 * 0.2, abs=1e-7)
    assert point.dispatch.state["A", "battery"] == pytest.approx([58.0, 66.0], abs=1e-6)


EMITTING = {"square": 0.004, "linear": 0.1, "fixed": 0.6}


def emitting_case(seed: int) -> HomesCase:
    """Return two homes whose engines and boilers emit by quadratic functions."""
    rng = np.random.default_rng(seed)
    hours = 5
    homes = [
        {
            "id": name,
            "load": [
                {"id": "flats", "carrier": "electricity", "p_kw": "flats_kw"},
                {"id": "warmth", "carrier": "heat", "p_kw": float(rng.uniform(4.0, 9.0))},
            ],
            "chp": [chp(emission={**EMITTING, "square": float(rng.uniform(0.002, 0.02))})],
            "gas_boiler": [
                {
                    "id": "boiler",
                    "heat_max_kw": 10.0,
                    "efficiency": 0.9,
                    "emission": {"square": 0.006, "linear": 0.15},
                }
            ],
        }
        for name in ("A", "B")
    ]
    buy = rng.uniform(0.1, 0.4, hours)
    profiles = {
        "flats_kw": rng.uniform(3.0, 12.0, hours),
        "buy_per_kwh": buy,
        "sell_per_kwh": 0.5 * buy,
    }
    retailer = {
        "buy_per_kwh": "buy_per_kwh",
        "sell_per_kwh": "sell_per_kwh",
        "emission_kg_per_kwh": 0.4,
    }
    return homes_case(homes, profiles, hours=hours, retailer=retailer, gas=GAS)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("weight", [0.05, 0.5])
def test_quadratic_emissions_are_those_of_ipopt(seed: int, weight: float) -> None:
    case = emitting_case(seed)
    point = optimum(case, emission_weight=weight)
    exact = least_by_ipopt(DayModel(case), {"cost": 1.0, "emission": weight}, point.dispatch)
    assert point.objective == pytest.approx(exact, rel=1e-4)
    assert point.gap <= 1e-4
    assert point.emission_kg == pytest.approx(emission_of_day(case, point.dispatch), abs=1e-7)


def test_a_front_trades_cost_for_emission() -> None:
    case = emitting_case(1)
    result = find_optimum(case, OptimumOptions(front=6))
    cost = [point.cost for point in result.points]
    emission = [point.emission_kg for point in result.points]
    assert len(cost) >= 4
    assert cost == sorted(cost)
    assert emission == sorted(emission, reverse=True)
    assert cost[0] == pytest.approx(optimum(case).cost, abs=1e-4)
    for point in result.points:
        assert point.status == "optimal"
        if point.emission_cap_kg is not None:
            assert point.emission_kg <= point.emission_cap_kg
    # A price on emission picks a day of the front, within what its caps leave out.
    priced = optimum(case, emission_weight=0.3)
    best = min(c + 0.3 * e for c, e in zip(cost, emission, strict=True))
    assert priced.objective <= best + 1e-6
    least = [membership["least"] for membership in result.memberships]
    assert result.selected == int(np.argmax(least))
    assert least[0] == least[-1] == 0.0


def test_shifting_follows_the_price_and_pays_its_cost() -> None:
    """2 kWh leave the dear hour for the cheap one: 2 * (0.4 - 0.1) saved for 2 * 0.05."""
    load = {
        "id": "flats",
        "carrier": "electricity",
        "p_kw": 10.0,
        "shiftable_share": 0.2,
        "shift_cost_per_kwh": 0.05,
    }
    profiles: dict[str, FloatArray] = {"buy_per_kwh": np.array([0.4, 0.1])}
    retailer = {"buy_per_kwh": "buy_per_kwh", "sell_per_kwh": 0.0}
    case = homes_case([{"id": "A", "load": [load]}], profiles, hours=2, retailer=retailer)
    point = optimum(case)
    assert point.cost == pytest.approx(8 * 0.4 + 12 * 0.1 + 2 * 0.05, abs=1e-7)
    shift = point.dispatch.shifts["A", "flats"]
    assert shift.down_kw == pytest.approx([2.0, 0.0], abs=1e-7)
    assert shift.up_kw == pytest.approx([0.0, 2.0], abs=1e-7)
    costs = costs_of_home(case, "A", point.dispatch)
    assert costs.shift == pytest.approx([0.1, 0.0], abs=1e-7)
    assert isinstance(next(case.homes[0].devices()), HomeLoad)


def test_load_is_unserved_where_serving_it_costs_more_than_it_is_worth() -> None:
    load = {"id": "flats", "carrier": "electricity", "p_kw": 10.0}
    retailer = {"buy_per_kwh": 0.7, "sell_per_kwh": 0.0}
    pool = {"unserved_electricity_per_kwh": 0.6}
    point = optimum(homes_case([{"id": "A", "load": [load]}], retailer=retailer, pool=pool))
    assert point.cost == pytest.approx(6.0, abs=1e-7)
    assert point.dispatch.flows["A", "flats"].p_kw == pytest.approx([0.0], abs=1e-7)
    # The least emission of a front is not that of serving nobody.
    served = optimum(homes_case([{"id": "A", "load": [load]}], retailer=BAND), front=2)
    assert served.dispatch.shifts["A", "flats"].unserved_kw == pytest.approx([0.0], abs=1e-6)


def test_what_homes_lack_is_told_by_home_hour_and_amount() -> None:
    job = {"id": "washer", "p_kw": 2.0, "duration_h": 1, "window": [0, 2]}
    home = {"id": "A", "job": [job], "pv": [{"id": "roof", "p_max_kw": 1.0, "forecast": "sun"}]}
    profiles = {"sun": np.array([0.0, 0.5])}
    with pytest.raises(InfeasibleError) as caught:
        optimum(homes_case([home], profiles, hours=2))
    assert "home A needs more electricity than it can have: 1.50 kW" in str(caught.value)
    assert "hour 1" in str(caught.value)
    assert "give a [retailer]" in str(caught.value)
    limited = BAND | {"power_max_kw": 1.0}
    with pytest.raises(InfeasibleError, match="raise power_max_kw"):
        optimum(homes_case([home], profiles, hours=2, retailer=limited | {"power_max_kw": 0.4}))


def test_a_device_that_has_no_day_is_named() -> None:
    car = {
        "id": "car",
        "p_charge_max_kw": 1.0,
        "energy_kwh": 50.0,
        "soc_start": 0.1,
        "soc_departure": 0.9,
        "depart_hour": 2,
        "return_hour": 4,
    }
    with pytest.raises(InfeasibleError, match="ev car of home A"):
        optimum(homes_case([{"id": "A", "ev": [car]}], hours=6, retailer=BAND))


def test_homes_that_share_a_pool_lack_together() -> None:
    """Which of them runs short is a matter of the pool; none is blamed alone."""
    job = {"id": "washer", "p_kw": 2.0, "duration_h": 1, "window": [0, 1]}
    homes = [{"id": "A"}, {"id": "B", "job": [job]}]
    with pytest.raises(InfeasibleError, match="all homes together need more electricity"):
        optimum(homes_case(homes))
    with pytest.raises(InfeasibleError, match="home B needs more electricity"):
        optimum(homes_case(homes, pool={"electricity": False}))
