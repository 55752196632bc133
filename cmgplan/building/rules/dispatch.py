"""A day by the rules as a dispatch, which tables and checks of all homes are made from."""

from __future__ import annotations

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.building.case.check import WHO
from cmgplan.building.model.plant import own_schedule_kw
from cmgplan.building.model.state import DayState
from cmgplan.devices import Device, Flows, Forecasts, HomeLoad, Job, SolarThermal, Store, Thermostat
from cmgplan.devices.renewable import HomePlant
from cmgplan.homes.case.kinds import unknown_kind
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.day.dispatch import DeviceKey, Dispatch, Exchange, Shift


def as_dispatch(case: HomesCase, day: DayState) -> Dispatch:
    """Return a day by the rules as a dispatch.

    What is unserved is taken from the loads of a unit in proportion, and surplus power that
    nobody takes from its wind and sun.
    """
    h, flows, state, shifts = case.forecasts(), _of_plants(day), {}, {}
    for stores in (day.batteries, day.cars, day.tanks):
        for k, key in enumerate(stores.data.keys):
            state[key] = stores.energy_kwh[k]
    surplus = np.maximum(day.balance_kw, 0.0)
    for s, home in enumerate(case.homes):
        for device in home.devices():
            key = (home.id, device.id)
            if isinstance(device, HomeLoad):
                shifts[key], flows[key] = _of_load(day, s, device, h)
            elif isinstance(device, HomePlant):
                kept = 1.0 - _part(surplus[s], day.plant.renewable_kw[s])
                flows[key] = Flows.of(h.hours, p_kw=kept * device.available_kw(h))
            elif isinstance(device, Store):
                flows[key] = _of_store(day, device, key, h)
            elif key not in flows:
                flows[key] = _of_fixed(device, h)
    return Dispatch(flows, state, shifts, *_exchange(day))


def _exchange(day: DayState) -> tuple[dict[str, Exchange], dict[str, FloatArray]]:
    """Return what units exchange, and the heat that nothing takes."""
    steps = day.steps.values()
    pool = sum((step.pool_kw for step in steps), np.zeros(day.shape))
    heat = sum((step.pool_heat_kw for step in steps), np.zeros(day.shape))
    sold, dumped = day.sales.total_kw, np.maximum(day.heat_kw, 0.0)
    exchange = {
        unit: Exchange(day.imported_kw[s], sold[s], pool[s], heat[s])
        for s, unit in enumerate(day.plant.units)
    }
    return exchange, {unit: dumped[s] for s, unit in enumerate(day.plant.units)}


def _of_plants(day: DayState) -> dict[DeviceKey, Flows]:
    """Return the flows of CHPs, boilers and heat pumps."""
    engines, found, hours = day.plant.engines, {}, day.plant.hours
    fuel, heat = engines.fuel_kw(day.engine_kw), engines.heat_kw(day.engine_kw)
    for c, key in enumerate(engines.keys):
        found[key] = Flows.of(hours, p_kw=day.engine_kw[c], heat_kw=heat[c], fuel_kw=fuel[c])
    for plants in day.plant.heaters:
        for b, key in enumerate(plants.keys):
            made = day.heater_kw[plants.kind][b]
            drawn = made / plants.per_input[b]
            p_kw = -drawn if plants.electric else None
            fuel_kw = None if plants.electric else drawn
            found[key] = Flows.of(hours, p_kw=p_kw, heat_kw=made, fuel_kw=fuel_kw)
    return found


def _of_store(day: DayState, device: Store, key: DeviceKey, h: Forecasts) -> Flows:
    """Return the flows of a store."""
    stores = next(s for s in (day.batteries, day.cars, day.tanks) if key in s.data.keys)
    power = stores.p_kw[stores.data.keys.index(key)]
    if device.prefix == "heat":
        return Flows.of(h.hours, heat_kw=power)
    return Flows.of(h.hours, p_kw=power)


def _of_load(day: DayState, s: int, load: HomeLoad, h: Forecasts) -> tuple[Shift, Flows]:
    """Return what of a load is unserved, and its flows."""
    heat = load.carrier == "heat"
    short = (day.short_heat_kw if heat else day.short_kw)[s]
    total = (day.plant.heat_load_kw if heat else day.plant.load_kw)[s]
    none = np.zeros(h.hours)
    unserved = load.base_kw(h) * _part(short, total)
    return Shift(none, none, unserved), load.flows_of(h, none, none, unserved)


def _of_fixed(device: Device, h: Forecasts) -> Flows:
    """Return the flows of what runs by its own rule, or as the sun lets it."""
    if isinstance(device, SolarThermal):
        return Flows.of(h.hours, heat_kw=device.available_kw(h))
    if isinstance(device, Job | Thermostat):
        taken = -own_schedule_kw(device, h)
        if "heat" in device.carriers:
            return Flows.of(h.hours, heat_kw=taken)
        return Flows.of(h.hours, p_kw=taken)
    raise unknown_kind(device, WHO)


def _part(power_kw: FloatArray, of_kw: FloatArray) -> FloatArray:
    """Return powers as shares of others, at most 1, 0 where there is nothing."""
    part = np.divide(power_kw, of_kw, out=np.zeros(len(of_kw)), where=of_kw > 0.0)
    return np.minimum(part, 1.0)
