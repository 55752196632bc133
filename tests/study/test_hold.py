"""A plan of two-bus held over scenarios: its switches fixed, all else operated anew.

Hour 0 has every switch open, hour 2 the tie T12 closed; cases/two-bus/SOURCES.md solves the day.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cmgplan import load_case, plan, run_study, write_run
from cmgplan.errors import CaseError
from cmgplan.planning.levels.held import total_of
from cmgplan.study.hold import HeldPlan, HoldOptions, hold_plan, hold_points
from cmgplan.study.hold_check import verify_held
from cmgplan.study.read import read_study
from cmgplan.study.scaled_case import write_scaled
from cmgplan.study.verify import verify_study

LOAD = 1.3
UNSERVED_KWH = (LOAD * 100.0 - 100.0) + (LOAD * 200.0 - 100.0 - 100.0)
"""Of MG2: in hour 0 alone with 100 kW of sun, in hour 2 with as much and 100 kVA of T12."""


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the run folder of a plan of two-bus with three points."""
    case = load_case("two-bus", system="planning")
    out = tmp_path_factory.mktemp("hold") / "plan"
    write_run(plan(case, case.options.model_copy(update={"points": 3, "jobs": 1})), out)
    return out


@pytest.fixture(scope="module")
def forecast(planned: Path) -> HeldPlan:
    """Return the plan held on the day as it was forecast."""
    return hold_points(load_case(planned / "case", system="planning"), planned, HoldOptions())


def scaled(planned: Path, place: Path, **factors: float) -> Any:
    case = load_case(planned / "case", system="planning")
    return load_case(write_scaled(case, "planning", "s", factors, place), system="planning")


def test_on_the_forecast_every_point_does_as_planned(forecast: HeldPlan) -> None:
    assert len(forecast.points) == 3
    for point in forecast.points:
        day = forecast.days[point.number]
        assert (day.status, day.unserved_kwh, day.broken) == ("kept", 0.0, ())
        assert day.operation is not None
        for name, value in point.values.items():
            assert day.operation.value(name) == pytest.approx(value, abs=2e-3)


def test_switches_of_its_own_never_cost_a_day_more(forecast: HeldPlan) -> None:
    own = forecast.own
    assert own is not None
    assert own.operation is not None
    assert own.bound is not None
    assert own.bound <= total_of(own.operation) + 1e-6
    for day in forecast.days.values():
        assert day.least is not None
        assert day.operation is not None
        assert total_of(own.operation) <= total_of(day.least) + 1e-3
        assert total_of(day.least) <= total_of(day.operation) + 1e-3


def test_load_that_held_switches_cut_off_goes_unserved(planned: Path, tmp_path: Path) -> None:
    case = scaled(planned, tmp_path / "case", load=LOAD)
    found = hold_points(case, planned, HoldOptions(points="selected"))
    (day,) = found.days.values()
    assert day.status == "unserved"
    assert day.unserved_kwh == pytest.approx(UNSERVED_KWH, abs=1e-2)
    assert day.operation is not None
    assert day.operation.unserved_kw["MG2"] == pytest.approx([30, 0, 60, 0, 0], abs=1e-2)
    assert day.least_unserved_kwh == pytest.approx(UNSERVED_KWH, abs=1e-2)
    # With switches of its own all is served: MG2's PCC brings 400 kVA.
    assert found.own is not None
    assert found.own.operation is not None


def test_caps_give_before_load_does(planned: Path, tmp_path: Path) -> None:
    """Dearer power breaks the cap on cost and nothing else."""
    case = scaled(planned, tmp_path / "case", price=1.5)
    options = HoldOptions(points="selected", wait_and_see=False)
    hold_plan(case, options, tmp_path / "run", planned / "case")
    row = pd.read_csv(tmp_path / "run" / "held.csv").iloc[0]
    assert (row["status"], row["unserved_kwh"]) == ("over", 0.0)
    assert row["over_gc_usd"] > 1.0
    assert row["gc_usd"] - row["planned_gc_usd"] == pytest.approx(row["over_gc_usd"], abs=1e-3)
    assert not (tmp_path / "run" / "wait_and_see.csv").exists()


@pytest.fixture(scope="module")
def study(planned: Path) -> Path:
    """Return a study that holds the plan in two scenarios."""
    folder = planned.parent
    rows = "scenario,weight,load\nforecast,0.75,1\nhigh,0.25,1.3\n"
    (folder / "s.csv").write_text(rows)
    (folder / "held.toml").write_text(
        'format = 1\nname = "held"\nsystem = "hold"\ncases = ["plan"]\n[over]\n'
        'scenarios = { file = "s.csv" }\n'
    )
    run_study(folder / "held.toml", folder / "out", workers=1)
    return folder / "out"


def test_means_and_worst_are_those_of_the_scenarios(study: Path) -> None:
    (told,) = json.loads((study / "held.json").read_text())["plans"]
    held = pd.read_csv(study / "held.csv")
    own = pd.read_csv(study / "wait_and_see.csv").set_index("scenario")["total_usd"]
    for point in told["points"]:
        rows = held[held["point"] == point["point"]].set_index("scenario")
        total = rows["total_usd"]
        mean = 0.75 * total["forecast"] + 0.25 * total["high"]
        assert point["mean_total_usd"] == pytest.approx(mean)
        assert (point["worst_total_usd"], point["worst_scenario"]) == (total["high"], "high")
        assert point["mean_unserved_kwh"] == pytest.approx(0.25 * UNSERVED_KWH, abs=1e-2)
        assert (own <= rows["least_total_usd"] + 1e-3).all()
    least = min(point["mean_least_total_usd"] for point in told["points"])
    values = told["values"]
    assert values["here_and_now"] == pytest.approx(least)
    assert values["wait_and_see"] == pytest.approx(0.75 * own["forecast"] + 0.25 * own["high"])
    assert values["choosing_by_scenarios"] >= 0.0
    assert values["perfect_information_at_most"] >= values["perfect_information_found"] >= 0.0
    by_mean = {point["point"]: point["mean_total_usd"] for point in told["points"]}
    assert by_mean[told["best_mean"]] == pytest.approx(min(by_mean.values()), abs=0.01)


def test_the_page_says_which_point_stands_best(study: Path) -> None:
    (told,) = json.loads((study / "held.json").read_text())["plans"]
    page = (study / "report.html").read_text()
    assert f"Of least mean total is point {told['best_mean']}" in page
    assert "not of all schedules" in page


def test_a_study_of_held_plans_verifies_and_a_wrong_total_is_found(study: Path) -> None:
    assert all(check.passed for check in verify_study(study, verify_held))
    (task,) = study.glob("tasks/*_high_*")
    held = pd.read_csv(task / "held.csv")
    held.loc[0, "total_usd"] -= 1000.0
    copy = study.parent / "wrong-total"
    shutil.copytree(task, copy)
    held.to_csv(copy / "held.csv", index=False)
    failed = {check.name for check in verify_held(copy) if not check.passed}
    assert failed == {"totals are their sums", "least totals are least"}


@pytest.mark.parametrize(
    ("name", "days", "told"),
    [
        ("no-plan", "", "there is no plan no-plan"),
        ("plan", "days = { from = 2016-01-01 }\n", "a plan is held on the day"),
    ],
)
def test_what_is_no_plan_is_told(name: str, days: str, told: str, planned: Path) -> None:
    path = planned.parent / "wrong.toml"
    path.write_text(f'format = 1\nname = "w"\nsystem = "hold"\ncases = ["{name}"]\n[over]\n{days}')
    with pytest.raises(CaseError, match=told):
        read_study(path)


def test_a_damaged_plan_is_told(planned: Path) -> None:
    copy = planned.parent / "damaged"
    shutil.copytree(planned, copy)
    path = copy / "points" / "01" / "switch_schedule.csv"
    path.write_text("\n".join(path.read_text().splitlines()[:-3]) + "\n")
    asked = {"format": 1, "name": "d", "system": "hold", "cases": [str(copy)]}
    with pytest.raises(CaseError, match="plan the case again"):
        read_study(asked)
