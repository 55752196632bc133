"""A tie that loses power is rated at both of its ends, at every level and by every method."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from plans import connect, quick

from cmgplan.arrays import FloatArray
from cmgplan.network.feeder import build_feeder
from cmgplan.planning.case import Case, load_case
from cmgplan.planning.levels.islanded import solve_levels_1_to_3
from cmgplan.planning.levels.level4 import GridAnswer
from cmgplan.planning.levels.upper import solve_upper
from cmgplan.planning.model.operation import Operation
from cmgplan.planning.model.switches import allow
from cmgplan.solve.cones import ConeSet, Disk, Placing, QuadraticCone
from cmgplan.units import tie_loss_per_kva2

FOLDER = Path(__file__).parents[1] / "data" / "cases" / "tie-limited-at-one-end"
RATING_KVA, HOUR = 80.0, 1
"""Of tie T23, and the hour in which all that it may bring to MG2 is wanted there."""

LOSS_PER_KVA2 = tie_loss_per_kva2(3.0, 12.66)
MOST_BACKWARDS_KW = (np.sqrt(1.0 + 4.0 * LOSS_PER_KVA2 * RATING_KVA) - 1.0) / 2.0 / LOSS_PER_KVA2
"""What arrives where the far end gives 80 kW: P + c P^2 = 80."""


@cache
def case() -> Case:
    return load_case(FOLDER)


def ends_kva(operation: Operation) -> tuple[FloatArray, FloatArray]:
    """Return the apparent power of T23 at its from and its to end, shape (T,)."""
    p, q = operation.p_tie_kw["T23"], operation.q_tie_kvar["T23"]
    return np.hypot(p, q), np.hypot(p - operation.tie_loss_kw["T23"], q)


WEIGHTS = {"ec_usd": 0.3, "gc_usd": 1.0, "loss_kwh": 0.5}


@cache
def answer(minlp: str) -> GridAnswer:
    """Return a method's answer where ties and PCCs alone may close: 9 binaries."""
    options = quick(case(), minlp=minlp, time_limit_s=20.0)
    connection = connect(case(), options, allow(case(), ("cluster", "grid")))
    return connection.minimise(WEIGHTS, {}, label=minlp, gap_abs=1e-2)


def operated(minlp: str) -> Operation:
    found = answer(minlp)
    assert found.operation is not None, found.reason
    return found.operation


def test_islanded_clusters_send_what_the_far_end_may_carry() -> None:
    """To the tangents' tolerance, 0.01 kVA."""
    level3 = solve_levels_1_to_3(case(), quick(case()))[-1]
    near, far = ends_kva(level3.operation)
    assert max(near.max(), far.max()) <= RATING_KVA + 1e-2
    assert far[HOUR] == pytest.approx(RATING_KVA, abs=1e-2)


@pytest.mark.parametrize("minlp", ["decomposition", "highs", "bonmin"])
def test_each_method_lets_the_far_end_carry_its_rating(minlp: str) -> None:
    operation, bound = operated(minlp), answer(minlp).bound
    near, far = ends_kva(operation)
    assert max(near.max(), far.max()) <= RATING_KVA + 1e-6
    assert far[HOUR] == pytest.approx(RATING_KVA, abs=1e-4)
    assert near[HOUR] == pytest.approx(MOST_BACKWARDS_KW, abs=1e-3)
    assert bound is not None
    value = sum(weight * operation.value(name) for name, weight in WEIGHTS.items())
    assert value - 2e-2 <= bound <= value + 1e-5


def test_the_upper_level_keeps_both_ends_within_the_rating() -> None:
    selected = operated("decomposition")
    upper = solve_upper(case(), quick(case()), build_feeder(case()), selected)
    near, far = ends_kva(upper.operation)
    assert far[HOUR] == pytest.approx(RATING_KVA, abs=1e-4)
    assert max(near.max(), far.max()) <= RATING_KVA + 1e-6


class Column:
    """A column by name alone."""


LEVEL, P, Q, CLOSED = (Column() for _ in range(4))
COLUMNS: Mapping[int, int] = {id(v): k for k, v in enumerate((LEVEL, P, Q, CLOSED))}


def tie() -> ConeSet:
    """Return the cone and both circles of a tie of 80 kVA with a switch."""
    cone = QuadraticCone(LEVEL, P, Q, LOSS_PER_KVA2, v=CLOSED, switched=True)
    disks = [Disk(P, Q, RATING_KVA, CLOSED), Disk(P, Q, RATING_KVA, CLOSED, less=LEVEL)]
    return ConeSet([cone], disks, dict(COLUMNS))


def states(count: int, within: float = 1.0) -> FloatArray:
    """Return random states of a closed tie whose loss is R I^2 and whose ends are in the rating."""
    rng = np.random.default_rng(3)
    p, q = rng.uniform(-RATING_KVA, RATING_KVA, (2, count))
    loss = LOSS_PER_KVA2 * (p**2 + q**2)
    most = np.maximum(np.hypot(p, q), np.hypot(p - loss, q))
    x = np.stack([loss, p, q, np.ones(count)], axis=1)
    return np.asarray(x[most <= within * RATING_KVA])


def test_tangents_cut_off_what_breaks_the_far_end_and_no_state_of_the_tie() -> None:
    cones = tie()
    broken = np.array([LOSS_PER_KVA2 * 80.0**2, -80.0, 0.0, 1.0])
    assert cones.violation(broken)[1] == pytest.approx([0.0, broken[0]])
    rows = cones.tangents(broken, 1e-6, 1e-3)
    assert rows.matrix.shape[0] == 1
    assert (rows.matrix @ broken - rows.upper)[0] == pytest.approx(broken[0])
    feasible = states(4000)
    assert np.all(rows.matrix @ feasible.T <= rows.upper[:, None] + 1e-9)
    assert np.all(cones.violation(np.array([0.0, 0.0, 0.0, 0.0]))[1] == 0.0)


def test_the_cone_of_the_far_end_is_its_circle_once_it_is_reached() -> None:
    """It takes no part before, so that problems that never come near it are as they were."""
    cones, one = tie(), np.array([0])
    place = Placing(np.arange(4), np.zeros(4), 4, 4)
    assert list(cones.second_order(one, np.arange(2), place).sizes) == [4, 3]
    cones.tangents(np.array([0.2, -80.0, 0.0, 1.0]), 1e-6, 1e-3)
    found = cones.second_order(one, np.arange(2), place)
    assert list(found.sizes) == [4, 3, 3]
    x = np.array([0.5, -40.0, 30.0, 1.0])
    assert (found.matrix @ x)[-3:] == pytest.approx([1.0, -40.5 / 80.0, 30.0 / 80.0])
