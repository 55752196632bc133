"""Why a Pareto point is empty: caps that would have to give, proven and tried."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from plans import EVERY_KIND, connect, quick, small
from test_level4 import TIGHT

import cmgplan
from cmgplan.cli.shown.plans import print_plan
from cmgplan.errors import InfeasibleError, LimitError
from cmgplan.network.feeder import build_feeder
from cmgplan.planning.case import Case
from cmgplan.planning.levels.front import PointStatus, solve_front
from cmgplan.planning.levels.front_points import Front
from cmgplan.planning.levels.level4 import GridAnswer, GridConnection
from cmgplan.planning.levels.selection import select_point
from cmgplan.planning.model.switches import allow
from cmgplan.planning.pipeline import plan
from cmgplan.planning.result import PlanResult
from cmgplan.planning.why.empty_point import NOT_ASKED, CapReasons

SCHEMA = Path(cmgplan.__file__).parent / "planning" / "report" / "plan.schema.json"


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return small(tmp_path_factory.mktemp("tight"), TIGHT)


@pytest.fixture(scope="module")
def gridded(case: Case) -> Front:
    options = quick(case, points=3, sweep="grid", time_limit_s=10.0)
    return solve_front(connect(case, options), options, lambda *told: None)


def proven(sentence: str) -> tuple[str, float, float]:
    """Return which objective cannot be under what, and by how much its cap is too low."""
    found = re.search(
        r"(cost|losses) cannot be under ([\d.]+) (?:\$|kWh): proved.*at least ([\d.]+) ", sentence
    )
    assert found is not None, sentence
    return {"cost": "gc_usd", "losses": "loss_kwh"}[found[1]], float(found[2]), float(found[3])


def test_empty_points_say_how_far_each_cap_would_have_to_give(case: Case, gridded: Front) -> None:
    """What is proven not to do does not, and a little more than the whole does."""
    empty = [p for p in gridded.points if p.status is PointStatus.INFEASIBLE]
    assert empty
    for point in empty[:1]:
        assert len(point.explanation) == 2
        moved = set()
        for sentence in point.explanation:
            name, least, lacks = proven(sentence)
            moved.add(name)
            assert least > point.caps[name]
            assert lacks == pytest.approx(least - point.caps[name], rel=0.15)
            connection = connect(case, quick(case, minlp="highs", time_limit_s=20.0))
            short = {**point.caps, name: point.caps[name] + 0.9 * lacks}
            assert connection.minimise({"ec_usd": 1.0}, short, label="short").infeasible
            reached = re.search(r"proved; ([\d.]+) \S+ is reached", sentence)
            assert reached is not None
            wide = {**point.caps, name: float(reached[1])}
            search = connect(case, quick(case, time_limit_s=20.0))
            answer = search.minimise({"ec_usd": 1.0}, wide, label="wide")
            assert answer.operation is not None, sentence
        assert moved == {"gc_usd", "loss_kwh"}


def test_points_with_a_schedule_need_no_reason(gridded: Front) -> None:
    held = [p for p in gridded.points if p.operation is not None]
    assert held
    assert all(point.explanation == () for point in held)


def test_an_empty_point_cannot_be_selected_and_says_why(case: Case, gridded: Front) -> None:
    number = next(p.number for p in gridded.points if p.status is PointStatus.INFEASIBLE)
    with pytest.raises(InfeasibleError, match=r"cannot be selected.*\n.*cannot be under"):
        select_point(gridded, quick(case, select=number))
    with pytest.raises(LimitError, match="point 99 holds no schedule"):
        select_point(gridded, quick(case, select=99))


class Stopped(GridConnection):
    """Holds nothing at its points, and proves nothing of caps."""

    def minimise(
        self, weights: Mapping[str, float], caps: Mapping[str, float], *, label: str, **how: Any
    ) -> GridAnswer:
        if label == "point 1" or label.startswith("why"):
            return GridAnswer(None, None, label == "point 1", "the time limit", 0.0)
        if label.startswith("point"):
            return GridAnswer(None, None, False, "the time limit", 0.0)
        return super().minimise(weights, caps, label=label, **how)


def test_a_point_that_only_stopped_says_so(case: Case) -> None:
    options = quick(case, points=2)
    connection = Stopped(case, options, build_feeder(case), allow(case, EVERY_KIND))
    front = solve_front(connection, options, lambda *told: None)
    first, second = (point.explanation for point in front.points)
    assert all("no schedule was found in 10 s (the time limit)" in told for told in first)
    assert len(first) == 2
    assert second == (
        "the search stopped without a schedule and without a proof that there is none: the time "
        "limit; more time (--time-limit) may find one",
    )


def test_reasons_are_sought_for_a_while_only(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    options = quick(case)
    stopped = Stopped(case, options, build_feeder(case), allow(case, EVERY_KIND))
    reasons = CapReasons(stopped)
    caps = {"gc_usd": 1.0, "loss_kwh": 1.0}
    assert len(reasons.of(1, caps)) == 2
    now = time.perf_counter()
    monkeypatch.setattr(time, "perf_counter", lambda: now + 61.0)
    assert reasons.of(2, caps) == (NOT_ASKED,)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> PlanResult:
    """Return a plan of the same case with a tie of more resistance, so that losses count."""
    case = small(tmp_path_factory.mktemp("lossy"), {**TIGHT, "tie.1.r_ohm": 10.0})
    return plan(case, quick(case, points=3, sweep="grid", time_limit_s=10.0))


def test_plan_json_carries_the_reasons_and_fits_the_schema(result: PlanResult) -> None:
    certificate = json.loads(result.summary.certificate.model_dump_json())
    points = certificate["points"]
    told = {point["status"]: point["explanation"] for point in points}
    assert told["infeasible"] and not told["optimal"]
    schema = json.loads(SCHEMA.read_text())
    wanted = schema["properties"]["certificate"]
    jsonschema.validate(certificate, {**wanted, "$defs": schema["$defs"]})
    broken = {**certificate, "points": [{**points[0], "explanation": "why"}]}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, {**wanted, "$defs": schema["$defs"]})


def test_the_console_prints_the_reasons(
    result: PlanResult, capsys: pytest.CaptureFixture[str]
) -> None:
    print_plan(result.summary)
    printed = capsys.readouterr().out
    for point in result.summary.certificate.points:
        for sentence in point.explanation:
            assert f"point {point.point}, infeasible: {sentence}" in printed
    assert "cannot be under" in printed
