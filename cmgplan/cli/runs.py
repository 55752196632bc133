"""Commands about finished runs: verify, report, export, compare."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cmgplan.cli import console
from cmgplan.cli.arguments import Debug, Quiet, RunFolder
from cmgplan.cli.shown.checks import print_checks, print_proved, print_report
from cmgplan.cli.shown.homes import print_days
from cmgplan.cli.shown.plans import print_comparison, print_export
from cmgplan.cli.shown.progress import progress_shown
from cmgplan.errors import InputError, ReplayError
from cmgplan.plurals import counted

if TYPE_CHECKING:
    from cmgplan.planning.report.run_folder import Run
    from cmgplan.run.findings import CheckResult


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
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Replay a finished run, or all of a study, and check it against its case."""
    from cmgplan.planning.report.run_folder import read_run
    from cmgplan.planning.report.verify import verify_run
    from cmgplan.run.folder import recover
    from cmgplan.run_kinds import PLANNING, RUN_KINDS, require_plan, system_of_run
    from cmgplan.study.hold.marker import NOT_CHECKED, is_held
    from cmgplan.study.store import is_study

    if is_study(run):
        _verify_study(run, prove)
        return
    recover(run)
    if is_held(run):
        checks = _verify_any(run)
        console.say(NOT_CHECKED)
        _tell_checks(run, checks)
        return
    if (system := system_of_run(run)) != PLANNING:
        if prove:
            require_plan(run, "--prove")
        _tell_checks(run, RUN_KINDS[system].verify(run))
        return
    finished = read_run(run)
    report = verify_run(finished)
    print_report(report)
    failed = (
        [] if report.passed else [f"{len(report.failed)} of {counted(len(report.checks), 'check')}"]
    )
    if prove:
        failed += _prove(finished, time_limit, jobs, quiet)
    if failed:
        raise ReplayError(f"FAILED: {'; '.join(failed)}")
    _tell_all_hold(run, len(report.checks))


def report(run: RunFolder, debug: Debug = False) -> None:
    """Write the page of a finished run or study again."""
    from cmgplan.run.folder import recover
    from cmgplan.run_kinds import RUN_KINDS, system_of_run
    from cmgplan.study.hold.marker import is_held
    from cmgplan.study.store import is_study

    if is_study(run):
        from cmgplan.study.page import write_study_page

        console.say(str(write_study_page(run)))
        return
    recover(run)
    if is_held(run):
        from cmgplan.study.hold.page import write_held_page

        console.say(str(write_held_page(run)))
        return
    console.say(str(RUN_KINDS[system_of_run(run)].report(run)))


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
        str,
        typer.Option(
            "--format", metavar="pandapower|schedule|matpower|all", help="What is written."
        ),
    ] = "all",
    hour: Annotated[
        int | None,
        typer.Option(help="Hour of the MATPOWER file; by default that of greatest demand."),
    ] = None,
    debug: Debug = False,
) -> None:
    """Write a finished run for other tools: pandapower, switch schedule, MATPOWER."""
    from cmgplan.planning.report.export import FORMATS, export_run
    from cmgplan.run_kinds import require_plan

    require_plan(run, "export")
    formats = FORMATS if file_format == "all" else (file_format,)
    written = export_run(run, out, level=level, formats=formats, hour=hour)
    print_export(written)


def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN RUN ...", help="Finished runs.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder of the comparison; by default RUN-compare.")
    ] = None,
    debug: Debug = False,
) -> None:
    """Lay two or more runs beside each other: a page and a table of differences."""
    from cmgplan.run_kinds import are_plans, compare_homes

    if are_plans(runs):
        from cmgplan.planning.report.compare.write import compare_runs

        print_comparison(compare_runs(runs, out))
    else:
        print_days(compare_homes(runs, out))


def _verify_study(folder: Path, prove: bool) -> None:
    """Check a study and the run of each of its tasks."""
    from cmgplan.study.hold.marker import NOT_CHECKED
    from cmgplan.study.verify import require_finished, verify_study
    from cmgplan.study.view import read_view

    if prove:
        told = f"give --prove the run of a task, a folder in {folder}/tasks"
        raise InputError(f"{folder}: is a study; {told}")
    require_finished(folder)
    checks = verify_study(folder, _verify_any)
    if read_view(folder).system.of_plans:
        console.say(NOT_CHECKED)
    _tell_checks(folder, checks)


def _verify_any(run: Path) -> Sequence[CheckResult]:
    """Return the checks of the run of a task, whatever wrote it."""
    from cmgplan.run_kinds import RUN_KINDS, system_of_run
    from cmgplan.study.hold.marker import is_held

    if is_held(run):
        from cmgplan.study.hold.check import verify_held

        return verify_held(run)
    return RUN_KINDS[system_of_run(run)].verify(run)


def _tell_checks(run: Path, checks: Sequence[CheckResult]) -> None:
    """Print the checks of a run; ReplayError where one of them fails."""
    print_checks(checks)
    failed = sum(not check.passed for check in checks)
    if failed:
        raise ReplayError(f"FAILED: {failed} of {counted(len(checks), 'check')}")
    _tell_all_hold(run, len(checks))


def _tell_all_hold(run: Path, count: int) -> None:
    console.say(f"{run}: {'the check holds' if count == 1 else f'all {count:,} checks hold'}")


def _prove(run: Run, time_limit_s: float, jobs: int | None, quiet: bool) -> list[str]:
    """Prove the bounds of a run again, print what became of each, and return what failed."""
    from cmgplan.planning.proof.prove import Verdict, prove_run
    from cmgplan.planning.report.proofs import read_proofs
    from cmgplan.progress import ProgressEvent

    options = run.load_options()
    with progress_shown(quiet) as tell:
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
    print_proved(proved)
    failed = sum(bound.verdict is Verdict.FAILED for bound in proved)
    return [f"{failed} of {counted(len(proved), 'bound')}"] if failed else []
