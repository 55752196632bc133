"""Levels 1 to 3: microgrids without the feeder, alone, in clusters and between clusters."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyomo.environ as pyo

from cmgplan.case.records import Case, PlanOptions
from cmgplan.devices.base import FloatArray
from cmgplan.errors import SolverError
from cmgplan.planning.operation import Operation, both_ways, read_operation, stores_of
from cmgplan.planning.schedule import (
    VariableBounds,
    add_objectives,
    allow_unserved,
    curtailed_kw,
    exchange_bounds,
    exchange_disks,
    new_schedule,
    tie_cones,
    unserved_kw,
)
from cmgplan.planning.switches import (
    BoolArray,
    SwitchHours,
    all_switches,
    allow,
    next_mask,
)
from cmgplan.planning.switching import (
    add_switching,
    cycles_closed,
    forest_cut,
    open_idle,
    read_closed,
)
from cmgplan.solve import LinearProblem, Outcome

LEFT_OVER_KW = 0.1
"""Shortage and surplus over this count."""

SWITCHING_GAP = 1e-2
"""Absolute gap, kWh and $, of the mixed-integer solves that choose the switches."""

LATER_MICROGRID = 1e-3
"""Weight of a microgrid's place in the case in the tie-break, beside 1 for a kWh."""

LOST_PER_CURTAILED = 3.0
"""Weight of tie losses in the tie-break, so that losing surplus never beats curtailing it."""


@dataclass(frozen=True)
class LevelResult:
    """What a level hands on.

    Attributes
    ----------
    level
        1 to 4.
    operation
        Dispatch, exchange and switch schedule.
    mask
        In which hours its switches were allowed to close.
    following
        The mask of the next level; its own for Level 4.
    outcomes
        Each solve's outcome: why it stopped and what it proved, by the name of its objective.
    wall_s
        Time taken.
    """

    level: int
    operation: Operation
    mask: SwitchHours
    following: SwitchHours
    outcomes: Mapping[str, Outcome]
    wall_s: float

    @property
    def shortage_kw(self) -> Mapping[str, FloatArray]:
        """Unserved load by microgrid."""
        return self.operation.unserved_kw

    @property
    def surplus_kw(self) -> Mapping[str, FloatArray]:
        """Curtailed renewable power by microgrid."""
        return self.operation.curtailed_kw


def left_over(operation: Operation) -> dict[str, BoolArray]:
    """Return by microgrid and hour whether it has a shortage or a surplus."""
    return {
        mg: (operation.unserved_kw[mg] > LEFT_OVER_KW) | (operation.curtailed_kw[mg] > LEFT_OVER_KW)
        for mg in operation.unserved_kw
    }


def first_mask(case: Case, options: PlanOptions) -> SwitchHours:
    """Return the mask of Level 1: every switch open."""
    return allow(case, ())


def solve_islanded(case: Case, options: PlanOptions, level: int, mask: SwitchHours) -> LevelResult:
    """Solve Level 1, 2 or 3 under its mask.

    Least unserved energy, then least f1 + f2, then the tie-break: least curtailment with the
    earliest hours curtailed first, least storage throughput, least exchange over ties.

    Raises
    ------
    SolverError
        If HiGHS holds no answer; unserved load makes every case feasible unless reactive power,
        an EV or a minimum load cannot be met at all.
    """
    begun = time.perf_counter()
    m = new_schedule(case, options)
    h = case.horizon(options)
    allow_unserved(m, case, h)
    add_objectives(m, case, options)
    binaries = add_switching(m, case, options, mask)
    _add_level_goals(m, case)
    problem = LinearProblem(m, tie_cones(m, case), exchange_disks(m, case, binaries))
    solver = _Lexicographic(m, case, options, problem)
    outcomes, closed = solver.run()
    operation = read_operation(m, case, closed)
    return LevelResult(
        level=level,
        operation=operation,
        mask=mask,
        following=next_mask(case, level, mask, left_over(operation)),
        outcomes=outcomes,
        wall_s=time.perf_counter() - begun,
    )


def solve_levels_1_to_3(case: Case, options: PlanOptions) -> tuple[LevelResult, ...]:
    """Solve the islanded levels one after the other; each passes its mask on."""
    mask = first_mask(case, options)
    results: list[LevelResult] = []
    for level in (1, 2, 3):
        results.append(solve_islanded(case, options, level, mask))
        mask = results[-1].following
    return tuple(results)


def grid_mask(case: Case, options: PlanOptions, level3: LevelResult) -> SwitchHours:
    """Return the mask of Level 4: Level 3's, or everything where the hierarchy is joint."""
    if options.hierarchy == "joint":
        return allow(case, ("microgrid", "cluster", "grid"))
    return level3.following


def _add_level_goals(m: Any, case: Case) -> None:
    """Define the unserved energy, f1 + f2, and the tie-break as variables."""
    dt_h, hours = case.file.time.dt_h, case.file.time.hours
    m.unserved_kwh = pyo.Var(bounds=(0.0, None), initialize=0.0)
    m.cost_and_emission = pyo.Var(initialize=0.0)
    m.tie_break = pyo.Var(initialize=0.0)
    m.unserved_definition = pyo.Constraint(
        expr=m.unserved_kwh
        == dt_h
        * pyo.quicksum(unserved_kw(m, case, mg.id, t) for mg in case.microgrids for t in m.T)
    )
    m.cost_and_emission_definition = pyo.Constraint(expr=m.cost_and_emission == m.f1 + m.f2)

    def later(t: int, k: int) -> float:
        return 1.0 + t / hours + LATER_MICROGRID * k

    curtailed = pyo.quicksum(
        later(t, k) * (curtailed_kw(m, case, mg.id, t) + unserved_kw(m, case, mg.id, t))
        for k, mg in enumerate(case.microgrids)
        for t in m.T
    )
    throughput = pyo.quicksum(
        m.dev[key].charge[t] + m.dev[key].discharge[t] for key in stores_of(case) for t in m.T
    )
    lost = pyo.quicksum(m.tie_loss[e, t] for e in m.LOSSY for t in m.T)
    m.tie_break_definition = pyo.Constraint(
        expr=m.tie_break == dt_h * (curtailed + throughput + LOST_PER_CURTAILED * lost)
    )


class _Lexicographic:
    """Choose the switches by mixed-integer solves, then the operation with the switches held.

    Both go through unserved energy, f1 + f2 and, for the operation, the tie-break. Ratings and
    tie losses are met by tangents; with the switches held the problem is linear and the tangents
    are refined until none is broken.
    """

    def __init__(self, m: Any, case: Case, options: PlanOptions, problem: LinearProblem) -> None:
        self._m, self._case, self._options, self._problem = m, case, options, problem
        self._one_way: VariableBounds = pyo.ComponentMap()

    def run(self) -> tuple[dict[str, Outcome], SwitchHours]:
        m = self._m
        goals = {"unserved_kwh": m.unserved_kwh, "gc_plus_ec_usd": m.cost_and_emission}
        limits: VariableBounds = pyo.ComponentMap()
        bounds: dict[str, float | None] = {}
        closed = read_closed(m, self._case)
        for name, goal in goals.items():
            self._accept(self._problem.solve_tight([(goal, 1.0)], limits, relax=True, rounds=8))
            outcome, closed = self._choose_switches(goal, limits)
            bounds[name] = outcome.bound
            limits[goal] = _within(float(goal.value))
        held = self._held(closed)
        outcomes: dict[str, Outcome] = {}
        limits = pyo.ComponentMap()
        for name, goal in {**goals, "tie_break": m.tie_break}.items():
            outcome = self._operate(goal, held, limits)
            outcomes[name] = replace(outcome, bound=bounds.get(name, outcome.bound))
            limits[goal] = _within(float(goal.value))
        return outcomes, closed

    def _choose_switches(self, goal: Any, limits: VariableBounds) -> tuple[Outcome, SwitchHours]:
        """Solve until the closed switches form a forest."""
        m = self._m
        for _ in range(50):
            outcome = self._accept(
                self._problem.solve(
                    [(goal, 1.0)],
                    limits,
                    time_limit_s=self._options.time_limit_s,
                    gap_abs=SWITCHING_GAP,
                )
            )
            closed = open_idle(m, self._case, read_closed(m, self._case))
            if not self._options.radial or not self._cut_cycles(closed):
                return outcome, closed
        raise SolverError("the closed switches still form cycles after 50 rounds")

    def _held(self, closed: SwitchHours) -> VariableBounds:
        held = exchange_bounds(self._m, self._case, closed)
        for switch, t in self._m.MAY_CLOSE:
            position = float(closed[switch][t])
            held[self._m.closed[switch, t]] = (position, position)
        return held

    def _operate(self, goal: Any, held: VariableBounds, limits: VariableBounds) -> Outcome:
        """Solve until every store goes one way."""
        m, case = self._m, self._case
        while True:
            bounds: VariableBounds = pyo.ComponentMap()
            for part in (held, limits, self._one_way):
                bounds.update(part)
            outcome = self._accept(
                self._problem.solve_tight([(goal, 1.0)], bounds, relax=not self._has_commitment())
            )
            found = both_ways(read_operation(m, case, read_closed(m, case)))
            for key, t in found:
                b = m.dev[key]
                lesser = b.charge if b.charge[t].value < b.discharge[t].value else b.discharge
                self._one_way[lesser[t]] = (0.0, 0.0)
            if not found:
                return outcome

    def _has_commitment(self) -> bool:
        return any(hasattr(self._m.dev[key], "on") for key in self._m.DEV)

    def _accept(self, outcome: Outcome) -> Outcome:
        if not outcome.accepted:
            raise SolverError(
                f"no schedule without the feeder: {outcome.solver} says {outcome.message}; "
                "check reactive power, EV trips and minimum loads of each microgrid"
            )
        self._problem.load(outcome.values())
        return outcome

    def _cut_cycles(self, closed: SwitchHours) -> bool:
        """Cut off the cycles of a schedule in every hour; return whether there were any."""
        m = self._m
        found = cycles_closed(self._case, closed)
        switches = all_switches(self._case)
        for nodes in {nodes for nodes, _ in found}:
            for t in m.T:
                inside = forest_cut(m, switches, nodes, t)
                if len(inside) > len(nodes) - 1:
                    self._problem.add_row(
                        {self._problem.column(b): 1.0 for b in inside}, -np.inf, len(nodes) - 1.0
                    )
        return bool(found)


def _within(reached: float) -> tuple[float, float]:
    """Bound a goal by what it reached, with a margin for the tangents still to come."""
    return -np.inf, reached + 1e-2 + 1e-5 * abs(reached)
