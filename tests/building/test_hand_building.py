"""Two units solved by hand: every step of the rules, together and alone."""

from __future__ import annotations

import numpy as np
import pytest
from building_days import by_rules, hand_case

from cmgplan.arrays import FloatArray
from cmgplan.building.model.state import DayState
from cmgplan.building.rules.day import STEPS
from cmgplan.building.rules.money import day_ledger, unit_money

CASE = hand_case()
POOL = CASE.file.pool


@pytest.fixture(scope="module")
def together() -> DayState:
    return by_rules(CASE)


@pytest.fixture(scope="module")
def alone() -> DayState:
    return by_rules(CASE, (0,), (1,))


def first_hours(values: FloatArray, hours: int = 3) -> list[list[float]]:
    return [[round(float(value), 9) for value in row[:hours]] for row in values]


def test_the_sun_of_one_unit_goes_to_the_other(together: DayState) -> None:
    steps = together.steps
    assert first_hours(steps["E1"].p_kw) == [[-1, -4, -4], [1, -1, -4]]
    assert first_hours(steps["E3"].p_kw) == [[1, 0, 0], [-1, 0, 0]]
    assert first_hours(steps["E3"].left_kw) == [[0, -4, -4], [0, -1, -4]]
    assert not steps["E4"].p_kw.any()


def test_own_engines_then_those_of_others(together: DayState) -> None:
    steps = together.steps
    assert first_hours(steps["E6"].p_kw) == [[0, 2, 2], [0, 1, 2]]
    assert first_hours(steps["E7"].p_kw) == [[0, 0, 0], [0, 1, 0]]
    assert first_hours(steps["E7"].pool_kw) == [[0, -1, 0], [0, 1, 0]]
    assert first_hours(steps["E7"].left_kw) == [[0, -1, -2], [0, 0, -2]]


def test_batteries_charge_from_spare_engines_and_serve_the_dearest_hour(
    together: DayState,
) -> None:
    steps = together.steps
    # 2 + 2 kW are spare in hour 0; the batteries take their ratings, each engine gives 1.5 kW.
    assert first_hours(steps["E9"].p_kw) == [[-2, 0, 0], [-1, 0, 0]]
    assert first_hours(steps["E9"].pool_kw) == [[-0.5, 0, 0], [0.5, 0, 0]]
    assert first_hours(together.engine_kw) == [[1.5, 2, 2], [1.5, 2, 2]]
    assert first_hours(steps["E10"].p_kw) == [[0, 0, 2], [0, 0, 1]]
    # 3 kWh for 4 kWh of shortage, in proportion: 0.5 kWh each are left.
    assert first_hours(steps["E11"].p_kw) == [[0, 1, 0.5], [0, 0, 0.5]]
    # Blind charging: without any load left the batteries charge on in hour 3.
    assert steps["E9"].p_kw[:, 3:].tolist() == [[-2.0, *[0.0] * 20], [-1.0, *[0.0] * 20]]
    assert together.batteries.energy_kwh[:, -1] == pytest.approx([2.0, 1.0])


def test_heat_is_exchanged_stored_and_boiled(together: DayState) -> None:
    steps = together.steps
    assert first_hours(steps["T1"].left_heat_kw) == [[0.875, -2.5, -5.5], [1.875, 1.5, -3.5]]
    assert first_hours(steps["T2"].pool_heat_kw) == [[0, -1.5, 0], [0, 1.5, 0]]
    # Tanks of 2 kWh each take the 2.75 kWh of hour 0 in halves.
    assert first_hours(steps["T3"].heat_kw) == [[-1.375, 1.0, 0.375], [-1.375, 0, 1.375]]
    assert first_hours(steps["T4"].heat_kw) == [[0, 0, 2], [0, 0, 2]]
    assert first_hours(-together.short_heat_kw) == [[0, 0, -3.125], [0, 0, -0.125]]


def test_money_of_the_coalition(together: DayState) -> None:
    money = unit_money(together, POOL)
    assert money.cost[0, :3] == pytest.approx([0.108, 0.209, 0.093])
    assert money.cost[1, :3] == pytest.approx([-0.018, -0.039, 0.147])
    assert money.pool.sum(axis=0) == pytest.approx(np.zeros(24), abs=1e-12)


def test_the_ledger_tells_the_same(together: DayState) -> None:
    entries = day_ledger(together, "coalition", POOL)
    paid = entries[(entries["hour"] == 1) & (entries["reason"] == "pool")]
    rows = {row["carrier"]: row for row in paid.to_dict("records")}
    assert set(rows) == {"electricity", "heat"}
    assert (rows["electricity"]["from"], rows["electricity"]["to"]) == ("1", "2")
    assert rows["electricity"]["amount"] == pytest.approx(0.9 * 0.05)
    assert rows["heat"]["amount"] == pytest.approx(1.5 * 3 * 0.012)
    counted = entries[entries["reason"] != "unserved"]
    received = counted.groupby("to")["amount"].sum()
    cost = counted.groupby("from")["amount"].sum().sub(received, fill_value=0.0)
    expected = unit_money(together, POOL).cost.sum(axis=1)
    assert [cost["1"], cost["2"]] == pytest.approx(expected)


def test_alone_each_uses_what_it_has(alone: DayState) -> None:
    steps = alone.steps
    assert first_hours(steps["E4"].p_kw) == [[0, 0, 0], [-1, 0, 0]]
    assert first_hours(steps["E5"].p_kw) == [[0, 0, 0], [0, 1, 0]]
    assert first_hours(steps["E11"].p_kw) == [[0, 2, 1], [0, 0, 2]]
    assert alone.imported_kw.sum() == pytest.approx(5.0)
    assert alone.short_heat_kw.sum(axis=1) == pytest.approx([3.5, 1.5])
    assert np.maximum(alone.heat_kw, 0.0).sum(axis=0)[3] == pytest.approx(0.5)
    assert all(not alone.steps[name].pool_kw.any() for name in STEPS)


def test_together_buys_less(together: DayState, alone: DayState) -> None:
    assert together.imported_kw.sum() == pytest.approx(2.0)
    assert together.imported_kw.sum() < alone.imported_kw.sum()
