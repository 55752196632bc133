"""Devices of a microgrid: one file each, with record, Pyomo block and simulation."""

from cmgplan.devices.base import Breach, Device, FloatArray, Horizon, Record, Trace
from cmgplan.devices.load import Load
from cmgplan.devices.microturbine import MicroTurbine
from cmgplan.devices.solar import Photovoltaic
from cmgplan.devices.storage import Storage
from cmgplan.devices.svc import StaticVarCompensator
from cmgplan.devices.vehicle import ElectricVehicle
from cmgplan.devices.wind import WindTurbine

__all__ = [
    "Breach",
    "Device",
    "ElectricVehicle",
    "FloatArray",
    "Horizon",
    "Load",
    "MicroTurbine",
    "Photovoltaic",
    "Record",
    "StaticVarCompensator",
    "Storage",
    "Trace",
    "WindTurbine",
]
