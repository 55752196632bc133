"""What users ask of a home's plan: least times of engines, jobs apart, charging early."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from decoder_cases import busy_case
from homes_cases import homes_case
from homes_factories import write_homes

from cmgplan.building.case.check import require_building
from cmgplan.devices import CombinedHeatPower, Flows, Forecasts, Job
from cmgplan.errors import CaseError
from cmgplan.homes.case.read import check_homes
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.day.day import Day
from cmgplan.homes.day.dispatch import Dispatch
from cmgplan.homes.day.tables import homes_tables
from cmgplan.homes.day.totals import day_totals
from cmgplan.homes.day.verify_day import verify_days
from cmgplan.homes.day.verify_devices import check_devices
from cmgplan.homes.optimum.solve import OneOwner, Question
from cmgplan.market.pipeline import run_market
from cmgplan.market.result import MarketOptions
from cmgplan.response.exact.answer import ExactAnswer, ExactOptions
from cmgplan.response.exact.solve import solve_exact
from cmgplan.response.rules.day import run_rules
from cmgplan.run.tables import Tables

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
        (["dishwasher"], "a group of 1 job"),
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


def bought_day(prices: list[float], retailer: dict[str, Any], **devices: Any) -> HomesCase:
    """Return a home that buys at hourly prices and sells for nothing."""
    return homes_case(
        [{"id": "A", **devices}],
        {"buy_per_kwh": np.array(prices)},
        hours=len(prices),
        retailer={"buy_per_kwh": "buy_per_kwh", "sell_per_kwh": 0.0, **retailer},
    )


def told_twice(case: HomesCase) -> tuple[ExactAnswer, Tables]:
    """Return the exact answer; its day and that of one owner cost the same and are verified."""
    answer = exact(case)
    owned = OneOwner(case).answer(Question({"cost": 1.0}), 1e-6)
    assert owned is not None
    assert answer.profit.cost == pytest.approx(owned.cost, abs=1e-6)
    day = Day("optimum", owned.dispatch)
    tables = homes_tables(case, [day])
    assert [str(f) for check in verify_days(case, tables, [day]) for f in check.findings] == []
    totals = day_totals(tables, "optimum", case.dt_h)
    assert totals.cost == pytest.approx(owned.cost, abs=1e-6)
    assert answer.profit.total == pytest.approx(-owned.cost + answer.profit.served, abs=1e-6)
    return answer, tables


def amounts(tables: Tables, reason: str) -> list[tuple[str, str, int, float]]:
    rows = tables["accounts"]
    rows = rows[rows["reason"] == reason]
    return list(rows[["from", "to", "hour", "amount"]].itertuples(index=False, name=None))


WASHER = {"id": "washer", "p_kw": 2.0, "duration_h": 2, "window": [0, 24]}


@pytest.mark.parametrize(("value", "runs"), [(0.69, False), (0.71, True), (5.0, True)])
def test_an_optional_job_runs_where_that_costs_no_more_than_its_value(
    value: float, runs: bool
) -> None:
    # Two hours of 2 kW cost 0.7 at the least, from hour 1 on.
    job = WASHER | {"optional": True, "value": value}
    case = bought_day([0.3, 0.2, 0.15, 0.4], {}, job=[job])
    answer, tables = told_twice(case)
    taken = -answer.dispatch.flows["A", "washer"].p_kw
    assert taken == pytest.approx([0.0, 2.0, 2.0, 0.0] if runs else [0.0] * 4, abs=1e-6)
    assert answer.profit.cost == pytest.approx(0.7 - value if runs else 0.0, abs=1e-6)
    assert answer.profit.value == pytest.approx(value if runs else 0.0)
    due = [("A", "own", 1, pytest.approx(-value))] if runs else []
    assert amounts(tables, "value") == due
    income = tables["income"].set_index("home")["total"]
    assert income["A"] == pytest.approx(value - 0.7 if runs else 0.0, abs=1e-6)


def test_an_optional_job_runs_whole_or_not_at_all() -> None:
    job = Job.model_validate(WASHER | {"window": (0, 24), "optional": True, "value": 1.0})
    h, worth = Forecasts(4), {}
    for on in product((0.0, 2.0), repeat=4):
        flows = Flows.of(4, p_kw=-np.array(on))
        trace = job.simulate_flows(h, flows)
        state, found, money = job.start(h), [], 0.0
        for t in h.steps:
            step = job.step(h, t, state, flows.at(t))
            state, money = step.state, money + step.money
            found += step.breaches
        assert (found == []) == (trace.breaches == [])
        assert money == trace.money == (-1.0 if any(on) else 0.0)
        if not found:
            worth[on] = money
    assert len(worth) == 4
    assert worth[0.0, 0.0, 0.0, 0.0] == 0.0


def test_energy_left_in_a_store_is_worth_something_above_its_end() -> None:
    # Stored for 0.2 / 0.5 = 0.4 a kWh in hour 0, for 0.6 in hour 1; left it is worth 0.5.
    battery = {
        "id": "battery",
        "p_charge_max_kw": 4.0,
        "p_discharge_max_kw": 4.0,
        "energy_kwh": 10.0,
        "efficiency_charge": 0.5,
        "value_end_per_kwh": 0.5,
    }
    case = bought_day([0.2, 0.3], {}, storage=[battery])
    answer, tables = told_twice(case)
    assert answer.dispatch.state["A", "battery"] == pytest.approx([7.0, 7.0], abs=1e-6)
    assert answer.profit.cost == pytest.approx(4.0 * 0.2 - 2.0 * 0.5, abs=1e-6)
    assert amounts(tables, "value") == [("A", "own", 1, pytest.approx(-1.0))]
    # Under 0.4 nothing is stored; and what must be left is worth nothing.
    for changed in ({"value_end_per_kwh": 0.39}, {"soc_start": 1.0, "soc_end": 1.0}):
        answer, tables = told_twice(bought_day([0.2, 0.3], {}, storage=[battery | changed]))
        assert answer.profit.cost == pytest.approx(0.0, abs=1e-6)
        assert amounts(tables, "value") == []


def test_a_peak_charge_spreads_what_a_home_buys() -> None:
    # 6 kWh into a car of 4 kW at 0.1 and 0.2: at 0.05 per kW of peak 4 and 2 kW, which save 0.1
    # for each kW beyond 3 that costs 0.05; at 0.15 it is cheaper to take 3 and 3.
    car = {
        "id": "car",
        "p_charge_max_kw": 4.0,
        "energy_kwh": 10.0,
        "soc_start": 0.0,
        "soc_end": 0.6,
        "depart_hour": 2,
        "return_hour": 4,
    }
    for charge, kw, cost in ((0.05, [4.0, 2.0], 0.8 + 0.2), (0.15, [3.0, 3.0], 0.9 + 0.45)):
        case = bought_day([0.1, 0.2], {"peak_charge_per_kw": charge}, ev=[car])
        answer, tables = told_twice(case)
        assert answer.dispatch.exchange["A"].import_kw == pytest.approx(kw, abs=1e-6)
        assert answer.profit.cost == pytest.approx(cost, abs=1e-6)
        assert amounts(tables, "peak") == [("A", "retailer", 0, pytest.approx(charge * kw[0]))]
        income = tables["income"].set_index("home")["total"]
        assert income["A"] == pytest.approx(-cost, abs=1e-6)
        assert income["retailer"] == pytest.approx(cost, abs=1e-6)
        settled = answer.objectives
        weighted = ExactOptions(gap=1e-6, weights={"consumers": 1.0})
        assert solve_exact(case, weighted).objective == pytest.approx(settled.consumers, abs=1e-6)


@pytest.mark.parametrize(("pool", "peak"), [(False, 2.0), (True, 1.0)])
def test_each_home_pays_for_its_own_peak(pool: bool, peak: float) -> None:
    # One home after the other takes 2 kW. With a pool they buy for each other: as if for one.
    loads = [
        {"id": "flats", "carrier": "electricity", "p_kw": 2.0, "profile": name}
        for name in ("first", "second")
    ]
    case = homes_case(
        [{"id": name, "load": [load]} for name, load in zip("AB", loads, strict=True)],
        {"first": np.array([1.0, 0.0]), "second": np.array([0.0, 1.0])},
        hours=2,
        retailer={"buy_per_kwh": 0.1, "sell_per_kwh": 0.0, "peak_charge_per_kw": 0.5},
        pool={"electricity": pool},
    )
    answer, tables = told_twice(case)
    assert answer.profit.peak == pytest.approx(peak)
    charged = amounts(tables, "peak")
    assert sum(amount for *_, amount in charged) == pytest.approx(peak)
    if not pool:
        assert [row[:3] for row in charged] == [("A", "retailer", 0), ("B", "retailer", 1)]


MONEY_BESIDE = [
    ({"job": [WASHER | {"optional": True, "value": 1.0}]}, {}, "home[0].job[0].optional"),
    (
        {"storage": [{"id": "b", "p_charge_max_kw": 1.0, "p_discharge_max_kw": 1.0,
                      "energy_kwh": 1.0, "value_end_per_kwh": 0.1}]},
        {},
        "home[0].storage[0].value_end_per_kwh",
    ),
    ({}, {"peak_charge_per_kw": 1.0}, "retailer.peak_charge_per_kw"),
]  # fmt: skip


@pytest.mark.parametrize(("devices", "retailer", "where"), MONEY_BESIDE)
def test_market_and_rules_refuse_money_that_is_not_the_price_of_energy(
    devices: dict[str, Any], retailer: dict[str, Any], where: str
) -> None:
    case = bought_day([0.1, 0.2], retailer, **devices)
    for run in (run_rules, require_building, lambda case: run_market(case, MarketOptions())):
        with pytest.raises(CaseError) as told:
            run(case)
        assert [fault.where for fault in told.value.faults] == [where]


def test_a_value_without_a_choice_and_a_choice_without_a_value_are_faults() -> None:
    for keys in ({"optional": True}, {"value": 1.0}):
        job = Job.model_validate(WASHER | {"window": (0, 24)} | keys)
        assert [conflict.key for conflict in job.conflicts()] == ["value"]
    assert list(Job.model_validate(WASHER | {"window": (0, 24)}).conflicts()) == []
