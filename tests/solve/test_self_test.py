"""Solvers are asked questions with known answers before they are believed."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import linprog

from cmgplan.cli import main
from cmgplan.errors import SolverError
from cmgplan.solve import conic_program, highs, self_test, templates
from cmgplan.solve.self_test import INFEASIBLE, LINEAR, UNBOUNDED, Small

MOST = 12
"""Largest value of an unbounded integer that is tried; none of the optima needs more."""


@pytest.fixture(autouse=True)
def asked_anew() -> Iterator[None]:
    """Each test begins like a process, and leaves a process that has asked nothing."""
    self_test.once.forget()
    yield
    self_test.once.forget()


def by_trial(problem: Small) -> float:
    """Return the optimum by trying every value of the integers, the rest by a linear program."""
    integers = [k for k, column in enumerate(problem.columns) if column[3]]
    ranges = [
        range(int(np.ceil(problem.columns[k][1])), int(min(problem.columns[k][2], MOST) // 1) + 1)
        for k in integers
    ]
    least = np.inf
    for values in itertools.product(*ranges):
        fixed = dict(zip(integers, values, strict=True))
        bounds = [
            (fixed.get(k, low), fixed.get(k, high))
            for k, (_, low, high, _) in enumerate(problem.columns)
        ]
        above, sides = [], []
        for low, terms, high in problem.rows:
            row = [terms.get(k, 0.0) for k in range(len(bounds))]
            above += [row, [-v for v in row]]
            sides += [high, -low]
        kept = [k for k, side in enumerate(sides) if np.isfinite(side)]
        found = linprog(
            [column[0] for column in problem.columns],
            A_ub=[above[k] for k in kept] or None,
            b_ub=[sides[k] for k in kept] or None,
            bounds=bounds,
        )
        if found.status == 3:
            return -np.inf
        least = min(least, found.fun if found.status == 0 else np.inf)
    return least


@pytest.mark.parametrize("problem", LINEAR, ids=lambda problem: problem.name[:30])
def test_the_known_answers_are_right(problem: Small) -> None:
    known = {INFEASIBLE: np.inf, UNBOUNDED: -np.inf}.get(str(problem.expected), problem.expected)
    assert by_trial(problem) == pytest.approx(known, abs=1e-7)


def test_the_solvers_installed_answer_right_within_milliseconds() -> None:
    begun = time.process_time()
    self_test.check_highs()
    self_test.check_clarabel()
    self_test.check_ipopt()
    assert time.process_time() - begun < 0.25


def test_a_release_that_takes_a_dear_binary_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """HiGHS 1.14.0 answers 99999 where 20 is right."""
    right = self_test._answer_of

    def wrong(problem: Small, presolve: str) -> float | str:
        dear = "2975" in problem.name and presolve == "choose"
        return 99999.0 if dear else right(problem, presolve)

    monkeypatch.setattr(self_test, "_answer_of", wrong)
    for _ in range(2):  # it is refused as often as it is asked for
        with pytest.raises(SolverError) as refused:
            highs.new_highs()
        told = str(refused.value)
        assert told.startswith("HiGHS 1.")
        assert "a dear binary with a big-M row (HiGHS issue 2975), presolve choose" in told
        assert "answers 99999 where 20 is right" in told
        assert "pip install" in told


def test_what_is_not_infeasible_is_not_taken_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_test, "_answer_of", lambda problem, presolve: INFEASIBLE)
    with pytest.raises(SolverError, match="answers infeasible where 0 is right"):
        self_test.check_highs()


def test_questions_are_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    for solver in ("highs", "clarabel", "ipopt"):
        monkeypatch.setattr(self_test, f"_ask_{solver}", lambda solver=solver: asked.append(solver))
    for _ in range(3):
        highs.new_highs()
        conic_program.check_clarabel()
        templates.check_ipopt()
    assert asked == ["highs", "clarabel", "ipopt"]


def test_a_plan_with_a_refused_solver_ends_with_its_message(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(self_test, "_answer_of", lambda problem, presolve: -1.0)
    with pytest.raises(SystemExit) as ended:
        main(["plan", "two-bus", "--out", str(tmp_path / "run"), "--quiet"])
    assert ended.value.code == SolverError.exit_code
    told = capsys.readouterr().err
    assert "cannot be believed" in told and "Traceback" not in told
    assert not (tmp_path / "run").exists()
