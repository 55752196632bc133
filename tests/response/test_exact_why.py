"""What would have to give so that all load is served under the policies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from homes_cases import homes_case

from cmgplan.errors import InfeasibleError
from cmgplan.explanation import Explanation
from cmgplan.homes.case.records import HomesCase
from cmgplan.response.exact.answer import ExactOptions
from cmgplan.response.exact.solve import solve_exact
from cmgplan.response.exact.why import why_unserved

BOILER = {
    "id": "boiler",
    "heat_max_kw": 10.0,
    "efficiency": 0.88,
    "emission": {"square": 0.002, "linear": 0.2},
}
GAS = {"price_per_kwh": 0.035}


def explained(case: HomesCase) -> Explanation | None:
    return why_unserved(case, solve_exact(case, ExactOptions(gap=1e-6)).dispatch)


def cold_home(emax: float) -> dict[str, Any]:
    """Return a home that needs 3 kW of heat of its boiler, which then emits 0.618 kg/h."""
    return {
        "id": "B",
        "policy": "emission",
        "emission_max_kg_per_h": emax,
        "load": [{"id": "warmth", "carrier": "heat", "p_kw": 3.0}],
        "gas_boiler": [BOILER],
    }


def test_the_fewest_limits_are_told_with_what_they_would_have_to_be() -> None:
    why = explained(homes_case([cold_home(0.3045)], gas=GAS))
    assert why is not None and "1.50 kWh of heat" in why.reason
    emax, source = (way.limits for way in why.ways)
    assert [limit.kind for limit in (*emax, *source)] == ["emax", "source"]
    assert emax[0].place == "B" and emax[0].hours == (0,)
    assert emax[0].now == pytest.approx(0.3045)
    assert emax[0].would_be == pytest.approx(0.618, abs=1e-5)
    assert source[0].amount == pytest.approx(1.5, abs=1e-5)
    assert "Emax of home B" in why.message() and "another source of heat" in why.message()
    assert explained(homes_case([cold_home(0.7)], gas=GAS)) is None


def test_power_that_the_retailer_does_not_sell_may_move_instead() -> None:
    """5 kW in the first hour, 1 kW in the second, and 4 kW to be had in each."""
    load = {
        "id": "flats",
        "carrier": "electricity",
        "p_kw": "power_kw",
        "shiftable_share": 0.1,
        "shift_in_max_kw": 2.0,
    }
    retailer = {"buy_per_kwh": 0.2, "sell_per_kwh": 0.1, "power_max_kw": 4.0}
    case = homes_case(
        [{"id": "A", "policy": "price", "load": [load]}],
        {"power_kw": np.array([5.0, 1.0])},
        hours=2,
        retailer=retailer,
    )
    why = explained(case)
    assert why is not None and "0.50 kWh of electricity" in why.reason
    found = {limit.kind: limit for way in why.ways for limit in way.limits}
    assert set(found) == {"shift", "import", "source"}
    assert found["shift"].now == pytest.approx(0.5)
    assert found["shift"].would_be == pytest.approx(1.0, abs=1e-5)
    assert found["import"].would_be == pytest.approx(4.5, abs=1e-5)
    assert all(limit.hours == (0,) for limit in found.values())


def test_load_that_is_worth_less_than_serving_it_is_no_matter_of_limits() -> None:
    load = {"id": "flats", "carrier": "electricity", "p_kw": 1.0}
    retailer = {"buy_per_kwh": 0.7, "sell_per_kwh": 0.1}
    pool = {"unserved_electricity_per_kwh": 0.6}
    why = explained(homes_case([{"id": "A", "load": [load]}], retailer=retailer, pool=pool))
    assert why is not None and why.ways == ()
    assert "costs more than it is worth" in why.options[0]


def test_a_case_without_a_day_says_what_homes_lack() -> None:
    job = {"id": "washer", "p_kw": 2.0, "duration_h": 1, "window": [0, 1]}
    with pytest.raises(InfeasibleError, match="needs more electricity than it can have"):
        solve_exact(homes_case([{"id": "A", "job": [job]}]))
