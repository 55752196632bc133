"""A pool of processes whose calls end at their limits, one by one."""

from __future__ import annotations

import os
import signal
import time

import little_tasks
import pytest
from studies import all_gone, until

from cmgplan.study.pool import ProcessPool, TaskLimits, TaskLostError, _with_children, memory_mb


def lost(pool: ProcessPool, *call: object) -> TaskLostError:
    error = pool.submit(*call).exception(timeout=30.0)  # type: ignore[arg-type]
    assert isinstance(error, TaskLostError)
    return error


def test_answers_come_in_any_number_from_workers_that_stay() -> None:
    before = set(_with_children(os.getpid()))
    pool = ProcessPool(2)
    answers = [pool.submit(little_tasks.double, value) for value in range(20)]
    assert [answer.result(timeout=30.0) for answer in answers] == [2.0 * v for v in range(20)]
    workers = [pid for pid in _with_children(os.getpid()) if pid not in before]
    assert len(workers) >= 2
    pool.shutdown()
    assert all_gone(workers)
    with pytest.raises(RuntimeError, match="closed"):
        pool.submit(little_tasks.double, 1)


def test_a_worker_has_one_thread() -> None:
    pool = ProcessPool(1)
    assert pool.submit(little_tasks.environment, "OMP_NUM_THREADS").result(timeout=30.0) == "1"
    pool.shutdown()


def test_a_call_over_its_time_is_ended_and_the_next_is_answered() -> None:
    pool = ProcessPool(1, TaskLimits(time_s=1.0))
    began = time.monotonic()
    error = lost(pool, little_tasks.sleep, 60.0)
    assert error.kind == "time"
    assert "time_per_task_s, 1 s" in str(error)
    assert time.monotonic() - began < 10.0
    assert pool.submit(little_tasks.double, 4).result(timeout=30.0) == 8.0
    pool.shutdown()


def test_a_call_over_its_memory_is_ended_and_the_next_is_answered() -> None:
    pool = ProcessPool(1, TaskLimits(memory_mb=150.0))
    error = lost(pool, little_tasks.eat, 400)
    assert error.kind == "memory"
    assert "more than memory_per_task_mb, 150 MB" in str(error)
    assert pool.submit(little_tasks.double, 4).result(timeout=30.0) == 8.0
    pool.shutdown()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_call_that_ends_its_worker_is_told_by_the_signal(number: int) -> None:
    pool = ProcessPool(1)
    error = lost(pool, little_tasks.end_by, int(number))
    assert error.kind == "crash"
    assert f"signal {int(number)}" in str(error)
    assert pool.submit(little_tasks.double, 4).result(timeout=30.0) == 8.0
    pool.shutdown()


def test_an_error_of_a_call_is_told_with_its_last_line() -> None:
    pool = ProcessPool(1)
    error = lost(pool, little_tasks.double, None)
    assert error.kind == "crash"
    assert "TypeError" in str(error)
    pool.shutdown()


def test_a_stop_ends_what_is_under_way_and_cancels_the_rest() -> None:
    pool = ProcessPool(1)
    first, second = (pool.submit(little_tasks.sleep, 60.0) for _ in range(2))
    assert until(first.running)
    began = time.monotonic()
    pool.stop()
    assert time.monotonic() - began < 5.0
    error = first.exception(timeout=1.0)
    assert isinstance(error, TaskLostError)
    assert error.kind == "stopped"
    assert second.cancelled()


def test_memory_counts_children() -> None:
    """This process holds at least what the interpreter needs, and a child adds to it."""
    alone = memory_mb(os.getpid())
    pool = ProcessPool(1)
    pool.submit(little_tasks.double, 1).result(timeout=30.0)
    assert alone > 10.0
    assert memory_mb(os.getpid()) > alone + 3.0
    pool.shutdown()
