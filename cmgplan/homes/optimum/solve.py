"""The one-owner optimum of a day: solved, tightened until it is exact, and cleaned.

Two things of the day are not in its model from the beginning, since most days do not need them;
each is added where an answer asks for it: that a store does not charge and discharge at once,
planning eq. (11), and tangents of quadratic emissions. Without them the model is a relaxation, so
that every bound on the way holds.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyomo.environ as pyo
from pyomo.repn import generate_standard_repn

from cmgplan.arrays import FloatArray
from cmgplan.errors import LimitError, SolverError
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.optimum.model import DayModel
from cmgplan.homes.optimum.read_day import read_day
from cmgplan.homes.optimum.result import OptimumPoint
from cmgplan.homes.optimum.tidiest import movement
from cmgplan.solve import LinearProblem, Outcome, Stop

ROUNDS = 60
"""Solves of one question, each with the rows that the last answer asked for."""

BOTH_KWH = 1e-7
"""Stored energy that charging and discharging at once may feign in an hour, kWh."""

TIDY = (0.0, 1e-9, 1e-7)
"""Share of a goal that may be given for the tidiest of all optima: the least that HiGHS takes."""

MARGIN_ROUNDS = 4
"""Days tried under a cap of emission, each with what the last one was over it taken off."""

TANGENT_KG_PER_H = 1e-8
"""Emission of a device that its tangents may leave out in an hour."""

TANGENT_ROUNDS = 12
"""Linear programs with the integers held, each with the tangents that the last one asked for."""

INTEGER = 1e-8
"""Distance from a whole number that counts as whole; the rows are linear in it."""


@dataclass(frozen=True)
class Question:
    """What is minimised, and under which limits.

    Attributes
    ----------
    weights
        By goal of the model (``cost``, ``emission``): its weight.
    emission_cap_kg, cost_cap
        Limits of the two goals; infinite where there is none.
    unserved_kwh
        By carrier: energy that may be unserved; None where it is free.
    """

    weights: Mapping[str, float]
    emission_cap_kg: float = np.inf
    cost_cap: float = np.inf
    unserved_kwh: Mapping[str, float] | None = None

    @property
    def counts_emission(self) -> bool:
        """Whether the emission, or a goal that follows from it, matters."""
        weighed = any(weight > 0.0 for name, weight in self.weights.items() if name != "cost")
        return weighed or np.isfinite(self.emission_cap_kg)


class OneOwner:
    """All homes as one party: answers questions about their day.

    ``model`` is the day's model, by default that of the case and nothing more.

    Attributes
    ----------
    solver
        Name and version of the solver.
    relaxed
        Objective of the last answer without integers, before anything was added; None where it
        was not solved.
    """

    def __init__(self, case: HomesCase, model: DayModel | None = None) -> None:
        self.case, self._deadline = case, np.inf
        self._model = DayModel(case) if model is None else model
        self._problem: LinearProblem | None = None
        self._excluded: set[tuple[int, int]] = set()
        self.solver = ""
        self.relaxed: float | None = None

    def answer(
        self, question: Question, gap: float, time_limit_s: float = np.inf
    ) -> OptimumPoint | None:
        """Return the best day found, None where there is none.

        Raises
        ------
        LimitError
            Time ran out before any day was held.
        SolverError
            HiGHS failed, or rounds ran out before any day was held.
        """
        self._deadline, bound = time.perf_counter() + time_limit_s, -np.inf
        self.relaxed = None
        best: OptimumPoint | None = None
        for _ in range(ROUNDS):
            found = self._solved(question, gap, best)
            if found.stop is Stop.INFEASIBLE and best is None:
                return None
            if found.bound is not None:
                bound = max(bound, found.bound)
            if not found.accepted:
                break
            day, added = self._day(found.values(), question)
            if day is not None and (best is None or day.objective < best.objective):
                best = day
            if best is not None and self.gap_of(best.objective, bound) <= gap:
                break
            # Without new rows another round would bring the same answer.
            if added == 0 or time.perf_counter() > self._deadline:
                break
        return self._judged(best, bound, gap, found)

    def _judged(
        self, best: OptimumPoint | None, bound: float, gap: float, found: Outcome
    ) -> OptimumPoint:
        """Return the best day with its bound; raise where there is none."""
        if best is None:
            told = f"{found.solver}: {found.message or found.stop}"
            if found.stop in (Stop.LIMIT, Stop.FEASIBLE, Stop.OPTIMAL):
                raise LimitError(f"no day was held in the time given ({told}); give more time")
            raise SolverError(f"the day of the homes was not solved ({told})")
        bound = min(bound, best.objective)
        left = self.gap_of(best.objective, bound)
        return replace(best, bound=bound, gap=left, status="optimal" if left <= gap else "feasible")

    def _size(self, objective: float) -> float:
        """Return what a gap is a share of, in units of the objective."""
        return max(abs(objective), 1.0)

    def gap_of(self, objective: float, bound: float) -> float:
        """Return the relative gap between an objective and its bound, never negative."""
        return max(objective - bound, 0.0) / self._size(objective)

    def _counts_emission(self, question: Question) -> bool:
        """Return whether emissions must be exact."""
        return question.counts_emission

    def _over(self, point: OptimumPoint, question: Question) -> Any:
        """Return by variable how far the exact day is over its cap, where it is."""
        over, excess = pyo.ComponentMap(), point.emission_kg - question.emission_cap_kg
        if excess > 0.0:
            over[self._model.m.emission] = excess
        return over

    def _compiled(self) -> LinearProblem:
        """Return the model for HiGHS, compiled again where it got variables."""
        if self._problem is None:
            self._problem = LinearProblem(self._model.m)
            self._problem.ask_otherwise({"mip_feasibility_tolerance": INTEGER})
        return self._problem

    def _bounds(self, question: Question) -> Any:
        """Return the bounds of the goals for one question."""
        m, bounds = self._model.m, pyo.ComponentMap()
        bounds[m.cost] = (-np.inf, question.cost_cap)
        bounds[m.emission] = (-np.inf, question.emission_cap_kg)
        for carrier, kwh in (question.unserved_kwh or {}).items():
            bounds[m.unserved[carrier]] = (0.0, kwh)
        return bounds

    def _pairs(self, question: Question) -> list[tuple[Any, float]]:
        goals = self._model.goals()
        return [(goals[name], weight) for name, weight in question.weights.items()]

    def _solved(self, question: Question, gap: float, best: OptimumPoint | None) -> Outcome:
        """Solve the model as it stands; its integers to half of the gap asked for."""
        problem, pairs, bounds = self._compiled(), self._pairs(question), self._bounds(question)
        size, start = None if best is None else best.objective, None
        if size is None or not problem.integer.any():
            relaxed = problem.solve(pairs, bounds, relax=True, time_limit_s=self._left())
            self.solver = relaxed.solver
            self.relaxed = relaxed.value if self.relaxed is None else self.relaxed
            if not problem.integer.any() or not relaxed.accepted:
                return relaxed
            size = relaxed.value or 0.0
        values = [variable.value for variable in problem.variables]
        if all(value is not None for value in values):
            start = np.asarray(values, dtype=np.float64)
        gap_abs = 0.5 * gap * self._size(size)
        return problem.solve(pairs, bounds, time_limit_s=self._left(), gap_abs=gap_abs, start=start)

    def _left(self) -> float | None:
        """Return the seconds that are left, at least one; None without a deadline."""
        if not np.isfinite(self._deadline):
            return None
        return max(self._deadline - time.perf_counter(), 1.0)

    def _day(self, x: FloatArray, question: Question) -> tuple[OptimumPoint | None, int]:
        """Return the best day with the integers of an answer, and how many rows it asks for.

        None where it breaks a cap, or charges and discharges at once. What tangents and the
        solver's tolerance leave over a cap is taken off it.
        """
        problem = self._compiled()
        x, held = np.where(problem.integer, np.round(x), x), self._bounds(question)
        for k in np.flatnonzero(problem.integer):
            held[problem.variables[k]] = (x[k], x[k])
        added = 0
        for _ in range(MARGIN_ROUNDS):
            exact, more = self._exact(x, question, held)
            added += more
            if exact is None:
                return None, added
            point = self._point(self._tidied(exact, question, held), question)
            over = self._over(point, question)
            if not over:
                break
            for capped, excess in over.items():
                low, most = held[capped]
                held[capped] = (low, most - 2.0 * excess)
        feigned = self._exclude()
        meets = feigned == 0 and not over
        return (point if meets else None), added + feigned

    def _exact(
        self, x: FloatArray | None, question: Question, held: Any
    ) -> tuple[FloatArray | None, int]:
        """Return the best values with the integers held whose tangents are exact, and their count.

        Where emission does not count the answer ``x`` itself is as good as any.
        """
        problem, added = self._compiled(), 0
        if x is not None and not self._counts_emission(question):
            return x, added
        for _ in range(TANGENT_ROUNDS):
            pairs = self._pairs(question)
            found = problem.solve(pairs, held, relax=True, time_limit_s=self._left())
            if not found.accepted:
                return None, added
            x = found.values()
            problem.load(x)
            more = self._refine()
            added += more
            if more == 0:
                break
        return x, added

    def _point(self, x: FloatArray, question: Question) -> OptimumPoint:
        """Return a day as it really is: cost and emission from its dispatch, exactly."""
        self._compiled().load(x)
        day = read_day(self._model)
        goals = self._model.goals_of(day)
        objective = sum(weight * goals[name] for name, weight in question.weights.items())
        return OptimumPoint(
            "feasible", objective, -np.inf, np.inf, goals["cost"], goals["emission"], day
        )

    def _tidied(self, x: FloatArray, question: Question, held: Any) -> FloatArray:
        """Return a day as good as ``x`` that moves least, with its integers.

        Among many optima the one with the least energy through stores, moved and traded is
        taken, so that nothing happens without a reason.
        """
        problem, m, moved = self._compiled(), self._model.m, movement(self._model)
        counted = [m.cost]
        if self._counts_emission(question):
            counted += [goal for name, goal in self._model.goals().items() if name != "cost"]
        for slack in TIDY:
            bounds = pyo.ComponentMap(held.items())
            for goal in (*counted, *m.unserved.values()):
                value = float(x[problem.column(goal)])
                most = held.get(goal, (-np.inf, np.inf))[1]
                bounds[goal] = (-np.inf, min(value + slack * max(abs(value), 1.0), most))
            outcome = problem.solve(moved, bounds, relax=True, time_limit_s=self._left())
            if outcome.accepted:
                return outcome.values()
        return x

    def _exclude(self) -> int:
        """Let charge and discharge exclude each other where the day uses both; return how often."""
        h, added = self._model.h, 0
        for store, block in self._model.stores():
            lost = 1.0 / store.efficiency_discharge - store.efficiency_charge
            for t in h.steps:
                both = min(pyo.value(block.charge[t]), pyo.value(block.discharge[t]))
                if both * lost * h.dt_h > BOTH_KWH and (id(block), t) not in self._excluded:
                    self._excluded.add((id(block), t))
                    store.exclude(block, t)
                    added += 1
        if added:
            self._problem = None
        return added

    def _refine(self) -> int:
        """Add tangents where the day's emission lies over those that stand; return how many."""
        problem, steps, added = self._compiled(), self._model.h.steps, 0
        for placed in self._model.placed():
            emission, block = getattr(placed.device, "emission", None), placed.block
            if emission is None:
                continue
            output = block.component(block.emission_output)
            kw = np.array([pyo.value(output[t]) for t in steps])
            stood = len(block.tangents)
            emission.refine(block, kw, TANGENT_KG_PER_H)
            for k in range(stood + 1, len(block.tangents) + 1):
                _pass_on(block.tangents[k], problem)
                added += 1
        return added


def _pass_on(constraint: Any, problem: LinearProblem) -> None:
    """Give HiGHS a linear row that was added to the Pyomo model after it was compiled."""
    body = generate_standard_repn(constraint.body)
    columns = [problem.column(variable) for variable in body.linear_vars]
    lower, upper = (
        limit if side is None else pyo.value(side) - body.constant
        for limit, side in ((-np.inf, constraint.lower), (np.inf, constraint.upper))
    )
    problem.add_row(dict(zip(columns, body.linear_coefs, strict=True)), lower, upper)
