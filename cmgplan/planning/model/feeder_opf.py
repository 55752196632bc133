"""The microgrids' schedule on the feeder as an AC optimal power flow, at weights and bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.network.branch_flow import Injection
from cmgplan.network.feeder import Feeder
from cmgplan.network.files.networks import grid_of_feeder
from cmgplan.network.grid_hours import horizon_of
from cmgplan.network.opf.attached import Attached
from cmgplan.network.opf.attached_problem import AttachedOpf
from cmgplan.planning.case.records import Case
from cmgplan.planning.model.attachment import attachment
from cmgplan.planning.model.operation import Operation, read_operation
from cmgplan.planning.model.schedule_model import FeederModel
from cmgplan.planning.model.switches import SwitchHours
from cmgplan.solve import Outcome
from cmgplan.units import S_BASE_KVA

Bounds = Mapping[Any, tuple[float, float]]
Weights = Sequence[tuple[Any, float]]
"""Variables and their weights in the objective."""


class FeederSchedule:
    """A schedule model as columns attached to its feeder: what ``solve_opf`` is given.

    Parameters
    ----------
    m
        Schedule with linear rows, with ``p_sub`` and ``q_sub`` (``add_upstream``).
    p_inj_kw, q_inj_kvar
        What is injected at each bus position of the feeder.
    """

    def __init__(
        self,
        m: FeederModel,
        case: Case,
        feeder: Feeder,
        p_inj_kw: Injection,
        q_inj_kvar: Injection,
    ) -> None:
        self.model, self._case = m, case
        self._part = attachment(m, case, feeder, p_inj_kw, q_inj_kvar)
        self.grid = grid_of_feeder(feeder, case.name)
        self.horizon = horizon_of(
            self.grid,
            hours=len(m.T),
            p_load_pu=-self._part.p_given_kw / S_BASE_KVA,
            q_load_pu=-self._part.q_given_kvar / S_BASE_KVA,
            dt_h=case.file.time.dt_h,
        )

    def attached(self, weights: Weights = (), bounds: Bounds | None = None) -> Attached:
        """Return the columns at weights of variables in the objective and bounds of variables.

        Bounds of variables in no row are left out.
        """
        form, attached = self._part.form, self._part.attached
        price = np.zeros(len(attached.price))
        for variable, weight in weights:
            price[form.column(variable)] += weight
        lower, upper = attached.lower.copy(), attached.upper.copy()
        for variable, (low, high) in (bounds or {}).items():
            k = form.columns.get(id(variable))
            if k is not None:
                lower[k], upper[k] = low, high
        return replace(attached, lower=lower, upper=upper, price=price)

    def operation(
        self, columns: FloatArray, q_sub_kvar: FloatArray, v_pu: FloatArray, closed: SwitchHours
    ) -> Operation:
        """Return the operation of an answer, whose values are loaded into the model."""
        self._part.form.load(columns)
        for t, q in enumerate(q_sub_kvar):
            self.model.q_sub[t].set_value(float(q), skip_validation=True)
        return replace(read_operation(self.model, self._case, closed), voltage_pu=v_pu)


class FeederOpf:
    """The optimal power flow of a schedule on its feeder, compiled for many weights and bounds."""

    def __init__(self, schedule: FeederSchedule) -> None:
        self.schedule = schedule
        self._opf = AttachedOpf(schedule.grid, schedule.horizon, schedule.attached())

    def solve(self, weights: Weights, bounds: Bounds, *, after: Outcome | None = None) -> Outcome:
        """Minimise a weighted sum of variables; see ``AttachedOpf.minimise``."""
        return self._opf.minimise(self.schedule.attached(weights, bounds), after=after)

    def voltages(self, outcome: Outcome) -> np.ndarray[Any, np.dtype[np.complex128]]:
        """Return the complex voltages of an answer, pu, shape (T, n)."""
        angle = self._opf.part(outcome, "angle")
        return np.asarray(self._opf.part(outcome, "v") * np.exp(1j * angle))

    def operation(self, outcome: Outcome, closed: SwitchHours) -> Operation:
        """Return the operation of an answer, whose values are loaded into the model."""
        q_sub_kvar = S_BASE_KVA * self._opf.part(outcome, "q")[:, 0]
        v_pu = self._opf.part(outcome, "v")
        return self.schedule.operation(self._opf.columns(outcome), q_sub_kvar, v_pu, closed)
