"""Level 4, grid connection: minimise objectives over switches and AC operation under caps.

Each question is answered in two steps, as the paper's mixed-integer nonlinear problem allows no
proof as it stands: a convex mixed-integer relaxation chooses the switches and proves a bound, and
the AC problem with these switches gives the value.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np

from cmgplan.case.records import Case, PlanOptions
from cmgplan.network.feeder import Feeder
from cmgplan.planning.ac_operation import AcOperation
from cmgplan.planning.grid_models import convex_model
from cmgplan.planning.grid_search import SwitchSchedule, SwitchSearch, switch_search
from cmgplan.planning.operation import Operation
from cmgplan.planning.switches import SwitchHours, all_switches, operations

OBJECTIVES = ("gc_usd", "ec_usd", "loss_kwh")
CAP_TOLERANCE = 1e-5
"""$ or kWh by which solvers may exceed a cap; bounds are proven for caps that much wider."""

IDLE_KVA = 0.02
"""A closed switch that carries less in the AC answer is tried open."""


class PointStatus(StrEnum):
    """Status of a Pareto point (design, section 3)."""

    OPTIMAL = "optimal"
    FEASIBLE = "feasible"
    INFEASIBLE = "infeasible"
    LIMIT = "limit"


@dataclass(frozen=True)
class GridAnswer:
    """Answer of Level 4 to one question.

    Attributes
    ----------
    operation
        AC operation, or None where no schedule is held.
    bound
        Proven lower bound of the weighted sum of objectives.
    infeasible
        Whether the relaxation proves that nothing meets the caps.
    reason
        Why the search stopped, in words.
    history
        Seconds since the start, bound and value after each step.
    """

    operation: Operation | None
    bound: float | None
    infeasible: bool
    reason: str
    wall_s: float
    history: Sequence[Mapping[str, float | str | None]] = field(default_factory=tuple)

    @property
    def values(self) -> Mapping[str, float] | None:
        """Objectives of the operation held."""
        if self.operation is None:
            return None
        return {name: self.operation.value(name) for name in OBJECTIVES}


class GridConnection:
    """Oracle of Level 4 for the epsilon-constraint search.

    Parameters
    ----------
    mask
        In which hours each switch may close.
    tell
        Called with a sentence and, where there is one, the gap so far.
    """

    def __init__(
        self,
        case: Case,
        options: PlanOptions,
        feeder: Feeder,
        mask: SwitchHours,
        tell: Callable[[str, float | None], None] | None = None,
    ) -> None:
        self._case, self._options = case, options
        self._tell = tell or (lambda message, gap: None)
        self.gap_unit: float | None = None
        self._convex = convex_model(case, options, feeder, mask)
        self._search: SwitchSearch = switch_search(case, options, self._convex)
        self._ac = AcOperation(case, options, feeder)
        self._pool: list[SwitchSchedule] = []
        self._held: list[Operation] = []
        self.time_limit_s = options.time_limit_s
        self.gap_abs = 1e-3

    def minimise(
        self, weights: Mapping[str, float], caps: Mapping[str, float], *, label: str
    ) -> GridAnswer:
        """Minimise a weighted sum of objectives under upper caps; see ``Oracle``."""
        begun = time.perf_counter()
        self._tell(f"{label}: choosing switches", None)
        history: list[Mapping[str, float | str | None]] = []
        best = self._held_already(weights, caps)
        found = self._search.run(
            weights,
            {name: cap + CAP_TOLERANCE + 1e-9 * abs(cap) for name, cap in caps.items()},
            time_limit_s=self.time_limit_s,
            gap_abs=self.gap_abs,
            known=[] if best is None else [_schedule_of(best, "known")],
        )
        history.append({"s": time.perf_counter() - begun, "bound": found.bound, "by": found.solver})
        if found.infeasible:
            return GridAnswer(
                None, None, True, found.reason, time.perf_counter() - begun, tuple(history)
            )
        candidates = [*found.schedules, *self._pool_for(found.schedules)]
        for schedule in candidates:
            operation = self._operate(schedule, weights, caps, better_than=best)
            if operation is not None:
                best = operation
                value = _score(best, weights)
                elapsed = time.perf_counter() - begun
                history.append({"s": elapsed, "value": value, "by": schedule.origin})
                self._tell(f"{label}: {_in_words(best)}", self._gap(value, found.bound))
        if best is not None:
            best = self._open_idle(best, weights, caps)
            self._remember(best, label)
            self._held.append(best)
        return GridAnswer(
            best, found.bound, False, found.reason, time.perf_counter() - begun, tuple(history)
        )

    def _gap(self, value: float, bound: float | None) -> float | None:
        """Return the gap so far in ``gap_unit``, which the search sets once it is known."""
        if bound is None or not self.gap_unit:
            return None
        return max(value - bound, 0.0) / self.gap_unit

    def _pool_for(self, schedules: Sequence[SwitchSchedule]) -> list[SwitchSchedule]:
        """Return the latest schedules of earlier answers that are not among these."""
        known = {schedule.key for schedule in schedules}
        return [schedule for schedule in reversed(self._pool) if schedule.key not in known][:2]

    def _held_already(
        self, weights: Mapping[str, float], caps: Mapping[str, float]
    ) -> Operation | None:
        """Return the best operation of earlier answers that meets the caps."""
        meeting = [
            operation
            for operation in self._held
            if all(operation.value(name) <= cap for name, cap in caps.items())
        ]
        return min(meeting, key=lambda operation: _score(operation, weights), default=None)

    def _remember(self, operation: Operation, label: str) -> None:
        schedule = _schedule_of(operation, f"switches of {label}")
        if schedule.key not in {known.key for known in self._pool}:
            self._pool.append(schedule)

    def offer(self, closed: SwitchHours, on: Mapping[Any, Any], origin: str) -> None:
        """Put a switch schedule into the pool that later questions try."""
        self._pool.append(SwitchSchedule(closed, on, origin))

    def _operate(
        self,
        schedule: SwitchSchedule,
        weights: Mapping[str, float],
        caps: Mapping[str, float],
        *,
        better_than: Operation | None = None,
    ) -> Operation | None:
        """Return the AC operation with the switches set, every store going one way.

        None where there is none, or none better than the operation given.
        """
        target = np.inf if better_than is None else _score(better_than, weights) - 1e-9
        if not self._within_operation_limit(schedule):
            return None
        return self._ac.best(schedule.closed, schedule.on, weights, caps, under=target)

    def _within_operation_limit(self, schedule: SwitchSchedule) -> bool:
        limit = self._options.operation_limit
        return limit is None or all(
            operations(s, schedule.closed[s.id]) <= limit for s in all_switches(self._case)
        )

    def _open_idle(
        self, operation: Operation, weights: Mapping[str, float], caps: Mapping[str, float]
    ) -> Operation:
        """Open switches that carry nothing, where operations are free."""
        options = self._options
        if options.operation_cost_usd > 0.0 or options.operation_limit is not None:
            return operation
        opened = idle_opened(self._case, operation)
        if all(np.array_equal(opened[s], operation.closed[s]) for s in opened):
            return operation
        again = self._operate(SwitchSchedule(opened, operation.on, "idle opened"), weights, caps)
        if again is not None and _score(again, weights) <= _score(operation, weights) + 1e-3:
            return again
        return operation


def idle_opened(case: Case, operation: Operation) -> SwitchHours:
    """Return the switch schedule with every switch open that carries under ``IDLE_KVA``."""
    flow = {
        tie.id: np.hypot(operation.p_tie_kw[tie.id], operation.q_tie_kvar[tie.id])
        for tie in case.ties
    }
    flow |= {
        mg.pcc.id: np.hypot(operation.p_pcc_kw[mg.id], operation.q_pcc_kvar[mg.id])
        for mg in case.microgrids
    }
    return {s: hours & (flow[s] > IDLE_KVA) for s, hours in operation.closed.items()}


def _schedule_of(operation: Operation, origin: str) -> SwitchSchedule:
    return SwitchSchedule(operation.closed, operation.on, origin)


def _in_words(operation: Operation) -> str:
    return (
        f"cost {operation.gc_usd:.1f} $, emission {operation.ec_usd:.1f} $, "
        f"losses {operation.loss_kwh:.1f} kWh"
    )


def _score(operation: Operation, weights: Mapping[str, float]) -> float:
    return sum(weight * operation.value(name) for name, weight in weights.items())
