"""Records of the devices of homes: what is left out, refused, or in conflict."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from home_devices import DAY, HOME, PROFILES, YEAR_DAY, home, one
from pydantic import TypeAdapter, ValidationError

from cmgplan.devices import (
    HOME_KINDS,
    Emission,
    Forecasts,
    HomeLoad,
    SolarPlant,
)
from cmgplan.devices.base import HourlyFinite


def test_every_kind_is_read_and_is_in_no_conflict_with_itself() -> None:
    assert set(HOME) == set(HOME_KINDS)
    for device in home():
        assert [*device.conflicts(), *device.conflicts_over(YEAR_DAY)] == []


def test_what_is_left_out() -> None:
    battery, car, engine = one("storage"), one("ev"), one("chp")
    assert (battery.soc_min, battery.soc_max, battery.soc_start) == (0.0, 1.0, 0.5)
    assert (battery.efficiency_charge, battery.efficiency_discharge) == (1.0, 1.0)
    assert battery.retention_per_h == 1.0
    assert battery.end_kwh(DAY) == 250.0  # soc_end is soc_start
    assert (car.p_charge_min_kw, car.p_discharge_max_kw, car.driving_kwh) == (0.0, 0.0, 0.0)
    assert (engine.fuel_min_kw, engine.offset_kw, engine.emission) == (0.0, 0.0, None)
    load = HomeLoad(id="x", carrier="heat", p_kw=1)
    assert (load.shiftable_share, load.shift_cost_per_kwh) == (0.0, 0.0)
    assert (load.shift_in_max_kw, load.shift_delay_max_h, load.shift_backlog_max_kwh) == (None,) * 3
    assert Emission() == Emission(square=0.0, linear=0.0, fixed=0.0)


@pytest.mark.parametrize("kind", ["pv", "wt", "storage", "ev", "load"])
def test_no_device_of_a_home_has_a_price(kind: str) -> None:
    with pytest.raises(ValidationError) as refused:
        one(kind, price=3.0)
    assert [error["type"] for error in refused.value.errors()] == ["extra_forbidden"]


@pytest.mark.parametrize(
    ("kind", "changes", "key"),
    [
        ("storage", {"soc_min": 0.9, "soc_max": 0.2}, "soc_min"),
        ("storage", {"soc_min": 0.6}, "soc_start"),
        ("storage", {"soc_max": 0.8, "soc_end": 0.9}, "soc_end"),
        ("thermal_store", {"energy_kwh": 100.0}, "energy_kwh"),
        ("thermal_store", {"delta_t_k": None}, "energy_kwh"),
        ("ev", {"p_charge_min_kw": 3.5}, "p_charge_min_kw"),
        ("ev", {"depart_hour": 25}, "depart_hour"),
        ("ev", {"return_hour": 7, "driving_kwh": 1.0}, "return_hour"),
        ("ev", {"soc_max": 0.7, "soc_departure": 0.8}, "soc_departure"),
        ("chp", {"fuel_min_kw": 400.0}, "fuel_min_kw"),
        ("chp", {"offset_kw": -150.0}, "offset_kw"),
        ("refrigerator", {"t_max_c": 2.0}, "t_min_c"),
        ("refrigerator", {"t_start_c": 7.0}, "t_start_c"),
        ("water_heater", {"t_start_c": 49.0}, "t_start_c"),
        ("job", {"duration_h": 16.0}, "window"),
        ("job", {"window": [8, 8]}, "window"),
        ("load", {"p_kw": "flats", "profile": None}, "p_kw"),
        ("load", {"profile": "heating_kw"}, "profile"),
    ],
)
def test_keys_that_cannot_hold_together(kind: str, changes: dict[str, Any], key: str) -> None:
    assert [conflict.key for conflict in one(kind, **changes).conflicts()] == [key]


@pytest.mark.parametrize(
    ("kind", "changes", "key"),
    [
        ("storage", {"p_charge_max_kw": 5.0, "soc_end": 0.9}, "p_charge_max_kw"),  # 120 < 200 kWh
        ("thermal_store", {"heat_charge_max_kw": 0.0}, "heat_charge_max_kw"),  # loses what it has
        ("ev", {"soc_departure": 1.0, "p_charge_max_kw": 1.0}, "p_charge_max_kw"),  # 7 < 10 kWh
        ("ev", {"depart_hour": 7.5}, "depart_hour"),
        ("refrigerator", {"warming_k_per_h": 5.0, "cooling_k_per_h": 5.0}, "t_max_c"),
        ("water_heater", {"heating_k_per_h": 16.0}, "t_max_c"),
        ("job", {"duration_h": 1.5}, "duration_h"),
        ("heat_pump", {"cop": "sun"}, "cop"),  # 0 by night
    ],
)
def test_what_cannot_hold_in_the_hours_of_a_case(
    kind: str, changes: dict[str, Any], key: str
) -> None:
    device = one(kind, **changes)
    assert [*device.conflicts()] == []
    assert [conflict.key for conflict in device.conflicts_over(YEAR_DAY)] == [key]


def test_a_job_whose_window_lies_outside_the_hours_of_the_case() -> None:
    morning = Forecasts(6, begins_h=1.0)
    assert [conflict.key for conflict in one("job").conflicts_over(morning)] == ["window"]


def test_columns_that_a_record_names() -> None:
    load = HomeLoad(
        id="x", carrier="heat", p_kw="heating_kw", shiftable_share=0.1, shift_cost_per_kwh="cost"
    )
    assert list(load.columns()) == [("p_kw", "heating_kw"), ("shift_cost_per_kwh", "cost")]
    assert list(one("heat_pump", cop="cop").columns()) == [("cop", "cop")]
    assert list(one("heat_pump").columns()) == []
    assert list(one("pv").columns()) == [("forecast", "sun")]


def test_a_number_or_a_column() -> None:
    assert YEAR_DAY.series(3).tolist() == [3.0] * 24
    assert YEAR_DAY.series("heating_kw")[5] == 80.0
    part = Forecasts(24, 0.5, profiles=PROFILES, begins_h=6.0).hour(4)
    assert (part.hours, part.begins_h, part.profile("flats")[0]) == (1, 8.0, PROFILES["flats"][4])


def test_a_forecast_in_kw_is_no_share_of_the_rating() -> None:
    h = Forecasts(2, profiles={"roof_kw": np.array([0.4, 3.0]), "sun": np.array([0.4, 1.0])})
    assert SolarPlant(id="a", p_max_kw=2.0, forecast="roof_kw").available_kw(h).tolist() == [0.4, 2]
    assert SolarPlant(id="b", p_max_kw=2.0, forecast="sun").available_kw(h).tolist() == [0.8, 2.0]


@pytest.mark.parametrize("window", [[3], [3, 25], [-1, 4], ["a", 4], 7, [True, 4], [1, 2, 3]])
def test_a_window_is_two_hours_of_the_clock(window: object) -> None:
    with pytest.raises(ValidationError, match="two hours of the clock"):
        one("job", window=window)


@pytest.mark.parametrize(
    ("kind", "key", "value", "reason"),
    [
        ("load", "p_kw", -1.0, "greater_than_equal"),
        ("load", "p_kw", True, "float_type"),
        ("load", "p_kw", "", "string_too_short"),
        ("load", "p_kw", float("nan"), "finite_number"),
        ("load", "shiftable_share", 1.5, "less_than_equal"),
        ("heat_pump", "cop", 0, "greater_than"),
        ("chp", "efficiency_electric", 1.2, "less_than_equal"),
        ("storage", "energy_kwh", 0.0, "greater_than"),
        ("thermal_store", "retention_per_h", 0.0, "greater_than"),
        ("water_heater", "carrier", "gas", "literal_error"),
        ("gas_boiler", "emission", {"cubic": 1.0}, "extra_forbidden"),
    ],
)
def test_a_value_out_of_its_range_has_one_reason(
    kind: str, key: str, value: object, reason: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        one(kind, **{key: value})
    assert [error["type"] for error in refused.value.errors()] == [reason]
    assert refused.value.errors()[0]["loc"][0] == key


def test_a_price_by_hour_may_be_negative_but_not_infinite() -> None:
    price = TypeAdapter(HourlyFinite)
    assert [price.validate_python(value) for value in (-0.05, 0, "buy_per_kwh")] == [
        -0.05,
        0.0,
        "buy_per_kwh",
    ]
    with pytest.raises(ValidationError):
        price.validate_python(float("inf"))
