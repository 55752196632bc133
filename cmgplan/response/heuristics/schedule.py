"""What a decoder has decided, for many points at once."""

from __future__ import annotations

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.devices import Forecasts
from cmgplan.response.heuristics.appliances import ShiftPart, ThermostatPart
from cmgplan.response.heuristics.balance import HeatHour, PowerHour
from cmgplan.response.heuristics.parts import Appliance, HomeParts, Parts
from cmgplan.response.heuristics.plants import EnginePart
from cmgplan.response.heuristics.stores import StorePart


class HomeSchedule:
    """The day of a home; arrays of shape (T, points) in kW unless they say otherwise.

    Attributes
    ----------
    h
        The hours.
    need, heat_need
        Electricity and heat wanted of batteries, plants and trade, sun and wind not counted.
    load, heat_load
        Loads, which may be unserved.
    taken_kw
        By appliance: what it takes.
    left_kw
        By load: what leaves each hour less what arrives; None where nothing moves.
    fuel_kw, kg_per_h
        By engine: gas, and emission.
    heat_kw
        By boiler or pump: heat of each hour.
    soc_kwh, net_kw
        By battery, car and tank: stored energy at the end of each hour, and power given.
    available_kw
        Sun and wind, shape (T,).
    emission_left
        What engines leave of Emax, kg/h; None where it is no limit.
    """

    def __init__(self, parts: HomeParts, points: int, h: Forecasts) -> None:
        self.parts, self.points, self.h = parts, points, h
        hours = h.hours
        self.need, self.heat_need, self.load, self.heat_load = (
            np.zeros((hours, points)) for _ in range(4)
        )
        self.taken_kw: list[FloatArray] = []
        self.left_kw: list[FloatArray | None] = []
        self.fuel_kw: list[FloatArray] = []
        self.kg_per_h: list[FloatArray] = []
        self.heat_kw: list[list[FloatArray]] = []
        self.soc_kwh: list[list[FloatArray]] = []
        self.net_kw: list[list[FloatArray]] = []
        self.available_kw = np.zeros(hours)
        self.emission_left: FloatArray | None = None

    @property
    def stores(self) -> list[StorePart]:
        """Batteries and cars, then tanks."""
        return [*self.parts.batteries, *self.parts.tanks]

    def begin(self) -> None:
        """Begin the day of stores and plants of heat, which are run hour by hour."""
        for store in self.stores:
            store.begin(self.points)
        for heater in self.parts.heaters:
            heater.begin(self.emission_left, self.points)
        self.heat_kw = [heater.heat_kw for heater in self.parts.heaters]
        self.soc_kwh = [store.soc_kwh for store in self.stores]
        self.net_kw = [store.net_kw for store in self.stores]

    def take(self, appliance: Appliance, taken_kw: FloatArray) -> None:
        """Add what an appliance takes."""
        self.taken_kw.append(taken_kw)
        if isinstance(appliance, ThermostatPart) and appliance.device.by_heat:
            self.heat_need += taken_kw
        else:
            self.need += taken_kw

    def load_moved(self, load: ShiftPart, left_kw: FloatArray | None) -> None:
        """Add a load, some of which moves."""
        self.left_kw.append(left_kw)
        demand = load.base_kw[:, None] - (0.0 if left_kw is None else left_kw)
        heat = load.device.carrier == "heat"
        if heat:
            self.heat_need += demand
            self.heat_load += demand
        else:
            self.need += demand
            self.load += demand

    def run_engine(self, engine: EnginePart, fuel_kw: FloatArray, kg_per_h: FloatArray) -> None:
        """Add an engine, whose emission is taken off what is left of Emax."""
        self.fuel_kw.append(fuel_kw)
        self.kg_per_h.append(kg_per_h)
        self.need -= engine.p_kw(fuel_kw)
        self.heat_need -= engine.device.efficiency_heat * fuel_kw
        if self.emission_left is not None:
            self.emission_left = np.maximum(self.emission_left - kg_per_h, 0.0)


class Schedule:
    """The days of points: their homes, and the hours of each group that shares a carrier."""

    def __init__(self, parts: Parts, homes: list[HomeSchedule], points: int) -> None:
        self.parts, self.homes, self.points = parts, homes, points
        self.heat: dict[int, list[HeatHour]] = {k: [] for k in range(len(parts.heat_groups))}
        self.power: dict[int, list[PowerHour]] = {k: [] for k in range(len(parts.electric_groups))}

    @property
    def missed_kwh(self) -> FloatArray:
        """What no load and no trade makes up for, kWh, shape (points,); 0 for a feasible day."""
        missed = np.zeros(self.points)
        for heat in self.heat.values():
            missed += sum((hour.missed_kw for hour in heat), np.zeros(()))
        for power in self.power.values():
            missed += sum((hour.missed_kw for hour in power), np.zeros(()))
        return self.parts.h.dt_h * missed
