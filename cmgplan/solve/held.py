"""Rows of a template model in which every variable is held by its bounds.

Ipopt counts an equation of held variables against the degrees of freedom and fails for want of
them, so such rows are left out of a solve and looked at by themselves.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy.sparse as sp

from cmgplan.arrays import FloatArray
from cmgplan.solve.templates import Copies, Instance, TemplateModel


class HeldRows:
    """Finds and evaluates the rows in which an instance's bounds leave nothing free."""

    def __init__(self, model: TemplateModel) -> None:
        self._model = model
        pattern = sp.csr_array(abs(model.linear))
        for part in model.copies:
            pattern = pattern + abs(part.scatter) @ _inputs(part, model.linear.shape[1])
        self._pattern = sp.csr_array(pattern)

    def released(self, instance: Instance) -> tuple[Instance, float]:
        """Return the instance without those rows, and the most by which one of them is broken."""
        free = (instance.lbx < instance.ubx).astype(np.float64)
        held = self._pattern @ free == 0.0
        g = rows_at(self._model, np.clip(instance.start, instance.lbx, instance.ubx))[held]
        over = np.maximum(instance.lbg[held] - g, g - instance.ubg[held])
        without = replace(
            instance,
            lbg=np.where(held, -np.inf, instance.lbg),
            ubg=np.where(held, np.inf, instance.ubg),
        )
        return without, float(over.max(initial=0.0))


def rows_at(model: TemplateModel, x: FloatArray) -> FloatArray:
    """Return the values of all rows."""
    rows = model.linear @ x
    for part in model.copies:
        if part.columns.size:
            outputs = part.function(list(x[part.columns]), list(part.parameters), np)
            rows = rows + part.scatter @ np.asarray(outputs).ravel(order="F")
    return np.asarray(rows, dtype=np.float64)


def _inputs(part: Copies, width: int) -> sp.csr_array:
    """Return which columns each output of each copy depends on, shape (outputs * N, width)."""
    inputs, count = part.columns.shape
    output = np.broadcast_to(
        np.arange(part.n_out * count).reshape(count, part.n_out, 1), (count, part.n_out, inputs)
    )
    column = np.broadcast_to(part.columns.T[:, None, :], (count, part.n_out, inputs))
    ones = np.ones(output.size)
    shape = (part.n_out * count, width)
    return sp.csr_array((ones, (output.ravel(), column.ravel())), shape=shape)
