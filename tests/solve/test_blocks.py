"""One block: cut short, tiny coefficients, and bounds that a known point contradicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pyomo.environ as pyo
import pytest
from test_solve import knapsack

from cmgplan.arrays import FloatArray
from cmgplan.solve import Disk, LinearProblem, QuadraticCone
from cmgplan.solve.blocks.hull import Question
from cmgplan.solve.blocks.problem import GLOBAL, BlockProblem
from cmgplan.solve.cones import NEAR_AXIS, TINY

RATING_KVA = 80.0
TOUCHED_KW = 1e-9
"""By which rounding may put a point of the set beyond its tangent."""


def flow_model() -> tuple[Any, LinearProblem]:
    """Return a flow within a rating, its loss as a cone, with and without a voltage."""
    m = pyo.ConcreteModel()
    m.p, m.q, m.loss, m.tie_loss = pyo.Var(), pyo.Var(), pyo.Var(), pyo.Var()
    m.w, m.closed = pyo.Var(bounds=(0.8, 1.2)), pyo.Var(domain=pyo.Binary)
    cones = [
        QuadraticCone(m.loss, m.p, m.q, 1e-3, v=m.w, scale=0.1),
        QuadraticCone(m.tie_loss, m.p, m.q, 4e-7),
    ]
    problem = LinearProblem(m, cones, [Disk(m.p, m.q, RATING_KVA, m.closed)])
    return m, problem


def point(problem: LinearProblem, m: Any, p: float, q: float, w: float) -> FloatArray:
    """Return the point of the set with the least losses of a flow."""
    square = p * p + q * q
    losses = [(m.loss, 1e-3 * square / w), (m.tie_loss, 4e-7 * square)]
    x = np.zeros(problem.n)
    for variable, value in [(m.p, p), (m.q, q), (m.w, w), (m.closed, 1.0), *losses]:
        x[problem.column(variable)] = value
    return x


def small(most: float) -> Sequence[float]:
    return [sign * 10.0**k for k in range(-14, int(np.log10(most)) + 1) for sign in (1.0, -1.0)]


def test_tangents_have_no_tiny_coefficients_and_contain_the_set() -> None:
    m, problem = flow_model()
    rng = np.random.default_rng(0)
    inside = []
    for _ in range(300):
        share, angle = RATING_KVA * np.sqrt(rng.random()), rng.uniform(0.0, 2.0 * np.pi)
        p, q = share * np.cos(angle), share * np.sin(angle)
        inside.append(point(problem, m, p, q, rng.uniform(0.8, 1.2)))
    for p in [*small(10.0), RATING_KVA]:
        for q in [0.0, *small(10.0), RATING_KVA]:
            problem.resolve_at(point(problem, m, p, q, 1.05), 0.0, RATING_KVA)
    assert len(problem.rows) > 100
    for rows in problem.rows:
        entries = np.abs(rows.matrix.data[rows.matrix.data != 0.0])
        assert entries.min(initial=1.0) >= min(TINY, NEAR_AXIS)
        for x in inside:
            value = rows.matrix @ x
            assert np.all(value >= rows.lower - TOUCHED_KW)
            assert np.all(value <= rows.upper + TOUCHED_KW)


def knapsack_block(seed: int, **size: int) -> tuple[BlockProblem, Question, float]:
    """Return a random knapsack as one block, its goal in the items, and its optimum."""
    m, least = knapsack(seed, **size)
    problem = LinearProblem(m)
    blocks = BlockProblem(problem, np.where(problem.integer, 0, GLOBAL))
    blocks.refresh()
    worth = problem.rows[0].matrix.toarray()[0]
    cost, lower, upper = problem.vectors([(m.goal, 1.0)])
    cost = np.where(problem.integer, -worth / worth[problem.column(m.goal)], 0.0)
    return blocks, Question(cost, lower, upper), least


def test_a_block_cut_short_still_encloses_its_optimum() -> None:
    cut_short = 0
    for seed in range(8):
        blocks, asked, least = knapsack_block(seed, items=16, rows=6)
        solve = partial(blocks.solve_block, 0, *asked.vectors, gap_abs=1e-6, time_limit_s=10.0)
        answer = solve(nodes=1)
        assert answer.bound <= least + 1e-6
        items = blocks.problem.integer
        assert answer.x is None or asked.cost[items] @ answer.x >= least - 1e-6
        cut_short += answer.cut_short
        whole = solve()
        assert not whole.cut_short
        assert whole.bound == pytest.approx(least, abs=1e-5)
    assert cut_short > 0


def test_points_found_on_the_way_are_noted_where_that_is_asked_for() -> None:
    noted = 0
    for seed in range(8):
        blocks, asked, _ = knapsack_block(seed, items=16, rows=6)
        blocks.notes_points = True
        answer = blocks.solve_block(0, *asked.vectors, gap_abs=1e-6, time_limit_s=10.0)
        assert answer.x is not None
        items = asked.cost[blocks.problem.integer]
        values = [float(items @ x) for x in (*answer.others, answer.x)]
        assert values == sorted(values, reverse=True)
        for x in answer.others:
            assert all(
                np.all(rows.matrix @ x <= rows.upper + 1e-6) for rows in blocks.blocks[0].rows
            )
        noted += len(answer.others)
        blocks, asked, _ = knapsack_block(seed, items=16, rows=6)
        assert not blocks.solve_block(0, *asked.vectors, gap_abs=1e-6, time_limit_s=10.0).others
    assert noted > 0


@pytest.mark.parametrize("wrong", [(), (1.0,), (1.0, 2.0), (1.0, None), (None, None)])
def test_a_bound_that_a_known_point_contradicts_is_asked_anew(
    wrong: Sequence[float | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bounds are stated too high by so much, or the solver fails: the lower of two counts."""
    blocks, question, least = knapsack_block(3)
    solve = partial(blocks.solve_block, 0, *question.vectors, gap_abs=1e-6, time_limit_s=10.0)
    best = solve().x
    assert best is not None
    right, starts = BlockProblem._run, []

    def stated(self: BlockProblem, *given: Any, start: FloatArray | None, **how: Any) -> Any:
        answer = right(self, *given, start=start, **how)
        assert answer is not None
        starts.append(start)
        more = wrong[len(starts) - 1] if len(starts) <= len(wrong) else 0.0
        return None if more is None else replace(answer, bound=answer.bound + more)

    monkeypatch.setattr(BlockProblem, "_run", stated)
    answer = solve(start=best)
    assert starts == [best, None][: 2 if wrong else 1]
    if None in wrong:
        assert (answer.bound, answer.x) == (-np.inf, None)
    else:
        too_high = min(wrong) if len(wrong) > 1 else 0.0
        assert answer.bound == pytest.approx(least + float(too_high or 0.0), abs=1e-5)
