"""What a user may get wrong in a market: each told with its place and its mend, code 2, no run."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from homes_factories import write_homes
from market_cases import flats
from test_market_report import command

FILE = {"format": 1, "system": "homes", "name": "wrong", "currency": "EUR"}

TANK = {"id": "tank", "energy_kwh": 9.0, "heat_charge_max_kw": 3.0, "heat_discharge_max_kw": 3.0}

SOUND: dict[str, Any] = {
    "home": [
        {
            "id": "A",
            "load": [flats(1.0)],
            "heat_pump": [{"id": "pump", "heat_max_kw": 3.0, "cop": 3.0}],
            "thermal_store": [TANK],
            "electric_boiler": [{"id": "rod", "heat_max_kw": 3.0, "efficiency": 0.98}],
        },
        {"id": "B", "load": [flats(2.0)]},
    ],
    "time": {"hours": 2},
    "retailer": {"buy_per_kwh": 0.3, "sell_per_kwh": 0.1},
}

WRONG: list[tuple[Mapping[str, Any], tuple[str, ...], list[str]]] = [
    (
        {"retailer.sell_per_kwh": 0.4},
        (),
        ["case.toml retailer.sell_per_kwh: 0.4 is above buy_per_kwh 0.3", "exchange or correct"],
    ),
    (
        {"home.0.electric_boiler.0.efficiency": 1.2},
        (),
        ["efficiency: 1.2 is over 1 (A, rod)", "give at most 1"],
    ),
    (
        {"home.0.thermal_store.0.soc_min": 0.6},
        (),
        ["soc_start 0.5 is outside 0.6 to 1 (A tank)", "name a share between soc_min and soc_max"],
    ),
    (
        {"home.0.electric_boiler.0.id": "pump"},
        (),
        ["the device id pump stands already at", "in home A", "give it an id of its own"],
    ),
    ({"home.1.id": "A"}, (), ["home[1]", "A", "stands already", "give"]),
    ({}, ("--structure", "A|X"), ["--structure A|X: X is no home of the case", "A, B"]),
    ({}, ("--structure", "A|A+B"), ["home A is on both sides", "let each home lead or follow"]),
    ({}, ("--leaders", "A"), ["name two or more groups", "--structure"]),
]


def sound(folder: Path, edits: Mapping[str, Any], **tables: str) -> Path:
    """Return the sound case with edits."""
    whole = {**FILE, **deepcopy(SOUND)}
    return write_homes(folder, edits, case=whole, profiles="hour\n0\n1\n", **tables)


@pytest.mark.parametrize(("edits", "options", "words"), WRONG)
def test_what_is_wrong_is_told_with_its_mend(
    edits: Mapping[str, Any],
    options: tuple[str, ...],
    words: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    case = sound(tmp_path / "case", edits)
    assert command("market", case, *options, "--out", tmp_path / "run", "--quiet") == 2
    told = " ".join(capsys.readouterr().err.split())
    for part in words:
        assert part in told
    assert "Traceback" not in told
    assert not (tmp_path / "run").exists()


def test_weights_of_scenarios_sum_to_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scenarios = "scenario,weight,load\nmild,0.6,1\ncold,0.3,1.2\n"
    case = sound(tmp_path / "case", {}, scenarios=scenarios)
    assert command("market", case, "--out", tmp_path / "run", "--quiet") == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "scenarios.csv: the column weight sums to 0.9 instead of 1" in told
    assert not (tmp_path / "run").exists()


def test_the_case_that_was_altered_is_sound(tmp_path: Path) -> None:
    case = sound(tmp_path / "case", {})
    assert command("check", case) == 0
