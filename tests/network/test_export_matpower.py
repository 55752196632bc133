"""A case's network as a MATPOWER file: read by our reader and by independent ones."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandapower as pp
import pytest
from factories import BUSES, LINES
from matpower_text import bus, gen, matpower
from matpowercaseframes import CaseFrames
from pandapower.converter.matpower import from_mpc
from plans import small

from cmgplan.network.feeder import build_feeder
from cmgplan.network.files.matpower import read_matpower
from cmgplan.network.files.matpower_writer import bus_numbers, function_name, matpower_text
from cmgplan.network.files.networks import grid_at, peak_hour
from cmgplan.network.grid import Grid
from cmgplan.network.opf.problem import OpfProblem, solve_opf
from cmgplan.network.powerflow import power_flow
from cmgplan.planning.case import Case, load_case
from cmgplan.planning.case.network import grid_of_case
from cmgplan.units import kw_from_mw

CASES = Path(__file__).parents[2] / "cases"
CHARGED = LINES.replace("rating_kva", "b_us,rating_kva").replace("2.0,2.0,", "2.0,2.0,40,")
NAMES = BUSES.replace("\n2,", "\nO'Neil; % {x}...,").replace("\n3,", "\nÜbergabe,")


def written(case: Case, hour: int, folder: Path) -> tuple[Grid, Path]:
    """Write an hour of a case and return its grid and the file."""
    grid = grid_at(grid_of_case(case), hour)
    path = folder / f"{function_name(case.name)}.m"
    path.write_text(matpower_text(grid, ["for a test"]), encoding="utf-8")
    return grid, path


def named(folder: Path) -> Case:
    """Return the small case with bus names that MATLAB would take for code."""
    first, second = "O'Neil; % {x}...", "Übergabe"
    lines = LINES.replace("1,2,", f"1,{first},").replace("2,3,", f"{first},{second},")
    places = {"microgrid.0.bus": first, "microgrid.1.bus": second, "microgrid.2.bus": second}
    return small(folder, places, buses=NAMES, lines=lines)


@pytest.mark.parametrize("hour", [0, 2])
def test_the_file_is_the_case_to_the_last_digit(tmp_path: Path, hour: int) -> None:
    grid, path = written(small(tmp_path, lines=CHARGED), hour, tmp_path)
    read = read_matpower(path)
    assert (read.name, read.bus_ids) == ("small", grid.bus_ids)
    for name in ("vn_kv", "v_min_pu", "v_max_pu", "p_load_pu", "q_load_pu", "reference"):
        assert np.array_equal(getattr(read, name), getattr(grid, name)), name
    for name in ("from_bus", "to_bus", "r_pu", "x_pu", "b_pu", "tap", "angle_min_rad"):
        assert np.array_equal(getattr(read.branches, name), getattr(grid.branches, name)), name
    assert np.array_equal(read.branches.s_max_pu, grid.branches.i_max_pu)
    for name in ("bus", "p_min_pu", "p_max_pu", "q_min_pu", "q_max_pu", "cost_p", "cost_q"):
        assert np.array_equal(getattr(read.generators, name), getattr(grid.generators, name)), name


@pytest.mark.parametrize(
    ("name", "hour", "status"),
    [
        ("two-bus", 4, "locally optimal"),
        ("ieee94", 3, "locally optimal"),
        ("ieee94", 12, "proven infeasible"),
    ],
)
def test_the_optimum_of_the_file_is_that_of_the_cases_hour(
    tmp_path: Path, name: str, hour: int, status: str
) -> None:
    """At its peak the large feeder needs its microgrids: voltages under 0.9 pu without them."""
    case = load_case(CASES / name)
    given = grid_of_case(case)
    _, path = written(case, hour, tmp_path)
    assert given.profiles is not None
    due = OpfProblem(given.grid).solve(given.profiles.at(hour))
    found = solve_opf(read_matpower(path))
    assert found.status == due.status == status
    if found.solved:
        assert found.objective == pytest.approx(due.objective, rel=1e-9)
        assert found.v_pu == pytest.approx(due.v_pu, abs=1e-9)


@pytest.mark.parametrize("name", ["two-bus", "ieee94", "charged", "names"])
def test_pandapowers_converter_finds_the_same_voltages(tmp_path: Path, name: str) -> None:
    """An independent reader of the text, an independent converter, and its power flow."""
    if name == "charged":
        case = small(tmp_path / "case", lines=CHARGED)
    else:
        case = named(tmp_path / "case") if name == "names" else load_case(CASES / name)
    grid, path = written(case, peak_hour(grid_of_case(case)), tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the converter's own making
        net = from_mpc(str(path))
    pp.runpp(net, numba=False, tolerance_mva=1e-10)
    load = -kw_from_mw(np.array([grid.p_load_pu, grid.q_load_pu]) * grid.s_base_mva)
    flow = power_flow(build_feeder(case), load[0][None, :], load[1][None, :])
    assert net.res_bus.vm_pu.to_numpy() == pytest.approx(flow.v_pu[0], abs=1e-8)
    assert kw_from_mw(net.res_line.pl_mw.sum()) == pytest.approx(flow.loss_kw[0], abs=1e-5)
    price = case.price_usd_per_mwh[peak_hour(grid_of_case(case))]
    assert net.poly_cost.cp1_eur_per_mw.tolist() == [price]


def test_ids_that_are_no_numbers_get_numbers_and_a_table_of_names(tmp_path: Path) -> None:
    grid, path = written(named(tmp_path / "case"), 0, tmp_path)
    assert grid.bus_ids == ("1", "O'Neil; % {x}...", "Übergabe")
    read = read_matpower(path)
    assert read.bus_ids == ("1", "2", "3")
    assert read.notes == ()
    frames = CaseFrames(str(path))
    assert frames.bus.BUS_I.astype(int).tolist() == [1, 2, 3]
    assert [str(name) for name in np.ravel(frames.bus_name)] == ["1", "O_Neil_ _ _x__", "Übergabe"]
    assert solve_opf(read).objective == pytest.approx(solve_opf(grid).objective, rel=1e-9)


def test_numbers_of_buses_are_their_ids_where_these_are_numbers() -> None:
    assert bus_numbers(["7", "12"]) == [7, 12]
    for ids in (["0", "1"], ["01", "1"], ["1", "1a"], ["1.0", "2"], ["-1", "2"], ["9" * 12, "2"]):
        assert bus_numbers(ids) == [1, 2]


@pytest.mark.parametrize(
    ("name", "due"),
    [
        ("two-bus", "two_bus"),
        ("94 buses", "case_94_buses"),
        ("x'); system('y", "x_system_y"),
        ("é", "case"),
    ],
)
def test_the_name_of_the_function_is_one(name: str, due: str) -> None:
    assert function_name(name) == due


def test_no_name_becomes_code(tmp_path: Path) -> None:
    """A line break would end the comment; our reader refuses every statement it does not know."""
    evil = "x\nsystem('rm');\r\N{LINE SEPARATOR}mpc.baseMVA = 9;"
    grid = grid_at(grid_of_case(small(tmp_path / "case")), 0)
    text = matpower_text(replace(grid, name=evil, bus_ids=(evil, "b", "c")), [f"case {evil}"])
    path = tmp_path / "evil.m"
    path.write_text(text, encoding="utf-8")
    read = read_matpower(path)
    assert read.s_base_mva == grid.s_base_mva
    assert [line for line in text.splitlines() if "system(" in line and line[0] not in "%'"] == []


def test_every_field_of_a_meshed_network_survives(tmp_path: Path) -> None:
    """Transformers, shunts, quadratic and reactive costs, angle limits."""
    buses = [bus(1, 0, 0, 3), bus(4, 50, 20, gs=1.5, bs=-2.0), bus(2, 30, 5, kind=2)]
    lines = [
        [1, 4, 0.01, 0.1, 0.02, 80, 80, 80, 0.98, 3, 1, -360, 20],
        [4, 2, 0.02, 0.2, 0.0, 0, 0, 0, 0, 0, 1, -25, 360],
        [1, 2, 0.02, 0.2, 0.0, 70, 70, 70, 0, 0, 1, -360, 360],
    ]
    costs = [[2, 0, 0, 3, 0.02, 20, 5], [2, 0, 0, 3, 0.05, 30, 0], [2, 0, 0, 3, 0, 1, 0]]
    costs.append([2, 0, 0, 3, 0.001, 0, 0])
    first, second = tmp_path / "first.m", tmp_path / "second.m"
    first.write_text(matpower(buses, [gen(1), gen(2, 60.0, 10.0)], lines, costs))
    grid = read_matpower(first)
    second.write_text(matpower_text(grid, []), encoding="utf-8")
    again = read_matpower(second)
    for part, other in ((grid, again), (grid.branches, again.branches)):
        for name, value in vars(part).items():
            if isinstance(value, np.ndarray):
                assert getattr(other, name) == pytest.approx(value, rel=1e-14), name
    for name in ("bus", "p_max_pu", "p_min_pu", "cost_p", "cost_q"):
        due = getattr(grid.generators, name)
        assert getattr(again.generators, name) == pytest.approx(due, rel=1e-14), name
    result = solve_opf(grid)
    assert result.solved
    assert solve_opf(again).objective == pytest.approx(result.objective, rel=1e-9)


def test_what_the_format_does_not_hold_is_not_written(tmp_path: Path) -> None:
    grid = grid_at(grid_of_case(small(tmp_path / "case")), 0)
    leaky = replace(grid, branches=replace(grid.branches, g_pu=np.full(2, 0.1)))
    with pytest.raises(ValueError, match="shunt conductances"):
        matpower_text(leaky, [])
