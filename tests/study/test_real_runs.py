"""Studies of real runs: the same tables as without a study, and how the command line ends."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from studies import dated_homes, tables, until
from two_homes import TOGETHER

from cmgplan import cli, find_optimum, load_case, run_study, write_optimum
from cmgplan.cli.supervise import INTERRUPTING
from cmgplan.homes.optimum.result import OptimumOptions
from cmgplan.run.findings import CheckResult, Finding
from cmgplan.run_kinds import RUN_KINDS
from cmgplan.study.verify import verify_study

DAYS = 3
LACKING = 1


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a study of the optimum of two homes on three days, one faulty, in two scenarios."""
    folder = tmp_path_factory.mktemp("real")
    dated_homes(folder / "homes", DAYS, LACKING)
    (folder / "s.csv").write_text("scenario,weight,price,load\nbase,0.75,1,1\nhigh,0.25,2,0.5\n")
    (folder / "x.toml").write_text(
        'format = 1\nname = "x"\nsystem = "optimum"\ncases = ["homes"]\n[over]\n'
        'days = { from = 2026-01-01 }\nscenarios = { file = "s.csv" }\n'
    )
    run_study(folder / "x.toml", folder / "out", workers=2)
    return folder


def of_tasks(folder: Path) -> pd.DataFrame:
    text = {"day": str, "scenario": str, "reason": str}
    return pd.read_csv(folder / "out" / "tasks.csv", dtype=text)


def test_a_case_with_a_fault_on_one_day_is_run_on_the_others(studied: Path) -> None:
    table = of_tasks(studied)
    failed = table[table["state"] == "failed"]
    assert list(failed["day"]) == ["2026-01-02", "2026-01-02"]
    assert failed["reason"].str.contains("2026-01-02 01:00:00 is missing").all()
    assert list(table["state"]).count("done") == 4


def test_each_task_costs_what_it_costs_by_hand(studied: Path) -> None:
    """In the scenario base the case is as it is; its optimum is solved by hand in SOURCES.md."""
    table = of_tasks(studied).query("state == 'done' and scenario == 'base'")
    assert list(table["cost"]) == pytest.approx([TOGETHER.cost] * 2)
    assert list(table["emission_kg"]) == pytest.approx([TOGETHER.emission_kg] * 2)
    assert list(table["weight"]) == pytest.approx([0.75] * 2)


def test_a_task_has_the_tables_of_the_run_alone(studied: Path, tmp_path: Path) -> None:
    case = load_case(studied / "homes", day="2026-01-03", system="homes")
    write_optimum(find_optimum(case, OptimumOptions()), tmp_path / "alone")
    row = of_tasks(studied).query("day == '2026-01-03' and scenario == 'base'").iloc[0]
    for path in sorted((tmp_path / "alone").glob("*.csv")):
        with path.open(newline="") as file:
            due = list(csv.reader(file))[1:]
        with (studied / "out" / path.name).open(newline="") as file:
            found = [cells[5:] for cells in csv.reader(file) if cells[0] == row["task"]]
        assert found == due


def test_every_task_is_a_run_that_verifies(studied: Path) -> None:
    """A scenario's run too: its copy of the case is the scaled one."""
    for task in of_tasks(studied).query("state == 'done'")["task"]:
        checks = RUN_KINDS["optimum"].verify(studied / "out" / "tasks" / task)
        assert checks
        assert all(check.passed for check in checks)


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("accounts.csv", lambda lines: lines[:-1], "accounts.csv row"),
        ("accounts.csv", lambda lines: [*lines, lines[-1]], "is of no run"),
        ("tasks.csv", lambda lines: [s.replace(",done,", ",failed,") for s in lines], "alike"),
        ("odd.csv", lambda lines: ["a"], "odd.csv: is missing or of no run"),
    ],
)
def test_a_table_that_is_not_that_of_the_runs_is_found(
    name: str, change: Callable[[list[str]], list[str]], told: str, studied: Path
) -> None:
    path = studied / "out" / name
    before = path.read_text() if path.exists() else None
    path.write_text("\n".join(change((before or "").splitlines())) + "\n")
    try:
        checks = verify_study(studied / "out", lambda run: ())
    finally:
        if before is None:
            path.unlink()
        else:
            path.write_text(before)
    places = [finding.place for check in checks for finding in check.findings]
    assert any(told in place for place in places)
    assert all(check.passed for check in verify_study(studied / "out", lambda run: ()))


def test_a_task_that_is_another_one_and_a_run_that_fails_are_found(studied: Path) -> None:
    out = studied / "out"
    task = of_tasks(studied).query("state == 'done'")["task"].iloc[0]
    path = out / "tasks" / task / "task.json"
    before = path.read_text()
    path.write_text(json.dumps({**json.loads(before), "scenario": "other"}))
    wrong = CheckResult("balance", (Finding("here", 1.0, "kW"),))
    try:
        checks = verify_study(out, lambda run: (wrong,) if run.name == task else ())
    finally:
        path.write_text(before)
    failed = {check.name for check in checks if not check.passed}
    assert failed == {"tasks are what their identity says", f"{task}: balance"}


def test_prices_of_a_scenario_are_those_of_the_accounts(studied: Path) -> None:
    """Twice the price of the profiles, for buying and selling alike."""
    accounts = pd.read_csv(studied / "out" / "accounts.csv")
    by_hour = load_case("two-homes", system="homes").profiles
    traded = accounts[accounts["reason"].isin(["purchase", "sale"])]
    assert set(traded["reason"]) == {"purchase", "sale"}
    assert set(traded["scenario"]) == {"base", "high"}
    for row in traded.itertuples():
        column = "buy_per_kwh" if row.reason == "purchase" else "sell_per_kwh"
        factor = 2.0 if row.scenario == "high" else 1.0
        assert row.price_per_kwh == pytest.approx(factor * by_hour[column][row.hour])


def test_parquet_holds_what_the_csv_holds(studied: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    place = studied / "out" / "dispatch"
    query = f"SELECT SUM(fuel_kw), COUNT(*) FROM '{place}.parquet'"  # noqa: S608 - our own path
    ((fuel_kw, count),) = duckdb.sql(query).fetchall()
    table = pd.read_csv(f"{place}.csv")
    assert fuel_kw == pytest.approx(table["fuel_kw"].sum())
    assert count == len(table)


@pytest.fixture
def handlers() -> Iterator[None]:
    """Restore the handlers of signals that the command line installs."""
    before = {number: signal.getsignal(number) for number in INTERRUPTING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def code_of(*arguments: str) -> object:
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    return stop.value.code


@pytest.mark.usefixtures("handlers")
def test_the_command_resumes_and_tells_what_failed(
    studied: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(studied)
    before = tables(Path("out"))
    assert code_of("study", "x.toml", "--out", "out", "--resume") == 0
    printed = capsys.readouterr()
    assert "tasks: 4 done, 2 failed" in printed.out
    assert "2 tasks failed; why stands in" in printed.err
    assert tables(Path("out")) == before
    assert code_of("study", "x.toml", "--out", "out") == 2
    assert "add --resume" in capsys.readouterr().err
    assert code_of("verify", "out") == 0
    assert "of 4 runs" in capsys.readouterr().out
    assert code_of("verify", "out", "--prove") == 2
    assert "is a study; give --prove the run of a task" in capsys.readouterr().err
    assert code_of("report", "out") == 0
    assert capsys.readouterr().out.strip() == str(Path("out/report.html"))


def test_an_interruption_ends_with_130_and_says_how_to_go_on(studied: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "cmgplan", "study", "x.toml", "--out", "broken", "--workers", "1"],
        cwd=studied,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert until((studied / "broken" / "ledger.sqlite").exists, 60.0)
    assert until(lambda: _state(studied / "broken") == "running", 10.0)
    process.send_signal(signal.SIGINT)
    told = process.communicate(timeout=60.0)[1]
    assert process.returncode == 130
    assert "go on with --resume" in told
    assert "Traceback" not in told
    assert _state(studied / "broken") == "interrupted"
    assert not (studied / "broken" / ".work").exists()


def _state(folder: Path) -> str:
    about: dict[str, Any] = json.loads((folder / "study.json").read_text())
    return str(about["state"])


def test_the_page_of_a_study_links_to_its_runs(studied: Path) -> None:
    page = (studied / "out" / "report.html").read_text()
    done = of_tasks(studied).query("state == 'done'")["task"]
    for task in done:
        assert f'<a href="tasks/{task}/report.html">' in page
        assert (studied / "out" / "tasks" / task / "report.html").is_file()
    assert "2026-01-02 01:00:00 is missing" in page
    assert "cost by day" not in page  # two days are no calendar


@pytest.mark.usefixtures("handlers")
def test_a_study_without_any_answer_ends_with_4_and_has_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x.toml").write_text(
        'format = 1\nname = "x"\nsystem = "optimum"\ncases = ["two-homes"]\n'
        "[limits]\ntime_per_task_s = 0.01\n"
    )
    assert code_of("study", "x.toml") == 4
    assert "no task came to an answer" in capsys.readouterr().err
    page = Path("studies/x/report.html").read_text()
    assert "it took longer than time_per_task_s, 0.01 s" in page
    assert "0 of 1\N{NO-BREAK SPACE}task came to an answer" in page


@pytest.mark.usefixtures("handlers")
def test_a_bad_study_file_ends_with_2_and_tells_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.toml").write_text('format = 2\nsystem = "planning"\ncases = "two-bus"\n')
    assert code_of("study", str(tmp_path / "x.toml")) == 2
    told = capsys.readouterr().err
    assert "3 problems" in told
    assert "x.toml name: name is missing; add name" in told
    assert "x.toml cases: " in told
