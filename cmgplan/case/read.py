"""Reading and checking a case."""

from __future__ import annotations

from pathlib import Path

from cmgplan.case.check import check_draft
from cmgplan.case.draft import Draft, read_draft
from cmgplan.case.folder import CASE_FILE, CaseFolder
from cmgplan.case.records import Case
from cmgplan.errors import CaseError, Fault


def load_case(path: Path | str) -> Case:
    """Return the case in a folder; ``path`` is the folder or its case.toml.

    Raises
    ------
    CaseError
        With every fault that stops a plan, found at once. Warnings do not; see ``check_case``.
    """
    draft, faults = _examine(path)
    errors = [fault for fault in faults if fault.severity == "error"]
    if errors or draft.file is None:
        raise CaseError(errors)
    return Case(
        file=draft.file,
        buses=tuple(placed.record for placed in draft.buses),
        lines=tuple(placed.record for placed in draft.lines),
        profiles=draft.profiles,
        folder=draft.folder.path,
    )


def check_case(path: Path | str) -> list[Fault]:
    """Return every fault of a case, errors before warnings; empty for a sound case."""
    return _examine(path)[1]


def _examine(path: Path | str) -> tuple[Draft, list[Fault]]:
    """Read and check a case."""
    folder = CaseFolder.at(path)
    if not folder.path.is_dir():
        return Draft(folder, {}), [
            Fault(
                str(path), "", "there is no such case folder", f"name a folder with a {CASE_FILE}"
            )
        ]
    draft, faults = read_draft(folder)
    faults.extend(check_draft(draft))
    return draft, sorted(faults, key=lambda fault: fault.severity)
