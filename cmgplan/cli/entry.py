"""The command line: reads options, calls the library, tells the result. No mathematics.

The library is imported inside the commands, so that help appears at once.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from types import FrameType
from typing import Annotated, NoReturn

import typer

from cmgplan.cli import (
    cases,
    console,
    homes,
    opf,
    planning,
    reconfigure,
    reliability,
    respond,
    runs,
    studies,
)
from cmgplan.cli.supervise import CAN_FORK, INTERRUPTING, supervise
from cmgplan.errors import CmgplanError, as_told
from cmgplan.version import __version__

INTERRUPTED = 130

SOLVING = frozenset({"plan", "opf", "optimum", "market", "building", "respond", "reconfigure"})
"""Commands whose solvers may crash, and that may be interrupted amid a solve."""

LEFT = {
    "plan": "no run was written",
    "verify": "the check is not finished, nothing was changed",
}
"""What an interruption leaves of commands that may have written something, or never write.

The journal of a plan says itself where its points so far are.
"""

app = typer.Typer(
    name="cmgplan",
    help="Plan distribution networks with clustered microgrids.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    """Print the version and stop."""
    if wanted:
        console.say(f"cmgplan {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Plan distribution networks with clustered microgrids."""


for _command in (
    planning.plan,
    planning.select,
    homes.optimum,
    homes.market,
    homes.building,
    respond.respond,
    studies.study,
    cases.check,
    cases.new,
    cases.cases,
    cases.schema,
    runs.verify,
    opf.opf,
    reconfigure.reconfigure,
    reliability.reliability,
    runs.report,
    runs.export,
    runs.compare,
):
    app.command()(_command)


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with its code.

    Without ``argv`` the arguments are those of the process, and commands that solve run in a
    child process, which may crash.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    solves = SOLVING.intersection(arguments[:1]) or "--prove" in arguments
    for number in INTERRUPTING:
        # A hang-up that whoever started this has had ignored (nohup) stays so.
        if number == signal.SIGINT or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, interrupt)
    in_child = False
    try:
        if argv is None and CAN_FORK and solves:
            code = supervise(f"cmgplan {arguments[0]}")
            in_child = code is None
            if code == INTERRUPTED:
                raise KeyboardInterrupt
            if code is not None:
                sys.exit(code)
        _work(arguments)
    except SystemExit as stop:
        by_other = in_child or isinstance(stop, studies.InterruptionTold)
        if stop.code == INTERRUPTED and not by_other:  # who has said so
            console.warn(_interruption(arguments))
        raise
    except KeyboardInterrupt:
        if not in_child:
            console.warn(_interruption(arguments))
        sys.exit(INTERRUPTED)
    except (CmgplanError, OSError, MemoryError, ImportError) as error:
        if "--debug" in arguments:
            traceback.print_exc()
        told = as_told(error)
        console.warn(f"error: {told}")
        sys.exit(told.exit_code)
    sys.exit(0)


def _interruption(arguments: Sequence[str]) -> str:
    """Return the sentence on what an interruption leaves."""
    command = next(iter(arguments), "")
    return f"interrupted; {LEFT.get(command, 'nothing was written')}"


def _work(arguments: Sequence[str]) -> None:
    """Run the command; what it prints has left the process when this returns."""
    try:
        app(args=arguments, prog_name="cmgplan")
    finally:
        try:
            sys.stdout.flush()
        except OSError as error:
            # What cannot be written must not be tried again when the interpreter ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise as_told(error, "standard output") from error


def interrupt(signum: int, frame: FrameType | None) -> NoReturn:
    """Let a termination clean up as an interruption does."""
    raise KeyboardInterrupt
