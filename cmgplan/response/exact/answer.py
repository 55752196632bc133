"""What the exact answer hands on: its options, the day, its profit and what is proven of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from cmgplan.devices.base import NonNegative, Positive, Record
from cmgplan.homes.day.dispatch import Dispatch
from cmgplan.response.model.profit import Objectives, Profit

ObjectiveName = Literal["producers", "retailer", "consumers", "emission", "emission_cost"]
"""Objectives (1) to (5) of the paper."""


class ExactOptions(Record):
    """How the exact answer is sought.

    Attributes
    ----------
    gap
        Gap, as a share of the profit, under which the answer counts as optimal.
    time_limit_s
        Time that all of it may take, s.
    emission_weight
        Weight of penalties in the profit; None takes that of the case.
    weights
        By objective (1)-(5): its weight, in place of the profit. Objectives that are to be great
        count negative; at forecast prices.
    order
        Objectives from first to last: each is the best that those before it leave.
    """

    gap: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.01
    time_limit_s: Positive = 300.0
    emission_weight: NonNegative | None = None
    weights: Mapping[ObjectiveName, NonNegative] | None = None
    order: tuple[ObjectiveName, ...] = ()


@dataclass(frozen=True)
class ExactAnswer:
    """The day of all homes with the greatest profit, within its gap.

    Attributes
    ----------
    status
        ``optimal`` where the gap is within what was asked for, ``feasible`` where time ran out.
    dispatch
        What every device and home does. Emax is not exceeded in any hour.
    profit
        Its profit and the parts of it.
    bound
        Proven to be above the profit of every day that keeps the policies, currency; None where
        something else was asked for.
    relaxation
        The same without integers and, with quadratic emissions under-estimated: above the bound.
    gap
        ``(bound - profit) / max(|profit|, 1)``, or that of the weighted objectives.
    objectives
        Objectives (1)-(5) as settled sums at forecast prices.
    objective, objective_bound
        Weighted sum that was minimised and its proven lower bound, where weights or an order
        were given; of an order that of the last.
    wall_s, solver
        Time, s, and who solved it.
    """

    status: str
    dispatch: Dispatch
    profit: Profit
    bound: float | None
    relaxation: float | None
    gap: float
    objectives: Objectives
    objective: float | None
    objective_bound: float | None
    wall_s: float
    solver: str
