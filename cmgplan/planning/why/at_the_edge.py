"""A level that lacks less than its solvers resolve: what gives, by how much, and what to do.

The relaxation is solved to about 1e-3 kVA, so that it can neither hold a schedule to be short by
less nor prove it. The AC problem, accepted to 5e-8, tells: if none of its operations keeps the
limits, and one does with limits a little wider, the case stands on their edge.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from cmgplan.explanation import Explanation, GivingLimit, Way, last_digit
from cmgplan.network.feeder import Feeder
from cmgplan.planning.case.records import Case, PlanOptions
from cmgplan.planning.model.switches import SwitchHours
from cmgplan.planning.why.elastic_model import ElasticLevel, elastic_level
from cmgplan.planning.why.in_ac import operates
from cmgplan.planning.why.least_set import FIRST_S, PROVEN, Giving, Least, LeastSearch
from cmgplan.planning.why.mend import mended
from cmgplan.planning.why.words import limits_of
from cmgplan.plurals import counted

RESOLVED = 1e-3
"""What the relaxation resolves, kVA or kWh; see ``PU``."""

STEPS = tuple(digit * 10.0**power for power in range(-8, -2) for digit in (1, 2, 5))
"""Amounts that are tried, up to half of a last digit that is told."""

PU = 1e-2
"""What counts in pu where 1 counts in kVA."""

SHOWN = 2
"""Limits that the reason names."""

MARGINS = 2.0
"""Last digits by which limits are tightened for the proof that they are needed."""

TIME_LIMIT_S = 15.0

ESSENTIAL = ("pcc", "tie", "branch", "v_min", "v_max", "departure", "soc_min", "soc_end")
"""Kinds of limits that can be short by so little; operations are whole numbers."""


@dataclass(frozen=True)
class _Edge:
    case: Case
    options: PlanOptions
    least: Least
    deadline: float

    def operates(self, limits: Sequence[GivingLimit], amount: float) -> bool:
        """Whether there is an AC operation with limits giving an amount."""
        given = [_by(limit, amount) for limit in limits] if amount else []
        return operates(self.case, self.options, given, {}, self.least)

    @property
    def late(self) -> bool:
        """Whether the time is over."""
        return time.perf_counter() > self.deadline


def explain_edge(
    case: Case, options: PlanOptions, feeder: Feeder, mask: SwitchHours
) -> Explanation | None:
    """Say which limits of Level 4 are short by less than solvers resolve; None if none is."""
    deadline = time.perf_counter() + TIME_LIMIT_S
    level = elastic_level(case, options, mask, feeder)
    search = LeastSearch(level, deadline)
    least = search.least(set(range(len(level.slacks))), FIRST_S)
    if least is None or least.value > PROVEN:
        return None
    edge = _Edge(case, options, least, deadline)
    limits = _every(level, feeder, least)
    if edge.operates((), 0.0) or not edge.operates(limits, STEPS[-1]):
        return None
    limits = _needed(edge, limits)
    amount = next((step for step in STEPS if edge.operates(limits, step)), STEPS[-1])
    told = [_by(limit, _last_digit(limit)) for limit in limits]
    if not _essential(case, options, feeder, mask, told):
        return None
    return Explanation(
        "Level 4",
        f"what serves all load lacks {_in_words(limits, amount)}, less than the {RESOLVED:g} that "
        "the relaxation resolves: within its limits no AC operation is found (to 5e-08), with "
        f"limits wider by {amount:.0e} one is",
        (Way(tuple(told), "enough for Level 4, shown by an AC operation"),),
        notes=(
            "that these limits are needed to the last digit is proved: with them "
            f"{MARGINS:g} last digits tighter there is no schedule",
        ),
    )


def _every(level: ElasticLevel, feeder: Feeder, least: Least) -> list[GivingLimit]:
    """Return all limits of the level that may be on the edge."""
    given = {
        k: Giving(1.0, dict.fromkeys(slack.hourly, 1.0))
        for k, slack in enumerate(level.slacks)
        if slack.kind in ESSENTIAL
    }
    return [
        replace(limit, hours=()) for limit in limits_of(level, feeder, replace(least, given=given))
    ]


def _needed(edge: _Edge, limits: list[GivingLimit]) -> list[GivingLimit]:
    """Return limits that are all needed; groups are left out first, halves before single ones."""
    size = max(len(limits) // 2, 1)
    while True:
        k = 0
        while k < len(limits) and not edge.late:
            rest = limits[:k] + limits[k + size :]
            if rest and edge.operates(rest, STEPS[-1]):
                limits = rest
            else:
                k += size
        if size == 1 or edge.late:
            return limits
        size = max(size // 2, 1)


def _essential(
    case: Case,
    options: PlanOptions,
    feeder: Feeder,
    mask: SwitchHours,
    told: Sequence[GivingLimit],
) -> bool:
    """Whether the relaxation proves that nothing is feasible with the limits a little tighter."""
    tighter = mended(case, told, share=-MARGINS)
    level = elastic_level(tighter, options, mask, feeder)
    deadline = time.perf_counter() + FIRST_S
    least = LeastSearch(level, deadline).least(set(range(len(level.slacks))), FIRST_S)
    return least is not None and least.bound > PROVEN


def _by(limit: GivingLimit, amount: float) -> GivingLimit:
    """Return a limit that gives an amount in its own unit, in its direction."""
    sign = -1.0 if limit.amount < 0.0 else 1.0
    return replace(limit, amount=sign * amount * (PU if limit.unit == "pu" else 1.0))


def _last_digit(limit: GivingLimit) -> float:
    """Return the amount that is one of the last digit told of a limit."""
    return last_digit(limit.unit) / (PU if limit.unit == "pu" else 1.0)


def _in_words(limits: Sequence[GivingLimit], amount: float) -> str:
    told = [
        f"{amount * (PU if limit.unit == 'pu' else 1.0):.0e} {limit.unit} at the {limit.limit}"
        for limit in limits[:SHOWN]
    ]
    more = len(limits) - SHOWN
    return ", ".join(told) + (f" and as much at {counted(more, 'more limit')}" if more > 0 else "")
