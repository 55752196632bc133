"""The mixed-integer cone program of a radial configuration, by outer approximation.

DistFlow (Baran, Wu 1989, doi 10.1109/61.25627; relaxed as by Farivar, Low 2013, doi
10.1109/TPWRS.2013.2255317) over directed arcs: each branch has one arc for either direction, each
bus but the root is fed by exactly one. An arc a from i to j has a switch y, the powers P, Q at
its head, the squared current l and the squared voltage w = y v_i of its head. One arc being
chosen, the voltage of j is the sum over the arcs into it of

    u = w - 2 (r P + x Q) + (r^2 + x^2) l,

which needs no constant for arcs that are open. The cone P^2 + Q^2 <= l w, which is its own
perspective, is met by tangents; every tangent holds on all of it, so that every optimum of the
linear rows is a bound.
"""

from __future__ import annotations

import numpy as np

from cmgplan.arrays import BoolArray, FloatArray, IntArray
from cmgplan.network.reconfiguration.cone_parts import Columns, Spread
from cmgplan.network.reconfiguration.given import TreeNetwork
from cmgplan.network.reconfiguration.rows import RowBuilder
from cmgplan.network.reconfiguration.tree import TreeFlow
from cmgplan.solve.array_program import ArrayProgram
from cmgplan.solve.cones import Rows, joined

DIRECTIONS = 16
"""Tangents of a disk of apparent power."""

ROOM = 1.001
"""Factor on bounds that follow from the value held, so that rounding breaks none."""

LEAST_W = 1e-4
"""Squared voltage of an arc under which no tangent is drawn."""


def _within(
    limits: tuple[FloatArray, FloatArray], low: float, high: float
) -> tuple[FloatArray, FloatArray]:
    return np.maximum(limits[0], low), np.minimum(limits[1], high)


class ConeProgram:
    """Rows, bounds and tangents of the program, per unit on a base near the network's load.

    Parameters
    ----------
    net
        The network.
    loss_pu
        Loss of a configuration held, on the base of the network; only those of less loss are
        looked for. Infinite where none is held.
    sheds
        Whether loads may be served in part.
    spread
        How the loads vary, where those of ``net`` are means over hours.
    only_loads
        Whether nothing feeds in, in any hour; what ``net`` says by default.
    """

    def __init__(
        self,
        net: TreeNetwork,
        loss_pu: float = np.inf,
        *,
        sheds: bool = False,
        spread: Spread | None = None,
        only_loads: bool | None = None,
    ) -> None:
        self.net, self.sheds = net, sheds
        self.only_loads = net.only_loads if only_loads is None else only_loads
        self._spread = spread or Spread.of((net.p_pu + 1j * net.q_pu)[None, :])
        most = self._spread.most
        self.scale = 4.0 / max(float(most[1:].sum()), 1e-9)
        self._most = self.scale * most[1:]
        self._read_arcs(loss_pu)
        self._make_columns()
        self.program = self._program()

    # -- what is given, per arc ----------------------------------------------------------------

    def _read_arcs(self, loss_pu: float) -> None:
        net, c = self.net, self.scale
        usable = np.flatnonzero(net.may_close)
        ends = np.concatenate([net.from_bus[usable], net.to_bus[usable]])
        others = np.concatenate([net.to_bus[usable], net.from_bus[usable]])
        branch = np.concatenate([usable, usable])
        into = others != 0
        self.branch, self.head, self.tail = branch[into], ends[into], others[into]
        of = self.branch
        self.r, self.x = net.r_pu[of] / c, net.x_pu[of] / c
        self.g, self.b = 0.5 * net.g_pu[of] * c, 0.5 * net.b_pu[of] * c
        self.p_load, self.q_load = c * net.p_pu[1:], c * net.q_pu[1:]
        v_low, v_high = net.v_min_pu**2, net.v_max_pu**2
        if self.only_loads:
            v_high = np.minimum(v_high, float(net.v_root_pu[self._at_root()].max()) ** 2)
        at_root = self.head == 0
        self.w_low = np.where(at_root, net.v_root_pu[of] ** 2, v_low[self.head])
        self.w_high = np.where(at_root, net.v_root_pu[of] ** 2, v_high[self.head])
        self.v_low, self.v_high = v_low[1:], v_high[1:]
        self._bound_flows(loss_pu * c)

    def _at_root(self) -> BoolArray:
        net = self.net
        at_root = (net.from_bus == 0) | (net.to_bus == 0)
        return np.asarray(net.may_close & at_root, dtype=np.bool_)

    def _bound_flows(self, loss: float) -> None:
        """Bound current and power of an arc: all loads behind it at their least voltage."""
        net, c = self.net, self.scale
        shunts = c * np.abs(net.g_shunt_pu + 1j * net.b_shunt_pu)[1:]
        lines = c * np.abs(net.g_pu + 1j * net.b_pu)[net.may_close]
        v_high = np.sqrt(self.v_high)
        current = float(np.sum(self._most / np.sqrt(self.v_low)))
        current += float(np.sum(shunts * v_high) + lines.sum() * v_high.max(initial=1.0))
        v_most = np.sqrt(self.w_high)
        i_most = np.full(len(self.branch), ROOM * current)
        rated = c * net.i_max_pu[self.branch] + v_most.max() * np.hypot(self.g, self.b)
        self.i_most = np.minimum(i_most, rated)
        s_most = self.i_most * v_most
        self.p_range, self.q_range = (-s_most, s_most), (-s_most, s_most)
        self._bound_by_loads(loss)

    def _bound_by_loads(self, loss: float) -> None:
        """Bound power by what all loads draw and feed in, and current and power by the loss."""
        net, c = self.net, self.scale
        usable = net.may_close
        if (net.r_pu[usable] < 0.0).any() or min(net.g_pu.min(), net.g_shunt_pu.min()) < 0.0:
            return
        v_square = float(self.v_high.max(initial=1.0))
        conductance = c * v_square * float(net.g_shunt_pu.sum())
        spread = self._spread
        high = c * spread.draw.real.sum() + conductance + ROOM * loss
        self.p_range = _within(self.p_range, -c * spread.feed.real.sum(), high)
        with np.errstate(divide="ignore", invalid="ignore"):
            by_loss = np.where(self.r > 0.0, np.sqrt(ROOM * loss / self.r), np.inf)
            ratio = np.max(self.x[self.r > 0.0] / self.r[self.r > 0.0], initial=0.0)
        if not (net.x_pu[usable] < 0.0).any():
            b = np.concatenate([net.b_shunt_pu, net.b_pu[usable]])
            fed, drawn = (c * v_square * float(part.clip(min=0.0).sum()) for part in (b, -b))
            lossless = np.where(self.r > 0.0, 0.0, self.x * self.i_most**2)
            high = c * spread.draw.imag.sum() + drawn + ROOM * loss * ratio + lossless.sum()
            self.q_range = _within(self.q_range, -c * spread.feed.imag.sum() - fed, high)
        self.i_most = np.minimum(self.i_most, by_loss)

    def _make_columns(self) -> None:
        arcs, buses = len(self.branch), self.net.n_bus - 1
        y, p, q, level, w = (np.arange(k * arcs, (k + 1) * arcs) for k in range(5))
        v = np.arange(5 * arcs, 5 * arcs + buses)
        # Buses that draw nothing could feed themselves in a circle: a flow of units forbids it.
        drawing = self.only_loads and bool((self.net.p_pu[1:] > 0.0).all())
        counted = self.sheds or not drawing
        f = np.arange(5 * arcs + buses, (6 if counted else 5) * arcs + buses)
        served = np.arange(buses if self.sheds else 0) + 5 * arcs + buses + len(f)
        self.columns = Columns(arcs, buses, y, p, q, level, w, v, f, served)

    # -- the program ---------------------------------------------------------------------------

    def _program(self) -> ArrayProgram:
        at, _net = self.columns, self.net
        lower, upper = np.zeros(at.count), np.full(at.count, np.inf)
        upper[at.y] = 1.0
        lower[at.p], upper[at.p] = self.p_range
        lower[at.q], upper[at.q] = self.q_range
        if self.only_loads:
            lower[at.p] = lower[at.q] = 0.0
        upper[at.level], upper[at.w] = self.i_most**2, self.w_high
        lower[at.v], upper[at.v] = self.v_low, self.v_high
        upper[at.f] = at.buses
        upper[at.served] = 1.0
        cost = np.zeros(at.count)
        cost[at.level] = self.r
        if self.g.any():
            for column, factor in self._u():
                cost[column] += self.g * factor
            cost[at.w] += self.g
        integer = np.zeros(at.count, dtype=np.bool_)
        integer[at.y] = True
        return ArrayProgram(cost * self.kw, lower, upper, self._rows(), integer)

    @property
    def kw(self) -> float:
        """Power in kW of one unit."""
        return self.net.s_base_kva / self.scale

    def _u(self) -> tuple[tuple[IntArray, FloatArray], ...]:
        """Return the squared voltage of an arc's tail: columns and factors."""
        at = self.columns
        square = self.r**2 + self.x**2
        ones = np.ones(at.arcs)
        return (at.w, ones), (at.p, -2.0 * self.r), (at.q, -2.0 * self.x), (at.level, square)

    def _rows(self) -> Rows:
        made = RowBuilder(self.columns.count)
        self._radial_rows(made)
        self._balance_rows(made)
        self._voltage_rows(made)
        self._switch_rows(made)
        self._rating_rows(made)
        return made.rows()

    def _radial_rows(self, made: RowBuilder) -> None:
        """Feed each bus by one arc; use no branch in both directions."""
        at, net = self.columns, self.net
        row = made.add(at.buses, 1.0, 1.0)
        made.put(row[self.tail - 1], at.y, 1.0)
        order = {int(k): n for n, k in enumerate(np.unique(self.branch))}
        fixed = np.array([0.0 if net.may_open[k] else 1.0 for k in order])
        row = made.add(len(order), fixed, 1.0)
        made.put(row[[order[int(k)] for k in self.branch]], at.y, 1.0)
        if len(at.f):
            row, inner = made.add(at.buses, 1.0, 1.0), self.head > 0
            made.put(row[self.tail - 1], at.f, 1.0)
            made.put(row[self.head[inner] - 1], at.f[inner], -1.0)
            made.put_below(at.f, at.y, float(at.buses))

    def _balance_rows(self, made: RowBuilder) -> None:
        at, net = self.columns, self.net
        inner = self.head > 0
        shunts = self.scale * net.g_shunt_pu[1:], -self.scale * net.b_shunt_pu[1:]
        for power, load, series, shunt, half in (
            (at.p, self.p_load, self.r, shunts[0], self.g),
            (at.q, self.q_load, self.x, shunts[1], -self.b),
        ):
            fixed = np.zeros(at.buses) if self.sheds else load
            row = made.add(at.buses, fixed, fixed)
            if self.sheds:
                made.put(row, at.served, -load)
            into, out = row[self.tail - 1], row[self.head[inner] - 1]
            made.put(into, power, 1.0)
            made.put(into, at.level, -series)
            made.put(out, power[inner], -1.0)
            made.put(row, at.v, -shunt)
            if half.any():
                made.put(out, at.w[inner], -half[inner])
                for column, factor in self._u():
                    made.put(into, column, -half * factor)

    def _voltage_rows(self, made: RowBuilder) -> None:
        at = self.columns
        row = made.add(at.buses, 0.0, 0.0)
        made.put(row, at.v, -1.0)
        limits = self.tail - 1
        low, high = made.add(at.arcs, 0.0, np.inf), made.add(at.arcs, -np.inf, 0.0)
        for column, factor in self._u():
            made.put(row[limits], column, factor)
            made.put(low, column, factor)
            made.put(high, column, factor)
        made.put(low, at.y, -self.v_low[limits])
        made.put(high, at.y, -self.v_high[limits])
        # w = y v of the head, between the limits of v.
        made.put_below(at.w, at.y, self.w_high)
        row = made.add(at.arcs, 0.0, np.inf)
        made.put(row, at.w, 1.0)
        made.put(row, at.y, -self.w_low)
        inner = np.flatnonzero(self.head > 0)
        v = at.v[self.head[inner] - 1]
        row = made.add(len(inner), -np.inf, -self.w_low[inner])
        made.put(row, at.w[inner], 1.0)
        made.put(row, v, -1.0)
        made.put(row, at.y[inner], -self.w_low[inner])
        row = made.add(len(inner), -self.w_high[inner], np.inf)
        made.put(row, at.w[inner], 1.0)
        made.put(row, v, -1.0)
        made.put(row, at.y[inner], -self.w_high[inner])

    def _switch_rows(self, made: RowBuilder) -> None:
        """Let an open arc carry nothing, and one that feeds a load at least that load."""
        at = self.columns
        made.put_below(at.level, at.y, self.i_most**2)
        for power, (least, most), load, series in (
            (at.p, self.p_range, self.p_load, self.r),
            (at.q, self.q_range, self.q_load, self.x),
        ):
            made.put_below(power, at.y, most)
            if not self.only_loads:
                row = made.add(at.arcs, 0.0, np.inf)
                made.put(row, power, 1.0)
                made.put(row, at.y, -least)
                continue
            if self.sheds:
                continue
            row = made.add(at.arcs, 0.0, np.inf)
            made.put(row, power, 1.0)
            made.put(row, at.level, -series)
            made.put(row, at.y, -load[self.tail - 1])

    def _rating_rows(self, made: RowBuilder) -> None:
        """Bound apparent power by tangents of its disk."""
        limited = np.flatnonzero(np.isfinite(self.net.s_max_pu[self.branch]))
        if not len(limited):
            return
        for angle in 2.0 * np.pi * np.arange(DIRECTIONS) / DIRECTIONS:
            for series in (0.0, 1.0):
                self._put_disk(made, limited, np.full(len(limited), angle), series)

    # -- tangents and points -------------------------------------------------------------------

    def tangents(self, x: FloatArray, tolerance: float) -> Rows | None:
        """Return tangents of the cones that a point breaks by more than a relative tolerance."""
        at = self.columns
        p, q, level, w = x[at.p], x[at.q], x[at.level], x[at.w]
        with np.errstate(all="ignore"):
            wanted = (p**2 + q**2) / w
        broken = (w > LEAST_W) & (wanted - level > tolerance * np.maximum(wanted, 1e-3))
        parts = [self._tangents_at(np.flatnonzero(broken), p, q, w)]
        parts += [self._rating_tangents(x, series, tolerance) for series in (0.0, 1.0)]
        found = [part for part in parts if part is not None]
        return joined(found) if found else None

    def _rating_tangents(self, x: FloatArray, series: float, tolerance: float) -> Rows | None:
        """Return tangents of the disks of apparent power that a point breaks at one end."""
        at, most = self.columns, self._s_most()
        if not np.isfinite(most).any():
            return None
        p = x[at.p] - series * self.r * x[at.level]
        q = x[at.q] - series * self.x * x[at.level]
        used = np.flatnonzero(np.isfinite(most) & (x[at.y] > LEAST_W))
        allowed = most[used] * x[at.y[used]] * (1.0 + 0.1 * tolerance)
        arcs = used[np.hypot(p, q)[used] > allowed]
        if not len(arcs):
            return None
        made = RowBuilder(at.count)
        self._put_disk(made, arcs, np.arctan2(q, p)[arcs], series)
        return made.rows()

    def _s_most(self) -> FloatArray:
        """Return the apparent power that an arc may carry; shunts of the branch widen it."""
        shunts = np.hypot(self.g, self.b) * float(self.v_high.max(initial=1.0))
        return np.asarray(self.scale * self.net.s_max_pu[self.branch] + shunts, dtype=np.float64)

    def _put_disk(self, made: RowBuilder, arcs: IntArray, angle: FloatArray, series: float) -> None:
        """Add tangents of disks at angles; ``series`` 1 is the tail of an arc, 0 its head."""
        at = self.columns
        row = made.add(len(arcs), -np.inf, 0.0)
        made.put(row, at.p[arcs], np.cos(angle))
        made.put(row, at.q[arcs], np.sin(angle))
        lost = series * (np.cos(angle) * self.r[arcs] + np.sin(angle) * self.x[arcs])
        made.put(row, at.level[arcs], -lost)
        made.put(row, at.y[arcs], -self._s_most()[arcs])

    def _tangents_at(
        self, arcs: IntArray, p: FloatArray, q: FloatArray, w: FloatArray
    ) -> Rows | None:
        """Return ``l >= 2 (p/w) P + 2 (q/w) Q - (p^2 + q^2)/w^2 W`` at points of the cone."""
        if not len(arcs):
            return None
        at = self.columns
        made = RowBuilder(at.count)
        row = made.add(len(arcs), 0.0, np.inf)
        p, q = p[arcs] / w[arcs], q[arcs] / w[arcs]
        made.put(row, at.level[arcs], 1.0)
        made.put(row, at.p[arcs], -2.0 * p)
        made.put(row, at.q[arcs], -2.0 * q)
        made.put(row, at.w[arcs], p**2 + q**2)
        return made.rows()

    def tangents_of(self, flow: TreeFlow) -> Rows | None:
        """Return the tangents at the power flow of a configuration."""
        return self.tangents_at_point(self.point(flow))

    def tangents_at_point(self, x: FloatArray) -> Rows | None:
        """Return the tangents of the arcs that are closed at a point."""
        at = self.columns
        return self._tangents_at(np.flatnonzero(x[at.y] > 0.5), x[at.p], x[at.q], x[at.w])

    def point(self, flow: TreeFlow) -> FloatArray:
        """Return the values of all columns for a solved configuration."""
        order, v, i = flow.order, flow.v_pu, flow.i_pu
        if order is None or v is None or i is None:
            raise ValueError("a configuration without a power flow has no point")
        at, x, c = self.columns, np.zeros(self.columns.count), self.scale
        every = np.zeros(self.net.n_bus, dtype=np.complex128)
        every[order.bus] = v
        v_up = np.where(order.parent == 0, order.v_root_pu, every[order.parent])
        arc = {
            (int(b), int(t)): k for k, (b, t) in enumerate(zip(self.branch, self.tail, strict=True))
        }
        used = np.array(
            [arc[int(b), int(t)] for b, t in zip(order.branch, order.bus, strict=True)],
            dtype=np.int64,
        )
        s = c * v_up * np.conj(i)
        x[at.y[used]] = 1.0
        x[at.p[used]], x[at.q[used]] = s.real, s.imag
        x[at.level[used]] = (c * np.abs(i)) ** 2
        x[at.w[used]] = np.abs(v_up) ** 2
        x[at.v] = np.abs(every[1:]) ** 2
        x[at.served] = 1.0
        if len(at.f):
            x[at.f[used]] = order.end - np.arange(len(order.end))
        return x

    def broken(self, flow: TreeFlow) -> float:
        """Return by how much a solved configuration breaks the program, which it should not."""
        x, program = self.point(flow), self.program
        values, rows = program.rows.matrix @ x, program.rows
        over = [rows.lower - values, values - rows.upper, program.lower - x, x - program.upper]
        return max(float(part.max(initial=0.0)) for part in over)

    def closed(self, x: FloatArray) -> FloatArray:
        """Return how far each branch is closed, shape (l,)."""
        share = np.zeros(self.net.n_branch)
        np.add.at(share, self.branch, x[self.columns.y])
        return share

    def all_but(self, closed: BoolArray) -> Rows:
        """Return the row that excludes one configuration."""
        at = self.columns
        made = RowBuilder(at.count)
        row = made.add(1, -np.inf, float(at.buses - 1))
        of = np.flatnonzero(closed[self.branch])
        made.put(np.repeat(row, len(of)), at.y[of], 1.0)
        return made.rows()
