"""One decoded point as a dispatch: every device, and who exchanged what with whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.devices import Flows
from cmgplan.homes.day.dispatch import DeviceKey, Dispatch, Exchange, Shift
from cmgplan.response.heuristics.appliances import ThermostatPart
from cmgplan.response.heuristics.schedule import HomeSchedule, Schedule


def assembled(schedule: Schedule, k: int) -> Dispatch:
    """Return the day of point k of a schedule.

    What is unserved and curtailed in a group is shared by its homes in proportion to their loads
    and to what their plants offer. Homes of a pool trade with each other first, in proportion to
    what they are short of or have over, and each buys or sells what is left to it.
    """
    hours, parts = schedule.parts.h.hours, schedule.parts
    flows: dict[DeviceKey, Flows] = {}
    state: dict[DeviceKey, FloatArray] = {}
    shifts: dict[DeviceKey, Shift] = {}
    unserved = [_unserved(schedule, k, heat) for heat in (False, True)]
    curtailed = _curtailed(schedule, k)
    for i, home in enumerate(schedule.homes):
        key = home.parts.home.id
        for name, device_flows in _flows(home, k, hours, curtailed[i]).items():
            flows[key, name] = device_flows
        for store, soc in zip(home.stores, home.soc_kwh, strict=True):
            state[key, store.device.id] = _of(soc, k)
        for load, left in zip(home.parts.loads, home.left_kw, strict=True):
            moved = np.zeros(hours) if left is None else left[:, k]
            heat = load.device.carrier == "heat"
            share = _share(load.base_kw - moved, (home.heat_load if heat else home.load)[:, k])
            missing = share * unserved[heat][i]
            shift = Shift(np.maximum(-moved, 0.0), np.maximum(moved, 0.0), missing)
            shifts[key, load.device.id] = shift
            flows[key, load.device.id] = load.device.flows_of(
                parts.h, shift.up_kw, shift.down_kw, missing
            )
    exchange, dumped = _exchange(schedule, flows)
    return Dispatch(flows, state, shifts, exchange, dumped)


def _of(rows: Sequence[FloatArray], k: int) -> FloatArray:
    """Return the values of point k by hour, shape (T,)."""
    return np.array([row[k] for row in rows], dtype=np.float64)


def _share(part: FloatArray, whole: FloatArray) -> FloatArray:
    """Return shares of a whole, 0 where there is nothing."""
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0.0)


def _unserved(schedule: Schedule, k: int, heat: bool) -> dict[int, FloatArray]:
    """Return by home the load of a carrier that nothing serves, kW, shape (T,)."""
    groups = schedule.parts.heat_groups if heat else schedule.parts.electric_groups
    found: dict[int, FloatArray] = {}
    for g, group in enumerate(groups):
        hours = schedule.heat[g] if heat else schedule.power[g]
        missing = _of([hour.unserved_kw for hour in hours], k)
        homes = [schedule.homes[i] for i in group]
        loads = [(home.heat_load if heat else home.load)[:, k] for home in homes]
        for i, load in zip(group, loads, strict=True):
            found[i] = _share(load, np.sum(loads, axis=0)) * missing
    return found


def _curtailed(schedule: Schedule, k: int) -> dict[int, FloatArray]:
    """Return by home the share of sun and wind that is curtailed, shape (T,)."""
    found: dict[int, FloatArray] = {}
    for g, group in enumerate(schedule.parts.electric_groups):
        over = _of([hour.curtailed_kw for hour in schedule.power[g]], k)
        total = np.sum([schedule.homes[i].available_kw for i in group], axis=0)
        for i in group:
            found[i] = _share(over, total)
    return found


def _flows(home: HomeSchedule, k: int, hours: int, curtailed: FloatArray) -> dict[str, Flows]:
    """Return the flows of the devices of a home that are no loads, by id."""
    found: dict[str, Flows] = {}
    parts, h = home.parts, home.h
    for appliance, taken in zip(parts.appliances, home.taken_kw, strict=True):
        heat = isinstance(appliance, ThermostatPart) and appliance.device.by_heat
        name = "heat_kw" if heat else "p_kw"
        found[appliance.device.id] = Flows.of(hours, **{name: -taken[:, k]})
    for engine, fuel in zip(parts.engines, home.fuel_kw, strict=True):
        heat_kw = engine.device.efficiency_heat * fuel[:, k]
        flows = Flows.of(hours, engine.p_kw(fuel[:, k]), heat_kw=heat_kw, fuel_kw=fuel[:, k])
        found[engine.device.id] = flows
    for heater, heats in zip(parts.heaters, home.heat_kw, strict=True):
        heat_kw = _of(heats, k)
        drawn = None if heater.ratio is None else -heat_kw / heater.ratio
        fuel = heater.fuel_kw(heat_kw)
        found[heater.device.id] = Flows.of(hours, drawn, heat_kw=heat_kw, fuel_kw=fuel)
    for store, nets in zip(home.stores, home.net_kw, strict=True):
        name = "heat_kw" if store.device.prefix == "heat" else "p_kw"
        found[store.device.id] = Flows.of(hours, **{name: _of(nets, k)})
    for plant in parts.plants:
        found[plant.id] = Flows.of(hours, plant.available_kw(h) * (1.0 - curtailed))
    for collector in parts.collectors:
        found[collector.id] = Flows.of(hours, heat_kw=collector.available_kw(h))
    return found


def _exchange(
    schedule: Schedule, flows: dict[DeviceKey, Flows]
) -> tuple[dict[str, Exchange], dict[str, FloatArray]]:
    """Return trade by home, and heat that nothing takes."""
    parts, zero = schedule.parts, np.zeros(schedule.parts.h.hours)
    ids = [home.parts.home.id for home in schedule.homes]
    net, heat = (
        {
            i: sum((getattr(f, name) for (home, _), f in flows.items() if home == key), zero)
            for i, key in enumerate(ids)
        }
        for name in ("p_kw", "heat_kw")
    )
    retailer = parts.case.file.retailer
    most = np.inf if retailer is None or retailer.power_max_kw is None else retailer.power_max_kw
    outside = _outside(net, parts.electric_groups, most)
    left = _outside(heat, parts.heat_groups, np.inf)
    dumped = {i: np.maximum(over, 0.0) for i, over in left.items()}
    exchange = {
        name: Exchange(
            np.maximum(-outside[i], 0.0),
            np.maximum(outside[i], 0.0),
            _clean(net[i] - outside[i]),
            _clean(heat[i] - dumped[i]),
        )
        for i, name in enumerate(ids)
    }
    return exchange, {name: dumped[i] for i, name in enumerate(ids)}


def _clean(power_kw: FloatArray) -> FloatArray:
    """Return powers without what is no more than rounding."""
    return np.where(np.abs(power_kw) < 1e-9, 0.0, power_kw)


def _outside(
    net_kw: Mapping[int, FloatArray], groups: Sequence[Sequence[int]], most_kw: float
) -> dict[int, FloatArray]:
    """Return by home what is left to it after trade within its group, kW, shape (T,)."""
    return {
        i: left
        for group in groups
        for i, left in zip(group, _left(np.array([net_kw[i] for i in group]), most_kw), strict=True)
    }


def _left(net_kw: FloatArray, most_kw: float) -> FloatArray:
    """Return what is left to each home when a group has traded within itself, (homes, T).

    What a home has over its own limit of trade goes through those that have room.
    """
    short, over = np.maximum(-net_kw, 0.0), np.maximum(net_kw, 0.0)
    both = np.minimum(short.sum(axis=0), over.sum(axis=0))
    for side in (short, over):
        side *= 1.0 - _share(both, side.sum(axis=0))
        excess = np.maximum(side - most_kw, 0.0).sum(axis=0)
        np.minimum(side, most_kw, out=side)
        if excess.any():
            room = most_kw - side
            side += room * np.minimum(_share(excess, room.sum(axis=0)), 1.0)
    return over - short
