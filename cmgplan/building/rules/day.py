"""A day by the rules, from the first step to the last."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.building.model.plant import Plant
from cmgplan.building.model.state import DayState, Foresight
from cmgplan.building.model.stores import StoreState
from cmgplan.building.rules import electric, thermal
from cmgplan.homes.day.dispatch import DeviceKey

STEPS = tuple([f"E{k}" for k in range(1, 14)] + [f"T{k}" for k in range(1, 6)])
"""Steps in their order."""

NOTHING_KW = 1e-9
"""Power that is nothing."""

SHORT_KWH = 1e-6
"""Energy under a floor that counts."""


def run_day(
    plant: Plant, groups: Sequence[Sequence[int]], knows: Foresight | None = None
) -> DayState:
    """Return a day by the paper's rules for any partition of the units into groups that trade.

    Parameters
    ----------
    groups
        Positions of the units of each group: one group of all is the coalition, a group for
        each unit is everyone alone.
    knows
        What rules that pay know beforehand.
    """
    day, hours = DayState(plant, groups, knows), range(plant.hours)
    for step in (electric.electric_balance, electric.charge_cars, electric.exchange_surplus):
        day.end(step(day))
    if plant.terms.section.surplus_steps == "hourly":
        for t in hours:
            electric.store_surplus(day, [t])
            electric.draw_batteries(day, [t])
        first = day.steps["E4"]
        day.end(day.steps["E5"])
        first.left_kw = day.steps["E3"].left_kw + first.p_kw - first.pool_kw
        first.left_heat_kw = day.heat_kw.copy()
    else:
        day.end(electric.store_surplus(day, hours))
        day.end(electric.draw_batteries(day, hours))
    for step in (
        electric.own_engines,
        electric.others_engines,
        electric.discharge_cars,
        electric.charge_batteries,
        electric.discharge_batteries,
        electric.buy_from_grid,
        electric.sell_spare,
        electric.sell_stored,
        thermal.heat_balance,
        thermal.exchange_heat,
        thermal.use_tanks,
        thermal.run_boilers,
        thermal.others_tanks,
    ):
        day.end(step(day))
    forgo_unserved(day)
    return day


def forgo_unserved(day: DayState) -> None:
    """Take back charging where nothing serves it; loads are left unserved before that."""
    plant = day.plant
    over = np.maximum(day.short_kw - plant.load_kw, 0.0)
    for stores in (day.cars, day.batteries):
        over = _forgo(stores, over)
    over_heat = _forgo(day.tanks, np.maximum(day.short_heat_kw - plant.heat_load_kw, 0.0))
    day.balance_kw = _rounded(np.maximum(day.balance_kw, -plant.load_kw - over))
    day.heat_kw = _rounded(np.maximum(day.heat_kw, -plant.heat_load_kw - over_heat))


def _rounded(power_kw: FloatArray) -> FloatArray:
    """Return powers without what rounding leaves."""
    return np.where(np.abs(power_kw) < NOTHING_KW, 0.0, power_kw)


def short_stores(day: DayState) -> dict[DeviceKey, float]:
    """Return stores that a day leaves under their floor, by how much at worst, kWh.

    That happens only where nothing at hand serves a store's standing loss or a car's need.
    """
    found = {}
    for stores in (day.batteries, day.cars, day.tanks):
        under = (stores.data.floor_kwh - stores.energy_kwh).max(axis=1, initial=0.0)
        found.update({key: float(x) for key, x in zip(stores.data.keys, under, strict=True)})
    return {key: kwh for key, kwh in found.items() if kwh > SHORT_KWH}


def _forgo(stores: StoreState, over_kw: FloatArray) -> FloatArray:
    """Take back charging for what is unserved; return what is left of it, kW, shape (S, T)."""
    charging = np.maximum(-stores.p_kw, 0.0)
    by_unit = stores.data.by_unit(charging)
    if not (np.minimum(over_kw, by_unit) > 0.0).any():
        return over_kw
    back = np.minimum(over_kw, by_unit)
    share = np.divide(back, by_unit, out=np.zeros(back.shape), where=by_unit > 0.0)
    stores.forgo(charging * share[stores.data.owner])
    return over_kw - back


def together(plant: Plant) -> list[list[int]]:
    """Return the partition of the coalition: one group of all units."""
    return [list(range(len(plant.units)))]


def apart(plant: Plant) -> list[list[int]]:
    """Return the partition of everyone alone."""
    return [[s] for s in range(len(plant.units))]
