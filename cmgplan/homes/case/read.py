"""Reading and checking a case of homes."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from cmgplan.case.draft_base import examine, warnings_of
from cmgplan.errors import CaseError, Fault
from cmgplan.homes.case.check import check_draft
from cmgplan.homes.case.draft import Draft, read_draft
from cmgplan.homes.case.records import HomesCase


def load_homes(path: Path | str, *, day: date | str | None = None) -> HomesCase:
    """Read a case of homes.

    Parameters
    ----------
    path
        Its folder, its case.toml, or the name of a case that comes with the package, such as
        ``"two-homes"``. A folder of that name goes first.
    day
        Day to pick out of profiles that hold more, a date or ``"2016-07-14"``, in place of the
        one that case.toml names.

    Raises
    ------
    CaseError
        With every fault that stops a run, found at once. Warnings do not; see ``check_homes``.
    InputError
        The day is not a date.
    """
    draft, faults = examine(path, day, Draft, read_draft, check_draft)
    warnings = warnings_of(faults)
    if draft.file is None:
        raise CaseError(faults)
    return HomesCase(
        file=draft.file,
        profiles=draft.profiles,
        scenarios=draft.scenarios,
        folder=draft.folder.path,
        buses=tuple(placed.record for placed in draft.buses),
        lines=tuple(placed.record for placed in draft.lines),
        begins_h=draft.begins_h,
        warnings=warnings,
    )


def check_homes(path: Path | str, *, day: date | str | None = None) -> list[Fault]:
    """Return every fault of a case of homes, errors before warnings; empty for a sound case.

    ``path`` and ``day`` are those of ``load_homes``.
    """
    return examine(path, day, Draft, read_draft, check_draft)[1]
