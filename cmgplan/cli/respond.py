"""The command about demand response: respond."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cmgplan.cli import console
from cmgplan.cli.arguments import CaseFolder, Day, Debug, Quiet
from cmgplan.cli.homes_case import loaded_homes, place_of_run
from cmgplan.cli.options import given_options
from cmgplan.cli.shown.homes import print_response
from cmgplan.cli.shown.progress import progress_shown
from cmgplan.errors import InputError

if TYPE_CHECKING:
    from cmgplan.response.result import ResponseOptions

Method = Annotated[
    list[str] | None,
    typer.Option(
        "--method", metavar="exact|rules|de|bat|pso", help="By default exact; give several."
    ),
]
Runs = Annotated[int | None, typer.Option(metavar="N", help="Runs of each method that searches.")]
Evaluations = Annotated[
    int | None, typer.Option(metavar="M", help="Days that each run may evaluate.")
]
Seed = Annotated[int | None, typer.Option(metavar="S", help="Seed of all that is drawn.")]
Start = Annotated[
    bool, typer.Option("--start", help="Let searches begin from the day of the rules.")
]
Toat = Annotated[
    str | None, typer.Option(metavar="L4|L8|L9|L16|L27", help="Try the answer under uncertainty.")
]
Rolling = Annotated[
    int | None, typer.Option(metavar="H", help="Plan the day anew every hour, H hours ahead.")
]
Compare = Annotated[
    bool, typer.Option("--compare/--no-compare", help="Run less flexible homes beside.")
]
Out = Annotated[
    Path | None, typer.Option(help="Folder of the run; by default runs/<case>-response.")
]
Gap = Annotated[
    float | None, typer.Option(help="Gap, a share of the profit, under which it is optimal.")
]
Limit = Annotated[
    float | None, typer.Option(metavar="S", help="Seconds that each optimum may take.")
]


def respond(
    case: CaseFolder,
    method: Method = None,
    runs: Runs = None,
    evaluations: Evaluations = None,
    seed: Seed = None,
    start: Start = False,
    toat: Toat = None,
    rolling: Rolling = None,
    compare: Compare = True,
    out: Out = None,
    day: Day = None,
    gap: Gap = None,
    time_limit: Limit = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Run homes that respond to price, emission or both, and say how good each method is."""
    from cmgplan.response.result import ResponseOptions

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
    _require_searches(options, runs=runs, evaluations=evaluations, start=start or None)
    _run(case, day, out, options, quiet)


def _require_searches(options: ResponseOptions, **given: int | None) -> None:
    """Raise InputError for options of searches where no method searches."""
    from cmgplan.response.result import SEARCHES

    if set(SEARCHES) & set(options.methods):
        return
    for name, value in given.items():
        if value is not None:
            raise InputError(
                f"--{name} is of methods that search; add --method {', '.join(SEARCHES)} or one "
                "of them, or leave it out"
            )


def _run(
    case: Path, day: str | None, out: Path | None, options: ResponseOptions, quiet: bool
) -> None:
    """Run the homes of a case, write the run and print it."""
    from cmgplan.response.pipeline import run_response
    from cmgplan.response.report.read_run import read_response
    from cmgplan.response.report.run_folder import prepare_response, write_response
    from cmgplan.run.why_page import explained

    loaded = loaded_homes(case, day)
    folder = place_of_run(loaded, day, out, "response")
    prepare_response(folder)
    with explained(folder, loaded.name), progress_shown(quiet) as tell:
        result = run_response(loaded, options, progress=tell)
    write_response(result, folder)
    print_response(read_response(folder).record)
    console.say_run(folder)
