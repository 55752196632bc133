"""Checks of the Pareto front: statuses, caps, memberships and the choice."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.planning.report.roles import CAPPED, CAPS, NEGLIGIBLE, roles_of
from cmgplan.planning.report.subject import Subject
from cmgplan.run.findings import CheckResult, Finding, differs, unequal

MEMBERSHIPS = {"gc_usd": "mu_gc", "ec_usd": "mu_ec", "loss_kwh": "mu_loss"}

CAP_TOLERANCE = 1e-4
SHARE = 1e-6
"""Tolerance of memberships, gaps and caps."""

HELD, NOT_HELD = ("optimal", "feasible"), ("infeasible", "limit")


def check_front(run: Subject) -> list[CheckResult]:
    """Check pareto.csv in itself, and the choice told in plan.json against it."""
    return [
        CheckResult("front: points and statuses", tuple(_statuses(run))),
        CheckResult("front: caps are those of the sweep and hold", tuple(_caps(run))),
        CheckResult("front: memberships follow, eq. (40)", tuple(_memberships(run))),
        CheckResult("front: the choice follows, eq. (41)", tuple(_choice(run))),
    ]


def column(run: Subject, name: str) -> FloatArray:
    """Return a column of pareto.csv, NaN where the table has none of this name."""
    table = run.tables["pareto"]
    if name not in table.columns:
        return np.full(len(table), np.nan)
    return np.asarray(table[name].to_numpy(), dtype=np.float64)


def held_points(run: Subject) -> list[int]:
    """Return the numbers of the points that hold a schedule."""
    rows = run.tables["pareto"]
    return [
        int(n) for n, status in zip(rows["point"], rows["status"], strict=True) if status in HELD
    ]


def places(run: Subject, name: str) -> list[str]:
    """Return the cells of a column of pareto.csv as findings name them."""
    return [f"pareto.csv row {k + 2}, {name}" for k in range(len(run.tables["pareto"]))]


def column_apart(
    run: Subject, name: str, due: Sequence[float] | FloatArray, tolerance: float
) -> list[Finding]:
    """Return where a column of pareto.csv is not what is due."""
    told = column(run, name)
    return [
        finding
        for place, a, b in zip(places(run, name), told, due, strict=True)
        for finding in unequal(float(a), float(b), place, "", tolerance)
    ]


def combinations(run: Subject) -> int:
    """Return how many combinations of caps are asked: one where nothing is traded."""
    stepped = len(roles_of(run).stepped)
    if run.options.sweep == "diagonal":
        stepped = min(stepped, 1)
    return int(run.options.points**stepped)


def _statuses(run: Subject) -> list[Finding]:
    """Find points out of number, and values that a status does not go with."""
    rows, options = run.tables["pareto"], run.options
    count, asked = len(rows), combinations(run)
    found = column_apart(run, "point", np.arange(1.0, count + 1.0), 0.0)
    if count != asked if options.sweep == "diagonal" else not 1 <= count <= asked:
        found += differs(count, asked, "pareto.csv: number of points")
    for k, status in enumerate(rows["status"]):
        if status not in (*HELD, *NOT_HELD):
            found += differs(status, "a status", f"pareto.csv row {k + 2}, status")
        for name in (*MEMBERSHIPS, *MEMBERSHIPS.values(), "mu_min"):
            if math.isnan(column(run, name)[k]) is (status in HELD):
                due = "a value" if status in HELD else "nothing"
                place = f"pareto.csv row {k + 2}, {name}"
                found += differs(float(column(run, name)[k]), due, place)
    return found


def _caps(run: Subject) -> list[Finding]:
    """Find values over their caps, and on a diagonal caps that do not rise in equal steps."""
    found: list[Finding] = []
    flat = roles_of(run).flat
    for name in (*CAPPED, *(n for n in flat if n not in CAPPED)):
        cap = CAPS[name]
        told, values = column(run, cap), column(run, name)
        excess = values - told
        for k, place in enumerate(places(run, name)):
            if math.isnan(told[k]):
                found.append(Finding(f"pareto.csv row {k + 2}, {cap}", float("nan"), ""))
            elif excess[k] > CAP_TOLERANCE * (1.0 + 1e-3 * abs(told[k])):
                amount = float(excess[k])
                found.append(Finding(place, amount, "over its cap", None, values[k], told[k]))
        if run.options.sweep == "diagonal" and len(told) > 1:
            found += column_apart(run, cap, np.linspace(told[0], told[-1], len(told)), SHARE)
            if told[-1] < told[0]:
                found += differs(
                    float(told[-1]), "no tighter", f"pareto.csv, {cap} of the last row"
                )
    return found


def _memberships(run: Subject) -> list[Finding]:
    """Recompute eq. (40) over the points that hold values; 1 where there is no range."""
    values = np.column_stack([column(run, name) for name in MEMBERSHIPS])
    held = np.isfinite(values).all(axis=1)
    mu = np.full(values.shape, np.nan)
    if held.any():
        low, high = values[held].min(axis=0), values[held].max(axis=0)
        width = high - low
        flat = roles_of(run).flat
        least = np.array([NEGLIGIBLE[name] for name in MEMBERSHIPS])
        alike = (width < least) | np.array([name in flat for name in MEMBERSHIPS])
        share = (high - values[held]) / np.where(alike, 1.0, width)
        mu[held] = np.where(alike, 1.0, share)
        told_digits = 2e-9 * np.abs(high) / np.where(alike, np.inf, width)
        tolerance = SHARE + float(told_digits.max())
    else:
        tolerance = SHARE
    found = [
        finding
        for k, name in enumerate(MEMBERSHIPS.values())
        for finding in column_apart(run, name, mu[:, k], tolerance)
    ]
    least = np.column_stack([column(run, name) for name in MEMBERSHIPS.values()]).min(axis=1)
    return found + column_apart(run, "mu_min", least, SHARE)


def _choice(run: Subject) -> list[Finding]:
    """Compare the choice with the greatest least membership, or with the point asked for."""
    rows, asked = run.tables["pareto"], run.options.select
    chosen = [int(n) for n, mark in zip(rows["point"], rows["selected"], strict=True) if mark == 1]
    found = [
        finding
        for k, mark in enumerate(rows["selected"])
        if mark not in (0, 1)
        for finding in differs(int(mark), "0 or 1", f"pareto.csv row {k + 2}, selected")
    ]
    found += differs(
        run.summary.selected.rule,
        "fuzzy" if asked is None else "override",
        "plan.json selected.rule",
    )
    if len(chosen) != 1:
        return [*found, *differs(len(chosen), 1, "pareto.csv, points selected")]
    found += differs(run.summary.selected.point, chosen[0], "plan.json selected.point")
    row = rows[rows["point"] == chosen[0]].iloc[0]
    if asked is not None:
        found += differs(chosen[0], asked, "pareto.csv, point selected")
    elif not row["mu_min"] >= float(np.nanmax([*column(run, "mu_min"), -1.0])) - SHARE:
        best = float(np.nanmax(column(run, "mu_min")))
        place = f"pareto.csv, mu_min of point {chosen[0]}"
        found.append(Finding(place, best - row["mu_min"], "", None, float(row["mu_min"]), best))
    told = run.summary.selected
    for name, value in {"mu_min": told.mu_min, **told.by_objective()}.items():
        found += unequal(value, float(row[name]), f"plan.json selected.{name}", "", SHARE)
    return found
