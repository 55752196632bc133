"""Every fault of a case has its message, and one fault does not hide another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from factories import BUSES, DELETE, LINES, PROFILES, small_case, write_case

from cmgplan.errors import CaseError
from cmgplan.planning.case import check_case, load_case

MT = "microgrid.0.mt.0"
LOAD = "microgrid.0.load.0"
BATTERY = "microgrid.0.storage.0"
CARS = "microgrid.0.ev.0"


def found(path: Path) -> list[str]:
    return [f"{fault.severity}: {fault}" for fault in check_case(path)]


def test_the_small_case_is_sound(tmp_path: Path) -> None:
    path = write_case(tmp_path)
    assert found(path) == []
    case = load_case(path)
    assert [bus.bus for bus in case.buses] == ["1", "2", "3"]
    assert case.lines[1].rating_kva is None
    assert case.lines[0].in_service == 1
    assert case.horizon().profile("sun").tolist() == [0.0, 0.6, 0.9, 0.2]


IN_TOML: list[tuple[dict[str, object], str]] = [
    # keys and types
    ({"microgrids": []}, "error: case.toml microgrids: microgrids is not a known key; use micro"),
    ({f"{MT}.p_max_kw": DELETE}, "microgrid[0].mt[0].p_max_kw: p_max_kw is missing (MG1, mt); add"),
    ({"time": DELETE}, "case.toml time: time is missing; add time"),
    ({"time.hours": 4.5}, "case.toml time.hours: 4.5 is not a whole number"),
    ({f"{MT}.pmaxkw": 5}, "mt[0].pmaxkw: pmaxkw is not a known key (MG1, mt); use p_max_kw"),
    ({f"{MT}.ramp": 5}, "ramp is not a known key (MG1, mt); remove it; known are id, p_max_kw"),
    (
        {f"{MT}.p_max_mw": 0.08, f"{MT}.p_max_kw": DELETE},
        "p_max_mw is not a known key (MG1, mt); use p_max_kw and multiply by 1000",
    ),
    (
        {f"{BATTERY}.soc_min_percent": 20},
        "soc_min_percent is not a known key (MG1, battery); use soc_min and multiply by 0.01",
    ),
    (
        {f"{MT}.p_max_kw": "80 kW"},
        'p_max_kw: "80 kW" is not a number (MG1, mt); give a number in kW, as in p_max_kw = 80',
    ),
    ({f"{LOAD}.q_kvar": True}, "q_kvar: true is not a number (MG1, homes); give a number in kvar"),
    ({f"{LOAD}.profile": 1.5}, "load[0].profile: 1.5 is not text"),
    ({"plan.radial": "yes"}, 'plan.radial: "yes" is not true or false'),
    ({"microgrid": {"id": "MG1"}}, "microgrid: a table is not a list; write [[microgrid]] with"),
    ({"cluster.0.microgrids": "MG1"}, 'cluster[0].microgrids: "MG1" is not a list'),
    ({"cluster.0.microgrids": []}, "cluster[0].microgrids: a list is empty"),
    ({"network": 3}, "case.toml network: 3 is not a table"),
    ({"format": 2}, "case.toml format: 2 is not known; give 1"),
    ({"name": "../runs"}, 'case.toml name: "../runs" cannot name a folder'),
    ({"plan.sweep": "spiral"}, "plan.sweep: \"spiral\" is not known; give 'diagonal' or 'grid'"),
    # numbers
    ({f"{MT}.p_max_kw": float("nan")}, "mt[0].p_max_kw: nan is not a finite number"),
    ({f"{MT}.q_max_kvar": float("inf")}, "mt[0].q_max_kvar: inf is not a finite number"),
    ({f"{MT}.p_max_kw": -5}, "mt[0].p_max_kw: -5 is negative (MG1, mt); give 0 or more in kW"),
    ({"microgrid.0.pcc.rating_kva": 0}, "pcc.rating_kva: 0 is not above 0 (MG1); give above 0 in"),
    ({f"{MT}.price": "free"}, 'price: "free" is not a price (MG1, mt); give "market" or 0 or more'),
    ({f"{MT}.price": -1.0}, "mt[0].price: -1.0 is negative (MG1, mt)"),
    (
        {"grid.emission_usd_per_mwh.co2": -3},
        "grid.emission_usd_per_mwh.co2: -3 is negative; give 0 or more in $/MWh",
    ),
    ({f"{LOAD}.responsive_share": 1.2}, "responsive_share: 1.2 is over 1 (MG1, homes); give at mo"),
    ({"microgrid.1.wt.0.power_factor_lag": 1.1}, "wt[0].power_factor_lag: 1.1 is over 1"),
    (
        {"plan.zeta": {"cost": 0.5, "emission": 0.5, "loss": 0.5}},
        "plan.zeta: the weights sum to 1.5",
    ),
    ({"plan.select": 11}, "plan.select: point 11 is selected of 10; select one of 1 to 10"),
    # ids, clusters, ties
    (
        {"microgrid.1.id": "MG1"},
        "microgrid[1]: the microgrid id MG1 stands already at microgrid[0]",
    ),
    ({"cluster.1.id": "C1"}, "cluster[1]: the cluster id C1 stands already at cluster[0]"),
    ({"tie.0.id": "PCC3"}, "tie[0]: the switch id PCC3 stands already at microgrid[2].pcc"),
    ({f"{BATTERY}.id": "mt"}, "storage[0]: the device id mt stands already at microgrid[0].mt[0]"),
    (
        {"microgrid.0.bus": "33"},
        "microgrid[0].bus: bus 33 of microgrid MG1 is not in buses.csv; did",
    ),
    ({"microgrid.0.bus": 1}, "microgrid[0].bus: microgrid MG1 is at the slack bus 1"),
    ({"cluster.1.microgrids": ["MG3", "MG1"]}, "microgrid MG1 is already in cluster C1"),
    ({"cluster.0.microgrids": ["MG1"]}, "microgrid[1]: microgrid MG2 is in no cluster"),
    ({"cluster.1.microgrids": ["MG3", "MG9"]}, "cluster[1].microgrids[1]: microgrid MG9 is not in"),
    ({"tie.0.to_microgrid": "MG7"}, "tie[0].to_microgrid: microgrid MG7 of tie T12 is not in the"),
    ({"tie.0.to_microgrid": "MG1"}, "tie[0]: tie T12 joins MG1 to itself"),
    ({"tie.0.kind": "cluster"}, 'tie T12 of kind "cluster" has both ends in cluster C1; make it'),
    ({"tie.1.kind": "microgrid"}, 'tie T23 of kind "microgrid" joins clusters C1 and C2'),
    ({"tie.1.vn_kv": DELETE}, "tie[1].vn_kv: tie T23 between clusters has no vn_kv"),
    ({"tie.1.r_ohm": 0}, "warning: case.toml tie[1].r_ohm: tie T23 between clusters has no resist"),
    ({"tie.0.r_ohm": 1}, "warning: case.toml tie[0].r_ohm: r_ohm of tie T12 is ignored"),
    # network section
    ({"network.slack_bus": "9"}, "network.slack_bus: the slack bus 9 is not in buses.csv"),
    (
        {"network.v_slack_pu": 1.2},
        "network.v_slack_pu: 1.2 pu is outside the slack bus's limits 0.9",
    ),
    ({"network.v_min_pu": 1.1}, "network.v_min_pu: v_min_pu 1.1 is not under v_max_pu 1.1"),
    # devices
    ({f"{LOAD}.p_kw": 0}, "load[0].q_kvar: q_kvar is 30 where p_kw is 0 (MG1 homes)"),
    ({f"{MT}.p_min_kw": 90}, "mt[0].p_min_kw: p_min_kw 90 is above p_max_kw 80 (MG1 mt)"),
    ({f"{MT}.q_min_kvar": 40}, "mt[0].q_min_kvar: q_min_kvar 40 is above q_max_kvar 30"),
    ({f"{BATTERY}.soc_min": 0.95}, "storage[0].soc_min: soc_min 0.95 is above soc_max 0.9"),
    ({f"{BATTERY}.soc_start": 0.1}, "soc_start: soc_start 0.1 is outside the window 0.2 to 0.9"),
    ({f"{CARS}.soc_max": 0.55}, "ev[0].soc_departure: soc_departure 0.6 is above soc_max 0.55"),
    ({f"{CARS}.depart_hour": 24}, "depart_hour: 24 is not an hour of the clock, from 0 to under"),
    (
        {f"{CARS}.return_hour": 2.5},
        "ev[0].return_hour: hour 2.5 lies within an interval of 1 h (MG1 cars); name an hour at "
        "which an interval begins: 2, 3",
    ),
    ({f"{CARS}.return_hour": 1}, "ev[0].return_hour: it drives 10 kWh but is never away"),
    ({f"{CARS}.depart_hour": 0}, "ev[0].soc_start: it departs in hour 0 with soc_start 0.5 under"),
    (
        {f"{CARS}.soc_departure": 0.95},
        "at fastest charging it is 2.5 kWh short of soc_departure at its departure in hour 1",
    ),
    ({f"{CARS}.driving_kwh": 80}, "it is 5.0 kWh short of soc_min while it drives in hour 1"),
    (
        {f"{CARS}.driving_kwh": 34, f"{CARS}.p_charge_max_kw": 6},
        "it is 13.0 kWh short of soc_min while it drives in hour 2",
    ),
    (
        {f"{CARS}.driving_kwh": 20, f"{CARS}.p_charge_max_kw": 6},
        "it is 8.0 kWh short of soc_start at the end of hour 3, the end of the day",
    ),
    # named columns
    (
        {f"{LOAD}.profile": "home"},
        "load[0].profile: the column home is not in profiles.csv; did you",
    ),
    (
        {"microgrid.1.pv.0.forecast": "sunny"},
        "pv[0].forecast: the column sunny is not in profiles.c",
    ),
    ({f"{LOAD}.profile": "price_usd_per_mwh"}, "the column price_usd_per_mwh holds prices; name a"),
    ({"network.load_profile": "x"}, "network.load_profile: the column x is not in profiles.csv"),
    ({"grid.price_column": "cost_usd_per_mwh"}, "the price column cost_usd_per_mwh is not in prof"),
    ({"grid.price_column": "p_usd_per_kwh"}, "multiply by 1000 and name the column p_usd_per_mwh"),
    # room to operate
    (
        {f"{LOAD}.q_kvar": 60},
        "warning: case.toml microgrid[0]: microgrid MG1 alone lacks 18.0 kvar in hour 2 (3 such h",
    ),
    (
        {"microgrid.1.svc.0.q_min_kvar": 15, "microgrid.1.load.0.q_kvar": 5},
        "warning: case.toml microgrid[1]: microgrid MG2 alone cannot absorb",
    ),
    (
        {"microgrid.2.pcc.rating_kva": 50, "microgrid.2.load.0.p_kw": 150},
        "warning: case.toml microgrid[2].pcc.rating_kva: 50 kVA is under the 60.0 kVA that micro",
    ),
    ({"microgrid.2.load": []}, "warning: case.toml microgrid[2]: microgrid MG3 has no load"),
    (
        {"microgrid.2.mt": []},
        "warning: case.toml microgrid[2]: microgrid MG3 has no device besides",
    ),
]


@pytest.mark.parametrize(("edits", "message"), IN_TOML, ids=[message for _, message in IN_TOML])
def test_fault_in_case_toml(tmp_path: Path, edits: Mapping[str, object], message: str) -> None:
    faults = found(write_case(tmp_path, edits))
    assert any(message in fault for fault in faults), "\n".join(faults)


IN_TABLES: list[tuple[str, str, str, str]] = [
    ("lines", "L2,2,3", "L2,2,95", "lines.csv row 3: to_bus 95 is not in buses.csv"),
    ("lines", "L2,2,3", "L1,2,3", "lines.csv row 3: the line id L1 stands already at row 2"),
    ("lines", "L2,2,3", "L2,3,3", "lines.csv row 3: line L2 joins bus 3 to itself"),
    ("lines", "L2,2,3", ",2,3", "lines.csv row 3: line is empty; fill in the cell"),
    ("lines", "L1,1,2,2.0,2.0", "L1,1,2,0,0", "row 2: r_ohm and x_ohm of line L1 are both 0"),
    ("lines", "L1,1,2,2.0", "L1,1,2,-2.0", "lines.csv row 2: r_ohm -2.0 is negative; give 0 or"),
    ("lines", "2.0,1000", "nan,1000", "lines.csv row 2: x_ohm nan is not a finite number"),
    (
        "lines",
        "2.0,1000",
        "2.0,1 MVA",
        'row 2: rating_kva "1 MVA" is not a number; give a number in',
    ),
    (
        "lines",
        "r_ohm",
        "r_mohm",
        "row 1: r_mohm is not a known column; use r_ohm and multiply by 0",
    ),
    ("lines", "r_ohm", "r_ohm_per_km", "use r_ohm and multiply by the length in km"),
    ("lines", "r_ohm", "x_ohm", "lines.csv row 1: the column x_ohm stands there twice; keep one"),
    ("lines", "r_ohm", "", "lines.csv row 1: column 4 has no name"),
    ("lines", "L2,2,3,", "L2,3,", "lines.csv row 3: it has 5 cells where the header has 6"),
    ("lines", "L2,2,3,2.0,2.0,\n", "", "lines.csv: 1 bus is cut off from the slack bus 1: 3"),
    ("lines", "L2,", "L3,1,3,1,1,\nL2,", "row 4: line L2 closes the loop 2 - 3 - 1 - 2; set"),
    ("lines", "L2,", "L3,2,1,1,1,\nL2,", "row 3: line L3 closes the loop 2 - 1 - 2; set"),
    ("lines", "L2,", '"L2,', "lines.csv row 3: this is not CSV (unexpected end of data)"),
    (
        "lines",
        ",1000",
        ",200",
        "warning: lines.csv row 2: rating_kva 200 of line L1 is under the 292.7 kVA",
    ),
    ("buses", "3,100", "2,100", "buses.csv row 4: the bus id 2 stands already at row 3"),
    ("buses", "3,100,40,15", "3,100,40,20", "line L2 joins bus 2 of 15 kV to bus 3 of 20 kV"),
    ("buses", "3,100,40,15", "3,100,40,", "buses.csv row 4: vn_kv is empty"),
    ("buses", "3,100", "3,0", "buses.csv row 4: q_kvar of bus 3 is 40 where p_kw is 0"),
    ("buses", "3,100", "3,-100", "buses.csv row 4: p_kw -100 is negative"),
    ("buses", "vn_kv,", "vn_kv,v_mn_pu,", "row 1: v_mn_pu is not a known column; use v_min_pu"),
    ("buses", ",vn_kv", ",kv", "buses.csv row 1: the column vn_kv is missing"),
    ("buses", "15,homes", "15,villas", "buses.csv row 4: the column villas is not in profiles.csv"),
    ("buses", BUSES, "", "buses.csv: the file is empty"),
    ("buses", BUSES, "bus,vn_kv\n", "buses.csv: there is no row under the header"),
    (
        "buses",
        BUSES,
        "bus;vn_kv\n1;15\n",
        "buses.csv row 1: the columns are not separated by commas",
    ),
    (
        "profiles",
        "3,50,0.7,0.9,0.2,0.3\n",
        "",
        "profiles.csv: it has 3 hours where time.hours is 4",
    ),
    ("profiles", "\n3,", "\n4,", 'profiles.csv row 5: hour "4" stands where hour 3 belongs'),
    ("profiles", "hour,", "t,", "profiles.csv row 1: the column hour is missing"),
    ("profiles", "0.9,0.6", "0.9,1.6", "profiles.csv row 4: wind 1.6 is outside 0..1; give the"),
    (
        "profiles",
        "0,40",
        "0,nan",
        "profiles.csv row 2: price_usd_per_mwh nan is not a finite number",
    ),
    ("profiles", "0,40", "0,", "profiles.csv row 2: price_usd_per_mwh is empty"),
    ("profiles", "0,40", "0,-4", "warning: profiles.csv: the price is negative in 1 hour; check"),
    ("profiles", ",wind", ",breeze", "wt[0].forecast: the column wind is not in profiles.csv"),
]


@pytest.mark.parametrize(
    ("table", "old", "new", "message"), IN_TABLES, ids=[row[-1] for row in IN_TABLES]
)
def test_fault_in_a_table(tmp_path: Path, table: str, old: str, new: str, message: str) -> None:
    text = {"buses": BUSES, "lines": LINES, "profiles": PROFILES}
    assert old in text[table]
    text[table] = text[table].replace(old, new, 1)
    faults = found(write_case(tmp_path, **text))
    assert any(message in fault for fault in faults), "\n".join(faults)


def test_a_column_out_of_range_is_one_fault(tmp_path: Path) -> None:
    percent = PROFILES.replace(",0.9,0.6", ",90,60").replace(",0.2,0.3", ",20,30")
    faults = found(write_case(tmp_path, profiles=percent))
    assert any("row 4: sun 90 is outside 0..1 (and 1 more row)" in fault for fault in faults)
    assert sum("wind" in fault for fault in faults) == 1


def test_an_unused_column_is_a_warning(tmp_path: Path) -> None:
    path = write_case(tmp_path, {"microgrid.1.wt": []})
    assert found(path) == [
        "warning: profiles.csv row 1: nothing uses the column wind; name it or remove it"
    ]
    assert load_case(path).name == "small"


def test_a_trip_over_midnight_may_be_possible_or_not(tmp_path: Path) -> None:
    trip = {f"{CARS}.depart_hour": 3, f"{CARS}.return_hour": 1, f"{CARS}.soc_departure": 0.8}
    assert found(write_case(tmp_path / "sound", trip)) == []
    faults = found(write_case(tmp_path / "short", {**trip, f"{CARS}.p_charge_max_kw": 5}))
    # 25 kWh less one of 22 hours of 10 kWh, and 5 kW for two hours, where 40 are wanted.
    assert any("5.5 kWh short of soc_departure at its departure in hour 3" in f for f in faults)


def test_every_fault_is_reported_at_once(tmp_path: Path) -> None:
    path = write_case(
        tmp_path,
        {f"{MT}.p_max_kw": -5, "microgrid.2.bus": "9", "tie.0.kind": "cluster", "time.dt_h": 0},
        lines=LINES.replace("L2,2,3", "L2,2,95"),
        buses=BUSES.replace("2,200", "2,x"),
        profiles=PROFILES.replace("0.9,0.6", "0.9,1.6"),
    )
    with pytest.raises(CaseError) as caught:
        load_case(path)
    text = str(caught.value)
    for part in (
        "-5 is negative",
        "bus 9 of",
        "both ends in",
        "time.dt_h",
        "95",
        '"x"',
        "wind 1.6",
    ):
        assert part in text
    assert text.startswith(f"{len(caught.value.faults)} problems:")
    # A faulty record is still a known name: nothing that refers to it is called dangling.
    assert "MG1 is not in" not in text
    assert "from_bus 2 is not in" not in text
    assert "no cluster" not in text


def test_errors_come_before_warnings_and_warnings_do_not_stop(tmp_path: Path) -> None:
    path = write_case(tmp_path, {"tie.0.r_ohm": 1.0, "tie.1.vn_kv": DELETE})
    assert [fault.severity for fault in check_case(path)] == ["error", "warning"]
    with pytest.raises(CaseError) as caught:
        load_case(path)
    assert len(caught.value.faults) == 1


def test_ids_may_be_numbers(tmp_path: Path) -> None:
    path = write_case(tmp_path, {"network.slack_bus": 1, "microgrid.0.bus": 2})
    assert found(path) == []
    assert load_case(path).microgrid("MG1").bus == "2"


def leaves(value: object, path: str = "") -> Iterator[str]:
    """Yield the path of every table, list and value of a case."""
    items = value.items() if isinstance(value, dict) else ()
    for key, item in [*items, *(enumerate(value) if isinstance(value, list) else ())]:
        yield f"{path}{key}"
        yield from leaves(item, f"{path}{key}.")


ODD = {"gone": DELETE, "negative": -1, "big": 7, "text": "x", "nan": float("nan"), "list": []}
ODD |= {"table": {}, "true": True, "huge": 10**400}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD.keys())
def test_an_odd_value_is_a_case_or_a_case_error(tmp_path: Path, odd: object) -> None:
    refused = 0
    for path in leaves(small_case()):
        folder = write_case(tmp_path, {path: odd})
        errors = [fault for fault in check_case(folder) if fault.severity == "error"]
        if errors:
            refused += 1
            with pytest.raises(CaseError):
                load_case(folder)
        else:
            assert load_case(folder).horizon().hours > 0, path
    assert refused > 50


def test_the_factory_leaves_its_case_alone() -> None:
    assert small_case({"time.hours": 9})["time"]["hours"] == 9
    assert small_case()["time"]["hours"] == 4
