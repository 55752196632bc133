"""Tasks on a Dask cluster: the same calls, each in a process of its own inside a Dask worker.

A Dask worker cannot end one of its tasks; so each keeps a pool of supervised processes, whose
limits and isolation are those of one machine. What is sent and what returns are JSON texts.
"""

from __future__ import annotations

import json
import logging
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from importlib import import_module
from typing import Any

from cmgplan.errors import InputError, MachineError
from cmgplan.study.pool import ProcessPool, TaskLimits, TaskLostError

LOCAL = "local"
"""Scheduler address that starts Dask's LocalCluster on this machine."""

LOOPBACK = "127.0.0.1"
CONNECT_S = 20.0

NO_DASK = (
    "a cluster needs the package distributed; install it with pip install 'cmgplan[cluster]', or "
    "leave --scheduler out"
)

_pools: dict[str, ProcessPool] = {}
_lock = threading.Lock()


class ClusterExecutor:
    """An executor of functions on JSON values over Dask.

    Parameters
    ----------
    address
        Address of a scheduler, or ``local`` for a cluster on the loopback of this machine.
    workers
        Processes of a local cluster.
    limits
        What a call may take.

    Raises
    ------
    MachineError
        Dask is not installed.
    InputError
        No scheduler answers at the address.
    """

    def __init__(self, address: str, workers: int, limits: TaskLimits) -> None:
        try:
            import distributed
            from distributed.comm.addressing import get_address_host
        except ImportError as error:
            raise MachineError(NO_DASK) from error
        self._study, self._limits = uuid.uuid4().hex, limits
        self._cluster = None
        try:
            if address == LOCAL:
                self._cluster = distributed.LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    host=LOOPBACK,
                    dashboard_address=None,
                    silence_logs=logging.CRITICAL,
                )
                self._client = distributed.Client(self._cluster, set_as_default=False)
            else:
                if not address.strip():
                    raise ValueError("the address is empty")
                get_address_host(address)  # else refused after 40 s of trying to part
                self._client = distributed.Client(address, timeout=CONNECT_S, set_as_default=False)
        except (OSError, ValueError) as error:
            raise InputError(
                f"--scheduler {address}: no Dask scheduler answers there ({error}); check the "
                f"address, such as tcp://10.0.0.5:8786, or give {LOCAL}"
            ) from error
        threads = self._client.nthreads()
        self.workers = max(1, sum(threads.values()))

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> Future[Any]:
        """Have a Dask worker call a function of a module with JSON values."""
        call = json.dumps(
            {
                "call": f"{fn.__module__}:{fn.__qualname__}",
                "args": args,
                "study": self._study,
                "time_s": self._limits.time_s,
                "memory_mb": self._limits.memory_mb,
            }
        )
        answer: Future[Any] = Future()
        answer.set_running_or_notify_cancel()
        sent = self._client.submit(supervised, call, pure=False, retries=0)
        sent.add_done_callback(lambda done: _hand_on(done, answer))
        return answer

    def shutdown(self) -> None:
        """Take leave of the cluster; one of this machine is ended."""
        self._end_pools(wait=True)
        self._close()

    def stop(self) -> None:
        """End what is under way on all workers, and take leave."""
        self._end_pools(wait=False)
        self._close()

    def _end_pools(self, *, wait: bool) -> None:
        try:
            self._client.run(end_pool, self._study, wait=wait, on_error="ignore")
        except (OSError, RuntimeError, TimeoutError):  # of a cluster that is gone already
            return

    def _close(self) -> None:
        self._client.close()
        if self._cluster is not None:
            self._cluster.close()


def _hand_on(done: Any, answer: Future[Any]) -> None:
    """Set the answer of a call to what Dask returned."""
    try:
        found = json.loads(done.result())
    except Exception as error:  # noqa: BLE001 - whatever Dask raises, the task has no answer
        answer.set_exception(error)
        return
    if "lost" in found:
        answer.set_exception(TaskLostError(found["lost"], found["reason"]))
    else:
        answer.set_result(found["answer"])


def supervised(call: str) -> str:
    """Make a call in a supervised process of this Dask worker; JSON in, JSON out."""
    asked = json.loads(call)
    module, _, name = asked["call"].partition(":")
    pool = _pool(asked["study"], TaskLimits(asked["time_s"], asked["memory_mb"]))
    try:
        answer = pool.submit(getattr(import_module(module), name), *asked["args"]).result()
    except TaskLostError as error:
        return json.dumps({"lost": error.kind, "reason": str(error)})
    return json.dumps({"answer": answer})


def end_pool(study: str) -> None:
    """End the processes of a study in this Dask worker."""
    with _lock:
        pool = _pools.pop(study, None)
    if pool is not None:
        pool.stop()


def _pool(study: str, limits: TaskLimits) -> ProcessPool:
    """Return the pool of a study in this Dask worker, with a process for each of its threads."""
    from distributed import get_worker

    with _lock:
        if study not in _pools:
            _pools[study] = ProcessPool(get_worker().state.nthreads, limits)
        return _pools[study]
