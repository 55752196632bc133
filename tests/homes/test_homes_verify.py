"""A finished optimum is checked from its files: whatever number is changed is found."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from homes_results import COST, EMISSION_KG, front, optimum

from cmgplan.errors import InputError, ReplayError
from cmgplan.homes.dispatch import Dispatch
from cmgplan.homes.optimum.result import OptimumResult
from cmgplan.homes.optimum.run_folder import read_optimum, write_optimum
from cmgplan.homes.optimum.verify import verify_optimum
from cmgplan.homes.read import load_homes

FREE = {"versions", "wall_s", "warnings"}
"""Keys of run.json that nothing else follows from: what ran, how long, and words of the case."""


@pytest.fixture(autouse=True, scope="module")
def without_library() -> Iterator[None]:
    """Leave the drawing library out of pages: it is most of one, and tells nothing of a run."""
    with patch("cmgplan.page.page.get_plotlyjs", return_value=""):
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


def numeric_cells(path: Path) -> Iterator[tuple[int, int]]:
    """Yield row and column of one cell of each numeric column: the one farthest from zero."""
    with path.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.reader(handle))
    for column in range(len(rows[0])):
        sizes: list[tuple[float, int]] = []
        for row in range(1, len(rows)):
            try:
                sizes.append((abs(float(rows[row][column])), row))
            except ValueError:
                continue
        if sizes:
            yield max(sizes)[1], column


def alter_cell(path: Path, row: int, column: int, change: Callable[[float], float]) -> str:
    with path.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.reader(handle))
    before = float(rows[row][column])
    rows[row][column] = f"{change(before):.10g}"
    with path.open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle, lineterminator="\n").writerows(rows)
    return f"{path.name} row {row} {rows[0][column]}: {before} to {rows[row][column]}"


def unnoticed_cells(run: Path, tables: list[str], tmp_path: Path) -> tuple[list[str], int]:
    """Change one cell of each numeric column; return what passed, and how many were tried."""
    unnoticed, tried = [], 0
    shutil.copytree(run, tmp_path / "run")
    for table in tables:
        place, text = tmp_path / "run" / table, (run / table).read_text("utf-8")
        for row, column in numeric_cells(run / table):
            told = alter_cell(place, row, column, lambda v: v * 1.1 if v else 1.0)
            tried += 1
            if held(tmp_path / "run"):
                unnoticed.append(told)
            place.write_text(text, encoding="utf-8")
    return unnoticed, tried


def test_a_changed_number_of_any_table_is_found(single: Path, tmp_path: Path) -> None:
    tables = sorted(path.name for path in single.glob("*.csv"))
    assert len(tables) == 5
    unnoticed, tried = unnoticed_cells(single, tables, tmp_path)
    assert unnoticed == []
    assert tried == 34


def test_a_changed_number_of_the_front_is_found(of_front: Path, tmp_path: Path) -> None:
    unnoticed, tried = unnoticed_cells(of_front, ["front.csv"], tmp_path)
    assert (unnoticed, tried) == ([], 10)


@pytest.mark.parametrize("table", ["dispatch.csv", "exchange.csv"])
def test_a_changed_day_of_a_point_is_found(table: str, of_front: Path, tmp_path: Path) -> None:
    place = tmp_path / "run" / "points" / "03" / table
    shutil.copytree(of_front, tmp_path / "run")
    row, column = list(numeric_cells(place))[1]
    alter_cell(place, row, column, lambda v: v + 0.01)
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
