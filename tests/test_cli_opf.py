"""The command for optimal power flow: output, notes and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from matpower_text import GOLDEN, branch, bus, distribution, gen, matpower

from cmgplan.cli import main

CASES = Path(__file__).parents[1] / "cases"


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
