"""Solvers that fail: a wrong status, no number, a bound that cannot be, late, or dead.

The fault is put in where an adapter meets its solver. Each is to be caught and named: an outcome
that is no answer, or an error with the solver's name, and never a number.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import clarabel
import highspy
import numpy as np
import pyomo.environ as pyo
import pytest
import scipy.sparse as sp
from test_solve import knapsack

from cmgplan.errors import SolverError
from cmgplan.solve import LinearProblem, Outcome, Stop, bonmin, conic_program, highs, time_limit
from cmgplan.solve.blocks.problem import GLOBAL, BlockProblem
from cmgplan.solve.conic_program import ConicAnswer, ConicProgram, solve_conic
from cmgplan.solve.highs import new_highs
from cmgplan.solve.templates import COLD, Copies, Instance, TemplateModel, TemplateProblem
from cmgplan.solve.time_limit import TimeLimit

Fault = Callable[[Any], None]
"""Changes one method of a HiGHS."""


def answer_with(**changes: Any) -> Fault:
    """Change what HiGHS tells of its answer: ``point`` by a function, figures by name."""

    def spoil(h: Any) -> None:
        solution, info = h.getSolution, h.getInfo

        def told() -> Any:
            found = solution()
            point = np.asarray(found.col_value, dtype=np.float64)
            return SimpleNamespace(
                col_value=list(changes.get("point", lambda x: x)(point)),
                row_dual=found.row_dual,
                dual_valid=found.dual_valid,
            )

        def figures() -> Any:
            found = info()
            names = (
                "primal_solution_status",
                "mip_dual_bound",
                "objective_function_value",
                "simplex_iteration_count",
            )
            return SimpleNamespace(**{n: changes.get(n, getattr(found, n)) for n in names})

        h.getSolution, h.getInfo = told, figures

    return spoil


def status(name: str) -> Fault:
    """Have HiGHS end with a status, whatever it found."""

    def spoil(h: Any) -> None:
        h.getModelStatus = lambda: getattr(highspy.HighsModelStatus, name)

    return spoil


def breaking_off(h: Any) -> None:
    """Have HiGHS raise where it is run."""

    def run() -> Any:
        raise RuntimeError("bad allocation")

    h.run = run


@pytest.fixture
def spoilt(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Give the adapters of HiGHS a spoilt one."""

    def spoil(*faults: Fault, where: str = "linear") -> None:
        def made(**how: Any) -> Any:
            h = new_highs(**how)
            for fault in faults:
                fault(h)
            return h

        monkeypatch.setattr(f"cmgplan.solve.{where}.new_highs", made)

    return spoil


def knapsack_solved(*, relax: bool = False) -> Outcome:
    m, _ = knapsack(3)
    return LinearProblem(m).solve([(m.goal, 1.0)], relax=relax)


NAN = float("nan")

FAULTS = {
    "a status that is none": (status("kUnknown"), "Unknown"),
    "a solve error": (status("kSolveError"), "Solve error"),
    "everything taken": (answer_with(point=np.ones_like), "breaks a row"),
    "beyond its bounds": (answer_with(point=lambda x: x + 0.5), "breaks a row or bound"),
    "a point of no numbers": (answer_with(point=lambda x: x * NAN), "not of numbers"),
}


@pytest.mark.parametrize("relax", [False, True], ids=["mixed", "linear"])
@pytest.mark.parametrize("fault", FAULTS)
def test_no_number_is_taken_from_a_wrong_answer_of_highs(
    fault: str, relax: bool, spoilt: Callable[..., None]
) -> None:
    spoil, told = FAULTS[fault]
    spoilt(spoil)
    outcome = knapsack_solved(relax=relax)
    assert outcome.stop is Stop.ERROR
    assert (outcome.value, outcome.bound, outcome.x) == (None, None, None)
    assert outcome.solver.startswith("HiGHS 1.")
    assert told in outcome.message


@pytest.mark.parametrize(
    ("relax", "figure"), [(False, "mip_dual_bound"), (True, "objective_function_value")]
)
def test_a_bound_of_highs_that_cannot_be_is_not_taken(
    relax: bool, figure: str, spoilt: Callable[..., None]
) -> None:
    value = knapsack_solved(relax=relax).value
    assert value is not None
    spoilt(answer_with(**{figure: value + 0.5}))
    outcome = knapsack_solved(relax=relax)
    assert outcome.stop is Stop.ERROR and outcome.bound is None
    assert f"its bound {value + 0.5:.6g} is above the value {value:.6g}" in outcome.message
    spoilt(answer_with(**{figure: NAN}))
    bound = knapsack_solved(relax=relax).bound
    assert bound is None, "no bound rather than one that is no number"


def test_a_highs_that_breaks_off_is_named(spoilt: Callable[..., None]) -> None:
    spoilt(breaking_off)
    with pytest.raises(SolverError, match=r"HiGHS 1\.\d+\.\d+ broke off: bad allocation"):
        knapsack_solved()


def late(h: Any, *, heeds: bool) -> None:
    """Have HiGHS run on beyond its limit, until it is stopped if it ``heeds`` that."""
    stopped = threading.Event()

    def run() -> Any:
        stopped.wait(5.0)

    h.run = run
    h.cancelSolve = stopped.set if heeds else lambda: None
    status("kInterrupt")(h)


@pytest.mark.parametrize("heeds", [True, False])
def test_a_late_highs_is_stopped(
    heeds: bool, spoilt: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(highs, "LATE_S", 0.1)
    monkeypatch.setattr(highs, "ENDING_S", 0.1)
    spoilt(lambda h: late(h, heeds=heeds))
    m, _ = knapsack(3)
    problem, begun = LinearProblem(m), time.perf_counter()
    if heeds:
        assert problem.solve([(m.goal, 1.0)], time_limit_s=0.1).stop is Stop.LIMIT
    else:
        with pytest.raises(SolverError, match=r"HiGHS .* heeds neither its time limit of 0\.1 s"):
            problem.solve([(m.goal, 1.0)], time_limit_s=0.1)
    assert time.perf_counter() - begun < 4.0


BLOCK_FAULTS = {
    "a bound that is no number": answer_with(mip_dual_bound=NAN),
    "a point of no numbers": answer_with(point=lambda x: x * NAN),
    "breaks off": breaking_off,
    "a status that is none": status("kUnknown"),
    "infeasible": status("kInfeasible"),
    "a bound above a known value": answer_with(mip_dual_bound=1e3),
}


def block_bound() -> tuple[float, float]:
    """Return the bound of a block whose best point is known, and the value of that point."""
    m, least = knapsack(3)
    problem = LinearProblem(m)
    best = problem.solve([(m.goal, 1.0)]).values()
    blocks = BlockProblem(problem, np.where(problem.integer, 0, GLOBAL))
    blocks.refresh()
    row = problem.rows[0].matrix.toarray()[0]
    cost = np.where(problem.integer, -row / row[problem.column(m.goal)], 0.0)
    start = np.round(best[blocks.blocks[0].columns])
    _, lower, upper = problem.vectors([])
    priced = blocks.solve_block(0, cost, lower, upper, gap_abs=1e-6, time_limit_s=10.0, start=start)
    return priced.bound, least


@pytest.mark.parametrize("fault", BLOCK_FAULTS)
def test_a_wrong_answer_of_a_block_never_becomes_a_bound(
    fault: str, spoilt: Callable[..., None]
) -> None:
    right, least = block_bound()
    assert right == pytest.approx(least, abs=1e-5)
    spoilt(BLOCK_FAULTS[fault], where="blocks.problem")
    bound, _ = block_bound()
    wrong_twice = fault in ("infeasible", "a bound above a known value")
    assert bound == -np.inf or (wrong_twice and bound > least)
    once = iter([BLOCK_FAULTS[fault]])
    spoilt(lambda h: next(once, lambda h: None)(h), where="blocks.problem")
    assert block_bound()[0] == pytest.approx(least, abs=1e-5), "asked anew, it is right"


def test_a_process_that_a_solver_kills_is_named(tmp_path: Path) -> None:
    code = (
        "import os, sys; from cmgplan import cli; from cmgplan.solve import linear\n"
        "linear.run_highs = lambda h, limit=None: os.kill(os.getpid(), 9)\n"
        f"sys.argv = ['cmgplan', 'plan', 'two-bus', '-q', '--out', {str(tmp_path / 'run')!r}]\n"
        "cli.main()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == SolverError.exit_code
    assert "ended by signal 9" in ended.stderr and "Traceback" not in ended.stderr
    assert not (tmp_path / "run").exists()


# Clarabel


def circle() -> ConicProgram:
    """The least sum of two numbers in the unit circle, -sqrt(2)."""
    rows = sp.csc_array([[0.0, 0.0], [-1.0, 0.0], [0.0, -1.0]])
    return ConicProgram(np.ones(2), rows, np.array([1.0, 0.0, 0.0]), 0, 0, np.array([3]))


class PanicException(BaseException):
    """Named as what Rust code raises through Python."""


def told_by_clarabel(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> ConicAnswer:
    """Solve the circle with a Clarabel whose answer is changed, or that raises."""
    right = clarabel.DefaultSolver

    def made(*problem: Any) -> Any:
        solver = right(*problem)

        def solve() -> Any:
            found = solver.solve()
            time.sleep(changes.get("late_s", 0.0))
            if "raised" in changes:
                raise changes["raised"]
            names = ("status", "obj_val", "x", "z", "iterations")
            return SimpleNamespace(**{n: changes.get(n, getattr(found, n)) for n in names})

        return SimpleNamespace(solve=solve)

    solve_conic(circle())  # asks the questions with known answers
    monkeypatch.setattr(conic_program.clarabel, "DefaultSolver", made)
    return solve_conic(circle(), time_limit_s=changes.get("time_limit_s", np.inf))


def test_the_circle_has_its_optimum() -> None:
    assert solve_conic(circle()).value == pytest.approx(-np.sqrt(2.0), abs=1e-6)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"status": "Bewildered"}, "Bewildered"),
        ({"x": [NAN, NAN]}, "not of numbers"),
        ({"obj_val": NAN}, "not of numbers"),
        ({"z": [NAN] * 3}, "multipliers are not numbers"),
        ({"x": [-2.0, -2.0]}, "its point is off by"),
        ({"raised": RuntimeError("no memory")}, "broke off: no memory"),
        ({"raised": PanicException("index out of range")}, "broke off: index out of range"),
    ],
)
def test_no_number_is_taken_from_a_wrong_answer_of_clarabel(
    changes: dict[str, Any], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = told_by_clarabel(monkeypatch, **changes)
    assert answer.stop is Stop.ERROR and not answer.accepted
    assert answer.message.startswith("Clarabel") and told in answer.message


def test_a_late_clarabel_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_limit, "LATE_S", 0.1)
    in_time = told_by_clarabel(monkeypatch, time_limit_s=30.0)
    assert in_time.accepted and "heed" not in in_time.message
    late = told_by_clarabel(monkeypatch, late_s=0.5, time_limit_s=0.05)
    assert "Clarabel did not heed its time limit of 0.05 s" in late.message


def test_an_interruption_in_clarabel_is_none_of_its_failures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(KeyboardInterrupt):
        told_by_clarabel(monkeypatch, raised=KeyboardInterrupt())


# Ipopt


def product(x: list, p: list, ops: object) -> list:
    return [x[0] * x[1]]


@pytest.fixture
def ipopt() -> tuple[TemplateProblem, Instance]:
    """The least sum of two numbers up to 10 whose product is at least 4: 4."""
    copies = Copies(product, np.array([[0], [1]]), np.zeros((0, 1)), sp.csr_array([[1.0]]))
    problem = TemplateProblem(TemplateModel(sp.csr_array((1, 2)), (copies,)))
    low, high = np.full(2, 0.1), np.full(2, 10.0)
    sides = np.array([4.0]), np.array([np.inf])
    return problem, Instance(low, high, *sides, np.ones(2), np.zeros(2), 0.0, np.array([3.0, 2.0]))


class Spoilt:
    """Ipopt with another answer or status, one that raises or comes late."""

    def __init__(self, right: Any, changes: dict[str, Any]) -> None:
        self._right, self._changes = right, changes

    def __call__(self, **asked: Any) -> dict[str, Any]:
        time.sleep(self._changes.get("late_s", 0.0))
        if "raised" in self._changes:
            raise self._changes["raised"]
        return {**self._right(**asked), **self._changes}

    def stats(self) -> dict[str, Any]:
        found = self._right.stats()
        return {**found, "return_status": self._changes.get("status", found["return_status"])}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"status": "Bewildered"}, "Bewildered"),
        ({"x": [NAN, NAN]}, "largest break nan"),
        ({"g": [NAN]}, "largest break nan"),
        ({"x": [0.05, 1.0], "g": [0.05]}, "largest break 3.95"),
        ({"raised": RuntimeError("at a place\nno memory")}, "broke off: no memory"),
    ],
)
def test_no_number_is_taken_from_a_wrong_answer_of_ipopt(
    changes: dict[str, Any], told: str, ipopt: tuple[TemplateProblem, Instance]
) -> None:
    problem, instance = ipopt
    assert problem.solve(instance).value == pytest.approx(4.0, abs=1e-6)
    problem._solvers[COLD, False] = Spoilt(problem._solvers[COLD, False], changes)
    outcome = problem.solve(instance)
    assert outcome.stop is Stop.ERROR and not outcome.accepted
    assert (outcome.value, outcome.x) == (None, None)
    assert outcome.solver == "Ipopt" and told in outcome.message


def test_a_late_ipopt_is_named(
    ipopt: tuple[TemplateProblem, Instance], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time_limit, "LATE_S", 0.1)
    problem, instance = ipopt
    limit = TimeLimit(30.0)
    in_time = problem.solve(instance, limit=limit)
    assert in_time.value == pytest.approx(4.0, abs=1e-6) and "heed" not in in_time.message
    problem._solvers[COLD, True] = Spoilt(problem._solvers[COLD, True], {"late_s": 0.5})
    late = problem.solve(instance, limit=TimeLimit(0.05))
    assert "Ipopt did not heed its time limit of 0.05 s" in late.message


# Bonmin, a process of its own

LEAVES = """
import json, os, sys, time
from pathlib import Path
place = Path(sys.argv[-1]).parent
def leave(**answer):
    right = {"status": "SUCCESS", "f": -4.0, "x": [2.0, 1.0], "known": -4.0}
    (place / "answer.json").write_text(json.dumps({**right, **answer}))
"""


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Outcome]]:
    """Solve a small problem with a child process that does what some code says."""
    right = subprocess.Popen
    m = pyo.ConcreteModel()
    m.x, m.y = pyo.Var(domain=pyo.Binary), pyo.Var(bounds=(0.0, 4.0))
    m.circle = pyo.Constraint(expr=m.x**2 + m.y**2 <= 5.0)
    weights = [(m.x, -2.0), (m.y, -1.0)]

    def solved(code: str) -> Outcome:
        def started(arguments: list[str], **how: Any) -> Any:
            return right([sys.executable, "-c", LEAVES + code, arguments[-1]], **how)

        monkeypatch.setattr(bonmin.subprocess, "Popen", started)
        return bonmin.solve_bonmin(m, weights, time_limit_s=0.2)

    yield solved
    monkeypatch.undo()
    outcome = bonmin.solve_bonmin(m, weights, time_limit_s=20.0)
    assert outcome.value == pytest.approx(-4.0, abs=1e-5), "the child itself is right"


def test_no_number_is_taken_from_a_wrong_answer_of_bonmin(
    child: Callable[[str], Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bonmin, "STARTING_S", 1.0)
    right = child("leave()")
    assert right.stop is Stop.OPTIMAL and right.value == pytest.approx(-4.0)
    for code, told in (
        ("leave(x=[3.0, 1.0])", "breaks a row"),
        ("leave(x=[1.0, 2.0])", "breaks a row or bound by 0.5 of"),
        ("leave(f=float('nan'))", "SUCCESS"),
        ("leave(x=None)", "SUCCESS"),
        ("leave(x=[1.0])", "ended with code 0"),
        ("leave(status='BEWILDERED', x=None)", "BEWILDERED"),
        ("print('lower bound is 5.0'); leave()", "its bound 5 is above the value -4"),
        ("(place / 'answer.json').write_text('{')", "ended with code 0"),
        ("os.kill(os.getpid(), 9)", "ended with code -9"),
        ("print('no memory'); sys.exit(3)", "ended with code 3: no memory"),
    ):
        outcome = child(code)
        assert outcome.stop is Stop.ERROR, code
        assert (outcome.value, outcome.bound, outcome.x) == (None, None, None), code
        assert outcome.solver == "Bonmin" and told in outcome.message, code
    late = child("time.sleep(20)")
    assert late.stop is Stop.LIMIT and "stopped from outside" in late.message
    with pytest.raises(SolverError, match=r"Bonmin .* it answers -3 where -4 is right"):
        child("leave(known=-3.0)")
