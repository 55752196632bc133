"""What holds of every day by the rules: 500 seeded days, and cases of every kind of device."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from building_days import by_rules
from homes_cases import homes_case, random_case
from wild_cases import wild_case

from cmgplan.building.days.draw import stochastic_day
from cmgplan.building.model.plant import read_plant
from cmgplan.building.model.state import DayState
from cmgplan.building.priced.optimum import priced_days
from cmgplan.building.rules.day import STEPS, apart, run_day, short_stores, together
from cmgplan.building.rules.dispatch import as_dispatch
from cmgplan.building.rules.money import day_ledger, unit_money
from cmgplan.building.rules.paying import run_paying
from cmgplan.homes.accounts.money import cost_of_day
from cmgplan.homes.case.read import load_homes
from cmgplan.homes.case.records import HomesCase

APARTMENT = load_homes("apartment5")
BALANCE_KW = 1e-6


def broken_of(case: HomesCase, day: DayState) -> list[str]:
    """Return what of a day breaks a limit or a balance, all devices stepped by themselves."""
    h, dispatch, found = case.forecasts(), as_dispatch(case, day), []
    for home in case.homes:
        electric, heat = np.zeros(case.hours), np.zeros(case.hours)
        for device in home.devices():
            key = (home.id, device.id)
            flows = dispatch.flows[key]
            electric, heat = electric + flows.p_kw, heat + flows.heat_kw
            if key in dispatch.shifts:
                continue
            trace = device.simulate_flows(h, flows)
            found += [f"{key} {breach}" for breach in trace.breaches]
            if trace.soc_kwh is not None and not np.allclose(trace.soc_kwh, dispatch.state[key]):
                found.append(f"{key}: stored energy")
        traded = dispatch.exchange[home.id]
        electric += traded.import_kw - traded.export_kw - traded.pool_kw
        heat -= traded.pool_heat_kw + dispatch.dumped_kw[home.id]
        if np.abs(electric).max() > BALANCE_KW or np.abs(heat).max() > BALANCE_KW:
            found.append(f"{home.id}: balances")
        if np.minimum(traded.import_kw, traded.export_kw).max() > BALANCE_KW:
            found.append(f"{home.id}: buys and sells at once")
    for name in ("pool_kw", "pool_heat_kw"):
        total = sum(getattr(e, name) for e in dispatch.exchange.values())
        if np.abs(total).max() > BALANCE_KW:
            found.append(f"{name} does not balance")
    return found


def assert_steps_keep_what_is_booked(day: DayState) -> None:
    steps, batteries = day.steps, day.batteries
    booked = sum(steps[name].p_kw for name in ("E4", "E5", "E9", "E10"))
    sold = -steps["E13"].p_kw
    total = batteries.data.by_unit(batteries.p_kw + batteries.standing_kw)
    assert np.abs(total - booked - sold).max() < BALANCE_KW
    assert not (batteries.charged & batteries.discharged).any()
    assert not (day.tanks.charged & day.tanks.discharged).any()
    for before, after in (("E1", "E2"), ("E3", "E4"), ("E4", "E5"), ("E6", "E7"), ("E9", "E10")):
        step = steps[after]
        change = steps[before].left_kw + step.p_kw - step.pool_kw
        assert np.abs(step.left_kw - change).max() < BALANCE_KW
    for name in STEPS:
        assert np.abs(steps[name].pool_kw.sum(axis=0)).max(initial=0.0) < BALANCE_KW


def assert_money_stays_in_the_building(day: DayState, case: HomesCase) -> None:
    money = unit_money(day, case.file.pool)
    assert np.abs(money.pool.sum(axis=0)).max() < 1e-9


@pytest.mark.parametrize("block", range(5))
def test_days_of_the_apartment_building(block: int) -> None:
    """A hundred seeded days together and alone."""
    for number in range(100 * block, 100 * block + 100):
        case = stochastic_day(APARTMENT, 7, number)
        plant = read_plant(case)
        days = run_day(plant, together(plant)), run_day(plant, apart(plant))
        for day in days:
            assert_steps_keep_what_is_booked(day)
            assert_money_stays_in_the_building(day, case)
            e, data = day.batteries.energy_kwh, day.batteries.data
            assert e.min() > -BALANCE_KW
            assert (e <= data.ceiling_kwh[:, None] + BALANCE_KW).all()
        assert days[0].imported_kw.sum() <= days[1].imported_kw.sum() + BALANCE_KW
        if number % 20 == 0:
            assert [line for day in days for line in broken_of(case, day)] == []


@pytest.mark.parametrize("seed", range(40))
def test_cases_of_every_kind_of_device(seed: int) -> None:
    """Losses, heat pumps, limits of the grid; units without a CHP, a boiler or a store."""
    case = random_case(seed)
    plant = read_plant(case)
    for groups in (together(plant), apart(plant), [[0], list(range(1, len(plant.units)))]):
        day = run_day(plant, groups)
        assert broken_of(case, day) == []
        assert_steps_keep_what_is_booked(day)
        assert_money_stays_in_the_building(day, case)
        money = unit_money(day, case.file.pool)
        told = float((money.cost + money.unserved).sum())
        renewable = float(
            (day.sales.renewable_kw * (plant.terms.sale - plant.terms.renewable_sale)).sum()
        )
        assert cost_of_day(case, as_dispatch(case, day)) == pytest.approx(told - renewable)


@pytest.mark.parametrize("seed", range(40))
def test_cars_jobs_least_outputs_and_every_option(seed: int) -> None:
    """Whatever the options are: balances, limits of devices and trade, nothing undone.

    A store that nothing can serve is left under its floor, and named; all else holds.
    """
    case = wild_case(seed)
    plant = read_plant(case)
    for groups in (together(plant), apart(plant)):
        for day in (run_day(plant, groups), run_paying(plant, groups)):
            short = [str(key) for key in short_stores(day)]
            broken = [b for b in broken_of(case, day) if not any(key in b for key in short)]
            assert broken == []
            assert_steps_keep_what_is_booked(day)
            assert_money_stays_in_the_building(day, case)


def test_stores_are_seldom_left_short() -> None:
    cases = [wild_case(seed) for seed in range(40)]
    plants = [read_plant(case) for case in cases]
    assert sum(bool(short_stores(run_day(p, together(p)))) for p in plants) <= 2


@pytest.mark.parametrize("seed", range(20))
def test_rules_that_pay_keep_the_same_limits(seed: int) -> None:
    case = random_case(seed)
    plant = read_plant(case)
    for groups in (together(plant), apart(plant)):
        day = run_paying(plant, groups)
        assert broken_of(case, day) == []
        assert_steps_keep_what_is_booked(day)


@pytest.mark.parametrize("seed", range(8))
def test_the_optimum_is_never_dearer(seed: int) -> None:
    case = random_case(seed)
    plant = read_plant(case)
    best = priced_days(case)
    for way, groups in (("coalition", together(plant)), ("alone", apart(plant))):
        for day in (run_day(plant, groups), run_paying(plant, groups)):
            money = unit_money(day, case.file.pool)
            assert best[way].value <= float((money.cost + money.unserved).sum()) + 1e-6
    assert best["coalition"].value <= best["alone"].value + 1e-6  # more freedom is never dearer


def reordered(case: HomesCase, order: Sequence[int]) -> HomesCase:
    homes = tuple(case.homes[k] for k in order)
    return HomesCase(
        case.file.model_copy(update={"home": homes}), case.profiles, case.scenarios, case.folder
    )


def test_the_order_of_units_does_not_matter() -> None:
    order = (3, 0, 4, 2, 1)
    told, other = by_rules(APARTMENT), by_rules(reordered(APARTMENT, order))
    for name in STEPS:
        for key in ("p_kw", "heat_kw", "pool_kw", "pool_heat_kw"):
            expected = getattr(told.steps[name], key)[list(order)]
            assert getattr(other.steps[name], key) == pytest.approx(expected, abs=1e-9)


def scaled(value: object, factor: float) -> object:
    """Return a part of a case with every power and energy multiplied."""
    if isinstance(value, dict):
        return {
            key: item * factor
            if isinstance(item, float)
            and key.endswith(("_kw", "_kwh"))
            and not key.endswith("per_kwh")
            else scaled(item, factor)
            for key, item in value.items()
        }
    return tuple(scaled(item, factor) for item in value) if isinstance(value, tuple) else value


def test_twice_the_building_does_twice_as_much() -> None:
    document = scaled(APARTMENT.file.model_dump(exclude_none=True), 2.0)
    assert isinstance(document, dict)
    profiles = {
        name: values * (2.0 if name.endswith("_kw") else 1.0)
        for name, values in APARTMENT.profiles.items()
    }
    double = HomesCase(
        type(APARTMENT.file).model_validate(document),
        profiles,
        APARTMENT.scenarios,
        APARTMENT.folder,
    )
    one, two = by_rules(APARTMENT), by_rules(double)
    for name in STEPS:
        assert two.steps[name].p_kw == pytest.approx(2.0 * one.steps[name].p_kw, abs=1e-9)
        assert two.steps[name].heat_kw == pytest.approx(2.0 * one.steps[name].heat_kw, abs=1e-9)


def test_singles_in_a_partition_are_as_alone() -> None:
    """What a group does is its own matter: the others may trade or not."""
    alone = by_rules(APARTMENT, (0,), (1,), (2,), (3,), (4,))
    mixed = by_rules(APARTMENT, (0, 3, 4), (1,), (2,))
    subset = by_rules(reordered(APARTMENT, (1,)))
    for name in STEPS:
        assert mixed.steps[name].p_kw[1:3] == pytest.approx(alone.steps[name].p_kw[1:3], abs=1e-12)
        assert subset.steps[name].p_kw[0] == pytest.approx(alone.steps[name].p_kw[1], abs=1e-12)


def test_internal_prices_only_move_money_between_units() -> None:
    building = APARTMENT.file.building.model_copy(
        update={
            "surplus_price_per_kwh": 0.2,
            "chp_exchange_share": 0.1,
            "heat_exchange_factor": 9.0,
            "boiler_exchange_factor": 0.0,
        }
    )
    other = HomesCase(
        APARTMENT.file.model_copy(update={"building": building}),
        APARTMENT.profiles,
        APARTMENT.scenarios,
        APARTMENT.folder,
    )
    costs = [unit_money(by_rules(case), case.file.pool).cost for case in (APARTMENT, other)]
    assert costs[0].sum() == pytest.approx(costs[1].sum(), abs=1e-9)
    assert np.abs(costs[0] - costs[1]).max() > 0.01


def test_the_ledger_of_every_hour_sums_to_what_the_building_pays_outside() -> None:
    day = by_rules(APARTMENT)
    entries = day_ledger(day, "coalition", APARTMENT.file.pool)
    assert not entries.duplicated(["from", "to", "hour", "carrier", "reason"]).any()
    outside = entries[entries["reason"].isin(["purchase", "gas"])].groupby("hour")["amount"].sum()
    sold = entries[entries["reason"] == "sale"].groupby("hour")["amount"].sum()
    net = outside.sub(sold, fill_value=0.0).to_numpy()
    assert net == pytest.approx(unit_money(day, APARTMENT.file.pool).cost.sum(axis=0))


@pytest.mark.parametrize("hours", [1, 5, 30])
def test_any_number_of_hours_without_heat_or_building_section(hours: int) -> None:
    homes = [
        {
            "id": "a",
            "load": [{"id": "flat", "carrier": "electricity", "p_kw": 2.0}],
            "pv": [{"id": "roof", "p_max_kw": 5.0, "forecast": "sun"}],
        },
        {"id": "b", "load": [{"id": "flat", "carrier": "electricity", "p_kw": 1.0}]},
    ]
    case = homes_case(
        homes,
        {"sun": np.ones(hours)},
        hours=hours,
        retailer={"buy_per_kwh": 0.2, "sell_per_kwh": 0.1},
    )
    day = by_rules(case)
    # 5 kW of sun serve 2 and 1 kW; the other 2 kW are sold at a tenth of the market price.
    assert day.sales.renewable_kw.tolist() == [[2.0] * hours, [0.0] * hours]
    money = unit_money(day, case.file.pool)
    assert money.cost[0] == pytest.approx([-0.03 - 2.0 * 0.02] * hours)
    assert money.cost[1] == pytest.approx([0.03] * hours)
