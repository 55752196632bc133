"""A time limit holds where hours take all they are given, and a schedule still follows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from generated import generated_case
from tuned import tune

from cmgplan.network.feeder import build_feeder
from cmgplan.planning.case.records import PlanOptions
from cmgplan.planning.levels.level4 import GridConnection
from cmgplan.planning.model.grid_models import convex_model
from cmgplan.planning.model.switches import allow
from cmgplan.planning.switch_search import decomposition
from cmgplan.planning.switch_search.rounding import rounded, taken
from cmgplan.planning.switch_search.schedules import SwitchSchedule
from cmgplan.planning.switch_search.state import Pace, SearchState
from cmgplan.solve.blocks.hull import Hull, Question
from cmgplan.solve.blocks.problem import BlockAnswer, BlockProblem, Pattern

LIMIT_S = 3.0
HOURS = 8
MIX: dict[Pattern | None, float] = {(0, 1): 0.6, (1, 0): 0.4}


def test_hours_share_the_time_that_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where every hour is large: each alone would use up the whole limit."""
    right, given = BlockProblem.solve_block, []

    def slow(
        self: BlockProblem, block: int, *asked: Any, time_limit_s: float, **how: Any
    ) -> BlockAnswer:
        begun = time.perf_counter()
        answer = right(self, block, *asked, time_limit_s=60.0, **how)
        given.append(time_limit_s)
        time.sleep(max(time_limit_s - (time.perf_counter() - begun), 0.0))
        return answer

    monkeypatch.setattr(BlockProblem, "solve_block", slow)
    case = generated_case(3, microgrids=3, hours=HOURS)
    options = PlanOptions(time_limit_s=LIMIT_S, jobs=1)
    mask = allow(case, ("microgrid", "cluster", "grid"))
    connection = GridConnection(case, options, build_feeder(case), mask)
    answer = connection.minimise({"ec_usd": 1.0}, {}, label="asked", gap_abs=1e-6)
    assert answer.operation is not None, answer.reason
    assert answer.bound is not None
    assert len(given) >= HOURS
    assert sum(given[:HOURS]) < HOURS / 2 * LIMIT_S
    assert answer.wall_s < HOURS / 2 * LIMIT_S


def test_hours_without_time_for_their_first_node_prove_what_their_relaxations_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    case = generated_case(3, microgrids=3, hours=HOURS)
    mask = allow(case, ("microgrid", "cluster", "grid"))

    def asked() -> tuple[float, float]:
        connection = GridConnection(case, PlanOptions(jobs=1), build_feeder(case), mask)
        answer = connection.minimise({"ec_usd": 1.0}, {}, label="asked", rounds=3)
        assert answer.operation is not None, answer.reason
        assert answer.bound is not None
        return answer.bound, answer.operation.ec_usd

    _, value = asked()
    with monkeypatch.context() as patched:
        patched.setattr(
            BlockProblem, "solve_block", lambda *asked, **how: BlockAnswer(-np.inf, None)
        )
        bound, _ = asked()
    assert np.isfinite(bound)
    assert bound <= value + 1e-6


def test_many_binaries_begin_with_what_the_relaxation_proves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tune(monkeypatch, "effort", many_binaries=0)
    case = generated_case(3, microgrids=3, hours=HOURS)
    mask = allow(case, ("microgrid", "cluster", "grid"))
    connection = GridConnection(case, PlanOptions(jobs=1), build_feeder(case), mask)
    answer = connection.minimise({"ec_usd": 1.0}, {}, label="asked", gap_abs=1e-2)
    assert answer.operation is not None, answer.reason
    assert answer.bound is not None
    first = next(step for step in answer.history if step.bound is not None)
    assert first.by == "the linear relaxations of the hours"
    assert first.bound is not None
    assert first.bound <= answer.bound <= answer.operation.ec_usd + 1e-6


@pytest.mark.parametrize("held", [False, True])
def test_rounding_and_swaps_end_with_the_time_where_something_is_held(held: bool) -> None:
    empty = np.zeros(0)
    search = SearchState(Question(empty, empty, empty), 1.0, time.perf_counter() - 1.0)
    search.pace.operating_s = 1.0
    assert search.is_late
    assert search.lacks_time
    case = generated_case(3, microgrids=3, hours=2)
    mask = allow(case, ("microgrid", "cluster", "grid"))
    convex = convex_model(case, PlanOptions(), build_feeder(case), mask)
    found = decomposition.DecompositionSearch(case, PlanOptions(), convex)
    asked: list[object] = []
    found._at.solve = lambda *mix, **how: asked.append(mix)  # type: ignore[method-assign, assignment]
    hull = Hull(0.0, empty, [MIX, MIX], [], empty)
    found._seeker.round_hull(search, hull, held=held)
    assert bool(asked) is not held
    asked.clear()
    search.best = hull
    found._seeker.swap(search, hull)
    assert not asked


@pytest.mark.parametrize(("late", "solves"), [(False, 4), (True, 3)])
def test_fewer_topologies_are_tried_where_it_is_late(late: bool, solves: int) -> None:
    mixes: list[list[list[Pattern | None]]] = []

    def hull_of(mix: Sequence[Sequence[Pattern | None]]) -> Hull:
        weights = [MIX if len(here) > 1 else {here[0]: 1.0} for here in mix]
        return Hull(0.0, np.zeros(0), weights, [], np.zeros(0))

    def solve(mix: Sequence[Sequence[Pattern | None]]) -> Hull | None:
        mixes.append([list(here) for here in mix])
        return None if all(len(here) == 1 for here in mix) and len(mixes) == 1 else hull_of(mix)

    found = rounded(hull_of([list(MIX)] * 2), solve, late=lambda: late)
    assert found is not None
    assert taken(found) == [(0, 1)] * 2
    assert len(mixes) == solves


class Judging:
    """Takes every schedule of an even number for as good as the relaxation says."""

    def __init__(self, best: float) -> None:
        self.best = best
        self.judged: list[float] = []

    def offer(self, schedule: SwitchSchedule) -> float | None:
        value = float(schedule.origin)
        self.judged.append(value)
        if value % 2.0 == 0.0:
            self.best = min(self.best, value)
        return value

    def proved(self, bound: float | None, by: str) -> None:
        pass


@pytest.mark.parametrize(
    ("left_s", "best", "judged"),
    [
        (60.0, 9.0, [3.0, 4.0]),
        (-1.0, 9.0, [3.0, 4.0]),
        (-1.0, 5.0, [3.0, 4.0]),
        (-1.0, 2.0, []),
        (-1.0, np.inf, [3.0, 4.0]),
    ],
)
def test_a_schedule_found_late_is_operated(left_s: float, best: float, judged: list[float]) -> None:
    empty = np.zeros(0)
    search = SearchState(Question(empty, empty, empty), 1.0, time.perf_counter() + left_s)
    search.rounded = [(float(v), SwitchSchedule({}, {}, str(v))) for v in (6, 4, 3)]
    incumbent = Judging(best)
    search.operate_all(incumbent)
    assert incumbent.judged == judged
    assert incumbent.best == min([best, *(v for v in judged if v % 2.0 == 0.0)])


@pytest.mark.parametrize("seed", [3, 6])
def test_a_schedule_of_tighter_caps_is_not_the_answer_where_the_time_is_short(seed: int) -> None:
    case = generated_case(seed, microgrids=4, hours=HOURS)
    mask = allow(case, ("microgrid", "cluster", "grid"))
    connection = GridConnection(case, PlanOptions(jobs=1), build_feeder(case), mask)

    def least_emission(caps: dict[str, float], time_limit_s: float) -> float:
        connection.time_limit_s = time_limit_s
        answer = connection.minimise({"ec_usd": 1.0}, caps, label="asked", gap_abs=0.01)
        assert answer.operation is not None, answer.reason
        return answer.operation.ec_usd

    cheapest = connection.minimise({"gc_usd": 1.0}, {}, label="asked", gap_abs=0.01)
    assert cheapest.operation is not None
    tight = least_emission({"gc_usd": cheapest.operation.gc_usd + 1e-3}, 60.0)
    late = least_emission({}, 0.0)
    loose = least_emission({}, 60.0)
    assert loose < tight - 1.0
    assert late < 0.5 * (tight + loose)


@pytest.mark.parametrize(
    ("best", "bound", "holds"),
    [
        (np.inf, 8.0, False),
        (12.0, 8.0, True),
        (13.0, 8.0, False),
        (13.0, -np.inf, True),
        (11.0, 9.9, True),
    ],
)
def test_a_schedule_far_from_the_hull_does_not_stop_the_search_for_one(
    best: float, bound: float, holds: bool
) -> None:
    empty = np.zeros(0)
    search = SearchState(Question(empty, empty, empty), 1.0, time.perf_counter(), bound=bound)
    hull = Hull(10.0, empty, [MIX, MIX], [], empty)
    assert search.holds(Judging(best), hull) is holds


def test_time_is_kept_for_what_a_schedule_took() -> None:
    pace = Pace()
    assert pace.kept_of(30.0) == 0.0
    pace.mixing_s, pace.rounding_s, pace.operating_s = 1.0, 6.0, 2.0
    assert pace.kept_of(30.0) == pytest.approx(9.0)
    assert pace.kept_of(10.0) == pytest.approx(5.0)
