"""The command for optimal power flow: output, notes and exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from matpower_text import GOLDEN, branch, bus, distribution, gen, matpower

from cmgplan.cli import main

CASES = Path(__file__).parents[2] / "cases"


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(["opf", *arguments])
    return int(stop.value.code or 0)


def test_json_holds_the_agreed_keys(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(str(GOLDEN / "pglib_case14_ieee" / "network.m"), "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert {"status", "objective", "iterations", "v_min_pu", "loss_mw"} <= set(told)
    assert set(told["wall_s"]) == {"build", "compile", "solve"}
    assert told["objective"] == pytest.approx(2178.1, rel=5e-5)
    assert 0.0 <= told["replay_max_dv_pu"] < 1e-6
    assert told["gap"] == pytest.approx(0.0011, abs=5e-5)


def test_a_proven_infeasible_network_exits_3(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "made.m"
    path.write_text(distribution("case94pi", v_min=0.9), encoding="utf-8")
    assert run(str(path), "--json") == 3
    out, err = capsys.readouterr()
    assert json.loads(out)["objective"] is None
    assert "proven infeasible" in err
    assert "bus 92 voltage 0.8485 < 0.9 pu" in err


def test_bad_input_exits_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(str(tmp_path / "none.m")) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_a_price_stands_in_for_missing_costs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "made.m"
    buses = [bus(1, kind=3), bus(2, 10.0)]
    path.write_text(matpower(buses, [gen(1)], [branch(1, 2, r=0.0)], []), encoding="utf-8")
    assert run(str(path)) == 2
    assert "--price" in capsys.readouterr().err
    assert run(str(path), "--price", "30", "--json") == 0
    assert json.loads(capsys.readouterr().out)["objective"] == pytest.approx(300.0, rel=1e-6)


def test_a_case_is_solved_over_its_hours(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(str(CASES / "two-bus")) == 0
    out, err = capsys.readouterr()
    assert out.startswith("locally optimal (flat start)")
    assert "devices of the microgrids are left out" in err


def test_the_table_tells_what_binds_and_where_the_voltage_is_least(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "made.m"
    lines = [branch(1, 2, rate=50.0, x=0.05), branch(1, 2, rate=50.0, x=0.05)]
    buses = [bus(1, kind=3), bus(2, 120.0, 20.0)]
    text = matpower(buses, [gen(1), gen(2)], lines, [[2, 0, 0, 2, 10, 0], [2, 0, 0, 2, 30, 0]])
    path.write_text(text, encoding="utf-8")
    assert run(str(path)) == 0
    out = capsys.readouterr().out
    for told in ("cost, $/h", "lower bound", "gap ", "losses, MW", "bus 2", "replay", "iterations"):
        assert told in out
    assert "branch 1-2 (row 1): rating" in out
    assert "branch 1-2 (row 2): rating" in out
    assert run(str(path), "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["v_min_bus"] == "2"
    assert "branch 1-2 (row 1): rating" in told["binding"]
    assert 0.0 <= told["gap"] < 1.0
    assert told["bound"] <= told["objective"]


BROKEN_FILES = {
    "none.json": (None, "cannot be read (No such file"),
    "cut.json": ('{"a":', "cannot be read as JSON"),
    "empty.json": ("", "cannot be read as JSON"),
    "list.json": ("[1]", "not a pandapower network"),
    "foreign.json": ('{"_module": "os", "_class": "system", "_object": {}}', "not a pandapower"),
    "no-bus.json": ('{"_class": "pandapowerNet", "_object": {}}', "no table of buses"),
    "text.m": ("hello", "line 1: `hello` is code"),
    "empty.m": ("", "mpc.bus is missing"),
    "old.m": ("function [baseMVA, bus, gen, branch] = old\n", "mpc.bus is missing"),
    "results.m": ("function [a, b] = none\n", "the function returns a, b, which is no case"),
    "net.xlsx": ("", "not a network that is known"),
    "none": (None, "not a network that is known"),
}


@pytest.mark.parametrize("name", BROKEN_FILES)
def test_what_is_no_network_exits_2_and_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    content, told = BROKEN_FILES[name]
    if content is not None:
        (tmp_path / name).write_text(content, encoding="utf-8")
    assert run(str(tmp_path / name), "--json") == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert told in err
    assert "Traceback" not in err


def test_an_infeasible_case_prints_json_and_nothing_else(tmp_path: Path) -> None:
    """Solvers and readers write to neither stream, in a process of its own."""
    path = tmp_path / "made.m"
    buses = [bus(1, kind=3, v_min=1.0, v_max=1.0), bus(2, 50.0, v_min=1.0, v_max=1.0)]
    path.write_text(matpower(buses, [gen(1)], [branch(1, 2)]), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "cmgplan", "opf", str(path), "--json", "--quiet"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert json.loads(done.stdout)["status"] == "proven infeasible"
    assert done.stderr.startswith("error: proven infeasible\n  bus 2 voltage")
    assert "CasADi" not in done.stderr
