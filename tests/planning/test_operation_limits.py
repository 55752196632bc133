"""Schedules that keep to limits of switch operations, against all positions by brute force."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from enumeration import optimum
from generated import generated_case
from plans import EVERY_KIND, quick, score
from pyomo.environ import ComponentMap
from test_front_proofs import GAP_USD, LOCAL_USD, instance
from tuned import tune

from cmgplan.arrays import BoolArray, FloatArray
from cmgplan.network.feeder import build_feeder
from cmgplan.planning.levels.level4 import GridConnection
from cmgplan.planning.model.grid_models import convex_model, linear_problem
from cmgplan.planning.model.switches import (
    Switch,
    SwitchHours,
    all_switches,
    allow,
    is_forest,
    operations,
)
from cmgplan.planning.model.trajectories import trajectories, trajectory
from cmgplan.planning.switch_search.blocks_of_hours import block_of_columns, single_hours
from cmgplan.planning.switch_search.bounding import BlockBounding
from cmgplan.planning.switch_search.topologies import HourlyGrid, Topologies
from cmgplan.planning.switch_search.tuning import TUNING
from cmgplan.solve.blocks.hull import Hull, Question, solve_hull
from cmgplan.solve.blocks.problem import BlockAnswer, BlockProblem, Pattern
from cmgplan.solve.blocks.proven import ProvenRows

OPERATION, MISSED = 0.3, 1.0

HULL_USD = 1e-4
"""By which two hulls of the same optimum may differ."""


def every_position(hours: int) -> list[BoolArray]:
    return [np.array(bits) for bits in itertools.product([False, True], repeat=hours)]


def weighed(
    switch: Switch, wanted: BoolArray | FloatArray, closed: BoolArray, idle: float
) -> float:
    missed = MISSED * float(np.sum(np.where(closed, 0.0, wanted)))
    return (
        missed + idle * float(np.sum(1.0 - wanted[closed])) + OPERATION * operations(switch, closed)
    )


# One switch, all switches


@pytest.mark.parametrize("seed", range(40))
def test_no_positions_weigh_less_than_the_trajectory(seed: int) -> None:
    rng = np.random.default_rng(seed)
    switch = Switch("S", "grid", "MG1", "2", bool(rng.integers(2)))
    wanted, may = rng.random(8), rng.random(8) < 0.8
    if seed % 2:
        wanted = np.round(wanted)
    limit, idle = [None, 1, 2, 3][seed % 4], [0.0, 0.6][seed // 4 % 2]
    found = trajectory(
        switch,
        wanted,
        may,
        limit=limit,
        operation_price=OPERATION,
        missed_price=MISSED,
        idle_price=idle,
    )
    others = [
        weighed(switch, wanted, closed, idle)
        for closed in every_position(8)
        if not np.any(closed & ~may) and (limit is None or operations(switch, closed) <= limit)
    ]
    assert not np.any(found & ~may)
    assert limit is None or operations(switch, found) <= limit
    assert weighed(switch, wanted, found, idle) == pytest.approx(min(others))


@pytest.mark.parametrize("seed", range(10))
def test_trajectories_of_all_switches_are_forests_within_limit_and_mask(seed: int) -> None:
    case = generated_case(seed, microgrids=5, hours=8)
    rng = np.random.default_rng(seed)
    switches = all_switches(case)
    mask = {s.id: rng.random(8) < 0.8 for s in switches}
    wanted = forests(switches, mask, rng)
    found = trajectories(
        switches,
        wanted,
        mask,
        radial=True,
        limit=3,
        operation_price=0.01,
        missed_price=MISSED,
    )
    assert found is not None
    assert sum(int(np.sum(wanted[s] & found[s])) for s in wanted) > 0
    for switch in switches:
        assert operations(switch, found[switch.id]) <= 3
        assert not np.any(found[switch.id] & ~mask[switch.id])
    assert all(is_forest(switches, found, t) for t in range(8))


def forests(
    switches: Sequence[Switch], mask: SwitchHours, rng: np.random.Generator
) -> dict[str, BoolArray]:
    """Return a random forest within the mask for each hour."""
    hours = len(next(iter(mask.values())))
    found = {s.id: np.zeros(hours, dtype=bool) for s in switches}
    for t in range(hours):
        for k in rng.permutation(len(switches))[: len(switches) // 2]:
            found[switches[k].id][t] = mask[switches[k].id][t]
            if not is_forest(switches, found, t):
                found[switches[k].id][t] = False
    return found


# The hull, in which switches may stay closed without being used


@pytest.mark.parametrize("seed", range(6))
def test_a_topology_stands_for_all_that_close_more(seed: int) -> None:
    case = generated_case(seed, microgrids=4, hours=4)
    options = quick(case, operation_cost_usd=OPERATION)
    convex = convex_model(case, options, build_feeder(case), allow(case, EVERY_KIND))
    m, problem = convex.model, linear_problem(convex)
    hours = single_hours(4)
    blocks = BlockProblem(problem, block_of_columns(problem, hours))
    blocks.refresh()
    blocks.spare[[problem.column(v) for v in m.closed.values()]] = True
    pool = Topologies(HourlyGrid(case, options, m, problem, blocks, hours))
    idle, hour = case.microgrids[0], 1
    bounds = ComponentMap([(v[idle.id, hour], (0.0, 0.0)) for v in (m.p_pcc, m.q_pcc)])
    question = Question(*problem.vectors([(m.f1, 1.0)], bounds))

    def value(closed: SwitchHours, *, spare: bool) -> float:
        mix: list[list[Pattern | None]] = []
        for t in range(4):
            held = {s.id: closed.get(s.id, np.zeros(4, dtype=bool)) for s in all_switches(case)}
            mix.append([pool.with_held(t, (0,) * len(blocks.binaries_of(t)), held)])
        found = solve_hull(blocks, question, mix, spare=spare)
        assert isinstance(found, Hull)
        return found.value

    always = {mg.pcc.id: np.ones(4, dtype=bool) for mg in case.microgrids}
    opened = {**always, idle.pcc.id: np.arange(4) != hour}
    assert value(opened, spare=False) == pytest.approx(
        value(always, spare=False) + 2 * OPERATION, abs=HULL_USD
    )
    assert value(opened, spare=True) == pytest.approx(value(always, spare=True), abs=HULL_USD)
    assert value(always, spare=True) <= value(always, spare=False) + HULL_USD


# The search by blocks of hours, without the whole problem's help


@pytest.mark.parametrize("most", [20, 140])
@pytest.mark.parametrize("seed", [1, 2, 5, 7, 8, 11, 13, 14])
def test_search_by_hours_finds_schedules_within_the_limit(
    seed: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    tune(monkeypatch, "effort", few_binaries=0, hourly_rounds=1)
    tune(monkeypatch, "effort", block_binaries=most)
    given = instance(seed)
    limit = given.options.operation_limit
    assert limit is not None
    connection = GridConnection(given.case, given.options, build_feeder(given.case), given.mask)
    answer = connection.minimise(given.weights, {}, label="asked", gap_abs=GAP_USD)
    best = optimum(connection, given.schedules, given.weights, {})
    assert best is not None
    assert answer.operation is not None, answer.reason
    assert answer.bound is not None
    for switch in all_switches(given.case):
        assert operations(switch, answer.operation.closed[switch.id]) <= limit
    least, value = score(given.weights, best), score(given.weights, answer.operation)
    assert answer.bound <= least + LOCAL_USD
    assert least - LOCAL_USD <= value <= least + max(0.5, 0.02 * abs(least))


@pytest.mark.parametrize("seed", [1, 2, 5, 8, 13, 14])
def test_caps_that_an_earlier_answer_just_meets(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    tune(monkeypatch, "effort", few_binaries=0)
    given = instance(seed)
    connection = GridConnection(given.case, given.options, build_feeder(given.case), given.mask)
    end = connection.minimise({"gc_usd": 1.0, "loss_kwh": 1.0}, {}, label="end", gap_abs=GAP_USD)
    assert end.operation is not None, end.reason
    caps = {name: end.operation.value(name) + 1e-5 for name in ("gc_usd", "loss_kwh")}
    answer = connection.minimise(given.weights, caps, label="asked", gap_abs=GAP_USD)
    assert answer.operation is not None, answer.reason
    assert answer.bound is not None
    assert all(answer.operation.value(name) <= cap + 1e-5 for name, cap in caps.items())
    best = optimum(connection, given.schedules, given.weights, caps)
    known, value = score(given.weights, end.operation), score(given.weights, answer.operation)
    least = known if best is None else min(known, score(given.weights, best))
    assert answer.bound <= least + LOCAL_USD
    assert least - LOCAL_USD <= value <= known + LOCAL_USD


def test_a_bound_above_what_the_hull_reaches_is_no_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the solver of the hours were wrong: what it states is left aside."""
    tune(monkeypatch, "effort", few_binaries=0)
    right = BlockProblem.solve_block

    def wrong(self: BlockProblem, block: int, *given: Any, **how: Any) -> BlockAnswer:
        return replace(right(self, block, *given, **how), bound=1e4)

    learnt: list[float] = []
    monkeypatch.setattr(BlockProblem, "solve_block", wrong)
    monkeypatch.setattr(ProvenRows, "learn", lambda *_: learnt.append(1e4))
    given = instance(2)  # limits, no costs
    connection = GridConnection(given.case, given.options, build_feeder(given.case), given.mask)
    answer = connection.minimise(given.weights, {}, label="asked", gap_abs=GAP_USD)
    assert answer.operation is not None, answer.reason
    assert answer.bound is None
    assert not learnt


@pytest.mark.parametrize("seed", [2, 8, 14])
def test_hours_whose_topologies_all_fail_are_asked_anew(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where tangents are loose: what an hour answers first has no operation under its cones."""
    tune(monkeypatch, "effort", few_binaries=0)
    learn, open_all = BlockBounding._learn, [True]

    def forgetful(self: BlockBounding, *given: Any) -> None:
        if not open_all:
            learn(self, *given)
        open_all.clear()

    def nothing_closed(self: Topologies, hour: int, values: FloatArray, **_: Any) -> None:
        self.learn(hour, (0,) * len(values))

    monkeypatch.setattr(BlockBounding, "_learn", forgetful)
    monkeypatch.setattr(Topologies, "learn_relaxed", nothing_closed)
    given = instance(seed)
    connection = GridConnection(given.case, given.options, build_feeder(given.case), given.mask)
    answer = connection.minimise(given.weights, {}, label="asked", gap_abs=GAP_USD)
    assert answer.operation is not None, answer.reason
    assert not open_all


@pytest.mark.parametrize("seed", [2, 4])
def test_the_search_goes_on_while_hours_are_cut_short(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where trees are large: few nodes leave much open, and the next round takes more."""
    tune(monkeypatch, "effort", few_binaries=0)
    tune(monkeypatch, "bounding", nodes_near=TUNING.bounding.nodes)
    right, taken = BlockProblem.solve_block, []

    def large(self: BlockProblem, block: int, *given: Any, nodes: int, **how: Any) -> BlockAnswer:
        answer = right(self, block, *given, nodes=nodes, **how)
        taken.append(nodes)
        if nodes >= TUNING.bounding.nodes * TUNING.bounding.more_nodes**4:
            return answer
        return replace(answer, bound=answer.bound - 10.0, cut_short=True)

    monkeypatch.setattr(BlockProblem, "solve_block", large)
    monkeypatch.setattr(BlockBounding, "combine", lambda *_: None)  # proves it here without trees
    given = instance(seed)
    connection = GridConnection(given.case, given.options, build_feeder(given.case), given.mask)
    answer = connection.minimise(given.weights, {}, label="asked", gap_abs=GAP_USD)
    assert answer.operation is not None, answer.reason
    assert answer.bound is not None
    assert score(given.weights, answer.operation) - answer.bound <= 1.0
    assert min(taken) == TUNING.bounding.nodes
    assert max(taken) >= TUNING.bounding.nodes * TUNING.bounding.more_nodes**4
