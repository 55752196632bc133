"""The leaders' problem by the followers' optimality conditions as a nonlinear program.

Market, section V: the followers are replaced by their KKT conditions. Products of a multiplier and
the distance from its bound are held under a tolerance that shrinks (S. Scholtes, "Convergence
properties of a regularization scheme for mathematical programs with complementarity constraints",
2001, doi 10.1137/S1052623499361233), and Ipopt finds a local optimum. Its quantities lie a little
to either side of kinks, where prices jump, so that they are not used as they are: pairs that are
clearly decided are fixed, and the few others are decided by the mixed-integer program.
"""

from __future__ import annotations

import time

import numpy as np
import scipy.sparse as sp

from cmgplan.arrays import FloatArray
from cmgplan.market.leading.groups import Groups
from cmgplan.market.leading.milp import start_at
from cmgplan.market.model.bilevel import Bilevel
from cmgplan.solve.array_program import ArraySolver
from cmgplan.solve.templates import Copies, Instance, Strategy, TemplateModel, TemplateProblem
from cmgplan.solve.time_limit import TimeLimit

TOLERANCES = (10.0, 1.0, 0.1, 0.01, 1e-3)
"""Greatest products, one solve each, in kW times units of money in which prices are about ten."""

FAR_KW, NEAR_KW = 0.5, 0.05
"""Distances from a bound that are surely some, and surely none."""

LARGE, SMALL = 0.2, 0.05
"""Multipliers that are surely positive, and surely zero."""

ITERATIONS = 500
"""Iterations of Ipopt for each tolerance."""


def from_nlp(groups: Groups, seconds: float) -> FloatArray | None:
    """Return the quantities of a local optimum, kW by traded row; None where there is none."""
    ends = time.perf_counter() + seconds
    bilevel = groups.bilevel
    if len(bilevel.binary) == 0:
        return None
    x = _local_optimum(groups, seconds)
    if x is None:
        return None
    return _snapped(groups, x, max(ends - time.perf_counter(), 1.0))


def _local_optimum(groups: Groups, seconds: float) -> FloatArray | None:
    """Return the columns of the last tolerance that Ipopt met, binaries not among them."""
    bilevel, limit = groups.bilevel, TimeLimit(seconds)
    n = bilevel.at["on"].start
    linear, low, high = _without_binaries(bilevel, n)
    problem = TemplateProblem(TemplateModel(linear, (_products(bilevel, linear.shape[0]),)))
    lower, upper = (side[:n] for side in bilevel.bounds())
    start = _start(groups, n)
    held: FloatArray | None = None
    for k, tolerance in enumerate(TOLERANCES):
        count = len(bilevel.binary)
        instance = Instance(
            lbx=lower,
            ubx=upper,
            lbg=np.concatenate([low, np.full(count, -np.inf)]),
            ubg=np.concatenate([high, np.full(count, tolerance)]),
            linear=bilevel.cost[:n],
            quadratic=np.zeros(n),
            constant=0.0,
            start=start,
        )
        strategy = Strategy(max_iter=ITERATIONS, accepted_break=1e-4)
        outcome = problem.solve(instance, strategy, limit)
        if outcome.accepted:
            held = start = outcome.values()
        elif k and held is not None:
            break
    return held


def _without_binaries(bilevel: Bilevel, n: int) -> tuple[sp.csr_array, FloatArray, FloatArray]:
    """Return the rows that know no binary, and blank ones for the products."""
    rows, count = bilevel.rows, len(bilevel.binary)
    of_binary = sp.csc_array(rows.matrix)[:, n:]
    kept = np.ones(rows.matrix.shape[0], dtype=bool)
    kept[np.unique(of_binary.indices)] = False
    matrix = sp.vstack([rows.matrix[kept][:, :n], sp.csr_array((count, n))], format="csr")
    return sp.csr_array(matrix), rows.lower[kept], rows.upper[kept]


def _products(bilevel: Bilevel, height: int) -> Copies:
    """Return multiplier times distance of every pair, in the last rows."""
    p, which = bilevel.pairs, bilevel.binary
    column, up, count = p.column[which], p.at_upper[which], len(which)
    bound = np.where(up, bilevel.followers.upper[column], bilevel.followers.lower[column])
    columns = np.vstack([bilevel.at["y"].start + column, bilevel.at["multiplier"].start + which])
    rows = np.arange(height - count, height)
    scatter = sp.csr_array((np.ones(count), (rows, np.arange(count))), shape=(height, count))
    return Copies(
        lambda x, c, ops: [c[0] * (x[0] - c[1]) * x[1]],
        columns,
        np.vstack([np.where(up, -1.0, 1.0), bound]),
        scatter,
    )


def _start(groups: Groups, n: int) -> FloatArray:
    """Return the day without trade, where there is one, to begin from."""
    found = start_at(groups, np.zeros(groups.traded))
    if found is not None:
        return found[1][:n]
    lower, upper = groups.bilevel.bounds()
    return np.clip(np.zeros(n), lower[:n], upper[:n])


def _snapped(groups: Groups, x: FloatArray, seconds: float) -> FloatArray | None:
    """Return quantities with every pair that is clearly decided fixed, the others searched."""
    bilevel, p = groups.bilevel, groups.bilevel.pairs
    y, multiplier = x[bilevel.at["y"]], x[bilevel.at["multiplier"]]
    bound = np.where(
        p.at_upper, bilevel.followers.upper[p.column], bilevel.followers.lower[p.column]
    )
    distance = np.abs(y[p.column] - bound)[bilevel.binary]
    pays = multiplier[bilevel.binary]
    program = bilevel.program()
    lower, upper = program.lower.copy(), program.upper.copy()
    on = np.arange(bilevel.at["on"].start, bilevel.at["on"].stop)
    upper[on[(distance > FAR_KW) & (pays < SMALL)]] = 0.0
    lower[on[(pays > LARGE) & (distance < NEAR_KW)]] = 1.0
    for bounds in ((lower, upper), (program.lower, upper), (lower, program.upper)):
        solver = ArraySolver(program, {"mip_feasibility_tolerance": 1e-7})
        found = solver.solve(bounds=bounds, time_limit_s=seconds, gap_abs=1e-3)
        if found.x is not None:
            return groups.quantity(found.x[bilevel.at["z"]])
    return None
