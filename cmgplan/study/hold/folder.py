"""The run folder of a plan held in a scenario: its files written."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cmgplan.network.broken_limit import BrokenLimit
from cmgplan.network.feeder import build_feeder
from cmgplan.planning import tables
from cmgplan.planning.case.records import Case, PlanOptions
from cmgplan.planning.levels.held import HeldDay, PlannedPoint, total_of
from cmgplan.planning.levels.held_feeder import LoadedFeeder, as_demanded
from cmgplan.planning.levels.level4 import OBJECTIVES
from cmgplan.planning.levels.upper import UpperResult
from cmgplan.planning.model.operation import Operation
from cmgplan.planning.report.run_folder import copy_case
from cmgplan.planning.report.table_forms import POINT_TABLES, TABLES
from cmgplan.run.folder import case_sha256, jsonable
from cmgplan.run.tables import TableForm, table_form, write_csv
from cmgplan.study.hold.held_plan import HeldPlan, HoldOptions, hold_points
from cmgplan.study.hold.marker import HOLD_FILE
from cmgplan.study.hold.page import write_held_page

Rows = list[dict[str, Any]]

UNSERVED: TableForm = table_form(
    "hour microgrid load", "unserved_kw", ints="hour", texts="microgrid load"
)
"""Form of ``unserved.csv``: what of each load's demand goes unserved."""

FORMS: Mapping[str, TableForm] = {
    **{stem: TABLES[stem] for stem in POINT_TABLES},
    "unserved": UNSERVED,
}
"""Form of every table of an operation, by file stem."""

RESPONSE: TableForm = replace(TABLES["demand_response"], may_lack_rows=True)
"""Form of ``demand_response.csv``, which an operation has after Levels 5 and 6."""

LEVEL, UPPER = 4, 5
"""Levels by which the tables of an operation tell it as held, and after the response."""

BEFORE, AFTER = "before", "after"
"""Of the response of Levels 5 and 6, what ``broken_limits.csv`` tells."""

GIVEN = ("point", "selected", "status", "upper_status", "bound_usd")
"""Columns, besides caps and what was planned, that no schedule tells."""

BROKEN_COLUMNS = ("point", "response", "kind", "hour", "place", "amount", "unit", "limit")


def hold_plan(case: Case, options: HoldOptions, out: Path, planned: Path) -> None:
    """Hold a plan on a day and write the run folder.

    Parameters
    ----------
    planned
        The plan's own copy of its case, in its run folder.
    """
    found = hold_points(case, planned.parent, options)
    out.mkdir()
    copy_case(case, out / "case")
    held = [
        _row(point, found.days[point.number], options.unserved_usd_per_kwh)
        for point in found.points
    ]
    own = _own_row(found)
    _write(pd.DataFrame(held), out / "held.csv")
    _write(pd.DataFrame(_broken(found), columns=list(BROKEN_COLUMNS)), out / "broken_limits.csv")
    if own is not None:
        _write(pd.DataFrame([own]), out / "wait_and_see.csv")
    _write_operations(case, found, out)
    day = case.file.time.day
    about = {
        "case": case.name,
        "title": case.file.title,
        "day": None if day is None else day.isoformat(),
        "sha256": case_sha256(out / "case"),
        "options": options.model_dump(mode="json"),
        "plan_options": found.options.model_dump(mode="json"),
        "figures": held_figures(held, own),
        "given": {"points": [given_of(row) for row in held], "own": given_of(own)},
    }
    text = json.dumps(jsonable(about), indent=1, allow_nan=False)
    (out / HOLD_FILE).write_text(f"{text}\n", encoding="utf-8")
    write_held_page(out)


def place_of(folder: Path, point: int) -> Path:
    """Return where the tables of a point's operation lie in a run folder."""
    return folder / "points" / f"{point:02d}"


def place_of_least(folder: Path, point: int) -> Path:
    """Return where the tables of its operation of least cost lie."""
    return place_of(folder, point) / "least"


def place_of_own(folder: Path) -> Path:
    """Return where the tables of the day with switches of its own lie."""
    return folder / "own"


def _write_operations(case: Case, found: HeldPlan, out: Path) -> None:
    """Write what every device and switch does, by point, and with switches of the day's own."""
    options = found.options
    for number, day in found.days.items():
        if day.operation is not None:
            _write_operation(case, options, day.operation, place_of(out, number), day.upper)
        if day.least is not None:
            _write_operation(case, options, day.least, place_of_least(out, number))
    if found.own is not None and found.best is not None:
        _write_operation(case, options, found.best, place_of_own(out))


def _write_operation(
    case: Case,
    options: PlanOptions,
    operation: Operation,
    place: Path,
    upper: UpperResult | None = None,
) -> None:
    place.mkdir(parents=True)
    levels = {LEVEL: operation} | ({} if upper is None else {UPPER: upper.operation})
    written = {
        "switch_schedule": tables.switch_schedule_table(case, operation),
        "dispatch": tables.dispatch_table(case, levels),
        "exchange": tables.exchange_table(case, levels),
        "unserved": _unserved_table(case, options, operation),
    }
    for stem, form in FORMS.items():
        write_csv(written[stem], form, place / f"{stem}.csv")
    if upper is not None:
        feeder = build_feeder(case)
        response = tables.demand_response_table(case, options, feeder, operation, upper)
        write_csv(response, RESPONSE, place / "demand_response.csv")


def _unserved_table(case: Case, options: PlanOptions, operation: Operation) -> pd.DataFrame:
    demanded = as_demanded(case, options, operation)
    rows = [
        (t, mg.id, load.id, operation.p_kw[mg.id, load.id][t] - demanded.p_kw[mg.id, load.id][t])
        for t in range(case.file.time.hours)
        for mg in case.microgrids
        for load in mg.load
    ]
    return pd.DataFrame(rows, columns=list(UNSERVED.columns))


def _broken(found: HeldPlan) -> Rows:
    """Return what the feeder breaks, before and, where Levels 5 and 6 have a solution, after."""
    return [
        {"point": number, "response": response, **_limit(limit)}
        for number, day in found.days.items()
        for response, loaded in _loaded(day)
        for limit in loaded.broken
    ]


def _loaded(day: HeldDay) -> Iterator[tuple[str, LoadedFeeder]]:
    if day.before is not None:
        yield BEFORE, day.before
    if day.upper is not None and day.after is not None:
        yield AFTER, day.after


def _limit(limit: BrokenLimit) -> dict[str, Any]:
    names = ("kind", "hour", "place", "amount", "unit", "limit")
    return {name: getattr(limit, name) for name in names}


def _row(point: PlannedPoint, day: HeldDay, unserved_usd_per_kwh: float) -> dict[str, Any]:
    """Return what held.csv tells of a point."""
    values = _values(day.operation)
    capped = [name for name in OBJECTIVES if name != point.goal]
    before, after = day.before, day.after
    return {
        "point": point.number,
        "selected": int(point.selected),
        "status": day.status,
        **values,
        "unserved_kwh": day.unserved_kwh,
        "total_usd": _total(day.operation, day.unserved_kwh * unserved_usd_per_kwh),
        **{f"cap_{name}": point.caps.get(name, np.nan) for name in capped},
        **{f"over_{name}": _over(values[name], point.caps.get(name, np.inf)) for name in capped},
        "least_unserved_kwh": day.least_unserved_kwh,
        "least_total_usd": _total(day.least, day.least_unserved_kwh * unserved_usd_per_kwh),
        "broken_before_response": np.nan if before is None else len(before.broken),
        "v_min_before_response_pu": np.nan if before is None else before.v_min_pu,
        "upper_status": day.upper_status,
        "broken_limits": np.nan if after is None else len(after.broken),
        "v_min_pu": np.nan if after is None else after.v_min_pu,
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
    own, best = found.own, found.best
    if own is None:
        return None
    served = "infeasible" if own.infeasible else "limit"
    bound = own.bound if own.bound is not None and np.isfinite(own.bound) else np.nan
    return {
        "status": "served" if best is not None else served,
        "total_usd": _total(best, 0.0),
        "bound_usd": np.nan if best is None else bound,
        **_values(best),
    }


def held_figures(
    held: Sequence[Mapping[str, Any]], own: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return the key figures: those of the plan's own choice, or of its first point held."""
    row = next((each for each in held if each["selected"]), held[0])
    return {
        "cost": row["total_usd"],
        "least_cost": row["least_total_usd"],
        "own_cost": None if own is None else own["total_usd"],
        **{
            name: row[name]
            for name in ("unserved_kwh", "broken_before_response", "broken_limits", "v_min_pu")
        },
    }


def given_of(row: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return of a row what follows from no other table, as hold.json tells it a second time."""
    if row is None:
        return None
    return {
        name: value
        for name, value in row.items()
        if name in GIVEN or name.startswith(("cap_", "planned_"))
    }


def _write(table: pd.DataFrame, path: Path) -> None:
    table.to_csv(path, index=False, float_format="%.10g", lineterminator="\n")
