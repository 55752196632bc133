"""The systems that a study can run: one entry a system says how a task of it is run.

What a system needs is imported when a task runs, so that the driver stays small.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from math import isfinite
from pathlib import Path
from typing import Any

from cmgplan.systems import SystemName

Figures = dict[str, float | None]
"""Key figures of a run by name: what tasks.csv and the page show of it."""

Run = Callable[..., None]
"""Runs a loaded case with checked options and writes its run folder: case, options, folder."""


@dataclass(frozen=True)
class Figure:
    """A key figure: its name in tasks.csv, what the page calls it, its unit and digits.

    ``{currency}`` in the unit stands for that of the case.
    """

    name: str
    heading: str
    unit: str
    digits: int = 2


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
    figures
        Reads the key figures from a written folder.
    shown
        The key figures, the most telling one first.
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
    figures: Callable[[Path], Figures]
    shown: tuple[Figure, ...]
    fixed: Mapping[str, Any] = field(default_factory=dict)
    of_plans: bool = False

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


def _planning_figures(folder: Path) -> Figures:
    plan = _json(folder / "plan.json")
    chosen, upper = plan.get("selected") or {}, plan.get("upper") or {}
    points = (plan.get("certificate") or {}).get("points") or []
    gaps = [p.get("gap") for p in points if p.get("point") == chosen.get("point")]
    return {
        "cost": _number(chosen.get("gc_usd")),
        "emission_cost": _number(chosen.get("ec_usd")),
        "loss_kwh": _number(chosen.get("loss_kwh")),
        "gap": _number(gaps[0]) if gaps else None,
        "upstream_kwh": _number(upper.get("upstream_kwh")),
        "feeder_loss_kwh": _number(upper.get("loss_kwh")),
        "v_min_pu": _number(upper.get("v_min_pu")),
    }


def _run_optimum(case: Any, options: Mapping[str, Any], out: Path) -> None:
    from cmgplan.homes.optimum.front import find_optimum
    from cmgplan.homes.optimum.result import OptimumOptions
    from cmgplan.homes.optimum.run_folder import write_optimum

    write_optimum(find_optimum(case, OptimumOptions(**options)), out)


def _optimum_figures(folder: Path) -> Figures:
    run = _json(folder / "run.json")
    return {name: _number(run.get(name)) for name in ("cost", "emission_kg", "gap")}


def _run_market(case: Any, options: Mapping[str, Any], out: Path) -> None:
    from cmgplan.market.pipeline import run_market
    from cmgplan.market.report.run_folder import write_market
    from cmgplan.market.result import MarketOptions

    write_market(run_market(case, MarketOptions(**options)), out)


def _market_figures(folder: Path) -> Figures:
    run = _json(folder / "run.json")
    values = run.get("values") or {}
    whole = max(values, key=lambda name: name.count("+"), default=None)
    gaps = [each.get("gap_share") for each in run.get("structures") or []]
    known = [gap for gap in map(_number, gaps) if gap is not None]
    worth = None if whole is None else _number(values[whole])
    return {"cost": None if worth is None else -worth, "gap": max(known, default=None)}


def _run_building(case: Any, options: Mapping[str, Any], out: Path) -> None:
    from cmgplan.building.pipeline import run_building
    from cmgplan.building.report.run_folder import write_building
    from cmgplan.building.result import BuildingOptions

    write_building(run_building(case, BuildingOptions(**options)), out)


def _building_figures(folder: Path) -> Figures:
    run = _json(folder / "run.json")
    together, apart = run.get("coalition") or {}, run.get("alone") or {}
    best = (run.get("optimum") or {}).get("coalition") or {}
    return {
        "cost": _number(together.get("cost")),
        "alone_cost": _number(apart.get("cost")),
        "optimum_cost": _number(best.get("cost")),
        "grid_kwh": _number(together.get("grid_kwh")),
        "gap": _number(best.get("gap")),
    }


def _run_response(case: Any, options: Mapping[str, Any], out: Path) -> None:
    from cmgplan.response.pipeline import run_response
    from cmgplan.response.report.run_folder import write_response
    from cmgplan.response.result import ResponseOptions

    write_response(run_response(case, ResponseOptions(**options)), out)


def _response_figures(folder: Path) -> Figures:
    run = _json(folder / "run.json")
    exact = (run.get("methods") or {}).get("exact") or {}
    profit = _number(exact.get("profit_mean"))
    return {
        "cost": None if profit is None else -profit,
        "emission_kg": _number((run.get("emission_kg") or {}).get("exact")),
        "gap": _number(exact.get("gap_mean")),
    }


def _run_hold(case: Any, options: Mapping[str, Any], out: Path, planned: Path) -> None:
    from cmgplan.study.hold import HoldOptions
    from cmgplan.study.hold_folder import hold_plan

    hold_plan(case, HoldOptions(**options), out, planned)


def _hold_figures(folder: Path) -> Figures:
    found = _json(folder / "hold.json")["figures"]
    return {name: _number(found.get(name)) for name in found}


def _json(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _number(value: object) -> float | None:
    """Return a finite number, None where there is none."""
    return float(value) if isinstance(value, int | float) and isfinite(value) else None


_COST = Figure("cost", "cost", "{currency}")
_GAP = Figure("gap", "gap", "", 5)
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
            _planning_figures,
            (
                Figure("cost", "generation cost", "$"),
                Figure("emission_cost", "emission cost", "$"),
                Figure("loss_kwh", "losses", "kWh", 1),
                _GAP,
                Figure("upstream_kwh", "upstream import", "kWh", 1),
                Figure("feeder_loss_kwh", "losses with the feeder's loads", "kWh", 1),
                Figure("v_min_pu", "least voltage", "pu", 4),
            ),
            {"jobs": 1},
        ),
        StudySystem(
            "optimum",
            "optimum",
            "homes",
            ("cmgplan.homes.optimum.result", "OptimumOptions"),
            {**_TIME, "emission-weight": "emission_weight"},
            _run_optimum,
            _optimum_figures,
            (_COST, Figure("emission_kg", "emission", "kg", 1), _GAP),
        ),
        StudySystem(
            "market",
            "market",
            "homes",
            ("cmgplan.market.result", "MarketOptions"),
            {**_TIME, "structure": "structures"},
            _run_market,
            _market_figures,
            (Figure("cost", "cost of all homes together", "{currency}"), _GAP),
        ),
        StudySystem(
            "building",
            "building",
            "homes",
            ("cmgplan.building.result", "BuildingOptions"),
            {"optimal-values": "optimal_values"},
            _run_building,
            _building_figures,
            (
                Figure("cost", "cost as a coalition", "{currency}"),
                Figure("alone_cost", "cost of everyone alone", "{currency}"),
                Figure("optimum_cost", "cost of the optimum", "{currency}"),
                Figure("grid_kwh", "from the grid", "kWh", 1),
                Figure("gap", "gap of the optimum", "{currency}", 4),
            ),
            {"workers": 1},
        ),
        StudySystem(
            "response",
            "respond",
            "homes",
            ("cmgplan.response.result", "ResponseOptions"),
            {**_TIME, "method": "methods"},
            _run_response,
            _response_figures,
            (
                Figure("cost", "cost, which is the profit with a minus", "{currency}"),
                Figure("emission_kg", "emission", "kg", 1),
                _GAP,
            ),
            {"workers": 1},
        ),
        StudySystem(
            "hold",
            "study of system hold",
            "planning",
            ("cmgplan.study.hold", "HoldOptions"),
            {
                **_TIME,
                "wait-and-see": "wait_and_see",
                "unserved-usd-per-kwh": "unserved_usd_per_kwh",
            },
            _run_hold,
            _hold_figures,
            (
                Figure("cost", "cost and emission cost of the plan's point", "$"),
                Figure("least_cost", "least of both with the plan's switches", "$"),
                Figure("own_cost", "least of both with switches of its own", "$"),
                Figure("unserved_kwh", "unserved load", "kWh", 2),
                Figure("broken_before_response", "limits broken before Levels 5, 6 respond", "", 0),
                Figure("broken_limits", "limits broken after Levels 5, 6 respond", "", 0),
                Figure("v_min_pu", "least voltage after Levels 5, 6 respond", "pu", 4),
            ),
            of_plans=True,
        ),
    )
}
"""Systems by the name that a study file gives them; one entry adds a system."""
