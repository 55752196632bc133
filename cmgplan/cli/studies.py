"""Command about many runs: study."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cmgplan.cli import console
from cmgplan.cli.arguments import Debug, Quiet
from cmgplan.cli.shown.progress import progress_shown
from cmgplan.errors import InfeasibleError, LimitError
from cmgplan.plurals import counted

INTERRUPTED = 130


class InterruptionTold(SystemExit):
    """The end of a command that was interrupted and has said what it leaves."""


def study(
    file: Annotated[Path, typer.Argument(metavar="FILE.toml", help="What to run over what.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder of the study; by default studies/<name>.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(metavar="N", help="Tasks at once; by default one a core.")
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Dask scheduler, or local for one on this machine."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Run what a study in the folder has not done.")
    ] = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Run a system over many days, scenarios, options and cases."""
    from cmgplan.study.run import StudyInterrupted, run_study

    try:
        with progress_shown(quiet) as tell:
            found = run_study(
                file,
                out,
                workers=workers,
                scheduler=scheduler,
                resume=resume,
                progress=tell,
                warn=lambda text: console.warn(f"note: {text}"),
            )
    except StudyInterrupted as stop:
        console.warn(str(stop))
        raise InterruptionTold(INTERRUPTED) from None
    told = ", ".join(f"{count} {state}" for state, count in found.counts.items() if count)
    console.say(f"tasks: {told}")
    console.say(f"study: {found.folder}, page: {found.folder / 'report.html'}")
    if found.counts["failed"]:
        console.warn(
            f"{counted(found.counts['failed'], 'task')} failed; why stands in "
            f"{found.folder / 'tasks.csv'} and on the page, and --resume tries again"
        )
    if not found.counts["done"]:
        error = LimitError if found.counts["failed"] else InfeasibleError
        raise error(f"{found.folder}: no task came to an answer; see tasks.csv")
