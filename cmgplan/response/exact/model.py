"""The one-owner model of a day under the policies of its homes, with priced emissions.

To the model of ``cmgplan.homes.optimum`` it adds, home by home,

- in which hours load may leave and arrive, and how much at most leaves: response (68)-(70) in
  the readings of ``cmgplan.response.model.policy``;
- ``own[t]``, the emission of its own CHPs and boilers in kg/h, response (57), (65), and Emax as
  its limit;
- ``m.penalty``, what emissions of the day cost at the factors of response (16)-(18).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyomo.environ as pyo

from cmgplan.arrays import FloatArray
from cmgplan.devices import HomeLoad
from cmgplan.homes.accounts.money import emission_of_device
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.day.dispatch import Dispatch
from cmgplan.homes.optimum.model import DayModel, Placed
from cmgplan.response.exact.objectives import add_objectives
from cmgplan.response.model.penalty import Penalties
from cmgplan.response.model.policy import PolicyOfHome
from cmgplan.response.model.profit import objectives_of


class ResponseDay(DayModel):
    """The model of one day of a case under the policies of its homes.

    Attributes
    ----------
    policies, penalties
        What binds each home, by id; what emissions cost.

    Parameters
    ----------
    objectives
        Add the paper's objectives, whose dense rows slow the search down.
    elastic
        See ``DayModel``.
    """

    def __init__(
        self,
        case: HomesCase,
        policies: Mapping[str, PolicyOfHome],
        penalties: Penalties,
        *,
        objectives: bool = False,
        elastic: bool = False,
    ) -> None:
        self.policies, self.penalties, self._with_objectives = policies, penalties, objectives
        super().__init__(case, elastic=elastic)
        for i, home in enumerate(case.homes):
            self._mask(i, policies[home.id])

    def goals(self) -> dict[str, Any]:
        """Return what may be minimised by name: cost, emission, penalty, the paper's objectives.

        The objectives that are to be great, ``producers`` and ``retailer``, stand for their
        negative.
        """
        return {**super().goals(), "penalty": self.m.penalty, **self._objectives}

    def goals_of(self, day: Dispatch) -> dict[str, float]:
        """Return the exact value of each goal in a day."""
        goals = {**super().goals_of(day), "penalty": self.penalties.of_day(self.case, day)}
        if not self._with_objectives:
            return goals
        settled = objectives_of(self.case, day)
        return {
            **goals,
            "producers": -settled.producers,
            "retailer": -settled.retailer,
            "consumers": settled.consumers,
            "emission_cost": settled.emission_cost,
        }

    def caps(self) -> Iterator[tuple[str, Any, FloatArray]]:
        """Yield each home that Emax binds with its ``own`` and the limits, kg/h, shape (T,)."""
        for i, home in enumerate(self.case.homes):
            limit = self.policies[home.id].emission_max_kg_per_h
            if limit is not None:
                yield home.id, self.m.home[i].own, limit

    def emitters(self, i: int) -> Iterator[Placed]:
        """Yield the CHPs and boilers of home i, which burn gas."""
        home = self.case.homes[i]
        return (p for p in self.placed() if p.home == home.id and "fuel" in p.device.carriers)

    def emission_at(self, placed: Placed, t: int) -> Any:
        """Return what a plant emits in hour t, kg/h: its own emission, or that of its gas."""
        if getattr(placed.device, "emission", None) is not None:
            return placed.block.emission[t]
        gas = self.case.file.gas
        rate = self.case.series(0.0 if gas is None else gas.emission_kg_per_kwh)
        return float(rate[t]) * placed.block.fuel[t]

    def _mask(self, i: int, policy: PolicyOfHome) -> None:
        """Limit what of the electric load of home i leaves, and where it arrives."""
        b = self.m.home[i]
        loads = [
            p
            for p in self.placed()
            if p.home == policy.home
            and isinstance(p.device, HomeLoad)
            and p.device.shiftable
            and p.device.carrier == "electricity"
        ]
        for placed in loads:
            for t in self.h.steps:
                if not policy.may_leave[t]:
                    placed.block.down[t].setub(0.0)
                if not policy.may_arrive[t]:
                    placed.block.up[t].setub(0.0)
        if not loads:
            return

        @b.Constraint(self.h.steps, doc="load that leaves, kW, response (68)")
        def most_that_leaves(b: Any, t: int) -> object:
            down = pyo.quicksum(placed.block.down[t] for placed in loads)
            most = float(policy.leave_max_kw[t])
            return down <= most if np.isfinite(most) else pyo.Constraint.Skip

    def _add_goals(self) -> None:
        """Add the goals of the one owner, what each home emits itself, and the penalty."""
        super()._add_goals()
        m, h = self.m, self.h
        m.penalty = pyo.Var()
        for i, home in enumerate(self.case.homes):
            plants = list(self.emitters(i))
            limit = self.policies[home.id].emission_max_kg_per_h
            most = [None] * h.hours if limit is None else [float(kg) for kg in limit]
            m.home[i].own = pyo.Var(h.steps, bounds=lambda b, t, most=most: (0.0, most[t]))

            @m.home[i].Constraint(h.steps, doc="emission of CHPs and boilers, kg/h, (57), (65)")
            def own_emission(b: Any, t: int, plants: list[Placed] = plants) -> object:
                return b.own[t] == pyo.quicksum(self.emission_at(p, t) for p in plants)

        m.penalty_of_day = pyo.Constraint(
            expr=m.penalty == self._penalties(),
            doc="price of emissions, currency, (16), (58), (66)",
        )
        self._objectives = add_objectives(self) if self._with_objectives else {}

    def _penalties(self) -> Any:
        """Return what emissions of the day cost, currency."""
        case, h, terms = self.case, self.h, []
        for i, home in enumerate(case.homes):
            for placed in self.emitters(i):
                price = self.penalties.of_device(home.id, placed.device.id)
                terms += [price * self.emission_at(placed, t) for t in h.steps]
            if (retailer := case.file.retailer) is not None:
                rate = self.penalties.retailer_per_kg * case.series(retailer.emission_kg_per_kwh)
                terms += [float(rate[t]) * self.m.home[i].imported[t] for t in h.steps]
        return h.dt_h * pyo.quicksum(terms)


def own_kg_per_h(case: HomesCase, home_id: str, day: Dispatch) -> FloatArray:
    """Return what a home's own CHPs and boilers emit by the exact formulas, kg/h, shape (T,)."""
    home = next(home for home in case.homes if home.id == home_id)
    total = np.zeros(case.hours)
    for device in home.devices():
        if "fuel" in device.carriers:
            total += emission_of_device(case, home_id, device, day) / case.dt_h
    return total
