"""Level 4's AC problem: the best operation with switches and commitments set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.network.feeder import Feeder
from cmgplan.network.reduction import expand_voltages, reduce_feeder
from cmgplan.planning.case.records import Case, PlanOptions
from cmgplan.planning.model.attachment import add_upstream
from cmgplan.planning.model.feeder_opf import FeederOpf, FeederSchedule
from cmgplan.planning.model.grid_models import pcc_injections
from cmgplan.planning.model.operation import Operation, both_ways, one_way_bounds
from cmgplan.planning.model.schedule import (
    VariableBounds,
    add_objectives,
    commitment_bounds,
    exchange_bounds,
    new_schedule,
)
from cmgplan.planning.model.schedule_model import DeviceKey, FeederModel
from cmgplan.planning.model.switches import SwitchHours, all_switches, operations
from cmgplan.solve import Outcome

WITHIN_PU = 5e-8
"""Voltage by which a bus that the reduced feeder leaves out may pass its limit."""

ONE_WAY_TRIES = 3


class AcOperation:
    """The microgrids on the feeder in AC, compiled once for every position of the switches.

    The feeder carries no other load, so that the power flow of its reduction is exact. Only the
    voltage limits of the buses in between are not in it; where an answer breaks one, the whole
    feeder is solved. ``prepare`` may change the schedule model, whose objectives stand, before it
    is compiled; weights and caps may name the variables that it adds.
    """

    def __init__(
        self,
        case: Case,
        options: PlanOptions,
        feeder: Feeder,
        prepare: Callable[[FeederModel], None] = lambda m: None,
    ) -> None:
        self._case, self._options, self._feeder = case, options, feeder
        self._prepare = prepare
        self._reduced = reduce_feeder(feeder, {feeder.position(mg.bus) for mg in case.microgrids})
        self._near = self._compiled(self._reduced)
        self._whole: FeederOpf | None = None

    def _compiled(self, feeder: Feeder) -> FeederOpf:
        m: FeederModel = new_schedule(self._case, self._options)
        p_inj, q_inj = pcc_injections(m, self._case, feeder)
        add_upstream(m, feeder, p_inj)
        add_objectives(m, self._case, self._options)
        self._prepare(m)
        return FeederOpf(FeederSchedule(m, self._case, feeder, p_inj, q_inj))

    def best(
        self,
        closed: SwitchHours,
        on: Mapping[DeviceKey, Any],
        weights: Mapping[str, float],
        caps: Mapping[str, float],
        *,
        under: float = np.inf,
    ) -> Operation | None:
        """Return the operation of least weighted sum, every store going one way.

        None where there is none under the caps, or none whose weighted sum is less than
        ``under``.
        """
        found = self._search(self._near, closed, on, weights, caps, under)
        if found is None or self._reduced.n_bus == self._feeder.n_bus:
            return None if found is None else found[0]
        operation, outcome = found
        voltage = np.abs(expand_voltages(self._feeder, self._reduced, self._near.voltages(outcome)))
        if self._within_limits(voltage):
            return replace(operation, voltage_pu=voltage)
        if self._whole is None:
            self._whole = self._compiled(self._feeder)
        found = self._search(self._whole, closed, on, weights, caps, under)
        return None if found is None else found[0]

    def _search(
        self,
        opf: FeederOpf,
        closed: SwitchHours,
        on: Mapping[DeviceKey, Any],
        weights: Mapping[str, float],
        caps: Mapping[str, float],
        under: float,
    ) -> tuple[Operation, Outcome] | None:
        m = opf.schedule.model
        bounds = self._bounds(m, closed, on, caps)
        goals = [(_goal(m, name), weight) for name, weight in weights.items()]
        outcome: Outcome | None = None
        for _ in range(ONE_WAY_TRIES):
            outcome = opf.solve(goals, bounds, after=outcome)
            if not outcome.accepted or outcome.value is None or outcome.value >= under:
                return None
            operation = opf.operation(outcome, closed)
            if not both_ways(operation):
                return operation, outcome
            bounds.update(one_way_bounds(m, self._case, operation))
        return None

    def _bounds(
        self,
        m: FeederModel,
        closed: SwitchHours,
        on: Mapping[DeviceKey, Any],
        caps: Mapping[str, float],
    ) -> VariableBounds:
        """Return the bounds that set switches, commitments, operation cost and caps."""
        bounds = exchange_bounds(m, self._case, closed)
        bounds.update(commitment_bounds(m, on))
        cost = self._options.operation_cost_usd * sum(
            operations(s, closed[s.id]) for s in all_switches(self._case)
        )
        bounds[m.operation_cost] = (cost, cost)
        for name, cap in caps.items():
            bounds[_goal(m, name)] = (-np.inf, cap)
        return bounds

    def _within_limits(self, voltage_pu: FloatArray) -> bool:
        low = self._feeder.v_min_pu - WITHIN_PU
        high = self._feeder.v_max_pu + WITHIN_PU
        free = np.arange(self._feeder.n_bus) != self._feeder.slack
        return bool(np.all(((voltage_pu >= low) & (voltage_pu <= high))[:, free]))


_GOALS = {"gc_usd": "f1", "ec_usd": "f2", "loss_kwh": "f3"}


def _goal(m: FeederModel, name: str) -> Any:
    return getattr(m, _GOALS.get(name, name))
