"""The day of all units as one party that sells no more, and no dearer, than the rules may."""

from __future__ import annotations

from typing import Any

import pyomo.environ as pyo

from cmgplan.building.model.plant import Plant, read_plant
from cmgplan.devices import Battery, CombinedHeatPower
from cmgplan.devices.renewable import HomePlant
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.day.dispatch import Dispatch
from cmgplan.homes.optimum.model import DayModel

KINDS = ("renewable", "engine", "battery")
"""What is sold, each with a price and a limit of its own."""


class DayUnderSaleLimits(DayModel):
    """The one-owner model with the sales of steps E12 and E13 in place of free exports.

    What a unit exports is the sum of three sales, kW, with k the share of an offer that the
    market takes (the power coefficient of the hour):

    - ``sold_renewable[t]``, at most what wind and sun deliver, at the rules' low price;
    - ``sold_engine[t]``, at most the output of the CHPs and k of what they do not use
      otherwise: ``sold <= k (capacity - (output - sold))``;
    - ``sold_battery[t]``, in the hours of sale, at most the discharge and k of the rating that
      is not used otherwise: ``sold <= k (rating - (discharge - sold))``.

    Both latter ones bring the price coefficient times the market price. The rules keep all of
    these limits, so that no day by the rules is cheaper than the optimum. A battery with a
    standing loss may sell in place of putting it back, as it may in the rules.
    """

    def __init__(self, case: HomesCase) -> None:
        self._plant: Plant = read_plant(case)
        super().__init__(case)

    def cost_of(self, day: Dispatch) -> float:
        """Return what a day costs at the prices of the sales, currency."""
        terms, retailer, h = self._plant.terms, self.case.file.retailer, self.h
        cost = super().cost_of(day)
        if retailer is None:
            return cost
        sell = self.case.series(retailer.sell_per_kwh)
        for i in self.m.home:
            for kind in KINDS:
                sold = self.m.home[i].component(f"sold_{kind}")
                for t in h.steps:
                    price = terms.renewable_sale if kind == "renewable" else float(terms.sale[t])
                    if price != sell[t]:
                        cost += h.dt_h * float(sell[t] - price) * pyo.value(sold[t])
        return cost

    def _add_pool(self) -> None:
        """Add the sales of every unit, then the pool."""
        for i, home in enumerate(self.case.homes):
            block = self.m.home[i]
            for kind in KINDS:
                sold = pyo.Var(self.h.steps, bounds=(0.0, None))
                block.add_component(f"sold_{kind}", sold)

            @block.Constraint(self.h.steps, doc="exports by what is sold, kW")
            def exports_are_sales(b: Any, t: int) -> object:
                return b.exported[t] == sum(b.component(f"sold_{kind}")[t] for kind in KINDS)

            pairs = [(d, block.device[k]) for k, d in enumerate(home.site().devices)]
            self._limit_renewables(block, [b for d, b in pairs if isinstance(d, HomePlant)])
            self._limit_engines(
                block, [(d, b) for d, b in pairs if isinstance(d, CombinedHeatPower)]
            )
            self._limit_batteries(block, [(d, b) for d, b in pairs if isinstance(d, Battery)])
        super()._add_pool()

    def _limit_renewables(self, block: Any, plants: list[Any]) -> None:
        """Sell at most what wind and sun deliver; nothing where the case says so."""
        sells = self._plant.terms.section.sell_renewables

        @block.Constraint(self.h.steps, doc="sale of wind and sun, kW")
        def renewable_sale(b: Any, t: int) -> object:
            made = pyo.quicksum(plant.p_inj[t] for plant in plants) if sells else 0.0
            return b.sold_renewable[t] <= made

    def _limit_engines(self, block: Any, engines: list[tuple[CombinedHeatPower, Any]]) -> None:
        """Sell at most the taken share of what CHPs do not use otherwise, eq. (8)."""
        taken = self._plant.terms.taken
        capacity = sum(max(device.p_max_kw, 0.0) for device, _ in engines)

        @block.Constraint(self.h.steps, doc="sale of CHPs within their output, kW")
        def engine_output(b: Any, t: int) -> object:
            return b.sold_engine[t] <= pyo.quicksum(engine.p_inj[t] for _, engine in engines)

        @block.Constraint(self.h.steps, doc="sale of CHPs within what is taken, kW, (8)")
        def engine_sale(b: Any, t: int) -> object:
            k, output = float(taken[t]), pyo.quicksum(engine.p_inj[t] for _, engine in engines)
            return (1.0 - k) * b.sold_engine[t] <= k * (capacity - output)

    def _limit_batteries(self, block: Any, batteries: list[tuple[Battery, Any]]) -> None:
        """Sell at most the taken share of the rating that batteries do not use otherwise."""
        terms, dt_h = self._plant.terms, self.h.dt_h
        rated = sum(device.p_discharge_max_kw for device, _ in batteries)
        standing = sum(
            device.standing_loss_kwh(device.soc_start * device.capacity_kwh, dt_h)
            / (device.efficiency_charge * dt_h)
            for device, _ in batteries
        )

        def given(t: int) -> Any:
            return pyo.quicksum(store.discharge[t] for _, store in batteries)

        @block.Constraint(self.h.steps, doc="sale of batteries within their discharge, kW")
        def battery_output(b: Any, t: int) -> object:
            most = given(t) + standing if terms.sells[t] else 0.0
            return b.sold_battery[t] <= most

        @block.Constraint(self.h.steps, doc="sale of batteries within what is taken, kW, (8)")
        def battery_sale(b: Any, t: int) -> object:
            k, forgone = float(terms.taken[t]), 0.0
            if standing > 0.0:  # what is not put back counts as given
                forgone = pyo.quicksum(store.charge[t] for _, store in batteries)
            return (1.0 - k) * b.sold_battery[t] <= k * (rated - given(t) + forgone)

    def _purchases(self) -> Any:
        """Return purchases and gas less sales at their own prices, currency over the day."""
        terms, h, costs = self._plant.terms, self.h, []
        for i in self.m.home:
            b = self.m.home[i]
            for t in h.steps:
                sold = float(terms.sale[t]) * (b.sold_engine[t] + b.sold_battery[t])
                sold += terms.renewable_sale * b.sold_renewable[t]
                costs.append(
                    float(terms.buy[t]) * b.imported[t] - sold + float(terms.gas[t]) * b.fuel[t]
                )
        return h.dt_h * pyo.quicksum(costs)
