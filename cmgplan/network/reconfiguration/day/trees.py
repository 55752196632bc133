"""Configurations solved for all hours at once, and weighed for any part of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from cmgplan.arrays import BoolArray, ComplexArray, FloatArray
from cmgplan.network.reconfiguration.cone_parts import Cone
from cmgplan.network.reconfiguration.day.cone import HoursCone
from cmgplan.network.reconfiguration.exchange import Trees
from cmgplan.network.reconfiguration.given import TreeNetwork
from cmgplan.network.reconfiguration.tree import (
    NO_FLOW,
    Order,
    TreeFlow,
    broken_pu,
    loss_pu,
    ordered,
    solve_tree,
    sweep,
)


@dataclass(frozen=True)
class SolvedHours:
    """Power flows of one configuration in all hours; infinite where an hour has none.

    Attributes
    ----------
    loss_pu, broken_pu
        Of each hour, shape (H,).
    v_pu, i_pu
        In the order of the tree, shape (H, m); NaN in hours without a power flow.
    """

    closed: BoolArray
    order: Order
    loss_pu: FloatArray
    broken_pu: FloatArray
    v_pu: ComplexArray
    i_pu: ComplexArray


class HoursSolver:
    """Solves each configuration once, for all hours.

    Parameters
    ----------
    s_pu
        Loads of the buses, shape (H, n).
    """

    def __init__(self, net: TreeNetwork, s_pu: ComplexArray) -> None:
        self.net, self.s_pu = net, s_pu
        self.known: dict[bytes, SolvedHours | None] = {}

    def solve(self, closed: BoolArray) -> SolvedHours | None:
        """Return the power flows of a configuration, None where it is no tree."""
        key = np.packbits(closed).tobytes()
        if key not in self.known:
            self.known[key] = self._solved(closed)
        return self.known[key]

    def _solved(self, closed: BoolArray) -> SolvedHours | None:
        order = ordered(self.net, closed)
        if order is None:
            return None
        found = sweep(self.net, closed, order, self.s_pu)
        if found is None:
            return self._one_by_one(closed, order)
        loss, broken = loss_pu(self.net, order, *found), broken_pu(self.net, order, *found)
        return SolvedHours(closed.copy(), order, loss, broken, *found)

    def _one_by_one(self, closed: BoolArray, order: Order) -> SolvedHours:
        """Solve hours by themselves where not all of them have a power flow."""
        shape = len(self.s_pu), len(order.bus)
        loss, broken = np.full(shape[0], np.inf), np.full(shape[0], np.inf)
        v, i = (np.full(shape, np.nan, dtype=np.complex128) for _ in range(2))
        for t, s in enumerate(self.s_pu):
            flow = solve_tree(replace(self.net, p_pu=s.real, q_pu=s.imag), closed)
            if flow.v_pu is not None and flow.i_pu is not None:
                loss[t], broken[t], v[t], i[t] = flow.loss_pu, flow.broken_pu, flow.v_pu, flow.i_pu
        return SolvedHours(closed.copy(), order, loss, broken, v, i)


class HoursTrees(Trees):
    """Configurations by their mean loss over some of the hours.

    Parameters
    ----------
    solver
        Solves them, for all hours.
    hours
        Which hours count, shape (H,).
    copies
        Most copies of the network in the program; hours that share one count by their mean load,
        which makes its losses a bound on theirs.
    """

    def __init__(self, solver: HoursSolver, hours: BoolArray, copies: int) -> None:
        super().__init__(solver.net)
        self.solver, self.copies = solver, copies
        self.hours = np.flatnonzero(hours)
        self.weights = np.full(len(self.hours), 1.0 / len(self.hours))
        self.exact = copies >= len(np.unique(solver.s_pu[self.hours], axis=0))

    def flow(self, closed: BoolArray) -> TreeFlow:
        """Return the power flows of a configuration, and their mean loss."""
        key = np.packbits(closed).tobytes()
        if key not in self._known:
            self.solved += 1
            self._known[key] = self._weighed(self.solver.solve(closed))
        return self._known[key]

    def _weighed(self, solved: SolvedHours | None) -> TreeFlow:
        if solved is None or not np.isfinite(solved.loss_pu[self.hours]).all():
            return NO_FLOW
        return TreeFlow(
            float(self.weights @ solved.loss_pu[self.hours]),
            float(solved.broken_pu[self.hours].sum()),
            solved.order,
            solved.v_pu[self.hours],
            solved.i_pu[self.hours],
            self.weights,
        )

    def cone(self, loss_pu: float) -> Cone:
        """Return the program with a copy of the network for each group of hours."""
        return HoursCone(self.net, self.solver.s_pu[self.hours], self.copies, loss_pu)
