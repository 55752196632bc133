"""Rotated second-order cones on the variables of a template problem."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from cmgplan.arrays import FloatArray, IntArray
from cmgplan.solve.cones import Rows


@dataclass(frozen=True)
class RotatedCones:
    """Cones ``u^2 + v^2 <= k a b`` with ``a, b >= 0``: columns of u, v, a, b, and k > 0."""

    u: IntArray
    v: IntArray
    a: IntArray
    b: IntArray
    k: FloatArray

    def residual(self, x: FloatArray) -> FloatArray:
        """Return ``k a b - u^2 - v^2`` of each cone, negative where it is broken."""
        return np.asarray(
            self.k * x[self.a] * x[self.b] - x[self.u] ** 2 - x[self.v] ** 2, dtype=np.float64
        )

    def tangents(self, x: FloatArray) -> Rows:
        """Return the tangents at x of ``|2u, 2v, sqrt(k) (a - b)| <= sqrt(k) (a + b)``."""
        root = np.sqrt(self.k)
        u, v, d = 2.0 * x[self.u], 2.0 * x[self.v], root * (x[self.a] - x[self.b])
        norm = np.maximum(np.sqrt(u * u + v * v + d * d), 1e-12)
        count = len(self.k)
        columns = np.concatenate([self.u, self.v, self.a, self.b])
        values = np.concatenate(
            [2.0 * u / norm, 2.0 * v / norm, root * (d / norm - 1.0), root * (-d / norm - 1.0)]
        )
        rows = np.tile(np.arange(count), 4)
        matrix = sp.csr_array((values, (rows, columns)), shape=(count, len(x)))
        return Rows(matrix, np.full(count, -np.inf), np.zeros(count))

    def chosen(self, which: npt.NDArray[np.bool_]) -> RotatedCones:
        """Return some of the cones."""
        return RotatedCones(
            self.u[which], self.v[which], self.a[which], self.b[which], self.k[which]
        )
