"""Whole days by the rules: what holds of every day, and the shipped case."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from homes_cases import homes_case
from response_cases import TAP, broken_of, response_case, sound

from cmgplan.arrays import FloatArray
from cmgplan.errors import InfeasibleError
from cmgplan.homes.case.read import load_homes
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.day.dispatch import Dispatch
from cmgplan.homes.optimum.front import find_optimum
from cmgplan.homes.optimum.result import OptimumOptions
from cmgplan.response.model.policy import policies_of
from cmgplan.response.model.profit import profit_of
from cmgplan.response.rules.day import run_rules
from cmgplan.response.rules.electric import Follows
from cmgplan.response.rules.kept import require_kept


@pytest.mark.parametrize("first", range(0, 220, 20))
def test_a_random_day_keeps_every_limit(first: int) -> None:
    """Every device steps through it, all balances and Emax hold, a quarter of days follows heat."""
    for seed in range(first, first + 20):
        case = response_case(seed)
        dispatch = run_rules(case, "heat" if seed % 4 == 0 else "load")
        assert broken_of(case, dispatch) == [], seed
        require_kept(case, dispatch)
        policies, found = policies_of(case), profit_of(case, dispatch)
        for home, policy in policies.items():
            kg = found.emission[home].own_kg / case.dt_h
            if policy.emission_max_kg_per_h is not None:
                assert (kg <= policy.emission_max_kg_per_h + 1e-6).all(), seed
            moved = _moved(case, home, dispatch)
            assert (moved[0] <= policy.leave_max_kw + 1e-9).all(), seed
            assert (moved[1] <= policy.arrive_max_kw + 1e-9).all(), seed
            assert moved[0].sum() == pytest.approx(moved[1].sum(), abs=1e-9), seed
            assert not np.minimum(*moved).any(), seed


def _moved(case: HomesCase, home: str, dispatch: Dispatch) -> tuple[FloatArray, FloatArray]:
    """Return what left and arrived at a home, kW."""
    shifts = [s for (owner, _), s in dispatch.shifts.items() if owner == home]
    zero = np.zeros(case.hours)
    return sum((s.down_kw for s in shifts), zero), sum((s.up_kw for s in shifts), zero)


@pytest.mark.parametrize("seed", [3, 7, 11, 15, 17, 23])
def test_no_day_by_the_rules_costs_less_than_one_owner(seed: int) -> None:
    case = response_case(seed)
    bound = find_optimum(case, OptimumOptions(gap=1e-3)).point.bound
    assert profit_of(case, run_rules(case)).cost >= bound - 1e-6


@pytest.mark.parametrize("name", ["hmg3", "hmg3-es-in-b", "apartment5", "two-homes"])
@pytest.mark.parametrize("policy", ["none", "price", "emission", "both"])
def test_any_policy_runs_any_case(name: str, policy: str) -> None:
    case = with_policies(load_homes(name), policy)
    dispatch = sound(case)
    assert not any(s.unserved_kw.any() for s in dispatch.shifts.values())


def with_policies(case: HomesCase, *policies: str) -> HomesCase:
    """Return a case with other policies; one is that of every home."""
    named = policies if len(policies) > 1 else policies * len(case.homes)
    homes = tuple(
        home.model_copy(update={"policy": policy})
        for home, policy in zip(case.homes, named, strict=True)
    )
    return replace(case, file=case.file.model_copy(update={"home": homes}))


@cache
def shipped(*policies: str, follows: Follows = "load") -> tuple[HomesCase, Dispatch]:
    """Return the shipped case with other policies, and its day."""
    case = with_policies(load_homes("hmg3-response"), *policies)
    return case, sound(case, follows)


# Profit without a price of emissions, kg, and kWh bought, sold and moved.
MEASURED = {
    ("none",): (14.72, 79.1, 16.8, 20.2, 0.0),
    ("price",): (15.06, 79.3, 15.3, 20.2, 3.0),
    ("emission",): (14.19, 78.5, 26.8, 20.2, 3.0),
    ("both",): (12.62, 79.1, 37.9, 18.9, 9.4),
    ("price", "emission", "both"): (14.07, 79.5, 24.3, 20.2, 5.4),
}


def figures(case: HomesCase, dispatch: Dispatch) -> tuple[float, ...]:
    """Return profit without a price of emissions, kg, and kWh bought, sold and moved."""
    found, traded = profit_of(case, dispatch, 0.0), dispatch.exchange.values()
    bought, sold = sum(e.import_kw.sum() for e in traded), sum(e.export_kw.sum() for e in traded)
    moved = sum(s.down_kw.sum() for s in dispatch.shifts.values())
    return (found.total, found.emission_kg, float(bought), float(sold), float(moved))


@pytest.mark.parametrize("policies", MEASURED)
def test_the_shipped_case(policies: tuple[str, ...]) -> None:
    case, dispatch = shipped(*policies)
    assert figures(case, dispatch) == pytest.approx(MEASURED[policies], abs=0.05)
    found = profit_of(case, dispatch)
    assert found.unserved == 0.0
    # No day of this case costs less than the one-owner optimum's bound.
    assert found.cost > 14.56


@pytest.mark.parametrize(
    ("policy", "idle", "told", "under"),
    [
        ("none", ("storage", "thermal_store"), (13.35, 84.9, 20.8, 28.3, 0.0), 0.67),
        ("price", ("thermal_store",), (14.04, 84.4, 15.4, 20.2, 3.0), 0.64),
    ],
)
def test_another_implementation_of_these_rules_says_the_same(
    policy: str, idle: tuple[str, ...], told: tuple[float, ...], under: float
) -> None:
    """Figures of code written apart from this, in which homes without Emax have no tank."""
    case, _ = shipped(policy)
    rest = {"storage": ("p_charge_max_kw", "p_discharge_max_kw")}
    rest["thermal_store"] = ("heat_charge_max_kw", "heat_discharge_max_kw")
    homes = []
    for home in case.homes:
        update = {
            kind: tuple(
                store.model_copy(update=dict.fromkeys(rest[kind], 0.0))
                for store in getattr(home, kind)
            )
            for kind in idle
        }
        homes.append(home.model_copy(update=update))
    still = replace(case, file=case.file.model_copy(update={"home": tuple(homes)}))
    dispatch = sound(still)
    found = figures(still, dispatch)
    assert found[:2] == pytest.approx(told[:2], abs=0.06)
    assert found[2:] == pytest.approx(told[2:], abs=0.2)  # the battery is filled at another hour
    share = profit_of(still, dispatch).share_under_emax()
    assert share == pytest.approx(under, abs=0.006)


def test_what_each_policy_does_to_money_and_emission() -> None:
    """Response by price pays; Emax costs money and saves kg; storing before the engine loses."""
    none, price, emission, both = (
        profit_of(*shipped(policy), 0.0) for policy in ("none", "price", "emission", "both")
    )
    assert both.total < emission.total < price.total and none.total < price.total
    assert emission.emission_kg < price.emission_kg
    assert emission.share_under_emax() == both.share_under_emax() == 1.0
    assert (price.share_under_emax() or 0.0) < 0.7
    heat_led = profit_of(*shipped("price", "emission", "both", follows="heat"), 0.0)
    assert heat_led.total > profit_of(*shipped("price", "emission", "both"), 0.0).total


def test_stores_and_appliances_of_the_shipped_case_end_as_they_began() -> None:
    case, dispatch = shipped("price", "emission", "both")
    for home in case.homes:
        for store in home.site().stores():
            stored = dispatch.state[home.id, store.id]
            assert stored[-1] >= store.end_kwh(case.forecasts()) - 1e-9
        heat = [e.pool_heat_kw for e in dispatch.exchange.values()]
        assert not np.any(heat)  # no pipes between homes


def test_the_order_of_homes_does_not_matter() -> None:
    case, dispatch = shipped("price", "emission", "both")
    turned = replace(case, file=case.file.model_copy(update={"home": case.file.home[::-1]}))
    other = run_rules(turned)
    for key, flows in dispatch.flows.items():
        assert other.flows[key].p_kw == pytest.approx(flows.p_kw, abs=1e-9)
        assert other.flows[key].heat_kw == pytest.approx(flows.heat_kw, abs=1e-9)


def test_twice_the_prices_are_the_same_day() -> None:
    case, dispatch = shipped("price", "emission", "both")
    profiles = {
        name: 2.0 * values if name.endswith("_per_kwh") and "kg" not in name else values
        for name, values in case.profiles.items()
    }
    gas = case.file.gas
    assert gas is not None
    gas = gas.model_copy(update={"price_per_kwh": 0.07})
    other = replace(case, profiles=profiles, file=case.file.model_copy(update={"gas": gas}))
    twice = run_rules(other)
    assert all(np.array_equal(twice.flows[k].p_kw, f.p_kw) for k, f in dispatch.flows.items())
    assert profit_of(other, twice).cost == pytest.approx(2.0 * profit_of(case, dispatch).cost)


def test_a_flat_price_and_a_flat_intensity_move_nothing() -> None:
    case, _ = shipped("price", "emission", "both")
    flat = {"mcp_per_kwh": np.full(24, 0.12), "grid_kg_per_kwh": np.full(24, 0.24)}
    flat_case = replace(case, profiles={**case.profiles, **flat})
    assert not any(s.down_kw.any() for s in sound(flat_case).shifts.values())


def test_what_the_rules_cannot_serve_is_named() -> None:
    """A fridge without a retailer; a tank that nothing keeps warm; a water heater without heat."""
    fridge = {
        "id": "fridge",
        "p_kw": 0.25,
        "t_min_c": 2.0,
        "t_max_c": 6.0,
        "t_start_c": 4.0,
        "cooling_k_per_h": 1.0,
        "warming_k_per_h": 1.0,
    }
    tank = {
        "id": "tank",
        "energy_kwh": 10.0,
        "heat_charge_max_kw": 4.0,
        "heat_discharge_max_kw": 4.0,
        "retention_per_h": 0.9,
    }
    tap = {**TAP, "p_kw": 2.0}
    case = homes_case(
        [
            {"id": "A", "refrigerator": [fridge], "thermal_store": [tank]},
            {"id": "B", "water_heater": [tap]},
        ],
        hours=2,
    )
    with pytest.raises(InfeasibleError) as told:
        require_kept(case, run_rules(case))
    message = str(told.value)
    assert "home A lacks 0.25 kW of electricity in hour 1" in message
    assert "tank of home A lacks 0.95 kWh at the end of hour 1" in message
    assert "home B lacks 2 kW of heat in hour 1" in message
    for policies in MEASURED:
        require_kept(*shipped(*policies))
