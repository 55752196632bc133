"""What multipliers prove, whoever gave them."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.optimize import linprog

from cmgplan.solve.cones import Rows
from cmgplan.solve.dual_bound import DualBound, implied_bounds


def random_problem(seed: int) -> tuple[DualBound, np.ndarray]:
    rng = np.random.default_rng(seed)
    matrix = sp.csr_array(rng.normal(size=(6, 10)))
    inside = matrix @ rng.uniform(-1.0, 1.0, 10)
    limits = DualBound(matrix, inside - 0.1, inside + 0.2, np.full(10, -1.0), np.full(10, 1.0))
    return limits, rng.normal(size=10)


@pytest.mark.parametrize("seed", range(5))
def test_the_optimum_is_proven_by_its_multipliers_and_never_exceeded(seed: int) -> None:
    it, prices = random_problem(seed)
    both = sp.vstack([it.matrix, -it.matrix])
    ends = np.concatenate([it.row_upper, -it.row_lower])
    answer = linprog(prices, A_ub=both, b_ub=ends, bounds=[(-1.0, 1.0)] * 10)
    duals = answer.ineqlin.marginals
    multipliers = duals[:6] - duals[6:]
    proven = it.bound(prices, multipliers)
    assert proven == pytest.approx(answer.fun, abs=1e-9)
    rng = np.random.default_rng(seed)
    for size in (1e-6, 1e-2, 1.0):
        worse = it.bound(prices, multipliers + size * rng.normal(size=6))
        assert worse is not None
        assert worse <= answer.fun + 1e-12


def test_a_column_without_bounds_needs_its_exact_multiplier() -> None:
    """Minimise x with x - y = 1 and y in [2, 3]: only the multiplier 1 proves anything."""
    it = DualBound(
        sp.csr_array([[1.0, -1.0]]),
        np.array([1.0]),
        np.array([1.0]),
        np.array([-np.inf, 2.0]),
        np.array([np.inf, 3.0]),
    )
    prices = np.array([1.0, 0.0])
    assert it.bound(prices, np.array([1.0])) == pytest.approx(3.0)
    assert it.bound(prices, np.array([0.9])) is None
    low, high = implied_bounds(Rows(it.matrix, it.row_lower, it.row_upper), it.lower, it.upper)
    assert (low[0], high[0]) == (3.0, 4.0)


def test_infeasibility_is_proven_only_where_it_is_no_rounding() -> None:
    def of(limit: float) -> DualBound:
        """Return x + y >= limit with x, y in [0, 1]."""
        one, inf = np.ones(2), np.array([np.inf])
        return DualBound(sp.csr_array([[1.0, 1.0]]), np.array([limit]), inf, 0 * one, one)

    assert of(2.1).excludes(np.array([1.0]))
    assert not of(2.1).excludes(np.array([-1.0]))
    assert not of(2.0 + 1e-9).excludes(np.array([1.0]))
    assert not of(1.9).excludes(np.array([1.0]))
