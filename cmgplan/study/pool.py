"""Processes that work for a study: an executor whose tasks end at a limit, one by one.

Each worker is a fresh interpreter that takes one call after the other as lines of JSON. A worker
that is ended, or ends by itself, costs its call alone; the next call gets a new one.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, cast

from cmgplan.errors import CmgplanError

SUPERVISES = hasattr(os, "fork")
"""Whether this system has what workers are supervised by: process groups, pipes that can be waited
for, a child that outlives its driver. Windows has not."""

POLL_S = 0.05
"""How often time and memory of a worker are looked at."""

KEPT_SHARE = 0.5
"""Share of the memory limit over which an idle worker is replaced by a fresh one."""

ONE_THREAD = {
    f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "RAYON")
}
"""Environment under which a worker's numerical libraries keep to one thread."""

Lost = Literal["time", "memory", "crash", "stopped"]


class TaskLostError(CmgplanError):
    """A call was ended before its answer: over a limit, by a crash, or by a stop of the study."""

    exit_code = 4

    def __init__(self, kind: Lost, reason: str) -> None:
        self.kind: Lost = kind
        super().__init__(reason)


@dataclass(frozen=True)
class TaskLimits:
    """What a call may take; None is no limit."""

    time_s: float | None = None
    memory_mb: float | None = None


@dataclass(frozen=True)
class _Call:
    """A call that waits for a worker."""

    future: Future[Any]
    line: str


class ProcessPool(Executor):
    """An executor of functions on JSON values, each worker a process of its own.

    Parameters
    ----------
    workers
        Processes that work at once.
    limits
        What a call may take. A call over them fails with ``TaskLostError``.
    """

    def __init__(self, workers: int, limits: TaskLimits | None = None) -> None:
        self._limits = limits or TaskLimits()
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._killing = threading.Event()
        self._threads = [
            threading.Thread(target=self._serve, name=f"study-worker-{k}", daemon=True)
            for k in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Have a worker call a function of a module with JSON values, without keywords."""
        if kwargs:
            raise TypeError("a call to a worker has no keywords")
        if self._closing.is_set():
            raise RuntimeError("the pool is closed")
        future: Future[Any] = Future()
        named = f"{fn.__module__}:{fn.__qualname__}"
        self._calls.put(_Call(future, json.dumps({"call": named, "args": args})))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Let workers end after what was submitted, or after what is under way."""
        self._closing.set()
        if cancel_futures:
            self._cancel_waiting()
        for _ in self._threads:
            self._calls.put(None)
        if wait:
            for thread in self._threads:
                thread.join()

    def stop(self) -> None:
        """End every worker at once, with what it has under way."""
        self._killing.set()
        self.shutdown(cancel_futures=True)

    def _cancel_waiting(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                call = self._calls.get_nowait()
                if call is not None:
                    call.future.cancel()

    def _serve(self) -> None:
        """Take calls for one worker until there are no more."""
        worker: _Worker | None = None
        try:
            while (call := self._calls.get()) is not None:
                if call.future.set_running_or_notify_cancel():
                    worker = self._answer(call, worker)
        finally:
            _end(worker)

    def _answer(self, call: _Call, worker: _Worker | None) -> _Worker | None:
        """Answer a call; return the worker for the next one, None where a fresh one is needed."""
        try:
            worker = worker or _Worker()
            answer = worker.ask(call.line, self._limits, self._killing)
        except (TaskLostError, OSError, ValueError) as error:
            _end(worker)
            if isinstance(error, OSError):
                told = f"a worker could not be started or reached ({error.strerror})"
                error = TaskLostError("crash", told)
            elif isinstance(error, ValueError):
                error = TaskLostError("crash", f"a worker's answer is no JSON ({error})")
            call.future.set_exception(error)
            return None
        kept = not worker.is_large(self._limits)
        if not kept:
            _end(worker)
        call.future.set_result(answer)
        return worker if kept else None


def _path() -> str:
    """Return where this process finds its modules, for workers to find the same."""
    return os.pathsep.join(place for place in sys.path if place)


def _end(worker: _Worker | None) -> None:
    """End a worker, if there is one."""
    if worker is not None:
        worker.end()


class _Worker:
    """A process that answers calls."""

    def __init__(self) -> None:
        read_end, self._lifeline = os.pipe()
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the worker ends
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "cmgplan.study.worker", str(read_end)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
                pass_fds=(read_end,),
                start_new_session=True,
                env={**os.environ, **ONE_THREAD, "PYTHONPATH": _path()},
            )
        except BaseException:
            os.close(self._lifeline)
            self._said.close()
            raise
        finally:
            os.close(read_end)

    def ask(self, line: str, limits: TaskLimits, killing: threading.Event) -> Any:
        """Return the answer to a call.

        Raises
        ------
        TaskLostError
            The worker ended without an answer, or is over a limit; it must be ended then.
        """
        stdin, stdout = cast("IO[bytes]", self._process.stdin), self._process.stdout
        stdout = cast("IO[bytes]", stdout)
        try:
            stdin.write(line.encode() + b"\n")
            stdin.flush()
        except BrokenPipeError:
            raise TaskLostError("crash", self._how_it_ended()) from None
        began, said = time.monotonic(), bytearray()
        with selectors.DefaultSelector() as ready:
            ready.register(stdout, selectors.EVENT_READ)
            while True:
                if ready.select(POLL_S):
                    part = os.read(stdout.fileno(), 1 << 16)
                    if not part:
                        raise TaskLostError("crash", self._how_it_ended())
                    said += part
                    if said.endswith(b"\n"):
                        return json.loads(said)
                elif self._process.poll() is not None:  # what it started may hold its output
                    raise TaskLostError("crash", self._how_it_ended())
                if killing.is_set():
                    raise TaskLostError("stopped", "the study was stopped")
                self._check(time.monotonic() - began, limits)

    def _check(self, seconds: float, limits: TaskLimits) -> None:
        """Raise TaskLostError where a call is over a limit."""
        if limits.time_s is not None and seconds > limits.time_s:
            raise TaskLostError("time", f"it took longer than time_per_task_s, {limits.time_s:g} s")
        if limits.memory_mb is not None:
            used = memory_mb(self._process.pid)
            if used > limits.memory_mb:
                told = f"it took {used:.0f} MB, more than memory_per_task_mb, "
                raise TaskLostError("memory", f"{told}{limits.memory_mb:g} MB")

    def is_large(self, limits: TaskLimits) -> bool:
        """Return whether an idle worker holds so much memory that the next call would suffer."""
        most = limits.memory_mb
        return most is not None and memory_mb(self._process.pid) > KEPT_SHARE * most

    def _how_it_ended(self) -> str:
        """Return how a worker ended that gave no answer, with the last line that it said."""
        try:
            code = self._process.wait(timeout=5.0)
        except subprocess.TimeoutExpired:
            return "the worker closed its output"
        self._said.seek(0, os.SEEK_END)
        self._said.seek(max(0, self._said.tell() - 2000))
        lines = self._said.read().decode(errors="replace").strip().splitlines()
        last = f": {lines[-1].strip()}" if lines else ""
        if code >= 0:
            return f"the worker ended with code {code}{last}"
        name = signal.strsignal(-code)
        short = ", the machine may be short of memory" if code == -signal.SIGKILL else ""
        return f"the worker was ended by signal {-code} ({name}){short}{last}"

    def end(self) -> None:
        """End the process and all that it has started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._said):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()
        os.close(self._lifeline)


def memory_mb(pid: int) -> float:
    """Return the resident memory of a process and of those that it has started, MB of 10^6 bytes.

    0 where the system does not tell (no ``/proc``).
    """
    total = 0.0
    for one in _with_children(pid):
        with contextlib.suppress(OSError, ValueError, IndexError):
            pages = int(Path(f"/proc/{one}/statm").read_text().split()[1])
            total += pages * _PAGE / 1e6
    return total


_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def _with_children(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    found = [pid]
    for one in found:
        with contextlib.suppress(OSError):
            for thread in Path(f"/proc/{one}/task").iterdir():
                found += [int(child) for child in (thread / "children").read_text().split()]
    return found
