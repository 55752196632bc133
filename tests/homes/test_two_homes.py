"""The optimum of ``cases/two-homes`` is the one that its SOURCES.md derives by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import two_homes as by_hand

from cmgplan.homes.accounts.money import costs_of_home, emission_of_device, emission_of_imports
from cmgplan.homes.case.read import load_homes
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.optimum.front import find_optimum
from cmgplan.homes.optimum.result import OptimumOptions, OptimumPoint

CASE = load_homes(Path(__file__).parents[2] / "cases" / "two-homes")


def optimum(case: HomesCase, weight: float = 0.0) -> OptimumPoint:
    return find_optimum(case, OptimumOptions(emission_weight=weight)).point


def alone(home_id: str) -> HomesCase:
    home = next(home for home in CASE.homes if home.id == home_id)
    return replace(CASE, file=CASE.file.model_copy(update={"home": (home,)}))


@pytest.mark.parametrize(
    ("case", "weight", "known"),
    [
        (CASE, 0.0, by_hand.TOGETHER),
        (alone("A"), 0.0, by_hand.ALONE_A),
        (alone("B"), 0.0, by_hand.ALONE_B),
        (CASE, 1.0, by_hand.WEIGHTED_TOGETHER),
        (alone("A"), 1.0, by_hand.WEIGHTED_ALONE_A),
        (alone("B"), 1.0, by_hand.WEIGHTED_ALONE_B),
    ],
)
def test_cost_and_emission_are_those_by_hand(
    case: HomesCase, weight: float, known: by_hand.ByHand
) -> None:
    point = optimum(case, weight)
    assert point.cost == pytest.approx(known.cost, abs=1e-6)
    assert point.emission_kg == pytest.approx(known.emission_kg, abs=1e-6)
    assert point.objective == pytest.approx(known.cost + weight * known.emission_kg, abs=1e-6)
    assert point.bound == pytest.approx(point.objective, abs=1e-6)


def test_every_power_is_that_by_hand() -> None:
    day = optimum(CASE).dispatch
    near = {"abs": 1e-6}
    assert day.flows["A", "engine"].fuel_kw == pytest.approx(by_hand.FUEL_KW, **near)
    assert day.flows["A", "engine"].p_kw == pytest.approx(by_hand.ENGINE_KW, **near)
    assert day.flows["B", "boiler"].heat_kw == pytest.approx(by_hand.BOILER_HEAT_KW, **near)
    assert day.flows["B", "battery"].p_kw == pytest.approx(by_hand.BATTERY_KW, **near)
    assert -day.flows["B", "flats"].p_kw == pytest.approx(by_hand.FLATS_KW, **near)
    assert day.shifts["B", "flats"].up_kw == pytest.approx(by_hand.UP_KW, **near)
    assert day.shifts["B", "flats"].down_kw == pytest.approx(by_hand.DOWN_KW, **near)
    total = {
        name: sum(getattr(day.exchange[home], name) for home in CASE.ids)
        for name in ("import_kw", "export_kw", "pool_kw", "pool_heat_kw")
    }
    assert total["import_kw"] == pytest.approx(by_hand.BOUGHT_KW, **near)
    assert total["export_kw"] == pytest.approx(by_hand.SOLD_KW, **near)
    assert total["pool_kw"] == pytest.approx(np.zeros(3), **near)
    assert total["pool_heat_kw"] == pytest.approx(np.zeros(3), **near)
    dumped = sum(day.dumped_kw.values())
    assert dumped == pytest.approx(by_hand.DUMPED_KW, **near)
    heat_kw = day.exchange["A"].pool_heat_kw
    given = heat_kw + day.dumped_kw["A"]  # where the rest of the heat is dumped makes no difference
    assert given + day.dumped_kw["B"] == pytest.approx(
        np.add(by_hand.HEAT_A_TO_B_KW, by_hand.DUMPED_KW), **near
    )


def test_every_part_of_cost_and_emission_is_that_by_hand() -> None:
    day = optimum(CASE).dispatch
    costs = [costs_of_home(CASE, home, day) for home in CASE.ids]
    for name, known in by_hand.COST_PARTS.items():
        found = sum(float(getattr(cost, name).sum()) for cost in costs)
        assert found == pytest.approx(known, abs=1e-6), name
    bought = sum(float(emission_of_imports(CASE, home, day).sum()) for home in CASE.ids)
    assert bought == pytest.approx(by_hand.EMISSION_PARTS_KG["purchases"], abs=1e-6)
    burnt = sum(
        float(emission_of_device(CASE, home.id, device, day).sum())
        for home in CASE.homes
        for device in home.devices()
    )
    assert burnt == pytest.approx(by_hand.EMISSION_PARTS_KG["gas"], abs=1e-6)
