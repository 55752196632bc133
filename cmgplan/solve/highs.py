"""HiGHS itself: made quiet and on one thread, given rows and limits, run and interrupted."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from math import inf
from typing import Any

import highspy
import numpy as np
import scipy.sparse as sp

from cmgplan.arrays import FloatArray
from cmgplan.errors import SolverError
from cmgplan.solve.cones import Rows
from cmgplan.solve.self_test import QuietHighs, check_highs
from cmgplan.solve.time_limit import LATE, LATE_S

MOST_COEFFICIENT = 1e15
"""Coefficient over which HiGHS takes no row (its large_matrix_value)."""

ENDING_S = 30.0
"""Time that HiGHS has to end when it is stopped."""

_OTHERWISE: ContextVar[Mapping[str, object] | None] = ContextVar("otherwise", default=None)


@contextmanager
def asked_otherwise(options: Mapping[str, object]) -> Iterator[None]:
    """Give every HiGHS that this thread makes meanwhile further options."""
    token = _OTHERWISE.set(options)
    try:
        yield
    finally:
        _OTHERWISE.reset(token)


def new_highs(*, interruptible: bool = True) -> Any:
    """Return a quiet HiGHS on one thread; its callbacks cost time where solves are short."""
    check_highs()
    h = QuietHighs()
    h.HandleUserInterrupt = interruptible
    h.setOptionValue("random_seed", 1)
    h.setOptionValue("threads", 1)
    h.setOptionValue("parallel", "off")
    h.setOptionValue("mip_rel_gap", 0.0)
    for name, value in (_OTHERWISE.get() or {}).items():
        h.setOptionValue(name, value)
    return h


def linear_program(
    cost: FloatArray,
    lower: FloatArray,
    upper: FloatArray,
    rows: Iterable[Rows],
    *,
    interruptible: bool = True,
) -> Any:
    """Return a HiGHS with a linear program, to be run."""
    h = new_highs(interruptible=interruptible)
    count = len(cost)
    h.addVars(count, lower, upper)
    h.changeColsCost(count, np.arange(count, dtype=np.int32), cost)
    for part in rows:
        pass_rows(h, part)
    return h


def set_time_limit(h: Any, time_limit_s: float | None, *, mixed: bool) -> None:
    """Limit the next run: HiGHS counts linear solves from its first run, mixed ones anew."""
    if time_limit_s is None:
        h.setOptionValue("time_limit", np.inf)
    else:
        h.setOptionValue("time_limit", time_limit_s + (0.0 if mixed else h.getRunTime()))


def pass_rows(h: Any, rows: Rows) -> None:
    """Add rows to a HiGHS model."""
    matrix = rows.matrix
    status = h.addRows(
        matrix.shape[0],
        rows.lower,
        rows.upper,
        matrix.nnz,
        matrix.indptr[:-1].astype(np.int32),
        matrix.indices.astype(np.int32),
        matrix.data.astype(np.float64),
    )
    if status == highspy.HighsStatus.kError:
        raise SolverError(_refused(matrix))


def _refused(matrix: sp.csr_array) -> str:
    """Return why HiGHS takes no such rows: numbers that no planner means, or that are none."""
    size = np.abs(matrix.data)
    told = "HiGHS does not take the rows of the model"
    if not np.isfinite(size).all():
        return f"{told}: a number of them is infinite or not a number; correct the case's numbers"
    return (
        f"{told}: its coefficients lie between {size[size > 0.0].min(initial=np.inf):.0e} and "
        f"{size.max(initial=0.0):.0e}, and none may be over {MOST_COEFFICIENT:.0e}; correct "
        "numbers of the case that are too large or too small to be meant"
    )


def run_highs(h: Any, time_limit_s: float | None = None) -> None:
    """Run HiGHS so that an interruption ends it at once and reaches the caller.

    One that does not heed its time limit is stopped.

    Raises
    ------
    SolverError
        If HiGHS breaks off, or goes on although it is stopped.
    """
    done = threading.Event()
    broken: list[Exception] = []

    def work() -> None:
        try:
            h.run()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is HiGHS's
            broken.append(error)
        finally:
            done.set()

    late = inf if time_limit_s is None else time.perf_counter() + LATE * time_limit_s + LATE_S
    threading.Thread(target=work, daemon=True).start()
    try:
        # Not Thread.join: interrupted once, it takes the thread for finished (CPython 3.11).
        while not done.wait(0.05):
            if time.perf_counter() > late:
                _stop(h, done, time_limit_s)
    except KeyboardInterrupt:
        h.cancelSolve()
        done.wait(ENDING_S)
        raise
    if broken:
        raise SolverError(f"HiGHS {h.version()} broke off: {broken[0]}") from broken[0]


def _stop(h: Any, done: threading.Event, time_limit_s: float | None) -> None:
    h.cancelSolve()
    if not done.wait(ENDING_S):
        raise SolverError(
            f"HiGHS {h.version()} heeds neither its time limit of {time_limit_s:.6g} s nor a stop; "
            "run it again, or with another version of highspy"
        )
