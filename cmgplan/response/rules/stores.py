"""Batteries and tanks under the rules: what they may give and take, and what their end asks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.devices import Store
from cmgplan.devices.electric_boiler import ElectricHeat
from cmgplan.homes.case.records import HomesCase
from cmgplan.response.case.charging import needed_kwh
from cmgplan.response.case.emission import output_range_kw
from cmgplan.response.rules.plant import Plant
from cmgplan.response.rules.state import NOTHING_KW, HomeDay


def reserves_of(case: HomesCase, plants: Sequence[Plant]) -> list[dict[str, FloatArray]]:
    """Return the least energy of every store at the end of each hour, by home, kWh, shape (T,).

    From there it ends its day no lower than it must, on what it can count on to charge: the
    trade limit and the engines left by everything that the home may have to serve in an hour,
    and of a tank what boilers and pumps leave, by the forecasts of the day.
    """
    free = _free_kw(case, plants)
    found = []
    for plant, free_kw in zip(plants, free, strict=True):
        heat_kw = _free_heat_kw(plant, free_kw)
        found.append(
            {
                store.id: _reserve(plant, store, spare / len(stores))
                for stores, spare in ((plant.batteries, free_kw), (plant.tanks, heat_kw))
                for store in stores
            }
        )
    return found


def _reserve(plant: Plant, store: Store, spare_kw: FloatArray) -> FloatArray:
    """Return the least energy of a store at the end of each hour, kWh."""
    h = plant.hours
    charge = np.clip(spare_kw, 0.0, store.charge_limit_kw)
    return np.maximum(needed_kwh(store, h, charge)[1:], store.soc_floor_kwh(h))


def _free_kw(case: HomesCase, plants: Sequence[Plant]) -> list[FloatArray]:
    """Return what each home can count on beyond its own needs, kW of electricity, shape (T,)."""
    retailer, hours = case.file.retailer, case.hours
    each, total = 0.0, 0.0
    if retailer is not None:
        each = np.inf if retailer.power_max_kw is None else retailer.power_max_kw
        most = retailer.power_max_total_kw
        total = np.inf if most is None else most
    needs = [
        p.load_kw + p.fixed_kw - p.renewable_kw + np.where(p.policy.dear, 0.0, _arriving_kw(p))
        for p in plants
    ]
    bought = sum((np.maximum(need, 0.0) for need in needs), np.zeros(hours))
    homes = max(sum(bool(p.batteries) for p in plants), 1)
    shared = np.maximum(total - bought, 0.0) / homes
    return [
        np.minimum(each - need, shared) + _engines_kw(p)
        for p, need in zip(plants, needs, strict=True)
    ]


def _arriving_kw(plant: Plant) -> FloatArray:
    """Return the most moved load that may arrive, kW, shape (T,)."""
    may = any(load.shiftable for load in plant.loads) and plant.policy.policy != "none"
    return plant.policy.arrive_max_kw if may else np.zeros(plant.hours.hours)


def _engines_kw(plant: Plant) -> FloatArray:
    """Return the most that the engines of a home make under Emax, kW, shape (T,)."""
    found = np.zeros(plant.hours.hours)
    for t in plant.hours.steps:
        rest = plant.limit_kg_per_h(t)
        for engine in plant.engines:
            curve = plant.curves[engine.id][t]
            power = curve.most_kw(rest, *output_range_kw(engine))
            if power is not None:
                found[t] += power
                rest -= curve.kg_per_h(power)
    return found


def _free_heat_kw(plant: Plant, free_kw: FloatArray) -> FloatArray:
    """Return the heat that a home can count on beyond its loads, kW, shape (T,)."""
    h = plant.hours
    found = plant.collected_kw - plant.heat_load_kw - plant.fixed_heat_kw
    for t in h.steps:
        rest, power = plant.limit_kg_per_h(t), max(float(free_kw[t]), 0.0)
        for heater in plant.heaters:
            if isinstance(heater, ElectricHeat):
                ratio = float(heater.heat_per_power(h)[t])
                made = min(heater.heat_max_kw, power * ratio)
                power -= made / ratio
            else:
                curve = plant.curves[heater.id][t]
                made = curve.most_kw(rest, 0.0, heater.heat_max_kw) or 0.0
                rest -= curve.kg_per_h(made) if made > 0.0 else 0.0
            found[t] += made
    return found


def can_give_kw(day: HomeDay, store: Store, t: int, to_the_reserve: bool = False) -> float:
    """Return the most that a store may give in hour t, kW.

    In dear hours it gives down to its reserve, in cheap ones no lower than it must end the day,
    unless ``to_the_reserve`` is asked for. A store that takes gives nothing in the same hour.
    """
    if day.store_kw[store.id][t] < -NOTHING_KW:
        return 0.0
    h = day.plant.hours
    floor = float(day.reserve_kwh[store.id][t])
    if not (day.plant.policy.dear[t] or to_the_reserve):
        floor = max(floor, store.end_kwh(h))
    kept = store.kept(h.dt_h) * day.level_kwh[store.id]
    power = min((kept - floor) * store.efficiency_discharge / h.dt_h, store.discharge_limit_kw)
    return max(power - max(float(day.store_kw[store.id][t]), 0.0), 0.0)


def can_take_kw(day: HomeDay, store: Store, t: int) -> float:
    """Return the most that a store may take in hour t beyond what it takes, kW; 0 if it gives."""
    if day.store_kw[store.id][t] > NOTHING_KW:
        return 0.0
    room = _charge_to_kw(day, store, store.soc_max * store.capacity_kwh)
    taken = max(-float(day.store_kw[store.id][t]), 0.0)
    return max(min(room, store.charge_limit_kw) - taken, 0.0)


def refill(day: HomeDay, stores: Sequence[Store], t: int) -> None:
    """Let stores take what their reserve asks, and in cheap hours what they lack to their end."""
    for store in stores:
        wanted = must_take_kw(day, store, t)
        if not day.plant.policy.dear[t]:
            to_end = _charge_to_kw(day, store, store.end_kwh(day.plant.hours))
            wanted = max(wanted, min(to_end, can_take_kw(day, store, t)))
        if wanted > NOTHING_KW:
            day.store_kw[store.id][t] = -wanted


def must_take_kw(day: HomeDay, store: Store, t: int) -> float:
    """Return what a store must take in hour t to keep its reserve, kW, as far as it can."""
    wanted = _charge_to_kw(day, store, float(day.reserve_kwh[store.id][t]))
    room = _charge_to_kw(day, store, store.soc_max * store.capacity_kwh)
    return max(min(wanted, room, store.charge_limit_kw), 0.0)


def give(day: HomeDay, store: Store, t: int, power_kw: float) -> None:
    """Let a store give more, or take less."""
    day.store_kw[store.id][t] += power_kw


def take(day: HomeDay, store: Store, t: int, power_kw: float) -> None:
    """Let a store take more, or give less."""
    day.store_kw[store.id][t] -= power_kw


def forgo_refill(day: HomeDay, store: Store, t: int, power_kw: float, keep_kw: float) -> float:
    """Take back up to a power of a store's charging, down to what it keeps; return it, kW."""
    taken = max(-float(day.store_kw[store.id][t]), 0.0)
    back = min(power_kw, max(taken - keep_kw, 0.0))
    day.store_kw[store.id][t] += back
    return back


def _charge_to_kw(day: HomeDay, store: Store, energy_kwh: float) -> float:
    """Return the charging of one hour that ends at an energy, kW; under 0 where it is above."""
    dt_h = day.plant.hours.dt_h
    kept = store.kept(dt_h) * day.level_kwh[store.id]
    return (energy_kwh - kept) / (store.efficiency_charge * dt_h)
