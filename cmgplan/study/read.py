"""Reading a study file: every fault of it at once, and the list of its tasks."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cmgplan.case.bundled import find_case, known_cases
from cmgplan.case.explain import problems
from cmgplan.case.folder import CASE_FILE, CaseFolder
from cmgplan.case.toml_file import dotted
from cmgplan.errors import CaseError, CmgplanError, Fault, InputError
from cmgplan.given import MAX_DEPTH, deeper, read_text
from cmgplan.plurals import counted
from cmgplan.study.days import StudyDay, calendar_of, choose_days
from cmgplan.study.kinds import STUDY_SYSTEMS, StudySystem
from cmgplan.study.options import combinations
from cmgplan.study.records import MOST_TASKS, LimitsSection, StudyFile
from cmgplan.study.scenarios import StudyScenario, read_study_scenarios
from cmgplan.study.tasks import Task, files_sha256, make_task, plan_sha256
from cmgplan.systems import check_case, system_of

PLAN_FILE = "plan.json"
"""What marks the run folder of a plan."""

TRIED_DAYS = 3
"""Days on which a case may be faulty before the study is refused: a fault of one day may pass."""


@dataclass(frozen=True)
class Study:
    """A study that has been read and found usable.

    Attributes
    ----------
    name
        Its name.
    system
        What runs its cases.
    tasks
        Its tasks, sorted by case, options, scenario and day.
    limits
        What ends a task.
    asked
        The study file as plain values.
    shared_pages
        Whether the pages of tasks load one drawing library of the study.
    """

    name: str
    system: StudySystem
    tasks: tuple[Task, ...]
    limits: LimitsSection
    asked: Mapping[str, Any]
    shared_pages: bool = False


@dataclass(frozen=True)
class _StudyCase:
    """A case of a study: its name in the file, where it lies, its content and its days."""

    name: str
    folder: Path
    sha256: str
    days: list[StudyDay]


def read_study(source: Path | str | Mapping[str, Any]) -> Study:
    """Read a study.

    Parameters
    ----------
    source
        A study file, or what one holds as plain values. Cases and files that it names lie beside
        it, or beside the working directory.

    Raises
    ------
    CaseError
        With every fault of the study, found at once.
    InputError
        The file cannot be read.
    """
    if isinstance(source, Mapping):
        raw, beside, file = dict(source), Path(), "study"
    else:
        path = Path(source)
        raw, beside, file = _toml(path), path.parent, path.name
    raw = _frozen(raw)
    try:
        asked = StudyFile.model_validate(raw)
    except ValidationError as error:
        found = problems(error, StudyFile, raw)
        faults = [Fault(file, dotted(p.path), p.message, p.mend) for p in found]
        raise CaseError(faults) from None
    return _checked(asked, raw, beside, file)


def _checked(asked: StudyFile, raw: Mapping[str, Any], beside: Path, file: str) -> Study:
    """Compare a study with its cases and the options of its command."""
    faults: list[Fault] = []
    system = STUDY_SYSTEMS.get(asked.system)
    if system is None:
        known = ", ".join(STUDY_SYSTEMS)
        message = f"this version has no system {asked.system}"
        raise CaseError([Fault(file, "system", message, f"give one of {known}")])
    options = combinations(system, asked.over.options, file, faults)
    scenarios = read_study_scenarios(asked.over.scenarios, beside, file, faults)
    cases = [
        case
        for k, name in enumerate(asked.cases)
        if (case := _case(name, k, asked, system, beside, file, faults)) is not None
    ]
    days = sum(len(case.days) for case in cases)
    count = days * len(scenarios) * len(options)
    if count > MOST_TASKS:
        message = (
            f"{count:,} tasks: {counted(days, 'day')} x {counted(len(scenarios), 'scenario')} x "
        )
        message += f"{counted(len(options), 'combination')} of options"
        mend = f"run at most {MOST_TASKS:,} in one study; split it"
        faults.append(Fault(file, "over", message, mend))
    if faults:
        raise CaseError(faults)
    tasks = tuple(_tasks(system.name, cases, options, scenarios))
    return Study(asked.name, system, tasks, asked.limits, raw, asked.shared_pages)


def _tasks(
    system: str,
    cases: list[_StudyCase],
    options: list[dict[str, Any]],
    scenarios: list[StudyScenario],
) -> Iterator[Task]:
    for case in cases:
        for combination in options:
            for scenario in scenarios:
                for each in case.days:
                    yield make_task(
                        system,
                        case.name,
                        case.folder,
                        case.sha256,
                        None if each.day is None else each.day.isoformat(),
                        scenario.id,
                        {str(name): factor for name, factor in scenario.factors.items()},
                        combination,
                        each.weight * scenario.weight,
                    )


def _case(
    name: str,
    k: int,
    asked: StudyFile,
    system: StudySystem,
    beside: Path,
    file: str,
    faults: list[Fault],
) -> _StudyCase | None:
    """Return a case of the study with its days, or append what is wrong with it."""
    where = f"cases[{k}]"
    if name in asked.cases[:k]:
        faults.append(Fault(file, where, f"{name} stands twice", "leave one out"))
        return None
    place = beside / name
    if system.of_plans:
        return _plan(name, where, asked, beside, file, faults)
    path = place if (place / CASE_FILE).is_file() else find_case(name)
    folder = CaseFolder.at(path)
    if not (folder.path / CASE_FILE).is_file():
        faults.append(Fault(file, where, f"there is no case {name}", known_cases(name)))
        return None
    folder = CaseFolder(folder.path.resolve())
    try:
        kind = system_of(folder.path)
    except CaseError as error:
        faults.extend(Fault(f"{name}/{f.file}", f.where, f.message, f.mend) for f in error.faults)
        return None
    if kind.name != system.cases:
        message = f"{name} is {kind.called}, which {system.name} does not run"
        faults.append(Fault(file, where, message, f"name a case of {system.cases}"))
        return None
    before = len(faults)
    days = choose_days(asked.over.days, name, calendar_of(folder), file, faults)
    if len(faults) == before:
        faults.extend(_faults_of_case(name, folder, days))
    return _StudyCase(name, folder.path, files_sha256(folder), days)


def _plan(
    name: str, where: str, asked: StudyFile, beside: Path, file: str, faults: list[Fault]
) -> _StudyCase | None:
    """Return the case of a finished plan on the plan's day, or append what is wrong with it."""
    from cmgplan.study.hold.held_plan import MEND, read_points  # takes the planning rooms along

    found = [each for each in (beside / name, Path(name)) if (each / PLAN_FILE).is_file()]
    if not found:
        message = f"there is no plan {name}"
        mend = f"give a folder with {PLAN_FILE}; cmgplan plan CASE --out {name} writes one"
        faults.append(Fault(file, where, message, mend))
        return None
    if asked.over.days is not None:
        mend = "leave days out; a plan is held on the day that it was made for"
        faults.append(Fault(file, "over.days", "the plans have their days", mend))
        return None
    try:
        run, _ = read_points(found[0])
        day = run.load_case().file.time.day
        folder = CaseFolder(run.case_folder.resolve())
        return _StudyCase(name, folder.path, plan_sha256(folder), [StudyDay(day)])
    except CmgplanError as error:
        faults.append(Fault(file, where, str(error).removesuffix(f"; {MEND}"), MEND))
        return None


def _faults_of_case(name: str, folder: CaseFolder, days: list[StudyDay]) -> list[Fault]:
    """Return the faults of a case, none where it is sound on one of a few days.

    A case with a fault on some days is run on the others; those days fail with their reason.
    """
    step = max(1, len(days) // TRIED_DAYS)
    found: list[Fault] = []
    for each in days[::step][:TRIED_DAYS] or [StudyDay()]:
        try:
            faults = check_case(folder.path, day=each.day)
        except CmgplanError as error:
            faults = [Fault("case.toml", "", str(error), "correct it")]
        errors = [fault for fault in faults if fault.severity == "error"]
        if not errors:
            return []
        found = found or errors
    return [Fault(f"{name}/{f.file}", f.where, f.message, f.mend) for f in found]


def _toml(path: Path) -> dict[str, Any]:
    """Return a TOML file as plain values."""
    text = read_text(path)
    try:
        raw = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        row = re.search(r"at line (\d+)", str(error))
        where = f" row {row.group(1)}" if row else ""
        raise InputError(
            f"{path.name}{where}: this is not TOML ({error}); mend the syntax of the row"
        ) from None
    if deeper(raw, MAX_DEPTH):
        raise InputError(f"{path.name}: is nested deeper than {MAX_DEPTH} levels; flatten it")
    return raw


def _frozen(value: Any) -> Any:
    """Return a value with every list in it turned into a tuple, as records want them."""
    if isinstance(value, Mapping):
        return {key: _frozen(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return tuple(_frozen(item) for item in value)
    return value
