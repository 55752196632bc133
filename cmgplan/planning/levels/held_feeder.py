"""A held day on the feeder: replayed, with the feeder's own demand, and after Levels 5 and 6."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.errors import InfeasibleError, LimitError, ReplayError
from cmgplan.network.broken_limit import BrokenLimit
from cmgplan.network.feeder import Feeder
from cmgplan.network.powerflow import PowerFlow, power_flow
from cmgplan.planning.case.records import Case, PlanOptions
from cmgplan.planning.levels.robustness import limits_broken
from cmgplan.planning.levels.upper import (
    UpperResult,
    Without,
    lower_objectives,
    pcc_nodal,
    solve_upper,
    without_microgrids,
)
from cmgplan.planning.model.operation import Operation
from cmgplan.solve import Stop

VOLTAGE_TOLERANCE_PU, LOSS_TOLERANCE_KW, COST_TOLERANCE_USD = 1e-6, 1e-3, 1e-2

INFEASIBLE, NO_ANSWER = "locally infeasible", "no answer"
"""What is said of Levels 5 and 6 without a solution: there is none nearby, or none in time."""


@dataclass(frozen=True)
class LoadedFeeder:
    """The feeder with its own loads and a day's exchange on it, by power flow.

    Attributes
    ----------
    broken
        Limits of buses and lines that it breaks.
    v_min_pu
        Least voltage.
    """

    broken: tuple[BrokenLimit, ...]
    v_min_pu: float


class HeldOnFeeder:
    """The feeder of a case, on which operations of a day are replayed and Levels 5 and 6 run."""

    def __init__(self, case: Case, options: PlanOptions, feeder: Feeder) -> None:
        self._case, self._options, self._feeder = case, options, feeder

    @cached_property
    def _without(self) -> Without:
        return without_microgrids(self._case, self._feeder)

    def replay(self, operation: Operation, told: str) -> None:
        """Compare an operation with its power flow and with its devices, stepped one by one.

        Raises
        ------
        ReplayError
            If they differ; ``told`` says of what.
        """
        exchange = pcc_nodal(self._case, self._feeder, operation)
        flow = self._confirmed(operation, exchange, told)
        demanded = as_demanded(self._case, self._options, operation)
        again = lower_objectives(self._case, self._options, self._feeder, demanded, flow)
        for name, value in again.items():
            if not abs(value - operation.value(name)) <= COST_TOLERANCE_USD:
                raise ReplayError(f"{told}: {name} replays to {value}, not {operation.value(name)}")

    def before_response(self, operation: Operation) -> LoadedFeeder:
        """Return the feeder with its own demand as forecast and the exchange of Level 4."""
        h = self._case.horizon()
        p, q = pcc_nodal(self._case, self._feeder, operation)
        for load in self._case.feeder_load():
            at = self._feeder.position(load.id)
            p[:, at] -= load.base_kw(h)
            q[:, at] -= load.base_kvar(h)
        return loaded_feeder(self._feeder, power_flow(self._feeder, p, q))

    def response(self, operation: Operation) -> tuple[UpperResult | None, str]:
        """Return Levels 5 and 6 on an operation, and their status as ``HeldDay`` tells it."""
        try:
            upper = solve_upper(
                self._case,
                self._options,
                self._feeder,
                operation,
                explain=False,
                without=self._without,
            )
        except InfeasibleError:
            return None, INFEASIBLE
        except LimitError:
            return None, NO_ANSWER
        return upper, str(Stop.LOCAL_OPTIMUM) if upper.opf.solved else upper.opf.status

    def after_response(self, upper: UpperResult, told: str) -> LoadedFeeder:
        """Return the feeder with demand and exchange of Levels 5 and 6.

        Raises
        ------
        ReplayError
            If the power flow does not confirm them.
        """
        p, q = pcc_nodal(self._case, self._feeder, upper.operation)
        injection = p - upper.demand_kw, q - upper.demand_kvar
        flow = self._confirmed(upper.operation, injection, f"{told}, Levels 5 and 6")
        return loaded_feeder(self._feeder, flow)

    def _confirmed(
        self, operation: Operation, injection: tuple[FloatArray, FloatArray], told: str
    ) -> PowerFlow:
        """Return the power flow of an operation; ReplayError where its numbers are not of it."""
        if operation.voltage_pu is None:
            raise ReplayError(f"{told}: has no voltages to replay")
        flow = power_flow(self._feeder, *injection)
        dv = np.abs(flow.v_pu - operation.voltage_pu).max()
        dloss = np.abs(flow.loss_kw - operation.feeder_loss_kw).max()
        good = dv <= VOLTAGE_TOLERANCE_PU and dloss <= LOSS_TOLERANCE_KW
        if not (flow.converged.all() and good):
            raise ReplayError(f"{told}: power flow differs by {dv:.2g} pu and {dloss:.2g} kW")
        return flow


def loaded_feeder(feeder: Feeder, flow: PowerFlow) -> LoadedFeeder:
    """Return the limits that a power flow breaks, and its least voltage."""
    broken: list[BrokenLimit] = []
    for t, converged in enumerate(flow.converged):
        if not converged:
            broken.append(BrokenLimit("power_flow", t))
            continue
        broken += limits_broken(feeder, t, flow.v_pu[t], flow.i_pu[t] / feeder.i_max_pu)
    return LoadedFeeder(tuple(broken), float(np.min(flow.v_pu)))


def as_demanded(case: Case, options: PlanOptions, operation: Operation) -> Operation:
    """Return an operation whose loads draw what they demand, served or not."""
    h = case.horizon(options)
    p_kw, q_kvar = dict(operation.p_kw), dict(operation.q_kvar)
    for mg in case.microgrids:
        for load in mg.load:
            gamma = operation.gamma.get((mg.id, load.id), 1.0)
            p_kw[mg.id, load.id] = -gamma * load.base_kw(h)
            q_kvar[mg.id, load.id] = -gamma * load.base_kvar(h)
    return replace(operation, p_kw=p_kw, q_kvar=q_kvar)
