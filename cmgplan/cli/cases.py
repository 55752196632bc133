"""Commands about cases: check, new, cases."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cmgplan.cli import console
from cmgplan.cli.arguments import CaseFolder, Day, Debug
from cmgplan.cli.shown.cases import print_cases, print_faults
from cmgplan.errors import InputError
from cmgplan.plurals import counted


def check(case: CaseFolder, day: Day = None, debug: Debug = False) -> None:
    """List every fault of a case at once."""
    from cmgplan.systems import check_case, system_of

    faults = check_case(case, day=day)
    print_faults(faults)
    if any(fault.severity == "error" for fault in faults):
        raise typer.Exit(InputError.exit_code)
    system = system_of(case)
    own = system.check_commands(system.load(case, day=day)) if system.own_checks else {}
    refusing = []
    for command, found in own.items():
        print_faults(found, f"{command}: ")
        if any(fault.severity == "error" for fault in found):
            refusing.append(command)
    console.say(f"{case}: {system.ready_but(refusing)}")


def new(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the new case.")],
    network: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Feeder: MATPOWER .m or pandapower .json.")
    ] = None,
    slack_bus: Annotated[
        str | None, typer.Option(metavar="BUS", help="Bus that the feeder begins at.")
    ] = None,
    homes: Annotated[
        int | None, typer.Option(metavar="N", help="A case of N example homes, without a feeder.")
    ] = None,
    weather: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="With --homes: CSV of hourly wind_m_per_s and irradiance_w_per_m2.",
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(metavar="S", help="Seed of the day drawn from --weather.")
    ] = None,
    debug: Debug = False,
) -> None:
    """Start a case: from a network with two example microgrids, or of example homes."""
    if (network is None) == (homes is None):
        raise InputError("give either --network FILE, to plan a feeder, or --homes N, for homes")
    if homes is not None:
        if slack_bus is not None:
            raise InputError("--slack-bus belongs to --network")
        if seed is not None and weather is None:
            raise InputError("--seed belongs to --weather: without it nothing is drawn")
        _new_homes(folder, homes, weather, seed or 0)
    elif network is not None:
        if weather is not None or seed is not None:
            raise InputError("--weather and --seed belong to --homes")
        _new_feeder(folder, network, slack_bus)


def _new_feeder(folder: Path, network: Path, slack_bus: str | None) -> None:
    """Start a planning case from a network."""
    from cmgplan.planning.starter import new_case

    made = new_case(folder, network, slack_bus=slack_bus)
    for note in made.notes:
        console.warn(f"note: {note}")
    console.say(
        f"{folder}: {counted(made.buses, 'bus', 'buses')}, {made.load_kw:,.6g} kW at the peak"
    )
    console.say(f"edit {folder / 'case.toml'}, then: cmgplan check {folder}, cmgplan plan {folder}")


def _new_homes(folder: Path, homes: int, weather: Path | None, seed: int) -> None:
    """Start a case of homes."""
    from cmgplan.homes.starter import new_homes

    made = new_homes(folder, homes, weather=weather, seed=seed)
    if made.weather is not None:
        shape, scale = made.weather.shape, made.weather.scale_m_per_s
        console.say(f"wind: Weibull with shape {shape:.3g} and scale {scale:.3g} m/s; seed {seed}")
    console.say(f"{folder}: {counted(len(made.homes), 'home')}, {', '.join(made.homes)}")
    console.say(
        f"edit {folder / 'case.toml'}, then: cmgplan check {folder}, cmgplan optimum {folder}"
    )


def cases(debug: Debug = False) -> None:
    """List the cases that come with cmgplan; run them by their names."""
    from cmgplan.case.bundled import bundled_cases

    print_cases(bundled_cases())


def schema(
    system: Annotated[str, typer.Argument(metavar="planning|homes", help="Kind of the case.")],
    debug: Debug = False,
) -> None:
    """Print the JSON Schema of case.toml, for editors."""
    import json

    from cmgplan.errors import InputError
    from cmgplan.systems import SYSTEMS

    if system not in SYSTEMS:
        raise InputError(f"{system}: is no kind of case; give {' or '.join(SYSTEMS)}")
    console.say(json.dumps(SYSTEMS[system].schema(), indent=2))
