"""The systems that a case may be of, chosen by the key ``system`` of its case.toml.

What a system needs is imported when it is used, so that the command line starts quickly.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from cmgplan.errors import CaseError, Fault, InputError

if TYPE_CHECKING:
    from cmgplan.homes.case.records import HomesCase
    from cmgplan.planning.case.records import Case

SystemName = Literal["planning", "homes"]


@dataclass(frozen=True)
class System:
    """How cases of a system are read, and what runs them.

    Attributes
    ----------
    name
        What case.toml calls it.
    reads, loads, checks
        Module that reads its cases, and the names of its functions that load and check one.
    records, record
        Module of its records, and the name of the one that is the whole of case.toml.
    called
        What a case of it is called in messages.
    ready
        What is said of a sound case.
    commands
        Commands that run its cases.
    own_checks
        Of commands that ask more of a sound case than others do: module and function that
        return what they find in it.
    """

    name: str
    reads: str
    loads: str
    checks: str
    records: str
    record: str
    called: str
    ready: str
    commands: tuple[str, ...]
    own_checks: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def load(self, path: Path | str, *, day: date | str | None = None) -> Any:
        """Return a case of the system, see ``load_case``."""
        return getattr(import_module(self.reads), self.loads)(path, day=day)

    def check(self, path: Path | str, *, day: date | str | None = None) -> list[Fault]:
        """Return every fault of a case of the system, see ``check_case``."""
        found: list[Fault] = getattr(import_module(self.reads), self.checks)(path, day=day)
        return found

    def check_commands(self, case: Any) -> dict[str, list[Fault]]:
        """Return what single commands find in a loaded case, by command; errors refuse it."""
        found = {
            command: getattr(import_module(module), function)(case)
            for command, (module, function) in self.own_checks.items()
        }
        return {command: faults for command, faults in found.items() if faults}

    def ready_but(self, refusing: Collection[str]) -> str:
        """Return what is said of a sound case that some commands refuse."""
        if not refusing:
            return self.ready
        others = ", ".join(name for name in self.commands if name not in refusing)
        return f"can be run: {others}; not: {', '.join(refusing)}"

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of its case.toml, which ships as ``case.schema.json``."""
        record = getattr(import_module(self.records), self.record)
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            **record.model_json_schema(),
        }


PLANNING = System(
    name="planning",
    reads="cmgplan.planning.case",
    loads="load_case",
    checks="check_case",
    records="cmgplan.planning.case.records",
    record="CaseFile",
    called="a case of planning",
    ready="can be planned",
    commands=("plan", "opf"),
)

HOMES = System(
    name="homes",
    reads="cmgplan.homes.case.read",
    loads="load_homes",
    checks="check_homes",
    records="cmgplan.homes.case.records",
    record="HomesFile",
    called="a case of homes",
    ready="can be run: optimum, market, building, respond",
    commands=("optimum", "market", "building", "respond"),
    own_checks={
        "market": ("cmgplan.market.case.check", "check_market"),
        "building": ("cmgplan.building.case.check", "check_building"),
        "respond": ("cmgplan.response.case.check", "check_response"),
    },
)

SYSTEMS: Mapping[str, System] = {system.name: system for system in (PLANNING, HOMES)}


def system_of(path: Path | str) -> System:
    """Return the system of a case; planning where case.toml names none or cannot be read.

    Raises
    ------
    CaseError
        case.toml names a system that is not known.
    """
    from cmgplan.case.bundled import find_case
    from cmgplan.case.explain import nearest, shown
    from cmgplan.case.folder import CASE_FILE, CaseFolder
    from cmgplan.case.toml_file import read_toml

    raw = read_toml(CaseFolder.at(find_case(path)), [])
    given = PLANNING.name if raw is None else raw.get("system", PLANNING.name)
    if isinstance(given, str) and given in SYSTEMS:
        return SYSTEMS[given]
    known = "give " + " or ".join(shown(name) for name in SYSTEMS)
    mend = nearest(given, SYSTEMS, known) if isinstance(given, str) else known
    mend = mend if mend == known else f"{mend} {known}"
    raise CaseError([Fault(CASE_FILE, "system", f"{shown(given)} is not a known system", mend)])


def must_be(name: SystemName, path: Path | str) -> None:
    """Refuse a case of another system; what is no case at all passes.

    Raises
    ------
    InputError
        The case is of another system; the message names the commands that run it.
    CaseError
        case.toml names a system that is not known.
    """
    from cmgplan.case.bundled import find_case
    from cmgplan.case.folder import CASE_FILE, CaseFolder

    if not (CaseFolder.at(find_case(path)).path / CASE_FILE).is_file():
        return
    system = system_of(path)
    if system.name != name:
        commands = " or ".join(f"cmgplan {command}" for command in system.commands)
        raise InputError(f"{path}: this is {system.called}; use {commands}")


@overload
def load_case(
    path: Path | str, *, day: date | str | None = None, system: Literal["homes"]
) -> HomesCase: ...


@overload
def load_case(
    path: Path | str, *, day: date | str | None = None, system: Literal["planning"]
) -> Case: ...


@overload
def load_case(
    path: Path | str, *, day: date | str | None = None, system: None = None
) -> Case | Any: ...


def load_case(
    path: Path | str, *, day: date | str | None = None, system: SystemName | None = None
) -> Case | HomesCase | Any:
    """Read a case of any system.

    Parameters
    ----------
    path
        Its folder, its case.toml, or the name of a case that comes with the package, such as
        ``"ieee94"``. A folder of that name goes first.
    day
        Day to pick out of profiles that hold more, a date or ``"2016-07-14"``, in place of the
        one that case.toml names.
    system
        Refuse a case of any other system than this. It also tells a type checker which record
        is returned.

    Returns
    -------
    Case or HomesCase
        As the key ``system`` of its case.toml says; a ``Case`` of planning without it.

    Raises
    ------
    CaseError
        With every fault that stops a run, found at once. Warnings do not; see ``check_case``.
    InputError
        The day is not a date, or the case is of another system.
    """
    if system is not None:
        must_be(system, path)
        return SYSTEMS[system].load(path, day=day)
    return system_of(path).load(path, day=day)


def check_case(path: Path | str, *, day: date | str | None = None) -> list[Fault]:
    """Return every fault of a case of any system, errors before warnings; empty if it is sound.

    ``path`` and ``day`` are those of ``load_case``.
    """
    try:
        system = system_of(path)
    except CaseError as error:
        return list(error.faults)
    return system.check(path, day=day)
