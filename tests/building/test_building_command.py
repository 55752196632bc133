"""``cmgplan building``, what other commands do with its run, and the paper's claims beside it."""

from __future__ import annotations

import importlib
import json
import shutil
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from cmgplan.building.pipeline import run_building
from cmgplan.building.report.read_run import read_building
from cmgplan.building.report.run_record import BuildingRecord, json_schema
from cmgplan.building.result import BuildingOptions
from cmgplan.cli import main
from cmgplan.cli.shown.homes import print_feeder
from cmgplan.homes.case.read import load_homes

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "scripts"))
script = importlib.import_module("reproduce_paper")


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
    folder = tmp_path_factory.mktemp("building") / "run"
    assert command("building", "apartment5", "--out", folder, "--quiet") == 0
    return folder


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small") / "run"
    assert command("building", "two-homes", "--rules", "paying", "--out", folder, "-q") == 0
    return folder


def test_a_summary_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command("building", "two-homes", "--days", 1, "--seed", 4) == 0
    out, err = capsys.readouterr()
    folder = Path("runs") / "two-homes-building"
    assert f"run: {folder}, page: {folder / 'report.html'}" in out
    assert "pay more in the coalition than alone: none" in out
    assert "1 stochastic day, coalition against alone:" in out
    assert "stochastic day 1 of 1" in err
    record = read_building(folder).record
    assert (record.options.seed, record.options.days, len(record.days)) == (4, 1, 1)
    assert record.optimal_values == {}


def test_the_contract_of_run_json(run: Path) -> None:
    content = json.loads((run / "run.json").read_text("utf-8"))
    assert {"system", "case", "currency", "versions", "options", "wall_s", "verified"} <= set(
        content
    )
    totals = (
        "cost grid_kwh chp_kwh chp_sold_kwh spare_chp_kwh battery_charge_kwh "
        "battery_discharge_kwh battery_sold_kwh heat_short_1_kwh heat_short_2_kwh boiler_kwh "
        "heat_unserved_kwh heat_dumped_kwh"
    )
    for way in ("coalition", "alone"):
        assert set(totals.split()) <= set(content[way])
        names = {"cost", "bound", "gap", "grid_kwh", "heat_unserved_kwh"}
        assert names <= set(content["optimum"][way])
        assert all(way in costs for costs in content["units"].values())
    assert content["days"] == []
    head = (run / "steps.csv").read_text("utf-8").splitlines()[0]
    assert head.startswith("way,step,hour,unit,p_kw,heat_kw")


def test_the_schema_that_ships_is_that_of_the_record(run: Path) -> None:
    path = files("cmgplan.building.report").joinpath("building.schema.json")
    shipped = json.loads(path.read_text("utf-8"))
    assert shipped == json_schema(), "write json_schema() to building.schema.json"
    content = json.loads((run / "run.json").read_text("utf-8"))
    assert set(shipped["required"]) == set(content)


def test_rules_that_pay_are_told(small: Path, run: Path) -> None:
    paying, paper = read_building(small).record, read_building(run).record
    assert (paying.rules, paper.rules) == ("paying", "paper")
    assert "Priority rules that pay" in (small / "report.html").read_text("utf-8")
    assert paying.optimum.coalition is not None
    assert paying.coalition.value >= paying.optimum.coalition.bound


def test_verify_and_report_know_the_run(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = shutil.copytree(small, tmp_path / "run")
    assert command("verify", copy) == 0
    assert "all 28 checks hold" in capsys.readouterr().out
    (copy / "report.html").unlink()
    assert command("report", copy) == 0
    assert (copy / "report.html").read_bytes() == (small / "report.html").read_bytes()
    capsys.readouterr()
    table = copy / "steps.csv"
    text = table.read_text("utf-8")
    table.write_text(text.replace("alone,E11,2,A,", "alone,E11,2,A,1"), "utf-8")
    assert command("verify", copy) == 5
    out = capsys.readouterr().out
    assert "FAILED steps sum to the dispatch and the exchange" in out
    assert "FAILED the rules, run again, give every number of every table" in out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--days", "-1"], "--days -1"),
        (["--days", "many"], "--days"),
        (["--seed", "3"], "--seed is of stochastic days"),
        (["--days", "2", "--seed", "-3"], "--seed -3"),
        (["--rules", "mine"], "--rules mine"),
        (["--day", "tomorrow"], "tomorrow"),
    ],
)
def test_a_bad_option_is_named(
    options: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("building", "two-homes", *options, "--out", tmp_path / "run") == 2
    assert words in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_what_it_does_not_run_is_left_alone(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("building", "ieee94", "--out", tmp_path / "run") == 2
    assert "this is a case of planning" in capsys.readouterr().err
    other = shutil.copytree(run, tmp_path / "other")
    content = json.loads((other / "run.json").read_text("utf-8"))
    (other / "run.json").write_text(json.dumps({**content, "system": "market"}), "utf-8")
    assert command("building", "two-homes", "--out", other) == 2
    assert "holds a run of market" in capsys.readouterr().err
    assert command("export", run) == 2
    assert "is a run of the building" in capsys.readouterr().err


@pytest.mark.parametrize("how", ["missing table", "not json", "no totals"])
def test_a_damaged_run_is_refused_with_its_file(
    how: str, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = shutil.copytree(run, tmp_path / "run")
    path = copy / "run.json"
    if how == "missing table":
        (copy / "steps.csv").unlink()
    elif how == "not json":
        path.write_text("{", encoding="utf-8")
    else:
        content = json.loads(path.read_text("utf-8"))
        del content["alone"]["boiler_kwh"]
        path.write_text(json.dumps(content), encoding="utf-8")
    for name in ("verify", "report"):
        assert command(name, copy) == 2
        told = capsys.readouterr().err
        assert ("steps.csv" if how == "missing table" else "run.json") in told


def claims_of(run: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    assert script.main(["building", str(run), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["claims"]
    return {claim["name"]: claim for claim in found}


def test_the_papers_claims_stand_beside_the_day(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    claims = claims_of(run, capsys)
    differ = {name for name, claim in claims.items() if claim["same"] is False}
    assert differ == {
        "less heat short at first, and more heat of CHPs, in the coalition, kWh",
        "price of offers to the market",
        "15bus: dissatisfied customers in scenarios 1, 2, 3",
        "33bus: dissatisfied customers in scenarios 1, 2, 3",
        "33bus: energy and heads of scenarios 2 and 3 over 1, less 1, %",
        "69bus, four buildings a bus: less current with a coalition, and alone, %",
    }
    month = [claim for name, claim in claims.items() if name.startswith("over a month")]
    assert [claim["same"] for claim in month] == [None] * 4  # of 31 days, not of none
    assert all(claim["why"] for claim in claims.values() if not claim["same"])
    covered = next(claim for name, claim in claims.items() if name.startswith("shortage covered"))
    assert covered["values"]["coalition"] == pytest.approx(628.26, abs=0.05)


def test_claims_of_another_case_are_refused(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = shutil.copytree(run, tmp_path / "run")
    toml = copy / "case" / "case.toml"
    toml.write_text(toml.read_text("utf-8").replace('"apartment5"', '"ours"'), "utf-8")
    assert script.main(["building", str(copy)]) == 2
    assert "is of case ours" in capsys.readouterr().err
    assert script.main(["building", str(tmp_path / "nowhere")]) == 2
    assert "there is no such folder" in capsys.readouterr().err


def test_the_feeder_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    from cmgplan.building.report.run_record import FaultRecord, FeederScenario

    case = load_homes("apartment5-15bus")
    result = run_building(case, BuildingOptions(priced=False))
    told = result.summary()
    feeder = [FeederScenario.model_validate(part) for part in told["feeder"]]
    feeder[1] = feeder[1].model_copy(update={"not_converged": [7, 8]})
    faults = [FaultRecord.model_validate(part) for part in told["faults"]]
    print_feeder(BuildingRecord.model_construct(feeder=feeder, faults=faults))
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["1", "6.131", "0.9400", "13", "372.7"]
    assert "scenario 2: no power flow in hours 7, 8, which do not count" in lines
    row = next(line for line in lines if "T1 closed" in line and "3 with three" in line)
    assert row.split()[-3:] == ["133.42", "133.42", "45"]
