"""What the rules lose: the one-owner optimum of the same day, under the same limits of sale."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from cmgplan.arrays import FloatArray
from cmgplan.building.priced.sale_limits import DayUnderSaleLimits
from cmgplan.homes.accounts.money import costs_of_home
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.day.dispatch import Dispatch
from cmgplan.homes.optimum.result import OptimumPoint
from cmgplan.homes.optimum.solve import OneOwner, Question
from cmgplan.homes.optimum.why import explain

GAP = 1e-4
"""Relative gap under which an optimum is not sought further."""

POOLS = ("pool_given", "pool_taken", "pool_heat_given", "pool_heat_taken")
"""Variables of trade between units."""


@dataclass(frozen=True)
class PricedDay:
    """The one-owner optimum of a day.

    Attributes
    ----------
    cost
        Money paid, without the value of unserved load.
    value
        ``cost`` and the value of unserved load, which is what is least.
    bound, gap
        Proven lower bound of ``value``, and the relative gap that is left.
    grid_kwh, heat_unserved_kwh, electricity_unserved_kwh, heat_dumped_kwh
        Energies of the optimal day.
    """

    cost: float
    value: float
    bound: float
    gap: float
    grid_kwh: float
    heat_unserved_kwh: float
    electricity_unserved_kwh: float
    heat_dumped_kwh: float
    dispatch: Dispatch

    def totals(self) -> dict[str, float]:
        """Return the numbers by name."""
        names = ("cost", "value", "bound", "gap", "grid_kwh", "heat_unserved_kwh")
        more = ("electricity_unserved_kwh", "heat_dumped_kwh")
        return {name: getattr(self, name) for name in (*names, *more)}


class Owner(OneOwner):
    """One party that owns every unit, and trades between them, or does not.

    Both questions go to the same model: without trade the pools' variables are held at 0.
    """

    together = True

    def __init__(self, case: HomesCase, *, tidy: bool = True) -> None:
        self._tidy = tidy
        self._day_model = DayUnderSaleLimits(case)
        super().__init__(case, self._day_model)

    def _bounds(self, question: Question) -> Any:
        """Return the bounds of a question; no trade between units where each is on its own."""
        bounds = super()._bounds(question)
        if not self.together:
            for home in self._day_model.m.home.values():
                for name in POOLS:
                    for variable in home.component(name).values():
                        bounds[variable] = (0.0, 0.0)
        return bounds

    def _tidied(self, x: FloatArray, question: Question, held: Any) -> FloatArray:
        """Return the day that moves least among the best, or the first where that will do."""
        return super()._tidied(x, question, held) if self._tidy else x


def priced_days(
    case: HomesCase, gap: float = GAP, time_limit_s: float = 60.0, *, tidy: bool = True
) -> dict[str, PricedDay]:
    """Return the one-owner optimum of a case's day: ``coalition``, and ``alone`` without trade.

    Without ``tidy`` it is any of the best days, in less time: its cost is the same, its energies
    may be those of another.

    Raises
    ------
    InfeasibleError
        No day keeps all limits.
    LimitError, SolverError
        No day was held in the time given, or the solver failed.
    """
    owner, found = Owner(case, tidy=tidy), {}
    for way, joint in (("coalition", True), ("alone", False)):
        owner.together = joint
        found[way] = _priced(case, _answer(owner, gap, time_limit_s))
    return found


def optimal_value(case: HomesCase, gap: float = GAP, time_limit_s: float = 60.0) -> float:
    """Return what all units of a case are worth in the one-owner optimum: minus its objective.

    Raises as ``priced_days`` does.
    """
    return -_answer(Owner(case, tidy=False), gap, time_limit_s).cost


def _answer(owner: Owner, gap: float, time_limit_s: float) -> OptimumPoint:
    """Return the day of least cost, or raise InfeasibleError with what would have to give."""
    point = owner.answer(Question({"cost": 1.0}), gap, time_limit_s)
    if point is None:
        raise explain(owner.case if owner.together else without_pool(owner.case))
    return point


def _priced(case: HomesCase, point: OptimumPoint) -> PricedDay:
    """Return an optimal day with its energies, money and unserved load apart."""
    day, dt_h = point.dispatch, case.dt_h
    unserved = {"electricity": 0.0, "heat": 0.0}
    for home in case.homes:
        for device in home.devices():
            shift = day.shifts.get((home.id, device.id))
            if shift is not None:
                carrier = "heat" if "heat" in device.carriers else "electricity"
                unserved[carrier] += dt_h * float(shift.unserved_kw.sum())
    value = sum(float(costs_of_home(case, home, day).unserved.sum()) for home in case.ids)
    return PricedDay(
        cost=point.cost - value,
        value=point.cost,
        bound=point.bound,
        gap=point.gap,
        grid_kwh=dt_h * sum(float(day.exchange[home].import_kw.sum()) for home in case.ids),
        heat_unserved_kwh=unserved["heat"],
        electricity_unserved_kwh=unserved["electricity"],
        heat_dumped_kwh=dt_h * sum(float(day.dumped_kw[home].sum()) for home in case.ids),
        dispatch=day,
    )


def without_pool(case: HomesCase) -> HomesCase:
    """Return a case whose homes trade with the retailer alone."""
    pool = case.file.pool.model_copy(update={"electricity": False, "heat": False})
    return with_file(case, pool=pool)


def with_file(case: HomesCase, **sections: object) -> HomesCase:
    """Return a case with sections of its file replaced."""
    return replace(case, file=case.file.model_copy(update=sections))
