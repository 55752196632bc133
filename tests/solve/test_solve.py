"""Solvers against closed forms and brute force; why they stop; interruptions."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import highspy
import numpy as np
import pyomo.environ as pyo
import pytest

from cmgplan.errors import SolverError
from cmgplan.solve import Disk, LinearProblem, Outcome, QuadraticCone, Stop
from cmgplan.solve.blocks.problem import GLOBAL, BlockAnswer, BlockProblem
from cmgplan.solve.bonmin import solve_bonmin
from cmgplan.solve.highs import new_highs


def model(**variables: Any) -> Any:
    """Return a model with variables, each given by its bounds, and a free ``goal``."""
    m = pyo.ConcreteModel()
    m.goal = pyo.Var()
    for name, bounds in variables.items():
        setattr(m, name, pyo.Var(bounds=bounds))
    return m


def knapsack(seed: int, items: int = 10, rows: int = 2) -> tuple[Any, float]:
    """Return a random knapsack whose goal is to be minimised, and its optimum by brute force."""
    rng = np.random.default_rng(seed)
    worth, weight = rng.uniform(1, 9, items), rng.uniform(1, 9, (rows, items))
    room = weight.sum(axis=1) * 0.4
    m = pyo.ConcreteModel()
    m.take = pyo.Var(range(items), domain=pyo.Binary)
    m.goal = pyo.Var()
    m.worth = pyo.Constraint(expr=m.goal == -sum(worth[i] * m.take[i] for i in range(items)))
    m.room = pyo.ConstraintList()
    for k in range(rows):
        m.room.add(sum(weight[k, i] * m.take[i] for i in range(items)) <= room[k])
    choices = np.array(list(itertools.product([0, 1], repeat=items)))
    fitting = choices[(choices @ weight.T <= room).all(axis=1)]
    return m, float(-(fitting @ worth).max())


def market_split(rows: int = 5, columns: int = 45) -> Any:
    """Return a small problem that no branch and bound finishes in minutes."""
    rng = np.random.default_rng(3)
    share = rng.integers(0, 100, (rows, columns))
    m = pyo.ConcreteModel()
    m.take = pyo.Var(range(columns), domain=pyo.Binary)
    m.over = pyo.Var(range(rows), domain=pyo.NonNegativeReals)
    m.under = pyo.Var(range(rows), domain=pyo.NonNegativeReals)
    m.goal = pyo.Var()
    m.split = pyo.ConstraintList()
    for k in range(rows):
        half = int(share[k].sum()) // 2
        taken = sum(int(share[k, i]) * m.take[i] for i in range(columns))
        m.split.add(taken + m.over[k] - m.under[k] == half)
    m.sum = pyo.Constraint(expr=m.goal == sum(m.over[k] + m.under[k] for k in range(rows)))
    return m


@pytest.mark.parametrize("seed", range(6))
def test_mixed_integer_optimum_is_that_of_brute_force(seed: int) -> None:
    m, optimum = knapsack(seed)
    problem = LinearProblem(m)
    outcome = problem.solve([(m.goal, 1.0)])
    assert outcome.stop is Stop.OPTIMAL
    assert outcome.value == pytest.approx(optimum, abs=1e-6)
    assert outcome.bound == pytest.approx(optimum, abs=1e-5)
    relaxed = problem.solve([(m.goal, 1.0)], relax=True)
    assert relaxed.value is not None
    assert relaxed.value <= optimum + 1e-9
    assert problem.solve([(m.goal, 1.0)]).value == pytest.approx(optimum, abs=1e-6)


def test_values_are_written_back_with_whole_integers() -> None:
    m, optimum = knapsack(0)
    problem = LinearProblem(m)
    problem.load(problem.solve([(m.goal, 1.0)]).values())
    assert {m.take[i].value for i in m.take} == {0.0, 1.0}
    assert m.goal.value == pytest.approx(optimum)


def test_bounds_hold_for_one_solve_only() -> None:
    m, optimum = knapsack(1)
    problem = LinearProblem(m)
    none_taken = pyo.ComponentMap((m.take[i], (0.0, 0.0)) for i in m.take)
    assert problem.solve([(m.goal, 1.0)], none_taken).value == pytest.approx(0.0)
    assert problem.solve([(m.goal, 1.0)]).value == pytest.approx(optimum)


def test_rows_are_added_for_good() -> None:
    m = model(x=(0, 10), y=(0, 10))
    m.sum = pyo.Constraint(expr=m.goal == -m.x - m.y)
    problem = LinearProblem(m)
    assert problem.solve([(m.goal, 1.0)]).value == pytest.approx(-20)
    problem.add_row({problem.column(m.x): 1.0, problem.column(m.y): 2.0}, -np.inf, 8.0)
    assert problem.solve([(m.goal, 1.0)]).value == pytest.approx(-8)


# A solver that fails


class Failing:
    """HiGHS whose first runs fail, after which it states a bound of zero."""

    def __init__(self, failures: int) -> None:
        self.failures = failures

    def new_highs(self, **how: Any) -> Any:
        h = new_highs(**how)
        run = h.run

        def once() -> Any:
            self.failures -= 1
            return run() if self.failures < 0 else highspy.HighsStatus.kError

        h.run = once
        return h


def priced(monkeypatch: pytest.MonkeyPatch, failures: int) -> BlockAnswer:
    """Return the price of a block of a knapsack at random costs, all of them negative."""
    m, _ = knapsack(3)
    problem = LinearProblem(m)
    block_of = np.where(problem.integer, 0, GLOBAL)
    blocks = BlockProblem(problem, block_of)
    blocks.refresh()
    cost = np.where(problem.integer, -np.random.default_rng(3).uniform(1, 9, problem.n), 0.0)
    monkeypatch.setattr("cmgplan.solve.blocks.problem.new_highs", Failing(failures).new_highs)
    _, lower, upper = problem.vectors([])
    start = np.zeros(10)
    return blocks.solve_block(0, cost, lower, upper, gap_abs=1e-6, time_limit_s=10.0, start=start)


def test_a_block_is_asked_anew_where_the_solver_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, again = priced(monkeypatch, 0), priced(monkeypatch, 1)
    assert plain.bound < -1.0
    assert again.bound == pytest.approx(plain.bound, abs=1e-5)
    assert again.x == pytest.approx(plain.x)


def test_a_failed_solver_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    failed = priced(monkeypatch, 2)
    assert failed.bound == -np.inf
    assert failed.x is None
    m, _ = knapsack(1)
    monkeypatch.setattr("cmgplan.solve.linear.new_highs", Failing(1).new_highs)
    outcome = LinearProblem(m).solve([(m.goal, 1.0)])
    assert outcome.stop is Stop.ERROR
    assert outcome.bound is None


def test_infeasible_and_unbounded_are_told_apart() -> None:
    m = model(x=(0, 1), y=(None, None))
    m.sum = pyo.Constraint(expr=m.goal == m.x + m.y)
    m.more = pyo.Constraint(expr=m.x >= 2)
    outcome = LinearProblem(m).solve([(m.goal, 1.0)])
    assert outcome.stop is Stop.INFEASIBLE
    assert (outcome.value, outcome.x, outcome.accepted) == (None, None, False)
    with pytest.raises(ValueError, match="holds no answer"):
        outcome.values()
    m.more.deactivate()
    assert LinearProblem(m).solve([(m.goal, 1.0)]).stop is Stop.UNBOUNDED


def test_infeasible_with_integers_is_proved() -> None:
    m = pyo.ConcreteModel()
    m.k = pyo.Var([0, 1, 2], domain=pyo.Binary)
    m.goal = pyo.Var()
    m.is_sum = pyo.Constraint(expr=m.goal == sum(m.k.values()))
    m.odd = pyo.Constraint(expr=2 * m.k[0] + 2 * m.k[1] + 2 * m.k[2] == 3)
    problem = LinearProblem(m)
    assert problem.solve([(m.goal, 1.0)], relax=True).stop is Stop.OPTIMAL
    assert problem.solve([(m.goal, 1.0)]).stop is Stop.INFEASIBLE


def test_time_limit_leaves_a_bound_under_the_value() -> None:
    m = market_split()
    begun = time.perf_counter()
    outcome = LinearProblem(m).solve([(m.goal, 1.0)], time_limit_s=1.0)
    assert time.perf_counter() - begun < 20.0
    assert outcome.stop is Stop.FEASIBLE
    assert outcome.value is not None
    assert outcome.bound is not None
    assert outcome.bound < outcome.value
    assert outcome.value > 0.5  # else it would have been solved, and the limit not met


@pytest.mark.parametrize(("rating", "angle"), [(1.0, 0.3), (250.0, 2.0), (40.0, -1.2)])
def test_disk_is_met_by_tangents(rating: float, angle: float) -> None:
    m = model(p=(None, None), q=(None, None))
    m.direction = pyo.Constraint(expr=m.goal == np.cos(angle) * m.p + np.sin(angle) * m.q)
    problem = LinearProblem(m, disks=[Disk(m.p, m.q, rating)])
    polygon = problem.solve([(m.goal, 1.0)])
    assert polygon.value is not None
    assert polygon.value < -rating - 1e-3 * rating
    tight = problem.solve_tight([(m.goal, 1.0)])
    assert tight.value == pytest.approx(-rating, abs=2e-4)
    assert tight.value <= -rating + 1e-9  # tangents contain the disk: it is a bound
    assert problem.broken(tight.values()) <= 1e-4


@pytest.mark.parametrize(("p", "q", "v_max"), [(300.0, 40.0, 1.1), (-20.0, 500.0, 0.95)])
def test_cone_is_met_by_tangents(p: float, q: float, v_max: float) -> None:
    """Least level with v <= v_max and p, q held: coefficient (p^2 + q^2) / v_max."""
    m = model(level=(0, None), p=(p, p), q=(q, q), v=(0.8, v_max))
    m.least = pyo.Constraint(expr=m.goal == m.level + 0.0 * m.v)
    cone = QuadraticCone(m.level, m.p, m.q, 1e-3, m.v)
    outcome = LinearProblem(m, [cone]).solve_tight([(m.goal, 1.0)])
    expected = 1e-3 * (p**2 + q**2) / v_max
    assert outcome.value == pytest.approx(expected, abs=2e-4)
    assert outcome.value <= expected + 1e-9


def test_cone_optimum_inside_its_range() -> None:
    """Minimise c p^2 - p: at p = 1 / (2 c) it is -1 / (4 c)."""
    m = model(level=(0, None), p=(-1e4, 1e4), q=(0, 0))
    m.sum = pyo.Constraint(expr=m.goal == m.level - m.p)
    problem = LinearProblem(m, [QuadraticCone(m.level, m.p, m.q, 5e-4)])
    outcome = problem.solve_tight([(m.goal, 1.0)])
    assert outcome.value == pytest.approx(-500.0, abs=1e-3)
    problem.load(outcome.values())
    assert m.p.value == pytest.approx(1000.0, abs=1.0)


def test_open_switch_stops_the_power_on_its_disk() -> None:
    m = pyo.ConcreteModel()
    m.p, m.q, m.goal = pyo.Var(), pyo.Var(bounds=(0, 0)), pyo.Var()
    m.closed = pyo.Var(domain=pyo.Binary)
    m.sum = pyo.Constraint(expr=m.goal == 10 * m.closed - m.p)
    problem = LinearProblem(m, disks=[Disk(m.p, m.q, 30.0, m.closed)])
    assert problem.solve_tight([(m.goal, 1.0)]).value == pytest.approx(-20.0, abs=1e-3)
    opened = pyo.ComponentMap([(m.closed, (0.0, 0.0))])
    assert problem.solve_tight([(m.goal, 1.0)], opened).value == pytest.approx(0.0, abs=1e-9)


def convex_mixed() -> Any:
    """Minimise (k - 1.4)^2 + (x - 0.3)^2 with k whole and k + x >= 2: k = 2, x = 0.3: 0.36."""
    m = pyo.ConcreteModel()
    m.k, m.x = pyo.Var(domain=pyo.Integers, bounds=(0, 5)), pyo.Var(bounds=(0, 1))
    m.goal = pyo.Var(bounds=(-10, 100))
    m.square = pyo.Constraint(expr=(m.k - 1.4) ** 2 + (m.x - 0.3) ** 2 <= m.goal)
    m.enough = pyo.Constraint(expr=m.k + m.x >= 2)
    return m


def test_bonmin_finds_the_optimum_and_a_bound_under_it() -> None:
    m = convex_mixed()
    outcome = solve_bonmin(m, [(m.goal, 1.0)], time_limit_s=20.0)
    assert outcome.stop is Stop.OPTIMAL
    assert outcome.value == pytest.approx(0.36, abs=1e-5)
    assert outcome.bound is not None
    assert outcome.bound <= 0.36 + 1e-5
    assert m.k.value == 2
    assert not list(m.component_objects(pyo.Objective))


def test_bonmin_says_infeasible() -> None:
    m = convex_mixed()
    m.too_much = pyo.Constraint(expr=m.k + m.x >= 7)
    assert solve_bonmin(m, [(m.goal, 1.0)], time_limit_s=20.0).stop is Stop.INFEASIBLE


@pytest.mark.parametrize(
    ("script", "words"),
    [("kill -9 $$", "code -9"), ("echo out of memory; exit 7", "code 7: out of memory")],
)
def test_bonmin_that_dies_is_an_error_with_words(
    script: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in = tmp_path / "python"
    stand_in.write_text(f"#!/bin/sh\n{script}\n")
    stand_in.chmod(0o755)
    m = convex_mixed()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", str(stand_in))
        outcome = solve_bonmin(m, [(m.goal, 1.0)], time_limit_s=5.0)
    assert outcome.stop is Stop.ERROR
    assert words in outcome.message
    assert not outcome.accepted


def test_bonmin_that_does_not_heed_its_time_limit_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in = tmp_path / "python"
    stand_in.write_text("#!/bin/sh\nexec sleep 60\n")
    stand_in.chmod(0o755)
    m = convex_mixed()
    begun = time.perf_counter()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", str(stand_in))
        patch.setattr("cmgplan.solve.bonmin.STARTING_S", 0.2)
        outcome = solve_bonmin(m, [(m.goal, 1.0)], time_limit_s=0.2)
    assert time.perf_counter() - begun < 10.0
    assert outcome.stop is Stop.LIMIT
    assert "stopped from outside" in outcome.message


LONG_LINEAR = """
from test_solve import market_split
from cmgplan.solve import LinearProblem
m = market_split()
problem = LinearProblem(m)
print("ready", flush=True)
problem.solve([(m.goal, 1.0)], time_limit_s=60.0)
"""

LONG_NONLINEAR = """
import numpy as np
import scipy.sparse as sp
from cmgplan.solve.templates import Copies, Instance, TemplateModel, TemplateProblem
n = 400
valley = lambda x, p, ops: [100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2]
scatter = sp.csr_array(np.ones((1, n - 1)))
columns = np.array([np.arange(n - 1), np.arange(1, n)])
goal = sp.csr_array(([-1.0], ([0], [n])), shape=(1, n + 1))
parts = (Copies(valley, columns, np.zeros((0, n - 1)), scatter),)
problem = TemplateProblem(TemplateModel(goal, parts))
box, zero = np.full(n + 1, np.inf), np.zeros(n + 1)
price = zero.copy()
price[n] = 1.0
start = np.full(n + 1, -1.2)
less, least = np.array([-np.inf]), np.zeros(1)
print("ready", flush=True)
for _ in range(600):
    problem.solve(Instance(-box, box, less, least, price, zero, 0.0, start))
"""

LONG_BONMIN = """
from test_solve import market_split
from cmgplan.solve.blocks.problem import GLOBAL, BlockProblem, BlockAnswer
from cmgplan.solve.bonmin import solve_bonmin
from cmgplan.solve.highs import new_highs
m = market_split()
print("ready", flush=True)
solve_bonmin(m, [(m.goal, 1.0)], time_limit_s=60.0)
"""


@pytest.mark.parametrize("program", [LONG_LINEAR, LONG_NONLINEAR, LONG_BONMIN])
def test_interruption_ends_a_solve_at_once(program: str) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(1.0)
        assert child.poll() is None
        begun = time.perf_counter()
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=30.0)
    finally:
        child.kill()
        child.wait()
    assert time.perf_counter() - begun < 10.0
    assert child.returncode not in (0, None)
    assert errors.strip().endswith("KeyboardInterrupt")


def test_an_outcome_is_accepted_only_with_an_answer() -> None:
    held = Outcome(Stop.FEASIBLE, 1.0, 0.5, np.zeros(1), "any")
    assert held.accepted
    for stop in (Stop.INFEASIBLE, Stop.LOCALLY_INFEASIBLE, Stop.LIMIT, Stop.UNBOUNDED, Stop.ERROR):
        assert not Outcome(stop, 1.0, 0.5, np.zeros(1), "any").accepted
    assert not Outcome(Stop.OPTIMAL, 1.0, 0.5, None, "any").accepted


@pytest.mark.parametrize(
    ("coefficient", "words"), [(1e300, "none may be over 1e+15"), (np.inf, "infinite or not a num")]
)
def test_rows_that_highs_does_not_take_are_told_by_their_size(
    coefficient: float, words: str
) -> None:
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(0.0, 1.0), initialize=0.0)
    problem = LinearProblem(m, disks=[Disk(m.x, m.x, 1.0)])
    with pytest.raises(SolverError, match="does not take the rows") as raised:
        problem.add_row({problem.column(m.x): coefficient}, 0.0, 1.0)
    assert words in str(raised.value)
    assert raised.value.exit_code == 4
