"""``cmgplan optimum`` and what other commands do with its run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from unittest.mock import patch

import pandas as pd
import pytest
from homes_factories import write_homes
from homes_results import COST, write_case
from pages import ReadPage
from results import make_result

from cmgplan.building.report.overview import ROWS as BUILDING
from cmgplan.cli import main
from cmgplan.homes.day.totals import day_totals
from cmgplan.homes.optimum.page import totals_table
from cmgplan.homes.optimum.run_folder import read_optimum
from cmgplan.homes.optimum.run_record import json_schema
from cmgplan.homes.report.compare import QUANTITIES
from cmgplan.planning.report.run_folder import write_run


def command(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    return int(stopped.value.code or 0)


@pytest.fixture(autouse=True, scope="module")
def without_library() -> Iterator[None]:
    """Leave the drawing library out of pages: it is most of one, and tells nothing of a run."""
    with patch("cmgplan.page.page.get_plotlyjs", return_value=""):
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    write_case(folder / "case")
    assert command("optimum", folder / "case", "--out", folder / "run", "--quiet") == 0
    return folder / "run"


@pytest.fixture
def case(tmp_path: Path) -> Path:
    return write_case(tmp_path / "case")


def test_the_day_by_hand_is_no_better_than_the_optimum(run: Path) -> None:
    record = read_optimum(run).record
    assert record.cost < COST
    assert record.bound is not None
    assert record.bound <= record.objective == record.cost
    assert record.status == "optimal"


def test_the_schema_that_ships_is_that_of_the_record(run: Path) -> None:
    path = files("cmgplan.homes.optimum").joinpath("optimum.schema.json")
    shipped = json.loads(path.read_text("utf-8"))
    assert shipped == json_schema(), "write json_schema() to optimum.schema.json"
    content = json.loads((run / "run.json").read_text("utf-8"))
    assert set(shipped["required"]) == set(content)


def test_a_summary_is_printed(
    case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command("optimum", case, "--front", 3) == 0
    out, err = capsys.readouterr()
    folder = Path("runs") / "by-hand-optimum"
    assert f"run: {folder}, page: {folder / 'report.html'}" in out
    assert "front: 3 points, selected: point 2 (fuzzy)" in out
    assert "point 2 of 3" in err
    assert len(list((folder / "points").iterdir())) == 3
    assert command("optimum", case, "--emission-weight", "0.5", "--quiet") == 0
    assert not (folder / "front.csv").exists()
    assert json.loads((folder / "run.json").read_text("utf-8"))["front"] is None
    assert capsys.readouterr().err == ""


def test_verify_and_report_know_the_run(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(run, tmp_path / "run")
    assert command("verify", tmp_path / "run") == 0
    assert "all 14 checks hold" in capsys.readouterr().out
    (tmp_path / "run" / "report.html").unlink()
    assert command("report", tmp_path / "run") == 0
    assert (tmp_path / "run" / "report.html").read_bytes() == (run / "report.html").read_bytes()
    table = tmp_path / "run" / "exchange.csv"
    rows = table.read_text("utf-8").splitlines()
    cells = rows[1].split(",")
    cells[3] = "3.25"
    rows[1] = ",".join(cells)
    table.write_text("\n".join(rows) + "\n", encoding="utf-8")
    assert command("verify", tmp_path / "run") == 5
    told = capsys.readouterr()
    assert "FAILED optimum: electricity balances in every home" in told.out
    assert "home A: electricity, hour 0" in told.out
    assert "checks" in told.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--front", "3", "--emission-weight", "1"], "exclude each other"),
        (["--front", "1"], "--front 1"),
        (["--gap", "0"], "--gap 0"),
        (["--time-limit", "-1"], "--time-limit -1"),
        (["--emission-weight", "-1"], "--emission-weight -1"),
        (["--day", "tomorrow"], "tomorrow"),
    ],
)
def test_a_bad_option_is_named(
    options: list[str], words: str, case: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("optimum", case, *options, "--out", case / "run") == 2
    assert words in capsys.readouterr().err
    assert not (case / "run").exists()


def test_other_commands_say_that_they_take_plans(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments in (["export", run], ["verify", run, "--prove"]):
        assert command(*arguments) == 2
        assert "is an optimum of homes" in capsys.readouterr().err


def test_optima_are_compared(
    run: Path, case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("optimum", case, "--emission-weight", 1, "--out", tmp_path / "b", "-q") == 0
    capsys.readouterr()
    out = tmp_path / "compared"
    assert command("compare", run, tmp_path / "b", "--out", out) == 0
    assert f"comparison: {out}" in capsys.readouterr().out
    table = pd.read_csv(out / "compare.csv").set_index("quantity")
    records = [read_optimum(folder).record for folder in (run, tmp_path / "b")]
    for name, key in (("Cost with unserved load", "cost"), ("Emission", "emission_kg")):
        told = [getattr(record, key) for record in records]
        assert table.loc[name, ["run", "b"]].tolist() == pytest.approx(told)
        assert table.loc[name, "difference, b"] == pytest.approx(told[1] - told[0], abs=1e-8)
    assert (
        table.loc["Cost with unserved load", "difference, b"]
        > 0.0
        > table.loc["Emission", "difference, b"]
    )
    page = ReadPage((out / "compare.html").read_text("utf-8"))
    assert set(page.figures) == {"costs", "trade", "stored"}
    assert json.loads((out / "cmgplan-compare.json").read_text("utf-8"))["notes"] == []


def test_a_comparison_of_two_cases_says_so(
    run: Path, case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toml = case / "case.toml"
    toml.write_text(toml.read_text("utf-8").replace("= 0.04", "= 0.05"), encoding="utf-8")
    assert command("optimum", case, "--out", tmp_path / "b", "--quiet") == 0
    assert command("compare", run, tmp_path / "b", "--out", tmp_path / "c") == 0
    assert "note: The case of b is not that of run" in capsys.readouterr().out
    plan = write_run(make_result(tmp_path / "planning"), tmp_path / "plan")
    assert command("compare", run, plan) == 2
    assert "compare plans with plans" in capsys.readouterr().err
    assert command("compare", run) == 2
    assert "give two or more runs" in capsys.readouterr().err


def test_kinds_of_runs_do_not_overwrite_each_other(
    run: Path, case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = write_run(make_result(tmp_path / "planning"), tmp_path / "plan")
    assert command("optimum", case, "--out", plan) == 2
    assert "holds files that are not a run of homes (no run.json)" in capsys.readouterr().err
    assert (plan / "plan.json").exists()
    other = shutil.copytree(run, tmp_path / "other")
    content = json.loads((other / "run.json").read_text("utf-8"))
    (other / "run.json").write_text(json.dumps({**content, "system": "weather"}), "utf-8")
    assert command("optimum", case, "--out", other) == 2
    assert "holds a run of weather" in capsys.readouterr().err
    assert command("verify", other) == 2
    assert "'weather', which this version does not know" in capsys.readouterr().err


def test_a_case_without_a_day_ends_with_exit_3(
    case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toml = case / "case.toml"
    text = toml.read_text("utf-8").replace("power_max_kw = 20.0", "power_max_kw = 0.9")
    # B's job takes 1 kW in two hours, and all that B has in an hour is 0.9 kW of the retailer.
    text = text.replace("[pool]", "[pool]\nelectricity = false")
    text = text.replace("p_discharge_max_kw = 2.0", "p_discharge_max_kw = 0.0")
    toml.write_text(text, encoding="utf-8")
    assert command("optimum", case, "--out", tmp_path / "run", "--quiet") == 3
    told = capsys.readouterr().err
    assert "home B needs more electricity than it can have: 0.10 kW" in told
    assert "raise power_max_kw" in told
    assert not (tmp_path / "run").exists()
    why = tmp_path / "run.why.html"
    assert "power_max_kw" in why.read_text("utf-8")
    toml.write_text(text.replace("power_max_kw = 0.9", "power_max_kw = 9.0"), encoding="utf-8")
    assert command("optimum", case, "--out", tmp_path / "run", "--quiet") == 0
    assert not why.exists()


@pytest.mark.parametrize("how", ["missing", "not json", "twice", "wrong type", "no system"])
def test_a_damaged_run_is_refused_with_its_file(
    how: str, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = shutil.copytree(run, tmp_path / "run")
    path = copy / "run.json"
    content = json.loads(path.read_text("utf-8"))
    if how == "missing":
        (copy / "income.csv").unlink()
    elif how == "not json":
        path.write_text("{", encoding="utf-8")
    elif how == "twice":
        path.write_text('{"system": "optimum", "system": "optimum"}', encoding="utf-8")
    elif how == "wrong type":
        path.write_text(json.dumps({**content, "cost": "much"}), encoding="utf-8")
    else:
        path.write_text(json.dumps({k: v for k, v in content.items() if k != "system"}), "utf-8")
    for name in ("verify", "report"):
        assert command(name, copy) == 2
        assert ("income.csv" if how == "missing" else "run.json") in capsys.readouterr().err


def test_cost_is_named_as_on_other_pages_with_and_without_unserved_load(tmp_path: Path) -> None:
    """Behind connections of 5 kW much stays unserved, at 10 a kWh of electricity."""
    case = write_homes(tmp_path / "case", {"retailer.power_max_kw": 5.0})
    assert command("optimum", case, "--out", tmp_path / "run", "--quiet") == 0
    run = read_optimum(tmp_path / "run")
    totals = day_totals(run.tables, "optimum", run.record.case.dt_h)
    assert totals.unserved > 10.0
    rows = {name.text: money.value for name, money, _ in totals_table(run.record, totals).rows}
    compared = {key: name for key, name, *_ in QUANTITIES}
    assert (compared["served_cost"], compared["cost"]) == (BUILDING["cost"], BUILDING["value"])
    without, value, whole = (
        float(rows[compared[key]]) for key in ("served_cost", "unserved", "cost")
    )
    assert whole == pytest.approx(run.record.cost)
    assert without + value == pytest.approx(whole)
    assert "Cost" not in rows
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "Lower bound of the cost with unserved load" in page
