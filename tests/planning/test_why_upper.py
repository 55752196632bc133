"""Why Levels 5 and 6 have no answer: limits of the loaded feeder, tried in AC."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from test_ac_operation import TWO_BUS, all_to_the_grid

from cmgplan.errors import InfeasibleError
from cmgplan.explanation import Explanation
from cmgplan.network.feeder import Feeder, build_feeder
from cmgplan.planning.case import Case, load_case
from cmgplan.planning.levels.upper import solve_upper
from cmgplan.planning.model.ac_operation import AcOperation
from cmgplan.planning.model.operation import Operation
from cmgplan.planning.model.switches import allow
from cmgplan.planning.why.upper import widened

EVERY_KIND = ("microgrid", "cluster", "grid")


@pytest.fixture(scope="module")
def case() -> Case:
    return load_case(TWO_BUS)


@pytest.fixture(scope="module")
def selected(case: Case) -> Operation:
    problem = AcOperation(case, case.options, build_feeder(case))
    closed = all_to_the_grid(allow(case, EVERY_KIND))
    found = problem.best(closed, {}, {"gc_usd": 1.0, "ec_usd": 1.0}, {})
    assert found is not None
    return found


def answers(case: Case, feeder: Feeder, selected: Operation) -> bool:
    try:
        solve_upper(case, case.options, feeder, selected)
    except InfeasibleError:
        return False
    return True


def why(case: Case, feeder: Feeder, selected: Operation) -> Explanation:
    with pytest.raises(InfeasibleError) as raised:
        solve_upper(case, case.options, feeder, selected)
    assert raised.value.explanation is not None
    assert str(raised.value).startswith("Levels 5 and 6: the loaded feeder cannot keep")
    return raised.value.explanation


def low_voltage(feeder: Feeder) -> Feeder:
    return replace(feeder, v_min_pu=np.full(2, 0.99))


def thin_line(feeder: Feeder) -> Feeder:
    return replace(feeder, i_max_pu=np.full(1, 0.2))


@pytest.mark.parametrize(
    ("narrow", "kind", "place", "unit"),
    [(low_voltage, "v_min", "2", "pu"), (thin_line, "branch", "L1-2", "kVA")],
)
def test_the_limit_that_would_have_to_give(
    case: Case,
    selected: Operation,
    narrow: Callable[[Feeder], Feeder],
    kind: str,
    place: str,
    unit: str,
) -> None:
    feeder = narrow(build_feeder(case))
    found = why(case, feeder, selected)
    (limit,) = found.ways[0].limits
    assert (limit.kind, limit.place, limit.unit) == (kind, place, unit)
    assert limit.hours[0] == 4  # the hour of most load
    assert "enough, shown by an AC optimal power flow" in found.ways[0].told
    assert answers(case, widened(feeder, [limit]), selected)
    less = replace(limit, amount=0.9 * limit.amount)
    assert not answers(case, widened(feeder, [less]), selected)


def test_another_voltage_at_the_slack_bus(case: Case, selected: Operation) -> None:
    feeder = low_voltage(build_feeder(case))
    found = why(case, feeder, selected)
    way = next(way for way in found.ways if way.limits[0].kind == "v_slack")
    assert answers(case, widened(feeder, way.limits), selected)
    assert any(way.limits[0].kind == "load" for way in found.ways)
    assert "another point of the front may do as well (--select)" in found.notes
