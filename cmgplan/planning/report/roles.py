"""Which objectives a front trades, worked out from the payoff table of a run."""

from __future__ import annotations

from dataclasses import dataclass

from cmgplan.planning.record.values import or_nan
from cmgplan.planning.report.subject import Subject

NEGLIGIBLE = {"gc_usd": 0.01, "ec_usd": 0.01, "loss_kwh": 0.005}
"""Range under which an objective counts as having none: a cent, and 5 Wh."""

CAPS = {"gc_usd": "eps_gc_usd", "ec_usd": "eps_ec_usd", "loss_kwh": "eps_loss_kwh"}
"""Objectives and the columns of their caps."""

CAPPED = ("gc_usd", "loss_kwh")
"""Objectives that always have a cap, eqs. (27), (28)."""

PREFERRED = ("ec_usd", "gc_usd", "loss_kwh")
ABSOLUTE_UNDER_USD = 1.0
"""Range in $ under which gaps are told in $."""


@dataclass(frozen=True)
class Roles:
    """What the points minimise, whose caps step, which objectives have no range.

    Attributes
    ----------
    goal
        The first of f2, f1, f3 that has a range; where none has, what the run tells.
    stepped
        The others that have a range.
    flat
        Objectives without one.
    """

    goal: str
    stepped: tuple[str, ...]
    flat: tuple[str, ...]

    @property
    def unit(self) -> str:
        """Unit of what is minimised."""
        return "kWh" if self.goal == "loss_kwh" else "$"

    @property
    def weighed(self) -> tuple[str, ...]:
        """Objectives in the sum that a point minimises."""
        return (self.goal, *self.stepped)

    @property
    def bounded_from(self) -> float:
        """Range of the goal from which a gap is a share of it."""
        return ABSOLUTE_UNDER_USD if self.unit == "$" else NEGLIGIBLE[self.goal]


def payoff_range(run: Subject, name: str) -> float:
    """Return the range of an objective in the payoff table, NaN where there is none."""
    told = run.summary.payoff.by_objective()[name]
    return or_nan(told.max) - or_nan(told.min)


def roles_of(run: Subject) -> Roles:
    """Return the roles of the objectives of a run."""
    flat = tuple(name for name, least in NEGLIGIBLE.items() if payoff_range(run, name) < least)
    ranged = [name for name in PREFERRED if name not in flat]
    if not ranged:
        return Roles(run.summary.certificate.minimised, (), flat)
    return Roles(ranged[0], tuple(name for name in NEGLIGIBLE if name in ranged[1:]), flat)
