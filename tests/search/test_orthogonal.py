"""Orthogonal arrays: balance, strength, exact moments of linear responses, known errors."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.special import ndtr

from cmgplan.errors import InputError
from cmgplan.search.orthogonal import (
    ARRAYS,
    Moments,
    assumed_correlation,
    deviations,
    factors_of,
    latin_hypercube,
    moments,
    most_factors,
    multipliers,
    normal_sample,
    orthogonal_array,
    runs_of,
    strength,
)

SIZES = {"L4": (4, 3), "L8": (8, 7), "L9": (9, 4), "L16": (16, 15), "L27": (27, 13)}


@pytest.mark.parametrize("name", ARRAYS)
def test_columns_are_balanced_and_pairs_orthogonal_at_every_width(name):
    runs, most = SIZES[name]
    assert (runs_of(name), most_factors(name)) == (runs, most)
    levels = ARRAYS[name][0]
    for factors in range(1, most + 1):
        array = orthogonal_array(name, factors)
        assert array.shape == (runs, factors)
        for column in array.T:
            assert np.bincount(column, minlength=levels).tolist() == [runs // levels] * levels
        for a, b in itertools.combinations(array.T, 2):
            pairs = np.bincount(levels * a + b, minlength=levels**2)
            assert pairs.tolist() == [runs // levels**2] * levels**2


@pytest.mark.parametrize("name", ["L8", "L9", "L16", "L27"])
def test_a_linear_response_has_its_mean_and_variance_exactly(name):
    weights = np.array([1.0, 2.0, 3.0, 4.0])
    found = Moments.of(deviations(name, 4) @ weights)
    assert found.mean == pytest.approx(0.0, abs=1e-12)
    assert found.sd**2 == pytest.approx(30.0, rel=1e-12)


def test_l4_has_no_room_for_four_factors_and_says_what_has():
    with pytest.raises(InputError, match=r"L4 has columns for 1 to 3 factors and not 4: take L8"):
        orthogonal_array("L4", 4)
    with pytest.raises(InputError, match="take fewer factors or longer blocks"):
        orthogonal_array("L27", 16)
    with pytest.raises(InputError, match="there is no array L5: take one of L4, L8"):
        orthogonal_array("L5", 2)


def test_the_product_of_two_factors_hides_in_a_third_of_l9_but_not_of_l8_or_l27():
    # y = x1 x2 + x3 has variance 2 for independent factors of variance 1.
    def of(name):
        return Moments.of(deviations(name, 4) @ [0, 0, 1, 0] + deviations(name, 4)[:, :2].prod(1))

    three = orthogonal_array("L9", 3)
    assert strength(three) == 2
    assert all(strength(orthogonal_array(name, 4)) == 3 for name in ("L8", "L16", "L27"))
    assert strength(orthogonal_array("L16", 8)) == 3
    assert of("L8").sd ** 2 == pytest.approx(2.0)
    assert of("L27").sd ** 2 == pytest.approx(2.0)
    # In L9 x1 x2 is correlated with x3 = x1 + x2 (mod 3): the variance is off by half.
    x1, x2, x3 = deviations("L9", 3).T
    covariance = float(np.mean(x1 * x2 * x3))
    assert of("L9").sd ** 2 == pytest.approx(2.0 + 2.0 * covariance)
    assert abs(covariance) == pytest.approx(1.5**1.5 / 3.0)


def test_strength_tells_unbalanced_columns_and_repeated_ones():
    assert strength(np.array([[0], [0], [1]])) == 0
    column = np.array([0, 1, 0, 1])
    assert strength(np.column_stack([column, column])) == 1


def test_a_quadratic_has_its_mean_exactly_with_three_levels():
    x = deviations("L9", 2)
    assert np.mean(x[:, 0] ** 2 + x[:, 1]) == pytest.approx(1.0)


def test_samples_keep_their_seed_and_a_hypercube_fills_every_interval():
    assert (normal_sample(9, 4, 1) == normal_sample(9, 4, 1)).all()
    assert not (normal_sample(9, 4, 1) == normal_sample(9, 4, 2)).any()
    sample = latin_hypercube(10, 3, 4)
    cells = np.floor(10 * ndtr(sample)).astype(int)
    assert all(sorted(column) == list(range(10)) for column in cells.T)
    assert (sample == latin_hypercube(10, 3, 4)).all()


def test_an_array_beats_as_many_samples_on_a_linear_response():
    def response(x):
        return float(10.0 + x @ [4.0, 1.0, -2.0, 0.5])

    exact = moments(deviations("L9", 4), response)
    off = [moments(normal_sample(9, 4, seed), response).mean - 10.0 for seed in range(40)]
    assert exact.mean == pytest.approx(10.0)
    assert exact.sd == pytest.approx(np.sqrt(16 + 1 + 4 + 0.25))
    # The mean of nine samples has the standard error sd / 3.
    assert np.sqrt(np.mean(np.square(off))) == pytest.approx(exact.sd / 3.0, rel=0.35)


def test_blocks_deviate_by_themselves_and_a_day_as_one():
    sd = {"sun": 0.2, "load": 0.1}
    day = factors_of(sd, 24)
    assert [(f.quantity, f.begins, f.ends) for f in day] == [("sun", 0, 24), ("load", 0, 24)]
    quarters = factors_of(sd, 24, 4)
    assert len(quarters) == 8
    by_step = multipliers(np.array([1.0, 0, 0, -1.0, 0, 2.0, 0, 0]), quarters, 24)
    assert by_step["sun"].tolist() == [1.2] * 6 + [1.0] * 12 + [0.8] * 6
    assert by_step["load"].tolist() == [1.0] * 6 + [1.2] * 6 + [1.0] * 12
    assert multipliers(np.array([-9.0, 0.0]), day, 24)["sun"].tolist() == [0.0] * 24
    assert "all 24 steps" in assumed_correlation(1, 24)
    assert "4 blocks of a quantity independently" in assumed_correlation(4, 24)


def test_blocks_that_do_not_divide_and_negative_deviations_are_refused():
    with pytest.raises(InputError, match="24 steps do not divide into 5 blocks: take one of"):
        factors_of({"sun": 0.2}, 24, 5)
    with pytest.raises(InputError, match=r"the deviation of sun is -0\.2: give 0 or more"):
        factors_of({"sun": -0.2}, 24)
