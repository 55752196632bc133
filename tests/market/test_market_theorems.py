"""What must hold in any market: bounds of incomes, prices that clear, and what more plant does."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from homes_cases import random_case
from market_cases import settled, two_hours, worth_of

from cmgplan.homes.case.records import HomesCase
from cmgplan.market.case.ceilings import heat_price_max
from cmgplan.market.leading.groups import Groups
from cmgplan.market.leading.settlement import Settlement, Worth
from cmgplan.market.leading.uniform import Uniform
from cmgplan.market.model.plant import Plant
from cmgplan.market.pipeline import run_market
from cmgplan.market.result import MarketOptions

GAP = 0.01
ELECTRICITY, HEAT = 0, 1


def unlimited(seed: int, **market: Any) -> HomesCase:
    """Return a random case without limits of trade with the retailer."""
    case = random_case(seed)
    assert case.file.retailer is not None
    none = {"power_max_kw": None, "power_max_total_kw": None}
    update: dict[str, Any] = {"retailer": case.file.retailer.model_copy(update=none)}
    update["market"] = case.file.market.model_copy(update=market)
    return replace(case, file=case.file.model_copy(update=update))


def splits(homes: tuple[str, ...]) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    return [
        (leading, tuple(home for home in homes if home not in leading))
        for size in range(1, len(homes))
        for leading in combinations(homes, size)
    ]


def solved(plant: Plant, leading: Any, following: Any) -> tuple[Settlement, Worth]:
    worth = worth_of(plant, leading, following)
    found = Uniform(plant, leading, following, worth, gap=GAP, time_limit_s=60.0).answer()
    return found, worth


CASES = [(seed, *split) for seed in range(5) for split in splits(unlimited(seed).ids)]


@pytest.fixture(scope="module")
def plants() -> dict[int, Plant]:
    return {seed: Plant(unlimited(seed)) for seed in range(5)}


@pytest.fixture(scope="module")
def answers(plants: dict[int, Plant]) -> dict[Any, tuple[Settlement, Worth]]:
    return {key: solved(plants[key[0]], key[1], key[2]) for key in CASES}


@pytest.mark.parametrize("key", CASES)
def test_incomes_lie_between_what_each_has_alone_and_what_there_is(answers: Any, key: Any) -> None:
    s, worth = answers[key]
    shaded = 0.01 * 0.4 * 6 * 2  # kW, the dearest price, hours, carriers
    assert worth.leading - shaded <= s.leader_income <= worth.bound + 1e-7
    assert s.follower_income >= worth.following - 1e-7
    assert s.leader_income + s.follower_income <= worth.together + 1e-7
    assert s.leader_income <= s.bound <= max(worth.bound, s.leader_income) + 1e-7
    assert s.pessimistic_income <= s.optimistic_income + 1e-9
    assert s.optimistic_income <= s.bound + 1e-7
    assert s.status == "optimal"
    assert worth.share(s.bound - s.leader_income) <= GAP


@pytest.mark.parametrize("key", CASES)
def test_homes_incomes_are_those_of_their_group(answers: Any, key: Any) -> None:
    s, _ = answers[key]
    assert sum(s.income[home] for home in key[1]) == pytest.approx(s.leader_income)
    assert sum(s.income[home] for home in key[2]) == pytest.approx(s.follower_income)
    pool = sum(exchange.pool_kw for exchange in s.dispatch.exchange.values())
    heat = sum(exchange.pool_heat_kw for exchange in s.dispatch.exchange.values())
    assert np.abs([pool, heat]).max() < 1e-6


@pytest.mark.parametrize("key", CASES)
def test_followers_alone_at_the_quantities_cost_the_same_and_have_one_price(
    plants: Any, answers: Any, key: Any
) -> None:
    s, _ = answers[key]
    plant = plants[key[0]]
    groups = Groups(plant, key[1], key[2])
    quantity = np.concatenate(list(s.quantity))
    found = groups.followers_at(quantity)
    assert found is not None
    paid = float((s.prices * s.quantity).sum()) * plant.case.dt_h
    assert -found[0] * plant.unit - paid == pytest.approx(s.follower_income, abs=1e-6)
    assert s.unique.all()
    assert (s.high - s.low).max() < 1e-6


@pytest.mark.parametrize("key", CASES)
def test_a_price_is_what_one_more_kwh_is_worth_to_the_followers(
    plants: Any, answers: Any, key: Any
) -> None:
    s, _ = answers[key]
    plant, step = plants[key[0]], 1e-5
    groups = Groups(plant, key[1], key[2])
    quantity = np.concatenate(list(s.quantity))
    prices = np.concatenate(list(s.prices))
    for k in (1, 8):
        more = quantity.copy()
        more[k] += step
        before, after = groups.followers_at(quantity), groups.followers_at(more)
        assert before is not None and after is not None
        slope = (before[0] - after[0]) * plant.unit / step / plant.case.dt_h
        assert slope == pytest.approx(prices[k], abs=2e-4)


@pytest.mark.parametrize("key", CASES)
def test_prices_stay_in_the_retailers_band_and_under_the_ceiling_of_heat(
    plants: Any, answers: Any, key: Any
) -> None:
    s, _ = answers[key]
    case = plants[key[0]].case
    buy, sell = case.profiles["buy_per_kwh"], case.profiles["sell_per_kwh"]
    assert (s.prices[ELECTRICITY] <= buy + 1e-9).all()
    assert (s.prices[ELECTRICITY] >= sell - 1e-9).all()
    assert (s.prices[HEAT] >= -1e-9).all()
    assert (s.prices[HEAT] <= heat_price_max(case).max() + 1e-9).all()
    assert s.wide == ()


@pytest.mark.parametrize("seed", [0, 1])
def test_devices_run_by_their_own_simulation(plants: Any, answers: Any, seed: int) -> None:
    for key in CASES:
        if key[0] != seed:
            continue
        s, case = answers[key][0], plants[seed].case
        for home in case.homes:
            for device in home.devices():
                flows = s.dispatch.flows[home.id, device.id]
                shift = s.dispatch.shifts.get((home.id, device.id))
                if shift is None:
                    breaches = device.simulate_flows(case.forecasts(), flows).breaches
                else:
                    breaches = device.simulate_shift(
                        case.forecasts(), shift.up_kw, shift.down_kw, shift.unserved_kw
                    ).breaches
                assert breaches == []


@pytest.mark.parametrize("seed", [0, 4])
def test_nothing_is_gained_where_nothing_may_be_exchanged(seed: int) -> None:
    plant = Plant(unlimited(seed, quantity_max_kw=1e-9, shade_kw=0.0))
    leading, following = splits(plant.case.ids)[0]
    s, worth = solved(plant, leading, following)
    assert s.leader_income == pytest.approx(worth.leading, abs=1e-6)
    assert s.follower_income == pytest.approx(worth.following, abs=1e-6)


@pytest.mark.parametrize("seed", [1])
def test_a_larger_quantity_never_lowers_the_leaders_income(seed: int) -> None:
    earned: list[float] = []
    for most_kw in (0.5, 2.0, 1000.0):
        plant = Plant(unlimited(seed, quantity_max_kw=most_kw))
        leading, following = splits(plant.case.ids)[0]
        s, worth = solved(plant, leading, following)
        assert all(s.leader_income >= less - GAP * worth.surplus - 1e-3 for less in earned)
        earned.append(s.leader_income)
    assert earned[-1] > earned[0]


@pytest.mark.parametrize("seed", range(3))
def test_more_of_the_leaders_own_plant_never_lowers_their_income(seed: int) -> None:
    less, _ = settled(two_hours(seed)[0])
    more, _ = settled(two_hours(seed, engine_a=1.5)[0])
    assert more.optimistic_income >= less.optimistic_income - 1e-3


def test_the_order_of_the_homes_does_not_matter() -> None:
    case = unlimited(0)
    turned = replace(case, file=case.file.model_copy(update={"home": case.homes[::-1]}))
    leading, following = splits(case.ids)[0]
    s, worth = solved(Plant(case), leading, following)
    again, _ = solved(Plant(turned), leading, following)
    assert again.leader_income == pytest.approx(s.leader_income, abs=GAP * worth.surplus + 0.01)


def test_without_a_pool_every_group_has_what_its_homes_have_alone() -> None:
    case = unlimited(0)
    pool = case.file.pool.model_copy(update={"electricity": False, "heat": False})
    result = run_market(
        replace(case, file=case.file.model_copy(update={"pool": pool})), MarketOptions()
    )
    for s in result.structures:
        for home in (*s.leading, *s.following):
            assert s.income[home] == pytest.approx(result.values[home], abs=1e-6)
    for group, value in result.values.items():
        assert value == pytest.approx(sum(result.values[home] for home in group.split("+")))


def test_other_names_and_another_order_permute_values_games_and_incomes() -> None:
    case = unlimited(next(seed for seed in range(9) if len(unlimited(seed).ids) == 3))
    other = {"A": "C", "B": "A", "C": "B"}
    homes = [home.model_copy(update={"id": other[home.id]}) for home in case.homes]
    turned = replace(case, file=case.file.model_copy(update={"home": tuple(homes[::-1])}))
    options = MarketOptions(structures=("A|B+C",))
    here = run_market(case, options)
    there = run_market(turned, options.model_copy(update={"structures": ("C|A+B",)}))
    for group, value in here.values.items():
        name = "+".join(sorted(other[home] for home in group.split("+")))
        assert there.values[name] == pytest.approx(value, abs=1e-7)
    for rule in ("shapley", "nucleolus"):
        for home, share in here.games[rule].items():
            assert there.games[rule][other[home]] == pytest.approx(share, abs=1e-5)
    one, two = here.structure("A|B+C"), there.structure("C|A+B")
    surplus = here.values["A+B+C"] - here.values["A"] - here.values["B+C"]
    assert two.leader_income == pytest.approx(one.leader_income, abs=GAP * surplus + 1e-3)
    assert two.bound >= one.leader_income - 1e-6
    assert one.bound >= two.leader_income - 1e-6


@pytest.mark.parametrize("seed", [0, 1])
def test_the_point_settled_at_one_price_lies_in_the_core(seed: int) -> None:
    case = unlimited(seed)
    result = run_market(case, MarketOptions(structures=("+".join(case.ids),)))
    paid = result.games["owen"]
    assert sum(paid.values()) == pytest.approx(result.values["+".join(case.ids)], abs=1e-6)
    for group, value in result.values.items():
        assert sum(paid[home] for home in group.split("+")) >= value - 1e-6
