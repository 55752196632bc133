"""Every network that pandapower ships, by both routes: a confirmed answer or an explanation."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import pandapower as pp
import pandapower.networks
import pytest
from matpower_text import of_net

from cmgplan.network.files.networks import Missing
from cmgplan.network.opf.problem import solve_opf
from cmgplan.network.opf.result import OpfResult
from cmgplan.planning.case.network import read_network

SOLVED = (
    *("case5", "case6ww", "case9", "case14", "case24_ieee_rts", "case30", "case_ieee30"),
    *("case33bw", "case39", "case118", "iceland", "GBreducednetwork"),
)
"""Test cases with costs and limits that have an operation."""

EXPLAINED = {
    "case4gs": "active output",  # its first generator's limit is zero
    "case57": "voltage",  # runs at 0.72 pu by pandapower's own power flow, 0.94 is asked for
    "case_illinois200": "reactive output",
    "case300": "voltage",
}
"""Test cases that have none as pandapower holds them, and what the explanation names."""

LACKING = (
    *("example_simple", "example_multivoltage", "simple_four_bus_system"),
    *("simple_mv_open_ring_net", "panda_four_load_branch", "four_loads_with_branches_out"),
    *("mv_oberrhein", "create_cigre_network_hv", "create_cigre_network_mv"),
    *("create_cigre_network_lv", "create_kerber_dorfnetz"),
)
"""Networks without costs and limits, which the options give."""

STAND_INS = Missing(20.0, 1000.0, (0.9, 1.1))


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Keep pandapower from telling which figures its conversion fills in."""
    logging.getLogger("pandapower").setLevel(logging.CRITICAL)
    yield
    logging.getLogger("pandapower").setLevel(logging.NOTSET)


def answer(name: str, route: str, folder: Path, missing: Missing | None = None) -> OpfResult:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of networks that pandapower saved long ago
        net = getattr(pandapower.networks, name)()
    net = net[0] if isinstance(net, tuple) else net
    path = folder / f"net.{route}"
    if route == "json":
        pp.to_json(net, str(path))
    else:
        path.write_text(of_net(net), encoding="utf-8")
    given = read_network(path, missing)
    return solve_opf(given.grid, bound=True)


@pytest.mark.parametrize("route", ["json", "m"])
@pytest.mark.parametrize("name", SOLVED)
def test_cases_are_solved_and_confirmed(tmp_path: Path, name: str, route: str) -> None:
    result = answer(name, route, tmp_path)
    assert result.status == "locally optimal"
    assert result.replay_max_dv_pu < 1e-6
    assert result.bound is not None
    assert result.bound <= result.objective


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPLAINED)
def test_cases_without_an_operation_are_explained(tmp_path: Path, name: str) -> None:
    result = answer(name, "json", tmp_path, STAND_INS)
    assert result.status == "proven infeasible"
    assert EXPLAINED[name] in result.explanation[0]


@pytest.mark.parametrize("name", LACKING)
def test_networks_that_lack_figures_are_solved_with_options(tmp_path: Path, name: str) -> None:
    result = answer(name, "json", tmp_path, STAND_INS)
    assert result.status == "locally optimal"
    assert result.replay_max_dv_pu < 1e-6


@pytest.mark.parametrize(
    ("name", "objective", "binding"),
    [
        # MATPOWER's published optima.
        ("case14", 8081.53, ("bus 0: upper voltage limit", "bus 5: upper voltage limit")),
        ("case30", 576.89, ("branch line 9: rating",)),
        ("case39", 41864.18, ("generator gen 2: upper active limit",)),
    ],
)
def test_meshed_cases_reach_matpowers_optima(
    tmp_path: Path, name: str, objective: float, binding: tuple[str, ...]
) -> None:
    result = answer(name, "json", tmp_path)
    assert result.objective == pytest.approx(objective, abs=0.01)
    assert set(binding) <= set(result.binding)
