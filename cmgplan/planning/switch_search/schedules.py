"""Search for the switch schedules of Level 4 in its convex mixed-integer relaxation."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.planning.case.records import Case, PlanOptions
from cmgplan.planning.model.bound_proof import BoundProof
from cmgplan.planning.model.schedule_model import DeviceKey, ScheduleModel, SwitchingModel
from cmgplan.planning.model.switches import SwitchHours
from cmgplan.planning.model.switching import (
    counts_operations,
    open_idle,
    read_closed,
    read_commitments,
)


@dataclass(frozen=True)
class SwitchSchedule:
    """Positions of all switches and commitments of devices with a minimum load."""

    closed: SwitchHours
    on: Mapping[DeviceKey, FloatArray]
    origin: str

    @property
    def key(self) -> bytes:
        """Identity of the schedule."""
        parts = [np.packbits(self.closed[s]).tobytes() for s in sorted(self.closed)]
        parts += [np.packbits(self.on[k] > 0.5).tobytes() for k in sorted(self.on)]
        return b"".join(parts)


class Incumbent(Protocol):
    """The best AC operation held, to which a search offers schedules and tells its bounds."""

    @property
    def best(self) -> float:
        """Weighted sum of the best AC operation held, infinite where none is."""

    def offer(self, schedule: SwitchSchedule) -> float | None:
        """Operate a schedule; return its weighted sum if it is better than the best so far."""

    def proved(self, bound: float | None, by: str) -> None:
        """Take note of a proven bound."""


@dataclass(frozen=True)
class PointQuestion:
    """What a point of the front asks: the least weighted sum of objectives under caps.

    Attributes
    ----------
    weights, caps
        By objective: its weight, and what it may be at most; others have no cap.
    time_limit_s
        Seconds that the search may take.
    gap_abs
        Difference of value and bound, in units of the weighted sum, at which the search ends.
    known
        Schedules that meet the caps or nearly so.
    rounds
        Bounding rounds that a search by rounds may take, as a value is wanted and no proof; None
        where it goes on until value and bound meet.
    once
        Whether any schedule will do: one bounding round, or the first solution of a solver.
    """

    weights: Mapping[str, float]
    caps: Mapping[str, float]
    time_limit_s: float
    gap_abs: float
    known: Sequence[SwitchSchedule] = ()
    rounds: int | None = None
    once: bool = False

    @property
    def solver_gap_abs(self) -> float:
        """Gap at which a solver may end, infinite where any schedule will do."""
        return np.inf if self.once else self.gap_abs


@dataclass(frozen=True)
class SwitchesFound:
    """What a search proves and by what, and why it stopped; its schedules went to the incumbent."""

    bound: float | None
    infeasible: bool
    reason: str
    solver: str
    proof: BoundProof | None = None


class SwitchSearch(Protocol):
    """Mixed-integer solver of the relaxation."""

    @abstractmethod
    def run(self, asked: PointQuestion, incumbent: Incumbent) -> SwitchesFound:
        """Answer a point's question over the relaxation, offering schedules to the incumbent."""


def goals_of(m: ScheduleModel) -> dict[str, Any]:
    """Return the objectives of a model by column name."""
    return {"gc_usd": m.f1, "ec_usd": m.f2, "loss_kwh": m.f3}


def read_schedule(
    m: SwitchingModel, case: Case, options: PlanOptions, origin: str
) -> SwitchSchedule:
    """Return the schedule in the model's variables; idle switches open where that is free."""
    closed = read_closed(m, case)
    if not counts_operations(options):
        closed = open_idle(m, case, closed)
    return SwitchSchedule(closed, read_commitments(m), origin)
