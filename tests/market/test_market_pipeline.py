"""The market as a whole: on two homes that are solved by hand, and on the published three."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import two_homes
from market_cases import boiler_for_a_heat_pump, generator_for_a_load, worth_of
from market_cases import settled as settled_of

from cmgplan.errors import InputError
from cmgplan.homes.case.read import load_homes
from cmgplan.market.case.structures import Structure
from cmgplan.market.leading.bid import FIRST, Bid
from cmgplan.market.leading.doubts import of_structure
from cmgplan.market.leading.uniform import Uniform
from cmgplan.market.model.choices import Commitment
from cmgplan.market.model.plant import Plant
from cmgplan.market.pipeline import run_market
from cmgplan.market.result import MCP_COLUMNS, MarketOptions, MarketResult
from cmgplan.progress import ProgressEvent


@pytest.fixture(scope="module")
def two() -> MarketResult:
    return run_market(load_homes("two-homes"), MarketOptions())


@pytest.fixture(scope="module")
def three() -> MarketResult:
    return run_market(load_homes("hmg3"), MarketOptions(structures=("A", "A+C|B", "A+B+C")))


def test_two_homes_are_worth_what_they_are_by_hand(two: MarketResult) -> None:
    by_hand = {
        "A": -two_homes.ALONE_A.cost,
        "B": -two_homes.ALONE_B.cost,
        "A+B": -two_homes.TOGETHER.cost,
    }
    assert two.values == pytest.approx(by_hand, abs=1e-6)
    assert two.games["shapley"] == pytest.approx(two_homes.SHAPLEY, abs=1e-6)
    assert [s.name for s in two.structures] == ["A", "B", "A|B", "B|A", "A+B"]


def test_every_structure_lies_under_its_bound_and_within_its_gap(two: MarketResult) -> None:
    for s in two.structures:
        assert s.leader_income <= s.bound
        assert s.gap == pytest.approx(s.bound - s.leader_income)
        assert s.gap_share <= 0.01
        assert s.leader_income + s.follower_income <= two.values["A+B"] + 1e-9 or "|" not in s.name
        assert sum(s.income.values()) == pytest.approx(s.leader_income + s.follower_income)


def test_clearing_prices_of_all_homes_pay_every_coalition_enough(
    two: MarketResult, three: MarketResult
) -> None:
    for result in (two, three):
        paid = result.games["owen"]
        everybody = "+".join(result.case.ids)
        assert sum(paid.values()) == pytest.approx(result.values[everybody], abs=1e-6)
        for group, value in result.values.items():
            assert sum(paid[home] for home in group.split("+")) >= value - 1e-6
        assert result.games["least_excess"]["owen"] >= -1e-6


def test_three_homes_play_the_game_that_a_prototype_found(three: MarketResult) -> None:
    shapley = {"A": -259.67, "B": -448.15, "C": -391.94}
    nucleolus = {"A": -308.49, "B": -495.38, "C": -295.89}
    owen = {"A": -289.46, "B": -525.37, "C": -284.93}
    assert three.games["shapley"] == pytest.approx(shapley, abs=0.01)
    assert three.games["nucleolus"] == pytest.approx(nucleolus, abs=0.01)
    assert three.games["owen"] == pytest.approx(owen, abs=0.01)
    assert three.games["least_excess"]["shapley"] == pytest.approx(-9.67, abs=0.01)
    assert three.games["least_excess"]["nucleolus"] == pytest.approx(39.15, abs=0.01)


def test_two_leaders_over_one_earn_what_a_prototype_found(three: MarketResult) -> None:
    s = three.structure("A+C|B")
    surplus = three.values["A+B+C"] - three.values["A+C"] - three.values["B"]
    assert s.leader_income == pytest.approx(-541.55, abs=0.01 * surplus)
    assert s.bound >= -541.55 - 0.005
    assert s.prices.unique.all()
    assert s.pessimistic_income < s.optimistic_income - 10.0
    assert s.optimistic_income - s.leader_income < 0.3
    assert s.prices.price.mean(axis=1) == pytest.approx([0.1109, 0.0293], abs=0.003)


def test_the_table_of_prices_has_a_row_for_each_hour_and_carrier(three: MarketResult) -> None:
    table = three.mcp()
    assert tuple(table.columns) == MCP_COLUMNS
    assert len(table) == 3 * 2 * 24
    assert (table["low_per_kwh"] <= table["price_per_kwh"] + 1e-12).all()
    assert (table["price_per_kwh"] <= table["high_per_kwh"] + 1e-12).all()
    assert set(table["way"]) == {"A", "A+C|B", "A+B+C"}


def test_a_home_alone_trades_nothing(three: MarketResult) -> None:
    s = three.structure("A")
    assert set(s.dispatch.exchange) == {"A"}
    assert np.abs(s.dispatch.exchange["A"].pool_kw).max() == 0.0
    assert s.leader_income == pytest.approx(three.values["A"])


def test_the_conditions_and_ipopt_come_near_the_exact_answer() -> None:
    exact = run_market(load_homes("two-homes"), MarketOptions(structures=("A|B", "B|A")))
    nlp = run_market(
        load_homes("two-homes"), MarketOptions(structures=("A|B", "B|A"), method="nlp")
    )
    for name in ("A|B", "B|A"):
        one, other = exact.structure(name), nlp.structure(name)
        assert other.method in ("nlp", "milp")
        assert other.leader_income <= one.bound + 1e-9
        assert other.leader_income == pytest.approx(one.leader_income, abs=0.02)


@pytest.mark.parametrize(
    ("cap", "price", "quantity_kw", "income"),
    [(12.0, 12.0, 40.0, 240.0), (30.0, 20.0, 40.0, 560.0), (7.0, None, 0.0, 0.0)],
)
def test_a_posted_price_is_capped_and_may_be_withheld(
    cap: float, price: float | None, quantity_kw: float, income: float
) -> None:
    """At 7 p B would take 100 kW; A makes 50 kW at 6 p and would buy the rest at 20 p."""
    plant = Plant(generator_for_a_load())
    worth = worth_of(plant, ("A",), ("B",))
    caps = np.array([[cap], [2.0 * cap]])
    s = Bid(plant, ("A",), ("B",), worth, gap=1e-6, time_limit_s=20.0, cap_per_kwh=caps).answer()
    assert s.leader_income == pytest.approx(income, abs=1e-5)
    assert s.quantity[0, 0] == pytest.approx(quantity_kw, abs=1e-6)
    assert price is None or s.prices[0, 0] == pytest.approx(price, abs=1e-6)
    assert s.bound == pytest.approx(income, abs=1e-4)


def test_posted_prices_are_sought_in_all_of_the_time() -> None:
    """A search within the retailer's band that its part of the time ended goes on."""
    shares = []

    class Late(Bid):
        def _searched(self, wide: Any, known: Any, share: float) -> Any:
            shares.append(share)
            groups, problem, x, bound = super()._searched(wide, known, share)
            if len(shares) == 1:
                self._late, bound = True, 580.0
            return groups, problem, x, bound

    plant = Plant(generator_for_a_load())
    worth, caps = worth_of(plant, ("A",), ("B",)), np.array([[12.0], [24.0]])
    s = Late(plant, ("A",), ("B",), worth, gap=1e-6, time_limit_s=20.0, cap_per_kwh=caps).answer()
    assert shares == [FIRST, 1.0]
    assert (s.leader_income, s.bound) == pytest.approx((240.0, 240.0), abs=1e-4)
    assert (s.status, s.stopped) == ("optimal", "gap")


def test_without_a_cap_that_binds_posted_prices_earn_what_uniform_ones_do() -> None:
    plant = Plant(boiler_for_a_heat_pump())
    worth = worth_of(plant, ("A",), ("B",))
    caps = np.full((2, 1), 100.0)
    groups = plant, ("A",), ("B",), worth
    posted = Bid(*groups, gap=1e-6, time_limit_s=20.0, cap_per_kwh=caps).answer()
    uniform = Uniform(*groups, gap=1e-6, time_limit_s=20.0).answer()
    assert posted.leader_income == pytest.approx(uniform.optimistic_income, abs=1e-5)


def test_electricity_that_is_not_pooled_is_not_traded() -> None:
    case = boiler_for_a_heat_pump(pool={"electricity": False})
    result = run_market(case, MarketOptions(structures=("A|B",), gap=1e-3))
    s = result.structure("A|B")
    assert set(result.mcp()["carrier"]) == {"heat"}
    assert s.leader_income == pytest.approx(79.99, abs=1e-6)
    assert np.abs(s.quantity_kw[0]).max() == 0.0


def test_options_that_contradict_each_other_are_refused() -> None:
    options = MarketOptions(pricing="bid", method="nlp")
    with pytest.raises(InputError, match="leave out --method nlp"):
        run_market(load_homes("two-homes"), options)
    with pytest.raises(InputError, match="Z is no home of the case"):
        run_market(load_homes("two-homes"), MarketOptions(structures=("Z|A",)))


def test_progress_is_told_structure_by_structure() -> None:
    events: list[ProgressEvent] = []
    run_market(load_homes("two-homes"), MarketOptions(structures=("A|B", "A")), events.append)
    assert [event.stage for event in events] == ["model", "values", "structure", "structure"]
    fractions = [event.fraction for event in events]
    assert fractions == sorted(fractions, key=float)


def test_a_time_limit_gives_an_answer_with_its_gap() -> None:
    result = run_market(load_homes("hmg3"), MarketOptions(structures=("C|A+B",), time_limit_s=1.0))
    s = result.structures[0]
    assert s.status == "feasible"
    assert s.gap_share > 0.01
    assert result.values["C"] - 0.1 <= s.leader_income <= s.bound
    assert s.gap == pytest.approx(s.bound - s.leader_income)
    assert s.stopped == "time"


def test_nothing_better_than_standing_alone_is_said_with_what_is_open() -> None:
    """A's 50 kW at 6 p spare B 40 kW at 20 p and 10 at 8 p: 580 p, none of which A has alone."""
    case = generator_for_a_load()
    commitment = Commitment(Plant(case))
    worth = worth_of(commitment.whole, ("A",), ("B",))
    settled, _ = settled_of(case)
    assert worth.leading == pytest.approx(0.0)
    assert worth.surplus == pytest.approx(580.0)

    def told(income: float, status: str = "feasible") -> list[str]:
        other = replace(settled, leader_income=income, bound=580.0, status=status)
        structure = Structure(("A",), ("B",))
        return list(of_structure(structure, other, worth, commitment, 0.01))

    (text,) = told(0.0)
    assert "in A|B nothing better was found than that each group stands alone" in text
    assert "leaders earn 0 USD and might earn up to 580 more, 100 % of the surplus" in text
    assert told(5.5)  # a hundredth of the surplus counts as none
    assert not told(280.0)
    assert not told(0.0, "optimal")
