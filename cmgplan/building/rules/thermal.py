"""The thermal steps of the rules, T1 to T5 (section 4.1 B of the paper).

They run after all electric steps, on the heat of all that the CHPs put out: for the units
themselves, for others, for batteries and for sale.
"""

from __future__ import annotations

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.building.model.plant import HeatPlants
from cmgplan.building.model.share import in_proportion, share
from cmgplan.building.model.state import DayState, Step
from cmgplan.building.rules.electric import LEAST_KW, needed_kw


def heat_balance(day: DayState) -> Step:
    """T1: balance of every unit, heat of CHPs and sun less loads and standing losses, eq. (25).

    Tanks that are to end the day fuller than they begin it charge as soon as they can.
    """
    plant, step = day.plant, day.begin("T1")
    heat = plant.engines.by_unit(plant.engines.heat_kw(day.engine_kw))
    standing = plant.tanks.by_unit(day.tanks.standing_kw)
    taken = plant.heat_load_kw + plant.fixed_heat_kw + standing
    day.heat_kw = heat + plant.solar_heat_kw - taken
    for t in range(plant.hours):
        if not day.tanks.lacks:
            break
        power = needed_kw(day.tanks, t)
        if power.any():
            day.tanks.charge(t, power)
            day.heat_kw[:, t] -= plant.tanks.by_unit(power)
    step.heat_kw = day.heat_kw.copy()
    return step


def exchange_heat(day: DayState) -> Step:
    """T2: units with surplus heat give those that are short, in proportion."""
    step, groups = day.begin("T2"), day.heat_groups
    surplus, short = np.maximum(day.heat_kw, 0.0), day.short_heat_kw
    traded = np.minimum(groups.sums(surplus), groups.sums(short))
    given = in_proportion(traded, surplus, groups.of_unit)
    got = in_proportion(traded, short, groups.of_unit)
    day.heat_kw = day.heat_kw - given + got
    step.pool_heat_kw = given - got
    step.heat_kw = -step.pool_heat_kw
    step.price_per_kwh[:] = _heat_price(day)
    return step


def use_tanks(day: DayState) -> Step:
    """T3: surplus heat fills the tanks of the group by capacity; a shortage draws the unit's own.

    Hour after hour, charging first. What finds no room is left as surplus, and is dumped.
    """
    step, stores, groups = day.begin("T3"), day.tanks, day.heat_groups
    data = stores.data
    of = groups.of_unit[data.owner]
    for t in range(day.plant.hours) if len(of) else ():
        surplus, short = np.maximum(day.heat_kw[:, t], 0.0), np.maximum(-day.heat_kw[:, t], 0.0)
        if surplus.max() > LEAST_KW:
            power = share(groups.sums(surplus), data.capacity_kwh, stores.room(t), of)
            stores.charge(t, power)
            stored = data.by_unit(power)
            given = in_proportion(groups.sums(stored), surplus, groups.of_unit)
            day.heat_kw[:, t] -= given
            step.heat_kw[:, t] -= stored
            step.pool_heat_kw[:, t] += given - stored
        if short.max() > LEAST_KW:
            power = share(short, data.capacity_kwh, stores.avail(t), data.owner)
            stores.discharge(t, power)
            drawn = data.by_unit(power)
            day.heat_kw[:, t] += drawn
            step.heat_kw[:, t] += drawn
    step.price_per_kwh[:] = _heat_price(day)
    return step


def run_boilers(day: DayState) -> Step:
    """T4: heat pumps, electric and gas boilers serve their own unit, then others of the group.

    What runs on electricity takes first its unit's surplus and what the unit sells, then grid
    power at the market price. Givers serve in proportion to what they have left, takers by
    shortage; others pay for the gas, or the power, and some more (eq. (9)).
    """
    step, groups = day.begin("T4"), day.heat_groups
    for plants in day.plant.heaters:
        if len(plants.owner):
            made = plants.by_unit(_run(day, plants, day.short_heat_kw, alone=True))
            step.heat_kw += made
            day.heat_kw = day.heat_kw + made
    worth = np.zeros(day.shape)
    given_in_all = np.zeros(day.shape)
    for plants in day.plant.heaters:
        short = day.short_heat_kw
        if not len(plants.owner) or not short.any():
            continue
        made_by = _run(day, plants, groups.sums(short), alone=False)
        made = plants.by_unit(made_by)
        got = in_proportion(groups.sums(made), short, groups.of_unit)
        day.heat_kw = day.heat_kw + got
        step.heat_kw += made
        step.pool_heat_kw += made - got
        given_in_all += made
        worth += plants.by_unit(made_by * _input_price(day, plants) / plants.per_input)
    step.p_kw = -_drawn_kw(day)
    price = np.divide(worth, given_in_all, out=np.zeros(day.shape), where=given_in_all > 0.0)
    step.price_per_kwh = day.plant.terms.section.boiler_exchange_factor * price
    return step


def others_tanks(day: DayState) -> Step:
    """T5: tanks of the group give what is still short, by capacity."""
    step, stores, groups = day.begin("T5"), day.tanks, day.heat_groups
    data = stores.data
    of = groups.of_unit[data.owner]
    for t in range(day.plant.hours) if len(of) else ():
        short = np.maximum(-day.heat_kw[:, t], 0.0)
        if not short.max() > LEAST_KW:
            continue
        power = share(groups.sums(short), data.capacity_kwh, stores.avail(t), of)
        stores.discharge(t, power)
        given = data.by_unit(power)
        got = in_proportion(groups.sums(given), short, groups.of_unit)
        day.heat_kw[:, t] += got
        step.heat_kw[:, t] += given
        step.pool_heat_kw[:, t] += given - got
    step.price_per_kwh[:] = _heat_price(day)
    return step


def _heat_price(day: DayState) -> FloatArray:
    """Return what exchanged heat costs, per kWh, shape (T,)."""
    return day.plant.terms.section.heat_exchange_factor * day.plant.terms.gas


def _input_price(day: DayState, plants: HeatPlants) -> FloatArray:
    """Return the price of what plants run on, per kWh, shape (T,)."""
    return day.plant.terms.buy if plants.electric else day.plant.terms.gas


def _run(day: DayState, plants: HeatPlants, wanted_kw: FloatArray, *, alone: bool) -> FloatArray:
    """Run plants of one kind for the heat that units, or groups, want; return it, (B, T)."""
    groups = day.alone if alone else day.heat_groups
    running = day.heater_kw[plants.kind]
    spare = plants.heat_max_kw[:, None] - running
    if plants.electric:
        spare = _within_power(day, plants, spare)
    most = groups.sums(plants.by_unit(spare))
    made = in_proportion(np.minimum(wanted_kw, most), spare, groups.of_unit[plants.owner])
    if plants.electric:
        made = made * _by_grid(day, plants, made)
        _draw(day, plants.by_unit(made / plants.per_input))
    day.heater_kw[plants.kind] = running + made
    return made


def _free_kw(day: DayState) -> FloatArray:
    """Return the power that a unit has without buying: its surplus and what it sells, (S, T)."""
    return np.maximum(day.balance_kw, 0.0) + day.sales.total_kw


def _within_power(day: DayState, plants: HeatPlants, spare_kw: FloatArray) -> FloatArray:
    """Return spare heat cut to the power that each unit can have at most."""
    most = np.maximum(day.plant.terms.import_kw - day.imported_kw, 0.0) + _free_kw(day)
    wanted = plants.by_unit(spare_kw / plants.per_input)
    part = np.where(wanted > most, most / np.where(wanted > 0.0, wanted, 1.0), 1.0)
    return spare_kw * part[plants.owner]


def _by_grid(day: DayState, plants: HeatPlants, made_kw: FloatArray) -> FloatArray:
    """Return the share of heat that limits of all units' purchases leave, by plant, (B, T)."""
    power = plants.by_unit(made_kw / plants.per_input)
    bought = np.maximum(power - _free_kw(day), 0.0)
    cut = bought - day.within_total(bought, day.imported_kw)
    left = np.where(power > 0.0, 1.0 - cut / np.where(power > 0.0, power, 1.0), 1.0)
    return np.asarray(left[plants.owner])


def _draw(day: DayState, power_kw: FloatArray) -> None:
    """Take power for heat: from surplus, from what the unit sells, then from the grid, (S, T)."""
    surplus = np.minimum(power_kw, np.maximum(day.balance_kw, 0.0))
    day.balance_kw = day.balance_kw - surplus
    left, sales = power_kw - surplus, day.sales
    for name in ("renewable_kw", "engine_kw", "battery_kw"):
        sold = getattr(sales, name)
        kept = np.minimum(left, sold)
        setattr(sales, name, sold - kept)
        left = left - kept
    day.imported_kw = day.imported_kw + left


def _drawn_kw(day: DayState) -> FloatArray:
    """Return the power that all electric heat takes, kW, shape (S, T)."""
    drawn = np.zeros(day.shape)
    for plants in day.plant.heaters:
        if plants.electric and len(plants.owner):
            drawn += plants.by_unit(day.heater_kw[plants.kind] / plants.per_input)
    return drawn
