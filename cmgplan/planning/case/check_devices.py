"""Rules inside a device that join several of its keys."""

from __future__ import annotations

from collections.abc import Iterator
from math import floor

import numpy as np

from cmgplan.case.folder import CASE_FILE
from cmgplan.case.ids import repeated
from cmgplan.devices import (
    Device,
    ElectricVehicle,
    Forecasts,
    Load,
    MicroTurbine,
    StaticVarCompensator,
    Storage,
)
from cmgplan.devices.vehicle import DAY_H
from cmgplan.errors import Fault
from cmgplan.planning.case.draft import Draft

TOLERANCE_KWH = 1e-6


def check_devices(draft: Draft) -> Iterator[Fault]:
    """Yield what is wrong with the devices of every microgrid."""
    ids: dict[str, list[tuple[str, str]]] = {}
    clock = draft.clock
    for where, mg, device in draft.devices():
        ids.setdefault(where.partition(".")[0], []).append((where, device.id))
        label = f"{mg.id} {device.id}"
        for key, message, mend in _device_faults(device):
            yield Fault(CASE_FILE, f"{where}.{key}", f"{message} ({label})", mend)
        if isinstance(device, ElectricVehicle) and clock is not None:
            for key, message, mend in _driving_faults(device, clock, draft.horizon):
                yield Fault(CASE_FILE, f"{where}.{key}", f"{message} ({label})", mend)
            for key, message, mend in _driving_doubts(device, clock):
                yield Fault(CASE_FILE, f"{where}.{key}", f"{message} ({label})", mend, "warning")
    for places in ids.values():
        yield from repeated(CASE_FILE, "device", iter(places))


def _device_faults(device: Device) -> Iterator[tuple[str, str, str]]:
    """Yield (key, message, mend) for limits of one device that contradict each other."""
    if isinstance(device, Load) and device.p_kw == 0.0 and device.q_kvar != 0.0:
        message = f"q_kvar is {device.q_kvar:g} where p_kw is 0"
        yield "q_kvar", message, "give the load a p_kw, or make it an svc"
    if isinstance(device, MicroTurbine) and device.p_min_kw > device.p_max_kw:
        message = f"p_min_kw {device.p_min_kw:g} is above p_max_kw {device.p_max_kw:g}"
        yield "p_min_kw", message, "lower p_min_kw"
    if (
        isinstance(device, MicroTurbine | StaticVarCompensator)
        and device.q_min_kvar > device.q_max_kvar
    ):
        message = f"q_min_kvar {device.q_min_kvar:g} is above q_max_kvar {device.q_max_kvar:g}"
        yield "q_min_kvar", message, "exchange the two"
    if isinstance(device, Storage):
        yield from _soc_faults(device)


def _soc_faults(store: Storage) -> Iterator[tuple[str, str, str]]:
    """Yield what is wrong with the window of the state of charge."""
    window = f"the window {store.soc_min:g} to {store.soc_max:g}"
    if store.soc_min > store.soc_max:
        message = f"soc_min {store.soc_min:g} is above soc_max {store.soc_max:g}"
        yield "soc_min", message, "exchange the two"
        return
    if not store.soc_min <= store.soc_start <= store.soc_max:
        message = f"soc_start {store.soc_start:g} is outside {window}"
        yield "soc_start", message, "start within the window"
    if isinstance(store, ElectricVehicle) and store.soc_departure > store.soc_max:
        message = f"soc_departure {store.soc_departure:g} is above soc_max {store.soc_max:g}"
        yield "soc_departure", message, "ask for no more than soc_max"


def _driving_faults(
    ev: ElectricVehicle, clock: Forecasts, horizon: Forecasts | None
) -> Iterator[tuple[str, str, str]]:
    """Yield what is wrong with the driving of a fleet.

    ``clock`` has the hours without prices, ``horizon`` is None where no price could be read.
    """
    late = _late(ev)
    for key in late:
        message = f"{getattr(ev, key):g} is not an hour of the clock, from 0 to under 24"
        yield key, message, "give the hour of the day; every day has the trip"
    if late:
        return
    between = ev.between_intervals(clock)
    for key, hour in between:
        message = f"hour {hour:g} lies within an interval of {clock.dt_h:g} h"
        near = ", ".join(f"{at:g}" for at in _ends_near(hour, clock))
        yield key, message, f"name an hour at which an interval begins: {near}"
    if between:
        return
    if ev.depart_hour == ev.return_hour:
        if ev.driving_kwh > 0.0:
            message = f"it drives {ev.driving_kwh:g} kWh but is never away"
            yield "return_hour", message, "let it return in another hour than it departs"
        return
    leaves_at_once = any(abs(leaves) < 0.5 for leaves, _ in ev.trips(clock))
    if leaves_at_once and ev.soc_start < ev.soc_departure:
        message = f"it departs in hour 0 with soc_start {ev.soc_start:g} under soc_departure"
        yield "soc_start", message, f"start with {ev.soc_departure:g} or more"
    if horizon is not None and ev.soc_min <= ev.soc_start <= ev.soc_max >= ev.soc_departure:
        yield from _charging_faults(ev, horizon)


def _late(ev: ElectricVehicle) -> list[str]:
    """Return the keys that name no hour of the clock."""
    return [key for key in ("depart_hour", "return_hour") if getattr(ev, key) >= DAY_H]


def _ends_near(hour: float, clock: Forecasts) -> tuple[float, float]:
    """Return the ends of the interval that an hour of the clock lies within."""
    steps = floor((hour - clock.begins_h) / clock.dt_h)
    before, after = (clock.begins_h + (steps + k) * clock.dt_h for k in (0, 1))
    return before % DAY_H, after % DAY_H


def _driving_doubts(ev: ElectricVehicle, clock: Forecasts) -> Iterator[tuple[str, str, str]]:
    """Yield a warning where a fleet drives outside the hours planned alone, or in all of them."""
    if _late(ev) or ev.away_h == 0.0 or ev.between_intervals(clock):
        return
    away, span = len(ev.away(clock)), _span(clock)
    trip = f"it is away from {_time(ev.depart_hour)} to {_time(ev.return_hour)}"
    if away == 0:
        yield "depart_hour", f"{trip}, never in the hours planned, {span}", "check hours and dt_h"
    elif away == clock.hours:
        yield "depart_hour", f"{trip}, all the time planned, {span}", "check hours and dt_h"


def _span(clock: Forecasts) -> str:
    """Return the hours of the clock that are planned."""
    ends_h = clock.begins_h + clock.hours * clock.dt_h
    return f"{_time(clock.begins_h)} to {_time(ends_h)}"


def _time(hour: float) -> str:
    """Return an hour of the clock as 07:30; 24:00 is the midnight that ends a day."""
    minutes = round(60.0 * hour)
    shown = minutes if minutes <= 60 * DAY_H else minutes % round(60 * DAY_H)
    return f"{shown // 60:02d}:{shown % 60:02d}"


def _charging_faults(ev: ElectricVehicle, h: Forecasts) -> Iterator[tuple[str, str, str]]:
    """Yield the first hour in which even the fastest charging leaves too little stored."""
    plugged, drawn, floor = ev.connected(h), ev.drawn_kwh(h), ev.soc_floor_kwh(h)
    most = ev.soc_max * ev.energy_kwh
    stored = ev.soc_start * ev.energy_kwh
    for t in h.steps:
        charged = h.dt_h * ev.efficiency_charge * ev.p_charge_max_kw * float(plugged[t])
        stored = min(stored + charged, most) - float(drawn[t])
        short = float(floor[t]) - stored
        if short > TOLERANCE_KWH:
            need = _need(ev, h, t)
            message = f"at fastest charging it is {short:.1f} kWh short {need}"
            mend = "charge faster, drive less, stay plugged in longer or ask for less"
            yield "p_charge_max_kw", message, mend
            return


def _need(ev: ElectricVehicle, h: Forecasts, t: int) -> str:
    """Return what the energy at the end of an hour is needed for."""
    if np.isclose(ev.connected(h)[t], 0.0) and t < h.hours - 1:
        return f"of soc_min while it drives in hour {t}"
    if t + 1 in ev.departures(h):
        return f"of soc_departure at its departure in hour {t + 1}"
    return f"of soc_start at the end of hour {t}, the end of the day"
