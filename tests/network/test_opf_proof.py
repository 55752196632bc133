"""Bounds, proofs of infeasibility and their explanation."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matpower_text import GOLDEN, branch, bus, distribution, gen, matpower

from cmgplan.network.files.matpower import read_matpower
from cmgplan.network.grid import Grid
from cmgplan.network.grid_hours import horizon_of, single_hour
from cmgplan.network.opf.broken_limits import ElasticBreak
from cmgplan.network.opf.jabr import Relaxation
from cmgplan.network.opf.problem import OpfProblem, solve_opf


def grid_of(folder: Path, text: str) -> Grid:
    path = folder / "made.m"
    path.write_text(text, encoding="utf-8")
    return read_matpower(path)


@pytest.mark.parametrize("name", ["pglib_case14_ieee", "pglib_case57_ieee"])
def test_published_gaps(name: str) -> None:
    expected = json.loads((GOLDEN / name / "expected.json").read_text(encoding="utf-8"))
    result = solve_opf(read_matpower(GOLDEN / name / "network.m"), bound=True)
    assert result.gap is not None
    assert 100 * result.gap == pytest.approx(expected["soc_gap_percent"], abs=0.005)


@pytest.mark.parametrize("name", ["pglib_case14_ieee__sad", "pglib_case24_ieee_rts"])
def test_bounds_are_no_weaker_than_published(name: str) -> None:
    expected = json.loads((GOLDEN / name / "expected.json").read_text(encoding="utf-8"))
    result = solve_opf(read_matpower(GOLDEN / name / "network.m"), bound=True)
    assert result.gap is not None
    assert 0.0 <= 100 * result.gap <= expected["soc_gap_percent"] + 0.005


def test_the_relaxation_is_exact_on_a_radial_feeder(tmp_path: Path) -> None:
    result = solve_opf(grid_of(tmp_path, distribution("case69", v_min=0.9)), bound=True)
    assert result.gap == pytest.approx(0.0, abs=1e-6)
    assert result.cone_residual is not None
    assert result.cone_residual < 1e-6


def test_the_bound_covers_every_hour(tmp_path: Path) -> None:
    grid = grid_of(tmp_path, distribution("case33bw", v_min=0.85))
    hours = horizon_of(grid, hours=3, load=np.array([0.5, 1.0, 1.2]))
    together = solve_opf(grid, profiles=hours, bound=True)
    problem = OpfProblem(grid)
    single = [problem.with_bound(problem.solve(hours.at(t)), hours.at(t)) for t in range(3)]
    assert together.bound == pytest.approx(sum(r.bound or 0.0 for r in single), rel=1e-8)


def test_parallel_and_reversed_branches_share_their_cone(tmp_path: Path) -> None:
    """The order in which a branch names its ends changes neither answer nor bound."""
    buses = [bus(1, kind=3), bus(2, 30.0, 10.0), bus(3, 20.0, 5.0)]
    ways = [(1, 2), (2, 3), (1, 3), (1, 2)]
    turned = [(1, 2), (3, 2), (3, 1), (2, 1)]
    bounds = []
    for ends in (ways, turned):
        lines = [branch(a, b, low=-20, high=30) for a, b in ends]
        for row, (a, b) in zip(lines, ends, strict=True):
            if (a, b) not in ways:
                row[11], row[12] = -30, 20
        result = solve_opf(grid_of(tmp_path, matpower(buses, [gen(1)], lines)), bound=True)
        assert result.bound is not None
        bounds.append((result.objective, result.bound))
    assert bounds[0] == pytest.approx(bounds[1], rel=1e-8)


def test_94_buses_at_one_pu_are_proven_infeasible_and_explained(tmp_path: Path) -> None:
    result = solve_opf(grid_of(tmp_path, distribution("case94pi", v_min=0.9)))
    assert result.status == "proven infeasible"
    worst, *rest = result.explanation
    assert worst.startswith("bus 92 voltage 0.8485 < 0.9 pu: +0.0515 pu or ")
    assert worst.endswith(" kW less load")
    assert "43 more limits" in rest[-2]
    assert "bus 1 voltage" in rest[-1]


def test_less_load_as_told_is_enough(tmp_path: Path) -> None:
    """A two-bus line too weak for its load: with the load cut by what is told, it holds."""

    def line(p_mw: float) -> Grid:
        buses = [bus(1, kind=3, v_min=1.0, v_max=1.0), bus(2, p_mw, v_min=0.95)]
        return grid_of(tmp_path, matpower(buses, [gen(1)], [branch(1, 2, r=0.1, x=0.1)]))

    told = solve_opf(line(80.0)).explanation[0]
    assert told.startswith("bus 2 voltage")
    cut_mw = float(told.split(" or ")[1].split(" kW")[0]) / 1000
    assert solve_opf(line(80.0 - cut_mw - 0.01)).status == "locally optimal"
    assert solve_opf(line(80.0 - cut_mw + 0.1)).status == "proven infeasible"


def test_only_hours_that_lack_something_are_told(tmp_path: Path) -> None:
    grid = grid_of(tmp_path, distribution("case33bw", v_min=0.9))
    hours = horizon_of(grid, hours=3, load=np.array([0.5, 1.4, 1.0]))
    result = solve_opf(grid, profiles=hours)
    assert result.status == "proven infeasible"
    assert all("at hour 1" in line for line in result.explanation)


def test_an_overloaded_branch_is_named(tmp_path: Path) -> None:
    buses = [bus(1, kind=3), bus(2, 80.0)]
    grid = grid_of(tmp_path, matpower(buses, [gen(1)], [branch(1, 2, r=0.0, x=0.01, rate=60.0)]))
    result = solve_opf(grid)
    assert result.status == "proven infeasible"
    assert result.explanation[0].startswith("branch 1-2 (row 1) carries more than 60 MVA: +20")


def test_too_little_generation_takes_less_load(tmp_path: Path) -> None:
    buses = [bus(1, kind=3), bus(2, 80.0)]
    grid = grid_of(tmp_path, matpower(buses, [gen(1, 50.0)], [branch(1, 2, r=0.0, x=0.01)]))
    result = solve_opf(grid)
    assert result.status == "proven infeasible"
    assert "30000 kW less load" in result.explanation[0]


def relaxed(grid: Grid, broken: Sequence[ElasticBreak]) -> Grid:
    """Return the grid with each of these limits wider by the amount named."""
    low, high = grid.v_min_pu.copy(), grid.v_max_pu.copy()
    rating, p_max = grid.branches.s_max_pu.copy(), grid.generators.p_max_pu.copy()
    q_max = grid.generators.q_max_pu.copy()
    for one in broken:
        if one.kind == "low":
            low[one.position] -= one.amount + 1e-7
        elif one.kind == "high":
            high[one.position] += one.amount + 1e-7
        elif one.kind == "over":
            rating[one.position] += one.amount + 1e-7
        else:
            limit = {"p_above": p_max, "q_above": q_max}[one.kind]
            limit[one.position] += one.amount + 1e-7
    return replace(
        grid,
        v_min_pu=low,
        v_max_pu=high,
        branches=replace(grid.branches, s_max_pu=rating),
        generators=replace(grid.generators, p_max_pu=p_max, q_max_pu=q_max),
    )


def weak_grids(folder: Path) -> dict[str, Grid]:
    meshed = read_matpower(GOLDEN / "pglib_case14_ieee" / "network.m")
    buses = [bus(1, kind=3), bus(2, 80.0), bus(3, 40.0)]
    lines = [branch(1, 2, rate=60.0), branch(2, 3, rate=30.0), branch(1, 3, rate=30.0)]
    triangle = grid_of(folder, matpower(buses, [gen(1, 110.0)], lines))
    return {
        "feeder": grid_of(folder, distribution("case94pi", v_min=0.9)),
        "triangle": triangle,
        "meshed": replace(
            meshed, p_load_pu=1.5 * meshed.p_load_pu, q_load_pu=3.5 * meshed.q_load_pu
        ),
    }


@pytest.mark.parametrize("name", ["feeder", "triangle", "meshed"])
def test_the_named_limits_are_enough_and_none_can_be_left_out(tmp_path: Path, name: str) -> None:
    grid = weak_grids(tmp_path)[name]
    problem = OpfProblem(grid)
    assert not problem.solve().solved
    broken = problem.elastic.need(single_hour(grid)).broken
    assert broken
    assert solve_opf(relaxed(grid, broken)).status == "locally optimal"
    rng = np.random.default_rng(5)
    for k in rng.choice(len(broken), min(len(broken), 3), replace=False):
        others = [one for one in broken if one is not broken[k]]
        # What is left out may not be made up for by amounts: the others may give without bound.
        freed = relaxed(grid, [replace(one, amount=10.0) for one in others])
        freed = replace(freed, v_min_pu=np.maximum(freed.v_min_pu, 0.3))
        assert not solve_opf(freed).solved, broken[k]


def test_angles_may_give_both_ways(tmp_path: Path) -> None:
    """A line of 0.1 pu carries 50 MW at 2.9 degrees; 2 are allowed, in either direction."""
    for ends, limits in (((1, 2), (-60, 2)), ((2, 1), (-2, 60))):
        lines = [branch(*ends, r=0.0, x=0.1, low=limits[0], high=limits[1])]
        buses = [bus(1, kind=3, v_max=1.0, v_min=1.0), bus(2, 50.0, v_max=1.0, v_min=0.99)]
        grid = grid_of(tmp_path, matpower(buses, [gen(1), gen(2, 0.0)], lines))
        result = solve_opf(grid)
        assert result.status == "proven infeasible"
        sign = "+" if limits[1] == 2 else "-"
        assert "angle difference" in result.explanation[0]
        assert f"degrees: {sign}0.87 degrees or " in result.explanation[0]


def test_a_load_bus_held_at_one_voltage_is_no_set_point(tmp_path: Path) -> None:
    buses = [bus(1, kind=3, v_max=1.0, v_min=1.0), bus(2, 50.0, v_max=1.0, v_min=1.0)]
    result = solve_opf(grid_of(tmp_path, matpower(buses, [gen(1)], [branch(1, 2)])))
    assert result.status == "proven infeasible"
    assert result.explanation[0].startswith("bus 2 voltage 0.9")


def test_a_feasible_network_is_not_proven_infeasible(tmp_path: Path) -> None:
    grid = grid_of(tmp_path, distribution("case33bw", v_min=0.9))
    assert not Relaxation(grid).proves_infeasible(single_hour(grid), 0)
    heavier = replace(grid, p_load_pu=3 * grid.p_load_pu, q_load_pu=3 * grid.q_load_pu)
    assert Relaxation(heavier).proves_infeasible(single_hour(heavier), 0)
