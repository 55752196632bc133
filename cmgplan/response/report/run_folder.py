"""The folder of a run of demand response: written, and its page written again."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from cmgplan.homes.report.run_folder import (
    copy_case,
    head_of,
    prepare_run,
    sources_of,
    write_run,
    write_summary,
)
from cmgplan.response.report.claims import claims_of
from cmgplan.response.report.page import render_page
from cmgplan.response.report.read_run import SYSTEM, ResponseRun, read_response
from cmgplan.response.report.under_emax import under_emax
from cmgplan.response.report.verify import verify_response
from cmgplan.response.result import MethodResult, ResponseResult
from cmgplan.response.tables import TABLES, market_summary, response_tables
from cmgplan.run.findings import require_verified
from cmgplan.run.folder import put_page
from cmgplan.run.tables import Tables, write_tables


def prepare_response(out: Path | str) -> None:
    """Raise InputError where a run cannot be written, before any work is spent on it."""
    prepare_run(out, SYSTEM)


def write_response(result: ResponseResult, out: Path | str) -> Path:
    """Write a run of demand response to a folder, whole or not at all, and return the folder.

    What is verified is what was read back from the files.

    Raises
    ------
    InputError
        The folder holds something else than a run of demand response.
    ReplayError
        The run does not pass its verification; the message names what failed.
    """
    return write_run(out, SYSTEM, lambda fresh: _write_contents(result, fresh))


def write_page(run: ResponseRun) -> Path:
    """Write the page of a run of demand response again and return its path."""
    sources = sources_of(run.folder)
    return put_page(run.folder, lambda: render_page(run.record, run.tables, sources))


def _write_contents(result: ResponseResult, folder: Path) -> None:
    """Write every file of a run, and verify what was written."""
    copy_case(result.case, folder / "case")
    tables = response_tables(result)
    write_tables(tables, TABLES, folder)
    write_summary(_summary(result, tables, folder), folder)
    run = read_response(folder)
    require_verified(verify_response(run).checks)
    write_page(run)


def _summary(result: ResponseResult, tables: Tables, folder: Path) -> dict[str, Any]:
    """Return the content of run.json."""
    case, statistics = result.case, result.statistics()
    head = head_of(
        SYSTEM,
        case,
        folder / "case",
        result.options,
        result.versions,
        result.wall_s,
        result.warnings,
    )
    variants = {name: asdict(found) for name, found in result.compared.items()}
    ways, emax = list(result.methods), {h.id: h.emission_max_kg_per_h for h in case.homes}
    return {
        **head,
        "policies": {home.id: home.policy for home in case.homes},
        "methods": {
            name: {**statistics[name], **_day(method)} for name, method in result.methods.items()
        },
        "bound": result.bound,
        "emission_kg": {name: m.profit.emission_kg for name, m in result.methods.items()},
        "emax_kg_per_h": emax,
        "share_under_emax": under_emax(tables, ways, emax, case.dt_h),
        "market": {name: market_summary(case, m.market) for name, m in result.methods.items()},
        "compared": variants,
        "toat": result.toat,
        "rolling": result.rolling,
        "claims": claims_of(tables, ways, variants, emax, case.dt_h),
    }


def _day(method: MethodResult) -> dict[str, Any]:
    """Return what the day of a method comes to."""
    profit = method.profit
    names = (
        "served",
        "sales",
        "purchases",
        "gas",
        "shift",
        "unserved",
        "peak",
        "value",
        "penalties",
    )
    parts = {name: getattr(profit, name) for name in (*names, "emission_weight", "total")}
    return {"profit": parts, "objectives": asdict(method.objectives)}
