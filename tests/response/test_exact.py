"""The exact answer to demand response: small days by hand, Ipopt, bounds, and what must follow."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
import pytest
from homes_cases import homes_case
from ipopt_day import least_by_ipopt

from cmgplan.arrays import FloatArray
from cmgplan.homes.case.read import load_homes
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.day.day import Day
from cmgplan.homes.day.verify_day import check_balances, check_trade
from cmgplan.homes.day.verify_devices import check_devices
from cmgplan.response.exact.answer import ExactAnswer, ExactOptions
from cmgplan.response.exact.model import ResponseDay, own_kg_per_h
from cmgplan.response.exact.prices import priced, prices_of
from cmgplan.response.exact.solve import money_front, solve_exact
from cmgplan.response.model.penalty import penalties_of
from cmgplan.response.model.policy import policies_of

ENGINE = {
    "id": "engine",
    "fuel_max_kw": 4.25 / 0.33,
    "fuel_min_kw": 1.25 / 0.33,
    "efficiency_electric": 0.33,
    "efficiency_heat": 0.5,
    "offset_kw": -0.25,
    "emission": {"square": 0.01, "linear": 0.45, "fixed": 0.12},
}
"""The CHP of the demand-response paper: 1 to 4 kW of electricity."""

GAS = {"price_per_kwh": 0.035}


def exact(case: HomesCase, gap: float = 1e-6, **options: Any) -> ExactAnswer:
    return solve_exact(case, ExactOptions(gap=gap, **options))


def priced_day(buy: list[float], homes: list[dict[str, Any]], **sections: Any) -> HomesCase:
    """Return a case whose retailer pays what it takes."""
    profiles: dict[str, FloatArray] = {"buy_per_kwh": np.array(buy)}
    retailer = {"buy_per_kwh": "buy_per_kwh", "sell_per_kwh": "buy_per_kwh"}
    return homes_case(homes, profiles, hours=len(buy), retailer=retailer, **sections)


@pytest.mark.parametrize(("efficiency", "gain"), [(0.9, 0.143), (0.5, 0.0)])
def test_a_battery_moves_a_kwh_to_the_dear_hour_where_its_losses_let_it(
    efficiency: float, gain: float
) -> None:
    """1 kWh at 0.10 gives 0.81 kWh at 0.30; with losses of three quarters it would lose."""
    battery = {
        "id": "battery",
        "p_charge_max_kw": 1.0,
        "p_discharge_max_kw": 1.0,
        "energy_kwh": 10.0,
        "soc_start": 0.0,
        "efficiency_charge": efficiency,
        "efficiency_discharge": efficiency,
    }
    answer = exact(priced_day([0.1, 0.3], [{"id": "A", "storage": [battery]}]))
    assert answer.profit.total == pytest.approx(gain, abs=1e-7)
    moved = [-1.0, 0.81] if gain else [0.0, 0.0]
    assert answer.dispatch.flows["A", "battery"].p_kw == pytest.approx(moved, abs=1e-7)


@pytest.mark.parametrize(("buy", "moved"), [([0.3, 0.1], 1.0), ([0.1, 0.3], 0.0)])
def test_load_moves_to_a_cheaper_hour_that_comes_later(buy: list[float], moved: float) -> None:
    load = {
        "id": "flats",
        "carrier": "electricity",
        "p_kw": 4.0,
        "shiftable_share": 0.25,
        "shift_direction": "later",
    }
    answer = exact(priced_day(buy, [{"id": "A", "policy": "price", "load": [load]}]))
    assert answer.profit.cost == pytest.approx(4 * sum(buy) - 0.2 * moved, abs=1e-7)
    shift = answer.dispatch.shifts["A", "flats"]
    assert shift.down_kw == pytest.approx([moved, 0.0], abs=1e-7)
    assert shift.up_kw == pytest.approx([0.0, moved], abs=1e-7)


def test_an_engine_at_two_kilowatts() -> None:
    """Gas (2 + 0.25) / 0.33; penalty 0.035 * 4 / 2.08 on 0.01 * 4 + 0.45 * 2 + 0.12 kg."""
    load = {"id": "flats", "carrier": "electricity", "p_kw": 2.0}
    case = homes_case([{"id": "A", "load": [load], "chp": [ENGINE]}], gas=GAS)
    answer = exact(case)
    flows = answer.dispatch.flows["A", "engine"]
    assert flows.p_kw == pytest.approx([2.0], abs=1e-6)
    assert flows.fuel_kw == pytest.approx([6.818], abs=1e-3)
    assert flows.heat_kw == pytest.approx([3.409], abs=1e-3)
    assert answer.profit.gas == pytest.approx(0.2386, abs=1e-4)
    assert answer.profit.emission_kg == pytest.approx(1.06, abs=1e-6)
    assert answer.profit.penalties == pytest.approx(1.06 * 0.14 / 2.08, abs=1e-6)


@pytest.mark.parametrize("emax", [1.4663, 0.57])
def test_an_engine_goes_to_emax_and_is_off_where_even_its_least_is_over(emax: float) -> None:
    """The root of 0.01 P^2 + 0.45 P + 0.12 = Emax; at 1 kW it emits 0.58 kg/h."""
    load = {"id": "flats", "carrier": "electricity", "p_kw": 4.0}
    home = {
        "id": "A",
        "policy": "emission",
        "emission_max_kg_per_h": emax,
        "load": [load],
        "chp": [ENGINE],
    }
    answer = exact(homes_case([home], gas=GAS))
    root = (sqrt(0.45**2 + 0.04 * (emax - 0.12)) - 0.45) / 0.02 if emax > 0.58 else 0.0
    assert answer.dispatch.flows["A", "engine"].p_kw == pytest.approx([root], abs=1e-5)
    assert answer.profit.emission_kg <= emax
    assert answer.dispatch.shifts["A", "flats"].unserved_kw == pytest.approx([4 - root], abs=1e-5)
    free = exact(homes_case([home | {"policy": "price"}], gas=GAS))
    assert free.dispatch.flows["A", "engine"].p_kw == pytest.approx([4.0], abs=1e-6)


@pytest.mark.parametrize(("stored", "unserved"), [(0.0, 1.5), (1.0, 0.0)])
def test_heat_that_the_boiler_may_not_make_comes_from_the_tank_or_is_unserved(
    stored: float, unserved: float
) -> None:
    """Sun 2 kW, load 5 kW, and Emax leaves the boiler 1.5 kW."""
    tank = {
        "id": "tank",
        "energy_kwh": 4.0,
        "heat_charge_max_kw": 4.0,
        "heat_discharge_max_kw": 4.0,
        "soc_start": stored,
        "soc_end": 0.0,
    }
    home = {
        "id": "A",
        "policy": "emission",
        "emission_max_kg_per_h": 0.002 * 1.5**2 + 0.2 * 1.5,
        "load": [{"id": "warmth", "carrier": "heat", "p_kw": 5.0}],
        "solar_thermal": [{"id": "roof", "heat_max_kw": 2.0, "forecast": "sun"}],
        "gas_boiler": [
            {
                "id": "boiler",
                "heat_max_kw": 10.0,
                "efficiency": 0.88,
                "emission": {"square": 0.002, "linear": 0.2},
            }
        ],
        "thermal_store": [tank],
    }
    answer = exact(homes_case([home], {"sun": np.ones(1)}, gas=GAS))
    lost = answer.dispatch.shifts["A", "warmth"].unserved_kw
    assert lost == pytest.approx([unserved], abs=1e-5)
    assert answer.profit.unserved == pytest.approx(unserved, abs=1e-5)


@pytest.fixture(scope="module")
def case() -> HomesCase:
    return load_homes("hmg3-response")


@pytest.fixture(scope="module")
def answer(case: HomesCase) -> ExactAnswer:
    return exact(case, 0.01)


def test_the_paper_like_day_has_the_profit_of_the_prototype(
    case: HomesCase, answer: ExactAnswer
) -> None:
    """A program written apart found 13.3693 and proved 13.3711; its LP relaxation was 13.68."""
    assert answer.status == "optimal" and answer.gap <= 0.01
    assert 13.3711 * 0.99 <= answer.profit.total <= 13.3711
    assert answer.bound is not None and answer.relaxation is not None
    assert 13.3693 <= answer.bound <= answer.relaxation
    assert answer.relaxation == pytest.approx(13.581, abs=0.005)
    assert answer.gap == pytest.approx((answer.bound - answer.profit.total) / answer.profit.total)
    day = Day("exact", answer.dispatch)
    checks = (*check_devices(case, day), *check_balances(case, day), check_trade(case, day))
    assert [finding for check in checks for finding in check.findings] == []
    for exchange in answer.dispatch.exchange.values():
        assert not np.any((exchange.import_kw > 0.0) & (exchange.export_kw > 0.0))
    for shift in answer.dispatch.shifts.values():
        assert shift.up_kw.sum() == pytest.approx(shift.down_kw.sum(), abs=1e-7)


def test_emax_is_never_exceeded_and_load_moves_as_policies_let_it(
    case: HomesCase, answer: ExactAnswer
) -> None:
    for home, policy in policies_of(case).items():
        shift = answer.dispatch.shifts[home, "electric"]
        assert (shift.down_kw <= policy.leave_max_kw + 1e-7).all()
        assert (shift.up_kw[~policy.may_arrive] == 0.0).all()
        if policy.emission_max_kg_per_h is not None:
            own = own_kg_per_h(case, home, answer.dispatch)
            assert (own <= policy.emission_max_kg_per_h).all()


def test_ipopt_finds_no_better_day_with_its_binaries(case: HomesCase, answer: ExactAnswer) -> None:
    model = ResponseDay(case, policies_of(case), penalties_of(case))
    least = least_by_ipopt(model, {"cost": 1.0, "penalty": 1.0}, answer.dispatch)
    assert answer.profit.served - least == pytest.approx(answer.profit.total, abs=1e-3)


def test_prices_lie_between_those_of_the_retailer(case: HomesCase, answer: ExactAnswer) -> None:
    """Buying costs its price and the penalty of its emission; selling brings its price."""
    prices = prices_of(case, answer.dispatch)
    carbon = penalties_of(case).retailer_per_kg * case.series("grid_kg_per_kwh")
    total = sum(x.import_kw for x in answer.dispatch.exchange.values())
    assert (total < 15.0).all()  # the retailer has room in every hour
    assert (prices["electricity"] >= case.series("retail_sell_per_kwh") - 1e-7).all()
    assert (prices["electricity"] <= case.series("retail_buy_per_kwh") + carbon + 1e-7).all()
    assert (prices["heat"] >= -1e-9).all()  # heat may be dumped
    assert (prices["heat"] <= 1.0).all()  # or be unserved


def test_prices_are_what_a_little_more_costs(case: HomesCase, answer: ExactAnswer) -> None:
    found = priced(case, answer.dispatch)
    for carrier in ("electricity", "heat"):
        price, low, high = found.of_pool[carrier], found.low[carrier], found.high[carrier]
        assert (low <= price + 1e-5).all() and (price <= high + 1e-5).all()
    assert found.unique("electricity").all()
    # A pool has one price; each home has its own of heat, which is not shared.
    assert np.ptp(found.of_home["electricity"], axis=1) == pytest.approx(np.zeros(24), abs=1e-7)
    assert np.ptp(found.of_home["heat"], axis=1).max() > 1e-3


def small(**edits: Any) -> HomesCase:
    """Return two homes over eight hours: A with engine, boiler and tank, B with sun and battery.

    ``edits`` are ``policy``, ``emax``, ``share``, ``battery_kwh``, ``prices`` (factor of all),
    ``swap``, and sections of the case.
    """
    rng = np.random.default_rng(7)
    factor = edits.pop("prices", 1.0)
    profiles = {
        "buy_per_kwh": factor * rng.uniform(0.1, 0.3, 8),
        "sun_kw": np.array([0.0, 0.5, 1.5, 2.5, 2.0, 1.0, 0.0, 0.0]),
        "power_kw": rng.uniform(1.0, 3.0, 8),
        "warmth_kw": rng.uniform(1.0, 4.0, 8),
        "grid_kg_per_kwh": rng.uniform(0.1, 0.4, 8),
    }
    profiles["sell_per_kwh"] = 0.5 * profiles["buy_per_kwh"]
    load = {
        "id": "flats",
        "carrier": "electricity",
        "p_kw": "power_kw",
        "shiftable_share": edits.pop("share", 0.2),
        "shift_direction": "later",
    }
    common = {"policy": edits.pop("policy", "price"), "load": [load]}
    emax = edits.pop("emax", None)
    a = common | {
        "id": "A",
        "load": [load, {"id": "warmth", "carrier": "heat", "p_kw": "warmth_kw"}],
        "chp": [ENGINE],
        "gas_boiler": [
            {
                "id": "boiler",
                "heat_max_kw": 5.0,
                "efficiency": 0.88,
                "emission": {"square": 0.002, "linear": 0.2},
            }
        ],
        "thermal_store": [
            {
                "id": "tank",
                "energy_kwh": 6.0,
                "heat_charge_max_kw": 3.0,
                "heat_discharge_max_kw": 3.0,
            }
        ],
    }
    if emax is not None:
        a["emission_max_kg_per_h"] = emax
    b = common | {
        "id": "B",
        "pv": [{"id": "roof", "p_max_kw": 3.0, "forecast": "sun_kw"}],
        "storage": [
            {
                "id": "battery",
                "p_charge_max_kw": 1.0,
                "p_discharge_max_kw": 1.0,
                "energy_kwh": edits.pop("battery_kwh", 2.0),
                "efficiency_charge": 0.95,
                "efficiency_discharge": 0.95,
            }
        ],
    }
    homes = [b, a] if edits.pop("swap", False) else [a, b]
    retailer = {
        "buy_per_kwh": "buy_per_kwh",
        "sell_per_kwh": "sell_per_kwh",
        "emission_kg_per_kwh": "grid_kg_per_kwh",
    }
    pool = {"unserved_electricity_per_kwh": 2.0 * factor, "unserved_heat_per_kwh": factor}
    sections = {"gas": {"price_per_kwh": 0.035 * factor}, "pool": pool} | edits
    return homes_case(homes, profiles, hours=8, retailer=retailer, **sections)


def total(case: HomesCase) -> float:
    return exact(case).profit.total


def test_more_freedom_never_lowers_the_profit() -> None:
    def rises(values: list[float]) -> bool:
        return bool((np.diff(values) >= -1e-5).all())

    assert rises([total(small(share=share)) for share in (0.0, 0.1, 0.3)])
    assert rises([total(small(battery_kwh=kwh)) for kwh in (0.5, 1.0, 2.0, 4.0)])
    capped = [total(small(policy="emission", emax=kg)) for kg in (0.5, 0.8, 1.2, 5.0)]
    assert rises(capped)
    assert capped[0] < capped[1] - 0.1
    # A limit that binds nowhere is none.
    assert capped[-1] == pytest.approx(total(small(policy="emission")), abs=1e-5)
    # Masks and limits take freedom away.
    assert total(small()) >= total(small(policy="emission", emax=1.2)) - 1e-5


def test_a_dearer_emission_lowers_it_and_leaves_no_more_money() -> None:
    answers = [exact(small(), emission_weight=weight) for weight in (0.0, 0.5, 1.0, 3.0)]
    assert (np.diff([a.profit.emission_kg for a in answers]) <= 1e-3).all()
    assert answers[-1].profit.emission_kg < answers[0].profit.emission_kg - 0.1
    assert (np.diff([a.profit.cost for a in answers]) >= -1e-4).all()


def test_all_prices_doubled_double_the_money() -> None:
    penalty = {"penalty_fuel_per_kwh": 0.07, "heat_value_per_kwh": 0.11}
    once, twice = exact(small()), exact(small(prices=2.0, response=penalty))
    assert twice.profit.total == pytest.approx(2.0 * once.profit.total, abs=1e-4)
    assert twice.profit.penalties == pytest.approx(2.0 * once.profit.penalties, abs=1e-2)


def test_homes_in_another_order_have_the_same_profit() -> None:
    assert total(small()) == pytest.approx(total(small(swap=True)), abs=1e-5)


def test_at_a_flat_price_moving_load_is_worth_nothing() -> None:
    load = {"id": "flats", "carrier": "electricity", "p_kw": "power_kw"}
    profiles = {"power_kw": np.array([1.0, 3.0, 2.0])}
    retailer = {"buy_per_kwh": 0.2, "sell_per_kwh": 0.1}
    moves = load | {"shiftable_share": 0.5}
    fixed, free = (
        exact(homes_case([{"id": "A", "load": [x]}], profiles, hours=3, retailer=retailer))
        for x in (load, moves)
    )
    assert free.profit.total == pytest.approx(fixed.profit.total, abs=1e-9)
    assert not free.dispatch.shifts["A", "flats"].down_kw.any()


def test_each_objective_is_best_where_it_alone_is_asked_for() -> None:
    case = small(policy="emission", emax=1.2)
    names = ("producers", "consumers", "emission", "emission_cost")
    best = {name: exact(case, 1e-5, weights={name: 1.0}) for name in names}
    for name in names:
        sign = -1.0 if name == "producers" else 1.0
        key = "emission_kg" if name == "emission" else name
        reached = {other: sign * getattr(best[other].objectives, key) for other in names}
        assert best[name].objective == pytest.approx(reached[name], abs=1e-6)
        assert best[name].bound is None
        assert min(reached.values()) >= reached[name] - 1e-4
    # An order keeps what its first is worth, and does no worse in its second than the first alone.
    first, then = best["emission"], exact(case, 1e-5, order=("emission", "consumers"))
    assert then.objectives.emission_kg == pytest.approx(first.objectives.emission_kg, rel=1e-4)
    assert then.objectives.consumers <= first.objectives.consumers + 1e-4


def test_a_front_of_money_against_emission() -> None:
    case = small(policy="emission", emax=1.2)
    points = money_front(case, 4, ExactOptions(gap=1e-4))
    money = [point.profit.total for point in points]
    emission = [point.profit.emission_kg for point in points]
    assert len(points) == 4
    assert money == sorted(money, reverse=True) and emission == sorted(emission, reverse=True)
    assert money[0] == pytest.approx(exact(case, emission_weight=0.0).profit.total, abs=1e-3)
    for point in points:
        own = own_kg_per_h(case, "A", point.dispatch)
        assert (own <= 1.2).all()


def test_the_day_begins_from_one_that_is_given() -> None:
    case = small(policy="emission", emax=1.2)
    cold = exact(case)
    warm = solve_exact(case, ExactOptions(gap=1e-6), start=cold.dispatch)
    assert warm.profit.total == pytest.approx(cold.profit.total, abs=1e-5)
    assert warm.status == "optimal"


def test_a_day_that_is_given_is_the_answer_where_time_runs_out(
    case: HomesCase, answer: ExactAnswer
) -> None:
    found = solve_exact(case, ExactOptions(gap=1e-6, time_limit_s=0.01), start=answer.dispatch)
    assert found.status == "feasible"
    assert found.bound is not None
    assert answer.profit.total - 1e-5 <= found.profit.total <= found.bound <= 13.59
    for home, own in (("B", 1.8642), ("C", 1.3322)):
        assert (own_kg_per_h(case, home, found.dispatch) <= own).all()
