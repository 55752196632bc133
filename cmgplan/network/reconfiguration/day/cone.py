"""The cone program of several hours: a copy of the network for each group of hours, one tree.

Each copy carries the mean load of its hours. The relaxation is convex in loads and flows with the
tree held, so that the mean of the hours' flows is a point of the copy and the copy's loss bounds
their mean loss from below; with one hour a copy nothing is lost. Bounds on flows that are not
linear in the loads are those of the greatest load of each bus.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy.sparse as sp
from scipy.cluster.hierarchy import fcluster, linkage

from cmgplan.arrays import BoolArray, ComplexArray, FloatArray, IntArray
from cmgplan.network.reconfiguration.cone import ConeProgram
from cmgplan.network.reconfiguration.cone_parts import Spread
from cmgplan.network.reconfiguration.given import TreeNetwork
from cmgplan.network.reconfiguration.rows import RowBuilder
from cmgplan.network.reconfiguration.tree import TreeFlow
from cmgplan.solve.array_program import ArrayProgram
from cmgplan.solve.cones import Rows, joined


class HoursCone:
    """Copies of ``ConeProgram`` side by side, whose switches are those of the first.

    Parameters
    ----------
    s_pu
        Loads of the buses by hour, shape (H, n).
    copies
        Most groups of hours.
    loss_pu
        Mean loss over the hours of a configuration held; only those of less are looked for.
    """

    def __init__(
        self, net: TreeNetwork, s_pu: ComplexArray, copies: int, loss_pu: float = np.inf
    ) -> None:
        self.groups = grouped(s_pu, copies)
        self._weights = [len(group) / len(s_pu) for group in self.groups]
        only_loads = _only_loads(net, s_pu)
        self.cones = []
        for group, weight in zip(self.groups, self._weights, strict=True):
            mean = s_pu[group].mean(axis=0)
            self.cones.append(
                ConeProgram(
                    replace(net, p_pu=mean.real, q_pu=mean.imag),
                    loss_pu / weight,
                    spread=Spread.of(s_pu[group]),
                    only_loads=only_loads,
                )
            )
        first = self.cones[0]
        self.columns, self.branch, self.tail = first.columns, first.branch, first.tail
        counts = [len(cone.program.cost) for cone in self.cones]
        self._begin = np.concatenate([[0], np.cumsum(counts)])
        self.program = self._program()

    def _program(self) -> ArrayProgram:
        programs = [cone.program for cone in self.cones]
        costs = [w * p.cost for w, p in zip(self._weights, programs, strict=True)]
        rows = [self._placed(p.rows, k) for k, p in enumerate(programs)]
        integer = np.zeros(int(self._begin[-1]), dtype=np.bool_)
        integer[self.columns.y] = True
        return ArrayProgram(
            np.concatenate(costs),
            np.concatenate([p.lower for p in programs]),
            np.concatenate([p.upper for p in programs]),
            joined([*rows, *self._same_switches()]),
            integer,
        )

    def _same_switches(self) -> list[Rows]:
        if len(self.cones) == 1:
            return []
        made, y = RowBuilder(int(self._begin[-1])), self.columns.y
        for k in range(1, len(self.cones)):
            row = made.add(len(y), 0.0, 0.0)
            made.put(row, y, 1.0)
            made.put(row, self.cones[k].columns.y + self._begin[k], -1.0)
        return [made.rows()]

    def _placed(self, rows: Rows, k: int) -> Rows:
        """Return rows of copy k as rows of all columns."""
        part = sp.coo_array(rows.matrix)
        row, column = part.coords
        matrix = sp.csr_array(
            (part.data, (row, column + self._begin[k])),
            shape=(part.shape[0], int(self._begin[-1])),
        )
        return Rows(matrix, rows.lower, rows.upper)

    def _part(self, x: FloatArray, k: int) -> FloatArray:
        return x[self._begin[k] : self._begin[k + 1]]

    def _all_placed(self, parts: list[Rows | None]) -> Rows | None:
        placed = [self._placed(rows, k) for k, rows in enumerate(parts) if rows is not None]
        return joined(placed) if placed else None

    def tangents(self, x: FloatArray, tolerance: float) -> Rows | None:
        """Return tangents of the cones that a point breaks by more than a relative tolerance."""
        return self._all_placed(
            [cone.tangents(self._part(x, k), tolerance) for k, cone in enumerate(self.cones)]
        )

    def tangents_of(self, flow: TreeFlow) -> Rows | None:
        """Return the tangents at the mean flows of a configuration's hours."""
        x = self.point(flow)
        return self._all_placed(
            [cone.tangents_at_point(self._part(x, k)) for k, cone in enumerate(self.cones)]
        )

    def point(self, flow: TreeFlow) -> FloatArray:
        """Return the values of all columns for a solved configuration."""
        if flow.v_pu is None or flow.i_pu is None:
            raise ValueError("a configuration without a power flow has no point")
        parts = []
        for cone, group in zip(self.cones, self.groups, strict=True):
            hours = [replace(flow, v_pu=flow.v_pu[t], i_pu=flow.i_pu[t]) for t in group]
            parts.append(np.mean([cone.point(hour) for hour in hours], axis=0))
        return np.concatenate(parts)

    def broken(self, flow: TreeFlow) -> float:
        """Return by how much a solved configuration breaks the program, which it should not."""
        x, program = self.point(flow), self.program
        values, rows = program.rows.matrix @ x, program.rows
        over = [rows.lower - values, values - rows.upper, program.lower - x, x - program.upper]
        return max(float(part.max(initial=0.0)) for part in over)

    def closed(self, x: FloatArray) -> FloatArray:
        """Return how far each branch is closed, shape (l,)."""
        return self.cones[0].closed(self._part(x, 0))

    def all_but(self, closed: BoolArray) -> Rows:
        """Return the row that excludes one configuration."""
        return self._placed(self.cones[0].all_but(closed), 0)


def _only_loads(net: TreeNetwork, s_pu: ComplexArray) -> bool:
    """Return whether nothing feeds in, in any hour."""
    least = replace(net, p_pu=s_pu.real.min(axis=0), q_pu=s_pu.imag.min(axis=0))
    return least.only_loads


def grouped(s_pu: ComplexArray, most: int) -> list[IntArray]:
    """Return groups of hours with like loads, ``most`` at the most, those of equal load together.

    They are those of Ward's method, so that the variance within groups is small.
    """
    loads = np.hstack([s_pu.real, s_pu.imag])
    different, inverse = np.unique(loads, axis=0, return_inverse=True)
    place = inverse.reshape(-1)
    if len(different) > most:
        label = fcluster(linkage(different, method="ward"), most, criterion="maxclust")
        place = label[place].astype(np.int64)
    return [np.flatnonzero(place == one) for one in np.unique(place)]
