"""What a day of homes costs and emits, from its dispatch and the case alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.devices import Device, Job
from cmgplan.devices.store import HomeStore
from cmgplan.homes.accounts.ledger import Carrier
from cmgplan.homes.case.records import HomeBase, HomesCase
from cmgplan.homes.day.dispatch import Dispatch, Exchange

SAME_KW = 1e-6
"""Power by which an import may be under the greatest and be as great: rounding moves no hour."""


@dataclass(frozen=True)
class HomeCosts:
    """Costs of one home by hour, currency, each of shape (T,); sales are what it is paid.

    ``peak`` is the charge for the greatest import, in its hour; ``value`` what optional jobs and
    the energy left in stores are worth, where a job begins and in the last hour.
    """

    purchases: FloatArray
    sales: FloatArray
    gas: FloatArray
    shift: FloatArray
    unserved: FloatArray
    peak: FloatArray
    value: FloatArray

    @property
    def total(self) -> FloatArray:
        """Purchases - sales + gas + shifting + unserved load + peak charge - value, shape (T,)."""
        paid = self.purchases - self.sales + self.gas + self.peak
        return paid + self.shift + self.unserved - self.value


def costs_of_home(case: HomesCase, home_id: str, dispatch: Dispatch) -> HomeCosts:
    """Return the costs of one home by hour, payments within the pool not among them."""
    home = next(home for home in case.homes if home.id == home_id)
    exchange, file, zero = dispatch.exchange[home_id], case.file, np.zeros(case.hours)
    purchases, sales, gas = zero, zero, zero
    if (retailer := file.retailer) is not None:
        purchases = case.dt_h * case.series(retailer.buy_per_kwh) * exchange.import_kw
        sales = case.dt_h * case.series(retailer.sell_per_kwh) * exchange.export_kw
    shift, unserved = zero.copy(), zero.copy()
    fuel = zero.copy()
    for device in home.devices():
        fuel += dispatch.flows[home_id, device.id].fuel_kw
        moved = dispatch.shifts.get((home_id, device.id))
        if moved is not None:
            heat = "heat" in device.carriers
            worth = file.pool.unserved_heat_per_kwh if heat else 0.0
            worth = worth if heat else file.pool.unserved_electricity_per_kwh
            unserved += case.dt_h * worth * moved.unserved_kw
            price = case.series(getattr(device, "shift_cost_per_kwh", 0.0))
            shift += case.dt_h * price * moved.down_kw
    if (backstop := dispatch.backstop_kw.get(home_id)) is not None:
        worths = (file.pool.unserved_electricity_per_kwh, file.pool.unserved_heat_per_kwh)
        unserved += case.dt_h * (np.asarray(worths) @ backstop)
    if file.gas is not None:
        gas = case.dt_h * case.series(file.gas.price_per_kwh) * fuel
    value = sum(values_of_home(case, home, dispatch).values(), zero)
    peak = peak_charge(case, exchange)
    return HomeCosts(purchases, sales, gas, shift, unserved, peak, value)


def peak_charge(case: HomesCase, exchange: Exchange) -> FloatArray:
    """Return what a home pays for the greatest import of its day, in its first hour, (T,)."""
    charge, retailer, imports = np.zeros(case.hours), case.file.retailer, exchange.import_kw
    if retailer is not None:
        most = float(imports.max())
        first = int(np.argmax(imports >= most - SAME_KW))
        charge[first] = retailer.peak_charge_per_kw * max(most, 0.0)
    return charge


def values_of_home(
    case: HomesCase, home: HomeBase, dispatch: Dispatch
) -> dict[Carrier, FloatArray]:
    """Return what optional jobs and energy left in stores are worth, by carrier, shape (T,)."""
    h, found = case.forecasts(), dict[Carrier, FloatArray]()
    found["electricity"], found["heat"] = np.zeros(case.hours), np.zeros(case.hours)
    for device in home.devices():
        key = home.id, device.id
        if isinstance(device, Job) and device.worth > 0.0:
            on = -dispatch.flows[key].p_kw > 0.5 * device.p_kw
            if on.any():
                found["electricity"][on.argmax()] += device.worth
        elif isinstance(device, HomeStore) and device.value_end_per_kwh > 0.0:
            left = device.value_left(h, float(dispatch.state[key][-1]))
            found["heat" if device.prefix == "heat" else "electricity"][-1] += left
    return found


def cost_of_day(case: HomesCase, dispatch: Dispatch) -> float:
    """Return the cost of all homes over the day, currency."""
    return float(sum(costs_of_home(case, home, dispatch).total.sum() for home in case.ids))


def emission_of_device(
    case: HomesCase, home_id: str, device: Device, dispatch: Dispatch
) -> FloatArray:
    """Return what a device emits in each hour, kg, shape (T,): its own emission, or its gas's."""
    flows = dispatch.flows[home_id, device.id]
    own = device.simulate_flows(case.forecasts(), flows).emission_kg
    if own is not None:
        return own
    gas = case.file.gas
    rate = case.series(0.0 if gas is None else gas.emission_kg_per_kwh)
    return np.asarray(case.dt_h * rate * flows.fuel_kw, dtype=np.float64)


def emission_of_imports(case: HomesCase, home_id: str, dispatch: Dispatch) -> FloatArray:
    """Return the emission of what a home buys from the retailer in each hour, kg, shape (T,)."""
    retailer = case.file.retailer
    rate = case.series(0.0 if retailer is None else retailer.emission_kg_per_kwh)
    return np.asarray(case.dt_h * rate * dispatch.exchange[home_id].import_kw, dtype=np.float64)


def emission_of_day(case: HomesCase, dispatch: Dispatch) -> float:
    """Return the emission of all homes over the day, kg, by the exact formulas."""
    total = 0.0
    for home in case.homes:
        total += float(emission_of_imports(case, home.id, dispatch).sum())
        for device in home.devices():
            total += float(emission_of_device(case, home.id, device, dispatch).sum())
    return total
