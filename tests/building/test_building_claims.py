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
feeder_module = importlib.import_module("paper_claims.feeder")
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


def test_what_is_printed_of_the_feeders_is_near() -> None:
    """Deviations and energies not supplied are, though nothing is fitted to them.

    Heads are counted as printed where as many units lack power; which do depends on the curves.
    """
    claims = {claim.name: claim for claim in feeder_module.feeder_claims()}
    assert len(claims) == 13
    apart = [name for name, claim in claims.items() if claim.same is False]
    assert apart == [
        "15bus: dissatisfied customers in scenarios 1, 2, 3",
        "33bus: dissatisfied customers in scenarios 1, 2, 3",
        "33bus: energy and heads of scenarios 2 and 3 over 1, less 1, %",
        "69bus, four buildings a bus: less current with a coalition, and alone, %",
    ]
    ens = claims["33bus: energy not supplied in scenarios 1, 2, 3, kWh"].values["ens_chp_kwh"]
    assert ens == pytest.approx([442.2006, 482.004, 1095.6096], rel=0.05)
    deviation = claims["33bus: voltage deviation, scenario 3 over 1 and over 2, less 1, %"].values
    assert deviation["purchases_alone"] == pytest.approx([101.68, 93.19], abs=0.01)
    heads = [c.values["nodc"] for name, c in claims.items() if "from units that lack" in name]
    assert heads == [[21, 27, 45], [96, 108, 180]]
