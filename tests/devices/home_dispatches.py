"""Devices of homes with random dispatches, some within their limits and some not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.devices import (
    Battery,
    Car,
    CombinedHeatPower,
    Device,
    ElectricBoiler,
    ElectricVehicle,
    Emission,
    Forecasts,
    GasBoiler,
    HeatPump,
    HomeLoad,
    Refrigerator,
    SolarPlant,
    SolarThermal,
    Storage,
    ThermalStore,
    WaterHeater,
    WindPlant,
)

HOURS = 8
DISPATCHES = 200
Series = dict[str, FloatArray]


def forecasts(seed: int, **options: Any) -> Forecasts:
    rng = np.random.default_rng(seed)
    return Forecasts(
        HOURS,
        price_usd_per_mwh=rng.uniform(30.0, 110.0, HOURS),
        profiles={
            "wind": rng.uniform(0.0, 1.0, HOURS),
            "sun": np.clip(np.sin(np.arange(HOURS) / 7 * np.pi), 0.0, 1.0),
            "demand": rng.uniform(0.2, 1.0, HOURS),
            "heating_kw": rng.uniform(2.0, 9.0, HOURS),
            "cop": rng.uniform(2.0, 4.0, HOURS),
            "cost_per_kwh": rng.uniform(0.0, 0.1, HOURS),
        },
        **options,
    )


H = forecasts(1)
HALF_HOURS = forecasts(2, dt_h=0.5, begins_h=6.0)


# Random dispatches, some within the limits and some not.


def within(rng: np.random.Generator, most: float | FloatArray) -> FloatArray:
    """Return powers in 0..most; in one of three dispatches single hours leave that range."""
    values = rng.uniform(0.0, 1.0, HOURS) * most
    if rng.random() < 0.33:
        stray = rng.random(HOURS) < 0.2
        values = np.where(stray, rng.uniform(-0.5, 1.5, HOURS) * (np.max(most) + 0.1), values)
    return values


def power(name: str, most: float | FloatArray) -> Callable[[np.random.Generator], Series]:
    return lambda rng: {name: within(rng, most)}


def on_or_off(name: str, least: float, most: float) -> Callable[[np.random.Generator], Series]:
    """Return powers of a plant that is off in half of the hours, and seldom under its least."""

    def draw(rng: np.random.Generator) -> Series:
        values = np.maximum(within(rng, most), 0.0)
        if rng.random() < 0.67:
            values = np.where(values < least, least, values)
        values = np.where(rng.random(HOURS) < 0.5, 0.0, values)
        if rng.random() < 0.3:
            values[int(rng.integers(HOURS))] = 1.2 * most
        return {name: values, "on": (values > 0.0).astype(float)}

    return draw


def charging(charge: float, discharge: float, least: float = 0.0, idle: float = 0.5) -> Any:
    """Return charge and discharge that exclude each other."""

    def draw(rng: np.random.Generator) -> Series:
        level = rng.uniform(0.2, 1.0)
        net = rng.uniform(-charge * level, discharge * level, HOURS)
        if rng.random() < 0.25:
            net *= 1.5
        net[rng.random(HOURS) < idle] = 0.0
        if rng.random() < 0.7:
            net = np.where((net < 0.0) & (net > -least), -least, net)
        found = {"charge": np.maximum(-net, 0.0), "discharge": np.maximum(net, 0.0)}
        return {**found, "on": (net < 0.0).astype(float)}

    return draw


def driven(car: Car, h: Forecasts) -> Any:
    """Return the charging of a car that is mostly idle while it is away."""
    any_hour = charging(car.p_charge_max_kw, car.p_discharge_max_kw, car.p_charge_min_kw, 0.2)

    def draw(rng: np.random.Generator) -> Series:
        plugged = car.connected(h) if rng.random() < 0.8 else 1.0
        return {name: values * plugged for name, values in any_hour(rng).items()}

    return draw


def switching(rng: np.random.Generator) -> Series:
    """Return on and off in runs of random length."""
    return {"on": (np.cumsum(rng.random(HOURS) < 0.6) % 2).astype(float)}


def shifting(load: HomeLoad, h: Forecasts, delay: int) -> Any:
    """Return load that leaves, arrives within some hours, and is partly unserved."""

    def draw(rng: np.random.Generator) -> Series:
        down, up = np.zeros(HOURS), np.zeros(HOURS)
        for t in range(HOURS):
            if rng.random() < 0.4:
                amount = rng.uniform(0.0, 1.0 if rng.random() < 0.85 else 1.3)
                down[t] = amount * load.down_max_kw(h)[t]
                arrives = t + int(rng.integers(0, delay + 1))
                if rng.random() < 0.06:
                    arrives = int(rng.integers(0, HOURS))
                up[min(arrives, HOURS - 1)] += down[t] * (1.0 if rng.random() < 0.96 else 0.9)
        demand = load.base_kw(h) + up - down
        unserved = np.where(rng.random(HOURS) < 0.3, rng.uniform(0.0, 1.0, HOURS) * demand, 0.0)
        if rng.random() < 0.1:
            unserved[int(rng.integers(HOURS))] = float(demand.max()) * 1.5
        if load.one_way(h) and rng.random() < 0.9:
            both = np.minimum(up, down)
            up, down = up - both, down - both
        leaving = (down > up).astype(float)
        return {"up": up, "down": down, "unserved": unserved, "leaving": leaving}

    return draw


@dataclass(frozen=True)
class Subject:
    """A device, how its dispatches are drawn, what follows from them, and names of its limits.

    ``follows`` gives a variable and the rows that decide it; ``limits`` the limit that each row
    or bound of the block stands for.
    """

    device: Device
    draw: Callable[[np.random.Generator], Series]
    limits: Mapping[str, str]
    follows: Mapping[str, str] = field(default_factory=dict)
    h: Forecasts = H

    @property
    def name(self) -> str:
        return f"{type(self.device).__name__}-{self.device.id}"


BATTERY: dict[str, Any] = {
    "p_charge_max_kw": 4.0,
    "p_discharge_max_kw": 5.0,
    "energy_kwh": 20.0,
    "soc_min": 0.1,
    "soc_max": 0.9,
    "soc_start": 0.5,
    "efficiency_charge": 0.95,
    "efficiency_discharge": 0.9,
}
TANK: dict[str, Any] = {
    "heat_charge_max_kw": 60.0,
    "heat_discharge_max_kw": 50.0,
    "retention_per_h": 0.97,
    "soc_start": 0.5,
    "soc_end": 0.35,
}
STORE_LIMITS = {
    "charge high": "p_charge_max_kw",
    "discharge high": "p_discharge_max_kw",
    "soc high": "soc_max",
    "soc low": "soc_min",
    "daily_power": "eq. (14)",
    "at_least_minimum": "p_charge_min_kw",
    "only_when_on": "p_charge_max_kw",
}
TANK_LIMITS = {
    **STORE_LIMITS,
    "charge high": "heat_charge_max_kw",
    "discharge high": "heat_discharge_max_kw",
}
SOC = {"soc": "energy_balance"}
RENEWABLE = {"p high": "forecast", "p low": "p_min_kw"}
CHP_LIMITS = {
    "fuel high": "fuel_max_kw",
    "only_when_on": "fuel_max_kw",
    "fuel low": "fuel_min_kw",
    "at_least_minimum": "fuel_min_kw",
}
HEAT_LIMITS = {
    "heat high": "heat_max_kw",
    "heat low": "heat_min_kw",
    "only_when_on": "heat_max_kw",
}
BAND = {"temperature high": "t_max_c", "temperature low": "t_min_c"}
TEMPERATURE = {"temperature": "warming"}
SHIFT = {
    "down high": "shiftable_share",
    "down low": "down",
    "up high": "shift_in_max_kw",
    "up low": "up",
    "none_lost": "none lost",
    "backlog low": "shift_direction",
    "backlog high": "shift_backlog_max_kwh",
    "in_time": "shift_delay_max_h",
    "leaves": "leave or arrive",
    "arrives": "leave or arrive",
    "unserved high": "unserved high",
    "unserved low": "unserved",
    "unserved_limit": "unserved",
}
ENGINE: dict[str, Any] = {"fuel_max_kw": 12.0, "efficiency_electric": 0.33, "efficiency_heat": 0.5}
DIRTY = Emission(square=0.01, linear=0.45, fixed=0.12)
FRIDGE: dict[str, Any] = {
    "p_kw": 0.25,
    "t_min_c": 2.0,
    "t_max_c": 6.0,
    "t_start_c": 4.0,
    "cooling_k_per_h": 1.0,
    "warming_k_per_h": 1.0,
}
TAP: dict[str, Any] = {
    "p_kw": 2.0,
    "t_min_c": 50.0,
    "t_max_c": 65.0,
    "t_start_c": 55.0,
    "heating_k_per_h": 6.0,
    "cooling_k_per_h": 4.0,
}
CARS = (
    Car(
        id="away-2-to-4",
        **{**BATTERY, "p_discharge_max_kw": 2.0},
        p_charge_min_kw=1.0,
        depart_hour=2,
        return_hour=4,
        driving_kwh=3.0,
        soc_departure=0.6,
        soc_end=0.4,
    ),
    Car(id="departs-at-end", p_charge_max_kw=4.0, energy_kwh=20.0, soc_start=0.2,
        soc_departure=0.5, depart_hour=8, return_hour=1),
)  # fmt: skip
HEATING = HomeLoad(id="heating", carrier="heat", p_kw="heating_kw")
FLATS = HomeLoad(
    id="flats",
    carrier="electricity",
    p_kw=20.0,
    profile="demand",
    shiftable_share=0.3,
    shift_in_max_kw=6.0,
    shift_cost_per_kwh="cost_per_kwh",
)
LATER = HomeLoad(
    id="later",
    carrier="heat",
    p_kw="heating_kw",
    shiftable_share=0.4,
    shift_cost_per_kwh=0.02,
    shift_direction="later",
    shift_delay_max_h=2.0,
    shift_backlog_max_kwh=5.0,
)
HALVES = HomeLoad(
    id="half-hours",
    carrier="electricity",
    p_kw=10.0,
    profile="demand",
    shiftable_share=0.5,
    shift_in_max_kw=8.0,
    shift_cost_per_kwh="cost_per_kwh",
    shift_direction="later",
    shift_delay_max_h=1.7,
)
SUN, WIND = H.profile("sun"), H.profile("wind")

SUBJECTS = (
    Subject(SolarPlant(id="roof", p_max_kw=5.0, forecast="sun"), power("p", 5.0 * SUN), RENEWABLE),
    Subject(WindPlant(id="mast", p_max_kw=50.0, forecast="wind"), power("p", 50 * WIND), RENEWABLE),
    Subject(
        SolarThermal(id="collector", heat_max_kw=60.0, forecast="sun"),
        power("heat", 60.0 * SUN),
        {"heat high": "forecast", "heat low": "heat_min_kw"},
    ),
    Subject(CombinedHeatPower(id="free", **ENGINE), power("fuel", 12.0), CHP_LIMITS),
    Subject(
        CombinedHeatPower(id="offset", fuel_min_kw=3.8, offset_kw=-0.25, emission=DIRTY, **ENGINE),
        on_or_off("fuel", 3.8, 12.0),
        CHP_LIMITS,
    ),
    Subject(
        CombinedHeatPower(id="linear", emission=Emission(linear=0.4), **ENGINE),
        on_or_off("fuel", 0.0, 12.0),
        CHP_LIMITS,
    ),
    Subject(GasBoiler(id="clean", heat_max_kw=8.0, efficiency=0.88), power("heat", 8), HEAT_LIMITS),
    Subject(
        GasBoiler(id="dirty", heat_max_kw=8.0, efficiency=0.88, emission=DIRTY),
        on_or_off("heat", 0.0, 8.0),
        HEAT_LIMITS,
    ),
    Subject(
        GasBoiler(id="square", heat_max_kw=8.0, efficiency=0.9, emission=Emission(square=0.002)),
        power("heat", 8.0),
        HEAT_LIMITS,
        h=HALF_HOURS,
    ),
    Subject(
        ElectricBoiler(id="rod", heat_max_kw=20.0, efficiency=0.98),
        power("heat", 20.0),
        HEAT_LIMITS,
    ),
    Subject(HeatPump(id="pump", heat_max_kw=70.0, cop="cop"), power("heat", 70.0), HEAT_LIMITS),
    Subject(
        Battery(id="battery", retention_per_h=0.99, soc_end=0.3, **BATTERY),
        charging(4.0, 5.0),
        STORE_LIMITS,
        SOC,
    ),
    Subject(
        ThermalStore(id="tank", volume_m3=4.0, delta_t_k=40.0, **TANK),
        charging(60.0, 50.0),
        TANK_LIMITS,
        SOC,
    ),
    Subject(
        ThermalStore(id="half-hours", energy_kwh=90.0, **TANK),
        charging(60.0, 50.0),
        TANK_LIMITS,
        SOC,
        HALF_HOURS,
    ),
    Subject(CARS[0], driven(CARS[0], H), STORE_LIMITS, SOC),
    Subject(CARS[1], driven(CARS[1], H), STORE_LIMITS, SOC),
    Subject(Storage(id="energy", **BATTERY), charging(4.0, 5.0), STORE_LIMITS, SOC),
    Subject(
        Storage(id="power", **BATTERY),
        charging(4.0, 5.0),
        STORE_LIMITS,
        SOC,
        forecasts(3, soc_balance="power"),
    ),
    Subject(
        ElectricVehicle(
            id="fleet",
            depart_hour=3,
            return_hour=5,
            driving_kwh=2.0,
            soc_departure=0.4,
            **BATTERY,
        ),
        charging(4.0, 2.0, idle=0.6),
        STORE_LIMITS,
        SOC,
    ),
    Subject(Refrigerator(id="fridge", **FRIDGE), switching, BAND, TEMPERATURE),
    Subject(WaterHeater(id="tap", carrier="heat", **TAP), switching, BAND, TEMPERATURE),
    Subject(
        WaterHeater(id="rod", carrier="electricity", **TAP),
        switching,
        BAND,
        TEMPERATURE,
        HALF_HOURS,
    ),
    Subject(HEATING, shifting(HEATING, H, 2), SHIFT),
    Subject(FLATS, shifting(FLATS, H, 3), SHIFT),
    Subject(LATER, shifting(LATER, H, 2), SHIFT, {"backlog": "backlog_balance"}),
    Subject(
        HALVES, shifting(HALVES, HALF_HOURS, 3), SHIFT, {"backlog": "backlog_balance"}, HALF_HOURS
    ),
)
