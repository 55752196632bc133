"""When a car charges by its plug alone, and what a store must hold to end its day in time."""

from __future__ import annotations

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.devices import Car, Forecasts, Store

SHORT_KWH = 1e-6
"""Energy short of a floor that counts."""

NOTHING_KW = 1e-9
"""Power that is nothing."""


def needed_kwh(store: Store, h: Forecasts, charge_kw: FloatArray) -> FloatArray:
    """Return the least energy before each hour, and after the last, that keeps later floors.

    Parameters
    ----------
    charge_kw
        The most that the store can count on taking in each hour, kW, shape (T,).

    Returns
    -------
    Array of shape (T + 1,), kWh; entry t is what must be stored when hour t begins. It may be
    more than the store holds, where no charging is enough.
    """
    floor, drawn, kept = store.soc_floor_kwh(h), store.drawn_kwh(h), store.kept(h.dt_h)
    gained = h.dt_h * store.efficiency_charge * charge_kw
    need = np.empty(h.hours + 1)
    need[h.hours] = floor[-1]
    for t in reversed(h.steps):
        after = max(float(floor[t]), float(need[t + 1]))
        need[t] = max((after + float(drawn[t]) - float(gained[t])) / kept, 0.0)
    return need


def plug_schedule_kw(car: Car, h: Forecasts) -> FloatArray:
    """Return the charging of a car by its plug, kW, shape (T,): response eqs. (39)-(42).

    In each stay it charges as soon as it is plugged in, as fast as it may, until it has what its
    next trips and the end of the day need. The last hours of charging are planned so that what
    is left is nothing or at least the least power.
    """
    plugged = car.connected(h)
    need = needed_kwh(car, h, car.charge_limit_kw * plugged)
    drawn, floor = car.drawn_kwh(h), car.soc_floor_kwh(h)
    stored = car.soc_start * car.capacity_kwh
    charge = np.zeros(h.hours)
    for t in h.steps:
        if plugged[t] > 0.0:
            target = _target_kwh(need, floor, plugged, t)
            charge[t] = _charge_kw(car, stored, target, h.dt_h)
        stored = float(car.next_soc_kwh(stored, charge[t], 0.0, float(drawn[t]), h.dt_h))
    return charge


def short_of_floor(car: Car, h: Forecasts) -> tuple[int, float] | None:
    """Return the first hour in which the plug leaves too little stored, and how much, kWh."""
    if any(True for _ in car.conflicts_over(h)):
        return None  # said in reading the case
    soc = car.soc_of(h, plug_schedule_kw(car, h), np.zeros(h.hours))
    short = car.soc_floor_kwh(h) - soc
    late = np.flatnonzero(short > SHORT_KWH)
    return None if late.size == 0 else (int(late[0]), float(short[late[0]]))


def _target_kwh(need: FloatArray, floor: FloatArray, plugged: FloatArray, t: int) -> float:
    """Return what is wanted at the end of the stay that hour t belongs to, kWh."""
    last = t
    while last + 1 < len(plugged) and plugged[last + 1] > 0.0:
        last += 1
    return max(float(need[last + 1]), float(np.max(floor[t : last + 1])))


def _charge_kw(car: Car, stored_kwh: float, target_kwh: float, dt_h: float) -> float:
    """Return the charging of one hour towards a target, kW: 0 or within the car's range."""
    least, most = car.p_charge_min_kw, car.p_charge_max_kw
    per_kw = car.efficiency_charge * dt_h
    kept = car.kept(dt_h) * stored_kwh
    rest = (min(target_kwh, car.soc_max * car.capacity_kwh) - kept) / per_kw
    if rest <= NOTHING_KW:
        return 0.0
    power = min(rest, most)
    left = rest - power
    if NOTHING_KW < left < least:
        power = max(rest - least, least)
    if power >= least:
        return power
    room = (car.soc_max * car.capacity_kwh - kept) / per_kw
    return least if room >= least - NOTHING_KW else 0.0
