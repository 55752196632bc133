"""Checks of what is proven of a front: payoff table, bounds, gaps, and the certificate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from cmgplan.planning.record.front import Cell, Step
from cmgplan.planning.record.values import or_nan
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
    roles, told = roles_of(run), run.summary.certificate
    width, place = payoff_range(run, roles.goal), "plan.json certificate"
    absolute = bool(width < roles.bounded_from)
    of_ec_usd = payoff_range(run, "ec_usd")
    found += unequal(told.range_ec_usd, of_ec_usd, f"{place}.range_ec_usd", "", SHARE)
    found += unequal(told.range, width, f"{place}.range", "", SHARE)
    found += differs(told.absolute, absolute, f"{place}.absolute")
    found += differs(told.minimised, roles.goal, f"{place}.minimised")
    found += differs(told.unit, roles.unit, f"{place}.unit")
    found += differs(told.without_range, list(roles.flat), f"{place}.without_range")
    for k, goal in enumerate(run.tables["pareto"].get("minimised", ())):
        found += differs(goal, roles.goal, f"pareto.csv row {k + 2}, minimised")
    share = f"share of the range of {SYMBOLS[roles.goal]} in the payoff table."
    unit = f"{roles.unit}." if absolute else share
    if not told.statement.endswith(unit):
        found += differs(told.statement, f"... {unit}", f"{place}.statement")
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
    proofs = run.summary.certificate.points[: len(run.tables["pareto"])]
    for k, proof in enumerate(proofs):
        proved = [step.bound for step in proof.history if step.bound is not None]
        reached = [step.value for step in proof.history if step.value is not None]
        place = f"plan.json certificate.points[{k}].history"
        bound = float(bounds.iloc[k])
        if proved and not math.isnan(bound):
            caps = sum(w * column(run, CAPS[n])[k] for n, w in weights.items() if n != goal)
            due = max(proved) - caps
            where = f"pareto.csv row {k + 2}, {told_in}"
            found += unequal(bound, float(due), where, "$", 2e-6)
        values = {name: column(run, name)[k] for name in weights}
        if reached and not any(map(math.isnan, values.values())):
            total = sum(w * values[name] for name, w in weights.items())
            found += unequal(reached[-1], float(total), f"{place}, last value", "$", IDLE_OPENED)
        found += _in_order(proof.history, place, proof.wall_s)
    return found


def _in_order(history: Sequence[Step], place: str, wall_s: float) -> list[Finding]:
    """Find times that go back, bounds that fall and values that rise."""
    found: list[Finding] = []
    for name, sign, told in (
        ("s", 1.0, [step.s for step in history]),
        ("bound", 1.0, [step.bound for step in history]),
        ("value", -1.0, [step.value for step in history]),
    ):
        steps = [value for value in told if value is not None]
        for before, after in pairwise(steps):
            if sign * (after - before) < -SHARE * (1.0 + abs(before)):
                found.append(
                    Finding(f"{place}, {name}", abs(after - before), "", None, after, before)
                )
        if name == "s" and steps and not 0.0 <= max(steps) <= wall_s + 0.1 + 0.01 * wall_s:
            found.append(Finding(f"{place}, s", max(steps), "s", None, max(steps), wall_s))
    for k, step in enumerate(history):
        if step.bound is None and step.value is None:
            found += differs(None, "value or bound", f"{place}[{k}]")
    return found


def _certificate(run: Subject) -> list[Finding]:
    """Compare number, status and gap of every point in the certificate with pareto.csv."""
    rows, proofs = run.tables["pareto"], run.summary.certificate.points
    found = differs(len(proofs), len(rows), "plan.json certificate.points, number")
    roles, gap = roles_of(run), column(run, "gap")
    value, bound = column(run, roles.goal), np.asarray(bounds_of(rows))
    for k, proof in enumerate(proofs[: len(rows)]):
        place = f"plan.json certificate.points[{k}]"
        status = str(rows["status"].iloc[k])
        found += differs(proof.point, int(rows["point"].iloc[k]), f"{place}.point")
        found += differs(proof.status, status, f"{place}.status")
        apart = max(value[k] - bound[k], 0.0) if not math.isnan(bound[k]) else float("nan")
        found += unequal(proof.gap, float(gap[k]), f"{place}.gap", "", SHARE)
        rounding = SHARE + 1e-9 * abs(float(np.nan_to_num(value[k])))
        in_usd = float(apart) if roles.unit == "$" else float("nan")
        found += unequal(proof.gap_usd, in_usd, f"{place}.gap_usd", "$", rounding)
        found += unequal(proof.bound, float(bound[k]), f"{place}.bound", roles.unit, rounding)
        found += unequal(proof.amount, float(apart), f"{place}.amount", roles.unit, rounding)
        if bool(proof.explanation) is (status in HELD):
            due = "nothing" if status in HELD else "why it holds no schedule"
            found += differs(str(proof.explanation), due, f"{place}.explanation")
        if not proof.reason:
            found += differs(str(proof.reason), "why the search stopped", f"{place}.reason")
    told = run.summary.certificate.worst_gap
    worst = float(np.nanmax(gap)) if np.isfinite(gap).any() else float("nan")
    return found + unequal(told, worst, "plan.json certificate.worst_gap", "", SHARE)


def _cells(run: Subject) -> list[Finding]:
    """Find combinations of caps that no point answers."""
    cells, rows = run.summary.certificate.cells, run.tables["pareto"]
    asked = combinations(run)
    found = differs(len(cells), asked, "plan.json certificate.cells, number")
    if run.options.sweep == "grid" and len(cells) == asked > 1:
        found += _grid_of_caps(run, cells)
    for k, cell in enumerate(cells):
        place, number = f"plan.json certificate.cells[{k}]", cell.point
        if run.options.sweep == "diagonal" and k < len(rows):
            due = int(rows["point"].iloc[k]) if rows["status"].iloc[k] in HELD else None
            found += differs(number, due, f"{place}.point")
            for cap, told in cell.caps().items():
                found += unequal(told, float(column(run, cap)[k]), f"{place}.{cap}", "", SHARE)
        elif number is not None:
            found += _answered(run, cell, number, place)
    return found


def _answered(run: Subject, cell: Cell, number: int, place: str) -> list[Finding]:
    """Return what keeps a point from answering a cell of a grid."""
    rows, caps = run.tables["pareto"], cell.caps()
    at = np.flatnonzero(rows["point"].to_numpy() == number)
    if not len(at) or rows["status"].iloc[int(at[0])] not in HELD:
        return differs(number, "a point that holds a schedule", f"{place}.point")
    found: list[Finding] = []
    for name in CAPPED:
        cap = CAPS[name]
        told, value = caps[cap], float(column(run, name)[at[0]])
        if not value <= told + CAP_TOLERANCE * (1.0 + 1e-3 * abs(told)):
            found.append(
                Finding(f"{place}.{cap}", value - told, "under its point", None, told, value)
            )
    return found


def _grid_of_caps(run: Subject, cells: Sequence[Cell]) -> list[Finding]:
    """Compare the caps of a grid with equal steps over the payoff table, loosest first."""
    points, stepped = run.options.points, roles_of(run).stepped
    axes = {}
    for name in stepped:
        low = or_nan(run.summary.payoff.by_objective()[name].min)
        width = payoff_range(run, name)
        steps = low + width * np.arange(points - 1, -1, -1) / (points - 1)
        axes[CAPS[name]] = steps + 1e-6 * max(width, 1e-3)
    found: list[Finding] = []
    for k, cell in enumerate(cells):
        at = np.unravel_index(k, (points,) * len(stepped))
        place = dict(zip(axes, map(int, at), strict=True))
        for cap, steps in axes.items():
            due = float(steps[place[cap]])
            told = cell.caps()[cap]
            found += unequal(told, due, f"plan.json certificate.cells[{k}].{cap}", "", SHARE)
    return found
