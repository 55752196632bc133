"""The command line: what it prints, where, and with which exit code.

No planner is run but for what ``verify`` looks at.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import types
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from plans import small
from results import HOSTILE, NAMES, make_result, with_summary, write_case

from cmgplan import cli
from cmgplan.cli import console
from cmgplan.cli.arguments import folder_name
from cmgplan.cli.supervise import INTERRUPTING
from cmgplan.errors import InfeasibleError, LimitError, MachineError
from cmgplan.planning.result import PlanResult
from cmgplan.progress import ProgressEvent

Planner = Callable[..., PlanResult]


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> PlanResult:
    return make_result(tmp_path_factory.mktemp("cli") / "case")


@pytest.fixture
def planner(monkeypatch: pytest.MonkeyPatch) -> Callable[[Planner], None]:
    """Put another function in the place of the planner."""

    def put(plan: Planner) -> None:
        pipeline = types.ModuleType("cmgplan.planning.pipeline")
        pipeline.plan = plan  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "cmgplan.planning.pipeline", pipeline)

    return put


@pytest.fixture(autouse=True)
def term_handler() -> Any:
    """Restore the handler that the command line installs."""
    before = {number: signal.getsignal(number) for number in INTERRUPTING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def run(*arguments: object) -> int:
    """Run a command and return its exit code."""
    with pytest.raises(SystemExit) as stop:
        cli.main([str(argument) for argument in arguments])
    return int(stop.value.code or 0)


def fixed(result: PlanResult) -> Planner:
    """Return a planner that tells two events and gives a fixed result."""

    def plan(
        case: Any, options: Any, *, progress: Callable[[ProgressEvent], None], journal: Any
    ) -> PlanResult:
        progress(ProgressEvent("level 1", "islanded"))
        progress(ProgressEvent("level 4", "searching", point=2, points=10, gap=0.031))
        return replace(result, case=case, options=options)

    return plan


def test_help_is_shown_without_the_heavy_imports() -> None:
    script = (
        "import sys\nfrom cmgplan import cli\ntry:\n    cli.main(['plan', '--help'])\n"
        "except SystemExit:\n    pass\n"
        "heavy = {'pyomo', 'pandas', 'pandapower', 'casadi', 'plotly'} & set(sys.modules)\n"
        "sys.exit(repr(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--time-limit" in done.stdout


def test_a_plan_is_written_and_summed_up(
    result: PlanResult,
    planner: Callable[[Planner], None],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    planner(fixed(result))
    out = tmp_path / "runs" / "mine"
    assert run("plan", result.case.folder, "--out", out, "--points", 4, "--gap", 0.05) == 0
    printed = capsys.readouterr()
    assert "selected: point 1 (fuzzy)" in printed.out
    assert "generation cost, $" in printed.out
    assert str(out) in printed.out
    assert printed.err.splitlines() == [
        "level 1: islanded",
        "level 4, point 2 of 10, gap 3.10 %: searching",
    ]
    assert (out / "plan.json").is_file()


def test_options_of_the_command_line_replace_those_of_the_case(
    result: PlanResult, planner: Callable[[Planner], None], tmp_path: Path
) -> None:
    seen = []

    def plan(case: Any, options: Any, *, progress: Any, journal: Any) -> PlanResult:
        seen.append(options)
        return result

    planner(plan)
    given = ["--points", 4, "--select", 2, "--sweep", "grid", "--hierarchy", "joint"]
    given += ["--minlp", "bonmin", "--gap", 0.2, "--time-limit", 7, "--jobs", 2]
    assert run("plan", result.case.folder, "--out", tmp_path / "run", "--quiet", *given) == 0
    (options,) = seen
    assert (options.points, options.select, options.sweep) == (4, 2, "grid")
    assert (options.hierarchy, options.minlp, options.gap) == ("joint", "bonmin", 0.2)
    assert (options.time_limit_s, options.jobs, options.radial) == (7.0, 2, True)


def test_quiet_tells_no_progress(
    result: PlanResult,
    planner: Callable[[Planner], None],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    planner(fixed(result))
    assert run("plan", result.case.folder, "--out", tmp_path / "run", "-q") == 0
    assert capsys.readouterr().err == ""


def test_the_run_goes_under_the_name_of_the_case(
    result: PlanResult,
    planner: Callable[[Planner], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    planner(fixed(result))
    monkeypatch.chdir(tmp_path)
    assert run("plan", result.case.folder, "-q") == 0
    assert (tmp_path / "runs" / "by-hand" / "plan.json").is_file()


@pytest.mark.parametrize(
    ("name", "folder"), [("../../etc", "etc"), ("a b/c", "a-b-c"), ("..", "case"), ("é1", "é1")]
)
def test_no_name_leads_a_run_out_of_its_place(name: str, folder: str) -> None:
    assert folder_name(name) == folder


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--points", "1"], "--points 1: give a whole number, 2 or more\n"),
        (["--gap", "2"], "--gap 2: give a number above 0 and below 1\n"),
        (["--gap", "nan"], "--gap nan: give a number above 0 and below 1\n"),
        (["--time-limit", "0"], "--time-limit 0: give a number above 0\n"),
        (["--time-limit", "inf"], "--time-limit inf: give a finite number above 0\n"),
        (["--minlp", "guess"], "--minlp guess: give decomposition, highs or bonmin\n"),
        (
            ["--sweep", "spiral", "--jobs", "0"],
            "--sweep spiral: give diagonal or grid; --jobs 0: give a whole number, 1 or more\n",
        ),
    ],
)
def test_a_wrong_option_is_explained(
    result: PlanResult,
    planner: Callable[[Planner], None],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    given: list[str],
    message: str,
) -> None:
    planner(fixed(result))
    assert run("plan", result.case.folder, "--out", tmp_path / "run", *given) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert "Traceback" not in printed.err
    assert not (tmp_path / "run").exists()


def test_a_usage_error_exits_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("plan") == 2
    assert run("plan", "--no-such-option") == 2
    assert run("no-such-command") == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_failed_replay_writes_the_run_and_exits_5(
    result: PlanResult,
    planner: Callable[[Planner], None],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    planner(fixed(with_summary(result, replay={"passed": False})))
    assert run("plan", result.case.folder, "--out", tmp_path / "run") == 5
    assert "FAILED" in capsys.readouterr().err
    assert (tmp_path / "run" / "plan.json").is_file()


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (InfeasibleError("bus 2, hour 1 would have to give 0.01 pu"), 3),
        (LimitError("stopped after 50 s"), 4),
        (OSError(2, "No such file or directory"), 2),
        (MachineError("the disk is full"), 6),
        (KeyboardInterrupt(), 130),
    ],
)
def test_what_the_planner_meets_becomes_an_exit_code(
    result: PlanResult,
    planner: Callable[[Planner], None],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    raised: BaseException,
    code: int,
) -> None:
    def plan(*_: Any, **__: Any) -> PlanResult:
        raise raised

    planner(plan)
    assert run("plan", result.case.folder, "--out", tmp_path / "run") == code
    printed = capsys.readouterr()
    assert (raised.strerror if isinstance(raised, OSError) else str(raised)) in printed.err
    assert "Traceback" not in printed.err
    assert list(tmp_path.iterdir()) == []


def test_debug_shows_the_traceback(
    result: PlanResult,
    planner: Callable[[Planner], None],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def plan(*_: Any, **__: Any) -> PlanResult:
        raise InfeasibleError("no schedule")

    planner(plan)
    assert run("plan", result.case.folder, "--out", tmp_path / "run", "--debug") == 3
    assert "Traceback" in capsys.readouterr().err


def test_a_place_that_cannot_be_used_is_told_before_planning(
    result: PlanResult, planner: Callable[[Planner], None], tmp_path: Path
) -> None:
    def plan(*_: Any, **__: Any) -> PlanResult:
        raise AssertionError("planned in vain")

    planner(plan)
    (tmp_path / "mine.txt").write_text("not a run")
    assert run("plan", result.case.folder, "--out", tmp_path) == 2
    assert run("plan", result.case.folder, "--out", tmp_path / "mine.txt") == 2
    assert run("plan", result.case.folder, "--out", tmp_path / "mine.txt" / "run") == 2


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_planning_leaves_nothing(
    result: PlanResult, tmp_path: Path, sent: signal.Signals
) -> None:
    script = (
        "import sys, time, types\nfrom cmgplan import cli\n"
        "def plan(*a, **k):\n    print('here', flush=True)\n    time.sleep(60)\n"
        "pipeline = types.ModuleType('cmgplan.planning.pipeline')\npipeline.plan = plan\n"
        "sys.modules[pipeline.__name__] = pipeline\ncli.main()"
    )
    command = [sys.executable, "-c", script, "plan", str(result.case.folder)]
    with subprocess.Popen(
        [*command, "--out", str(tmp_path / "run")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "here\n"
        child.send_signal(sent)
        _, told = child.communicate(timeout=30)
    assert child.returncode == 130
    assert told == "interrupted; no run was written\n"
    assert list(tmp_path.iterdir()) == []


def test_check_lists_all_faults(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = write_case(tmp_path / "case", NAMES)
    assert run("check", case.folder) == 0
    assert "can be planned" in capsys.readouterr().out
    (tmp_path / "case" / "buses.csv").write_text("bus,p_kw,q_kvar,vn_kv\n1,0,0,15\n2,-7,40,15\n")
    toml = tmp_path / "case" / "case.toml"
    toml.write_text(toml.read_text().replace("energy_kwh = 100.0", "energy_kwh = -5.0"))
    assert run("check", case.folder) == 2
    printed = capsys.readouterr().out
    assert "2 errors" in printed
    assert "buses.csv\n    row 3" in printed
    assert "energy_kwh" in printed


def test_a_faulty_case_is_not_planned(
    planner: Callable[[Planner], None],
    result: PlanResult,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    planner(fixed(result))
    assert run("plan", tmp_path / "nowhere", "--out", tmp_path / "run") == 2
    assert "nowhere" in capsys.readouterr().err


def test_verify_and_report_of_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case, out = small(tmp_path / "case").folder, tmp_path / "run"
    assert run("plan", case, "--points", 2, "--out", out, "-q") == 0
    assert run("verify", out) == 0
    assert "checks hold" in capsys.readouterr().out
    (out / "report.html").unlink()
    assert run("report", out) == 0
    assert (out / "report.html").is_file()
    loss = pd.read_csv(out / "loss.csv")
    loss.loc[1, "upper_ties_kw"] += 0.5
    loss.to_csv(out / "loss.csv", index=False)
    capsys.readouterr()
    assert run("verify", out) == 5
    printed = capsys.readouterr()
    assert "FAILED losses of ties by hour" in printed.out
    assert "loss.csv, upper_ties_kw, hour 1: 0.5 kW (told" in printed.out
    assert "FAILED: 1 of" in printed.err
    assert run("verify", tmp_path) == 2


def test_select_tells_a_tie(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Rows 2 and 4 lie 0.5 from the worst in their worse objective, as far as digits go."""
    path = tmp_path / "rows.csv"
    path.write_text("cost,co2\n0,0.3\n0.15,0.1\n0.3,0\n0.1,0.15\n,\n")
    assert run("select", path, "--minimise", "cost,co2", "--json") == 0
    chosen = json.loads(capsys.readouterr().out)
    assert (chosen["selected"]["row"], chosen["tied"]) == (2, [4])
    assert run("select", path, "--minimise", "cost,co2") == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "tied: row 4 has the same least membership" in printed
    path.write_text("cost\n" + "1\n" * 30)
    assert run("select", path, "--minimise", "cost") == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "tied: rows 2, 3, 4, 5, 6 and 24 more have the same least membership" in printed


def test_select_prints_a_table_or_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("name,cost,co2\ncheap,1,9\nmiddle,2,3\nclean,9,1\nfailed,,\n")
    assert run("select", path, "--minimise", "cost,co2", "--json") == 0
    chosen = json.loads(capsys.readouterr().out)
    assert chosen["selected"] == {"name": "middle", "cost": 2, "co2": 3, "row": 2}
    assert chosen["mu_min"] == pytest.approx(0.75)
    assert chosen["memberships"][0] == {"cost": 1.0, "co2": 0.0}
    assert chosen["memberships"][3] is None
    assert run("select", path, "--minimise", "cost, co2") == 0
    printed = capsys.readouterr().out
    assert "2 *" in printed
    assert "selected: row 2, least membership 0.7500" in printed
    assert "tied" not in printed
    assert chosen["tied"] == []
    assert run("select", path, "--minimise", "cost,noise") == 2
    assert "there is no column noise; its columns are name, cost, co2" in capsys.readouterr().err
    assert run("select", path) == 2


def test_a_name_cannot_drive_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    console.say("bus \x1b[2Jx [red]y[/red] ü")
    assert capsys.readouterr().out == "bus \N{REPLACEMENT CHARACTER}[2Jx [red]y[/red] ü\n"


def test_hostile_names_are_planned_and_verified(tmp_path: Path) -> None:
    name = HOSTILE["MG1"]
    edits = {
        "title": HOSTILE["title"],
        "microgrid.0.id": name,
        "microgrid.0.pcc.id": HOSTILE["PCC1"],
        "cluster.0.microgrids": [name, "MG2"],
        "tie.0.from_microgrid": name,
    }
    case = small(tmp_path / "case", edits).folder
    assert run("plan", case, "--points", 2, "--out", tmp_path / "run", "-q") == 0
    assert run("verify", tmp_path / "run") == 0


def test_a_point_that_the_sweep_cannot_have_is_refused_before_any_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("plan", "two-bus", "--select", 99, "--out", tmp_path / "run") == 2
    assert "point 99 cannot be selected" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
