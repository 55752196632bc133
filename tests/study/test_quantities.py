"""Quantities that a study reads from runs, on runs written by hand."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from unittest.mock import patch

import pandas as pd
import pytest
from pages import ReadPage, traces

from cmgplan.study.key_figures import BUILDING, MARKET, OPTIMUM, RESPONSE
from cmgplan.study.kinds import STUDY_SYSTEMS
from cmgplan.study.page import render_study
from cmgplan.study.quantities import WHOLE, Columns, RunFiles, Share, Told
from cmgplan.study.view import StudyView

EXCHANGE = """\
way,hour,home,import_kw,export_kw,pool_kw
coalition,0,A,0,2,6
coalition,0,B,1,0,-6
coalition,1,A,0,1,-3
coalition,1,NA,0,0,3
alone,0,A,0,8,0
"""
DISPATCH = """\
way,hour,home,device,kind,p_kw,heat_kw,unserved_kw
coalition,0,A,e,chp,8,1,
coalition,1,A,e,pv,12,0,
coalition,1,A,s,storage,5,0,
coalition,1,B,l,load,-3,0,0.5
alone,1,B,backstop,backstop,2,4,
"""


@pytest.fixture
def run(tmp_path: Path) -> RunFiles:
    """Return a run with intervals of half an hour."""
    (tmp_path / "exchange.csv").write_text(EXCHANGE)
    (tmp_path / "dispatch.csv").write_text(DISPATCH)
    record = {
        "case": {"dt_h": 0.5},
        "coalition": {"cost": 7.0},
        "alone": {"cost": 9.5, "gap": None},
        "units": {"A": {"coalition": -1.0, "alone": 2.0}, "B": {"coalition": 8.0, "alone": 7.5}},
        "methods": {"exact": {"profit": {"total": 4.0}}, "rules": {"profit": {}}},
    }
    (tmp_path / "run.json").write_text(json.dumps(record))
    return RunFiles(tmp_path)


def test_numbers_of_run_json_are_told_as_they_stand(run: RunFiles) -> None:
    assert Told("alone.cost", "coalition.cost").read(run) == {WHOLE: 2.5}
    assert Told("alone.gap").read(run) == {}
    assert Told("no.such.key").read(run) == {}


def test_a_star_names_parts(run: RunFiles) -> None:
    assert Told("units.*.alone", "units.*.coalition").read(run) == {("", "A"): 3.0, ("", "B"): -0.5}
    assert Told("methods.*.profit.total").read(run) == {("", "exact"): 4.0}


def test_energy_is_power_times_the_hours_of_an_interval(run: RunFiles) -> None:
    sold = Columns("exchange", ("export_kw",), where={"way": ("coalition",)}, how="energy")
    assert sold.read(run) == {WHOLE: pytest.approx(1.5)}
    given = Columns("exchange", ("pool_kw",), part=("home",), how="energy", positive=True)
    assert given.read(run) == {("", "A"): 3.0, ("", "B"): 0.0, ("", "NA"): 1.5}


def test_a_part_without_rows_that_count_has_nothing(run: RunFiles) -> None:
    where = {"kind": ("backstop",)}
    columns = Columns("dispatch", ("p_kw", "heat_kw"), ("way",), where=where, how="energy")
    assert columns.read(run) == {("", "coalition"): 0.0, ("", "alone"): 3.0}
    assert Columns("front", ("cost",)).read(run) == {WHOLE: 0.0}
    assert Columns("front", ("cost",), how="mean").read(run) == {}


def test_means_leave_out_what_is_empty_and_columns_may_be_parts(run: RunFiles) -> None:
    each = {"power": "p_kw", "lacking": "unserved_kw"}
    found = Columns("dispatch", group=("way",), each=each, how="mean").read(run)
    assert found == {
        ("coalition", "power"): 5.5,
        ("coalition", "lacking"): 0.5,
        ("alone", "power"): 2.0,
    }


def test_structures_that_lack_homes_are_no_match_for_those_of_all(run: RunFiles) -> None:
    of_all = Columns("exchange", ("import_kw",), part=("way",), whole="home")
    assert of_all.read(run) == {("", "coalition"): 1.0}


def test_self_consumption_and_trade_of_a_day(run: RunFiles) -> None:
    """Plants make 10 kWh, 1.5 are exported; 4.5 kWh of surplus reach others."""
    made = Columns(
        "dispatch", ("p_kw",), where={"kind": ("chp", "pv")}, how="energy", positive=True
    )
    where = {"way": ("coalition",)}
    sold = Columns("exchange", ("export_kw",), where=where, how="energy")
    shared = Columns("exchange", ("pool_kw",), where=where, how="energy", positive=True)
    assert Share(sold, (made,), rest=True).read(run) == {WHOLE: pytest.approx(0.85)}
    assert Share(shared, (shared, sold)).read(run) == {WHOLE: pytest.approx(0.75)}
    nothing = Columns("exchange", ("export_kw",), where={"way": ("none",)})
    assert Share(sold, (nothing,)).read(run) == {}


def test_a_building_tells_who_gains(run: RunFiles) -> None:
    rows = BUILDING.parts(run.folder)
    assert [row for row in rows if row[0] == "gain"] == [
        ("gain", "", "A", "3"),
        ("gain", "", "B", "-0.5"),
    ]
    figures = BUILDING.figures(run.folder)
    assert (figures["cost"], figures["saved"], figures["gap"]) == (7.0, 2.5, None)
    assert figures["traded_share"] == pytest.approx(0.75)
    BUILDING.write_parts(run.folder)
    with (run.folder / "by_part.csv").open(newline="") as file:
        header, *told = [tuple(cells) for cells in csv.reader(file)]
    assert header == ("figure", "group", "part", "value")
    assert told == rows


def test_every_figure_and_part_has_a_name_of_its_own() -> None:
    for system in STUDY_SYSTEMS.values():
        for names in (system.shown, system.reported.breakdowns):
            assert len({each.name for each in names}) == len(names)
    assert all(each.breakdowns for each in (OPTIMUM, MARKET, BUILDING, RESPONSE))


def test_the_page_tells_how_often_a_structure_stands_best(tmp_path: Path) -> None:
    """Weights 3 and 1. Ties stand best together, among the tasks that tell the quantity."""
    rows = "t,income,,A+B,5\nt,income,,A|B,4\nu,income,,A+B,2\nu,income,,A|B,3\n"
    rows += "t,backstop,,A+B,0\nu,backstop,,A+B,0\n"
    rows += "t,income_of_home,A,A+B,1\nt,income_of_home,A,A|B,1\n"
    (tmp_path / "by_part.csv").write_text(f"task,figure,group,part,value\n{rows}")
    tasks = pd.DataFrame(
        {
            "task": ["t", "u"],
            "case": "c",
            "day": "",
            "scenario": "",
            "options": "",
            "state": "done",
            "wall_s": 1.0,
            "reason": "",
            "attempts": 1,
            "weight": [3.0, 1.0],
            "way": "c",
            **{figure.name: 1.0 for figure in MARKET.shown},
        }
    )
    about = {"name": "s", "cases": [{"name": "c", "currency": "EUR"}]}
    view = StudyView(tmp_path, about, STUDY_SYSTEMS["market"], tasks)
    with patch("cmgplan.page.page.get_plotlyjs", return_value=""):
        page = ReadPage(render_study(view))
    table = page.tables["parts-income"]
    assert table.texts("part") == ["A+B", "A|B"]
    assert table.column("mean") == pytest.approx([4.25, 3.75])
    assert table.column("percent") == pytest.approx([75.0, 25.0])
    assert table.column("sd") == pytest.approx([1.6875**0.5, 0.1875**0.5])
    assert "A+B stands highest most often, in 75 % of the tasks by weight" in page.text
    (boxes,) = traces(page.figures["part-income"]).values()
    assert boxes["y"] == ["A+B", "A|B"]
    assert [boxes[name] for name in ("lowerfence", "median", "upperfence")] == [
        [2, 3],
        [3.5, 3.5],
        [5, 4],
    ]
    assert (boxes["q1"], boxes["q3"]) == ([2.75, 3.25], [4.25, 3.75])
    assert page.tables["parts-income_of_home"].column("percent") == pytest.approx([100.0, 100.0])
    assert "Electricity and heat from nowhere" in page.text
    assert "parts-backstop" not in page.tables


def test_the_page_of_studies_names_every_column() -> None:
    text = (Path(__file__).parents[2] / "docs" / "study.md").read_text(encoding="utf-8")
    _, _, rows = text.partition("| system | columns of `tasks.csv` |")
    for name, system in STUDY_SYSTEMS.items():
        row = next(line for line in rows.splitlines() if line.startswith(f"| `{name}` |"))
        named = [f"`{each.name}`" for each in (*system.shown, *system.reported.breakdowns)]
        assert list(dict.fromkeys(re.findall("`[a-z_]+`", row)))[1:] == named
