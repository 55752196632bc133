"""A finished optimum is checked from its files: whatever number is changed is found."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from homes_results import COST, EMISSION_KG, front, optimum

from cmgplan.errors import InputError, ReplayError
from cmgplan.homes.case.read import load_homes
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.day.dispatch import Dispatch
from cmgplan.homes.day.read_tables import require_rows
from cmgplan.homes.day.tables import TABLES
from cmgplan.homes.optimum.read_run import OptimumRun, read_optimum
from cmgplan.homes.optimum.result import OptimumResult
from cmgplan.homes.optimum.run_folder import write_optimum
from cmgplan.homes.optimum.verify import verify_optimum

FREE = {"versions", "wall_s", "warnings"}
"""Keys of run.json that nothing else follows from: what ran, how long, and words of the case."""


@pytest.fixture(autouse=True, scope="module")
def without_pages() -> Iterator[None]:
    """Write empty pages: nothing here is about them."""
    with patch("cmgplan.homes.optimum.run_folder.render_page", return_value=""):
        yield


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("single")
    return write_optimum(optimum(folder / "case", weight=0.1), folder / "run")


@pytest.fixture(scope="module")
def of_front(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("front")
    return write_optimum(front(folder / "case"), folder / "run")


def held(run: Path) -> bool:
    """Return whether a run is read and passes; both ways to refuse it count."""
    try:
        return verify_optimum(read_optimum(run)).passed
    except InputError:
        return False


def test_a_run_that_balances_passes_every_check(single: Path, of_front: Path) -> None:
    for run in (single, of_front):
        report = verify_optimum(read_optimum(run))
        assert [str(f) for check in report.failed for f in check.findings] == []
        assert len({check.name for check in report.checks}) == len(report.checks) >= 12
    record = read_optimum(single).record
    assert record.cost == pytest.approx(COST)
    assert record.emission_kg == pytest.approx(EMISSION_KG)
    assert record.objective == pytest.approx(COST + 0.1 * EMISSION_KG)


def unnoticed_cells(folder: Path, stems: Iterable[str]) -> tuple[list[str], int]:
    """Change one number of each column, the one farthest from zero; return what passed.

    The second number returned is how many were tried.
    """
    run, unnoticed, tried = read_optimum(folder), [], 0
    case = run.load_case()
    with patch.object(OptimumRun, "load_case", return_value=case):
        for stem in stems:
            table = run.tables[stem]
            for column in table.select_dtypes("number").columns:
                row = table[column].abs().idxmax()
                before = table.loc[row, column]
                changed = table.copy()
                changed[column] = changed[column].astype(float)
                changed.loc[row, column] = before * 1.1 if before else 1.0
                altered = replace(run, tables={**run.tables, stem: changed})
                tried += 1
                if passes(altered, case):
                    unnoticed.append(f"{stem} {column}: {before}")
    return unnoticed, tried


def passes(run: OptimumRun, case: HomesCase) -> bool:
    """Return whether a run has the rows that it must have, and passes its checks."""
    try:
        require_rows(case, run.tables, {"optimum": case.ids})
    except InputError:
        return False
    return verify_optimum(run).passed


def test_a_changed_number_of_any_table_is_found(single: Path) -> None:
    unnoticed, tried = unnoticed_cells(single, TABLES)
    assert unnoticed == []
    assert tried == 34


def test_a_changed_number_of_the_front_is_found(of_front: Path) -> None:
    assert unnoticed_cells(of_front, ["front"]) == ([], 10)


@pytest.mark.parametrize("table", ["dispatch.csv", "exchange.csv"])
def test_a_changed_day_of_a_point_is_found(table: str, of_front: Path, tmp_path: Path) -> None:
    place = tmp_path / "run" / "points" / "03" / table
    shutil.copytree(of_front, tmp_path / "run")
    lines = place.read_text("utf-8").splitlines()
    cells = lines[1].split(",")
    column = lines[0].split(",").index("p_kw" if table == "dispatch.csv" else "import_kw")
    cells[column] = str(float(cells[column]) + 0.01)
    place.write_text("\n".join([lines[0], ",".join(cells), *lines[2:]]) + "\n", encoding="utf-8")
    failed = verify_optimum(read_optimum(tmp_path / "run")).failed
    assert all("point 3" in str(f) for check in failed for f in check.findings)
    assert failed


def numbers_of(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every number in JSON."""
    if isinstance(value, dict):
        for key, item in value.items():
            if path or key not in FREE:
                yield from numbers_of(item, (*path, key))
    elif isinstance(value, list):
        for k, item in enumerate(value):
            yield from numbers_of(item, (*path, k))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path


ASKED = {("options", "gap"), ("options", "time_limit_s"), ("options", "front")}
"""Numbers of run.json that nothing else follows from: what was asked for."""


def unnoticed_numbers(run: Path, tmp_path: Path, paths: list[tuple[Any, ...]]) -> list[Any]:
    """Change one number of run.json after the other; return the paths of those that passed."""
    content = json.loads((run / "run.json").read_text("utf-8"))
    shutil.copytree(run, tmp_path / "run")
    unnoticed = []
    for path in paths:
        changed = json.loads(json.dumps(content))
        place = changed
        for key in path[:-1]:
            place = place[key]
        before = place[path[-1]]
        place[path[-1]] = before + 1 if isinstance(before, int) else before * 1.1 or 1.0
        (tmp_path / "run" / "run.json").write_text(json.dumps(changed), encoding="utf-8")
        if held(tmp_path / "run"):
            unnoticed.append((path, before))
    return unnoticed


def test_a_changed_number_of_run_json_is_found(single: Path, tmp_path: Path) -> None:
    content = json.loads((single / "run.json").read_text("utf-8"))
    paths = [path for path in numbers_of(content) if path not in ASKED]
    assert len(paths) >= 9
    assert unnoticed_numbers(single, tmp_path, paths) == []


def test_a_changed_front_in_run_json_is_found(of_front: Path, tmp_path: Path) -> None:
    paths: list[tuple[Any, ...]] = [("front", 0, key) for key in ("cost", "bound", "mu_min")]
    assert unnoticed_numbers(of_front, tmp_path, [("point",), ("cost",), *paths]) == []


def changed_day(result: OptimumResult, **parts: Any) -> OptimumResult:
    day = replace(result.point.dispatch, **parts)
    return replace(result, points=(replace(result.point, dispatch=day),))


def test_what_cannot_be_is_not_written(tmp_path: Path) -> None:
    result = optimum(tmp_path / "case")
    a, b = result.case.ids
    day: Dispatch = result.point.dispatch
    battery = replace(day.flows[b, "battery"], p_kw=np.array([-2.5, 0, 1.62, 0]))
    warm = replace(day.flows[b, "fridge"], p_kw=np.zeros(4))
    both = replace(day.exchange[a], export_kw=np.array([1.0, 0, 2.62, 0]))
    later = replace(day.exchange[b], pool_heat_kw=np.array([2.5, 0, -0.5, 1]))
    for parts, words in (
        ({"flows": {**day.flows, (b, "battery"): battery}}, r"storage battery: over p_charge"),
        ({"flows": {**day.flows, (b, "fridge"): warm}}, r"refrigerator fridge: over t_max_c, hour"),
        ({"exchange": {**day.exchange, a: both}}, r"home A: import_kw and export_kw at once, hour"),
        ({"exchange": {**day.exchange, b: later}}, r"pool of heat, hour 0: 0.5 kW"),
    ):
        with pytest.raises(ReplayError, match=words):
            write_optimum(changed_day(result, **parts), tmp_path / "run")
    assert not (tmp_path / "run").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["case"]


def test_limits_of_the_retailer_and_of_the_pool_are_checked(tmp_path: Path) -> None:
    result = optimum(tmp_path / "case")
    toml = tmp_path / "case" / "case.toml"
    text = toml.read_text("utf-8")
    for old, new, words in (
        ("power_max_kw = 20.0", "power_max_kw = 7.0", r"over power_max_kw .* hour 0: 1 kW"),
        ("total_kw = 30.0", "total_kw = 15.0", r"import of all homes: over .* hour 0: 1 kW"),
        ("[pool]", "[pool]\nheat = false", r"without a pool of heat, hour 0: 2 kW"),
    ):
        toml.write_text(text.replace(old, new), encoding="utf-8")
        tighter = replace(result, case=load_homes(toml.parent))
        with pytest.raises(ReplayError, match=words):
            write_optimum(tighter, tmp_path / "run")


def test_a_front_with_a_dominated_point_is_not_written(tmp_path: Path) -> None:
    result = front(tmp_path / "case")
    twice = replace(result.points[1], dispatch=result.points[2].dispatch)
    with pytest.raises(ReplayError, match=r"point 2.*cost"):
        write_optimum(replace(result, points=(result.points[0], twice)), tmp_path / "run")
    with pytest.raises(ReplayError, match="fuzzy compromise"):
        write_optimum(replace(result, selected=0), tmp_path / "run")


def test_a_bound_above_the_objective_proves_nothing(tmp_path: Path) -> None:
    result = optimum(tmp_path / "case")
    point = replace(result.point, bound=result.point.objective + 0.1, gap=0.0)
    with pytest.raises(ReplayError, match="bound over the objective"):
        write_optimum(replace(result, points=(point,)), tmp_path / "run")
