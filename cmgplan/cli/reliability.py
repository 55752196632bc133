"""The command for the reliability indices of a feeder: reliability."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cmgplan.cli import console, feeder_cases
from cmgplan.cli.arguments import AsJson, Debug, Mix
from cmgplan.cli.shown.feeders import print_reliability
from cmgplan.errors import InputError

if TYPE_CHECKING:
    from cmgplan.cli.feeder_cases import GivenFeeder
    from cmgplan.feeders.result import ReliabilityStudy


def reliability(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER",
            help="Folder with lines.csv, loads.csv and ties.csv, or a case with failure rates.",
        ),
    ],
    restore: Annotated[
        str,
        typer.Option(metavar="topology|limits", help="What ties bring back after a fault."),
    ] = "topology",
    islands: Annotated[
        str,
        typer.Option(metavar="none|building", help="What homes serve by themselves while cut off."),
    ] = "none",
    mix: Mix = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for tables and a page; none by default.")
    ] = None,
    additions: Annotated[
        int,
        typer.Option(
            metavar="N", min=0, help="Devices of each kind that would save most; 0: none."
        ),
    ] = 5,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Tell SAIFI, SAIDI, CAIDI, ASAI, EENS and AENS of a feeder over all single faults."""
    from cmgplan.feeders.report.reliability import prepare_reliability, write_reliability

    if restore not in ("topology", "limits"):
        raise InputError(f"--restore {restore}: give topology or limits")
    if out is not None:
        prepare_reliability(out)
    study = _studied(feeder_cases.reliable(folder, islands, mix), restore, islands, additions)
    if out is not None:
        write_reliability(study, out, additions)
    told = {**study.found.summary(), "additions": [one.summary() for one in study.additions]}
    if as_json:
        typer.echo(json.dumps(told, allow_nan=False))
    else:
        print_reliability(told)
    if out is not None and not as_json:
        console.say_run(out)


def _studied(given: GivenFeeder, restore: str, islands: str, count: int) -> ReliabilityStudy:
    """Return the indices of a feeder and the devices that would save most."""
    from cmgplan.feeders.result import ReliabilityStudy, Supply
    from cmgplan.network.reliability.additions import additions
    from cmgplan.network.reliability.indices import reliability as indices_of
    from cmgplan.network.reliability.limits import within_limits

    begun = time.perf_counter()
    feeder, limited = given.feeder, restore == "limits"
    supply = Supply.noting(given.served, given.wanted)
    found = indices_of(feeder, within_limits(feeder) if limited else None, *supply.functions)
    more = additions(feeder, count, within_limits if limited else None) if count else ()
    wall_s = time.perf_counter() - begun
    return ReliabilityStudy(given.name, feeder, found, more, restore, wall_s, islands, supply.noted)
