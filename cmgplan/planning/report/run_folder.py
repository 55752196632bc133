"""The folder of a plan's run: written, and read again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import ValidationError

from cmgplan.case.folder import SOURCES_FILE, CaseFolder
from cmgplan.errors import CmgplanError, InputError
from cmgplan.given import read_text
from cmgplan.planning.case import load_case
from cmgplan.planning.case.records import Case, PlanOptions
from cmgplan.planning.record.plan import PlanRecord, parse_plan
from cmgplan.planning.report.complete import names_of, require_complete
from cmgplan.planning.report.page import render_page
from cmgplan.planning.report.table_forms import POINT_TABLES, TABLES, read_table, write_table
from cmgplan.planning.report.topology import FeederView, feeder_view
from cmgplan.planning.result import PlanResult
from cmgplan.run.folder import FolderKind, case_sha256, jsonable, put_page, write_folder

RUN = FolderKind("a run", "plan.json")


@dataclass(frozen=True)
class Run:
    """A finished run as read from its folder.

    Attributes
    ----------
    folder
        Where it lies; its copy of the case is in ``case/``.
    summary
        Content of plan.json.
    tables
        Tables by file stem, as in ``PlanResult``.
    """

    folder: Path
    summary: PlanRecord
    tables: Mapping[str, pd.DataFrame]

    @property
    def case_folder(self) -> Path:
        """The run's copy of its case."""
        return self.folder / "case"

    def load_case(self) -> Case:
        """Return the case as it was planned, from the run's copy.

        Raises
        ------
        CaseError, InputError
            If the copy cannot be used any more, or plan.json names no such day.
        """
        return load_case(self.case_folder, day=self.summary.case.day)

    def load_options(self) -> PlanOptions:
        """Return the options that the run was planned with.

        Raises
        ------
        InputError
            If plan.json holds others than can be asked for.
        """
        try:
            return PlanOptions.model_validate(self.summary.options.model_dump())
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(str(part) for part in first["loc"])
            told = f"plan.json options.{key}: {first['msg']}; plan the case again"
            raise InputError(told) from error


def write_run(result: PlanResult, out: Path | str) -> Path:
    """Write a plan to a folder, whole or not at all, and return the folder.

    An earlier run there is replaced; if anything fails on the way it stays.

    Raises
    ------
    InputError
        If the folder holds something else than a run.
    """
    return write_folder(Path(out), RUN, lambda fresh: _write_contents(result, fresh))


def read_run(folder: Path | str) -> Run:
    """Read a run folder.

    Raises
    ------
    InputError
        If it is not a run, or a file of it is missing or damaged.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder; give the folder of a run")
    path = folder / "plan.json"
    if not path.exists():
        raise InputError(f"{folder}: is not a run, it has no plan.json")
    try:
        summary = parse_plan(read_text(path))
    except (InputError, ValueError) as error:
        raise InputError(f"{path}: is damaged ({error}); plan the case again") from error
    return Run(folder, summary, {stem: read_table(stem, folder) for stem in TABLES})


def write_page(run: Run) -> Path:
    """Write the page of a run again and return its path.

    Raises
    ------
    InputError
        If a table lacks rows.
    """
    return _put_page(run)


def _put_page(run: Run) -> Path:
    require_complete_run(run)
    view, sources = _of_case(run)
    return put_page(run.folder, lambda: render_page(run.summary, run.tables, view, sources))


def require_complete_run(run: Run) -> None:
    """Raise InputError unless every table of a run has exactly the rows that its case asks for."""
    try:
        case: Case | None = run.load_case()
    except (CmgplanError, OSError):
        case = None
    try:
        require_complete(run.tables, names_of(case, run.summary.case.hours, run.tables))
    except InputError as error:
        raise InputError(f"{run.folder}/{error}") from None


def _of_case(run: Run) -> tuple[FeederView | None, str]:
    """Return what the page shows of a case: nothing where its copy cannot be read any more."""
    try:
        sources = read_text(run.case_folder / SOURCES_FILE)
    except InputError:
        sources = ""
    try:
        return feeder_view(run.load_case()), sources
    except (CmgplanError, OSError):
        return None, sources


def _write_contents(result: PlanResult, folder: Path) -> None:
    """Write every file of a run."""
    copy_case(result.case, folder / "case")
    about = result.summary.case.model_copy(update={"sha256": case_sha256(folder / "case")})
    summary = result.summary.model_copy(update={"case": about}).model_dump()
    text = json.dumps(summary, indent=2, allow_nan=False, ensure_ascii=False)
    (folder / "plan.json").write_text(f"{text}\n", encoding="utf-8")
    for stem in TABLES:
        write_table(stem, result.tables[stem], folder)
    for number, tables in result.points.items():
        sub = folder / "points" / f"{number:02d}"
        sub.mkdir(parents=True)
        for stem in POINT_TABLES:
            write_table(stem, tables[stem], sub)
    for number, proof in result.proofs.items():
        text = json.dumps(jsonable(proof), indent=1, allow_nan=False, ensure_ascii=False)
        path = folder / "proofs" / f"{number:02d}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{text}\n", encoding="utf-8")
    # From the files just written: they are proven readable, and ``cmgplan report`` gives the same.
    _put_page(read_run(folder))


def copy_case(case: Case, target: Path) -> None:
    """Copy the files that a case is read from, and its sources; nothing else of its folder.

    InputError if they are no longer what was planned.
    """
    names = {"case.toml", case.file.network.buses, case.file.network.lines, case.file.profiles}
    if isinstance(CaseFolder(case.folder).read_text(SOURCES_FILE), str):
        names.add(SOURCES_FILE)
    for name in sorted(names):
        copy = target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((case.folder / name).read_bytes())
    copied = load_case(target, day=case.file.time.day)
    same = (copied.file, copied.buses, copied.lines) == (case.file, case.buses, case.lines)
    if not same or any(
        not np.array_equal(copied.profiles[name], case.profiles[name]) for name in case.profiles
    ):
        raise InputError(f"{case.folder}: has changed while it was planned; plan it again")
