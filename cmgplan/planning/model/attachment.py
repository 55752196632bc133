"""A schedule model in Pyomo as columns that stand beside the feeder's optimal power flow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyomo.environ as pyo
import scipy.sparse as sp
from pyomo.repn import generate_standard_repn

from cmgplan.arrays import FloatArray
from cmgplan.network.branch_flow import Injection
from cmgplan.network.feeder import Feeder
from cmgplan.network.opf.attached import Attached, Circles, Losses
from cmgplan.planning.case.records import Case
from cmgplan.planning.model.schedule import rating_disks, tie_cones
from cmgplan.planning.model.schedule_model import FeederModel
from cmgplan.solve.matrix_form import MatrixForm, matrix_form
from cmgplan.units import S_BASE_KVA


@dataclass(frozen=True)
class Attachment:
    """The columns of a schedule model and what is injected beside them.

    Attributes
    ----------
    form
        Pyomo variables and linear rows.
    attached
        The same with injections, ratings and losses, in kW.
    p_given_kw, q_given_kvar
        Injections that no variable changes, shape (T, n).
    """

    form: MatrixForm
    attached: Attached
    p_given_kw: FloatArray
    q_given_kvar: FloatArray


def add_upstream(m: FeederModel, feeder: Feeder, p_inj_kw: Injection) -> None:
    """Add ``p_sub[t]``, ``q_sub[t]`` (kW, kvar), import positive, and the feeder's ``loss[t]``.

    The loss is what enters the feeder less what leaves it, which its balances make equal to the
    sum of R I^2. ``q_sub`` stands in no row; who solves the model sets it.
    """
    m.has_feeder = True
    m.p_sub = pyo.Var(m.T, initialize=0.0)
    m.q_sub = pyo.Var(m.T, initialize=0.0)

    @m.Expression(m.T, doc="kW")
    def loss(m: FeederModel, t: int) -> Any:
        return m.p_sub[t] + pyo.quicksum(p_inj_kw(i, t) for i in range(feeder.n_bus))


def attachment(
    m: FeederModel, case: Case, feeder: Feeder, p_inj_kw: Injection, q_inj_kvar: Injection
) -> Attachment:
    """Return a schedule model, whose rows are linear, for the optimal power flow of its feeder."""
    disks, cones = rating_disks(m, case), tie_cones(m, case)
    active = _Injections(m, feeder, p_inj_kw)
    reactive = _Injections(m, feeder, q_inj_kvar)
    quadratic = [v for d in disks for v in (d.p, d.q)]
    far = [k for k, d in enumerate(disks) if d.less is not None]
    quadratic += [v for c in cones for v in (c.level, c.p, c.q)]
    form = matrix_form(m, [*quadratic, *active.variables, *reactive.variables, *m.p_sub.values()])

    def columns(variables: Sequence[Any]) -> np.ndarray[Any, np.dtype[np.int64]]:
        return np.asarray([form.column(v) for v in variables], dtype=np.int64)

    output = np.full(len(form.variables), -1, dtype=np.int64)
    output[columns(list(m.p_sub.values()))] = np.arange(len(m.T))
    attached = Attached(
        unit_pu=1.0 / S_BASE_KVA,
        rows=form.rows,
        circles=Circles(
            columns([d.p for d in disks]),
            columns([d.q for d in disks]),
            np.asarray([d.rating for d in disks], dtype=np.float64),
            np.asarray(far, dtype=np.int64),
            columns([disks[k].less for k in far]),
        ),
        losses=Losses(
            columns([c.level for c in cones]),
            columns([c.p for c in cones]),
            columns([c.q for c in cones]),
            np.asarray([c.coefficient for c in cones], dtype=np.float64),
        ),
        p_injection=active.matrix(form),
        q_injection=reactive.matrix(form),
        output=output,
        lower=form.lower,
        upper=form.upper,
        price=np.zeros(len(form.variables)),
        start=form.start,
    )
    return Attachment(form, attached, active.given, reactive.given)


class _Injections:
    """Linear injections at every bus and hour: coefficients of variables, and constants."""

    def __init__(self, m: FeederModel, feeder: Feeder, injection: Injection) -> None:
        steps = list(m.T)
        self.variables: list[Any] = []
        self.given = np.zeros((len(steps), feeder.n_bus))
        self._rows: list[int] = []
        self._weights: list[float] = []
        for t in steps:
            for i in range(feeder.n_bus):
                injected = injection(i, t)
                if isinstance(injected, (int, float)):
                    self.given[t, i] = injected
                    continue
                repn = generate_standard_repn(injected)
                self.given[t, i] = repn.constant
                self.variables += repn.linear_vars
                self._weights += repn.linear_coefs
                self._rows += [t * feeder.n_bus + i] * len(repn.linear_vars)

    def matrix(self, form: MatrixForm) -> sp.csr_array:
        """Return the injections by bus and hour for the columns of a matrix form."""
        columns = [form.column(v) for v in self.variables]
        shape = (self.given.size, len(form.variables))
        return sp.csr_array((self._weights, (self._rows, columns)), shape=shape)
