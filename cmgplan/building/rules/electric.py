"""The electric steps of the rules, E1 to E13 (section 4.1 A of the paper).

Each acts on the whole day before the next begins, and none undoes what an earlier one booked.
Hours are taken one after the other where a step charges, by falling market price where it
discharges; an exchange within an hour is in proportion to surplus and shortage. The price of an
exchange is what the giver is paid; see ``cmgplan.building.rules.money``.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.building.model.share import in_proportion, share
from cmgplan.building.model.state import DayState, Step
from cmgplan.building.model.stores import StoreState

LEAST_KW = 1e-12
"""Power under which nothing is left to do."""

BUYS_KW = 1e-9
"""Power from which a unit counts as buying."""


def electric_balance(day: DayState) -> Step:
    """E1: balance of every unit, wind and sun less its loads and standing losses, eq. (16)."""
    plant, step = day.plant, day.begin("E1")
    standing = plant.batteries.by_unit(day.batteries.standing_kw)
    standing += plant.cars.by_unit(day.cars.standing_kw)
    day.balance_kw = plant.renewable_kw - plant.load_kw - plant.fixed_kw - standing
    step.p_kw = day.balance_kw.copy()
    return step


def charge_cars(day: DayState) -> Step:
    """E2: cars charge as soon as they can what they need at departure, eqs. (17)-(19).

    So does a battery that is to end the day fuller than it begins it.
    """
    step = day.begin("E2")
    for stores in (day.cars, day.batteries):
        for t in range(day.plant.hours):
            if not stores.lacks:
                break
            power = needed_kw(stores, t)
            if power.any():
                stores.charge(t, power)
                taken = stores.data.by_unit(power)
                step.p_kw[:, t] -= taken
                day.balance_kw[:, t] -= taken
    return step


def needed_kw(stores: StoreState, t: int) -> FloatArray:
    """Return what stores charge in hour t for a later floor, kW, shape (K,).

    Where charging has a least power, what is left for later is never less than it.
    """
    wanted, room, least = stores.needed(t), stores.room(t), stores.data.charge_min_kw
    wanted = np.where(wanted > 1e-9, wanted, 0.0)
    power = np.minimum(wanted, room)
    rest = wanted - power
    power = np.where(
        (rest > 0.0) & (rest < least) & (wanted - least >= least), wanted - least, power
    )
    power = np.where(power > 0.0, np.maximum(power, least), 0.0)
    return np.where(power <= room + 1e-9, np.minimum(power, room), 0.0)


def exchange_surplus(day: DayState) -> Step:
    """E3: units with a surplus give those that are short, eq. (20)."""
    step = day.begin("E3")
    surplus, short = np.maximum(day.balance_kw, 0.0), day.short_kw
    traded = np.minimum(day.groups.sums(surplus), day.groups.sums(short))
    given = in_proportion(traded, surplus, day.groups.of_unit)
    got = in_proportion(traded, short, day.groups.of_unit)
    day.balance_kw = day.balance_kw - given + got
    step.pool_kw = given - got
    step.p_kw = -step.pool_kw
    step.price_per_kwh += day.plant.terms.section.surplus_price_per_kwh
    return step


def store_surplus(day: DayState, hours: Iterable[int]) -> Step:
    """E4: surplus that is left goes into the batteries of the group by rated power, eq. (4)."""
    step, stores = day.begin("E4"), day.batteries
    data = stores.data
    of = day.groups.of_unit[data.owner]
    for t in hours:
        surplus = np.maximum(day.balance_kw[:, t], 0.0)
        if not surplus.max(initial=0.0) > LEAST_KW or not len(of):
            continue
        power = share(day.groups.sums(surplus), data.rated_kw, stores.room(t), of)
        stores.charge(t, power)
        stored = data.by_unit(power)
        given = in_proportion(day.groups.sums(stored), surplus, day.groups.of_unit)
        day.balance_kw[:, t] -= given
        step.p_kw[:, t] -= stored
        step.pool_kw[:, t] += given - stored
    step.price_per_kwh[:] = day.plant.terms.section.surplus_price_per_kwh
    return step


def draw_batteries(day: DayState, hours: Iterable[int]) -> Step:
    """E5: batteries of the group cover shortages with what they hold, by rated power."""
    step = day.begin("E5")
    _discharge(day, day.batteries, hours, step)
    step.price_per_kwh[:] = day.plant.terms.section.surplus_price_per_kwh
    return step


def own_engines(day: DayState) -> Step:
    """E6: every unit runs its own CHP for what it is short of, eqs. (5), (6)."""
    step, engines = day.begin("E6"), day.plant.engines
    if len(engines.owner):
        step.p_kw = engines.by_unit(day.run_engines(day.short_kw, day.alone))
        day.balance_kw = day.balance_kw + step.p_kw
    return step


def others_engines(day: DayState) -> Step:
    """E7: CHPs of the group run for what others are short of, in proportion to spare, eq. (21)."""
    step, engines, short = day.begin("E7"), day.plant.engines, day.short_kw
    if len(engines.owner):
        given = engines.by_unit(day.run_engines(day.groups.sums(short), day.groups))
        got = in_proportion(day.groups.sums(given), short, day.groups.of_unit)
        day.balance_kw = day.balance_kw + got
        step.p_kw, step.pool_kw = given, given - got
    step.price_per_kwh[:] = _chp_price(day)
    return step


def discharge_cars(day: DayState) -> Step:
    """E8: cars that have come back cover shortages by falling price, by rated power."""
    step = day.begin("E8")
    _discharge(day, day.cars, day.plant.terms.order, step)
    step.price_per_kwh[:] = _chp_price(day)
    return step


def charge_batteries(day: DayState) -> Step:
    """E9: spare CHP output charges the batteries of the group, by rated power, eqs. (22)-(24).

    Batteries that discharge in an hour do not charge in it. The owner of a battery pays the
    giver's gas. Without foresight every battery takes what it can.
    """
    step, stores, engines = day.begin("E9"), day.batteries, day.plant.engines
    data, terms = stores.data, day.plant.terms
    if not len(data.owner) or not len(engines.owner):
        return step
    of, before = day.groups.of_unit[data.owner], day.engine_kw.copy()
    most_kw = day.knows.charge_kw
    spare = day.groups.sums(engines.by_unit(day.spare_kw))
    for t in _charging_hours(day):
        room = stores.room(t) if most_kw is None else np.minimum(stores.room(t), most_kw[:, t])
        if not spare[:, t].max() > LEAST_KW or not room.any():
            continue
        wanted = day.groups.sums(data.by_unit(share(spare[:, t], data.rated_kw, room, of)))
        given = engines.by_unit(day.run_engines(wanted[:, None], day.groups, slice(t, t + 1)))[:, 0]
        power = share(day.groups.sums(given), data.rated_kw, room, of)
        stores.charge(t, power)
        stored = data.by_unit(power)
        step.p_kw[:, t] -= stored
        step.pool_kw[:, t] += given - stored
    given = engines.by_unit(day.engine_kw - before)
    fuel = engines.by_unit(engines.fuel_kw(day.engine_kw) - engines.fuel_kw(before))
    ratio = np.divide(fuel, given, out=np.zeros(day.shape), where=given > 0.0)
    step.price_per_kwh = terms.gas * ratio
    return step


def discharge_batteries(day: DayState) -> Step:
    """E10: batteries cover shortages by falling price, by rated power (Fig. 3)."""
    step = day.begin("E10")
    _discharge(day, day.batteries, day.plant.terms.order, step)
    step.price_per_kwh[:] = _chp_price(day)
    return step


def buy_from_grid(day: DayState) -> Step:
    """E11: the rest is bought at the market price, as far as limits of the grid allow."""
    step, terms = day.begin("E11"), day.plant.terms
    wanted = np.minimum(day.short_kw, np.maximum(terms.import_kw - day.imported_kw, 0.0))
    bought = day.within_total(wanted, day.imported_kw)
    day.imported_kw = day.imported_kw + bought
    day.balance_kw = day.balance_kw + bought
    step.p_kw = bought
    return step


def sell_spare(day: DayState) -> Step:
    """E12: surplus of wind and sun is sold, and the taken share of spare CHP output, eq. (8).

    A unit that buys in an hour sells nothing in it: a CHP that is off for a need under its least
    output does not start for a sale. Without foresight all spare output is offered.
    """
    step, terms, engines = day.begin("E12"), day.plant.terms, day.plant.engines
    if terms.section.sell_renewables:
        wanted = np.minimum(np.maximum(day.balance_kw, 0.0), day.export_room_kw())
        sold = day.within_total(wanted, day.sales.total_kw)
        day.sales.renewable_kw = sold
        day.balance_kw = day.balance_kw - sold
        step.p_kw = -sold
    if not len(engines.owner):
        return step
    offered = day.knows.offered
    spare = terms.taken * day.spare_kw * (1.0 if offered is None else offered)
    wanted = np.minimum(engines.by_unit(spare), day.export_room_kw())
    sells = (wanted > LEAST_KW) & (day.imported_kw < BUYS_KW)
    wanted = day.within_total(np.where(sells, wanted, 0.0), day.sales.total_kw)
    sold = engines.by_unit(day.run_engines(wanted, day.alone))
    day.sales.engine_kw = sold
    step.p_kw = step.p_kw - sold
    return step


def sell_stored(day: DayState) -> Step:
    """E13: batteries sell the taken share of what they can still give, by falling price."""
    step, terms, stores = day.begin("E13"), day.plant.terms, day.batteries
    data = stores.data
    for t in terms.order if len(data.owner) else ():
        if not terms.sells[t]:
            continue
        offered = terms.taken[t] * stores.avail(t)
        wanted = data.by_unit(offered)
        at = slice(t, t + 1)
        most = np.minimum(wanted, day.export_room_kw()[:, t])
        most = np.where(day.imported_kw[:, t] < BUYS_KW, most, 0.0)[:, None]
        sold = day.within_total(most, day.sales.total_kw, at)[:, 0]
        part = np.divide(sold, wanted, out=np.zeros(len(sold)), where=wanted > 0.0)
        stores.discharge(t, offered * part[data.owner])
        day.sales.battery_kw[:, t] += sold
        step.p_kw[:, t] -= sold
    return step


def _charging_hours(day: DayState) -> Iterable[int]:
    """Return the hours in the order in which step E9 takes them."""
    hours, terms = range(day.plant.hours), day.plant.terms
    if terms.section.charge_order == "time":
        return hours
    return sorted(hours, key=lambda t: (terms.buy[t], t))


def _chp_price(day: DayState) -> FloatArray:
    """Return what power of others' CHPs, cars and batteries costs, per kWh, shape (T,)."""
    return day.plant.terms.section.chp_exchange_share * day.plant.terms.buy


def _discharge(day: DayState, stores: StoreState, hours: Iterable[int], step: Step) -> None:
    """Cover shortages of groups with what stores can give, hour after hour."""
    data = stores.data
    of = day.groups.of_unit[data.owner]
    for t in hours if len(of) else ():
        short = np.maximum(-day.balance_kw[:, t], 0.0)
        if not short.max() > LEAST_KW:
            continue
        limit = stores.avail(t) * data.gives[:, t]
        if not limit.any():
            continue
        power = share(day.groups.sums(short), data.rated_kw, limit, of)
        stores.discharge(t, power)
        given = data.by_unit(power)
        got = in_proportion(day.groups.sums(given), short, day.groups.of_unit)
        day.balance_kw[:, t] += got
        step.p_kw[:, t] += given
        step.pool_kw[:, t] += given - got
