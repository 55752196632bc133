"""A plan of three hours of two-bus held over scenarios: its switches fixed, all else operated anew.

Hours 0, 1 and 2 are hours 0, 2 and 4 of cases/two-bus, whose SOURCES.md solves them by hand: hour
0 has every switch open, hour 1 the tie T12 closed, hour 2 the PCCs. Bus 2 may not fall below
0.965 pu here.
"""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cmgplan import cli, load_case, plan, run_study, write_run
from cmgplan.errors import CaseError, InputError
from cmgplan.page.wording import amount
from cmgplan.planning.levels.held_feeder import INFEASIBLE, NO_ANSWER
from cmgplan.study.hold import folder
from cmgplan.study.hold.check import verify_held
from cmgplan.study.hold.held_plan import HeldPlan, HoldOptions, hold_points
from cmgplan.study.hold.marker import NOT_CHECKED, UNANSWERED
from cmgplan.study.hold.read import _table
from cmgplan.study.read import read_study

CASES = Path(__file__).parents[2] / "cases"
V_MIN_PU = 0.965

Change = Callable[[dict[str, str]], None]

LOAD, PRICE = 1.3, 1.5
SCENARIOS = (
    f"scenario,weight,load,price\nforecast,0.5,1,1\nhigh,0.25,{LOAD},1\ndear,0.25,1,{PRICE}\n"
)
UNSERVED_KW = (LOAD * 100.0 - 100.0, LOAD * 200.0 - 100.0 - 100.0, 0.0)
"""Of MG2: in hour 0 alone with 100 kW of sun, in hour 1 with as much and 100 kVA of T12."""

FEEDER_KW, MG_KW, TURBINES_KW = 300.0, 700.0, 600.0
"""Hour 2: the feeder's own load, that of the microgrids, and what their turbines can give."""


def voltage_of_bus_2(drawn_kw: float) -> float:
    """Return the voltage behind the line, r = x = 0.05 pu, whose far end draws P and no Q."""
    p = drawn_kw / 1000.0
    r = x = 0.05
    b = 1.0 - 2.0 * r * p
    return float(np.sqrt((b + np.sqrt(b**2 - 4.0 * (r**2 + x**2) * p**2)) / 2.0))


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the run folder of a plan with three points."""
    folder = tmp_path_factory.mktemp("hold")
    shutil.copytree(CASES / "two-bus", folder / "three-hours")
    path = folder / "three-hours" / "case.toml"
    text = path.read_text().replace("hours = 5", "hours = 3")
    path.write_text(text.replace("v_min_pu = 0.9\n", f"v_min_pu = {V_MIN_PU}\n"))
    path = folder / "three-hours" / "profiles.csv"
    header, *rows = path.read_text().splitlines()
    kept = [f"{k},{rows[hour].split(',', 1)[1]}" for k, hour in enumerate((0, 2, 4))]
    path.write_text("\n".join([header, *kept]) + "\n")
    case = load_case(folder / "three-hours", system="planning")
    options = case.options.model_copy(update={"points": 3, "jobs": 1})
    write_run(plan(case, options), folder / "plan")
    return folder / "plan"


@pytest.fixture(scope="module")
def forecast(planned: Path) -> HeldPlan:
    """Return all points of the plan held on the day as it was forecast."""
    case = load_case(planned / "case", system="planning")
    return hold_points(case, planned, HoldOptions(wait_and_see=False))


@pytest.fixture(scope="module")
def study(planned: Path) -> Path:
    """Return a study that holds the plan's choice in three scenarios."""
    folder = planned.parent
    (folder / "s.csv").write_text(SCENARIOS)
    (folder / "held.toml").write_text(
        'format = 1\nname = "held"\nsystem = "hold"\ncases = ["plan"]\n[over]\n'
        'scenarios = { file = "s.csv" }\noptions = { points = ["selected"] }\n'
    )
    run_study(folder / "held.toml", folder / "out", workers=1)
    return folder / "out"


def task_of(study: Path, scenario: str) -> Path:
    (task,) = study.glob(f"tasks/*_{scenario}_*/")
    return task


def row_of(study: Path, scenario: str) -> Any:
    held = pd.read_csv(study / "held.csv").set_index("scenario")
    return held.loc[scenario]


def test_on_the_forecast_every_point_does_as_planned(forecast: HeldPlan) -> None:
    assert len(forecast.points) == 3
    for point in forecast.points:
        day = forecast.days[point.number]
        assert (day.status, day.unserved_kwh) == ("kept", 0.0)
        assert day.operation is not None
        for name, value in point.values.items():
            assert day.operation.value(name) == pytest.approx(value, abs=2e-3)


def test_what_a_point_breaks_on_the_loaded_feeder_its_response_mends(forecast: HeldPlan) -> None:
    """Point 3 takes from the line what Level 4 lets it; the feeder's own load comes on top."""
    day = forecast.days[3]
    assert day.operation is not None
    drawn = -sum(p_kw[2] for p_kw in day.operation.p_pcc_kw.values())
    assert voltage_of_bus_2(drawn) > V_MIN_PU - 1e-6
    loaded = voltage_of_bus_2(drawn + FEEDER_KW)
    assert loaded < V_MIN_PU
    assert day.before is not None
    (limit,) = day.before.broken
    assert (limit.kind, limit.hour, limit.place) == ("voltage", 2, "2")
    assert limit.amount == pytest.approx(loaded, abs=1e-6)
    assert day.before.v_min_pu == pytest.approx(loaded, abs=1e-6)
    assert day.upper_status == "local optimum"
    assert day.after is not None
    assert day.after.broken == ()
    assert day.after.v_min_pu >= V_MIN_PU


def test_every_point_verifies_where_no_day_is_planned_for_itself(
    planned: Path, forecast: HeldPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "hold_points", lambda *asked: forecast)
    case = load_case(planned / "case", system="planning")
    out = tmp_path / "run"
    folder.hold_plan(case, HoldOptions(wait_and_see=False), out, planned / "case")
    assert not (out / "wait_and_see.csv").exists()
    assert not (out / "own").exists()
    broken = pd.read_csv(out / "broken_limits.csv")
    assert set(zip(broken["point"], broken["response"], strict=True)) == {
        (2, "before"),
        (3, "before"),
    }
    checks = verify_held(out)
    assert [check.name for check in checks if not check.passed] == []
    page = (out / "report.html").read_text()
    assert "after the response of Levels 5 and 6 no limit is broken" in page
    assert "switches of its own" not in page


def test_switches_of_its_own_never_cost_a_day_more(study: Path) -> None:
    own = pd.read_csv(study / "wait_and_see.csv").set_index("scenario")
    held = pd.read_csv(study / "held.csv").set_index("scenario")
    assert set(own["status"]) == {"served"}
    assert (own["bound_usd"] <= own["total_usd"] + 1e-6).all()
    assert (own["total_usd"] <= held["least_total_usd"] + 1e-3).all()
    assert (held["least_total_usd"] <= held["total_usd"] + 1e-3).all()
    for scenario, total in own["total_usd"].items():
        page = (task_of(study, str(scenario)) / "report.html").read_text()
        assert "Least total with switches of its own" in page
        assert (f"scenario {scenario}" in page) == (scenario != "forecast")
        assert amount(total, "$") in page


def test_load_that_held_switches_cut_off_goes_unserved(study: Path) -> None:
    row = row_of(study, "high")
    assert row["status"] == "unserved"
    assert row["unserved_kwh"] == pytest.approx(sum(UNSERVED_KW), abs=1e-2)
    assert row["least_unserved_kwh"] == pytest.approx(sum(UNSERVED_KW), abs=1e-2)
    place = task_of(study, "high") / "points" / f"{row['point']:02d}"
    told = pd.read_csv(place / "unserved.csv").pivot(
        index="hour", columns="microgrid", values="unserved_kw"
    )
    assert list(told["MG2"]) == pytest.approx(UNSERVED_KW, abs=1e-2)
    assert told[["MG1", "MG3"]].abs().to_numpy().max() < 1e-3


def test_without_a_response_the_row_says_so_and_counts_what_is_broken(study: Path) -> None:
    """Turbines cannot give more than they do, so that bus 2 stays too low."""
    assert UNANSWERED == (INFEASIBLE, NO_ANSWER)
    row = row_of(study, "high")
    low = voltage_of_bus_2(LOAD * (FEEDER_KW + MG_KW) - TURBINES_KW)
    assert low < V_MIN_PU
    assert row["upper_status"] == INFEASIBLE
    assert (row["broken_before_response"], row["broken_limits"]) == (1, 1)
    assert row["v_min_before_response_pu"] == pytest.approx(low, abs=1e-6)
    broken = pd.read_csv(study / "broken_limits.csv").query("scenario == 'high'")
    assert list(broken["response"]) == ["before"]
    (plan,) = json.loads((study / "held.json").read_text())["plans"]
    (point,) = plan["points"]
    assert (point["scenarios_broken"], point["scenarios_without_response"]) == (1, 1)


def test_caps_give_before_load_does(study: Path) -> None:
    """Dearer power breaks the cap on cost and nothing else."""
    row = row_of(study, "dear")
    assert (row["status"], row["unserved_kwh"]) == ("over", 0.0)
    assert row["over_gc_usd"] > 1.0
    assert row["gc_usd"] - row["planned_gc_usd"] == pytest.approx(row["over_gc_usd"], abs=1e-3)


def test_a_study_of_held_plans_verifies(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["verify", str(study)])
    assert stop.value.code == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "checks of 3 runs" in told
    assert NOT_CHECKED in told


def _changed(path: Path, change: Change) -> None:
    """Change the last row of a table."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    change(rows[-1])
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, rows[0], lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def _plus(column: str, amount: float) -> Change:
    def change(row: dict[str, str]) -> None:
        row[column] = repr(float(row[column]) + amount)

    return change


def _verified(
    study: Path, copy: Path, changes: Mapping[str, Change], scenario: str = "high"
) -> dict[str, str]:
    """Return the places of failed checks by name, some tables of a held task changed."""
    shutil.copytree(task_of(study, scenario), copy)
    point = f"{row_of(study, scenario)['point']:02d}"
    for table, change in changes.items():
        _changed(copy / f"{table.replace('NN', point)}.csv", change)
    return {
        check.name: "; ".join(map(str, check.findings))
        for check in verify_held(copy)
        if not check.passed
    }


def test_changed_sums_and_counts_are_found(study: Path, tmp_path: Path) -> None:
    def held(row: dict[str, str]) -> None:
        row["status"] = "kept"
        for column, value in {
            "total_usd": -2000.0,
            "loss_kwh": 0.1,
            "over_gc_usd": 1.0,
            "broken_limits": 1.0,
            "v_min_before_response_pu": 1e-3,
        }.items():
            _plus(column, value)(row)

    changes = {"held": held, "broken_limits": _plus("hour", -1), "wait_and_see": _plus("gc_usd", 1)}
    found = _verified(study, tmp_path / "copy", changes)
    assert set(found) == {
        "totals are their sums",
        "least totals are least",
        "broken limits are counted",
        "status is as it stands",
        "what no schedule tells is told twice alike",
        "key figures are those of the tables",
        "what exceeds caps is told",
        "the day's own total is its sum",
        "cost, emission and losses follow from the tables",
        "limits broken are those of the power flow",
    }
    values = found["cost, emission and losses follow from the tables"]
    assert "loss_kwh" in values
    assert "wait_and_see.csv gc_usd" in values
    limits = found["limits broken are those of the power flow"]
    assert "before the response" in limits
    assert "v_min_before_response_pu" in limits


def test_changed_schedules_are_found(study: Path, tmp_path: Path) -> None:
    """The last row of each: hour 2 of MG3, its PCC, its load, or its turbine."""
    changes = {
        "points/NN/unserved": _plus("unserved_kw", 5.0),
        "points/NN/exchange": _plus("p_to_kw", 9.0),
        "points/NN/least/dispatch": _plus("p_kw", 5.0),
        "own/switch_schedule": lambda row: row.update(closed="0"),
    }
    found = _verified(study, tmp_path / "copy", changes)
    (point,) = task_of(study, "high").glob("points/*")
    name = f"points/{point.name}"
    assert f"{name}, unserved_kwh" not in found
    assert "unserved_kwh" in found["unserved load follows from the tables"]
    assert f"{name}: MG3 load" in found["devices keep their limits"]
    assert f"{name}/least: MG3" in found["microgrids balance"]
    assert "own: switch PCC3" in found["ratings and losses of ties"]
    assert (
        f"held.csv point {int(point.name)}"
        in found["cost, emission and losses follow from the tables"]
    )
    assert "copy of the case is unchanged" not in found


def test_a_changed_response_is_found(study: Path, tmp_path: Path) -> None:
    """The feeder's only load does not respond, and 100 kW more of it lower the voltage."""
    changes = {
        "points/NN/demand_response": _plus("p_after_kw", 100.0),
        "points/NN/dispatch": _plus("p_kw", 5.0),
    }
    found = _verified(study, tmp_path / "copy", changes, "forecast")
    assert "the microgrids' demand before and after response" not in found
    assert "bus 2 responsive_share_up" in found["the feeder's loads respond within their limits"]
    assert "MG3" in found["microgrids balance"]
    assert "v_min_pu" in found["limits broken are those of the power flow"]


def _another(name: str) -> Change:
    """Return a change to another number, or text."""

    def change(row: dict[str, str]) -> None:
        try:
            row[name] = repr(1.1 * float(row[name]) + 1.0)
        except ValueError:
            row[name] += "x"

    return change


def test_a_changed_response_of_microgrids_is_found(study: Path, tmp_path: Path) -> None:
    shutil.copytree(task_of(study, "forecast"), tmp_path / "copy")
    (path,) = (tmp_path / "copy").glob("points/*/demand_response.csv")
    told = pd.read_csv(path)
    told.loc[told["level"] == "lower", "p_after_kw"] += 1.0
    told.to_csv(path, index=False)
    assert not _holds(tmp_path / "copy")


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("held", "selected upper_status cap_gc_usd over_gc_usd planned_ec_usd"),
        ("wait_and_see", "status bound_usd"),
        ("broken_limits", "response amount unit limit"),
    ],
)
def test_what_no_schedule_tells_cannot_be_altered_unseen(
    table: str, columns: str, study: Path, tmp_path: Path
) -> None:
    shutil.copytree(task_of(study, "forecast"), tmp_path / "copy")
    path = tmp_path / "copy" / f"{table}.csv"
    given = path.read_text().splitlines()
    unseen = []
    for name in columns.split():
        _changed(path, _another(name))
        if _holds(tmp_path / "copy"):
            unseen.append(name)
        path.write_text("\n".join(given) + "\n")
    for kept in (given[:-1], [*given, given[-1]]):
        path.write_text("\n".join(kept) + "\n")
        if _holds(tmp_path / "copy"):
            unseen.append(f"{len(kept) - 1} rows")
    assert unseen == []


def test_empty_cells_are_no_numbers_and_other_texts_are_damage(tmp_path: Path) -> None:
    path = tmp_path / "held.csv"
    path.write_text("point,status,v_min_pu,all_empty\n1,kept,,\n2,,0.9,\n")
    table = _table(path, ("status",))
    assert list(table["point"]) == [1, 2]
    assert list(table["status"]) == ["kept", ""]
    assert np.isnan(table["v_min_pu"][0])
    assert table["all_empty"].isna().all()
    path.write_text("point,status\nx,kept\n")
    with pytest.raises(ValueError, match="x"):
        _table(path, ("status",))


def _holds(folder: Path) -> bool:
    try:
        return all(check.passed for check in verify_held(folder))
    except InputError:  # it is no table of a held plan any more
        return False


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


@pytest.mark.parametrize(
    ("file", "change", "told"),
    [
        (
            "points/01/switch_schedule.csv",
            lambda text: text[: text[:-1].rindex("\n") + 1],
            "lacks rows",
        ),
        ("points/01/switch_schedule.csv", lambda text: f"{text[:-2]}7\n", "neither 0 nor 1"),
        ("case/profiles.csv", lambda text: text.replace("100", "90", 1), "hash in plan.json"),
        ("case/case.toml", lambda text: f"{text}# \n", "hash in plan.json"),
    ],
)
def test_a_damaged_plan_is_told(
    file: str, change: Callable[[str], str], told: str, planned: Path, tmp_path: Path
) -> None:
    shutil.copytree(planned, tmp_path / "damaged")
    path = tmp_path / "damaged" / file
    text = change(path.read_text())
    assert text != path.read_text()
    path.write_text(text)
    asked = {"format": 1, "name": "d", "system": "hold", "cases": [str(tmp_path / "damaged")]}
    with pytest.raises(CaseError, match="plan the case again") as caught:
        read_study(asked)
    assert told in str(caught.value)
    assert str(caught.value).count("plan the case again") == 1
