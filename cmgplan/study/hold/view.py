"""What a study of a held plan says: which point stands best, and what knowing the day is worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from cmgplan.page.data_table import Column, data_table
from cmgplan.page.parts import Chart, Note, Part, Section
from cmgplan.page.wording import amount, counted
from cmgplan.search.fuzzy import choose
from cmgplan.study import figures
from cmgplan.study.hold.marker import UNANSWERED
from cmgplan.study.store import TASK_COLUMNS
from cmgplan.study.view import StudyView, read_texts

HELD_FILE = "held.json"
BROKEN = ("broken_before_response", "broken_limits")
MEANS = ("gc_usd", "ec_usd", "loss_kwh", "unserved_kwh", *BROKEN)
SHOWN_WAYS = 8


def held_summary(view: StudyView) -> dict[str, Any]:
    """Return what held.json tells: for each plan and its options, points and values.

    Means are over the scenarios that are done, by their weight. A point that has no operation in
    one of them has none of these figures, and stands behind all others.
    """
    held = _weighted(view, "held")
    if held is None:
        return {"plans": []}
    own = _weighted(view, "wait_and_see")
    return {
        "plans": [
            _of_way(
                way,
                held[held["way"] == way],
                None if own is None else own[own["way"] == way],
                int((view.tasks["way"] == way).sum()),
            )
            for way in view.ways
            if (held["way"] == way).any()
        ]
    }


def held_section(view: StudyView, summary: Mapping[str, Any]) -> Section:
    """Return the section of the page about a plan's points in all scenarios."""
    parts: list[Part] = []
    for k, plan in enumerate(summary["plans"][:SHOWN_WAYS]):
        parts.append(Note("", tuple(_sentences(plan))))
        caption = f"Points over {counted(plan['scenarios'], 'scenario')}: {plan['way']}"
        rows = [
            {**point, "status": ", ".join(f"{n} {s}" for s, n in point["status"].items())}
            for point in plan["points"]
        ]
        parts.append(data_table(f"points-{k + 1}", caption, _COLUMNS, rows))
        caption = "Limits that the loaded feeder breaks, before Levels 5 and 6 respond and after"
        parts.append(data_table(f"limits-{k + 1}", caption, _LIMITS, rows))
        held = _weighted(view, "held")
        if held is not None and plan["scenarios"] > 1:
            mine = held[held["way"] == plan["way"]]
            told = "Each scenario is a dot; generation and emission cost, and unserved load."
            drawn = figures.held_points(mine)
            parts.append(Chart(f"held-{k + 1}", "Totals of the points", told, drawn))
    return Section("held", "Held over the scenarios", tuple(parts))


_COLUMNS = (
    Column("point", "point", 0),
    Column("mean_total_usd", "mean total, $", 2),
    Column("worst_total_usd", "worst total, $", 2),
    Column("worst_scenario", "worst in"),
    Column("mean_gc_usd", "mean generation cost, $", 2),
    Column("mean_ec_usd", "mean emission cost, $", 2),
    Column("mean_loss_kwh", "mean losses, kWh", 3),
    Column("mean_unserved_kwh", "mean unserved, kWh", 2),
    Column("worst_unserved_kwh", "worst unserved, kWh", 2),
    Column("mean_least_total_usd", "mean least total with its switches, $", 2),
    Column("status", "scenarios by operation"),
)

_LIMITS = (
    Column("point", "point", 0),
    Column("mean_broken_before_response", "mean before the response", 1),
    Column("worst_broken_before_response", "most before it", 0),
    Column("mean_broken_limits", "mean after it", 1),
    Column("worst_broken_limits", "most after it", 0),
    Column("scenarios_broken", "scenarios with any after it", 0),
    Column("scenarios_without_response", "scenarios without a solution of Levels 5 and 6", 0),
)


def _weighted(view: StudyView, stem: str) -> pd.DataFrame | None:
    """Return a long table with weight and way of each task; None where there is none."""
    path = view.folder / f"{stem}.csv"
    if not path.is_file():
        return None
    table = read_texts(path, (*TASK_COLUMNS, "status", "upper_status"))
    return table.merge(view.done[["task", "weight", "way"]], on="task", validate="many_to_one")


def _of_way(way: str, held: pd.DataFrame, own: pd.DataFrame | None, asked: int) -> dict[str, Any]:
    """Return the points of one plan under one set of options, and the values."""
    numbers = sorted(int(number) for number in held["point"].unique())
    points = [_point(number, held[held["point"] == number]) for number in numbers]
    known = [point for point in points if point["mean_total_usd"] is not None]
    best = min(known, key=lambda p: _cents(p, "mean", "worst"), default=None)
    safest = min(known, key=lambda p: _cents(p, "worst", "mean"), default=None)
    return {
        "way": way,
        "scenarios": int(held["task"].nunique()),
        "scenarios_asked": asked,
        "selected": next((p["point"] for p in points if p["selected"]), None),
        "best_mean": None if best is None else best["point"],
        "best_worst": None if safest is None else safest["point"],
        "fuzzy": _fuzzy(known),
        "points": points,
        "values": _values(points, known, own),
    }


def _cents(point: Mapping[str, Any], *whats: str) -> list[float]:
    """Return totals of a point in whole cents, so that rounding decides nothing."""
    return [round(point[f"{what}_total_usd"], 2) for what in whats]


def _point(number: int, rows: pd.DataFrame) -> dict[str, Any]:
    """Return means and worst of a point over the scenarios."""
    weight = rows["weight"] / rows["weight"].sum()
    complete = bool(rows["total_usd"].notna().all())
    told: dict[str, Any] = {
        "point": number,
        "selected": bool(rows["selected"].iloc[0]),
        "status": {str(s): int(n) for s, n in rows["status"].value_counts().items()},
    }
    for name in ("total_usd", "least_total_usd", *MEANS):
        told[f"mean_{name}"] = float((weight * rows[name]).sum()) if complete else None
        told[f"worst_{name}"] = float(rows[name].max()) if complete else None
    told["scenarios_broken"] = int((rows["broken_limits"] > 0).sum())
    told["scenarios_without_response"] = int(rows["upper_status"].isin(UNANSWERED).sum())
    worst = rows.sort_values("total_usd", kind="stable").iloc[-1] if complete else None
    told["worst_scenario"] = None if worst is None else str(worst["scenario"])
    return told


def _fuzzy(known: list[dict[str, Any]]) -> int | None:
    """Return the point that the plan's own rule, eqs. (40) and (41), takes of the means."""
    if not known:
        return None
    names = ("mean_gc_usd", "mean_ec_usd", "mean_loss_kwh", "mean_unserved_kwh")
    table = np.asarray([[round(point[name], 4) for name in names] for point in known])
    return int(known[choose(table).row]["point"])


def _values(
    points: list[dict[str, Any]], known: list[dict[str, Any]], own: pd.DataFrame | None
) -> dict[str, float | None]:
    """Return what deciding with the scenarios, and knowing the day, is worth, $ a day.

    All with least generation and emission cost under the switches. ``here_and_now`` is the best
    mean among the points, so that the best of all schedules may cost less; the value of perfect
    information is then at most what is told here. See Birge and Louveaux, chapter 4.
    """
    here = min((p["mean_least_total_usd"] for p in known), default=None)
    planned = next((p["mean_least_total_usd"] for p in points if p["selected"]), None)
    see, bound = _own_mean(own, "total_usd"), _own_mean(own, "bound_usd")
    return {
        "planned_point": planned,
        "here_and_now": here,
        "wait_and_see": see,
        "wait_and_see_bound": bound,
        "choosing_by_scenarios": _less(planned, here),
        "perfect_information_found": _less(here, see),
        "perfect_information_at_most": _less(here, bound),
    }


def _own_mean(own: pd.DataFrame | None, name: str) -> float | None:
    """Return a weighted mean over all scenarios; None where one of them lacks it."""
    if own is None or own.empty or own[name].isna().any():
        return None
    return float((own["weight"] * own[name]).sum() / own["weight"].sum())


def _less(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other


def _sentences(plan: Mapping[str, Any]) -> list[str]:
    """Return what the points and values of a plan say."""
    told = []
    if plan["best_mean"] is not None:
        told.append(
            f"Point {plan['best_mean']} has the least mean total, point {plan['best_worst']} the "
            f"least worst total; the plan's own rule takes point {plan['fuzzy']} by the means, and "
            f"took point {plan['selected']} by the forecast."
        )
        told.append(
            "A point is kept where its caps of the plan hold with all load served, over where "
            "serving all load exceeds them, unserved where its switches cannot serve all load."
        )
    values = plan["values"]
    if values["choosing_by_scenarios"] is not None:
        told.append(
            "With the switches held and the rest operated at least generation and emission cost, "
            f"choosing among these points by the scenarios saves "
            f"{amount(values['choosing_by_scenarios'], '$')} on the mean."
        )
    if values["perfect_information_at_most"] is not None:
        told.append(
            "Switches chosen anew once the scenario is known save at most "
            f"{amount(values['perfect_information_at_most'], '$')} on the mean "
            f"({amount(values['perfect_information_found'], '$')} were found): here and now is "
            "the best of these points, not of all schedules."
        )
    missing = plan["scenarios_asked"] - plan["scenarios"]
    if missing:
        told.append(
            f"{counted(missing, 'scenario is', 'scenarios are')} not done and "
            f"{'counts' if missing == 1 else 'count'} for nothing."
        )
    return told
