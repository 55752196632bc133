"""The day of all homes as one mixed-integer linear model: devices, balances, cost, emission.

Sets: homes i, hours t, devices of a home. Variables of a home beside those of its devices (see
``cmgplan.devices``): imports and exports ``imported[t]``, ``exported[t]``, what it puts into the
pool of electricity and heat ``pool[t]``, ``pool_heat[t]`` (what is given less what is taken), and
heat that nothing takes, ``dumped[t]``, all in kW. Equations: balances of electricity and heat of
every home, market eqs. (39), (40); of the pool, in which what one home gives others take; limits
of trade with the retailer, market eqs. (33), (37), (38).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyomo.environ as pyo

from cmgplan.devices import Device, HomeLoad, Store
from cmgplan.homes.accounts.money import cost_of_day, emission_of_day
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.day.dispatch import Dispatch


@dataclass(frozen=True)
class Placed:
    """A device, its home and its block in the model."""

    home: str
    device: Device
    block: Any


class DayModel:
    """The model of one day of a case.

    Parameters
    ----------
    case
        The homes.
    elastic
        Let every balance of a home be missed, ``short[t]`` and ``surplus[t]`` of each carrier:
        what has to be missed at least tells why there is no day.

    Attributes
    ----------
    m
        The Pyomo model; ``m.home[i]`` in the order of the case, ``m.cost`` in the currency,
        ``m.emission`` in kg over the day, ``m.unserved[carrier]`` in kWh.
    peak_cost
        What the retailer charges for the greatest import of each home, currency.
    """

    def __init__(self, case: HomesCase, *, elastic: bool = False) -> None:
        self.case, self.h = case, case.forecasts()
        self.m = m = pyo.ConcreteModel()
        m.home = pyo.Block(range(len(case.homes)))
        for i, home in enumerate(case.homes):
            home.site().add_to(m.home[i], self.h)
            self._add_exchange(m.home[i])
            self._add_balances(m.home[i], elastic)
            self._keep_apart(i)
        for placed in self.placed():
            placed.device.tighten(placed.block, self.h)
        self._add_pool()
        self._add_goals()

    def placed(self) -> Iterator[Placed]:
        """Yield every device with its home and block."""
        for i, home in enumerate(self.case.homes):
            for k, device in enumerate(home.site().devices):
                yield Placed(home.id, device, self.m.home[i].device[k])

    def stores(self) -> Iterator[tuple[Store, Any]]:
        """Yield every device that stores, and its block."""
        for placed in self.placed():
            if isinstance(placed.device, Store):
                yield placed.device, placed.block

    def loads(self) -> Iterator[Placed]:
        """Yield the devices with a part that may be unserved."""
        return (p for p in self.placed() if p.block.component("unserved") is not None)

    def binaries_of(self, day: Dispatch) -> Iterator[tuple[Any, float]]:
        """Yield each binary variable with the value that it has in a day."""
        for placed in self.placed():
            device, key = placed.device, (placed.home, placed.device.id)
            flows = day.flows[key]
            if isinstance(device, HomeLoad):
                flows = device.flows_of(self.h, day.shifts[key].up_kw, day.shifts[key].down_kw)
            yield from device.binaries(placed.block, self.h, flows)

    def cost_of(self, day: Dispatch) -> float:
        """Return what a day that the model holds costs, currency: exactly, from its dispatch."""
        return cost_of_day(self.case, day)

    def goals(self) -> dict[str, Any]:
        """Return the variables that may be minimised by name: ``cost`` and ``emission``."""
        return {"cost": self.m.cost, "emission": self.m.emission}

    def goals_of(self, day: Dispatch) -> dict[str, float]:
        """Return the exact value of each goal in a day that the model holds."""
        return {"cost": self.cost_of(day), "emission": emission_of_day(self.case, day)}

    def _add_exchange(self, b: pyo.Block) -> None:
        """Add trade of a home with the retailer and the pool, and its dumped heat."""
        retailer, pool, steps = self.case.file.retailer, self.case.file.pool, self.h.steps
        limit = 0.0 if retailer is None else retailer.power_max_kw
        alone = len(self.case.homes) == 1
        b.imported = pyo.Var(steps, bounds=(0.0, limit))
        b.exported = pyo.Var(steps, bounds=(0.0, limit))
        for name, wanted in (("pool", pool.electricity), ("pool_heat", pool.heat)):
            most = None if wanted and not alone else 0.0
            given = pyo.Var(steps, bounds=(0.0, most))
            taken = pyo.Var(steps, bounds=(0.0, most))
            b.add_component(f"{name}_given", given)
            b.add_component(f"{name}_taken", taken)
            net = {t: given[t] - taken[t] for t in steps}
            b.add_component(name, pyo.Expression(steps, initialize=net))
        b.dumped = pyo.Var(steps, bounds=(0.0, None))

    def _add_balances(self, b: pyo.Block, elastic: bool) -> None:
        """Add the balances of electricity and heat of a home, kW, market eqs. (39), (40)."""
        carriers = ("electricity", "heat")
        b.short = pyo.Var(carriers, self.h.steps, bounds=(0.0, None if elastic else 0.0))
        b.surplus = pyo.Var(carriers, self.h.steps, bounds=(0.0, None if elastic else 0.0))

        @b.Constraint(self.h.steps, doc="electricity of a home, kW, market (39)")
        def electricity(b: pyo.Block, t: int) -> object:
            missed = b.short["electricity", t] - b.surplus["electricity", t]
            return b.p_inj[t] + b.imported[t] - b.exported[t] - b.pool[t] + missed == 0.0

        @b.Constraint(self.h.steps, doc="heat of a home, kW, market (40)")
        def heat(b: pyo.Block, t: int) -> object:
            missed = b.short["heat", t] - b.surplus["heat", t]
            return b.heat_inj[t] - b.pool_heat[t] - b.dumped[t] + missed == 0.0

    def _keep_apart(self, i: int) -> None:
        """Let no two jobs of a group run in one hour."""
        home, b = self.case.homes[i], self.m.home[i]
        if not home.not_together:
            return
        blocks = {device.id: b.device[k] for k, device in enumerate(home.site().devices)}
        b.apart = pyo.ConstraintList(doc="jobs that may not run together")
        for group in home.not_together:
            for t in self.h.steps:
                b.apart.add(pyo.quicksum(blocks[job].on[t] for job in group) <= 1.0)

    def _add_pool(self) -> None:
        """Add the balances of the pool, kW, and the retailer's limit for all homes together."""
        m, retailer = self.m, self.case.file.retailer

        @m.Constraint(self.h.steps, doc="electricity between homes, kW, market (39)")
        def pool_electricity(m: Any, t: int) -> object:
            return pyo.quicksum(m.home[i].pool[t] for i in m.home) == 0.0

        @m.Constraint(self.h.steps, doc="heat between homes, kW, market (40)")
        def pool_heat(m: Any, t: int) -> object:
            return pyo.quicksum(m.home[i].pool_heat[t] for i in m.home) == 0.0

        if retailer is None or retailer.power_max_total_kw is None:
            return
        limit = retailer.power_max_total_kw

        @m.Constraint(self.h.steps, doc="import of all homes, kW, market (37)")
        def import_limit(m: Any, t: int) -> object:
            return pyo.quicksum(m.home[i].imported[t] for i in m.home) <= limit

        @m.Constraint(self.h.steps, doc="export of all homes, kW, market (38)")
        def export_limit(m: Any, t: int) -> object:
            return pyo.quicksum(m.home[i].exported[t] for i in m.home) <= limit

    def _add_goals(self) -> None:
        """Add cost, emission and unserved energy of the day as variables."""
        m, case, h = self.m, self.case, self.h
        m.unserved = pyo.Var(("electricity", "heat"), bounds=(0.0, None))

        @m.Constraint(("electricity", "heat"), doc="energy of loads that nothing serves, kWh")
        def unserved_energy(m: Any, carrier: str) -> object:
            parts = [p for p in self.loads() if carrier in p.device.carriers]
            return m.unserved[carrier] == h.dt_h * pyo.quicksum(
                p.block.unserved[t] for p in parts for t in h.steps
            )

        worth = case.file.pool
        m.cost, m.emission = pyo.Var(), pyo.Var()
        of_devices = pyo.quicksum(m.home[i].money for i in m.home)
        unserved = (
            worth.unserved_electricity_per_kwh * m.unserved["electricity"]
            + worth.unserved_heat_per_kwh * m.unserved["heat"]
        )
        self.peak_cost = self._peaks()
        m.cost_of_day = pyo.Constraint(
            expr=m.cost == self._purchases() + self.peak_cost + of_devices + unserved,
            doc="cost of the day, currency",
        )
        m.emission_of_day = pyo.Constraint(
            expr=m.emission == self._emissions(), doc="emission of the day, kg"
        )

    def _purchases(self) -> Any:
        """Return what energy from outside costs less what is sold, currency over the day."""
        case, h, homes = self.case, self.h, [self.m.home[i] for i in self.m.home]
        terms = []
        if (retailer := case.file.retailer) is not None:
            buy = case.series(retailer.buy_per_kwh)
            sell = case.series(retailer.sell_per_kwh)
            for t in h.steps:
                terms += [float(buy[t]) * b.imported[t] for b in homes]
                terms += [-float(sell[t]) * b.exported[t] for b in homes]
        if (gas := case.file.gas) is not None:
            price = case.series(gas.price_per_kwh)
            terms += [float(price[t]) * b.fuel[t] for t in h.steps for b in homes]
        return h.dt_h * pyo.quicksum(terms)

    def _peaks(self) -> Any:
        """Add ``peak``, at least each import of a home, kW; return what the greatest cost."""
        retailer = self.case.file.retailer
        if retailer is None or retailer.peak_charge_per_kw == 0.0:
            return 0.0
        for b in self.m.home.values():
            b.peak = pyo.Var(bounds=(0.0, None))

            @b.Constraint(self.h.steps, doc="greatest import of a home, kW")
            def up_to_peak(b: Any, t: int) -> object:
                return b.imported[t] <= b.peak

        return retailer.peak_charge_per_kw * pyo.quicksum(b.peak for b in self.m.home.values())

    def _emissions(self) -> Any:
        """Return the emission of imports, of gas, and of devices with an emission of their own."""
        case, h = self.case, self.h
        terms = []
        if (retailer := case.file.retailer) is not None:
            rate = case.series(retailer.emission_kg_per_kwh)
            terms += [
                float(rate[t]) * self.m.home[i].imported[t] for i in self.m.home for t in h.steps
            ]
        gas = case.file.gas
        rate = case.series(0.0 if gas is None else gas.emission_kg_per_kwh)
        for placed in self.placed():
            if getattr(placed.device, "emission", None) is not None:
                terms += [placed.block.emission[t] for t in h.steps]
            elif "fuel" in placed.device.carriers:
                terms += [float(rate[t]) * placed.block.fuel[t] for t in h.steps]
        return h.dt_h * pyo.quicksum(terms)
