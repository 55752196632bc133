"""The optimal power flow of a grid with columns attached, at prices of those columns.

It is compiled once; bounds, prices and starts of the attached columns may differ from solve to
solve, which is how one problem serves many positions of switches.
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.network.grid import Grid
from cmgplan.network.grid_hours import GridHours
from cmgplan.network.opf.attached import Attached, attach, attached_instance
from cmgplan.network.opf.model import Layout, build_instance, build_model
from cmgplan.network.opf.result import OpfResult, WallTime, replayed, result_of
from cmgplan.solve.held import HeldRows
from cmgplan.solve.outcome import Outcome, Stop
from cmgplan.solve.templates import Instance, Strategy, TemplateProblem

ACCEPTED_BREAK = 5e-8
"""Largest break of a row or bound that is accepted, in the unit of the attached columns.

At a steep end of the front more would let an answer seem better than the bound.
"""

NEARLY_FEASIBLE = 1e-4
"""Break under which an answer that did not converge is worth a second attempt."""

TOLERANCE = ("tol", 1e-8)
SCALING = ("mumps_scaling", 8)
LINEAR_SOLVER = (SCALING, ("mumps_pivtol", 1e-8), ("mumps_pivot_order", 5))
"""Settings under which an iteration takes less than half the time."""

QUICK = Strategy(
    200,
    (
        ("mu_strategy", "adaptive"),
        ("bound_push", 0.1),
        *LINEAR_SOLVER,
        TOLERANCE,
    ),
    ACCEPTED_BREAK,
)

_NEAR = Strategy.warm(100, push=1e-4).options
WARM = Strategy(
    100,
    (*_NEAR, ("mu_strategy", "monotone"), ("mu_init", 1e-6), *LINEAR_SOLVER, TOLERANCE),
    ACCEPTED_BREAK,
)
"""For bounds that changed little since an answer: half the iterations of a cold start."""

STEADY = Strategy(
    500,
    (("mu_strategy", "monotone"), ("bound_relax_factor", 1e-8), SCALING, TOLERANCE),
    ACCEPTED_BREAK,
)
"""More iterations, fewer failures where constraints are degenerate.

Bounds give by 1e-8 in the unit of the columns. Ipopt needs that room where what is held leaves a
microgrid a single way to balance.
"""

UNSCALED = replace(QUICK, options=(*QUICK.options, ("nlp_scaling_method", "none")))
CENTRED = replace(STEADY, options=(*STEADY.options, ("bound_push", 1.0), ("bound_frac", 0.5)))
"""Begins amid the bounds: the surest of the four, and the quickest."""

INSISTENT = (CENTRED, STEADY, QUICK, UNSCALED)

GIVEN = "start given"
"""Where every strategy begins."""


class AttachedOpf:
    """A grid over T hours with columns attached, compiled; see ``OpfProblem`` for a grid alone.

    Parameters
    ----------
    grid
        Network.
    horizon
        Loads and limits by hour. Its prices and the grid's costs count as well.
    attached
        Columns, rows and injections; bounds, prices and start may be given anew for each solve.
    """

    def __init__(self, grid: Grid, horizon: GridHours, attached: Attached) -> None:
        begun = time.perf_counter()
        self.grid, self.horizon = grid, horizon
        self.layout = Layout(grid, hours=horizon.hours)
        self.view = attached.view(self.layout)
        model = attach(build_model(self.layout), self.layout, attached)
        self._held = HeldRows(model)
        self._instance = build_instance(self.layout, horizon)
        self.build_s = time.perf_counter() - begun
        self._problem = TemplateProblem(model)
        self.compile_s = self._problem.compile_s

    def solve(self, attached: Attached, *, replay: bool = True) -> OpfResult:
        """Return the answer of least cost as ``solve_opf`` does; every strategy is tried."""
        begun = time.perf_counter()
        outcome = self.minimise(attached, insist=True)
        wall = WallTime(self.build_s, self.compile_s, time.perf_counter() - begun)
        result = result_of(self.layout, outcome, GIVEN, wall)
        if not outcome.accepted:
            return result
        columns = self.columns(outcome)
        drawn = attached.drawn_pu(self.layout, columns)
        result = replace(result, attached=columns, drawn_pu=drawn)
        return replayed(result, self.horizon) if replay else result

    def minimise(
        self, attached: Attached, *, insist: bool = False, after: Outcome | None = None
    ) -> Outcome:
        """Minimise the cost, at the bounds and prices of these columns.

        Parameters
        ----------
        attached
            The columns that were compiled, perhaps with other bounds, prices and start.
        insist
            Try every strategy until one answers, for problems that must have an answer; without
            it, a second one is tried only where the first ended nearly feasible.
        after
            Answer of the same problem at bounds that differ little, to begin from.
        """
        instance = attached_instance(self._instance, self.layout, attached)
        instance, broken = self._held.released(instance)
        if broken > ACCEPTED_BREAK:
            told = f"what is held by bounds breaks a row by {broken:.2e}"
            return Outcome(Stop.LOCALLY_INFEASIBLE, None, None, None, "bounds", told)
        scaled, scale = _with_prices_of_order_one(instance)
        outcome = self._attempts(scaled, insist, after)
        value = None if outcome.value is None else outcome.value / scale
        return replace(outcome, value=value)

    def _attempts(self, instance: Instance, insist: bool, after: Outcome | None) -> Outcome:
        """Return the first answer of the strategies, or the first failure.

        A point that holds every limit and that Ipopt could not prove a local optimum is an answer
        too; where one is insisted on, it is so only if no other strategy gets further.
        """
        if after is not None and after.multipliers is not None:
            known = replace(instance, start=after.values(), multipliers=after.multipliers)
            outcome = self._problem.solve(known, WARM)
            if outcome.accepted:
                return outcome
        first, *others = INSISTENT if insist else (QUICK, STEADY)
        outcome = self._problem.solve(instance, first)
        for strategy in others:
            enough = outcome.stop is Stop.LOCAL_OPTIMUM if insist else outcome.accepted
            if enough or not (insist or _nearly_feasible(outcome)):
                break
            tried = self._problem.solve(instance, strategy)
            together = outcome.iterations + tried.iterations
            further = tried.accepted and (not outcome.accepted or tried.stop is Stop.LOCAL_OPTIMUM)
            outcome = replace(tried if further else outcome, iterations=together)
        return outcome

    def columns(self, outcome: Outcome) -> FloatArray:
        """Return the values of the attached columns."""
        return np.asarray(self.view @ outcome.values(), dtype=np.float64)

    def part(self, outcome: Outcome, kind: str) -> FloatArray:
        """Return ``v``, ``angle``, ``p`` or ``q`` of an answer, pu and rad, shape (T, width)."""
        return self.layout.part(outcome.values(), kind)


def _nearly_feasible(outcome: Outcome) -> bool:
    """Return whether an answer that did not converge is worth a second attempt."""
    broken = np.inf if outcome.broken is None else outcome.broken
    return outcome.stop is not Stop.LOCALLY_INFEASIBLE and broken < NEARLY_FEASIBLE


def _with_prices_of_order_one(instance: Instance) -> tuple[Instance, float]:
    """Return the instance with its objective multiplied so that the greatest price is 1.

    Ipopt's tolerance is absolute: of an objective made of shares it would leave out digits.
    """
    greatest = max(float(np.abs(p).max(initial=0.0)) for p in (instance.linear, instance.quadratic))
    if greatest == 0.0:
        return instance, 1.0
    scale = 1.0 / greatest
    return (
        replace(
            instance,
            linear=scale * instance.linear,
            quadratic=scale * instance.quadratic,
            constant=scale * instance.constant,
        ),
        scale,
    )
