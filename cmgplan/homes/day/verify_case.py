"""What a run tells of its case, beside the run's copy of it."""

from __future__ import annotations

from pathlib import Path

from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.report.run_record import RunRecord
from cmgplan.run.findings import CheckResult, differs
from cmgplan.run.folder import case_sha256


def check_copy(case: HomesCase, folder: Path, record: RunRecord) -> CheckResult:
    """Compare what run.json tells of the case with the run's copy of it."""
    about, day = record.case, case.file.time.day
    due = {
        "name": case.name,
        "title": case.file.title,
        "hours": case.hours,
        "dt_h": case.dt_h,
        "begins_h": case.begins_h,
        "day": None if day is None else day.isoformat(),
        "homes": list(case.ids),
        "sha256": case_sha256(folder / "case"),
    }
    found = differs(record.currency, case.file.currency, "run.json currency")
    for key, value in due.items():
        found += differs(getattr(about, key), value, f"run.json case.{key}")
    return CheckResult("the copy of the case is what was run", tuple(found))
