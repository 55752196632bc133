"""Losses that know of their switch: the same at every schedule, tighter between them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyomo.environ as pyo
import pytest
from generated import generated_case
from networkx.utils import UnionFind

from cmgplan.network.feeder import build_feeder
from cmgplan.planning.case.records import Case
from cmgplan.planning.model.grid_models import ConvexModel, convex_model
from cmgplan.planning.model.schedule import VariableBounds
from cmgplan.planning.model.switches import all_switches, allow
from cmgplan.solve import LinearProblem, Stop
from cmgplan.solve.linear import Weights

EVERY_KIND = ("microgrid", "cluster", "grid")
SAME_USD = 2e-3
SCHEDULES = 6


def plain(convex: ConvexModel) -> ConvexModel:
    """Return the model whose losses know nothing of switches."""
    cones = [replace(c, v=None) if c.switched else c for c in convex.cones if not c.implied]
    return replace(convex, cones=cones)


def problem_of(convex: ConvexModel) -> LinearProblem:
    return LinearProblem(
        convex.model, convex.cones, convex.disks, cone_tolerance=1e-7, disk_tolerance=1e-5
    )


def models(seed: int) -> tuple[Case, Any, LinearProblem, LinearProblem, Weights]:
    """Return a small case, its model with losses that know of switches and without, a goal."""
    case = generated_case(seed, microgrids=4, hours=2)
    convex = convex_model(case, case.options, build_feeder(case), allow(case, EVERY_KIND))
    m = convex.model
    assert any(c.implied for c in convex.cones)
    weights = [(m.f1, 1.0), (m.f2, 0.1), (m.f3, 50.0)]
    return case, m, problem_of(convex), problem_of(plain(convex)), weights


@pytest.mark.parametrize("seed", range(4))
def test_the_same_at_every_schedule(seed: int) -> None:
    case, m, aware, unaware, weights = models(seed)
    rng, compared = np.random.default_rng(seed), 0
    for _ in range(SCHEDULES):
        held: VariableBounds = pyo.ComponentMap()
        for t in m.T:
            joined = UnionFind()
            for switch in rng.permutation(np.asarray(all_switches(case), dtype=object)):
                closed = float(joined[switch.ends[0]] != joined[switch.ends[1]])
                held[m.closed[switch.id, t]] = (closed, closed)
                joined.union(*switch.ends)
        one, other = aware.solve_tight(weights, held), unaware.solve_tight(weights, held)
        assert one.stop is other.stop
        if one.stop is Stop.OPTIMAL:
            compared += 1
            assert one.value == pytest.approx(other.value, abs=SAME_USD)
    assert compared > 0


def test_tighter_between_schedules() -> None:
    gained = []
    for seed in range(4):
        _, _, aware, unaware, weights = models(seed)
        tight = aware.solve_tight(weights, relax=True)
        loose = unaware.solve_tight(weights, relax=True)
        assert tight.bound is not None
        assert loose.bound is not None
        gained.append(tight.bound - loose.bound)
    assert min(gained) >= -SAME_USD
    assert max(gained) > 20.0 * SAME_USD
