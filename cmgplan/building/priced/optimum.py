"""What the rules lose: the one-owner optimum of the same day, under the same limits of sale."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cmgplan.building.priced.sale_limits import DayUnderSaleLimits
from cmgplan.errors import SolverError
from cmgplan.homes.dispatch import Dispatch
from cmgplan.homes.money import costs_of_home
from cmgplan.homes.optimum.solve import OneOwner, Question
from cmgplan.homes.optimum.why import explain
from cmgplan.homes.records import HomesCase

GAP = 1e-4
"""Relative gap under which an optimum is not sought further."""


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


def priced_day(
    case: HomesCase, *, together: bool, gap: float = GAP, time_limit_s: float = 60.0
) -> PricedDay:
    """Return the one-owner optimum of a case's day, of all units or of each on its own.

    Raises
    ------
    InfeasibleError
        No day keeps all limits.
    LimitError, SolverError
        No day was held in the time given, or the solver failed.
    """
    case = case if together else without_pool(case)
    owner = OneOwner(case, DayUnderSaleLimits(case))
    point = owner.answer(Question({"cost": 1.0}), gap, time_limit_s)
    if point is None:
        raise explain(case)
    day, dt_h = point.dispatch, case.dt_h
    unserved = {"electricity": 0.0, "heat": 0.0}
    for home in case.homes:
        for device in home.devices():
            shift = day.shifts.get((home.id, device.id))
            if shift is not None:
                carrier = "heat" if "heat" in device.carriers else "electricity"
                unserved[carrier] += dt_h * float(shift.unserved_kw.sum())
    value = sum(float(costs_of_home(case, home, day).unserved.sum()) for home in case.ids)
    if not point.cost >= point.bound - 1e-6 * max(abs(point.bound), 1.0):
        raise SolverError(f"the optimum of {case.name} is under its own bound")
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
