"""Rounding of the hull where switch operations are limited or cost something.

The hours' topologies are valued at the hull's multipliers, those of the rows on operations left
out; ``projection`` then chooses among them. What the choice breaks raises the multipliers, and
the choice is made anew.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from cmgplan.case.records import Case, PlanOptions
from cmgplan.devices.base import FloatArray
from cmgplan.planning.projection import Projection, Wanted
from cmgplan.planning.rounding import rounded, taken
from cmgplan.planning.search_state import Aim
from cmgplan.planning.switches import SwitchHours
from cmgplan.planning.topologies import Topologies
from cmgplan.solve import LinearProblem
from cmgplan.solve.blocks import BlockProblem, Pattern
from cmgplan.solve.hull import Hull, Mix, Question, solve_hull

USED = 1e-4
"""Weight from which the hull uses a topology. The figures below are in units of the aim."""

LIGHT_UNITS = 1.0
"""What a topology weighs more that has no weight in the hull."""

PREFERRED = 1.0
"""Weight of a topology that keeps to the caps together with those of other hours."""

MISSED_UNITS = 20.0
"""What a wanted switch weighs that stays open for an hour."""

CHOICE_UNITS = 0.5
"""What a choice may weigh more than the best one."""

FAR_UNITS = 20.0
"""Excess from which a topology is not offered."""

REPAIRS = 4
"""Choices that may break the coupling rows before the rounding gives up."""

BROKEN = 0.5
"""Multiplier of the least break from which a row counts as broken; it is at most one."""

IMPROVEMENTS = 2
"""Choices at the multipliers of the last schedule, while they better it."""

REACH = 1
"""Hours before and after whose topologies an hour is offered."""


class LimitedRounding:
    """Rounds hulls to schedules that keep to the operations allowed."""

    def __init__(
        self,
        case: Case,
        options: PlanOptions,
        model: Any,
        problem: LinearProblem,
        blocks: BlockProblem,
        pool: Topologies,
    ) -> None:
        self._blocks, self._pool, self._problem = blocks, pool, problem
        mask: dict[str, Any] = {s: np.zeros(blocks.n_blocks, dtype=bool) for s in model.SWITCH}
        for switch, t in model.MAY_CLOSE:
            mask[switch][t] = True
        self._mask: SwitchHours = mask
        self._projection = Projection(case, options, mask)
        counted = [
            problem.column(v) for v in (*model.operated.values(), *model.operations.values())
        ]
        self._counted = np.asarray(counted)
        self._counts = np.asarray([problem.column(v) for v in model.operations.values()])
        self._goals = [problem.column(v) for v in (model.f1, model.f2, model.f3)]
        self._cost = problem.column(model.operation_cost)

    def lifted(self, question: Question) -> Question:
        """Return a question without the limit of operations."""
        upper = question.upper.copy()
        upper[self._counts] = self._blocks.n_blocks
        return replace(question, upper=upper)

    def rounded(self, question: Question, hull: Hull, aim: Aim) -> Hull | None:
        """Return a hull with one topology in each hour, or None where none was found."""
        multipliers = hull.multipliers
        offered = self._offered(hull)
        if np.any(np.isfinite(question.upper[self._goals])):
            self._prefer(offered, self._dived(question, hull))
        best: Hull | None = None
        repairs, improvements = 0, 0
        step = 0.5
        while repairs < REPAIRS and improvements < IMPROVEMENTS:
            if time.perf_counter() > aim.deadline:
                break
            chosen = self._chosen(question, multipliers, offered, aim.unit)
            if chosen is None:
                break
            found = solve_hull(self._blocks, question, [[p] for p in chosen])
            if isinstance(found, Hull):
                improvements += 1
                if best is not None and found.value >= best.value - 1e-2 * aim.unit:
                    break
                best = found
                if found.value <= aim.good:
                    break
                multipliers = 0.5 * (hull.multipliers + found.multipliers)
            else:
                repairs += 1
                broken = solve_hull(self._blocks, question, [[p] for p in chosen], elastic=True)
                if not isinstance(broken, Hull):
                    break
                rows = np.abs(broken.multipliers) > BROKEN
                known = float(np.max(np.abs(multipliers[rows]), initial=question.unit))
                multipliers = multipliers + step * known * broken.multipliers
                step *= 2.0
            for hour, pattern in enumerate(chosen):
                offered[hour].setdefault(self._pool.closed_in(hour, pattern), 0.0)
        return best

    def _dived(self, question: Question, hull: Hull) -> Hull | None:
        """Return the hull rounded as if operations had no limit: it keeps to the caps."""
        free = self.lifted(question)

        def solve(mix: Mix) -> Hull | None:
            found = solve_hull(self._blocks, free, mix)
            return found if isinstance(found, Hull) else None

        return rounded(hull, solve)

    def _prefer(self, offered: Sequence[dict[frozenset[str], float]], dived: Hull | None) -> None:
        """Make the topologies of a rounded hull those that the hours would rather take."""
        if dived is None:
            return
        for hour, pattern in enumerate(taken(dived)):
            offered[hour].update(dict.fromkeys(offered[hour], 0.0))
            offered[hour][self._pool.closed_in(hour, pattern)] = PREFERRED

    def _offered(self, hull: Hull) -> list[dict[frozenset[str], float]]:
        """Return the topologies that each hour is offered, with their weight in the hull."""
        kept = self._pool.kept()
        own: list[dict[frozenset[str], float]] = []
        for hour, weights in enumerate(hull.weights):
            known = {p: w for p, w in weights.items() if p is not None}
            for pattern in kept[hour]:
                if pattern is not None:
                    known.setdefault(pattern, 0.0)
            found: dict[frozenset[str], float] = {}
            for pattern, weight in known.items():
                closed = self._pool.closed_in(hour, pattern)
                found[closed] = found.get(closed, 0.0) + weight
            own.append(found)
        offered = [dict(found) for found in own]
        for hour, found in enumerate(offered):
            for other in range(max(hour - REACH, 0), min(hour + REACH + 1, len(own))):
                for closed, weight in own[other].items():
                    if weight > USED:
                        here = frozenset(s for s in closed if self._mask[s][hour])
                        found.setdefault(here, 0.0)
        return offered

    def _chosen(
        self,
        question: Question,
        multipliers: FloatArray,
        offered: Sequence[dict[frozenset[str], float]],
        unit: float,
    ) -> list[Pattern] | None:
        """Return the schedule of least excess at some multipliers, as a topology of each hour."""
        coupling = self._blocks.coupling()
        counting = np.diff(coupling.matrix[:, self._counted].tocsr().indptr) > 0
        y = np.where(counting, 0.0, multipliers)
        _, reduced = self._blocks.relaxed(question.cost, question.lower, question.upper, y)
        wanted = [
            self._valued(question, reduced, hour, choices, unit)
            for hour, choices in enumerate(offered)
        ]
        if not all(wanted):
            return None
        closed = self._projection.choose(
            wanted,
            operation_price=max(float(reduced[self._cost]), 0.0) / unit,
            missed_price=MISSED_UNITS,
            gap_abs=CHOICE_UNITS,
        )
        if closed is None:
            return None
        return [self._pattern(question, reduced, hour, closed) for hour in range(len(wanted))]

    def _valued(
        self,
        question: Question,
        reduced: FloatArray,
        hour: int,
        choices: dict[frozenset[str], float],
        unit: float,
    ) -> list[Wanted]:
        values = {closed: self._price(question, reduced, hour, closed)[0] for closed in choices}
        least = min(values.values(), default=np.inf)
        if not np.isfinite(least):
            return []
        heaviest = max(choices.values())
        return [
            Wanted(closed, (value - least) / unit + LIGHT_UNITS * (heaviest - choices[closed]))
            for closed, value in values.items()
            if value - least <= FAR_UNITS * unit
        ]

    def _price(
        self, question: Question, reduced: FloatArray, hour: int, closed: frozenset[str]
    ) -> tuple[float, FloatArray | None]:
        """Return value and point of an hour with its switches set; infinite if infeasible."""
        lower, upper = question.lower.copy(), question.upper.copy()
        columns, values = self._pool.positions(hour, closed)
        lower[columns] = upper[columns] = values
        answer = self._blocks.price(
            hour, reduced, lower, upper, gap_abs=0.01 * question.unit, time_limit_s=5.0
        )
        if answer.x is None:
            return np.inf, None
        return float(reduced[self._blocks.blocks[hour].columns] @ answer.x), answer.x

    def _pattern(
        self, question: Question, reduced: FloatArray, hour: int, closed: SwitchHours
    ) -> Pattern:
        """Return the hour's binaries with its switches set, other binaries as they are best."""
        here = frozenset(s for s, hours in closed.items() if hours[hour])
        columns, values = self._pool.positions(hour, here)
        x = np.zeros(self._problem.n)
        _, point = self._price(question, reduced, hour, here)
        if point is not None:
            x[self._blocks.blocks[hour].columns] = point
        x[columns] = values
        return self._blocks.pattern_of(hour, x)
