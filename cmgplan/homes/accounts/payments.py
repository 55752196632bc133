"""The ledger of a day of homes: what its dispatch and the prices of the case make of it.

Purchases, sales and gas are paid at the prices of the case, trade between homes at the day's own
prices where it has any. Moved and unserved load, and emissions that a price is put on, are no
payments and go to ``own``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from cmgplan.arrays import FloatArray
from cmgplan.homes.accounts.ledger import (
    CARRIERS,
    Carrier,
    emission_costs,
    gas_purchases,
    ledger,
    own_costs,
    own_values,
    peak_charges,
    pool_trades,
    retailer_trades,
)
from cmgplan.homes.accounts.money import (
    emission_of_device,
    emission_of_imports,
    peak_charge,
    values_of_home,
)
from cmgplan.homes.case.records import HomeBase, HomesCase
from cmgplan.homes.day.day import Day, by_home, loads_of


def accounts_table(case: HomesCase, days: Sequence[Day]) -> pd.DataFrame:
    """Return ``accounts``: the ledger of the days.

    Raises
    ------
    ValueError
        A trade has no price, a power that is paid for is negative, or a pool with a price does
        not balance.
    """
    return ledger(part for day in days for part in _payments(case, day))


def _payments(case: HomesCase, day: Day) -> Iterator[pd.DataFrame]:
    """Yield the parts of a day's ledger: retailer, pool, gas, and what is no payment."""
    homes, file, dt_h = day.homes(case), case.file, case.dt_h
    ids = [home.id for home in homes]
    exchange = [day.dispatch.exchange[name] for name in ids]
    if (retailer := file.retailer) is not None:
        bought, sold = (
            by_home([getattr(e, key) for e in exchange], case.hours)
            for key in ("import_kw", "export_kw")
        )
        buy, sell = case.series(retailer.buy_per_kwh), case.series(retailer.sell_per_kwh)
        yield retailer_trades(day.way, ids, bought, sold, buy, sell, dt_h)
        charges = by_home([peak_charge(case, e) for e in exchange], case.hours)
        yield peak_charges(day.way, ids, charges)
    for carrier, price in (day.pool_per_kwh or {}).items():
        key = "pool_heat_kw" if carrier == "heat" else "pool_kw"
        pool = by_home([getattr(e, key) for e in exchange], case.hours)
        yield pool_trades(day.way, ids, pool, price, carrier, dt_h)
    if (gas := file.gas) is not None:
        fuel = [_sum_of_flows(day, home, "fuel_kw", case.hours) for home in homes]
        price = case.series(gas.price_per_kwh)
        yield gas_purchases(day.way, ids, by_home(fuel, case.hours), price, dt_h)
    yield from _ofloads_of(case, day, homes)
    values = [values_of_home(case, home, day.dispatch) for home in homes]
    for kind in CARRIERS[:2]:
        worth = by_home([value[kind] for value in values], case.hours)
        yield own_values(day.way, ids, worth, kind)
    if day.emission_weight > 0.0:
        yield from _of_emissions(case, day, homes)
    for carrier, amount in (day.emission_amounts or {}).items():
        yield emission_costs(day.way, ids, amount, carrier)


def _ofloads_of(case: HomesCase, day: Day, homes: Sequence[HomeBase]) -> Iterator[pd.DataFrame]:
    """Yield what moved and unserved load counts for; of several loads at their mean price."""
    h, ids = case.forecasts(), [home.id for home in homes]
    value = day.unserved_values(case)
    for row, carrier in enumerate(CARRIERS[:2]):
        shape = (case.hours, len(homes))
        moved, cost, unserved = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        for k, home in enumerate(homes):
            if (backstop := day.dispatch.backstop_kw.get(home.id)) is not None:
                unserved[:, k] += backstop[row]
            for load in loads_of(home):
                if load.carrier == carrier:
                    shift = day.dispatch.shifts[home.id, load.id]
                    moved[:, k] += shift.down_kw
                    cost[:, k] += shift.down_kw * h.series(load.shift_cost_per_kwh)
                    unserved[:, k] += shift.unserved_kw
        price = np.divide(cost, moved, out=np.zeros(shape), where=moved > 0.0)
        yield own_costs(day.way, ids, moved, price, carrier, "shift", case.dt_h)
        yield own_costs(day.way, ids, unserved, value[carrier], carrier, "unserved", case.dt_h)


def _of_emissions(case: HomesCase, day: Day, homes: Sequence[HomeBase]) -> Iterator[pd.DataFrame]:
    """Yield what emissions count for at the price that is put on them."""
    ids = [home.id for home in homes]
    imports = [emission_of_imports(case, name, day.dispatch) for name in ids]
    plants = [
        sum(
            (emission_of_device(case, home.id, d, day.dispatch) for d in home.devices()),
            np.zeros(case.hours),
        )
        for home in homes
    ]
    of_carriers: tuple[tuple[Carrier, list[FloatArray]], ...] = (
        ("electricity", imports),
        ("fuel", plants),
    )
    for carrier, kg in of_carriers:
        amount = day.emission_weight * by_home(kg, case.hours)
        yield emission_costs(day.way, ids, amount, carrier)


def _sum_of_flows(day: Day, home: HomeBase, name: str, hours: int) -> FloatArray:
    """Return the sum of one flow over the devices of a home, kW, shape (T,)."""
    found = [getattr(day.dispatch.flows[home.id, d.id], name) for d in home.devices()]
    return np.asarray(sum(found, np.zeros(hours)), dtype=np.float64)
