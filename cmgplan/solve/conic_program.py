"""Clarabel on a linear or separable quadratic objective under linear rows and second-order cones.

An interior-point solver of cone programs (Goulart and Chen 2024, arXiv 2405.12762): the cones are
met as they are, without tangents, and its multipliers are central.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import clarabel
import numpy as np
import scipy.sparse as sp

from cmgplan.arrays import FloatArray, IntArray
from cmgplan.plurals import counted
from cmgplan.solve.outcome import Stop
from cmgplan.solve.self_test import check_clarabel
from cmgplan.solve.time_limit import lateness

FINE: dict[str, float | bool] = {"tol_gap_abs": 1e-8, "tol_gap_rel": 1e-8, "tol_feas": 1e-8}

ATTEMPTS: tuple[dict[str, float | bool], ...] = (
    {**FINE, "iterative_refinement_enable": False},
    FINE,
    {
        "tol_gap_abs": 1e-6,
        "tol_gap_rel": 1e-6,
        "tol_feas": 1e-6,
        "static_regularization_constant": 1e-6,
    },
    {
        "tol_gap_abs": 1e-6,
        "tol_gap_rel": 1e-6,
        "tol_feas": 1e-6,
        "equilibrate_enable": False,
    },
)
"""Settings that are tried until one ends with an answer or a proof: flat objectives need care.

Refining each step's linear system takes half the time and hardly ever changes a digit that counts.
"""

STUCK_GAP_ABS = 5e-5
"""Absolute gap of a point at which the solver gets no further, for one that will do."""

BELIEVED_BREAK = 1e-3
"""Break of a row or cone, as a share of the largest number, with which no optimum is believed."""

PANIC = "PanicException"
"""Type of what Rust code raises through Python where it gives up; it is no ``Exception``."""

_STATUS = {
    "Solved": Stop.OPTIMAL,
    "AlmostSolved": Stop.OPTIMAL,
    "PrimalInfeasible": Stop.INFEASIBLE,
    "AlmostPrimalInfeasible": Stop.INFEASIBLE,
    "DualInfeasible": Stop.UNBOUNDED,
    "MaxIterations": Stop.LIMIT,
    "MaxTime": Stop.LIMIT,
}


@dataclass(frozen=True)
class ConicProgram:
    """Minimise ``cost @ x + curvature @ x^2 / 2``, ``right - matrix @ x`` in the cones of its rows.

    Rows are equations, then rows ``matrix @ x <= right``, then second-order cones over so many
    consecutive rows as ``sizes`` says, the first at least the norm of the rest. Without a
    ``curvature`` the objective is linear.
    """

    cost: FloatArray
    matrix: sp.csc_array
    right: FloatArray
    equations: int
    inequalities: int
    sizes: IntArray
    curvature: FloatArray | None = None


@dataclass(frozen=True)
class ConicAnswer:
    """Why the solver stopped, and objective, point and multipliers of the rows if it has any."""

    stop: Stop
    value: float
    x: FloatArray
    z: FloatArray
    message: str

    @property
    def accepted(self) -> bool:
        """Whether there is an optimum."""
        return self.stop is Stop.OPTIMAL


def solve_conic(
    program: ConicProgram,
    *,
    time_limit_s: float = float("inf"),
    stuck_gap_abs: float = STUCK_GAP_ABS,
    attempts: Sequence[Mapping[str, float | bool]] = ATTEMPTS,
) -> ConicAnswer:
    """Solve a cone program by interior point; other threads go on meanwhile.

    An optimum is one to the solver's tolerances: a bound of nothing, as they leave some slack.
    Where it gets no further, its point will do if it leaves no more than ``stuck_gap_abs``.
    ``attempts`` are settings that are tried in turn; all of them share the time limit.
    """
    check_clarabel()
    n = len(program.cost)
    kinds = [
        clarabel.ZeroConeT(program.equations),
        clarabel.NonnegativeConeT(program.inequalities),
        *(clarabel.SecondOrderConeT(int(size)) for size in program.sizes),
    ]
    matrix = sp.csc_matrix(program.matrix)
    curvature = sp.csc_matrix((n, n))
    if program.curvature is not None:
        curvature = sp.csc_matrix(sp.diags_array(program.curvature))
    until = time.perf_counter() + time_limit_s
    for attempt in attempts:
        settings = _settings(
            {**attempt, "reduced_tol_gap_abs": stuck_gap_abs},
            max(until - time.perf_counter(), 0.0),
        )
        answer = _attempted(program, curvature, matrix, kinds, settings)
        if answer.stop is not Stop.ERROR:
            break
    return answer


def _attempted(
    program: ConicProgram, curvature: Any, matrix: Any, kinds: Sequence[Any], settings: Any
) -> ConicAnswer:
    """Return Clarabel's answer under some settings; one that cannot be is an error of it."""
    begun = time.perf_counter()
    try:
        solver = clarabel.DefaultSolver(
            curvature, program.cost, matrix, program.right, kinds, settings
        )
        found = solver.solve()
    except BaseException as error:
        if isinstance(error, Exception) or type(error).__name__ == PANIC:
            return _failed(program, f"Clarabel broke off: {error}")
        raise
    status = str(found.status)
    late = lateness("Clarabel", time.perf_counter() - begun, settings.time_limit)
    answer = ConicAnswer(
        stop=_STATUS.get(status, Stop.ERROR),
        value=float(found.obj_val),
        x=np.asarray(found.x, dtype=np.float64),
        z=np.asarray(found.z, dtype=np.float64),
        message=f"Clarabel: {status} after {counted(found.iterations, 'iteration')}{late}",
    )
    if not answer.accepted:
        return answer
    if not (np.isfinite(answer.value) and np.isfinite(answer.x).all()):
        return _failed(program, f"{answer.message}, but its answer is not of numbers")
    if not np.isfinite(answer.z).all():
        return _failed(program, f"{answer.message}, but its multipliers are not numbers")
    off = _off(program, answer.x)
    if off > BELIEVED_BREAK:
        return _failed(program, f"{answer.message}, but its point is off by {off:.3g}")
    return answer


def _failed(program: ConicProgram, message: str) -> ConicAnswer:
    nothing = np.full(len(program.cost), np.nan), np.full(len(program.right), np.nan)
    return ConicAnswer(Stop.ERROR, np.nan, *nothing, message)


def _off(program: ConicProgram, x: FloatArray) -> float:
    """Return the largest break of a row or cone at a point, as a share of the largest size."""
    slack = program.right - program.matrix @ x
    size = 1.0 + float(np.abs(program.right).max(initial=0.0)) + float(np.abs(x).max(initial=0.0))
    first, rest = program.equations, program.equations + program.inequalities
    off = max(
        float(np.abs(slack[:first]).max(initial=0.0)),
        float(-slack[first:rest].min(initial=0.0)),
    )
    starts = rest + np.cumsum([0, *program.sizes[:-1]]) if len(program.sizes) else ()
    for start, count in zip(starts, program.sizes, strict=True):
        cone = slack[start : start + count]
        off = max(off, float(np.linalg.norm(cone[1:]) - cone[0]))
    return off / size


def _settings(attempt: Mapping[str, float | bool], time_limit_s: float) -> Any:
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.max_threads = 1
    settings.direct_solve_method = "qdldl"  # the automatic choice takes another above some size
    settings.time_limit = time_limit_s
    for name, value in attempt.items():
        setattr(settings, name, value)
    return settings
