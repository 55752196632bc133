"""A study from its file to its page."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from cmgplan.case.folder import CaseFolder
from cmgplan.case.toml_file import read_toml
from cmgplan.errors import InputError, MachineError, as_told
from cmgplan.page.page import plotly_text
from cmgplan.plurals import counted, noun
from cmgplan.progress import LOGGER, ProgressEvent, telling
from cmgplan.study import pool
from cmgplan.study.cluster import LOCAL, ClusterExecutor
from cmgplan.study.engine import Call, StudyExecutor, run_tasks
from cmgplan.study.ledger import Ledger
from cmgplan.study.page import write_study_page
from cmgplan.study.pool import ProcessPool, TaskLimits
from cmgplan.study.read import Study, read_study
from cmgplan.study.store import (
    STUDY_FILE,
    TASK_COLUMNS,
    clear_work,
    finished,
    held,
    require_place,
    write_json,
    write_long_tables,
    write_tasks,
    write_text,
)
from cmgplan.study.task_run import LIBRARY, run_task
from cmgplan.study.tasks import Task
from cmgplan.study.undisturbed import undisturbed
from cmgplan.study.view import read_texts
from cmgplan.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

STUDIES = Path("studies")
"""Folder of studies that are given no place."""


class StudyInterrupted(KeyboardInterrupt):
    """A study was interrupted; what was done is kept."""


@dataclass(frozen=True)
class StudyResult:
    """A study that has come to its end.

    Attributes
    ----------
    folder
        Where it lies.
    counts
        How many tasks are in each state.
    tables
        Names of its long tables.
    notes
        What is worth knowing, such as tasks of an earlier list that are left out.
    """

    folder: Path
    counts: Mapping[str, int]
    tables: tuple[str, ...]
    notes: tuple[str, ...]

    def table(self, name: str) -> pd.DataFrame:
        """Return a long table, or ``tasks``; what tells tasks apart is text, empty where none.

        Raises
        ------
        InputError
            The study has no such table.
        """
        path = self.folder / f"{name}.csv"
        if name != "tasks" and name not in self.tables:
            raise InputError(f"{path}: there is no such table; known: tasks, {self.tables}")
        return read_texts(path, (*TASK_COLUMNS, "reason"))


def run_study(
    source: Path | str | Mapping[str, Any],
    out: Path | str | None = None,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    resume: bool = False,
    progress: Callable[[ProgressEvent], None] | None = None,
    warn: Callable[[str], None] | None = None,
    call: Call = run_task,
) -> StudyResult:
    """Run a study: every task that is missing, then its tables and its page.

    Parameters
    ----------
    source
        A study file, or what one holds as plain values.
    out
        Folder of the study; by default ``studies/<name>``.
    workers
        Processes that run tasks at once, by default one for each core.
    scheduler
        Address of a Dask scheduler, or ``local`` for one on this machine; without it the tasks
        run in processes of this machine.
    resume
        Go on with what a study in the folder has not done, also with a changed list of tasks.
    progress, warn
        Are told progress, and what is worth knowing.
    call
        What runs a task, a function of a module from JSON values to JSON values.

    Raises
    ------
    CaseError
        With every fault of the study file.
    InputError
        The folder holds a study that is not to be resumed, or something else; no scheduler
        answers.
    MachineError
        A package that the study asks for is missing, the disk is full, or the system cannot
        supervise processes (Windows).
    KeyboardInterrupt
        It was interrupted; what was done is kept.
    """
    if not pool.SUPERVISES and scheduler in (None, LOCAL):
        raise MachineError(
            "the processes of a study cannot be supervised on this system (Windows); run it on "
            "Linux, macOS or WSL, or give the --scheduler of a cluster there"
        )
    study = read_study(source)
    # Resolved first: what lies behind a ".." is seen as it will be once the folder is there.
    folder = (Path(out) if out is not None else _own_place(study.name)).resolve()
    if workers is not None and workers < 1:
        raise InputError(f"--workers {workers}: give 1 or more")
    require_place(folder, resume=resume)
    with held(folder):
        try:
            return _run(study, folder, workers, scheduler, call, telling(progress), warn or _noted)
        except KeyboardInterrupt:
            with undisturbed():
                left = _interrupted(study, folder)
            raise StudyInterrupted(left) from None
        except OSError as error:
            told = as_told(error, folder)
            if isinstance(told, MachineError):  # above all a full disk
                told = MachineError(f"{told}; what is done is kept: go on with --resume")
            raise told from error


def _own_place(name: str) -> Path:
    """Return the folder of a study that is given no place.

    Raises
    ------
    InputError
        Its name is no name of a folder.
    """
    if name != name.strip() or name in (".", "..") or not name.isprintable() or {*name} & {*"/\\"}:
        raise InputError(f"the name {name!r} cannot be that of a folder; change it, or give --out")
    return STUDIES / name


def _noted(told: str) -> None:
    """Log what is worth knowing, where nobody else is told."""
    LOGGER.warning("%s", told)


def _run(
    study: Study,
    folder: Path,
    workers: int | None,
    scheduler: str | None,
    call: Call,
    tell: Callable[[ProgressEvent], None],
    warn: Callable[[str], None],
) -> StudyResult:
    """Run a study in a folder that this driver holds."""
    began = time.monotonic()
    clear_work(folder)
    head = _head(study)
    write_json(folder / STUDY_FILE, {**head, "state": "running"})
    with closing(Ledger(folder)) as ledger:
        notes = _brought_up(ledger, study, folder)
        for note in notes:
            warn(note)
        _work(study, ledger, folder, workers or os.cpu_count() or 1, scheduler, call, tell)
        clear_work(folder)
        return _closed(study, ledger, folder, head, notes, began)


def _interrupted(study: Study, folder: Path) -> str:
    """Leave a study so that it can be resumed; return what is told."""
    clear_work(folder)
    with closing(Ledger(folder)) as ledger:
        ledger.release()
        write_tasks(folder, ledger.rows(), _figures(study))
        counts = ledger.counts()
    head = _head(study)
    write_json(folder / STUDY_FILE, {**head, "state": "interrupted", "counts": counts})
    of_all = counted(sum(counts.values()), "task is", "tasks are")
    done = f"{counts['done']} of {of_all} done and kept in {folder}"
    return f"interrupted; {done}; go on with --resume"


def _brought_up(ledger: Ledger, study: Study, folder: Path) -> tuple[str, ...]:
    """Bring the ledger in line with the study and its folder; return what is worth knowing."""
    ledger.ask_for(study.tasks)
    lost = ledger.reconcile(finished(folder))
    notes = []
    if lost:
        told = counted(lost, "finished task has", "finished tasks have")
        notes.append(f"{told} no folder any more and {noun(lost, 'is', 'are')} run again")
    asked = {task.case: task.case_sha256 for task in study.tasks}
    for case, sha256, version, count in ledger.left_out():
        were, are = noun(count, "was", "were"), noun(count, "is", "are")
        if version != __version__:
            why = f"{were} run by cmgplan {version}, this is {__version__}"
        elif case in asked and asked[case] != sha256:
            why = f"of {case} {were} run before the case was changed"
        else:
            why = f"of {case} {are} not in the study any more"
        told = counted(count, "finished task")
        stays = noun(count, "it stays", "they stay")
        notes.append(f"{told} {why}: {stays} in tasks/, out of all tables")
    return tuple(notes)


def _work(
    study: Study,
    ledger: Ledger,
    folder: Path,
    workers: int,
    scheduler: str | None,
    call: Call,
    tell: Callable[[ProgressEvent], None],
) -> None:
    """Run what waits."""
    waiting = len(ledger.waiting())
    if not waiting:
        return
    limits = TaskLimits(study.limits.time_per_task_s, study.limits.memory_per_task_mb)
    by_key = {task.key: task for task in study.tasks}
    if study.shared_pages:
        write_text(folder / LIBRARY, plotly_text())
    with _executor(scheduler, min(workers, waiting), limits) as (executor, count):
        run_tasks(
            executor,
            ledger,
            by_key,
            folder,
            workers=count,
            retries=study.limits.retries,
            call=call,
            tell=tell,
            shared_pages=study.shared_pages,
        )


@contextmanager
def _executor(
    scheduler: str | None, workers: int, limits: TaskLimits
) -> Iterator[tuple[StudyExecutor, int]]:
    """Give what runs tasks and how many at once; nothing of it is left afterwards."""
    executor: StudyExecutor
    if scheduler is None:
        executor = ProcessPool(workers, limits)
    else:
        executor = ClusterExecutor(scheduler, workers, limits)
        workers = executor.workers
    try:
        yield executor, workers
    except BaseException:
        executor.stop()
        raise
    executor.shutdown()


def _closed(
    study: Study,
    ledger: Ledger,
    folder: Path,
    head: Mapping[str, Any],
    notes: tuple[str, ...],
    began: float,
) -> StudyResult:
    """Write tables and page and close the study."""
    write_tasks(folder, ledger.rows(), _figures(study))
    tables = write_long_tables(folder, ledger.rows())
    counts = ledger.counts()
    about = {**head, "state": "finished", "counts": counts, "tables": tables, "notes": notes}
    write_json(folder / STUDY_FILE, {**about, "wall_s": time.monotonic() - began})
    write_study_page(folder)
    return StudyResult(folder, counts, tuple(tables), notes)


def _head(study: Study) -> dict[str, Any]:
    """Return what study.json tells from the beginning."""
    cases = {task.case: task for task in study.tasks}
    return {
        "format": 1,
        "name": study.name,
        "system": study.system.name,
        "versions": {"cmgplan": __version__},
        "cases": [_about_case(task) for task in cases.values()],
        "tasks": len(study.tasks),
        "study": _plain(study.asked),
    }


def _about_case(task: Task) -> dict[str, Any]:
    """Return what study.json tells of a case."""
    raw = read_toml(CaseFolder(task.folder), []) or {}
    return {
        "name": task.case,
        "sha256": task.case_sha256,
        "currency": raw.get("currency", "USD") if raw.get("system") == "homes" else "$",
        "dt_h": raw["time"].get("dt_h", 1.0),
    }


def _figures(study: Study) -> list[str]:
    return [figure.name for figure in study.system.shown]


def _plain(value: Any) -> Any:
    """Return values of TOML as values of JSON."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, bool | int | float | str) else str(value)
