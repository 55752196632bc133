"""Rules for prices: of the retailer, of gas, and of load that nothing serves."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.case.folder import CASE_FILE
from cmgplan.case.scenarios import SCENARIO_FILE
from cmgplan.devices import GasBoiler
from cmgplan.devices.electric_boiler import ElectricHeat
from cmgplan.errors import Fault
from cmgplan.homes.case.draft import Draft
from cmgplan.homes.case.records import Retailer
from cmgplan.plurals import counted

SAME_PRICE = 1e-12
"""Prices per kWh within which sold is not dearer than bought."""


def check_prices(draft: Draft) -> Iterator[Fault]:
    """Yield a retailer who pays more than it takes, and what is doubtful in prices."""
    if draft.retailer is not None:
        yield from _band(draft, draft.retailer)
    yield from _below_zero(draft)
    if draft.pool is not None:
        yield from _unserved_electricity(draft, draft.pool.unserved_electricity_per_kwh)
        yield from _unserved_heat(draft, draft.pool.unserved_heat_per_kwh)


def check_gas(draft: Draft) -> Iterator[Fault]:
    """Yield a fault where a device burns gas and the case has none."""
    if "gas" in draft.raw:
        return
    burning = [
        f"{home.name} {device.id}"
        for _, home, device in draft.devices()
        if "fuel" in device.carriers
    ]
    if burning:
        more = f" and {len(burning) - 1} more burn" if len(burning) > 1 else " burns"
        message = f"{burning[0]}{more} gas, but there is no [gas]"
        yield Fault(CASE_FILE, "gas", message, "add [gas] with its price_per_kwh")


def _band(draft: Draft, retailer: Retailer) -> Iterator[Fault]:
    """Yield a fault where the retailer pays more than it takes, also in a scenario."""
    buy, sell = draft.series(retailer.buy_per_kwh), draft.series(retailer.sell_per_kwh)
    if buy is None or sell is None:
        return
    mend = "a retailer that pays more than it takes has no end of trade; exchange or correct them"
    told = _above(sell, buy)
    if told:
        yield Fault(CASE_FILE, "retailer.sell_per_kwh", told, mend)
        return
    for scenario in draft.scenarios:
        told = _above(scenario.factor("sell") * sell, scenario.factor("buy") * buy)
        if told:
            message = f"in scenario {scenario.id} sell_per_kwh {told}"
            yield Fault(SCENARIO_FILE, "", message, mend)


def _above(sell: FloatArray, buy: FloatArray) -> str:
    """Return the first hour in which sold is dearer than bought, with both prices; else empty."""
    hours = np.flatnonzero(sell > buy + SAME_PRICE)
    if hours.size == 0:
        return ""
    hour = int(hours[0])
    more = f" (and {counted(hours.size - 1, 'more hour')})" if hours.size > 1 else ""
    return f"{sell[hour]:g} is above buy_per_kwh {buy[hour]:g} in hour {hour}{more}"


def _below_zero(draft: Draft) -> Iterator[Fault]:
    """Yield a warning for every price below 0."""
    prices: list[tuple[str, float | str | None]] = []
    if draft.retailer is not None:
        prices += [("retailer.buy_per_kwh", draft.retailer.buy_per_kwh)]
        prices += [("retailer.sell_per_kwh", draft.retailer.sell_per_kwh)]
    if draft.gas is not None:
        prices.append(("gas.price_per_kwh", draft.gas.price_per_kwh))
    for where, value in prices:
        values = draft.series(value)
        if values is not None and values.size and values.min() < 0.0:
            count = int(np.sum(values < 0.0))
            message = f"the price is negative in {counted(count, 'hour')}"
            mend = f"check that {values.min():g} per kWh is meant"
            yield Fault(CASE_FILE, where, message, mend, "warning")


def _unserved_electricity(draft: Draft, value: float) -> Iterator[Fault]:
    """Yield a warning where load is worth less than the power that would serve it."""
    if draft.retailer is None:
        return
    buy = draft.series(draft.retailer.buy_per_kwh)
    if buy is not None and buy.size and buy.max() > value:
        hour = int(buy.argmax())
        message = f"{value:g} is under buy_per_kwh {buy[hour]:g} in hour {hour}"
        mend = "raise it; load is rather not served than served so"
        yield Fault(CASE_FILE, "pool.unserved_electricity_per_kwh", message, mend, "warning")


def _unserved_heat(draft: Draft, value: float) -> Iterator[Fault]:
    """Yield a warning where heat is worth less than the cheapest boiler's or pump's."""
    h = draft.forecasts
    if h is None:
        return
    gas = None if draft.gas is None else draft.series(draft.gas.price_per_kwh)
    buy = None if draft.retailer is None else draft.series(draft.retailer.buy_per_kwh)
    costs: list[FloatArray] = []
    for _, _, device in draft.devices():
        if isinstance(device, GasBoiler) and gas is not None:
            costs.append(gas / device.efficiency)
        elif isinstance(device, ElectricHeat) and buy is not None and draft.usable(device):
            costs.append(buy / device.heat_per_power(h))
    if not costs:
        return
    least = np.min(costs, axis=0)
    if least.max() > value:
        hour = int(least.argmax())
        message = f"{value:g} is under the {least[hour]:.4g} of the cheapest heat in hour {hour}"
        mend = "raise it; load is rather not served than served so"
        yield Fault(CASE_FILE, "pool.unserved_heat_per_kwh", message, mend, "warning")
