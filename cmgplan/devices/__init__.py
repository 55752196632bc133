"""Devices of microgrids and homes: one file each, with record, Pyomo block and simulation."""

from cmgplan.arrays import FloatArray
from cmgplan.devices.base import (
    Breach,
    Carrier,
    Conflict,
    Device,
    Flow,
    Flows,
    Forecasts,
    Record,
    State,
    Step,
    Trace,
)
from cmgplan.devices.chp import CombinedHeatPower
from cmgplan.devices.electric_boiler import ElectricBoiler
from cmgplan.devices.emission import Emission
from cmgplan.devices.gas_boiler import GasBoiler
from cmgplan.devices.heat_pump import HeatPump
from cmgplan.devices.home_load import HomeLoad
from cmgplan.devices.job import Job
from cmgplan.devices.load import Load
from cmgplan.devices.microturbine import MicroTurbine
from cmgplan.devices.refrigerator import Refrigerator
from cmgplan.devices.site import Site
from cmgplan.devices.solar import Photovoltaic, SolarPlant
from cmgplan.devices.solar_thermal import SolarThermal
from cmgplan.devices.storage import Battery, Storage
from cmgplan.devices.store import Store, next_soc_kwh
from cmgplan.devices.svc import StaticVarCompensator
from cmgplan.devices.thermal_store import ThermalStore
from cmgplan.devices.thermostat import Thermostat
from cmgplan.devices.vehicle import Car, ElectricVehicle
from cmgplan.devices.water_heater import WaterHeater
from cmgplan.devices.wind import WindPlant, WindTurbine

HOME_KINDS: dict[str, type[Device]] = {
    kind.kind: kind
    for kind in (
        HomeLoad,
        SolarPlant,
        WindPlant,
        SolarThermal,
        CombinedHeatPower,
        GasBoiler,
        ElectricBoiler,
        HeatPump,
        Battery,
        ThermalStore,
        Car,
        Refrigerator,
        WaterHeater,
        Job,
    )
}
"""Kinds of devices that a home may have, by the key of ``[[home]]`` that lists them."""

__all__ = [
    "HOME_KINDS",
    "Battery",
    "Breach",
    "Car",
    "Carrier",
    "CombinedHeatPower",
    "Conflict",
    "Device",
    "ElectricBoiler",
    "ElectricVehicle",
    "Emission",
    "FloatArray",
    "Flow",
    "Flows",
    "Forecasts",
    "GasBoiler",
    "HeatPump",
    "HomeLoad",
    "Job",
    "Load",
    "MicroTurbine",
    "Photovoltaic",
    "Record",
    "Refrigerator",
    "Site",
    "SolarPlant",
    "SolarThermal",
    "State",
    "StaticVarCompensator",
    "Step",
    "Storage",
    "Store",
    "ThermalStore",
    "Thermostat",
    "Trace",
    "WaterHeater",
    "WindPlant",
    "WindTurbine",
    "next_soc_kwh",
]
