"""Commands about any feeder: its radial configuration, its reliability."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from cmgplan.cli import console
from cmgplan.cli.arguments import Debug
from cmgplan.cli.supervise import end_after
from cmgplan.errors import InputError


def reconfigure(
    network: Annotated[
        Path,
        typer.Argument(metavar="NETWORK", help="MATPOWER .m, pandapower .json, or a case."),
    ],
    switchable: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="CSV of the branches that may be switched."),
    ] = None,
    minimise: Annotated[
        str,
        typer.Option(metavar="loss|ens", help="Loss, or energy not supplied after a fault."),
    ] = "loss",
    fault: Annotated[
        str | None, typer.Option(metavar="FROM,TO", help="Ends of the branch that failed.")
    ] = None,
    gap: Annotated[float, typer.Option(metavar="G", help="Relative gap to prove.")] = 1e-3,
    time_limit: Annotated[
        float, typer.Option(metavar="S", help="Seconds that answer and proof may take.")
    ] = 300.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Tell no progress.")] = False,
    debug: Debug = False,
) -> None:
    """Find the radial configuration of least loss, and prove how near the optimum it is."""
    from cmgplan.network.reconfiguration.ens import restore
    from cmgplan.network.reconfiguration.read import only_switchable
    from cmgplan.network.reconfiguration.search import ReconfigureOptions
    from cmgplan.network.reconfiguration.search import reconfigure as find
    from cmgplan.planning.case.network import read_switched_network
    from cmgplan.systems import must_be

    ends = _ends(minimise, fault)
    options = ReconfigureOptions(gap=gap, time_limit_s=time_limit)
    must_be("planning", network)
    given = read_switched_network(network)
    if switchable is not None:
        given = only_switchable(given, switchable)
    for note in given.notes:
        console.warn(f"note: {note}")
    end_after(time_limit)
    if ends is not None:
        with console.progress_shown(quiet) as tell:
            back = restore(given, ends, options, tell)
        if as_json:
            typer.echo(json.dumps(back.summary(), allow_nan=False))
        else:
            console.print_restoration(back.summary())
        return
    with console.progress_shown(quiet) as tell:
        found = find(given, options, tell)
    if as_json:
        typer.echo(json.dumps(found.summary(), allow_nan=False))
    else:
        console.print_reconfiguration(found.summary())


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


def reliability(
    folder: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", help="Folder with lines.csv, loads.csv and ties.csv."),
    ],
    restore: Annotated[
        str,
        typer.Option(metavar="topology|limits", help="What ties bring back after a fault."),
    ] = "topology",
    additions: Annotated[
        int,
        typer.Option(
            metavar="N", min=0, help="Devices of each kind that would save most; 0: none."
        ),
    ] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    debug: Debug = False,
) -> None:
    """Tell SAIFI, SAIDI, CAIDI, ASAI, EENS and AENS of a feeder over all single faults."""
    from cmgplan.network.reliability.additions import additions as ranked
    from cmgplan.network.reliability.indices import reliability as indices_of
    from cmgplan.network.reliability.limits import within_limits
    from cmgplan.network.reliability.read import read_reliable_feeder

    if restore not in ("topology", "limits"):
        raise InputError(f"--restore {restore}: give topology or limits")
    feeder = read_reliable_feeder(folder)
    limited = restore == "limits"
    found = indices_of(feeder, within_limits(feeder) if limited else None)
    more = ranked(feeder, additions, within_limits if limited else None) if additions else ()
    told = {**found.summary(), "additions": [one.summary() for one in more]}
    if as_json:
        typer.echo(json.dumps(told, allow_nan=False))
    else:
        console.print_reliability(told)
