"""A child process for commands that call solvers, so that a crash ends in a message.

The child is forked before anything heavy is imported and goes on where the parent stood; the
parent waits for it, hands interruptions on and says what happened if a signal ends it. Where
processes cannot be forked (Windows) there is no such child.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from contextlib import suppress

from cmgplan.errors import LimitError, ReplayError, SolverError

CAN_FORK = hasattr(os, "fork")

GRACE_S = 1.2
"""Time that an interrupted child has to clean up before it is ended."""

POLL_S = 0.02

FINISHED = frozenset({0, ReplayError.exit_code})
"""Exit codes of work that is done, and written where it writes."""

INTERRUPTING = (
    signal.SIGINT,
    signal.SIGTERM,
    *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else []),
)
"""Signals that ask a process to end."""
OVERTIME_S = 10.0
"""Time after a limit in which a solver that cannot be stopped may still come to an end."""

_supervised = False

PR_SET_PDEATHSIG = 1
"""Of ``prctl``: the signal that a process gets when its parent ends."""


def supervise(what: str) -> int | None:
    """Fork; return None in the child, which is to do the work, and its exit code in the parent.

    Parameters
    ----------
    what
        Name of the work for the message of a crash.

    Raises
    ------
    SolverError
        In the parent, when a signal ended the child.
    KeyboardInterrupt
        In the parent, when it was interrupted and had to end the child.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        global _supervised
        _supervised = True
        os.setpgid(0, 0)
        _end_with(parent)
        return None
    with suppress(PermissionError, ProcessLookupError):
        os.setpgid(child, child)  # on both sides, since either may be first
    try:
        return _exit_code(_waited(child), what)
    finally:
        _signal_group(child, signal.SIGKILL)  # what the child has left behind


def end_after(seconds: float) -> None:
    """Have this process ended some time after a limit, whatever it is in; only under a parent."""
    if _supervised and seconds < float("inf"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds + OVERTIME_S)


def end_no_more() -> None:
    """Take back what ``end_after`` set, once the solver has stopped in time."""
    if _supervised:
        signal.setitimer(signal.ITIMER_REAL, 0.0)


def _waited(child: int) -> int:
    """Return how the child ended; hand an interruption on to it.

    Raises
    ------
    KeyboardInterrupt
        When the child did not finish after an interruption. Solvers that are interrupted may
        crash on their way out, or end without an answer: neither is worth telling then.
    """
    try:
        return os.waitpid(child, 0)[1]
    except KeyboardInterrupt:
        _signal_group(child, signal.SIGINT)
        end = time.monotonic() + GRACE_S
        while time.monotonic() < end:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                if os.WIFEXITED(status) and os.WEXITSTATUS(status) in FINISHED:
                    return status
                raise
            time.sleep(POLL_S)
        _signal_group(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise


def _exit_code(status: int, what: str) -> int:
    if not os.WIFSIGNALED(status):
        return os.waitstatus_to_exitcode(status)
    number = os.WTERMSIG(status)
    if number in INTERRUPTING:
        raise KeyboardInterrupt
    if number == signal.SIGALRM:
        raise LimitError(
            f"{what}: the time limit is over and a solver did not stop; give more time"
        )
    short = "the machine may be short of memory"
    reason = short if number == signal.SIGKILL else f"a solver crashed, or {short}"
    raise SolverError(
        f"{what} was ended by signal {number} ({signal.strsignal(number)}): {reason}; nothing was "
        "written. Run it again, and report the network or case if it happens again"
    )


def _signal_group(leader: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)


def _end_with(parent: int) -> None:
    """Let this process be ended when its parent is (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
