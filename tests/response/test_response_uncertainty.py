"""What deviations do to results: exact for linear ones, near large samples for plans."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from homes_cases import homes_case

from cmgplan.case.bundled import find_case
from cmgplan.errors import InputError
from cmgplan.homes.case.read import load_homes
from cmgplan.response.case.prices import forecast_per_kwh
from cmgplan.response.heuristics.decoder import Decoder
from cmgplan.response.uncertainty.changed import changed_case, deviations_of, quantities_of
from cmgplan.response.uncertainty.spread import compared, sampled, toat, value_of_point


def house(**edits):
    """Return a home that buys 2 and 4 kWh at 0.1 and 0.3 less half a kW of sun in each hour."""
    home = {
        "id": "A",
        "load": [{"id": "flats", "carrier": "electricity", "p_kw": "flats_kw"}],
        "pv": [{"id": "roof", "p_max_kw": 9.0, "forecast": "roof_kw"}],
    }
    profiles = {
        "flats_kw": np.array([2.0, 4.0]),
        "roof_kw": np.array([0.5, 0.5]),
        "buy_per_kwh": np.array([0.1, 0.3]),
    }
    retailer = {"buy_per_kwh": "buy_per_kwh", "sell_per_kwh": 0.05}
    return homes_case([home], profiles, hours=2, **{"retailer": retailer, **edits})


def bought(case):
    """Return what the home pays for its load less its sun, which is linear in either."""
    load = case.homes[0].load[0].base_kw(case.forecasts())
    sun = case.homes[0].pv[0].available_kw(case.forecasts())
    return float(case.series(case.file.retailer.buy_per_kwh) @ (load - sun))


def test_factors_scale_what_they_name_by_the_hour():
    case = house(response={"forecast_per_kwh": 0.2})
    factors = {"load": np.array([1.5, 1.0]), "price": np.array([2.0, 0.5])}
    changed = changed_case(case, factors)
    assert changed.homes[0].load[0].base_kw(changed.forecasts()).tolist() == [3.0, 4.0]
    assert changed.homes[0].pv[0].available_kw(changed.forecasts()).tolist() == [0.5, 0.5]
    retailer = changed.file.retailer
    assert changed.series(retailer.buy_per_kwh).tolist() == [0.2, 0.15]
    assert changed.series(retailer.sell_per_kwh).tolist() == [0.1, 0.025]
    assert forecast_per_kwh(changed).tolist() == [0.4, 0.1]
    assert (changed.series(retailer.sell_per_kwh) <= changed.series(retailer.buy_per_kwh)).all()
    assert bought(case) == pytest.approx(0.1 * 1.5 + 0.3 * 3.5)  # the case itself is as it was


def test_the_forecast_that_is_the_mean_of_prices_follows_them():
    changed = changed_case(house(), {"price": np.array([2.0, 1.0])})
    assert forecast_per_kwh(changed) == pytest.approx([0.15, 0.175])


def test_a_linear_result_has_mean_and_deviation_exactly():
    case = house()
    spread = toat(case, bought, "L9", {"load": 0.1, "sun": 0.2})
    # By load 0.1 (0.2 + 1.2), by sun 0.2 (0.05 + 0.15), independent of each other.
    assert spread.moments.mean == pytest.approx(bought(case))
    assert spread.moments.sd == pytest.approx(np.hypot(0.14, 0.04))
    assert spread.record()["array"] == "L9"
    assert "all 2 steps" in spread.record()["correlation"]
    by_hour = toat(case, bought, "L9", {"load": 0.1, "sun": 0.2}, blocks=2)
    assert by_hour.moments.sd == pytest.approx(np.linalg.norm([0.02, 0.12, 0.01, 0.03]))
    assert len(by_hour.factors) == 4


def test_an_array_is_nearer_to_a_large_sample_than_as_many_samples():
    found = compared(
        house(), bought, "L9", {"load": 0.1, "price": 0.15}, reference_runs=3000, seed=3
    )
    # Mean of (1 + a)(1 + b) for independent a and b is 1.
    assert found.array.moments.mean == pytest.approx(bought(house()) + 0.0, abs=1e-9)
    assert abs(found.mean_error["L9"]) < 0.5 * found.mean_error["normal"]
    assert abs(found.sd_error["L9"]) < 0.05 < found.sd_error["normal"]
    assert found.mean_error["latin"] < found.mean_error["normal"]


def test_a_plan_of_the_response_case_has_the_spread_of_a_sample():
    case = load_homes(find_case("hmg3-response"))
    assert quantities_of(case) == ("load", "sun", "price")
    plan = partial(value_of_point, np.full(Decoder(case).dimensions, 0.5))
    by_array, sample = toat(case, plan, "L9"), sampled(case, plan, 40, seed=5)
    assert by_array.moments.sd > 0.3
    off = by_array.moments.mean - sample.moments.mean
    assert abs(off) < 3.0 * sample.standard_error
    assert by_array.moments.sd == pytest.approx(sample.moments.sd, rel=0.35)


def test_samples_keep_their_seed_and_one_factor_reaches_all_of_its_hours():
    case = house()
    a, b = (sampled(case, bought, 8, {"load": 0.1}, seed=1) for _ in range(2))
    assert (a.moments.results == b.moments.results).all()
    assert a.moments.results == pytest.approx(
        0.1 * 2 * (1 + 0.1 * a.runs[:, 0]) + 0.3 * 4 * (1 + 0.1 * a.runs[:, 0]) - 0.2
    )


def test_what_cannot_deviate_is_refused():
    case = house()
    assert deviations_of(case) == {"load": 0.10, "sun": 0.20, "price": 0.15}
    with pytest.raises(InputError, match="nothing uncertain is called rain: take of load, sun"):
        toat(case, bought, "L9", {"rain": 0.1})
    with pytest.raises(InputError, match="the case has no wind that could deviate"):
        toat(case, bought, "L9", {"wind": 0.1})
    with pytest.raises(InputError, match="L4 has columns for 1 to 3 factors and not 6: take L8"):
        toat(case, bought, "L4", blocks=2)
    with pytest.raises(InputError, match="no load, sun, wind or retailer"):
        toat(homes_case([{"id": "A"}]), bought)
    with pytest.raises(InputError, match="0 samples: give 1 or more"):
        sampled(case, bought, 0)
