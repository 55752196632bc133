"""Commands about cases: check, new, cases."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cmgplan.cli import console
from cmgplan.cli.arguments import CaseFolder, Day, Debug
from cmgplan.errors import InputError


def check(case: CaseFolder, day: Day = None, debug: Debug = False) -> None:
    """List every fault of a case at once."""
    from cmgplan.systems import check_case, system_of

    faults = check_case(case, day=day)
    console.print_faults(faults)
    if any(fault.severity == "error" for fault in faults):
        raise typer.Exit(InputError.exit_code)
    console.say(f"{case}: {system_of(case).ready}")


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
    from cmgplan.planning.starter import new_case

    made = new_case(folder, network, slack_bus=slack_bus)
    for note in made.notes:
        console.warn(f"note: {note}")
    console.say(f"{folder}: {made.buses} buses, {made.load_kw:,.6g} kW at the peak")
    console.say(f"edit {folder / 'case.toml'}, then: cmgplan check {folder}, cmgplan plan {folder}")


def cases() -> None:
    """List the cases that come with cmgplan; run them by their names."""
    from cmgplan.case.bundled import bundled_cases

    console.print_cases(bundled_cases())
