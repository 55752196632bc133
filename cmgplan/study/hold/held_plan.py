"""A finished plan held in a scenario: its points read from its folder, and operated anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from cmgplan.devices import Record
from cmgplan.devices.base import Positive
from cmgplan.errors import InputError
from cmgplan.page.lookup import records
from cmgplan.planning.case.records import Case, PlanOptions
from cmgplan.planning.levels.held import HeldDay, HeldSwitches, PlannedPoint, total_of
from cmgplan.planning.levels.level4 import OBJECTIVES, GridAnswer
from cmgplan.planning.model.operation import Operation
from cmgplan.planning.model.switches import all_switches
from cmgplan.planning.report.run_folder import Run, read_run
from cmgplan.planning.report.table_forms import read_table
from cmgplan.run.folder import case_sha256

MEND = "plan the case again"

LEAST_ROOM = 1e-7
"""$ or kWh that a cap is widened by, as tables hold ten digits of it."""


class HoldOptions(Record):
    """How a plan is held.

    Attributes
    ----------
    points
        ``"all"`` Pareto points of the plan, or the one ``"selected"``.
    wait_and_see
        Whether each scenario is planned for itself too.
    unserved_usd_per_kwh
        What load that goes unserved counts, $/kWh.
    time_limit_s
        Seconds that planning a scenario for itself may take.
    """

    points: Literal["all", "selected"] = "all"
    wait_and_see: bool = True
    unserved_usd_per_kwh: Positive = 10.0
    time_limit_s: Annotated[float, Field(gt=0.0)] = 120.0


def read_points(folder: Path) -> tuple[Run, list[PlannedPoint]]:
    """Return a finished plan and its points that hold a schedule.

    Raises
    ------
    InputError, CaseError
        It is no plan, or a file of it is damaged.
    """
    run = read_run(folder)
    case = run.load_case()
    if case_sha256(run.case_folder) != run.summary.case.sha256:
        raise InputError(f"{run.case_folder}: differs from the hash in plan.json; {MEND}")
    found = []
    for row in records(run.tables["pareto"]):
        place = folder / "points" / f"{row['point']:02d}"
        if np.isfinite(row["gc_usd"]):
            found.append(_point(case, row, place))
    if not found:
        raise InputError(f"{folder}: no point of the plan holds a schedule; {MEND}")
    return run, found


def _point(case: Case, row: Mapping[str, Any], place: Path) -> PlannedPoint:
    """Return a point as its row of pareto.csv and its own tables tell it."""
    switches, dispatch = (read_table(stem, place) for stem in ("switch_schedule", "dispatch"))
    closed = {
        str(name): rows.sort_values("hour")["closed"].to_numpy(dtype=bool)
        for name, rows in switches.groupby("switch")
    }
    hours = case.file.time.hours
    if any(len(closed.get(switch.id, ())) != hours for switch in all_switches(case)):
        raise InputError(f"{place / 'switch_schedule.csv'}: lacks rows; {MEND}")
    if not switches["closed"].isin((0, 1)).all():
        raise InputError(f"{place / 'switch_schedule.csv'}: closed is neither 0 nor 1; {MEND}")
    committed = {(mg.id, mt.id) for mg in case.microgrids for mt in mg.mt if mt.p_min_kw > 0.0}
    on = {
        (str(mg), str(device)): rows.sort_values("hour")["p_kw"].to_numpy() > 0.0
        for (mg, device), rows in dispatch.groupby(["microgrid", "device"])
        if (mg, device) in committed
    }
    given = {name: float(row.get(f"eps_{name}", np.nan)) for name in OBJECTIVES}
    caps = {name: cap + LEAST_ROOM for name, cap in given.items() if np.isfinite(cap)}
    values = {name: float(row[name]) for name in OBJECTIVES}
    goal = str(row.get("minimised") or "ec_usd")
    caps.pop(goal, None)
    return PlannedPoint(int(row["point"]), bool(row["selected"]), closed, on, values, caps, goal)


@dataclass(frozen=True)
class HeldPlan:
    """Points of a plan in one scenario, with the plan's options, and one planned for itself."""

    options: PlanOptions
    points: Sequence[PlannedPoint]
    days: Mapping[int, HeldDay]
    own: GridAnswer | None

    @property
    def best(self) -> Operation | None:
        """Least generation and emission cost with all load served: found anew, or held."""
        found = [
            day.least
            for day in self.days.values()
            if day.least is not None and day.least_unserved_kwh == 0.0
        ]
        if self.own is not None and self.own.operation is not None:
            found.insert(0, self.own.operation)
        return min(found, key=total_of, default=None)


def hold_points(case: Case, folder: Path, options: HoldOptions) -> HeldPlan:
    """Hold the points of the plan in a folder on a day as a case tells it.

    Raises
    ------
    ReplayError
        If the independent power flow does not confirm an operation.
    """
    run, points = read_points(folder)
    asked = {"jobs": 1, "time_limit_s": options.time_limit_s}
    plan_options = run.load_options().model_copy(update=asked)
    if options.points == "selected":
        points = [point for point in points if point.selected]
    switches = HeldSwitches(case, plan_options, options.unserved_usd_per_kwh)
    days = {point.number: switches.day_of(point) for point in points}
    own = switches.own_switches(days, points) if options.wait_and_see else None
    return HeldPlan(plan_options, points, days, own)
