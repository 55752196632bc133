"""A day replanned every hour: the past stays, states hold, and foresight has a worth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from decoder_cases import busy_case
from homes_cases import homes_case

from cmgplan.case.bundled import find_case
from cmgplan.errors import InputError
from cmgplan.homes.case.read import load_homes
from cmgplan.homes.day.day import Day
from cmgplan.homes.day.verify_day import check_balances, check_trade
from cmgplan.homes.day.verify_devices import check_devices
from cmgplan.response.heuristics.decoder import Decoder
from cmgplan.response.model.profit import profit_of
from cmgplan.response.rules.day import run_rules
from cmgplan.response.uncertainty.changed import changed_case
from cmgplan.response.uncertainty.happened import DayTwice, drawn_day
from cmgplan.response.uncertainty.replan import by_exact, by_method, by_rules
from cmgplan.response.uncertainty.rolling import foresight, rolled


def verify(case, dispatch):
    day = Day("rolled", dispatch)
    checks = (*check_devices(case, day), *check_balances(case, day), check_trade(case, day))
    return [str(finding) for check in checks for finding in check.findings]


def battery_day(forecast, happens):
    """Return a battery that may carry a kWh from a cheap hour to a dear one, prices twice."""
    battery = {
        "id": "battery",
        "p_charge_max_kw": 1.0,
        "p_discharge_max_kw": 1.0,
        "energy_kwh": 1.0,
        "soc_start": 0.0,
    }
    retailer = {"buy_per_kwh": "p_per_kwh", "sell_per_kwh": "p_per_kwh"}

    def case(prices):
        profiles = {"p_per_kwh": np.array(prices)}
        homes = [{"id": "A", "storage": [battery]}]
        return homes_case(homes, profiles, hours=len(prices), retailer=retailer)

    return DayTwice(case(forecast), case(happens))


def test_a_battery_that_is_replanned_sells_in_the_hour_that_turns_out_dear():
    # Forecast: dear in the second hour. It comes in the third.
    day = battery_day([0.1, 0.3, 0.2], [0.1, 0.15, 0.4])
    found = foresight(day, by_exact(1e-6), ahead=2)
    assert found.once == pytest.approx(0.15 - 0.1)  # sold when it was planned
    # In the second hour it sees the third, keeps its kWh and sells it then.
    assert found.rolled.profit == pytest.approx(0.4 - 0.1)
    assert found.perfect == pytest.approx(0.4 - 0.1)
    assert found.worth == pytest.approx(0.25)
    assert found.recovered == pytest.approx(1.0)
    # With the present hour alone known, 0.15 now is less than the 0.2 that is forecast: kept.
    assert rolled(day, by_exact(1e-6), ahead=1).profit == pytest.approx(0.3)
    # With nothing but the forecast it sells in the second hour as planned.
    assert rolled(day, by_exact(1e-6), ahead=0).profit == pytest.approx(0.05)


def test_a_day_seen_is_what_was_then_what_is_known_then_the_forecast():
    day = battery_day([0.1, 0.3, 0.2], [0.5, 0.6, 0.7])
    assert day.seen(0, 1).profiles["p_per_kwh"].tolist() == [0.5, 0.3, 0.2]
    assert day.seen(1, 1).profiles["p_per_kwh"].tolist() == [0.5, 0.6, 0.2]
    assert day.seen(1, 0).profiles["p_per_kwh"].tolist() == [0.5, 0.3, 0.2]
    assert day.seen(0, 9).profiles["p_per_kwh"].tolist() == [0.5, 0.6, 0.7]


def test_a_day_as_forecast_has_no_worth_of_foresight():
    case = load_homes(find_case("two-homes"))
    found = foresight(DayTwice(case, case), by_exact(1e-6))
    assert found.once == found.perfect == pytest.approx(4.14)
    assert found.rolled.profit == pytest.approx(4.14, abs=1e-4)
    assert found.rolled.plans == pytest.approx([4.14] * 3, abs=1e-4)
    assert found.record()["recovered"] is None


def test_perfect_foresight_is_no_worse_than_replanning_or_planning_once():
    case = load_homes(find_case("two-homes"))
    for seed in range(2):
        found = foresight(drawn_day(case, seed), by_exact(1e-6))
        assert found.rolled.profit <= found.perfect + 1e-4
        assert found.once <= found.perfect + 1e-6


def test_a_day_replanned_by_a_method_can_be_run_with_cars_jobs_and_loads_that_moved():
    day = drawn_day(busy_case(4), seed=4)
    found = rolled(day, by_method("pso", 100, seed=1))
    assert verify(day.happens, found.dispatch) == []
    assert profit_of(day.happens, found.dispatch).total == pytest.approx(found.profit, abs=1e-6)


def test_a_plan_of_the_rest_leaves_what_is_over_as_it_was():
    case = load_homes(find_case("two-homes"))
    before = run_rules(case)
    for replan in (by_exact(1e-6), by_method("climb", 200), by_rules):
        after = replan(case, 2, before)
        for key, flows in before.flows.items():
            assert after.flows[key].fuel_kw[:2] == pytest.approx(flows.fuel_kw[:2], abs=2e-5)
            assert after.flows[key].p_kw[:2] == pytest.approx(flows.p_kw[:2], abs=2e-5)
    assert profit_of(case, after).total >= profit_of(case, before).total - 1e-6


def test_a_job_not_begun_is_not_planned_into_the_past():
    job = {"id": "washer", "p_kw": 1.0, "duration_h": 1, "window": [0, 6]}
    price = np.array([0.1, 0.5, 0.4, 0.6, 0.3, 0.6])
    retailer = {"buy_per_kwh": "p_per_kwh", "sell_per_kwh": 0.0}
    case = homes_case([{"id": "A", "job": [job]}], {"p_per_kwh": price}, hours=6, retailer=retailer)
    decoder = Decoder(case)
    late = decoder.dispatch(np.array([0.99]))
    for replan in (by_exact(1e-6), by_method("climb", 100)):
        assert int(np.argmax(-replan(case, 2, late).flows["A", "washer"].p_kw)) == 4
    begun = decoder.dispatch(np.array([0.3]))  # in hour 1, when hour 2 is planned
    for replan in (by_exact(1e-6), by_method("climb", 100)):
        assert int(np.argmax(-replan(case, 2, begun).flows["A", "washer"].p_kw)) == 1


def test_the_rules_can_be_handed_in():
    case = load_homes(find_case("two-homes"))
    found = rolled(DayTwice(case, case), by_rules)
    assert found.profit == pytest.approx(profit_of(case, run_rules(case)).total, abs=1e-6)


@pytest.mark.parametrize("seed", [0, 3, 6])
def test_rules_that_go_on_from_their_own_day_end_it_as_they_would_have(seed):
    case = busy_case(seed)
    day = run_rules(case)
    for hour in range(case.hours):
        again = run_rules(case, so_far=day, hour=hour)
        for key, flows in day.flows.items():
            for name in ("p_kw", "heat_kw", "fuel_kw"):
                told = getattr(again.flows[key], name)
                assert told == pytest.approx(getattr(flows, name), abs=1e-9), (hour, key)


@pytest.mark.parametrize("adjustment", ["mean", 0.12])
def test_of_later_prices_the_rules_read_no_more_than_their_mean(adjustment):
    case = load_homes(find_case("hmg3"))
    response = case.file.response.model_copy(update={"adjustment_price_per_kwh": adjustment})
    case = replace(case, file=case.file.model_copy(update={"response": response}))
    later = np.where(np.arange(case.hours) < 12, 1.0, 1.5)
    factors = {"price": later}
    plain = run_rules(changed_case(case, {"price": np.ones(case.hours)}))
    other = run_rules(changed_case(case, factors))
    same = all(
        np.allclose(getattr(flows, name)[:12], getattr(other.flows[key], name)[:12], atol=1e-9)
        for key, flows in plain.flows.items()
        for name in ("p_kw", "heat_kw")
    )
    assert same == (adjustment != "mean")


def test_a_drawn_day_keeps_its_seed_its_mean_and_what_is_kept_of_a_deviation():
    flat = homes_case(
        [{"id": "A", "load": [{"id": "flats", "carrier": "electricity", "p_kw": 1.0}]}],
        hours=4000,
        retailer={"buy_per_kwh": 1.0, "sell_per_kwh": 0.0},
    )
    day = drawn_day(flat, 5, {"load": 0.1}, kept=0.8)
    load = day.happens.homes[0].load[0].base_kw(day.happens.forecasts())
    again = drawn_day(flat, 5, {"load": 0.1}, kept=0.8).happens
    assert (load == again.homes[0].load[0].base_kw(again.forecasts())).all()
    assert load.mean() == pytest.approx(1.0, abs=0.02)
    assert load.std() == pytest.approx(0.1, rel=0.1)
    assert np.corrcoef(load[1:], load[:-1])[0, 1] == pytest.approx(0.8, abs=0.05)
    assert day.forecast.homes[0].load[0].base_kw(day.forecast.forecasts()).tolist() == [1.0] * 4000


def test_days_of_other_cases_and_odd_shares_are_refused():
    a, b = (load_homes(find_case(name)) for name in ("two-homes", "hmg3"))
    with pytest.raises(InputError, match=r"another case\.toml than its forecast"):
        DayTwice(a, b)
    with pytest.raises(InputError, match=r"1\.5 of a deviation is kept: give a share"):
        drawn_day(a, 1, kept=1.5)
    with pytest.raises(InputError, match="-1 hours known ahead: give 0 or more"):
        rolled(DayTwice(a, a), by_rules, ahead=-1)
