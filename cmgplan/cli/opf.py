"""The command for an optimal power flow by itself."""

from __future__ import annotations

import json
from math import inf, isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cmgplan.cli import console
from cmgplan.cli.arguments import AsJson, Debug, Quiet
from cmgplan.cli.shown.feeders import print_opf
from cmgplan.cli.shown.progress import seconds_shown
from cmgplan.cli.supervise import end_after
from cmgplan.errors import InfeasibleError, InputError, LimitError, ReplayError

if TYPE_CHECKING:
    from cmgplan.network.opf.result import OpfResult


def opf(
    network: Annotated[
        Path,
        typer.Argument(metavar="NETWORK", help="MATPOWER .m, pandapower .json, or a case."),
    ],
    as_json: AsJson = False,
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
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Solve the AC optimal power flow of a network and replay it."""
    from cmgplan.network.files.networks import Missing
    from cmgplan.network.opf.problem import solve_opf
    from cmgplan.planning.case.network import read_network
    from cmgplan.solve.time_limit import TimeLimit
    from cmgplan.systems import must_be

    if not time_limit > 0.0:
        raise InputError(f"--time-limit {time_limit:g}: give more than 0 seconds")
    must_be("planning", network)
    _refuse_given(price, power_limit, v_limits)
    missing = Missing(price, power_limit, v_limits)
    given = read_network(network, missing)
    for note in given.grid.notes:
        console.warn(f"note: {note}")
    end_after(time_limit)
    with seconds_shown(time_limit, quiet) as tell:
        limit = TimeLimit(time_limit, tell=tell)
        result = solve_opf(given.grid, profiles=given.profiles, bound=True, time_limit_s=limit)
    if as_json:
        typer.echo(json.dumps(result.summary(), allow_nan=False))
    else:
        print_opf(result.summary(), len(result.v_pu))
    _raise_unless_solved(result)


def _refuse_given(
    price: float | None, power_limit: float | None, v_limits: tuple[float, float] | None
) -> None:
    """Raise InputError for a figure that can stand in for none of a network."""
    if price is not None and not isfinite(price):
        raise InputError(f"--price {price:g}: give a finite number, in $/MWh")
    if power_limit is not None and not 0.0 < power_limit < inf:
        raise InputError(f"--power-limit {power_limit:g}: give a finite number above 0, in MVA")
    if v_limits is not None and not 0.0 < v_limits[0] <= v_limits[1] < inf:
        low, high = v_limits
        raise InputError(f"--v-limits {low:g} {high:g}: give MIN above 0 and MAX not under it, pu")


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
