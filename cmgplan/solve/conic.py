"""Convex problems with rotated cones, their optima bounded and their infeasibility proven.

Large ones are solved by Clarabel, whose multipliers prove what they prove without any other
solver. Small ones, and those at which it gets no further, are solved by Ipopt and certified by
one linear problem: at the optimum of a convex problem the linear problem of all tangents there
has the same optimum. Every tangent contains the whole convex set, so a lower bound of the linear
problem is one of the convex problem, whatever Ipopt's tolerance left over. HiGHS gives the
multipliers. What multipliers prove is calculated from them anew, so that no solver's tolerances
matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import highspy
import numpy as np
import scipy.sparse as sp

from cmgplan.arrays import FloatArray
from cmgplan.solve.cones import Rows
from cmgplan.solve.conic_proof import PRECISE, Certificate, certificate, without_prices
from cmgplan.solve.dual_bound import DualBound, implied_bounds
from cmgplan.solve.highs import linear_program, pass_rows, run_highs, set_time_limit
from cmgplan.solve.outcome import Outcome, Stop
from cmgplan.solve.rotated_cones import RotatedCones
from cmgplan.solve.templates import COLD, Copies, Instance, TemplateModel, TemplateProblem
from cmgplan.solve.time_limit import UNLIMITED, TimeLimit

MAX_ROUNDS = 40
"""Rounds of tangents in which infeasibility is looked for."""

INTERIOR_POINT_COLUMNS = 2000
"""Columns over which HiGHS's interior point method is faster than its simplex method."""

LARGE = 4000
"""Columns over which Clarabel is asked first: it takes a fifth of the time and less."""

CLOSE, NEARLY = 1e-6, 1e-3
"""Relative distances of Clarabel's bound to its value: over the first it is asked once more with
other settings, over the second another solver."""

BROKEN = 1e-7
"""Break of a cone over which it gets another tangent."""


def _cone(x: Sequence[Any], p: Sequence[Any], ops: Any) -> list[Any]:
    return [x[0] * x[0] + x[1] * x[1] - p[0] * x[2] * x[3]]


class ConicProblem:
    """Linear rows and rotated cones; compiled once, solved for other bounds and prices.

    Parameters
    ----------
    linear
        Matrix of the linear rows, shape (m, n).
    cones
        Cones over the same columns.
    """

    def __init__(self, linear: sp.csr_array, cones: RotatedCones) -> None:
        self._linear, self._cones = linear, cones
        m, n = linear.shape
        count = len(cones.k)
        rows = sp.csr_array(sp.vstack([linear, sp.csr_array((count, n))], format="csr"))
        scatter = sp.csr_array(
            (np.ones(count), (m + np.arange(count), np.arange(count))), shape=(m + count, count)
        )
        columns = np.array([cones.u, cones.v, cones.a, cones.b])
        copies = Copies(_cone, columns, cones.k[None, :], scatter)
        self._problem = TemplateProblem(TemplateModel(rows, (copies,)))

    def solve(self, instance: Instance, limit: TimeLimit = UNLIMITED) -> Outcome:
        """Return the optimum with its proven bound; ``instance`` bounds the linear rows only.

        There is no bound where the limit of time comes before one.
        """
        first = self._solved_by_cones(instance, limit) if self._large else None
        if first is not None and _is_within(NEARLY, first):
            return first
        outcome = self._solved_by_ipopt(instance, limit)
        if outcome.accepted:
            bound = self._certified(instance, outcome.values(), limit)
            outcome = replace(outcome, bound=bound)
        return outcome if first is None or _lower(first, outcome) else first

    def optimum(self, instance: Instance, limit: TimeLimit = UNLIMITED) -> Outcome:
        """Return the optimum of the solver that is likelier the faster, without any proof."""
        found = self._solved_by_cones(instance, limit) if self._large else None
        return self._solved_by_ipopt(instance, limit) if found is None else found

    @property
    def _large(self) -> bool:
        return int(self._linear.shape[1]) > LARGE

    def _solved_by_cones(self, it: Instance, limit: TimeLimit) -> Outcome | None:
        """Return Clarabel's point with the best bound that its multipliers prove, or None.

        They prove theirs also where it got no further; what that leaves is small mostly.
        """
        best: Outcome | None = None
        for settings in PRECISE:
            found = certificate(self._linear, self._cones, it, settings, limit.left_s)
            if found.stop is Stop.INFEASIBLE or limit.over:
                break
            outcome = self._proven(it, found)
            if outcome.accepted and (best is None or _lower(best, outcome)):
                best = outcome
            if found.stop is Stop.OPTIMAL and _is_within(CLOSE, outcome):
                break
        return best

    def _proven(self, it: Instance, found: Certificate) -> Outcome:
        """Return a point of Clarabel and the bound that its multipliers prove."""
        prices, constant = _tangent_prices(it, found.x)
        proven = self._dual(it, found.tangents).bound(prices, found.multipliers)
        outcome = Outcome(
            stop=Stop.FEASIBLE,
            value=it.constant + float((it.linear + it.quadratic * found.x) @ found.x),
            bound=None if proven is None else proven + constant,
            x=found.x,
            solver="Clarabel",
            message=found.message,
        )
        if found.stop is Stop.OPTIMAL:
            return replace(outcome, stop=Stop.OPTIMAL)
        return outcome if _is_within(NEARLY, outcome) else replace(outcome, stop=Stop.ERROR)

    def _solved_by_ipopt(self, instance: Instance, limit: TimeLimit) -> Outcome:
        count = len(self._cones.k)
        whole = replace(
            instance,
            lbg=np.concatenate([instance.lbg, np.full(count, -np.inf)]),
            ubg=np.concatenate([instance.ubg, np.zeros(count)]),
        )
        return self._problem.solve(whole, COLD, limit)

    def _certified(self, it: Instance, x: FloatArray, limit: TimeLimit) -> float | None:
        """Return what the linear problem of the tangents at x proves, None if it proves nothing."""
        prices, constant = _tangent_prices(it, x)
        tangents = self._cones.tangents(x)
        h = self._linear_problem(it, prices)
        h.setOptionValue("solver", "ipm" if len(x) > INTERIOR_POINT_COLUMNS else "simplex")
        pass_rows(h, tangents)
        set_time_limit(h, _finite(limit), mixed=False)
        run_highs(h)
        if h.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return None
        duals = np.asarray(h.getSolution().row_dual, dtype=np.float64)
        proven = self._dual(it, tangents).bound(prices, duals)
        return None if proven is None else proven + constant

    def proves_infeasible(
        self, it: Instance, rounds: int = MAX_ROUNDS, limit: TimeLimit = UNLIMITED
    ) -> bool:
        """Return whether it is proven that nothing is feasible.

        Of a large problem Clarabel says which it is, and its multipliers must prove it. Else, and
        where it does not know, tangents are added until they leave nothing.
        """
        if self._large:
            any_point = without_prices(it)
            for settings in PRECISE:
                found = certificate(self._linear, self._cones, any_point, settings, limit.left_s)
                if found.stop is Stop.OPTIMAL:
                    return False
                if found.stop is Stop.INFEASIBLE and self._excluded(it, found):
                    return True
        return self._cut_to_nothing(it, rounds, limit)

    def _excluded(self, it: Instance, found: Certificate) -> bool:
        return self._dual(it, found.tangents).excludes(found.multipliers)

    def _cut_to_nothing(self, it: Instance, rounds: int, limit: TimeLimit) -> bool:
        """Return whether tangents alone leave nothing, which proves that nothing is feasible."""
        h = self._linear_problem(it, np.zeros_like(it.linear))
        tangents = [self._cones.tangents(it.start)]
        pass_rows(h, tangents[0])
        for _ in range(rounds):
            if limit.over:
                return False
            limit.pulse()
            set_time_limit(h, _finite(limit), mixed=False)
            run_highs(h)
            status = h.getModelStatus()
            if status == highspy.HighsModelStatus.kInfeasible:
                return self._confirmed(h, self._dual(it, *tangents), limit)
            if status != highspy.HighsModelStatus.kOptimal:
                return False
            x = np.asarray(h.getSolution().col_value, dtype=np.float64)
            broken = self._cones.residual(x) < -BROKEN
            if not broken.any():
                return False
            tangents.append(self._cones.chosen(broken).tangents(x))
            pass_rows(h, tangents[-1])
        return False

    def _confirmed(self, h: Any, dual: DualBound, limit: TimeLimit) -> bool:
        """Return whether a combination of the rows, calculated anew, cannot be met."""
        _, has_ray, ray = h.getDualRay()
        if not has_ray:  # found in presolve, which keeps none
            h.setOptionValue("presolve", "off")
            h.setOptionValue("solver", "simplex")
            set_time_limit(h, _finite(limit), mixed=False)
            run_highs(h)
            _, has_ray, ray = h.getDualRay()
        if not has_ray:
            return False
        direction = np.asarray(ray, dtype=np.float64)
        return any(dual.excludes(sign * direction) for sign in (1.0, -1.0))

    def _dual(self, it: Instance, *tangents: Rows) -> DualBound:
        rows = [Rows(self._linear, it.lbg, it.ubg), *tangents]
        return DualBound(
            sp.csr_array(sp.vstack([part.matrix for part in rows], format="csr")),
            np.concatenate([part.lower for part in rows]),
            np.concatenate([part.upper for part in rows]),
            *implied_bounds(rows[0], it.lbx, it.ubx),
        )

    def _linear_problem(self, it: Instance, prices: FloatArray) -> Any:
        return linear_program(prices, it.lbx, it.ubx, [Rows(self._linear, it.lbg, it.ubg)])


def _tangent_prices(it: Instance, x: FloatArray) -> tuple[FloatArray, float]:
    """Return prices and constant of the objective's tangent at x, which is nowhere above it."""
    return it.linear + 2.0 * it.quadratic * x, it.constant - float(it.quadratic @ x**2)


def _is_within(share: float, outcome: Outcome) -> bool:
    """Return whether the bound leaves no more than a share of the value."""
    if outcome.bound is None or outcome.value is None:
        return False
    return outcome.value - outcome.bound <= share * max(abs(outcome.value), 1.0)


def _lower(one: Outcome, other: Outcome) -> bool:
    """Return whether one proves no more than the other."""
    return one.bound is None or (other.bound is not None and one.bound <= other.bound)


def _finite(limit: TimeLimit) -> float | None:
    """Return the seconds left as HiGHS is told them."""
    return limit.left_s if np.isfinite(limit.left_s) else None
