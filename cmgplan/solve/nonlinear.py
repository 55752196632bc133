"""Ipopt on a Pyomo model, compiled once through CasADi and solved as often as needed."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import casadi as ca
import numpy as np
import pyomo.environ as pyo
from pyomo.repn.plugins.nl_writer import NLWriter

from cmgplan.solve.outcome import ACCEPTED, FloatArray, Outcome, Stop

Bounds = tuple[float, float]
Weights = Sequence[tuple[Any, float]]
"""Variables and their weights in the objective."""

FEASIBILITY_TOLERANCE = 5e-8
"""Largest break of a row or bound with which an answer is accepted, in the row's own unit.

Power balances are in per unit, so that this is 5e-5 kW: at a steep end of the front more would
let an answer seem better than the bound.
"""

NEARLY_FEASIBLE = 1e-4
"""Break under which an answer that did not converge is worth a second attempt."""

_STATUS = {
    "Solve_Succeeded": Stop.LOCAL_OPTIMUM,
    "Solved_To_Acceptable_Level": Stop.LOCAL_OPTIMUM,
    "Feasible_Point_Found": Stop.FEASIBLE,
    "Infeasible_Problem_Detected": Stop.LOCALLY_INFEASIBLE,
    "Maximum_Iterations_Exceeded": Stop.LIMIT,
    "Maximum_CpuTime_Exceeded": Stop.LIMIT,
    "Maximum_WallTime_Exceeded": Stop.LIMIT,
    "Search_Direction_Becomes_Too_Small": Stop.LIMIT,
    "Error_In_Step_Computation": Stop.LIMIT,
    "Diverging_Iterates": Stop.ERROR,
}


class NonlinearProblem:
    """A compiled nonlinear model whose objective is a weighted sum of some of its variables.

    Parameters
    ----------
    model
        Pyomo model. Integer variables are taken as continuous: fix them by their bounds.
    goals
        Variables that objectives are made of.
    """

    def __init__(self, model: Any, goals: list[Any]) -> None:
        begun = time.perf_counter()
        with _nl_file(model) as (path, variables):
            nl = ca.NlpBuilder()
            nl.import_nl(str(path))
        self.variables: list[Any] = list(variables)
        self._column = {id(v): k for k, v in enumerate(self.variables)}
        self._lbx = np.asarray(nl.x_lb, dtype=np.float64)
        self._ubx = np.asarray(nl.x_ub, dtype=np.float64)
        self._lbg = np.asarray(nl.g_lb, dtype=np.float64)
        self._ubg = np.asarray(nl.g_ub, dtype=np.float64)
        self._x0 = np.asarray(nl.x_init, dtype=np.float64)
        self._goals = [self._column[id(v)] for v in goals]
        x = ca.vertcat(*nl.x)
        weights = ca.MX.sym("weights", len(goals))
        objective = ca.dot(weights, x[self._goals])
        self._problem: dict[str, Any] = {
            "x": x,
            "p": weights,
            "f": objective,
            "g": ca.vertcat(*nl.g),
        }
        self._goal_position = {id(v): k for k, v in enumerate(goals)}
        self._solver = self._compiled("adaptive")
        self._second: Any = None
        self._row, self._of = self._solver.get_function("nlp_jac_g").sparsity_out(1).get_triplet()
        self.compile_s = time.perf_counter() - begun

    def _compiled(self, mu_strategy: str, *, scaled: bool = True) -> Any:
        return ca.nlpsol("cmgplan", "ipopt", self._problem, _ipopt_options(mu_strategy, scaled))

    def column(self, variable: Any) -> int:
        """Return the column of a variable."""
        return self._column[id(variable)]

    def solve(
        self,
        weights: Weights,
        bounds: Mapping[Any, Bounds] | None = None,
        *,
        start: FloatArray | None = None,
        insist: bool = False,
    ) -> Outcome:
        """Minimise a weighted sum of goals under other bounds for this solve.

        ``insist`` tries the other settings of Ipopt whenever the first ones end without an
        answer, for problems that must have one; else only nearly feasible ends are tried again.

        Raises
        ------
        KeyboardInterrupt
            When the user interrupts Ipopt, which would otherwise swallow it.
        """
        lbx, ubx = self._lbx.copy(), self._ubx.copy()
        for variable, (low, high) in (bounds or {}).items():
            k = self._column.get(id(variable))
            if k is not None:
                lbx[k], ubx[k] = low, high
        p = np.zeros(len(self._goals))
        for variable, weight in weights:
            p[self._goal_position[id(variable)]] = weight
        x0 = np.clip(self._x0 if start is None else start, lbx, ubx)
        outcome, off = self._attempt(self._solver, x0, p, lbx, ubx)
        if not outcome.accepted and (
            insist or (outcome.stop is Stop.LIMIT and off < NEARLY_FEASIBLE)
        ):
            # The monotone barrier is slower and fails less where constraints are degenerate.
            self._second = self._second or self._compiled("monotone")
            again, _ = self._attempt(self._second, x0, p, lbx, ubx)
            outcome = again if again.accepted else outcome
        if not outcome.accepted and insist:
            last, _ = self._attempt(self._compiled("adaptive", scaled=False), x0, p, lbx, ubx)
            outcome = last if last.accepted else outcome
        return outcome

    def _attempt(
        self, solver: Any, x0: FloatArray, p: FloatArray, lbx: FloatArray, ubx: FloatArray
    ) -> tuple[Outcome, float]:
        """Run a solver; return what it holds and the largest break."""
        begun = time.perf_counter()
        lbg, ubg = self._row_bounds(lbx, ubx)
        answer = solver(x0=x0, p=p, lbx=lbx, ubx=ubx, lbg=lbg, ubg=ubg)
        stats = solver.stats()
        status = str(stats["return_status"])
        if status in ("NonIpopt_Exception_Thrown", "User_Requested_Stop"):
            raise KeyboardInterrupt
        x = np.asarray(answer["x"], dtype=np.float64).ravel()
        g = np.asarray(answer["g"], dtype=np.float64).ravel()
        off = self._break(x, g, lbx, ubx)
        stop = _STATUS.get(status, Stop.ERROR)
        if self._held_break(g, lbg, ubg) > FEASIBILITY_TOLERANCE:
            stop = Stop.LOCALLY_INFEASIBLE
        elif not off <= FEASIBILITY_TOLERANCE:
            stop = Stop.LIMIT if stop in ACCEPTED else stop
        elif stop is Stop.LIMIT:
            stop = Stop.FEASIBLE
        held = stop in ACCEPTED
        outcome = Outcome(
            stop=stop,
            value=float(p @ x[self._goals]) if held else None,
            bound=None,
            x=x if held else None,
            solver="Ipopt",
            message=f"{status}, largest break {off:.2e}",
            wall_s=time.perf_counter() - begun,
            iterations=int(stats["iter_count"]),
        )
        return outcome, off

    def _row_bounds(self, lbx: FloatArray, ubx: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the rows' bounds, none on rows whose variables are all held.

        Ipopt counts such a row against the degrees of freedom; ``_break`` still checks it.
        """
        rows = np.zeros(len(self._lbg), dtype=bool)
        free = lbx[self._of] < ubx[self._of]
        rows[np.asarray(self._row, dtype=np.int64)[free]] = True
        return np.where(rows, self._lbg, -np.inf), np.where(rows, self._ubg, np.inf)

    def _held_break(self, g: FloatArray, lbg: FloatArray, ubg: FloatArray) -> float:
        """Return the largest break of the rows that were left out since all in them is held."""
        left_out = (lbg != self._lbg) | (ubg != self._ubg)
        parts = ((self._lbg - g)[left_out], (g - self._ubg)[left_out])
        return float(max(part.max(initial=0.0) for part in parts))

    def _break(self, x: FloatArray, g: FloatArray, lbx: FloatArray, ubx: FloatArray) -> float:
        parts = (self._lbg - g, g - self._ubg, lbx - x, x - ubx)
        return float(max(part.max(initial=0.0) for part in parts))

    def load(self, x: FloatArray) -> None:
        """Write values into the Pyomo variables."""
        for variable, value in zip(self.variables, x, strict=True):
            variable.set_value(float(value), skip_validation=True)


def _ipopt_options(mu_strategy: str, scaled: bool = True) -> dict[str, Any]:
    return {
        "expand": True,
        "no_nlp_grad": True,
        "calc_lam_p": False,
        "error_on_fail": False,
        "print_time": False,
        "ipopt": {
            "print_level": 0,
            "sb": "yes",
            "max_iter": 200 if mu_strategy == "adaptive" else 500,
            "nlp_scaling_method": "gradient-based" if scaled else "none",
            "tol": 1e-8,
            "constr_viol_tol": 1e-8,
            "acceptable_iter": 0,
            "bound_relax_factor": 1e-10,
            "mu_strategy": mu_strategy,
        },
    }


def write_nl(model: Any, path: Path) -> list[Any]:
    """Write a model as .nl with nothing presolved away; return its variables in column order."""
    with path.open("w", newline="") as stream:
        info = NLWriter().write(
            model, stream, linear_presolve=False, export_defined_variables=False
        )
    return list(info.variables)


@contextlib.contextmanager
def _nl_file(model: Any) -> Iterator[tuple[Path, list[Any]]]:
    """Write a model as .nl, with an empty objective if it has none; yield path and columns."""
    has_objective = any(True for _ in model.component_data_objects(pyo.Objective, active=True))
    if not has_objective:
        model.compile_objective_ = pyo.Objective(expr=0.0)
    try:
        with tempfile.TemporaryDirectory(prefix="cmgplan-") as folder:
            path = Path(folder) / "model.nl"
            yield path, write_nl(model, path)
    finally:
        if not has_objective:
            model.del_component("compile_objective_")
