"""A comparison as a folder: the page, the table of differences, and a summary."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from cmgplan.planning.report.compare.asked import Asked, files_asked, keys_asked, options_asked
from cmgplan.planning.report.compare.long_table import long_table, write_long_table
from cmgplan.planning.report.compare.page import render_comparison
from cmgplan.planning.report.compare.runs import Comparison, read_runs
from cmgplan.planning.report.compare.totals import Total, totals
from cmgplan.run.comparison import COMPARISON, beside
from cmgplan.run.folder import prepare, write_folder
from cmgplan.version import __version__


@dataclass(frozen=True)
class WrittenComparison:
    """A written comparison.

    Attributes
    ----------
    folder
        Where it stands: ``compare.html``, ``compare.csv`` and ``cmgplan-compare.json``.
    names
        Names of the runs in it.
    totals
        Totals of every run, with what differs.
    table
        Content of ``compare.csv``.
    notes
        What cannot be compared.
    """

    folder: Path
    names: tuple[str, ...]
    totals: tuple[Total, ...]
    table: pd.DataFrame
    notes: tuple[str, ...]


def compare_runs(runs: Sequence[Path | str], out: Path | str | None = None) -> WrittenComparison:
    """Lay two or more runs beside each other, as a page and a table of differences.

    Parameters
    ----------
    runs
        Folders of finished runs; differences are to the first.
    out
        Folder of the comparison; by default the first run's name with ``-compare`` beside it.

    Raises
    ------
    InputError
        A run cannot be read, or something other than a comparison stands in the place.
    """
    folders = [Path(run) for run in runs]
    comparison = read_runs(folders)
    place = Path(out) if out is not None else beside(folders[0], "compare")
    prepare(place, COMPARISON)
    found = totals(comparison)
    table = long_table(comparison, found)

    def fill(folder: Path) -> None:
        page = render_comparison(comparison, found)
        (folder / "compare.html").write_text(page, encoding="utf-8")
        write_long_table(table, folder / "compare.csv")
        text = json.dumps(_about(comparison, found), indent=2, allow_nan=False, ensure_ascii=False)
        (folder / COMPARISON.marker).write_text(f"{text}\n", encoding="utf-8")

    written = write_folder(place, COMPARISON, fill)
    names = tuple(run.name for run in comparison.runs)
    return WrittenComparison(written, names, found, table, tuple(comparison.obstacles()))


def _about(comparison: Comparison, found: Sequence[Total]) -> dict[str, Any]:
    """Return the summary for programs."""
    return {
        "format": "cmgplan-compare",
        "version": 1,
        "cmgplan": __version__,
        "runs": [
            {"name": run.name, "case": run.summary.case.model_dump()} for run in comparison.runs
        ],
        "options": _asked(comparison, options_asked(comparison)),
        "case_files": _asked(comparison, files_asked(comparison)),
        "case_keys": _asked(comparison, keys_asked(comparison)),
        "not_comparable": comparison.obstacles(),
        "totals": [_total(comparison, total) for total in found],
    }


def _asked(comparison: Comparison, rows: Sequence[Asked]) -> dict[str, dict[str, str]]:
    names = [run.name for run in comparison.runs]
    return {row.name: dict(zip(names, row.values, strict=True)) for row in rows}


def _total(comparison: Comparison, total: Total) -> dict[str, Any]:
    q = total.quantity
    names = [run.name for run in comparison.runs]
    return {
        "quantity": q.name,
        "unit": q.unit,
        "level": q.level,
        "values": dict(zip(names, total.values, strict=True)),
        "differences": {
            name: {
                "amount": d.amount,
                "relative": d.relative,
                "open_by": d.open_by,
                "verdict": d.verdict,
            }
            for name, d in zip(names[1:], total.differences, strict=True)
        },
    }
