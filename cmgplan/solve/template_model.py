"""A model made of a few small functions, each repeated over many index sets.

The rows of an AC network are one function of four voltages, repeated for every branch and
hour. Each such function is differentiated once, symbolically; Jacobian and Hessian of the whole
are gathered from the copies by sparse matrices. Compiling then takes hundredths of a second
where differentiating every row takes seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import scipy.sparse as sp

from cmgplan.arrays import FloatArray, IntArray
from cmgplan.solve.outcome import Multipliers

Function = Callable[[Any, Any, Any], Sequence[Any]]
"""``function(x, p, ops)`` returns outputs; ``ops`` has ``sin`` and ``cos`` of what x is made of."""


@dataclass(frozen=True)
class Copies:
    """N copies of a function of few variables.

    Attributes
    ----------
    function
        Outputs of one copy.
    columns
        Column of each input of each copy, shape (inputs, N).
    parameters
        Constants of each copy, shape (parameters, N).
    scatter
        What the outputs add to the rows, shape (rows, outputs * N); output o of copy k stands at
        ``o + outputs * k``.
    """

    function: Function
    columns: IntArray
    parameters: FloatArray
    scatter: sp.csr_array

    @property
    def n_out(self) -> int:
        """Number of outputs of one copy."""
        width = int(self.scatter.shape[1])
        return width // max(int(self.columns.shape[1]), 1)


@dataclass(frozen=True)
class TemplateModel:
    """Rows ``linear @ x + sum of copies`` and a separable quadratic objective.

    ``linear`` has shape (rows, variables).
    """

    linear: sp.csr_array
    copies: tuple[Copies, ...]


@dataclass(frozen=True)
class Instance:
    """What may differ from solve to solve: bounds, prices and the start.

    The objective is ``constant + linear @ x + quadratic @ x**2``. ``multipliers`` belong to the
    start where it is the answer of a similar instance.
    """

    lbx: FloatArray
    ubx: FloatArray
    lbg: FloatArray
    ubg: FloatArray
    linear: FloatArray
    quadratic: FloatArray
    constant: float
    start: FloatArray
    multipliers: Multipliers | None = None
