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

from cmgplan.arrays import FloatArray, IntArray

CONE_BALANCE = 1e-2
"""Factor of a cone's level that brings |I|^2 in kVA and V^2 in pu to the same order."""

Variable = Any
"""A Pyomo scalar variable (Pyomo ships no types)."""

TINY = 1e-8
"""Coefficient under which no tangent has one: HiGHS has cut off optima for the sake of such."""

NEAR_AXIS = 1e-6
"""Sine of the angle to an axis under which a supporting line is that of the axis."""


LEAST_QUOTIENT = 1e-6
"""Least ``v`` at which a cone is looked at: a switch that is open carries nothing."""


@dataclass(frozen=True)
class QuadraticCone:
    """``level * v >= coefficient * (p^2 + q^2)``, with ``v`` = 1 where it is None.

    ``scale`` is what a unit of ``level`` counts when a break is compared with a tolerance. A
    ``switched`` cone has a switch as ``v``, 0 only where the flow is zero: while that is between 0
    and 1, it is tighter than one with ``v`` = 1 (the perspective; Günlük and Linderoth 2010, doi
    10.1007/s10107-010-0360-z). An ``implied`` cone follows from others wherever its switch is
    either 0 or 1.
    """

    level: Variable
    p: Variable
    q: Variable
    coefficient: float
    v: Variable | None = None
    scale: float = 1.0
    switched: bool = False
    implied: bool = False


@dataclass(frozen=True)
class Disk:
    """``p^2 + q^2 <= (rating * switch)^2``, with ``switch`` = 1 where it is None.

    With ``less`` it is ``p - less`` that counts in place of ``p``: the power at the far end of what
    loses ``less`` on its way. Such a disk takes part once a solution comes to its edge.
    """

    p: Variable
    q: Variable
    rating: float
    switch: Variable | None = None
    less: Variable | None = None


@dataclass(frozen=True)
class Rows:
    """Linear rows ``lower <= A x <= upper``."""

    matrix: sp.csr_array
    lower: FloatArray
    upper: FloatArray


def joined(parts: Sequence[Rows]) -> Rows:
    """Return rows over the same columns as one matrix."""
    return Rows(
        sp.csr_array(sp.vstack([part.matrix for part in parts], format="csr")),
        np.concatenate([part.lower for part in parts]),
        np.concatenate([part.upper for part in parts]),
    )


@dataclass(frozen=True)
class SecondOrderRows:
    """Cones over consecutive rows of ``matrix @ x``: the first is at least the norm of the rest.

    ``sizes`` has the number of rows of each cone.
    """

    matrix: sp.csr_array
    sizes: IntArray


@dataclass(frozen=True)
class Placing:
    """Where the columns of a cone set stand in another model.

    Attributes
    ----------
    column
        Column there, -1 for a column that is a constant.
    constant
        Values of the constant columns.
    one
        The column there that constants are multiples of: 1, or the weight of a scaled copy.
    width
        Number of columns there.
    """

    column: IntArray
    constant: FloatArray
    one: int
    width: int

    def has(self, columns: IntArray) -> npt.NDArray[np.bool_]:
        """Return which columns stand in the other model as variables."""
        return (columns >= 0) & (self.column[columns] >= 0)

    def of(self, columns: IntArray) -> tuple[IntArray, FloatArray]:
        """Return column and factor of each member; -1 among ``columns`` means the number 1."""
        stands = self.has(columns)
        factor = np.where(columns < 0, 1.0, self.constant[columns])
        column = np.where(stands, self.column[columns], self.one)
        return column, np.where(stands, 1.0, factor)


class ConeSet:
    """Cones and disks of one model as column numbers: tangents at points, or as they are."""

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
        self._implied = np.asarray([c.implied for c in cones], dtype=np.bool_)
        self._disk_p = columns([d.p for d in disks])
        self._disk_q = columns([d.q for d in disks])
        self._disk_k = columns([d.switch for d in disks])
        self._disk_s = np.asarray([d.rating for d in disks], dtype=np.float64)
        self._disk_l = columns([d.less for d in disks])
        self._near = self._disk_l < 0
        self._awake = self._near.copy()
        self._touched = np.zeros((0, 3))
        self._directions = np.zeros((0, 2))

    def initial_rows(self, directions: int = 8) -> Rows:
        """Return the polygon of each disk without ``less``, with the given number of sides."""
        near = np.flatnonzero(self._near)
        rows = [
            self._disk_rows(near, np.full(len(near), angle))
            for angle in (2.0 * pi * k / directions for k in range(directions))
        ]
        return joined(rows)

    @property
    def count(self) -> int:
        """Number of cones."""
        return len(self._cone_c)

    def steepest(self, reduced: FloatArray) -> float:
        """Return the largest reduced cost of a scaled level."""
        price = np.abs(reduced[self._cone_l]) / self._cone_scale
        return float(price.max(initial=0.0))

    def members(self, columns: IntArray) -> tuple[IntArray, IntArray]:
        """Return the numbers of the cones and of the disks whose ``p`` is one of these columns."""
        return (
            np.flatnonzero(np.isin(self._cone_p, columns)),
            np.flatnonzero(np.isin(self._disk_p, columns)),
        )

    def second_order(self, cones: IntArray, disks: IntArray, place: Placing) -> SecondOrderRows:
        """Return some cones and disks as second-order cones over the columns of another model.

        ``l v >= c (p^2 + q^2)`` is ``|2 sqrt(a c) p, 2 sqrt(a c) q, a l - v| <= a l + v`` for any
        positive ``a``; cones and disks without a free flow are left out, implied cones whose
        switch is a constant, and disks with ``less`` that no solution has come to the edge of.
        """
        cones = cones[~self._implied[cones] | place.has(self._cone_v[cones])]
        cones = cones[place.has(self._cone_p[cones]) | place.has(self._cone_q[cones])]
        disks = disks[self._awake[disks]]
        disks = disks[place.has(self._disk_p[disks]) | place.has(self._disk_q[disks])]
        c = CONE_BALANCE * self._cone_c[cones]
        lv, lf = place.of(self._cone_l[cones])
        vv, vf = place.of(self._cone_v[cones])
        pv, pf = place.of(self._cone_p[cones])
        qv, qf = place.of(self._cone_q[cones])
        count, root, lf = len(cones), 2.0 * np.sqrt(c), CONE_BALANCE * lf
        first = 4 * np.arange(count)
        rows = [first, first, first + 1, first + 2, first + 3, first + 3]
        columns = [lv, vv, pv, qv, lv, vv]
        values = [lf, vf, root * pf, root * qf, lf, -vf]
        kv, kf = place.of(self._disk_k[disks])
        pv, pf = place.of(self._disk_p[disks])
        qv, qf = place.of(self._disk_q[disks])
        rating, begin = self._disk_s[disks], 4 * count + 3 * np.arange(len(disks))
        rows += [begin, begin + 1, begin + 2]
        columns += [kv, pv, qv]
        values += [kf, pf / rating, qf / rating]
        far = ~self._near[disks]
        lv, lf = place.of(self._disk_l[disks[far]])
        rows.append(begin[far] + 1)
        columns.append(lv)
        values.append(-lf / rating[far])
        matrix = sp.csr_array(
            (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))),
            shape=(4 * count + 3 * len(disks), place.width),
        )
        return SecondOrderRows(matrix, np.repeat([4, 3], [count, len(disks)]))

    def rated(self, disks: IntArray) -> tuple[IntArray, FloatArray]:
        """Return the flow columns of some disks and the rating that each is within."""
        disks = disks[self._near[disks]]
        columns = np.concatenate([self._disk_p[disks], self._disk_q[disks]])
        return columns, np.tile(self._disk_s[disks], 2)

    def stopped_by(self, switches: IntArray) -> IntArray:
        """Return the power columns of the disks whose switch is one of these columns."""
        hit = np.isin(self._disk_k, switches) & (self._disk_k >= 0)
        return np.concatenate([self._disk_p[hit], self._disk_q[hit]])

    def violation(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return by how much ``x`` breaks each cone (``scale * level``) and each disk (``p``)."""
        p, q = x[self._cone_p], x[self._cone_q]
        cone = self._cone_c * (p**2 + q**2) / self._quotient(x) - x[self._cone_l]
        switch = np.where(self._disk_k >= 0, x[self._disk_k], 1.0)
        disk = np.hypot(self._carried(x), x[self._disk_q]) - self._disk_s * switch
        return self._cone_scale * cone, disk

    def tangents(self, x: FloatArray, cone_tolerance: float, disk_tolerance: float) -> Rows:
        """Return a tangent for each cone and disk that ``x`` breaks by more than a tolerance."""
        cone, disk = self.violation(x)
        broken = np.flatnonzero((cone > cone_tolerance) & (self._quotient(x) > LEAST_QUOTIENT))
        outside = np.flatnonzero(disk > disk_tolerance)
        return self._at(x, broken, outside)

    def fresh_tangents(self, x: FloatArray, cone_tolerance: float, disk_tolerance: float) -> Rows:
        """Return tangents at ``x`` where earlier ones of this kind left more than a tolerance.

        A tangent touches along a ray, on which ``p / v`` and ``q / v`` stay the same. Two rays
        leave ``c v |distance|^2`` between tangent and cone, also where ``x`` lies on the cone, so
        that the surroundings of answers are resolved.
        """
        cones = self._untouched_cones(x, cone_tolerance)
        v = self._quotient(x)[cones]
        more = np.column_stack([cones, x[self._cone_p[cones]] / v, x[self._cone_q[cones]] / v])
        self._touched = np.concatenate([self._touched, more])
        disks = self._untouched_disks(x, disk_tolerance)
        angle = np.arctan2(x[self._disk_q[disks]], self._carried(x)[disks])
        self._directions = np.concatenate([self._directions, np.column_stack([disks, angle])])
        return self._at(x, cones, disks)

    def _untouched_cones(self, x: FloatArray, tolerance: float) -> IntArray:
        v = self._quotient(x)
        p, q = x[self._cone_p] / v, x[self._cone_q] / v
        near = p**2 + q**2
        which = self._touched[:, 0].astype(np.int64)
        away = (p[which] - self._touched[:, 1]) ** 2 + (q[which] - self._touched[:, 2]) ** 2
        np.minimum.at(near, which, away)
        left = self._cone_scale * self._cone_c * near * v
        return np.flatnonzero((left > tolerance) & (v > LEAST_QUOTIENT))

    def _quotient(self, x: FloatArray) -> FloatArray:
        """Return what ``p`` and ``q`` of each cone are divided by, not quite zero."""
        v = np.where(self._cone_v >= 0, x[self._cone_v], 1.0)
        return np.asarray(np.maximum(v, LEAST_QUOTIENT), dtype=np.float64)

    def _untouched_disks(self, x: FloatArray, tolerance: float) -> IntArray:
        """Return the disks at whose edge ``x`` is where no tangent is near."""
        p, q, rating = self._carried(x), x[self._disk_q], self._disk_s
        switch = np.where(self._disk_k >= 0, x[self._disk_k], 1.0)
        edge = np.hypot(p, q) > np.maximum(rating * switch, 0.0) - tolerance
        edge &= np.hypot(p, q) > tolerance
        cosine = np.full(len(p), -1.0)
        which = self._directions[:, 0].astype(np.int64)
        here = np.arctan2(q, p)
        np.maximum.at(cosine, which, np.cos(here[which] - self._directions[:, 1]))
        return np.flatnonzero(edge & (rating * (1.0 - cosine) > tolerance))

    def _carried(self, x: FloatArray) -> FloatArray:
        """Return the active power that counts in each disk."""
        lost = np.where(self._near, 0.0, x[self._disk_l])
        return np.asarray(x[self._disk_p] - lost, dtype=np.float64)

    def _at(self, x: FloatArray, cones: IntArray, disks: IntArray) -> Rows:
        self._awake[disks] = True
        angle = np.arctan2(x[self._disk_q[disks]], self._carried(x)[disks])
        return joined([self._cone_rows(cones, x), self._disk_rows(disks, angle)])

    def _cone_rows(self, which: IntArray, x: FloatArray) -> Rows:
        """Tangents near the points of ``x``: l - 2c(p0 p + q0 q)/v0 + c(p0^2 + q0^2)/v0^2 v >= 0.

        A tangent holds wherever it touches; it touches where no coefficient is ``TINY``.
        """
        p0, q0 = x[self._cone_p[which]], x[self._cone_q[which]]
        has_v = self._cone_v[which] >= 0
        v0 = np.where(has_v, x[self._cone_v[which]], 1.0)
        c = self._cone_c[which]
        at_zero = c * (p0**2 + q0**2) / v0**2 < TINY
        p0 = np.where(at_zero | (2.0 * c * np.abs(p0 / v0) < TINY), 0.0, p0)
        q0 = np.where(at_zero | (2.0 * c * np.abs(q0 / v0) < TINY), 0.0, q0)
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
        """Supporting lines: cos(a) (p - less) + sin(a) q - rating * switch <= 0.

        Angles near an axis are those of the axis.
        """
        count = len(which)
        row = np.arange(count)
        has_k = self._disk_k[which] >= 0
        cosine = np.asarray([cos(a) for a in angle], dtype=np.float64)
        sine = np.asarray([sin(a) for a in angle], dtype=np.float64)
        upright, level = np.abs(cosine) < NEAR_AXIS, np.abs(sine) < NEAR_AXIS
        cosine = np.where(upright, 0.0, np.where(level, np.sign(cosine), cosine))
        sine = np.where(level, 0.0, np.where(upright, np.sign(sine), sine))
        far = ~self._near[which]
        values = [cosine, sine, -self._disk_s[which][has_k], -cosine[far]]
        rows = [row, row, row[has_k], row[far]]
        columns = [self._disk_p[which], self._disk_q[which]]
        columns += [self._disk_k[which][has_k], self._disk_l[which][far]]
        matrix = sp.csr_array(
            (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))),
            shape=(count, self._n),
        )
        upper = np.where(has_k, 0.0, self._disk_s[which])
        return Rows(matrix, np.full(count, -np.inf), upper)
