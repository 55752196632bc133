"""The publication's claims of its building beside a run of the fitted day."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from cmgplan.building.pipeline import run_building
from cmgplan.building.result import BuildingOptions, BuildingResult
from cmgplan.homes.case.read import load_homes

SCRIPTS = Path(__file__).parents[2] / "scripts"
sys.path.insert(0, str(SCRIPTS))
claims_module = importlib.import_module("paper_claims.building")
sys.path.remove(str(SCRIPTS))


@pytest.fixture(scope="module")
def result() -> BuildingResult:
    return run_building(load_homes("apartment5"), BuildingOptions(days=31, priced=False))


def test_what_is_printed_of_the_day_and_the_month_comes_out(result: BuildingResult) -> None:
    claims = claims_module.building_claims(result.summary(), result.steps())
    assert len(claims) == 17
    assert [claim.name for claim in claims if claim.same is not True] == []


def test_another_day_does_not_give_the_printed_totals() -> None:
    other = run_building(load_homes("two-homes"), BuildingOptions(days=2, priced=False))
    claims = claims_module.building_claims(other.summary(), other.steps())
    day, month = claims[:13], claims[13:]
    assert sum(claim.same is True for claim in day) == 0
    assert {claim.same for claim in month} == {None}
    assert "2 stochastic days" in month[0].ours
