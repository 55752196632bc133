"""The cone relaxation over a horizon whose hours are coupled by stores and responsive loads.

The relaxations of the hours stand side by side; the columns and linear rows of the devices are
those of the optimal power flow itself, so that every operation of it is one of the relaxation.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy.sparse as sp

from cmgplan.arrays import FloatArray
from cmgplan.network.grid_hours import GridHours
from cmgplan.network.opf.jabr import Bound, Relaxation
from cmgplan.network.opf.model import Layout
from cmgplan.solve.conic import ConicProblem
from cmgplan.solve.rotated_cones import RotatedCones
from cmgplan.solve.templates import Instance
from cmgplan.solve.time_limit import UNLIMITED, TimeLimit

SHARED = ("p", "q", "cost")
"""Columns of an hour that the relaxation has as the optimal power flow has them."""


COUPLED_ROUNDS = 10
"""Rounds of tangents in which coupled hours are looked at; each is a large linear problem."""


def injected(layout: Layout, linear: sp.csr_array) -> sp.csr_array:
    """Return what devices inject, rows hour by hour: active, then reactive of each bus, (2 n T, k).

    ``linear`` are the linear rows of T hours and of the devices behind them.
    """
    n = layout.grid.n_bus
    rows = np.concatenate([layout.row("p") + np.arange(n), layout.row("q") + np.arange(n)])
    every = (layout.height * np.arange(layout.hours)[:, None] + rows).ravel()
    return sp.csr_array(linear[every, layout.hours * layout.width :])


def reach(
    layout: Layout, injection: sp.csr_array, whole: Instance
) -> tuple[FloatArray, FloatArray]:
    """Return the least and the largest that devices can inject in each hour alone, (T, 2 n)."""
    first = layout.hours * layout.width
    low, high = whole.lbx[first:], whole.ubx[first:]
    up, down = injection.maximum(0.0), injection.minimum(0.0)
    least = np.asarray(up @ low + down @ high, dtype=np.float64)
    largest = np.asarray(up @ high + down @ low, dtype=np.float64)
    return least.reshape(layout.hours, -1), largest.reshape(layout.hours, -1)


class CoupledRelaxation:
    """Relaxation of T coupled hours.

    Parameters
    ----------
    hour
        Relaxation of one hour.
    layout
        Columns and rows of the optimal power flow over T hours.
    linear
        Linear rows of the optimal power flow; columns and rows of the devices behind those of the
        hours.
    """

    def __init__(self, hour: Relaxation, layout: Layout, linear: sp.csr_array) -> None:
        self._hour, self._layout = hour, layout
        hours, self._first = layout.hours, layout.hours * layout.width
        self._rows = layout.hours * layout.height
        self._drawn = injected(layout, linear)
        grid = sp.block_diag([hour.linear] * hours, format="csr")
        height = hour.linear.shape[0]
        balance = np.arange(2 * layout.grid.n_bus)
        at = (height * np.arange(hours)[:, None] + balance).ravel()
        place = sp.csr_array(
            (np.ones(len(at)), (at, np.arange(len(at)))), shape=(hours * height, len(at))
        )
        own = linear[self._rows :]
        blocks = [
            [grid, place @ self._drawn],
            [own[:, : self._first] @ self._shared(), own[:, self._first :]],
        ]
        self._problem = ConicProblem(
            sp.csr_array(sp.block_array(blocks, format="csr")), self._cones()
        )

    def bound(self, horizon: GridHours, whole: Instance, limit: TimeLimit = UNLIMITED) -> Bound:
        """Return the bound over all hours; ``whole`` is the optimal power flow to be bounded."""
        outcome = self._problem.solve(self._instance(horizon, whole), limit)
        if outcome.bound is None:
            proven = not outcome.accepted and self.proves_infeasible(horizon, whole, limit)
            return Bound(None, proven, None)
        parts = outcome.values()[: self._hour.width * horizon.hours].reshape(horizon.hours, -1)
        return Bound(outcome.bound, False, max(self._hour.voltage_slack(x) for x in parts))

    def proves_infeasible(
        self, horizon: GridHours, whole: Instance, limit: TimeLimit = UNLIMITED
    ) -> bool:
        """Return whether the horizon is proven to have no operation within its limits.

        Hours are looked at alone first, then together.
        """
        if self.proves_hour_infeasible(horizon, whole, limit):
            return True
        if limit.over:
            return False
        together = self._instance(horizon, whole)
        return self._problem.proves_infeasible(together, COUPLED_ROUNDS, limit)

    def proves_hour_infeasible(
        self, horizon: GridHours, whole: Instance, limit: TimeLimit = UNLIMITED
    ) -> bool:
        """Return whether an hour has no operation, whatever the devices draw in it."""
        low, high = reach(self._layout, self._drawn, whole)
        for t in range(horizon.hours):
            if limit.over:
                return False
            hour = self._hour.instance(horizon, t)
            n = low.shape[1]
            lbg, ubg = hour.lbg.copy(), hour.ubg.copy()
            lbg[:n] -= high[t]
            ubg[:n] -= low[t]
            alone = replace(hour, lbg=lbg, ubg=ubg)
            if self._hour.problem.proves_infeasible(alone, limit=limit):
                return True
        return False

    def _shared(self) -> sp.csr_array:
        """Return the matrix that reads the columns of the hours from those of the relaxation."""
        layout, hour = self._layout, self._hour
        theirs = np.concatenate([np.arange(layout.at(k).start, layout.at(k).stop) for k in SHARED])
        ours = np.concatenate([hour.columns(k) for k in SHARED])
        one = sp.csr_array((np.ones(len(ours)), (theirs, ours)), shape=(layout.width, hour.width))
        return sp.csr_array(sp.block_diag([one] * layout.hours, format="csr"))

    def _cones(self) -> RotatedCones:
        one, width = self._hour.cones, self._hour.width
        shift = width * np.arange(self._layout.hours)[:, None]
        u, v, a, b = ((part + shift).ravel() for part in (one.u, one.v, one.a, one.b))
        return RotatedCones(u, v, a, b, np.tile(one.k, self._layout.hours))

    def _instance(self, horizon: GridHours, whole: Instance) -> Instance:
        hours = [self._hour.instance(horizon, t) for t in range(horizon.hours)]
        first, rows = self._first, self._rows

        def joined(name: str, behind: FloatArray) -> FloatArray:
            return np.concatenate([*(getattr(hour, name) for hour in hours), behind])

        return Instance(
            lbx=joined("lbx", whole.lbx[first:]),
            ubx=joined("ubx", whole.ubx[first:]),
            lbg=joined("lbg", whole.lbg[rows:]),
            ubg=joined("ubg", whole.ubg[rows:]),
            linear=joined("linear", whole.linear[first:]),
            quadratic=joined("quadratic", whole.quadratic[first:]),
            constant=whole.constant,
            start=joined("start", whole.start[first:]),
        )
