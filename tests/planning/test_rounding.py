"""Rounding: the heaviest topologies at once, step by step by trial, alone or several at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from cmgplan.planning.switch_search.rounding import rounded, rounded_well, swapped, taken
from cmgplan.planning.switch_search.tuning import TUNING
from cmgplan.solve.blocks.hull import Hull, Mix
from cmgplan.solve.blocks.problem import Pattern

HOURS = TUNING.rounding.few_hours
FIRST, SECOND, THIRD = (1, 0, 0), (0, 1, 0), (0, 0, 1)
OPEN: dict[Pattern | None, float] = {FIRST: 0.5, SECOND: 0.3, THIRD: 0.2}


def cost(hour: int, pattern: Pattern | None) -> float:
    """Return what a topology costs; in every other hour the heaviest is not the best."""
    return {FIRST: 1.0 + hour % 2, SECOND: 1.5, THIRD: 3.0}[pattern or THIRD]


class Hulls:
    """Hulls whose hours keep their weights until one topology is left; counts what is solved."""

    def __init__(self, feasible: Callable[[Mix], bool] = lambda mix: True) -> None:
        self.solved: list[list[list[Pattern | None]]] = []
        self._feasible = feasible

    def __call__(self, mix: Mix) -> Hull | None:
        self.solved.append([list(here) for here in mix])
        if not self._feasible(mix):
            return None
        weights = [{p: OPEN[p] / sum(OPEN[q] for q in here) for p in here} for here in mix]
        value = sum(min(cost(t, p) for p in here) for t, here in enumerate(mix))
        return Hull(value, np.zeros(0), weights, [], np.zeros(0))


def opened(solve: Hulls, hours: int = HOURS) -> Hull:
    hull = solve([list(OPEN)] * hours)
    assert hull is not None
    solve.solved.clear()
    return hull


def test_heaviest_topologies_are_taken_at_once_where_they_are_good() -> None:
    solve = Hulls()
    found = rounded_well(opened(solve), solve, good=100.0)
    assert found is not None
    assert taken(found) == [FIRST] * HOURS
    assert len(solve.solved) == 1


def test_trials_follow_where_the_heaviest_are_not_good() -> None:
    solve = Hulls()
    found = rounded_well(opened(solve), solve, good=0.0)
    assert found is not None
    assert len(solve.solved) > HOURS / 2
    straight = sum(cost(t, FIRST) for t in range(HOURS))
    assert found.value < straight


def test_the_heaviest_topologies_do_where_it_is_late() -> None:
    solve = Hulls()
    assert rounded_well(opened(solve), solve, good=0.0, late=lambda: True) is not None
    assert len(solve.solved) == 1


def test_the_better_of_both_is_taken() -> None:
    """Here rounding step by step ends nowhere, as the mixtures on its way are infeasible."""
    solve = Hulls(lambda mix: all(here == [FIRST] for here in mix))
    start = opened(Hulls())
    found = rounded_well(start, solve, good=0.0)
    assert found is not None
    assert rounded(start, solve) is None
    never = Hulls(lambda mix: False)
    assert rounded_well(start, never, good=0.0) is None


@pytest.mark.parametrize("jobs", [1, 2])
def test_trials_are_the_same_however_many_run_at_a_time(jobs: int) -> None:
    alone, together = Hulls(), Hulls()

    def unevenly(mix: Mix) -> Hull | None:
        time.sleep(0.002 * sum(here == [FIRST] for here in mix))
        return together(mix)

    expected = rounded(opened(alone), alone)
    start = opened(together)
    with ThreadPoolExecutor(max_workers=jobs) as workers:
        found = rounded(start, unevenly, each=workers.map)
    assert expected is not None
    assert found is not None
    assert found.value == expected.value
    assert taken(found) == taken(expected)
    assert sorted(map(repr, together.solved)) == sorted(map(repr, alone.solved))


def test_more_topologies_are_tried_only_where_none_is_feasible() -> None:
    tried: list[int] = []

    def each(solve: Callable[[Mix], Hull | None], mixes: Iterable[Mix]) -> list[Hull | None]:
        mixes = list(mixes)
        tried.append(len(mixes))
        return [solve(mix) for mix in mixes]

    solve = Hulls(lambda mix: all(len(here) > 1 or here == [THIRD] for here in mix))
    start = opened(solve)
    found = rounded(start, solve, each=each)
    assert found is not None
    assert taken(found) == [THIRD] * HOURS
    assert tried == [2] * HOURS


def test_an_hour_whose_heaviest_topology_fails_is_found_by_halving() -> None:
    hours, failing = 64, 17
    solve = Hulls(lambda mix: mix[failing] != [FIRST])
    found = rounded(opened(solve, hours), solve)
    assert found is not None
    assert [hour for hour, p in enumerate(taken(found)) if p != FIRST] == [failing]
    assert len(solve.solved) < hours / 2


def test_swaps_end_where_no_single_hour_gains_and_keep_what_is_infeasible() -> None:
    solve = Hulls()
    start = opened(solve)
    worst = solve([[THIRD]] * HOURS)
    assert worst is not None
    found = swapped(worst, start, solve, gain=1e-6)
    assert found.value == sum(min(cost(t, p) for p in OPEN) for t in range(HOURS))
    assert swapped(found, start, solve, gain=1e-6) is found
    assert swapped(worst, start, solve, gain=100.0) is worst
    assert swapped(worst, start, solve, gain=1e-6, late=lambda: True) is worst

    heavy_first = Hulls(lambda mix: mix[0] == [THIRD])
    found = swapped(worst, start, heavy_first, gain=1e-6)
    assert taken(found)[0] == THIRD
    assert all(pattern != THIRD for pattern in taken(found)[1:])
