"""The command line: reads options, calls the library, tells the result. No mathematics.

The library is imported inside the commands, so that help appears at once.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from cmgplan import __version__, console
from cmgplan.errors import (
    CmgplanError,
    InfeasibleError,
    InputError,
    LimitError,
    ReplayError,
    as_told,
)
from cmgplan.supervise import CAN_FORK, INTERRUPTING, end_after, supervise

if TYPE_CHECKING:
    from cmgplan.case.records import Case, PlanOptions
    from cmgplan.network.opf_result import OpfResult
    from cmgplan.report.files import Run

INTERRUPTED = 130

SOLVING = frozenset({"plan", "opf"})
"""Commands whose solvers may crash, and that may be interrupted amid a solve."""

app = typer.Typer(
    name="cmgplan",
    help="Plan distribution networks with clustered microgrids.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

CaseFolder = Annotated[
    Path, typer.Argument(metavar="CASE", help="Folder of the case, or the name of a bundled one.")
]
Day = Annotated[
    str | None, typer.Option(metavar="DATE", help="Day to plan out of longer profiles.")
]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a finished run.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


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


@app.command()
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
    sweep: Annotated[str | None, typer.Option(metavar="diagonal|grid")] = None,
    hierarchy: Annotated[str | None, typer.Option(metavar="levels|joint")] = None,
    minlp: Annotated[
        str | None, typer.Option(metavar="SOLVER", help="decomposition, highs or bonmin.")
    ] = None,
    gap: Annotated[float | None, typer.Option(help="Gap under which a point is optimal.")] = None,
    time_limit: Annotated[
        float | None, typer.Option(metavar="S", help="Seconds that a point may take.")
    ] = None,
    jobs: Annotated[int | None, typer.Option(help="Processes that work at once.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Tell no progress.")] = False,
    debug: Debug = False,
) -> None:
    """Plan a case through all six levels and write the run."""
    from cmgplan.case import load_case
    from cmgplan.planning.pipeline import plan as plan_case
    from cmgplan.report.files import prepare, write_run
    from cmgplan.report.journal import kept
    from cmgplan.report.why import explained

    loaded = load_case(case, day=day)
    doubts = [str(fault) for fault in loaded.warnings]
    for doubt in doubts:
        console.warn(f"warning: {doubt}")
    options = _options(
        loaded.options,
        points=points,
        select=select,
        sweep=sweep,
        hierarchy=hierarchy,
        minlp=minlp,
        gap=gap,
        time_limit_s=time_limit,
        jobs=jobs,
    )
    folder = out if out is not None else Path("runs") / _folder_name(loaded, day)
    prepare(folder)
    with explained(folder, loaded.name), kept(folder) as journal:
        with console.progress_shown(quiet) as tell:
            result = plan_case(loaded, options, progress=tell, journal=journal.write)
        write_run(result, folder)
    console.print_plan(result.summary, told=doubts)
    console.say(f"run: {folder}, page: {folder / 'report.html'}")
    if not (result.summary.get("replay") or {}).get("passed"):
        raise ReplayError(
            f"FAILED: the independent power flow does not confirm the plan; see {folder}/plan.json"
        )


@app.command()
def select(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="Table with a header.")],
    minimise: Annotated[str, typer.Option(metavar="A,B,C", help="Columns to minimise.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
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
        console.print_choice(chosen["memberships"], chosen)


@app.command()
def check(case: CaseFolder, day: Day = None, debug: Debug = False) -> None:
    """List every fault of a case at once."""
    from cmgplan.case import check_case

    faults = check_case(case, day=day)
    console.print_faults(faults)
    if any(fault.severity == "error" for fault in faults):
        raise typer.Exit(InputError.exit_code)
    console.say(f"{case}: can be planned")


@app.command()
def new(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the new case.")],
    network: Annotated[
        Path, typer.Option(metavar="FILE", help="Feeder: MATPOWER .m or pandapower .json.")
    ],
    slack_bus: Annotated[
        str | None, typer.Option(metavar="BUS", help="Bus that the feeder begins at.")
    ] = None,
    debug: Debug = False,
) -> None:
    """Start a case from a network, with two example microgrids to edit."""
    from cmgplan.starter import new_case

    made = new_case(folder, network, slack_bus=slack_bus)
    for note in made.notes:
        console.warn(f"note: {note}")
    console.say(f"{folder}: {made.buses} buses, {made.load_kw:,.6g} kW at the peak")
    console.say(f"edit {folder / 'case.toml'}, then: cmgplan check {folder}, cmgplan plan {folder}")


@app.command()
def cases() -> None:
    """List the cases that come with cmgplan; plan them by their names."""
    from cmgplan.case.bundled import bundled_cases

    console.print_cases([(case.name, case.title, case.folder) for case in bundled_cases()])


@app.command()
def verify(
    run: RunFolder,
    prove: Annotated[
        bool, typer.Option("--prove", help="Prove every printed bound again, another way.")
    ] = False,
    time_limit: Annotated[
        float, typer.Option(metavar="S", min=0.0, help="Seconds that --prove may take.")
    ] = 1200.0,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Hours that --prove asks at once.")
    ] = None,
    debug: Debug = False,
) -> None:
    """Replay a finished run and check it against its case."""
    from cmgplan.report.files import read_run, recover
    from cmgplan.report.verify import verify_run

    recover(run)
    finished = read_run(run)
    report = verify_run(finished)
    console.print_report(report)
    failed = [] if report.passed else [f"{len(report.failed)} of {len(report.checks)} checks"]
    if prove:
        failed += _prove(finished, time_limit, jobs)
    if failed:
        raise ReplayError(f"FAILED: {'; '.join(failed)}")
    console.say(f"{run}: all {len(report.checks)} checks hold")


@app.command()
def opf(
    network: Annotated[
        Path,
        typer.Argument(metavar="NETWORK", help="MATPOWER .m, pandapower .json, or a case."),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    price: Annotated[
        float | None, typer.Option(metavar="$/MWH", help="Cost of generators without one.")
    ] = None,
    power_limit: Annotated[
        float | None, typer.Option(metavar="MVA", help="Limit of generators without one.")
    ] = None,
    v_limits: Annotated[
        tuple[float, float] | None,
        typer.Option(metavar="MIN MAX", help="Voltage limits of buses without them, pu."),
    ] = None,
    time_limit: Annotated[
        float, typer.Option(metavar="S", help="Seconds that answer and proofs may take.")
    ] = 300.0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Tell no progress.")] = False,
    debug: Debug = False,
) -> None:
    """Solve the AC optimal power flow of a network and replay it."""
    from cmgplan.network.networks import Missing, read_network
    from cmgplan.network.opf import solve_opf
    from cmgplan.solve.time_limit import TimeLimit

    if not time_limit > 0.0:
        raise InputError(f"--time-limit {time_limit:g}: give more than 0 seconds")
    missing = Missing(price, power_limit, v_limits)
    given = read_network(network, missing)
    for note in given.grid.notes:
        console.warn(f"note: {note}")
    end_after(time_limit)
    with console.seconds_shown(time_limit, quiet) as tell:
        limit = TimeLimit(time_limit, tell=tell)
        result = solve_opf(given.grid, profiles=given.profiles, bound=True, time_limit_s=limit)
    if as_json:
        typer.echo(json.dumps(result.summary(), allow_nan=False))
    else:
        console.print_opf(result.summary(), len(result.v_pu))
    _raise_unless_solved(result)


@app.command()
def report(run: RunFolder, debug: Debug = False) -> None:
    """Write the page of a finished run again."""
    from cmgplan.report.files import read_run, recover, write_page

    recover(run)
    console.say(str(write_page(read_run(run))))


@app.command()
def export(
    run: RunFolder,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the export; by default RUN-export beside the run."),
    ] = None,
    level: Annotated[
        str,
        typer.Option(
            metavar="upper|lower|without_cmg",
            help="What pandapower gets: the loaded feeder, that of Level 4, or demand alone.",
        ),
    ] = "upper",
    file_format: Annotated[
        str, typer.Option("--format", metavar="pandapower|schedule|matpower|all")
    ] = "all",
    hour: Annotated[
        int | None,
        typer.Option(help="Hour of the MATPOWER file; by default that of greatest demand."),
    ] = None,
    debug: Debug = False,
) -> None:
    """Write a finished run for other tools: pandapower, switch schedule, MATPOWER."""
    from cmgplan.report.export import FORMATS, export_run

    formats = FORMATS if file_format == "all" else (file_format,)
    written = export_run(run, out, level=level, formats=formats, hour=hour)
    console.print_export(written)


@app.command()
def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN RUN ...", help="Finished runs.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder of the comparison; by default RUN-compare.")
    ] = None,
    debug: Debug = False,
) -> None:
    """Lay two or more runs beside each other: a page and a table of differences."""
    from cmgplan.report.compare.write import compare_runs

    console.print_comparison(compare_runs(runs, out))


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with its code.

    Without ``argv`` the arguments are those of the process, and commands that solve run in a
    child process, which may crash.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    solves = SOLVING.intersection(arguments[:1]) or "--prove" in arguments
    for number in INTERRUPTING:
        signal.signal(number, _interrupt)
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
        if stop.code == INTERRUPTED and not in_child:  # the parent says so
            console.warn("interrupted; nothing was written")
        raise
    except KeyboardInterrupt:
        if not in_child:
            console.warn("interrupted; nothing was written")
        sys.exit(INTERRUPTED)
    except (CmgplanError, OSError, MemoryError, ImportError) as error:
        if "--debug" in arguments:
            traceback.print_exc()
        told = as_told(error)
        console.warn(f"error: {told}")
        sys.exit(told.exit_code)
    sys.exit(0)


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


def _interrupt(signum: int, frame: FrameType | None) -> NoReturn:
    """Let a termination clean up as an interruption does."""
    raise KeyboardInterrupt


def _prove(run: Run, time_limit_s: float, jobs: int | None) -> list[str]:
    """Prove the bounds of a run again, print what became of each, and return what failed."""
    from cmgplan.planning.prove import Verdict, prove_run
    from cmgplan.planning.result import ProgressEvent
    from cmgplan.report.proofs import read_proofs

    options = run.load_options()
    with console.progress_shown(quiet=False) as tell:
        proved = prove_run(
            run.load_case(),
            options,
            run.summary,
            run.tables["pareto"],
            read_proofs(run.folder),
            time_limit_s=time_limit_s,
            jobs=options.jobs if jobs is None else jobs,
            tell=lambda message, share: tell(ProgressEvent("prove", message, fraction=share)),
        )
    console.print_proved(proved)
    failed = sum(bound.verdict is Verdict.FAILED for bound in proved)
    return [f"{failed} of {len(proved)} bounds"] if failed else []


def _raise_unless_solved(result: OpfResult) -> None:
    """Raise what the status of an optimal power flow stands for, with its explanation."""
    if result.solved:
        return
    told = "\n  ".join([result.status, *result.explanation])
    if result.status in ("locally infeasible", "proven infeasible"):
        raise InfeasibleError(told)
    if result.status == "replay failed":
        raise ReplayError(
            f"FAILED: the independent power flow differs by {result.replay_max_dv_pu:.2g} pu"
        )
    raise LimitError("\n  ".join([f"{result.status}: {result.message}", *result.explanation]))


def _options(base: PlanOptions, **given: Any) -> PlanOptions:
    """Return the case's options with those of the command line in their place."""
    from pydantic import ValidationError

    from cmgplan.case.records import PlanOptions

    changed = {key: value for key, value in given.items() if value is not None}
    try:
        return PlanOptions.model_validate({**base.model_dump(), **changed})
    except ValidationError as error:
        told = []
        for fault in error.errors():
            option = str(fault["loc"][0]).removesuffix("_s").replace("_", "-")
            told.append(f"--{option} {fault['input']}: {fault['msg']}")
        raise InputError("; ".join(told)) from error


def _folder_name(case: Case, day: str | None = None) -> str:
    """Return a name for a run's folder that no case's name can lead out of its place."""
    name = case.name if day is None else f"{case.name}-{case.file.time.day}"
    return re.sub(r"[^\w.-]+", "-", name).strip(".-") or "case"
