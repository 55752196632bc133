"""A case that lacks less than solvers resolve is infeasible, and told so with limit and amount."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from plans import connect, quick

from cmgplan.errors import InfeasibleError
from cmgplan.network.feeder import build_feeder
from cmgplan.planning.case import Case, load_case
from cmgplan.planning.levels.front import solve_front
from cmgplan.planning.model.switches import allow
from cmgplan.planning.why.at_the_edge import explain_edge
from cmgplan.planning.why.mend import mended

FOLDER = Path(__file__).parents[1] / "data" / "cases" / "short-by-1e-7-kva"
EVERY_KIND = ("microgrid", "cluster", "grid")
DEMAND_KW = 100.0
"""Of MG1, which has a PCC and nothing else."""


@cache
def case() -> Case:
    return load_case(FOLDER)


def rated(pcc_kva: float) -> Case:
    """Return the case with another rating of PCC1."""
    first, *others = case().file.microgrid
    pcc = first.pcc.model_copy(update={"rating_kva": pcc_kva})
    microgrids = (first.model_copy(update={"pcc": pcc}), *others)
    return replace(case(), file=case().file.model_copy(update={"microgrid": microgrids}))


def told(given: Case) -> InfeasibleError:
    options = quick(given, time_limit_s=10.0, points=2)
    with pytest.raises(InfeasibleError) as raised:
        solve_front(connect(given, options), options, lambda *news: None)
    return raised.value


def test_the_lack_of_1e_7_kva_is_told_with_its_mend() -> None:
    error = told(case())
    assert error.exit_code == 3
    assert error.explanation is not None
    assert "lacks 1e-07 kVA at the rating of PCC1" in error.explanation.reason
    (way,) = error.explanation.ways
    (limit,) = way.limits
    assert (limit.kind, limit.place, limit.amount) == ("pcc", "PCC1", 0.01)
    wider = mended(case(), way.limits)
    options = quick(wider, time_limit_s=10.0)
    answer = connect(wider, options).minimise({"gc_usd": 1.0}, {}, label="mended")
    assert answer.operation is not None
    assert answer.operation.p_pcc_kw["MG1"].min() == pytest.approx(-DEMAND_KW, abs=1e-6)


def test_a_larger_lack_under_what_the_relaxation_resolves_is_told_by_its_size() -> None:
    error = told(rated(DEMAND_KW - 5e-4))
    assert error.explanation is not None
    assert "lacks 5e-04 kVA at the rating of PCC1" in error.explanation.reason


@pytest.mark.parametrize("pcc_kva", [DEMAND_KW, DEMAND_KW - 0.1])
def test_what_suffices_or_is_proven_short_is_not_on_the_edge(pcc_kva: float) -> None:
    given = rated(pcc_kva)
    mask = allow(given, EVERY_KIND)
    assert explain_edge(given, quick(given), build_feeder(given), mask) is None
