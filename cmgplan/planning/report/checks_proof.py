"""Checks of what is proven of a front: payoff table, bounds, gaps, and the certificate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from cmgplan.planning.report.checks_front import (
    CAP_TOLERANCE,
    HELD,
    MEMBERSHIPS,
    SHARE,
    column,
    column_apart,
    combinations,
    places,
)
from cmgplan.planning.report.goal import SYMBOLS, bounds_of
from cmgplan.planning.report.roles import CAPPED, CAPS, payoff_range, roles_of
from cmgplan.planning.report.subject import Subject
from cmgplan.run.findings import CheckResult, Finding, differs, unequal

TIE_BREAK = 1e-4
"""Share of the goal's range that the other objectives may count in the sum that is bounded."""

IDLE_OPENED = 2e-3
"""By which opening switches that carry nothing may change the weighted sum."""

CONTRADICTED = 1e-2
"""$ by which a bound may lie above its value."""


def check_proof(run: Subject) -> list[CheckResult]:
    """Check payoff table and certificate of plan.json, bounds and gaps of pareto.csv."""
    return [
        CheckResult("proof: payoff table and its range", tuple(_payoff(run))),
        CheckResult("proof: gaps follow from bounds and range", tuple(_gaps(run))),
        CheckResult("proof: bounds follow from what was proved", tuple(_bounds(run))),
        CheckResult("proof: the certificate tells the same", tuple(_certificate(run))),
        CheckResult("proof: every combination of caps is answered", tuple(_cells(run))),
    ]


def gap_unit(run: Subject) -> float:
    """Return what gaps are told in: the goal's range, or one of its unit where that is less."""
    roles = roles_of(run)
    width = payoff_range(run, roles.goal)
    return width if width >= roles.bounded_from else 1.0


def bound_column(run: Subject) -> str:
    """Return the column that holds the bounds of what is minimised."""
    return "bound" if "bound" in run.tables["pareto"].columns else "bound_ec_usd"


def _payoff(run: Subject) -> list[Finding]:
    """Compare the range of the payoff table with the certificate's."""
    found: list[Finding] = []
    for name in MEMBERSHIPS:
        width = payoff_range(run, name)
        if not width >= -SHARE:
            found.append(
                Finding(f"plan.json payoff.{name}, range", width, "", None, width, "0 or more")
            )
    roles = roles_of(run)
    width = payoff_range(run, roles.goal)
    for key, name in (("range_ec_usd", "ec_usd"), ("range", roles.goal)):
        if run.told("certificate", key) is not None or key == "range_ec_usd":
            told, place = run.number("certificate", key), f"plan.json certificate.{key}"
            found += unequal(told, payoff_range(run, name), place, "", SHARE)
    absolute = bool(width < roles.bounded_from)
    due = {"absolute": absolute, "minimised": roles.goal, "unit": roles.unit}
    for key, value in (*due.items(), ("without_range", list(roles.flat))):
        told_value = run.told("certificate", key)
        if told_value is not None or key == "absolute":
            found += differs(told_value, value, f"plan.json certificate.{key}")
    for k, goal in enumerate(run.tables["pareto"].get("minimised", ())):
        found += differs(goal, roles.goal, f"pareto.csv row {k + 2}, minimised")
    statement = str(run.told("certificate", "statement"))
    share = f"share of the range of {SYMBOLS[roles.goal]} in the payoff table."
    unit = f"{roles.unit}." if absolute else share
    if not statement.endswith(unit):
        found += differs(statement, f"... {unit}", "plan.json certificate.statement")
    return found


def _gaps(run: Subject) -> list[Finding]:
    """Recompute gap = (value - bound) / range of the goal, and the status that it gives."""
    goal, where = roles_of(run).goal, bound_column(run)
    value, bound = column(run, goal), np.asarray(bounds_of(run.tables["pareto"]))
    emission = bound if goal == "ec_usd" else np.full(len(bound), np.nan)
    found_first = column_apart(run, "bound_ec_usd", emission, SHARE)
    unit = gap_unit(run)
    gap = np.maximum(value - bound, 0.0) / unit
    tolerance = (SHARE + 4e-10 * float(np.nanmax(np.abs([*value, *bound, 0.0])))) / min(unit, 1.0)
    found = found_first + column_apart(run, "gap", gap, tolerance)
    for k, place in enumerate(places(run, where)):
        if bound[k] > value[k] + CONTRADICTED:
            amount = float(bound[k] - value[k])
            found.append(
                Finding(place, amount, "$ over the value", None, float(bound[k]), float(value[k]))
            )
    for k, status in enumerate(run.tables["pareto"]["status"]):
        if status in HELD:
            due = "optimal" if gap[k] <= run.options.gap + tolerance else "feasible"
            close = abs(gap[k] - run.options.gap) <= tolerance
            found += [] if close else differs(status, due, f"pareto.csv row {k + 2}, status")
        elif not math.isnan(bound[k]):
            found += differs(float(bound[k]), "nothing", f"pareto.csv row {k + 2}, {where}")
    return found


def _weights(run: Subject) -> dict[str, float]:
    """Return the weights of the sum that a point minimises: the goal, and a tie-break."""
    roles = roles_of(run)
    goal_range = max(payoff_range(run, roles.goal), 1e-9)
    others = {
        name: TIE_BREAK * goal_range / payoff_range(run, name)
        for name in roles.stepped
        if payoff_range(run, name) > 0.0
    }
    return {roles.goal: 1.0, **others}


def _bounds(run: Subject) -> list[Finding]:
    """Compare bounds with what the search proved of the weighted sum, less the others' caps.

    What the search reached last is the weighted sum of the point's values.
    """
    found: list[Finding] = []
    weights, goal = _weights(run), roles_of(run).goal
    bounds, told_in = bounds_of(run.tables["pareto"]), bound_column(run)
    for k, proof in enumerate(_proofs(run)):
        if k >= len(run.tables["pareto"]):
            break
        history = [step for step in proof.get("history") or [] if isinstance(step, dict)]
        proved = [s["bound"] for s in history if isinstance(s.get("bound"), int | float)]
        reached = [s["value"] for s in history if isinstance(s.get("value"), int | float)]
        place = f"plan.json certificate.points[{k}].history"
        bound = float(bounds.iloc[k])
        if proved and not math.isnan(bound):
            caps = sum(w * column(run, CAPS[n])[k] for n, w in weights.items() if n != goal)
            due = max(proved) - caps
            where = f"pareto.csv row {k + 2}, {told_in}"
            found += unequal(float(bound), float(due), where, "$", 2e-6)
        values = {name: column(run, name)[k] for name in weights}
        if reached and not any(map(math.isnan, values.values())):
            total = sum(w * values[name] for name, w in weights.items())
            found += unequal(
                float(reached[-1]), float(total), f"{place}, last value", "$", IDLE_OPENED
            )
        found += _in_order(history, place, float(proof.get("wall_s") or 0.0))
    return found


def _in_order(history: Sequence[dict[str, Any]], place: str, wall_s: float) -> list[Finding]:
    """Find times that go back, bounds that fall and values that rise."""
    found: list[Finding] = []
    for name, sign in (("s", 1.0), ("bound", 1.0), ("value", -1.0)):
        steps = [float(s[name]) for s in history if isinstance(s.get(name), int | float)]
        for before, after in pairwise(steps):
            if sign * (after - before) < -SHARE * (1.0 + abs(before)):
                found.append(
                    Finding(f"{place}, {name}", abs(after - before), "", None, after, before)
                )
        if name == "s" and steps and not 0.0 <= max(steps) <= wall_s + 0.1 + 0.01 * wall_s:
            found.append(Finding(f"{place}, s", max(steps), "s", None, max(steps), wall_s))
    for k, step in enumerate(history):
        if (
            "s" not in step
            or not isinstance(step.get("by"), str)
            or not {"bound", "value"} & set(step)
        ):
            found.append(
                Finding(
                    f"{place}[{k}]", float("nan"), "", None, sorted(step), "s, by, value or bound"
                )
            )
    return found


def _proofs(run: Subject) -> list[dict[str, Any]]:
    """Return the points of the certificate."""
    given = run.told("certificate", "points")
    return given if isinstance(given, list) else []


def _certificate(run: Subject) -> list[Finding]:
    """Compare number, status and gap of every point in the certificate with pareto.csv."""
    rows, proofs = run.tables["pareto"], _proofs(run)
    found = differs(len(proofs), len(rows), "plan.json certificate.points, number")
    roles, gap = roles_of(run), column(run, "gap")
    value, bound = column(run, roles.goal), np.asarray(bounds_of(rows))
    for k, proof in enumerate(proofs[: len(rows)]):
        place = f"plan.json certificate.points[{k}]"
        status = str(rows["status"].iloc[k])
        found += differs(proof.get("point"), int(rows["point"].iloc[k]), f"{place}.point")
        found += differs(proof.get("status"), status, f"{place}.status")
        apart = max(value[k] - bound[k], 0.0) if not math.isnan(bound[k]) else float("nan")
        found += unequal(_float(proof.get("gap")), float(gap[k]), f"{place}.gap", "", SHARE)
        rounding = SHARE + 1e-9 * abs(float(np.nan_to_num(value[k])))
        in_usd = float(apart) if roles.unit == "$" else float("nan")
        found += unequal(_float(proof.get("gap_usd")), in_usd, f"{place}.gap_usd", "$", rounding)
        for key, amount in (("bound", float(bound[k])), ("amount", float(apart))):
            if key in proof:
                told, where = _float(proof[key]), f"{place}.{key}"
                found += unequal(told, amount, where, roles.unit, rounding)
        if bool(proof.get("explanation")) is (status in HELD):
            due = "nothing" if status in HELD else "why it holds no schedule"
            found += differs(str(proof.get("explanation")), due, f"{place}.explanation")
        if not proof.get("reason"):
            found += differs(str(proof.get("reason")), "why the search stopped", f"{place}.reason")
    worst = float(np.nanmax(gap)) if np.isfinite(gap).any() else float("nan")
    return found + unequal(
        run.number("certificate", "worst_gap"), worst, "plan.json certificate.worst_gap", "", SHARE
    )


def _float(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")


def _cells(run: Subject) -> list[Finding]:
    """Find combinations of caps that no point answers."""
    cells, rows = run.told("certificate", "cells"), run.tables["pareto"]
    cells = cells if isinstance(cells, list) else []
    asked = combinations(run)
    found = differs(len(cells), asked, "plan.json certificate.cells, number")
    if run.options.sweep == "grid" and len(cells) == asked > 1:
        found += _grid_of_caps(run, cells)
    for k, cell in enumerate(cells):
        place, number = f"plan.json certificate.cells[{k}]", cell.get("point")
        if run.options.sweep == "diagonal" and k < len(rows):
            due = int(rows["point"].iloc[k]) if rows["status"].iloc[k] in HELD else None
            found += differs(number, due, f"{place}.point")
            for cap in (CAPS[name] for name in CAPPED):
                told = _float(cell.get(cap))
                found += unequal(told, float(column(run, cap)[k]), f"{place}.{cap}", "", SHARE)
        elif number is not None:
            found += _answered(run, cell, place)
    return found


def _answered(run: Subject, cell: dict[str, Any], place: str) -> list[Finding]:
    """Return what keeps a point from answering a cell of a grid."""
    rows = run.tables["pareto"]
    at = np.flatnonzero(rows["point"].to_numpy() == cell["point"])
    if not len(at) or rows["status"].iloc[int(at[0])] not in HELD:
        return differs(cell["point"], "a point that holds a schedule", f"{place}.point")
    found: list[Finding] = []
    for name in CAPPED:
        cap = CAPS[name]
        told, value = _float(cell.get(cap)), float(column(run, name)[at[0]])
        if not value <= told + CAP_TOLERANCE * (1.0 + 1e-3 * abs(told)):
            found.append(
                Finding(f"{place}.{cap}", value - told, "under its point", None, told, value)
            )
    return found


def _grid_of_caps(run: Subject, cells: Sequence[dict[str, Any]]) -> list[Finding]:
    """Compare the caps of a grid with equal steps over the payoff table, loosest first."""
    points, stepped = run.options.points, roles_of(run).stepped
    axes = {}
    for name in stepped:
        low, width = run.number("payoff", name, "min"), payoff_range(run, name)
        steps = low + width * np.arange(points - 1, -1, -1) / (points - 1)
        axes[CAPS[name]] = steps + 1e-6 * max(width, 1e-3)
    found: list[Finding] = []
    for k, cell in enumerate(cells):
        at = np.unravel_index(k, (points,) * len(stepped))
        place = dict(zip(axes, map(int, at), strict=True))
        for cap, steps in axes.items():
            due = float(steps[place[cap]])
            found += unequal(
                _float(cell.get(cap)), due, f"plan.json certificate.cells[{k}].{cap}", "", SHARE
            )
    return found
