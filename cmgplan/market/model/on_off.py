"""On/off choices of the day of homes: which columns they are, and how the best are sought."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyomo.environ as pyo

from cmgplan.arrays import FloatArray, IntArray
from cmgplan.errors import InputError, LimitError, SolverError
from cmgplan.homes.optimum.model import DayModel
from cmgplan.solve.array_program import ArrayProgram, ArraySolver
from cmgplan.solve.matrix_form import MatrixForm
from cmgplan.solve.outcome import Stop

Choices = tuple[IntArray, FloatArray]
"""Columns of on/off choices, and their values."""


class OnOff:
    """The on/off choices of a day's model.

    Attributes
    ----------
    columns
        By home and device: their columns, in the order of the model.
    """

    def __init__(self, model: DayModel, form: MatrixForm) -> None:
        self.columns: Mapping[str, tuple[int, ...]] = _columns(model, form)

    def choices_of(self, named: Mapping[str, Sequence[int]], every: bool = False) -> Choices:
        """Return on/off choices that are given by home and device.

        Raises
        ------
        InputError
            A device has no such choices, they are not 0 or 1, or with ``every`` one is left out.
        """
        due = {name: len(columns) for name, columns in self.columns.items()}
        told = {name: len(values) for name, values in named.items()}
        if not told.items() <= due.items() or (every and told != due):
            raise InputError("on/off choices are not those of the case's devices; run it again")
        columns = [k for name in named for k in self.columns[name]]
        where, values = (
            np.asarray(columns, dtype=np.int64),
            np.concatenate(
                [np.zeros(0), *(np.asarray(some, dtype=np.float64) for some in named.values())]
            ),
        )
        if not np.isin(values, (0.0, 1.0)).all():
            raise InputError("on/off choices are not 0 or 1; run the case again")
        return where, values

    def named(self, choices: Choices) -> dict[str, tuple[int, ...]]:
        """Return on/off choices by home and device, in the order of the model."""
        value = dict(zip(choices[0].tolist(), choices[1].tolist(), strict=True))
        fixed: dict[str, tuple[int, ...]] = {}
        for name, columns in self.columns.items():
            mine = [int(value[column]) for column in columns if column in value]
            if mine:
                fixed[name] = tuple(mine)
        return fixed


def _columns(model: DayModel, form: MatrixForm) -> dict[str, tuple[int, ...]]:
    """Return the columns of on/off choices by home and device, in the order of the model."""
    found = dict[str, tuple[int, ...]]()
    for placed in model.placed():
        mine = [
            form.column(v)
            for v in placed.block.component_data_objects(pyo.Var)
            if id(v) in form.columns and form.integer[form.column(v)]
        ]
        if mine:
            found[f"{placed.home}.{placed.device.id}"] = tuple(mine)
    return found


@dataclass(frozen=True)
class Sought:
    """The best day found with on/off choices open.

    Attributes
    ----------
    x
        Its columns, shape (n,).
    gap
        Relative gap where the time ran out over it, else 0.
    """

    x: FloatArray
    gap: float


def best_day(
    program: ArrayProgram,
    whose: str,
    gap: float,
    time_limit_s: float | None,
    start: FloatArray | None = None,
) -> Sought | None:
    """Return the best day of a mixed-integer program; None where it has none.

    Parameters
    ----------
    whose
        Who has the choices, for what is said where none are found.
    gap
        Relative gap at which the search ends.
    start
        Columns to begin from.

    Raises
    ------
    LimitError
        Nothing was found in the time given.
    SolverError
        HiGHS failed.
    """
    relaxed = ArraySolver(replace(program, integer=None)).solve()
    if relaxed.stop is Stop.INFEASIBLE:
        return None
    gap_abs = gap * max(abs(relaxed.value or 0.0), 1.0)
    found = ArraySolver(program).solve(gap_abs=gap_abs, time_limit_s=time_limit_s, start=start)
    if found.stop is Stop.INFEASIBLE:
        return None
    if not found.accepted or found.value is None:
        if found.stop is Stop.LIMIT:
            raise LimitError(
                f"no on/off choices of {whose} were found in the time given; give more time "
                "(--time-limit)"
            )
        raise SolverError(f"on/off choices of {whose} were not found ({found.message})")
    if found.stop is Stop.OPTIMAL:
        return Sought(found.values(), 0.0)
    # The objective without integers bounds the search that had no time for a bound too.
    known = [bound for bound in (found.bound, relaxed.value) if bound is not None]
    left = max(found.value - max(known, default=-np.inf), 0.0) / max(abs(found.value), 1.0)
    return Sought(found.values(), left if left > gap else 0.0)
