"""Totals of a day of homes, from the tables of its run alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cmgplan.homes.accounts.ledger import REASONS, RETAILER
from cmgplan.homes.day.tables import BACKSTOP, DUMP
from cmgplan.run.tables import Tables


@dataclass(frozen=True)
class DayTotals:
    """Totals of one way to run a day: money in the currency of the case, energy in kWh.

    ``pool_kwh`` is electricity, ``pool_heat_kwh`` heat that homes gave each other; ``moved_kwh``
    is load that left its hour, of both carriers; what a backstop gives is unserved. ``peak`` is
    the charge for the greatest import, ``value`` what jobs and energy left in stores are worth.
    """

    purchases: float
    sales: float
    gas: float
    shift: float
    unserved: float
    import_kwh: float
    export_kwh: float
    gas_kwh: float
    pool_kwh: float
    pool_heat_kwh: float
    moved_kwh: float
    unserved_electricity_kwh: float
    unserved_heat_kwh: float
    dumped_kwh: float
    curtailed_kwh: float
    emission_kg: float
    peak: float = 0.0
    value: float = 0.0

    @property
    def given_kwh(self) -> float:
        """Electricity and heat that homes gave each other."""
        return self.pool_kwh + self.pool_heat_kwh

    @property
    def cost(self) -> float:
        """``served_cost`` and the value of unserved load."""
        return self.served_cost + self.unserved

    @property
    def served_cost(self) -> float:
        """Purchases - sales + gas + peak charge + cost of moved load - value."""
        return self.purchases - self.sales + self.gas + self.peak + self.shift - self.value


def day_totals(tables: Tables, way: str, dt_h: float) -> DayTotals:
    """Return the totals of one way."""
    stems = ("dispatch", "exchange", "demand_response", "accounts")
    dispatch, exchange, response, accounts = (of_way(tables[stem], way) for stem in stems)
    paid = accounts.groupby("reason")["amount"].sum()
    money = {reason: float(paid.get(reason, 0.0)) for reason in REASONS}
    unserved = response.groupby("carrier")["unserved_kw"].sum() * dt_h
    backstop = dispatch[dispatch["kind"] == BACKSTOP]
    nowhere = {
        "electricity": dt_h * float(backstop["p_kw"].sum()),
        "heat": dt_h * float(backstop["heat_kw"].sum()),
    }
    dumped = dispatch.loc[dispatch["kind"] == DUMP, "heat_kw"]
    return DayTotals(
        purchases=money["purchase"],
        sales=money["sale"],
        gas=money["gas"],
        shift=money["shift"],
        unserved=money["unserved"],
        import_kwh=dt_h * float(exchange["import_kw"].sum()),
        export_kwh=dt_h * float(exchange["export_kw"].sum()),
        gas_kwh=dt_h * float(dispatch["fuel_kw"].sum()),
        pool_kwh=dt_h * float(exchange["pool_kw"].clip(lower=0.0).sum()),
        pool_heat_kwh=dt_h * float(exchange["pool_heat_kw"].clip(lower=0.0).sum()),
        moved_kwh=dt_h * float(response["down_kw"].sum()),
        unserved_electricity_kwh=float(unserved.get("electricity", 0.0)) + nowhere["electricity"],
        unserved_heat_kwh=float(unserved.get("heat", 0.0)) + nowhere["heat"],
        dumped_kwh=dt_h * float(np.abs(dumped).sum()),
        curtailed_kwh=dt_h * float(dispatch["curtailed_kw"].sum()),
        emission_kg=float(dispatch["emission_kg"].sum() + exchange["emission_kg"].sum()),
        peak=money["peak"],
        value=0.0 - money["value"],
    )


def money_by_home(tables: Tables, way: str) -> pd.DataFrame:
    """Return what every home pays (positive) and is paid (negative), homes by item.

    Columns: purchases, sales, gas, peak, pool, shift, unserved, value, emission; of the pool what
    is paid less what is received.
    """
    accounts = of_way(tables["accounts"], way)
    homes = [name for name in of_way(tables["income"], way)["home"] if name != RETAILER]
    names = {"purchase": "purchases", "sale": "sales"}
    items = accounts["reason"].map(lambda reason: names.get(reason, reason))
    paid = accounts.assign(item=items, home=accounts["from"])
    received = accounts.assign(item=items, home=accounts["to"], amount=-accounts["amount"])
    both = pd.concat([paid, received], ignore_index=True)
    table = both.pivot_table(index="home", columns="item", values="amount", aggfunc="sum")
    columns = [
        *("purchases", "sales", "gas", "peak", "pool", "shift", "unserved", "value", "emission")
    ]
    return table.reindex(index=homes, columns=columns).fillna(0.0)


def of_way(table: pd.DataFrame, way: str) -> pd.DataFrame:
    """Return the rows of one way."""
    return table[table["way"] == way]
