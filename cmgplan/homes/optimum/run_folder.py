"""The folder of an optimum: written, and read again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cmgplan.homes.day.day import Day
from cmgplan.homes.day.tables import TABLES, homes_tables
from cmgplan.homes.optimum.page import render_page
from cmgplan.homes.optimum.read_run import (
    POINT_TABLES,
    SYSTEM,
    WAY,
    OptimumRun,
    point_folder,
    read_optimum,
)
from cmgplan.homes.optimum.result import OptimumPoint, OptimumResult
from cmgplan.homes.optimum.run_record import FRONT
from cmgplan.homes.optimum.verify import verify_optimum
from cmgplan.homes.report.run_folder import (
    copy_case,
    head_of,
    prepare_run,
    sources_of,
    write_run,
    write_summary,
)
from cmgplan.run.findings import require_verified
from cmgplan.run.folder import put_page
from cmgplan.run.tables import write_tables
from cmgplan.search.fuzzy import memberships

__all__ = ["prepare_optimum", "read_optimum", "write_optimum", "write_page"]


def prepare_optimum(out: Path | str) -> None:
    """Raise InputError where an optimum cannot be written, before any work is spent on it."""
    prepare_run(out, SYSTEM)


def write_optimum(result: OptimumResult, out: Path | str) -> Path:
    """Write an optimum to a folder, whole or not at all, and return the folder.

    What is verified is what was read back from the files. An earlier optimum there is replaced;
    if anything fails on the way it stays.

    Raises
    ------
    InputError
        The folder holds something else than an optimum.
    ReplayError
        The run does not pass its verification; the message names what failed.
    """
    return write_run(out, SYSTEM, lambda fresh: _write_contents(result, fresh))


def write_page(run: OptimumRun) -> Path:
    """Write the page of an optimum again and return its path."""
    sources = sources_of(run.folder)
    return put_page(run.folder, lambda: render_page(run.record, run.tables, sources))


def day_of(result: OptimumResult, point: OptimumPoint) -> Day:
    """Return the day of a point, as tables and ledger are made from it."""
    return Day(WAY, point.dispatch, emission_weight=result.options.emission_weight)


def front_rows(result: OptimumResult) -> list[dict[str, Any]]:
    """Return a row for each point of the front, as in front.csv and in run.json."""
    mu = memberships([(point.cost, point.emission_kg) for point in result.points])
    return [
        {
            "point": k + 1,
            "selected": int(k == result.selected),
            "cost": point.cost,
            "emission_kg": point.emission_kg,
            **_proven(point),
            "emission_cap_kg": point.emission_cap_kg,
            "mu_cost": float(mu[k, 0]),
            "mu_emission": float(mu[k, 1]),
            "mu_min": float(mu[k].min()),
        }
        for k, point in enumerate(result.points)
    ]


def _proven(point: OptimumPoint) -> dict[str, Any]:
    """Return status, bound and gap of a point, none of the last two where nothing is proven."""
    if not np.isfinite(point.bound):
        return {"status": "feasible", "bound": None, "gap": None}
    return {"status": point.status, "bound": point.bound, "gap": point.gap}


def _write_contents(result: OptimumResult, folder: Path) -> None:
    """Write every file of a run, and verify what was written."""
    copy_case(result.case, folder / "case")
    tables = homes_tables(result.case, [day_of(result, result.point)])
    write_tables(tables, TABLES, folder)
    summary = _summary(result, folder)
    if summary["front"] is not None:
        numbers = dict.fromkeys(("bound", "gap", "emission_cap_kg"), "float64")
        rows = pd.DataFrame(summary["front"]).astype(numbers)
        write_tables({"front": rows}, {"front": FRONT}, folder)
        for k, point in enumerate(result.points):
            of_point = homes_tables(result.case, [day_of(result, point)])
            write_tables(of_point, POINT_TABLES, point_folder(folder, k + 1))
    write_summary(summary, folder)
    run = read_optimum(folder)
    require_verified(verify_optimum(run).checks)
    write_page(run)


def _summary(result: OptimumResult, folder: Path) -> dict[str, Any]:
    """Return the content of run.json."""
    point, has_front = result.point, result.options.front is not None
    about = result.options, result.versions, result.wall_s
    return {
        **head_of(SYSTEM, result.case, folder / "case", *about),
        "objective": point.objective,
        **_proven(point),
        "cost": point.cost,
        "emission_kg": point.emission_kg,
        "point": result.selected + 1 if has_front else None,
        "front": front_rows(result) if has_front else None,
    }
