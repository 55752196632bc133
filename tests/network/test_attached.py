"""Columns attached to an optimal power flow, against closed forms and pandapower."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from test_network import make

from cmgplan.arrays import FloatArray
from cmgplan.case.records import Bus, Line
from cmgplan.errors import InputError
from cmgplan.network.feeder import Feeder
from cmgplan.network.files.networks import grid_of_feeder
from cmgplan.network.grid import Grid
from cmgplan.network.grid_hours import GridHours, horizon_of
from cmgplan.network.opf.attached import Attached, Circles, Losses
from cmgplan.network.opf.attached_problem import AttachedOpf
from cmgplan.network.opf.flexible import Responsive
from cmgplan.network.opf.problem import solve_opf
from cmgplan.network.opf.result import OpfResult, WallTime, replayed, result_of
from cmgplan.network.powerflow import power_flow
from cmgplan.solve.cones import Rows
from cmgplan.solve.outcome import Stop

P_SUB, P, Q, LOSS, COST = range(5)
"""Columns of ``plant``: upstream, the plant's power, what its link loses, and the cost."""

RATING_KVA, LOSS_PER_KVA2 = 250.0, 1e-4
UPSTREAM_USD, PLANT_USD = 0.10, 0.04


def feeder() -> Feeder:
    buses = [Bus(bus=i, vn_kv=10.0) for i in "ab"]
    return make(buses, [Line(line="ab", from_bus="a", to_bus="b", r_ohm=0.8, x_ohm=0.6)])


def plant(**upper: float) -> Attached:
    """Return a plant at bus b behind a rated link with losses, dearer than nothing, one hour.

    It injects P - LOSS and Q; COST = 0.10 P_SUB + 0.04 P is a row, and the objective.
    """
    low = np.array([-np.inf, 0.0, -np.inf, 0.0, -np.inf])
    high = np.full(5, np.inf)
    for name, value in upper.items():
        high[{"p": P, "q": Q, "cost": COST}[name]] = value
    row = sp.csr_array(np.array([[UPSTREAM_USD, PLANT_USD, 0.0, 0.0, -1.0]]))
    price = np.zeros(5)
    price[COST] = 1.0
    one = np.array
    return Attached(
        unit_pu=1e-3,
        rows=Rows(row, np.zeros(1), np.zeros(1)),
        circles=Circles(one([P]), one([Q]), one([RATING_KVA])),
        losses=Losses(one([LOSS]), one([P]), one([Q]), one([LOSS_PER_KVA2])),
        p_injection=sp.csr_array(([1.0, -1.0], ([1, 1], [P, LOSS])), shape=(2, 5)),
        q_injection=sp.csr_array(([1.0], ([1], [Q])), shape=(2, 5)),
        output=np.array([0, -1, -1, -1, -1]),
        lower=low,
        upper=high,
        price=price,
        start=np.zeros(5),
    )


def loaded() -> tuple[Grid, GridHours]:
    """Return the feeder with 600 kW and 200 kvar at bus b."""
    grid = grid_of_feeder(feeder(), "plant")
    load = {"p_load_pu": np.array([[0.0, 0.6]]), "q_load_pu": np.array([[0.0, 0.2]])}
    return grid, horizon_of(grid, hours=1, **load)


def compiled(attached: Attached) -> AttachedOpf:
    return AttachedOpf(*loaded(), attached)


def injected(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    return np.array([[0.0, x[P] - x[LOSS] - 600.0]]), np.array([[0.0, x[Q] - 200.0]])


def test_the_cheaper_plant_runs_up_to_its_rating_and_pandapower_agrees() -> None:
    attached = plant()
    problem = compiled(attached)
    outcome = problem.minimise(attached)
    assert outcome.stop is Stop.LOCAL_OPTIMUM
    x = problem.columns(outcome)
    assert np.hypot(x[P], x[Q]) == pytest.approx(RATING_KVA, abs=1e-5)
    assert x[LOSS] == pytest.approx(LOSS_PER_KVA2 * RATING_KVA**2, abs=1e-6)
    assert x[Q] > 1.0  # reactive power saves losses on the feeder
    flow = power_flow(feeder(), *injected(x))
    assert x[P_SUB] == pytest.approx(flow.slack_p_kw[0], abs=1e-5)
    np.testing.assert_allclose(problem.part(outcome, "v"), flow.v_pu, atol=1e-9)
    assert outcome.value == pytest.approx(UPSTREAM_USD * x[P_SUB] + PLANT_USD * x[P], abs=1e-7)


def test_bounds_and_prices_change_from_solve_to_solve() -> None:
    attached = plant()
    problem = compiled(attached)
    free = problem.minimise(attached)
    assert free.value is not None
    bounded = problem.minimise(plant(p=100.0, q=0.0))
    assert problem.columns(bounded)[P] == pytest.approx(100.0, abs=1e-6)
    dear = replace(attached, price=np.array([0.0, 0.0, 0.0, 1.0, 0.0]))
    assert problem.columns(problem.minimise(dear))[LOSS] == pytest.approx(0.0, abs=1e-6)
    capped = problem.minimise(plant(cost=free.value - 0.01))
    assert capped.stop is not Stop.LOCAL_OPTIMUM
    assert capped.x is None
    again = problem.minimise(attached)
    assert again.value == pytest.approx(free.value, abs=1e-7)


def test_small_prices_lose_no_digits() -> None:
    """An objective made of shares, 1e-7 of the one in $, ends at the same power."""
    attached = plant()
    problem = compiled(attached)
    in_usd = problem.minimise(attached)
    in_shares = problem.minimise(replace(attached, price=1e-7 * attached.price))
    assert in_usd.value is not None
    assert in_shares.value == pytest.approx(1e-7 * in_usd.value, rel=1e-9)
    np.testing.assert_allclose(problem.columns(in_shares)[P], problem.columns(in_usd)[P], atol=1e-3)


@pytest.mark.parametrize("loss", [0.25, 0.3])
def test_rows_in_which_all_is_held_are_looked_at_and_do_not_hinder(loss: float) -> None:
    """30 kW and 40 kvar lose 1e-4 * 50^2 = 0.25 kW: that can be held, 0.3 kW cannot."""
    attached = plant()
    low, high = attached.lower.copy(), attached.upper.copy()
    for column, value in ((P, 30.0), (Q, 40.0), (LOSS, loss)):
        low[column] = high[column] = value
    problem = compiled(attached)
    outcome = problem.minimise(replace(attached, lower=low, upper=high))
    if loss == 0.25:
        flow = power_flow(feeder(), *injected(problem.columns(outcome)))
        assert problem.columns(outcome)[P_SUB] == pytest.approx(flow.slack_p_kw[0], abs=1e-5)
    else:
        assert outcome.stop is Stop.LOCALLY_INFEASIBLE
        assert "breaks a row by 5.00e-02" in outcome.message


def test_insisting_answers_where_nothing_is_left_to_choose() -> None:
    """The plant's least power is its greatest, so that no point lies inside the bounds."""
    attached = plant(p=90.0, q=-30.0)
    low = attached.lower.copy()
    low[P], low[Q] = 90.0 - 1e-9, -30.0 - 1e-9
    problem = compiled(attached)
    outcome = problem.minimise(replace(attached, lower=low), insist=True)
    assert outcome.accepted
    assert problem.columns(outcome)[P] == pytest.approx(90.0, abs=1e-6)


def test_solve_opf_answers_with_columns_attached_and_replays() -> None:
    grid, hour = loaded()
    result = solve_opf(grid, profiles=hour, attached=plant())
    assert result.solved
    assert result.replay_max_dv_pu <= 1e-9
    x = result.attached
    assert np.hypot(x[P], x[Q]) == pytest.approx(RATING_KVA, abs=1e-5)
    assert result.objective == pytest.approx(UPSTREAM_USD * x[P_SUB] + PLANT_USD * x[P], abs=1e-7)
    flow = power_flow(feeder(), *injected(x))
    np.testing.assert_allclose(result.v_pu, flow.v_pu, atol=1e-9)
    assert 1e3 * result.p_mw[0, 0] == pytest.approx(flow.slack_p_kw[0], abs=1e-5)
    assert 1e3 * result.loss_mw[0] == pytest.approx(flow.loss_kw[0], abs=1e-5)


def test_the_replay_contradicts_injections_other_than_those_solved() -> None:
    """With half the plant's power at bus b, the voltages are no longer those of the answer."""
    attached = plant()
    problem = compiled(attached)
    outcome = problem.minimise(attached)
    half = replace(attached, p_injection=0.5 * attached.p_injection)
    wall = WallTime(0.0, 0.0, 0.0)
    answer = result_of(problem.layout, outcome, "start given", wall)

    def confirmed(injecting: Attached) -> OpfResult:
        drawn = injecting.drawn_pu(problem.layout, problem.columns(outcome))
        return replayed(replace(answer, drawn_pu=drawn), problem.horizon)

    assert confirmed(attached).solved
    assert confirmed(half).status == "replay failed"


def test_without_an_answer_the_message_tells() -> None:
    grid, hour = loaded()
    result = solve_opf(grid, profiles=hour, attached=plant(cost=1.0))
    assert result.status == "locally infeasible"
    assert result.message
    assert (result.v_pu.size, result.attached.size) == (0, 0)
    assert np.isnan(result.objective)


def test_what_attached_columns_exclude_is_refused() -> None:
    grid, hour = loaded()
    with pytest.raises(InputError, match="put them among attached"):
        solve_opf(grid, profiles=hour, attached=plant(), responsive=[Responsive("b", 0.1)])
    with pytest.raises(InputError, match="leave out bound=True"):
        solve_opf(grid, profiles=hour, attached=plant(), bound=True)
