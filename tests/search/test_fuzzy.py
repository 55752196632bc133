"""Fuzzy max-min choice: the known answer of the paper's Table 2, ties, gaps, bad tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cmgplan.errors import InputError
from cmgplan.search.fuzzy import choose, memberships
from cmgplan.search.table import read_solutions, select

NAMES = ["gc_usd", "ec_usd", "loss_kwh"]
TABLE_2 = """point,gc_usd,ec_usd,loss_kwh
1,3362.821,120.907,0
2,3380.424,15.178,0.034
3,3398.027,-27.489,0.069
4,3415.631,-47.337,0.103
5,3433.234,-80.409,0.138
6,3450.837,-101.464,0.172
7,3468.44,-134.323,0.207
8,3486.044,-140.519,0.241
9,3503.647,-157.785,0.276
10,3521.25,-164.402,0.31
"""


@pytest.fixture
def table_2(tmp_path: Path) -> Path:
    path = tmp_path / "table2.csv"
    path.write_text(TABLE_2)
    return path


def test_table_2_of_the_paper_gives_solution_4(table_2: Path) -> None:
    chosen = select(read_solutions(table_2, NAMES))
    assert chosen["selected"]["row"] == 4
    assert chosen["selected"]["point"] == 4
    assert chosen["selected"]["gc_usd"] == 3415.631
    assert chosen["mu_min"] == pytest.approx(0.5897, abs=5e-5)
    assert chosen["mu_min"] == chosen["memberships"][3]["ec_usd"]
    assert len(chosen["memberships"]) == 10


def test_the_misprinted_membership_of_solution_7_is_a_third(table_2: Path) -> None:
    mu = memberships(read_solutions(table_2, NAMES).values)
    assert mu[6, 0] == pytest.approx(0.333, abs=5e-4)


def test_the_ends_are_one_and_zero() -> None:
    np.testing.assert_allclose(memberships([[1.0], [3.0], [5.0]])[:, 0], [1.0, 0.5, 0.0])


def test_a_constant_objective_satisfies_everyone() -> None:
    mu = memberships([[1.0, 7.0], [2.0, 7.0], [3.0, 7.0]])
    np.testing.assert_array_equal(mu[:, 1], 1.0)
    assert choose([[1.0, 7.0], [2.0, 7.0]]).row == 0


def test_of_equals_the_first_is_chosen() -> None:
    assert choose([[0.0, 1.0], [0.5, 0.5], [0.5, 0.5], [1.0, 0.0]]).row == 1


def test_a_row_without_values_counts_for_nothing() -> None:
    whole = [[0.0, 10.0], [4.0, 5.0], [10.0, 0.0]]
    with_gap = [whole[0], [np.nan, -90.0], *whole[1:]]
    choice = choose(with_gap)
    assert choice.row == 2
    assert np.isnan(choice.memberships[1]).all()
    assert np.isnan(choice.row_mu_min[1])
    np.testing.assert_array_equal(np.delete(choice.memberships, 1, axis=0), memberships(whole))


def test_scaling_an_objective_changes_nothing() -> None:
    rng = np.random.default_rng(5)
    values = rng.normal(size=(20, 3))
    scaled = values * [1e-3, 1.0, 1e4] + [5.0, -2.0, 0.0]
    np.testing.assert_allclose(memberships(values), memberships(scaled), atol=1e-9)


def test_no_row_with_values_is_refused() -> None:
    with pytest.raises(InputError, match="nothing to choose"):
        choose([[np.nan, 1.0], [2.0, np.nan]])


def test_an_empty_cell_gives_null_memberships(tmp_path: Path) -> None:
    path = tmp_path / "gaps.csv"
    path.write_text("name,a,b\nx,1,4\ny,,\nz,2,3\n")
    chosen = select(read_solutions(path, ["a", "b"]))
    assert chosen["memberships"][1] is None
    assert chosen["selected"] == {"name": "x", "a": 1, "b": 4, "row": 1}


@pytest.mark.parametrize(
    ("text", "columns", "message"),
    [
        ("a,b\n1,2\n", ["a", "c"], "there is no column c; its columns are a, b"),
        ("a,b\n1,2\n3,x\n", ["a", "b"], "row 3, column b: 'x' is not a number"),
        ("a,b\n1,inf\n", ["a", "b"], "row 2, column b: 'inf' is not finite"),
        ("a,b\n", ["a"], "no rows under the header"),
        ("", ["a"], "is empty"),
        ("a,b\n1,2,3\n", ["a"], "row 2: 3 cells under 2 columns"),
        ("a,a\n1,2\n", ["a"], "two columns share a name"),
        ("a,b\n1,2\n", [], "no column to minimise"),
        ("a,b\n1,2\n", ["a", "a"], "column a is named twice"),
    ],
)
def test_a_bad_table_is_explained(
    tmp_path: Path, text: str, columns: list[str], message: str
) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_solutions(path, columns)


def test_a_missing_table_is_explained(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        read_solutions(tmp_path / "none.csv", ["a"])
