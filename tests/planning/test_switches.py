"""Switches: masks, forests, operations, idle switches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
from factories import DELETE, EMISSIONS
from plans import EVERY_KIND, connect, quick, small

from cmgplan.planning.case import Case
from cmgplan.planning.case.records import PlanOptions
from cmgplan.planning.levels.islanded import LevelResult, first_mask, grid_mask, solve_islanded
from cmgplan.planning.model.switches import (
    FEEDER,
    Switch,
    SwitchHours,
    all_switches,
    allow,
    cycles_in,
    graph_of,
    is_forest,
    next_mask,
    operations,
    short_cycles,
)

ONE_HOUR = "hour,price_usd_per_mwh,feeder\n0,50,1\n"
FOUR_HOURS = "hour,price_usd_per_mwh,feeder,need\n0,50,1,1\n1,50,1,0\n2,50,1,1\n3,50,1,1\n"


def marks(*hours: int, count: int = 4) -> np.ndarray:
    return np.isin(np.arange(count), hours)


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return small(tmp_path)


def microgrid(name: str, load_kw: float, turbine_kw: float, profile: str | None = None) -> Any:
    """Return a microgrid with a load and a turbine, without reactive power."""
    load = {"id": "load", "p_kw": load_kw, **({"profile": profile} if profile else {})}
    turbine = {"id": "mt", "p_max_kw": turbine_kw, "emission_usd_per_mwh": EMISSIONS}
    return {
        "id": name,
        "bus": "2",
        "pcc": {"id": f"P{name}", "rating_kva": 500.0},
        "load": [load] if load_kw else [],
        "mt": [turbine] if turbine_kw else [],
    }


def tied(
    folder: Path,
    microgrids: Sequence[Any],
    ties: Sequence[tuple[str, str]],
    rating_kva: float = 40.0,
    profiles: str = ONE_HOUR,
    **more: object,
) -> Case:
    """Return a case of one cluster whose ties all have the same rating."""
    edits: dict[str, object] = {
        "time.hours": profiles.count("\n") - 1,
        "cluster": [{"id": "C", "microgrids": [mg["id"] for mg in microgrids]}],
        "microgrid": list(microgrids),
        "tie": [
            {
                "id": f"{a}-{b}",
                "kind": "microgrid",
                "from_microgrid": a,
                "to_microgrid": b,
                "rating_kva": rating_kva,
            }
            for a, b in ties
        ],
        "network.load_profile": DELETE,
    }
    buses = "bus,p_kw,q_kvar,vn_kv\n1,0,0,15\n2,200,80,15\n3,100,40,15\n"
    return small(folder, {**edits, **more}, buses=buses, profiles=profiles)


def triangle(folder: Path, **more: object) -> Case:
    """A needs 80 kW and C has it; the straight tie carries 40 kW, as does the way round by B."""
    needs = [microgrid("A", 80, 0), microgrid("B", 10, 10), microgrid("C", 0, 200)]
    return tied(folder, needs, [("A", "B"), ("B", "C"), ("A", "C")], **more)


def ring_of_five(folder: Path) -> Case:
    """A ring of A..E, with F beside it: a cycle longer than those excluded from the start."""
    others = [microgrid(name, 10, 10) for name in "BDE"]
    needs = [microgrid("A", 80, 0), *others, microgrid("C", 0, 200), microgrid("F", 5, 5)]
    ring = [("A", "B"), ("B", "C"), ("C", "D"), ("D", "E"), ("E", "A"), ("A", "F")]
    return tied(folder, needs, ring)


def unserved_kwh(result: LevelResult) -> float:
    return float(sum(u.sum() for u in result.shortage_kw.values()))


def assert_forest(case: Case, closed: SwitchHours) -> None:
    """Count components: a forest has nodes less edges of them."""
    for t in range(case.file.time.hours):
        graph = nx.MultiGraph()
        for switch in all_switches(case):
            graph.add_nodes_from(switch.ends)
            if closed[switch.id][t]:
                graph.add_edge(*switch.ends)
        nodes, edges = graph.number_of_nodes(), graph.number_of_edges()
        assert nx.number_connected_components(graph) == nodes - edges
        assert is_forest(all_switches(case), closed, t)


# Masks


def test_first_mask_opens_everything(case: Case) -> None:
    mask = first_mask(case, quick(case))
    assert set(mask) == {"T12", "T23", "PCC1", "PCC2", "PCC3"}
    assert not any(hours.any() for hours in mask.values())


def test_masks_follow_what_is_left_over(case: Case) -> None:
    nobody = marks()
    mask: Mapping[str, np.ndarray] = first_mask(case, quick(case))
    mask = next_mask(case, 1, mask, {"MG1": marks(1), "MG2": nobody, "MG3": marks(0, 3)})
    # T12 follows its own cluster; MG3 is alone in the other.
    assert mask["T12"].tolist() == marks(1).tolist()
    assert not mask["T23"].any()
    assert not mask["PCC3"].any()
    mask = next_mask(case, 2, mask, {"MG1": nobody, "MG2": nobody, "MG3": marks(3)})
    assert mask["T12"].tolist() == marks(1).tolist()
    assert mask["T23"].tolist() == marks(3).tolist()
    assert not mask["PCC1"].any()
    mask = next_mask(case, 3, mask, {"MG1": marks(2), "MG2": nobody, "MG3": nobody})
    assert mask["T12"].tolist() == marks(1).tolist()
    assert mask["T23"].tolist() == marks(3).tolist()
    for pcc in ("PCC1", "PCC2", "PCC3"):
        assert mask[pcc].tolist() == marks(2).tolist()


def test_neighbour_in_the_cluster_lets_a_tie_close(case: Case) -> None:
    left = {"MG1": marks(0), "MG2": marks(2), "MG3": marks()}
    assert next_mask(case, 1, allow(case, ()), left)["T12"].tolist() == marks(0, 2).tolist()


def test_allow_keeps_other_kinds(case: Case) -> None:
    before = {**allow(case, ()), "T12": marks(2)}
    mask = allow(case, ("cluster",), before)
    assert mask["T12"].tolist() == marks(2).tolist()
    assert mask["T23"].all()
    assert not mask["PCC1"].any()


@pytest.mark.parametrize("hierarchy", ["levels", "joint"])
def test_joint_hierarchy_drops_the_masks(case: Case, hierarchy: str) -> None:
    options = quick(case, hierarchy=hierarchy)
    level3 = solve_islanded(case, options, 3, allow(case, ("microgrid",)))
    mask = grid_mask(case, options, level3)
    everything = all(hours.all() for hours in mask.values())
    assert everything == (hierarchy == "joint")


# Graphs


def switches_between(*pairs: tuple[str, str]) -> tuple[Switch, ...]:
    return tuple(Switch(f"{a}{b}{k}", "microgrid", a, b, False) for k, (a, b) in enumerate(pairs))


def all_closed(switches: Sequence[Switch]) -> SwitchHours:
    return {s.id: np.array([True]) for s in switches}


def test_cycles_of_a_graph() -> None:
    square = switches_between(("a", "b"), ("b", "c"), ("c", "d"), ("d", "a"), ("e", "f"))
    graph = graph_of(square, all_closed(square), 0)
    assert cycles_in(graph) == [frozenset("abcd")]
    assert short_cycles(graph, 4) == [frozenset("abcd")]
    assert short_cycles(graph, 3) == []
    assert not is_forest(square, all_closed(square), 0)
    assert is_forest(square[1:], all_closed(square[1:]), 0)


def test_parallel_switches_are_a_cycle() -> None:
    parallel = switches_between(("a", "b"), ("b", "a"), ("b", "c"))
    graph = graph_of(parallel, all_closed(parallel), 0)
    assert cycles_in(graph) == [frozenset("ab")]
    assert short_cycles(graph, 2) == [frozenset("ab")]


def test_short_cycles_find_each_once() -> None:
    meshed = switches_between(("a", "b"), ("b", "c"), ("c", "a"), ("c", "d"), ("d", "a"))
    found = short_cycles(graph_of(meshed, all_closed(meshed), 0), 4)
    assert found == [frozenset("abc"), frozenset("acd"), frozenset("abcd")]


def test_pccs_meet_in_the_feeder(case: Case) -> None:
    closed = {**allow(case, ()), "PCC1": marks(0), "PCC2": marks(0, 1), "T12": marks(0, 1)}
    graph = graph_of(all_switches(case), closed, 0)
    assert cycles_in(graph) == [frozenset({"MG1", "MG2", FEEDER})]
    assert not is_forest(all_switches(case), closed, 0)
    assert is_forest(all_switches(case), closed, 1)


@pytest.mark.parametrize(
    ("initially", "closed", "count"),
    [
        (False, [0, 0, 0], 0),
        (True, [0, 0, 0], 1),
        (True, [1, 1, 1], 0),
        (False, [1, 0, 1], 3),
        (False, [0, 0, 1], 1),  # not opened again at the end: no wrap-around
    ],
)
def test_operations_count_from_the_initial_position(
    initially: bool, closed: list[int], count: int
) -> None:
    switch = Switch("s", "microgrid", "a", "b", initially)
    assert operations(switch, np.array(closed, dtype=bool)) == count


# Radiality in the levels


def test_triangle_stays_open_unless_loops_are_allowed(tmp_path: Path) -> None:
    case = triangle(tmp_path)
    radial = solve_islanded(case, quick(case), 2, allow(case, ("microgrid",)))
    assert unserved_kwh(radial) == pytest.approx(40.0, abs=0.05)
    assert_forest(case, radial.operation.closed)
    meshed = solve_islanded(case, quick(case, radial=False), 2, allow(case, ("microgrid",)))
    assert unserved_kwh(meshed) == pytest.approx(0.0, abs=0.05)
    assert not is_forest(all_switches(case), meshed.operation.closed, 0)


def test_long_cycles_are_cut_off_when_they_appear(tmp_path: Path) -> None:
    case = ring_of_five(tmp_path)
    radial = solve_islanded(case, quick(case), 2, allow(case, ("microgrid",)))
    assert unserved_kwh(radial) == pytest.approx(40.0, abs=0.05)
    assert_forest(case, radial.operation.closed)
    meshed = solve_islanded(case, quick(case, radial=False), 2, allow(case, ("microgrid",)))
    assert unserved_kwh(meshed) == pytest.approx(0.0, abs=0.05)


def test_level_4_proves_that_a_forest_does_not_suffice(tmp_path: Path) -> None:
    case = triangle(tmp_path)
    ties_only = allow(case, ("microgrid",))
    answer = connect(case, quick(case), ties_only).minimise({"gc_usd": 1.0}, {}, label="radial")
    assert answer.infeasible
    assert answer.operation is None
    meshed = connect(case, quick(case, radial=False), ties_only)
    operation = meshed.minimise({"gc_usd": 1.0}, {}, label="meshed").operation
    assert operation is not None
    assert not is_forest(all_switches(case), operation.closed, 0)
    assert operation.p_tie_kw["A-C"][0] == pytest.approx(-40.0, abs=1e-3)
    assert operation.p_tie_kw["A-B"][0] == pytest.approx(-40.0, abs=1e-3)


def test_level_4_closes_a_forest_with_the_feeder_as_one_node(tmp_path: Path) -> None:
    case = ring_of_five(tmp_path)
    connection = connect(case, quick(case), allow(case, EVERY_KIND))
    for goal in ("gc_usd", "ec_usd", "loss_kwh"):
        answer = connection.minimise({goal: 1.0}, {}, label=goal)
        assert answer.operation is not None
        assert_forest(case, answer.operation.closed)


# Operations and idle switches


def alternating(folder: Path, **more: object) -> Case:
    """A has no turbine and needs 30 kW in hours 0, 2 and 3; B has plenty."""
    needs = [microgrid("A", 30, 0, "need"), microgrid("B", 0, 100)]
    return tied(folder, needs, [("A", "B")], profiles=FOUR_HOURS, **more)


def tie_only(case: Case, options: PlanOptions) -> Any:
    connection = connect(case, options, allow(case, ("microgrid",)))
    return connection.minimise({"gc_usd": 1.0}, {}, label="tie")


def test_idle_tie_is_open_where_operations_are_free(tmp_path: Path) -> None:
    case = alternating(tmp_path)
    operation = tie_only(case, quick(case)).operation
    assert operation.closed["A-B"].tolist() == [True, False, True, True]
    result = solve_islanded(case, quick(case), 2, allow(case, ("microgrid",)))
    assert result.operation.closed["A-B"].tolist() == [True, False, True, True]


@pytest.mark.parametrize(("initially", "count"), [(False, 1), (True, 0)])
def test_operations_cost_and_count_from_the_initial_position(
    tmp_path: Path, initially: bool, count: int
) -> None:
    case = alternating(tmp_path, **{"tie.0.initially_closed": initially})
    free = tie_only(case, quick(case)).operation
    costly = tie_only(case, quick(case, operation_cost_usd=2.0)).operation
    # 3 h of 30 kW, load and turbine both at 50 $/MWh.
    assert free.gc_usd == pytest.approx(2 * 3 * 30 * 0.05, abs=1e-4)
    assert costly.gc_usd == pytest.approx(9.0 + 2.0 * count, abs=1e-4)
    tie = all_switches(case)[0]
    assert operations(tie, costly.closed["A-B"]) == count
    assert operations(tie, free.closed["A-B"]) == (3 if not initially else 2)


def test_operation_limit_holds(tmp_path: Path) -> None:
    case = alternating(tmp_path)
    tie = all_switches(case)[0]
    for limit in (1, 2):
        operation = tie_only(case, quick(case, operation_limit=limit)).operation
        assert operations(tie, operation.closed["A-B"]) <= limit
    assert tie_only(case, quick(case, operation_limit=0)).infeasible


def test_operations_cost_at_the_islanded_levels_too(tmp_path: Path) -> None:
    case = alternating(tmp_path)
    mask = allow(case, ("microgrid",))
    tie = all_switches(case)[0]
    costly = solve_islanded(case, quick(case, operation_cost_usd=2.0), 2, mask)
    assert costly.operation.gc_usd == pytest.approx(11.0, abs=1e-3)
    assert operations(tie, costly.operation.closed["A-B"]) == 1
    stuck = solve_islanded(case, quick(case, operation_limit=0), 2, mask)
    assert unserved_kwh(stuck) == pytest.approx(90.0, abs=1e-3)
    assert not stuck.operation.closed["A-B"].any()
