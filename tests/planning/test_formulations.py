"""The feeder's formulations against each other: AC, relaxation, reduction, pandapower."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyomo.environ as pyo
import pytest
from test_network import make, network

from cmgplan.arrays import FloatArray
from cmgplan.case.records import Bus, Line
from cmgplan.network.branch_flow import add_branch_flow
from cmgplan.network.feeder import Feeder, oriented
from cmgplan.network.files.networks import grid_of_feeder
from cmgplan.network.grid_hours import horizon_of
from cmgplan.network.opf.problem import solve_opf
from cmgplan.network.opf.result import OpfResult
from cmgplan.network.powerflow import PowerFlow, power_flow
from cmgplan.network.reduction import expand_voltages, reduce_feeder
from cmgplan.solve import LinearProblem


def fixed(values: FloatArray) -> Any:
    return lambda i, t: float(values[t, i])


def ac_flow(feeder: Feeder, p_kw: FloatArray, q_kvar: FloatArray) -> OpfResult:
    """Return the optimal power flow that has nothing to choose: all is injected as given."""
    grid = grid_of_feeder(feeder, "given")
    loads = {"p_load_pu": -p_kw / 1000.0, "q_load_pu": -q_kvar / 1000.0}
    result = solve_opf(grid, profiles=horizon_of(grid, hours=len(p_kw), **loads))
    assert result.status == "locally optimal", result.message
    return result


def relaxed_loss(feeder: Feeder, p_kw: FloatArray, q_kvar: FloatArray) -> float | None:
    """Return the least loss that the relaxation allows, None where it is infeasible."""
    m = pyo.ConcreteModel()
    cones = add_branch_flow(m, feeder, [0], fixed(p_kw), fixed(q_kvar))
    m.total = pyo.Var()
    m.sum = pyo.Constraint(expr=m.total == m.loss[0])
    outcome = LinearProblem(m, cones).solve_tight([(m.total, 1.0)], rounds=60)
    return outcome.value


def with_limits(feeder: Feeder, flow: PowerFlow) -> Feeder:
    """Return the feeder with voltage limits drawn tightly round a power flow."""
    low, high = float(flow.v_pu.min()), float(flow.v_pu.max())
    return replace(
        feeder,
        v_min_pu=np.full(feeder.n_bus, low - 1e-7),
        v_max_pu=np.full(feeder.n_bus, high + 1e-7),
    )


def wide(feeder: Feeder) -> Feeder:
    """Return the feeder with voltage limits that do not bind."""
    n = feeder.n_bus
    return replace(feeder, v_min_pu=np.full(n, 0.5), v_max_pu=np.full(n, 1.5))


def test_ac_model_agrees_with_pandapower_on_94_buses() -> None:
    feeder, p_kw, q_kvar = network("case94pi")
    feeder = wide(feeder)
    rng = np.random.default_rng(5)
    factors = rng.uniform(-0.6, 1.0, (2, 94))
    p_kw, q_kvar = factors * p_kw, rng.uniform(-0.5, 1.0, (2, 94)) * q_kvar
    result = ac_flow(feeder, p_kw, q_kvar)
    flow = power_flow(feeder, p_kw, q_kvar)
    assert flow.loss_kw.min() > 1.0
    np.testing.assert_allclose(result.loss_mw * 1000.0, flow.loss_kw, atol=1e-4)
    np.testing.assert_allclose(result.v_pu, flow.v_pu, atol=1e-7)
    np.testing.assert_allclose(result.p_mw[:, 0] * 1000.0, flow.slack_p_kw, atol=1e-3)


def test_ac_model_agrees_with_pandapower_on_a_charged_loop() -> None:
    buses = [Bus(bus=i, vn_kv=10.0) for i in "abcd"]
    ends = [("a", "b"), ("b", "c"), ("c", "a"), ("c", "d")]
    lines = [
        Line(line=f"{i}{j}", from_bus=i, to_bus=j, r_ohm=0.5, x_ohm=0.4, b_us=300.0)
        for i, j in ends
    ]
    feeder = make(buses, lines)
    p_kw, q_kvar = np.array([[20.0, -900, 300, -400]]), np.array([[0.0, -300, 50, -100]])
    result = ac_flow(feeder, p_kw, q_kvar)
    flow = power_flow(feeder, p_kw, q_kvar)
    np.testing.assert_allclose(result.loss_mw * 1000.0, flow.loss_kw, atol=1e-5)
    np.testing.assert_allclose(result.v_pu, flow.v_pu, atol=1e-8)
    assert result.q_mvar[0, 0] * 1000.0 == pytest.approx(flow.slack_q_kvar[0], abs=1e-4)


@pytest.mark.parametrize("seed", range(4))
def test_relaxation_loses_no_more_than_ac_even_at_the_voltage_limits(seed: int) -> None:
    """Imports at odd seeds, exports at even ones: under the slack voltage, and over it."""
    feeder, p_kw, q_kvar = network("case15da")
    rng = np.random.default_rng(seed)
    sign = 1.0 if seed % 2 else -1.0
    p_kw = sign * rng.uniform(0.3, 1.3, p_kw.shape) * p_kw
    q_kvar = sign * rng.uniform(0.3, 1.3, q_kvar.shape) * q_kvar
    flow = power_flow(feeder, p_kw, q_kvar)
    assert flow.converged.all()
    least = relaxed_loss(oriented(with_limits(feeder, flow)), p_kw, q_kvar)
    assert least is not None  # the relaxation holds the AC state
    assert least <= flow.loss_kw[0] + 1e-6
    assert least == pytest.approx(flow.loss_kw[0], rel=0.01)


def test_relaxation_with_charging_holds_the_ac_state() -> None:
    buses = [Bus(bus=i, vn_kv=10.0) for i in "abc"]
    lines = [
        Line(line=i + j, from_bus=i, to_bus=j, r_ohm=0.6, x_ohm=0.5, b_us=900.0)
        for i, j in [("a", "b"), ("b", "c")]
    ]
    feeder = make(buses, lines)
    p_kw, q_kvar = np.array([[0.0, -500, -800]]), np.array([[0.0, -100, 200]])
    flow = power_flow(feeder, p_kw, q_kvar)
    least = relaxed_loss(oriented(with_limits(feeder, flow)), p_kw, q_kvar)
    assert least is not None
    assert least <= flow.loss_kw[0] + 1e-6
    assert least == pytest.approx(flow.loss_kw[0], rel=0.01)


@pytest.mark.parametrize("seed", range(3))
def test_reduced_feeder_equals_the_whole_one(seed: int) -> None:
    feeder, _, _ = network("case94pi")
    rng = np.random.default_rng(seed)
    active = sorted(int(b) for b in rng.choice(np.arange(1, 94), 6, replace=False))
    reduced = reduce_feeder(feeder, active)
    assert reduced.n_bus < 40
    p_kw, q_kvar = np.zeros((2, 94)), np.zeros((2, 94))
    p_kw[:, active] = rng.uniform(-300, 300, (2, 6))
    q_kvar[:, active] = rng.uniform(-100, 100, (2, 6))
    kept = [feeder.position(bus) for bus in reduced.bus_ids]
    assert set(active) <= set(kept)
    whole = power_flow(feeder, p_kw, q_kvar)
    part = power_flow(reduced, p_kw[:, kept], q_kvar[:, kept])
    np.testing.assert_allclose(part.loss_kw, whole.loss_kw, atol=1e-6)
    np.testing.assert_allclose(part.v_pu, whole.v_pu[:, kept], atol=1e-9)
    assert whole.loss_kw.min() > 0.1
    near = ac_flow(wide(reduced), p_kw[:, kept], q_kvar[:, kept])
    expanded = expand_voltages(feeder, reduced, near.v_pu * np.exp(1j * near.angle_rad))
    np.testing.assert_allclose(np.abs(expanded), whole.v_pu, atol=1e-8)


def test_reduction_keeps_the_smallest_rating_and_a_charged_feeder() -> None:
    buses = [Bus(bus=i, vn_kv=10.0) for i in "abcd"]
    ratings = {"ab": 500.0, "bc": 300.0, "cd": 400.0}
    lines = [
        Line(line=e, from_bus=e[0], to_bus=e[1], r_ohm=1.0, x_ohm=1.0, rating_kva=kva)
        for e, kva in ratings.items()
    ]
    reduced = reduce_feeder(make(buses, lines), [2])
    assert reduced.bus_ids == ("a", "c")
    assert reduced.i_max_pu.tolist() == [0.3]
    assert reduced.base.impedance_ohm(float(reduced.r_pu[0])) == pytest.approx(2.0)
    charged = [line.model_copy(update={"b_us": 10.0}) for line in lines]
    assert reduce_feeder(make(buses, charged), [2]).n_bus == 4
