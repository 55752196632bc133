"""Population methods: known optima, budgets, seeds, limits."""

from __future__ import annotations

import numpy as np
import pytest

from cmgplan.errors import InputError
from cmgplan.search.heuristics.methods import METHODS, method_of
from cmgplan.search.heuristics.protocol import NO_BREACH, Question, best_of, better


def free(value):
    return lambda x: (value(x), np.zeros(len(x)))


def sphere(x):
    return ((x - 0.3) ** 2).sum(axis=1)


def rosenbrock(x):
    return (100.0 * (x[:, 1:] - x[:, :-1] ** 2) ** 2 + (1.0 - x[:, :-1]) ** 2).sum(axis=1)


def box(value, dimensions, low, high):
    return Question(free(value), np.full(dimensions, low), np.full(dimensions, high))


@pytest.mark.parametrize("name", METHODS)
def test_the_sphere_is_brought_to_its_least(name):
    found = METHODS[name](box(sphere, 8, -1.0, 2.0), 8000, seed=1)
    assert found.breach == 0.0
    assert found.value < {"de": 1e-8, "pso": 1e-8, "bat": 1e-2, "climb": 1e-2}[name]
    assert found.x == pytest.approx(np.full(8, 0.3), abs=0.1)


@pytest.mark.parametrize("name", METHODS)
def test_the_valley_of_rosenbrock_is_followed_to_its_end(name):
    found = METHODS[name](box(rosenbrock, 2, -2.0, 2.0), 6000, seed=2)
    assert found.value < {"de": 1e-12, "pso": 1e-6, "bat": 1e-2, "climb": 1e-2}[name]
    assert found.x == pytest.approx([1.0, 1.0], abs=0.2)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("evaluations", [1, 49, 50, 137])
def test_a_budget_is_used_exactly_the_first_population_counted(name, evaluations):
    asked = []

    def counted(x):
        asked.append(len(x))
        return sphere(x), np.zeros(len(x))

    found = METHODS[name](Question.on_unit_cube(counted, 5), evaluations, seed=3)
    assert sum(asked) == found.evaluations == evaluations
    assert found.history[-1] == evaluations
    assert found.best[-1] == found.value == sphere(found.x[None])[0]
    assert (np.diff(found.best) <= 0.0).all()


def test_a_population_that_has_contracted_does_not_end_the_budget():
    found = METHODS["de"](box(lambda x: np.zeros(len(x)), 3, 0.0, 1.0), 500, seed=0)
    assert found.evaluations == 500


@pytest.mark.parametrize("name", METHODS)
def test_a_seed_gives_one_answer_and_another_seed_another(name):
    a, b, c = (METHODS[name](box(sphere, 6, 0.0, 1.0), 400, seed=s) for s in (5, 5, 6))
    assert (a.x == b.x).all()
    assert (a.best == b.best).all()
    assert not (a.x == c.x).all()


@pytest.mark.parametrize("name", METHODS)
def test_a_limit_that_cuts_off_the_least_value_is_kept(name):
    # min x1 + x2 with x1 x2 >= 1/4 in the unit square: 1 at (1/2, 1/2).
    question = Question.on_unit_cube(lambda x: (x.sum(axis=1), 0.25 - x.prod(axis=1)), 2)
    found = METHODS[name](question, 4000, seed=4)
    assert found.breach <= NO_BREACH
    assert found.x.prod() >= 0.25 - NO_BREACH
    assert found.value == pytest.approx(1.0, abs=5e-3)


@pytest.mark.parametrize("name", METHODS)
def test_limits_that_no_point_keeps_are_missed_by_least(name):
    question = Question.on_unit_cube(lambda x: (-x[:, 0], 1.0 + x[:, 0]), 2)
    found = METHODS[name](question, 1500, seed=4)
    assert found.breach == pytest.approx(1.0, abs=0.01)
    assert np.isnan(found.best).all()


@pytest.mark.parametrize("name", METHODS)
def test_a_start_is_evaluated_first_and_never_lost(name):
    start = np.full(40, 0.31)
    found = METHODS[name](box(sphere, 40, 0.0, 1.0), 100, seed=1, start=start)
    assert found.value <= 40 * 0.01**2 + 1e-12
    assert found.best[0] == pytest.approx(40 * 0.01**2)


def test_starts_that_do_not_fit_and_unknown_methods_are_refused():
    with pytest.raises(InputError, match="have 3 coordinates: give 2 to each"):
        METHODS["pso"](box(sphere, 2, 0.0, 1.0), 100, seed=1, start=np.zeros(3))
    with pytest.raises(InputError, match="outside the bounds: move them inside"):
        METHODS["pso"](box(sphere, 2, 0.0, 1.0), 100, seed=1, start=np.full(2, 1.5))
    with pytest.raises(InputError, match="0 evaluations: give 1 or more"):
        METHODS["pso"](box(sphere, 2, 0.0, 1.0), 0, seed=1)
    with pytest.raises(InputError, match="there is no method ga: take one of de, bat"):
        method_of("ga")


def test_feasible_points_beat_others_whatever_their_value():
    value, breach = np.array([5.0, -9.0, 4.0, -99.0]), np.array([0.0, 0.2, 0.0, 0.1])
    assert best_of(value, breach) == 2
    assert better(value[:1], breach[:1], value[1:2], breach[1:2])[0]
    assert better(value[3:], breach[3:], value[1:2], breach[1:2])[0]
    assert not better(value[:1], breach[:1], value[2:3], breach[2:3])[0]
