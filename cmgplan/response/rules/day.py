"""A day of all homes by the rules of their policies.

The rules are causal: an hour knows what came before it and the forecasts of the day (prices,
intensities, loads, sun), and nothing of what the others will decide. Of the forecasts of later
hours they use two things: the mean over the day, above which an hour is dear (with a number as
``adjustment_price_per_kwh`` not that of prices), and what loads, sun and Emax leave for charging
later, from which the reserves of stores follow. Homes are run one after the
other up to what they lack or have left; then they trade, neighbours first.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cmgplan.devices import Car, Flows, GasBoiler
from cmgplan.errors import CaseError
from cmgplan.homes.case.optimised import not_for_rules
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.day.dispatch import DeviceKey, Dispatch, Exchange
from cmgplan.response.rules.electric import Follows, electric_hour, raise_supply
from cmgplan.response.rules.heat import Room, heat_hour
from cmgplan.response.rules.plant import Heater, plant_of
from cmgplan.response.rules.state import NOTHING_KW, HomeDay, fuel_of
from cmgplan.response.rules.stores import forgo_refill, must_take_kw, reserves_of
from cmgplan.response.rules.trade import Terms, Trade, outlet_kw, room_kw, settle


def run_rules(
    case: HomesCase,
    follows: Follows = "load",
    *,
    so_far: Dispatch | None = None,
    hour: int = 0,
) -> Dispatch:
    """Return the day of all homes by their policies.

    Parameters
    ----------
    follows
        What engines follow: the lacking electricity, or at least the lacking heat as well.
    so_far, hour
        A day whose hours before ``hour`` are over: the rules go on from the state it is in then.

    Raises
    ------
    CaseError
        The case has a key that rules cannot keep.
    """
    if refused := list(not_for_rules(case, "the rules")):
        raise CaseError(refused)
    plants = [plant_of(case, home) for home in case.homes]
    reserves = reserves_of(case, plants)
    days = [HomeDay(plant, reserve) for plant, reserve in zip(plants, reserves, strict=True)]
    if so_far is not None:
        for day in days:
            day.resume(so_far, hour)
    terms = Terms.of(case)
    retailer = case.file.retailer
    paid = np.zeros(case.hours) if retailer is None else case.series(retailer.sell_per_kwh)
    for t in range(hour if so_far is not None else 0, case.hours):
        for day in days:
            electric_hour(day, t, follows)
        serve_missing(days, t, terms)
        heat_hour(days, t, case.file.pool.heat, *_rooms(days, t, terms))
        trade_hour(days, t, terms, sells=float(paid[t]) >= 0.0)
        for day in days:
            day.end_hour(t)
    return as_dispatch(case, days)


def _rooms(days: Sequence[HomeDay], t: int, terms: Terms) -> tuple[Room, Room]:
    """Return how much more electricity a home can have, and can get rid of, as things stand."""

    def short() -> list[float]:
        return [day.short_kw(t) for day in days]

    return lambda k: room_kw(short(), k, terms), lambda k: outlet_kw(short(), k, terms)


def _trade(days: Sequence[HomeDay], t: int, terms: Terms) -> Trade:
    """Return the trade of what homes lack and have left."""
    return settle([day.short_kw(t) for day in days], terms)


def serve_missing(days: Sequence[HomeDay], t: int, terms: Terms) -> None:
    """Serve electricity that the retailer's limits leave lacking, else leave load unserved.

    Batteries forgo what they take beyond their reserve, then give and engines run beyond the
    rules, at home first and then at neighbours in the pool; last comes load.
    """
    if not _lacks(_trade(days, t, terms)):
        return
    for day in days:
        for battery in day.plant.batteries:
            keep = must_take_kw(day, battery, t)
            missing = sum(_trade(days, t, terms).missing)
            forgo_refill(day, battery, t, missing, keep)
    for k, day in enumerate(days):
        missing = _trade(days, t, terms).missing[k]
        if missing > NOTHING_KW:
            raise_supply(day, t, missing, terms.trades)
    for day in days:
        missing = sum(_trade(days, t, terms).missing)
        if terms.pool and missing > NOTHING_KW:
            raise_supply(day, t, missing, terms.trades)
    missing_kw = _trade(days, t, terms).missing
    for day, missing in zip(days, missing_kw, strict=True):
        leave_unserved(day, t, missing)


def _lacks(trade: Trade) -> bool:
    """Return whether anything is missing."""
    return max(trade.missing, default=0.0) > NOTHING_KW


def leave_unserved(day: HomeDay, t: int, missing_kw: float) -> None:
    """Leave electric load unserved, in proportion; beyond it, batteries take less."""
    if missing_kw <= NOTHING_KW:
        return
    h = day.plant.hours
    served = {
        load.id: float(
            load.base_kw(h)[t]
            + day.up_kw[load.id][t]
            - day.down_kw[load.id][t]
            - day.unserved_kw[load.id][t]
        )
        for load in day.plant.loads
    }
    total = sum(served.values())
    left = min(missing_kw, total)
    for load in day.plant.loads:
        day.unserved_kw[load.id][t] += left * served[load.id] / total if total > 0.0 else 0.0
    rest = missing_kw - left
    for battery in day.plant.batteries:
        rest -= forgo_refill(day, battery, t, rest, 0.0)


def trade_hour(days: Sequence[HomeDay], t: int, terms: Terms, sells: bool) -> None:
    """Trade what homes lack and have left; curtail sun and wind that nobody takes.

    At a price under 0 nothing is sold that can be curtailed. What is lacking beyond every limit
    is bought all the same, so that the balance holds and the checks name it.
    """
    now = _trade(days, t, terms)
    for k, day in enumerate(days):
        useless = now.left[k] + (0.0 if sells else now.sold[k])
        day.curtailed_kw[t] = min(useless, float(day.plant.renewable_kw[t]))
    now = _trade(days, t, terms)
    for k, day in enumerate(days):
        day.import_kw[t] = now.bought[k] + now.missing[k]
        day.export_kw[t] = now.sold[k] + now.left[k]
        day.pool_kw[t] = now.pool[k]


def as_dispatch(case: HomesCase, days: Sequence[HomeDay]) -> Dispatch:
    """Return the days of homes as a dispatch, which tables and checks are made from."""
    flows: dict[DeviceKey, Flows] = {}
    state, shifts, exchange, dumped = {}, {}, {}, {}
    for home, day in zip(case.homes, days, strict=True):
        plant = day.plant
        for name, of in _flows(day).items():
            flows[home.id, name] = of
        for store in (*plant.batteries, *plant.tanks):
            state[home.id, store.id] = day.soc_kwh[store.id]
        for car in home.devices():
            if isinstance(car, Car):
                charge = -plant.own[car.id].p_kw
                state[home.id, car.id] = car.soc_of(plant.hours, charge, np.zeros(case.hours))
        for load in (*plant.loads, *plant.heat_loads):
            shifts[home.id, load.id] = day.shift_of(load)
        exchange[home.id] = Exchange(day.import_kw, day.export_kw, day.pool_kw, day.pool_heat_kw)
        dumped[home.id] = day.dumped_kw
    return Dispatch(flows, state, shifts, exchange, dumped)


def _flows(day: HomeDay) -> dict[str, Flows]:
    """Return the flows of every device of a home."""
    plant, h = day.plant, day.plant.hours
    found = dict(plant.own)
    for engine in plant.engines:
        power = day.engine_kw[engine.id]
        fuel = np.where(power > 0.0, fuel_of(engine, 0.0) + power / engine.efficiency_electric, 0.0)
        heat = engine.efficiency_heat * fuel
        found[engine.id] = Flows.of(h.hours, p_kw=power, heat_kw=heat, fuel_kw=fuel)
    for heater in plant.heaters:
        found[heater.id] = _flows_of_heater(day, heater)
    for store in (*plant.batteries, *plant.tanks):
        found[store.id] = day.flows_of_store(store)
    kept = 1.0 - np.divide(
        day.curtailed_kw, plant.renewable_kw, out=np.zeros(h.hours), where=plant.renewable_kw > 0.0
    )
    for plant_of_sun in plant.renewables:
        found[plant_of_sun.id] = Flows.of(h.hours, p_kw=kept * plant_of_sun.available_kw(h))
    for collector in plant.collectors:
        found[collector.id] = Flows.of(h.hours, heat_kw=collector.available_kw(h))
    for load in (*plant.loads, *plant.heat_loads):
        s = day.shift_of(load)
        found[load.id] = load.flows_of(h, s.up_kw, s.down_kw, s.unserved_kw)
    return found


def _flows_of_heater(day: HomeDay, heater: Heater) -> Flows:
    """Return the flows of a boiler or a heat pump."""
    h, heat = day.plant.hours, day.heater_kw[heater.id]
    if isinstance(heater, GasBoiler):
        return Flows.of(h.hours, heat_kw=heat, fuel_kw=heat / heater.efficiency)
    return Flows.of(h.hours, p_kw=-heat / heater.heat_per_power(h), heat_kw=heat)
