"""The bound: tangents, switches fixed by trial, and the mixed-integer program, round by round."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from cmgplan.arrays import BoolArray, FloatArray
from cmgplan.network.reconfiguration.course import Course
from cmgplan.network.reconfiguration.exchange import Trees, better, improved
from cmgplan.network.reconfiguration.given import components
from cmgplan.network.reconfiguration.rows import part_of
from cmgplan.network.reconfiguration.tree import TreeFlow
from cmgplan.progress import ProgressEvent
from cmgplan.solve.array_program import ArraySolver
from cmgplan.solve.cones import Rows, joined
from cmgplan.solve.outcome import Outcome, Stop

GAP_SHARES = 0.5, 0.25
"""Shares of the gap asked that fixing switches and the mixed-integer solver may use up."""

TANGENT_ROUNDS = 60

TOLERANCES = 1e-3, 1e-2, 1e-4
"""Relative breaks of a cone that get a tangent: in the relaxation, in trials, of a whole answer."""

TRIAL_ROUNDS, TRIAL_PASSES = 3, 3

TRIAL_SHARE = 0.3
"""Share of the time left that trials may take."""

TREES = 6
"""Best configurations whose tangents the program begins with."""

ACTIVE = 1e-5
"""Slack, per unit, under which a tangent of the relaxation is kept."""

SAFETY = 1e-6
"""Relative amount by which a bound is lowered for the solver's tolerances."""

BROKEN = 1e-6
"""Break of a row, per unit of the program, that rounding explains."""

MAX_ROUNDS = 1000

EARLY_GAP = 0.15
"""Share of what is missing to the value held that a round of the program leaves open."""


class Proof:
    """The search for a bound, which may find better configurations on the way.

    Attributes
    ----------
    closed, flow
        The best configuration held.
    bound_pu
        Loss that no configuration within the limits falls below.
    infeasible
        Whether it is proven that no configuration keeps the limits.
    """

    def __init__(
        self,
        trees: Trees,
        closed: BoolArray,
        flow: TreeFlow,
        gap: float,
        end: float,
        tell: Callable[[ProgressEvent], None],
        course: Course | None = None,
    ) -> None:
        self._course = course or Course(time.perf_counter())
        self.trees, self.closed, self.flow = trees, closed, flow
        self.bound_pu, self.infeasible = 0.0, False
        self._gap, self._end, self._tell = gap, end, tell
        self._cone = trees.cone(flow.loss_pu if flow.feasible else np.inf)
        self._tangents: list[Rows] = []
        self._note()

    def _note(self) -> None:
        self._course.note(self.flow.loss_pu if self.flow.feasible else np.inf, self.bound_pu)

    @property
    def _left_s(self) -> float:
        return max(self._end - time.perf_counter(), 0.0)

    @property
    def _limit_s(self) -> float | None:
        return None if self._end == np.inf else max(self._left_s, 0.01)

    @property
    def _value(self) -> float:
        """Return the loss held in units of the program's cost, kW."""
        kw = self.trees.net.s_base_kva
        return self.flow.loss_pu * kw if self.flow.feasible else np.inf

    def _target(self, share: float) -> float:
        """Return the bound that a share of the gap asked allows, kW."""
        return self._value * (1.0 - share * self._gap)

    def _raise_bound(self, bound: float) -> None:
        bound_pu = bound * (1.0 - SAFETY) / self.trees.net.s_base_kva
        self.bound_pu = max(self.bound_pu, min(bound_pu, self.flow.loss_pu))
        self._note()

    @property
    def _reached(self) -> bool:
        return self.flow.loss_pu - self.bound_pu <= self._gap * self.flow.loss_pu < np.inf

    def run(self) -> None:
        """Raise the bound until the gap, or the end of the time, is reached.

        A program that the configuration held does not meet would prove nothing.
        """
        if self.flow.feasible and self._cone.broken(self.flow) > BROKEN:
            self._told("relaxation", "its rows do not hold for the configuration found; no bound")
            return
        relaxed = self._relax()
        if relaxed is None or self._reached:
            return
        solver, x = relaxed
        fixed, cap = self._fix(solver, x)
        if fixed is None:
            self._raise_bound(cap)
            return
        self._rounds(fixed, x, cap)

    def _told(self, stage: str, message: str) -> None:
        held = self.flow.loss_pu
        gap = (held - self.bound_pu) / held if 0.0 < held < np.inf else None
        self._tell(ProgressEvent(stage, message, gap=gap, fraction=0.2))

    # -- the relaxation ------------------------------------------------------------------------

    def _relax(self) -> tuple[ArraySolver, FloatArray] | None:
        """Solve the relaxation by tangents; None where nothing is left to be proven."""
        solver = ArraySolver(replace(self._cone.program, integer=None))
        flows = [flow for flow in self.trees.best(TREES) if flow.feasible]
        self._tangents = [rows for f in flows if (rows := self._cone.tangents_of(f)) is not None]
        for rows in self._tangents:
            solver.add_rows(rows)
        x = None
        for _ in range(TANGENT_ROUNDS):
            outcome = solver.solve(time_limit_s=self._limit_s)
            if outcome.stop is Stop.INFEASIBLE:
                self.infeasible = not self.flow.feasible
                return None
            if outcome.x is None or outcome.bound is None:
                return None
            x = outcome.x
            self._raise_bound(outcome.bound)
            rows = self._cone.tangents(x, TOLERANCES[0])
            if rows is None or self._left_s == 0.0:
                break
            solver.add_rows(rows)
            self._tangents.append(rows)
        self._told("relaxation", f"bound {self.bound_pu * self.trees.net.s_base_kva:,.4f} kW")
        return None if x is None or self._left_s == 0.0 else (solver, x)

    # -- switches fixed by trial ---------------------------------------------------------------

    def _fix(
        self, solver: ArraySolver, x: FloatArray
    ) -> tuple[tuple[FloatArray, FloatArray] | None, float]:
        """Fix switches whose other position leads to no loss below the target.

        Returns
        -------
        tuple
            Bounds of the columns, None where nothing is left below the target; and the target,
            which the bound may not pass on their account.
        """
        program, at = self._cone.program, self._cone.columns
        low, high = program.lower.copy(), program.upper.copy()
        cap = self._target(GAP_SHARES[0])
        end = min(self._end, time.perf_counter() + TRIAL_SHARE * self._left_s)
        for turn in range(TRIAL_PASSES):
            before = int((low[at.y] < high[at.y]).sum())
            for arc in range(at.arcs):
                for state in (1.0, 0.0):
                    y = at.y[arc]
                    if low[y] == high[y] or abs(x[y] - state) < 1e-6:
                        continue
                    if time.perf_counter() > end:
                        return (low, high), cap
                    if self._ruled_out(solver, low, high, arc, state, cap):
                        low[y] = high[y] = 1.0 - state
            outcome = solver.solve(bounds=(low, high), time_limit_s=self._limit_s)
            if outcome.stop is Stop.INFEASIBLE or (outcome.bound or -np.inf) >= cap:
                return None, cap
            if outcome.x is None or outcome.bound is None:
                return (low, high), cap
            x = outcome.x
            self._raise_bound(outcome.bound)
            left = int((low[at.y] < high[at.y]).sum())
            self._told("switches", f"{left} of {at.arcs} directions are left, pass {turn + 1}")
            if left == before:
                break
        return (low, high), cap

    def _ruled_out(
        self,
        solver: ArraySolver,
        low: FloatArray,
        high: FloatArray,
        arc: int,
        state: float,
        cap: float,
    ) -> bool:
        cone, at = self._cone, self._cone.columns
        low, high = low.copy(), high.copy()
        if state == 1.0:
            rivals = (cone.tail == cone.tail[arc]) | (cone.branch == cone.branch[arc])
            if (low[at.y[rivals]] > 0.5).any():
                return True
            high[at.y[rivals]] = 0.0
        low[at.y[arc]] = high[at.y[arc]] = state
        for _ in range(TRIAL_ROUNDS):
            outcome = solver.solve(bounds=(low, high), time_limit_s=self._limit_s)
            if outcome.stop is Stop.INFEASIBLE:
                return True
            if outcome.x is None or outcome.bound is None:
                return False
            if outcome.bound * (1.0 - SAFETY) >= cap:
                return True
            rows = cone.tangents(outcome.x, TOLERANCES[1])
            if rows is None:
                return False
            solver.add_rows(rows)
            self._tangents.append(rows)
        return False

    # -- the mixed-integer program -------------------------------------------------------------

    def _rounds(self, bounds: tuple[FloatArray, FloatArray], x: FloatArray, cap: float) -> None:
        solver = ArraySolver(
            replace(
                self._cone.program,
                lower=bounds[0],
                upper=bounds[1],
                rows=joined([self._cone.program.rows, *self._kept(x)]),
            )
        )
        for turn in range(MAX_ROUNDS):
            if self._left_s == 0.0 or self._reached:
                return
            gap_abs = self._gap_abs()
            held = self.flow.feasible and self.trees.exact
            start = self._cone.point(self.flow) if held else None
            outcome = solver.solve(time_limit_s=self._limit_s, gap_abs=gap_abs, start=start)
            if outcome.stop is Stop.INFEASIBLE:
                if self.flow.feasible:
                    self._raise_bound(min(cap, self._value))
                else:
                    self.infeasible = True
                return
            if outcome.bound is not None:
                self._raise_bound(min(outcome.bound, cap))
            self._told("mixed-integer program", f"round {turn + 1}: {outcome.message}")
            if outcome.x is None or self._reached or not self._learn(solver, outcome):
                return

    def _gap_abs(self) -> float:
        """Return the gap of a round, kW: wide while the tangents are far from the cones."""
        if not self.flow.feasible:
            return 1e-6
        missing = self._value - self.bound_pu * self.trees.net.s_base_kva
        return max(GAP_SHARES[1] * self._gap * self._value, EARLY_GAP * missing)

    def _kept(self, x: FloatArray) -> list[Rows]:
        """Return the tangents of the configurations, and those that bind the relaxation."""
        first = len(self.trees.best(TREES))
        kept = self._tangents[:first]
        for rows in self._tangents[first:]:
            binding = np.flatnonzero(rows.matrix @ x - rows.lower < ACTIVE)
            if len(binding):
                kept.append(part_of(rows, binding))
        return kept

    def _learn(self, solver: ArraySolver, outcome: Outcome) -> bool:
        """Add what an answer of the program breaks; return whether it changes anything."""
        x = outcome.values()
        closed = self._spanning(self._cone.closed(x))
        flow = self.trees.flow(closed)
        rows = [self._cone.tangents(x, TOLERANCES[2])]
        if flow.order is not None:
            rows.append(self._cone.tangents_of(flow))
        found, better_flow = improved(self.trees, closed, lambda: self._left_s == 0.0)
        if better(better_flow, self.flow):
            self.closed, self.flow = found, better_flow
            self._note()
            if better_flow.feasible:
                rows.append(self._cone.tangents_of(better_flow))
        if not flow.feasible or not self.trees.exact:
            # What breaks a limit, or has no power flow, is no configuration. Where the program
            # only bounds a loss, the exact one is known now. Either is excluded.
            rows.append(self._cone.all_but(closed))
        added = [part for part in rows if part is not None]
        if added:
            solver.add_rows(joined(added))
        return bool(added)

    def _spanning(self, share: FloatArray) -> BoolArray:
        """Return the closed branches of an answer, made a spanning tree where they are none."""
        net = self.trees.net
        closed = share > 0.5
        if int(closed.sum()) == net.n_bus - 1 and components(net, np.flatnonzero(closed))[0] == 1:
            return closed
        group = np.arange(net.n_bus)
        chosen = np.zeros(net.n_branch, dtype=np.bool_)
        for k in np.argsort(-(share + 2.0 * ~net.may_open), kind="stable"):
            one, other = group[net.from_bus[k]], group[net.to_bus[k]]
            if net.may_close[k] and one != other:
                group[group == other] = one
                chosen[k] = True
        return chosen
