"""Bonmin plans the two-bus case through all levels, to the values solved by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from test_two_bus import line_state

from cmgplan import plan
from cmgplan.planning.case import load_case
from cmgplan.planning.result import PlanResult

FOLDER = Path(__file__).parents[2] / "cases" / "two-bus"
ENDS_P_KW = np.array([100.0, 700.0])
"""Power delivered at bus 2 in hour 4, at the ends of the diagonal."""


@pytest.fixture(scope="module")
def planned() -> PlanResult:
    case = load_case(FOLDER)
    changes = {"minlp": "bonmin", "points": 2, "time_limit_s": 30.0}
    return plan(case, case.options.model_copy(update=changes))


def test_both_ends_of_the_front_are_those_of_the_calculation(planned: PlanResult) -> None:
    pareto = planned.tables["pareto"]
    loss = line_state(ENDS_P_KW)[1]
    assert list(pareto["status"]) == ["optimal", "optimal"]
    np.testing.assert_allclose(pareto["gc_usd"], 287.96 + 0.1 * loss, atol=1e-3)
    emission = 40.0 + 0.04 * (700.0 - ENDS_P_KW) + 0.02 * (ENDS_P_KW + loss)
    np.testing.assert_allclose(pareto["ec_usd"], emission, atol=2e-3)
    np.testing.assert_allclose(pareto["loss_kwh"], 0.5 + loss, atol=1e-3)
    # The bounds are Bonmin's own: under the optimum, by no more than the gap that was asked for.
    range_usd = float(emission[0] - emission[1])
    assert np.all(pareto["bound_ec_usd"] <= emission + 1e-3)
    assert np.all(pareto["bound_ec_usd"] >= emission - 0.01 * range_usd - 2e-3)


def test_the_replay_confirms_the_plan(planned: PlanResult) -> None:
    replay = planned.summary.replay
    assert replay.passed is True
    assert replay.lower.hours == 5
    reasons = [point.reason for point in planned.summary.certificate.points]
    assert reasons == ["SUCCESS", "SUCCESS"]
