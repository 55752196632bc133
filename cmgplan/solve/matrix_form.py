"""A Pyomo model with linear rows as columns, bounds and a sparse matrix."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyomo.environ as pyo
import scipy.sparse as sp
from pyomo.repn.plugins.standard_form import LinearStandardFormCompiler

from cmgplan.arrays import FloatArray
from cmgplan.solve.cones import Rows

SIDES = {0: "", 1: " at most", -1: " at least"}
"""What the name of a constraint gets for the side that a row is."""


@dataclass(frozen=True)
class MatrixForm:
    """Linear rows over columns that stand for Pyomo variables, n in all.

    Attributes
    ----------
    variables
        The Pyomo variable of each column.
    rows
        Linear rows, matrix of shape (m, n).
    lower, upper, start
        Bounds and initial values of the columns, shape (n,); without an initial value 0.
    integer
        Which columns are integer, shape (n,).
    constraints
        The Pyomo constraint of each row, with -1 for its upper, 1 for its lower side, 0 for both.
    """

    variables: tuple[Any, ...]
    rows: Rows
    lower: FloatArray
    upper: FloatArray
    start: FloatArray
    integer: npt.NDArray[np.bool_]
    constraints: tuple[tuple[Any, int], ...]

    @cached_property
    def columns(self) -> dict[int, int]:
        """Column of each variable by its ``id``."""
        return {id(v): k for k, v in enumerate(self.variables)}

    def column(self, variable: Any) -> int:
        """Return the column of a variable."""
        return self.columns[id(variable)]

    def row_name(self, row: int) -> str:
        """Return the name of a row, the same whenever the model is built again."""
        constraint, side = self.constraints[row]
        return f"{constraint.name}{SIDES[side]}"

    def load(self, x: FloatArray) -> None:
        """Write values into the Pyomo variables; integers are rounded."""
        values = np.where(self.integer, np.round(x), x)
        for variable, value in zip(self.variables, values, strict=True):
            variable.set_value(float(value), skip_validation=True)


def matrix_form(model: Any, more: Iterable[Any] = ()) -> MatrixForm:
    """Return the active linear rows of a model; its objective, if any, is left out.

    ``more`` are variables that need a column even where they stand in no linear row.
    """
    compiled = _compiled(model)
    variables = list({id(v): v for v in (*compiled.columns, *more)}.values())
    matrix = sp.csr_array(compiled.A)
    blank = sp.csr_array((matrix.shape[0], len(variables) - matrix.shape[1]))
    sense = np.asarray([row.bound_type for row in compiled.rows])
    rhs = np.asarray(compiled.rhs, dtype=np.float64)
    return MatrixForm(
        variables=tuple(variables),
        rows=Rows(
            sp.csr_array(sp.hstack([matrix, blank], format="csr")),
            np.where(sense <= 0, rhs, -np.inf),
            np.where(sense >= 0, rhs, np.inf),
        ),
        lower=np.asarray([-np.inf if v.lb is None else v.lb for v in variables], dtype=np.float64),
        upper=np.asarray([np.inf if v.ub is None else v.ub for v in variables], dtype=np.float64),
        start=np.asarray([v.value or 0.0 for v in variables], dtype=np.float64),
        integer=np.asarray([not v.is_continuous() for v in variables], dtype=bool),
        constraints=tuple((row.constraint, int(row.bound_type)) for row in compiled.rows),
    )


def _compiled(model: Any) -> Any:
    objectives = list(model.component_data_objects(pyo.Objective, active=True))
    for objective in objectives:
        objective.deactivate()
    model.compile_objective_ = pyo.Objective(expr=0.0)
    try:
        return LinearStandardFormCompiler().write(model, mixed_form=True)
    finally:
        model.del_component("compile_objective_")
        for objective in objectives:
            objective.activate()
