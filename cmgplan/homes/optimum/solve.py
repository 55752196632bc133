"""The one-owner optimum of a day: solved, tightened until it is exact, and cleaned.

Three things of the day are no rows of its model from the beginning, since most days do not need
them, and each is added where an answer shows that it is needed: that a store does not charge and
discharge at once, planning eq. (11); tangents of quadratic emissions; and, under a cap of
emission, a margin for what tangents leave out. Without them the model is a relaxation, so that
every bound on the way holds.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyomo.environ as pyo

from cmgplan.arrays import FloatArray
from cmgplan.errors import LimitError, SolverError
from cmgplan.homes.money import cost_of_day, emission_of_day
from cmgplan.homes.optimum.model import DayModel
from cmgplan.homes.optimum.read_day import read_day
from cmgplan.homes.optimum.result import OptimumPoint
from cmgplan.homes.records import HomesCase
from cmgplan.solve import LinearProblem, Outcome, Stop

ROUNDS = 60
"""Solves of one question, each with what the last answer showed to be missing."""

BOTH_KWH = 1e-7
"""Stored energy that charging and discharging at once may feign in an hour, kWh."""

TIDY = 1e-9
"""Share of a goal that may be given for the tidiest of all optima."""

EXACT = 1e-7
"""Share of the day's emission by which an answer may lie over its cap, or tangents under it."""

TRADED = 0.1
"""Weight of a kWh that is traded, beside one that a store takes or that moves."""

TRADES = ("imported", "exported", "pool_given", "pool_heat_given")

TANGENT_ROUNDS = 8
"""Rounds under a cap after which a margin takes the place of more tangents."""


@dataclass(frozen=True)
class Question:
    """What is minimised, and under which limits.

    Attributes
    ----------
    weights
        By goal (``cost``, ``emission``): its weight.
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
        """Whether the emission matters."""
        return self.weights.get("emission", 0.0) > 0.0 or np.isfinite(self.emission_cap_kg)


class OneOwner:
    """All homes as one party: answers questions about their day.

    Parameters
    ----------
    case
        The homes.
    deadline
        Reading of ``time.perf_counter`` at which the work ends.
    """

    def __init__(self, case: HomesCase, deadline: float = np.inf) -> None:
        self.case, self._deadline = case, deadline
        self._model = DayModel(case)
        self._problem: LinearProblem | None = None
        self._excluded: set[tuple[int, int]] = set()
        self.solver = ""

    def answer(self, question: Question, gap: float) -> OptimumPoint | None:
        """Return the best day found, None where there is none.

        Raises
        ------
        LimitError
            Time ran out before any day was held.
        SolverError
            HiGHS failed, or rounds ran out before any day was held.
        """
        bound, margin_kg = -np.inf, 0.0
        best: OptimumPoint | None = None
        for number in range(ROUNDS):
            found = self._solved(question, gap, margin_kg, best)
            if found.stop is Stop.INFEASIBLE and best is None and margin_kg == 0.0:
                return None
            if not found.accepted:
                return self._judged(best, bound, gap, found)
            if margin_kg == 0.0 and found.bound is not None:
                bound = max(bound, found.bound)
            point = self._held(found.values(), question)
            feigned = self._exclude()
            over_kg = point.emission_kg - question.emission_cap_kg
            meets = feigned == 0 and over_kg <= EXACT * max(point.emission_kg, 1.0)
            if meets and (best is None or point.objective < best.objective):
                best = point
            if best is not None and relative_gap(best.objective, bound) <= gap:
                break
            added = self._refine(point.emission_kg) if question.counts_emission else 0
            if feigned == added == 0 and (meets or found.stop is not Stop.OPTIMAL):
                break  # another round would bring the same answer
            if feigned == 0 and not meets and (added == 0 or number >= TANGENT_ROUNDS):
                margin_kg += 2.0 * over_kg
            if time.perf_counter() > self._deadline:
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
        left = relative_gap(best.objective, bound)
        return replace(best, bound=bound, gap=left, status="optimal" if left <= gap else "feasible")

    def _compiled(self) -> LinearProblem:
        """Return the model for HiGHS, compiled again where rows were added."""
        if self._problem is None:
            self._problem = LinearProblem(self._model.m)
        return self._problem

    def _bounds(self, question: Question, margin_kg: float = 0.0) -> Any:
        """Return the bounds of the goals for one question."""
        m, bounds = self._model.m, pyo.ComponentMap()
        bounds[m.cost] = (-np.inf, question.cost_cap)
        bounds[m.emission] = (-np.inf, question.emission_cap_kg - margin_kg)
        for carrier, kwh in (question.unserved_kwh or {}).items():
            bounds[m.unserved[carrier]] = (0.0, kwh)
        return bounds

    def _solved(
        self, question: Question, gap: float, margin_kg: float, best: OptimumPoint | None
    ) -> Outcome:
        """Solve the model as it stands; its integers to half of the gap asked for."""
        problem, m = self._compiled(), self._model.m
        goals = {"cost": m.cost, "emission": m.emission}
        pairs = [(goals[name], weight) for name, weight in question.weights.items()]
        bounds = self._bounds(question, margin_kg)
        size = None if best is None else best.objective
        if size is None or not problem.integer.any():
            relaxed = problem.solve(pairs, bounds, relax=True, time_limit_s=self._left())
            self.solver = relaxed.solver
            if not problem.integer.any() or not relaxed.accepted:
                return relaxed
            size = relaxed.value or 0.0
        gap_abs = 0.5 * gap * max(abs(size), 1.0)
        return problem.solve(pairs, bounds, time_limit_s=self._left(), gap_abs=gap_abs)

    def _left(self) -> float | None:
        """Return the seconds that are left, at least one; None without a deadline."""
        if not np.isfinite(self._deadline):
            return None
        return max(self._deadline - time.perf_counter(), 1.0)

    def _held(self, x: FloatArray, question: Question) -> OptimumPoint:
        """Load the tidiest day that is as good as ``x``; its cost and emission as they really are.

        They follow from the dispatch alone, by the exact formulas.
        """
        self._compiled().load(self._tidied(x, question))
        day = read_day(self._model)
        goals = {
            "cost": cost_of_day(self.case, day),
            "emission": emission_of_day(self.case, day),
        }
        objective = sum(weight * goals[name] for name, weight in question.weights.items())
        return OptimumPoint(
            "feasible", objective, -np.inf, np.inf, goals["cost"], goals["emission"], day
        )

    def _tidied(self, x: FloatArray, question: Question) -> FloatArray:
        """Return a day as good as ``x`` that moves least: integers held, goals no worse.

        Among many optima the one with the least energy through stores, moved and traded is
        taken, so that nothing happens without a reason.
        """
        problem, m = self._compiled(), self._model.m
        x = np.where(problem.integer, np.round(x), x)
        bounds = self._bounds(question)
        for k in np.flatnonzero(problem.integer):
            bounds[problem.variables[k]] = (x[k], x[k])
        counted = [m.cost, *([m.emission] if question.counts_emission else [])]
        for goal in (*counted, *m.unserved.values()):
            value = float(x[problem.column(goal)])
            bounds[goal] = (-np.inf, value + TIDY * max(abs(value), 1.0))
        outcome = problem.solve(self._movement(), bounds, relax=True, time_limit_s=self._left())
        return outcome.values() if outcome.accepted else x

    def _movement(self) -> list[tuple[Any, float]]:
        """Return weights on energy that goes through stores, moves between hours, or is traded."""
        moved: list[Any] = []
        for _, block in self._model.stores():
            moved += [*block.charge.values(), *block.discharge.values()]
        for placed in self._model.loads():
            if isinstance(placed.block.component("down"), pyo.Var):
                moved += placed.block.down.values()
        traded: list[Any] = []
        for i in self._model.m.home:
            home = self._model.m.home[i]
            for name in TRADES:
                traded += home.component(name).values()
        return [*((v, 1.0) for v in moved), *((v, TRADED) for v in traded)]

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

    def _refine(self, emission_kg: float) -> int:
        """Add tangents where the day's emission lies over those that stand; return how many."""
        added, tolerance = 0, EXACT * max(emission_kg, 1.0) / self._model.h.hours
        for placed in self._model.placed():
            emission = getattr(placed.device, "emission", None)
            if emission is not None:
                output = placed.block.component(placed.block.emission_output)
                kw = np.array([pyo.value(output[t]) for t in self._model.h.steps])
                added += emission.refine(placed.block, kw, tolerance)
        if added:
            self._problem = None
        return added


def relative_gap(objective: float, bound: float) -> float:
    """Return ``(objective - bound) / max(|objective|, 1)``, never negative."""
    return max(objective - bound, 0.0) / max(abs(objective), 1.0)
