"""Bounds, proofs and explanations where stores and responsive loads couple the hours."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matpower_text import GOLDEN, branch, bus, distribution, gen, matpower

from cmgplan.devices.storage import Storage
from cmgplan.network.files.matpower import read_matpower
from cmgplan.network.grid import Grid
from cmgplan.network.grid_hours import GridHours, horizon_of
from cmgplan.network.opf.flexible import Flexible, Placed, Responsive
from cmgplan.network.opf.problem import OpfProblem, solve_opf


def grid_of(folder: Path, text: str) -> Grid:
    path = folder / "made.m"
    path.write_text(text, encoding="utf-8")
    return read_matpower(path)


def store(**more: float) -> Storage:
    given = {
        "energy_kwh": 8e3,
        "soc_start": 0.5,
        "p_charge_max_kw": 10e3,
        "p_discharge_max_kw": 10e3,
        "efficiency_charge": 0.9,
        "efficiency_discharge": 0.8,
        **more,
    }
    return Storage(id="B", **given)


def line_of_50_mva(folder: Path) -> Grid:
    """Return 40 MW of load behind a line of 50 MVA without losses."""
    lines = [branch(1, 2, r=0.0, x=0.01, rate=50.0)]
    return grid_of(folder, matpower([bus(1, kind=3), bus(2, 40.0)], [gen(1)], lines))


def loaded(grid: Grid, *load_mw: float) -> GridHours:
    return horizon_of(grid, hours=len(load_mw), load=np.array(load_mw) / 40.0)


def test_the_bound_of_a_lossless_line_is_the_optimum(tmp_path: Path) -> None:
    """The store buys 8 / 0.9 MWh at 10 $ and sells 6.4 MWh at 50 $, which nothing beats."""
    grid = line_of_50_mva(tmp_path)
    hours = horizon_of(grid, hours=2, load=np.full(2, 0.5), price_usd_per_mwh=np.array([10, 50.0]))
    empty = Placed("2", store(soc_start=0.0))
    result = solve_opf(grid, profiles=hours, storage=[empty], bound=True)
    optimum = 10 * (20 + 8 / 0.9) + 50 * (20 - 6.4)
    assert result.bound == pytest.approx(optimum, rel=1e-6)
    assert result.gap == pytest.approx(0.0, abs=1e-6)


def test_the_bound_of_a_radial_day_is_tight(tmp_path: Path) -> None:
    grid = grid_of(tmp_path, distribution("case33bw", v_min=0.88))
    rng = np.random.default_rng(11)
    hours = horizon_of(
        grid,
        hours=24,
        load=rng.uniform(0.4, 1.1, 24),
        price_usd_per_mwh=rng.uniform(20.0, 90.0, 24),
    )
    battery = Placed("18", store(energy_kwh=2e3, p_charge_max_kw=500.0, p_discharge_max_kw=400.0))
    moved = [Responsive(bus_id, 0.2) for bus_id in grid.bus_ids[1:]]
    result = solve_opf(grid, profiles=hours, storage=[battery], responsive=moved, bound=True)
    assert result.status == "locally optimal"
    assert result.bound is not None
    assert result.bound <= result.objective
    assert result.gap == pytest.approx(0.0, abs=1e-6)
    assert result.cone_residual is not None
    assert result.cone_residual < 1e-5


def test_the_bound_of_a_meshed_network_lies_under_any_operation() -> None:
    """Also under the cost of hours alone, and not far under the optimum."""
    grid = read_matpower(GOLDEN / "pglib_case14_ieee" / "network.m")
    hours = horizon_of(grid, hours=4, load=np.array([0.7, 1.0, 1.1, 0.8]))
    big = store(energy_kwh=60e3, p_charge_max_kw=20e3, p_discharge_max_kw=20e3)
    result = solve_opf(grid, profiles=hours, storage=[Placed("9", big)], bound=True)
    alone = solve_opf(grid, profiles=hours)
    assert result.bound is not None
    assert result.bound <= result.objective <= alone.objective + 1e-6
    assert result.gap is not None
    assert 0.0 <= result.gap < 0.005


def test_hours_that_a_store_saves_one_by_one_but_not_together(tmp_path: Path) -> None:
    """Each hour lacks 8 MW, which the store could give once: the coupling proves it."""
    grid = line_of_50_mva(tmp_path)
    small = Flexible((Placed("2", store(efficiency_charge=1.0, efficiency_discharge=1.0)),))
    hours = loaded(grid, 58.0, 58.0, 10.0, 10.0)
    problem = OpfProblem(grid, 4, small)
    result = problem.solve(hours)
    assert result.status == "proven infeasible"
    instance = problem._instance(hours)
    assert not problem.coupled.proves_hour_infeasible(hours, instance)
    assert problem.coupled.proves_infeasible(hours, instance)
    told = [line for line in result.explanation if "carries more than 50 MVA" in line]
    assert told, result.explanation
    assert "kW less load" in " ".join(result.explanation)
    full = Flexible(
        (Placed("2", store(efficiency_charge=1.0, efficiency_discharge=1.0, energy_kwh=40e3)),)
    )
    saved = OpfProblem(grid, 4, full).solve(hours)
    assert saved.status == "locally optimal"


def test_named_amounts_are_enough_and_none_can_be_spared(tmp_path: Path) -> None:
    """4 MWh of a store serve one of two hours that lack 3.9 MW; of the other all but 0.1 MW lack.

    A wider line serves both hours, so that half the amount is the least that it takes.
    """
    grid = line_of_50_mva(tmp_path)
    flexible = Flexible((Placed("2", store(efficiency_charge=1.0, efficiency_discharge=1.0)),))
    hours = loaded(grid, 53.9, 53.9, 10.0)
    problem = OpfProblem(grid, 3, flexible)
    broken = problem.explaining.need(hours).broken
    assert broken is not None
    assert [one.kind for one in broken] == ["over"]
    lines = grid.branches

    def with_more(extra_pu: float) -> str:
        wider = replace(grid, branches=replace(lines, s_max_pu=lines.s_max_pu + extra_pu))
        return OpfProblem(wider, 3, flexible).solve(hours).status

    assert with_more(broken[0].amount + 1e-5) == "locally optimal"
    assert broken[0].amount * grid.s_base_mva == pytest.approx(3.8, rel=0.02)
    assert with_more(0.48 * broken[0].amount) == "proven infeasible"


def test_load_moved_away_counts_before_load_cut(tmp_path: Path) -> None:
    """Of 60 MW 10 must go. Later hours of 10 and 30 MW take a tenth more, 4 MW in all."""
    grid = line_of_50_mva(tmp_path)
    hours = loaded(grid, 60.0, 10.0, 30.0)
    assert solve_opf(grid, profiles=hours, responsive=[Responsive("2", 0.9)]).solved
    result = solve_opf(grid, profiles=hours, responsive=[Responsive("2", 0.1)])
    assert result.status == "proven infeasible"
    (line,) = [line for line in result.explanation if "less load" in line]
    cut_kw = float(line.split(" or ")[1].split(" kW")[0])
    assert cut_kw == pytest.approx(6e3, rel=0.01)
