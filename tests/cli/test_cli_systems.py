"""Commands on cases of several systems: whose a case is, and what can be done with it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from homes_factories import write_homes

import cmgplan
from cmgplan import cli
from cmgplan.errors import InputError
from cmgplan.systems import HOMES


def run(*arguments: object) -> int:
    """Run a command and return its exit code."""
    with pytest.raises(SystemExit) as stop:
        cli.main([str(argument) for argument in arguments])
    return int(stop.value.code or 0)


def test_check_says_what_can_be_done_with_a_case(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", "two-homes") == 0
    assert capsys.readouterr().out == f"two-homes: {HOMES.ready}\n"
    assert run("check", "two-bus") == 0
    assert capsys.readouterr().out == "two-bus: can be planned\n"


def test_check_lists_the_faults_of_a_case_of_homes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        run("check", write_homes(tmp_path, {"home.0.chp.0.fuel_min_kw": 90, "home.1.wt": []})) == 2
    )
    assert capsys.readouterr().out.splitlines() == [
        "1 error",
        "  case.toml",
        "    home[0].chp[0].fuel_min_kw: fuel_min_kw 90 is above fuel_max_kw 80 (A engine); "
        "lower fuel_min_kw",
        "1 warning",
        "  profiles.csv",
        "    row 1: nothing uses the column wind; name it or remove it",
    ]


def test_check_names_the_command_that_refuses_a_sound_case_and_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edits = {"building": {"power_coefficient": 1.2}, "home.0.chp.0.min_on_h": 2}
    folder = write_homes(tmp_path, edits)
    assert run("check", folder) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[:2] == ["building: 2 errors", "  case.toml"]
    assert told[2].startswith("    building.power_coefficient: 1.2 in hour 0 (and in 3 more hours)")
    assert told[3].startswith("    home[0].chp[0].min_on_h: the rules of the building cannot keep")
    assert told[4:] == [f"{folder}: can be run: optimum, market, respond; not: building"]


def test_check_names_a_limit_of_emission_under_which_an_engine_could_never_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edits = {"home.0.policy": "emission", "home.0.emission_max_kg_per_h": 0.1}
    folder = write_homes(tmp_path, edits)
    assert run("check", folder) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[:2] == ["respond: 1 error", "  case.toml"]
    assert told[2].startswith("    home[0].emission_max_kg_per_h: 0.1 kg/h is under the 3.68 that")
    assert told[3:] == [f"{folder}: can be run: optimum, market, building; not: respond"]


def test_cases_are_listed_with_their_system(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("cases") == 0
    listed = {line.split()[0]: line.split()[1] for line in capsys.readouterr().out.splitlines()}
    assert (listed["two-homes"], listed["two-bus"]) == ("homes", "planning")


@pytest.mark.parametrize("command", ["plan", "opf"])
def test_planning_refuses_a_case_of_homes(
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(command, "two-homes") == 2
    told = capsys.readouterr().err
    commands = " or ".join(f"cmgplan {command}" for command in HOMES.commands)
    assert {"optimum", "market"} <= set(HOMES.commands)
    assert told == f"error: two-homes: this is a case of homes; use {commands}\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["check", "plan", "opf"])
def test_a_system_that_is_not_known_is_refused(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command, write_homes(tmp_path, {"system": "market"})) == 2
    printed = capsys.readouterr()
    told = '"market" is not a known system; give "planning" or "homes"'
    assert told in printed.out + printed.err


def test_the_registry_is_imported_without_what_the_systems_need() -> None:
    script = (
        "import sys\nfrom cmgplan.systems import SYSTEMS\n"
        "heavy = {'pandas', 'numpy', 'pyomo', 'pydantic'} & set(sys.modules)\n"
        "sys.exit(repr(heavy) if heavy or len(SYSTEMS) != 2 else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_case_of_homes_is_not_planned_from_python() -> None:
    with pytest.raises(InputError, match="no case of planning"):
        cmgplan.plan(cmgplan.load_case("two-homes"))


def test_a_folder_that_is_not_there_is_no_case_of_planning(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("optimum", "no-such-folder") == 2
    assert "there is no such case folder" in capsys.readouterr().err
