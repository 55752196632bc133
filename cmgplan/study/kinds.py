"""The systems that a study can run: one entry a system says how a task of it is run.

What a system needs is imported when a task runs, so that the driver stays small.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from cmgplan.study.key_figures import (
    BUILDING,
    HOLD,
    MARKET,
    OPTIMUM,
    PLANNING,
    RESPONSE,
    Figure,
    Reported,
)
from cmgplan.systems import SystemName

Run = Callable[..., None]
"""Runs a loaded case with checked options and writes its run folder: case, options, folder."""


@dataclass(frozen=True)
class StudySystem:
    """How a system is run as a task.

    Attributes
    ----------
    name
        What a study file calls it.
    command
        Its command, whose flags are the options.
    cases
        The kind of cases that it runs.
    form
        Module and name of the record of its options.
    flags
        Fields of that record by flag, where their names differ.
    run
        Runs one case and writes the folder.
    reported
        What is told of each task: key figures, and quantities in parts.
    fixed
        Options that a study sets: one solver thread, one process.
    of_plans
        Whether its cases are run folders of plans, which are run on the day of the plan. Then
        ``run`` takes the folder of the plan's case as a fourth argument.
    """

    name: str
    command: str
    cases: SystemName
    form: tuple[str, str]
    flags: Mapping[str, str]
    run: Run
    reported: Reported
    fixed: Mapping[str, Any] = field(default_factory=dict)
    of_plans: bool = False

    @property
    def shown(self) -> tuple[Figure, ...]:
        """The key figures, the most telling one first."""
        return self.reported.shown

    def options_form(self) -> type[Any]:
        """Return the record of its options."""
        module, name = self.form
        found: type[Any] = getattr(import_module(module), name)
        return found


def _run_planning(case: Any, options: Mapping[str, Any], out: Path) -> None:
    from cmgplan.planning.case.records import PlanOptions
    from cmgplan.planning.pipeline import plan
    from cmgplan.planning.report.run_folder import write_run

    asked = PlanOptions.model_validate({**case.options.model_dump(), **options})
    write_run(plan(case, asked), out)


def _run_optimum(case: Any, options: Mapping[str, Any], out: Path) -> None:
    from cmgplan.homes.optimum.front import find_optimum
    from cmgplan.homes.optimum.result import OptimumOptions
    from cmgplan.homes.optimum.run_folder import write_optimum

    write_optimum(find_optimum(case, OptimumOptions(**options)), out)


def _run_market(case: Any, options: Mapping[str, Any], out: Path) -> None:
    from cmgplan.market.pipeline import run_market
    from cmgplan.market.report.run_folder import write_market
    from cmgplan.market.result import MarketOptions

    write_market(run_market(case, MarketOptions(**options)), out)


def _run_building(case: Any, options: Mapping[str, Any], out: Path) -> None:
    from cmgplan.building.pipeline import run_building
    from cmgplan.building.report.run_folder import write_building
    from cmgplan.building.result import BuildingOptions

    write_building(run_building(case, BuildingOptions(**options)), out)


def _run_response(case: Any, options: Mapping[str, Any], out: Path) -> None:
    from cmgplan.response.pipeline import run_response
    from cmgplan.response.report.run_folder import write_response
    from cmgplan.response.result import ResponseOptions

    write_response(run_response(case, ResponseOptions(**options)), out)


def _run_hold(case: Any, options: Mapping[str, Any], out: Path, planned: Path) -> None:
    from cmgplan.study.hold.folder import hold_plan
    from cmgplan.study.hold.held_plan import HoldOptions

    hold_plan(case, HoldOptions(**options), out, planned)


_TIME = {"time-limit": "time_limit_s"}

STUDY_SYSTEMS: Mapping[str, StudySystem] = {
    system.name: system
    for system in (
        StudySystem(
            "planning",
            "plan",
            "planning",
            ("cmgplan.planning.case.records", "PlanOptions"),
            _TIME,
            _run_planning,
            PLANNING,
            {"jobs": 1},
        ),
        StudySystem(
            "optimum",
            "optimum",
            "homes",
            ("cmgplan.homes.optimum.result", "OptimumOptions"),
            {**_TIME, "emission-weight": "emission_weight"},
            _run_optimum,
            OPTIMUM,
        ),
        StudySystem(
            "market",
            "market",
            "homes",
            ("cmgplan.market.result", "MarketOptions"),
            {**_TIME, "structure": "structures"},
            _run_market,
            MARKET,
        ),
        StudySystem(
            "building",
            "building",
            "homes",
            ("cmgplan.building.result", "BuildingOptions"),
            {"optimal-values": "optimal_values"},
            _run_building,
            BUILDING,
            {"workers": 1},
        ),
        StudySystem(
            "response",
            "respond",
            "homes",
            ("cmgplan.response.result", "ResponseOptions"),
            {**_TIME, "method": "methods"},
            _run_response,
            RESPONSE,
            {"workers": 1},
        ),
        StudySystem(
            "hold",
            "study of system hold",
            "planning",
            ("cmgplan.study.hold.held_plan", "HoldOptions"),
            {
                **_TIME,
                "wait-and-see": "wait_and_see",
                "unserved-usd-per-kwh": "unserved_usd_per_kwh",
            },
            _run_hold,
            HOLD,
            of_plans=True,
        ),
    )
}
"""Systems by the name that a study file gives them; one entry adds a system."""
