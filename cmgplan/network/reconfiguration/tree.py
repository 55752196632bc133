"""Power flow of one radial configuration, in well under a millisecond.

Buses stand in depth-first order, so that everything behind a branch is one run of them: currents
add up by differences of running sums, and so do voltage drops. No matrix product is needed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cmgplan.arrays import BoolArray, ComplexArray, FloatArray, IntArray
from cmgplan.network.reconfiguration.given import TreeNetwork

TOLERANCE_PU = 1e-12
"""Change of a voltage under which the sweep has converged."""

MAX_SWEEPS = 400

LEAST_V_PU = 0.05
"""Voltage under which a sweep is given up."""

LIMIT_TOLERANCE_PU = 1e-9
"""Break of a limit that counts as none."""


@dataclass(frozen=True)
class Order:
    """A spanning tree in depth-first order, m = n - 1 buses without the root.

    Attributes
    ----------
    bus, branch
        Bus at each place, and the branch that feeds it.
    parent
        Bus at the other end of that branch.
    end
        Place behind the last bus that the branch feeds.
    v_root_pu
        Voltage of the source at the head of each bus.
    by_end, ended
        The places sorted by ``end``, and how many of them have an end at or before each place.
    """

    bus: IntArray
    branch: IntArray
    parent: IntArray
    end: IntArray
    v_root_pu: FloatArray
    by_end: IntArray
    ended: IntArray


@dataclass(frozen=True)
class TreeFlow:
    """Power flow of a radial configuration.

    Attributes
    ----------
    loss_pu
        Active loss of all branches; infinite where no power flow was found.
    broken_pu
        Sum by which limits of voltage and rating are broken; infinite as above.
    order
        The tree.
    v_pu
        Voltages in that order, complex, shape (m,); of H hours (H, m).
    i_pu
        Series current of each feeding branch, complex, alike.
    weights
        Weights of the hours, shape (H,); None of one hour alone.
    """

    loss_pu: float
    broken_pu: float
    order: Order | None = None
    v_pu: ComplexArray | None = None
    i_pu: ComplexArray | None = None
    weights: FloatArray | None = None

    @property
    def rank(self) -> tuple[float, float]:
        """What is compared: limits first, then loss."""
        return self.broken_pu, self.loss_pu

    @property
    def feasible(self) -> bool:
        """Whether there is a power flow within all limits."""
        return self.broken_pu == 0.0 and self.loss_pu < np.inf


NO_FLOW = TreeFlow(np.inf, np.inf)


def ordered(net: TreeNetwork, closed: BoolArray) -> Order | None:
    """Return the tree of the closed branches in order, None where they form none."""
    n = net.n_bus
    shut = closed.tolist()
    bus: list[int] = []
    branch: list[int] = []
    parent: list[int] = []
    place = [-1] * n
    above: list[int] = []
    heads: list[int] = []
    stack = [(0, -1, 0)]
    while stack:
        at, by, origin = stack.pop()
        if place[at] >= 0 or (at == 0 and by >= 0):
            return None
        if by >= 0:
            place[at] = len(bus)
            bus.append(at)
            branch.append(by)
            parent.append(origin)
            above.append(place[origin] if origin else -1)
            heads.append(heads[place[origin]] if origin else by)
        for k, far in net.near[at]:
            if k != by and shut[k]:
                stack.append((far, k, at))
    if len(bus) != n - 1:
        return None
    end = [k + 1 for k in range(n - 1)]
    for k in range(n - 2, -1, -1):
        up = above[k]
        if up >= 0 and end[k] > end[up]:
            end[up] = end[k]
    ends = np.array(end, dtype=np.int64)
    by_end = np.argsort(ends, kind="stable")
    return Order(
        np.array(bus, dtype=np.int64),
        np.array(branch, dtype=np.int64),
        np.array(parent, dtype=np.int64),
        ends,
        net.v_root_pu[heads],
        by_end,
        np.searchsorted(ends[by_end], np.arange(n - 1), side="right"),
    )


def solve_tree(net: TreeNetwork, closed: BoolArray) -> TreeFlow:
    """Return the power flow of a configuration by backward and forward sweeps.

    Loads are of constant power. Where the sweep does not converge, or the closed branches are no
    spanning tree, the loss is infinite.
    """
    order = ordered(net, closed)
    if order is None:
        return NO_FLOW
    solved = sweep(net, closed, order, net.p_pu + 1j * net.q_pu)
    if solved is None:
        return NO_FLOW
    v, i = solved
    loss, broken = loss_pu(net, order, v, i), broken_pu(net, order, v, i)
    return TreeFlow(float(loss), float(broken), order, v, i)


def loss_pu(net: TreeNetwork, order: Order, v: ComplexArray, i: ComplexArray) -> FloatArray:
    """Return the active loss of all branches, of each hour where there are several."""
    of = order.branch
    loss = (i.real**2 + i.imag**2) @ net.r_pu[of]
    if net.g_pu.any():
        v_up = _all_voltages(net, order, v)[1]
        loss = loss + (np.abs(v) ** 2 + np.abs(v_up) ** 2) @ (0.5 * net.g_pu[of])
    return np.asarray(loss, dtype=np.float64)


def sweep(
    net: TreeNetwork, closed: BoolArray, order: Order, s_pu: ComplexArray
) -> tuple[ComplexArray, ComplexArray] | None:
    """Return voltages and currents of a tree in order, None where the sweep does not converge.

    Parameters
    ----------
    s_pu
        Loads of all buses, shape (n,); of H hours at once (H, n).
    """
    s_conj = np.conj(s_pu[..., order.bus])
    z = (net.r_pu + 1j * net.x_pu)[order.branch]
    shunt = tree_shunts(net, closed)[order.bus]
    shunted, end, m = bool(shunt.any()), order.end, len(order.bus)
    v0 = order.v_root_pu.astype(np.complex128)
    v = np.broadcast_to(v0, s_conj.shape).copy()
    total = np.zeros((*s_conj.shape[:-1], m + 1), dtype=np.complex128)
    ended = total.copy()
    with np.errstate(all="ignore"):
        for _ in range(MAX_SWEEPS):
            current = np.asarray(s_conj / np.conj(v), dtype=np.complex128)
            if shunted:
                current = current + shunt * v
            np.cumsum(current, axis=-1, out=total[..., 1:])
            i = total[..., end] - total[..., :-1]
            drop = z * i
            np.cumsum(drop[..., order.by_end], axis=-1, out=ended[..., 1:])
            new = v0 - np.cumsum(drop, axis=-1) + ended[..., order.ended]
            change = float(np.abs(new - v).max())
            v = new
            if not change < 10.0:
                return None
            if change < TOLERANCE_PU:
                return (v, i) if float(np.abs(v).min()) > LEAST_V_PU else None
    return None


def tree_shunts(net: TreeNetwork, closed: BoolArray) -> ComplexArray:
    """Return the admittances at the buses: their own and half of each closed branch's."""
    shunt = np.asarray(net.g_shunt_pu + 1j * net.b_shunt_pu, dtype=np.complex128)
    if net.g_pu.any() or net.b_pu.any():
        half = np.where(closed, 0.5 * (net.g_pu + 1j * net.b_pu), 0.0)
        np.add.at(shunt, net.from_bus, half)
        np.add.at(shunt, net.to_bus, half)
    return shunt


def _all_voltages(
    net: TreeNetwork, order: Order, v: ComplexArray
) -> tuple[ComplexArray, ComplexArray]:
    """Return the voltages of all buses, and of the feeding end of each branch in order."""
    every = np.ones((*v.shape[:-1], net.n_bus), dtype=np.complex128)
    every[..., order.bus] = v
    return every, np.where(order.parent == 0, order.v_root_pu, every[..., order.parent])


def broken_pu(net: TreeNetwork, order: Order, v: ComplexArray, i: ComplexArray) -> FloatArray:
    """Return the sum by which limits of voltage and rating are broken, of each hour if several."""
    size = np.abs(v)
    over: list[FloatArray] = [net.v_min_pu[order.bus] - size, size - net.v_max_pu[order.bus]]
    if net.limited:
        over += list(_overloads(net, order, v, i))
    parts = [np.where(part > LIMIT_TOLERANCE_PU, part, 0.0).sum(axis=-1) for part in over]
    return np.asarray(sum(parts), dtype=np.float64)


def _overloads(
    net: TreeNetwork, order: Order, v: ComplexArray, i: ComplexArray
) -> tuple[FloatArray, FloatArray]:
    """Return by how much the branches pass their ratings of current and of apparent power."""
    of = order.branch
    v_up = _all_voltages(net, order, v)[1]
    half = 0.5 * (net.g_pu + 1j * net.b_pu)[of]
    i_up, i_down = np.abs(i + half * v_up), np.abs(i - half * v)
    i_over = np.maximum(i_up, i_down) - net.i_max_pu[of]
    s_over = np.maximum(i_up * np.abs(v_up), i_down * np.abs(v)) - net.s_max_pu[of]
    return i_over, s_over


def broken_limits(net: TreeNetwork, flow: TreeFlow, names: tuple[str, ...]) -> list[str]:
    """Return the limits that a configuration breaks, a phrase each, the worst first.

    ``names`` are those of the branches.
    """
    if flow.order is None or flow.v_pu is None or flow.i_pu is None:
        return ["no power flow was found: the voltage collapses"]
    order, size = flow.order, np.abs(flow.v_pu)
    found: list[tuple[float, str]] = []
    for k, bus in enumerate(order.bus.tolist()):
        for low, high, limit, sign in (
            (size[k], net.v_min_pu[bus], net.v_min_pu[bus], "<"),
            (net.v_max_pu[bus], size[k], net.v_max_pu[bus], ">"),
        ):
            if high - low > LIMIT_TOLERANCE_PU:
                told = f"bus {net.bus_ids[bus]} voltage {size[k]:.4f} {sign} {limit:g} pu"
                found.append((high - low, told))
    if net.limited:
        i_over, s_over = _overloads(net, order, flow.v_pu, flow.i_pu)
        for over, limits, what in ((i_over, net.i_max_pu, "current"), (s_over, net.s_max_pu, "")):
            for k in np.flatnonzero(over > LIMIT_TOLERANCE_PU).tolist():
                limit = limits[order.branch[k]]
                told = f"{net.s_base_kva * (limit + over[k]):.5g} > {net.s_base_kva * limit:.5g}"
                unit = "kVA at 1 pu" if what else "kVA"
                found.append(
                    (float(over[k]), f"branch {names[order.branch[k]]} carries {told} {unit}")
                )
    return [told for _, told in sorted(found, key=lambda pair: -pair[0])]
