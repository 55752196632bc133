"""A worker process: takes calls as lines of JSON, answers each with a line.

Started as ``python -m cmgplan.study.worker FD``. FD is a pipe that closes when the driver is
gone; then the worker ends with everything that it has started, whatever a solver is doing.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from pathlib import Path

LINE_LIMIT = 1 << 24
"""Longest line that is taken, bytes."""


def main(lifeline: int) -> None:
    """Answer calls until the input ends."""
    _end_with_driver(lifeline)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a solver prints is no answer
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _offer_memory()
    for line in iter(lambda: sys.stdin.readline(LINE_LIMIT), ""):
        call = json.loads(line)
        module, _, name = call["call"].partition(":")
        found = getattr(importlib.import_module(module), name)(*call["args"])
        answers.write(json.dumps(found) + "\n")
        answers.flush()


def _end_with_driver(lifeline: int) -> None:
    """Let a small process end this one's group when the driver is gone.

    A process of its own, since a thread would wait for a solver that holds the interpreter.
    """
    if not hasattr(os, "fork"):
        return
    if os.fork():
        os.close(lifeline)
        return
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    for open_file in (0, 1, 2):
        os.close(open_file)
    while os.read(lifeline, 1):  # nobody writes; an end of file is the end of the driver
        pass
    os.killpg(0, signal.SIGKILL)


def _offer_memory() -> None:
    """Let this worker be the first that memory is taken from, not its driver (Linux)."""
    try:
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")
    except OSError:
        return


if __name__ == "__main__":
    main(int(sys.argv[1]))
