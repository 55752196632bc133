"""The feeder's arrays and the power flow, against known answers, formulas and a second method."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cmgplan.arrays import FloatArray
from cmgplan.case.records import Bus, Line
from cmgplan.network.feeder import Feeder, feeder_from_tables, oriented
from cmgplan.network.powerflow import PowerFlow, minimum_voltage, power_flow

NETWORKS = Path(__file__).parents[1] / "data" / "networks"


def make(buses: list[Bus], lines: list[Line], v_slack_pu: float = 1.0) -> Feeder:
    return feeder_from_tables(
        buses, lines, slack_bus=buses[0].bus, v_slack_pu=v_slack_pu, v_min_pu=0.9, v_max_pu=1.1
    )


def network(name: str, open_lines: set[str] | None = None) -> tuple[Feeder, FloatArray, FloatArray]:
    """Return a published feeder and its nominal loads as injections, each of shape (1, n)."""
    rows = pd.read_csv(NETWORKS / name / "buses.csv").itertuples(index=False)
    buses = [Bus(bus=str(r.bus), p_kw=r.p_kw, q_kvar=r.q_kvar, vn_kv=r.vn_kv) for r in rows]
    lines = []
    for row in pd.read_csv(NETWORKS / name / "lines.csv").itertuples(index=False):
        closed = row.in_service if open_lines is None else int(str(row.line) not in open_lines)
        ends = {"from_bus": str(row.from_bus), "to_bus": str(row.to_bus)}
        lines.append(
            Line(line=str(row.line), **ends, r_ohm=row.r_ohm, x_ohm=row.x_ohm, in_service=closed)
        )
    p_kw = -np.array([[bus.p_kw for bus in buses]])
    return make(buses, lines), p_kw, -np.array([[bus.q_kvar for bus in buses]])


def chain(*ends: tuple[str, str], rating_kva: float | None = None, b_us: float = 0.0) -> Feeder:
    """Return a 10 kV feeder with the given branches; the first bus named is the slack."""
    ids = list(dict.fromkeys(bus for pair in ends for bus in pair))
    lines = [
        Line(
            line=f"L{k}",
            from_bus=a,
            to_bus=b,
            r_ohm=0.4 + 0.1 * k,
            x_ohm=0.3,
            b_us=b_us,
            rating_kva=rating_kva,
        )
        for k, (a, b) in enumerate(ends)
    ]
    return make([Bus(bus=i, vn_kv=10.0) for i in ids], lines)


def sweep(feeder: Feeder, p_kw: FloatArray, q_kvar: FloatArray) -> tuple[FloatArray, float]:
    """Backward/forward sweep of one hour: voltages (pu) and loss (kW)."""
    tree = oriented(feeder)
    s_pu = (p_kw + 1j * q_kvar) / tree.base.s_base_kva
    z_pu = tree.r_pu + 1j * tree.x_pu
    v = np.full(tree.n_bus, tree.v_slack_pu, dtype=np.complex128)
    current = np.zeros(tree.n_line, dtype=np.complex128)
    for _ in range(60):
        into = -np.conj(s_pu / v)
        for k in reversed(range(tree.n_line)):
            current[k] = into[tree.to_bus[k]]
            into[tree.from_bus[k]] += current[k]
        for k in range(tree.n_line):
            v[tree.to_bus[k]] = v[tree.from_bus[k]] - z_pu[k] * current[k]
    loss = float(np.sum(tree.r_pu * np.abs(current) ** 2)) * tree.base.s_base_kva
    return np.abs(v), loss


def nodal_power(feeder: Feeder, flow: PowerFlow) -> np.ndarray:
    """Complex injections (kVA) that the solved voltages imply through the admittance matrix."""
    y = np.zeros((feeder.n_bus, feeder.n_bus), dtype=np.complex128)
    for k in range(feeder.n_line):
        i, j = feeder.from_bus[k], feeder.to_bus[k]
        series = 1.0 / (feeder.r_pu[k] + 1j * feeder.x_pu[k])
        y[[i, j], [i, j]] += series + 0.5j * feeder.b_pu[k]
        y[[i, j], [j, i]] -= series
    v = flow.v_pu[0] * np.exp(1j * flow.angle_rad[0])
    return np.asarray(v * np.conj(y @ v) * feeder.base.s_base_kva)


@pytest.mark.parametrize(
    ("name", "loss_kw", "v_min_pu", "bus"),
    [
        ("case94pi", 362.858, 0.848477, "92"),
        ("case33bw", 202.677, 0.913090, "18"),
        ("case15da", 61.794, 0.944517, "13"),
        ("case69", 224.992, 0.909188, "65"),
    ],
)
def test_published_networks(name: str, loss_kw: float, v_min_pu: float, bus: str) -> None:
    feeder, p_kw, q_kvar = network(name)
    flow = power_flow(feeder, p_kw, q_kvar)
    v, hour, position = minimum_voltage(flow)
    assert flow.converged.all()
    assert flow.loss_kw[0] == pytest.approx(loss_kw, abs=1e-3)
    assert (hour, feeder.bus_ids[position]) == (0, bus)
    assert v == pytest.approx(v_min_pu, abs=1e-6)
    assert flow.slack_p_kw[0] == pytest.approx(flow.loss_kw[0] - p_kw.sum(), abs=1e-5)


def test_33bw_after_the_best_reconfiguration() -> None:
    feeder, p_kw, q_kvar = network("case33bw", open_lines={"7", "9", "14", "32", "37"})
    assert feeder.is_radial
    assert power_flow(feeder, p_kw, q_kvar).loss_kw[0] == pytest.approx(139.5513, abs=1e-4)


def test_power_flow_agrees_with_a_backward_forward_sweep() -> None:
    feeder, p_kw, q_kvar = network("case94pi")
    feeder = replace(feeder, v_slack_pu=1.05)
    factors = np.array([[0.3], [1.0], [-0.4]])
    flow = power_flow(feeder, factors * p_kw, factors * q_kvar)
    for t, factor in enumerate(factors[:, 0]):
        v, loss = sweep(feeder, factor * p_kw[0], factor * q_kvar[0])
        assert np.abs(flow.v_pu[t] - v).max() < 1e-9
        assert flow.loss_kw[t] == pytest.approx(loss, abs=1e-6)


def test_loss_of_a_two_bus_feeder_equals_the_formula() -> None:
    feeder = make(
        [Bus(bus="a", vn_kv=10.0), Bus(bus="b", vn_kv=10.0)],
        [Line(line="1", from_bus="a", to_bus="b", r_ohm=2.0, x_ohm=1.0)],
        v_slack_pu=1.02,
    )
    p_kw, q_kvar = 1500.0, 700.0
    r, x, p, q = 2.0, 1.0, p_kw * 1e3, q_kvar * 1e3  # ohm, W, var
    half = (1.02 * 10e3) ** 2 / 2.0 - r * p - x * q
    v_squared = half + np.sqrt(half**2 - (r**2 + x**2) * (p**2 + q**2))
    loss_kw = r * (p**2 + q**2) / v_squared / 1e3
    flow = power_flow(feeder, np.array([[0.0, -p_kw]]), np.array([[0.0, -q_kvar]]))
    assert flow.loss_kw[0] == pytest.approx(loss_kw, abs=1e-7)
    assert flow.v_pu[0] == pytest.approx([1.02, np.sqrt(v_squared) / 10e3], abs=1e-10)
    ampere = np.hypot(p_kw, q_kvar) / np.sqrt(3.0 * v_squared) * 1e3
    assert flow.i_pu[0, 0] * feeder.base.i_base_a == pytest.approx(ampere, rel=1e-9)


def test_charging_and_loops_satisfy_the_nodal_equations() -> None:
    feeder = chain(("a", "b"), ("b", "c"), ("c", "a"), ("c", "d"), b_us=400.0)
    p_kw = np.array([[50.0, -900.0, 300.0, -400.0]])
    q_kvar = np.array([[-20.0, -300.0, 0.0, -100.0]])
    flow = power_flow(feeder, p_kw, q_kvar)
    implied = nodal_power(feeder, flow)
    assert implied[1:] == pytest.approx((p_kw + 1j * q_kvar)[0, 1:], abs=1e-6)
    assert flow.slack_p_kw[0] + p_kw[0, 0] == pytest.approx(implied[0].real, abs=1e-6)
    assert flow.slack_q_kvar[0] + q_kvar[0, 0] == pytest.approx(implied[0].imag, abs=1e-6)
    assert flow.loss_kw[0] == pytest.approx(implied.real.sum(), abs=1e-6)


def test_current_is_the_larger_end_of_a_charging_branch() -> None:
    feeder = chain(("a", "b"), b_us=4000.0)
    flow = power_flow(feeder, np.zeros((1, 2)), np.zeros((1, 2)))
    v = flow.v_pu[0] * np.exp(1j * flow.angle_rad[0])
    series = (v[0] - v[1]) / (feeder.r_pu[0] + 1j * feeder.x_pu[0])
    at_ends = np.abs([series + 0.5j * feeder.b_pu[0] * v[0], series - 0.5j * feeder.b_pu[0] * v[1]])
    assert at_ends[1] < 1e-9  # nothing leaves at the open end
    assert flow.i_pu[0, 0] == pytest.approx(at_ends[0], rel=1e-7)


def test_hours_stand_alone_and_an_overloaded_hour_is_flagged() -> None:
    feeder, p_kw, q_kvar = network("case33bw")
    factors = np.array([[1.0], [50.0], [0.5]])
    flow = power_flow(feeder, factors * p_kw, factors * q_kvar)
    assert flow.converged.tolist() == [True, False, True]
    assert np.isnan(flow.loss_kw[1])
    assert np.isnan(flow.slack_p_kw[1])
    assert np.isnan(flow.v_pu[1]).all()
    assert np.isnan(flow.i_pu[1]).all()
    assert flow.loss_kw[0] == pytest.approx(202.677, abs=1e-3)
    assert flow.loss_kw[2] == power_flow(feeder, 0.5 * p_kw, 0.5 * q_kvar).loss_kw[0]
    assert minimum_voltage(flow)[:2] == (pytest.approx(0.913090, abs=1e-6), 0)


def test_minimum_voltage_of_nothing_converged_is_refused() -> None:
    feeder, p_kw, q_kvar = network("case15da")
    with pytest.raises(ValueError, match="All-NaN"):
        minimum_voltage(power_flow(feeder, 100.0 * p_kw, 100.0 * q_kvar))


def test_branch_of_nearly_no_impedance_converges() -> None:
    feeder = make(
        [Bus(bus=i, vn_kv=10.0) for i in "abc"],
        [
            Line(line="1", from_bus="a", to_bus="b", r_ohm=1e-6, x_ohm=1e-6),
            Line(line="2", from_bus="b", to_bus="c", r_ohm=1.0, x_ohm=1.0),
        ],
    )
    flow = power_flow(feeder, np.array([[0.0, 0.0, -500.0]]), np.zeros((1, 3)))
    assert flow.converged[0]
    assert flow.v_pu[0, 1] == pytest.approx(1.0, abs=1e-7)


def test_power_flow_refuses_wrong_shapes_and_numbers() -> None:
    feeder = chain(("a", "b"))
    with pytest.raises(ValueError, match="shape"):
        power_flow(feeder, np.zeros((2, 3)), np.zeros((2, 3)))
    with pytest.raises(ValueError, match="finite"):
        power_flow(feeder, np.full((1, 2), np.nan), np.zeros((1, 2)))
    pieces = chain(("a", "b"), ("c", "d"))
    with pytest.raises(ValueError, match="pieces"):
        power_flow(pieces, np.zeros((1, 4)), np.zeros((1, 4)))


def test_radial_means_connected_and_without_loops() -> None:
    assert chain(("a", "b"), ("b", "c"), ("b", "d")).is_radial
    assert not chain(("a", "b"), ("b", "c"), ("c", "a")).is_radial
    assert not chain(("a", "b"), ("a", "b")).is_radial
    loop_and_island = chain(("a", "b"), ("b", "c"), ("c", "a"), ("d", "e"))
    assert loop_and_island.n_line == loop_and_island.n_bus - 1
    assert not loop_and_island.is_radial


def test_orientation_points_away_from_the_slack_parents_first() -> None:
    feeder = chain(("c", "b"), ("d", "b"), ("a", "b"), ("d", "e"), ("f", "c"))
    tree = oriented(replace(feeder, slack=feeder.position("a")))
    arrows = [
        (line, tree.bus_ids[i], tree.bus_ids[j])
        for line, i, j in zip(tree.line_ids, tree.from_bus, tree.to_bus, strict=True)
    ]
    assert arrows == [
        ("L2", "a", "b"),
        ("L0", "b", "c"),
        ("L1", "b", "d"),
        ("L4", "c", "f"),
        ("L3", "d", "e"),
    ]
    assert tree.base.impedance_ohm(tree.r_pu) == pytest.approx([0.6, 0.4, 0.5, 0.8, 0.7])
    with pytest.raises(ValueError, match="not radial"):
        oriented(chain(("a", "b"), ("b", "c"), ("c", "a")))


def test_orientation_keeps_the_power_flow() -> None:
    feeder, p_kw, q_kvar = network("case69")
    tree = oriented(feeder)
    before, after = power_flow(feeder, p_kw, q_kvar), power_flow(tree, p_kw, q_kvar)
    assert after.v_pu == pytest.approx(before.v_pu, abs=1e-10)
    order = [feeder.line_ids.index(line) for line in tree.line_ids]
    assert after.i_pu[0] == pytest.approx(before.i_pu[0, order], abs=1e-9)
    reached = {tree.slack}
    for start, end in zip(tree.from_bus, tree.to_bus, strict=True):
        assert start in reached
        reached.add(end)


def test_tables_become_per_unit() -> None:
    buses = [Bus(bus="1", vn_kv=20.0), Bus(bus="2", vn_kv=20.0, v_min_pu=0.95)]
    lines = [
        Line(line="x", from_bus="1", to_bus="2", r_ohm=8.0, x_ohm=4.0, b_us=25.0, rating_kva=500.0),
        Line(line="y", from_bus="1", to_bus="2", r_ohm=8.0, x_ohm=4.0),
        Line(line="z", from_bus="1", to_bus="2", r_ohm=8.0, x_ohm=4.0, in_service=0),
    ]
    feeder = make(buses, lines)
    assert feeder.line_ids == ("x", "y")
    assert feeder.r_pu[0] == pytest.approx(0.02)  # base: 20^2 kV^2 / 1 MVA = 400 ohm
    assert feeder.b_pu[0] == pytest.approx(0.01)
    assert feeder.i_max_pu.tolist() == [0.5, np.inf]
    assert feeder.v_min_pu.tolist() == [0.9, 0.95]
    assert feeder.v_max_pu.tolist() == [1.1, 1.1]


def test_tables_that_do_not_fit_are_refused() -> None:
    line = Line(line="x", from_bus="1", to_bus="9", r_ohm=1.0, x_ohm=1.0)
    with pytest.raises(ValueError, match="not among the buses: 9"):
        make([Bus(bus="1", vn_kv=20.0), Bus(bus="2", vn_kv=20.0)], [line])
    with pytest.raises(ValueError, match="one voltage level"):
        make([Bus(bus="1", vn_kv=20.0), Bus(bus="9", vn_kv=0.4)], [line])
    with pytest.raises(ValueError, match="bus 7 is not in the feeder"):
        chain(("a", "b")).position("7")
