"""Homes that have no day alone under the on/off choices of all homes, or none at all."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from homes_cases import homes_case, random_case
from homes_factories import write_homes
from market_cases import engine, flats, market_case
from test_market_report import command

from cmgplan.homes.case.read import load_homes
from cmgplan.homes.case.records import HomesCase
from cmgplan.market.model.choices import Commitment
from cmgplan.market.model.plant import Plant
from cmgplan.market.model.values import Values, coalitions
from cmgplan.market.pipeline import run_market
from cmgplan.market.report.read_run import read_market
from cmgplan.market.report.run_folder import write_market
from cmgplan.market.report.verify import verify_market
from cmgplan.market.result import MarketOptions, MarketResult

VALUE = 1000.0
"""Value of unserved electricity, p/kWh."""

WORTH = {"unserved_electricity_per_kwh": VALUE, "unserved_heat_per_kwh": 100.0}


def must_run(**keys: Any) -> dict[str, Any]:
    """Return a home whose engine makes 28 kW at least, at 6 p/kWh."""
    return {"id": "A", "chp": [{**engine(50.0, 6.0), "fuel_min_kw": 42.0}], **keys}


def engine_over_a_narrow_connection() -> HomesCase:
    """The retailer takes 10 kW of A's 28 kW and gives B 10 kW of its 100 kW."""
    taker = {"id": "B", "load": [flats(100.0)]}
    return market_case([must_run(), taker], 20.0, 5.0, retailer={"power_max_kw": 10.0})


def engine_without_a_retailer() -> HomesCase:
    homes = [must_run(), {"id": "B", "load": [flats(40.0)]}]
    return homes_case(homes, gas={"price_per_kwh": 4.0}, pool=WORTH)


def job_without_a_source() -> HomesCase:
    """B's job takes 2 kW in one of two hours, and its flats 4 kW in both."""
    job = {"id": "wash", "p_kw": 2.0, "duration_h": 1, "window": [0, 2]}
    homes = [{"id": "A", "chp": [engine(50.0, 6.0)]}]
    homes.append({"id": "B", "job": [job], "load": [flats(4.0)]})
    return homes_case(homes, gas={"price_per_kwh": 4.0}, pool=WORTH, hours=2)


def tank_without_a_source() -> HomesCase:
    """B's tank loses 1 kWh of 10 in an hour and has to end as full as it began."""
    tank = {
        "id": "tank",
        "energy_kwh": 20.0,
        "heat_charge_max_kw": 5.0,
        "heat_discharge_max_kw": 5.0,
        "soc_start": 0.5,
        "retention_per_h": 0.9,
    }
    boiler = {"id": "boiler", "heat_max_kw": 50.0, "efficiency": 0.8}
    homes = [{"id": "A", "gas_boiler": [boiler]}, {"id": "B", "thermal_store": [tank]}]
    return market_case(homes, 20.0, 5.0)


def market_of(case: HomesCase, folder: Path) -> MarketResult:
    """Return the market of a case that was written to a folder and read from there."""
    sections = case.file.model_dump(mode="json", exclude_unset=True)
    hours = "\n".join(str(t) for t in range(case.hours))
    path = write_homes(folder / "case", case=sections, profiles=f"hour\n{hours}\n")
    return run_market(load_homes(path), MarketOptions())


def written(result: MarketResult, folder: Path) -> Path:
    """Return the folder of a run, its page left out."""
    with patch("cmgplan.market.report.run_folder.render_page", return_value=""):
        return write_market(result, folder)


def held(result: MarketResult, folder: Path) -> None:
    """Check incomes between what groups have alone and what there is, and the written run."""
    values, all_homes = result.values, "+".join(sorted(result.case.ids))
    for s in result.structures:
        slack = 0.02 * VALUE  # two steps of 0.01 kW at the dearest price
        leading, following = "+".join(s.leading), "+".join(s.following)
        assert values[leading] - slack <= s.leader_income <= s.bound + 1e-6
        assert s.leader_income + s.follower_income <= values[all_homes] + 1e-6 or not following
        if following:
            assert s.follower_income >= values[following] - 1e-6
            assert s.bound <= values[all_homes] - values[following] + 1e-6
    assert verify_market(read_market(written(result, folder))).passed


def test_an_engine_that_ran_for_others_stands_still_alone(tmp_path: Path) -> None:
    result = market_of(engine_over_a_narrow_connection(), tmp_path)
    # Together: 50 kW at 6 p, 20 kW at 20 p, and 30 kW unserved. Alone A runs nothing.
    together = -(50.0 * 6.0 + 20.0 * 20.0 + 30.0 * VALUE)
    assert result.fixed == {"A.engine": (1,)}
    assert result.values == pytest.approx(
        {"A": 0.0, "B": -(10.0 * 20.0 + 90.0 * VALUE), "A+B": together}
    )
    # A leads with its engine on: 50 kW of its own and 10 kW bought for B at B's 1000 p.
    leads = result.structure("A|B")
    assert leads.own_choices == {}
    assert leads.leader_income == pytest.approx(60.0 * VALUE - 50.0 * 6.0 - 10.0 * 20.0)
    assert result.structure("A").own_choices == {"A.engine": (0,)}
    assert any("A has no day alone with the on/off" in text for text in result.warnings)
    held(result, tmp_path / "run")


def test_homes_without_a_retailer_have_a_market(tmp_path: Path) -> None:
    result = market_of(engine_without_a_retailer(), tmp_path)
    assert result.values == pytest.approx({"A": 0.0, "B": -40.0 * VALUE, "A+B": -40.0 * 6.0})
    assert result.structure("A|B").leader_income == pytest.approx(39.99 * VALUE - 39.99 * 6.0)
    assert result.structure("B|A").own_choices == {"A.engine": (0,)}
    # A follows at rest: with its engine on, B might have earned all but what A has alone.
    might = f"leaders might earn up to {40.0 * VALUE - 40.0 * 6.0:.4g} more"
    assert any("in B|A followers keep" in text and might in text for text in result.warnings)
    assert any("B cannot serve 40 kWh of its electricity" in text for text in result.warnings)
    held(result, tmp_path / "run")


def test_a_job_that_nothing_feeds_comes_from_a_backstop(tmp_path: Path) -> None:
    result = market_of(job_without_a_source(), tmp_path)
    assert result.values == pytest.approx({"A": 0.0, "B": -10.0 * VALUE, "A+B": -10.0 * 6.0})
    assert result.backstopped == ("B",)
    alone = result.structure("B").dispatch
    hour = int(np.argmax(alone.backstop_kw["B"][0]))
    # The job has no other way to be fed; the flats are unserved, or fed from nowhere too.
    assert alone.flows["B", "wash"].p_kw[hour] == pytest.approx(-2.0)
    nowhere = alone.backstop_kw["B"][0] + alone.shifts["B", "electricity-load"].unserved_kw
    assert nowhere.sum() == pytest.approx(10.0)
    assert result.structure("A+B").dispatch.backstop_kw == {}
    assert result.structure("B").income["B"] == pytest.approx(-10.0 * VALUE)
    assert any("what has to run in home B" in text for text in result.warnings)
    held(result, tmp_path / "run")


def test_heat_that_a_tank_loses_comes_from_a_backstop(tmp_path: Path) -> None:
    result = market_of(tank_without_a_source(), tmp_path)
    # 10 kWh keep 9; 1 kWh more at the ceiling of heat, 20 + 5 p, or at 4 / 0.8 p from A.
    assert result.values["B"] == pytest.approx(-25.0)
    assert result.values["A+B"] == pytest.approx(-5.0)
    assert result.structure("B").dispatch.backstop_kw["B"][1] == pytest.approx([1.0])
    held(result, tmp_path / "run")


def test_a_backstop_of_a_home_that_needs_none_is_found(tmp_path: Path) -> None:
    run = written(market_of(job_without_a_source(), tmp_path), tmp_path / "run")
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    record["backstopped"] = []
    (run / "run.json").write_text(json.dumps(record), encoding="utf-8")
    assert not verify_market(read_market(run)).passed


def hard(seed: int) -> HomesCase:
    """Return a random case in which engines run at a least or not, behind narrow connections."""
    case = random_case(seed)
    rng = np.random.default_rng(seed)
    homes = []
    for home in case.homes:
        engines = tuple(
            chp.model_copy(update={"fuel_min_kw": 0.8 * chp.fuel_max_kw}) for chp in home.chp
        )
        homes.append(home.model_copy(update={"chp": engines}))
    assert case.file.retailer is not None
    narrow = {"power_max_kw": float(rng.uniform(0.0, 1.0)), "power_max_total_kw": None}
    retailer = case.file.retailer.model_copy(update=narrow)
    file = case.file.model_copy(update={"home": tuple(homes), "retailer": retailer})
    return replace(case, file=file)


STUCK = (6, 11, 12, 16)


@pytest.mark.parametrize("seed", STUCK)
def test_joining_never_costs_where_homes_make_choices_of_their_own(seed: int) -> None:
    plant = Plant(hard(seed))
    commitment = Commitment(plant)
    assert commitment.stuck
    values = Values(plant, commitment)
    for homes in coalitions(plant.case.ids):
        for size in range(1, len(homes)):
            for part in combinations(homes, size):
                rest = tuple(home for home in homes if home not in part)
                slack = 2e-5 * max(abs(values[homes]), 1.0)  # gap of on/off choices
                assert values[homes] >= values[part] + values[rest] - slack


def hard_folder(folder: Path) -> Path:
    """Return a case without a retailer: an engine at 28 kW or more, a load, a job of 2 kW."""
    job = {"id": "wash", "p_kw": 2.0, "duration_h": 1, "window": [0, 2]}
    edits = {
        "home": [must_run(), {"id": "B", "job": [job], "load": [flats(30.0)]}],
        "time": {"hours": 2},
        "gas": {"price_per_kwh": 0.04},
    }
    file = {"format": 1, "system": "homes", "name": "hard", "currency": "EUR"}
    return write_homes(folder, edits, case=file, profiles="hour\n0\n1\n")


def test_a_case_from_a_folder_runs_is_verified_and_shown(tmp_path: Path) -> None:
    case, out = hard_folder(tmp_path / "case"), tmp_path / "run"
    with (
        patch("cmgplan.page.page.get_plotlyjs", return_value=""),
        patch("cmgplan.market.report.page.MOST_DAYS", 2),
    ):
        assert command("market", case, "--out", out, "--quiet") == 0
    assert command("verify", out) == 0
    run = read_market(out)
    assert run.record.backstopped == ["B"]
    rows = run.tables["dispatch"]
    nowhere = rows[(rows["kind"] == "backstop") & (rows["way"] == "B")]
    told = run.tables["demand_response"]
    unserved = told[(told["way"] == "B") & (told["home"] == "B")]["unserved_kw"]
    assert nowhere["p_kw"].sum() + unserved.sum() == pytest.approx(62.0)
    ledger = run.tables["accounts"]
    own = ledger[(ledger["way"] == "B") & (ledger["reason"] == "unserved")]
    assert own["amount"].sum() == pytest.approx(62.0 * 10.0)
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "makes its own" in page
