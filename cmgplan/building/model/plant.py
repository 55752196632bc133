"""The units' plant, loads and prices as arrays: what the rules read of a case of homes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cmgplan.arrays import BoolArray, FloatArray, IntArray
from cmgplan.building.case.check import WHO
from cmgplan.building.model.stores import StoreData, members, store_data
from cmgplan.devices import (
    Battery,
    Car,
    CombinedHeatPower,
    Device,
    Forecasts,
    GasBoiler,
    HomeLoad,
    Job,
    SolarThermal,
    Store,
    ThermalStore,
    Thermostat,
)
from cmgplan.devices.electric_boiler import ElectricHeat
from cmgplan.devices.renewable import HomePlant
from cmgplan.homes.case.kinds import unknown_kind
from cmgplan.homes.case.records import BuildingSection, HomesCase
from cmgplan.homes.day.dispatch import DeviceKey

HEAT_KINDS = ("heat_pump", "electric_boiler", "gas_boiler")
"""Plants that make heat in step T4, in the order in which they serve."""

DISPATCHED = (CombinedHeatPower, Battery, Car, ThermalStore)
"""Devices other than those plants that the steps decide on."""

DAY_H = 24.0


@dataclass(frozen=True)
class Engines:
    """CHPs, C of them: electric limits in kW, efficiencies and offset, each of shape (C,)."""

    owner: IntArray
    member: FloatArray
    keys: tuple[DeviceKey, ...]
    p_max_kw: FloatArray
    p_min_kw: FloatArray
    efficiency_electric: FloatArray
    efficiency_heat: FloatArray
    offset_kw: FloatArray

    def by_unit(self, values: FloatArray) -> FloatArray:
        """Return the sums of values by CHP over each unit's CHPs, shape (S, ...)."""
        return np.asarray(self.member @ values)

    def fuel_kw(self, p_kw: FloatArray) -> FloatArray:
        """Return the gas that electric outputs of shape (C, T) take, kW: eq. (6)."""
        fuel = (p_kw - self.offset_kw[:, None]) / self.efficiency_electric[:, None]
        return np.where(p_kw > 0.0, fuel, 0.0)

    def heat_kw(self, p_kw: FloatArray) -> FloatArray:
        """Return the heat that comes with electric outputs of shape (C, T), kW: eq. (7)."""
        return self.efficiency_heat[:, None] * self.fuel_kw(p_kw)


@dataclass(frozen=True)
class HeatPlants:
    """Boilers and heat pumps of one kind, B of them.

    ``per_input`` is heat over gas or over electricity, shape (B, T).
    """

    kind: str
    owner: IntArray
    member: FloatArray
    keys: tuple[DeviceKey, ...]
    heat_max_kw: FloatArray
    per_input: FloatArray

    def by_unit(self, values: FloatArray) -> FloatArray:
        """Return the sums of values by plant over each unit's plants, shape (S, ...)."""
        return np.asarray(self.member @ values)

    @property
    def electric(self) -> bool:
        """Whether it runs on electricity and not on gas."""
        return self.kind != "gas_boiler"


@dataclass(frozen=True)
class Terms:
    """Prices per kWh and limits in kW; hourly ones of shape (T,).

    ``buy`` is the market price, ``sale`` what sales of CHP and battery bring, ``taken`` the
    share of an offer that the market takes, ``import_kw`` and ``export_kw`` the limits of each
    unit, ``total_kw`` that of all units together, each way. ``order`` lists the hours by falling
    market price, ``sells`` marks those in which batteries sell, ``unserved_heat`` is the value of
    heat that nothing serves.
    """

    buy: FloatArray
    gas: FloatArray
    sale: FloatArray
    taken: FloatArray
    renewable_sale: float
    import_kw: FloatArray
    export_kw: FloatArray
    total_kw: FloatArray
    order: tuple[int, ...]
    sells: BoolArray
    section: BuildingSection
    electricity: bool
    heat: bool
    unserved_heat: float


@dataclass(frozen=True)
class Plant:
    """All that the rules read of a case; arrays of units have shape (S, T), kW.

    ``load_kw`` and ``heat_load_kw`` may stay unserved; what jobs, refrigerators and water heaters
    take (``fixed_kw``, ``fixed_heat_kw``) may not.
    """

    units: tuple[str, ...]
    hours: int
    dt_h: float
    load_kw: FloatArray
    fixed_kw: FloatArray
    renewable_kw: FloatArray
    heat_load_kw: FloatArray
    fixed_heat_kw: FloatArray
    solar_heat_kw: FloatArray
    engines: Engines
    heaters: tuple[HeatPlants, ...]
    batteries: StoreData
    cars: StoreData
    tanks: StoreData
    terms: Terms


def read_plant(case: HomesCase, outage: Sequence[int] = ()) -> Plant:
    """Return what the rules read of a case.

    Load that could move stays where it is; jobs, refrigerators and water heaters run by their
    own rule.

    Parameters
    ----------
    outage
        Hours without a grid: nothing is bought or sold, and they come first where hours are
        taken by falling price.

    Raises
    ------
    InputError
        The rules have nothing for a kind of device.
    """
    h = case.forecasts()
    devices = [(s, d) for s, home in enumerate(case.homes) for d in home.devices()]
    shape = (len(case.homes), case.hours)
    load, fixed, renewable, heat, fixed_heat, solar = (np.zeros(shape) for _ in range(6))
    for s, device in devices:
        warm = "heat" in device.carriers
        if isinstance(device, HomePlant):
            renewable[s] += device.available_kw(h)
        elif isinstance(device, SolarThermal):
            solar[s] += device.available_kw(h)
        elif isinstance(device, HomeLoad):
            (heat if warm else load)[s] += device.base_kw(h)
        elif isinstance(device, Job | Thermostat):
            (fixed_heat if warm else fixed)[s] += own_schedule_kw(device, h)
        elif not isinstance(device, DISPATCHED) and device.kind not in HEAT_KINDS:
            raise unknown_kind(device, WHO)

    def of_kind(kind: type[Store]) -> StoreData:
        found = [(s, d.id, d) for s, d in devices if isinstance(d, kind)]
        return store_data(h, found, case.ids)

    return Plant(
        case.ids,
        case.hours,
        case.dt_h,
        load,
        fixed,
        renewable,
        heat,
        fixed_heat,
        solar,
        _engines([(s, d) for s, d in devices if isinstance(d, CombinedHeatPower)], case.ids),
        tuple(_heaters(kind, devices, h, case.ids) for kind in HEAT_KINDS),
        of_kind(Battery),
        of_kind(Car),
        of_kind(ThermalStore),
        _terms(case, outage),
    )


def own_schedule_kw(device: Job | Thermostat, h: Forecasts) -> FloatArray:
    """Return what a job, refrigerator or water heater takes by its own rule, kW, shape (T,)."""
    schedule = device.own_schedule(h)
    return device.p_kw * (np.zeros(h.hours) if schedule is None else schedule.astype(np.float64))


def _engines(found: Sequence[tuple[int, CombinedHeatPower]], units: Sequence[str]) -> Engines:
    """Return the CHPs; one whose offset takes all that it makes gives nothing."""
    each = [d for _, d in found]

    def column(values: Sequence[float]) -> FloatArray:
        return np.asarray(values, dtype=np.float64)

    least = column([d.efficiency_electric * d.fuel_min_kw + d.offset_kw for d in each])
    owner = np.asarray([s for s, _ in found], dtype=np.int64)
    return Engines(
        owner,
        members(owner, len(units)),
        tuple((units[s], d.id) for s, d in found),
        np.maximum(column([d.p_max_kw for d in each]), 0.0),
        np.maximum(least, 0.0),
        column([d.efficiency_electric for d in each]),
        column([d.efficiency_heat for d in each]),
        column([d.offset_kw for d in each]),
    )


def _heaters(
    kind: str, devices: Sequence[tuple[int, Device]], h: Forecasts, units: Sequence[str]
) -> HeatPlants:
    """Return the plants of one kind that make heat."""
    found: list[tuple[int, GasBoiler | ElectricHeat]] = [
        (s, d) for s, d in devices if isinstance(d, GasBoiler | ElectricHeat) and d.kind == kind
    ]
    ratio = [
        h.series(d.efficiency) if isinstance(d, GasBoiler) else d.heat_per_power(h)
        for _, d in found
    ]
    owner = np.asarray([s for s, _ in found], dtype=np.int64)
    return HeatPlants(
        kind,
        owner,
        members(owner, len(units)),
        tuple((units[s], d.id) for s, d in found),
        np.asarray([d.heat_max_kw for _, d in found], dtype=np.float64),
        np.asarray(ratio, dtype=np.float64).reshape(len(found), h.hours),
    )


def _terms(case: HomesCase, outage: Sequence[int]) -> Terms:
    """Return prices and limits; without a retailer nothing is bought or sold."""
    file, hours = case.file, case.hours
    section, retailer = file.building, file.retailer
    buy, sale = np.zeros(hours), np.zeros(hours)
    limit, total = 0.0, 0.0
    if retailer is not None:
        buy, sale = case.series(retailer.buy_per_kwh), case.series(retailer.sell_per_kwh)
        limit = np.inf if retailer.power_max_kw is None else retailer.power_max_kw
        most = retailer.power_max_total_kw
        total = np.inf if most is None else most
    if section.price_coefficient is not None:
        sale = case.series(section.price_coefficient) * buy
    on = np.ones(hours)
    on[list(outage)] = 0.0
    clock = (case.begins_h + case.dt_h * np.arange(hours)) % DAY_H
    begins, ends = section.sell_hours
    sells = (clock >= begins - 1e-9) & (clock < ends - 1e-9)
    return Terms(
        buy=buy,
        gas=np.zeros(hours) if file.gas is None else case.series(file.gas.price_per_kwh),
        sale=sale,
        taken=np.clip(case.series(section.power_coefficient), 0.0, 1.0),
        renewable_sale=section.renewable_sale_share * float(buy.min()),
        import_kw=_where(on, limit),
        export_kw=_where(on, limit),
        total_kw=_where(on, total),
        order=tuple(sorted(range(hours), key=lambda t: (on[t], -buy[t], t))),
        sells=sells,
        section=section,
        electricity=file.pool.electricity,
        heat=file.pool.heat,
        unserved_heat=file.pool.unserved_heat_per_kwh,
    )


def _where(on: FloatArray, limit: float) -> FloatArray:
    """Return a limit in the hours that are on, 0 in the others."""
    return np.where(on > 0.0, limit, 0.0)
