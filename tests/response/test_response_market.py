"""The market of a day: books by hand, ranges of bids, what stores are worth, settlement."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from homes_cases import homes_case

from cmgplan.arrays import FloatArray
from cmgplan.case.bundled import find_case
from cmgplan.devices.base import Forecasts
from cmgplan.devices.storage import HomeBattery
from cmgplan.errors import CaseError
from cmgplan.homes.case.read import load_homes
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.clearing.merit_order import clear_steps
from cmgplan.response.exact.prices import Prices, priced
from cmgplan.response.exact.solve import solve_exact
from cmgplan.response.market.batch import clearing_intervals
from cmgplan.response.market.crossing import cross, crossing_of
from cmgplan.response.market.drawn import drawn_prices, prices_at
from cmgplan.response.market.lines import Line, lines_of
from cmgplan.response.market.marginal import PricedLine, marginal_bids
from cmgplan.response.market.ranges import Costs, bid_prices, costs_of
from cmgplan.response.market.settle import settled
from cmgplan.response.market.water import water_values


def line(
    side: str, kw: float, price: float, kind: str = "load", carrier: str = "electricity"
) -> PricedLine:
    made = Line("A", kind, kind, carrier, side, np.array([kw]))  # type: ignore[arg-type]
    return PricedLine(made, np.array([price]))


def lone_home(hours: int = 1) -> HomesCase:
    return homes_case([{"id": "A"}], hours=hours)


def test_a_partly_used_offer_sets_the_price_and_a_poor_appliance_is_rejected() -> None:
    bids = [
        line("sell", 3.0, 0.05),
        line("sell", 2.0, 0.10),
        line("sell", 99.0, 0.20),
        line("buy", 4.0, 0.30),
        line("buy", 2.0, 0.08, kind="refrigerator"),
        line("buy", 5.0, 0.04, kind="ev"),
    ]
    found = cross(lone_home(), bids, "bids.csv", [None])
    assert found.price["electricity"] == pytest.approx([0.10])
    assert (found.low["electricity"], found.high["electricity"]) == ([0.10], [0.10])
    assert found.rejected_kwh == {"refrigerator": 2.0, "water_heater": 0.0, "job": 0.0, "ev": 5.0}
    assert found.rejected_share == 1.0
    assert found.net_kw[0, 0] == pytest.approx(0.0)  # one home trades with itself


def test_a_book_that_is_exhausted_on_both_sides_has_an_interval_and_an_empty_one_no_price() -> None:
    found = cross(lone_home(), [line("sell", 3, 0.05), line("buy", 3, 0.30)], "bids.csv", [None])
    prices = (found.low, found.price, found.high)
    assert [float(p["electricity"][0]) for p in prices] == pytest.approx([0.05, 0.175, 0.30])
    assert np.isnan(found.price["heat"]).all()
    assert found.rejected_share == 0.0


def test_many_books_at_once_have_the_prices_of_each() -> None:
    rng = np.random.default_rng(3)
    sells = np.array([True, True, True, False, False, False, False])
    kw = rng.integers(0, 4, (300, 7)).astype(float)
    price = rng.integers(-2, 6, (300, 7)) / 10.0  # with ties
    low, high = clearing_intervals(kw, price, sells)
    for k in range(300):
        *_, due_low, due_high = clear_steps(kw[k], price[k], sells)
        assert (low[k], high[k]) == pytest.approx((due_low, due_high), nan_ok=True), k
    one_sided = clearing_intervals(kw, price, np.ones(7, dtype=bool))
    assert np.isnan(one_sided).all()


HEAT = (
    ("sell", "chp"),
    ("sell", "gas_boiler"),
    ("sell", "solar_thermal"),
    ("sell", "thermal_store"),
    ("buy", "dump"),
    ("buy", "water_heater"),
    ("buy", "load"),
    ("buy", "thermal_store"),
)


def test_bounds_that_are_bids_of_others_are_numbers_in_their_order() -> None:
    lines = [
        Line("A", kind, kind, "heat", side, np.ones(1))  # type: ignore[arg-type]
        for side, kind in HEAT
    ]
    cost = {("A", "chp"): np.array([0.10]), ("A", "gas_boiler"): np.array([0.04])}
    costs = Costs(np.array([0.2]), cost, 0.055)

    def at(share: FloatArray | float) -> list[float]:
        shares = np.broadcast_to(np.asarray(share), (len(lines),))[:, None]
        return [float(p) for p in bid_prices(lone_home(), lines, costs, shares)[:, 0]]

    # Upper bounds: engine 2c, boiler 2c, both free ones the lesser of the two, the dump the least,
    # water heaters the greatest, heating twice that, and stores what the best of those two pays.
    assert at(1.0) == pytest.approx([0.20, 0.08, 0.08, 0.08, 0.08, 0.20, 0.40, 0.20])
    assert at(0.0) == pytest.approx([0.10, 0.04, 0.0, 0.0, 0.0, 0.0, 0.10, 0.0])
    # The collector's draw is the store's, (32) and (49), whatever the store draws itself.
    mixed = at(np.array([0.5, 0.0, 0.5, 1.0, 0.0, 0.5, 0.0, 0.5]))
    assert mixed == pytest.approx([0.15, 0.04, 0.02, 0.02, 0.0, 0.075, 0.15, 0.0375])


def test_electric_bids_stay_in_their_ranges() -> None:
    kinds = (("sell", "pv"), ("sell", "chp"), ("buy", "load"), ("buy", "job"), ("buy", "storage"))
    lines = [
        Line("A", kind, kind, "electricity", side, np.ones(1))  # type: ignore[arg-type]
        for side, kind in kinds
    ]
    costs = Costs(np.array([0.2]), {("A", "chp"): np.array([0.11])}, 0.05)
    for share, due in ((0.0, [0, 0.11, 0.2, 0, 0]), (1.0, [0.2, 0.22, 0.4, 0.2, 0.2])):
        found = bid_prices(lone_home(), lines, costs, np.full((len(lines), 1), share))
        assert found[:, 0] == pytest.approx(due), share


def test_stored_energy_is_worth_what_it_costs_and_brings() -> None:
    battery = HomeBattery(
        id="b",
        p_charge_max_kw=1.0,
        p_discharge_max_kw=1.0,
        energy_kwh=4.0,
        soc_start=0.0,
        efficiency_charge=0.9,
        efficiency_discharge=0.9,
    )
    h, price = Forecasts(3), np.array([0.10, 0.30, 0.05])
    charge, discharge = np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.81, 0.0])
    worth = water_values(battery, h, charge, discharge, np.array([0.9, 0.0, 0.0]), price)
    # Bought at 0.10 / 0.9 a kWh, sold at 0.30 * 0.9; the last hour begins with an empty store.
    assert worth[:2] == pytest.approx([(0.10 / 0.9 + 0.27) / 2.0] * 2)
    assert worth[2] == pytest.approx(0.05 * 0.9)


def test_the_heat_of_a_collector_is_offered_for_nothing() -> None:
    """All that the sun gives, also what the day had no use for; the price is then 0."""
    home = {
        "id": "A",
        "solar_thermal": [{"id": "roof", "heat_max_kw": 3.0, "forecast": "sun"}],
        "load": [{"id": "warmth", "carrier": "heat", "p_kw": 2.0}],
    }
    case = homes_case([home], {"sun": np.array([1.0, 0.5])}, hours=2)
    day = solve_exact(case).dispatch
    prices = {"electricity": np.zeros((2, 1)), "heat": np.zeros((2, 1))}
    bids = [bid for bid in marginal_bids(case, day, prices) if bid.line.device == "roof"]
    assert [(bid.line.carrier, bid.line.side) for bid in bids] == [("heat", "sell")]
    assert bids[0].line.kw == pytest.approx([3.0, 1.5])
    assert bids[0].price == pytest.approx([0.0, 0.0])
    assert crossing_of(case, day, prices).price["heat"][0] == pytest.approx(0.0)


@pytest.fixture(scope="module")
def day() -> tuple[HomesCase, Any, Prices]:
    case = load_homes(find_case("two-homes"))
    dispatch = solve_exact(case).dispatch
    return case, dispatch, priced(case, dispatch)


def test_bids_at_marginal_cost_cross_at_the_dual(day: tuple[HomesCase, Any, Prices]) -> None:
    case, dispatch, prices = day
    found = crossing_of(case, dispatch, prices.of_home)
    assert found.bids == "marginal-cost"
    dual = prices.of_pool["electricity"]
    assert (found.low["electricity"] <= dual + 1e-4).all()
    assert (found.high["electricity"] >= dual - 1e-4).all()


def test_every_hour_settles_to_zero_and_what_did_not_clear_is_bought_from_the_retailer(
    day: tuple[HomesCase, Any, Prices],
) -> None:
    case, dispatch, prices = day
    for bids in ("marginal-cost", "random"):
        response = case.file.response.model_copy(update={"bids": bids})
        other = replace(case, file=case.file.model_copy(update={"response": response}))
        crossing = crossing_of(other, dispatch, prices.of_home, seed=1)
        found = settled(other, dispatch, crossing)
        sums = (found.market + found.balance).sum(axis=1)
        assert np.abs(sums).max() < 1e-12, bids
    # Nothing clears: all that homes take in, and give, is settled with the retailer.
    none = replace(crossing, net_kw=np.zeros_like(crossing.net_kw), import_kw=np.zeros(3))
    alone = settled(case, dispatch, replace(none, export_kw=np.zeros(3)))
    exchange = [dispatch.exchange[home] for home in case.ids]
    real = np.column_stack([e.pool_kw + e.export_kw - e.import_kw for e in exchange])
    buy, sell = case.series("buy_per_kwh"), case.series("sell_per_kwh")
    due = np.where(real > 0.0, real * sell[:, None], real * buy[:, None])
    assert alone.balance[:, :2] == pytest.approx(due)
    assert not alone.market.any()


def test_bids_at_random_say_how_much_of_a_low_price_is_in_the_ranges(
    day: tuple[HomesCase, Any, Prices],
) -> None:
    case, dispatch, _ = day
    found = drawn_prices(case, dispatch, draws=50, seed=7).price["electricity"]
    assert found.shape == (50, 3)
    again = drawn_prices(case, dispatch, draws=50, seed=7).price["electricity"]
    assert (found == again).all()
    assert (found != drawn_prices(case, dispatch, draws=50, seed=8).price["electricity"]).any()
    lines, costs = lines_of(case, dispatch), costs_of(case, dispatch)

    def at(share: float) -> FloatArray:
        shares = np.full((1, len(lines) + 2, case.hours), share)
        return prices_at(case, lines, costs, shares).price["electricity"][0]

    assert (at(0.0) <= at(0.5)).all()
    assert (at(0.5) <= at(1.0)).all()
    assert (at(0.0) < costs.forecast).all()
    assert (found <= at(1.0).max() + 1e-12).all()


def copy_of(tmp_path: Path, rows: str) -> HomesCase:
    folder = tmp_path / "case"
    shutil.copytree(find_case("two-homes"), folder)
    with (folder / "case.toml").open("a", encoding="utf-8") as file:
        file.write('\n[response]\nbids = "bids.csv"\n')
    (folder / "bids.csv").write_text(
        f"home,hour,carrier,side,quantity_kw,price_per_kwh\n{rows}", encoding="utf-8"
    )
    return load_homes(folder)


def test_given_bids_are_cleared_as_they_are(
    tmp_path: Path, day: tuple[HomesCase, Any, Prices]
) -> None:
    rows = "A,1,electricity,sell,5,0.13\nB,1,electricity,buy,3,0.2\nB,1,heat,buy,3,0.05\n"
    case = copy_of(tmp_path, rows)
    found = crossing_of(case, day[1], day[2].of_home)
    # The retailer's purchase price is above 0.13 and its sale price below: the offer is spare.
    assert found.price["electricity"][1] == pytest.approx(0.13)
    assert found.net_kw[1] == pytest.approx([3.0, -3.0])
    assert np.isnan(found.price["heat"]).all()


def test_a_wrong_table_of_bids_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match=r"bids.csv row 2: home Z is not in the case"):
        copy_of(tmp_path, "Z,0,electricity,sell,5,0.11\n")
