"""What users ask of a home's plan: least times of engines, jobs apart, charging early."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from decoder_cases import busy_case
from homes_cases import homes_case
from homes_factories import write_homes

from cmgplan.building.case.check import require_building
from cmgplan.devices import CombinedHeatPower, Flows, Forecasts
from cmgplan.errors import CaseError
from cmgplan.homes.case.read import check_homes
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.day.day import Day
from cmgplan.homes.day.dispatch import Dispatch
from cmgplan.homes.day.verify_devices import check_devices
from cmgplan.homes.optimum.solve import OneOwner, Question
from cmgplan.response.exact.answer import ExactAnswer, ExactOptions
from cmgplan.response.exact.solve import solve_exact
from cmgplan.response.rules.day import run_rules

ENGINE = {
    "id": "engine",
    "fuel_max_kw": 10.0,
    "fuel_min_kw": 5.0,
    "efficiency_electric": 0.4,
    "efficiency_heat": 0.0,
}
GAS = {"price_per_kwh": 0.04}


def exact(case: HomesCase) -> ExactAnswer:
    return solve_exact(case, ExactOptions(gap=1e-6))


def broken(case: HomesCase, day: Dispatch) -> list[str]:
    return [str(f.place) for check in check_devices(case, Day("x", day)) for f in check.findings]


def engine_day(buy: list[float], **engine: Any) -> HomesCase:
    """Return a home with an engine of 2 to 4 kW for 0.1 per kWh, and a retailer."""
    prices = np.array(buy)
    return homes_case(
        [{"id": "A", "chp": [ENGINE | engine]}],
        {"buy_per_kwh": prices},
        hours=len(buy),
        retailer={"buy_per_kwh": "buy_per_kwh", "sell_per_kwh": "buy_per_kwh"},
        gas=GAS,
    )


@pytest.mark.parametrize(
    ("engine", "kw", "profit"),
    [
        ({}, [0, 4, 0, 4, 0], 1.6),
        ({"min_on_h": 3.0}, [0, 4, 2, 4, 0], 1.5),
        ({"min_off_h": 2.0}, [0, 4, 2, 4, 0], 1.5),
        ({"min_on_h": 3.0, "min_off_h": 4.0}, [0, 4, 2, 4, 0], 1.5),
    ],
)
def test_an_engine_keeps_its_least_times(
    engine: dict[str, float], kw: list[float], profit: float
) -> None:
    """Power is worth 0.3 in two hours and 0.05 else, where the least output loses 0.1."""
    case = engine_day([0.05, 0.3, 0.05, 0.3, 0.05], **engine)
    answer = exact(case)
    assert answer.dispatch.flows["A", "engine"].p_kw == pytest.approx(kw, abs=1e-6)
    assert answer.profit.total == pytest.approx(profit, abs=1e-6)
    assert broken(case, answer.dispatch) == []


def test_simulation_and_steps_name_a_least_time_that_is_broken() -> None:
    device = CombinedHeatPower.model_validate(ENGINE | {"min_on_h": 2.0, "min_off_h": 3.0})
    h = Forecasts(6)
    fuel = np.array([0.0, 5.0, 0.0, 0.0, 5.0, 5.0])
    flows = Flows.of(6, p_kw=0.4 * fuel, fuel_kw=fuel)
    told = [(b.limit, b.hour, b.excess) for b in device.simulate_flows(h, flows).breaches]
    assert told == [("min_on_h", 2, 1.0), ("min_off_h", 4, 1.0)]
    state, found = device.start(h), []
    for t in h.steps:
        step = device.step(h, t, state, flows.at(t))
        state = step.state
        found += [(b.limit, b.hour, b.excess) for b in step.breaches]
    assert found == told


def test_jobs_of_a_group_do_not_run_together() -> None:
    """Both are cheapest in hour 1; apart, one runs in the hour that is dearer by 0.05."""
    jobs = [
        {"id": name, "p_kw": 1.0, "duration_h": 1, "window": [0, 3]} for name in ("washer", "dryer")
    ]
    profiles = {"buy_per_kwh": np.array([0.3, 0.1, 0.15])}
    retailer = {"buy_per_kwh": "buy_per_kwh", "sell_per_kwh": 0.0}
    home = {"id": "A", "job": jobs}
    free = homes_case([home], profiles, hours=3, retailer=retailer)
    group = {"not_together": [["washer", "dryer"]]}
    apart = homes_case([home | group], profiles, hours=3, retailer=retailer)
    together = exact(free)
    assert together.profit.cost == pytest.approx(0.2, abs=1e-7)
    assert exact(apart).profit.cost == pytest.approx(0.25, abs=1e-7)
    assert broken(apart, exact(apart).dispatch) == []
    assert "washer, dryer run together" in broken(apart, together.dispatch)[0]


@pytest.mark.parametrize(
    ("group", "told"),
    [
        (["dishwasher"], "a group of 1 jobs"),
        (["dishwasher", "battery"], "home A has no job"),
        (["dishwasher", "dishwasher"], "2 times"),
    ],
)
def test_a_group_names_jobs_of_its_home(tmp_path: Path, group: list[str], told: str) -> None:
    faults = check_homes(write_homes(tmp_path, {"home.0.not_together": [group]}))
    assert any(told in f.message and f.where == "home[0].not_together[0]" for f in faults)


def test_rules_refuse_what_they_cannot_keep() -> None:
    case = engine_day([0.1, 0.3], min_on_h=2.0)
    for run in (require_building, run_rules):
        with pytest.raises(CaseError, match="cannot keep a least time of engine engine"):
            run(case)


def test_of_equal_days_the_one_that_charges_early_is_taken() -> None:
    """3 kWh at a flat price, 2 kW at most: at once, not in the last hours."""
    car = {
        "id": "car",
        "p_charge_max_kw": 2.0,
        "energy_kwh": 10.0,
        "soc_start": 0.2,
        "soc_end": 0.5,
        "depart_hour": 24,
        "return_hour": 0,
    }
    retailer = {"buy_per_kwh": 0.2, "sell_per_kwh": 0.1}
    answer = exact(homes_case([{"id": "A", "ev": [car]}], hours=5, retailer=retailer))
    assert answer.dispatch.flows["A", "car"].p_kw == pytest.approx([-2, -1, 0, 0, 0], abs=1e-6)


def test_days_of_the_exact_answer_and_of_one_owner_keep_the_delay_of_load() -> None:
    case = busy_case(3)
    assert broken(case, solve_exact(case, ExactOptions(gap=0.01)).dispatch) == []
    case = busy_case(2)
    owned = OneOwner(case).answer(Question({"cost": 1.0}), 1e-3)
    assert owned is not None
    assert broken(case, owned.dispatch) == []
