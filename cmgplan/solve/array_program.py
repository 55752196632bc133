"""HiGHS on a linear or mixed-integer program that is given as arrays, multipliers included."""

from __future__ import annotations

import time
from dataclasses import dataclass

import highspy
import numpy as np

from cmgplan.arrays import BoolArray, FloatArray
from cmgplan.solve.cones import Rows
from cmgplan.solve.highs import (
    linear_program,
    new_highs,
    pass_rows,
    run_highs,
    set_time_limit,
)
from cmgplan.solve.outcome import Multipliers, Outcome, Stop

SOME = 1e-7
"""Multiplier from which one counts."""

_STATUS = {
    highspy.HighsModelStatus.kOptimal: Stop.OPTIMAL,
    highspy.HighsModelStatus.kInfeasible: Stop.INFEASIBLE,
    highspy.HighsModelStatus.kUnbounded: Stop.UNBOUNDED,
    highspy.HighsModelStatus.kTimeLimit: Stop.LIMIT,
    highspy.HighsModelStatus.kIterationLimit: Stop.LIMIT,
    highspy.HighsModelStatus.kSolutionLimit: Stop.LIMIT,
    highspy.HighsModelStatus.kInterrupt: Stop.LIMIT,
    highspy.HighsModelStatus.kObjectiveTarget: Stop.LIMIT,
    highspy.HighsModelStatus.kObjectiveBound: Stop.LIMIT,
}


@dataclass(frozen=True)
class ArrayProgram:
    """Minimise ``cost @ x`` over ``rows`` and bounds; n columns, m rows.

    Attributes
    ----------
    cost, lower, upper
        Of the columns, each of shape (n,).
    rows
        Linear rows, matrix of shape (m, n).
    integer
        Which columns are integer, shape (n,); None where none is.
    """

    cost: FloatArray
    lower: FloatArray
    upper: FloatArray
    rows: Rows
    integer: BoolArray | None = None

    @property
    def mixed(self) -> bool:
        """Whether any column is integer."""
        return self.integer is not None and bool(self.integer.any())


class ArraySolver:
    """HiGHS that holds an array program, whose costs and bounds may change between solves.

    Parameters
    ----------
    program
        What is solved.
    options
        Further options of HiGHS.
    """

    def __init__(self, program: ArrayProgram, options: dict[str, object] | None = None) -> None:
        self.program = program
        self._every = np.arange(len(program.cost), dtype=np.int32)
        self._highs = h = linear_program(program.cost, program.lower, program.upper, [program.rows])
        if program.integer is not None and program.mixed:
            which = np.flatnonzero(program.integer).astype(np.int32)
            kinds = np.full(len(which), highspy.HighsVarType.kInteger)
            h.changeColsIntegrality(len(which), which, kinds)
        for name, value in (options or {}).items():
            h.setOptionValue(name, value)

    def add_rows(self, rows: Rows) -> None:
        """Add rows, which stay."""
        pass_rows(self._highs, rows)

    def solve(
        self,
        cost: FloatArray | None = None,
        bounds: tuple[FloatArray, FloatArray] | None = None,
        *,
        time_limit_s: float | None = None,
        gap_abs: float = 1e-9,
        target: float | None = None,
        start: FloatArray | None = None,
    ) -> Outcome:
        """Minimise; the multipliers of a linear program come with its outcome.

        Parameters
        ----------
        cost, bounds
            New costs and new lower and upper bounds, which stay; the old ones where None.
        time_limit_s, gap_abs
            Limits, s and in units of the objective.
        target
            Objective at or below which a mixed-integer search ends.
        start
            Values to begin a mixed-integer search from, shape (n,).
        """
        h, count, begun = self._highs, len(self._every), time.perf_counter()
        if cost is not None:
            h.changeColsCost(count, self._every, cost)
        if bounds is not None:
            h.changeColsBounds(count, self._every, *bounds)
        set_time_limit(h, time_limit_s, mixed=self.program.mixed)
        h.setOptionValue("mip_abs_gap", gap_abs)
        h.setOptionValue("objective_target", -np.inf if target is None else target)
        if start is not None:
            solution = highspy.HighsSolution()
            solution.col_value = list(start)
            h.setSolution(solution)
        run_highs(h, time_limit_s)
        return self._outcome(time.perf_counter() - begun)

    def _outcome(self, wall_s: float) -> Outcome:
        h = self._highs
        status = h.getModelStatus()
        if status == highspy.HighsModelStatus.kUnboundedOrInfeasible:
            h.setOptionValue("presolve", "off")
            run_highs(h)
            status = h.getModelStatus()
            h.setOptionValue("presolve", "choose")
        stop, info = _STATUS.get(status, Stop.ERROR), h.getInfo()
        held = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
        solution = h.getSolution()
        x = np.asarray(solution.col_value, dtype=np.float64) if held else None
        if x is not None and stop is Stop.LIMIT:
            stop = Stop.FEASIBLE
        if x is None and stop is Stop.OPTIMAL:
            stop = Stop.ERROR
        bound: float | None = None
        if self.program.mixed and stop is not Stop.ERROR:
            bound = float(info.mip_dual_bound) if np.isfinite(info.mip_dual_bound) else None
        elif stop is Stop.OPTIMAL:
            bound = float(info.objective_function_value)
        multipliers = None
        if not self.program.mixed and stop is Stop.OPTIMAL:
            multipliers = Multipliers(
                np.asarray(solution.col_dual, dtype=np.float64),
                np.asarray(solution.row_dual, dtype=np.float64),
            )
        return Outcome(
            stop=stop,
            value=None if x is None else float(info.objective_function_value),
            bound=bound,
            x=x,
            solver=f"HiGHS {h.version()}",
            message=str(h.modelStatusToString(status)),
            wall_s=wall_s,
            iterations=int(info.simplex_iteration_count),
            multipliers=multipliers,
        )


def optimal_face(program: ArrayProgram, x: FloatArray, multipliers: Multipliers) -> ArrayProgram:
    """Return a linear program that has just the optima of another one as its points.

    What has a multiplier stays where it is: every optimum complements every multiplier. Costs
    should be of the order of one to a hundred.
    """
    held = np.abs(multipliers.bounds) > SOME
    tight, level = np.abs(multipliers.rows) > SOME, program.rows.matrix @ x
    rows = Rows(
        program.rows.matrix,
        np.where(tight, level, program.rows.lower),
        np.where(tight, level, program.rows.upper),
    )
    lower, upper = np.where(held, x, program.lower), np.where(held, x, program.upper)
    return ArrayProgram(program.cost, lower, upper, rows)


def solver_name() -> str:
    """Return the solver's name and version."""
    return f"HiGHS {new_highs().version()}"
