"""Rules that pay: three mends of the paper's rules, each of what the optimum shows they lose.

A day is run first as a look ahead; what it shows decides in the next one:

``sales``
    CHP power is offered only where it pays: where its price covers its gas, and else as far as
    its heat is needed in the hour and is worth the rest. The paper sells at a loss in most hours.
``heat``
    It is offered also for heat that a later hour needs, as far as tanks can hold it until then.
    Without ``sales`` this changes nothing, since the paper offers all that there is.
``charging``
    Batteries are charged only with what is used or sold later, unless the heat that comes with it
    is needed. The paper charges them with all that there is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from cmgplan.arrays import BoolArray, FloatArray
from cmgplan.building.model.plant import Plant
from cmgplan.building.model.state import DayState, Foresight
from cmgplan.building.rules.day import run_day

Mend = Literal["sales", "heat", "charging"]

MENDS: tuple[Mend, ...] = ("sales", "heat", "charging")


def run_by(
    rules: Literal["paper", "paying"], plant: Plant, groups: Sequence[Sequence[int]]
) -> DayState:
    """Return a day by the paper's rules, or by those that pay; see ``run_day``."""
    return run_day(plant, groups) if rules == "paper" else run_paying(plant, groups)


def run_paying(
    plant: Plant, groups: Sequence[Sequence[int]], mends: Sequence[Mend] = MENDS
) -> DayState:
    """Return a day by the paper's rules with some of the mends."""
    knows = Foresight()
    if "sales" in mends:
        knows = replace(knows, offered=_offered(plant, groups, through_tanks="heat" in mends))
    day = run_day(plant, groups, knows)
    if "charging" in mends:
        knows = replace(knows, charge_kw=_used_kw(day))
        day = run_day(plant, groups, knows)
    return day


def _offered(plant: Plant, groups: Sequence[Sequence[int]], *, through_tanks: bool) -> FloatArray:
    """Return the share of each CHP's spare output that is offered, shape (C, T).

    The look ahead offers only what pays without its heat. What boilers then make and what is
    left unserved is the heat that other sales could bring, first for load that is unserved.
    """
    engines, terms = plant.engines, plant.terms
    electric, heat = engines.efficiency_electric[:, None], engines.efficiency_heat[:, None]
    loss = terms.gas - electric * terms.sale  # per kWh of gas, before its heat
    offered = np.where(loss <= 0.0, 1.0, 0.0)
    day = run_day(plant, groups, Foresight(offered=offered))
    # Power that a sale would bring, and its heat, in every hour that is not offered yet.
    power = terms.taken * day.spare_kw * (1.0 - offered)
    brought = heat * power / electric
    left = brought.copy()
    for needed, worth, storable in _needs(day):
        pays = heat * worth >= loss
        left = _taken(day, needed, left, pays, through_tanks=through_tanks and storable)
    share = np.divide(brought - left, brought, out=np.zeros(brought.shape), where=brought > 0.0)
    return np.maximum(offered, share)


def _needs(day: DayState) -> list[tuple[FloatArray, FloatArray, bool]]:
    """Return heat that groups need, kW, shape (G, T), its worth per kWh, and if tanks may bring it.

    First what is unserved, then what boilers and heat pumps make, the dearest first. What runs on
    power is worth another price in every hour, so that no other hour makes heat for it.
    """
    terms, groups = day.plant.terms, day.heat_groups
    unserved = np.full(day.plant.hours, terms.unserved_heat)
    found = [(groups.sums(day.short_heat_kw), unserved, True)]
    made = []
    for plants in day.plant.heaters:
        if len(plants.owner):
            price = terms.buy if plants.electric else terms.gas
            heat = groups.sums(plants.by_unit(day.heater_kw[plants.kind]))
            made.append((heat, price / plants.per_input.max(axis=0), not plants.electric))
    return found + sorted(made, key=lambda need: -float(need[1].mean()))


def _taken(
    day: DayState,
    needed_kw: FloatArray,
    left_kw: FloatArray,
    pays: BoolArray,
    *,
    through_tanks: bool,
) -> FloatArray:
    """Return the heat of sales that is left, (C, T), once groups took what they need of it.

    Hours are taken from the last to the first; what one hour lacks goes to the hour before it,
    where tanks have room for it.
    """
    engines, groups, dt_h = day.plant.engines, day.heat_groups, day.plant.dt_h
    data = day.tanks.data
    room = data.by_unit(data.ceiling_kwh[:, None] - day.tanks.energy_kwh) / dt_h
    room = np.minimum(room, data.by_unit(data.charge_max_kw)) * through_tanks
    room_of_group, left = np.maximum(groups.sums(room), 0.0), left_kw.copy()
    of, carried = groups.of_unit[engines.owner], np.zeros(groups.count)
    for t in reversed(range(day.plant.hours)):
        usable = left[:, t] * pays[:, t]
        supply = np.bincount(of, usable, groups.count)
        wanted = needed_kw[:, t] + carried
        used = np.minimum(wanted, supply)
        part = np.divide(used, supply, out=np.zeros(groups.count), where=supply > 0.0)
        left[:, t] -= usable * part[of]
        if t > 0:
            carried = np.minimum(wanted - used, room_of_group[:, t - 1])
    return left


def _used_kw(day: DayState) -> FloatArray:
    """Return what each battery is charged with in E9 and gives later, kW, shape (K, T).

    What is never used until the end of the day is taken off the last hours of charging, as far
    as the group can do without the heat that came with it.
    """
    stores, dt_h, groups = day.batteries, day.plant.dt_h, day.heat_groups
    data, energy = stores.data, stores.energy_kwh.copy()
    charged = np.maximum(-stores.p_kw - stores.standing_kw, 0.0) * stores.charged
    of, heat = groups.of_unit[data.owner], _Dispensable(day)
    per_kw = data.efficiency_charge * dt_h
    for t in reversed(range(day.plant.hours)):
        cut = np.minimum(charged[:, t], _unused(energy, data.floor_kwh, t) / per_kw)
        total = np.bincount(of, cut, groups.count)
        most = np.minimum(total, heat.power_kw(t))
        part = np.divide(most, total, out=np.zeros(groups.count), where=total > 0.0)
        cut = cut * part[of]
        charged[:, t] -= cut
        energy[:, t:] -= (cut * per_kw)[:, None]
        heat.take(t, most)
    return charged


def _unused(energy_kwh: FloatArray, floor_kwh: FloatArray, t: int) -> FloatArray:
    """Return energy of hour t that stores never use later, kWh, shape (K,)."""
    unused = (energy_kwh[:, t:] - floor_kwh[:, t:]).min(axis=1, initial=np.inf)
    return np.asarray(np.maximum(unused, 0.0))


class _Dispensable:
    """CHP power whose heat groups could do without, hour by hour.

    Their heat is dumped, or boilers have it left in an hour in which no heat is stored, or a tank
    keeps it to the end of the day.
    """

    def __init__(self, day: DayState) -> None:
        engines, boiled = day.plant.engines, np.zeros(day.shape)
        for plants in day.plant.heaters:
            if len(plants.owner) and not plants.electric:
                boiled += plants.by_unit(plants.heat_max_kw[:, None] - day.heater_kw[plants.kind])
        groups, self._data, self._dt_h = day.heat_groups, day.tanks.data, day.plant.dt_h
        filled = groups.sums(self._data.by_unit(day.tanks.charged.astype(np.float64))) > 0.0
        dumped = groups.sums(np.maximum(day.heat_kw, 0.0))
        self._free = dumped + np.where(filled, 0.0, groups.sums(boiled))
        self._energy, self._of = day.tanks.energy_kwh.copy(), groups.of_unit[self._data.owner]
        ratio = engines.efficiency_heat / engines.efficiency_electric
        self._ratio = max(float(ratio.max(initial=0.0)), 1e-9)

    def _kept(self, t: int) -> FloatArray:
        """Return the heat of hour t that the tanks of groups keep to the end, kW, shape (G,)."""
        unused = _unused(self._energy, self._data.floor_kwh, t) / self._dt_h
        return np.bincount(self._of, unused, len(self._free)).astype(np.float64)

    def power_kw(self, t: int) -> FloatArray:
        """Return the power that groups' CHPs could leave out in hour t, kW, shape (G,)."""
        return (self._free[:, t] + self._kept(t)) / self._ratio

    def take(self, t: int, power_kw: FloatArray) -> None:
        """Leave power out, shape (G,): what is not free is missing in the tanks later."""
        kept = self._kept(t)
        from_tanks = np.maximum(power_kw * self._ratio - self._free[:, t], 0.0)
        part = np.divide(from_tanks, kept, out=np.zeros(len(kept)), where=kept > 0.0)
        unused = _unused(self._energy, self._data.floor_kwh, t)
        self._energy[:, t:] -= (np.minimum(part, 1.0)[self._of] * unused)[:, None]
