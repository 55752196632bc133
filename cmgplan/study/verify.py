"""A study checked again from its files alone: tasks, runs, long tables."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from math import isclose, nan
from pathlib import Path
from typing import Any

from cmgplan.errors import CmgplanError, InputError
from cmgplan.plurals import counted
from cmgplan.run.findings import CheckResult, Finding, differs
from cmgplan.study.key_figures import BY_PART, PART_COLUMNS, Figures
from cmgplan.study.ledger import Ledger, TaskRow
from cmgplan.study.store import TASKS_TABLE, long_headers, long_rows
from cmgplan.study.task_run import TASK_FILE, TASKS
from cmgplan.study.tasks import DIGITS, identity
from cmgplan.study.view import StudyView, read_view

DIGITS_KEPT = 1e-9
"""Share by which a key figure in tasks.csv may differ from that of its run, by its ten digits."""

VerifyRun = Callable[[Path], Sequence[CheckResult]]


def verify_study(
    folder: Path, verify_run: VerifyRun, tell: Callable[[str], None] = lambda text: None
) -> list[CheckResult]:
    """Check every finished task of a study, and that its tables are those of the tasks.

    Parameters
    ----------
    folder
        The folder of the study.
    verify_run
        Checks the run folder of a task.
    tell
        Is told each task before it is checked.

    Raises
    ------
    InputError
        It is not the folder of a study, or a file of it is damaged.
    """
    view = read_view(folder)
    with closing(Ledger(folder)) as ledger:
        asked = list(ledger.rows())
    done = [row for row in asked if row.state == "done"]
    return [
        CheckResult("tasks are what their identity says", tuple(_identities(folder, done))),
        CheckResult(f"{TASKS_TABLE} tells the tasks of the ledger", tuple(_asked(view, asked))),
        CheckResult(f"{TASKS_TABLE} tells the key figures of the runs", tuple(_told(view, done))),
        CheckResult(f"{BY_PART}.csv tells the parts of the runs", tuple(_parts(view, done))),
        *_long_tables(folder, done),
        *_runs(folder, done, verify_run, tell),
    ]


def _identities(folder: Path, done: Sequence[TaskRow]) -> Iterator[Finding]:
    """Yield the tasks whose task.json does not give their key and their name."""
    keys = ("system", "case", "case_sha256", "day", "scenario", "factors", "options", "version")
    for row in done:
        try:
            about = json.loads((folder / TASKS / row.name / TASK_FILE).read_text("utf-8"))
            key = identity(*(about[name] for name in keys))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            yield Finding(f"{TASKS}/{row.name}/{TASK_FILE}: {type(error).__name__}", nan, "")
            continue
        if not key == about.get("key") == row.key or not row.name.endswith(key[:DIGITS]):
            yield Finding(f"{TASKS}/{row.name}: is another task than its folder says", nan, "")


def _asked(view: StudyView, asked: Sequence[TaskRow]) -> Iterator[Finding]:
    """Yield where tasks.csv differs from the ledger in which tasks there are, and what they are."""
    rows = view.tasks.set_index("task")
    for name in sorted({row.name for row in asked} ^ set(rows.index)):
        yield Finding(f"{TASKS_TABLE}: {name} is not there and in the ledger alike", nan, "")
    for row in asked:
        if row.name not in rows.index:
            continue
        for name in ("case", "day", "scenario", "options", "state"):
            place = f"{TASKS_TABLE}: {name} of {row.name}"
            yield from differs(rows.loc[row.name, name], getattr(row, name), place)
        told = float(rows.loc[row.name, "weight"])  # type: ignore[arg-type]
        if not _same(told, row.weight):
            place = f"{TASKS_TABLE}: weight of {row.name}"
            yield Finding(place, told - row.weight, "", None, told, row.weight)


def _told(view: StudyView, done: Sequence[TaskRow]) -> Iterator[Finding]:
    """Yield the key figures of tasks.csv that are not those of the runs, and tasks that lack."""
    rows = view.done.set_index("task")
    for name in sorted({row.name for row in done} ^ set(rows.index)):
        yield Finding(f"{TASKS_TABLE}: {name} is not done there and in the ledger alike", nan, "")
    for row in done:
        if row.name not in rows.index:
            continue
        found = _figures(view, row.name)
        if found is None:
            yield Finding(f"{TASKS}/{row.name}: its key figures cannot be read", nan, "")
            continue
        for figure in view.system.shown:
            told, due = float(rows.loc[row.name, figure.name]), found.get(figure.name)  # type: ignore[arg-type]
            if not _same(told, nan if due is None else due):
                place = f"{TASKS_TABLE}: {figure.name} of {row.name}"
                yield Finding(place, told - (due or 0.0), figure.unit, None, told, due)


def _figures(view: StudyView, name: str) -> Figures | None:
    try:
        return view.system.reported.figures(view.folder / TASKS / name)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _parts(view: StudyView, done: Sequence[TaskRow]) -> Iterator[Finding]:
    """Yield the tasks whose table of quantities in parts is not that of their run."""
    reported = view.system.reported
    for row in done if reported.breakdowns else ():
        folder = view.folder / TASKS / row.name
        try:
            with (folder / f"{BY_PART}.csv").open(encoding="utf-8", newline="") as file:
                told = [tuple(cells) for cells in csv.reader(file)]
            due = [PART_COLUMNS, *reported.parts(folder)]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            told, due = [(type(error).__name__,)], []
        if told != due:
            yield Finding(f"{TASKS}/{row.name}/{BY_PART}.csv: is not that of the run", nan, "")


def _same(told: float, due: float) -> bool:
    both_lack = told != told and due != due
    return both_lack or isclose(told, due, rel_tol=DIGITS_KEPT, abs_tol=1e-12)


def _long_tables(folder: Path, done: Sequence[TaskRow]) -> Iterator[CheckResult]:
    """Yield a check for each long table: it has the rows of all tasks and no other."""
    headers = long_headers(folder, done)
    there = {path.stem for path in folder.glob("*.csv")} - {Path(TASKS_TABLE).stem}
    odd = sorted(there ^ set(headers))
    yield CheckResult(
        "long tables are those of the runs",
        tuple(Finding(f"{stem}.csv: is missing or of no run", nan, "") for stem in odd),
    )
    for stem in sorted(there & set(headers)):
        yield CheckResult(
            f"{stem}.csv has the rows of the runs",
            tuple(_first_difference(folder / f"{stem}.csv", folder, stem, headers[stem], done)),
        )


def _first_difference(
    path: Path, folder: Path, stem: str, header: list[str], done: Sequence[TaskRow]
) -> Iterator[Finding]:
    """Yield the first row in which a long table differs from its runs."""
    with path.open(encoding="utf-8", newline="") as file:
        pairs = itertools.zip_longest(csv.reader(file), long_rows(folder, stem, header, done))
        for number, (told, due) in enumerate(pairs, start=1):
            if told != due:
                why = "is missing" if told is None else "is of no run" if due is None else "differs"
                yield Finding(f"{path.name} row {number}: {why}", nan, "")
                return


def _runs(
    folder: Path, done: Sequence[TaskRow], verify_run: VerifyRun, tell: Callable[[str], None]
) -> Iterator[CheckResult]:
    """Yield the checks of every run that do not hold, or one that says that all do."""
    count = 0
    broken: list[CheckResult] = []
    for k, row in enumerate(done, start=1):
        tell(f"{k} of {len(done)}: {row.name}")
        try:
            checks = verify_run(folder / TASKS / row.name)
        except CmgplanError as error:
            finding: Any = Finding(f"{TASKS}/{row.name}: {error}", nan, "")
            broken.append(CheckResult(f"{row.name}: is read", (finding,)))
            continue
        count += len(checks)
        broken += [
            CheckResult(f"{row.name}: {check.name}", check.findings)
            for check in checks
            if not check.passed
        ]
    if not broken:
        yield CheckResult(f"{counted(count, 'check')} of {counted(len(done), 'run')}", ())
    yield from broken


def require_finished(folder: Path) -> None:
    """Raise InputError where a study has no tables yet."""
    if not (folder / TASKS_TABLE).is_file():
        raise InputError(f"{folder}: has no {TASKS_TABLE} yet; resume the study")
