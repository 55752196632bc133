"""Several leaders at once: by hand, and on the published plant over its first hours."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from market_cases import engine, flats, market_case

from cmgplan.errors import InputError
from cmgplan.homes.read import load_homes
from cmgplan.homes.records import HomesCase
from cmgplan.market.case.structures import parse_leaders
from cmgplan.market.pipeline import run_market
from cmgplan.market.result import EquilibriumResult, MarketOptions, MarketResult


def first_hours(count: int) -> HomesCase:
    case = load_homes("hmg3")
    time = case.file.time.model_copy(update={"hours": count})
    profiles = {name: column[:count] for name, column in case.profiles.items()}
    return replace(case, file=case.file.model_copy(update={"time": time}), profiles=profiles)


def led(case: HomesCase, *leaders: str) -> tuple[MarketResult, EquilibriumResult]:
    result = run_market(case, MarketOptions(leaders=leaders, time_limit_s=60.0))
    assert result.equilibrium is not None
    return result, result.equilibrium


def two_sellers() -> HomesCase:
    """Two homes with 30 kW at 6 p each, and a load of 100 kW; retailer 20 and 5 p.

    Both sell all they have at what the load pays the retailer: neither can gain.
    """
    sellers = [{"id": name, "chp": [engine(30.0, 6.0)]} for name in "AC"]
    return market_case([*sellers, {"id": "B", "load": [flats(100.0)]}], 20.0, 5.0)


def test_two_sellers_who_leave_a_load_short_sell_all_they_have() -> None:
    result, e = led(two_sellers(), "A", "C")
    assert e.name == "A,C|B"
    assert e.found
    assert e.ended == "no gain"
    assert e.prices.price[0, 0] == pytest.approx(20.0)
    assert e.income["A"] == pytest.approx(30.0 * (20.0 - 6.0), abs=0.2)
    assert e.income["C"] == pytest.approx(30.0 * (20.0 - 6.0), abs=0.2)
    assert e.income["B"] == pytest.approx(-2000.0, abs=0.5)
    assert max(e.gain_bound.values()) <= e.tolerance
    assert [s.name for s in result.structures] == ["A+B+C"]


@pytest.mark.parametrize("leaders", [("A", "C"), ("A", "B"), ("B", "C")])
def test_incomes_at_common_prices_never_add_up_to_more_than_there_is(
    leaders: tuple[str, str],
) -> None:
    result, e = led(first_hours(3), *leaders)
    assert sum(e.income.values()) <= result.values["A+B+C"] + 1e-6
    (follower,) = e.following
    assert e.income[follower] >= result.values[follower] - 1e-6
    assert e.found == (max(e.gain.values()) <= e.tolerance)
    for name, gain in e.gain.items():
        assert 0.0 <= gain <= e.gain_bound[name]
    pool = sum(exchange.pool_kw for exchange in e.dispatch.exchange.values())
    assert np.abs(pool).max() < 1e-6
    put = e.quantity_kw[leaders[0]][0] + e.quantity_kw[leaders[1]][0]
    assert -e.dispatch.exchange[follower].pool_kw == pytest.approx(put, abs=1e-6)


def test_an_hour_of_a_and_c_over_b_has_an_equilibrium_and_of_b_and_c_over_a_none_is_found() -> None:
    _, over_b = led(first_hours(1), "A", "C")
    assert over_b.found
    _, over_a = led(first_hours(1), "B", "C")
    assert not over_a.found
    assert over_a.ended == "repeats"
    assert max(over_a.gain.values()) > 1.0


@pytest.mark.parametrize(
    ("leaders", "told"),
    [
        (("A",), "one leader alone is a structure"),
        (("A", "A+B"), "home A leads twice; let it lead in one group"),
        (("A", "B+C"), "nobody follows; leave at least one home out"),
        (("A", "D"), "D is no home of the case; its homes are A, B, C"),
    ],
)
def test_what_is_no_set_of_leaders_is_refused(leaders: tuple[str, ...], told: str) -> None:
    with pytest.raises(InputError, match=told):
        parse_leaders(leaders, ("A", "B", "C"))


def test_leaders_do_not_post_prices() -> None:
    options = MarketOptions(leaders=("A", "C"), pricing="bid")
    with pytest.raises(InputError, match="leave out --pricing bid"):
        run_market(two_sellers(), options)
