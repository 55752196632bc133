"""The kinds of runs that the package knows, and what each can do with a folder of its kind.

A run is known by its marker: ``plan.json`` is a plan, ``reconfiguration.json`` and
``reliability.json`` are runs about a feeder, ``run.json`` names the system that wrote it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cmgplan.errors import InputError
from cmgplan.run.findings import CheckResult

if TYPE_CHECKING:
    import xarray

    from cmgplan.homes.report.compare import WrittenDays
    from cmgplan.homes.report.figures.view import DayView
    from cmgplan.homes.report.run_record import About, RunRecord
    from cmgplan.run.tables import TableForm, Tables

PLANNING = "planning"
STUDY_MARKER = "study.json"


@dataclass(frozen=True)
class RunKind:
    """What a kind of run can do.

    Attributes
    ----------
    what
        What it is called in a sentence.
    verify
        Checks a folder of the kind from its files alone.
    report
        Writes the page of a folder of the kind again and returns its path.
    days
        Reads the days of homes that a folder holds, one for each way; None for other kinds.
    """

    what: str
    verify: Callable[[Path], Sequence[CheckResult]]
    report: Callable[[Path], Path]
    days: Callable[[Path], tuple[About, list[DayView]]] | None = None


def _verify_plan(folder: Path) -> Sequence[CheckResult]:
    from cmgplan.planning.report.run_folder import read_run
    from cmgplan.planning.report.verify import verify_run

    return verify_run(read_run(folder)).checks


def _report_plan(folder: Path) -> Path:
    from cmgplan.planning.report.run_folder import read_run, write_page

    return write_page(read_run(folder))


def _verify_optimum(folder: Path) -> Sequence[CheckResult]:
    from cmgplan.homes.optimum.read_run import read_optimum
    from cmgplan.homes.optimum.verify import verify_optimum

    return verify_optimum(read_optimum(folder)).checks


def _report_optimum(folder: Path) -> Path:
    from cmgplan.homes.optimum.run_folder import read_optimum, write_page

    return write_page(read_optimum(folder))


def _verify_market(folder: Path) -> Sequence[CheckResult]:
    from cmgplan.market.audit.again import solved_again
    from cmgplan.market.report.read_result import result_of
    from cmgplan.market.report.read_run import read_market
    from cmgplan.market.report.verify import verify_market

    run = read_market(folder)
    found = verify_market(run).checks
    if not all(check.passed for check in found):
        return found  # what contradicts itself is not solved again
    return (*found, *solved_again(result_of(run, run.load_case())))


def _report_market(folder: Path) -> Path:
    from cmgplan.market.report.read_run import read_market
    from cmgplan.market.report.run_folder import write_page

    return write_page(read_market(folder))


def _verify_building(folder: Path) -> Sequence[CheckResult]:
    from cmgplan.building.report.read_run import read_building
    from cmgplan.building.report.verify import verify_building

    return verify_building(read_building(folder)).checks


def _report_building(folder: Path) -> Path:
    from cmgplan.building.report.read_run import read_building
    from cmgplan.building.report.run_folder import write_page

    return write_page(read_building(folder))


def _verify_response(folder: Path) -> Sequence[CheckResult]:
    from cmgplan.response.report.read_run import read_response
    from cmgplan.response.report.verify import verify_response

    return verify_response(read_response(folder)).checks


def _report_response(folder: Path) -> Path:
    from cmgplan.response.report.read_run import read_response
    from cmgplan.response.report.run_folder import write_page

    return write_page(read_response(folder))


def _verify_configuration(folder: Path) -> Sequence[CheckResult]:
    from cmgplan.feeders.report.configuration import read_configuration, verify_configuration

    return verify_configuration(read_configuration(folder))


def _report_configuration(folder: Path) -> Path:
    from cmgplan.feeders.report.configuration import read_configuration, write_page

    return write_page(read_configuration(folder))


def _verify_reliability(folder: Path) -> Sequence[CheckResult]:
    from cmgplan.feeders.report.reliability import read_reliability, verify_reliability

    return verify_reliability(read_reliability(folder))


def _report_reliability(folder: Path) -> Path:
    from cmgplan.feeders.report.reliability import read_reliability, write_page

    return write_page(read_reliability(folder))


def _days_of_optimum(folder: Path) -> tuple[About, list[DayView]]:
    from cmgplan.homes.optimum.read_run import WAY, read_optimum

    run = read_optimum(folder)
    return run.record.case, _views(run.record, run.tables, [WAY])


def _days_of_market(folder: Path) -> tuple[About, list[DayView]]:
    from cmgplan.market.report.read_run import read_market

    run = read_market(folder)
    ways = [structure.structure for structure in run.record.structures]
    return run.record.case, _views(run.record, run.tables, ways)


def _days_of_building(folder: Path) -> tuple[About, list[DayView]]:
    from cmgplan.building.report.read_run import read_building

    run = read_building(folder)
    return run.record.case, _views(run.record, run.tables, list(run.record.ways()))


def _days_of_response(folder: Path) -> tuple[About, list[DayView]]:
    from cmgplan.response.report.read_run import read_response

    run = read_response(folder)
    return run.record.case, _views(run.record, run.tables, run.ways)


def _views(record: RunRecord, tables: Tables, ways: Sequence[str]) -> list[DayView]:
    from cmgplan.homes.report.figures.view import DayView

    about = record.case
    return [DayView.of(tables, way, about.hours, about.dt_h, record.currency) for way in ways]


RUN_KINDS: Mapping[str, RunKind] = {
    PLANNING: RunKind("a plan", _verify_plan, _report_plan),
    "optimum": RunKind("an optimum of homes", _verify_optimum, _report_optimum, _days_of_optimum),
    "market": RunKind("a run of the market", _verify_market, _report_market, _days_of_market),
    "building": RunKind(
        "a run of the building", _verify_building, _report_building, _days_of_building
    ),
    "response": RunKind(
        "a run of demand response", _verify_response, _report_response, _days_of_response
    ),
    "reconfigure": RunKind("a reconfiguration", _verify_configuration, _report_configuration),
    "reliability": RunKind("a study of reliability", _verify_reliability, _report_reliability),
}
"""Kinds of runs by the system that writes them."""

MARKERS = {"reconfigure": "reconfiguration.json", "reliability": "reliability.json"}
"""Runs about a feeder, known by a marker of their own."""


def system_of_run(folder: Path | str) -> str:
    """Return the system that wrote a run: a key of ``RUN_KINDS``.

    A folder without any marker counts as a plan's, whose reader says what it lacks.

    Raises
    ------
    InputError
        A run.json is damaged or names a system that this version does not know, or the folder is
        that of a study.
    """
    from cmgplan.homes.report.run_folder import MARKER, system_of

    folder = Path(folder)
    if (folder / STUDY_MARKER).exists():
        told = f"give the run of a task, a folder in {folder}/tasks"
        raise InputError(f"{folder}: is a study; {told}")
    for system, marker in MARKERS.items():
        if (folder / marker).exists():
            return system
    if (folder / "plan.json").exists() or not (folder / MARKER).exists():
        return PLANNING
    system = system_of(folder)
    if system not in RUN_KINDS or system == PLANNING:
        known = ", ".join(name for name in RUN_KINDS if name != PLANNING)
        raise InputError(
            f"{folder / MARKER}: is a run of {system!r}, which this version does not know "
            f"(known: {known}); update cmgplan"
        )
    return system


def are_plans(folders: Sequence[Path]) -> bool:
    """Return whether runs are plans; they are days of homes otherwise.

    Raises
    ------
    InputError
        They are of both kinds, or one of them cannot be told.
    """
    systems = [system_of_run(folder) for folder in folders]
    plans = [system == PLANNING for system in systems]
    for folder, system, is_plan in zip(folders, systems, plans, strict=True):
        if is_plan != plans[0]:
            mine, other = (RUN_KINDS[name].what for name in (system, systems[0]))
            raise InputError(
                f"{folder}: is {mine} and {folders[0]} is {other}; compare plans with plans, and "
                "runs of homes with runs of homes"
            )
    return plans[0]


def compare_homes(folders: Sequence[Path], out: Path | None = None) -> WrittenDays:
    """Lay runs of homes beside each other, whatever ran: every way that they hold is a day.

    Of each run days of all homes come first.

    Raises
    ------
    InputError
        A run cannot be read, the runs cannot be compared, or something other than a comparison
        stands in the place.
    """
    from cmgplan.homes.report.compare import ComparedDay, compare_days
    from cmgplan.run.comparison import unique_names
    from cmgplan.run.folder import recover

    days = []
    for folder, name in zip(folders, unique_names(folders), strict=True):
        recover(folder)
        kind = RUN_KINDS[system_of_run(folder)]
        if kind.days is None:
            raise InputError(f"{folder}: is {kind.what}, which holds no days of homes")
        about, views = kind.days(folder)
        days += [
            ComparedDay(name if len(views) == 1 else f"{name} {view.way}", about, view)
            for view in sorted(views, key=lambda view: -len(view.homes))
        ]
    return compare_days(days, folders[0], out)


def require_plan(folder: Path | str, command: str) -> None:
    """Raise InputError where a command that knows plans alone is given another run."""
    system = system_of_run(folder)
    if system != PLANNING:
        what = RUN_KINDS[system].what
        raise InputError(f"{folder}: is {what}; {command} takes plans, give the folder of a plan")


_READERS = {
    PLANNING: ("cmgplan.planning.report.run_folder", "read_run"),
    "optimum": ("cmgplan.homes.optimum.read_run", "read_optimum"),
    "market": ("cmgplan.market.report.read_run", "read_market"),
    "building": ("cmgplan.building.report.read_run", "read_building"),
    "response": ("cmgplan.response.report.read_run", "read_response"),
}
"""What reads a run, by the system that wrote it."""


def to_xarray(run: Any) -> xarray.DataTree:
    """Return the tables of a run as a tree of xarray datasets, one for each table.

    The columns that name a row (level, hour, microgrid, device, way, home, ...) become axes, the
    others variables with their unit as ``attrs["units"]``; what has no row is NaN:
    ``to_xarray("runs/two-bus")["dispatch"]["p_kw"].sel(level=4)``.

    Parameters
    ----------
    run
        The folder of a run of any system, or what ``plan`` or ``read_run`` returned.

    Raises
    ------
    InputError
        xarray is not installed (it is the extra ``xarray``), or the run cannot be read.
    """
    from cmgplan.run.xarray_forms import as_tree

    if isinstance(run, Path | str):
        system = system_of_run(run)
        if system not in _READERS:
            raise InputError(f"{run}: is {RUN_KINDS[system].what}, whose tables have no axes")
        module, reader = _READERS[system]
        run = getattr(import_module(module), reader)(run)
    return as_tree(run.tables, _forms("pareto" in run.tables))


def _forms(plan: bool) -> Mapping[str, TableForm]:
    """Return the forms of the tables of a plan, or of every run of homes."""
    if plan:
        from cmgplan.planning.report.table_forms import TABLES as OF_PLANS

        return OF_PLANS
    from cmgplan.building.tables import TABLES as OF_BUILDINGS
    from cmgplan.homes.day.tables import TABLES as OF_HOMES
    from cmgplan.homes.optimum.run_record import FRONT
    from cmgplan.market.report.run_record import MCP
    from cmgplan.response.tables import TABLES as OF_RESPONSE

    return {**OF_HOMES, **OF_RESPONSE, **OF_BUILDINGS, "front": FRONT, "mcp": MCP}
