"""A front as it is handed on: its points, empty cells of a grid, and the payoff table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cmgplan.planning.levels.level4 import GridAnswer, PointStatus
from cmgplan.planning.levels.trade import Trade, trade_of
from cmgplan.planning.model.operation import Operation
from cmgplan.search.epsilon import (
    Payoff,
)


@dataclass(frozen=True)
class FrontPoint:
    """A point of the front: its caps, answer, bound and gap.

    Attributes
    ----------
    number
        1-based.
    caps
        eps on cost and losses, and on emission cost where that has no range.
    bound
        Proven lower bound of the minimised objective under the caps, or None.
    gap
        (value - bound) / range of the minimised objective, or in $ where the range is under 1 $.
    minimised
        Name of the objective that is least under the caps: f2, unless it has no range.
    explanation
        Why it holds no schedule, in sentences; empty where it holds one.
    """

    number: int
    status: PointStatus
    caps: Mapping[str, float]
    answer: GridAnswer
    bound: float | None
    gap: float | None
    minimised: str = "ec_usd"
    explanation: tuple[str, ...] = ()

    @property
    def operation(self) -> Operation | None:
        """AC operation of the point."""
        return self.answer.operation

    @property
    def bound_ec_usd(self) -> float | None:
        """The bound where it is one of f2."""
        return self.bound if self.minimised == "ec_usd" else None

    @property
    def amount(self) -> float | None:
        """Value less bound of the minimised objective, $ or kWh."""
        if self.bound is None or self.operation is None:
            return None
        return max(self.operation.value(self.minimised) - self.bound, 0.0)


@dataclass(frozen=True)
class Cell:
    """A combination of caps of the sweep, and the point that answers it, if it is not empty."""

    caps: Mapping[str, float]
    point: int | None


@dataclass(frozen=True)
class Front:
    """Payoff table, points of the front, and the cells of the sweep that they answer.

    A sweep over a grid asks no question whose answer is known: a cell may share the point of a
    looser one, or be empty because a looser one is.
    """

    payoff: Payoff
    points: Sequence[FrontPoint]
    cells: Sequence[Cell] = ()

    @property
    def ec_range_usd(self) -> float:
        """Range of f2 in the payoff table."""
        return self.payoff.ranges["ec_usd"].width

    @property
    def trade(self) -> Trade:
        """Which objectives have a range, and which one is minimised."""
        return trade_of(self.payoff.ranges)

    @property
    def absolute(self) -> bool:
        """Whether gaps are in $ or kWh instead of shares of a range."""
        return self.trade.is_absolute(self.payoff.ranges)
