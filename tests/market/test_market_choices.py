"""On/off choices keep to the time that was given, and what they leave open is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from homes_factories import write_homes
from market_cases import generator_for_a_load
from test_market_report import held

from cmgplan.errors import LimitError
from cmgplan.homes.case.read import load_homes
from cmgplan.homes.case.records import HomesCase
from cmgplan.market import pipeline
from cmgplan.market.leading.doubts import of_homes
from cmgplan.market.leading.uniform import Uniform
from cmgplan.market.model.choices import Commitment
from cmgplan.market.model.plant import Plant
from cmgplan.market.report.run_folder import write_market
from cmgplan.market.result import MarketOptions

NO_TIME_S = 1e-9


@pytest.fixture(scope="module")
def best(tmp_path_factory: pytest.TempPathFactory) -> Plant:
    return Plant(load_homes(write_homes(tmp_path_factory.mktemp("case"))))


@pytest.fixture(scope="module")
def poor(best: Plant) -> Plant:
    """The same homes, whose dishwasher runs in the two dear hours in place of the cheap ones."""
    job = best.fixed["A.dishwasher"]
    assert job == (1, 0, 0, 0)
    return Plant(best.case, {**best.fixed, "A.dishwasher": (0, 0, 1, 0)})


def test_choices_that_were_not_found_in_time_are_said_to_be_missing(best: Plant) -> None:
    with pytest.raises(LimitError, match=r"no on/off choices of all homes .*--time-limit"):
        Plant(best.case, time_limit_s=NO_TIME_S)


def test_choices_over_which_the_time_ran_out_have_a_gap(best: Plant, poor: Plant) -> None:
    early = Plant(best.case, time_limit_s=NO_TIME_S, start=poor)
    assert (early.fixed, early.fixing_s > 0.0) == (poor.fixed, True)
    cost, least = early.cost_of(best.case.ids), best.cost_of(best.case.ids)
    assert cost > least + 0.1
    assert early.fixing_gap >= (cost - least) / max(abs(cost), 1.0) - 1e-9
    (text,) = (text for text in of_homes(Commitment(early)) if "time ran out" in text)
    assert f"their gap is {100.0 * early.fixing_gap:.3g} %" in text
    assert best.fixing_gap == 0.0
    assert not any("time ran out" in text for text in of_homes(Commitment(best)))


def test_a_run_of_such_choices_is_verified_within_their_gap(
    best: Plant, poor: Plant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hurried(case: HomesCase, *, time_limit_s: float) -> Plant:
        assert time_limit_s == 30.0
        return Plant(case, time_limit_s=NO_TIME_S, start=poor)

    monkeypatch.setattr(pipeline, "Plant", hurried)
    result = pipeline.run_market(best.case, MarketOptions(structures=("A+B",)))
    assert result.fixed_gap > 1e-3
    run = write_market(result, tmp_path / "run")
    assert held(run)
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    assert record["fixed_gap"] == result.fixed_gap
    assert any("on/off choices of all homes" in text for text in record["warnings"])
    record["fixed_gap"] = 0.0
    (run / "run.json").write_text(json.dumps(record), encoding="utf-8")
    assert not held(run)


def test_what_choices_take_comes_off_the_time_of_the_structures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """20 s of two searches of 60 s each: 50 s are left for either."""
    given: list[float] = []

    class Timed(Uniform):
        def __init__(self, *groups: Any, time_limit_s: float, **more: Any) -> None:
            given.append(time_limit_s)
            super().__init__(*groups, time_limit_s=time_limit_s, **more)

    def slow(case: HomesCase, *, time_limit_s: float) -> Plant:
        plant = Plant(case, time_limit_s=time_limit_s)
        plant.fixing_s = 20.0
        return plant

    monkeypatch.setattr(pipeline, "Plant", slow)
    monkeypatch.setattr(pipeline, "Uniform", Timed)
    options = MarketOptions(structures=("A|B", "B|A", "A"))
    pipeline.run_market(generator_for_a_load(), options)
    assert given == pytest.approx([50.0, 50.0])
