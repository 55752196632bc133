"""A run of the building: stochastic days, optima, coalitions of units, what is handed on."""

from __future__ import annotations

import json
from functools import partial
from multiprocessing.reduction import ForkingPickler

import numpy as np
import pytest
from building_days import by_rules, hand_case
from homes_cases import homes_case

from cmgplan.building.days.draw import load_columns, stochastic_day
from cmgplan.building.model.plant import read_plant
from cmgplan.building.pipeline import month_day, run_building
from cmgplan.building.result import BuildingOptions, BuildingResult
from cmgplan.building.rules.day import apart, run_day, together
from cmgplan.errors import CaseError, InfeasibleError
from cmgplan.homes.case.read import load_homes
from cmgplan.homes.optimum.solve import OneOwner, Question
from cmgplan.progress import ProgressEvent
from cmgplan.search.coalitions import Game, is_superadditive

CASE = load_homes("apartment5")
QUICK = BuildingOptions(days=31, seed=3, priced=False)


@pytest.fixture(scope="module")
def events() -> list[ProgressEvent]:
    return []


@pytest.fixture(scope="module")
def result(events: list[ProgressEvent]) -> BuildingResult:
    return run_building(CASE, BuildingOptions(days=2, seed=3), events.append)


@pytest.fixture(scope="module")
def month() -> BuildingResult:
    return run_building(CASE, QUICK)


def test_loads_vary_and_nothing_else() -> None:
    drawn, columns = stochastic_day(CASE, 0, 4), load_columns(CASE)
    assert {columns[f"electric_{k}_kw"] for k in range(1, 6)} == {"electricity"}
    assert {columns[f"heat_{k}_kw"] for k in range(1, 6)} == {"heat"}
    assert len(columns) == 10  # appliances that are on or off stay as they are
    for name, values in CASE.profiles.items():
        assert (name in columns) == bool(np.any(drawn.profiles[name] != values)), name
        assert drawn.profiles[name].min() >= 0.0


def test_draws_are_within_what_is_told() -> None:
    """Means over hours within 8 % and what the noise leaves: 5 % over the root of 24 hours."""
    columns = load_columns(CASE)
    ratios = np.array(
        [
            stochastic_day(CASE, 11, number).profiles[name].mean() / CASE.profiles[name].mean()
            for number in range(60)
            for name in columns
        ]
    )
    assert ratios.mean() == pytest.approx(1.0, abs=0.01)
    assert 0.05 < np.abs(ratios - 1.0).max() < 0.08 + 5 * 0.05 / 24**0.5


def test_a_day_depends_on_seed_and_number_alone(month: BuildingResult) -> None:
    alone = month_day(CASE, QUICK, "paper", 7)
    assert alone.totals == month.month[7].totals
    assert month_day(CASE, QUICK, "paper", 8).totals != alone.totals


def test_a_day_can_be_handed_to_another_process(month: BuildingResult) -> None:
    sent = ForkingPickler.dumps(partial(month_day, CASE, QUICK, "paper"))
    assert ForkingPickler.loads(sent)(2).totals == month.month[2].totals


def test_over_a_month_the_coalition_needs_less(month: BuildingResult) -> None:
    """Table 6 has 6.248, 80.607, 99.966 and 100 %; its load curves are not printed."""
    better = month.improvements()
    assert better["cost"] == pytest.approx(0.06, abs=0.015)
    assert better["grid_kwh"] == pytest.approx(0.85, abs=0.08)
    assert better["heat_unserved_kwh"] == pytest.approx(0.95, abs=0.05)
    assert better["heat_dumped_kwh"] == pytest.approx(1.0)
    assert all(day.losers for day in month.month)  # every day some unit pays more


def test_rules_against_one_owner(result: BuildingResult) -> None:
    for way, value in (("coalition", 23.718), ("alone", 25.165)):
        best, rules = result.optimum[way], result.totals[way]
        assert best.value == pytest.approx(value, abs=2e-3)
        assert best.bound <= best.value <= rules["cost"] + rules["unserved_value"]
        assert best.heat_unserved_kwh == pytest.approx(0.0, abs=1e-6)
    assert result.optimum["coalition"].grid_kwh == pytest.approx(0.0, abs=1e-6)
    for day in result.month:
        for way, best_of_day in day.optimum.items():
            totals = day.totals[way]
            assert best_of_day["bound"] <= totals["cost"] + totals["unserved_value"] + 1e-6


def test_limits_of_sale_cost_something(result: BuildingResult) -> None:
    free = OneOwner(CASE).answer(Question({"cost": 1.0}), 1e-4)
    assert free is not None
    assert free.cost < result.optimum["coalition"].value - 0.1
    exported = result.optimum["coalition"].dispatch.exchange.values()
    plant = by_rules(CASE).plant
    capacity = plant.engines.p_max_kw.sum() + plant.batteries.rated_kw.sum()
    most = plant.terms.taken * capacity
    assert (sum(e.export_kw for e in exported) <= most + 1e-6).all()


def test_coalitions_of_units_are_worth_what_their_days_cost(result: BuildingResult) -> None:
    assert len(result.values) == 31
    assert result.values["unit1"] == pytest.approx(-result.units["unit1"]["alone"])
    everyone = "+".join(CASE.ids)
    assert result.values[everyone] == pytest.approx(-result.totals["coalition"]["cost"])
    pair = by_rules(CASE, (1, 4), (0,), (2,), (3,))
    unserved = CASE.file.pool.unserved_heat_per_kwh * pair.short_heat_kw[[1, 4]].sum()
    assert result.values["unit2+unit5"] < -unserved
    sharing = result.sharings
    for shared in sharing.values():
        assert sum(shared.share.values()) == pytest.approx(result.values[everyone])
    assert sharing["nucleolus"].least_excess >= sharing["shapley"].least_excess
    assert sharing["rules"].leaving  # at the paper's internal prices somebody would leave
    assert not sharing["nucleolus"].leaving


def test_the_summary_has_the_keys_of_a_run(result: BuildingResult) -> None:
    told = json.loads(json.dumps(result.summary()))
    for way in ("coalition", "alone"):
        assert told[way]["cost"] == pytest.approx(sum(c[way] for c in told["units"].values()))
        assert {"cost", "bound", "gap", "grid_kwh", "heat_unserved_kwh"} <= set(
            told["optimum"][way]
        )
    assert [day["day"] for day in told["days"]] == [0, 1]
    assert told["losers"] == ["unit4", "unit5"]


def test_progress_rises_to_the_end(result: BuildingResult, events: list[ProgressEvent]) -> None:
    fractions = [event.fraction or 0.0 for event in events]
    assert result.month
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1.0)
    assert {"rules", "optimum", "values", "days"} == {event.stage for event in events}


@pytest.mark.parametrize("name", ["hmg3", "two-homes"])
def test_other_cases_of_homes_run(name: str) -> None:
    other = run_building(load_homes(name), BuildingOptions(days=1))
    for way in ("coalition", "alone"):
        rules = other.totals[way]
        assert other.optimum[way].value <= rules["cost"] + rules["unserved_value"] + 1e-6
    assert other.totals["coalition"]["grid_kwh"] < other.totals["alone"]["grid_kwh"]


def test_no_coalition_is_worth_more_by_rules_than_to_one_owner() -> None:
    case = load_homes("hmg3")
    run = run_building(case, BuildingOptions(optimal_values=True))
    assert run.optimal_values.keys() == run.values.keys()
    for name, value in run.values.items():
        assert value <= run.optimal_values[name] + 1e-4 * abs(value)
    everyone = run.optimum["coalition"].value
    assert run.optimal_values["A+B+C"] == pytest.approx(-everyone, rel=1e-4)
    # Whoever trades may also not trade: the optimum's game is superadditive.
    assert is_superadditive(Game.of(case.ids, run.optimal_values))


def test_one_home_alone_is_its_own_coalition() -> None:
    hand = hand_case()
    home = homes_case(
        [hand.file.model_dump(exclude_none=True)["home"][0]],
        dict(hand.profiles),
        hours=24,
        retailer={"buy_per_kwh": "mcp_per_kwh", "sell_per_kwh": 0.0},
        gas={"price_per_kwh": 0.012},
    )
    run = run_building(home, BuildingOptions())
    assert run.totals["coalition"] == run.totals["alone"]
    assert run.losers == ()
    assert run.sharings == {}


def test_a_job_that_nothing_can_run_is_named() -> None:
    job = {"id": "washer", "p_kw": 2.0, "duration_h": 1, "window": [3, 4]}
    case = homes_case([{"id": "A", "job": [job]}], {}, hours=24)
    with pytest.raises(InfeasibleError, match="home A lacks 2 kW of electricity in hour 3"):
        run_building(case, BuildingOptions(priced=False))


def test_coefficients_above_one_and_empty_mixes_are_refused() -> None:
    case = homes_case(
        [{"id": "A", "load": [{"id": "flat", "carrier": "electricity", "p_kw": 1.0}]}],
        {"power_coefficient": np.array([0.5, 1.2, 1.5])},
        hours=3,
        retailer={"buy_per_kwh": 0.2, "sell_per_kwh": 0.1},
        building={
            "power_coefficient": "power_coefficient",
            "price_coefficient": 1.1,
            "load_mix": [{"name": "1"}],
        },
    )
    with pytest.raises(CaseError) as refused:
        run_building(case, BuildingOptions())
    message = str(refused.value)
    assert "building.power_coefficient: 1.2 in hour 1 (and in 1 more hour) is above 1" in message
    assert "building.price_coefficient: 1.1 in hour 0" in message
    assert "building.load_mix[0]: scenario 1 puts no building on a bus; give a number of" in message


def test_an_outage_is_served_from_within() -> None:
    """Hours 14 and 15 without a grid: what the CHPs alone leave short, and with the stores.

    The publication counts its customers by such hours: unit-hours in which the CHPs fall short.
    """
    plant = read_plant(CASE, outage=(14, 15))
    for groups, short_kwh, unit_hours in ((together(plant), 2.78, 3), (apart(plant), 8.08, 6)):
        day = run_day(plant, groups)
        by_engines = np.maximum(-day.steps["E7"].left_kw[:, 14:16], 0.0)
        assert by_engines.sum() == pytest.approx(short_kwh, abs=0.005)
        assert int((by_engines > 1e-9).sum()) == unit_hours
        assert not day.imported_kw[:, 14:16].any()
        assert not day.sales.total_kw[:, 14:16].any()
        assert day.short_kw.sum() == pytest.approx(0.0, abs=1e-9)  # batteries keep it for that
