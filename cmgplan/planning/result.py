"""What a plan hands on: its tables, its summary, and the progress told on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from cmgplan.case.records import Case, PlanOptions


@dataclass(frozen=True)
class ProgressEvent:
    """A step of the work, told while it is under way.

    Attributes
    ----------
    stage
        Short name of the stage, for instance ``level 4``.
    message
        One plain sentence.
    point, points
        Pareto point under work, counted from 1, and how many there are.
    gap
        Relative gap held so far.
    fraction
        Share of the whole plan that is done, 0..1.
    """

    stage: str
    message: str
    point: int | None = None
    points: int | None = None
    gap: float | None = None
    fraction: float | None = None


@dataclass(frozen=True)
class PlanResult:
    """A finished plan.

    Attributes
    ----------
    case, options
        What was planned, and how.
    summary
        Content of plan.json.
    tables
        Tables of the run by file stem (``pareto``, ``dispatch``, ...).
    points
        By Pareto point: its ``switch_schedule``, ``dispatch`` and ``exchange``.
    proofs
        By Pareto point: what its bound rests on, as JSON holds it.
    """

    case: Case
    options: PlanOptions
    summary: dict[str, Any]
    tables: Mapping[str, pd.DataFrame]
    points: Mapping[int, Mapping[str, pd.DataFrame]]
    proofs: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
