"""A claim of the paper beside a run's answer, and what the claims share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from cmgplan.case.records import SwitchKind
from cmgplan.planning.report.subject import Subject

COUNTED_KW = 0.1
"""Exchange over this counts, as shortage and surplus do."""

OWN_NUMBERS = (
    "The paper prints no ratings, profiles or prices, so the case has its own, calibrated to the "
    "ends of Table 2's costs alone."
)


@dataclass(frozen=True)
class Claim:
    """A claim of the paper beside the run's answer.

    Attributes
    ----------
    name, paper, ours
        What is claimed, and both answers in words.
    tolerance
        When they count as the same, in words.
    same
        Whether they do; None where the paper leaves nothing to compare with.
    why
        A plain sentence, told where they differ or cannot be compared.
    values
        The run's numbers, ready for JSON; hours are the run's.
    """

    name: str
    paper: str
    ours: str
    tolerance: str
    same: bool | None
    why: str
    values: Mapping[str, Any] = field(default_factory=dict)


def hours_text(hours: Iterable[int]) -> str:
    """Return hours as ranges, in the run's count and in the paper's."""
    listed = sorted(hours)
    if not listed:
        return "none"
    return f"{_ranges(listed)} (the paper's {_ranges([t + 1 for t in listed])})"


def _ranges(hours: list[int]) -> str:
    """Return sorted whole numbers with runs joined: ``0-3, 7``."""
    parts: list[list[int]] = []
    for t in hours:
        if parts and t == parts[-1][-1] + 1:
            parts[-1].append(t)
        else:
            parts.append([t])
    return ", ".join(str(p[0]) if len(p) == 1 else f"{p[0]}-{p[-1]}" for p in parts)


def near(ours: float, paper: float, share: float) -> bool:
    """Whether two numbers differ by at most a share of the paper's."""
    return abs(ours - paper) <= share * abs(paper)


def exchange(s: Subject, level: int, kind: SwitchKind) -> pd.DataFrame:
    """Return the exchange over one kind of switch at a level."""
    rows = s.rows("exchange", level)
    return rows[rows["kind"] == kind]


def hours_of_trade(s: Subject) -> list[int]:
    """Return the hours in which clusters exchange active power at Level 4."""
    flows = exchange(s, 4, "cluster")
    return sorted({int(t) for t in flows.loc[flows["p_kw"].abs() > COUNTED_KW, "hour"]})
