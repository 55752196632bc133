"""The devices of a case as the decoder takes them: by home, and by who shares with whom."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.devices import (
    CombinedHeatPower,
    Device,
    GasBoiler,
    HomeLoad,
    Job,
    SolarThermal,
    Store,
    Thermostat,
)
from cmgplan.devices.electric_boiler import ElectricHeat
from cmgplan.devices.renewable import HomePlant
from cmgplan.homes.case.kinds import unknown_kind
from cmgplan.homes.case.records import HomeBase, HomesCase
from cmgplan.homes.day.dispatch import DeviceKey
from cmgplan.response.case.prices import forecast_per_kwh
from cmgplan.response.heuristics.appliances import JobPart, ShiftPart, ThermostatPart
from cmgplan.response.heuristics.genes import Feedback, Slot, standardised
from cmgplan.response.heuristics.plants import EnginePart, HeatPart
from cmgplan.response.heuristics.stores import StorePart
from cmgplan.response.model.penalty import Penalties, penalties_of
from cmgplan.response.model.policy import PolicyOfHome, policy_of

Appliance = ThermostatPart | JobPart
Part = Appliance | ShiftPart | EnginePart | HeatPart | StorePart


@dataclass
class HomeParts:
    """The devices of a home."""

    home: HomeBase
    policy: PolicyOfHome
    appliances: list[Appliance] = field(default_factory=list)
    loads: list[ShiftPart] = field(default_factory=list)
    engines: list[EnginePart] = field(default_factory=list)
    heaters: list[HeatPart] = field(default_factory=list)
    batteries: list[StorePart] = field(default_factory=list)
    tanks: list[StorePart] = field(default_factory=list)
    plants: list[HomePlant] = field(default_factory=list)
    collectors: list[SolarThermal] = field(default_factory=list)

    def deciding(self) -> Iterator[Part]:
        """Yield every device that has something to decide."""
        yield from self.appliances
        yield from self.loads
        yield from self.engines
        yield from self.heaters
        yield from self.batteries
        yield from self.tanks

    def slots(self) -> Iterator[tuple[DeviceKey, Slot]]:
        """Yield every device that has coordinates, and these."""
        for part in self.deciding():
            if part.slot is not None:
                yield (self.home.id, part.device.id), part.slot


class Parts:
    """The devices of a case, and the coordinates of each."""

    def __init__(self, case: HomesCase) -> None:
        self.case, self.h = case, case.forecasts()
        self.dimensions = 0
        self.penalties: Penalties = penalties_of(case)
        self.weight = case.file.response.emission_weight
        every = range(len(case.homes))
        pool = case.file.pool
        self.heat_groups = [list(every)] if pool.heat else [[i] for i in every]
        self.electric_groups = [list(every)] if pool.electricity else [[i] for i in every]
        heaters = [
            sum(isinstance(d, GasBoiler | ElectricHeat) for d in home.devices())
            for home in case.homes
        ]
        self._choose_heat = [
            sum(heaters[j] for j in next(g for g in self.heat_groups if i in g)) > 1 for i in every
        ]
        self.homes = [self._of_home(i, home) for i, home in enumerate(case.homes)]

    def _slot(self, home: int, count: int | None = None) -> Slot:
        """Return the next coordinates, one an hour by default."""
        slot = Slot(self.dimensions, self.h.hours if count is None else count, home)
        self.dimensions += slot.count
        return slot

    def _of_home(self, i: int, home: HomeBase) -> HomeParts:
        """Return the devices of a home."""
        found = HomeParts(home, policy_of(self.case, home))
        for device in home.devices():
            if not isinstance(device, HomeLoad):
                self._place(found, i, device)
        for carrier in ("electricity", "heat"):
            loads = [d for d in home.devices() if isinstance(d, HomeLoad) and d.carrier == carrier]
            found.loads += self._loads(i, loads, found.policy)
        return found

    def _place(self, found: HomeParts, i: int, device: Device) -> None:
        """Add a device that is no load."""
        if isinstance(device, Thermostat):
            found.appliances.append(ThermostatPart(device, self.h, self._slot(i)))
        elif isinstance(device, Job):
            found.appliances.append(JobPart(device, self.h, self._slot(i, 1)))
        elif isinstance(device, CombinedHeatPower):
            found.engines.append(EnginePart(self.case, device, self._slot(i)))
        elif isinstance(device, GasBoiler | ElectricHeat):
            slot = self._slot(i) if self._choose_heat[i] else None
            found.heaters.append(HeatPart(self.case, device, i, slot, self.penalties))
        elif isinstance(device, Store):
            stores = found.tanks if device.prefix == "heat" else found.batteries
            stores.append(StorePart(device, self.h, self._slot(i)))
        elif isinstance(device, HomePlant):
            found.plants.append(device)
        elif isinstance(device, SolarThermal):
            found.collectors.append(device)
        else:
            raise unknown_kind(device, "a search")

    def _loads(self, i: int, loads: list[HomeLoad], policy: PolicyOfHome) -> Iterator[ShiftPart]:
        """Yield the loads of a carrier, what may move in all shared by what may move of each."""
        leave = [load.down_max_kw(self.h) for load in loads]
        arrive = [load.up_max_kw(self.h) for load in loads]
        for load, down, up in zip(loads, leave, arrive, strict=True):
            if load.carrier == "electricity":
                down = _portion(down, leave, policy.leave_max_kw)
                up = _portion(up, arrive, policy.arrive_max_kw)
            # Also where nothing may move today: a point means the same on every day of a case,
            # whatever its prices, loads and sun.
            slot = self._slot(i) if load.shiftable else None
            yield ShiftPart(load, self.h, slot, down, up)

    def feedback(self) -> Feedback:
        """Return the encoding by gains on price, net load and heat of each hour."""
        forecast, h = forecast_per_kwh(self.case), self.h
        features = []
        for home in self.homes:
            sums = {"electricity": np.zeros(h.hours), "heat": np.zeros(h.hours)}
            for load in home.loads:
                sums[load.device.carrier] += load.base_kw
            for plant in home.plants:
                sums["electricity"] -= plant.available_kw(h)
            features.append(standardised([forecast, sums["electricity"], sums["heat"]]))
        slots = [slot for home in self.homes for _, slot in home.slots()]
        slots.sort(key=lambda slot: slot.first)
        return Feedback(tuple(slots), tuple(features))


def _portion(own: FloatArray, every: list[FloatArray], most: FloatArray) -> FloatArray:
    """Return a load's part of what may move of all loads together, shape (T,)."""
    total = np.sum(every, axis=0)
    share = np.divide(own, total, out=np.zeros_like(own), where=total > 0.0)
    return np.asarray(np.minimum(own, share * most))
