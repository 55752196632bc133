"""Tables of a day of homes, against numbers worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from homes_results import COST, EMISSION_KG, by_hand, homes_case

from cmgplan.errors import InputError
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.day.day import Day
from cmgplan.homes.day.read_tables import read_dispatch, require_rows
from cmgplan.homes.day.tables import TABLES, homes_tables
from cmgplan.run.tables import read_csv, write_csv


@pytest.fixture
def case(tmp_path: Path) -> HomesCase:
    return homes_case(tmp_path / "case")


def test_the_ledger_holds_what_the_day_costs(case: HomesCase) -> None:
    tables = homes_tables(case, [Day("optimum", by_hand(case))])
    by_reason = tables["accounts"].groupby("reason")["amount"].sum()
    assert by_reason.to_dict() == pytest.approx(
        {"purchase": 4.84, "sale": 0.393, "gas": 2.825, "shift": 0.02, "unserved": 0.6}
    )
    incomes = tables["income"].set_index("home")["total"]
    assert incomes["A"] + incomes["B"] == pytest.approx(-COST)
    assert incomes["retailer"] == pytest.approx(4.84 - 0.393)


def test_trade_in_the_pool_is_paid_only_where_it_has_a_price(case: HomesCase) -> None:
    price = {"electricity": np.full(4, 0.2), "heat": np.full(4, 0.05)}
    free = homes_tables(case, [Day("optimum", by_hand(case))])["accounts"]
    paid = homes_tables(case, [Day("market", by_hand(case), price)])["accounts"]
    assert "pool" not in set(free["reason"])
    pool = paid[paid["reason"] == "pool"].set_index(["hour", "carrier"]).sort_index()
    assert pool.loc[(2, "electricity"), ["from", "to", "kwh"]].tolist() == ["B", "A", 4.38]
    assert pool.loc[(2, "electricity"), "amount"] == pytest.approx(4.38 * 0.2)
    assert pool.loc[(0, "heat"), ["from", "to", "amount"]].tolist() == ["A", "B", 0.1]


def test_emissions_follow_the_exact_formulas(case: HomesCase) -> None:
    tables = homes_tables(case, [Day("optimum", by_hand(case), emission_weight=0.1)])
    rows = tables["dispatch"].set_index(["device", "hour"]).sort_index()
    assert rows.loc[("engine", 2), "emission_kg"].item() == pytest.approx(0.002 * 64 + 0.1 * 8)
    assert rows.loc[("boiler", 1), "emission_kg"].item() == pytest.approx(4 / 0.8 * 0.2)
    total = rows["emission_kg"].sum() + tables["exchange"]["emission_kg"].sum()
    assert total == pytest.approx(EMISSION_KG)
    accounts = tables["accounts"]
    priced = accounts.loc[accounts["reason"] == "emission", "amount"].sum()
    assert priced == pytest.approx(0.1 * EMISSION_KG)


def test_what_is_lost_is_visible(case: HomesCase) -> None:
    tables = homes_tables(case, [Day("optimum", by_hand(case))])
    rows = tables["dispatch"].set_index(["home", "device", "hour"]).sort_index()
    assert rows.loc[("A", "dump", 2), "heat_kw"] == -0.5
    assert rows.loc[("A", "flats", 2), ["p_kw", "unserved_kw", "down_kw"]].tolist() == [-7, 1, 2]
    assert rows.loc[("A", "roof", 2), "curtailed_kw"] == 2.0
    response = tables["demand_response"].set_index(["home", "carrier", "hour"]).sort_index()
    assert response.loc[("A", "electricity", 2)].tolist()[1:] == [10, 8, 0, 2, 1]


def test_hours_may_be_shorter_than_one(case: HomesCase) -> None:
    file = case.file.model_copy(update={"time": case.file.time.model_copy(update={"dt_h": 0.5})})
    halves = homes_tables(replace(case, file=file), [Day("optimum", by_hand(case))])
    assert halves["income"].set_index("home").loc[["A", "B"], "total"].sum() == pytest.approx(
        -COST / 2
    )


def test_tables_are_read_back_as_the_day_they_came_from(case: HomesCase, tmp_path: Path) -> None:
    day = by_hand(case)
    for stem, table in homes_tables(case, [Day("optimum", day)]).items():
        write_csv(table, TABLES[stem], tmp_path / f"{stem}.csv")
    tables = {stem: read_csv(form, tmp_path / f"{stem}.csv", "") for stem, form in TABLES.items()}
    require_rows(case, tables, {"optimum": case.ids})
    again = read_dispatch(case, tables, "optimum", case.ids)
    for key, flows in day.flows.items():
        for name in ("p_kw", "heat_kw", "fuel_kw"):
            np.testing.assert_allclose(getattr(again.flows[key], name), getattr(flows, name))
    for home, exchange in day.exchange.items():
        np.testing.assert_allclose(again.exchange[home].pool_heat_kw, exchange.pool_heat_kw)
    np.testing.assert_allclose(again.shifts["A", "flats"].down_kw, [0, 0, 2, 0])
    np.testing.assert_allclose(again.dumped_kw["A"], [0, 0, 0.5, 0])
    np.testing.assert_allclose(again.state["B", "battery"], [6.8, 6.8, 5, 5])


def test_a_missing_or_a_foreign_row_is_named(case: HomesCase) -> None:
    tables = homes_tables(case, [Day("optimum", by_hand(case))])
    ways = {"optimum": case.ids}
    fewer = {**tables, "dispatch": tables["dispatch"].drop(index=0)}
    with pytest.raises(InputError, match=r"dispatch\.csv.*hour 0, home A, device flats.*missing"):
        require_rows(case, fewer, ways)
    poorer = {**tables, "income": tables["income"].query("home != 'retailer'")}
    with pytest.raises(InputError, match=r"income\.csv: the row of .*home retailer is missing"):
        require_rows(case, poorer, ways)
    table = tables["exchange"].copy()
    table.loc[0, "home"] = "C"
    with pytest.raises(InputError, match=r"exchange\.csv.*home C does not belong"):
        require_rows(case, {**tables, "exchange": table}, ways)
