"""The optimal power flow against published objectives, known losses and hand calculations."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matpower_text import GOLDEN, branch, bus, distribution, gen, matpower

from cmgplan.network.files.matpower import read_matpower
from cmgplan.network.grid import Grid
from cmgplan.network.grid_hours import horizon_of
from cmgplan.network.opf.grid_replay import replay_voltages
from cmgplan.network.opf.problem import OpfProblem, solve_opf


def grid_of(folder: Path, text: str, price: float | None = None) -> Grid:
    path = folder / "made.m"
    path.write_text(text, encoding="utf-8")
    return read_matpower(path, price_usd_per_mwh=price)


@pytest.mark.parametrize("folder", sorted(GOLDEN.glob("pglib_*")), ids=lambda f: f.name)
def test_published_objectives(folder: Path) -> None:
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    result = solve_opf(read_matpower(folder / "network.m"))
    assert result.status == "locally optimal"
    assert result.objective == pytest.approx(
        expected["objective_usd_per_h"], rel=expected["relative_tolerance"]
    )
    assert result.replay_max_dv_pu < 1e-6


@pytest.mark.parametrize(
    ("name", "loss_kw", "v_min_pu"),
    [
        ("case33bw", 202.677, 0.913090),
        ("case69", 224.992, 0.909188),
        ("case15da", 61.794, 0.944517),
        ("case94pi", 362.858, 0.848477),
    ],
)
def test_distribution_networks_lose_what_is_known(
    tmp_path: Path, name: str, loss_kw: float, v_min_pu: float
) -> None:
    result = solve_opf(grid_of(tmp_path, distribution(name, v_min=0.8)))
    assert result.status == "locally optimal"
    assert 1000 * result.loss_mw[0] == pytest.approx(loss_kw, abs=1e-3)
    assert result.v_min_pu == pytest.approx(v_min_pu, abs=1e-6)
    assert result.objective == pytest.approx(20 * result.p_mw.sum(), rel=1e-9)


def test_angle_limits_bind_where_they_are_tight() -> None:
    grid = read_matpower(GOLDEN / "pglib_case14_ieee__sad" / "network.m")
    result = solve_opf(grid)
    lines = grid.branches
    apart = result.angle_rad[0, lines.from_bus] - result.angle_rad[0, lines.to_bus]
    assert np.abs(apart).max() == pytest.approx(lines.angle_max_rad.max(), abs=1e-6)


def test_a_branch_limit_splits_the_load_between_two_generators(tmp_path: Path) -> None:
    """The cheap generator sends what the rating leaves beside the line's own reactive power."""
    text = matpower(
        [bus(1, kind=3), bus(2, 80.0)],
        [gen(1), gen(2)],
        [branch(1, 2, r=0.0, x=0.05, rate=50.0)],
        [[2, 0, 0, 2, 10, 0], [2, 0, 0, 2, 30, 0]],
    )
    result = solve_opf(grid_of(tmp_path, text))
    loaded = np.hypot(result.flow_mw[0, 0], result.flow_mvar[0, 0])
    assert loaded.max() == pytest.approx(50.0, abs=1e-4)
    assert result.p_mw[0] == pytest.approx([50.0, 30.0], abs=5e-3)
    assert result.objective == pytest.approx(50 * 10 + 30 * 30, rel=1e-4)


def test_quadratic_costs_meet_at_equal_margins(tmp_path: Path) -> None:
    """2 * 0.01 * p1 + 10 = 2 * 0.02 * p2 + 10 with p1 + p2 = 90 gives 60 and 30."""
    text = matpower(
        [bus(1, kind=3), bus(2, 90.0)],
        [gen(1), gen(2)],
        [branch(1, 2, r=0.0)],
        [[2, 0, 0, 3, 0.01, 10, 5], [2, 0, 0, 3, 0.02, 10, 7]],
    )
    result = solve_opf(grid_of(tmp_path, text))
    assert result.p_mw[0] == pytest.approx([60.0, 30.0], abs=1e-3)
    assert result.objective == pytest.approx(36 + 600 + 5 + 18 + 300 + 7, rel=1e-7)


def test_segments_are_filled_in_order_of_their_price(tmp_path: Path) -> None:
    """Segments 10 $/MWh up to 30 MW, then 40, against 20: 30 MW and the rest from the other."""
    text = matpower(
        [bus(1, kind=3), bus(2, 50.0)],
        [gen(1), gen(2)],
        [branch(1, 2, r=0.0)],
        [[1, 0, 0, 3, 0, 0, 30, 300, 100, 3100], [2, 0, 0, 2, 20, 0, 0, 0, 0, 0]],
    )
    result = solve_opf(grid_of(tmp_path, text))
    assert result.p_mw[0] == pytest.approx([30.0, 20.0], abs=1e-3)
    assert result.objective == pytest.approx(700.0, rel=1e-6)


def test_a_phase_shifter_moves_the_flow(tmp_path: Path) -> None:
    """Two equal lines share a load; a shift of one turns flow from one to the other."""

    def flows(shift: float) -> np.ndarray:
        lines = [branch(1, 2, r=0.0, shift=shift), branch(1, 2, r=0.0)]
        result = solve_opf(
            grid_of(tmp_path, matpower([bus(1, kind=3), bus(2, 40.0)], [gen(1)], lines))
        )
        assert result.replay_max_dv_pu < 1e-6
        return result.flow_mw[0, :, 0]

    assert flows(0.0) == pytest.approx([20.0, 20.0], abs=1e-3)
    shifted = flows(2.0)
    assert shifted.sum() == pytest.approx(40.0, abs=1e-3)
    assert shifted[0] < 5.0


def test_what_is_out_of_service_is_left_out(tmp_path: Path) -> None:
    lines = [branch(1, 2), branch(1, 2, r=0.5, x=9.0, on=0), branch(2, 3)]
    buses = [bus(1, kind=3), bus(2, 40.0), bus(3, 7.0, kind=4)]
    grid = grid_of(tmp_path, matpower(buses, [gen(1), gen(2, on=0)], lines))
    assert (grid.n_bus, len(grid.branches), len(grid.generators)) == (2, 1, 1)
    assert solve_opf(grid).p_mw.sum() == pytest.approx(40.0, rel=0.01)


def test_compiled_once_solved_for_other_hours(tmp_path: Path) -> None:
    """Hours are the same whether solved together or one by one, and follow their prices."""
    grid = grid_of(tmp_path, distribution("case33bw", v_min=0.85))
    load = np.array([0.5, 1.0, 1.3])
    price = np.array([50.0, -20.0, 0.0])
    together = solve_opf(
        grid, profiles=horizon_of(grid, hours=3, load=load, price_usd_per_mwh=price)
    )
    problem = OpfProblem(grid)
    single = [
        problem.solve(
            horizon_of(
                grid,
                hours=1,
                load=load[t : t + 1],
                price_usd_per_mwh=np.maximum(price[t : t + 1], 1.0),
            )
        )
        for t in range(3)
    ]
    assert together.loss_mw == pytest.approx([r.loss_mw[0] for r in single], abs=1e-6)
    assert together.objective == pytest.approx(float(price @ together.p_mw[:, 0]), rel=1e-9)


def test_availability_limits_a_generator_hour_by_hour(tmp_path: Path) -> None:
    text = matpower(
        [bus(1, kind=3), bus(2, 50.0)],
        [gen(1), gen(2, 40.0)],
        [branch(1, 2, r=0.0)],
        [[2, 0, 0, 2, 30, 0], [2, 0, 0, 2, 0, 0]],
    )
    grid = grid_of(tmp_path, text)
    factors = np.array([[1.0, 0.0], [1.0, 0.5], [1.0, 1.0]])
    result = solve_opf(grid, profiles=horizon_of(grid, hours=3, available=factors))
    assert result.p_mw[:, 1] == pytest.approx([0.0, 20.0, 40.0], abs=1e-3)


def test_the_replay_sees_a_wrong_answer(tmp_path: Path) -> None:
    grid = grid_of(tmp_path, distribution("case33bw", v_min=0.85))
    result = solve_opf(grid)
    p, q = result.p_mw[0] / grid.s_base_mva, result.q_mvar[0] / grid.s_base_mva
    heavier = replace(grid, p_load_pu=1.01 * grid.p_load_pu)
    v = replay_voltages(heavier, result.v_pu[0], result.angle_rad[0], p, q)
    assert np.abs(v - result.v_pu[0]).max() > 1e-5
