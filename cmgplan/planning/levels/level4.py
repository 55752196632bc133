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

from cmgplan.explanation import Explanation
from cmgplan.network.feeder import Feeder
from cmgplan.planning.case.records import Case, PlanOptions
from cmgplan.planning.model.ac_operation import AcOperation
from cmgplan.planning.model.bound_proof import BoundProof
from cmgplan.planning.model.grid_models import convex_model
from cmgplan.planning.model.operation import Operation
from cmgplan.planning.model.switches import SwitchHours, all_switches, operations
from cmgplan.planning.model.switching import IDLE_KVA, counts_operations
from cmgplan.planning.record.front import Step
from cmgplan.planning.switch_search.choose import switch_search
from cmgplan.planning.switch_search.schedules import PointQuestion, SwitchSchedule, SwitchSearch
from cmgplan.planning.why.at_the_edge import explain_edge
from cmgplan.planning.why.explain import explain_grid

OBJECTIVES = ("gc_usd", "ec_usd", "loss_kwh")
CAP_TOLERANCE = 1e-5
"""$ or kWh by which solvers may exceed a cap; bounds are proven for caps that much wider."""

POOL_TRIED = 3
"""Schedules of earlier answers whose topologies a search begins with."""


class PointStatus(StrEnum):
    """Status of a Pareto point."""

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
    proof
        What the bound rests on.
    """

    operation: Operation | None
    bound: float | None
    infeasible: bool
    reason: str
    wall_s: float
    history: Sequence[Step] = field(default_factory=tuple)
    proof: BoundProof | None = None

    @property
    def values(self) -> Mapping[str, float] | None:
        """Objectives of the operation held."""
        if self.operation is None:
            return None
        return {name: self.operation.value(name) for name in OBJECTIVES}


class _Attempt:
    """The best operation and bound of one question so far, with their history."""

    def __init__(
        self,
        connection: GridConnection,
        weights: Mapping[str, float],
        caps: Mapping[str, float],
        label: str,
    ) -> None:
        self._connection, self._weights, self._caps = connection, weights, caps
        self._label, self._begun = label, time.perf_counter()
        self.operation = connection.held_already(weights, caps)
        self.bound = -np.inf
        self.history: list[Step] = []
        self.known = [] if self.operation is None else [_schedule_of(self.operation, "known")]
        if self.operation is not None:
            self._note("an earlier answer", value=self.best)

    @property
    def best(self) -> float:
        """Weighted sum of the operation held, infinite where there is none."""
        return np.inf if self.operation is None else _score(self.operation, self._weights)

    @property
    def elapsed_s(self) -> float:
        """Seconds since the question was asked."""
        return time.perf_counter() - self._begun

    def offer(self, schedule: SwitchSchedule) -> float | None:
        """Operate a schedule; return its weighted sum if it is better than the best so far."""
        operation = self._connection.operate(
            schedule, self._weights, self._caps, better_than=self.operation
        )
        if operation is None:
            return None
        self.operation = operation
        self._note(schedule.origin, value=self.best)
        return self.best

    def proved(self, bound: float | None, by: str) -> None:
        """Take note of a proven bound."""
        if bound is None or not np.isfinite(bound) or bound <= self.bound:
            return
        self.bound = bound
        self._note(by, bound=bound)

    def _note(self, by: str, **figure: float) -> None:
        self.history.append(Step(s=self.elapsed_s, by=by, **figure))
        gap = self._connection.gap_of(self.best, self.bound)
        held = "no schedule yet" if self.operation is None else _in_words(self.operation)
        self._connection.tell(f"{self._label}: {held}", gap)


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
        self._case, self._options, self._feeder, self._mask = case, options, feeder, mask
        self._tell = tell or (lambda message, gap: None)
        self.gap_unit: float | None = None
        self._convex = convex_model(case, options, feeder, mask)
        self._search: SwitchSearch = switch_search(case, options, self._convex)
        self._ac = AcOperation(case, options, feeder)
        self._pool: list[SwitchSchedule] = []
        self._held: list[Operation] = []
        self.time_limit_s = options.time_limit_s

    def minimise(
        self,
        weights: Mapping[str, float],
        caps: Mapping[str, float],
        *,
        label: str,
        gap_abs: float = 1e-3,
        rounds: int | None = None,
        once: bool = False,
    ) -> GridAnswer:
        """Minimise a weighted sum of objectives under upper caps; see ``Oracle``.

        The search stops at the gap, or after so many rounds if it works in rounds; with ``once``
        any schedule will do.
        """
        self._tell(f"{label}: choosing switches", None)
        attempt = _Attempt(self, weights, caps, label)
        known = [*attempt.known, *reversed(self._pool[-POOL_TRIED:])]
        wider = {name: cap + CAP_TOLERANCE + 1e-9 * abs(cap) for name, cap in caps.items()}
        question = PointQuestion(weights, wider, self.time_limit_s, gap_abs, known, rounds, once)
        found = self._search.run(question, attempt)
        best = attempt.operation
        if best is not None and not found.infeasible:
            best = self._open_idle(best, weights, caps)
            self._remember(best, label)
            self._held.append(best)
        return GridAnswer(
            best,
            found.bound,
            found.infeasible,
            found.reason,
            attempt.elapsed_s,
            attempt.history,
            found.proof,
        )

    def explain(self) -> Explanation | None:
        """Say which limits would have to give for any schedule; None if there may be one.

        Where what is short is less than the relaxation resolves, the AC problem is asked.
        """
        self._tell("why there is no schedule", None)
        asked = (self._case, self._options, self._feeder, self._mask)
        return explain_grid(*asked) or explain_edge(*asked)

    def gap_of(self, value: float, bound: float) -> float | None:
        """Return the gap in ``gap_unit``, which the sweep sets once it is known."""
        if not self.gap_unit or not np.isfinite(value - bound):
            return None
        return max(value - bound, 0.0) / self.gap_unit

    def tell(self, message: str, gap: float | None) -> None:
        """Report progress."""
        self._tell(message, gap)

    def held_already(
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

    def operate(
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
        if counts_operations(self._options):
            return operation
        opened = idle_opened(self._case, operation)
        if all(np.array_equal(opened[s], operation.closed[s]) for s in opened):
            return operation
        again = self.operate(SwitchSchedule(opened, operation.on, "idle opened"), weights, caps)
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
