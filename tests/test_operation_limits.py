"""Schedules that keep to limits of switch operations, against all positions by brute force."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from enumeration import optimum
from generated import generated_case
from plans import EVERY_KIND, quick, score
from test_front_proofs import GAP_USD, LOCAL_USD, instance

from cmgplan.network.feeder import build_feeder
from cmgplan.planning import decomposition
from cmgplan.planning.level4 import GridConnection
from cmgplan.planning.projection import Projection, Wanted
from cmgplan.planning.switches import (
    BoolArray,
    Switch,
    SwitchHours,
    all_switches,
    allow,
    is_forest,
    operations,
)
from cmgplan.planning.trajectories import trajectories, trajectory

OPERATION, MISSED = 0.3, 1.0


def every_position(hours: int) -> list[BoolArray]:
    return [np.array(bits) for bits in itertools.product([False, True], repeat=hours)]


def weighed(switch: Switch, wanted: BoolArray, closed: BoolArray) -> float:
    return MISSED * int(np.sum(wanted & ~closed)) + OPERATION * operations(switch, closed)


# One switch, all switches


@pytest.mark.parametrize("seed", range(40))
def test_no_positions_weigh_less_than_the_trajectory(seed: int) -> None:
    rng = np.random.default_rng(seed)
    switch = Switch("S", "grid", "MG1", "2", bool(rng.integers(2)))
    wanted, may = rng.random(8) < 0.5, rng.random(8) < 0.8
    limit = [None, 1, 2, 3][seed % 4]
    found = trajectory(
        switch, wanted, may, limit=limit, operation_price=OPERATION, missed_price=MISSED
    )
    others = [
        weighed(switch, wanted, closed)
        for closed in every_position(8)
        if not np.any(closed & ~may) and (limit is None or operations(switch, closed) <= limit)
    ]
    assert not np.any(found & ~may)
    assert limit is None or operations(switch, found) <= limit
    assert weighed(switch, wanted, found) == pytest.approx(min(others))


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


# Topologies of all hours together


@pytest.mark.parametrize("seed", range(12))
def test_no_choice_weighs_less_than_the_projection(seed: int) -> None:
    case = generated_case(seed, microgrids=2 + seed % 2, hours=3)
    options = quick(
        case, operation_limit=[1, 2, None][seed % 3], operation_cost_usd=[0.0, 0.2][seed % 2]
    )
    if options.operation_limit is None and options.operation_cost_usd == 0.0:
        options = quick(case, operation_cost_usd=0.4)
    rng = np.random.default_rng(seed)
    switches = all_switches(case)
    mask = allow(case, EVERY_KIND)
    drawn = [forests(switches, mask, rng) for _ in range(2)]
    wanted = [
        [
            Wanted(frozenset(s for s in one if one[s][t]), float(rng.uniform(0.0, 1.0)))
            for one in drawn
        ]
        for t in range(3)
    ]
    found = Projection(case, options, mask).choose(
        wanted, operation_price=1.0, missed_price=MISSED, gap_abs=1e-6
    )
    assert found is not None

    def weight(closed: SwitchHours) -> float:
        total = sum(
            min(w.excess + MISSED * sum(not closed[s][t] for s in w.closed) for w in wanted[t])
            for t in range(3)
        )
        operated = sum(operations(s, closed[s.id]) for s in switches)
        return total + options.operation_cost_usd * operated

    def allowed(switch: Switch, closed: BoolArray) -> bool:
        limit = options.operation_limit
        return limit is None or operations(switch, closed) <= limit

    each = [[p for p in every_position(3) if allowed(s, p)] for s in switches]
    if np.prod([len(p) for p in each]) > 40_000:
        each = [[p for p in some if rng.random() < 0.45] or some[:1] for some in each]
    least = min(
        weight(closed)
        for positions in itertools.product(*each)
        for closed in [dict(zip((s.id for s in switches), positions, strict=True))]
        if not options.radial or all(is_forest(switches, closed, t) for t in range(3))
    )
    assert weight(found) <= least + 1e-6
    assert all(allowed(s, found[s.id]) for s in switches)
    assert all(is_forest(switches, found, t) for t in range(3)) or not options.radial


# The search by hours, without the whole problem's help


@pytest.mark.parametrize("seed", [1, 2, 5, 7, 8, 11, 13, 14])
def test_search_by_hours_finds_schedules_within_the_limit(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decomposition, "FEW_BINARIES", 0)
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
