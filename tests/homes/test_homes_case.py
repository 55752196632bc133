"""Every fault of a case of homes has its message, and one fault does not hide another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from homes_factories import (
    BUSES,
    DELETE,
    IN_NETWORK,
    LINES,
    MINIMAL,
    PROFILES,
    SCENARIOS,
    small_homes,
    with_column,
    write_homes,
)

from cmgplan.devices import HOME_KINDS
from cmgplan.errors import CaseError
from cmgplan.homes.case.read import check_homes, load_homes

A, B = "home.0", "home.1"
CHP, TANK, CAR = f"{A}.chp.0", f"{A}.thermal_store.0", f"{B}.ev.0"


def found(path: Path) -> list[str]:
    return [f"{fault.severity}: {fault}" for fault in check_homes(path)]


def test_the_small_case_is_sound(tmp_path: Path) -> None:
    path = write_homes(tmp_path)
    assert found(path) == []
    case = load_homes(path)
    assert case.ids == ("A", "B")
    assert {device.kind for home in case.homes for device in home.devices()} == set(HOME_KINDS)
    assert case.series("cop").tolist() == [2.8, 3.1, 3.4, 3.0]
    assert [(s.id, s.weight) for s in case.scenarios] == [("base", 1.0)]


def test_scenarios_and_network_are_read(tmp_path: Path) -> None:
    path = write_homes(tmp_path, IN_NETWORK, scenarios=SCENARIOS, buses=BUSES, lines=LINES)
    assert found(path) == []
    case = load_homes(path)
    assert [(s.id, s.factor("wind"), s.factor("sun")) for s in case.scenarios] == [
        ("calm", 0.5, 1.0),
        ("windy", 1.5, 1.0),
    ]
    assert [bus.bus for bus in case.buses] == ["S", "1", "2"]
    assert case.lines[0].failures_per_km_year == 0.065
    assert [line.disconnector for line in case.lines] == ["from", "both", None]
    assert case.lines[2].in_service == 0


def test_a_fault_inside_the_only_home_is_one_fault(tmp_path: Path) -> None:
    """No home is sound then, and yet the list of them is not empty."""
    engine = {"id": "engine", "fuel_max_kw": "much", "efficiency_electric": 0.4}
    path = write_homes(
        tmp_path,
        {"home.0.chp": [{**engine, "efficiency_heat": 0.3}]},
        case=MINIMAL,
        profiles="hour\n0\n1\n",
    )
    (fault,) = check_homes(path)
    assert fault.where == "home[0].chp[0].fuel_max_kw"
    assert '"much" is not a number' in fault.message


def test_the_least_case_is_sound(tmp_path: Path) -> None:
    path = write_homes(tmp_path, case=MINIMAL, profiles="hour\n0\n1\n")
    assert found(path) == []
    case = load_homes(path)
    assert case.hours == 2
    assert case.profiles == {}
    assert list(case.homes[0].devices()) == []


IN_TOML: list[tuple[dict[str, object], str]] = [
    # keys and types
    ({"homes": []}, "error: case.toml homes: homes is not a known key; use home"),
    ({"system": DELETE}, "case.toml system: system is missing, so this is no case of homes; add"),
    ({"system": "planning"}, 'case.toml system: "planning" is not homes, which is what is read'),
    ({"time": DELETE}, "case.toml time: time is missing; add time"),
    ({"home": []}, "case.toml home: a list is empty; give at least one"),
    ({f"{A}.chp": {"id": "x"}}, "home[0].chp: a table is not a list (A); write [[home.chp]] with"),
    ({f"{A}.pvs": []}, "home[0].pvs: pvs is not a known key (A); use pv, or remove it"),
    (
        {f"{CHP}.fuel_max_mw": 1},
        "chp[0].fuel_max_mw: fuel_max_mw is not a known key (A, engine); use fuel_max_kw and mult",
    ),
    ({f"{CHP}.fuel_max_kw": DELETE}, "fuel_max_kw is missing (A, engine); add fuel_max_kw in kW"),
    ({f"{CHP}.fuel_max_kw": "80 kW"}, 'fuel_max_kw: "80 kW" is not a number (A, engine); give'),
    ({f"{CHP}.efficiency_heat": 1.2}, "efficiency_heat: 1.2 is over 1 (A, engine); give at most 1"),
    ({f"{A}.load.0.p_kw": -1}, "load[0].p_kw: -1 is negative (A, flats); give 0 or more in kW"),
    ({f"{A}.load.0.p_kw": True}, "load[0].p_kw: true is not a number (A, flats); give a number in"),
    ({f"{A}.load.0.p_kw": "80 kW"}, "the column 80 kW is not in profiles.csv; give a number in kW"),
    ({f"{A}.load.0.carrier": "steam"}, 'carrier: "steam" is not known (A, flats); give \'electr'),
    ({f"{A}.policy": "money"}, 'home[0].policy: "money" is not known (A); give'),
    ({"retailer.buy_per_kwh": float("nan")}, "buy_per_kwh: nan is not a finite number; give a"),
    (
        {"response.adjustment_price_per_kwh": "max"},
        "\"max\" is neither a number nor 'mean'",
    ),
    ({"building.sell_hours": [16, 25]}, "building.sell_hours[1]: 25 is over 24; give at most 24"),
    ({"market.gap": float("nan")}, "market.gap: nan is not a finite number; give a number"),
    ({"market.gap": 1.5}, "market.gap: 1.5 is not under 1; give less than 1 (20 % is 0.2)"),
    ({f"{A}.gas_boiler.0.emission.cubic": 1}, "emission.cubic: cubic is not a known key (A, boil"),
    ({"format": 2}, "case.toml format: 2 is not known; give 1"),
    ({"name": "a/b"}, 'case.toml name: "a/b" cannot name a folder'),
    ({"currency": "a name that is too long"}, "currency: "),
    ({"home": [5]}, "case.toml home[0]: 5 is not a table"),
    ({"retailer": 0.2}, "case.toml retailer: 0.2 is not a table"),
    ({f"{A}.load.0.p_kw": ""}, 'load[0].p_kw: "" is empty (A, flats)'),
    (
        {f"{A}.job.0.window": [7, 25]},
        "job[0].window: [7, 25] does not fit (A, dishwasher); give two",
    ),
    # ids
    ({f"{B}.id": "A"}, "home[1]: the home id A stands already at home[0]; give it an id of its"),
    ({f"{B}.id": "gas"}, "home[1].id: gas cannot be a home: accounts call another party so"),
    ({f"{B}.id": "B+C"}, 'home[1].id: "B+C" holds "+"; leave out'),
    ({f"{B}.id": "B|C"}, 'home[1].id: "B|C" holds "|"'),
    ({f"{B}.id": "B,C"}, 'home[1].id: "B,C" holds ","'),
    ({f"{B}.id": "B/C"}, 'home[1].id: "B/C" holds "/"'),
    ({f"{B}.id": "B\tC"}, "home[1].id: "),
    ({f"{A}.job.0.id": "engine"}, "job[0]: the device id engine stands already at home[0].chp[0]"),
    ({f"{A}.job.0.id": "dish\nwasher"}, "job[0].id: "),
    # devices
    ({f"{CHP}.fuel_min_kw": 90}, "fuel_min_kw: fuel_min_kw 90 is above fuel_max_kw 80 (A engine)"),
    ({f"{TANK}.energy_kwh": 50}, "thermal_store[0].energy_kwh: energy_kwh and volume_m3 and delta"),
    ({f"{TANK}.soc_min": 0.6}, "soc_start: soc_start 0.5 is outside 0.6 to 1 (A tank)"),
    (
        {f"{A}.storage.0.soc_end": 1.0, f"{A}.storage.0.p_charge_max_kw": 2.0},
        "p_charge_max_kw: at fastest charging it is 2.4 kWh short at the end of hour 3 (A batt",
    ),
    (
        {f"{TANK}.heat_charge_max_kw": 0.1},
        "heat_charge_max_kw: at fastest charging it is ",
    ),
    (
        # 6 + 0.92 * 3 = 8.76 kWh of the 18 at the departure.
        {f"{CAR}.soc_departure": 0.9},
        "ev[0].p_charge_max_kw: at fastest charging it is 9.24 kWh short at the end of hour 0, "
        "plugged in in hours 0, 2-3 (B car)",
    ),
    ({f"{CAR}.depart_hour": 25}, "depart_hour: 25 is not an hour of the clock, from 0 to 24 (B ca"),
    ({f"{CAR}.return_hour": 2.5}, "return_hour: hour 2.5 lies within an interval of 1 h (B car)"),
    (
        {f"{CAR}.depart_hour": 9, f"{CAR}.return_hour": 17},
        "in no hour of the case (B car)",
    ),
    (
        {f"{CAR}.depart_hour": 0, f"{CAR}.return_hour": 9},
        "it is 1.33 kWh short at the end of hour 3, never plugged in (B car); charge faster",
    ),
    (
        {f"{CAR}.depart_hour": 0, f"{CAR}.return_hour": 9, f"{CAR}.driving_kwh": 0},
        "warning: case.toml home[1].ev[0].depart_hour: it is away from 0 to 9, in every hour of",
    ),
    ({f"{A}.job.0.window": [2, 3]}, "window: the window is 1 h long and the job 2 h (A dishwasher"),
    ({f"{A}.job.0.window": [3, 6]}, "window: in the hours of the case the window has no room"),
    ({f"{B}.refrigerator.0.t_start_c": 9}, "t_start_c 9 is outside 2..6 (B fridge)"),
    ({f"{A}.load.0.p_kw": "flats", f"{A}.load.0.profile": DELETE}, "the column flats does not end"),
    ({f"{A}.load.0.profile": "heating_kw"}, "the column heating_kw is in kW and no share of p_kw"),
    ({"gas": DELETE}, "error: case.toml gas: A engine and 1 more burn gas, but there is no [gas]"),
    # columns
    (
        {f"{A}.pv.0.forecast": "sunn"},
        "home[0].pv[0].forecast: the column sunn is not in profiles.csv; did you mean sun?",
    ),
    ({"retailer.buy_per_kwh": "flats"}, "the column flats holds shares of the rating; name a col"),
    ({"retailer.buy_per_kwh": "heating_kw"}, "the column heating_kw holds powers in kW; name a"),
    ({"retailer.emission_kg_per_kwh": "buy_per_kwh"}, "the column buy_per_kwh holds prices in mon"),
    ({f"{A}.pv.0.forecast": "buy_per_kwh"}, "holds prices in money per kWh; name a forecast betw"),
    ({f"{A}.load.0.profile": "cop"}, "the column cop is 3.4 in hour 2, not a share; name a column"),
    (
        {"building.price_coefficient": "heating_kw"},
        "name a column of factors, which ends in no",
    ),
    ({f"{B}.wt": []}, "warning: profiles.csv row 1: nothing uses the column wind; name it or rem"),
    # prices
    (
        {"retailer.sell_per_kwh": 0.12},
        "error: case.toml retailer.sell_per_kwh: 0.12 is above buy_per_kwh 0.1 in hour 0; a retail",
    ),
    ({"retailer.sell_per_kwh": 0.16}, "0.16 is above buy_per_kwh 0.1 in hour 0 (and 1 more hour)"),
    (
        {"gas.price_per_kwh": -0.01},
        "gas.price_per_kwh: the price is negative in 4 hours",
    ),
    (
        {"pool.unserved_electricity_per_kwh": 0.2},
        "warning: case.toml pool.unserved_electricity_per_kwh: 0.2 is under buy_per_kwh 0.3",
    ),
    (
        {"pool.unserved_heat_per_kwh": 0.04},
        "warning: case.toml pool.unserved_heat_per_kwh: 0.04 is under the 0.04444 of the cheapest",
    ),
    # supply
    (
        {"pool.heat": False, f"{B}.heat_pump": [], f"{B}.electric_boiler": []},
        "warning: case.toml home[1]: there is a load of heat and no source of it in home B",
    ),
    (
        {f"{B}.load.1.p_kw": 130.0},
        "home: all homes can have at most 121.5 kW of heat in hour 2, where 170 kW must be served",
    ),
    (
        {"pool.electricity": False, "retailer": DELETE, f"{B}.wt": []},
        "case.toml home[1]: there is a load of electricity and no source of it in home B",
    ),
    (
        {"pool.electricity": False, "retailer.power_max_kw": 9.0},
        "home[1]: home B can have at most 15 kW of electricity in hour 3, where 30 kW must be",
    ),
    (
        {"retailer.power_max_total_kw": 1.0},
        "warning: case.toml home: all homes can have at most 64 kW of electricity in hour 2, "
        "where 78 kW must be served",
    ),
    # sections
    ({"market.shade_kw": 2000}, "market.shade_kw: 2000 is not under quantity_max_kw 1000"),
    ({"building.sell_hours": [20, 16]}, "building.sell_hours: from 20 to 16 is no time of a day"),
    ({"response.bids": "bids.csv"}, "error: bids.csv: there is no such file in"),
    (
        {f"{A}.bus": "1"},
        "error: case.toml home[0].bus: home A has a bus, but there is no [",
    ),
    ({"building.load_mix": [{"name": "1"}]}, "warning: case.toml building.load_mix: nothing uses"),
    (
        {"building.load_mix": [{"name": "1"}, {"name": 1}]},
        "building.load_mix[1]: the load mix id 1 stands already at building.load_mix[0]",
    ),
    ({"building.fault": [{"line": "1", "hours": [1, 2]}]}, "warning: case.toml building.fault: no"),
    # magnitudes
    ({f"{CHP}.fuel_max_kw": 1e12}, "chp[0].fuel_max_kw: 1e+12 is beyond 1e+09 kW; correct it"),
    ({"retailer.buy_per_kwh": 1e6}, "retailer.buy_per_kwh: 1e+06 is beyond 10000 money per kWh"),
    ({f"{B}.heat_pump.0.cop": 300}, "heat_pump[0].cop: 300 is beyond 100 kW of heat per kW"),
    ({"pool.unserved_heat_per_kwh": 1e12}, "pool.unserved_heat_per_kwh: 1e+12 is beyond 10000"),
    ({"time.hours": 10**7}, "time.hours: 10000000 intervals of 1 h are more than a plan can have"),
]


@pytest.mark.parametrize(("edits", "message"), IN_TOML, ids=[message for _, message in IN_TOML])
def test_fault_in_case_toml(tmp_path: Path, edits: Mapping[str, object], message: str) -> None:
    faults = found(write_homes(tmp_path, edits))
    assert any(message in fault for fault in faults), "\n".join(faults)


IN_TABLES: list[tuple[str, str, str, str]] = [
    ("profiles", "3,0.20", "4,0.20", 'profiles.csv row 5: hour "4" stands where hour 3 belongs'),
    ("profiles", "hour,", "hours,", "profiles.csv row 1: the column hours is not one that is"),
    (
        "profiles",
        "0.6,30",
        "1.6,30",
        "profiles.csv row 2: flats 1.6 is outside 0..1; give the fore",
    ),
    ("profiles", "0.6,30", "0.6,-30", "profiles.csv row 2: heating_kw -30 is outside 0..1e+09 kW"),
    ("profiles", "0.6,30", "0.6,", "profiles.csv row 2: heating_kw is empty; give powers in kW"),
    ("profiles", "0,0.10", "0,-0.10", "retailer.sell_per_kwh: 0.05 is above buy_per_kwh -0.1 in h"),
    ("profiles", "0,0.10,0.05", "0,-0.1,-0.1", "buy_per_kwh: the price is negative in 1 hour; che"),
    ("profiles", ",2.8", ",0", "heat_pump[0].cop: the column cop is 0 in hour 0 (B pump); give"),
    (
        "profiles",
        "buy_per_kwh",
        "buy_per_mwh",
        "the column buy_per_kwh is not in profiles.csv; did",
    ),
    ("scenarios", "0.75", "0.7", "scenarios.csv: the column weight sums to 0.95 instead of 1"),
    ("scenarios", "windy", "calm", "scenarios.csv row 3: scenario calm stands there twice"),
    (
        "scenarios",
        "buy,sell",
        "buys,sell",
        "scenarios.csv row 1: buys is not a known column; use b",
    ),
    (
        "scenarios",
        "0.25,1,1",
        "0.25,1,3",
        "scenarios.csv: in scenario calm sell_per_kwh 0.15 is above buy_per_kwh 0.1 in hour 0 (and",
    ),
    ("buses", "\n1,5", "\n11,5", "case.toml home[0].bus: bus 1 of home A is not in buses.csv; did"),
    ("buses", "2,5,1", "2,1e10,1", "buses.csv row 4: p_kw 1e+10 is beyond 1e+09 kW; correct it"),
    ("buses", "\n2,5,1", "\n2,0,1", "buses.csv row 4: q_kvar of bus 2 is 1 where p_kw is 0; give"),
    ("buses", "2,5,1,11", "2,5,1,12", "line 1-2 joins bus 1 of 11 kV to bus 2 of 12 kV"),
    ("lines", "1-2,1,2", "1-2,1,3", "lines.csv row 3: to_bus 3 is not in buses.csv"),
    ("lines", "0.4,0,,", "0.4,1,,", "line T1 closes the loop S - 2 - 1 - S; set in_service"),
    ("lines", "breaker", "switch", 'lines.csv row 2: protection "switch" is not known; give'),
    ("lines", "km,fail", "km_long,fail", "lines.csv row 1: km_long is not a known column"),
    ("lines", "T1,S", "T2,S", "case.toml building.fault[0].close[0]: line T1 is not in lines.csv"),
    ("lines", "1-2,1", "1-3,1", "case.toml building.fault[0].line: line 1-2 is not in lines.csv"),
]

TABLES = {"profiles": PROFILES, "scenarios": SCENARIOS, "buses": BUSES, "lines": LINES}

WITH_FAULT = {
    **IN_NETWORK,
    "building": {
        "load_mix": [{"name": "1", "coalition": 1}],
        "fault": [{"line": "1-2", "hours": [1, 3], "close": ["T1"]}],
    },
}


@pytest.mark.parametrize(
    ("table", "old", "new", "message"), IN_TABLES, ids=[row[-1] for row in IN_TABLES]
)
def test_fault_in_a_table(tmp_path: Path, table: str, old: str, new: str, message: str) -> None:
    assert old in TABLES[table]
    tables = {**TABLES, table: TABLES[table].replace(old, new, 1)}
    assert found(write_homes(tmp_path / "sound", WITH_FAULT, **TABLES)) == []
    faults = found(write_homes(tmp_path / "faulty", WITH_FAULT, **tables))
    assert any(message in fault for fault in faults), "\n".join(faults)


def test_prices_per_mwh_are_told_how_to_convert(tmp_path: Path) -> None:
    profiles = with_column("mcp_usd_per_mwh", [40.0, 50.0, 60.0, 50.0])
    path = write_homes(tmp_path, {"market.predicted_per_kwh": "mcp_usd_per_mwh"}, profiles=profiles)
    assert found(path) == [
        "error: case.toml market.predicted_per_kwh: the column mcp_usd_per_mwh holds prices in "
        "$/MWh; multiply it by 0.001 and call it mcp_per_kwh"
    ]


def test_factors_may_be_above_one_and_predictions_below_zero(tmp_path: Path) -> None:
    profiles = with_column("power_coefficient", [1.2, 0.8, 2.0, 1.0])
    profiles = with_column("mcp_per_kwh", [-0.02, 0.1, 0.2, 0.1], profiles)
    edits = {
        "building.power_coefficient": "power_coefficient",
        "market.predicted_per_kwh": "mcp_per_kwh",
    }
    assert found(write_homes(tmp_path, edits, profiles=profiles)) == []
    edits = {**edits, "pool.heat_price_max_per_kwh": "mcp_per_kwh"}
    assert found(write_homes(tmp_path, edits, profiles=profiles)) == [
        "error: case.toml pool.heat_price_max_per_kwh: the column mcp_per_kwh is -0.02 in hour 0; "
        "give 0 or more in every hour"
    ]


def test_a_table_of_bids_is_checked_with_the_case(tmp_path: Path) -> None:
    bids = "home,hour,carrier,side,quantity_kw,price_per_kwh\nA,0,electricity,sell,5,0.1\n"
    edits = {"response.bids": "bids.csv"}
    assert found(write_homes(tmp_path, edits, bids=bids)) == []
    faults = found(write_homes(tmp_path, edits, bids=bids.replace("A,0", "C,9")))
    assert any("bids.csv row 2: home C is not in the case" in fault for fault in faults)
    assert any("bids.csv row 2: hour 9 is not in the case, which" in fault for fault in faults)


def test_every_fault_is_reported_at_once(tmp_path: Path) -> None:
    edits = {
        "retailer.power_max_kw": -1,
        "retailer.buy_per_kwh": "bye_per_kwh",
        f"{CHP}.fuel_max_kw": -5,
        f"{TANK}.soc_min": 0.6,
        f"{B}.id": "retailer",
        f"{B}.policy": "x",
        f"{A}.job.0.window": [2, 3],
        "building.sell_hours": [16, 25],
        "building.fault": [{"line": "1", "hours": [9, 3]}],
        "time.dt_h": 0,
    }
    profiles = PROFILES.replace("0.6,30", "1.6,30")
    scenarios = SCENARIOS.replace("0.75", "0.7")
    with pytest.raises(CaseError) as caught:
        load_homes(write_homes(tmp_path, edits, profiles=profiles, scenarios=scenarios))
    text = str(caught.value)
    for part in (
        "retailer.power_max_kw: -1 is negative",
        "retailer.buy_per_kwh: the column bye_per_kwh is not in profiles.csv; did you mean buy_per",
        "fuel_max_kw: -5 is negative (A, engine)",
        "soc_start 0.5 is outside 0.6 to 1 (A tank)",
        "home[1].id: retailer cannot be a home",
        'home[1].policy: "x" is not known (retailer)',
        "the window is 1 h long and the job 2 h (A dishwasher)",
        "building.sell_hours[1]: 25 is over 24",
        "building.fault[0].hours: from 9 to 3 is no time of a day",
        "time.dt_h: 0 is not above 0",
        "flats 1.6 is outside 0..1",
        "the column weight sums to 0.95",
    ):
        assert part in text, f"{part}\n{text}"


def leaves(value: object, path: str = "") -> Iterator[str]:
    """Yield the path of every table, list and value of a case."""
    items = value.items() if isinstance(value, dict) else ()
    for key, item in [*items, *(enumerate(value) if isinstance(value, list) else ())]:
        yield f"{path}{key}"
        yield from leaves(item, f"{path}{key}.")


ODD: list[object] = [DELETE, -1, 7, "x", float("nan"), [], {}, True, 10**400]


def test_an_odd_value_is_a_case_or_a_case_error(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    places, refused = list(leaves(small_homes(IN_NETWORK))), 0
    for k, place in enumerate(rng.permutation(places)[:150]):
        edits = {**IN_NETWORK, str(place): ODD[k % len(ODD)]}
        folder = write_homes(tmp_path, edits, buses=BUSES, lines=LINES, scenarios=SCENARIOS)
        errors = [fault for fault in check_homes(folder) if fault.severity == "error"]
        if errors:
            refused += 1
            with pytest.raises(CaseError):
                load_homes(folder)
        else:
            assert load_homes(folder).hours > 0, place
    assert refused > 90


@pytest.mark.parametrize("name", ["case.toml", "profiles.csv", "scenarios.csv", "lines.csv"])
def test_altered_bytes_end_in_faults_and_no_traceback(tmp_path: Path, name: str) -> None:
    folder = write_homes(tmp_path, WITH_FAULT, **TABLES)
    sound = (folder / name).read_bytes()
    rng, refused = np.random.default_rng(7), 0
    for _ in range(25):
        altered = bytearray(sound)
        for place in rng.integers(0, len(altered), 3):
            altered[place] = rng.integers(32, 127) if rng.random() < 0.9 else rng.integers(0, 256)
        (folder / name).write_bytes(bytes(altered))
        faults = check_homes(folder)
        refused += any(fault.severity == "error" for fault in faults)
        assert all(fault.file and fault.message and fault.mend for fault in faults)
    assert refused > 12


def test_a_column_that_nothing_names_may_hold_anything(tmp_path: Path) -> None:
    """It is warned of, and no more: a spare ``cop`` of 2.8 is no wrong share."""
    case = write_homes(tmp_path / "case", case=MINIMAL, profiles="hour,cop\n0,2.8\n1,3.1\n")
    faults = check_homes(case)
    assert [fault.severity for fault in faults] == ["warning"]
    assert "cop" in str(faults[0])
