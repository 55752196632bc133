"""The command for the radial configuration of a feeder: reconfigure."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cmgplan.cli import console, feeder_cases
from cmgplan.cli.arguments import AsJson, Debug, Mix, Quiet
from cmgplan.cli.shown.feeders import print_configured
from cmgplan.cli.shown.progress import progress_shown
from cmgplan.cli.supervise import end_after, end_no_more
from cmgplan.errors import InputError

if TYPE_CHECKING:
    from cmgplan.feeders.result import Configured
    from cmgplan.network.reconfiguration.day.loads import HourlyLoads
    from cmgplan.network.reconfiguration.given import SwitchedNetwork
    from cmgplan.network.reconfiguration.search import ReconfigureOptions
    from cmgplan.progress import ProgressEvent

Network = Annotated[
    Path, typer.Argument(metavar="NETWORK", help="MATPOWER .m, pandapower .json, or a case.")
]
Switchable = Annotated[
    Path | None, typer.Option(metavar="FILE", help="CSV of the branches that may be switched.")
]
Minimise = Annotated[
    str, typer.Option(metavar="loss|ens", help="Loss, or energy not supplied after a fault.")
]
Fault = Annotated[
    str | None, typer.Option(metavar="FROM,TO", help="Ends of the branch that failed.")
]
Gap = Annotated[float, typer.Option(metavar="G", help="Relative gap to prove.")]
Limit = Annotated[float, typer.Option(metavar="S", help="Seconds that answer and proof may take.")]
Profiles = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="CSV of hourly load factors: hour, factor or buses."),
]
Blocks = Annotated[
    int | None,
    typer.Option(metavar="K", min=1, help="Configurations of the day, one a block of hours."),
]
MaxOperations = Annotated[
    int | None,
    typer.Option(metavar="M", min=0, help="Switch operations between blocks, all together."),
]
Out = Annotated[Path | None, typer.Option(help="Folder for tables and a page; none by default.")]
WriteCase = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Write the case again with these lines in service."),
]

OF_ONE_HOUR = "the loads are those of interval"
"""How the note begins that a case stands at its hour of greatest load."""


@dataclass(frozen=True)
class _Question:
    """What is asked of a network.

    Attributes
    ----------
    ends
        Ends of the branch that failed; None asks for the least loss.
    loads
        Loads of the day; None asks for one hour.
    blocks, max_operations
        Configurations of the day, and switch operations between them.
    """

    given: SwitchedNetwork
    options: ReconfigureOptions
    ends: tuple[str, str] | None
    loads: HourlyLoads | None
    blocks: int
    max_operations: int | None


def reconfigure(
    network: Network,
    switchable: Switchable = None,
    minimise: Minimise = "loss",
    fault: Fault = None,
    gap: Gap = 1e-3,
    time_limit: Limit = 300.0,
    profiles: Profiles = None,
    blocks: Blocks = None,
    max_operations: MaxOperations = None,
    out: Out = None,
    write_case: WriteCase = None,
    mix: Mix = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Find the radial configuration of least loss, and prove how near the optimum it is.

    With --profiles, or with --blocks and a case, it is that of least energy lost over all hours.
    """
    from cmgplan.network.reconfiguration.search import ReconfigureOptions

    ends = _ends(minimise, fault)
    options = ReconfigureOptions(gap=gap, time_limit_s=time_limit)
    given = _switched(network, switchable, mix)
    loads = _hourly(given, network, profiles, blocks, max_operations, ends is not None, mix)
    _prepare(network, out, write_case, blocks)
    notes = [n for n in given.notes if loads is None or not n.startswith(OF_ONE_HOUR)]
    _note(notes)
    end_after(time_limit)
    with progress_shown(quiet) as tell:
        asked = _Question(given, options, ends, loads, blocks or 1, max_operations)
        result = _configured(asked, tell)
    end_no_more()
    _note([note for note in result.summary["notes"] if note not in given.notes])
    written = _write(result, network, out, write_case)
    if as_json:
        typer.echo(json.dumps(result.summary, allow_nan=False))
    else:
        print_configured(result.aim, result.summary)
    for line in written:
        (console.warn if as_json else console.say)(line)


def _switched(network: Path, switchable: Path | None, mix: str | None) -> SwitchedNetwork:
    """Return the network with the branches that may be switched."""
    from cmgplan.network.reconfiguration.read import only_switchable

    given = feeder_cases.switched(network, mix)
    return given if switchable is None else only_switchable(given, switchable)


def _note(notes: Sequence[str]) -> None:
    for note in notes:
        console.warn(f"note: {note}")


def _hourly(
    switched: SwitchedNetwork,
    network: Path,
    profiles: Path | None,
    blocks: int | None,
    max_operations: int | None,
    after_fault: bool,
    mix: str | None,
) -> HourlyLoads | None:
    """Return the loads of the day, None where one hour is asked for."""
    from cmgplan.network.reconfiguration.day.loads import read_factors
    from cmgplan.planning.case.network import is_case

    if after_fault and any(one is not None for one in (profiles, blocks, max_operations)):
        raise InputError(
            "--minimise ens is of one hour; leave out --profiles, --blocks and --max-operations"
        )
    if max_operations is not None and (blocks or 1) < 2:
        raise InputError("--max-operations counts between blocks; give --blocks 2 or more too")
    if profiles is not None:
        return read_factors(profiles, switched)
    if blocks is None:
        return None
    if not is_case(network):
        raise InputError(f"--blocks {blocks}: {network} has no hours; give --profiles FILE too")
    return feeder_cases.by_hour(network, mix)


def _prepare(network: Path, out: Path | None, write_case: Path | None, blocks: int | None) -> None:
    """Refuse places that cannot be written, before any work is spent on them."""
    from cmgplan.feeders.report.configuration import prepare_configuration
    from cmgplan.planning.case.configured import prepare_case
    from cmgplan.planning.case.network import is_case

    if write_case is not None:
        if not is_case(network):
            raise InputError(f"--write-case: {network} is no case; `cmgplan new` makes one of it")
        if feeder_cases.of_homes(network):
            raise InputError(
                f"--write-case: {network} is a case of homes; set in_service in its lines.csv"
            )
        if (blocks or 1) > 1:
            raise InputError("--write-case: a case has one configuration; leave out --blocks")
        prepare_case(write_case)
    if out is not None:
        prepare_configuration(out)


def _configured(asked: _Question, tell: Callable[[ProgressEvent], None]) -> Configured:
    """Return the configuration that is asked for."""
    from cmgplan.feeders.result import of_day, of_fault, of_hour
    from cmgplan.network.reconfiguration.day.search import reconfigure_day
    from cmgplan.network.reconfiguration.ens import restore
    from cmgplan.network.reconfiguration.search import reconfigure as find

    given, options, ends, loads = asked.given, asked.options, asked.ends, asked.loads
    told: dict[str, Any] = {"gap": options.gap, "time_limit_s": options.time_limit_s}
    if ends is not None:
        return of_fault(given, restore(given, ends, options, tell), {**told, "fault": list(ends)})
    if loads is None:
        return of_hour(given, find(given, options, tell), told)
    kept = tuple(note for note in given.notes if not note.startswith(OF_ONE_HOUR))
    given = replace(given, notes=kept)
    told |= {"blocks": asked.blocks, "max_operations": asked.max_operations}
    found = reconfigure_day(
        given, loads, options, tell, blocks=asked.blocks, max_operations=asked.max_operations
    )
    return of_day(given, loads, found, told)


def _write(
    result: Configured, network: Path, out: Path | None, write_case: Path | None
) -> list[str]:
    """Write what is asked for; return a line on each."""
    from cmgplan.feeders.report.configuration import write_configuration
    from cmgplan.planning.case.configured import write_configured_case
    from cmgplan.planning.case.read import load_case

    told = []
    if out is not None:
        write_configuration(result, out)
        told.append(f"run: {out}, page: {out / 'report.html'}")
    if write_case is not None:
        write_configured_case(load_case(network), result.states[0], write_case)
        told.append(f"case: {write_case}")
    return told


def _ends(minimise: str, fault: str | None) -> tuple[str, str] | None:
    """Return the ends of the branch that failed, None where losses are minimised."""
    if minimise not in ("loss", "ens"):
        raise InputError(f"--minimise {minimise}: give loss or ens")
    if (minimise == "ens") != (fault is not None):
        raise InputError("--minimise ens and --fault FROM,TO go together; give both or neither")
    if fault is None:
        return None
    ends = [end.strip() for end in fault.split(",")]
    if len(ends) != 2 or not all(ends):
        raise InputError(f"--fault {fault}: give two buses, as in --fault 12,13")
    return ends[0], ends[1]
