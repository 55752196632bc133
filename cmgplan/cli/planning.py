"""Commands of the planning system: plan, select."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from cmgplan.cli import console
from cmgplan.cli.arguments import AsJson, CaseFolder, Day, Debug, Quiet, folder_name
from cmgplan.cli.options import given_options
from cmgplan.cli.shown.plans import print_choice, print_plan
from cmgplan.cli.shown.progress import progress_shown
from cmgplan.errors import ReplayError


def plan(
    case: CaseFolder,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run; by default runs/<name of the case>.")
    ] = None,
    day: Day = None,
    points: Annotated[int | None, typer.Option(help="Points of the Pareto front.")] = None,
    select: Annotated[
        int | None, typer.Option(help="Point to take instead of the fuzzy choice.")
    ] = None,
    sweep: Annotated[
        str | None, typer.Option(metavar="diagonal|grid", help="How the points of the front lie.")
    ] = None,
    hierarchy: Annotated[
        str | None,
        typer.Option(metavar="levels|joint", help="Let lower levels mask switches, or none."),
    ] = None,
    minlp: Annotated[
        str | None, typer.Option(metavar="SOLVER", help="decomposition, highs or bonmin.")
    ] = None,
    gap: Annotated[float | None, typer.Option(help="Gap under which a point is optimal.")] = None,
    time_limit: Annotated[
        float | None, typer.Option(metavar="S", help="Seconds that a point may take.")
    ] = None,
    jobs: Annotated[int | None, typer.Option(help="Threads that work at once.")] = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Plan a case through all six levels and write the run."""
    from cmgplan.planning.case.records import PlanOptions
    from cmgplan.planning.pipeline import plan as plan_case
    from cmgplan.planning.report.run_folder import RUN, write_run
    from cmgplan.run.folder import prepare
    from cmgplan.run.journal import kept
    from cmgplan.run.why_page import explained
    from cmgplan.systems import load_case

    loaded = load_case(case, day=day, system="planning")
    doubts = [str(fault) for fault in loaded.warnings]
    for doubt in doubts:
        console.warn(f"warning: {doubt}")
    options = given_options(
        PlanOptions,
        loaded.options.model_dump(),
        points=points,
        select=select,
        sweep=sweep,
        hierarchy=hierarchy,
        minlp=minlp,
        gap=gap,
        time_limit_s=time_limit,
        jobs=jobs,
    )
    named = folder_name(loaded.name, None if day is None else loaded.file.time.day)
    folder = out if out is not None else Path("runs") / named
    prepare(folder, RUN)
    with explained(folder, loaded.name), kept(folder, console.warn) as journal:
        with progress_shown(quiet) as tell:
            result = plan_case(loaded, options, progress=tell, journal=journal.write)
        write_run(result, folder)
    print_plan(result.summary, told=doubts)
    console.say_run(folder)
    if not result.summary.replay.passed:
        raise ReplayError(
            f"FAILED: the independent power flow does not confirm the plan; see {folder}/plan.json"
        )


def select(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="Table with a header.")],
    minimise: Annotated[str, typer.Option(metavar="A,B,C", help="Columns to minimise.")],
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Choose the fuzzy max-min compromise among the rows of any table."""
    from cmgplan.search.table import read_solutions
    from cmgplan.search.table import select as select_row

    names = [name.strip() for name in minimise.split(",") if name.strip()]
    chosen = select_row(read_solutions(file, names))
    if as_json:
        typer.echo(json.dumps(chosen, allow_nan=False))
    else:
        print_choice(chosen["memberships"], chosen)
