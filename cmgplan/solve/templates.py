"""Ipopt on a model of repeated functions, compiled once and solved as often as needed."""

from __future__ import annotations

import contextlib
import io
import time
from dataclasses import dataclass
from typing import Any

import casadi as ca
import numpy as np
import scipy.sparse as sp

from cmgplan.arrays import FloatArray
from cmgplan.solve.outcome import Multipliers, Outcome, Stop
from cmgplan.solve.self_test import check_ipopt
from cmgplan.solve.template_derivatives import compiled
from cmgplan.solve.template_model import Copies, Instance, TemplateModel
from cmgplan.solve.time_limit import UNLIMITED, TimeLimit, lateness
from cmgplan.solve.watch import Watch

__all__ = ["ADAPTIVE", "Copies", "Instance", "Strategy", "TemplateModel", "TemplateProblem"]

ACCEPTED_BREAK = 1e-6
"""Largest break of a row or bound with which an answer is accepted."""

NO_TIME = "no time was left"

STATUS = {
    "Solve_Succeeded": Stop.LOCAL_OPTIMUM,
    "Solved_To_Acceptable_Level": Stop.LOCAL_OPTIMUM,
    "Feasible_Point_Found": Stop.FEASIBLE,
    "Infeasible_Problem_Detected": Stop.LOCALLY_INFEASIBLE,
    "Maximum_Iterations_Exceeded": Stop.LIMIT,
    "Maximum_CpuTime_Exceeded": Stop.LIMIT,
    "Maximum_WallTime_Exceeded": Stop.LIMIT,
}


@dataclass(frozen=True)
class Strategy:
    """How Ipopt goes about a problem.

    Attributes
    ----------
    max_iter
        Iterations after which it gives up.
    options
        Further options of Ipopt with their values.
    accepted_break
        Largest break of a row or bound with which an answer is accepted.
    """

    max_iter: int = 300
    options: tuple[tuple[str, str | float], ...] = ()
    accepted_break: float = ACCEPTED_BREAK

    @classmethod
    def warm(cls, max_iter: int, push: float) -> Strategy:
        """Return the one that begins at an answer of a similar problem, moved inwards by push."""
        moved = ("bound_push", "bound_frac", "slack_bound_push", "slack_bound_frac")
        pushes = tuple((f"warm_start_{name}", push) for name in (*moved, "mult_bound_push"))
        return cls(max_iter, (*ADAPTIVE, ("warm_start_init_point", "yes"), *pushes))


ADAPTIVE = (("mu_strategy", "adaptive"),)
COLD = Strategy(options=ADAPTIVE)


class TemplateProblem:
    """A compiled template model; solve it as often as needed, from one thread at a time."""

    def __init__(self, model: TemplateModel) -> None:
        check_ipopt()
        begun = time.perf_counter()
        self._nlp, self._derivatives = compiled(
            TemplateModel(
                sp.csr_array(model.linear), tuple(c for c in model.copies if c.columns.size)
            )
        )
        self._solvers: dict[tuple[Strategy, bool], Any] = {}
        height, width = model.linear.shape
        self._shape = (width, height)
        self._watch: Watch | None = None
        self._solver(COLD)
        self.compile_s = time.perf_counter() - begun

    def _solver(self, strategy: Strategy, watch: Watch | None = None) -> Any:
        """Return Ipopt with a strategy, made when first asked for."""
        key = (strategy, watch is not None)
        if key not in self._solvers:
            options = {**_options(strategy), **self._derivatives}
            if watch is not None:
                options["iteration_callback"] = watch
            self._solvers[key] = ca.nlpsol("opf", "ipopt", self._nlp, options)
        return self._solvers[key]

    def _watching(self, limit: TimeLimit) -> Watch | None:
        """Return what looks at a limit, None if there is nothing to look at."""
        if not limit.watched:
            return None
        if self._watch is None:
            self._watch = Watch(*self._shape)
        self._watch.begin(limit)
        return self._watch

    def solve(
        self, instance: Instance, strategy: Strategy = COLD, limit: TimeLimit = UNLIMITED
    ) -> Outcome:
        """Minimise; the outcome is accepted only if the answer holds every row and bound.

        The time limit is looked at between two iterations. It ends a solve and changes none.

        Raises
        ------
        KeyboardInterrupt
            When the user interrupts Ipopt, which would otherwise swallow it.
        """
        begun = time.perf_counter()
        it = instance
        if limit.over:
            return Outcome(Stop.LIMIT, None, None, None, "Ipopt", NO_TIME)
        left_s, watch = limit.left_s, self._watching(limit)
        solver = self._solver(strategy, watch)
        duals = it.multipliers
        known = {} if duals is None else {"lam_x0": duals.bounds, "lam_g0": duals.rows}
        # CasADi warns of too many equations, which the outcome tells as well.
        try:
            with contextlib.redirect_stderr(io.StringIO()):
                answer = solver(
                    x0=np.clip(it.start, it.lbx, it.ubx),
                    **known,
                    p=np.concatenate([it.linear, it.quadratic]),
                    lbx=it.lbx,
                    ubx=it.ubx,
                    lbg=it.lbg,
                    ubg=it.ubg,
                )
        except RuntimeError as error:  # of CasADi, with many lines of C++ places
            told = str(error).strip().splitlines()[-1:]
            message = f"broke off: {' '.join(told)}"
            return Outcome(Stop.ERROR, None, None, None, "Ipopt", message)
        stats = solver.stats()
        status = str(stats["return_status"])
        if watch is not None and watch.ended and status == "User_Requested_Stop":
            status = "Maximum_WallTime_Exceeded"
        if status in ("NonIpopt_Exception_Thrown", "User_Requested_Stop"):
            raise KeyboardInterrupt
        x, g = _flat(answer["x"]), _flat(answer["g"])
        off = _largest_break(it, x, g)
        stop = STATUS.get(status, Stop.ERROR)
        if not off <= strategy.accepted_break:
            stop = Stop.ERROR if stop in (Stop.LOCAL_OPTIMUM, Stop.FEASIBLE) else stop
        elif stop is Stop.LIMIT:
            stop = Stop.FEASIBLE
        held = stop in (Stop.LOCAL_OPTIMUM, Stop.FEASIBLE)
        wall_s = time.perf_counter() - begun
        return Outcome(
            stop=stop,
            value=it.constant + float((it.linear + it.quadratic * x) @ x) if held else None,
            bound=None,
            x=x if held else None,
            solver="Ipopt",
            message=f"{status}, largest break {off:.2e}{lateness('Ipopt', wall_s, left_s)}",
            wall_s=wall_s,
            iterations=int(stats["iter_count"]),
            multipliers=Multipliers(_flat(answer["lam_x"]), _flat(answer["lam_g"]))
            if held
            else None,
            broken=off,
        )

    def derivatives(
        self, x: FloatArray, prices: FloatArray, multipliers: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return rows, Jacobian and Hessian of the Lagrangian, dense, as Ipopt sees them.

        ``prices`` is linear and quadratic prices, one after the other.
        """
        rows, jacobian = self._solver(COLD).get_function("nlp_jac_g")(x, prices)
        upper = self._solver(COLD).get_function("nlp_hess_l")(x, prices, 1.0, multipliers)
        half = np.asarray(ca.densify(upper), dtype=np.float64)
        return (
            np.asarray(rows, dtype=np.float64).ravel(),
            np.asarray(ca.densify(jacobian), dtype=np.float64),
            half + np.triu(half, 1).T,
        )


def _largest_break(it: Instance, x: FloatArray, g: FloatArray) -> float:
    parts = (it.lbg - g, g - it.ubg, it.lbx - x, x - it.ubx)
    # Not Python's max: what it makes of a number that is none depends on the order.
    return float(np.max([part.max(initial=0.0) for part in parts]))


def _flat(column: Any) -> FloatArray:
    return np.asarray(column, dtype=np.float64).ravel()


def _options(strategy: Strategy) -> dict[str, Any]:
    return {
        "calc_lam_p": False,
        "error_on_fail": False,
        "print_time": False,
        "ipopt": {
            "print_level": 0,
            "sb": "yes",
            "max_iter": strategy.max_iter,
            "tol": 1e-7,  # a tighter one doubles the iterations and changes no digit that counts
            "constr_viol_tol": 1e-8,
            "acceptable_iter": 0,
            "bound_relax_factor": 1e-10,
            **dict(strategy.options),
        },
    }
