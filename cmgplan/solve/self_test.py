"""Questions with known answers that every solver is asked before it is believed.

A release of HiGHS has called a point optimal that was 5000 times as dear as the optimum, on a
problem of three columns. The small problems here are such published counter-examples and textbook
problems. They are asked once in a process, when a solver is first called for, and take
milliseconds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from math import inf, sqrt
from typing import Any

import highspy
import numpy as np

from cmgplan.errors import SolverError

TOLERANCE = 1e-5
"""Difference from a known optimum, relative to 1 + its size, that is a solver's tolerance."""

INFEASIBLE, UNBOUNDED = "infeasible", "unbounded"

Answer = float | str
"""Optimum, or what a solver says in place of one."""


@dataclass(frozen=True)
class Small:
    """A small linear problem: minimise ``cost @ x`` within bounds and rows.

    Attributes
    ----------
    name
        What the problem is, and where it was published.
    expected
        Its optimum, or ``INFEASIBLE`` or ``UNBOUNDED``.
    columns
        Cost, lower and upper bound of each column, and whether it is integer.
    rows
        Lower limit, coefficients by column, upper limit.
    """

    name: str
    expected: Answer
    columns: Sequence[tuple[float, float, float, bool]]
    rows: Sequence[tuple[float, dict[int, float], float]] = field(default_factory=tuple)


LINEAR = (
    Small(
        "an integer between -0.5 and 0.5", 0.0, [(1.0, -0.5, 0.5, True), (-1.0, -0.5, 0.5, True)]
    ),
    Small(
        "three binaries of which one and a half are to be 1",
        INFEASIBLE,
        [(1.0, 0.0, 1.0, True)] * 3,
        [(3.0, {0: 2.0, 1: 2.0, 2: 2.0}, 3.0)],
    ),
    Small(
        "an integer and a number that add up to 20.1 (HiGHS issue 2957)",
        28.2,
        [(1.0, 0.0, 20.0, True), (2.0, 8.0, 20.0, False)],
        [(20.1, {0: 1.0, 1: 1.0}, inf)],
    ),
    Small(
        "a dear binary with a big-M row (HiGHS issue 2975)",
        20.0,
        [(0.0, 0.0, inf, False), (2.0, 0.0, inf, False), (99999.0, 0.0, 1.0, True)],
        [(10.0, {0: 1.0, 1: 1.0}, 10.0), (-inf, {0: 1.0, 2: -100.0}, 0.0)],
    ),
    Small(
        "a number and a dearer integer that add up to 4.5 (HiGHS issue 3043)",
        9.0,
        [(2.0, 0.0, 10.0, False), (3.0, 0.0, 10.0, True)],
        [(4.5, {0: 1.0, 1: 1.0}, inf)],
    ),
    Small(
        "two binaries with big-M rows of which one may be 1 (HiGHS issue 3094)",
        8000.0,
        [
            *[(cost, 0.0, 1000.0, False) for cost in (0.0, 0.0, 10.0, 8.0)],
            *[(0.0, 0.0, 1.0, True)] * 2,
        ],
        [
            (-inf, {0: 1.0, 4: -1000.0}, 0.0),
            (-inf, {1: 1.0, 5: -1000.0}, 0.0),
            (1000.0, {0: 1.0, 2: 1.0}, 1000.0),
            (1000.0, {1: 1.0, 3: 1.0}, 1000.0),
            (-inf, {4: 1.0, 5: 1.0}, 1.0),
        ],
    ),
    Small(
        "a gap to an integer that pays for its size (HiGHS issue 3073)",
        0.03,
        [(100.0, 0.0, inf, False), (0.01, -inf, inf, False), (0.0, 0.0, inf, True)],
        [
            (3.0, {0: 1.0, 2: 1.0}, 3.0),
            (-inf, {1: -1.0, 2: 1.0}, 0.0),
            (-inf, {1: -1.0, 2: -1.0}, 0.0),
            (-inf, {2: 1.0}, 3.0),
            (-inf, {2: -1.0}, -0.45),
        ],
    ),
    Small(
        "three columns of a unit test (HiGHS issue 3002)",
        64.0,
        [(1.0, 0.0, 4.0, False), (4.0, -1.0, 1.0, False), (9.0, 0.0, inf, True)],
        [
            (-inf, {0: 1.0, 1: 1.0}, 5.0),
            (10.0, {0: 1.0, 2: 1.0}, inf),
            (7.5, {1: -1.0, 2: 1.0}, 7.5),
        ],
    ),
    Small(
        "two products on three machines",
        -36.0,
        [(-3.0, 0.0, inf, False), (-5.0, 0.0, inf, False)],
        [(-inf, {0: 1.0}, 4.0), (-inf, {1: 2.0}, 12.0), (-inf, {0: 3.0, 1: 2.0}, 18.0)],
    ),
    Small(
        "a ray on which the objective falls for ever",
        UNBOUNDED,
        [(-1.0, 0.0, inf, False), (0.0, 0.0, inf, False)],
        [(-inf, {0: 1.0, 1: -1.0}, 1.0)],
    ),
)


class QuietHighs(highspy.Highs):  # type: ignore[misc]
    """A HiGHS that prints nothing: release 1.16 greets on standard output as it is made."""

    def enableCallbacks(self) -> Any:  # noqa: N802
        """Turn output off before anything of HiGHS runs."""
        self.setOptionValue("output_flag", False)
        return super().enableCallbacks()


class _Once:
    """Runs each solver's questions once in a process; what failed fails again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._passed: set[str] = set()

    def __call__(self, solver: str, ask: Callable[[], None]) -> None:
        if solver in self._passed:
            return
        with self._lock:
            if solver not in self._passed:
                ask()
                self._passed.add(solver)

    def forget(self) -> None:
        """Ask again next time."""
        self._passed.clear()


once = _Once()


def check_highs() -> None:
    """Ask HiGHS its questions with presolve, and the first ones without, once in a process.

    Raises
    ------
    SolverError
        If an answer is wrong; it names solver, version, question, both values and the mend.
    """
    once("HiGHS", _ask_highs)


def check_clarabel() -> None:
    """Ask Clarabel for the least sum of two numbers in a circle; see ``check_highs``."""
    once("Clarabel", _ask_clarabel)


def check_ipopt() -> None:
    """Ask Ipopt for the optimum of a textbook problem; see ``check_highs``."""
    once("Ipopt", _ask_ipopt)


def agrees(solver: str, package: str, question: str, expected: Answer, answered: Answer) -> None:
    """Raise SolverError unless a solver's answer is the one that is known."""
    if isinstance(expected, float) and isinstance(answered, float):
        right = abs(answered - expected) <= TOLERANCE * (1.0 + abs(expected))
    else:
        right = answered == expected
    if right:
        return
    raise SolverError(
        f"{solver} {version(package)} cannot be believed: asked for {question}, it answers "
        f"{_shown(answered)} where {_shown(expected)} is right; nothing was solved. Install "
        f"another version of {package}, one that this version of cmgplan asks for: "
        "pip install --force-reinstall cmgplan"
    )


def _shown(answer: Answer) -> str:
    return answer if isinstance(answer, str) else f"{answer:.10g}"


def _ask_highs() -> None:
    presolved = [(problem, "choose") for problem in LINEAR]
    for problem, presolve in (*presolved, *((problem, "off") for problem in LINEAR[:4])):
        told = f"{problem.name}, presolve {presolve}"
        agrees("HiGHS", "highspy", told, problem.expected, _answer_of(problem, presolve))


def _answer_of(problem: Small, presolve: str) -> Answer:
    """Return HiGHS's answer in the words of ``expected``, or its status."""
    h = QuietHighs()
    h.setOptionValue("threads", 1)
    h.setOptionValue("mip_heuristic_run_feasibility_jump", False)  # it takes 20 ms a problem
    h.setOptionValue("presolve", presolve)
    for k, (cost, lower, upper, integer) in enumerate(problem.columns):
        h.addVar(lower, upper)
        h.changeColCost(k, cost)
        if integer:
            h.changeColIntegrality(k, highspy.HighsVarType.kInteger)
    for lower, terms, upper in problem.rows:
        columns = np.asarray(list(terms), dtype=np.int32)
        h.addRow(lower, upper, len(terms), columns, np.asarray(list(terms.values())))
    h.run()
    status = h.getModelStatus()
    if status == highspy.HighsModelStatus.kOptimal:
        return float(h.getInfo().objective_function_value)
    if status == highspy.HighsModelStatus.kInfeasible:
        return INFEASIBLE
    either = highspy.HighsModelStatus.kUnboundedOrInfeasible
    if status == highspy.HighsModelStatus.kUnbounded or (
        status == either and problem.expected == UNBOUNDED
    ):
        return UNBOUNDED
    return str(h.modelStatusToString(status))


def _ask_clarabel() -> None:
    import clarabel
    import scipy.sparse as sp

    def answer(right: float) -> Answer:
        settings = clarabel.DefaultSettings()
        settings.verbose = False
        settings.max_threads = 1
        solver = clarabel.DefaultSolver(
            sp.csc_matrix((2, 2)),
            np.ones(2),
            sp.csc_matrix([[0.0, 0.0], [-1.0, 0.0], [0.0, -1.0]]),
            np.asarray([right, 0.0, 0.0]),
            [clarabel.SecondOrderConeT(3)],
            settings,
        )
        found = solver.solve()
        status = str(found.status)
        if status == "Solved":
            return float(found.obj_val)
        return INFEASIBLE if status == "PrimalInfeasible" else status

    circle = "the least sum of two numbers in a circle of radius"
    agrees("Clarabel", "clarabel", f"{circle} 1", -sqrt(2.0), answer(1.0))
    agrees("Clarabel", "clarabel", f"{circle} -1", INFEASIBLE, answer(-1.0))


def _ask_ipopt() -> None:
    import casadi as ca

    x = ca.SX.sym("x", 2)
    own: dict[str, Any] = {"print_level": 0, "sb": "yes"}
    quiet: dict[str, Any] = {"print_time": False, "error_on_fail": False, "ipopt": own}
    solver = ca.nlpsol("asked", "ipopt", {"x": x, "f": ca.sum1(x), "g": x[0] * x[1]}, quiet)
    found = solver(x0=[3.0, 2.0], lbx=0.1, ubx=10.0, lbg=4.0, ubg=inf)
    stats = solver.stats()
    answered = float(found["f"]) if stats["success"] else str(stats["return_status"])
    question = "the least sum of two positive numbers whose product is at least 4"
    agrees("Ipopt", "casadi", question, 4.0, answered)
