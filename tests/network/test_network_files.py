"""Reading networks: what is refused, and with which words; what is noted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandapower as pp
import pandapower.networks
import pytest
from matpower_text import NETWORKS, branch, bus, distribution, gen, matpower

from cmgplan.errors import InputError
from cmgplan.network.files.matpower import read_matpower
from cmgplan.network.files.matpower_coverage import COLUMNS
from cmgplan.network.files.networks import Missing, read_feeder_network
from cmgplan.network.files.pandapower_file import read_pandapower
from cmgplan.network.grid import Grid
from cmgplan.network.opf.problem import solve_opf
from cmgplan.planning.case.network import read_network

BUSES = [bus(1, kind=3), bus(2, 10.0)]


def read(folder: Path, text: str) -> Grid:
    path = folder / "made.m"
    path.write_text(text, encoding="utf-8")
    return read_matpower(path)


def test_conversion_statements_are_followed(tmp_path: Path) -> None:
    grid = read(tmp_path, distribution("case33bw", v_min=0.9))
    assert grid.p_load_pu.sum() * grid.s_base_mva == pytest.approx(3.715)
    first = (NETWORKS / "case33bw" / "lines.csv").read_text(encoding="utf-8").split("\n")[1]
    r_ohm = float(first.split(",")[3])
    assert grid.branches.r_pu[0] == pytest.approx(r_ohm / (12.66**2 / 10))


def test_loads_given_in_mva_are_split_by_their_power_factor(tmp_path: Path) -> None:
    tail = """
pf = 0.85;
mpc.bus(:, QD) = mpc.bus(:, PD) * sin(acos(pf));
mpc.bus(:, PD) = mpc.bus(:, PD) * pf;
"""
    grid = read(tmp_path, matpower(BUSES, [gen(1)], [branch(1, 2)], tail=tail))
    assert grid.p_load_pu[1] == pytest.approx(0.085)
    assert np.hypot(grid.p_load_pu[1], grid.q_load_pu[1]) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("tail", "told"),
    [
        (
            "mpc.bus(:, 3) = scaled(mpc.bus);\n",
            "(`scaled` is not a number and no name",
        ),
        ("system('rm -rf /');\n", "`system('rm -rf /')`"),
        ("for k = 1:2\n mpc.bus(k, 3) = 1;\nend\n", "`for` is code that is not known here"),
        ("mpc.gen = [1 2 x];\n", "`x` is not a number"),
        ("mpc.gen = [1 2; 3];\n", "1 column where the first row has 2"),
        ("mpc.gen = [1 2\n", "a bracket is not closed"),
        ("mpc.version = '3';\n", "format version '3'"),
    ],
)
def test_what_is_not_known_is_refused_by_its_line(tmp_path: Path, tail: str, told: str) -> None:
    text = matpower(BUSES, [gen(1)], [branch(1, 2)])
    with pytest.raises(InputError) as caught:
        read(tmp_path, text + tail)
    assert told in str(caught.value)
    assert str(caught.value).startswith(f"made.m line {text.count(chr(10)) + 1}: ")


def test_the_line_named_is_the_statements(tmp_path: Path) -> None:
    text = matpower(BUSES, [gen(1)], [branch(1, 2)])
    with pytest.raises(InputError, match=f"made.m line {text.count(chr(10)) + 3}:"):
        read(tmp_path, text + "\n% a comment\nx(3);\n")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (matpower(BUSES, [gen(1)], [branch(1, 3)]), r"mpc.branch row 1, line 13 names bus 3"),
        (matpower(BUSES, [gen(7)], [branch(1, 2)]), "mpc.gen row 1, line 10 names bus 7"),
        (matpower([*BUSES, bus(2)], [gen(1)], [branch(1, 2)]), "bus 2 stands twice"),
        (
            matpower([*BUSES, bus(3)], [gen(1)], [branch(1, 2)]),
            r"bus 3 \(mpc.bus row 3, line 8\): no reference",
        ),
        (matpower(BUSES, [gen(1)], [branch(1, 2, r=0, x=0)]), "has no impedance"),
        (matpower(BUSES, [gen(1, 5, 6)], [branch(1, 2)]), "active limits cross"),
        (matpower(BUSES, [gen(1, on=0)], [branch(1, 2)]), "no generator is in service"),
        (matpower(BUSES, [gen(1)], [branch(1, 2)], []), "mpc.gencost is missing"),
        (
            matpower(BUSES, [gen(1)], [branch(1, 2)], [[2, 0, 0, 4, 1, 0, 0, 0]]),
            "a polynomial of order 3",
        ),
        (
            matpower(BUSES, [gen(1)], [branch(1, 2)], [[1, 0, 0, 3, 0, 0, 5, 90, 9, 100]]),
            "not convex",
        ),
        (
            matpower(BUSES, [gen(1)], [branch(1, 2)], [[2, 0, 0, 3, -1, 0, 0]]),
            "quadratic term is negative",
        ),
    ],
)
def test_networks_that_cannot_be_solved_are_refused(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        read(tmp_path, text)


def test_fields_are_noted_or_without_physics(tmp_path: Path) -> None:
    tail = "mpc.reserves.zones = [1 0];\nmpc.mine = 3;\nmpc.bus_name = {\n'a; %'; 'b'\n};\n"
    grid = read(tmp_path, matpower(BUSES, [gen(1)], [branch(1, 2)], tail=tail))
    assert [note.split(" ")[0] for note in grid.notes] == ["mpc.reserves", "mpc.mine"]


DCLINE = "1 2 {on} 10 9 0 0 1 1 0 10 -5 5 -5 5 0 0.01"


@pytest.mark.parametrize(
    ("tail", "told"),
    [
        (f"mpc.dcline = [{DCLINE.format(on=1)}];\n", r"mpc.dcline row 1 is .*column 3\) to 0"),
        ("mpc.A = [1 0];\n", r"mpc.A \(user-defined linear constraints\) is not modelled"),
        ("mpc.userfcn = {1};\n", "mpc.userfcn"),
    ],
)
def test_fields_that_would_change_the_answer_are_refused(
    tmp_path: Path, tail: str, told: str
) -> None:
    text = matpower(BUSES, [gen(1)], [branch(1, 2)], tail=tail)
    with pytest.raises(InputError, match=told):
        read(tmp_path, text)
    with pytest.raises(InputError, match=told):
        read_feeder_network(tmp_path / "made.m", Missing(0.0, 1e6))


def test_a_direct_current_line_out_of_service_is_no_matter(tmp_path: Path) -> None:
    tail = f"mpc.dcline = [{DCLINE.format(on=0)}];\n"
    assert read(tmp_path, matpower(BUSES, [gen(1)], [branch(1, 2)], tail=tail)).notes == ()


@pytest.mark.parametrize(
    ("curve", "binds"),
    [
        ((0, 0, 0, 0, 0, 0), False),  # both powers zero: none, as in MATPOWER
        ((0, 0, -5, 5, -5, 5), False),
        ((10, 90, -100, 100, -100, 100), False),  # along the limits
        ((10, 90, -100, 100, -100, 50), True),
        ((10, 90, -20, 100, -100, 100), True),
        ((20, 20, -50, 50, -50, 50), True),
    ],
)
def test_capability_curves_that_bind_are_refused(
    tmp_path: Path, curve: tuple[float, ...], binds: bool
) -> None:
    unit = [*gen(1, 100.0), *curve]
    assert unit[3:5] == [100, -100]
    text = matpower(BUSES, [unit], [branch(1, 2)])
    if not binds:
        assert read(tmp_path, text).notes == ()
        return
    with pytest.raises(InputError, match=r"mpc\.gen row 1 has a capability curve"):
        read(tmp_path, text)
    unit[7] = 0
    assert (
        len(read(tmp_path, matpower(BUSES, [unit, [*gen(1), *[0] * 6]], [branch(1, 2)])).generators)
        == 1
    )


def test_every_column_of_matpower_is_in_one_of_the_lists() -> None:
    """The widths are those of an optimal power flow's own results."""
    for name, width in (("bus", 17), ("gen", 25), ("branch", 21)):
        lists = COLUMNS[name]
        assert set.union(*map(set, lists)) == set(range(width)), name
        assert sum(map(len, lists)) == width


def test_many_islands_are_told_briefly_and_in_a_moment(tmp_path: Path) -> None:
    n = 3000
    buses = [bus(1, kind=3), *(bus(k) for k in range(2, n))]
    with pytest.raises(InputError, match=f"and {n - 3 - 5:,} more such islands") as caught:
        read(tmp_path, matpower(buses, [gen(1)], [branch(1, 2)]))
    assert len(str(caught.value)) < 1000


def test_the_same_case_in_other_spellings(tmp_path: Path) -> None:
    """Commas, tabs, several rows in a line, continuations, comments, another struct, no header."""
    usual = read(tmp_path, matpower(BUSES, [gen(1)], [branch(1, 2)]))
    odd = """% a comment
case_.version = "2"; case_.baseMVA=200/2;   # Octave's comment
%{
case_.bus = [ nonsense ];
%}
case_.bus = [1,3, 0 0 0 0 1 1 0 10 1 1.1 .9;2 1 10 0 0, 0 1 1 0 10 1 1.1 0.9
];
case_.gen=[ 1 0 0 1E2 -1e2 1 100 1 100 0 ];	case_.branch = [
	1	2	0.01	0.1 ... continued
	0 0 0 0 0 0 1 -360 360
];
case_.gencost = [2 0 0 3 0 20 0;];
case_.made.by = 'someone'; case_.note(3) = {'x'}; case_.lengths = [135/sqrt(3)];
"""
    for text in (odd, odd.replace("\n", "\r\n")):
        grid = read(tmp_path, text)
        assert grid.s_base_mva == 100.0
        assert solve_opf(grid).objective == pytest.approx(solve_opf(usual).objective, rel=1e-9)
        assert [n.split(" ")[0] for n in grid.notes] == ["mpc.made", "mpc.note", "mpc.lengths"]


def test_several_units_at_the_reference_share_by_their_cost(tmp_path: Path) -> None:
    """A parallel branch, a bus out of service, a unit that consumes: each as MATPOWER has it."""
    buses = [*BUSES[:1], bus(2, 50.0), bus(3, 9.0, kind=4)]
    units = [gen(1, 30.0), gen(1, 40.0), gen(2, 0.0, -10.0), gen(3)]
    costs = [[2, 0, 0, 2, slope, 0] for slope in (10, 20, 15, 1)]
    lines = [branch(1, 2, r=0.0), branch(2, 1, r=0.0), branch(2, 3)]
    grid = read(tmp_path, matpower(buses, units, lines, costs))
    result = solve_opf(grid)
    assert result.p_mw[0] == pytest.approx([30.0, 20.0, 0.0], abs=1e-3)
    costs[2][4] = 25
    result = solve_opf(read(tmp_path, matpower(buses, units, lines, costs)))
    assert result.p_mw[0] == pytest.approx([30.0, 30.0, -10.0], abs=1e-3)
    assert result.flow_mw[0, 0, 0] == pytest.approx(result.flow_mw[0, 1, 1], abs=1e-6)


def test_angle_limits_of_zero_and_of_a_full_turn_mean_none(tmp_path: Path) -> None:
    ends = [(0, 0), (-360, 360), (-400, 400), (-30, 0), (0, 25)]
    lines = [branch(1, 2, low=low, high=high) for low, high in ends]
    lines_read = read(tmp_path, matpower(BUSES, [gen(1)], lines)).branches
    low, high = (np.rad2deg(a) for a in (lines_read.angle_min_rad, lines_read.angle_max_rad))
    assert low == pytest.approx([-np.inf] * 3 + [-30, 0])
    assert high == pytest.approx([np.inf] * 3 + [0, 25])


def test_voltage_limits_of_zero_are_refused_or_set(tmp_path: Path) -> None:
    buses = [bus(1, kind=3, v_min=0.0), bus(2, 10.0, v_min=0.0, v_max=0.0)]
    path = tmp_path / "made.m"
    path.write_text(matpower(buses, [gen(1)], [branch(1, 2)]), encoding="utf-8")
    with pytest.raises(InputError, match="--v-limits"):
        read_network(path)
    grid = read_network(path, Missing(v_limits_pu=(0.95, 1.05))).grid
    assert grid.v_min_pu.tolist() == [0.95, 0.95]
    assert grid.v_max_pu.tolist() == [1.1, 1.05]


def test_reactive_power_may_have_a_price(tmp_path: Path) -> None:
    costs = [[2, 0, 0, 3, 0, 10, 0], [2, 0, 0, 3, 0, 0, 0]]
    free = [[2, 0, 0, 3, 0, 0, 0], [2, 0, 0, 3, 0, 0, 0]]
    dear = [[2, 0, 0, 3, 1, 0, 0], [2, 0, 0, 3, 0, 0, 0]]
    buses = [bus(1, kind=3), bus(2, 10.0, 20.0)]
    lines, gens = [branch(1, 2, r=0.0)], [gen(1), gen(1)]
    spread = [
        solve_opf(read(tmp_path, matpower(buses, gens, lines, costs + q))).q_mvar[0]
        for q in (free, dear)
    ]
    assert abs(spread[1][0]) < 1e-2
    assert spread[1][1] > 19.0


def two_bus_net() -> Any:
    net = pp.create_empty_network(sn_mva=1.0)
    a, b = (pp.create_bus(net, 10.0, min_vm_pu=0.9, max_vm_pu=1.1) for _ in range(2))
    pp.create_line_from_parameters(net, a, b, 2.0, 0.2, 0.3, 10.0, 0.4, max_loading_percent=100.0)
    pp.create_ext_grid(
        net, a, min_p_mw=-9, max_p_mw=9, min_q_mvar=-9, max_q_mvar=9, controllable=False
    )
    pp.create_load(net, b, 2.0, 0.5)
    pp.create_poly_cost(net, 0, "ext_grid", cp1_eur_per_mw=50.0)
    return net


def saved(net: Any, folder: Path) -> Path:
    path = folder / "net.json"
    pp.to_json(net, str(path))
    return path


def test_a_pandapower_feeder_has_pandapowers_losses(tmp_path: Path) -> None:
    net = two_bus_net()
    result = solve_opf(read_pandapower(saved(net, tmp_path)))
    pp.runpp(net, numba=False)
    assert result.loss_mw[0] == pytest.approx(float(net.res_line.pl_mw.sum()), abs=1e-8)
    assert result.v_pu[0] == pytest.approx(net.res_bus.vm_pu.to_numpy(), abs=1e-8)
    assert result.objective == pytest.approx(50.0 * result.p_mw.sum())


@pytest.mark.parametrize(
    ("name", "objective"), [("case9", 5296.69), ("case14", 8081.53), ("case30", 576.89)]
)
def test_pandapower_networks_of_known_objective(
    tmp_path: Path, name: str, objective: float
) -> None:
    """The optima are those that MATPOWER's manual and pandapower's tests print."""
    net = getattr(pandapower.networks, name)()
    result = solve_opf(read_pandapower(saved(net, tmp_path)))
    assert result.status == "locally optimal"
    assert result.objective == pytest.approx(objective, abs=0.01)


def test_controllable_loads_and_stores_count_with_their_sign(tmp_path: Path) -> None:
    """A load worth 80 is served fully at 50, one worth 20 not at all."""
    net = two_bus_net()
    for worth in (80.0, 20.0):
        limits = {"min_p_mw": 0.0, "max_p_mw": 1.0, "min_q_mvar": 0.0, "max_q_mvar": 0.0}
        load = pp.create_load(net, 1, 1.0, 0.0, controllable=True, **limits)
        pp.create_poly_cost(net, load, "load", cp1_eur_per_mw=-worth)
    grid = read_pandapower(saved(net, tmp_path))
    result = solve_opf(grid)
    outputs = dict(zip(grid.generators.ids, result.p_mw[0], strict=True))
    assert outputs["load 1"] == pytest.approx(-1.0, abs=1e-4)
    assert outputs["load 2"] == pytest.approx(0.0, abs=1e-4)


def test_what_a_net_lacks_is_refused_or_set(tmp_path: Path) -> None:
    net = two_bus_net()
    net.poly_cost = net.poly_cost.drop(net.poly_cost.index)
    net.ext_grid["max_p_mw"] = np.nan
    net.bus["min_vm_pu"] = np.nan
    path = saved(net, tmp_path)
    with pytest.raises(InputError) as caught:
        read_pandapower(path)
    for told in ("ext_grid 0 has no cost", "ext_grid 0 has no max_p_mw", "2 buses have no min_vm"):
        assert told in str(caught.value)
    given = read_network(path, Missing(7.0, 5.0, (0.95, 1.05))).grid
    assert given.generators.p_max_pu[0] * given.s_base_mva == pytest.approx(5.0)
    assert given.generators.cost_p[0, 1] == pytest.approx(7.0 * given.s_base_mva)
    assert given.v_min_pu[1] == 0.95
    assert given.v_max_pu[1] == 1.1


def test_objects_in_a_net_are_not_created(tmp_path: Path) -> None:
    net = two_bus_net()
    path = saved(net, tmp_path)
    raw = json.loads(path.read_text(encoding="utf-8"))
    evil = json.dumps(
        {"columns": ["name"], "index": [0], "data": [[{"_module": "os", "_class": "system"}]]}
    )
    raw["_object"]["load"]["_object"] = evil
    path.write_text(json.dumps(raw), encoding="utf-8")
    with pytest.raises(InputError, match="table load holds a Python object"):
        read_pandapower(path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.json"
    path.write_text("[1, 2]", encoding="utf-8")
    with pytest.raises(InputError, match="not a pandapower network"):
        read_network(path)
    with pytest.raises(InputError, match="not a network that is known"):
        read_network(tmp_path / "net.xlsx")
    with pytest.raises(InputError, match="cannot be read"):
        read_network(tmp_path / "none.m")
