"""Switches of a finished plan held on another day: everything else is dispatched anew.

The switch schedule is what is decided before the day, everything else once it is known: the first
and the second stage of a two-stage problem (Birge and Louveaux, Introduction to Stochastic
Programming, Springer 2011, section 1.1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyomo.environ as pyo

from cmgplan.network.feeder import Feeder, build_feeder
from cmgplan.planning.case.records import Case, PlanOptions
from cmgplan.planning.levels.held_feeder import HeldOnFeeder, LoadedFeeder
from cmgplan.planning.levels.level4 import OBJECTIVES, GridAnswer, GridConnection
from cmgplan.planning.levels.upper import UpperResult
from cmgplan.planning.model.ac_operation import AcOperation
from cmgplan.planning.model.operation import Operation
from cmgplan.planning.model.schedule import allow_unserved, unserved_kw
from cmgplan.planning.model.schedule_model import DeviceKey, FeederModel
from cmgplan.planning.model.switches import SwitchHours, allow

TOTAL = {"gc_usd": 1.0, "ec_usd": 1.0}
"""Weights of what days are compared by: generation and emission cost together, $."""

OVER_WEIGHT = 20.0
"""Weight of each unit over a cap beside a unit of what is minimised: caps come first."""

OTHERS_WEIGHT = 1e-3
"""Weight of the objectives that are capped, so that none is larger than need be."""

LEAST_UNSERVED_KWH = 1e-3
"""Unserved load of a day up to which all counts as served."""

LEAST_GAP_USD, GAP_SHARE = 1e-3, 1e-5
"""Gap at which the search for a day's own switches stops: $, and share of the total."""


@dataclass(frozen=True)
class PlannedPoint:
    """What a plan holds of a Pareto point: switches, commitments, and what it promised.

    Attributes
    ----------
    number, selected
        The point, and whether it is the plan's choice.
    closed, on
        Switch schedule and commitments.
    values, caps
        Objectives as planned, and the caps that they kept.
    goal
        The objective that was least under the caps.
    """

    number: int
    selected: bool
    closed: SwitchHours
    on: Mapping[DeviceKey, Any]
    values: Mapping[str, float]
    caps: Mapping[str, float]
    goal: str


@dataclass(frozen=True)
class HeldDay:
    """A day operated with the switches of a point.

    Attributes
    ----------
    status
        ``kept``: the point's caps hold; ``over``: all load is served, caps are exceeded as little
        as may be; ``unserved``: load goes unserved; ``infeasible``: there is no operation.
    operation
        None where it is infeasible.
    least
        Operation of least generation and emission cost with the same switches.
    unserved_kwh, least_unserved_kwh
        Load that goes unserved in each of the two.
    before
        The loaded feeder before Levels 5 and 6 respond; None where the day is infeasible.
    upper, upper_status
        Levels 5 and 6 on this operation, and their status as a plan tells it; None and
        ``locally infeasible`` or ``no answer`` where they have no solution.
    after
        The loaded feeder after their response; as before it where they have none.
    """

    status: str
    operation: Operation | None = None
    least: Operation | None = None
    unserved_kwh: float = np.nan
    least_unserved_kwh: float = np.nan
    before: LoadedFeeder | None = None
    upper: UpperResult | None = None
    upper_status: str = ""
    after: LoadedFeeder | None = None


class HeldSwitches:
    """A day of a case on which the switches of points of a plan are held.

    Parameters
    ----------
    unserved_usd_per_kwh
        What load that goes unserved counts.
    """

    def __init__(self, case: Case, options: PlanOptions, unserved_usd_per_kwh: float) -> None:
        self._case, self._options, self._price = case, options, unserved_usd_per_kwh
        self._feeder: Feeder = build_feeder(case)
        self._on_feeder = HeldOnFeeder(case, options, self._feeder)
        self._plain = AcOperation(case, options, self._feeder)

    @cached_property
    def _over(self) -> AcOperation:
        return AcOperation(self._case, self._options, self._feeder, _let_over)

    @cached_property
    def _shedding(self) -> AcOperation:
        def prepare(m: FeederModel) -> None:
            _let_over(m)
            _let_shed(m, self._case, self._options)

        return AcOperation(self._case, self._options, self._feeder, prepare)

    def day_of(self, point: PlannedPoint) -> HeldDay:
        """Return the day with the switches of a point, replayed.

        The point's promise is kept as far as may be: its goal is least under its caps; where none
        keeps them, they are exceeded as little as may be; where not all load can be served, as
        little as may be goes unserved.

        Raises
        ------
        ReplayError
            If the independent power flow does not confirm it.
        """
        status, operation = self._promised(point)
        least = self._cheapest(point)
        if operation is None or least is None:
            return HeldDay("infeasible")
        told = f"the day with the switches of point {point.number}"
        for one in (operation, least):
            self._on_feeder.replay(one, told)
        before = self._on_feeder.before_response(operation)
        upper, upper_status = self._on_feeder.response(operation)
        after = before if upper is None else self._on_feeder.after_response(upper, told)
        return HeldDay(
            status,
            operation,
            least,
            self._unserved_kwh(operation),
            self._unserved_kwh(least),
            before,
            upper,
            upper_status,
            after,
        )

    def own_switches(
        self, held: Mapping[int, HeldDay], points: Sequence[PlannedPoint]
    ) -> GridAnswer:
        """Return the least generation and emission cost with switches chosen for this day.

        Every switch may close in every hour, so that the bound holds for whatever is held. The
        search begins with the best switches held.
        """
        mask = allow(self._case, ("microgrid", "cluster", "grid"))
        connection = GridConnection(self._case, self._options, self._feeder, mask)
        served = {
            point.number: total_of(day.least)
            for point in points
            if (day := held[point.number]).least is not None and day.least_unserved_kwh == 0.0
        }
        for point in sorted(points, key=lambda p: -served.get(p.number, np.inf)):
            if point.number in served:
                connection.offer(point.closed, point.on, f"point {point.number}")
        scale = max(map(abs, served.values()), default=0.0)
        gap = max(LEAST_GAP_USD, GAP_SHARE * scale)
        return connection.minimise(TOTAL, {}, label="own switches", gap_abs=gap)

    def _promised(self, point: PlannedPoint) -> tuple[str, Operation | None]:
        """Return how far a point's promise holds, and the operation."""
        goal = {name: 1.0 if name == point.goal else OTHERS_WEIGHT for name in OBJECTIVES}
        kept = self._best(self._plain, point, goal, point.caps)
        if kept is not None:
            return "kept", kept
        caps = {f"kept_{name}": cap for name, cap in point.caps.items()}
        goal |= {f"over_{name}": OVER_WEIGHT for name in point.caps}
        over = self._best(self._over, point, goal, caps)
        if over is not None:
            return "over", over
        goal["unserved_kwh"] = self._unserved_weight
        return "unserved", self._best(self._shedding, point, goal, caps)

    def _cheapest(self, point: PlannedPoint) -> Operation | None:
        found = self._best(self._plain, point, TOTAL, {})
        if found is not None:
            return found
        weights = {**TOTAL, "unserved_kwh": self._price}
        return self._best(self._shedding, point, weights, {})

    @property
    def _unserved_weight(self) -> float:
        """Weight of a kWh unserved beside caps, above what serving it can cost them."""
        return OVER_WEIGHT * max(self._price, 1.0)

    def _best(
        self,
        problem: AcOperation,
        point: PlannedPoint,
        weights: Mapping[str, float],
        caps: Mapping[str, float],
    ) -> Operation | None:
        """Return the best operation with the plan's commitments, or with those of the day.

        The day's are rounded from a relaxation, so that a better choice of them may exist.
        """
        planned = problem.best(point.closed, point.on, weights, caps)
        if not point.on:
            return planned
        relaxed = problem.best(point.closed, {}, weights, caps)
        if relaxed is None:
            return planned
        on = {key: np.asarray(hours) > 0.5 for key, hours in relaxed.on.items()}
        again = problem.best(point.closed, on, weights, caps)
        found = [one for one in (planned, again) if one is not None]
        return min(found, key=lambda one: self._score(one, weights, caps), default=None)

    def _score(
        self, operation: Operation, weights: Mapping[str, float], caps: Mapping[str, float]
    ) -> float:
        total = weights.get("unserved_kwh", 0.0) * self._unserved_kwh(operation)
        for name in OBJECTIVES:
            value = operation.value(name)
            over = max(value - caps.get(f"kept_{name}", np.inf), 0.0)
            total += weights.get(name, 0.0) * value + weights.get(f"over_{name}", 0.0) * over
        return total

    def _unserved_kwh(self, operation: Operation) -> float:
        total = sum(float(np.sum(hours)) for hours in operation.unserved_kw.values())
        kwh = total * self._case.file.time.dt_h
        return kwh if kwh > LEAST_UNSERVED_KWH else 0.0


def total_of(operation: Operation) -> float:
    """Return generation and emission cost together, $."""
    return operation.gc_usd + operation.ec_usd


def _let_over(m: FeederModel) -> None:
    """Add what an objective exceeds its cap by, and what is left under the cap."""
    for name, goal in (("gc_usd", m.f1), ("ec_usd", m.f2), ("loss_kwh", m.f3)):
        over = pyo.Var(domain=pyo.NonNegativeReals, initialize=0.0)
        kept = pyo.Var(initialize=0.0)
        m.add_component(f"over_{name}", over)
        m.add_component(f"kept_{name}", kept)
        m.add_component(f"cap_of_{name}", pyo.Constraint(expr=goal == over + kept))


def _let_shed(m: FeederModel, case: Case, options: PlanOptions) -> None:
    """Let load go unserved, and add how much of it does."""
    allow_unserved(m, case, case.horizon(options))
    unserved_kwh = pyo.Var(domain=pyo.NonNegativeReals, initialize=0.0)
    m.add_component("unserved_kwh", unserved_kwh)

    @m.Constraint(doc="unserved energy, kWh")
    def unserved_definition(m: FeederModel) -> Any:
        return unserved_kwh == case.file.time.dt_h * pyo.quicksum(
            unserved_kw(m, case, mg.id, t) for mg in case.microgrids for t in m.T
        )
