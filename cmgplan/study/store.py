"""The folder of a study: who may write it, which tasks in it are whole, and its long tables."""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from cmgplan.errors import InputError
from cmgplan.run.folder import jsonable
from cmgplan.run.lock import locked_file
from cmgplan.run.moving import move
from cmgplan.run.tables import guarded
from cmgplan.study.ledger import SHOWN_COLUMNS, TaskRow
from cmgplan.study.task_run import TASK_FILE, TASKS, WORK

STUDY_FILE, TASKS_TABLE, PAGE = "study.json", "tasks.csv", "report.html"
LOCK = ".lock"

TASK_COLUMNS = ("task", "case", "day", "scenario", "options")
"""Columns that a long table has before its own."""

_FIRST = {STUDY_FILE, f".{STUDY_FILE}.new", LOCK}
"""What a study that has only just begun may have left."""


def require_place(out: Path, *, resume: bool) -> None:
    """Raise InputError where a study may not be written.

    Raises
    ------
    InputError
        A study stands there and is not to be resumed, or something else does.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: is a file; choose another --out")
    there = {path.name for path in out.iterdir()} if out.is_dir() else set()
    if STUDY_FILE in there and not resume:
        raise InputError(
            f"{out}: holds a study already; add --resume to run what is missing of it, or choose "
            "another --out"
        )
    if STUDY_FILE not in there and not there <= _FIRST:
        raise InputError(
            f"{out}: holds files that are not a study (no {STUDY_FILE}), so it is left alone; "
            "choose another --out"
        )


def is_study(folder: Path) -> bool:
    """Return whether a folder holds a study."""
    return (folder / STUDY_FILE).is_file()


@contextmanager
def held(out: Path) -> Iterator[None]:
    """Keep every other driver out of a study's folder.

    Raises
    ------
    InputError
        Another driver is at work there.
    """
    out.mkdir(parents=True, exist_ok=True)
    with locked_file(out / LOCK) as mine:
        if not mine:
            raise InputError(
                f"{out}: another study is at work there; wait for it, or choose another --out"
            )
        yield


def clear_work(out: Path) -> None:
    """Remove what tasks that were under way have left."""
    shutil.rmtree(out / WORK, ignore_errors=True)


def finished(out: Path) -> dict[str, dict[str, Any]]:
    """Return task.json by key of every whole folder of a task, without its options."""
    found = {}
    folder = out / TASKS
    for place in folder.iterdir() if folder.is_dir() else ():
        try:
            about = json.loads((place / TASK_FILE).read_text(encoding="utf-8"))
            key = str(about["key"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if about.get("name") == place.name and _numbers(about):
            found[key] = {name: about.get(name) for name in ("wall_s", "figures")}
    return found


def _numbers(about: Mapping[str, Any]) -> bool:
    """Return whether time and key figures of a task are numbers, or none."""
    figures = about.get("figures") or {}
    if not isinstance(figures, dict):
        return False
    values = (about.get("wall_s"), *figures.values())
    return all(value is None or isinstance(value, int | float) for value in values)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Put a JSON file in its place, whole."""
    with _replacing(path) as file:
        json.dump(jsonable(content), file, indent=2, allow_nan=False, ensure_ascii=False)
        file.write("\n")


def write_text(path: Path, text: str) -> None:
    """Put a text file in its place, whole."""
    with _replacing(path) as file:
        file.write(text)


def write_tasks(out: Path, rows: Iterable[TaskRow], figures: Iterable[str]) -> None:
    """Write tasks.csv: every task that is asked for, with its key figures."""
    names = list(figures)
    with _replacing(out / TASKS_TABLE) as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow([*SHOWN_COLUMNS, *names])
        for row in rows:
            cells = (row.name, row.case, row.day, row.scenario, row.options, row.state)
            table.writerow(
                [
                    *map(guarded, cells),
                    row.attempts,
                    _digits(row.wall_s, 4),
                    guarded(" ".join(row.reason.split())),
                    _digits(row.weight, 10),
                    *(_digits(row.figures.get(name), 10) for name in names),
                ]
            )


def write_long_tables(out: Path, rows: Iterable[TaskRow]) -> list[str]:
    """Write one long table for each table of the runs and return their names, sorted.

    Tables are copied row by row, so that none has to be held. Those of an earlier list of tasks
    that no run has any more are removed; a file that is no long table is left alone.
    """
    done = [row for row in rows if row.state == "done"]
    headers = long_headers(out, done)
    for stem, header in headers.items():
        _write_long(out, stem, header, done)
    stale = long_tables_there(out) - set(headers)
    for stem in stale:
        (out / f"{stem}.csv").unlink()
    for stem in stale | set(headers):
        (out / f"{stem}.parquet").unlink(missing_ok=True)
    _write_parquet(out, headers)
    return sorted(headers)


def long_tables_there(out: Path) -> set[str]:
    """Return the stems of the files in a study's folder that are long tables by their columns."""
    found = set()
    for path in out.glob("*.csv"):
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            if tuple(next(csv.reader(file), []))[: len(TASK_COLUMNS)] == TASK_COLUMNS:
                found.add(path.stem)
    return found - {Path(TASKS_TABLE).stem}


def long_headers(out: Path, done: Iterable[TaskRow]) -> dict[str, list[str]]:
    """Return the columns of every table of finished tasks: all that any run has, by stem."""
    found: dict[str, dict[str, None]] = {}
    for row in done:
        for path in sorted((out / TASKS / row.name).glob("*.csv")):
            with path.open(encoding="utf-8", newline="") as file:
                columns = next(csv.reader(file), [])
            found.setdefault(path.stem, {}).update(dict.fromkeys(columns))
    return {stem: list(columns) for stem, columns in sorted(found.items())}


def _write_long(out: Path, stem: str, header: list[str], done: Iterable[TaskRow]) -> None:
    """Write one long table."""
    with _replacing(out / f"{stem}.csv") as file:
        csv.writer(file, lineterminator="\n").writerows(long_rows(out, stem, header, done))


def long_rows(
    out: Path, stem: str, header: list[str], done: Iterable[TaskRow]
) -> Iterator[list[str]]:
    """Yield the rows of a long table from its runs, column names first."""
    yield [*TASK_COLUMNS, *(f"run_{name}" if name in TASK_COLUMNS else name for name in header)]
    for row in done:
        path = out / TASKS / row.name / f"{stem}.csv"
        if not path.exists():
            continue
        told = (row.name, row.case, row.day, row.scenario, row.options)
        first = [str(guarded(cell)) for cell in told]
        with path.open(encoding="utf-8", newline="") as source:
            cells = csv.reader(source)
            columns = next(cells, [])
            for row_cells in cells:
                if columns == header:
                    yield [*first, *row_cells]
                    continue
                by_name = dict(zip(columns, row_cells, strict=False))
                yield [*first, *(by_name.get(name, "") for name in header)]


def _write_parquet(out: Path, stems: Iterable[str]) -> None:
    """Write every long table as Parquet too, where DuckDB is installed (extra ``[study]``)."""
    try:
        import duckdb
    except ImportError:
        return
    with duckdb.connect() as base:
        base.execute("SET threads = 1")
        base.execute("SET memory_limit = '256MB'")
        for stem in stems:
            fresh = out / f".{stem}.parquet.new"
            source = base.read_csv(
                str(out / f"{stem}.csv"), header=True, sample_size=-1, all_varchar=False
            )
            source.write_parquet(str(fresh))
            fresh.replace(out / f"{stem}.parquet")


def _digits(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}g}"


@contextmanager
def _replacing(path: Path) -> Iterator[IO[str]]:
    """Give a file to write that takes its place when it is whole."""
    fresh = path.with_name(f".{path.name}.new")
    try:
        with fresh.open("w", encoding="utf-8", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        move(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)
