"""What all bounding rounds of the blocks prove together."""

from __future__ import annotations

import itertools
from typing import Any

import highspy
import numpy as np
import pyomo.environ as pyo
import pytest

from cmgplan.arrays import FloatArray
from cmgplan.solve import LinearProblem, highs
from cmgplan.solve.blocks.hull import Question
from cmgplan.solve.blocks.problem import GLOBAL, BlockProblem
from cmgplan.solve.blocks.proven import ProvenRows

BLOCKS, ITEMS = 3, 5


def coupled_knapsacks(seed: int) -> tuple[BlockProblem, Question, float]:
    """Return three knapsacks that share two budgets, and the least value by trial of all."""
    rng = np.random.default_rng(seed)
    m = pyo.ConcreteModel()
    m.take = pyo.Var(range(BLOCKS), range(ITEMS), domain=pyo.Binary)
    m.goal = pyo.Var()
    worth, weight, room = (rng.integers(3, 12, (BLOCKS, ITEMS)) for _ in range(3))
    budgets = rng.integers(2, 9, (2, BLOCKS, ITEMS))
    limits = [int(0.4 * budget.sum()) for budget in budgets]
    pairs = list(itertools.product(range(BLOCKS), range(ITEMS)))
    m.value = pyo.Constraint(expr=m.goal == -sum(int(worth[p]) * m.take[p] for p in pairs))
    m.budget = pyo.Constraint(
        range(2),
        rule=lambda m, i: sum(int(budgets[i][p]) * m.take[p] for p in pairs) <= limits[i],
    )
    sizes = [(table, 0.5 * table.sum(axis=1)) for table in (weight, room)]
    m.fits = pyo.Constraint(
        range(2),
        range(BLOCKS),
        rule=lambda m, i, k: (
            sum(int(sizes[i][0][k, j]) * m.take[k, j] for j in range(ITEMS)) <= sizes[i][1][k]
        ),
    )
    problem = LinearProblem(m)
    block_of = np.full(problem.n, GLOBAL)
    for k, j in pairs:
        block_of[problem.column(m.take[k, j])] = k
    blocks = BlockProblem(problem, block_of)
    blocks.refresh()
    kept = [
        [
            x
            for x in map(np.asarray, itertools.product((0, 1), repeat=ITEMS))
            if all(table[k] @ x <= size[k] for table, size in sizes)
        ]
        for k in range(BLOCKS)
    ]
    least = min(
        -float(sum(worth[k] @ x for k, x in enumerate(mix)))
        for mix in itertools.product(*kept)
        if all(
            sum(budget[k] @ x for k, x in enumerate(mix)) <= limit
            for budget, limit in zip(budgets, limits, strict=True)
        )
    )
    return blocks, Question(*problem.vectors([(m.goal, 1.0)])), least


def ask(
    blocks: BlockProblem, question: Question, rows: ProvenRows, multipliers: FloatArray
) -> float:
    """Return the Lagrangian bound, and put what the blocks prove into the rows."""
    constant, reduced = blocks.relaxed(*question.vectors, multipliers)
    answers = [
        blocks.solve_block(k, reduced, *question.vectors[1:], gap_abs=1e-7, time_limit_s=10.0)
        for k in range(BLOCKS)
    ]
    rows.learn(question, reduced, answers)
    return constant + sum(answer.bound for answer in answers)


@pytest.mark.parametrize("seed", range(8))
def test_all_prices_together_prove_more_than_each_and_no_more_than_is_true(seed: int) -> None:
    blocks, question, least = coupled_knapsacks(seed)
    rows, rng = ProvenRows(blocks), np.random.default_rng(seed)
    assert not rows.any
    relaxed = rows.proof(question, 10.0)
    assert relaxed is not None
    best, bounds = relaxed.bound, [relaxed.bound]
    multipliers = relaxed.multipliers
    for _ in range(6):
        best = max(best, ask(blocks, question, rows, multipliers))
        together = rows.proof(question, 10.0)
        assert together is not None
        assert together.bound >= max(best, bounds[-1]) - 1e-3
        assert together.bound <= least + 1e-6
        bounds.append(together.bound)
        multipliers = together.multipliers * rng.uniform(0.9, 1.1, len(multipliers))
    assert rows.any
    assert ask(blocks, question, rows, together.multipliers) >= together.bound - 1e-3
    assert bounds[-1] > bounds[0] + 1e-3, "the blocks prove more than the relaxation"


def test_rows_hold_for_other_caps_and_objectives_only_within_the_same_bounds() -> None:
    blocks, question, least = coupled_knapsacks(1)
    rows = ProvenRows(blocks)
    zero = np.zeros(len(blocks.coupling().lower))
    ask(blocks, question, rows, zero)
    cap = question.lower.copy()
    cap[blocks.linking] = least + 2.0
    capped = rows.proof(Question(question.cost, cap, question.upper), 10.0)
    assert capped is not None
    assert capped.bound >= least + 2.0 - 1e-6
    fewer = question.upper.copy()
    fewer[blocks.blocks[0].columns[0]] = 0.0
    with pytest.raises(ValueError, match="same bounds"):
        rows.proof(Question(question.cost, question.lower, fewer), 10.0)


def test_a_relaxation_that_fails_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks, question, least = coupled_knapsacks(2)
    rows = ProvenRows(blocks)
    right = highs.new_highs
    failing: list[str] = []

    def unsure(**how: Any) -> Any:
        """Return a HiGHS that ends without a status under some settings of presolve."""
        h = right(**how)
        status = h.getModelStatus

        def told() -> Any:
            _, presolve = h.getOptionValue("presolve")
            return highspy.HighsModelStatus.kUnknown if presolve in failing else status()

        h.getModelStatus = told
        return h

    monkeypatch.setattr(highs, "new_highs", unsure)
    plain = rows.proof(question, 10.0)
    failing.append("choose")
    again = rows.proof(question, 10.0)
    failing.append("off")
    failed = rows.proof(question, 10.0)
    assert plain is not None and again is not None and failed is not None
    assert again.bound == pytest.approx(plain.bound, abs=1e-6)
    assert plain.bound <= least + 1e-6
    assert failed.bound == -np.inf
