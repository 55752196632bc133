"""The folder of a run of the market: written, and its page written again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from cmgplan.homes.accounts.ledger import Carrier
from cmgplan.homes.day.day import Day
from cmgplan.homes.day.tables import homes_tables
from cmgplan.homes.report.run_folder import (
    copy_case,
    head_of,
    prepare_run,
    sources_of,
    write_run,
    write_summary,
)
from cmgplan.market.case.ceilings import unserved_heat_price
from cmgplan.market.report.page import render_page
from cmgplan.market.report.read_run import FORMS, SYSTEM, MarketRun, read_market
from cmgplan.market.report.verify import verify_market
from cmgplan.market.result import CARRIERS, Equilibrium, MarketResult, StructureResult
from cmgplan.run.findings import require_verified
from cmgplan.run.folder import put_page
from cmgplan.run.tables import write_tables


def prepare_market(out: Path | str) -> None:
    """Raise InputError where a run cannot be written, before any work is spent on it."""
    prepare_run(out, SYSTEM)


def write_market(result: MarketResult, out: Path | str) -> Path:
    """Write a run of the market to a folder, whole or not at all, and return the folder.

    What is verified is what was read back from the files.

    Raises
    ------
    InputError
        The folder holds something else than a run of the market.
    ReplayError
        The run does not pass its verification; the message names what failed.
    """
    return write_run(out, SYSTEM, lambda fresh: _write_contents(result, fresh))


def write_page(run: MarketRun) -> Path:
    """Write the page of a run of the market again and return its path."""
    sources = sources_of(run.folder)
    return put_page(run.folder, lambda: render_page(run.record, run.tables, sources))


def market_tables(result: MarketResult) -> dict[str, pd.DataFrame]:
    """Return every table of a run; each structure is a way."""
    case = result.case
    worth = {"heat": unserved_heat_price(case)}
    days = [
        Day(
            found.name,
            found.dispatch,
            _prices(found),
            unserved_per_kwh=worth,  # type: ignore[arg-type]
            backstopped=result.backstopped,
        )
        for found in _ways(result)
    ]
    mcp = result.mcp()
    return {**homes_tables(case, days), "mcp": mcp.assign(unique=mcp["unique"].astype(int))}


def _ways(result: MarketResult) -> list[StructureResult | Equilibrium]:
    """Return all that was settled: the structures, and several leaders at once."""
    several = [] if result.equilibrium is None else [result.equilibrium]
    return [*result.structures, *several]


def _prices(found: StructureResult | Equilibrium) -> dict[Carrier, Any]:
    """Return the prices at which homes settle, by carrier that they trade."""
    traded = zip(CARRIERS, found.prices.traded, strict=True)
    return {
        carrier: found.prices.price[k]  # type: ignore[misc]
        for k, (carrier, is_traded) in enumerate(traded)
        if is_traded
    }


def _write_contents(result: MarketResult, folder: Path) -> None:
    """Write every file of a run, and verify what was written."""
    copy_case(result.case, folder / "case")
    write_tables(market_tables(result), FORMS, folder)
    write_summary(_summary(result, folder), folder)
    run = read_market(folder)
    require_verified(verify_market(run).checks)
    write_page(run)


def _summary(result: MarketResult, folder: Path) -> dict[str, Any]:
    """Return the content of run.json."""
    return {
        **_head(result, folder),
        "gap": result.gap,
        "values": dict(result.values),
        "structures": [_structure(found) for found in result.structures],
        "games": {rule: dict(shares) for rule, shares in result.games.items()},
        "backstopped": list(result.backstopped),
        "fixed": {key: list(hours) for key, hours in result.fixed.items()},
        "fixed_gap": result.fixed_gap,
        "scenarios": [
            {
                "id": scenario.id,
                "weight": scenario.weight,
                "income": {way: dict(income) for way, income in scenario.income.items()},
                "gap_share": dict(scenario.gap_share),
            }
            for scenario in result.scenarios
        ],
        "expected": result.expected(),
        "equilibrium": _equilibrium(result.equilibrium),
    }


def _head(result: MarketResult, folder: Path) -> dict[str, Any]:
    """Return the keys that every run.json has."""
    copy, about = folder / "case", (result.options, result.versions, result.wall_s)
    return head_of(SYSTEM, result.case, copy, *about, result.warnings)


def _equilibrium(found: Equilibrium | None) -> dict[str, Any] | None:
    """Return what run.json tells of several leaders at once."""
    if found is None:
        return None
    return {
        "structure": found.name,
        "leaders": [list(group) for group in found.leaders],
        "following": list(found.following),
        "status": found.status,
        "stopped": found.stopped,
        "enough": found.enough,
        "gain": dict(found.gain),
        "bound": dict(found.bound),
        "income": dict(found.income),
        "rounds": found.rounds,
        "own_choices": {key: list(hours) for key, hours in found.own_choices.items()},
    }


def _structure(found: StructureResult) -> dict[str, Any]:
    """Return what run.json tells of a structure."""
    before = found.before_shading_kw
    return {
        "structure": found.name,
        "leading": list(found.leading),
        "following": list(found.following),
        "status": found.status,
        "stopped": found.stopped,
        "method": found.method,
        "income": dict(found.income),
        "leader_income": found.leader_income,
        "follower_income": found.follower_income,
        "bound": found.bound,
        "gap": found.gap,
        "gap_share": found.gap_share,
        "pessimistic_income": found.pessimistic_income,
        "optimistic_income": found.optimistic_income,
        "own_choices": {key: list(hours) for key, hours in found.own_choices.items()},
        "before_shading_kw": (
            {}
            if before is None
            else {carrier: row.tolist() for carrier, row in zip(CARRIERS, before, strict=True)}
        ),
        "wide_hours": list(found.wide_hours),
    }
