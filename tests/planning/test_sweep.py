"""The sweep over a grid of caps: no repeats, no weakly efficient points, empty cells skipped."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plans import EVERY_KIND, quick

from cmgplan.network.feeder import build_feeder
from cmgplan.planning.case import load_case
from cmgplan.planning.levels.front import solve_front
from cmgplan.planning.levels.front_points import Front
from cmgplan.planning.levels.level4 import OBJECTIVES, GridAnswer, GridConnection, PointStatus
from cmgplan.planning.model.switches import allow

CASES = Path(__file__).parents[2] / "cases"
SIDE = 5


class Counting(GridConnection):
    """Counts the questions of the sweep."""

    asked = 0

    def minimise(
        self, weights: Mapping[str, float], caps: Mapping[str, float], *, label: str, **how: Any
    ) -> GridAnswer:
        self.asked += label.startswith("point")
        return super().minimise(weights, caps, label=label, **how)


@pytest.fixture(scope="module")
def swept() -> tuple[Front, int]:
    case = load_case(CASES / "two-bus")
    options = quick(case, points=SIDE, sweep="grid")
    connection = Counting(case, options, build_feeder(case), allow(case, EVERY_KIND))
    return solve_front(connection, options, lambda *told: None), connection.asked


def test_every_cell_has_an_answer_that_meets_it_and_is_asked_once(
    swept: tuple[Front, int],
) -> None:
    front, asked = swept
    assert len(front.cells) == SIDE**2
    assert len(front.points) <= asked < SIDE**2
    by_number = {point.number: point for point in front.points}
    assert sorted(by_number) == list(range(1, len(front.points) + 1))
    for cell in front.cells:
        assert cell.point is not None
        values = by_number[cell.point].answer.values
        assert values is not None
        assert all(values[name] <= cap + 1e-5 for name, cap in cell.caps.items())


def test_no_point_repeats_or_dominates_another(swept: tuple[Front, int]) -> None:
    front, _ = swept
    table = np.asarray(
        [[p.answer.values[n] for n in OBJECTIVES] for p in front.points if p.answer.values]
    )
    for one, other in itertools.permutations(table, 2):
        assert np.abs(one - other).max() > 1e-5
        assert not np.all(one <= other - 1e-5)


def test_cells_under_the_least_cost_are_proven_empty_and_not_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    case = load_case(CASES / "two-bus")
    options = quick(case, points=3, sweep="grid")
    connection = Counting(case, options, build_feeder(case), allow(case, EVERY_KIND))

    def impossible(*_: Any, **__: Any) -> Any:
        costs, losses = (400.0, 100.0, 50.0), (90.0, 80.0)
        return ({"gc_usd": c, "loss_kwh": f} for c in costs for f in losses)

    monkeypatch.setattr("cmgplan.planning.levels.front.grid_caps", impossible)
    front = solve_front(connection, options, lambda *told: None)
    assert connection.asked == 2
    assert [cell.point for cell in front.cells] == [1, 1, None, None, None, None]
    assert [point.status for point in front.points] == [
        PointStatus.OPTIMAL,
        PointStatus.INFEASIBLE,
    ]
