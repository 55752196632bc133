"""Tables of a run of the building pass the checks that every run of homes has to pass."""

from __future__ import annotations

import numpy as np
import pytest

from cmgplan.building.pipeline import run_building
from cmgplan.building.result import WAYS, BuildingOptions, BuildingResult
from cmgplan.building.tables import TABLES, building_tables
from cmgplan.homes.accounts.check import check_balance
from cmgplan.homes.case.read import load_homes
from cmgplan.homes.day.day import Day
from cmgplan.homes.day.verify_day import check_balances, check_trade
from cmgplan.homes.day.verify_devices import check_devices


@pytest.fixture(scope="module", params=["apartment5", "hmg3", "two-homes"])
def result(request: pytest.FixtureRequest) -> BuildingResult:
    return run_building(load_homes(request.param), BuildingOptions(priced=False))


def test_devices_balances_and_trade_hold(result: BuildingResult) -> None:
    for way in WAYS:
        day = Day(way, result.dispatch[way])
        checks = [
            *check_devices(result.case, day),
            *check_balances(result.case, day),
            check_trade(result.case, day),
        ]
        assert [check for check in checks if not check.passed] == []


def test_the_accounts_balance(result: BuildingResult) -> None:
    tables, case = building_tables(result), result.case
    homes = {way: list(case.ids) for way in WAYS}
    findings = check_balance(
        tables["accounts"], tables["income"], tables["exchange"], homes, case.dt_h
    )
    assert findings == []
    rows = tables["income"].to_dict("records")
    paid = {(row["way"], row["home"]): row["total"] - row["other"] for row in rows}
    for unit, costs in result.units.items():
        for way in WAYS:
            assert paid[way, unit] == pytest.approx(-costs[way])


def test_tables_have_the_columns_that_are_told(result: BuildingResult) -> None:
    tables = building_tables(result)
    assert list(tables) == list(TABLES)
    for stem, form in TABLES.items():
        assert list(tables[stem].columns) == list(form.columns), stem
        assert not tables[stem].duplicated(list(form.key)).any(), stem
    steps = tables["steps"]
    assert len(steps) == 2 * 18 * result.case.hours * len(result.case.ids)
    # What steps let units buy and sell is what they exchange, where no heat is made of power.
    if result.case.name == "apartment5":
        by_unit = steps[steps["step"].isin(["E11", "E12", "E13"])]
        net = by_unit.groupby(["way", "hour", "unit"])["p_kw"].sum()
        exchange = tables["exchange"].set_index(["way", "hour", "home"])
        told = exchange["import_kw"] - exchange["export_kw"]
        assert np.abs((net - told.reindex(net.index)).to_numpy()).max() < 1e-8
