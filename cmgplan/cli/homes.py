"""Commands about cases of homes: optimum, market, building."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cmgplan.cli import console
from cmgplan.cli.arguments import CaseFolder, Day, Debug, Quiet
from cmgplan.cli.homes_case import loaded_homes, place_of_run
from cmgplan.cli.options import given_options
from cmgplan.cli.shown.homes import print_building, print_market, print_optimum
from cmgplan.cli.shown.progress import progress_shown
from cmgplan.cli.supervise import end_after, end_no_more
from cmgplan.errors import InputError

OVERRUN, OVERRUN_S = 2.0, 60.0
"""Factor of the time limit, and seconds, after which a solver counts as one that does not stop.

The points of a front end one after the other, each a little after its share of the limit; what
they hold by then is worth waiting for.
"""


def optimum(
    case: CaseFolder,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run; by default runs/<case>-optimum.")
    ] = None,
    day: Day = None,
    emission_weight: Annotated[
        float | None, typer.Option(metavar="W", help="Price of a kg of emission, currency/kg.")
    ] = None,
    front: Annotated[
        int | None, typer.Option(metavar="N", help="Points of a front of cost against emission.")
    ] = None,
    gap: Annotated[float | None, typer.Option(help="Gap under which a day is optimal.")] = None,
    time_limit: Annotated[
        float | None, typer.Option(metavar="S", help="Seconds that all of it may take.")
    ] = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Run the day of all homes as if one party owned everything, to a proven optimum."""
    from cmgplan.homes.optimum.front import find_optimum
    from cmgplan.homes.optimum.result import OptimumOptions
    from cmgplan.homes.optimum.run_folder import prepare_optimum, read_optimum, write_optimum
    from cmgplan.run.why_page import explained

    if front is not None and emission_weight is not None:
        raise InputError(
            "--front and --emission-weight exclude each other: a front has every weight in it; "
            "leave one out"
        )
    options = given_options(
        OptimumOptions,
        emission_weight=emission_weight,
        front=front,
        gap=gap,
        time_limit_s=time_limit,
    )
    loaded = loaded_homes(case, day)
    folder = place_of_run(loaded, day, out, "optimum")
    prepare_optimum(folder)
    end_after(OVERRUN * options.time_limit_s + OVERRUN_S)
    with explained(folder, loaded.name), progress_shown(quiet) as tell:
        result = find_optimum(loaded, options, progress=tell)
    end_no_more()
    write_optimum(result, folder)
    print_optimum(read_optimum(folder))
    console.say_run(folder)


def market(
    case: CaseFolder,
    structure: Annotated[
        list[str] | None,
        typer.Option(
            metavar="A|B+C", help="Leaders|followers; by default every split, with --leaders none."
        ),
    ] = None,
    leaders: Annotated[
        list[str] | None,
        typer.Option(metavar="A+B", help="A group that leads beside others; give two or more."),
    ] = None,
    pricing: Annotated[
        str | None,
        typer.Option(metavar="uniform|bid", help="One price clears, or leaders post their own."),
    ] = None,
    method: Annotated[
        str | None, typer.Option(metavar="milp|nlp", help="Exact, or begun by Ipopt as published.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run; by default runs/<case>-market.")
    ] = None,
    day: Day = None,
    gap: Annotated[
        float | None, typer.Option(help="Gap, a share of the surplus, under which it is optimal.")
    ] = None,
    time_limit: Annotated[
        float | None,
        typer.Option(
            metavar="S",
            help="Seconds that each structure may take, on/off choices of all homes among them.",
        ),
    ] = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Run the coalition market of homes: who leads, who follows, at what prices, who earns what."""
    from cmgplan.market.pipeline import run_market
    from cmgplan.market.report.read_run import read_market
    from cmgplan.market.report.run_folder import prepare_market, write_market
    from cmgplan.market.result import MarketOptions

    options = given_options(
        MarketOptions,
        structures=None if structure is None else tuple(structure),
        leaders=None if leaders is None else tuple(leaders),
        pricing=pricing,
        method=method,
        gap=gap,
        time_limit_s=time_limit,
    )
    loaded = loaded_homes(case, day)
    folder = place_of_run(loaded, day, out, "market")
    prepare_market(folder)
    with progress_shown(quiet) as tell:
        result = run_market(loaded, options, progress=tell)
    write_market(result, folder)
    print_market(read_market(folder).record)
    for doubt in result.warnings:
        console.warn(f"warning: {doubt}")
    console.say_run(folder)


def building(
    case: CaseFolder,
    days: Annotated[
        int | None, typer.Option(metavar="N", help="Stochastic days beside the case's own.")
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="S", help="Seed of the days.")] = None,
    rules: Annotated[
        str | None, typer.Option(metavar="paper|paying", help="By default what the case says.")
    ] = None,
    optimal_values: Annotated[
        bool,
        typer.Option("--optimal-values", help="Seek the optimum of every group of units too."),
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run; by default runs/<case>-building.")
    ] = None,
    day: Day = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Run an apartment building by priority rules: all units together, and each one alone."""
    from cmgplan.building.pipeline import run_building
    from cmgplan.building.report.read_run import read_building
    from cmgplan.building.report.run_folder import prepare_building, write_building
    from cmgplan.building.result import BuildingOptions

    if seed is not None and not days:
        raise InputError("--seed is of stochastic days; give --days too, or leave it out")
    options = given_options(
        BuildingOptions, days=days, seed=seed, rules=rules, optimal_values=optimal_values
    )
    loaded = loaded_homes(case, day)
    folder = place_of_run(loaded, day, out, "building")
    prepare_building(folder)
    with progress_shown(quiet) as tell:
        result = run_building(loaded, options, progress=tell)
    write_building(result, folder)
    print_building(read_building(folder).record)
    console.say_run(folder)
