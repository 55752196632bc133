"""Reading and checking a case of homes."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from cmgplan.case.bundled import find_case, known_cases
from cmgplan.case.days import as_day
from cmgplan.case.folder import CaseFolder
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
    draft, faults = _examine(path, day)
    errors = [fault for fault in faults if fault.severity == "error"]
    if errors or draft.file is None:
        raise CaseError(errors)
    return HomesCase(
        file=draft.file,
        profiles=draft.profiles,
        scenarios=draft.scenarios,
        folder=draft.folder.path,
        buses=tuple(placed.record for placed in draft.buses),
        lines=tuple(placed.record for placed in draft.lines),
        begins_h=draft.begins_h,
        warnings=tuple(fault for fault in faults if fault.severity == "warning"),
    )


def check_homes(path: Path | str, *, day: date | str | None = None) -> list[Fault]:
    """Return every fault of a case of homes, errors before warnings; empty for a sound case.

    ``path`` and ``day`` are those of ``load_homes``.
    """
    return _examine(path, day)[1]


def _examine(path: Path | str, day: date | str | None) -> tuple[Draft, list[Fault]]:
    """Read and check a case."""
    wanted = as_day(day)
    folder = CaseFolder.at(find_case(path))
    if not folder.path.is_dir():
        return Draft(folder, {}), [
            Fault(str(path), "", "there is no such case folder", known_cases(path))
        ]
    draft, faults = read_draft(folder, wanted)
    faults.extend(check_draft(draft))
    return draft, sorted(faults, key=lambda fault: fault.severity)
