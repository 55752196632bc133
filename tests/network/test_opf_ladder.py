"""The ladder of starts: what each start is, which rung is taken, and what is begun from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matpower_text import GOLDEN, branch, bus, distribution, gen, matpower

from cmgplan.arrays import FloatArray
from cmgplan.devices.storage import Storage
from cmgplan.network.files.matpower import read_matpower
from cmgplan.network.grid import Grid
from cmgplan.network.grid_hours import GridHours, horizon_of, single_hour
from cmgplan.network.opf import ladder as opf_ladder
from cmgplan.network.opf.elastic import ElasticProblem
from cmgplan.network.opf.flexible import Flexible, Placed
from cmgplan.network.opf.jabr import Relaxation
from cmgplan.network.opf.ladder import RUNGS, widened
from cmgplan.network.opf.model import Layout, build_instance, build_model, flat_start
from cmgplan.network.opf.problem import OpfProblem
from cmgplan.network.opf.starts import least_break_start, power_flow_start, relaxation_start
from cmgplan.solve.outcome import Outcome, Stop
from cmgplan.solve.templates import Instance, Strategy, TemplateProblem
from cmgplan.solve.time_limit import TimeLimit


def grid_of(folder: Path, text: str) -> Grid:
    path = folder / "made.m"
    path.write_text(text, encoding="utf-8")
    return read_matpower(path)


def meshed() -> Grid:
    return read_matpower(GOLDEN / "pglib_case14_ieee" / "network.m")


def residuals(grid: Grid, start: FloatArray) -> FloatArray:
    """Return what is missing in the balances of one hour at a start, pu."""
    layout = Layout(grid)
    instance = build_instance(layout, single_hour(grid))
    prices = np.concatenate([instance.linear, instance.quadratic])
    problem = TemplateProblem(build_model(layout))
    rows = problem.derivatives(start.ravel(), prices, np.zeros(layout.height))[0]
    return (rows - instance.lbg)[: 2 * grid.n_bus]


def test_the_power_flow_start_meets_all_balances() -> None:
    grid = meshed()
    layout, hour = Layout(grid), single_hour(grid)
    start = power_flow_start(layout, hour)
    assert start is not None
    assert np.abs(residuals(grid, start)).max() < 1e-8
    assert np.abs(residuals(grid, flat_start(layout, hour))).max() > 0.1


def test_the_relaxation_start_of_a_radial_network_meets_all_balances(tmp_path: Path) -> None:
    grid = grid_of(tmp_path, distribution("case33bw", v_min=0.9))
    start = relaxation_start(Layout(grid), single_hour(grid), Relaxation(grid))
    assert start is not None
    assert np.abs(residuals(grid, start)).max() < 1e-6


def test_the_relaxation_start_of_a_meshed_network_is_near_the_answer() -> None:
    grid = meshed()
    start = relaxation_start(Layout(grid), single_hour(grid), Relaxation(grid))
    assert start is not None
    result = OpfProblem(grid).solve()
    angle = start[:, Layout(grid).at("angle")]
    assert np.abs(angle - result.angle_rad).max() < 0.02
    assert np.abs(start[:, Layout(grid).at("v")] - result.v_pu).max() < 0.02


def test_the_least_break_start_of_a_feasible_network_breaks_nothing() -> None:
    grid = meshed()
    layout = Layout(grid)
    start = least_break_start(layout, single_hour(grid), ElasticProblem(grid))
    assert start is not None
    assert np.abs(residuals(grid, start)).max() < 1e-6
    instance = build_instance(layout, single_hour(grid))
    x = start.ravel()
    assert max((instance.lbx - x).max(), (x - instance.ubx).max()) < 1e-6


def test_no_power_flow_start_where_newton_diverges(tmp_path: Path) -> None:
    text = matpower([bus(1, kind=3), bus(2, 900.0)], [gen(1, 2000.0)], [branch(1, 2, r=0.0)])
    grid = grid_of(tmp_path, text)
    assert power_flow_start(Layout(grid), single_hour(grid)) is None


@pytest.mark.parametrize("rung", RUNGS[1:])
def test_a_rung_is_chosen_by_success_alone(monkeypatch: pytest.MonkeyPatch, rung: str) -> None:
    """Every rung leads to the same answer when those before it fail."""
    problem, tried = OpfProblem(meshed()), []
    rungs = opf_ladder.Ladder._rungs

    def failing(
        self: opf_ladder.Ladder,
        instance: Instance,
        horizon: GridHours,
        near: Outcome | None,
        limit: TimeLimit,
    ) -> object:
        for name, outcome in rungs(self, instance, horizon, near, limit):
            if outcome is None:
                continue
            tried.append(name)
            lost = replace(outcome, stop=Stop.LIMIT, x=None)
            yield name, outcome if name == rung else lost

    monkeypatch.setattr(opf_ladder.Ladder, "_rungs", failing)
    result = problem.solve()
    assert (result.status, result.rung) == ("locally optimal", rung)
    assert result.objective == pytest.approx(2178.08, rel=5e-5)
    assert tried == list(RUNGS[1 : RUNGS.index(rung) + 1])


def test_early_rungs_give_up_and_the_last_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opf_ladder, "EARLY", Strategy(2, opf_ladder.EARLY.options))
    monkeypatch.setattr(opf_ladder, "MONOTONE", Strategy(2, opf_ladder.MONOTONE.options))
    result = OpfProblem(meshed()).solve()
    assert (result.status, result.rung) == ("locally optimal", opf_ladder.PATIENT)
    assert opf_ladder.EARLY.max_iter * 6 < result.iterations < 100


def test_a_proof_ends_the_climb(tmp_path: Path) -> None:
    result = OpfProblem(grid_of(tmp_path, distribution("case94pi", v_min=0.9))).solve()
    assert (result.status, result.rung) == ("proven infeasible", "flat start")
    assert result.explanation
    assert result.iterations <= opf_ladder.EARLY.max_iter


def test_wider_limits_hold_the_given_ones_and_leave_what_is_held() -> None:
    grid = read_matpower(GOLDEN / "pglib_case14_ieee__sad" / "network.m")
    layout = Layout(grid)
    given = build_instance(layout, single_hour(grid))
    wide, same = widened(given, layout, 1.0), widened(given, layout, 0.0)
    assert np.all(wide.lbx <= given.lbx) and np.all(wide.ubx >= given.ubx)
    assert np.all(wide.lbg <= given.lbg) and np.all(wide.ubg >= given.ubg)
    assert wide.ubx[0] == pytest.approx(given.ubx[0] + 0.2)
    held = given.lbx == given.ubx
    assert held.any() and np.all(wide.lbx[held] == wide.ubx[held])
    balances = slice(0, 2 * grid.n_bus)
    assert np.array_equal(wide.lbg[balances], given.lbg[balances])
    for name in ("lbx", "ubx", "lbg", "ubg"):
        assert np.array_equal(getattr(same, name), getattr(given, name))


def day(grid: Grid, *prices: float) -> GridHours:
    return horizon_of(grid, hours=len(prices), price_usd_per_mwh=np.array(prices))


def first_loads(grid: Grid, hours: int) -> FloatArray:
    return np.tile(grid.p_load_pu, (hours, 1))


def test_hours_begin_where_the_hour_before_ended(tmp_path: Path) -> None:
    grid = grid_of(tmp_path, distribution("case33bw", v_min=0.9))
    result = OpfProblem(grid, 4).solve(day(grid, 10, 11, 12, 13))
    alone = OpfProblem(grid).solve(day(grid, 10))
    assert result.rung == "flat start"
    assert result.iterations < 3 * alone.iterations
    assert result.loss_mw == pytest.approx([alone.loss_mw[0]] * 4, abs=1e-7)


def test_coupled_hours_begin_at_the_last_answer_only_if_little_changes(
    tmp_path: Path,
) -> None:
    grid = grid_of(tmp_path, distribution("case33bw", v_min=0.85))
    battery = Storage(
        id="B",
        energy_kwh=900.0,
        p_charge_max_kw=200.0,
        p_discharge_max_kw=200.0,
        soc_start=0.5,
        efficiency_charge=0.95,
        efficiency_discharge=0.95,
    )
    devices = Flexible((Placed("18", battery),), ())
    problem = OpfProblem(grid, 3, devices)
    first = problem.solve(day(grid, 10, 50, 30))
    again = problem.solve(day(grid, 11, 55, 33))
    assert (first.rung, again.rung) == ("flat start", "warm start")
    assert again.iterations < first.iterations
    assert again.objective == pytest.approx(1.1 * first.objective, rel=1e-7)
    heavier = replace(day(grid, 10, 50, 30), p_load_pu=1.1 * first_loads(grid, 3))
    assert problem.solve(heavier).rung == "flat start"
    turned = problem.solve(day(grid, 50, 10, 30))
    assert turned.rung == "flat start"
    fresh = OpfProblem(grid, 3, devices).solve(day(grid, 50, 10, 30))
    assert turned.objective == pytest.approx(fresh.objective, rel=1e-8)


def test_an_hour_without_answer_is_named_and_the_others_are_not(tmp_path: Path) -> None:
    grid = grid_of(tmp_path, distribution("case94pi", v_min=0.9))
    load = np.array([0.3, 1.0, 0.4])
    result = OpfProblem(grid, 3).solve(horizon_of(grid, hours=3, load=load))
    assert result.status == "proven infeasible"
    assert all("hour 1" in line for line in result.explanation)
