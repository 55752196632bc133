"""A finished plan held in a scenario: its tables, its page, and the choice of its best point."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from cmgplan.devices import Record
from cmgplan.devices.base import Positive
from cmgplan.errors import InputError
from cmgplan.page.data_table import Column, data_table
from cmgplan.page.lookup import records
from cmgplan.page.page import render
from cmgplan.page.parts import Box, Overview, Section
from cmgplan.page.wording import amount, counted
from cmgplan.planning.case.records import Case
from cmgplan.planning.levels.held import HeldDay, HeldSwitches, PlannedPoint, total_of
from cmgplan.planning.levels.level4 import OBJECTIVES, GridAnswer
from cmgplan.planning.model.operation import Operation
from cmgplan.planning.model.switches import all_switches
from cmgplan.planning.report.run_folder import Run, read_run
from cmgplan.planning.report.table_forms import read_table
from cmgplan.run.folder import jsonable
from cmgplan.study.hold_marker import HOLD_FILE

Rows = list[dict[str, Any]]

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
    found = []
    for row in records(run.tables["pareto"]):
        place = folder / "points" / f"{row['point']:02d}"
        if np.isfinite(row["gc_usd"]):
            found.append(_point(case, row, place))
    if not found:
        raise InputError(f"{folder}: no point of the plan holds a schedule; plan the case again")
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
        raise InputError(f"{place / 'switch_schedule.csv'}: lacks rows; plan the case again")
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
    """Points of a plan in one scenario, and the scenario planned for itself."""

    points: Sequence[PlannedPoint]
    days: Mapping[int, HeldDay]
    own: GridAnswer | None


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
    return HeldPlan(points, days, own)


def hold_plan(case: Case, options: HoldOptions, out: Path, planned: Path) -> None:
    """Hold a plan on a day and write the run folder.

    Parameters
    ----------
    planned
        The plan's own copy of its case, in its run folder.
    """
    found = hold_points(case, planned.parent, options)
    held = [
        _row(point, found.days[point.number], options.unserved_usd_per_kwh)
        for point in found.points
    ]
    own = _own_row(found)
    broken = [
        {"point": number, "kind": b.kind, "hour": b.hour, "place": b.place, "amount": b.amount}
        | {"unit": b.unit, "limit": b.limit}
        for number, day in found.days.items()
        for b in day.broken
    ]
    out.mkdir()
    columns = ["point", "kind", "hour", "place", "amount", "unit", "limit"]
    _write(pd.DataFrame(held), out / "held.csv")
    _write(pd.DataFrame(broken, columns=columns), out / "broken_limits.csv")
    if own is not None:
        _write(pd.DataFrame([own]), out / "wait_and_see.csv")
    about = {
        "case": case.name,
        "options": options.model_dump(mode="json"),
        "figures": _figures(held, own),
    }
    text = json.dumps(jsonable(about), indent=1, allow_nan=False)
    (out / HOLD_FILE).write_text(f"{text}\n", encoding="utf-8")
    write_held_page(out)


def write_held_page(folder: Path) -> Path:
    """Write the page of a plan held in one scenario from its files and return its path.

    Raises
    ------
    InputError
        A file of it is missing or damaged.
    """
    try:
        name = str(json.loads((folder / HOLD_FILE).read_text(encoding="utf-8"))["case"])
        held, broken = (
            records(pd.read_csv(folder / f"{stem}.csv")) for stem in ("held", "broken_limits")
        )
        page = _page(name, list(held), list(broken))
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise InputError(f"{folder}: is damaged ({error}); run the task again") from error
    path = folder / "report.html"
    path.write_text(page, encoding="utf-8")
    return path


def _row(point: PlannedPoint, day: HeldDay, unserved_usd_per_kwh: float) -> dict[str, Any]:
    """Return what held.csv tells of a point."""
    values = _values(day.operation)
    return {
        "point": point.number,
        "selected": int(point.selected),
        "status": day.status,
        **values,
        "unserved_kwh": day.unserved_kwh,
        "total_usd": _total(day.operation, day.unserved_kwh * unserved_usd_per_kwh),
        **{
            f"over_{name}": _over(values[name], point.caps.get(name, np.inf))
            for name in OBJECTIVES
            if name != point.goal
        },
        "least_total_usd": _total(day.least, day.least_unserved_kwh * unserved_usd_per_kwh),
        "broken_limits": len(day.broken),
        "v_min_pu": day.v_min_pu,
        **{f"planned_{name}": value for name, value in point.values.items()},
    }


def _values(operation: Operation | None) -> dict[str, float]:
    return {name: np.nan if operation is None else operation.value(name) for name in OBJECTIVES}


def _over(value: float, cap: float) -> float:
    return float(np.maximum(value - cap, 0.0)) if np.isfinite(cap) else np.nan


def _total(operation: Operation | None, unserved_usd: float) -> float:
    return np.nan if operation is None else total_of(operation) + unserved_usd


def _own_row(found: HeldPlan) -> dict[str, Any] | None:
    """Return what wait_and_see.csv tells: the day with switches of its own.

    What a point holds counts as well, where that is better than what the search has found.
    """
    own = found.own
    if own is None:
        return None
    held = [
        day.least
        for day in found.days.values()
        if day.least is not None and day.least_unserved_kwh == 0.0
    ]
    best = min(
        [*([] if own.operation is None else [own.operation]), *held], key=total_of, default=None
    )
    served = "infeasible" if own.infeasible else "limit"
    bound = own.bound if own.bound is not None and np.isfinite(own.bound) else np.nan
    return {
        "status": "served" if best is not None else served,
        "total_usd": _total(best, 0.0),
        "bound_usd": np.nan if best is None else bound,
        **_values(best),
    }


def _figures(held: Rows, own: Mapping[str, Any] | None) -> dict[str, float | None]:
    """Return the key figures: those of the plan's own choice, or of its first point held."""
    row = next((each for each in held if each["selected"]), held[0])
    return {
        "cost": row["total_usd"],
        "least_cost": row["least_total_usd"],
        "own_cost": None if own is None else own["total_usd"],
        "unserved_kwh": row["unserved_kwh"],
        "broken_limits": None if row["status"] == "infeasible" else row["broken_limits"],
        "v_min_pu": row["v_min_pu"],
    }


def _write(table: pd.DataFrame, path: Path) -> None:
    table.to_csv(path, index=False, float_format="%.10g", lineterminator="\n")


HELD_COLUMNS = (
    Column("point", "point", 0),
    Column("status", "status"),
    Column("gc_usd", "generation cost, $", 2),
    Column("ec_usd", "emission cost, $", 2),
    Column("loss_kwh", "losses, kWh", 3),
    Column("unserved_kwh", "unserved, kWh", 2),
    Column("total_usd", "total, $", 2),
    Column("least_total_usd", "least total with these switches, $", 2),
    Column("broken_limits", "broken limits", 0),
    Column("v_min_pu", "least voltage, pu", 4),
)


def _page(name: str, held: Rows, broken: Rows) -> str:
    """Return the page of a plan held in one scenario."""
    good = all(row["status"] in ("kept", "over") and not row["broken_limits"] for row in held)
    verdict = (
        "All load is served and no limit is broken with the switches of any point."
        if good
        else "With the switches of some points load goes unserved or limits are broken."
    )
    row = next((each for each in held if each["selected"]), held[0])
    boxes = (
        Box("Point of the plan", str(row["point"]), True),
        Box("Total", amount(row["total_usd"], "$"), True),
        Box("Unserved", amount(row["unserved_kwh"], "kWh"), not row["unserved_kwh"]),
    )
    columns = (
        Column("point", "point", 0),
        Column("hour", "hour", 0),
        Column("kind", "what"),
        Column("place", "where"),
        Column("amount", "amount", 3),
        Column("unit", "unit"),
    )
    table = data_table("held", "Points with their switches held", HELD_COLUMNS, held)
    caption = "Limits broken on the loaded feeder"
    parts = (data_table("broken", caption, columns, broken),) if broken else ()
    sections = [Section("broken", "Broken limits", parts)] if parts else []
    about = f"{name}: the switches of {counted(len(held), 'point')} of a plan, held."
    overview = Overview(good, verdict, "", boxes, table, (), ())
    return render(f"{name} held", about, overview, sections)
