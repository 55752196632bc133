"""Ipopt on a model made of a few small functions, each repeated over many index sets.

The rows of an AC network are one function of four voltages, repeated for every branch and
hour. Each such function is differentiated once, symbolically; Jacobian and Hessian of the whole
are gathered from the copies by sparse matrices. Compiling then takes hundredths of a second
where differentiating every row takes seconds.
"""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import casadi as ca
import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from cmgplan.solve.outcome import FloatArray, Outcome, Stop

IntArray = npt.NDArray[np.int64]

Function = Callable[[Any, Any, Any], Sequence[Any]]
"""``function(x, p, ops)`` returns outputs; ``ops`` has ``sin`` and ``cos`` of what x is made of."""

ACCEPTED_BREAK = 1e-6
"""Largest break of a row or bound with which an answer is accepted."""

STATUS = {
    "Solve_Succeeded": Stop.LOCAL_OPTIMUM,
    "Solved_To_Acceptable_Level": Stop.LOCAL_OPTIMUM,
    "Feasible_Point_Found": Stop.FEASIBLE,
    "Infeasible_Problem_Detected": Stop.LOCALLY_INFEASIBLE,
    "Maximum_Iterations_Exceeded": Stop.LIMIT,
    "Maximum_CpuTime_Exceeded": Stop.LIMIT,
    "Maximum_WallTime_Exceeded": Stop.LIMIT,
}


@dataclass(frozen=True)
class Copies:
    """N copies of a function of few variables.

    Attributes
    ----------
    function
        Outputs of one copy.
    columns
        Column of each input of each copy, shape (inputs, N).
    parameters
        Constants of each copy, shape (parameters, N).
    scatter
        What the outputs add to the rows, shape (rows, outputs * N); output o of copy k stands at
        ``o + outputs * k``.
    """

    function: Function
    columns: IntArray
    parameters: FloatArray
    scatter: sp.csr_array

    @property
    def n_out(self) -> int:
        """Number of outputs of one copy."""
        width = int(self.scatter.shape[1])
        return width // max(int(self.columns.shape[1]), 1)


@dataclass(frozen=True)
class TemplateModel:
    """Rows ``linear @ x + sum of copies`` and a separable quadratic objective.

    ``linear`` has shape (rows, variables).
    """

    linear: sp.csr_array
    copies: tuple[Copies, ...]


@dataclass(frozen=True)
class Instance:
    """What may differ from solve to solve: bounds, prices and the start.

    The objective is ``constant + linear @ x + quadratic @ x**2``.
    """

    lbx: FloatArray
    ubx: FloatArray
    lbg: FloatArray
    ubg: FloatArray
    linear: FloatArray
    quadratic: FloatArray
    constant: float
    start: FloatArray


class TemplateProblem:
    """A compiled template model; solve it as often as needed, from one thread at a time."""

    def __init__(self, model: TemplateModel, **options: Any) -> None:
        begun = time.perf_counter()
        model = TemplateModel(
            sp.csr_array(model.linear), tuple(c for c in model.copies if c.columns.size)
        )
        m, n = model.linear.shape
        x, p = ca.MX.sym("x", n), ca.MX.sym("p", 2 * n)
        lam_f, lam_g = ca.MX.sym("lam_f"), ca.MX.sym("lam_g", m)
        linear, quadratic = p[:n], p[n:]
        f = ca.dot(linear + quadratic * x, x)
        g, jacobian, hessian = _derivatives(model, x, lam_g, 2.0 * lam_f * quadratic)
        gradient = ca.densify(linear + 2.0 * quadratic * x)
        # Ipopt's interface reads grad_f as dense, whatever its sparsity.
        given = {
            "grad_f": ca.Function("grad_f", [x, p], [f, gradient], ["x", "p"], ["f", "grad"]),
            "jac_g": ca.Function("jac_g", [x, p], [g, jacobian], ["x", "p"], ["g", "jac"]),
            "hess_lag": ca.Function(
                "hess_lag", [x, p, lam_f, lam_g], [hessian], ["x", "p", "lam_f", "lam_g"], ["h"]
            ),
        }
        self._solver = ca.nlpsol(
            "opf", "ipopt", {"x": x, "p": p, "f": f, "g": g}, {**_options(options), **given}
        )
        self.compile_s = time.perf_counter() - begun

    def solve(self, instance: Instance) -> Outcome:
        """Minimise; the outcome is accepted only if the answer holds every row and bound.

        Raises
        ------
        KeyboardInterrupt
            When the user interrupts Ipopt, which would otherwise swallow it.
        """
        begun = time.perf_counter()
        it = instance
        # CasADi warns of too many equations, which the outcome tells as well.
        with contextlib.redirect_stderr(io.StringIO()):
            answer = self._solver(
                x0=np.clip(it.start, it.lbx, it.ubx),
                p=np.concatenate([it.linear, it.quadratic]),
                lbx=it.lbx,
                ubx=it.ubx,
                lbg=it.lbg,
                ubg=it.ubg,
            )
        stats = self._solver.stats()
        status = str(stats["return_status"])
        if status in ("NonIpopt_Exception_Thrown", "User_Requested_Stop"):
            raise KeyboardInterrupt
        x = np.asarray(answer["x"], dtype=np.float64).ravel()
        g = np.asarray(answer["g"], dtype=np.float64).ravel()
        off = _largest_break(it, x, g)
        stop = STATUS.get(status, Stop.ERROR)
        if not off <= ACCEPTED_BREAK:
            stop = Stop.ERROR if stop in (Stop.LOCAL_OPTIMUM, Stop.FEASIBLE) else stop
        elif stop is Stop.LIMIT:
            stop = Stop.FEASIBLE
        held = stop in (Stop.LOCAL_OPTIMUM, Stop.FEASIBLE)
        return Outcome(
            stop=stop,
            value=it.constant + float((it.linear + it.quadratic * x) @ x) if held else None,
            bound=None,
            x=x if held else None,
            solver="Ipopt",
            message=f"{status}, largest break {off:.2e}",
            wall_s=time.perf_counter() - begun,
            iterations=int(stats["iter_count"]),
        )

    def derivatives(
        self, x: FloatArray, prices: FloatArray, multipliers: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return rows, Jacobian and Hessian of the Lagrangian, dense, as Ipopt sees them.

        ``prices`` is linear and quadratic prices, one after the other.
        """
        rows, jacobian = self._solver.get_function("nlp_jac_g")(x, prices)
        upper = self._solver.get_function("nlp_hess_l")(x, prices, 1.0, multipliers)
        half = np.asarray(ca.densify(upper), dtype=np.float64)
        return (
            np.asarray(rows, dtype=np.float64).ravel(),
            np.asarray(ca.densify(jacobian), dtype=np.float64),
            half + np.triu(half, 1).T,
        )


def _largest_break(it: Instance, x: FloatArray, g: FloatArray) -> float:
    parts = (it.lbg - g, g - it.ubg, it.lbx - x, x - it.ubx)
    return float(max(part.max(initial=0.0) for part in parts))


def _derivatives(model: TemplateModel, x: Any, lam_g: Any, diagonal: Any) -> tuple[Any, Any, Any]:
    """Return rows, Jacobian and upper triangle of the Lagrangian's Hessian."""
    m, n = model.linear.shape
    g = ca.mtimes(_dm(model.linear), x)
    fixed = model.linear.tocoo()
    jac = _Gathered((m, n))
    jac.add(fixed.row, fixed.col, np.arange(fixed.nnz), fixed.data, ca.DM.ones(fixed.nnz))
    hess = _Gathered((n, n))
    every = np.arange(n)
    hess.add(every, every, every, np.ones(n), diagonal)
    for k, copies in enumerate(model.copies):
        values, first, second = _mapped(copies, f"t{k}", x, lam_g)
        g = g + ca.mtimes(_dm(copies.scatter), values)
        jac.add(*_jacobian_entries(copies), first)
        hess.add(*_hessian_entries(copies), second)
    return g, jac.matrix(), hess.matrix()


def _mapped(copies: Copies, name: str, x: Any, lam_g: Any) -> tuple[Any, Any, Any]:
    """Return outputs, Jacobians and weighted Hessians of all copies, as long vectors."""
    n_in, count = copies.columns.shape
    xs, ps = ca.SX.sym("x", n_in), ca.SX.sym("p", copies.parameters.shape[0])
    out = ca.vertcat(*copies.function(ca.vertsplit(xs), ca.vertsplit(ps), ca))
    weights = ca.SX.sym("lam", copies.n_out)
    first = ca.densify(ca.jacobian(out, xs))
    second = ca.densify(ca.hessian(ca.dot(weights, out), xs)[0])
    values = ca.Function(name, [xs, ps], [out]).map(count)
    slopes = ca.Function(f"{name}_jac", [xs, ps], [first]).map(count)
    curves = ca.Function(f"{name}_hess", [xs, ps, weights], [second]).map(count)
    inputs = ca.reshape(x[copies.columns.ravel(order="F").tolist()], n_in, count)
    constants = ca.MX(ca.DM(copies.parameters))
    lam = ca.reshape(ca.mtimes(_dm(copies.scatter.T), lam_g), copies.n_out, count)
    return (
        ca.vec(values(inputs, constants)),
        ca.vec(slopes(inputs, constants)),
        ca.vec(curves(inputs, constants, lam)),
    )


Positions = npt.NDArray[Any]
Entries = tuple[Positions, Positions, Positions, FloatArray]
"""Row, column, position among the values, and weight."""


def _jacobian_entries(copies: Copies) -> Entries:
    n_in, n_out = copies.columns.shape[0], copies.n_out
    s = copies.scatter.tocoo()
    output, copy = s.col % n_out, s.col // n_out
    which = np.arange(n_in)[:, None]
    row = np.broadcast_to(s.row, (n_in, s.nnz))
    column = copies.columns[:, copy]
    source = output + n_out * (which + n_in * copy)
    weight = np.broadcast_to(s.data, (n_in, s.nnz))
    return row.ravel(), column.ravel(), source.ravel(), weight.ravel()


def _hessian_entries(copies: Copies) -> Entries:
    """Entries of the upper triangle; each pair of inputs stands twice, once on either side."""
    n_in, count = copies.columns.shape
    one, two, copy = (
        part.ravel()
        for part in np.meshgrid(np.arange(n_in), np.arange(n_in), np.arange(count), indexing="ij")
    )
    row, column = copies.columns[one, copy], copies.columns[two, copy]
    upper = row <= column
    source = one + n_in * (two + n_in * copy)
    return row[upper], column[upper], source[upper], np.ones(int(upper.sum()))


class _Gathered:
    """A sparse matrix whose nonzeros are weighted sums of entries of several vectors."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self._shape = shape
        self._parts: list[tuple[Entries, Any]] = []

    def add(
        self, row: Positions, column: Positions, source: Positions, weight: FloatArray, values: Any
    ) -> None:
        """Add ``weight * values[source]`` at (row, column)."""
        if len(row):
            self._parts.append(((row, column, source, weight), values))

    def matrix(self) -> Any:
        """Return the matrix as an expression."""
        rows, columns = self._shape
        keys = [entry[0] + rows * entry[1].astype(np.int64) for entry, _ in self._parts]
        pattern, inverse = np.unique(np.concatenate(keys), return_inverse=True)
        total: Any = 0
        first = 0
        for (entry, values), key in zip(self._parts, keys, strict=True):
            where = inverse[first : first + len(key)]
            first += len(key)
            gather = sp.csr_array(
                (entry[3], (where, entry[2])), shape=(len(pattern), values.shape[0])
            )
            total = total + ca.mtimes(_dm(gather), values)
        column, row = pattern // rows, pattern % rows
        start = np.searchsorted(column, np.arange(columns + 1))
        sparsity = ca.Sparsity(rows, columns, start.tolist(), row.tolist())
        return ca.MX(sparsity, ca.densify(total))


def _dm(matrix: Any) -> Any:
    compressed = sp.csc_matrix(matrix)
    compressed.sum_duplicates()
    compressed.sort_indices()
    sparsity = ca.Sparsity(
        *compressed.shape, compressed.indptr.tolist(), compressed.indices.tolist()
    )
    return ca.DM(sparsity, compressed.data)


def _options(changed: dict[str, Any]) -> dict[str, Any]:
    return {
        "calc_lam_p": False,
        "error_on_fail": False,
        "print_time": False,
        "ipopt": {
            "print_level": 0,
            "sb": "yes",
            "max_iter": 300,
            "tol": 1e-7,  # a tighter one doubles the iterations and changes no digit that counts
            "constr_viol_tol": 1e-8,
            "acceptable_iter": 0,
            "bound_relax_factor": 1e-10,
            **changed,
        },
    }
