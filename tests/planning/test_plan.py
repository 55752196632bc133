"""Whole plans from the command line, confirmed by ``verify``."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from cmgplan.network.feeder import build_feeder
from cmgplan.planning.case import load_case
from cmgplan.planning.levels.islanded import grid_mask, solve_levels_1_to_3
from cmgplan.planning.levels.level4 import GridConnection
from cmgplan.planning.levels.upper import pcc_nodal, solve_upper
from cmgplan.planning.pipeline import replay_plan

CASES = Path(__file__).parents[2] / "cases"
COMMAND = [sys.executable, "-m", "cmgplan"]


def cmgplan(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *(str(a) for a in arguments)], capture_output=True, text=True, check=False
    )


def check_run(run: Path, points: int) -> dict[str, object]:
    """Check what every finished run must show; return plan.json."""
    verified = cmgplan("verify", run)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    summary = json.loads((run / "plan.json").read_text())
    assert summary["replay"]["passed"]
    for level in ("lower", "upper"):
        assert summary["replay"][level]["max_dv_pu"] <= 1e-6
        assert summary["replay"][level]["max_dloss_kw"] <= 1e-3
    pareto = pd.read_csv(run / "pareto.csv")
    assert len(pareto) == points
    assert pareto["selected"].sum() == 1
    held = pareto[pareto["status"].isin(["optimal", "feasible"])]
    assert (held["gc_usd"] <= held["eps_gc_usd"] + 1e-5).all()
    assert (held["loss_kwh"] <= held["eps_loss_kwh"] + 1e-5).all()
    assert (held["bound_ec_usd"] <= held["ec_usd"] + 1e-3).all()
    assert set(held["point"]) == {int(p.name) for p in (run / "points").iterdir()}
    return dict(summary)


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--sweep", "grid", "--points", "2"],
        ["--hierarchy", "joint", "--points", "3"],
        ["--minlp", "highs", "--points", "3", "--select", "2"],
    ],
    ids=" ".join,
)
def test_the_two_bus_case_is_planned_and_verified(tmp_path: Path, options: list[str]) -> None:
    run = tmp_path / "run"
    done = cmgplan("plan", CASES / "two-bus", "--out", run, "--time-limit", 5, *options)
    assert done.returncode == 0, done.stderr
    points = {"--sweep": 2, "--hierarchy": 3, "--minlp": 3}.get(options[0] if options else "", 10)
    summary = check_run(run, points)
    if "--select" in options:
        assert summary["selected"]["point"] == 2  # type: ignore[index]
        assert summary["selected"]["rule"] == "override"  # type: ignore[index]


def test_the_same_input_gives_the_same_plan(tmp_path: Path) -> None:
    for name in ("a", "b"):
        done = cmgplan(
            "plan", CASES / "two-bus", "--out", tmp_path / name, "--points", 3, "--quiet"
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
    for table in ("pareto", "switch_schedule", "dispatch"):
        first, second = (pd.read_csv(tmp_path / name / f"{table}.csv") for name in ("a", "b"))
        pd.testing.assert_frame_equal(first, second, atol=1e-6)


def test_an_interrupted_plan_leaves_the_earlier_run(tmp_path: Path) -> None:
    run = tmp_path / "run"
    done = cmgplan("plan", CASES / "two-bus", "--out", run, "--points", 2, "--quiet")
    assert done.returncode == 0, done.stderr
    before = {p: p.read_bytes() for p in run.rglob("*") if p.is_file()}
    child = subprocess.Popen(
        [*COMMAND, "plan", str(CASES / "ieee94"), "--out", str(run)],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert child.stderr is not None
    for line in child.stderr:
        if "level 4" in line:
            break
    time.sleep(2.0)
    asked = time.monotonic()
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=60)
    assert child.returncode == 130
    assert time.monotonic() - asked < 30.0
    assert {p: p.read_bytes() for p in run.rglob("*") if p.is_file()} == before
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_94_bus_case_is_planned_and_verified(tmp_path: Path) -> None:
    run = tmp_path / "run"
    done = cmgplan("plan", CASES / "ieee94", "--out", run, "--points", 2, "--time-limit", 6)
    assert done.returncode == 0, done.stderr
    summary = check_run(run, 2)
    levels = {level["level"]: level for level in summary["levels"]}  # type: ignore[attr-defined]
    assert len(levels[1]["short_microgrids"]) >= 2
    assert levels[2]["short_hours"]
    assert levels[3]["short_hours"]
    assert not levels[4]["short_hours"]
    schedule = pd.read_csv(run / "switch_schedule.csv")
    positions = schedule.groupby(["kind", "switch"])["closed"].nunique()
    for kind in ("microgrid", "cluster", "grid"):
        assert positions[kind].max() == 2, f"no {kind} switch both opens and closes"
    exchange = pd.read_csv(run / "exchange.csv")
    grid = exchange[(exchange["level"] == 4) & (exchange["kind"] == "grid")]
    assert grid["p_kw"].max() > 1.0


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_case_with_costs_of_its_own_goes_through_all_levels() -> None:
    case = load_case(CASES / "ieee94-costs")
    options = case.options.model_copy(update={"time_limit_s": 6.0})
    feeder = build_feeder(case)
    level3 = solve_levels_1_to_3(case, options)[-1]
    connection = GridConnection(case, options, feeder, grid_mask(case, options, level3))
    answer = connection.minimise({"ec_usd": 1.0}, {}, label="least emission")
    assert answer.operation is not None
    assert answer.bound is not None
    assert answer.bound <= answer.operation.ec_usd
    upper = solve_upper(case, options, feeder, answer.operation)
    injected = pcc_nodal(case, feeder, upper.operation)
    replay = replay_plan(
        feeder,
        {
            "lower": pcc_nodal(case, feeder, answer.operation),
            "upper": (injected[0] - upper.demand_kw, injected[1] - upper.demand_kvar),
        },
        {"lower": answer.operation, "upper": upper.operation},
    )
    assert replay.passed
    assert upper.totals.loss_kwh < upper.without_cmg_totals.loss_kwh
