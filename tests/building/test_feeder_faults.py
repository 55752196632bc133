"""Supply while a line of the feeder is out: who is cut off, energy not supplied, head counts."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cmgplan.building.feeder.outages import cut_off, outages, overlap_h
from cmgplan.building.feeder.supply import FAULTS_FORM, cut_off_rows, shortages, supply_of
from cmgplan.building.model.plant import read_plant
from cmgplan.building.pipeline import run_building
from cmgplan.building.priced.optimum import with_file
from cmgplan.building.result import BuildingOptions, BuildingResult
from cmgplan.errors import CaseError
from cmgplan.homes.case.read import load_homes
from cmgplan.homes.case.records import BuildingFault, HomesCase, fault_window_h

FIFTEEN, THIRTY_THREE = load_homes("apartment5-15bus"), load_homes("apartment5-33bus")

PRINTED_UNITS = {"coalition": (0, 2), "alone": (2, 2), "grid": (5, 5)}
"""Units that lack power in the two hours of the publication's faults, by kind of building."""


@pytest.fixture(scope="module", params=[FIFTEEN, THIRTY_THREE], ids=["15", "33"])
def result(request: pytest.FixtureRequest) -> BuildingResult:
    return run_building(request.param, BuildingOptions(priced=False))


def with_fault(case: HomesCase, **keys: Any) -> HomesCase:
    first = case.file.building.fault[0].model_dump()
    faults = (BuildingFault(**{**first, **keys}),)
    return with_file(case, building=case.file.building.model_copy(update={"fault": faults}))


def total(result: BuildingResult, scenario: str, *, reconfigured: bool) -> Mapping[str, Any]:
    fault = next(f for f in result.feeder["faults"] if f["reconfigured"] is reconfigured)
    return next(dict(s) for s in fault["scenarios"] if s["scenario"] == scenario)


def test_what_a_line_cuts_off_and_what_its_tie_joins_again() -> None:
    assert cut_off(FIFTEEN, "3-11") == ("11", "12", "13")
    assert cut_off(FIFTEEN, "3-11", ["T1"]) == ()
    assert cut_off(THIRTY_THREE, "12-13") == ("13", "14", "15", "16", "17", "18")
    assert cut_off(THIRTY_THREE, "1-2") == tuple(str(k) for k in range(2, 34))


def test_a_tie_that_closes_after_half_an_hour_leaves_half_an_interval() -> None:
    plain, closed = outages(FIFTEEN)
    assert plain.groups[0].cut_h(FIFTEEN)[13:17].tolist() == [0.0, 1.0, 1.0, 0.0]
    assert closed.groups[0].cut_h(FIFTEEN)[13:17].tolist() == [0.0, 0.5, 0.0, 0.0]
    assert [group.until for group in closed.groups] == ["closing"]
    assert overlap_h(FIFTEEN, 1.25, 3.5)[:5].tolist() == [0.0, 0.75, 1.0, 0.5, 0.0]


def test_units_on_the_network_alone_lack_all_of_their_load(result: BuildingResult) -> None:
    """By hand: buses times buildings times the loads of hours 14 and 15, or half of hour 14."""
    plant = read_plant(result.case)
    load = (plant.load_kw + plant.fixed_kw).sum(axis=0)
    buses = {15: 3, 33: 6}[len(result.case.buses)]
    for reconfigured, kwh, hours in ((False, load[14] + load[15], 2), (True, 0.5 * load[14], 1)):
        told = total(result, "3 with three", reconfigured=reconfigured)["total"]
        for reading in ("ens_chp_kwh", "ens_kwh"):
            assert told[reading] == pytest.approx(buses * 3 * kwh, abs=1e-6)
        assert told["nodc_chp"] == told["nodc"] == buses * 3 * 5 * hours
        assert told["customers_chp"] == told["customers"] == buses * 3 * 5


def test_units_with_plant_lack_what_their_chps_leave(result: BuildingResult) -> None:
    """The fitted day: 2.78 kWh in 3 unit-hours together, 8.08 kWh in 6 alone; stores cover it."""
    buses = {15: 3, 33: 6}[len(result.case.buses)]
    kinds = total(result, "1 with three", reconfigured=False)["kinds"]
    for kind, kwh, unit_hours in (("coalition", 2.776, 3), ("alone", 8.077, 6)):
        assert kinds[kind]["ens_chp_kwh"] == pytest.approx(buses * kwh, abs=0.01 * buses)
        assert kinds[kind]["nodc_chp"] == buses * unit_hours
        assert kinds[kind]["customers_chp"] <= kinds[kind]["nodc_chp"]
        assert kinds[kind]["ens_kwh"] == pytest.approx(0.0, abs=1e-6)
        assert kinds[kind]["nodc"] == kinds[kind]["customers"] == 0


def test_more_coalitions_never_lack_more(result: BuildingResult) -> None:
    for reconfigured in (False, True):
        for names in (("1", "2", "3"), ("1 with three", "2 with three", "3 with three")):
            each = [total(result, name, reconfigured=reconfigured)["total"] for name in names]
            for key in ("ens_chp_kwh", "ens_kwh", "nodc_chp", "nodc"):
                values = [told[key] for told in each]
                assert values == sorted(values)


@pytest.mark.parametrize(
    ("case", "reconfigured", "printed"),
    [(FIFTEEN, True, (21, 27, 45)), (THIRTY_THREE, False, (96, 108, 180))],
    ids=["15", "33"],
)
def test_heads_are_counted_as_the_publication_counts_them(
    case: HomesCase, reconfigured: bool, printed: tuple[int, ...]
) -> None:
    """Its totals follow from the units that lack power in each of the two hours: unit-hours."""
    short = {}
    for kind, counts in PRINTED_UNITS.items():
        lacking = np.zeros((5, 24))
        for t, count in zip((14, 15), counts, strict=True):
            lacking[:count, t] = 1.0
        short[kind] = (lacking, lacking)
    outage = next(o for o in outages(case) if o.reconfigured is reconfigured)
    rows = pd.DataFrame(
        [row for group in outage.groups for row in cut_off_rows(case, outage, group, short)],
        columns=list(FAULTS_FORM.columns),
    )
    for scenario, heads in zip(("1", "2", "3"), printed, strict=True):
        mine = rows[rows["scenario"] == f"{scenario} with three"]
        assert supply_of(mine)["nodc_chp"] == heads
    grid = rows[(rows["scenario"] == "1 with three") & (rows["kind"] == "grid")]
    assert supply_of(grid)["customers"] == 5 * (3 if case is FIFTEEN else 6)  # each once


def test_voltages_while_a_line_is_out_are_those_of_what_is_left() -> None:
    """Reconfigured, buses hang on the tie's side and their voltage is lower; else they are gone."""
    result = run_building(THIRTY_THREE, BuildingOptions(priced=False))
    plain = total(result, "3", reconfigured=False)
    closed = total(result, "3", reconfigured=True)
    assert plain["v_min_bus"] == "33"
    assert closed["v_min_bus"] == "18"
    assert closed["v_min_pu"] < plain["v_min_pu"] < 1.0
    whole = result.feeder_tables["feeder"].query("scenario == '3' and hour in [14, 15]")
    assert closed["v_min_pu"] > whole["v_pu"].min()  # 9-15 is a shorter way to bus 18
    assert closed["not_converged"] == []


def test_a_fault_at_the_head_leaves_the_slack_bus() -> None:
    case = with_fault(FIFTEEN, line="1-2", close=())
    told = run_building(case, BuildingOptions(priced=False)).feeder["faults"]
    assert [len(fault["cut_off"]["end"]) for fault in told] == [14]
    assert told[0]["scenarios"][0]["v_min_pu"] == 1.0


def test_stores_keep_energy_for_an_outage_and_then_run_dry() -> None:
    """Cut off all day, a building lacks what its CHPs and stores cannot give, never more."""
    all_day = shortages(FIFTEEN, "paper", tuple(range(24)))
    two_hours = shortages(FIFTEEN, "paper", (16, 17))
    load = all_day["grid"][0]
    for kind in ("coalition", "alone"):
        by_engines, with_stores = all_day[kind]
        assert (with_stores <= by_engines + 1e-9).all()
        assert (by_engines <= load + 1e-9).all()
        assert 0.0 < with_stores.sum() < by_engines.sum()
        assert two_hours[kind][1][:, 16:18].sum() <= with_stores[:, 16:18].sum() + 1e-9
    assert all_day["coalition"][0].sum() <= all_day["alone"][0].sum()


def test_a_fault_lies_where_its_clock_hours_do() -> None:
    """From 14 to 16 on the first day on which a case holds these hours."""
    fault = FIFTEEN.file.building.fault[0]
    assert fault_window_h(fault, 0.0, 24.0) == (14.0, 16.0)
    assert fault_window_h(fault, 12.0, 6.0) == (2.0, 4.0)
    assert fault_window_h(fault, 15.0, 48.0) == (23.0, 25.0)
    assert fault_window_h(fault, 0.0, 15.5) is None


def test_a_fault_without_buildings_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "case"
    shutil.copytree(FIFTEEN.folder, folder)
    toml = folder / "case.toml"
    text = toml.read_text("utf-8")
    begins, ends = text.index("[[building.load_mix]]"), text.index("[[building.fault]]")
    toml.write_text(text[:begins] + text[ends:], "utf-8")
    with pytest.raises(CaseError, match=r"building\.fault: there are no buildings on the feeder"):
        load_homes(folder)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            'line = "3-11"',
            'line = "3-12"',
            "building.fault[0].line: line 3-12 is not in lines.csv; did you mean",
        ),
        (
            'close = ["T1"]',
            'close = ["T9"]',
            "building.fault[0].close[0]: line T9 is not in lines.csv; name a line of it",
        ),
        (
            'line = "3-11"',
            'line = "T1"',
            "building.fault[0].line: line T1 is out of service, so that its fault cuts nothing "
            "off; name a line in service",
        ),
        (
            'close = ["T1"]',
            'close = ["2-9"]',
            "building.fault[0].close[0]: line 2-9 is in service, so that it cannot close; name a "
            "line whose in_service is 0",
        ),
        (
            'line = "3-11"',
            'line = "2-9"',
            "building.fault[0].close[0]: closing T1 makes a loop while 2-9 is out; name a tie",
        ),
        (
            "close_after_h = 0.5",
            "close_after_h = 2.0",
            "building.fault[0].close_after_h: ties close after 2 h, when the fault is over; give",
        ),
        (
            "hours = 24",
            "hours = 15",
            "building.fault[0].hours: 14 to 16 is not in the case, which runs from 0 to 15; give "
            "hours of the clock within it",
        ),
        (
            "power_factor = 0.95",
            "power_factor = 0.0",
            "home[0].power_factor: 0 leaves home unit1 no active power to draw; give more than 0",
        ),
        ("hours = [14, 16]", "hours = [14, 26]", "building.fault[0].hours"),
        ("hours = [14, 16]", "hours = [16, 14]", "from 16 to 14 is no time of a day"),
        ("coalition = 1\n", "coalition = -1\n", "building.load_mix[0].coalition"),
        ("chp_exchange_share = 0.9", "chp_exchange_share = 1.9", "building.chp_exchange_share"),
        ("surplus_price_per_kwh = 0.03", 'surplus_price_per_kwh = "x"', "building.surplus_price"),
    ],
)
def test_a_case_file_with_a_fault_of_its_own_is_refused(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    folder = tmp_path / "case"
    shutil.copytree(FIFTEEN.folder, folder)
    toml = folder / "case.toml"
    text = toml.read_text("utf-8")
    assert old in text
    toml.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(CaseError) as refused:
        load_homes(folder)
    assert message in str(refused.value)
