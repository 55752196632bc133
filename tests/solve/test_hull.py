"""The hull of topologies: its optimum, its multipliers, and the copies that it keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from generated import generated_case

from cmgplan.network.feeder import build_feeder
from cmgplan.planning.model.grid_models import convex_model, linear_problem
from cmgplan.planning.model.switches import allow
from cmgplan.planning.switch_search.blocks_of_hours import block_of_columns, single_hours
from cmgplan.solve import LinearProblem
from cmgplan.solve.blocks.hull import Hull, Question, solve_hull
from cmgplan.solve.blocks.problem import BlockProblem, Pattern
from cmgplan.solve.blocks.tuning import TUNING

EVERY_KIND = ("microgrid", "cluster", "grid")

TANGENT_USD = 1e-2
"""What tangents leave between the hull and the linear problem."""


class Hourly:
    """The hours of a small generated case with a question, each time made anew."""

    def __init__(self, seed: int) -> None:
        case = generated_case(seed, microgrids=3, hours=3)
        convex = convex_model(case, case.options, build_feeder(case), allow(case, EVERY_KIND))
        self.problem: LinearProblem = linear_problem(convex)
        self.blocks = BlockProblem(self.problem, block_of_columns(self.problem, single_hours(3)))
        self.blocks.refresh()
        m = self.model = convex.model
        self.connected = {
            self.problem.column(m.closed[mg.pcc.id, t]) for mg in case.microgrids for t in m.T
        }
        self.weights = [(m.f1, 1.0), (m.f2, 0.1)]
        self.question = Question(*self.problem.vectors(self.weights))

    def pattern(self, hour: int, closed: int) -> Pattern:
        """Return the pattern with one switch closed."""
        count = len(self.blocks.binaries_of(hour))
        return tuple(int(k == closed) for k in range(count))

    def all_connected(self, hour: int) -> Pattern:
        """Return the pattern with every PCC closed and every tie open."""
        return tuple(int(c in self.connected) for c in self.blocks.binaries_of(hour))

    def mixes(self) -> list[list[list[Pattern | None]]]:
        hours = range(self.blocks.n_blocks)
        return [
            [[None] for _ in hours],
            [[None, self.pattern(t, 0), self.pattern(t, 1)] for t in hours],
            [[self.pattern(t, 1), None] for t in hours],
        ]


def solved(
    hourly: Hourly, mix: Sequence[Sequence[Pattern | None]], question: Question, **how: bool
) -> Hull:
    found = solve_hull(hourly.blocks, question, mix, **how)
    assert isinstance(found, Hull)
    return found


def assert_same(one: Hull, other: Hull) -> None:
    assert one.value == other.value
    assert one.weights == other.weights
    np.testing.assert_array_equal(one.multipliers, other.multipliers)
    np.testing.assert_array_equal(one.mean, other.mean)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("how", [{}, {"elastic": True}, {"spare": True}])
def test_kept_copies_give_the_hull_that_new_ones_give(seed: int, how: dict[str, bool]) -> None:
    kept = Hourly(seed)
    for mix in [*kept.mixes(), *reversed(kept.mixes())]:
        assert_same(
            solved(kept, mix, kept.question, **how), solved(Hourly(seed), mix, kept.question, **how)
        )


def test_copies_heed_bounds_rows_and_spare_binaries() -> None:
    kept, mix = Hourly(0), Hourly(0).mixes()[1]
    first = solved(kept, mix, kept.question, spare=True)

    near = np.isin(np.arange(kept.problem.n), kept.blocks.blocks[1].columns)
    low = np.where(near, np.maximum(kept.question.lower, first.mean - 1.0), kept.question.lower)
    high = np.where(near, np.minimum(kept.question.upper, first.mean + 1.0), kept.question.upper)
    tighter = Question(kept.question.cost, low, high)
    assert_same(solved(kept, mix, tighter, spare=True), solved(Hourly(0), mix, tighter, spare=True))

    fresh = Hourly(0)
    for hourly in (kept, fresh):
        hourly.blocks.spare[hourly.problem.integer] = True
    freed = solved(kept, mix, kept.question, spare=True)
    assert_same(freed, solved(fresh, mix, kept.question, spare=True))
    assert freed.value <= first.value + TANGENT_USD

    columns = [int(kept.blocks.blocks[hour].columns[0]) for hour in (0, 1)]
    for rows in ({columns[0]: 1.0}, {columns[0]: 1.0, columns[1]: 1.0}):
        middle = sum(first.mean[c] for c in rows)
        for hourly in (kept, fresh):
            hourly.problem.add_row(rows, middle - 1.0, middle + 1.0)
            hourly.blocks.refresh()
        assert_same(
            solved(kept, mix, kept.question, spare=True),
            solved(fresh, mix, kept.question, spare=True),
        )


def test_no_more_copies_are_kept_than_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    hourly = Hourly(0)
    one = replace(TUNING, master=replace(TUNING.master, copies_per_block=1))
    monkeypatch.setattr("cmgplan.solve.blocks.copies.TUNING", one)
    for mix in hourly.mixes():
        assert_same(solved(hourly, mix, hourly.question), solved(Hourly(0), mix, hourly.question))
        assert len(hourly.blocks.copies) <= hourly.blocks.n_blocks


@pytest.mark.parametrize("seed", range(4))
def test_one_pattern_in_each_hour_is_the_problem_with_binaries_held(seed: int) -> None:
    hourly = Hourly(seed)
    problem, blocks = hourly.problem, hourly.blocks
    patterns = [hourly.all_connected(hour) for hour in range(blocks.n_blocks)]
    lower, upper = hourly.question.lower.copy(), hourly.question.upper.copy()
    for hour, pattern in enumerate(patterns):
        lower[blocks.binaries_of(hour)] = upper[blocks.binaries_of(hour)] = pattern
    hull = solved(hourly, [[pattern] for pattern in patterns], hourly.question)
    problem.resolve_at(hull.mean, 1e-6, 1e-4)
    blocks.refresh()

    constant, reduced = blocks.relaxed(hourly.question.cost, lower, upper, hull.multipliers)
    priced = [
        blocks.solve_block(hour, reduced, lower, upper, gap_abs=1e-6, time_limit_s=30.0)
        for hour in range(blocks.n_blocks)
    ]
    bound = constant + sum(answer.bound for answer in priced)
    assert bound <= hull.value + TANGENT_USD
    assert bound == pytest.approx(hull.value, abs=5 * TANGENT_USD)
