"""The apartment building on the day fitted to its publication's totals."""

from __future__ import annotations

import numpy as np
import pytest
from building_days import by_rules

from cmgplan.building.model.state import DayState
from cmgplan.building.rules.dispatch import as_dispatch
from cmgplan.building.rules.indicators import indicators
from cmgplan.building.rules.totals import cost_by_unit, steps_table, totals
from cmgplan.homes.accounts.money import cost_of_day
from cmgplan.homes.case.read import check_homes, load_homes

CASE = load_homes("apartment5")
POOL = CASE.file.pool
ALONE = ((0,), (1,), (2,), (3,), (4,))
ELECTRIC, SOLD, HEAT, MONEY = 0.05, 0.2, 0.8, 0.01

PRINTED: tuple[tuple[str, float, float, float], ...] = (
    ("spare_chp_kwh", 122.3, 149.14, ELECTRIC),
    ("battery_charge_kwh", 84.0, 67.08, ELECTRIC),
    ("battery_discharge_kwh", 65.6, 35.25, ELECTRIC),
    ("grid_kwh", 1.5, 58.69, ELECTRIC),
    ("chp_kwh", 648.84, 634.02, SOLD),
    ("heat_short_1_kwh", 189.76, 207.19, HEAT),
    ("heat_short_2_kwh", 169.34, 207.19, HEAT),
    ("boiler_kwh", 160.90, 188.31, HEAT),
    ("heat_unserved_kwh", 0.0, 18.87, HEAT),
    ("heat_dumped_kwh", 0.0, 0.0, HEAT),
    ("cost", 23.95, 25.60, MONEY),
)
"""Printed totals with and without the coalition, and the tolerance that the fit reaches."""


@pytest.fixture(scope="module")
def together() -> DayState:
    return by_rules(CASE)


@pytest.fixture(scope="module")
def alone() -> DayState:
    return by_rules(CASE, *ALONE)


def test_the_case_is_sound() -> None:
    assert check_homes("apartment5") == []


def test_the_engines_are_sized_by_gas(together: DayState, alone: DayState) -> None:
    capacity = 24.0 * together.plant.engines.p_max_kw.sum()
    assert capacity == pytest.approx(660.96)  # 0.34 * 81 kW * 24 h
    # What units used before storage, by the printed spare capacity: 538.66 and 511.82 kWh.
    for day, spare in ((together, 122.3), (alone, 149.14)):
        used = (day.steps["E6"].p_kw + day.steps["E7"].p_kw).sum()
        assert used == pytest.approx(capacity - spare, abs=ELECTRIC)


def test_both_modes_serve_the_same_deficit(together: DayState, alone: DayState) -> None:
    printed = (538.66 + 22.5 + 65.6 + 1.5, 511.82 + 22.5 + 35.25 + 58.69)
    assert printed == pytest.approx((628.26, 628.26))
    for day in (together, alone):
        steps = day.steps
        served = sum(steps[name].p_kw.sum() for name in ("E6", "E7", "E8", "E10", "E11"))
        assert served == pytest.approx(-np.minimum(steps["E3"].left_kw, 0.0).sum())
        assert served == pytest.approx(628.26, abs=0.02)
        assert steps["E8"].p_kw.sum() == pytest.approx(5 * 4.5)


def test_heat_follows_all_that_the_engines_put_out(together: DayState, alone: DayState) -> None:
    engines = together.plant.engines
    # Printed outputs differ by 14.82 kWh of electricity, printed shortages by 17.43 of heat.
    per_electric = engines.efficiency_heat / engines.efficiency_electric
    assert (648.84 - 634.02) * per_electric == pytest.approx(np.full(5, 207.19 - 189.76), abs=0.01)
    heat = [float(engines.heat_kw(day.engine_kw).sum()) for day in (together, alone)]
    assert heat[0] - heat[1] == pytest.approx(17.43, abs=0.3)
    for day, total in zip((together, alone), heat, strict=True):
        assert total == pytest.approx(float(day.engine_kw.sum()) * 0.40 / 0.34)


def test_the_printed_saving_is_of_the_cost_alone(together: DayState, alone: DayState) -> None:
    printed, saving = (23.95, 25.60), 0.06445  # 6.445 % of the cost without; 6.644 % is a misprint
    assert 1.0 - printed[0] / printed[1] == pytest.approx(saving, abs=5e-6)
    costs = [totals(day, POOL)["cost"] for day in (together, alone)]
    assert 1.0 - costs[0] / costs[1] == pytest.approx(saving, abs=3e-4)


@pytest.mark.parametrize(("key", "coalition", "apart", "tolerance"), PRINTED)
def test_the_day_gives_the_printed_totals(
    together: DayState,
    alone: DayState,
    key: str,
    coalition: float,
    apart: float,
    tolerance: float,
) -> None:
    assert totals(together, POOL)[key] == pytest.approx(coalition, abs=tolerance)
    assert totals(alone, POOL)[key] == pytest.approx(apart, abs=tolerance)


def test_cars_give_at_the_dearest_hours(together: DayState, alone: DayState) -> None:
    """Tables 3 and 4: the paper's hours 17, 18, 19 are 16, 17, 18 here."""
    for day in (together, alone):
        charged = day.steps["E2"].p_kw
        assert charged[:, :3] == pytest.approx(-3.0 * np.ones((5, 3)))
        assert not charged[:, 3:].any()
    given = together.steps["E8"].p_kw
    assert given[:, 16:18] == pytest.approx(np.tile([1.5, 3.0], (5, 1)))
    assert given.sum() == pytest.approx(22.5)
    given = alone.steps["E8"].p_kw
    assert given[1, 16:19] == pytest.approx([1.1, 3.0, 0.4], abs=0.06)
    assert given[[0, 2, 3, 4], 16:18] == pytest.approx(np.tile([1.5, 3.0], (4, 1)))


def test_two_units_lose_by_the_coalition(together: DayState, alone: DayState) -> None:
    costs = cost_by_unit(together, POOL), cost_by_unit(alone, POOL)
    losers = [unit for unit in CASE.ids if costs[0][unit] > costs[1][unit]]
    assert losers == ["unit4", "unit5"]
    assert [costs[0][u] - costs[1][u] for u in losers] == pytest.approx([0.19, 0.27], abs=0.01)


def test_as_a_dispatch_the_day_costs_the_same(together: DayState) -> None:
    assert cost_of_day(CASE, as_dispatch(CASE, together)) == pytest.approx(
        totals(together, POOL)["cost"]
    )


def test_the_table_of_steps_holds_every_step_unit_and_hour(
    together: DayState, alone: DayState
) -> None:
    table = steps_table({"coalition": together, "alone": alone})
    assert list(table.columns[:6]) == ["way", "step", "hour", "unit", "p_kw", "heat_kw"]
    assert len(table) == 2 * 18 * 24 * 5
    bought = table[(table["way"] == "alone") & (table["step"] == "E11")]["p_kw"].sum()
    assert bought == pytest.approx(58.69, abs=ELECTRIC)
    assert not table[table["step"] == "E3"]["p_kw"].any()  # no surplus in the day, yet written


def test_how_the_plant_was_used(together: DayState, alone: DayState) -> None:
    """Table 5 is a picture; the text says that batteries end the day almost empty."""
    told, apart = indicators(together), indicators(alone)
    assert told["sold_kwh"] == pytest.approx(26.04 + 18.31, abs=0.01)
    # Batteries gave 65.6 kWh to load and 18.3 kWh for sale of the 84 kWh that they took.
    assert told["battery_used_share"] == pytest.approx((65.598 + 18.305) / 84.0, abs=1e-4)
    assert told["battery_left_kwh"] == pytest.approx(84.0 - 65.598 - 18.305, abs=1e-3)
    # Cars give 3 kW each in the dearest hour and 1.5 kW in the next, 22.5 kWh in all.
    assert told["car_kwh"] == pytest.approx(22.5)
    assert told["car_dearest_share"] == pytest.approx(2.0 / 3.0)
    assert told["car_second_share"] == pytest.approx(1.0 / 3.0)
    assert told["heat_exchanged_kwh"] == pytest.approx(190.46 - 169.267, abs=0.01)
    assert told["boiler_others_kwh"] is not None
    assert told["boiler_others_kwh"] > 0.0
    assert apart["boiler_others_kwh"] == apart["heat_exchanged_kwh"] == 0.0


def test_chp_offers_are_what_the_text_counts(together: DayState, alone: DayState) -> None:
    """Sold are 26.18 and 55.12 kWh of 38.30 and 82.06 offered, by the printed totals."""
    for day, sold, offered in ((together, 26.18, 38.30), (alone, 55.12, 82.06)):
        assert day.sales.engine_kw.sum() == pytest.approx(sold, abs=0.2)
        spare = day.spare_kw.sum() + day.sales.engine_kw.sum()
        assert spare == pytest.approx(offered, abs=0.05)
