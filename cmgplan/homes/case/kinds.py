"""Kinds of devices that only an optimiser takes, so that others must refuse them."""

from __future__ import annotations

from collections.abc import Iterator

from cmgplan.case.folder import CASE_FILE
from cmgplan.devices import (
    Battery,
    Car,
    CombinedHeatPower,
    Device,
    GasBoiler,
    HomeLoad,
    Job,
    SolarThermal,
    ThermalStore,
    Thermostat,
)
from cmgplan.devices.electric_boiler import ElectricHeat
from cmgplan.devices.renewable import HomePlant
from cmgplan.errors import Fault, InputError
from cmgplan.homes.case.records import HomesCase

BY_KIND = (
    HomeLoad,
    HomePlant,
    SolarThermal,
    CombinedHeatPower,
    GasBoiler,
    ElectricHeat,
    Battery,
    ThermalStore,
    Car,
    Thermostat,
    Job,
)
"""Devices that rules, heuristics and bids know what to do with."""

MEND = "leave it out, or run the optimum or the market, which take a device as its equations are"


def unknown_kinds(case: HomesCase, who: str) -> Iterator[Fault]:
    """Yield the devices of a kind that ``who`` (the rules, demand response) has no rule for."""
    for k, home in enumerate(case.homes):
        numbers: dict[str, int] = {}
        for device in home.devices():
            at = numbers[device.kind] = numbers.get(device.kind, -1) + 1
            if not isinstance(device, BY_KIND):
                place = f"home[{k}].{device.kind}[{at}]"
                yield Fault(CASE_FILE, place, _told(device, who), MEND)


def unknown_kind(device: Device, who: str) -> InputError:
    """Return the error of a device that ``who`` has no rule for."""
    return InputError(f"{_told(device, who)}; {MEND}")


def _told(device: Device, who: str) -> str:
    return f"{who} cannot run {device.id}, a device of the kind {device.kind}"
