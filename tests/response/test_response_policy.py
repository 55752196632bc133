"""What policies let homes do, the price of emissions, and what a day comes to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import homes_results
import numpy as np
import pytest
from homes_cases import homes_case

from cmgplan.devices import CombinedHeatPower
from cmgplan.homes.accounts.money import cost_of_day
from cmgplan.homes.case.read import load_homes
from cmgplan.homes.case.records import HomesCase
from cmgplan.response.case.emission import Curve, curve_of, output_range_kw
from cmgplan.response.model.penalty import penalties_of
from cmgplan.response.model.policy import policies_of
from cmgplan.response.model.profit import objectives_of, profit_of, served_value


@pytest.fixture(scope="module")
def case() -> HomesCase:
    return load_homes("hmg3-response")


def with_response(case: HomesCase, **update: object) -> HomesCase:
    """Return a case with keys of ``[response]`` changed."""
    section = case.file.response.model_copy(update=update)
    return replace(case, file=case.file.model_copy(update={"response": section}))


def test_load_leaves_dear_hours_and_dirty_hours_only(case: HomesCase) -> None:
    a, b, c = policies_of(case).values()
    assert [x.policy for x in (a, b, c)] == ["price", "emission", "both"]
    assert a.may_leave.all() and a.may_arrive.all()
    grid, forecast = case.series("grid_kg_per_kwh"), case.series("mcp_per_kwh")
    assert grid.mean() == pytest.approx(0.2415)
    assert b.may_leave.tolist() == (grid > 0.2415).tolist()
    assert c.adjustment_per_kwh == pytest.approx(0.1258333)
    assert c.may_leave.tolist() == (forecast > 0.12584).tolist()
    for home in (b, c):
        assert (home.may_leave ^ home.may_arrive).all()
        assert not home.leave_max_kw[home.may_arrive].any()
        assert not home.arrive_max_kw[home.may_leave].any()
    # 8 a.m., eq. (68): a quarter of 2.21 kW is more than the sun leaves of A's load; 6 p.m. not.
    assert a.leave_max_kw[8] == 0.0
    assert a.leave_max_kw[18] == pytest.approx(0.25 * 4.16)
    assert a.leave_max_kw[7] == pytest.approx(min(0.25 * 2.47, 2.47 - 1.4771))


def test_emax_is_a_limit_for_emission_and_both_alone(case: HomesCase) -> None:
    a, b, c = policies_of(case).values()
    assert not a.capped and a.yardstick_kg_per_h == 1.4663
    assert b.emission_max_kg_per_h is not None and c.emission_max_kg_per_h is not None
    assert (b.emission_max_kg_per_h == 1.8642).all() and (c.emission_max_kg_per_h == 1.3322).all()


def test_a_flat_price_and_a_flat_intensity_are_never_above_their_mean() -> None:
    load = {"id": "l", "carrier": "electricity", "p_kw": 1.0, "shiftable_share": 0.5}
    homes = [{"id": x, "policy": p, "load": [load]} for x, p in (("B", "emission"), ("C", "both"))]
    retailer = {"buy_per_kwh": 0.1, "sell_per_kwh": 0.1, "emission_kg_per_kwh": 0.1}
    case = homes_case(homes, hours=7, retailer=retailer)
    for policy in policies_of(case).values():
        assert not policy.may_leave.any() and policy.may_arrive.all()


def test_emission_of_an_engine_and_the_output_within_a_limit(case: HomesCase) -> None:
    """Response eqs. (51), (57): 2 kW of electricity, and roots of the quadratic by hand."""
    engine = case.homes[0].chp[0]  # type: ignore[attr-defined]
    assert isinstance(engine, CombinedHeatPower)
    fuel = (2.0 - engine.offset_kw) / engine.efficiency_electric
    assert fuel == pytest.approx(6.818, abs=5e-4)
    assert engine.efficiency_heat * fuel == pytest.approx(3.409, abs=5e-4)
    assert 0.035 * fuel == pytest.approx(0.2386, abs=5e-5)
    assert output_range_kw(engine) == pytest.approx((1.0, 4.0))
    curve = curve_of(case, engine)
    assert curve.kg_per_h(2.0) == pytest.approx(1.06)
    assert curve.most_kw(1.4663, 1.0, 4.0) == pytest.approx(2.8156, abs=5e-5)
    assert curve.most_kw(0.58, 1.0, 4.0) == pytest.approx(1.0)
    assert curve.most_kw(0.57, 1.0, 4.0) is None
    assert curve.most_kw(9.0, 1.0, 4.0) == 4.0


def test_output_within_a_limit_of_a_line_and_of_nothing() -> None:
    assert Curve(linear=0.2).most_kw(0.5, 0.0, 10.0) == pytest.approx(2.5)
    assert Curve(square=0.25).most_kw(1.0, 0.0, 10.0) == pytest.approx(2.0)
    assert Curve().most_kw(0.0, 0.0, 10.0) == 10.0
    assert Curve(fixed=0.1).most_kw(0.0, 0.0, 10.0) is None
    assert Curve(square=1e-12, linear=0.2).most_kw(0.5, 0.0, 10.0) == pytest.approx(2.5)


def test_penalty_factors(case: HomesCase) -> None:
    """Eqs. (17), (18): 0.035 * 4 / 2.08 of an engine, 0.035 * 10 / 2.2 of a boiler."""
    found = penalties_of(case)
    assert found.of_device("A", "engine") == pytest.approx(0.14 / 2.08)
    assert found.of_device("C", "engine") == pytest.approx(0.1225 / 1.8175)
    assert found.of_device("A", "boiler") == pytest.approx(0.35 / 2.2)
    assert found.of_device("A", "battery") == 0.0
    assert found.retailer_per_kg == pytest.approx((2 * 0.14 / 2.08 + 0.1225 / 1.8175) / 3)
    least = penalties_of(with_response(case, penalty="min-min"))
    assert least.of_device("A", "engine") == pytest.approx(0.035 / 2.08)
    assert least.of_device("A", "boiler") == 0.0
    given = penalties_of(with_response(case, retailer_penalty_per_kg=0.05))
    assert given.retailer_per_kg == 0.05
    none = penalties_of(with_response(case, penalty="none", retailer_penalty_per_kg=0.05))
    assert none.retailer_per_kg == 0.0 and not any(none.per_kg.values())


def test_profit_of_a_day_by_hand(tmp_path: Path) -> None:
    """Its cost and emission are those of ``homes_results``; the rest is worked out here."""
    case = homes_results.homes_case(tmp_path / "case")
    day = homes_results.by_hand(case)
    found = profit_of(case, day)
    # 15 kW of load at 0.60 over the four hours, 10 kW of heat at 0.055.
    assert found.served == pytest.approx(15 * 0.60 + 4 * 10 * 0.055)
    assert (found.purchases, found.sales) == pytest.approx((4.84, 0.393))
    assert (found.gas, found.shift, found.unserved) == pytest.approx((2.825, 0.02, 0.6))
    assert found.cost == pytest.approx(homes_results.COST) == pytest.approx(cost_of_day(case, day))
    assert found.emission_kg == pytest.approx(homes_results.EMISSION_KG)
    # The engine emits 0.928 kg/h at its 8 kW, the boiler's gas 2.5 kg/h at 10 kW of heat.
    engine, boiler = 0.035 * 8 / 0.928, 0.035 * 10 / 2.5
    assert found.penalties == pytest.approx((8.05 + 2.464) * engine + 3.125 * boiler)
    assert found.total == pytest.approx(11.2 - 7.892 - found.penalties)
    assert profit_of(case, day, 0.0).total == pytest.approx(11.2 - 7.892)
    assert found.share_under_emax() is None
    assert found.emission["B"].own_kg.tolist() == pytest.approx([0.75, 1.0, 0.875, 0.5])


def test_hours_under_emax(tmp_path: Path) -> None:
    """The boiler emits 0.75, 1, 0.875 and 0.5 kg, purchases of B 2, 1.525, 0 and 1.525 kg."""
    case = homes_results.homes_case(tmp_path / "case")
    b = case.homes[1].model_copy(update={"emission_max_kg_per_h": 0.875})
    capped = replace(case, file=case.file.model_copy(update={"home": (case.homes[0], b)}))
    found = profit_of(capped, homes_results.by_hand(capped))
    assert found.emission["B"].hours_under() == 3
    assert found.emission["B"].hours_under(with_retailer=True) == 1
    assert (found.share_under_emax(), found.share_under_emax(True)) == (0.75, 0.25)


@pytest.mark.parametrize("priced", [False, True])
def test_settled_objectives_sum_to_what_crosses_the_border(tmp_path: Path, priced: bool) -> None:
    case = homes_results.homes_case(tmp_path / "case")
    day = homes_results.by_hand(case)
    prices = (np.array([0.1, 0.3, 0.2, 0.7]), np.array([0.0, 0.2, 0.1, 0.05])) if priced else ()
    found, profit = objectives_of(case, day, *prices), profit_of(case, day)
    border = profit.sales - profit.purchases - profit.gas
    assert found.producers - found.consumers == pytest.approx(border)
    assert found.retailer == pytest.approx(profit.purchases - profit.sales)
    assert found.emission_kg == pytest.approx(homes_results.EMISSION_KG)
    assert found.emission_cost == pytest.approx(profit.penalties + 2.825)


def test_served_load_of_the_case_is_worth(case: HomesCase) -> None:
    electric = sum(
        float(np.sum(case.series(f"electric_{x}_kw") * case.series("mcp_per_kwh"))) for x in "ABC"
    )
    heat = sum(float(case.series(f"heat_{x}_kw").sum()) for x in "ABC")
    assert served_value(case) == pytest.approx(electric + 0.055 * heat)
    assert served_value(case) == pytest.approx(33.066, abs=5e-4)
