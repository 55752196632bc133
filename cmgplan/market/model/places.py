"""Where columns and rows of the day of all homes belong: home, carrier, hour, pool."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyomo.environ as pyo

from cmgplan.arrays import BoolArray, FloatArray, IntArray
from cmgplan.homes.optimum.model import DayModel
from cmgplan.market.model.program import NOWHERE
from cmgplan.solve.matrix_form import MatrixForm

CARRIERS = ("electricity", "heat")

POOLED = ("pool_given", "pool_taken", "pool_heat_given", "pool_heat_taken")


@dataclass(frozen=True)
class Places:
    """Where every column and row of the day belongs; ``NOWHERE`` for what is of no home.

    Attributes
    ----------
    column_home, row_home
        Position of the home.
    pool, balance
        Of a column of the pool and of the row of a balance: 0 for electricity, 1 for heat.
    hour
        Hour of a balance.
    total
        Which rows are the retailer's limits for all homes together.
    """

    column_home: IntArray
    row_home: IntArray
    pool: IntArray
    balance: IntArray
    hour: IntArray
    total: BoolArray


def places_of(model: DayModel, form: MatrixForm) -> Places:
    """Return where every column and row of a day's model belongs."""
    n, m = len(form.variables), len(form.constraints)
    column_home, pool = np.full(n, NOWHERE), np.full(n, NOWHERE)
    row_of = {id(constraint): k for k, (constraint, _) in enumerate(form.constraints)}
    rows: dict[str, IntArray] = {k: np.full(m, NOWHERE) for k in ("home", "balance", "hour")}
    for i in model.m.home:
        block = model.m.home[i]
        for variable in block.component_data_objects(pyo.Var, descend_into=True):
            if id(variable) in form.columns:
                column_home[form.column(variable)] = i
        for name in POOLED:
            for variable in block.component(name).values():
                if id(variable) in form.columns:
                    pool[form.column(variable)] = int("heat" in name)
        for k, (constraint, _) in enumerate(form.constraints):
            if _inside(constraint, block):
                rows["home"][k] = i
        for carrier, name in enumerate(CARRIERS):
            for t, constraint in block.component(name).items():
                rows["balance"][row_of[id(constraint)]] = carrier
                rows["hour"][row_of[id(constraint)]] = t
    limits = [
        id(constraint)
        for name in ("import_limit", "export_limit")
        if (component := model.m.component(name)) is not None
        for constraint in component.values()
    ]
    total = np.asarray([id(constraint) in limits for constraint, _ in form.constraints])
    return Places(column_home, rows["home"], pool, rows["balance"], rows["hour"], total)


def pool_of(model: DayModel, form: MatrixForm) -> tuple[FloatArray, IntArray]:
    """Return sign and hour of every column of the pool, zero elsewhere, each of shape (n,)."""
    sign, hour = np.zeros(len(form.variables)), np.zeros(len(form.variables), int)
    for i in model.m.home:
        for name in POOLED:
            for t, variable in model.m.home[i].component(name).items():
                if id(variable) in form.columns:
                    column = form.column(variable)
                    sign[column] = 1.0 if name.endswith("given") else -1.0
                    hour[column] = t
    return sign, hour


def _inside(component: Any, block: Any) -> bool:
    """Return whether a component lies in a block, however deep."""
    above = component.parent_block()
    while above is not None:
        if above is block:
            return True
        above = above.parent_block()
    return False
