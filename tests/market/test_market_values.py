"""Values of coalitions: against the one-owner optimum of the same homes, and the game they make."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from homes_cases import homes_case, random_case
from market_cases import engine, flats, market_case

from cmgplan.errors import InfeasibleError
from cmgplan.homes.case.read import load_homes
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.optimum.front import find_optimum
from cmgplan.homes.optimum.result import OptimumOptions
from cmgplan.market.model.choices import Commitment
from cmgplan.market.model.plant import Plant
from cmgplan.market.model.values import Values, coalitions, lacking

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
    assert lacking(Commitment(plant), "heat") == pytest.approx({"A": 20.0})
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


def test_a_group_that_cannot_be_alone_is_named_with_what_holds_it() -> None:
    # 28 kW at least, 10 of which the retailer takes.
    must_run = {"id": "A", "chp": [{**engine(50.0, 6.0), "fuel_min_kw": 42.0}]}
    taker = {"id": "B", "load": [flats(100.0)]}
    case = market_case([must_run, taker], 20.0, 5.0, retailer={"power_max_kw": 10.0})
    plant = Plant(case)
    assert plant.cost_of(("A", "B")) > 0.0
    with pytest.raises(InfeasibleError, match=r"A on its own has no day \(A\.engine\)"):
        plant.cost_of(("A",))


def test_a_home_without_load_or_plant_is_worth_nothing() -> None:
    case = market_case([{"id": "A"}, {"id": "B", "load": [flats(10.0)]}], 20.0, 5.0)
    values = Values(Plant(case))
    assert values[("A",)] == 0.0
    assert values[("A", "B")] == pytest.approx(-200.0)
    assert np.isclose(values[()], 0.0)


def test_a_store_does_not_burn_power_that_the_retailer_pays_to_lose() -> None:
    battery = {
        "id": "battery",
        "p_charge_max_kw": 10.0,
        "p_discharge_max_kw": 10.0,
        "energy_kwh": 10.0,
        "soc_start": 0.5,
        "efficiency_charge": 0.9,
        "efficiency_discharge": 0.9,
    }
    homes = [{"id": "A", "storage": [battery]}, {"id": "B", "load": [flats(5.0)]}]
    prices = {"buy_per_kwh": np.array([-1.0, 20.0]), "sell_per_kwh": np.array([-2.0, 5.0])}
    case = market_case(homes, "buy_per_kwh", "sell_per_kwh", profiles=prices, hours=2)
    plant = Plant(case)
    alone = find_optimum(only(case, ("A",)), OptimumOptions(gap=1e-7)).point
    # 5 kWh more fit in, bought at -1 p; then 0.9 * 5 kWh are sold at 5 p.
    assert alone.cost == pytest.approx(-5.0 / 0.9 - 0.9 * 5.0 * 5.0)
    assert plant.cost_of(("A",)) == pytest.approx(alone.cost)
    assert list(plant.fixed) == ["A.battery"]


def test_intervals_of_half_an_hour_are_worth_half() -> None:
    case = market_case([{"id": "A", "load": [flats(10.0)]}], 20.0, 5.0)
    half = case.file.model_copy(update={"time": case.file.time.model_copy(update={"dt_h": 0.5})})
    assert Plant(replace(case, file=half)).cost_of(("A",)) == pytest.approx(100.0)
