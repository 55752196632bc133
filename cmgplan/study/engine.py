"""The driver's loop: sends tasks to an executor and notes what becomes of them."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from pathlib import Path
from typing import Any, Protocol

from cmgplan.plurals import counted
from cmgplan.progress import ProgressEvent
from cmgplan.study.ledger import Ledger
from cmgplan.study.pool import TaskLostError
from cmgplan.study.task_run import request
from cmgplan.study.tasks import Task

AHEAD = 1
"""Tasks sent beyond one for each worker, so that none waits for the driver."""

TRIED_AGAIN = frozenset({"crash", "SolverError"})
"""Kinds of failure after which the same task may succeed."""

TOLD_EVERY_S = 1.0
"""Least time between two lines of progress."""

Call = Callable[[Mapping[str, Any]], Mapping[str, Any]]


class StudyExecutor(Protocol):
    """The part of ``concurrent.futures.Executor`` that the engine uses, and a stop."""

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> Future[Any]:
        """Have a function called elsewhere."""

    def shutdown(self) -> None:
        """End once all is answered."""

    def stop(self) -> None:
        """End what is under way."""


def run_tasks(
    executor: StudyExecutor,
    ledger: Ledger,
    tasks: Mapping[str, Task],
    out: Path,
    *,
    workers: int,
    retries: int,
    call: Call,
    tell: Callable[[ProgressEvent], None],
    shared_pages: bool = False,
) -> None:
    """Run every task that waits, in the ledger's order.

    Parameters
    ----------
    executor
        Where tasks are run.
    ledger
        What is to be run, and where answers are noted.
    tasks
        Tasks by key.
    out
        Folder of the study.
    workers
        Tasks that run at once.
    retries
        How often a task is tried again whose process crashed.
    call
        The function that runs a task, by default ``run_task``.
    tell
        Is told progress.
    shared_pages
        Whether the pages of tasks load the study's drawing library.
    """
    waiting = deque(ledger.waiting())
    progress = _Progress(ledger.counts(), len(waiting), tell)
    under_way: dict[Future[Any], str] = {}
    tries: Counter[str] = Counter()
    while waiting or under_way:
        while waiting and len(under_way) < workers + AHEAD:
            key = waiting.popleft()
            ledger.begin(key)
            tries[key] += 1
            asked = request(tasks[key], out, shared_pages=shared_pages)
            under_way[executor.submit(call, asked)] = key
        for future in wait(under_way, return_when=FIRST_COMPLETED).done:
            key = under_way.pop(future)
            found = answer_of(future)
            if found["kind"] in TRIED_AGAIN and tries[key] <= retries:
                waiting.appendleft(key)
                continue
            del tries[key]
            ledger.end(key, found)
            progress.ended(found["state"])


def answer_of(future: Future[Any]) -> dict[str, Any]:
    """Return what became of a task, its own answer or why there is none."""
    error = future.exception()
    if error is None:
        return {"kind": "", "reason": "", **future.result()}
    if isinstance(error, TaskLostError):
        return {"state": "failed", "kind": error.kind, "reason": str(error)}
    reason = f"the worker gave no answer ({type(error).__name__}: {error})"
    return {"state": "failed", "kind": "crash", "reason": reason}


class _Progress:
    """Tells how many tasks are done and how long the rest may take."""

    def __init__(
        self, counts: Mapping[str, int], waiting: int, tell: Callable[[ProgressEvent], None]
    ) -> None:
        self._counts, self._tell = Counter(counts), tell
        self._total, self._left, self._began = sum(counts.values()), waiting, time.monotonic()
        self._ran, self._last = 0, -TOLD_EVERY_S

    def ended(self, state: str) -> None:
        """Tell that a task has ended."""
        self._counts[state] += 1
        self._left, self._ran = self._left - 1, self._ran + 1
        now = time.monotonic()
        if self._left and now < self._last + TOLD_EVERY_S:
            return
        self._last = now
        ended = self._total - self._left
        words = [f"{ended} of {counted(self._total, 'task')}"]
        words += [f"{self._counts[s]} {s}" for s in ("infeasible", "failed") if self._counts[s]]
        if self._left:
            words.append(f"{_duration((now - self._began) / self._ran * self._left)} left")
        event = ProgressEvent("study", ", ".join(words), fraction=ended / max(1, self._total))
        self._tell(event)


def _duration(seconds: float) -> str:
    """Return a duration in words."""
    if seconds < 90.0:
        return f"{seconds:.0f} s"
    return f"{seconds / 60.0:.0f} min" if seconds < 5400.0 else f"{seconds / 3600.0:.1f} h"
