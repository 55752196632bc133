"""Radial configurations of little loss: sequential opening, branch exchange, seeded kicks.

A branch exchange closes a tie and opens another branch of the loop that this makes (Civanlar,
Grainger, Yin, Lee 1988, doi 10.1109/61.193906; Baran, Wu 1989, doi 10.1109/61.25627). What it
ends in is a local optimum and is never called more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import splu

from cmgplan.arrays import BoolArray, FloatArray
from cmgplan.network.reconfiguration.cone import ConeProgram
from cmgplan.network.reconfiguration.cone_parts import Cone
from cmgplan.network.reconfiguration.given import TreeNetwork, components
from cmgplan.network.reconfiguration.tree import NO_FLOW, TreeFlow, solve_tree

LEAST_R_PU = 1e-9
"""Resistance of branches without any, in the flow of the meshed network."""

TRIED = 8
"""Exchanges of least estimated loss that are solved in a step before it is given up."""

BETTER = 1e-9
"""Relative gain that counts as one."""


class Trees:
    """Solved configurations, each solved once.

    Attributes
    ----------
    solved
        Number of power flows.
    exact
        Whether ``cone`` has the loss of each configuration, and not only a bound on it.
    """

    exact = True

    def __init__(self, net: TreeNetwork) -> None:
        self.net, self.solved = net, 0
        self._known: dict[bytes, TreeFlow] = {}

    def cone(self, loss_pu: float) -> Cone:
        """Return the program of the configurations that have less loss than one held."""
        return ConeProgram(self.net, loss_pu)

    def flow(self, closed: BoolArray) -> TreeFlow:
        """Return the power flow of a configuration."""
        key = np.packbits(closed).tobytes()
        if key not in self._known:
            self._known[key] = solve_tree(self.net, closed)
            self.solved += 1
        return self._known[key]

    def best(self, count: int) -> list[TreeFlow]:
        """Return the solved configurations within the limits that have least loss."""
        feasible = (flow for flow in self._known.values() if flow.feasible)
        return sorted(feasible, key=lambda flow: flow.loss_pu)[:count]


def better(one: TreeFlow, other: TreeFlow) -> bool:
    """Return whether a configuration breaks limits less, or has less loss."""
    if one.broken_pu != other.broken_pu:
        return one.broken_pu < other.broken_pu
    return one.loss_pu < other.loss_pu * (1.0 - BETTER)


def opened_in_sequence(net: TreeNetwork) -> BoolArray:
    """Return the tree that remains when the least loaded branch of a loop is opened repeatedly.

    Flows are those of the meshed network without losses, whose currents share by resistance.
    """
    closed = net.may_close.copy()
    while int(closed.sum()) > net.n_bus - 1:
        load = _mesh_flow(net, closed)
        for k in np.argsort(load, kind="stable"):
            if not closed[k] or not net.may_open[k]:
                continue
            closed[k] = False
            if components(net, np.flatnonzero(closed))[0] == 1:
                break
            closed[k] = True
    return closed


def _mesh_flow(net: TreeNetwork, closed: BoolArray) -> FloatArray:
    """Return the apparent power of each branch of the meshed network, shape (l,)."""
    used = np.flatnonzero(closed)
    g = 1.0 / np.maximum(np.abs(net.r_pu[used]), LEAST_R_PU)
    ends, n = (net.from_bus[used], net.to_bus[used]), net.n_bus
    weights = np.concatenate([g, g, -g, -g])
    rows = np.concatenate([ends[0], ends[1], ends[0], ends[1]])
    columns = np.concatenate([ends[0], ends[1], ends[1], ends[0]])
    laplacian = sp.csc_array((weights, (rows, columns)), shape=(n, n))[1:, 1:]
    loads = np.column_stack([net.p_pu[1:], net.q_pu[1:]])
    potential = np.zeros((n, 2))
    potential[1:] = splu(sp.csc_matrix(laplacian)).solve(-loads)
    flow = g[:, None] * (potential[ends[0]] - potential[ends[1]])
    size = np.full(net.n_branch, np.inf)
    size[used] = np.hypot(flow[:, 0], flow[:, 1])
    return size


def exchanges(
    net: TreeNetwork, closed: BoolArray, flow: TreeFlow
) -> Iterator[tuple[float, int, int]]:
    """Yield estimated change of loss, tie and opened branch of every exchange.

    The estimate keeps the currents of the loads as they are, so that a loop's currents change by
    the current of the branch that is opened.
    """
    order, current = flow.order, flow.i_pu
    if order is None or current is None:
        return
    place = np.full(net.n_bus, -1, dtype=np.int64)
    place[order.bus] = np.arange(len(order.bus))
    up, at = order.parent.tolist(), place.tolist()
    feeding, end = order.branch.tolist(), order.end.tolist()
    for tie in np.flatnonzero(net.may_close & ~closed).tolist():
        sides = []
        i, j = at[int(net.from_bus[tie])], at[int(net.to_bus[tie])]
        for one, other in ((i, j), (j, i)):
            path = []
            while one >= 0 and not (one <= other < end[one]):
                path.append(one)
                one = at[up[one]]
            sides.append(path)
        places = np.array(sides[0] + sides[1], dtype=np.int64)
        sign = np.concatenate([np.ones(len(sides[0])), -np.ones(len(sides[1]))])
        around = sign * current[..., places]
        r = net.r_pu[order.branch[places]]
        # Opening a branch adds minus its current to all of the loop, the tie included.
        a, b = float(r.sum() + net.r_pu[tie]), np.asarray(around @ r)
        change = a * np.abs(around) ** 2 - 2.0 * np.real(np.conj(around) * b[..., None])
        if flow.weights is not None:
            change = flow.weights @ change
        for k, place_k in enumerate(places.tolist()):
            branch = feeding[place_k]
            if net.may_open[branch]:
                yield float(change[k]), tie, branch


def improved(
    trees: Trees, closed: BoolArray, over: Callable[[], bool]
) -> tuple[BoolArray, TreeFlow]:
    """Return a configuration from which no tried exchange is better."""
    net, flow = trees.net, trees.flow(closed)
    while not over():
        options = sorted(exchanges(net, closed, flow))
        # While limits are broken the estimate of loss says little: all may be solved.
        tried = options if not flow.feasible else options[:TRIED]
        best, best_flow = None, flow
        for _, tie, branch in tried:
            if over():
                break
            there = swapped(closed, tie, branch)
            found = trees.flow(there)
            if better(found, best_flow):
                best, best_flow = there, found
                break
        if best is None:
            break
        closed, flow = best, best_flow
    return closed, flow


def swapped(closed: BoolArray, tie: int, branch: int) -> BoolArray:
    """Return a configuration with a tie closed and a branch opened."""
    there = closed.copy()
    there[tie], there[branch] = True, False
    return there


def kicked(
    net: TreeNetwork, closed: BoolArray, flow: TreeFlow, trees: Trees, rng: np.random.Generator
) -> BoolArray:
    """Return a configuration two to four random exchanges away."""
    for _ in range(int(rng.integers(2, 5))):
        options = list(exchanges(net, closed, flow))
        if not options:
            break
        _, tie, branch = options[int(rng.integers(len(options)))]
        there = swapped(closed, tie, branch)
        found = trees.flow(there)
        if found.order is None:
            continue
        closed, flow = there, found
    return closed


def search_trees(
    trees: Trees,
    starts: list[BoolArray],
    rng: np.random.Generator,
    *,
    kicks: int,
    over: Callable[[], bool],
    found: Callable[[TreeFlow], None] = lambda flow: None,
) -> tuple[BoolArray, TreeFlow]:
    """Return the best configuration of branch exchange from all starts and after kicks.

    Parameters
    ----------
    starts
        Configurations to begin with, one at least.
    kicks
        Kicks in a row without a gain after which the search ends.
    over
        Whether the time is over.
    found
        Is told of each better configuration.
    """
    net = trees.net
    best, best_flow = starts[0], NO_FLOW
    for start in starts:
        there, flow = improved(trees, start, over)
        if better(flow, best_flow) or best_flow.order is None:
            best, best_flow = there, flow
            found(flow)
    idle = 0
    while idle < kicks and not over():
        there, flow = improved(trees, kicked(net, best, best_flow, trees, rng), over)
        idle += 1
        if better(flow, best_flow):
            best, best_flow, idle = there, flow, 0
            found(flow)
    return best, best_flow
