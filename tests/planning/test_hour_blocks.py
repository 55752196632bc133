"""Blocks of hours: where the horizon is cut, and what is proved by blocks of several hours."""

from __future__ import annotations

import itertools
from functools import partial

import numpy as np
import pytest
from enumeration import optimum
from generated import generated_case
from plans import EVERY_KIND, quick, score
from test_front_proofs import LOCAL_USD, instance
from tuned import tune

from cmgplan.network.feeder import build_feeder
from cmgplan.planning.levels.level4 import GridConnection
from cmgplan.planning.model.grid_models import convex_model, linear_problem
from cmgplan.planning.model.switches import allow
from cmgplan.planning.switch_search.blocks_of_hours import (
    block_of_columns,
    blocks_of_hours,
    single_hours,
)
from cmgplan.planning.switch_search.decomposition import DecompositionSearch
from cmgplan.planning.switch_search.partition import Partition
from cmgplan.planning.switch_search.state import SearchState
from cmgplan.solve.blocks.hull import Question
from cmgplan.solve.blocks.problem import GLOBAL

SOLVER_USD = 1e-4
"""Tolerance of a bound to which HiGHS closes every block."""


def positions(counts: list[int]) -> list[tuple[str, int]]:
    """Return as many switches that may close in each hour as ``counts`` says."""
    return [(f"S{k}", t) for t, count in enumerate(counts) for k in range(count)]


@pytest.mark.parametrize("seed", range(20))
def test_cuts_couple_the_fewest_switches(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(seed)
    tune(monkeypatch, "effort", block_binaries=12)
    may = positions([int(count) for count in rng.integers(0, 8, 7)])
    blocks = blocks_of_hours(may, 7)
    assert [t for part in blocks for t in part] == list(range(7))

    def size(part: range) -> int:
        return sum(t in part for _, t in may)

    def coupled(begins: tuple[int, ...]) -> int:
        return sum(
            1 + len({s for s, t in may if t == b} & {s for s, t in may if t == b - 1})
            for b in begins
        )

    def fits(begins: tuple[int, ...]) -> bool:
        ends = [0, *begins, 7]
        parts = [range(a, b) for a, b in itertools.pairwise(ends)]
        return all(len(part) == 1 or size(part) <= 12 for part in parts)

    every = itertools.chain.from_iterable(
        itertools.combinations(range(1, 7), count) for count in range(7)
    )
    least = min(coupled(begins) for begins in every if fits(begins))
    assert fits(tuple(part[0] for part in blocks[1:]))
    assert coupled(tuple(part[0] for part in blocks[1:])) == least


def test_an_hour_in_which_all_is_open_is_a_cut_and_halves_are_even() -> None:
    first, second = blocks_of_hours(positions([*[10] * 7, 0, *[10] * 3]), 11)
    assert first.stop in (7, 8)
    assert second.stop == 11
    assert blocks_of_hours(positions([12] * 8), 8) == [range(4), range(4, 8)]


def test_only_what_links_blocks_belongs_to_none() -> None:
    case = generated_case(2, microgrids=2, hours=4)
    convex = convex_model(case, quick(case), build_feeder(case), allow(case, EVERY_KIND))
    problem = linear_problem(convex)
    block = block_of_columns(problem, [range(2), range(2, 4)])
    linking = {problem.variables[k].name for k in np.flatnonzero(block == GLOBAL)}
    stored = {name for name in linking if ".soc[" in name}
    assert stored
    assert all(name.endswith(("[1]", "[3]")) for name in stored)
    assert {"f1", "f2", "f3"} < linking
    assert not any(name.startswith("closed") for name in linking)


def bounds_at_relaxed_multipliers(seed: int) -> list[float]:
    """Return what blocks of one, two and four hours prove at the same multipliers."""
    case = generated_case(seed, microgrids=3, hours=4)
    options = quick(case, operation_cost_usd=0.3)
    convex = convex_model(case, options, build_feeder(case), allow(case, EVERY_KIND))
    problem = linear_problem(convex)

    def partition(hours: list[range]) -> Partition:
        return Partition(case, options, convex.model, problem, hours)

    hourly = partition(single_hours(4))
    question = Question(*problem.vectors([(convex.model.f1, 1.0)]), unit=0.01)
    relaxed = hourly.solve(SearchState(question, 0.01, np.inf), None)
    assert relaxed is not None
    bounds: list[float] = []
    for hours in (single_hours(4), [range(2), range(2, 4)], [range(4)]):
        part = partition(hours)
        multipliers = part.taken_over(hourly, relaxed.multipliers)
        constant, reduced = part.blocks.relaxed(*question.vectors, multipliers)
        solve = partial(part.blocks.solve_block, reduced=reduced, gap_abs=1e-6, time_limit_s=20.0)
        answers = [solve(k, lower=question.lower, upper=question.upper) for k in range(len(hours))]
        bounds.append(constant + sum(answer.bound for answer in answers))
    return bounds


def test_blocks_of_hours_prove_no_less_at_the_multipliers_of_single_hours() -> None:
    found = [bounds_at_relaxed_multipliers(seed) for seed in range(6)]
    for single, double, whole in found:
        assert single <= double + SOLVER_USD
        assert double <= whole + SOLVER_USD
    assert sum(whole > single + SOLVER_USD for single, _, whole in found) >= 2


@pytest.mark.parametrize("seed", [2, 4, 5, 8])
def test_a_question_goes_on_by_blocks_of_hours(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    tune(monkeypatch, "effort", few_binaries=0, hourly_rounds=1)
    tune(monkeypatch, "effort", block_binaries=20)
    widened: list[float] = []
    widen = DecompositionSearch._widen

    def noted(self: DecompositionSearch, search: SearchState) -> None:
        before = search.bound
        widen(self, search)
        widened.append(search.bound - before)

    monkeypatch.setattr(DecompositionSearch, "_widen", noted)
    given = instance(seed)
    connection = GridConnection(given.case, given.options, build_feeder(given.case), given.mask)
    answer = connection.minimise(given.weights, {}, label="asked", gap_abs=1e-7)
    best = optimum(connection, given.schedules, given.weights, {})
    assert best is not None
    assert answer.operation is not None, answer.reason
    assert answer.bound is not None
    assert len(widened) == 1
    assert widened[0] >= 0.0
    least, value = score(given.weights, best), score(given.weights, answer.operation)
    assert answer.bound <= least + LOCAL_USD
    assert value >= least - LOCAL_USD
