"""A linear program of homes as arrays, and its reductions that change no optimum."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from cmgplan.arrays import BoolArray, FloatArray, IntArray
from cmgplan.errors import InfeasibleError
from cmgplan.solve.array_program import ArrayProgram
from cmgplan.solve.cones import Rows

NOWHERE = -1
"""Carrier and hour of a row that is no balance."""

FIXED = 1e-12
"""Width of bounds between which a column is fixed."""

SLACK = 1e-7
"""Break of a row without columns that is a solver's rounding."""


@dataclass(frozen=True)
class Program:
    """Minimise ``constant + cost @ y``, ``low <= matrix @ y <= high``, ``lower <= y <= upper``.

    Attributes
    ----------
    carrier, hour
        Of a row that is a balance: 0 for electricity and 1 for heat, and its hour; else
        ``NOWHERE``. Shape (m,).
    market
        Which rows are the market's balances, shape (m,): equalities whose right side falls by
        what the others give. Their multipliers are the market clearing prices, in units of cost
        per kW in the interval.
    total
        Which rows are the retailer's limits of all trade, shape (m,).
    """

    cost: FloatArray
    lower: FloatArray
    upper: FloatArray
    matrix: sp.csr_array
    low: FloatArray
    high: FloatArray
    carrier: IntArray
    hour: IntArray
    market: BoolArray
    total: BoolArray
    constant: float = 0.0

    @property
    def n(self) -> int:
        """Number of columns."""
        return len(self.cost)

    @property
    def m(self) -> int:
        """Number of rows."""
        return len(self.low)

    @property
    def traded(self) -> IntArray:
        """Rows of the market's balances: electricity of every hour, then heat."""
        return np.flatnonzero(self.market)

    def arrays(self) -> ArrayProgram:
        """Return it for the solver, without the constant."""
        rows = Rows(self.matrix, self.low, self.high)
        return ArrayProgram(self.cost, self.lower, self.upper, rows)

    def at(self, quantity: FloatArray) -> Program:
        """Return it where the others put ``quantity`` into the market, kW by traded row."""
        low, high = self.low.copy(), self.high.copy()
        low[self.traded] -= quantity
        high[self.traded] -= quantity
        return replace(self, low=low, high=high)


def without_rows(program: Program, kept: BoolArray) -> Program:
    """Return a program with some of its rows; those of the market and the retailer stay."""
    kept = kept | program.market | program.total
    return replace(
        program,
        matrix=sp.csr_array(program.matrix[kept]),
        low=program.low[kept],
        high=program.high[kept],
        carrier=program.carrier[kept],
        hour=program.hour[kept],
        market=program.market[kept],
        total=program.total[kept],
    )


def with_fixed(program: Program, fixed: BoolArray, value: FloatArray) -> Program:
    """Return a program without columns that have a value."""
    held = np.where(fixed, value, 0.0)
    moved = program.matrix @ held
    return replace(
        program,
        cost=program.cost[~fixed],
        lower=program.lower[~fixed],
        upper=program.upper[~fixed],
        matrix=sp.csr_array(program.matrix[:, ~fixed]),
        low=program.low - moved,
        high=program.high - moved,
        constant=program.constant + float(program.cost @ held),
    )


def activity(program: Program) -> tuple[FloatArray, FloatArray]:
    """Return the least and the greatest value of every row within the bounds of its columns."""
    positive = program.matrix.maximum(0.0)
    negative = program.matrix.minimum(0.0)
    return (
        _times(positive, program.lower) + _times(negative, program.upper),
        _times(positive, program.upper) + _times(negative, program.lower),
    )


def _times(matrix: sp.csr_array, vector: FloatArray) -> FloatArray:
    """Return a product in which zero times infinity is zero."""
    finite = np.isfinite(vector)
    product = matrix @ np.where(finite, vector, 0.0)
    endless = np.where(finite, 0.0, np.sign(vector))
    direction = matrix @ endless
    product[direction != 0.0] = np.inf
    return np.asarray(np.copysign(product, np.where(direction == 0.0, product, direction)))


def reduced(program: Program) -> Program:
    """Return a program without fixed columns, rows of one column, rows that always hold."""
    for _ in range(20):
        before = (program.n, program.m)
        program = _without_singles(program)
        fixed = program.upper - program.lower <= FIXED
        if fixed.any():
            program = with_fixed(program, fixed, program.lower)
        program = _without_redundant(_without_free(program))
        if (program.n, program.m) == before:
            break
    return merged(program)


def _without_singles(program: Program) -> Program:
    """Turn rows of one column into bounds."""
    count = np.diff(program.matrix.indptr)
    single = (count == 1) & ~program.market & ~program.total
    if not single.any():
        return program
    lower, upper = program.lower.copy(), program.upper.copy()
    for row in np.flatnonzero(single):
        place = program.matrix.indptr[row]
        column, value = program.matrix.indices[place], program.matrix.data[place]
        ends = program.low[row] / value, program.high[row] / value
        lower[column] = max(lower[column], min(ends))
        upper[column] = min(upper[column], max(ends))
    crossed = lower > upper
    if (lower - upper)[crossed].max(initial=0.0) > SLACK:
        raise InfeasibleError("a home cannot meet the limits of its devices")
    upper = np.maximum(lower, upper)
    return without_rows(replace(program, lower=lower, upper=upper), ~single)


def _without_redundant(program: Program) -> Program:
    """Leave out rows that hold whatever the columns are within their bounds."""
    least, most = activity(program)
    size = 1e-9 * (1.0 + np.abs(np.where(np.isfinite(most), most, 0.0)))
    empty = np.diff(program.matrix.indptr) == 0
    tolerance = np.where(empty, SLACK, size)
    if ((least > program.high + SLACK) | (most < program.low - SLACK))[empty].any():
        raise InfeasibleError("a home cannot meet the limits of its devices")
    return without_rows(
        program, ~((least >= program.low - tolerance) & (most <= program.high + tolerance))
    )


def _without_free(program: Program) -> Program:
    """Leave out columns that cost nothing and satisfy all of their rows when large enough.

    An emission that counts for nothing, over tangents, is one.
    """
    columns = sp.csc_array(program.matrix)
    kept, fixed = np.ones(program.m, dtype=bool), np.zeros(program.n, dtype=bool)
    plain = (program.carrier == NOWHERE) & ~program.total
    free = (program.cost == 0.0) & np.isinf(program.upper) & np.isfinite(program.lower)
    for k in np.flatnonzero(free & (np.diff(columns.indptr) > 0)):
        span = slice(columns.indptr[k], columns.indptr[k + 1])
        rows, rises = columns.indices[span], columns.data[span] > 0.0
        limit = np.where(rises, program.high[rows], -program.low[rows])
        if np.isinf(limit).all() and plain[rows].all():
            kept[rows], fixed[k] = False, True
    if not fixed.any():
        return program
    return with_fixed(without_rows(program, kept), fixed, program.lower)


def merged(program: Program) -> Program:
    """Return a program in which columns of the same cost and coefficients are one.

    What such columns do counts only in their sum, which lies between the sums of their bounds.
    """
    by_column = sp.csc_array(program.matrix)
    by_column.sort_indices()
    first: dict[tuple[object, ...], int] = {}
    group, leads = np.empty(program.n, dtype=np.int64), list[int]()
    for k in range(program.n):
        span = slice(by_column.indptr[k], by_column.indptr[k + 1])
        rows, values = by_column.indices[span], by_column.data[span]
        key = (float(program.cost[k]), rows.tobytes(), values.tobytes())
        group[k] = first.setdefault(key, len(first))
        if group[k] == len(leads):
            leads.append(k)
    if len(first) == program.n:
        return program
    lower, upper = np.zeros(len(first)), np.zeros(len(first))
    np.add.at(lower, group, program.lower)
    np.add.at(upper, group, program.upper)
    return replace(
        program,
        cost=program.cost[leads],
        lower=lower,
        upper=upper,
        matrix=sp.csr_array(program.matrix[:, leads]),
    )
