"""Totals of the runs, and whether a difference is more than what the proofs leave open.

A chosen point is proven to within its gap: what it minimises, mostly emission cost, lies for the
best schedule under its caps between the bound and the value told, gap times range apart. Two values
that differ by less than the wider of the two are not told apart by the proof. The same share of its
own range is taken for the other objectives, for which nothing is proven but that share, and the
money and energy of the feeder are held against the same amounts, as they follow from the schedule.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cmgplan.planning.record.plan import PlanRecord
from cmgplan.planning.report.compare.runs import ComparedRun, Comparison
from cmgplan.planning.report.goal import bounds_of, goal_of

Verdict = Literal["same", "within the gap", "different", "not comparable"]
Side = Literal["lower", "upper", "without_cmg"]

SAME = 1e-7
"""Relative difference that is a solver's tolerance."""

OF_LEVEL = {"lower": "Microgrids", "upper": "Feeder", "without_cmg": "Without microgrids"}


@dataclass(frozen=True)
class Quantity:
    """A total of plan.json: its key, whose it is, how it is called, digits shown.

    ``level`` is that of the tables: ``lower``, ``upper`` or ``without_cmg``. ``objective`` names
    the objective whose gap says how much of a difference is proven; ``sums`` tells what adds up
    over the horizon.
    """

    key: str
    level: Side
    name: str
    unit: str
    digits: int
    objective: str | None = None
    sums: bool = True

    @property
    def title(self) -> str:
        """What it is, with whose it is and its unit."""
        return f"{OF_LEVEL[self.level]}: {self.name}, {self.unit}"

    def value(self, summary: PlanRecord) -> float | None:
        """Return what a plan tells of it."""
        if self.level == "lower":
            return summary.selected.by_objective()[self.key]
        upper = summary.upper if self.level == "upper" else summary.upper.without_cmg
        return upper.totals()[self.key]


_NAMES = (
    ("gc_usd", "generation cost", "$", 2),
    ("ec_usd", "emission cost", "$", 2),
    ("loss_kwh", "losses", "kWh", 3),
)
_FEEDER = (
    *((key, name, unit, 2, key, True) for key, name, unit, _ in _NAMES),
    ("upstream_kwh", "import from upstream", "kWh", 1, None, True),
    ("v_min_pu", "lowest voltage", "pu", 5, None, False),
)

CHOSEN = tuple(
    Quantity(key, "lower", name, unit, digits, key) for key, name, unit, digits in _NAMES
)
FEEDER = tuple(
    Quantity(key, "upper", name, unit, digits, objective, sums)
    for key, name, unit, digits, objective, sums in _FEEDER
)
WITHOUT = tuple(
    Quantity(key, "without_cmg", name, unit, digits, None, sums)
    for key, name, unit, digits, _, sums in _FEEDER
)


@dataclass(frozen=True)
class Difference:
    """What a run differs from the first by in one total.

    ``open_by`` is the amount that the proofs of the two runs leave open, None where none is
    proven.
    """

    amount: float | None
    relative: float | None
    open_by: float | None
    verdict: Verdict | None


@dataclass(frozen=True)
class Total:
    """A total in every run, and what each but the first differs by."""

    quantity: Quantity
    values: tuple[float | None, ...]
    differences: tuple[Difference, ...]


def totals(comparison: Comparison) -> tuple[Total, ...]:
    """Return the totals that some run has, those of the microgrids first."""
    found = (_total(comparison, quantity) for quantity in (*CHOSEN, *FEEDER, *WITHOUT))
    return tuple(t for t in found if any(value is not None for value in t.values))


def _total(comparison: Comparison, quantity: Quantity) -> Total:
    first = comparison.first
    values = tuple(quantity.value(run.summary) for run in comparison.runs)
    differences = tuple(
        difference(
            values[0],
            value,
            open_by(first, other, quantity.objective),
            comparable=comparison.same_horizon(other) or not quantity.sums,
        )
        for value, other in zip(values[1:], comparison.others, strict=True)
    )
    return Total(quantity, values, differences)


def difference(
    before: float | None, now: float | None, open_by: float | None, *, comparable: bool = True
) -> Difference:
    """Return what one value differs from another by, and whether that says anything."""
    if before is None or now is None:
        return Difference(None, None, open_by, None)
    if not comparable:
        return Difference(None, None, open_by, "not comparable")
    amount = now - before
    relative = amount / abs(before) if before != 0.0 else None
    if abs(amount) <= SAME * max(1.0, abs(before), abs(now)):
        return Difference(amount, relative, open_by, "same")
    within = open_by is not None and abs(amount) <= open_by
    return Difference(amount, relative, open_by, "within the gap" if within else "different")


def open_by(first: ComparedRun, other: ComparedRun, objective: str | None) -> float | None:
    """Return what the proofs of two chosen points leave open in an objective, the wider of two.

    None where an objective has none or neither run tells a gap.
    """
    if objective is None:
        return None
    known = [room for run in (first, other) if (room := _room(run, objective)) is not None]
    return max(known, default=None)


def _room(run: ComparedRun, objective: str) -> float | None:
    """Return the gap of a run's chosen point in units of an objective."""
    chosen = run.tables["pareto"]
    chosen = chosen[chosen["selected"] == 1]
    payoff = run.summary.payoff.by_objective()[objective]
    if chosen.empty or chosen["gap"].isna().any():
        return None
    row = chosen.iloc[0]
    if objective == goal_of(chosen):
        return max(0.0, float(row[objective]) - float(bounds_of(chosen).iloc[0]))
    if run.summary.certificate.absolute or payoff.min is None or payoff.max is None:
        return None
    return max(0.0, float(row["gap"])) * (payoff.max - payoff.min)
