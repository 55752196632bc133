"""What a plan hands on: its tables, its summary, and the progress told on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from cmgplan.planning.case.records import Case, PlanOptions
from cmgplan.planning.record.plan import PlanRecord


@dataclass(frozen=True)
class PlanResult:
    """A finished plan.

    Attributes
    ----------
    case, options
        What was planned, and how.
    summary
        Content of plan.json; ``summary.upper.gc_usd`` is what the loaded feeder costs.
    tables
        Tables of the run by file stem (``pareto``, ``dispatch``, ...).
    points
        By Pareto point: its ``switch_schedule``, ``dispatch`` and ``exchange``.
    proofs
        By Pareto point: what its bound rests on, as JSON holds it.
    """

    case: Case
    options: PlanOptions
    summary: PlanRecord
    tables: Mapping[str, pd.DataFrame]
    points: Mapping[int, Mapping[str, pd.DataFrame]]
    proofs: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
