"""Progress on the error stream: a bar on a terminal, lines in a pipe."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from cmgplan.cli.console import plain, warn

if TYPE_CHECKING:
    from cmgplan.progress import ProgressEvent

LONG_S = 5.0
"""Seconds from which an optimal power flow tells what it is doing."""

REMIND_S = 30.0
"""Seconds after which it tells so again where nobody sees a terminal."""

_TEXT = TextColumn("{task.description}", markup=False)


@contextmanager
def progress_shown(quiet: bool) -> Iterator[Callable[[ProgressEvent], None]]:
    """Give a function that tells progress on the error stream.

    A bar on a terminal, elsewhere one line for each step and, every ``REMIND_S`` of a long one,
    another with what it has reached; nothing when quiet.
    """
    if quiet:
        yield lambda event: None
        return
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _line_a_step()
        return
    columns = (SpinnerColumn(), _TEXT, BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=1.0)

        def show(event: ProgressEvent) -> None:
            bar.update(task, description=plain(str(event)), completed=event.fraction)

        yield show


def _line_a_step() -> Callable[[ProgressEvent], None]:
    """Return a function that prints a step when it begins, and no line twice."""
    step: object = None
    said: set[str] = set()
    last_s = 0.0

    def tell(event: ProgressEvent) -> None:
        nonlocal step, last_s
        now_s, line = time.monotonic(), str(event)
        if line not in said and (event.step != step or now_s >= last_s + REMIND_S):
            warn(line)
            said.add(line)
            last_s = now_s
        step = event.step

    return tell


@contextmanager
def seconds_shown(limit_s: float, quiet: bool) -> Iterator[Callable[[str, float], None]]:
    """Give a function that takes what is being done and the seconds since the beginning.

    Nothing is shown before ``LONG_S``. Then a terminal shows what is being done; elsewhere each
    thing that is begun gets a line, and another every ``REMIND_S``.
    """
    console = Console(stderr=True)
    if quiet:
        yield lambda what, seconds: None
    elif console.is_terminal:
        with Progress(SpinnerColumn(), _TEXT, console=console, transient=True) as bar:
            task = bar.add_task("", visible=False)

            def show(what: str, seconds: float) -> None:
                line = plain(_seconds_line(what, seconds, limit_s))
                bar.update(task, description=line, visible=seconds >= LONG_S)

            yield show
    else:
        last: tuple[str, float] = ("", 0.0)

        def tell(what: str, seconds: float) -> None:
            nonlocal last
            if seconds >= LONG_S and (what != last[0] or seconds >= last[1] + REMIND_S):
                warn(_seconds_line(what, seconds, limit_s))
                last = (what, seconds)

        yield tell


def _seconds_line(what: str, seconds: float, limit_s: float) -> str:
    return f"{seconds:.0f} s of {limit_s:g} s: {what}"
