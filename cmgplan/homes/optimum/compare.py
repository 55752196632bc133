"""Optima laid beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cmgplan.homes.compare import ComparedDay, WrittenDays, compare_days
from cmgplan.homes.figures.view import DayView
from cmgplan.homes.optimum.read_run import WAY, read_optimum
from cmgplan.run.comparison import unique_names
from cmgplan.run.folder import recover


def compare_optima(folders: Sequence[Path], out: Path | None = None) -> WrittenDays:
    """Lay two or more optima beside each other, as a page and a table of differences.

    Raises
    ------
    InputError
        A run cannot be read, the runs cannot be compared, or something other than a comparison
        stands in the place.
    """
    for folder in folders:
        recover(folder)
    days = []
    for folder, name in zip(folders, unique_names(folders), strict=True):
        run = read_optimum(folder)
        about, currency = run.record.case, run.record.currency
        view = DayView.of(run.tables, WAY, about.hours, about.dt_h, currency)
        days.append(ComparedDay(name, about, view))
    return compare_days(days, folders[0], out)
