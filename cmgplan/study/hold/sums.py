"""Sums and counts of a plan held in a scenario, checked within its tables."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cmgplan.planning.report.checks_objectives import UNITS
from cmgplan.run.findings import CheckResult, Finding
from cmgplan.study.hold.folder import AFTER, BEFORE
from cmgplan.study.hold.marker import UNANSWERED
from cmgplan.study.hold.read import HeldRun

CENT = 0.01
CAP = 1e-3
"""$ or kWh by which a cap may be exceeded that counts as kept."""


def check_sums(run: HeldRun) -> list[CheckResult]:
    """Check that totals are sums, and that what is free costs no more than what is held."""
    held, own = run.held, run.own
    total = held["gc_usd"] + held["ec_usd"]
    total += run.options.unserved_usd_per_kwh * held["unserved_kwh"]
    checks = [
        _check("totals are their sums", (held["total_usd"] - total).abs(), CENT),
        _check("least totals are least", held["least_total_usd"] - held["total_usd"], CENT),
        _check("broken limits are counted", _miscounted(run), 0.0),
        _check("what exceeds caps is told", _over(held), CAP),
        _check("status is as it stands", _status(held), 0.0),
    ]
    if own is not None and own["status"] == "served":
        of_day = pd.Series([abs(own["total_usd"] - own["gc_usd"] - own["ec_usd"])], ["the day"])
        less = own["total_usd"] - held["least_total_usd"]
        checks.append(_check("the day's own total is its sum", of_day, CENT))
        checks.append(_check("switches of its own cost a day no more", less, CENT))
        if np.isfinite(own["bound_usd"]):
            bound = pd.Series([own["bound_usd"] - own["total_usd"]], index=["the day"])
            checks.append(_check("the bound is below what is held", bound, CENT))
    return checks


def _miscounted(run: HeldRun) -> pd.Series[float]:
    """Return by how many the counts of broken limits differ from the rows of the table."""
    held, broken = run.held, run.broken

    def counted(response: str) -> pd.Series[float]:
        rows = broken.loc[broken["response"] == response, "point"]
        return rows.value_counts().reindex(held.index, fill_value=0).astype(float)

    before, after = counted(BEFORE), counted(AFTER)
    after = after.where(~held["upper_status"].isin(UNANSWERED), before)
    wrong = (held["broken_before_response"] - before).abs()
    return wrong + (held["broken_limits"] - after).abs()


def _over(held: pd.DataFrame) -> pd.Series[float]:
    """Return the most by which what exceeds a cap differs from what is told."""
    found = [pd.Series(0.0, held.index)]
    for name in UNITS:
        if f"cap_{name}" not in held.columns:
            continue
        cap, told = held[f"cap_{name}"], held[f"over_{name}"]
        apart = (told - (held[name] - cap).clip(lower=0.0)).abs()
        found.append(apart.where(cap.notna() | told.notna(), 0.0))
    return pd.concat(found, axis=1).max(axis=1, skipna=False)


def _status(held: pd.DataFrame) -> pd.Series[float]:
    """Return 1 for a point whose status is not what caps and unserved load say."""
    names = [name for name in held.columns if name.startswith("over_")]
    over = held[names].fillna(0.0).max(axis=1) > CAP
    unserved = held["unserved_kwh"] > 0.0
    right = {
        "kept": ~over & ~unserved,
        "over": ~unserved,
        "unserved": pd.Series(data=True, index=held.index),
    }
    fine = pd.Series(data=False, index=held.index)
    for status, holds in right.items():
        fine |= (held["status"] == status) & holds
    return (~fine).astype(float)


def _check(name: str, excess: pd.Series[float], tolerance: float) -> CheckResult:
    return CheckResult(
        name,
        tuple(
            Finding(f"held.csv point {point}", float(amount), "")
            for point, amount in excess.items()
            if not amount <= tolerance
        ),
    )
