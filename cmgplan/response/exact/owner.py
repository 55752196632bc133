"""All homes as one party under their policies: questions answered with emission caps kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyomo.environ as pyo

from cmgplan.arrays import FloatArray
from cmgplan.errors import SolverError
from cmgplan.homes.accounts.ledger import Carrier
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.day.dispatch import Dispatch
from cmgplan.homes.optimum.result import OptimumPoint
from cmgplan.homes.optimum.solve import OneOwner, Question
from cmgplan.response.exact.model import ResponseDay, own_kg_per_h

EXCLUDING_ROUNDS = 4
"""Linear programs with the integers of a day, each with the exclusions that the last asked for."""


@dataclass(frozen=True)
class ResponseQuestion(Question):
    """A question with a cap on any goal.

    Attributes
    ----------
    caps
        By goal of the model: its greatest value.
    """

    caps: Mapping[str, float] = field(default_factory=dict)


class ResponseOwner(OneOwner):
    """All homes as one party that keeps the policies; gaps are shares of the profit.

    Parameters
    ----------
    case
        The homes.
    model
        Their day under the policies.
    constant
        What served load and heat count for, currency: profit is ``constant - objective``.
    """

    def __init__(self, case: HomesCase, model: ResponseDay, constant: float) -> None:
        super().__init__(case, model)
        self._day_model, self._constant = model, constant
        self._held: _Held | None = None
        self._of_profit = True

    def answer(
        self, question: Question, gap: float, time_limit_s: float = float("inf")
    ) -> OptimumPoint | None:
        """Return the best day found, None where there is none; see ``OneOwner.answer``.

        Where money alone is asked for, the gap is a share of the profit.
        """
        self._of_profit = set(question.weights) <= {"cost", "penalty"}
        return super().answer(question, gap, time_limit_s)

    def _size(self, objective: float) -> float:
        return super()._size(self._constant - objective if self._of_profit else objective)

    def _counts_emission(self, question: Question) -> bool:
        return super()._counts_emission(question) or any(True for _ in self._day_model.caps())

    def _bounds(self, question: Question) -> Any:
        bounds, goals = super()._bounds(question), self._day_model.goals()
        for _, own, limit in self._day_model.caps():
            for t in self._day_model.h.steps:
                bounds[own[t]] = (0.0, float(limit[t]))
        for name, most in getattr(question, "caps", {}).items():
            bounds[goals[name]] = (-float("inf"), most)
        return bounds

    def _over(self, point: OptimumPoint, question: Question) -> Any:
        over, goals = super()._over(point, question), self._day_model.goals()
        if caps := getattr(question, "caps", {}):
            exact = self._day_model.goals_of(point.dispatch)
            for name, most in caps.items():
                if exact[name] > most:
                    over[goals[name]] = exact[name] - most
        for home, own, limit in self._day_model.caps():
            excess = own_kg_per_h(self.case, home, point.dispatch) - limit
            for t in self._day_model.h.steps:
                if excess[t] > 0.0:
                    over[own[t]] = float(excess[t])
        return over

    def integers_of(self, day: Dispatch) -> Any:
        """Return by binary variable the value that it has in a day."""
        held = pyo.ComponentMap()
        for variable, value in self._day_model.binaries_of(day):
            held[variable] = value
        return held

    def best_with(self, day: Dispatch, question: Question) -> OptimumPoint | None:
        """Return the best day with the binaries of a day, None where none keeps all limits.

        Its emissions are exact, and the linear program of it is the last that was solved, so
        that ``marginal_per_kwh`` has its multipliers.
        """
        for _ in range(EXCLUDING_ROUNDS):
            held = self._bounds(question)
            for variable, value in self.integers_of(day).items():
                held[variable] = (value, value)
            x, _ = self._exact(None, question, held)
            if x is None:
                return None
            point = self._point(x, question)
            if self._exclude() == 0:
                self._held = _Held(question, held, self._value(question, x))
                return point
        raise SolverError("stores go on charging and discharging at once with binaries held")

    def kept(self, day: Dispatch, question: Question) -> OptimumPoint | None:
        """Return the best day with the binaries of a day that keeps all limits exactly, or None.

        The search of the next answer begins from it.
        """
        if self.best_with(day, question) is None:
            return None
        values = [float(variable.value or 0.0) for variable in self._compiled().variables]
        return self._day(np.array(values), question)[0]

    def marginal_per_kwh(self, carrier: Carrier) -> FloatArray:
        """Return what a kWh more of a carrier costs each home, shape (T, homes).

        It is the multiplier of the home's balance in the program of ``best_with``.
        """
        m, h = self._day_model.m, self._day_model.h
        rows = [m.home[i].component(carrier)[t] for t in h.steps for i in m.home]
        found = self._compiled().multipliers_of(rows) / h.dt_h
        return found.reshape(h.hours, len(m.home))

    def change_per_kwh(self, carrier: Carrier, i: int, t: int, more_kw: float) -> float:
        """Return the cost of each kWh that home i needs more in hour t of ``best_with``.

        Where ``more_kw`` is negative it needs less, and the cost is what each kWh saves.
        """
        if self._held is None:
            raise ValueError("no day has been held")
        b, bounds = self._day_model.m.home[i], pyo.ComponentMap(self._held.bounds.items())
        given = b.surplus[carrier, t] if more_kw > 0.0 else b.short[carrier, t]
        bounds[given] = (abs(more_kw), abs(more_kw))
        pairs = self._pairs(self._held.question)
        found = self._compiled().solve(pairs, bounds, relax=True)
        if not found.accepted or found.value is None:
            return float("inf") if more_kw > 0.0 else -float("inf")
        return (found.value - self._held.value) / (more_kw * self._day_model.h.dt_h)

    def _value(self, question: Question, x: FloatArray) -> float:
        """Return the objective of a point in the terms of the program."""
        problem = self._compiled()
        return sum(float(w * x[problem.column(v)]) for v, w in self._pairs(question))


@dataclass(frozen=True)
class _Held:
    """The program of a day whose binaries are held: its question, bounds and value."""

    question: Question
    bounds: Any
    value: float
