"""Rules inside a device that join several of its keys, or its keys and the hours."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cmgplan.case.folder import CASE_FILE
from cmgplan.devices import Car, Conflict, Device, Forecasts
from cmgplan.errors import Fault
from cmgplan.homes.case.draft import Draft


def check_devices(draft: Draft) -> Iterator[Fault]:
    """Yield what contradicts itself in the devices of every home."""
    h = draft.forecasts
    for where, home, device in draft.devices():
        found = list(device.conflicts())
        readable = h is not None and all(name in h.profiles for _, name in device.columns())
        if h is not None and readable and not found:
            found = list(_over(device, h))
        label = f"{home.name} {device.id}"
        for key, message, mend in found:
            yield Fault(CASE_FILE, f"{where}.{key}", f"{message} ({label})", mend)
        if isinstance(device, Car) and h is not None and not found:
            yield from _driving_doubts(device, f"{where}.depart_hour", label, h)


def _over(device: Device, h: Forecasts) -> Iterator[Conflict]:
    """Yield what is wrong with a device in the hours of the case; a car says when it charges."""
    for conflict in device.conflicts_over(h):
        if isinstance(device, Car) and conflict.key == "p_charge_max_kw":
            hours = spans(np.flatnonzero(device.connected(h)).tolist())
            plugged = f"plugged in in hours {hours}" if hours else "never plugged in"
            message = f"{conflict.message}, {plugged}"
            yield Conflict(conflict.key, message, conflict.mend)
        else:
            yield conflict


def _driving_doubts(car: Car, where: str, label: str, h: Forecasts) -> Iterator[Fault]:
    """Yield a warning where a car is away in none of the hours, or in all of them."""
    if car.away_h == 0.0:
        return
    away = len(car.away(h))
    trip = f"it is away from {car.depart_hour:g} to {car.return_hour:g}"
    if away in (0, h.hours):
        often = "in no hour of the case" if away == 0 else "in every hour of the case"
        yield Fault(
            CASE_FILE, where, f"{trip}, {often} ({label})", "check hours and dt_h", "warning"
        )


def spans(hours: list[int]) -> str:
    """Return hours as ``0-6, 17-23``."""
    found: list[list[int]] = []
    for hour in hours:
        if found and hour == found[-1][1] + 1:
            found[-1][1] = hour
        else:
            found.append([hour, hour])
    return ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in found)
