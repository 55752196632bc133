"""What the tables of a pandapower network say is what the optimum obeys, or is refused by name."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandapower as pp
import pandas as pd
import pytest

from cmgplan.errors import InputError
from cmgplan.network.files.networks import Missing, read_feeder_network
from cmgplan.network.files.pandapower_file import grid_of_net, read_pandapower
from cmgplan.network.grid import Grid
from cmgplan.network.opf.problem import solve_opf
from cmgplan.network.opf.result import OpfResult

WIDE = {"min_p_mw": -50.0, "max_p_mw": 50.0, "min_q_mvar": -50.0, "max_q_mvar": 50.0}


def line(net: Any, i: int, j: int, **more: Any) -> int:
    return int(pp.create_line_from_parameters(net, i, j, 5.0, 0.3, 0.35, 10.0, 0.4, **more))


@cache
def empty() -> Any:
    return pp.create_empty_network()


def feeder(price: float = 60.0, **ext_grid: Any) -> Any:
    """Return three buses of 20 kV in a row, loads of 2 and 3 MW, fed at 60 $/MWh and 1 pu."""
    net = copy.deepcopy(empty())
    for _ in range(3):
        pp.create_bus(net, 20.0, min_vm_pu=0.9, max_vm_pu=1.1)
    pp.create_ext_grid(net, 0, controllable=False, **{**WIDE, **ext_grid})
    pp.create_poly_cost(net, 0, "ext_grid", cp1_eur_per_mw=price)
    line(net, 0, 1)
    line(net, 1, 2)
    pp.create_load(net, 1, 2.0, 0.5)
    pp.create_load(net, 2, 3.0, 1.0)
    return net


def with_unit(net: Any, **limits: Any) -> Any:
    more = {"min_p_mw": 0.0, "max_p_mw": 4.0, "min_q_mvar": -3.0, "max_q_mvar": 3.0, **limits}
    pp.create_gen(net, 2, 1.0, vm_pu=1.0, controllable=True, **more)
    return net


def read(net: Any, missing: Missing | None = None, **more: bool) -> Grid:
    return grid_of_net(copy.deepcopy(net), Path("net.json"), missing or Missing(), **more)


def solved(net: Any) -> OpfResult:
    """Return the confirmed optimum: the replay is pandapower's power flow on the tables."""
    result = solve_opf(read(net))
    assert result.status == "locally optimal", result.message
    assert result.replay_max_dv_pu < 1e-8
    return result


def confirmed(net: Any) -> OpfResult:
    """Return the answer of a network without choice, which a power flow must give as well."""
    result = solved(net)
    pp.runpp(net, trafo_model="pi", calculate_voltage_angles=True, tolerance_mva=1e-10, numba=False)
    names = result.grid.bus_ids
    found = {int(name): v for name, v in zip(names, result.v_pu[0], strict=True) if name.isdigit()}
    assert found == pytest.approx(net.res_bus.vm_pu[list(found)].to_dict(), abs=1e-8)
    assert result.p_mw[0].sum() == pytest.approx(net.res_ext_grid.p_mw.sum(), abs=1e-6)
    return result


def own_optimum(net: Any) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pp.runopp(net, numba=False, delta=1e-10)
    return float(net.res_cost)


def refused(net: Any) -> str:
    with pytest.raises(InputError) as caught:
        read(net)
    return str(caught.value)


def noted(net: Any, words: str) -> str:
    (note,) = [n for n in read(net).notes if words in n]
    return note


def put(net: Any, table: str, column: str, value: object) -> None:
    """Set a column as other tools write it, of whatever type."""
    net[table][column] = pd.Series([value] * len(net[table]), net[table].index, dtype=object)


# Voltage limits of sources


def test_a_generators_own_voltage_limit_binds() -> None:
    """0.985 pu at bus 2 costs 221.80 $/h, 1.32 more than the bus's own 1.1 pu would."""
    net = with_unit(feeder(), min_vm_pu=0.97, max_vm_pu=0.985)
    pp.create_poly_cost(net, 0, "gen", cp1_eur_per_mw=40.0)
    result = solved(net)
    assert result.objective == pytest.approx(221.8044, abs=2e-4)
    assert result.v_pu[0, 2] == pytest.approx(0.985, abs=1e-6)
    assert result.objective == pytest.approx(own_optimum(net), rel=2e-6)
    net.gen["max_vm_pu"] = np.nan
    assert solved(net).objective == pytest.approx(220.4821, abs=2e-4)


def test_the_narrowest_of_several_limits_at_joined_buses_holds() -> None:
    net = with_unit(feeder(), min_vm_pu=0.97, max_vm_pu=0.995)
    twin = pp.create_bus(net, 20.0, min_vm_pu=0.95, max_vm_pu=1.05)
    pp.create_switch(net, 2, twin, "b")
    pp.create_gen(net, twin, 1.0, controllable=True, min_vm_pu=0.98, max_vm_pu=1.2, **WIDE)
    grid = read(net, Missing(price_usd_per_mwh=1.0))
    (at,) = {int(grid.generators.bus[k]) for k in (1, 2)}
    assert (grid.v_min_pu[at], grid.v_max_pu[at]) == (0.98, 0.995)


def test_an_external_grid_may_have_voltage_limits_and_a_held_voltage_needs_none() -> None:
    net = feeder()
    net.ext_grid["max_vm_pu"] = 1.02
    net.ext_grid["vm_pu"] = 1.04
    assert read(net).v_max_pu[0] == 1.04
    net.ext_grid["controllable"] = True
    assert read(net).v_max_pu[0] == 1.02
    assert solved(net).v_pu[0, 0] == pytest.approx(1.02, abs=1e-6)


def test_two_sources_cannot_hold_one_bus_at_different_voltages() -> None:
    net = feeder()
    pp.create_gen(net, 0, 1.0, vm_pu=1.01, controllable=False, **WIDE)
    assert "ext_grid 0 and gen 0 hold 1 and 1.01 pu at one bus" in refused(net)
    net.gen["vm_pu"] = 1.0
    assert read(net, Missing(price_usd_per_mwh=1.0)).v_max_pu[0] == 1.0


def test_a_lower_limit_of_zero_is_none_and_is_said() -> None:
    net = feeder()
    net.bus.loc[1, "min_vm_pu"] = 0.0
    assert "bus 1: the lower voltage limit is not positive" in refused(net)


# Costs in segments


@pytest.mark.parametrize(
    ("points", "price", "low", "cost"),
    [
        ([[1, 2, 30], [2, 3, 55], [3, 4, 90]], 60.0, 1.0, 235.9457),
        ([[0, 2, 30], [2, 3, 55], [3, 4, 90]], 60.0, 1.0, 235.9457),
        ([[-2, 0, 20], [0, 2, 30], [2, 4, 90]], 60.0, 1.0, None),
        ([[-4, -2, 10], [-2, 4, 20]], 15.0, -4.0, None),
        ([[2, 4, 50]], 60.0, 1.0, None),
        ([[1, 2, 30]], 60.0, 1.0, None),
    ],
)
def test_segments_cost_what_pandapowers_own_optimum_makes_of_them(
    points: list[list[float]], price: float, low: float, cost: float | None
) -> None:
    """The first slope holds from zero on; outside the segments the outer slopes go on."""
    net = with_unit(feeder(price), min_p_mw=low)
    pp.create_pwl_cost(net, 0, "gen", points)
    objective = solved(net).objective
    if cost is not None:
        assert objective == pytest.approx(cost, abs=3e-3)
    assert objective == pytest.approx(own_optimum(net), abs=3e-3)


@pytest.mark.parametrize(
    ("points", "told"),
    [
        ([[0, 1, 10], [2, 3, 20]], "does not begin where the one before ends"),
        ([[0, 2, 10], [1, 3, 20]], "does not begin where the one before ends"),
        ([[1, 2, 20], [0, 1, 10]], "does not begin where the one before ends"),
        ([[2, 0, 20]], "does not end above where it begins"),
        ([[0, 1, 20], [1, 4, 10]], "the segments are not convex"),
        ([[0, 1]], "are not a list of"),
        ([[0, 1, "dear"]], "are not a list of"),
        (None, "are not a list of"),
        ([], "are not a list of"),
    ],
)
def test_segments_that_pandapower_would_not_take_are_refused(points: object, told: str) -> None:
    net = with_unit(feeder())
    pp.create_pwl_cost(net, 0, "gen", [[0, 4, 10]])
    net.pwl_cost.at[0, "points"] = points
    assert told in refused(net)


def test_segments_of_a_load_are_of_the_power_that_it_draws() -> None:
    """Worth 80 up to 1 MW, 30 beyond: at 50 it draws 1 MW; what it is worth counts from 0 on."""
    net = feeder(50.0)
    limits = {"min_p_mw": 0.5, "max_p_mw": 2.0, "min_q_mvar": 0.0, "max_q_mvar": 0.0}
    load = pp.create_load(net, 1, 1.0, controllable=True, **limits)
    pp.create_pwl_cost(net, load, "load", [[0.5, 1, -80], [1, 2, -30]])
    result = solved(net)
    ids = read(net).generators.ids
    assert result.p_mw[0, ids.index(f"load {load}")] == pytest.approx(-1.0, abs=1e-4)
    drawn_usd = 50.0 * result.p_mw[0, 0]
    assert result.objective == pytest.approx(drawn_usd - 80.0, abs=1e-3)
    assert "turns the sign" in noted(net, f"load {load}")


def test_costs_that_reach_nothing_are_told() -> None:
    net = feeder()
    pp.create_sgen(net, 1, 0.1, controllable=False)
    pp.create_poly_cost(net, 0, "sgen", cp1_eur_per_mw=5.0)
    assert "the cost of sgen 0 is left out" in noted(net, "left out")
    net.poly_cost.loc[1, "element"] = 7
    assert "poly_cost 1: there is no sgen 7" in refused(net)


def test_a_price_of_reactive_power_alone_is_no_price() -> None:
    net = with_unit(feeder())
    pp.create_pwl_cost(net, 0, "gen", [[-3, 3, 1]], power_type="q")
    assert "gen 0 has no cost" in refused(net)


@cache
def plain(name: str) -> OpfResult:
    """Return the confirmed answer of a network as it is built."""
    return confirmed({"feeder": feeder, "tapped": tapped}[name]())


# What is not given


def test_none_is_not_given_in_every_column() -> None:
    """As SimBench's external grids have it; the answer is that of a file without the columns."""
    net = feeder()
    usual = solved(net)
    for column in ("min_p_mw", "max_p_mw", "min_q_mvar", "max_q_mvar", "va_degree"):
        put(net, "ext_grid", column, None)
    for table, columns in (
        ("load", ("scaling", "in_service", "controllable", "max_p_mw", "sn_mva")),
        ("line", ("df", "parallel", "in_service", "g_us_per_km", "max_loading_percent")),
        ("bus", ("in_service", "zone")),
        ("poly_cost", ("cp0_eur", "cq1_eur_per_mvar")),
    ):
        for column in columns:
            put(net, table, column, None)
    grid = read(net, Missing(power_limit_mva=50.0))
    assert grid.generators.p_min_pu[0] * grid.s_base_mva == -50.0
    assert solve_opf(grid).objective == pytest.approx(usual.objective, rel=1e-9)
    assert read(net, Missing(0.0, 1e6), generation=False).p_load_pu.sum() == 5.0


def test_none_in_a_file_of_an_external_grid_is_not_given(tmp_path: Path) -> None:
    net = feeder()
    for column in ("min_q_mvar", "max_q_mvar"):
        put(net, "ext_grid", column, None)
    path = tmp_path / "net.json"
    pp.to_json(net, str(path))
    assert "null" in path.read_text(encoding="utf-8")
    with pytest.raises(InputError, match="ext_grid 0 has no min_q_mvar; give it"):
        read_pandapower(path)
    grid = read_pandapower(path, Missing(power_limit_mva=100.0))
    assert grid.generators.q_max_pu[0] * grid.s_base_mva == 100.0
    assert read_feeder_network(path, Missing(0.0, 1e6)).p_load_pu.sum() == 5.0


@pytest.mark.parametrize(
    ("table", "column", "value", "told"),
    [
        ("load", "p_mw", None, "load 0: p_mw is not given; give a number"),
        ("line", "r_ohm_per_km", None, "line 0: r_ohm_per_km is not given"),
        ("ext_grid", "vm_pu", None, "ext_grid 0: vm_pu is not given"),
        ("load", "in_service", "yes", "load 0: in_service is `yes`, which is neither true nor"),
        ("load", "controllable", "False", "load 0: controllable is `False`, which is neither"),
        ("ext_grid", "max_q_mvar", "none", "max_q_mvar is `none`, which is not a number"),
        ("poly_cost", "et", "generator", "poly_cost 0: et is `generator`; give one of ext_grid"),
    ],
)
def test_what_is_needed_or_no_value_is_named(
    table: str, column: str, value: object, told: str
) -> None:
    net = feeder()
    put(net, table, column, value)
    for generation in (True, False):
        with pytest.raises(InputError, match=told):
            read(net, Missing(0.0, 1e6), generation=generation)


@pytest.mark.parametrize(
    ("given", "steered"), [(True, True), (1, True), (0.0, False), (None, False)]
)
def test_a_flag_may_be_a_number_or_nothing(given: object, steered: bool) -> None:
    net = feeder()
    for column, value in (("controllable", given), *WIDE.items()):
        put(net, "load", column, value)
    assert ("load 0" in read(net, Missing(price_usd_per_mwh=1.0)).generators.ids) == steered


# Elements that have no choice: a power flow gives the same


def single_phase() -> Any:
    net = copy.deepcopy(empty())
    for _ in range(2):
        pp.create_bus(net, 0.4, min_vm_pu=0.9, max_vm_pu=1.1)
    pp.create_ext_grid(net, 0, controllable=False, **WIDE)
    pp.create_poly_cost(net, 0, "ext_grid", cp1_eur_per_mw=50.0)
    pp.create_line_from_parameters(net, 0, 1, 0.2, 0.2, 0.08, 0.0, 0.3)
    phases = {"q_a_mvar": 0.003, "q_b_mvar": 0.003, "q_c_mvar": 0.003}
    pp.create_asymmetric_load(net, 1, p_a_mw=0.01, p_b_mw=0.01, p_c_mw=0.01, **phases)
    return net


def test_loads_and_sources_of_single_phases_count() -> None:
    net = single_phase()
    result = confirmed(net)
    assert result.p_mw.sum() == pytest.approx(0.030 + result.loss_mw[0], abs=1e-9)
    assert "asymmetric_load" in noted(net, "single phases")
    pp.create_asymmetric_sgen(net, 1, p_a_mw=0.006, q_b_mvar=0.002, scaling=0.5)
    assert confirmed(net).p_mw.sum() == pytest.approx(0.027, abs=5e-4)


def tapped(**more: Any) -> Any:
    """Return the feeder with 0.63 MVA to 0.4 kV at its end, a step above neutral."""
    net = feeder()
    low = pp.create_bus(net, 0.4, min_vm_pu=0.8, max_vm_pu=1.1)
    usual = {
        "shift_degree": 150.0,
        "tap_side": "hv",
        "tap_neutral": 0,
        "tap_min": -2,
        "tap_max": 2,
        "tap_step_percent": 2.5,
        "tap_step_degree": 0.0,
        "tap_pos": 1,
        "tap_changer_type": "Ratio",
    }
    pp.create_transformer_from_parameters(
        net, 2, low, 0.63, 20.0, 0.4, 1.206, 6.0, 1.65, 0.2619, **{**usual, **more}
    )
    pp.create_load(net, low, 0.3, 0.1)
    return net


def test_a_table_of_taps_is_followed() -> None:
    """Ratio, angle and impedance of step 1: 1.025, 0 degrees and 6.5 percent."""
    net = tapped(tap_changer_type="Tabular", tap_dependency_table=True, id_characteristic_table=0)
    steps = range(-2, 3)
    net["trafo_characteristic_table"] = pd.DataFrame(
        {
            "id_characteristic": [0] * 5,
            "step": list(steps),
            "voltage_ratio": [1 + 0.025 * k for k in steps],
            "angle_deg": [0.0] * 5,
            "vk_percent": [6 + 0.5 * k for k in steps],
            "vkr_percent": [1.2] * 5,
        }
    )
    assert confirmed(net).v_pu[0, 3] == pytest.approx(0.91238, abs=1e-5)
    net.trafo["id_characteristic_table"] = None
    assert "id_characteristic_table" in refused(net)


TAPS: list[dict[str, Any]] = [
    {"tap_side": "lv"},
    {"tap_changer_type": "Symmetrical", "tap_step_degree": 30.0},
    {"tap_changer_type": "Ideal", "tap_step_degree": 5.0, "tap_step_percent": np.nan},
    {"parallel": 2, "df": 0.8},
    {
        "tap2_side": "lv",
        "tap2_neutral": 0,
        "tap2_min": -2,
        "tap2_max": 2,
        "tap2_pos": -1,
        "tap2_step_percent": 1.0,
        "tap2_step_degree": 0.0,
        "tap2_changer_type": "Ratio",
    },
]


@pytest.mark.parametrize("more", TAPS)
def test_transformers_are_those_of_a_power_flow(more: dict[str, Any]) -> None:
    net = tapped(**more)
    bare = plain("tapped").v_pu[0, 3]
    shown = confirmed(net).v_pu[0, 3]
    if more.get("tap_changer_type") != "Ideal":
        assert abs(shown - bare) > 1e-4


@pytest.mark.parametrize("kind", [None, "nan"])
def test_a_tap_that_no_type_lets_count_is_told(kind: str | None) -> None:
    net = tapped()
    put(net, "trafo", "tap_changer_type", kind)
    assert "trafo 0: tap_pos has no effect" in noted(net, "tap_pos")
    confirmed(net)
    put(net, "trafo", "tap_changer_type", "Ratios")
    assert "trafo 0: tap_changer_type is `Ratios`; give one of Ratio" in refused(net)


def changed(**tables: Any) -> Callable[[Any], None]:
    def change(net: Any) -> None:
        for name, value in tables.items():
            table, column = name.split("__")
            net[table][column] = value

    return change


ELEMENTS: dict[str, Callable[[Any], object]] = {
    "motor": lambda net: pp.create_motor(
        net, 1, 0.5, 0.9, efficiency_percent=90.0, loading_percent=80.0, scaling=0.5
    ),
    "ward": lambda net: pp.create_ward(net, 1, 0.5, 0.1, 0.2, 0.1),
    "xward": lambda net: pp.create_xward(net, 2, 0.5, 0.2, 0.3, -0.4, 0.1, 0.5, 1.0),
    "shunt": lambda net: pp.create_shunt(net, 2, -0.5, 0.01, vn_kv=21.0, step=2, max_step=3),
    "storage": lambda net: pp.create_storage(net, 1, 0.4, 1.0, q_mvar=0.1, scaling=0.5),
    "sgen": lambda net: pp.create_sgen(net, 2, 0.4, 0.1, scaling=2.0),
    "impedance": lambda net: pp.create_impedance(net, 0, 2, 0.01, 0.02, 10.0),
    "parallel": changed(line__parallel=2, line__g_us_per_km=3.0),
    "idle load": changed(load__in_service=[True, False]),
    "open switch": lambda net: (
        pp.create_bus(net, 20.0, min_vm_pu=0.9, max_vm_pu=1.1),
        line(net, 2, 3),
        line(net, 0, 2),
        line(net, 0, 3),
        pp.create_switch(net, 3, 2, "l", closed=False),
        pp.create_switch(net, 2, 3, "l", closed=False),
    ),
    "bus switch": lambda net: (
        pp.create_bus(net, 20.0, min_vm_pu=0.9, max_vm_pu=1.1),
        pp.create_switch(net, 2, 3, "b", z_ohm=0.7),
        pp.create_load(net, 3, 1.0, 0.2),
    ),
    "joined buses": lambda net: (
        pp.create_bus(net, 20.0, min_vm_pu=0.9, max_vm_pu=1.1),
        pp.create_switch(net, 2, 3, "b"),
        pp.create_load(net, 3, 1.0, 0.2),
    ),
}


@pytest.mark.parametrize("name", ELEMENTS)
def test_elements_are_those_of_a_power_flow(name: str) -> None:
    net = feeder()
    ELEMENTS[name](net)
    assert abs(confirmed(net).p_mw[0, 0] - plain("feeder").p_mw[0, 0]) > 1e-4


def test_a_bus_switch_with_impedance_has_no_limit_that_nobody_gave() -> None:
    net = feeder()
    ELEMENTS["bus switch"](net)
    lines = read(net).branches
    assert np.isinf(lines.i_max_pu[lines.ids.index("switch 0")])


def test_a_three_winding_transformer_may_have_a_negative_star_resistance() -> None:
    net = feeder()
    mv, lv = (pp.create_bus(net, kv, min_vm_pu=0.9, max_vm_pu=1.1) for kv in (10.0, 0.4))
    short = dict(
        zip(("vk_hv_percent", "vk_mv_percent", "vk_lv_percent"), (10, 11, 12), strict=True)
    )
    short |= dict(
        zip(("vkr_hv_percent", "vkr_mv_percent", "vkr_lv_percent"), (0.3, 0.3, 2.0), strict=True)
    )
    pp.create_transformer3w_from_parameters(
        net,
        2,
        mv,
        lv,
        20.0,
        10.0,
        0.4,
        4.0,
        3.0,
        1.0,
        **short,
        pfe_kw=3.0,
        i0_percent=0.1,
        shift_mv_degree=30.0,
        shift_lv_degree=150.0,
        tap_side="mv",
        tap_neutral=0,
        tap_pos=2,
        tap_min=-4,
        tap_max=4,
        tap_step_percent=1.0,
        tap_step_degree=0.0,
        tap_changer_type="Ratio",
    )
    pp.create_load(net, mv, 1.0, 0.3)
    pp.create_load(net, lv, 0.2, 0.1)
    lines = read(net).branches
    assert lines.r_pu.min() < 0.0
    assert {"trafo3w 0 hv", "trafo3w 0 mv", "trafo3w 0 lv"} <= set(lines.ids)
    confirmed(net)


def test_limits_of_lines_and_transformers_count_parallel_and_derating() -> None:
    net = tapped(parallel=2, df=0.8, max_loading_percent=50.0)
    net.line[["max_loading_percent", "df", "parallel"]] = [80.0, 0.5, 3]
    lines = read(net).branches
    assert lines.i_max_pu[0] == pytest.approx(0.8 * 0.4 * 0.5 * 3 * 20.0 * 3**0.5)
    assert lines.i_max_pu[2] == pytest.approx(0.5 * 0.63 * 0.8 * 2)


# What is refused, and what is told


REFUSALS: dict[str, tuple[Callable[[Any], object], str]] = {
    "direct current": (
        lambda net: pp.create_dcline(net, 0, 2, 1.0, 1.0, 0.01, 1.0, 1.0),
        "table dcline, row 0",
    ),
    "svc": (lambda net: pp.create_svc(net, 1, 1.0, -10.0, 1.0, 90.0), "table svc, row 0"),
    "ssc": (lambda net: pp.create_ssc(net, 1, 0.1, 1.0), "table ssc, row 0"),
    "tcsc": (lambda net: pp.create_tcsc(net, 1, 2, 1.0, -10.0, 1.0, 140.0), "table tcsc, row 0"),
    "dc bus": (lambda net: pp.create_bus_dc(net, 1.0), "table bus_dc, row 0"),
    "impedance load": (
        changed(load__const_z_p_percent=[0.0, 50.0]),
        "load 1: const_z_p_percent is 50.0",
    ),
    "current load": (
        changed(load__const_i_q_percent=[20.0, 0.0]),
        "load 0: const_i_q_percent is 20.0",
    ),
    "curve": (
        lambda net: pp.create_sgen(net, 1, 0.1, reactive_capability_curve=True),
        "sgen 0: reactive_capability_curve is True",
    ),
    "two impedances": (
        lambda net: pp.create_impedance(net, 0, 2, 0.01, 0.02, 10.0, rtf_pu=0.02),
        "impedance 0: rft_pu and rtf_pu differ",
    ),
    "no slack": (changed(ext_grid__in_service=False), "no ext_grid and no gen with slack = True"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_is_not_modelled_is_refused_by_name(tmp_path: Path, name: str) -> None:
    """In an optimal power flow as in a new case; out of service it is no matter."""
    change, told = REFUSALS[name]
    net = feeder()
    change(net)
    message = refused(net)
    assert told in message
    if name != "curve":  # generation is left out of a feeder
        with pytest.raises(InputError, match=told):
            read(net, Missing(0.0, 1e6, (0.5, 1.5)), generation=False)
    if name in ("direct current", "svc", "ssc", "tcsc", "dc bus"):
        table = told.split()[1].rstrip(",")
        net[table]["in_service"] = False
        assert solved(net).objective == pytest.approx(plain("feeder").objective)


def test_what_does_not_follow_is_told() -> None:
    net = feeder()
    limits = {"min_p_mw": -0.5, "max_p_mw": 0.5, "min_q_mvar": 0.0, "max_q_mvar": 0.0}
    pp.create_storage(net, 1, 0.0, 1.0, soc_percent=10.0, controllable=True, **limits)
    pp.create_poly_cost(net, 0, "storage", cp1_eur_per_mw=0.0)
    pp.create_switch(net, 1, 0, "l", in_ka=0.1)
    pp.create_impedance(net, 0, 2, 0.01, 0.02, 10.0)
    net.load["my_own"] = 1.0
    notes = read(net).notes
    for told in (
        "storage 0: soc_percent does not limit the power",
        "switch 0: in_ka does not limit the current",
        "impedance 0: sn_mva limits the current",
    ):
        assert len([n for n in notes if told in n]) == 1, told
    assert not [n for n in notes if "my_own" in n]


def test_what_nothing_supplies_is_told() -> None:
    net = feeder()
    pp.create_bus(net, 20.0)
    pp.create_load(net, 3, 0.7, 0.0)
    assert "bus 3 with 0.7 MW of load is left out" in noted(net, "left out")


def test_several_external_grids_hold_their_angles() -> None:
    """Held at one angle as by ``runpp``; ``runopp`` lets the second lead, which is cheaper."""
    net = feeder()
    pp.create_ext_grid(net, 2, controllable=False, **WIDE)
    pp.create_poly_cost(net, 1, "ext_grid", cp1_eur_per_mw=50.0)
    held = solved(net)
    assert np.ptp(held.angle_rad[0, [0, 2]]) == 0.0
    pp.runpp(net, calculate_voltage_angles=True, tolerance_mva=1e-10, numba=False)
    assert held.p_mw[0] == pytest.approx(net.res_ext_grid.p_mw.to_numpy(), abs=1e-5)
    assert held.objective == pytest.approx(260.442, abs=1e-3)
    assert own_optimum(net) == pytest.approx(225.736, abs=1e-2)
    assert "ext_grid 0, ext_grid 1 hold their voltage angles" in noted(net, "angles (")


def test_the_external_grids_limit_is_blamed_not_the_wards_voltage_source() -> None:
    net = feeder(min_p_mw=-4.0, max_p_mw=4.0)
    ELEMENTS["xward"](net)
    result = solve_opf(read(net), bound=True)
    assert result.status == "proven infeasible"
    assert "ext_grid 0 active output" in result.explanation[0]
    assert not [told for told in result.explanation if "xward" in told]
