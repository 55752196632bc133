"""Prices by the level method: near to a centre, and promising what they are to promise."""

from __future__ import annotations

import numpy as np
import pytest
from test_hull import Hourly, solved

from cmgplan.arrays import FloatArray
from cmgplan.solve.blocks.level_method import level_multipliers
from cmgplan.solve.blocks.problem import Pattern
from cmgplan.solve.blocks.tuning import TUNING

TANGENT_USD = 1e-2
"""What tangents leave between a copy and the linear problem of its block."""

FINE = 1e-8


def promised(hourly: Hourly, mix: list[list[Pattern]], prices: FloatArray) -> float:
    """Return what the hull of a mix promises at prices, from one linear program per pattern."""
    blocks, question = hourly.blocks, hourly.question
    constant, reduced = blocks.relaxed(*question.vectors, prices)
    least = [np.inf] * blocks.n_blocks
    for block, patterns in enumerate(mix):
        columns = blocks.binaries_of(block)
        for pattern in patterns:
            lower, upper = question.lower.copy(), question.upper.copy()
            lower[columns] = upper[columns] = pattern
            for _ in range(12):
                answer = blocks.solve_block(
                    block, reduced, lower, upper, gap_abs=FINE, time_limit_s=10.0
                )
                if answer.x is None or not hourly.problem.resolve_at(
                    blocks.whole(block, answer.x), FINE, FINE
                ):
                    break
                blocks.refresh()
            least[block] = min(least[block], answer.bound)
    return constant + sum(least)


@pytest.mark.parametrize("seed", range(4))
def test_prices_promise_the_level_and_are_nearest(seed: int) -> None:
    hourly = Hourly(seed)
    hours = range(hourly.blocks.n_blocks)
    mix = [[hourly.all_connected(t), hourly.pattern(t, 0)] for t in hours]
    hull = solved(hourly, mix, hourly.question)
    assert promised(hourly, mix, hull.multipliers) == pytest.approx(hull.value, abs=TANGENT_USD)

    m = hourly.model
    goals = hourly.blocks.coupling().matrix[
        :, [hourly.problem.column(f) for f in (m.f1, m.f2, m.f3)]
    ]
    defines = np.asarray(abs(goals).sum(axis=1)).ravel() > 0.0
    centre = np.where(defines, hull.multipliers, 0.3 * hull.multipliers)
    below = promised(hourly, mix, centre)
    assert below < hull.value - 1.0  # else there is nothing to be gone
    size = np.maximum(np.abs(hull.multipliers), np.abs(centre))
    spread = np.maximum(size, TUNING.master.least_spread * size.mean())
    gone = [0.0]
    for share in (0.25, 0.5, 0.9):
        level = below + share * (hull.value - below)
        prices = level_multipliers(hourly.blocks, hourly.question, mix, hull, centre, level)
        assert prices is not None
        assert promised(hourly, mix, prices) == pytest.approx(level, abs=TANGENT_USD)
        gone.append(float(np.linalg.norm((prices - centre) / spread)))
        # Promises are concave: on the way to the hull's prices this far at most is needed.
        assert gone[-1] <= share * np.linalg.norm((hull.multipliers - centre) / spread) + 1e-3
    assert gone == sorted(gone)


def test_a_centre_that_promises_enough_is_asked_itself() -> None:
    hourly = Hourly(1)
    mix = [[hourly.all_connected(t)] for t in range(hourly.blocks.n_blocks)]
    hull = solved(hourly, mix, hourly.question)
    prices = level_multipliers(
        hourly.blocks, hourly.question, mix, hull, hull.multipliers, hull.value - 5.0
    )
    np.testing.assert_allclose(prices, hull.multipliers, atol=1e-4)
