"""Columns of profiles say their unit by the end of their name, and each unit has its range."""

from __future__ import annotations

from pathlib import Path

import pytest
from factories import PROFILES, write_case

from cmgplan.case.profiles import read_profiles
from cmgplan.case.tables import Row, Table
from cmgplan.errors import Fault
from cmgplan.planning.case import check_case, load_case
from cmgplan.units import COLUMN_UNITS, PRICE, SHARE, column_unit, unit_of


def table_of(column: str, *cells: str) -> Table:
    rows = tuple(Row(2 + k, {"hour": str(k), column: cell}) for k, cell in enumerate(cells))
    return Table("profiles.csv", ("hour", column), rows, True)


def fault_of(column: str, *cells: str, factors: tuple[str, ...] = ()) -> str:
    faults: list[Fault] = []
    assert read_profiles(table_of(column, *cells), None, faults, factors) == {}
    assert len(faults) == 1
    return str(faults[0])


@pytest.mark.parametrize(
    ("column", "unit"),
    [
        ("flats_kw", "kW"),
        ("retail_buy_per_kwh", "money per kWh"),
        ("grid_kg_per_kwh", "kg/kWh"),
        ("spot_usd_per_mwh", "$/MWh"),
        ("air_c", "degrees Celsius"),
        ("mast_m_per_s", "m/s"),
        ("roof_w_per_m2", "W/m2"),
        ("sun", ""),
        ("kw", ""),
        ("pv_ac", ""),
        ("price_coefficient", ""),
    ],
)
def test_the_longest_suffix_names_the_unit(column: str, unit: str) -> None:
    assert column_unit(column).unit == unit


def test_keys_of_records_are_told_in_the_same_units() -> None:
    assert unit_of("price_per_kwh") == "money per kWh"
    assert unit_of("emission_kg_per_kwh") == "kg/kWh"
    assert unit_of("energy_kwh") == "kWh"
    assert unit_of("speed_m_per_s") == "m/s"
    assert unit_of("t_min_c") == "degrees Celsius"
    assert unit_of("name") is None


@pytest.mark.parametrize(
    ("column", "cells"),
    [
        ("flats_kw", ("0", "210")),
        ("buy_per_kwh", ("-0.05", "0.2")),
        ("spot_usd_per_mwh", ("-500", "3000")),
        ("grid_kg_per_kwh", ("0", "0.245")),
        ("air_c", ("-89.2", "56.7")),
        ("flow_c", ("75", "130")),
        ("mast_m_per_s", ("0", "113.3")),
        ("roof_w_per_m2", ("0", "1361")),
        ("sun", ("0", "1")),
    ],
)
def test_what_nature_and_markets_hold_is_read_as_it_stands(
    column: str, cells: tuple[str, ...]
) -> None:
    faults: list[Fault] = []
    read = read_profiles(table_of(column, *cells), None, faults)
    assert faults == []
    assert read[column].tolist() == [float(cell) for cell in cells]


@pytest.mark.parametrize(
    ("column", "bad", "message"),
    [
        ("flats_kw", "-1", "flats_kw -1 is outside 0..1e+09 kW; give powers in kW, as the name"),
        ("grid_kg_per_kwh", "245", "245 is outside 0..10 kg/kWh; give intensities of emission in"),
        ("grid_kg_per_kwh", "-0.1", "-0.1 is outside 0..10 kg/kWh"),
        ("air_c", "293.15", "air_c 293.15 is outside -90..150 degrees Celsius; give temperatures"),
        ("mast_m_per_s", "-3", "-3 is outside 0..120 m/s; give wind speeds in m/s"),
        ("roof_w_per_m2", "3600", "3600 is outside 0..2000 W/m2; give irradiances in W/m2"),
        ("buy_per_kwh", "1e6", "1e6 is outside -10000..10000 money per kWh; give prices in money"),
        ("buy_per_kwh", "inf", "buy_per_kwh inf is not a finite number; give prices in money per"),
        ("air_c", "", "air_c is empty; give temperatures in degrees Celsius"),
        ("sun", "1.2", "sun 1.2 is outside 0..1; give the forecast as a share of the rating, 0 to"),
        ("sun", "9" * 400, "is not a finite number; give the forecast as a share"),
        ("spot_usd_per_mwh", "nan", "spot_usd_per_mwh nan is not a finite number; give $/MWh"),
    ],
)
def test_what_cannot_be_is_refused_by_row_column_and_unit(
    column: str, bad: str, message: str
) -> None:
    told = fault_of(column, "0.5", bad, bad)
    assert told.startswith("profiles.csv row 3: ")
    assert "(and 1 more row)" in told
    assert message in told.replace(" (and 1 more row)", "")


def test_factors_that_a_system_knows_by_name_may_pass_one() -> None:
    faults: list[Fault] = []
    table = table_of("price_coefficient", "0.3", "1.7")
    read = read_profiles(table, None, faults, {"price_coefficient"})
    assert read["price_coefficient"].tolist() == [0.3, 1.7]
    assert faults == []
    told = fault_of("price_coefficient", "-1", factors=("price_coefficient",))
    assert "price_coefficient -1 is outside 0..1000; give a factor, 0 to 1000" in told
    assert "1.7 is outside 0..1;" in fault_of("price_coefficient", "0.3", "1.7")


def test_a_table_may_hold_the_hours_alone() -> None:
    rows = tuple(Row(2 + k, {"hour": str(k)}) for k in range(3))
    faults: list[Fault] = []
    assert read_profiles(Table("profiles.csv", ("hour",), rows, True), None, faults) == {}
    assert faults == []


def test_ranges_of_units_are_in_order_and_suffixes_differ() -> None:
    assert all(unit.least < unit.most for unit in (*COLUMN_UNITS, SHARE))
    assert len({unit.suffix for unit in COLUMN_UNITS}) == len(COLUMN_UNITS)
    assert PRICE.holds(-1e7) and not SHARE.holds(1.0 + 1e-12)


def with_air(text: str = PROFILES) -> str:
    """Return the small case's profiles with a column of temperatures."""
    header, *rows = text.splitlines()
    return "\n".join([f"{header},air_c", *(f"{row},{k - 2}" for k, row in enumerate(rows))]) + "\n"


def test_a_planning_case_may_hold_the_weather_but_not_rate_plant_by_it(tmp_path: Path) -> None:
    sound = write_case(tmp_path / "sound", profiles=with_air())
    assert [str(fault) for fault in check_case(sound)] == [
        "profiles.csv row 1: nothing uses the column air_c; name it or remove it"
    ]
    assert load_case(sound).profiles["air_c"].tolist() == [-2.0, -1.0, 0.0, 1.0]
    rated = write_case(
        tmp_path / "rated", {"microgrid.1.pv.0.forecast": "air_c"}, profiles=with_air()
    )
    errors = [str(fault) for fault in check_case(rated) if fault.severity == "error"]
    assert errors == [
        "case.toml microgrid[1].pv[0].forecast: the column air_c holds temperatures in degrees "
        "Celsius, not shares; name a forecast between 0 and 1, which does not end in _c"
    ]


def test_a_load_in_kw_is_no_profile_of_a_rating(tmp_path: Path) -> None:
    profiles = PROFILES.replace("homes", "homes_kw")
    path = write_case(
        tmp_path,
        {"microgrid.0.load.0.profile": "homes_kw", "microgrid.1.load.0.profile": "feeder"},
        profiles=profiles,
    )
    told = [str(fault) for fault in check_case(path)]
    assert any("load[0].profile: the column homes_kw holds powers in kW, not" in t for t in told)


def test_magnitudes_of_prices_do_not_limit_powers(tmp_path: Path) -> None:
    profiles = PROFILES.replace("wind", "city_kw").replace("0.9,0.6", "0.9,5e7")
    path = write_case(tmp_path, {"microgrid.1.wt": []}, profiles=profiles)
    assert [fault.severity for fault in check_case(path)] == ["warning"]
    dear = PROFILES.replace("0,40", "0,2e7")
    told = [str(fault) for fault in check_case(write_case(tmp_path / "dear", profiles=dear))]
    assert any("price_usd_per_mwh 2e+07 is beyond 1e+07 $/MWh" in each for each in told)
