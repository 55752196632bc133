"""A case of homes as the commands that run it take it: read, its doubts told, a place to write."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cmgplan.cli import console
from cmgplan.cli.arguments import folder_name

if TYPE_CHECKING:
    from cmgplan.homes.case.records import HomesCase


def loaded_homes(case: Path, day: str | None) -> HomesCase:
    """Return a case of homes; what may be wrong with it is told."""
    from cmgplan.systems import load_case

    loaded = load_case(case, day=day, system="homes")
    for fault in loaded.warnings:
        console.warn(f"warning: {fault}")
    return loaded


def place_of_run(case: HomesCase, day: str | None, out: Path | None, kind: str) -> Path:
    """Return the folder of a run: ``out``, or one under runs/ that its case and kind name."""
    if out is not None:
        return out
    named = folder_name(case.name, None if day is None else case.file.time.day)
    return Path("runs") / f"{named}-{kind}"
