"""Clarabel on linear rows and rotated cones, its multipliers turned into those of linear rows.

A multiplier of a second-order cone, which lies in the cone itself, times the cone's rows is a
linear row that holds everywhere on the cone. With these rows any multipliers of Clarabel prove a
bound, or that nothing is feasible, by arithmetic alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from cmgplan.arrays import FloatArray
from cmgplan.solve.cones import Rows
from cmgplan.solve.conic_program import FINE, ConicProgram, solve_conic
from cmgplan.solve.outcome import Stop
from cmgplan.solve.template_model import Instance

if TYPE_CHECKING:
    from cmgplan.solve.rotated_cones import RotatedCones

SHORTER = {**FINE, "static_regularization_constant": 1e-7, "max_step_fraction": 0.9}
PRECISE = (FINE, SHORTER)
"""Settings tried in turn; both refine each step, which a bound without slack needs."""


@dataclass(frozen=True)
class Certificate:
    """What Clarabel leaves.

    Attributes
    ----------
    stop, message
        Why it stopped.
    x
        Its point, shape (n,).
    multipliers
        Of the linear rows, then of ``tangents``; positive at lower limits.
    tangents
        A row for each cone that holds on it.
    """

    stop: Stop
    message: str
    x: FloatArray
    multipliers: FloatArray
    tangents: Rows


def certificate(
    linear: sp.csr_array,
    cones: RotatedCones,
    it: Instance,
    settings: Mapping[str, float | bool] = FINE,
    time_limit_s: float = float("inf"),
) -> Certificate:
    """Minimise the instance's objective, in units in which its greatest price is 1.

    Without prices every point is an optimum, and the answer tells whether there is one.
    """
    n = len(it.lbx)
    matrix = sp.csr_array(sp.vstack([linear, sp.eye_array(n)], format="csr"))
    low, high = np.concatenate([it.lbg, it.lbx]), np.concatenate([it.ubg, it.ubx])
    equal = low == high
    above, below = np.isfinite(high) & ~equal, np.isfinite(low) & ~equal
    cone_rows = second_order(cones, n)
    blocks = [matrix[equal], matrix[above], -matrix[below], -cone_rows]
    greatest = float(max(np.abs(it.linear).max(initial=0.0), np.abs(it.quadratic).max(initial=0.0)))
    scale = 1.0 / greatest if greatest > 0.0 else 1.0
    program = ConicProgram(
        cost=scale * it.linear,
        matrix=sp.csc_array(sp.vstack(blocks, format="csc")),
        right=np.concatenate([high[equal], high[above], -low[below], np.zeros(4 * len(cones.k))]),
        equations=int(equal.sum()),
        inequalities=int(above.sum() + below.sum()),
        sizes=np.full(len(cones.k), 4),
        curvature=2.0 * scale * it.quadratic,
    )
    answer = solve_conic(program, time_limit_s=time_limit_s, attempts=(settings,))
    z = np.split(answer.z / scale, np.cumsum([equal.sum(), above.sum(), below.sum()]))
    y = np.zeros(len(low))
    y[equal] = -z[0]
    y[above] -= z[1]
    y[below] += z[2]
    tangents = _weighted(cone_rows, z[3])
    multipliers = np.concatenate([y[: linear.shape[0]], np.ones(len(cones.k))])
    return Certificate(answer.stop, answer.message, answer.x, multipliers, tangents)


def without_prices(it: Instance) -> Instance:
    """Return an instance that asks for any point."""
    nothing = np.zeros_like(it.linear)
    return replace(it, linear=nothing, quadratic=nothing, constant=0.0)


def second_order(cones: RotatedCones, width: int) -> sp.csr_array:
    """Return four rows per cone: ``sqrt(k) (a + b), 2 u, 2 v, sqrt(k) (a - b)``."""
    count = len(cones.k)
    root, two, first = np.sqrt(cones.k), np.full(count, 2.0), 4 * np.arange(count)
    rows = np.concatenate([first, first, first + 1, first + 2, first + 3, first + 3])
    columns = np.concatenate([cones.a, cones.b, cones.u, cones.v, cones.a, cones.b])
    values = np.concatenate([root, root, two, two, root, -root])
    return sp.csr_array((values, (rows, columns)), shape=(4 * count, width))


def _weighted(cone_rows: sp.csr_array, weights: FloatArray) -> Rows:
    """Return ``w @ rows >= 0`` of each cone, its weights moved into the cone first."""
    w = weights.reshape(-1, 4).copy()
    w[:, 0] = np.maximum(w[:, 0], np.linalg.norm(w[:, 1:], axis=1))
    count = len(w)
    places = (np.repeat(np.arange(count), 4), np.arange(4 * count))
    sums = sp.csr_array((w.ravel(), places), shape=(count, 4 * count))
    return Rows(sp.csr_array(sums @ cone_rows), np.zeros(count), np.full(count, np.inf))
