"""Clarabel on a linear objective under linear rows and second-order cones.

An interior-point solver of cone programs (Goulart and Chen 2024, arXiv 2405.12762): the cones are
met as they are, without tangents, and its multipliers are central.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import clarabel
import numpy as np
import scipy.sparse as sp

from cmgplan.solve.cones import FloatArray, Rows, SecondOrderRows
from cmgplan.solve.outcome import Stop

ATTEMPTS: tuple[dict[str, float | bool], ...] = (
    {"tol_gap_abs": 1e-8, "tol_gap_rel": 1e-8, "tol_feas": 1e-8},
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
"""Settings that are tried until one ends with an answer or a proof: flat objectives need care."""

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
class ConicAnswer:
    """Why the solver stopped, and the objective, point and multipliers of the rows if it has any.

    Multipliers have the sign of HiGHS's: the reduced cost is ``cost - matrix.T @ row_dual``.
    """

    stop: Stop
    value: float
    x: FloatArray
    row_dual: FloatArray
    message: str

    @property
    def accepted(self) -> bool:
        """Whether there is an optimum."""
        return self.stop is Stop.OPTIMAL


def solve_conic(
    cost: FloatArray,
    rows: Rows,
    lower: FloatArray,
    upper: FloatArray,
    cones: SecondOrderRows,
    *,
    time_limit_s: float = float("inf"),
) -> ConicAnswer:
    """Minimise ``cost @ x`` over ``rows``, ``lower <= x <= upper`` and the cones.

    An optimum is one to the solver's tolerances: a bound of nothing, as they leave some slack.
    """
    n = len(cost)
    equal = rows.lower == rows.upper
    below = ~equal & np.isfinite(rows.upper)
    above = ~equal & np.isfinite(rows.lower)
    eye = sp.eye_array(n, format="csr")
    capped, floored = np.isfinite(upper), np.isfinite(lower)
    matrix = sp.vstack(
        [
            rows.matrix[equal],
            rows.matrix[below],
            -rows.matrix[above],
            eye[capped],
            -eye[floored],
            -cones.matrix,
        ],
        format="csc",
    )
    sides = [rows.upper[equal], rows.upper[below], -rows.lower[above], upper[capped]]
    right = np.concatenate([*sides, -lower[floored], np.zeros(cones.matrix.shape[0])])
    inequalities = int(below.sum() + above.sum() + capped.sum() + floored.sum())
    kinds = [clarabel.ZeroConeT(int(equal.sum())), clarabel.NonnegativeConeT(inequalities)]
    kinds += [clarabel.SecondOrderConeT(int(size)) for size in cones.sizes]
    for attempt in ATTEMPTS:
        solver = clarabel.DefaultSolver(
            sp.csc_matrix((n, n)),
            cost,
            sp.csc_matrix(matrix),
            right,
            kinds,
            _settings(attempt, time_limit_s),
        )
        answer = solver.solve()
        if _STATUS.get(str(answer.status), Stop.ERROR) is not Stop.ERROR:
            break
    z = np.asarray(answer.z, dtype=np.float64)
    dual = np.zeros(len(rows.lower))
    at = np.cumsum([0, equal.sum(), below.sum(), above.sum()])
    dual[equal] = -z[at[0] : at[1]]
    dual[below] -= z[at[1] : at[2]]
    dual[above] += z[at[2] : at[3]]
    status = str(answer.status)
    return ConicAnswer(
        stop=_STATUS.get(status, Stop.ERROR),
        value=float(answer.obj_val),
        x=np.asarray(answer.x, dtype=np.float64),
        row_dual=dual,
        message=f"Clarabel: {status} after {answer.iterations} iterations",
    )


def _settings(attempt: Mapping[str, float | bool], time_limit_s: float) -> Any:
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.max_threads = 1
    settings.direct_solve_method = "qdldl"  # the automatic choice takes another above some size
    settings.time_limit = time_limit_s
    for name, value in attempt.items():
        setattr(settings, name, value)
    return settings
