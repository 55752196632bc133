"""HiGHS on a Pyomo model with linear rows, binaries and convex quadratic rows.

The model is compiled to arrays once; objectives, bounds and cuts change between solves. The
objective is a weighted sum of variables, which keeps "minimise f2 under f1 <= eps" a matter of
weights and bounds.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import highspy
import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from cmgplan.arrays import FloatArray, IntArray
from cmgplan.solve.cones import ConeSet, Disk, QuadraticCone, Rows
from cmgplan.solve.highs import new_highs, pass_rows, run_highs, set_time_limit
from cmgplan.solve.matrix_form import matrix_form
from cmgplan.solve.outcome import Outcome, Stop
from cmgplan.solve.scaling import column_units, in_units

BELIEVED_BREAK = 1e-3
"""Break of a row or bound, as a share of 1 + its size, with which no point of HiGHS is believed.

Its tolerance is 1e-6 in units of its own."""

Bounds = tuple[float, float]
Weights = Sequence[tuple[Any, float]]
"""Variables and their weights in the objective."""

_STATUS = {
    highspy.HighsModelStatus.kOptimal: Stop.OPTIMAL,
    highspy.HighsModelStatus.kInfeasible: Stop.INFEASIBLE,
    highspy.HighsModelStatus.kUnbounded: Stop.UNBOUNDED,
    highspy.HighsModelStatus.kTimeLimit: Stop.LIMIT,
    highspy.HighsModelStatus.kIterationLimit: Stop.LIMIT,
    highspy.HighsModelStatus.kSolutionLimit: Stop.LIMIT,
    highspy.HighsModelStatus.kInterrupt: Stop.LIMIT,
}


class LinearProblem:
    """A compiled model.

    Parameters
    ----------
    model
        Pyomo model whose active constraints are linear. Its objective, if any, is ignored.
    cones, disks
        Convex quadratic rows, met by tangents that are added where a solution breaks them.
    cone_tolerance, disk_tolerance
        Break that is left standing, in the cone's scaled level and the disk's power.
    own_units
        Give HiGHS the columns in units that suit it; its tolerances count in these.

    Attributes
    ----------
    unit
        Units of the columns that HiGHS sees, shape (n,): ones unless it has its own.
    """

    def __init__(
        self,
        model: Any,
        cones: Sequence[QuadraticCone] = (),
        disks: Sequence[Disk] = (),
        *,
        cone_tolerance: float = 1e-4,
        disk_tolerance: float = 1e-4,
        own_units: bool = False,
    ) -> None:
        self._form = matrix_form(model, _cone_variables(cones, disks))
        self.variables: list[Any] = list(self._form.variables)
        self._column = self._form.columns
        self._n = len(self.variables)
        self._lower, self._upper = self._form.lower, self._form.upper
        self._integer = self._form.integer
        self._cone_tolerance, self._disk_tolerance = cone_tolerance, disk_tolerance
        self.cones = ConeSet(cones, disks, self._column)
        self._own_units, self.unit = own_units, np.ones(self._n)
        if own_units:
            self.unit = column_units(self._form.rows.matrix, self._integer)
        self.rows: list[Rows] = []
        self.outer: list[bool] = []
        self._highs = new_highs()
        self._pass_model()
        self.add_rows(self.cones.initial_rows(), outer=True)

    def _pass_model(self) -> None:
        h = self._highs
        h.addVars(self._n, self._lower / self.unit, self._upper / self.unit)
        self.add_rows(self._form.rows)
        self._first_rows = self.passed(self._form.rows)
        which = np.flatnonzero(self._integer).astype(np.int32)
        kinds = np.full(len(which), highspy.HighsVarType.kInteger)
        if len(which):
            h.changeColsIntegrality(len(which), which, kinds)

    @property
    def size(self) -> tuple[int, int, int]:
        """Rows, columns and integer columns."""
        return self._highs.getNumRow(), self._n, int(self._integer.sum())

    @property
    def n(self) -> int:
        """Number of columns."""
        return self._n

    @property
    def integer(self) -> npt.NDArray[np.bool_]:
        """Which columns are integer, shape (n,)."""
        return self._integer

    def vectors(
        self, weights: Weights, bounds: Mapping[Any, Bounds] | None = None
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return objective, lower and upper bounds of all columns for one solve."""
        cost = np.zeros(self._n)
        for variable, weight in weights:
            cost[self._column[id(variable)]] += weight
        lower, upper = self._lower.copy(), self._upper.copy()
        for variable, (low, high) in (bounds or {}).items():
            k = self._column.get(id(variable))
            if k is not None:
                lower[k], upper[k] = low, high
        return cost, lower, upper

    def ask_otherwise(self, options: Mapping[str, object]) -> None:
        """Give HiGHS further options from now on."""
        for name, value in options.items():
            self._highs.setOptionValue(name, value)

    def stopped_by(self, columns: IntArray, values: Sequence[int]) -> IntArray:
        """Return the columns that are zero because these switch columns are."""
        return self.cones.stopped_by(columns[np.asarray(values) == 0])

    def column(self, variable: Any) -> int:
        """Return the column of a variable."""
        return self._column[id(variable)]

    def row_name(self, row: int) -> str:
        """Return the name of a row of the model; rows that were added have only a number."""
        named = row < len(self._form.constraints)
        return self._form.row_name(row) if named else f"added[{row}]"

    @property
    def exact_rows(self) -> list[Rows]:
        """The rows that are no tangents."""
        return [rows for rows, outer in zip(self.rows, self.outer, strict=True) if not outer]

    def add_rows(self, rows: Rows, *, outer: bool = False) -> int:
        """Add rows for good; return how many. ``outer`` rows follow from cones and disks."""
        count = int(rows.matrix.shape[0])
        if count:
            pass_rows(self._highs, self.passed(rows))
            self.rows.append(rows)
            self.outer.append(outer)
        return count

    def passed(self, rows: Rows, columns: IntArray | None = None) -> Rows:
        """Return rows, over all or some columns, as HiGHS is to see them."""
        if not self._own_units:
            return rows
        return in_units(rows, self.unit if columns is None else self.unit[columns])

    def add_row(self, terms: Mapping[int, float], lower: float, upper: float) -> None:
        """Add ``lower <= sum(value * x[column]) <= upper`` for good."""
        columns = list(terms)
        matrix = sp.csr_array(
            (list(terms.values()), ([0] * len(columns), columns)), shape=(1, self._n)
        )
        self.add_rows(Rows(matrix, np.asarray([lower]), np.asarray([upper])))

    def tangents_at(self, x: FloatArray) -> int:
        """Add the tangents that cut off ``x``; return how many."""
        return self.add_rows(
            self.cones.tangents(x, self._cone_tolerance, self._disk_tolerance), outer=True
        )

    def resolve_at(self, x: FloatArray, cone_tolerance: float, disk_tolerance: float) -> int:
        """Add tangents at ``x`` where those that stand leave more than a tolerance."""
        return self.add_rows(
            self.cones.fresh_tangents(x, cone_tolerance, disk_tolerance), outer=True
        )

    def broken(self, x: FloatArray) -> float:
        """Return the largest break of a cone or disk at ``x``."""
        return float(max((part.max(initial=0.0) for part in self.cones.violation(x)), default=0.0))

    def solve(
        self,
        weights: Weights,
        bounds: Mapping[Any, Bounds] | None = None,
        *,
        relax: bool = False,
        time_limit_s: float | None = None,
        gap_abs: float = 1e-6,
        start: FloatArray | None = None,
    ) -> Outcome:
        """Minimise a weighted sum of variables over the rows that stand now.

        Parameters
        ----------
        weights
            Pairs of variable and weight.
        bounds
            Bounds for this solve only, a ComponentMap by variable.
        relax
            Leave out integrality.
        time_limit_s, gap_abs
            Limits of the solve, s and in units of the objective.
        start
            Values of all columns to begin a mixed-integer search from.
        """
        return self.solve_vectors(
            *self.vectors(weights, bounds),
            relax=relax,
            time_limit_s=time_limit_s,
            gap_abs=gap_abs,
            start=start,
        )

    def solve_vectors(
        self,
        cost: FloatArray,
        lower: FloatArray,
        upper: FloatArray,
        *,
        relax: bool = False,
        time_limit_s: float | None = None,
        gap_abs: float = 1e-6,
        start: FloatArray | None = None,
    ) -> Outcome:
        """Minimise ``cost @ x`` within bounds of all columns; see ``solve``."""
        h, begun = self._highs, time.perf_counter()
        every = np.arange(self._n, dtype=np.int32)
        h.changeColsCost(self._n, every, cost * self.unit)
        h.changeColsBounds(self._n, every, lower / self.unit, upper / self.unit)
        h.setOptionValue("solve_relaxation", relax)
        set_time_limit(h, time_limit_s, mixed=bool(self._integer.any()) and not relax)
        h.setOptionValue("mip_abs_gap", gap_abs)
        if start is not None and not relax:
            solution = highspy.HighsSolution()
            solution.col_value = list(start / self.unit)
            h.setSolution(solution)
        run_highs(h, time_limit_s)
        outcome = self._outcome(cost, relax, time.perf_counter() - begun)
        wrong = self._contradicted(outcome, cost, lower, upper)
        if not wrong and outcome.stop is not Stop.ERROR:
            return outcome
        message = f"{outcome.message}, but {wrong}" if wrong else outcome.message
        return replace(outcome, stop=Stop.ERROR, value=None, bound=None, x=None, message=message)

    def _contradicted(
        self, outcome: Outcome, cost: FloatArray, lower: FloatArray, upper: FloatArray
    ) -> str:
        """Return what of an answer cannot be, in words; empty where it can."""
        x, bound = outcome.x, outcome.bound
        if bound is not None and np.isnan(bound):
            return "its bound is not a number"
        if x is None:
            return ""
        if not np.isfinite(x).all():
            return "its point is not of numbers"
        rows, seen = self._first_rows, x / self.unit
        off = broken_by(rows.matrix @ seen, rows.lower, rows.upper)
        off = max(off, broken_by(seen, lower / self.unit, upper / self.unit))
        if off > BELIEVED_BREAK:
            return f"its point breaks a row or bound by {off:.3g} of its size"
        terms = cost * x
        slack = BELIEVED_BREAK * (1.0 + float(np.abs(terms).sum()))
        if bound is not None and bound > terms.sum() + slack:
            return f"its bound {bound:.6g} is above the value {terms.sum():.6g} of its point"
        return ""

    def _outcome(self, cost: FloatArray, relax: bool, wall_s: float) -> Outcome:
        h = self._highs
        status = h.getModelStatus()
        if status == highspy.HighsModelStatus.kUnboundedOrInfeasible:
            h.setOptionValue("presolve", "off")
            h.run()
            status = h.getModelStatus()
            h.setOptionValue("presolve", "choose")
        stop = _STATUS.get(status, Stop.ERROR)
        info = h.getInfo()
        held = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
        x = np.asarray(h.getSolution().col_value) * self.unit if held else None
        if x is not None and stop is Stop.LIMIT:
            stop = Stop.FEASIBLE
        mixed = bool(self._integer.any()) and not relax
        bound: float | None = None
        if mixed and stop is not Stop.ERROR:  # after a failure HiGHS states a bound of zero
            bound = float(info.mip_dual_bound) if np.isfinite(info.mip_dual_bound) else None
        elif stop is Stop.OPTIMAL:
            bound = float(info.objective_function_value)
        if x is None and stop in (Stop.OPTIMAL, Stop.FEASIBLE):
            stop, bound = Stop.ERROR, None
        return Outcome(
            stop=stop,
            value=None if x is None else float(cost @ x),
            bound=bound,
            x=x,
            solver=f"HiGHS {h.version()}",
            message=str(h.modelStatusToString(status)),
            wall_s=wall_s,
            iterations=int(info.simplex_iteration_count),
        )

    def multipliers_of(self, constraints: Sequence[Any]) -> FloatArray:
        """Return what a unit more on the right side of each constraint costs, shape (count,).

        They are those of the last solve, which must have been a linear program's: without
        integers, or with ``relax``. Each constraint is an equality of the model, and the problem
        has no units of its own.
        """
        if self._own_units:
            raise ValueError("multipliers of rows in other units are not those of the model")
        rows = {id(row): k for k, (row, side) in enumerate(self._form.constraints) if side == 0}
        found = np.asarray(self._highs.getSolution().row_dual, dtype=np.float64)
        return found[[rows[id(constraint)] for constraint in constraints]]

    def solve_tight(
        self,
        weights: Weights,
        bounds: Mapping[Any, Bounds] | None = None,
        *,
        relax: bool = False,
        rounds: int = 30,
        time_limit_s: float | None = None,
        gap_abs: float = 1e-6,
    ) -> Outcome:
        """Solve, add the tangents that cut the answer off, and repeat until none is broken.

        The bound of the last round holds; where rounds run out the answer is ``FEASIBLE`` only
        in the sense of the tangents that stand.
        """
        deadline = None if time_limit_s is None else time.perf_counter() + time_limit_s
        start: FloatArray | None = None
        outcome = self.solve(weights, bounds, relax=relax, time_limit_s=time_limit_s)
        for _ in range(rounds):
            if outcome.x is None or self.tangents_at(outcome.x) == 0:
                return outcome
            left = None if deadline is None else deadline - time.perf_counter()
            if left is not None and left <= 0.0:
                return outcome
            outcome = self.solve(
                weights, bounds, relax=relax, time_limit_s=left, gap_abs=gap_abs, start=start
            )
        return outcome

    def load(self, x: FloatArray) -> None:
        """Write values into the Pyomo variables; integers are rounded."""
        self._form.load(x)


def _cone_variables(cones: Sequence[QuadraticCone], disks: Sequence[Disk]) -> list[Any]:
    """Return the variables of cones and disks, which may stand in no linear row."""
    inside = [v for c in cones for v in (c.level, c.p, c.q, c.v)]
    inside += [v for d in disks for v in (d.p, d.q, d.switch, d.less)]
    return [v for v in inside if v is not None]


def broken_by(value: FloatArray, lower: FloatArray, upper: FloatArray) -> float:
    """Return by how much values lie outside limits at most, as a share of 1 + the limit's size."""
    sizes = [1.0 + np.abs(np.where(np.isfinite(side), side, 0.0)) for side in (lower, upper)]
    over = np.maximum((lower - value) / sizes[0], (value - upper) / sizes[1])
    return float(over.max(initial=0.0))
