"""A plan held in a scenario, checked from the files of its run alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from cmgplan.errors import InputError
from cmgplan.run.findings import CheckResult, Finding
from cmgplan.study.hold import HoldOptions
from cmgplan.study.hold_marker import HOLD_FILE

CENT = 0.01


def verify_held(folder: Path) -> list[CheckResult]:
    """Check that totals are sums, and that what is free costs no more than what is held.

    The operations themselves were replayed when they were written, before any of their numbers.

    Raises
    ------
    InputError
        A file is missing or damaged.
    """
    try:
        about = json.loads((folder / HOLD_FILE).read_text(encoding="utf-8"))
        options = HoldOptions.model_validate(about["options"])
        held = pd.read_csv(folder / "held.csv").set_index("point")
        broken = pd.read_csv(folder / "broken_limits.csv")
        place = folder / "wait_and_see.csv"
        own = pd.read_csv(place).iloc[0] if place.exists() else None
        held = held[held["status"] != "infeasible"]
        total = held["gc_usd"] + held["ec_usd"]
        total += options.unserved_usd_per_kwh * held["unserved_kwh"]
        counted = broken["point"].value_counts().reindex(held.index, fill_value=0)
        checks = [
            _check("totals are their sums", (held["total_usd"] - total).abs(), CENT),
            _check("least totals are least", held["least_total_usd"] - held["total_usd"], CENT),
            _check("broken limits are counted", (held["broken_limits"] - counted).abs(), 0.0),
            _check("kept caps are kept", _over(held), 1e-3),
        ]
        if own is not None and own["status"] == "served":
            less = own["total_usd"] - held["least_total_usd"]
            checks.append(_check("switches of its own cost a day no more", less, CENT))
            if np.isfinite(own["bound_usd"]):
                bound = pd.Series([own["bound_usd"] - own["total_usd"]], index=["the day"])
                checks.append(_check("the bound is below what is held", bound, CENT))
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise InputError(f"{folder}: is damaged ({error}); run the task again") from error
    return checks


def _over(held: pd.DataFrame) -> pd.Series[float]:
    """Return the most that a point whose caps are kept exceeds one of them by."""
    over = held[[name for name in held.columns if name.startswith("over_")]].fillna(0.0)
    return over.max(axis=1).where(held["status"] == "kept", 0.0)


def _check(name: str, excess: pd.Series[float], tolerance: float) -> CheckResult:
    return CheckResult(
        name,
        tuple(
            Finding(f"held.csv point {point}", float(amount), "")
            for point, amount in excess.items()
            if not amount <= tolerance
        ),
    )
