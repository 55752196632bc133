"""What a study of a held plan says of its points, from tables written by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import patch

import pandas as pd
import pytest
from pages import ReadPage

from cmgplan.study.hold.view import held_summary
from cmgplan.study.kinds import STUDY_SYSTEMS
from cmgplan.study.page import render_study
from cmgplan.study.view import StudyView

HELD = """\
task,case,day,scenario,options,point,selected,status,gc_usd,ec_usd,loss_kwh,unserved_kwh,\
total_usd,least_total_usd,broken_before_response,upper_status,broken_limits,v_min_pu
t,c,,mild,,1,0,kept,100,10,5,0,110,108,0,local optimum,0,0.98
t,c,,mild,,2,1,kept,90,14,9,0,104,101,3,local optimum,0,0.97
t,c,,mild,,3,0,kept,80,20,20,0,100,100,5,local optimum,0,0.96
u,c,,cold,,1,0,over,120,12,6,0,132,130,1,local optimum,0,0.96
u,c,,cold,,2,1,over,110,16,10,0,126,121,4,locally infeasible,4,0.94
u,c,,cold,,3,0,unserved,95,21,22,8,196,190,9,locally infeasible,9,0.92
"""
OWN = """\
task,case,day,scenario,options,status,total_usd,bound_usd
t,c,,mild,,served,99,98
u,c,,cold,,served,115,113
"""


@pytest.fixture
def view(tmp_path: Path) -> StudyView:
    """Return a study of two scenarios, the mild one three times as likely."""
    (tmp_path / "held.csv").write_text(HELD)
    (tmp_path / "wait_and_see.csv").write_text(OWN)
    figures: dict[str, Any] = {f.name: 1.0 for f in STUDY_SYSTEMS["hold"].shown}
    tasks = pd.DataFrame(
        {
            "task": ["t", "u"],
            "case": "c",
            "day": "",
            "scenario": ["mild", "cold"],
            "options": "",
            "state": "done",
            "attempts": 1,
            "wall_s": 1.0,
            "reason": "",
            "weight": [3.0, 1.0],
            "way": "c",
            **figures,
        }
    )
    about = {"name": "s", "cases": [{"name": "c"}]}
    return StudyView(tmp_path, about, STUDY_SYSTEMS["hold"], tasks)


def test_means_and_worst_are_those_of_the_scenarios(view: StudyView) -> None:
    (told,) = held_summary(view)["plans"]
    means = [point["mean_total_usd"] for point in told["points"]]
    assert means == pytest.approx([115.5, 109.5, 124.0])
    worst = [(point["worst_total_usd"], point["worst_scenario"]) for point in told["points"]]
    assert worst == [(132.0, "cold"), (126.0, "cold"), (196.0, "cold")]
    assert [point["mean_unserved_kwh"] for point in told["points"]] == pytest.approx([0, 0, 2])
    assert (told["selected"], told["best_mean"], told["best_worst"]) == (2, 2, 2)


def test_limits_are_counted_before_and_after_the_response(view: StudyView) -> None:
    (told,) = held_summary(view)["plans"]
    before = [point["mean_broken_before_response"] for point in told["points"]]
    after = [point["mean_broken_limits"] for point in told["points"]]
    assert before == pytest.approx([0.25, 3.25, 6.0])
    assert after == pytest.approx([0.0, 1.0, 2.25])
    assert [point["worst_broken_limits"] for point in told["points"]] == [0, 4, 9]
    assert [point["scenarios_broken"] for point in told["points"]] == [0, 1, 1]
    assert [point["scenarios_without_response"] for point in told["points"]] == [0, 1, 1]


def test_what_knowing_the_day_is_worth(view: StudyView) -> None:
    """Least means: 113.5, 106 and 122.5; own 103, bound 101.75."""
    (told,) = held_summary(view)["plans"]
    assert told["values"] == pytest.approx(
        {
            "planned_point": 106.0,
            "here_and_now": 106.0,
            "wait_and_see": 103.0,
            "wait_and_see_bound": 101.75,
            "choosing_by_scenarios": 0.0,
            "perfect_information_found": 3.0,
            "perfect_information_at_most": 4.25,
        }
    )


def test_the_page_says_which_point_stands_best(view: StudyView) -> None:
    with patch("cmgplan.page.page.get_plotlyjs", return_value=""):
        page = ReadPage(render_study(view, held_summary(view)))
    assert "Point 2 has the least mean total, point 2 the least worst total" in page.text
    assert "not of all schedules" in page.text
    table = page.tables["points-1"]
    assert table.column("mean_total_usd") == pytest.approx([115.5, 109.5, 124.0])
    assert page.tables["limits-1"].column("mean_broken_limits") == pytest.approx([0.0, 1.0, 2.25])
    assert table.texts("status") == ["1 kept, 1 over", "1 kept, 1 over", "1 kept, 1 unserved"]
