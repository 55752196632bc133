"""Parts of the cone program: its columns, how loads vary, and what a proof asks of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from cmgplan.arrays import BoolArray, ComplexArray, FloatArray, IntArray
from cmgplan.network.reconfiguration.tree import TreeFlow
from cmgplan.solve.array_program import ArrayProgram
from cmgplan.solve.cones import Rows


@dataclass(frozen=True)
class Columns:
    """Places of the variables: one of each kind for each of A arcs, then v for n - 1 buses.

    ``f`` counts the buses behind an arc, and ``served`` is the share of each bus's load that is
    served; both are empty where the program needs none.
    """

    arcs: int
    buses: int
    y: IntArray
    p: IntArray
    q: IntArray
    level: IntArray
    w: IntArray
    v: IntArray
    f: IntArray
    served: IntArray

    @property
    def count(self) -> int:
        """Number of columns."""
        return 5 * self.arcs + self.buses + len(self.f) + len(self.served)


@dataclass(frozen=True)
class Spread:
    """How the loads of some hours vary, per unit, each of shape (n,) with 0 at the root.

    Attributes
    ----------
    most
        Greatest apparent power of each bus.
    draw, feed
        Means of what each bus draws and of what it feeds in, active and reactive as real and
        imaginary parts; both are positive.
    """

    most: FloatArray
    draw: ComplexArray
    feed: ComplexArray

    @classmethod
    def of(cls, s_pu: ComplexArray) -> Spread:
        """Return it for loads of shape (H, n)."""
        parts = []
        for sign in (1.0, -1.0):
            p, q = (np.clip(sign * part, 0.0, None) for part in (s_pu.real, s_pu.imag))
            mean = p.mean(axis=0) + 1j * q.mean(axis=0)
            mean[0] = 0.0
            parts.append(mean)
        most = np.abs(s_pu).max(axis=0)
        most[0] = 0.0
        return cls(most, *parts)


class Cone(Protocol):
    """What a proof needs of a program; its columns ``y`` and its arcs stand for the switches."""

    columns: Columns
    program: ArrayProgram
    branch: IntArray
    tail: IntArray

    def tangents(self, x: FloatArray, tolerance: float) -> Rows | None:
        """Return tangents of the cones that a point breaks by more than a relative tolerance."""

    def tangents_of(self, flow: TreeFlow) -> Rows | None:
        """Return the tangents at the power flow of a configuration."""

    def point(self, flow: TreeFlow) -> FloatArray:
        """Return the values of all columns for a solved configuration."""

    def broken(self, flow: TreeFlow) -> float:
        """Return by how much a solved configuration breaks the program, which it should not."""

    def closed(self, x: FloatArray) -> FloatArray:
        """Return how far each branch is closed, shape (l,)."""

    def all_but(self, closed: BoolArray) -> Rows:
        """Return the row that excludes one configuration."""
