"""What the rules know of a home before the day begins: its devices, and what runs by itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.devices import (
    Car,
    CombinedHeatPower,
    Device,
    Flows,
    Forecasts,
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
from cmgplan.response.case.charging import plug_schedule_kw
from cmgplan.response.case.emission import Burner, Curve, burners, curve_of
from cmgplan.response.model.policy import PolicyOfHome, policy_of

Heater = GasBoiler | ElectricHeat

D = TypeVar("D", bound=Device)


@dataclass(frozen=True)
class Plant:
    """A home as the rules see it; arrays are of shape (T,), kW.

    Attributes
    ----------
    home, policy, hours
        The record of the home, what its policy says, and the forecasts.
    own
        Flows of what runs by its own rule, by device: appliances by thermostat or window, cars
        by their plug.
    load_kw, heat_load_kw
        All loads of each carrier, before any of them moves.
    fixed_kw, fixed_heat_kw
        What appliances and cars take.
    renewable_kw, collected_kw
        What sun and wind offer, electricity and heat.
    loads, heat_loads, engines, heaters, batteries, tanks, renewables, collectors
        Devices by what the rules do with them.
    curves
        Emission of each burner by hour.
    heater_order
        Heaters by hour, the cheapest first; the cleanest first under ``emission``.
    """

    home: HomeBase
    policy: PolicyOfHome
    hours: Forecasts
    own: Mapping[str, Flows]
    load_kw: FloatArray
    heat_load_kw: FloatArray
    fixed_kw: FloatArray
    fixed_heat_kw: FloatArray
    renewable_kw: FloatArray
    collected_kw: FloatArray
    loads: tuple[HomeLoad, ...]
    heat_loads: tuple[HomeLoad, ...]
    engines: tuple[CombinedHeatPower, ...]
    heaters: tuple[Heater, ...]
    batteries: tuple[Store, ...]
    tanks: tuple[Store, ...]
    renewables: tuple[HomePlant, ...]
    collectors: tuple[SolarThermal, ...]
    curves: Mapping[str, tuple[Curve, ...]]
    heater_order: tuple[tuple[Heater, ...], ...]

    def limit_kg_per_h(self, t: int) -> float:
        """Return the limit on the emission of engines and boilers in hour t, or infinity."""
        limit = self.policy.emission_max_kg_per_h
        return np.inf if limit is None else float(limit[t])


def plant_of(case: HomesCase, home: HomeBase) -> Plant:
    """Return a home as the rules see it; InputError where they have nothing for a device."""
    h, devices = case.forecasts(), tuple(home.devices())
    own = {d.id: flows for d in devices if (flows := own_flows(d, h)) is not None}
    loads = _of(devices, HomeLoad)
    electric = tuple(load for load in loads if load.carrier == "electricity")
    heat = tuple(load for load in loads if load.carrier == "heat")
    engines, boilers = _of(devices, CombinedHeatPower), _of(devices, GasBoiler)
    pumps = tuple(d for d in devices if isinstance(d, ElectricHeat))
    stores = [d for d in devices if isinstance(d, Store) and not isinstance(d, Car)]
    renewables, collectors = _of(devices, HomePlant), _of(devices, SolarThermal)
    ruled = (*loads, *engines, *boilers, *pumps, *stores, *renewables, *collectors)
    known = {*own, *(d.id for d in ruled)}
    for device in devices:
        if device.id not in known:
            raise unknown_kind(device, "the rules")
    policy = policy_of(case, home)
    curves = {d.id: _curves(case, d) for d in burners(devices)}
    return Plant(
        home=home,
        policy=policy,
        hours=h,
        own=own,
        load_kw=_sum((load.base_kw(h) for load in electric), h),
        heat_load_kw=_sum((load.base_kw(h) for load in heat), h),
        fixed_kw=-_sum((flows.p_kw for flows in own.values()), h),
        fixed_heat_kw=-_sum((flows.heat_kw for flows in own.values()), h),
        renewable_kw=_sum((d.available_kw(h) for d in renewables), h),
        collected_kw=_sum((d.available_kw(h) for d in collectors), h),
        loads=electric,
        heat_loads=heat,
        engines=engines,
        heaters=(*boilers, *pumps),
        batteries=tuple(s for s in stores if s.prefix == "p"),
        tanks=tuple(s for s in stores if s.prefix == "heat"),
        renewables=renewables,
        collectors=collectors,
        curves=curves,
        heater_order=_heater_order(case, policy, boilers, pumps, curves),
    )


def own_flows(device: Device, h: Forecasts) -> Flows | None:
    """Return the flows of an appliance or a car that runs by its own rule; None of others.

    A thermostat keeps doing what it does until that would leave its band, a job runs as early as
    its window lets it, a car charges as soon as it is plugged in.
    """
    if isinstance(device, Car):
        return Flows.of(h.hours, p_kw=-plug_schedule_kw(device, h))
    if not isinstance(device, Job | Thermostat):
        return None
    schedule = device.own_schedule(h)
    on = np.zeros(h.hours) if schedule is None else schedule.astype(np.float64)
    taken = np.asarray(device.p_kw * on, dtype=np.float64)
    if "heat" in device.carriers:
        return Flows.of(h.hours, heat_kw=-taken)
    return Flows.of(h.hours, p_kw=-taken)


def _heater_order(
    case: HomesCase,
    policy: PolicyOfHome,
    boilers: tuple[GasBoiler, ...],
    pumps: tuple[ElectricHeat, ...],
    curves: Mapping[str, tuple[Curve, ...]],
) -> tuple[tuple[Heater, ...], ...]:
    """Return the heaters of each hour by what a kWh of heat costs, or emits under ``emission``."""
    h, file = case.forecasts(), case.file
    gas = np.zeros(h.hours) if file.gas is None else case.series(file.gas.price_per_kwh)
    retailer = file.retailer
    by_kg = policy.policy == "emission"
    bought = np.zeros(h.hours)
    if retailer is not None:
        bought = case.series(retailer.emission_kg_per_kwh if by_kg else retailer.buy_per_kwh)
    worth: dict[str, FloatArray] = {}
    for boiler in boilers:
        full = boiler.heat_max_kw or 1.0
        kg = np.array([curve.kg_per_h(full) / full for curve in curves[boiler.id]])
        worth[boiler.id] = kg if by_kg else gas / boiler.efficiency
    for pump in pumps:
        worth[pump.id] = bought / pump.heat_per_power(h)
    heaters: tuple[Heater, ...] = (*boilers, *pumps)
    return tuple(
        tuple(sorted(heaters, key=lambda heater: float(worth[heater.id][t]))) for t in h.steps
    )


def _curves(case: HomesCase, device: Burner) -> tuple[Curve, ...]:
    """Return the emission of a burner in each hour."""
    if device.emission is not None:
        return (curve_of(case, device),) * case.hours
    return tuple(curve_of(case, device, t) for t in range(case.hours))


def _of(devices: tuple[Device, ...], kind: type[D]) -> tuple[D, ...]:
    """Return the devices of a class, in their order."""
    return tuple(device for device in devices if isinstance(device, kind))


def _sum(arrays: Iterable[FloatArray], h: Forecasts) -> FloatArray:
    """Return the sum of arrays of shape (T,)."""
    return np.asarray(sum(arrays, np.zeros(h.hours)), dtype=np.float64)
