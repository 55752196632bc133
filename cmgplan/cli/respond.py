"""The command about demand response: respond."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cmgplan.cli import console
from cmgplan.cli.arguments import CaseFolder, Day, Debug, folder_name
from cmgplan.cli.options import given_options
from cmgplan.cli.shown.homes import print_response
from cmgplan.cli.shown.progress import progress_shown
from cmgplan.errors import InputError


def respond(
    case: CaseFolder,
    method: Annotated[
        list[str] | None,
        typer.Option(
            "--method", metavar="exact|rules|de|bat|pso", help="By default exact; give several."
        ),
    ] = None,
    runs: Annotated[
        int | None, typer.Option(metavar="N", help="Runs of each method that searches.")
    ] = None,
    evaluations: Annotated[
        int | None, typer.Option(metavar="M", help="Days that each run may evaluate.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(metavar="S", help="Seed of all that is drawn.")
    ] = None,
    start: Annotated[
        bool, typer.Option("--start", help="Let searches begin from the day of the rules.")
    ] = False,
    toat: Annotated[
        str | None,
        typer.Option(metavar="L4|L8|L9|L16|L27", help="Try the answer under uncertainty."),
    ] = None,
    rolling: Annotated[
        int | None, typer.Option(metavar="H", help="Plan the day anew every hour, H hours ahead.")
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare/--no-compare", help="Run less flexible homes beside.")
    ] = True,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run; by default runs/<case>-response.")
    ] = None,
    day: Day = None,
    gap: Annotated[
        float | None, typer.Option(help="Gap, a share of the profit, under which it is optimal.")
    ] = None,
    time_limit: Annotated[
        float | None, typer.Option(metavar="S", help="Seconds that each optimum may take.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Tell no progress.")] = False,
    debug: Debug = False,
) -> None:
    """Run homes that respond to price, emission or both, and say how good each method is."""
    from cmgplan.response.pipeline import run_response
    from cmgplan.response.report.read_run import read_response
    from cmgplan.response.report.run_folder import prepare_response, write_response
    from cmgplan.response.result import SEARCHES, ResponseOptions
    from cmgplan.run.why_page import explained
    from cmgplan.systems import load_case

    options = given_options(
        ResponseOptions,
        methods=None if method is None else tuple(dict.fromkeys(method)),
        runs=runs,
        evaluations=evaluations,
        seed=seed,
        start=start,
        toat=toat,
        rolling=rolling,
        compare=compare,
        gap=gap,
        time_limit_s=time_limit,
    )
    searches = set(SEARCHES) & set(options.methods)
    for name, value in (("runs", runs), ("evaluations", evaluations), ("start", start or None)):
        if value is not None and not searches:
            raise InputError(
                f"--{name} is of methods that search; add --method {', '.join(SEARCHES)} or one "
                "of them, or leave it out"
            )
    loaded = load_case(case, day=day, system="homes")
    for fault in loaded.warnings:
        console.warn(f"warning: {fault}")
    named = folder_name(loaded.name, None if day is None else loaded.file.time.day)
    folder = out if out is not None else Path("runs") / f"{named}-response"
    prepare_response(folder)
    with explained(folder, loaded.name), progress_shown(quiet) as tell:
        result = run_response(loaded, options, progress=tell)
    write_response(result, folder)
    print_response(read_response(folder).record)
    console.say(f"run: {folder}, page: {folder / 'report.html'}")
