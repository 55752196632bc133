"""``cases/hmg3``: the plant of Table I, and what each group of its homes is worth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cmgplan.homes.case.read import check_homes, load_homes
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.optimum.front import find_optimum
from cmgplan.homes.optimum.model import DayModel
from cmgplan.homes.optimum.result import OptimumOptions
from cmgplan.search.coalitions import (
    Game,
    core_check,
    is_convex,
    is_superadditive,
    least_core,
    nucleolus,
    shapley,
)
from cmgplan.solve import LinearProblem

WORTH = {
    "A": -369.63,
    "B": -559.69,
    "C": -646.75,
    "AB": -843.02,
    "AC": -643.52,
    "BC": -830.42,
    "ABC": -1099.76,
}
"""Income of one owner of a group, GBP a day, by a linear program that was written apart."""

WORTH_ES_IN_B = {
    "A": -376.49,
    "B": -549.14,
    "C": -646.75,
    "AB": -843.02,
    "AC": -676.23,
    "BC": -796.99,
    "ABC": -1099.76,
}


@pytest.fixture(scope="module")
def case() -> HomesCase:
    return load_homes("hmg3")


@pytest.fixture(scope="module")
def es_in_b() -> HomesCase:
    return load_homes("hmg3-es-in-b")


def of_group(case: HomesCase, group: str) -> HomesCase:
    """Return the case with the homes of a group alone."""
    homes = tuple(home for home in case.homes if home.id in group)
    return replace(case, file=case.file.model_copy(update={"home": homes}))


def market_worth(case: HomesCase) -> tuple[float, float]:
    """Return the income of one owner, GBP, and unserved heat, kWh, as the market counts them.

    In the market, heat that nothing serves costs the lesser of its value and the ceiling of the
    price of heat, which here is the sum of the retailer's prices of the hour.
    """
    model = DayModel(case)
    value = case.file.pool.unserved_heat_per_kwh
    ceiling = case.series("retail_buy_per_kwh") + case.series("retail_sell_per_kwh")
    pairs = [(model.m.cost, 1.0)]
    unserved = []
    for load in model.loads():
        if "heat" in load.device.carriers:
            for t in model.h.steps:
                unserved.append(load.block.unserved[t])
                pairs.append((unserved[-1], min(value, float(ceiling[t])) - value))
    problem = LinearProblem(model.m)
    found = problem.solve(pairs)
    assert found.accepted and found.value is not None
    problem.load(found.values())
    return -found.value, sum(float(heat.value) for heat in unserved)


@pytest.mark.parametrize("group", WORTH)
def test_worth_of_each_group_of_homes(case: HomesCase, group: str) -> None:
    worth, unserved_kwh = market_worth(of_group(case, group))
    assert worth == pytest.approx(WORTH[group], abs=0.01)
    assert unserved_kwh == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("group", ["C", "ABC"])
def test_the_optimum_is_that_of_the_market_where_all_heat_is_served(
    case: HomesCase, group: str
) -> None:
    point = find_optimum(of_group(case, group), OptimumOptions(gap=1e-7)).point
    assert point.status == "optimal"
    assert -point.cost == pytest.approx(market_worth(of_group(case, group))[0], abs=1e-4)


@pytest.mark.parametrize("group", WORTH_ES_IN_B)
def test_worth_of_each_group_with_the_battery_in_b(es_in_b: HomesCase, group: str) -> None:
    assert market_worth(of_group(es_in_b, group))[0] == pytest.approx(
        WORTH_ES_IN_B[group], abs=0.01
    )


def test_rules_that_share_what_all_homes_are_worth(case: HomesCase) -> None:
    game = Game.computed("ABC", lambda s: market_worth(of_group(case, "".join(sorted(s))))[0])
    value, point = shapley(game), nucleolus(game)
    assert list(value.values()) == pytest.approx([-259.67, -448.15, -391.94], abs=0.01)
    assert core_check(game, value).least_excess == pytest.approx(-9.67, abs=0.01)
    assert list(point.values()) == pytest.approx([-308.49, -495.38, -295.89], abs=0.01)
    assert least_core(game).least_excess == pytest.approx(39.146, abs=0.001)
    assert is_superadditive(game)
    assert not is_convex(game)


def test_the_battery_is_worth_something_to_whoever_has_it(
    case: HomesCase, es_in_b: HomesCase
) -> None:
    worth_to_a = market_worth(of_group(case, "A"))[0] - market_worth(of_group(es_in_b, "A"))[0]
    worth_to_b = market_worth(of_group(es_in_b, "B"))[0] - market_worth(of_group(case, "B"))[0]
    assert worth_to_a == pytest.approx(6.86, abs=0.02)
    assert worth_to_b == pytest.approx(10.55, abs=0.02)


def test_within_a_group_it_does_not_matter_whose_the_battery_is(
    case: HomesCase, es_in_b: HomesCase
) -> None:
    here, there = (market_worth(of_group(one, "AB"))[0] for one in (case, es_in_b))
    assert here == pytest.approx(there, abs=1e-6)


def test_the_plant_is_that_of_table_i(case: HomesCase) -> None:
    homes = {home.id: {d.kind: d for d in home.devices()} for home in case.homes}
    assert {name: set(kinds) for name, kinds in homes.items()} == {
        "A": {"load", "wt", "chp", "gas_boiler", "storage"},
        "B": {"load", "solar_thermal", "chp", "gas_boiler", "heat_pump"},
        "C": {"load", "electric_boiler", "thermal_store"},
    }
    for name, electric_kw, heat_kw in (("A", 142.0, 104.0), ("B", 207.0, 140.0)):
        chp = case.homes["AB".index(name)].chp[0]  # type: ignore[attr-defined]
        assert chp.fuel_max_kw * chp.efficiency_electric == pytest.approx(electric_kw, abs=1e-9)
        assert chp.fuel_max_kw * chp.efficiency_heat == pytest.approx(heat_kw, abs=1e-9)
    tank = homes["C"]["thermal_store"]
    assert tank.capacity_kwh == pytest.approx(4.0 * 40.0 * 1.163)  # type: ignore[attr-defined]


def test_loads_have_the_peaks_that_limit_what_may_move(case: HomesCase) -> None:
    h = case.forecasts()
    for home, electric_kw, heat_kw in zip(
        case.homes, (210.0, 225.0, 95.0), (320.0, 600.0, 235.0), strict=True
    ):
        electric, heat = home.load  # type: ignore[attr-defined]
        assert electric.base_kw(h).max() == electric_kw
        assert heat.base_kw(h).max() == heat_kw
        assert electric.up_max_kw(h) == pytest.approx(np.full(24, 0.3 * electric_kw))
        assert electric.down_max_kw(h) == pytest.approx(0.3 * electric.base_kw(h))
        assert not heat.shiftable


def test_the_two_cases_differ_in_the_home_of_the_battery(
    case: HomesCase, es_in_b: HomesCase
) -> None:
    moved = {}
    for one in (case, es_in_b):
        (home,) = (home for home in one.homes if home.storage)  # type: ignore[attr-defined]
        moved[one.name] = home.id
    assert moved == {"hmg3": "A", "hmg3-es-in-b": "B"}
    without = [
        one.file.model_copy(
            update={
                "name": "",
                "title": "",
                "home": tuple(home.model_copy(update={"storage": ()}) for home in one.homes),
            }
        )
        for one in (case, es_in_b)
    ]
    assert without[0] == without[1]
    assert case.homes[0].storage == es_in_b.homes[1].storage  # type: ignore[attr-defined]
    assert set(case.profiles) == set(es_in_b.profiles)
    for name, values in case.profiles.items():
        assert np.array_equal(values, es_in_b.profiles[name])


@pytest.mark.parametrize("name", ["hmg3", "hmg3-es-in-b"])
def test_the_cases_have_no_fault(name: str) -> None:
    assert check_homes(name) == []
