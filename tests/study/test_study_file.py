"""What a study file may say, and how it is told what it may not."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from studies import dated_homes

from cmgplan.errors import CaseError, InputError, MachineError
from cmgplan.study import read
from cmgplan.study.days import representatives
from cmgplan.study.read import read_study
from cmgplan.study.records import ScenarioSection
from cmgplan.study.scenarios import read_study_scenarios


def study(system: str = "planning", case: str = "ieee33-year", **over: Any) -> dict[str, Any]:
    return {"format": 1, "name": "x", "system": system, "cases": [case], "over": over}


def faults(asked: Any) -> list[str]:
    with pytest.raises(CaseError) as caught:
        read_study(asked)
    return [str(fault) for fault in caught.value.faults]


def one(asked: Any) -> str:
    (found,) = faults(asked)
    return found


def test_the_contract_is_read(tmp_path: Path) -> None:
    """The example of the documentation: 366 days, 9 scenarios, 4 combinations are 13,176 tasks."""
    path = tmp_path / "year.toml"
    path.write_text(
        'format = 1\nname = "year"\nsystem = "planning"\ncases = ["ieee33-year"]\n[over]\n'
        "days = { from = 2016-01-01, to = 2016-12-31, every = 1 }\n"
        'scenarios = { method = "toat", array = "L9", sd = { load = 0.1, sun = 0.2, wind = 0.2, '
        'price = 0.15 } }\noptions = { points = [3, 10], hierarchy = ["levels", "joint"] }\n'
        "[limits]\ntime_per_task_s = 600\nmemory_per_task_mb = 2000\n"
    )
    found = read_study(path)
    assert len(found.tasks) == 366 * 9 * 4
    assert len({task.name for task in found.tasks}) == len(found.tasks)
    assert sum(task.weight for task in found.tasks) == pytest.approx(366 * 4)
    first = found.tasks[0]
    assert (first.day, first.scenario, first.options) == (
        "2016-01-01",
        "L9-1",
        {"points": 3, "hierarchy": "levels"},
    )
    assert found.limits.time_per_task_s == 600


@pytest.mark.parametrize("name", ["two-days", "two-homes", "year"])
def test_examples_are_sound(name: str) -> None:
    found = read_study(Path(__file__).parents[2] / "examples" / f"{name}.toml")
    assert found.name == name
    assert len(found.tasks) == {"two-days": 4, "two-homes": 20, "year": 366}[name]


def test_every_fault_is_told_at_once() -> None:
    asked = study(days={"from": "2016-01-01", "evry": 2}, scenarios={"method": "sobol"})
    found = faults({**asked, "system": "planing", "limits": {"time_per_task": 1}})
    assert len(found) == 4
    assert "system: \"planing\" is not known; give 'planning'" in found[0]
    assert "over.days.evry: evry is not a known key; use every" in found[1]
    assert "over.scenarios.method" in found[2]
    assert "limits.time_per_task: time_per_task is not a known key; use time_per_task_s" in found[3]


def test_faults_against_cases_are_told_at_once() -> None:
    asked = study(
        days={"from": "2015-12-30", "to": "2016-01-02"},
        options={
            "jobs": 2,
            "poinst": [3],
            "points": [3, "many", 1],
            "hierarchy": [],
            "ratings": [1.2, 0, 1.2],
        },
        scenarios={"method": "toat", "array": "L4", "sd": {"load": 0.1}, "n": 3},
    )
    found = faults({**asked, "cases": ["ieee33-year", "two-homes", "ieee33yr", "ieee33-year"]})
    assert any(
        "over.options.poinst: poinst is not an option of cmgplan plan; use points" in f
        for f in found
    )
    assert any('over.options.points[1]: "many" is not a whole number' in f for f in found)
    assert any("over.options.points[2]: 1 is not 2 or more" in f for f in found)
    assert any("over.options.jobs: jobs is set by the study" in f for f in found)
    assert any("over.options.ratings[1]: 0 is no factor of ratings" in f for f in found)
    assert any("over.options.ratings[2]: 1.2 stands twice" in f for f in found)
    assert any("over.scenarios.n: n is not a key of toat" in f for f in found)
    assert any(
        "2015-12-30 is outside the profiles of ieee33-year; give days from 2016-01-01 to 2016-12-31"
        in f
        for f in found
    )
    assert any(
        "cases[1]: two-homes is a case of homes, which planning does not run" in f for f in found
    )
    assert any("cases[2]: there is no case ieee33yr; did you mean ieee33" in f for f in found)
    assert any("cases[3]: ieee33-year stands twice" in f for f in found)


@pytest.mark.parametrize(
    ("days", "told"),
    [
        ({"every": 2}, "no days are named"),
        ({"list": ["2016-01-01", "2016-01-01"]}, "over.days.list[1]: 2016-01-01 stands twice"),
        ({"list": ["2016-01-01"], "every": 2}, "over.days.every: every does not go with list"),
        ({"from": "2016-02-01", "to": "2016-01-01"}, "2016-01-01 is before 2016-02-01"),
        ({"from": "2016-01-01", "to": "2017-01-01"}, "over.days.to: 2017-01-01 is outside"),
        ({"typical": 400}, "400 is over 366"),
    ],
)
def test_days_that_cannot_be(days: dict[str, Any], told: str) -> None:
    assert told in one(study(days=days))


def test_days_need_dates() -> None:
    assert "the profiles of two-bus have no dates" in one(
        study(case="two-bus", days={"typical": 2})
    )


def test_too_many_tasks_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "MOST_TASKS", 700)
    asked = study(days={"from": "2016-01-01"}, options={"points": [3, 4]})
    assert "732 tasks: 366 days x 1 scenario x 2 combinations" in one(asked)


def test_a_faulty_case_is_told_but_a_faulty_day_is_not(tmp_path: Path) -> None:
    case = dated_homes(tmp_path / "homes", days=4, lacking=0)
    asked = study("optimum", str(case), days={"from": "2026-01-01"})
    assert len(read_study(asked).tasks) == 4
    text = (case / "case.toml").read_text()
    (case / "case.toml").write_text(text.replace("efficiency = 0.8", "efficiency = -0.8"))
    assert any("efficiency" in fault and "case.toml" in fault for fault in faults(asked))


def test_a_file_that_is_no_toml(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text("format = 1\nname = \n")
    with pytest.raises(InputError, match=r"bad.toml row 2: this is not TOML"):
        read_study(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_study(tmp_path / "none.toml")


def test_options_that_exclude_each_other_are_told_before_anything_runs() -> None:
    options = {"front": [3], "emission-weight": [0, 0.5]}
    assert one(study("optimum", "two-homes", options=options)) == (
        "study over.options: front=3 emission-weight=0.5: front and emission_weight exclude "
        "each other; leave one out"
    )


def test_an_unknown_option_is_told_all_that_there_are() -> None:
    told = one(study("market", "two-homes", options={"quiet": [True]}))
    assert told.endswith("gap, time-limit, ratings")


def test_a_lone_value_is_a_list_of_one_and_groups_may_be_texts() -> None:
    found = read_study(
        study("market", "two-homes", options={"structure": ["A|B", "B|A"], "gap": 0.1})
    )
    assert [task.options for task in found.tasks] == [
        {"structure": "A|B", "gap": 0.1},
        {"structure": "B|A", "gap": 0.1},
    ]


def test_identity_holds_what_a_run_is_a_function_of() -> None:
    base = read_study(study(case="two-bus")).tasks[0]
    again = read_study({**study(case="two-bus"), "limits": {"time_per_task_s": 1.0}, "name": "y"})
    assert again.tasks[0] == base
    other = read_study(study(case="two-bus", options={"points": 3})).tasks[0]
    assert other.key != base.key


def scenarios(**asked: Any) -> list[Any]:
    found: list[Any] = []
    told = read_study_scenarios(ScenarioSection(**asked), Path(), "x.toml", found)
    assert found == []
    return told


def test_an_orthogonal_array_has_the_mean_and_spread_that_were_asked_for() -> None:
    found = scenarios(method="toat", array="L9", sd={"load": 0.1, "wind": 0.2})
    for name, sd in (("load", 0.1), ("wind", 0.2)):
        factors = np.array([each.factors[name] for each in found])
        assert factors.mean() == pytest.approx(1.0, abs=1e-6)
        assert factors.std() == pytest.approx(sd, abs=1e-6)
    assert sum(each.weight for each in found) == pytest.approx(1.0)
    assert all("sun" not in each.factors for each in found)


def test_random_scenarios_do_not_depend_on_how_many_there_are() -> None:
    few = scenarios(method="monte-carlo", n=5, seed=7, sd={"load": 0.1, "price": 0.3})
    many = scenarios(method="monte-carlo", n=2000, seed=7, sd={"load": 0.1, "price": 0.3})
    assert [each.factors for each in few] == [each.factors for each in many[:5]]
    alone = scenarios(method="monte-carlo", n=5, seed=7, sd={"price": 0.3})
    assert [each.factors["price"] for each in few] == [each.factors["price"] for each in alone]
    load = np.array([each.factors["load"] for each in many])
    assert load.mean() == pytest.approx(1.0, abs=3 * 0.1 / 2000**0.5)
    assert load.std() == pytest.approx(0.1, rel=0.06)
    assert min(each.factors["price"] for each in many) >= 0.0
    other = scenarios(method="monte-carlo", n=5, seed=8, sd={"load": 0.1, "price": 0.3})
    assert few != other


def test_scenarios_that_cannot_be(tmp_path: Path) -> None:
    for asked, told in (
        ({"array": "L9"}, "method is missing"),
        ({"method": "toat", "sd": {"load": 0.1}}, "array is missing for toat"),
        ({"method": "toat", "array": "L9", "sd": {"load": 0.0}}, "no factor varies"),
        ({"method": "toat", "array": "L9", "sd": {"load": 0.9}}, "fall below 0"),
        ({"method": "toat", "array": "L9", "sd": {"lod": 0.1}}, "lod is not a known key; use load"),
        ({"file": "none.csv"}, "there is no such file"),
    ):
        assert any(told in fault for fault in faults(study(case="two-bus", scenarios=asked)))


def test_a_file_of_scenarios_lies_beside_the_study(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("scenario,weight,load,price\na,1,1.1,\nb,3,0.9,2\n")
    path = tmp_path / "x.toml"
    text = 'format = 1\nname = "x"\nsystem = "planning"\ncases = ["two-bus"]\n'
    path.write_text(f'{text}[over]\nscenarios = {{ file = "s.csv" }}\n')
    first, second = read_study(path).tasks
    assert (first.weight, second.weight) == (0.25, 0.75)
    assert first.factors == {"load": 1.1, "sun": 1.0, "wind": 1.0, "price": 1.0}
    assert second.factors["price"] == 2.0
    (tmp_path / "s.csv").write_text("scenario,weight,load\na,1,-1\na,,x\n")
    found = faults(path)
    assert any(
        "s.csv row 2: load: -1 is negative" in fault or "-1 is negative" in fault for fault in found
    )


def test_typical_days_are_days_of_the_calendar_with_weights() -> None:
    pytest.importorskip("tsam")
    found = read_study(study(days={"typical": 3, "from": "2016-01-01", "to": "2016-02-29"}))
    assert len(found.tasks) == 3
    assert all("2016-01-01" <= str(task.day) <= "2016-02-29" for task in found.tasks)
    assert sum(task.weight for task in found.tasks) == pytest.approx(60.0)


def test_days_of_two_kinds_are_told_apart() -> None:
    """Six days of which four are alike: two stand for all, with weights four and two."""
    pytest.importorskip("tsam")
    import pandas as pd

    hours = np.arange(24)
    alike = [pd.DataFrame({"sun": (1.0 + 0.01 * k) * np.sin(hours / 8)}) for k in range(4)]
    other = [pd.DataFrame({"sun": 0.01 * k + 0.0 * hours}) for k in range(2)]
    chosen = representatives([*alike, *other], 2, 1.0)
    assert sorted(chosen.values()) == [2.0, 4.0]
    assert {weight: day < 4 for day, weight in chosen.items()} == {4.0: True, 2.0: False}


def test_without_tsam_the_mend_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tsam", None)
    with pytest.raises(MachineError, match=r"pip install 'cmgplan\[study\]', or list the days"):
        read_study(study(days={"typical": 3, "from": "2016-01-01", "to": "2016-01-09"}))


def test_long_lists_of_options_are_counted_before_they_are_combined() -> None:
    options = {"gap": [k / 10_000 for k in range(1, 2001)], "time-limit": list(range(1, 2001))}
    assert "4,000,000 combinations" in one(study(case="two-bus", options=options))


@pytest.mark.parametrize(
    ("weights", "told"),
    [((1e308, 1e308), "the weights sum to inf"), ((1, 0), "row 3: the weight counts for nothing")],
)
def test_weights_that_mean_nothing_are_told(
    weights: tuple[float, float], told: str, tmp_path: Path
) -> None:
    rows = "\n".join(f"{name},{weight}" for name, weight in zip("ab", weights, strict=True))
    (tmp_path / "s.csv").write_text(f"scenario,weight\n{rows}\n")
    path = tmp_path / "s.toml"
    text = 'format = 1\nname = "x"\nsystem = "planning"\ncases = ["two-bus"]\n'
    path.write_text(f'{text}[over]\nscenarios = {{ file = "s.csv" }}\n')
    assert told in one(path)
