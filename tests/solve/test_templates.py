"""Derivatives gathered from repeated functions, against differences."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from cmgplan.solve.outcome import Stop
from cmgplan.solve.templates import Copies, Instance, TemplateModel, TemplateProblem


def rosenbrock_terms(x: list, p: list, ops: object) -> list:
    """Return p0 (x1 - x0^2)^2 + (1 - x0)^2 and sin(x0) cos(x1)."""
    return [
        p[0] * (x[1] - x[0] * x[0]) ** 2 + (1 - x[0]) ** 2,
        ops.sin(x[0]) * ops.cos(x[1]),
    ]


def model() -> TemplateModel:
    """Three overlapping copies, a column used twice by one of them, weights other than one."""
    columns = np.array([[0, 1, 2], [1, 2, 2]])
    rng = np.random.default_rng(3)
    scatter = sp.csr_array(rng.standard_normal((4, 6)))
    linear = sp.csr_array(np.array([[1.0, 0, -2], [0, 0, 0], [0, 3.0, 0], [0, 0, 0]]))
    copies = Copies(rosenbrock_terms, columns, np.array([[1.0, 2.0, 3.0]]), scatter)
    return TemplateModel(linear, (copies,))


def test_jacobian_and_hessian_agree_with_differences() -> None:
    problem = TemplateProblem(model())
    rng = np.random.default_rng(5)
    x, multipliers, prices = rng.standard_normal(3), rng.standard_normal(4), rng.standard_normal(6)

    def jacobian(at: np.ndarray) -> np.ndarray:
        return problem.derivatives(at, prices, multipliers)[1]

    rows, first, second = problem.derivatives(x, prices, multipliers)
    step = 1e-6
    for k, direction in enumerate(np.eye(3)):
        ahead = problem.derivatives(x + step * direction, prices, multipliers)
        behind = problem.derivatives(x - step * direction, prices, multipliers)
        slope = (ahead[0] - behind[0]) / (2 * step)
        np.testing.assert_allclose(first[:, k], slope, atol=1e-7)
        gradient = multipliers @ (ahead[1] - behind[1]) / (2 * step)
        gradient[k] += 2 * prices[3 + k]
        np.testing.assert_allclose(second[:, k], gradient, atol=1e-6)
    assert rows.shape == (4,)


def test_a_quadratic_objective_under_a_nonlinear_row() -> None:
    """Nearest point to the origin with sin(x) cos(y) = 0.5 and y = 0: x = pi/6."""
    scatter = sp.csr_array(np.array([[0.0, 1.0], [0.0, 0.0]]))
    linear = sp.csr_array(np.array([[0.0, 0.0], [0.0, 1.0]]))
    copies = Copies(rosenbrock_terms, np.array([[0], [1]]), np.array([[1.0]]), scatter)
    problem = TemplateProblem(TemplateModel(linear, (copies,)))
    target = np.array([0.5, 0.0])
    free = np.full(2, np.inf)
    instance = Instance(
        -free, free, target, target, np.zeros(2), np.ones(2), 1.0, np.array([0.1, 0.1])
    )
    outcome = problem.solve(instance)
    assert outcome.stop is Stop.LOCAL_OPTIMUM
    np.testing.assert_allclose(outcome.values(), [np.pi / 6, 0.0], atol=1e-7)
    np.testing.assert_allclose(outcome.value, 1.0 + (np.pi / 6) ** 2, rtol=1e-7)


def test_an_impossible_row_is_locally_infeasible() -> None:
    scatter = sp.csr_array(np.array([[0.0, 1.0]]))
    copies = Copies(rosenbrock_terms, np.array([[0], [1]]), np.array([[1.0]]), scatter)
    problem = TemplateProblem(TemplateModel(sp.csr_array((1, 2)), (copies,)))
    two = np.array([2.0])
    box = np.full(2, 3.0)
    instance = Instance(-box, box, two, two, np.zeros(2), np.zeros(2), 0.0, np.array([0.1, 0.2]))
    outcome = problem.solve(instance)
    assert outcome.stop is Stop.LOCALLY_INFEASIBLE
    assert outcome.x is None
