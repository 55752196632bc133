"""What the page of a study works out from its long tables, on tables written by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cmgplan.errors import InputError
from cmgplan.study import figures
from cmgplan.study.kinds import STUDY_SYSTEMS
from cmgplan.study.page import render_study
from cmgplan.study.view import Curve, StudyView, duration_curves, read_view

HEADER = "task,case,day,scenario,options,way,hour,home,import_kw,export_kw\n"


def view(folder: Path, system: str, rows: str) -> StudyView:
    """Return a study of two tasks, of which the second counts three times."""
    (folder / "exchange.csv").write_text(HEADER + rows)
    tasks = pd.DataFrame(
        {"task": ["t", "u"], "case": "c", "state": "done", "way": "c", "weight": [1.0, 3.0]}
    )
    return StudyView(folder, {"cases": [{"name": "c"}]}, STUDY_SYSTEMS[system], tasks)


def test_each_way_of_a_market_has_a_curve_of_its_own(tmp_path: Path) -> None:
    rows = (
        "t,c,,,,A+B,0,A,5,0\nt,c,,,,A+B,0,B,0,2\nt,c,,,,A,0,A,7,0\n"
        "u,c,,,,A+B,0,A,1,0\nu,c,,,,A+B,0,B,0,4\nu,c,,,,A,0,A,9,0\n"
    )
    together, alone = duration_curves(view(tmp_path, "market", rows))
    assert (together.way, alone.way) == ("A+B", "A")
    assert list(together.kw) == [3.0, -3.0]
    assert list(together.share) == pytest.approx([0.25, 1.0])
    assert list(alone.kw) == [9.0, 7.0]
    assert list(alone.share) == pytest.approx([0.75, 1.0])


def test_an_optimum_has_one_curve(tmp_path: Path) -> None:
    (curve,) = duration_curves(view(tmp_path, "optimum", "t,c,,,,optimum,0,A,5,1\n"))
    assert (curve.way, list(curve.kw)) == ("c", [4.0])


def test_a_duration_curve_is_drawn_from_the_first_hour_on() -> None:
    drawn = figures.durations([Curve("c", np.array([0.1, 1.0]), np.array([408.0, 150.0]))])
    assert list(drawn.data[0].x) == [0.0, 10.0, 100.0]
    assert list(drawn.data[0].y) == [408.0, 408.0, 150.0]


def optima(folder: Path, rows: list[str]) -> StudyView:
    """Return a study of optima in two cases of different currency, read from its files."""
    cases = [{"name": "a", "currency": "EUR"}, {"name": "b", "currency": "GBP"}]
    about = {"name": "s", "system": "optimum", "cases": cases}
    (folder / "study.json").write_text(json.dumps(about))
    figure_names = [figure.name for figure in STUDY_SYSTEMS["optimum"].shown]
    header = "task,case,day,scenario,options,state,attempts,wall_s,reason,weight"
    lines = [f"{row}{',0' * (len(figure_names) - 1)}" for row in rows]
    (folder / "tasks.csv").write_text("\n".join([",".join([header, *figure_names]), *lines]))
    return read_view(folder)


def test_tasks_are_told_apart_by_what_they_differ_in(tmp_path: Path) -> None:
    rows = ["t,a,,,gap=0.1 front=2,done,1,1,,1,5", "u,a,,,gap=0.1 front=3,done,1,1,,1,5"]
    found = optima(tmp_path, rows)
    assert (found.common, found.ways) == ("gap=0.1", ["front=2", "front=3"])
    alike = optima(tmp_path, [rows[0], rows[0].replace("t,a", "u,b")])
    assert (alike.common, alike.ways) == ("gap=0.1 front=2", ["a", "b"])
    lone = optima(tmp_path, ["t,a,,,,done,1,1,,1,5"])
    assert (lone.common, lone.ways) == ("", ["a"])


def test_values_with_spaces_stay_whole(tmp_path: Path) -> None:
    rows = ["t,a,,,x=A | B y=1,done,1,1,,1,5", "u,a,,,x=A | C y=1,done,1,1,,1,5"]
    found = optima(tmp_path, rows)
    assert (found.common, found.ways) == ("y=1", ["x=A | B", "x=A | C"])


def test_money_of_cases_with_other_currencies_is_told_apart(tmp_path: Path) -> None:
    rows = ["t,a,,s,,done,1,1,,1,5", "u,a,,r,,done,1,1,,3,9", "v,b,,s,,done,1,1,,1,70"]
    found = optima(tmp_path, rows)
    page = render_study(found)
    assert found.currency == "EUR or GBP"
    assert ": 8\N{NO-BREAK SPACE}EUR (a), 70\N{NO-BREAK SPACE}GBP (b)." in page
    assert ">cost, EUR<" in page
    assert ">cost, GBP<" in page


def test_a_study_that_was_killed_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "study.json").write_text('{"system": "optimum", "cases": []}')
    with pytest.raises(InputError, match=r"has no tasks\.csv yet; resume the study"):
        read_view(tmp_path)


def test_a_reason_is_told_without_the_guard_of_its_cell(tmp_path: Path) -> None:
    page = render_study(optima(tmp_path, ["t,a,,,,failed,1,1,'--gap is missing,1,"]))
    assert ">--gap is missing<" in page
