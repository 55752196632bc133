"""The ledger of a study: what became of each task, in an SQLite file that the driver alone writes.

Every change is a transaction. The folders of finished tasks are the truth; ``reconcile`` brings
the ledger in line with them.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from cmgplan.errors import InputError, MachineError
from cmgplan.study.options import told
from cmgplan.study.tasks import Task
from cmgplan.version import __version__

LEDGER_FILE = "ledger.sqlite"

State = Literal["waiting", "running", "done", "infeasible", "failed"]
STATES: tuple[State, ...] = ("waiting", "running", "done", "infeasible", "failed")

MADE_AGAIN = (
    "remove it and go on with --resume, which makes it again from the folders of finished tasks"
)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS task (
    key TEXT PRIMARY KEY, name TEXT NOT NULL, position INTEGER, "case" TEXT NOT NULL, day TEXT,
    scenario TEXT NOT NULL, options TEXT NOT NULL, weight REAL NOT NULL, state TEXT NOT NULL,
    attempts INTEGER NOT NULL, started TEXT, ended TEXT, wall_s REAL, kind TEXT, reason TEXT,
    version TEXT NOT NULL, case_sha256 TEXT NOT NULL, figures TEXT
);
CREATE INDEX IF NOT EXISTS by_position ON task (position);
"""

SHOWN_COLUMNS = [
    "task",
    "case",
    "day",
    "scenario",
    "options",
    "state",
    "attempts",
    "wall_s",
    "reason",
    "weight",
]
"""Columns of tasks.csv before the key figures."""


@dataclass(frozen=True)
class TaskRow:
    """What the ledger knows of a task that is asked for."""

    key: str
    name: str
    case: str
    day: str
    scenario: str
    options: str
    state: State
    attempts: int
    wall_s: float | None
    reason: str
    weight: float
    figures: Mapping[str, float | None]


_ROW = tuple(entry.name for entry in fields(TaskRow))


class Ledger:
    """The ledger in a study's folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / LEDGER_FILE
        with _told(self._path):
            # Autocommit: each statement is a transaction unless one is begun.
            self._base = sqlite3.connect(self._path, isolation_level=None)
            self._base.execute("PRAGMA synchronous = NORMAL")
            self._base.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._base.close()

    def ask_for(self, tasks: Iterable[Task]) -> None:
        """Let just these tasks be asked for, in this order; what is known of them stays."""
        with self._transaction():
            self._base.execute("UPDATE task SET position = NULL")
            self._base.executemany(
                """INSERT INTO task (key, name, position, "case", day, scenario, options, weight,
                   state, attempts, version, case_sha256)
                   VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'waiting', 0, ?, ?)
                   ON CONFLICT (key) DO UPDATE SET position = excluded.position,
                   weight = excluded.weight, name = excluded.name, "case" = excluded."case",
                   day = excluded.day, scenario = excluded.scenario, options = excluded.options,
                   version = excluded.version, case_sha256 = excluded.case_sha256""",
                (
                    (
                        task.key,
                        task.name,
                        position,
                        task.case,
                        task.day or "",
                        task.scenario,
                        told(task.options),
                        task.weight,
                        __version__,
                        task.case_sha256,
                    )
                    for position, task in enumerate(tasks)
                ),
            )

    def reconcile(self, finished: Mapping[str, Mapping[str, Any]]) -> int:
        """Bring states in line with the folders of finished tasks.

        Parameters
        ----------
        finished
            Content of task.json by key, of every whole folder.

        Returns
        -------
        int
            Tasks that were called done and have no folder; they wait again.
        """
        with self._transaction():
            done = self._base.execute("SELECT key FROM task WHERE state = 'done'").fetchall()
            lost = [(key,) for (key,) in done if key not in finished]
            self._base.executemany("UPDATE task SET state = 'waiting' WHERE key = ?", lost)
            self._base.execute(
                "UPDATE task SET state = 'waiting' WHERE state NOT IN ('done', 'infeasible')"
            )
            self._base.execute("UPDATE task SET attempts = 0 WHERE typeof(attempts) != 'integer'")
            self._base.executemany(
                """UPDATE task SET state = 'done', kind = '', reason = '', wall_s = ?, figures = ?,
                   attempts = MAX(attempts, 1) WHERE key = ?""",
                (
                    (about.get("wall_s"), json.dumps(about.get("figures") or {}), key)
                    for key, about in finished.items()
                ),
            )
        return len(lost)

    def begin(self, key: str) -> None:
        """Note that a task is under way."""
        with _told(self._path):
            self._base.execute(
                """UPDATE task SET state = 'running', attempts = attempts + 1, started = ?,
                   ended = NULL WHERE key = ?""",
                (_now(), key),
            )

    def end(self, key: str, found: Mapping[str, Any]) -> None:
        """Note what became of a task: the answer of ``run_task``."""
        figures = json.dumps(found.get("figures") or {})
        row = (found["state"], _now(), found.get("wall_s"), found.get("kind", ""))
        with _told(self._path):
            self._base.execute(
                """UPDATE task SET state = ?, ended = ?, wall_s = ?, kind = ?, reason = ?,
                   figures = ? WHERE key = ?""",
                (*row, found.get("reason", ""), figures, key),
            )

    def release(self) -> None:
        """Let tasks that were under way wait again."""
        with _told(self._path):
            self._base.execute("UPDATE task SET state = 'waiting' WHERE state = 'running'")

    def counts(self) -> dict[str, int]:
        """Return how many of the tasks that are asked for are in each state."""
        rows = self._all("SELECT state, COUNT(*) FROM task WHERE position NOTNULL GROUP BY state")
        found = dict(rows)
        return {state: int(found.get(state, 0)) for state in STATES}

    def waiting(self) -> list[str]:
        """Return the keys of what is to be run, in order."""
        rows = self._all(
            """SELECT key FROM task WHERE position NOTNULL AND state = 'waiting'
               ORDER BY position"""
        )
        return [key for (key,) in rows]

    def left_out(self) -> list[tuple[str, str, str, int]]:
        """Return case, its hash, version and count of finished tasks that are not asked for."""
        return self._all(
            """SELECT "case", case_sha256, version, COUNT(*) FROM task
               WHERE position IS NULL AND state IN ('done', 'infeasible')
               GROUP BY "case", case_sha256, version ORDER BY 1, 2, 3"""
        )

    def rows(self) -> Iterator[TaskRow]:
        """Yield what is known of every task that is asked for, in order."""
        with _told(self._path):
            cursor = self._base.execute(
                """SELECT key, name, "case", day, scenario, options, state, attempts, wall_s,
                   COALESCE(reason, ''), weight, COALESCE(figures, '{}') FROM task
                   WHERE position NOTNULL ORDER BY position"""
            )
            for row in cursor:
                yield self._row(row)

    def _row(self, cells: tuple[Any, ...]) -> TaskRow:
        """Return a row of the file, which anybody may have altered."""
        told_row: dict[str, Any] = dict(zip(_ROW, cells, strict=True))
        try:
            figures = dict(json.loads(told_row["figures"]))
            numbers = [told_row["weight"], told_row["wall_s"], *figures.values()]
            if any(isinstance(number, str | bytes | list | dict) for number in numbers):
                raise ValueError("text where a number belongs")
            texts = (told_row[name] for name in ("name", "case", "day", "reason", "options"))
            if not all(isinstance(text, str) for text in texts) or told_row["state"] not in STATES:
                raise ValueError(f"state {told_row['state']}")
        except (ValueError, TypeError) as error:
            told_error = f"task {told_row['name']} is damaged there: {error}"
            raise InputError(f"{self._path}: cannot be used ({told_error}); {MADE_AGAIN}") from None
        return TaskRow(**{**told_row, "figures": figures})

    def _all(self, query: str) -> list[Any]:
        with _told(self._path):
            return self._base.execute(query).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Let statements take effect together or not at all."""
        with _told(self._path):
            self._base.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._base.execute("ROLLBACK")
                raise
            self._base.execute("COMMIT")


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Tell errors of the database in the words of the tool."""
    try:
        yield
    except sqlite3.Error as error:
        if "full" in str(error) or "I/O" in str(error):
            raise MachineError(
                f"{path}: the disk is full or reports an error ({error}); free some of it and go "
                "on with --resume"
            ) from error
        raise InputError(f"{path}: cannot be used ({error}); {MADE_AGAIN}") from error


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
