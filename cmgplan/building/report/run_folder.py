"""The folder of a run of the building: written, and its page written again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cmgplan.building.report.page import render_page
from cmgplan.building.report.read_run import SYSTEM, BuildingRun, read_building
from cmgplan.building.report.verify import verify_building
from cmgplan.building.result import BuildingResult
from cmgplan.building.tables import building_tables, forms_of
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


def prepare_building(out: Path | str) -> None:
    """Raise InputError where a run cannot be written, before any work is spent on it."""
    prepare_run(out, SYSTEM)


def write_building(result: BuildingResult, out: Path | str) -> Path:
    """Write a run of the building to a folder, whole or not at all, and return the folder.

    What is verified is what was read back from the files.

    Raises
    ------
    InputError
        The folder holds something else than a run of the building.
    ReplayError
        The run does not pass its verification; the message names what failed.
    """
    return write_run(out, SYSTEM, lambda fresh: _write_contents(result, fresh))


def write_page(run: BuildingRun) -> Path:
    """Write the page of a run of the building again and return its path."""
    case, sources = run.load_case(), sources_of(run.folder)
    return put_page(run.folder, lambda: render_page(run.record, run.tables, case, sources))


def _write_contents(result: BuildingResult, folder: Path) -> None:
    """Write every file of a run, and verify what was written."""
    copy_case(result.case, folder / "case")
    write_tables(building_tables(result), forms_of(result.case), folder)
    write_summary(_summary(result, folder), folder)
    run = read_building(folder)
    require_verified(verify_building(run).checks)
    write_page(run)


def _summary(result: BuildingResult, folder: Path) -> dict[str, Any]:
    """Return the content of run.json."""
    about = result.options, result.versions, result.wall_s
    return {
        **head_of(SYSTEM, result.case, folder / "case", *about),
        "rules": result.rules,
        **result.summary(),
    }
