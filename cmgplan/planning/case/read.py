"""Reading and checking a case."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from cmgplan.case.draft_base import examine, warnings_of
from cmgplan.errors import CaseError, Fault
from cmgplan.planning.case.check import check_draft
from cmgplan.planning.case.draft import Draft, read_draft
from cmgplan.planning.case.records import Case


def load_case(path: Path | str, *, day: date | str | None = None) -> Case:
    """Read a case.

    Parameters
    ----------
    path
        Its folder, its case.toml, or the name of a case that comes with the package, such as
        ``"ieee94"``. A folder of that name goes first.
    day
        Day to pick out of profiles that hold more, a date or ``"2016-07-14"``, in place of the
        one that case.toml names.

    Raises
    ------
    CaseError
        With every fault that stops a plan, found at once. Warnings do not; see ``check_case``.
    InputError
        The day is not a date.
    """
    draft, faults = examine(path, day, Draft, read_draft, check_draft)
    warnings = warnings_of(faults)
    if draft.file is None:
        raise CaseError(faults)
    return Case(
        file=draft.file,
        buses=tuple(placed.record for placed in draft.buses),
        lines=tuple(placed.record for placed in draft.lines),
        profiles=draft.profiles,
        folder=draft.folder.path,
        begins_h=draft.begins_h,
        warnings=warnings,
    )


def check_case(path: Path | str, *, day: date | str | None = None) -> list[Fault]:
    """Return every fault of a case, errors before warnings; empty for a sound case.

    ``path`` and ``day`` are those of ``load_case``.
    """
    return examine(path, day, Draft, read_draft, check_draft)[1]
