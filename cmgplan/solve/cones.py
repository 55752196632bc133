"""Convex quadratic rows that the linear solver meets by tangents.

A tangent of a convex set holds everywhere on the set, so every outer approximation made here
contains the set, and its optimum is a bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, pi, sin
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

Variable = Any
"""A Pyomo scalar variable (Pyomo ships no types)."""


@dataclass(frozen=True)
class QuadraticCone:
    """``level * v >= coefficient * (p^2 + q^2)``, with ``v`` = 1 where it is None.

    ``scale`` is what a unit of ``level`` counts when a break is compared with a tolerance.
    """

    level: Variable
    p: Variable
    q: Variable
    coefficient: float
    v: Variable | None = None
    scale: float = 1.0


@dataclass(frozen=True)
class Disk:
    """``p^2 + q^2 <= (rating * switch)^2``, with ``switch`` = 1 where it is None."""

    p: Variable
    q: Variable
    rating: float
    switch: Variable | None = None


@dataclass(frozen=True)
class Rows:
    """Linear rows ``lower <= A x <= upper``."""

    matrix: sp.csr_array
    lower: FloatArray
    upper: FloatArray


class ConeSet:
    """Cones and disks of one model, as column numbers, that yields tangents at given points."""

    def __init__(
        self, cones: Sequence[QuadraticCone], disks: Sequence[Disk], column: dict[int, int]
    ) -> None:
        self._n = len(column)

        def columns(variables: Sequence[Variable | None]) -> IntArray:
            return np.asarray(
                [-1 if v is None else column[id(v)] for v in variables], dtype=np.int64
            )

        self._cone_l = columns([c.level for c in cones])
        self._cone_p = columns([c.p for c in cones])
        self._cone_q = columns([c.q for c in cones])
        self._cone_v = columns([c.v for c in cones])
        self._cone_c = np.asarray([c.coefficient for c in cones], dtype=np.float64)
        self._cone_scale = np.asarray([c.scale for c in cones], dtype=np.float64)
        self._disk_p = columns([d.p for d in disks])
        self._disk_q = columns([d.q for d in disks])
        self._disk_k = columns([d.switch for d in disks])
        self._disk_s = np.asarray([d.rating for d in disks], dtype=np.float64)

    def initial_rows(self, directions: int = 8) -> Rows:
        """Return the polygon of each disk with the given number of sides."""
        rows = [
            self._disk_rows(np.arange(len(self._disk_s)), np.full(len(self._disk_s), angle))
            for angle in (2.0 * pi * k / directions for k in range(directions))
        ]
        return self._stack(rows)

    def stopped_by(self, switches: IntArray) -> IntArray:
        """Return the power columns of the disks whose switch is one of these columns."""
        hit = np.isin(self._disk_k, switches) & (self._disk_k >= 0)
        return np.concatenate([self._disk_p[hit], self._disk_q[hit]])

    def violation(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return by how much ``x`` breaks each cone (``scale * level``) and each disk (``p``)."""
        p, q = x[self._cone_p], x[self._cone_q]
        v = np.where(self._cone_v >= 0, x[self._cone_v], 1.0)
        cone = self._cone_c * (p**2 + q**2) / np.maximum(v, 1e-9) - x[self._cone_l]
        switch = np.where(self._disk_k >= 0, x[self._disk_k], 1.0)
        disk = np.hypot(x[self._disk_p], x[self._disk_q]) - self._disk_s * switch
        return self._cone_scale * cone, disk

    def tangents(self, x: FloatArray, cone_tolerance: float, disk_tolerance: float) -> Rows:
        """Return a tangent for each cone and disk that ``x`` breaks by more than a tolerance."""
        cone, disk = self.violation(x)
        broken = np.flatnonzero(cone > cone_tolerance)
        outside = np.flatnonzero(disk > disk_tolerance)
        angle = np.arctan2(x[self._disk_q[outside]], x[self._disk_p[outside]])
        return self._stack([self._cone_rows(broken, x), self._disk_rows(outside, angle)])

    def _cone_rows(self, which: IntArray, x: FloatArray) -> Rows:
        """Tangents at the points of ``x``: l - 2c(p0 p + q0 q)/v0 + c(p0^2 + q0^2)/v0^2 v >= 0."""
        p0, q0 = x[self._cone_p[which]], x[self._cone_q[which]]
        has_v = self._cone_v[which] >= 0
        v0 = np.where(has_v, x[self._cone_v[which]], 1.0)
        c = self._cone_c[which]
        square = c * (p0**2 + q0**2) / v0**2
        count = len(which)
        row = np.arange(count)
        columns = [self._cone_l[which], self._cone_p[which], self._cone_q[which]]
        values = [np.ones(count), -2.0 * c * p0 / v0, -2.0 * c * q0 / v0]
        rows = [row, row, row, row[has_v]]
        columns.append(self._cone_v[which][has_v])
        values.append(square[has_v])
        matrix = sp.csr_array(
            (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))),
            shape=(count, self._n),
        )
        lower = np.where(has_v, 0.0, -square)
        return Rows(matrix, lower, np.full(count, np.inf))

    def _disk_rows(self, which: IntArray, angle: FloatArray) -> Rows:
        """Supporting lines: cos(a) p + sin(a) q - rating * switch <= 0."""
        count = len(which)
        row = np.arange(count)
        has_k = self._disk_k[which] >= 0
        cosine = np.asarray([cos(a) for a in angle], dtype=np.float64)
        sine = np.asarray([sin(a) for a in angle], dtype=np.float64)
        matrix = sp.csr_array(
            (
                np.concatenate([cosine, sine, -self._disk_s[which][has_k]]),
                (
                    np.concatenate([row, row, row[has_k]]),
                    np.concatenate(
                        [self._disk_p[which], self._disk_q[which], self._disk_k[which][has_k]]
                    ),
                ),
            ),
            shape=(count, self._n),
        )
        upper = np.where(has_k, 0.0, self._disk_s[which])
        return Rows(matrix, np.full(count, -np.inf), upper)

    def _stack(self, parts: Sequence[Rows]) -> Rows:
        return Rows(
            sp.csr_array(sp.vstack([part.matrix for part in parts], format="csr")),
            np.concatenate([part.lower for part in parts]),
            np.concatenate([part.upper for part in parts]),
        )
