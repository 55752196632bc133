"""Values of coalitions: against the one-owner optimum of the same homes, and the game they make."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from homes_cases import homes_case, random_case
from market_cases import flats, market_case

from cmgplan.homes.case.read import load_homes
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.optimum.front import find_optimum
from cmgplan.homes.optimum.result import OptimumOptions
from cmgplan.market.model.plant import Plant
from cmgplan.market.model.values import Values, coalitions, cold_homes

HMG3 = {
    "A": -369.63,
    "B": -559.69,
    "C": -646.75,
    "A+B": -843.02,
    "A+C": -643.52,
    "B+C": -830.42,
    "A+B+C": -1099.76,
}
"""GBP a day, from a prototype that shares no code with this package."""


def only(case: HomesCase, homes: tuple[str, ...]) -> HomesCase:
    """Return a case with some of its homes."""
    kept = tuple(home for home in case.homes if home.id in homes)
    return replace(case, file=case.file.model_copy(update={"home": kept}))


def dear_heat(case: HomesCase) -> HomesCase:
    """Return a case whose ceiling of heat is over the value of unserved heat."""
    pool = case.file.pool.model_copy(update={"heat_price_max_per_kwh": 100.0})
    return replace(case, file=case.file.model_copy(update={"pool": pool}))


@pytest.mark.parametrize("seed", range(6))
def test_a_coalition_is_worth_what_one_owner_of_its_homes_makes(seed: int) -> None:
    case = dear_heat(random_case(seed))
    plant = Plant(case)
    for homes in coalitions(case.ids):
        alone = find_optimum(only(case, homes), OptimumOptions(gap=1e-7)).point
        assert plant.cost_of(homes) == pytest.approx(alone.cost, abs=1e-6)


def test_three_home_microgrids_are_worth_what_a_prototype_found() -> None:
    values = Values(Plant(load_homes("hmg3")))
    values.solve_all()
    assert values.named() == pytest.approx(HMG3, abs=0.005)


@pytest.mark.parametrize("seed", range(6))
def test_without_a_common_limit_homes_are_worth_more_together(seed: int) -> None:
    case = random_case(seed)
    assert case.file.retailer is not None
    retailer = case.file.retailer.model_copy(update={"power_max_total_kw": None})
    values = Values(Plant(replace(case, file=case.file.model_copy(update={"retailer": retailer}))))
    for homes in coalitions(case.ids):
        for size in range(1, len(homes)):
            for part in combinations(homes, size):
                rest = tuple(home for home in homes if home not in part)
                assert values[homes] >= values[part] + values[rest] - 1e-7


def test_heat_above_its_ceiling_is_not_served_and_the_home_is_named() -> None:
    rod = {"id": "rod", "heat_max_kw": 30.0, "efficiency": 1.0}
    home = {"id": "A", "electric_boiler": [rod], "load": [flats(50.0, "heat")]}
    plant = Plant(market_case([home], 20.0, 5.0, pool={"unserved_heat_per_kwh": 100.0}))
    # 30 kW at 20 p, and 20 kW at the ceiling of 20 + 5 p.
    assert plant.cost_of(("A",)) == pytest.approx(30.0 * 20.0 + 20.0 * 25.0)
    assert cold_homes(plant) == pytest.approx({"A": 20.0})
    cheap = Plant(market_case([home], 20.0, 5.0, pool={"unserved_heat_per_kwh": 15.0}))
    assert cheap.cost_of(("A",)) == pytest.approx(50.0 * 15.0)


def test_on_off_choices_are_those_of_all_homes_in_every_coalition() -> None:
    # Alone, A would burn nothing: its engine costs 10 p and the retailer pays 5 p. Together it
    # runs at its least for B, who would buy at 20 p; so it is on in v(A) too.
    engine = {
        "id": "engine",
        "fuel_max_kw": 100.0,
        "fuel_min_kw": 50.0,
        "efficiency_electric": 0.4,
        "efficiency_heat": 0.0,
    }
    case = homes_case(
        [{"id": "A", "chp": [engine]}, {"id": "B", "load": [flats(30.0)]}],
        {},
        retailer={"buy_per_kwh": 20.0, "sell_per_kwh": 5.0},
        gas={"price_per_kwh": 4.0},
        pool={"unserved_electricity_per_kwh": 1000.0},
    )
    plant = Plant(case)
    assert plant.fixed == {"A.engine": (1,)}
    assert plant.cost_of(("A", "B")) == pytest.approx(30.0 / 0.4 * 4.0)
    assert plant.cost_of(("A",)) == pytest.approx(50.0 * 4.0 - 20.0 * 5.0)


def test_a_home_without_load_or_plant_is_worth_nothing() -> None:
    case = market_case([{"id": "A"}, {"id": "B", "load": [flats(10.0)]}], 20.0, 5.0)
    values = Values(Plant(case))
    assert values[("A",)] == 0.0
    assert values[("A", "B")] == pytest.approx(-200.0)
    assert np.isclose(values[()], 0.0)
