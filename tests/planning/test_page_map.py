"""The map of a feeder: where things stand, and what its branches carry."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from results import make_result

from cmgplan.network.feeder import build_feeder
from cmgplan.network.powerflow import power_flow
from cmgplan.planning.case import load_case
from cmgplan.planning.report.branch_flow import branch_flow_kw
from cmgplan.planning.report.figures import feeder_view
from cmgplan.planning.report.figures.feeder_map import connected
from cmgplan.planning.report.figures.layout import label_sides, map_layout
from cmgplan.planning.report.topology import Branch, FeederView


def tree(edges: list[tuple[str, str]], microgrids: dict[str, str]) -> FeederView:
    buses = tuple(dict.fromkeys(bus for edge in edges for bus in edge))
    return FeederView(
        buses=buses,
        slack=edges[0][0],
        vn_kv=15.0,
        v_limits_pu=dict.fromkeys(buses, (0.9, 1.1)),
        branches=tuple(Branch(f"L{a}-{b}", a, b, 1.0, 1.0, 0.0, 100.0) for a, b in edges),
        microgrid_bus=microgrids,
        cluster_of=dict.fromkeys(microgrids, "C"),
        ties={},
        energy_kwh={},
    )


@pytest.mark.parametrize("seed", range(8))
def test_lines_of_a_radial_map_do_not_cross(seed: int) -> None:
    rng = np.random.default_rng(seed)
    edges = [(str(rng.integers(max(0, k - 6), k)), str(k)) for k in range(1, 60)]
    hosts = rng.choice(60, 8, replace=False)
    view = tree(edges, {f"MG{k}": str(bus) for k, bus in enumerate(hosts)})
    layout = map_layout(view)
    places = [*layout.buses.values(), *layout.microgrids.values()]
    assert len(set(places)) == 68
    drawn = [(layout.buses[a], layout.buses[b]) for a, b in edges]
    drawn += [(layout.buses[bus], layout.microgrids[mg]) for mg, bus in view.microgrid_bus.items()]
    for k, first in enumerate(drawn):
        assert not [second for second in drawn[:k] if crosses(first, second)]
    assert map_layout(view) == layout


def crosses(first: Any, second: Any) -> bool:
    """Return whether two lines meet other than at an end that they share."""
    (a, b), (c, d) = first, second
    if {a, b} & {c, d}:
        return False

    def side(p: Any, q: Any, r: Any) -> float:
        return float((q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]))

    if side(a, b, c) == side(a, b, d) == 0.0:
        return max(min(a, b), min(c, d)) < min(max(a, b), max(c, d))
    return side(a, b, c) * side(a, b, d) <= 0.0 and side(c, d, a) * side(c, d, b) <= 0.0


def test_a_long_feeder_is_laid_out() -> None:
    edges = [(str(k), str(k + 1)) for k in range(3000)]
    layout = map_layout(tree(edges, {"MG": "3000"}))
    assert layout.buses["3000"] == (3000.0, 0.0)
    assert layout.microgrids["MG"][1] != 0.0


def test_a_bus_cut_off_has_no_place() -> None:
    view = tree([("1", "2"), ("2", "3")], {"MG": "9"})
    cut = replace(view, buses=(*view.buses, "9"), v_limits_pu={**view.v_limits_pu, "9": (0.9, 1.1)})
    layout = map_layout(cut)
    assert set(layout.buses) == {"1", "2", "3"}
    assert layout.microgrids == {}
    assert not cut.is_radial


def test_a_label_stands_where_nothing_else_does() -> None:
    """The bus has a neighbour above the microgrid on one side, so its label goes elsewhere."""
    view = tree([("1", "2"), ("2", "3")], {"A": "2", "B": "2"})
    layout = map_layout(view)
    assert len(label_sides(layout)) == 2
    crowded = replace(layout, buses={**layout.buses, "x": (layout.microgrids["A"][0], 2.0)})
    assert label_sides(crowded)[0] != "top center"
    assert label_sides(layout)[0] == "top center"


@pytest.mark.parametrize("b_us", [0.0, 400.0])
def test_branch_flow_is_that_of_the_power_flow(tmp_path: Path, b_us: float) -> None:
    """What leaves the slack on its two branches is what the power flow draws there."""
    case = make_result(tmp_path / "case").case
    ends = [("1", "2"), ("2", "3"), ("4", "2"), ("1", "5"), ("6", "5")]
    buses = "".join(f"{k},0,0,15\n" for k in range(1, 7))
    lines = "".join(f"L{a}{b},{a},{b},4.5,2.25,{b_us},\n" for a, b in ends)
    (tmp_path / "case" / "buses.csv").write_text(f"bus,p_kw,q_kvar,vn_kv\n{buses}")
    (tmp_path / "case" / "lines.csv").write_text(
        f"line,from_bus,to_bus,r_ohm,x_ohm,b_us,rating_kva\n{lines}"
    )
    case = load_case(case.folder)
    feeder = build_feeder(case)
    rng = np.random.default_rng(1)
    p, q = rng.uniform(-300.0, 200.0, (2, 2, 6))
    p[:, 0] = q[:, 0] = 0.0
    flow = power_flow(feeder, p, q)
    rows = [
        ("upper", t, bus, p[t, k], q[t, k], flow.v_pu[t, k])
        for t in range(2)
        for k, bus in enumerate(feeder.bus_ids)
    ]
    table = pd.DataFrame(rows, columns=["level", "hour", "bus", "p_kw", "q_kvar", "v_pu"])
    tables = {
        "nodal_injection": table,
        "bus_voltage": table,
        "upstream": pd.DataFrame({"hour": [0, 1]}),
    }
    found = branch_flow_kw(tables, feeder_view(case))
    assert found is not None
    np.testing.assert_allclose(found[:, 0] + found[:, 3], flow.slack_p_kw, atol=1e-6)
    # L42 is measured at bus 4, which it leaves with all that is injected there.
    np.testing.assert_allclose(found[:, 2], p[:, 3], atol=1e-6)
    loops = replace(
        feeder_view(case), branches=(*feeder_view(case).branches, Branch("x", "3", "4", 1, 1, 0, 1))
    )
    assert branch_flow_kw(tables, loops) is None


@pytest.mark.parametrize(
    ("closed", "told"),
    [
        ([0, 0, 0], "no microgrid is connected to the feeder in any hour"),
        ([0, 1, 0], "at most 1 is connected at once (hour 1)"),
        ([0, 1, 2], "at most 2 are connected at once (hour 2)"),
    ],
)
def test_the_sentence_of_the_map_counts_connected_microgrids(closed: list[int], told: str) -> None:
    assert connected(pd.Series(closed)) == told
