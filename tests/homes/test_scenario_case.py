"""Cases as their scenarios have them: what is scaled, by which factor, and what it costs."""

from __future__ import annotations

import numpy as np
import pytest
from homes_cases import homes_case

from cmgplan.case.scenarios import Scenario
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.case.scenario_case import case_of
from cmgplan.homes.optimum.front import find_optimum
from cmgplan.homes.optimum.result import OptimumOptions


def small() -> HomesCase:
    """Return a home whose wind, sun and load read the same column."""
    home = {
        "id": "A",
        "load": [
            {"id": "flats", "carrier": "electricity", "p_kw": 10.0, "profile": "shape"},
            {"id": "warmth", "carrier": "heat", "p_kw": "warmth_kw"},
        ],
        "pv": [{"id": "roof", "p_max_kw": 4.0, "forecast": "shape"}],
        "wt": [{"id": "mast", "p_max_kw": 2.0, "forecast": "shape"}],
        "gas_boiler": [{"id": "boiler", "heat_max_kw": 9.0, "efficiency": 0.8}],
    }
    profiles = {"shape": np.array([0.5, 0.8]), "warmth_kw": np.array([2.0, 4.0])}
    return homes_case(
        [home],
        profiles,
        hours=2,
        retailer={"buy_per_kwh": 0.2, "sell_per_kwh": 0.1},
        gas={"price_per_kwh": 0.04},
    )


def cost(case: HomesCase) -> float:
    return find_optimum(case, OptimumOptions()).point.cost


@pytest.mark.parametrize(
    ("factors", "known"),
    [
        # 5 + 8 kWh less 2 + 3.2 of sun and 1 + 1.6 of wind, and 6 kWh of heat for 7.5 of gas.
        ({}, (13.0 - 5.2 - 2.6) * 0.2 + 7.5 * 0.04),
        ({"load": 2.0}, (26.0 - 5.2 - 2.6) * 0.2 + 7.5 * 0.04),
        ({"heat": 0.5}, (13.0 - 5.2 - 2.6) * 0.2 + 3.75 * 0.04),
        ({"sun": 0.5}, (13.0 - 2.6 - 2.6) * 0.2 + 7.5 * 0.04),
        ({"wind": 1.5}, (13.0 - 5.2 - 1.5 - 2.0) * 0.2 + 7.5 * 0.04),  # no more than the rating
        ({"buy": 1.5, "sell": 0.5}, (13.0 - 5.2 - 2.6) * 0.3 + 7.5 * 0.04),
    ],
)
def test_each_factor_scales_its_own(factors: dict[str, float], known: float) -> None:
    case = small()
    scaled = case_of(case, Scenario("s", 1.0, factors))  # type: ignore[arg-type]
    assert cost(scaled) == pytest.approx(known, abs=1e-9)
    assert cost(case) == pytest.approx((13.0 - 5.2 - 2.6) * 0.2 + 7.5 * 0.04, abs=1e-9)


def test_a_scenario_without_factors_is_the_case_itself() -> None:
    case = small()
    assert case_of(case, Scenario("base", 1.0)) is case
    assert case_of(case, Scenario("same", 1.0, {"load": 1.0})) is case
