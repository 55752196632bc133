"""Scenarios of a case: weights that sum to 1, and factors on prices, loads and weather."""

from __future__ import annotations

from pathlib import Path

import pytest

from cmgplan.case.folder import CaseFolder
from cmgplan.case.scenarios import FACTORS, Scenario, read_scenarios
from cmgplan.errors import Fault

SOUND = """\
scenario,weight,buy,load,sun
calm,0.5,1.1,1,0.8
sunny,0.3,-0.2,,1.2
007,0.2,1,0.9,0
"""


def read(folder: Path, text: str | None) -> tuple[tuple[Scenario, ...], list[str]]:
    if text is not None:
        (folder / "scenarios.csv").write_text(text, encoding="utf-8")
    faults: list[Fault] = []
    scenarios = read_scenarios(CaseFolder(folder), faults)
    return scenarios, [str(fault) for fault in faults]


def test_a_table_gives_weights_and_factors(tmp_path: Path) -> None:
    (calm, sunny, agent), faults = read(tmp_path, SOUND)
    assert faults == []
    assert (calm.id, sunny.id, agent.id) == ("calm", "sunny", "007")
    assert calm.weight + sunny.weight + agent.weight == pytest.approx(1.0, abs=1e-12)
    assert (calm.factor("buy"), calm.factor("sun")) == (1.1, 0.8)
    assert (sunny.factor("buy"), sunny.factor("load")) == (-0.2, 1.0)
    # Columns that the table lacks change nothing.
    assert [calm.factor(name) for name in ("sell", "heat", "wind")] == [1.0, 1.0, 1.0]


def test_a_case_without_the_table_has_one_certain_day(tmp_path: Path) -> None:
    (only,), faults = read(tmp_path, None)
    assert faults == []
    assert only.weight == 1.0
    assert [only.factor(name) for name in FACTORS] == [1.0] * 6


def test_a_factor_that_no_scenario_has_is_no_one() -> None:
    with pytest.raises(KeyError):
        Scenario("base", 1.0).factor("gas")  # type: ignore[arg-type]


def test_weights_may_be_off_by_their_rounding(tmp_path: Path) -> None:
    thirds = "scenario,weight\n" + "".join(f"s{k},0.3333333\n" for k in range(3))
    assert read(tmp_path, thirds)[1] == []
    assert read(tmp_path, thirds.replace("0.3333333", "0.333333"))[1] == []
    assert len(read(tmp_path, thirds.replace("0.3333333", "0.33333"))[1]) == 1


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("0.2,1", "0.1,1", "the column weight sums to 0.9 instead of 1; divide every weight by"),
        ("0.2,1", "-0.2,1", "row 4: weight -0.2 is negative; give 0 or more"),
        ("0.2,1", ",1", "row 4: weight is empty; fill in the cell"),
        ("0.2,1", "nan,1", "row 4: weight nan is not a finite number"),
        ("0.5,1.1", "0.5,inf", "row 2: buy inf is not a finite number"),
        ("0.5,1.1", "0.5,dear", 'row 2: buy "dear" is not a number'),
        ("0.9,0\n", "-0.9,0\n", "row 4: load -0.9 is negative; give 0 or more"),
        ("1,0.8", "1,-0.8", "row 2: sun -0.8 is negative"),
        ("sunny", "calm", "row 3: scenario calm stands there twice, first in row 2; give it"),
        ("sunny", "", "row 3: scenario is empty"),
        (",sun\n", ",suns\n", "row 1: suns is not a known column; use sun, or remove it"),
        ("weight", "share", "row 1: the column weight is missing; add weight"),
        ("1.1,1,0.8", "1.1,1", "row 2: it has 4 cells where the header has 5"),
    ],
)
def test_a_fault_names_row_column_and_mend(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert SOUND.count(old) == 1
    faults = read(tmp_path, SOUND.replace(old, new))[1]
    assert any(f"scenarios.csv {message}" in fault for fault in faults) or any(
        f"scenarios.csv: {message}" in fault for fault in faults
    ), faults


def test_a_table_without_rows_and_weights_of_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, "scenario,weight\n")[1] == [
        "scenarios.csv: there is no row under the header; add the data"
    ]
    assert read(tmp_path, "scenario,weight\na,0\nb,0\n")[1] == [
        "scenarios.csv: the column weight sums to 0 instead of 1; give weights above 0"
    ]
    (tmp_path / "scenarios.csv").unlink()
    (tmp_path / "scenarios.csv").symlink_to(tmp_path / "gone.csv")
    scenarios, faults = read(tmp_path, None)
    assert scenarios == () and "there is no such file" in faults[0]


def test_every_fault_is_told_at_once_and_no_sum_of_half_a_table(tmp_path: Path) -> None:
    text = SOUND.replace("0.5,1.1", "-0.5,x").replace("sunny", "007")
    faults = read(tmp_path, text)[1]
    assert len(faults) == 3
    assert [word for word in ("-0.5", '"x"', "twice") if not any(word in f for f in faults)] == []
    assert not any("sums to" in fault for fault in faults)
