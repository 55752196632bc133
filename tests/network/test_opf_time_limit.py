"""The limit of time of an optimal power flow: an answer first, its proofs in what is left."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matpower_text import GOLDEN, branch, bus, distribution, gen, matpower

from cmgplan.cli import main, supervise
from cmgplan.cli.shown import progress
from cmgplan.cli.shown.progress import seconds_shown
from cmgplan.errors import InputError
from cmgplan.network.files.matpower import read_matpower
from cmgplan.network.grid import Grid
from cmgplan.network.grid_hours import single_hour
from cmgplan.network.opf import ladder as opf_ladder
from cmgplan.network.opf.jabr import Relaxation
from cmgplan.network.opf.problem import NO_TIME, OpfProblem, solve_opf
from cmgplan.solve import conic
from cmgplan.solve.conic_proof import certificate, without_prices
from cmgplan.solve.outcome import Stop
from cmgplan.solve.time_limit import TimeLimit

MESHED = GOLDEN / "pglib_case14_ieee" / "network.m"


class Ticks:
    """A clock that goes on by a step each time it is read, and whenever it is told to."""

    def __init__(self, step: float = 1.0) -> None:
        self.now, self.step = 0.0, step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


def meshed() -> Grid:
    return read_matpower(MESHED)


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(["opf", *arguments])
    return int(stop.value.code or 0)


def recorded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that the kinds of proof are written to as they are asked for."""
    asked: list[str] = []

    def noted(name: str, of: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **given: object) -> object:
            asked.append(name)
            return of(*args, **given)

        return call

    for name in ("bound", "proves_infeasible"):
        monkeypatch.setattr(Relaxation, name, noted(name, getattr(Relaxation, name)))
    return asked


def test_the_parts_of_a_limit_share_its_clock() -> None:
    clock = Ticks(step=0.0)
    limit = TimeLimit(10.0, clock=clock)
    half = limit.part(0.5)
    clock.now = 5.0
    assert half.over and half.left_s == 0.0
    assert not limit.over and limit.left_s == pytest.approx(5.0)
    clock.now = 11.0
    assert limit.over
    assert not TimeLimit(clock=clock).part(0.5).over


def test_the_answer_comes_before_bound_and_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = recorded(monkeypatch)
    told: list[str] = []
    limit = TimeLimit(60.0, tell=lambda what, _: told.append(what))
    result = solve_opf(meshed(), bound=True, time_limit_s=limit)
    assert result.gap == pytest.approx(0.0011, abs=5e-5)
    assert asked == ["bound"]
    order = list(dict.fromkeys(told))
    assert order[:2] == ["flat start", "replay"]
    assert order[2] == "answer 2178.08 found; lower bound"


def test_a_limit_after_the_answer_leaves_the_answer_without_a_bound() -> None:
    clock = Ticks(step=0.0)
    problem = OpfProblem(meshed())
    limit = TimeLimit(300.0, clock=clock)
    result = problem.solve(limit=limit)
    clock.now = 301.0
    late = problem.with_bound(result, limit=limit)
    assert (late.status, late.bound, late.gap) == ("locally optimal", None, None)
    assert late.bound_message == NO_TIME
    assert late.objective == pytest.approx(2178.08, rel=5e-5)


def test_a_limit_changes_no_answer_that_comes_in_time() -> None:
    free, limited = (
        solve_opf(meshed(), bound=True),
        solve_opf(meshed(), bound=True, time_limit_s=60.0),
    )
    assert np.array_equal(free.v_pu, limited.v_pu)
    assert (free.objective, free.bound) == (limited.objective, limited.bound)


def test_ipopt_is_stopped_between_two_iterations() -> None:
    """Each look at the clock takes a second, and an answer has 0.7 of the 20 s."""
    problem = OpfProblem(meshed())
    result = problem.solve(limit=TimeLimit(20.0, clock=Ticks()))
    assert result.status == "limit"
    assert 0 < result.iterations < 0.7 * 20
    assert "give more time" in result.message
    assert "not found within the time limit" in result.explanation[-1]


def test_no_time_at_all_exits_4_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(str(MESHED), "--time-limit", "1e-9", "--json") == 4
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert (told["status"], told["objective"]) == ("limit", None)
    assert "limit: no start led to an answer within 1e-09 s" in err
    assert "give more time" in err


@pytest.mark.parametrize("given", ["0", "-5", "nan"])
def test_a_limit_that_is_none_exits_2(capsys: pytest.CaptureFixture[str], given: str) -> None:
    assert run(str(MESHED), f"--time-limit={given}") == 2
    assert "--time-limit" in capsys.readouterr().err


def test_progress_goes_to_the_error_stream_where_it_takes_long(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(str(MESHED), "--json") == 0
    assert " s of " not in capsys.readouterr().err
    monkeypatch.setattr(progress, "LONG_S", 0.0)
    assert run(str(MESHED), "--json", "--time-limit", "50") == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["bound_message"] is None
    assert err.count("0 s of 50 s: flat start\n") == 1
    assert "lower bound\n" in err
    assert run(str(MESHED), "--json", "--quiet") == 0
    assert " s of " not in capsys.readouterr().err


def test_what_takes_long_is_told_again(capsys: pytest.CaptureFixture[str]) -> None:
    with seconds_shown(300.0, quiet=False) as tell:
        for seconds in (0.5, 6.0, 7.0, 35.0, 36.5, 40.0):
            tell("flat start", seconds)
    assert capsys.readouterr().err.splitlines() == [
        "6 s of 300 s: flat start",
        "36 s of 300 s: flat start",
    ]


def test_on_a_large_grid_cheap_starts_come_before_a_proof(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "made.m"
    path.write_text(distribution("case94pi", v_min=0.9), encoding="utf-8")
    grid = read_matpower(path)
    told: list[str] = []
    limit = TimeLimit(tell=lambda what, _: told.append(what))
    monkeypatch.setattr(opf_ladder, "LARGE_BUSES", 50)
    climbed = OpfProblem(grid)._ladder
    instance = OpfProblem(grid)._instance(single_hour(grid))
    ended = climbed.climb(instance, single_hour(grid), limit=limit)
    assert ended.infeasible
    assert list(dict.fromkeys(told)) == [
        opf_ladder.FALLING,
        opf_ladder.FLAT,
        opf_ladder.POWER_FLOW,
        opf_ladder.ALONE,
        f"looking for a {opf_ladder.ALONE}",
    ]


def test_time_that_is_up_ends_the_search_for_a_proof(tmp_path: Path) -> None:
    """Without time even what is easily proven is not."""
    path = tmp_path / "made.m"
    path.write_text(distribution("case94pi", v_min=0.9), encoding="utf-8")
    grid = read_matpower(path)
    clock = Ticks(step=0.0)
    limit = TimeLimit(10.0, clock=clock)
    clock.now = 11.0
    relaxation = Relaxation(grid)
    assert not relaxation.proves_infeasible(single_hour(grid), 0, limit)
    assert relaxation.bound(single_hour(grid), limit).value is None


def test_cones_prove_the_bound_that_tangents_prove(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two solvers and two proofs of one relaxation; the bound is below its optimum in both."""
    grid = meshed()
    relaxation = Relaxation(grid)
    it = relaxation.instance(single_hour(grid), 0)
    by_tangents = relaxation.problem.solve(it)
    monkeypatch.setattr(conic, "LARGE", 10)
    by_cones = relaxation.problem.solve(it)
    assert (by_tangents.solver, by_cones.solver) == ("Ipopt", "Clarabel")
    assert by_tangents.bound is not None and by_cones.bound is not None
    assert by_cones.bound == pytest.approx(by_tangents.bound, rel=1e-6)
    assert by_cones.bound <= by_tangents.bound * (1.0 + 1e-8)


def test_cones_prove_infeasible_what_is_and_nothing_else(tmp_path: Path) -> None:
    """A line with x = 1 pu carries at most v1 v2 / x of active power: 121 MW at 1.1 pu."""

    def excluded(p_mw: float) -> tuple[Stop, bool]:
        path = tmp_path / "made.m"
        lines = [branch(1, 2, r=0.0, x=1.0)]
        path.write_text(matpower([bus(1, kind=3), bus(2, p_mw)], [gen(1)], lines))
        relaxation = Relaxation(read_matpower(path))
        it = relaxation.instance(single_hour(relaxation.grid), 0)
        found = certificate(relaxation.linear, relaxation.cones, without_prices(it))
        dual = relaxation.problem._dual(it, found.tangents)
        return found.stop, dual.excludes(found.multipliers)

    assert excluded(130.0) == (Stop.INFEASIBLE, True)
    assert excluded(50.0) == (Stop.OPTIMAL, False)


def test_multipliers_of_a_cut_solve_prove_no_more_than_is_true() -> None:
    """Clarabel stopped early: what its multipliers prove stays below the optimum."""
    grid = meshed()
    relaxation = Relaxation(grid)
    it = relaxation.instance(single_hour(grid), 0)
    best = relaxation.problem.solve(it).bound
    assert best is not None
    proven = []
    for steps in (8, 10, 12):
        found = certificate(relaxation.linear, relaxation.cones, it, {"max_iter": steps})
        assert found.stop is Stop.LIMIT
        outcome = relaxation.problem._proven(it, found)
        assert outcome.bound is not None
        proven.append(outcome.bound)
    assert all(bound <= best + 1e-6 * abs(best) for bound in proven)
    assert proven[-1] > proven[0]


def test_attached_columns_take_no_limit() -> None:
    from cmgplan.network.opf.attached import Attached

    with pytest.raises(InputError, match="time_limit_s"):
        solve_opf(meshed(), attached=object.__new__(Attached), time_limit_s=1.0)


def test_a_terminal_shows_what_is_being_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with seconds_shown(300.0, quiet=False) as tell:
        tell("replay", 1.0)
        tell("lower bound", 12.0)
    err = capsys.readouterr().err
    assert "12 s of 300 s: lower bound" in err
    assert "replay" not in err


STUCK = """
import time
from cmgplan.cli import supervise
from cmgplan.errors import LimitError
supervise.OVERTIME_S = 0.0
try:
    if supervise.supervise("cmgplan opf") is None:
        supervise.end_after(0.1)
        time.sleep(60.0)
except LimitError as error:
    print(error, error.exit_code)
"""


@pytest.mark.skipif(not supervise.CAN_FORK, reason="processes cannot be forked here")
def test_a_solver_that_hears_nothing_is_ended_with_its_process() -> None:
    done = subprocess.run(
        [sys.executable, "-c", STUCK], capture_output=True, text=True, check=True, timeout=50
    )
    assert done.stdout.startswith("cmgplan opf: the time limit is over and a solver did not stop")
    assert done.stdout.endswith(" 4\n")
