"""Answers of pandapower networks, confirmed by pandapower on the user's own tables."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandapower as pp
import pandapower.networks
import pytest

from cmgplan.devices.storage import Storage
from cmgplan.errors import InputError
from cmgplan.network.files.pandapower_file import Missing, read_pandapower
from cmgplan.network.grid import Grid
from cmgplan.network.grid_hours import horizon_of
from cmgplan.network.opf.flexible import Placed, Responsive
from cmgplan.network.opf.grid_replay import replay_voltages
from cmgplan.network.opf.problem import solve_opf
from cmgplan.network.opf.result import OpfResult

TRAFO = {
    "pfe_kw": 0.0,
    "i0_percent": 0.0,
    "shift_degree": 150.0,
    "tap_neutral": 0,
    "tap_min": -9,
    "tap_max": 9,
    "tap_changer_type": "Ratio",
    "max_loading_percent": 100.0,
}


def three_levels() -> Any:
    """Return 110, 20 and 0.4 kV: transformers at both ends of a ring of lines, taps on either side.

    Both turn the phase by 150 degrees.
    """
    net = pp.create_empty_network(sn_mva=10.0)
    buses = [
        pp.create_bus(net, kv, min_vm_pu=0.95, max_vm_pu=1.05)
        for kv in (110.0, 20.0, 20.0, 0.4, 20.0)
    ]
    wide = {"min_p_mw": -50.0, "max_p_mw": 50.0, "min_q_mvar": -50.0, "max_q_mvar": 50.0}
    pp.create_ext_grid(net, buses[0], vm_pu=1.02, controllable=False, **wide)
    first = {"vkr_percent": 0.41, "vk_percent": 12.0, "tap_side": "hv", "tap_step_percent": 1.5}
    second = {"vkr_percent": 1.1, "vk_percent": 6.0, "tap_side": "lv", "tap_step_percent": 2.5}
    for ends, rated, tap, more in (
        ((0, 1), (25.0, 110.0, 20.0), -2, first),
        ((2, 3), (0.63, 20.0, 0.4), 1, second),
    ):
        at = [buses[k] for k in ends]
        pp.create_transformer_from_parameters(net, *at, *rated, tap_pos=tap, **TRAFO, **more)
    for i, j in ((1, 2), (2, 4), (1, 4)):
        pp.create_line_from_parameters(
            net, buses[i], buses[j], 6.0, 0.2, 0.12, 250.0, 0.36, max_loading_percent=100.0
        )
    for bus, p, q in ((3, 0.4, 0.1), (4, 9.0, 2.0), (2, 3.0, 1.0)):
        pp.create_load(net, buses[bus], p, q)
    for bus, p, q, price in ((4, 6.0, 2.0, 55.0), (3, 0.9, 0.1, 10.0)):
        limits = {"min_p_mw": 0.0, "max_p_mw": p, "min_q_mvar": -q, "max_q_mvar": q}
        unit = pp.create_sgen(net, buses[bus], 0.1, scaling=0.5, controllable=True, **limits)
        pp.create_poly_cost(net, unit, "sgen", cp1_eur_per_mw=price)
    pp.create_poly_cost(net, 0, "ext_grid", cp1_eur_per_mw=50.0)
    return net


def read(net: Any, folder: Path, missing: Missing | None = None) -> Grid:
    path = folder / "net.json"
    pp.to_json(net, str(path))
    return read_pandapower(path, missing)


def test_transformers_at_both_ends_cost_what_pandapowers_own_optimum_costs(
    tmp_path: Path,
) -> None:
    """``runopp`` leaves out the shift, with which it does not converge; it changes no cost here."""
    net = three_levels()
    result = solve_opf(read(net, tmp_path), bound=True)
    assert result.status == "locally optimal"
    assert result.replay_max_dv_pu < 1e-9
    pp.runopp(net, calculate_voltage_angles=False, numba=False)
    assert result.objective == pytest.approx(net.res_cost, rel=1e-5)
    assert result.v_pu[0] == pytest.approx(net.res_bus.vm_pu.to_numpy(), abs=1e-3)
    assert result.gap == pytest.approx(0.0, abs=1e-6)
    turned = np.rad2deg(result.angle_rad[0])
    assert turned[3] - turned[0] == pytest.approx(-300.0, abs=10.0)


@pytest.mark.parametrize("name", ["case6ww", "case9", "case24_ieee_rts", "case30", "iceland"])
def test_networks_cost_what_pandapowers_own_optimum_costs(tmp_path: Path, name: str) -> None:
    """``runopp`` solves the same problem once the external grid's voltage is free."""
    net = getattr(pandapower.networks, name)()
    net.ext_grid["controllable"] = True
    result = solve_opf(read(net, tmp_path))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pp.runopp(net, numba=False, delta=1e-10)
    assert result.objective == pytest.approx(net.res_cost, rel=2e-6)
    assert result.replay_max_dv_pu < 1e-6


def test_a_user_who_sets_the_dispatch_sees_the_same_voltages(tmp_path: Path) -> None:
    """Done by hand in the tables, beside what the replay does."""
    net = pandapower.networks.case9()
    grid = read(net, tmp_path)
    result = solve_opf(grid)
    for k, unit in enumerate(grid.generators.ids):
        kind, index = unit.split()
        at = grid.generators.bus[k]
        net[kind].loc[int(index), "vm_pu"] = result.v_pu[0, at]
        if kind == "gen":
            net.gen.loc[int(index), "p_mw"] = result.p_mw[0, k]
    pp.runpp(net, trafo_model="pi", tolerance_mva=1e-10, numba=False)
    assert result.v_pu[0] == pytest.approx(net.res_bus.vm_pu.to_numpy(), abs=1e-9)
    assert result.loss_mw[0] == pytest.approx(net.res_line.pl_mw.sum(), abs=1e-6)


def test_an_extended_ward_keeps_its_own_voltage(tmp_path: Path) -> None:
    net = three_levels()
    pp.create_xward(net, 4, 0.5, 0.1, 0.2, 0.1, r_ohm=1.0, x_ohm=20.0, vm_pu=1.03)
    grid = read(net, tmp_path)
    assert "xward 0" in grid.generators.ids
    result = solve_opf(grid)
    assert result.status == "locally optimal"
    assert result.replay_max_dv_pu < 1e-8
    (inner,) = [k for k, name in enumerate(grid.bus_ids) if name.startswith("inner")]
    assert result.v_pu[0, inner] == pytest.approx(1.03, abs=1e-7)


def test_controllable_loads_and_stores_are_set(tmp_path: Path) -> None:
    net = three_levels()
    limits = {"min_q_mvar": 0.0, "max_q_mvar": 0.0, "controllable": True}
    load = pp.create_load(net, 4, 2.0, 0.0, min_p_mw=0.0, max_p_mw=2.0, **limits)
    pp.create_poly_cost(net, load, "load", cp1_eur_per_mw=-20.0)
    store = pp.create_storage(net, 2, 0.0, 1.0, min_p_mw=-0.5, max_p_mw=0.5, **limits)
    pp.create_poly_cost(net, store, "storage", cp1_eur_per_mw=-30.0)
    grid = read(net, tmp_path)
    result = solve_opf(grid)
    given = dict(zip(grid.generators.ids, result.p_mw[0], strict=True))
    assert given[f"load {load}"] == pytest.approx(0.0, abs=1e-4)
    assert given[f"storage {store}"] == pytest.approx(0.5, abs=1e-4)
    assert result.replay_max_dv_pu < 1e-8


def test_hours_with_devices_are_replayed_on_the_tables(tmp_path: Path) -> None:
    grid = read(three_levels(), tmp_path)
    hours = horizon_of(grid, hours=3, load=np.array([0.6, 1.0, 0.8]))
    battery = Storage(
        id="B", energy_kwh=2e3, p_charge_max_kw=5e2, p_discharge_max_kw=5e2, soc_start=0.5
    )
    result = solve_opf(
        grid,
        profiles=hours,
        storage=[Placed("4", battery)],
        responsive=[Responsive("2", 0.2)],
        bound=True,
    )
    assert result.status == "locally optimal"
    assert result.replay_max_dv_pu < 1e-8
    assert result.gap == pytest.approx(0.0, abs=1e-5)


def contradicted(result: OpfResult, **changed: float) -> np.ndarray:
    """Return the replay of an answer in which some powers are off."""
    grid = result.grid
    p, q = result.p_mw[0] / grid.s_base_mva, result.q_mvar[0] / grid.s_base_mva
    unit = int(changed.get("unit", 0))
    p[unit] += changed.get("p_pu", 0.0)
    q[unit] += changed.get("q_pu", 0.0)
    return replay_voltages(grid, result.v_pu[0], result.angle_rad[0], p, q)


def test_the_replay_sees_wrong_powers(tmp_path: Path) -> None:
    """Also the reactive power of a machine that holds its voltage, which no voltage shows."""
    result = solve_opf(read(pandapower.networks.case9(), tmp_path))
    right = contradicted(result)
    assert np.abs(right - result.v_pu[0]).max() < 1e-9
    assert np.isnan(contradicted(result, unit=1, q_pu=0.01)).all()
    assert np.isnan(contradicted(result, unit=1, p_pu=0.01)).all()
    feeder = solve_opf(read(three_levels(), tmp_path))
    wrong = contradicted(feeder, unit=2, p_pu=0.01)
    assert not np.abs(wrong - feeder.v_pu[0]).max() < 1e-6


def test_an_answer_that_is_not_confirmed_is_none(tmp_path: Path) -> None:
    grid = read(three_levels(), tmp_path)
    assert grid.origin is not None
    lighter = replace(grid.origin, p_load_pu=grid.p_load_pu + 1e-3)
    assert solve_opf(replace(grid, origin=lighter)).status == "replay failed"


def test_a_generator_may_be_the_slack(tmp_path: Path) -> None:
    net = pandapower.networks.case9()
    cost = net.poly_cost[net.poly_cost.et == "ext_grid"]
    net.poly_cost = net.poly_cost.drop(cost.index)
    limits = {
        name: float(net.ext_grid[name].iloc[0])
        for name in ("min_p_mw", "max_p_mw", "min_q_mvar", "max_q_mvar")
    }
    unit = pp.create_gen(net, 0, 50.0, slack=True, controllable=True, **limits)
    pp.create_poly_cost(
        net,
        unit,
        "gen",
        *cost[["cp1_eur_per_mw"]].iloc[0],
        cp0_eur=cost.cp0_eur.iloc[0],
        cp2_eur_per_mw2=cost.cp2_eur_per_mw2.iloc[0],
    )
    net.ext_grid = net.ext_grid.drop(net.ext_grid.index)
    result = solve_opf(read(net, tmp_path))
    assert result.objective == pytest.approx(5296.69, abs=0.01)
    assert result.replay_max_dv_pu < 1e-8


@pytest.mark.parametrize(
    ("table", "column", "value", "told"),
    [
        ("load", "p_mw", "much", "load 0: p_mw is `much`, which is not a number"),
        ("line", "from_bus", 99, "line 0: from_bus 99 is not in the table of buses"),
    ],
)
def test_tables_that_cannot_be_right_are_refused(
    tmp_path: Path, table: str, column: str, value: object, told: str
) -> None:
    path = tmp_path / "net.json"
    pp.to_json(three_levels(), str(path))
    raw = json.loads(path.read_text(encoding="utf-8"))
    content = json.loads(raw["_object"][table]["_object"])
    content["data"][0][content["columns"].index(column)] = value
    raw["_object"][table]["_object"] = json.dumps(content)
    path.write_text(json.dumps(raw), encoding="utf-8")
    with pytest.raises(InputError, match=told):
        read_pandapower(path)
