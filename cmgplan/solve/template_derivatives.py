"""Rows, Jacobian and Hessian of a template model, gathered from the derivatives of its parts."""

from __future__ import annotations

from typing import Any

import casadi as ca
import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from cmgplan.arrays import FloatArray
from cmgplan.solve.template_model import Copies, TemplateModel


def compiled(model: TemplateModel) -> tuple[Any, dict[str, Any]]:
    """Return the problem as a CasADi function, and its derivatives as options of ``nlpsol``.

    The parameters are the linear and the quadratic prices, one after the other.
    """
    m, n = model.linear.shape
    x, p = ca.MX.sym("x", n), ca.MX.sym("p", 2 * n)
    lam_f, lam_g = ca.MX.sym("lam_f"), ca.MX.sym("lam_g", m)
    linear, quadratic = p[:n], p[n:]
    f = ca.dot(linear + quadratic * x, x)
    g, jacobian, hessian = _derivatives(model, x, lam_g, 2.0 * lam_f * quadratic)
    # Ipopt's interface reads grad_f as dense, whatever its sparsity.
    gradient = ca.densify(linear + 2.0 * quadratic * x)
    names = ["x", "p"]
    derivatives = {
        "grad_f": ca.Function("grad_f", [x, p], [f, gradient], names, ["f", "grad"]),
        "jac_g": ca.Function("jac_g", [x, p], [g, jacobian], names, ["g", "jac"]),
        "hess_lag": ca.Function(
            "hess_lag", [x, p, lam_f, lam_g], [hessian], [*names, "lam_f", "lam_g"], ["h"]
        ),
    }
    return ca.Function("nlp", [x, p], [f, g], names, ["f", "g"]), derivatives


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
