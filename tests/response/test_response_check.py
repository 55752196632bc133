"""Bad input of demand response: one clear message each, which names the place and the mend."""

from __future__ import annotations

import re
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from factories import DELETE, as_toml, edited

from cmgplan.case.bundled import find_case
from cmgplan.cli import main
from cmgplan.errors import CaseError
from cmgplan.homes.case.read import check_homes, load_homes
from cmgplan.response.case.check import check_response, require_response

CASE = find_case("hmg3-response")


def with_edits(folder: Path, edits: dict[str, Any]) -> Path:
    """Return a copy of the case with keys of case.toml changed."""
    shutil.copytree(CASE, folder)
    document = tomllib.loads((CASE / "case.toml").read_text(encoding="utf-8"))
    (folder / "case.toml").write_text(as_toml(edited(document, edits)), encoding="utf-8")
    return folder


def test_the_bundled_cases_have_no_fault_for_demand_response() -> None:
    for name in ("hmg3-response", "hmg3", "apartment5", "two-homes"):
        assert check_response(load_homes(name)) == []


@pytest.mark.parametrize(
    ("edits", "where", "message"),
    [
        (
            {"retailer.sell_per_kwh": 0.2},
            "retailer.sell_per_kwh",
            r"0.2 is above buy_per_kwh 0.1125 in hour 0 \(and 18 more hours\)",
        ),
        (
            {"home.0.ev.0.p_charge_max_kw": 1.2},
            "home[0].ev[0].p_charge_max_kw",
            "at fastest charging it is 1.27 kWh short at the end of hour 6, plugged in in hours "
            "0-6 .*charge faster",
        ),
        (
            {"home.1.job.0.window": [7, 8]},
            "home[1].job[0].window",
            "the window is 1 h long and the job 2 h .*widen the window or shorten the job",
        ),
        (
            {"home.2.refrigerator.0.t_start_c": 7.0},
            "home[2].refrigerator[0].t_start_c",
            r"t_start_c 7 is outside 2..6 .*start between",
        ),
        (
            {"home.2.water_heater.0.t_start_c": 40.0},
            "home[2].water_heater[0].t_start_c",
            r"t_start_c 40 is outside 50..65",
        ),
    ],
)
def test_what_every_case_of_homes_must_keep(
    tmp_path: Path, edits: dict[str, Any], where: str, message: str
) -> None:
    (fault,) = [f for f in check_homes(with_edits(tmp_path / "c", edits)) if f.severity == "error"]
    assert fault.where == where
    assert re.search(message, str(fault)), str(fault)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda rows: rows[:24], "it has 23 hours where time.hours is 24"),
        (
            lambda rows: [*rows, rows[-1].replace("23,", "24,", 1)],
            "it has 25 hours where time.hours is 24",
        ),
        (
            lambda rows: [*rows[:5], rows[5].replace("0.084", "", 1), *rows[6:]],
            "row 6: mcp_per_kwh is empty",
        ),
        (
            lambda rows: [*rows[:5], *rows[6:], rows[5]],
            'row 6: hour "5" stands where hour 4 belongs',
        ),
    ],
)
def test_gaps_in_profiles(
    tmp_path: Path, edit: Callable[[list[str]], list[str]], message: str
) -> None:
    """A day of 23 or 25 hours, an empty cell, hours out of order."""
    folder = with_edits(tmp_path / "c", {})
    rows = (folder / "profiles.csv").read_text(encoding="utf-8").splitlines()
    (folder / "profiles.csv").write_text("\n".join(edit(rows)) + "\n", encoding="utf-8")
    (fault,) = check_homes(folder)
    assert fault.file == "profiles.csv"
    assert message in str(fault)


@pytest.mark.parametrize(
    ("edits", "where", "message", "severity"),
    [
        (
            {"home.1.emission_max_kg_per_h": 0.57},
            "home[1].emission_max_kg_per_h",
            "0.57 kg/h is under the 0.58 that engine of home B emits at its least output of 1 kW"
            ".*raise it to 0.58 or more",
            "error",
        ),
        (
            {
                "home.0.ev.0.soc_start": 0.98,
                "home.0.ev.0.soc_departure": 1.0,
                "home.0.ev.0.driving_kwh": 0.4,
            },
            "home[0].ev[0].p_charge_min_kw",
            "with 1 kW or more at a time car of home A ends hour 6 with 0.4 kWh less than it "
            "needs.*lower p_charge_min_kw",
            "error",
        ),
        (
            {"response.adjustment_price_per_kwh": 0.5},
            "response.adjustment_price_per_kwh",
            "0.5 is outside the forecast of 0.082 to 0.198 per kWh: no load moves",
            "warning",
        ),
    ],
)
def test_what_demand_response_asks(
    tmp_path: Path, edits: dict[str, Any], where: str, message: str, severity: str
) -> None:
    case = load_homes(with_edits(tmp_path / "c", edits))
    (fault,) = check_response(case)
    assert (fault.file, fault.where, fault.severity) == ("case.toml", where, severity)
    assert re.search(message, str(fault)), str(fault)
    if severity == "error":
        with pytest.raises(CaseError, match=re.escape(where)):
            require_response(case)
    else:
        require_response(case)


def test_emax_of_a_home_that_responds_to_price_may_be_anything(tmp_path: Path) -> None:
    case = load_homes(with_edits(tmp_path / "c", {"home.0.emission_max_kg_per_h": 0.1}))
    assert check_response(case) == []


def test_a_home_that_responds_to_emission_without_a_limit_is_warned_of(tmp_path: Path) -> None:
    case = load_homes(with_edits(tmp_path / "c", {"home.2.emission_max_kg_per_h": DELETE}))
    (fault,) = check_response(case)
    assert fault.severity == "warning"
    assert "home C responds to emission without a limit" in str(fault)


def test_check_tells_every_fault_of_given_bids(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = with_edits(tmp_path / "c", {"response.bids": "bids.csv"})
    rows = "Z,0,electricity,sell,5,0.11\nA,24,heat,buy,1,0.05\nA,1,heat,buy,-2,0.05\n"
    head = "home,hour,carrier,side,quantity_kw,price_per_kwh\n"
    (folder / "bids.csv").write_text(head + rows, encoding="utf-8")
    with pytest.raises(SystemExit) as stopped:
        main(["check", str(folder)])
    assert stopped.value.code == 2
    told = capsys.readouterr()
    for words in (
        "home Z is not in the case",
        "hour 24 is not in the case, which has 24",
        "quantity_kw -2 is negative",
    ):
        assert words in told.out + told.err
    (folder / "bids.csv").write_text(f"{head}A,1,heat,buy,2,0.05\n", encoding="utf-8")
    assert check_homes(folder) == []
