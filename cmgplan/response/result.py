"""What a run of demand response hands on: options, the day of each method, what is proven."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from cmgplan.arrays import FloatArray
from cmgplan.devices.base import Positive, Record
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.day.dispatch import Dispatch
from cmgplan.response.compared.variants import Compared
from cmgplan.response.market.day import MarketDay
from cmgplan.response.model.profit import Objectives, Profit
from cmgplan.response.model.statistics import statistics_of

MethodName = Literal["exact", "rules", "de", "bat", "pso"]

SEARCHES: tuple[MethodName, ...] = ("de", "bat", "pso")
"""Methods that search by evaluations, several runs of each."""

ArrayName = Literal["L4", "L8", "L9", "L16", "L27"]


class ResponseOptions(Record):
    """How demand response is run.

    Attributes
    ----------
    methods
        What runs the day. The exact answer always does, since it bounds every other.
    runs, evaluations, seed
        Of methods that search: runs of each, evaluations of each run, seed of the first run.
    start
        Whether they begin from the day of the rules.
    workers
        Processes that runs are spread over; the answer does not depend on it.
    toat
        Orthogonal array by which the exact answer is tried under uncertainty; None tries none.
    rolling
        Hours that are planned ahead when the day is planned anew every hour; None does not.
    compare
        Whether the same homes are run with less flexibility and without policies too.
    gap, time_limit_s
        Gap of the exact answer as a share of the profit, and the time that each optimum may
        take, s.
    """

    methods: Annotated[tuple[MethodName, ...], Field(min_length=1)] = ("exact",)
    runs: Annotated[int, Field(ge=1, le=1000)] = 1
    evaluations: Annotated[int, Field(ge=1, le=10_000_000)] = 5000
    seed: Annotated[int, Field(ge=0, le=10**9)] = 0
    start: bool = False
    workers: Annotated[int, Field(ge=1)] = 1
    toat: ArrayName | None = None
    rolling: Annotated[int, Field(ge=1, le=10_000)] | None = None
    compare: bool = True
    gap: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.01
    time_limit_s: Positive = 300.0


@dataclass(frozen=True)
class MethodRun:
    """One run of a method.

    Attributes
    ----------
    evaluations
        Days evaluated so far, shape (points,); a method without a search has one point.
    best
        Greatest profit so far, currency, shape (points,); no number before a day keeps all
        limits.
    """

    evaluations: FloatArray
    best: FloatArray

    @property
    def profit(self) -> float:
        """What the run ends with."""
        return float(self.best[-1])


@dataclass(frozen=True)
class MethodResult:
    """The day of a method.

    Attributes
    ----------
    runs
        Its runs; the day is that of the best.
    dispatch
        What every device and home does.
    profit, objectives
        What it comes to, and objectives (1)-(5) settled at the prices of its market.
    market
        Prices and bids of the day.
    wall_s
        Time of a run, the mean of all, s.
    status
        ``optimal`` or ``feasible`` of the exact answer; ``found`` of others.
    """

    runs: tuple[MethodRun, ...]
    dispatch: Dispatch
    profit: Profit
    objectives: Objectives
    market: MarketDay
    wall_s: float
    status: str


@dataclass(frozen=True)
class ResponseResult:
    """A finished run of demand response.

    Attributes
    ----------
    methods
        By name, the exact answer first.
    bound
        Proven to be above the profit of every day that keeps the policies, currency.
    compared
        By variant: the optimum with less flexibility, or without policies.
    toat, rolling
        What uncertainty does to the answer, and what foresight is worth; None where not asked.
    warnings
        Sentences on what is doubtful.
    wall_s
        Time by stage, s.
    """

    case: HomesCase
    options: ResponseOptions
    methods: Mapping[MethodName, MethodResult]
    bound: float
    compared: Mapping[str, Compared] = field(default_factory=dict)
    toat: Mapping[str, Any] | None = None
    rolling: Mapping[str, Any] | None = None
    warnings: tuple[str, ...] = ()
    wall_s: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    def statistics(self) -> dict[str, dict[str, Any]]:
        """Return the keys of ``methods`` in run.json."""
        found: dict[str, dict[str, Any]] = {}
        for name, method in self.methods.items():
            profits = np.array([run.profit for run in method.runs])
            found[name] = {
                "runs": len(method.runs),
                "evaluations": int(method.runs[0].evaluations[-1]),
                **statistics_of(profits, self.bound),
                "wall_s": method.wall_s,
                "status": method.status,
            }
        return found
