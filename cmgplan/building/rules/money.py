"""What a day by the rules costs: eqs. (8)-(12) with the signs set right.

    cost = bought * MCP + gas * GFC + received * price - delivered * price
           - pi * MCP * (CHP and battery power sold) - 0.1 min MCP * renewable power sold

Every internal payment stands once with each sign, so that what all units pay does not depend on
internal prices. As printed, (10) repeats what a unit receives where what it delivers is meant, and
(12) lacks the sign between cost and income.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cmgplan.arrays import FloatArray
from cmgplan.building.model.share import Groups
from cmgplan.building.model.state import DayState, Step
from cmgplan.homes.accounts.ledger import (
    COLUMNS,
    Carrier,
    gas_purchases,
    ledger,
    own_costs,
    pool_trades,
    retailer_trades,
)
from cmgplan.homes.case.records import Pool

KEY = ["way", "from", "to", "hour", "carrier", "reason"]


@dataclass(frozen=True)
class UnitMoney:
    """Money of every unit and hour, currency, each of shape (S, T).

    ``pool`` is what a unit pays others less what others pay it. ``unserved`` is the value of
    load that nothing serves, which is no payment and not in ``cost``.
    """

    purchases: FloatArray
    sales: FloatArray
    gas: FloatArray
    pool: FloatArray
    unserved: FloatArray

    @property
    def cost(self) -> FloatArray:
        """Money paid: purchases, gas and payments to others, less sales."""
        return self.purchases + self.gas + self.pool - self.sales


def unit_money(day: DayState, worth: Pool) -> UnitMoney:
    """Return what the units pay and are paid; ``worth`` has the values of unserved load."""
    terms, dt_h = day.plant.terms, day.plant.dt_h
    sold, sales = day.sales, terms.sale * (day.sales.engine_kw + day.sales.battery_kw)
    pool = np.zeros(day.shape)
    for step in day.steps.values():
        for carrier in ("electricity", "heat"):
            pool += _paid(day, step, carrier)
    unserved = worth.unserved_electricity_per_kwh * day.short_kw
    unserved = unserved + worth.unserved_heat_per_kwh * day.short_heat_kw
    return UnitMoney(
        purchases=dt_h * terms.buy * day.imported_kw,
        sales=dt_h * (sales + terms.renewable_sale * sold.renewable_kw),
        gas=dt_h * terms.gas * fuel_kw(day),
        pool=dt_h * pool,
        unserved=dt_h * unserved,
    )


def fuel_kw(day: DayState) -> FloatArray:
    """Return the gas that units burn, kW, shape (S, T)."""
    engines = day.plant.engines
    fuel = engines.by_unit(engines.fuel_kw(day.engine_kw))
    for plants in day.plant.heaters:
        if not plants.electric and len(plants.owner):
            fuel = fuel + plants.by_unit(day.heater_kw[plants.kind] / plants.per_input)
    return fuel


def pool_kw(step: Step, carrier: str) -> FloatArray:
    """Return what units put into the pool of a carrier in a step, kW, shape (S, T)."""
    return step.pool_heat_kw if carrier == "heat" else step.pool_kw


def _paid(day: DayState, step: Step, carrier: str) -> FloatArray:
    """Return what units pay less what they are paid in a step, money per h, shape (S, T).

    Who gets power pays the mean price of what the group's givers gave in the hour.
    """
    put = pool_kw(step, carrier)
    if not put.any():
        return put
    groups = day.heat_groups if carrier == "heat" else day.groups
    given, got = np.maximum(put, 0.0), np.maximum(-put, 0.0)
    earned = given * step.price_per_kwh
    volume = groups.sums(got)
    mean = np.divide(groups.sums(earned), volume, out=np.zeros(volume.shape), where=volume > 0.0)
    return got * groups.apiece(mean) - earned


def day_ledger(day: DayState, way: str, worth: Pool) -> pd.DataFrame:
    """Return the ledger of a day: who paid whom in which hour.

    Payments of one hour, pair, carrier and reason are one row, at their mean price. Within a
    group every buyer of a step takes from every seller the share that the seller gave.
    """
    units, terms, dt_h = day.plant.units, day.plant.terms, day.plant.dt_h
    sold = day.sales
    none = np.zeros(day.shape[::-1])
    parts = [
        retailer_trades(way, units, day.imported_kw.T, none, terms.buy, 0.0, dt_h),
        retailer_trades(
            way, units, none, (sold.engine_kw + sold.battery_kw).T, 0.0, terms.sale, dt_h
        ),
        retailer_trades(way, units, none, sold.renewable_kw.T, 0.0, terms.renewable_sale, dt_h),
        gas_purchases(way, units, fuel_kw(day).T, terms.gas, dt_h),
    ]
    for step in day.steps.values():
        for carrier, groups in _pools(day).items():
            parts += _trades(way, day, step, carrier, groups)
    values: tuple[tuple[Carrier, FloatArray, float], ...] = (
        ("electricity", day.short_kw, worth.unserved_electricity_per_kwh),
        ("heat", day.short_heat_kw, worth.unserved_heat_per_kwh),
    )
    for carrier, short, value in values:
        parts.append(own_costs(way, units, short.T, value, carrier, "unserved", dt_h))
    return _merged(ledger(parts))


def _pools(day: DayState) -> Mapping[Carrier, Groups]:
    """Return the groups that trade each carrier."""
    return {"electricity": day.groups, "heat": day.heat_groups}


def _trades(
    way: str, day: DayState, step: Step, carrier: Carrier, groups: Groups
) -> list[pd.DataFrame]:
    """Return the payments for what units gave each other in a step."""
    put, found = pool_kw(step, carrier), []
    if not put.any():
        return []
    for group in groups.groups:
        mine = list(group)
        if len(mine) > 1:
            names = [day.plant.units[s] for s in mine]
            price = step.price_per_kwh[mine].T
            found.append(pool_trades(way, names, put[mine].T, price, carrier, day.plant.dt_h))
    return found


def _merged(entries: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each hour, pair, carrier and reason, at the mean price."""
    if not len(entries):
        return entries
    sums = entries.groupby(KEY, sort=False, as_index=False)[["kwh", "amount"]].sum()
    sums["price_per_kwh"] = sums["amount"] / sums["kwh"]
    return sums[list(COLUMNS)]
