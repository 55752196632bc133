"""The power flow of many hours at once: by hand, and against pandapower."""

from __future__ import annotations

import numpy as np
import pytest

from cmgplan.arrays import FloatArray
from cmgplan.case.records import Bus, Line
from cmgplan.network.feeder import Feeder, feeder_from_tables
from cmgplan.network.powerflow import power_flow
from cmgplan.network.sweep import radial_power_flow


def tree(*rows: tuple[str, str, float, float, float], vn_kv: float = 10.0) -> Feeder:
    names = dict.fromkeys(end for row in rows for end in row[:2])
    return feeder_from_tables(
        [Bus(bus=name, vn_kv=vn_kv) for name in names],
        [
            Line(line=f"{a}-{b}", from_bus=a, to_bus=b, r_ohm=r, x_ohm=x, b_us=b_us)
            for a, b, r, x, b_us in rows
        ],
        slack_bus="S",
        v_slack_pu=1.02,
        v_min_pu=0.9,
        v_max_pu=1.1,
    )


def at_bus(load: list[float]) -> FloatArray:
    return np.array([[0.0, each] for each in load])


def test_one_line_by_hand() -> None:
    """V^4 - (E^2 - 2 (P R + Q X)) V^2 + (P^2 + Q^2) (R^2 + X^2) = 0, in kV and MW."""
    feeder = tree(("S", "B", 2.0, 1.0, 0.0))
    p, q = np.array([0.0, 3000.0, -2000.0]), np.array([0.0, 1000.0, 0.0])
    flow = radial_power_flow(feeder, at_bus(p.tolist()), at_bus(q.tolist()))
    half = (10.2**2 - 2.0 * (p * 2.0 + q * 1.0) / 1000.0) / 2.0
    square = half + np.sqrt(half**2 - (p**2 + q**2) / 1e6 * 5.0)
    assert flow.v_pu[:, 1] == pytest.approx(np.sqrt(square) / 10.0, abs=1e-11)
    assert flow.v_pu[:, 0] == pytest.approx(1.02)
    current = np.hypot(p, q) / (np.sqrt(3.0) * np.sqrt(square))
    assert flow.i_pu[:, 1] * feeder.base.i_base_a == pytest.approx(current, abs=1e-8)
    assert flow.branch_loss_kw[:, 1] == pytest.approx(3.0 * 2.0 * current**2 / 1000.0, abs=1e-8)
    assert flow.converged.all()
    assert flow.fed_by.tolist() == [-1, 0]


def test_an_hour_that_collapses_is_told_and_leaves_the_others_alone() -> None:
    """Without reactance a line carries at most E^2 / (4 R), here 13.0 MW."""
    feeder = tree(("S", "B", 2.0, 0.0, 0.0))
    load = at_bus([1000.0, 12_900.0, 13_100.0, 1000.0])
    flow = radial_power_flow(feeder, load, 0.0 * load)
    assert flow.converged.tolist() == [True, True, False, True]
    for values in (flow.v_pu, flow.i_pu, flow.branch_loss_kw):
        assert np.isnan(values[2]).all()
        assert np.isfinite(values[[0, 1, 3]]).all()
    assert flow.v_pu[0] == pytest.approx(flow.v_pu[3], abs=1e-15)


def test_laterals_charging_and_generation_agree_with_pandapower() -> None:
    feeder = tree(
        ("A", "S", 0.4, 0.3, 40.0),  # written against the flow
        ("A", "B", 0.6, 0.3, 0.0),
        ("C", "B", 0.8, 0.5, 120.0),
        ("A", "D", 1.5, 1.0, 0.0),
    )
    rng = np.random.default_rng(3)
    p, q = rng.uniform(-800.0, 1500.0, (5, 5)), rng.uniform(-300.0, 600.0, (5, 5))
    mine, theirs = radial_power_flow(feeder, p, q), power_flow(feeder, -p, -q)
    assert theirs.converged.all()
    assert np.abs(mine.v_pu - theirs.v_pu).max() < 1e-9
    assert mine.branch_loss_kw.sum(axis=1) == pytest.approx(theirs.loss_kw, abs=1e-6)


def test_a_loop_and_loads_of_another_shape_are_refused() -> None:
    looped = tree(("S", "A", 1.0, 1.0, 0.0), ("A", "B", 1.0, 1.0, 0.0), ("B", "S", 1.0, 1.0, 0.0))
    with pytest.raises(ValueError, match="not radial"):
        radial_power_flow(looped, np.zeros((2, 3)), np.zeros((2, 3)))
    with pytest.raises(ValueError, match="not \\(H, n\\)"):
        radial_power_flow(tree(("S", "B", 1.0, 1.0, 0.0)), np.zeros((2, 3)), np.zeros((2, 3)))
