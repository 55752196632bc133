"""Units for HiGHS: the same rows, without tiny coefficients, also those of Level 4."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from generated import generated_case

from cmgplan.network.feeder import build_feeder
from cmgplan.planning.case import load_case
from cmgplan.planning.case.records import Case
from cmgplan.planning.model.grid_models import convex_model, linear_problem
from cmgplan.planning.model.switches import allow
from cmgplan.solve.cones import Rows
from cmgplan.solve.scaling import MOST, column_units, in_units

EVERY_KIND = ("microgrid", "cluster", "grid")


def random_rows(seed: int) -> tuple[Rows, np.ndarray, np.ndarray]:
    """Return rows with coefficients over twelve decades, one empty, which columns are integer."""
    rng = np.random.default_rng(seed)
    dense = rng.normal(size=(12, 9)) * (rng.random((12, 9)) < 0.4)
    dense *= 10.0 ** rng.uniform(-6.0, 6.0, 9)
    dense[5] = 0.0
    lower = np.where(rng.random(12) < 0.5, -np.inf, -rng.random(12))
    rows = Rows(sp.csr_array(dense), lower, rng.random(12))
    return rows, rng.random(9) < 0.3, rng.normal(size=9)


@pytest.mark.parametrize("seed", range(10))
def test_rows_in_units_are_the_same_rows(seed: int) -> None:
    rows, integer, x = random_rows(seed)
    unit = column_units(rows.matrix, integer)
    assert np.all(unit[integer] == 1.0)
    assert np.all(np.frexp(unit)[0] == 0.5)
    assert unit.min() >= 1.0 / MOST
    assert unit.max() <= MOST
    passed = in_units(rows, unit)
    factor = passed.upper / rows.upper
    assert np.all(np.frexp(factor)[0] == 0.5)
    np.testing.assert_array_equal(passed.lower, rows.lower * factor)
    np.testing.assert_allclose(passed.matrix @ (x / unit), factor * (rows.matrix @ x), rtol=1e-12)
    entries = np.abs(passed.matrix.data)
    wide = np.abs(rows.matrix.data[rows.matrix.data != 0.0])
    assert entries.max() / entries.min() <= wide.max() / wide.min()


@pytest.mark.parametrize("case", ["ieee94", "ieee33", "generated"])
def test_level_4_has_no_tiny_coefficients(case: str) -> None:
    found: Case = (
        generated_case(3, microgrids=4, hours=4) if case == "generated" else load_case(Path(case))
    )
    options = found.options.model_copy(update={"operation_cost_usd": 0.02})
    convex = convex_model(found, options, build_feeder(found), allow(found, EVERY_KIND))
    problem = linear_problem(convex)
    before = np.concatenate([np.abs(rows.matrix.data) for rows in problem.rows])
    entries = np.concatenate([np.abs(problem.passed(rows).matrix.data) for rows in problem.rows])
    assert before[before > 0.0].min() < 1e-6
    assert entries.min() > 1e-3
    assert entries.max() < 1e3
