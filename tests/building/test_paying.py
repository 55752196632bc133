"""Rules that pay: each mend of the paper's rules, and what it gains."""

from __future__ import annotations

import pytest
from building_days import hand_case

from cmgplan.building.days.draw import stochastic_day
from cmgplan.building.model.plant import Plant, read_plant
from cmgplan.building.pipeline import run_building
from cmgplan.building.result import BuildingOptions
from cmgplan.building.rules.day import apart, run_day, together
from cmgplan.building.rules.paying import MENDS, Mend, run_paying
from cmgplan.building.rules.totals import totals
from cmgplan.homes.case.read import load_homes

CASE = load_homes("apartment5")
POOL = CASE.file.pool


def told(plant: Plant, *mends: Mend, joint: bool = True) -> dict[str, float]:
    groups = together(plant) if joint else apart(plant)
    return totals(run_paying(plant, groups, mends), POOL)


@pytest.mark.parametrize(
    ("joint", "paper", "sales", "heat", "all_three"),
    [(True, 23.952, 23.829, 23.825, 23.826), (False, 25.597, 25.347, 25.347, 25.342)],
)
def test_what_each_mend_gains_on_the_fitted_day(
    joint: bool, paper: float, sales: float, heat: float, all_three: float
) -> None:
    plant = read_plant(CASE)
    chosen: tuple[tuple[Mend, ...], ...] = ((), ("sales",), ("sales", "heat"), MENDS)
    days = [told(plant, *mends, joint=joint) for mends in chosen]
    assert [day["cost"] for day in days] == pytest.approx([paper, sales, heat, all_three], abs=2e-3)
    for day in days:  # no mend saves money by leaving heat unserved
        assert day["heat_unserved_kwh"] == pytest.approx(days[0]["heat_unserved_kwh"], abs=1e-6)
        assert day["grid_kwh"] == pytest.approx(days[0]["grid_kwh"], abs=1e-6)


def test_nothing_is_sold_under_its_gas_without_need_of_its_heat() -> None:
    plant = read_plant(CASE)
    day = run_paying(plant, together(plant), ("sales",))
    price, gas = plant.terms.sale, plant.terms.gas / 0.34
    spared = plant.terms.gas / 0.85 * 0.40 / 0.34  # heat of a kWh of power, from a boiler
    assert not day.short_heat_kw.any()
    assert 0.0 < day.sales.engine_kw.sum() < run_day(plant, together(plant)).sales.engine_kw.sum()
    assert not day.sales.engine_kw[:, price < gas - spared].any()
    # Where its price does not cover its gas, its heat is all used: none is left in the tanks.
    assert day.tanks.energy_kwh[:, -1].sum() == pytest.approx(0.0, abs=1e-6)


def test_batteries_are_not_charged_for_nothing() -> None:
    """By hand: after the last load the paper's rules charge 3 kWh that nothing uses."""
    case = hand_case()
    plant = read_plant(case)
    paper = run_day(plant, together(plant))
    pays = run_paying(plant, together(plant), ("charging",))
    assert paper.steps["E9"].p_kw[:, 3:].sum() == pytest.approx(-3.0)
    assert not pays.steps["E9"].p_kw[:, 3:].any()
    assert pays.steps["E10"].p_kw.tolist() == paper.steps["E10"].p_kw.tolist()
    spared = totals(paper, POOL)["cost"] - totals(pays, POOL)["cost"]
    assert spared == pytest.approx(3.0 * 0.012 / 0.4)


def test_over_a_month_they_cost_less() -> None:
    for joint in (True, False):
        for number in range(8):
            plant = read_plant(stochastic_day(CASE, 5, number))
            values = [
                day["cost"] + day["unserved_value"]
                for day in (told(plant, joint=joint), told(plant, *MENDS, joint=joint))
            ]
            assert values[1] < values[0] + 1e-9


def test_a_run_by_rules_that_pay() -> None:
    """Home A alone no longer makes heat for nothing: its engine follows its heat in hour 0."""
    case = load_homes("two-homes")
    paper = run_building(case, BuildingOptions(priced=False))
    pays = run_building(case, BuildingOptions(priced=False, rules="paying"))
    assert (paper.rules, pays.rules) == ("paper", "paying")
    assert pays.units["A"]["alone"] < paper.units["A"]["alone"] - 0.5
    assert pays.totals["alone"]["heat_unserved_kwh"] == 0.0
    assert pays.values["A+B"] >= paper.values["A+B"] - 1e-9
