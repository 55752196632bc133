"""The epsilon-constraint search against an oracle that looks through a list."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pytest

from cmgplan.search.epsilon import (
    GIVE_WAY,
    NoSolutionError,
    Range,
    augmented,
    covers,
    diagonal_caps,
    grid_caps,
    leaves_nothing,
    lexicographic_weights,
    payoff_table,
)

NAMES = ("a", "b", "c")
ORDERS = (("a", "b", "c"), ("b", "a", "c"), ("c", "b", "a"))

Vector = Mapping[str, float]


@dataclass(frozen=True)
class Found:
    values: Vector | None


class ListOracle:
    """Knows every solution there is."""

    def __init__(self, *solutions: tuple[float, float, float]) -> None:
        self.solutions = [dict(zip(NAMES, s, strict=True)) for s in solutions]
        self.asked: list[str] = []

    def minimise(self, weights: Vector, caps: Vector, *, label: str) -> Found:
        self.asked.append(label)
        meeting = [s for s in self.solutions if all(s[n] <= cap for n, cap in caps.items())]
        return (
            Found(min(meeting, key=lambda s: sum(w * s[n] for n, w in weights.items())))
            if (meeting)
            else Found(None)
        )


def random_front(seed: int, count: int = 60) -> ListOracle:
    """Points on the positive part of a sphere: every one is efficient."""
    rng = np.random.default_rng(seed)
    points = np.abs(rng.normal(size=(count, 3)))
    points = 100.0 * (1.0 - points / np.linalg.norm(points, axis=1, keepdims=True))
    return ListOracle(*(tuple(map(float, p)) for p in points))


def test_payoff_table_of_three_corners() -> None:
    oracle = ListOracle((0, 10, 7), (10, 0, 5), (6, 8, 0), (9, 9, 9))
    payoff = payoff_table(oracle, ORDERS)
    assert payoff.corners[ORDERS[0]] == {"a": 0, "b": 10, "c": 7}
    assert payoff.corners[ORDERS[1]] == {"a": 10, "b": 0, "c": 5}
    assert payoff.corners[ORDERS[2]] == {"a": 6, "b": 8, "c": 0}
    assert payoff.ranges == {"a": Range(0, 10), "b": Range(0, 10), "c": Range(0, 7)}
    assert payoff.ranges["c"].width == 7


def test_payoff_table_breaks_ties_in_the_stated_order() -> None:
    oracle = ListOracle((0, 10, 0), (0, 4, 9), (10, 0, 3), (12, 0, 1), (9, 9, 0))
    payoff = payoff_table(oracle, ORDERS)
    assert payoff.corners["a", "b", "c"] == {"a": 0, "b": 4, "c": 9}
    assert payoff.corners["b", "a", "c"] == {"a": 10, "b": 0, "c": 3}
    assert payoff.corners["c", "b", "a"] == {"a": 9, "b": 9, "c": 0}


def test_an_objective_gives_way_by_its_small_share_and_no_more() -> None:
    width = 100.0
    near, far = 0.5 * GIVE_WAY * width, 5.0 * GIVE_WAY * width
    ends = [(width, 0, 50), (60, width, 0)]
    generous = payoff_table(ListOracle((0, width, 9), (near, 0, 9), *ends), ORDERS)
    assert generous.corners["a", "b", "c"]["a"] == near
    strict = payoff_table(ListOracle((0, width, 9), (far, 0, 9), *ends), ORDERS)
    assert strict.corners["a", "b", "c"]["a"] == 0


@pytest.mark.parametrize("seed", range(5))
def test_corners_give_way_by_no_more_than_the_share_on_random_fronts(seed: int) -> None:
    oracle = random_front(seed)
    payoff = payoff_table(oracle, ORDERS)
    for order, corner in payoff.corners.items():
        first = order[0]
        least = min(s[first] for s in oracle.solutions)
        assert corner[first] - least <= 2.0 * GIVE_WAY * payoff.ranges[first].width
        assert payoff.ranges[first].min == least


def test_lexicographic_weights_fall_by_the_share() -> None:
    ranges = {"a": Range(0, 10), "b": Range(-1, 1), "c": Range(3, 3)}
    weights = lexicographic_weights(("b", "a"), ranges, give_way=0.01)
    assert weights == {"b": pytest.approx(0.5), "a": pytest.approx(0.001)}
    assert np.isfinite(lexicographic_weights(("c",), ranges)["c"])


def test_no_solution_says_where_the_search_stood() -> None:
    with pytest.raises(NoSolutionError, match="no solution for a") as raised:
        payoff_table(ListOracle(), ORDERS)
    assert raised.value.label == "a"
    assert raised.value.answer.values is None


def test_diagonal_steps_equally_from_start_to_end() -> None:
    start, end = {"a": 0.0, "c": 4.0}, {"a": 9.0, "c": 1.0}
    ranges = {"a": Range(0, 10), "c": Range(0, 5)}
    caps = list(diagonal_caps(start, end, ("a", "c"), ranges, 4))
    np.testing.assert_allclose([c["a"] for c in caps], [0, 3, 6, 9], atol=2e-5)
    # c is already larger at the start than at the end: its cap stays.
    np.testing.assert_allclose([c["c"] for c in caps], [4, 4, 4, 4], atol=2e-5)


def test_start_stays_feasible_throughout_the_diagonal() -> None:
    start, end = {"a": 1.0, "c": 4.0}, {"a": 9.0, "c": 6.0}
    ranges = {"a": Range(0, 10), "c": Range(4, 4)}
    for caps in diagonal_caps(start, end, ("a", "c"), ranges, 10):
        assert all(start[n] < cap for n, cap in caps.items())
        assert caps["a"] - 1e-4 <= end["a"]


def test_grid_holds_every_combination() -> None:
    ranges = {"a": Range(0, 10), "c": Range(-2, 2)}
    caps = [(c["a"], c["c"]) for c in grid_caps(("a", "c"), ranges, 3)]
    expected = list(itertools.product([10, 5, 0], [2, 0, -2]))
    np.testing.assert_allclose(caps, expected, atol=2e-5)
    assert all(a > 0 and c > -2 for a, c in caps)


def test_which_questions_an_answer_spares() -> None:
    loose, values = {"a": 10.0, "c": 5.0}, {"a": 4.0, "b": 1.0, "c": 3.0}
    assert covers(loose, values, {"a": 4.0, "c": 5.0})
    assert covers(loose, values, {"a": 10.0, "c": 3.0 - 1e-7})
    assert not covers(loose, values, {"a": 3.9, "c": 5.0})
    assert not covers(loose, values, {"a": 10.5, "c": 5.0})
    assert leaves_nothing(loose, {"a": 10.0, "c": 4.0})
    assert not leaves_nothing(loose, {"a": 1.0, "c": 5.1})


def test_augmented_objective_avoids_weakly_efficient_points() -> None:
    oracle = ListOracle((9, 1, 9), (5, 1, 5), (2, 8, 2))
    ranges = {"a": Range(2, 9), "b": Range(1, 8), "c": Range(2, 9)}
    plain = oracle.minimise({"b": 1.0}, {}, label="plain").values
    assert plain == {"a": 9, "b": 1, "c": 9}
    chosen = oracle.minimise(augmented("b", NAMES, ranges), {}, label="augmented").values
    assert chosen == {"a": 5, "b": 1, "c": 5}


@pytest.mark.parametrize("seed", range(5))
def test_augmented_goal_gives_way_by_at_most_its_share(seed: int) -> None:
    oracle = random_front(seed)
    ranges = payoff_table(oracle, ORDERS).ranges
    share = 1e-4
    weights = augmented("b", NAMES, ranges, share)
    for caps in grid_caps(("a", "c"), ranges, 4):
        best = oracle.minimise({"b": 1.0}, caps, label="plain").values
        chosen = oracle.minimise(weights, caps, label="augmented").values
        assert (best is None) == (chosen is None)
        if best is not None and chosen is not None:
            assert chosen["b"] - best["b"] <= 2.0 * share * ranges["b"].width


def test_augmented_leaves_out_objectives_without_a_range() -> None:
    ranges = {"a": Range(1, 1), "b": Range(0, 4), "c": Range(0, 2)}
    assert augmented("b", NAMES, ranges) == {"b": 1.0, "c": pytest.approx(2e-4)}
