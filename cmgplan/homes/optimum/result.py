"""What the one-owner optimum hands on: its options, its points, and the day of the chosen one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Self

from pydantic import Field, model_validator

from cmgplan.devices.base import NonNegative, Positive, Record
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.day.dispatch import Dispatch


class OptimumOptions(Record):
    """How an optimum is sought.

    Attributes
    ----------
    emission_weight
        Price of a kg of emission in the objective, currency/kg.
    front
        Points of the front of cost against emission; None asks for one optimum.
    gap
        Relative gap under which a point counts as optimal.
    time_limit_s
        Time that all of it may take, s.
    """

    emission_weight: NonNegative = 0.0
    front: Annotated[int, Field(ge=2, le=200)] | None = None
    gap: Annotated[float, Field(gt=0.0, lt=1.0)] = 1e-4
    time_limit_s: Positive = 300.0

    @model_validator(mode="after")
    def _one_question(self) -> Self:
        """Refuse a front with an emission weight, since its objective is told without one."""
        if self.front is not None and self.emission_weight > 0.0:
            raise ValueError("front and emission_weight exclude each other; leave one out")
        return self


@dataclass(frozen=True)
class OptimumPoint:
    """A day that is optimal within its gap.

    Attributes
    ----------
    status
        ``optimal`` where the gap is within what was asked for, ``feasible`` where time ran out.
    objective, bound
        ``cost + emission_weight * emission_kg`` and the proven lower bound of it, under the cap.
    gap
        ``(objective - bound) / max(|objective|, 1)``, never negative.
    cost
        Purchases - sales + gas + cost of shifting + value of unserved load, currency.
    emission_kg
        Emission of the day by the exact formulas, kg.
    emission_cap_kg
        Cap of the emission that the point was sought under; None without one.
    dispatch
        What every device and home does.
    """

    status: str
    objective: float
    bound: float
    gap: float
    cost: float
    emission_kg: float
    dispatch: Dispatch
    emission_cap_kg: float | None = None


@dataclass(frozen=True)
class OptimumResult:
    """A finished optimum, or a front of them.

    Attributes
    ----------
    points
        One point, or those of the front from least cost to least emission.
    selected
        Position of the point that the tables show: the fuzzy compromise of a front.
    memberships
        By point of a front: those of cost, emission, and the lesser of both.
    wall_s
        Time by stage, s.
    versions
        Versions of the package and of the solver.
    """

    case: HomesCase
    options: OptimumOptions
    points: tuple[OptimumPoint, ...]
    selected: int = 0
    memberships: tuple[Mapping[str, float], ...] = ()
    wall_s: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def point(self) -> OptimumPoint:
        """The point that the tables show."""
        return self.points[self.selected]
