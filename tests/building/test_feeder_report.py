"""The feeder in a finished run: its files, what verification finds, and the page."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from pages import ReadPage

from cmgplan.building.pipeline import run_building
from cmgplan.building.report.page import render_page
from cmgplan.building.report.read_run import BuildingRun, read_building
from cmgplan.building.report.run_folder import write_building
from cmgplan.building.report.verify import verify_building
from cmgplan.building.report.verify_feeder import check_feeder
from cmgplan.building.result import BuildingOptions
from cmgplan.building.tables import feeder_again
from cmgplan.errors import CaseError, InputError
from cmgplan.homes.case.read import load_homes


@pytest.fixture(autouse=True, scope="module")
def without_library() -> Iterator[None]:
    """Leave the drawing library out of pages: it is most of one, and tells nothing of a run."""
    with patch("cmgplan.page.page.get_plotlyjs", return_value=""):
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    result = run_building(load_homes("apartment5-15bus"), BuildingOptions(priced=False))
    return write_building(result, tmp_path_factory.mktemp("feeder") / "run")


@pytest.fixture(scope="module")
def run(folder: Path) -> BuildingRun:
    return read_building(folder)


@pytest.fixture(scope="module")
def page(folder: Path) -> ReadPage:
    return ReadPage((folder / "report.html").read_text("utf-8"))


def found_in(folder: Path) -> list[str]:
    try:
        report = verify_building(read_building(folder))
    except (InputError, CaseError) as error:
        return [str(error)]
    return [str(finding) for check in report.failed for finding in check.findings]


@pytest.fixture(scope="module")
def again(run: BuildingRun) -> Any:
    """Return the feeder worked out again, once for all tests."""
    return feeder_again(run.load_case(), run.tables["exchange"], run.record.rules)


@pytest.fixture
def checks(run: BuildingRun, again: Any) -> Iterator[Callable[..., list[str]]]:
    case = run.load_case()
    with patch("cmgplan.building.report.verify_feeder.feeder_again", return_value=again):

        def found(**changed: Any) -> list[str]:
            results = check_feeder(case, replace(run, **changed))
            return [str(finding) for check in results for finding in check.findings]

        yield found


def test_a_run_holds_its_feeder_and_is_verified(run: BuildingRun, folder: Path) -> None:
    assert found_in(folder) == []
    assert len(run.tables["feeder"]) == 6 * 24 * 15
    assert len(run.tables["faults"]) == 12 * (2 + 1)  # kinds in six mixes; two hours, then one
    assert [fault.reconfigured for fault in run.record.faults] == [False, True]
    lines = run.tables["feeder"].drop_duplicates("bus").set_index("bus")["line"]
    assert (lines["1"], lines["13"]) == ("source", "12-13")


CHANGED = [
    ("feeder", 40, "v_pu", 0.99),
    ("feeder", 40, "v_pu", np.nan),
    ("feeder", 41, "i_a", 1.5),
    ("feeder", 41, "loss_kw", 1.5),
    ("feeder", 42, "p_kw", 77.0),
    ("feeder", 42, "q_kvar", 77.0),
    ("feeder", 43, "line", "3-11"),
    ("feeder", 44, "bus", "2"),
    ("faults", 3, "short_chp_kw", 77.0),
    ("faults", 3, "units", 4),
    ("faults", 3, "new_units_chp", 4),
    ("faults", 4, "ens_kwh", 77.0),
    ("faults", 4, "cut_h", 0.7),
    ("faults", 5, "buses", 9),
    ("faults", 5, "kind", "alone"),
]


@pytest.mark.parametrize(("stem", "row", "column", "value"), CHANGED)
def test_a_changed_cell_is_found(
    run: BuildingRun, checks: Callable[..., list[str]], stem: str, row: int, column: str, value: Any
) -> None:
    table = run.tables[stem].copy()
    table[column] = table[column].astype(object)
    table.loc[row, column] = value
    found = checks(tables={**run.tables, stem: table.infer_objects()})
    assert found
    assert all(line.startswith(f"{stem}.csv") for line in found)


def test_a_changed_file_is_found(folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "run"
    shutil.copytree(folder, place)
    path = place / "feeder.csv"
    rows = path.read_text("utf-8").splitlines()
    cells = rows[500].split(",")
    rows[500] = ",".join([*cells[:6], "0.97654321", *cells[7:]])
    path.write_text("\n".join(rows) + "\n", "utf-8")
    assert [line.split(":")[0].split(" ")[0] for line in found_in(place)] == ["feeder.csv"]


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Yield the first value of every kind of key under a part of run.json."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list) and value:
        yield from leaves(value[0], (*path, 0))
    elif not isinstance(value, list):
        yield path, value


def test_every_changed_number_of_the_feeder_is_found(
    folder: Path, run: BuildingRun, checks: Callable[..., list[str]]
) -> None:
    content, count = json.loads((folder / "run.json").read_text("utf-8")), 0
    assert checks() == []
    for key, k in (("feeder", 0), ("faults", 1)):
        for path, value in leaves(content[key][k]):
            wrong = not value if isinstance(value, bool) else "x" if isinstance(value, str) else 7
            copy = json.loads(json.dumps(content))
            at: Any = copy[key][k]
            for name in path[:-1]:
                at = at[name]
            at[path[-1]] = wrong
            found = checks(record=type(run.record).model_validate(copy))
            assert found, path
            assert all(line.startswith(key) for line in found)
            count += 1
    assert count > 40


def test_the_page_shows_voltages_and_faults(page: ReadPage, run: BuildingRun) -> None:
    shown = [t for t in page.figures["voltages"]["data"] if t.get("visible", True)]
    assert [t["name"] for t in shown][:3] == ["scenario 1", "scenario 2", "scenario 3"]
    least = {told.scenario: told.v_min_pu for told in run.record.feeder}
    for trace in shown:
        name = trace["name"].removeprefix("scenario ")
        assert min(trace["y"]) == pytest.approx(least[name], abs=1e-5)
    assert "scenario 3 112.0 % more than scenario 1" in page.text
    assert page.tables["scenarios"].column("deviation_pu")[0] == pytest.approx(6.1313, abs=1e-3)
    faults = page.tables["faults"]
    assert len(faults.column("ens_kwh")) == 12
    assert "line 3-11, T1 closed" in page.text
    assert "scenario 1 with three lacks least (47.23" in page.text
    bars = [t for t in page.figures["not_supplied"]["data"] if t.get("visible", True)]
    assert sum(bar["y"][2] for bar in bars) == pytest.approx(
        run.record.faults[0].scenarios[2].total.ens_chp_kwh, abs=1e-3
    )


def test_hours_without_a_power_flow_are_warned_of(run: BuildingRun) -> None:
    record = run.record
    first = record.feeder[0].model_copy(update={"not_converged": [16, 17]})
    changed = record.model_copy(update={"feeder": [first, *record.feeder[1:]]})
    text = ReadPage(render_page(changed, run.tables, run.load_case())).text
    assert "Scenario 1: the feeder has no power flow in hours 16, 17; they are not" in text


def test_a_missing_row_of_the_feeder_is_told(folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "run"
    shutil.copytree(folder, place)
    path = place / "feeder.csv"
    text = path.read_text("utf-8").splitlines()
    path.write_text("\n".join([*text[:9], *text[10:]]) + "\n", "utf-8")
    with pytest.raises(InputError, match=r"feeder.csv: the row of scenario 1, hour 0, bus 9 is mi"):
        read_building(place)


def test_names_with_markup_are_text_in_the_page(run: BuildingRun) -> None:
    name = "<i>1"
    mixes = run.load_case().file.building.load_mix
    assert mixes[0].name == "1"
    tables = {stem: table.replace("1", name) for stem, table in run.tables.items()}
    first = run.record.feeder[0].model_copy(update={"scenario": name})
    record = run.record.model_copy(update={"feeder": [first, *run.record.feeder[1:]]})
    html = render_page(record, tables, run.load_case())
    assert "<i>1" not in html
