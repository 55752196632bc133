"""Markets that are solved by hand: a generator, heat, a monopoly, and a textbook's bilevel."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from market_cases import boiler_for_a_heat_pump, generator_for_a_load, monopoly, settled

from cmgplan.market.model.bilevel import Bilevel, Leaders
from cmgplan.market.model.boxes import dual_boxes, with_slacks
from cmgplan.market.model.program import NOWHERE, Program
from cmgplan.solve.array_program import ArraySolver
from cmgplan.solve.cones import Rows

ELECTRICITY, HEAT = 0, 1


def test_a_generator_sells_what_its_follower_would_buy_dear() -> None:
    s, worth = settled(generator_for_a_load(), gap=1e-3)
    assert (worth.leading, worth.following, worth.together) == pytest.approx((0.0, -1280.0, -700.0))
    assert worth.bound == pytest.approx(580.0)
    assert s.optimistic_income == pytest.approx(560.0, abs=1e-6)
    assert s.pessimistic_income == pytest.approx(80.0, abs=1e-6)
    assert s.bound == pytest.approx(560.0, abs=1e-6)
    assert s.leader_income == pytest.approx(559.86, abs=1e-6)
    assert s.follower_income == pytest.approx(-1280.0, abs=1e-6)
    assert s.quantity[ELECTRICITY, 0] == pytest.approx(39.99, abs=1e-6)
    assert s.prices[ELECTRICITY, 0] == pytest.approx(20.0, abs=1e-6)
    assert s.unique[ELECTRICITY, 0]


def test_at_the_kink_itself_the_price_is_an_interval() -> None:
    s, _ = settled(generator_for_a_load(market={"shade_kw": 0.0}))
    assert s.leader_income == pytest.approx(560.0, abs=1e-6)
    assert (s.low[ELECTRICITY, 0], s.high[ELECTRICITY, 0]) == pytest.approx((8.0, 20.0), abs=1e-6)
    assert not s.unique[ELECTRICITY, 0]


def test_heat_is_sold_at_what_the_followers_heat_pump_costs() -> None:
    s, worth = settled(boiler_for_a_heat_pump(), gap=1e-3)
    assert (worth.following, worth.together) == pytest.approx((-480.0, -400.0))
    assert s.optimistic_income == pytest.approx(80.0, abs=1e-6)
    assert s.pessimistic_income == pytest.approx(-400.0, abs=1e-6)
    assert s.leader_income == pytest.approx(79.99, abs=1e-6)
    assert s.prices[HEAT, 0] == pytest.approx(18.0 / 3.0, abs=1e-6)
    assert s.quantity[HEAT, 0] == pytest.approx(79.99, abs=1e-6)


def test_a_smaller_quantity_limit_binds() -> None:
    s, _ = settled(generator_for_a_load(market={"quantity_max_kw": 25.0}))
    assert s.optimistic_income == pytest.approx(25.0 * (20.0 - 6.0), abs=1e-6)


def test_a_monopoly_over_stepped_demand_is_the_textbooks() -> None:
    # (20 - 4)^2 / (4 * 0.1) = 640 at q = 80 and a price of 12.
    s, _ = settled(monopoly(5.0))
    assert s.optimistic_income == pytest.approx(640.0, abs=1e-6)
    assert s.prices[ELECTRICITY, 0] == pytest.approx(12.0, abs=1e-6)
    assert 79.99 - 1e-9 <= s.quantity[ELECTRICITY, 0] < 80.0


def test_the_engine_solves_a_textbook_bilevel_program() -> None:
    """BilevelJuMP's README: min 3x + y, x <= 5, where x answers y by min -x over four rows."""
    rows = np.array([[1.0, 1.0], [4.0, 1.0], [2.0, 1.0], [2.0, -7.0]])  # of x and y
    low = np.array([-np.inf, 8.0, -np.inf, -np.inf])
    high = np.array([8.0, np.inf, 13.0, 0.0])
    none = np.full(4, NOWHERE)
    program = Program(
        cost=np.array([-1.0]),
        lower=np.array([-100.0]),
        upper=np.array([100.0]),
        matrix=sp.csr_array(rows[:, :1]),
        low=low,
        high=high,
        carrier=none,
        hour=none,
        market=none == 0,
        total=none == 0,
    )
    followers, boxes = with_slacks(program, dual_boxes(program, np.zeros((2, 1)), np.zeros((2, 1))))
    # At a vertex of the dual one row carries all, 1 / |coefficient|: the boxes of 10 hold.
    at_most_5 = np.zeros((1, 1 + followers.n))
    at_most_5[0, 1] = 1.0
    leaders = Leaders(
        cost=np.array([1.0]),
        lower=np.array([0.0]),
        upper=np.array([8.0]),
        rows=Rows(sp.csr_array((0, 1)), np.zeros(0), np.zeros(0)),
        reach=sp.csr_array(rows[:, 1:]),
        follower_cost=np.append([3.0], np.zeros(followers.n - 1)),
        paid=False,
        joint=Rows(sp.csr_array(at_most_5), np.array([-np.inf]), np.array([5.0])),
    )
    bilevel = Bilevel(leaders, followers, boxes)
    found = ArraySolver(bilevel.program()).solve()
    assert found.value == pytest.approx(92.0 / 15.0, abs=1e-6)
    assert found.values()[bilevel.at["z"]] == pytest.approx([8.0 / 15.0], abs=1e-6)
    assert found.values()[bilevel.at["y"]][0] == pytest.approx(28.0 / 15.0, abs=1e-6)
