"""Stores under the rules: what more they can give and take without breaking what is booked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cmgplan.arrays import BoolArray, FloatArray, IntArray
from cmgplan.devices import Forecasts, Store
from cmgplan.homes.day.dispatch import DeviceKey

NOTHING = 1e-12
"""Power and energy under which nothing is left, kW and kWh."""

NEEDED_KWH = 1e-9
"""Energy under a floor from which a store charges for it."""


@dataclass(frozen=True)
class StoreData:
    """Stores of one kind, K of them; powers at their terminals, kW, energies in kWh.

    Attributes
    ----------
    owner, member
        Position of the unit that each belongs to, shape (K,), and 1 where a store is a unit's,
        shape (S, K).
    rated_kw, capacity_kwh
        Rated power of discharge and energy of a full store, shape (K,).
    charge_max_kw, discharge_max_kw
        Limits of each hour, 0 while a car is away, shape (K, T).
    charge_min_kw
        Least power of charging, shape (K,).
    floor_kwh, ceiling_kwh
        Least energy at the end of each hour, shape (K, T), and greatest, shape (K,).
    start_kwh, drawn_kwh
        Energy before the first hour, shape (K,), and what driving draws, shape (K, T).
    efficiency_charge, efficiency_discharge, kept
        Shares that arrive, and the share kept over an interval, shape (K,).
    gives
        Hours in which it may give to units, shape (K, T): a car only once it has come back.
    """

    owner: IntArray
    member: FloatArray
    keys: tuple[DeviceKey, ...]
    rated_kw: FloatArray
    capacity_kwh: FloatArray
    charge_max_kw: FloatArray
    discharge_max_kw: FloatArray
    charge_min_kw: FloatArray
    floor_kwh: FloatArray
    ceiling_kwh: FloatArray
    start_kwh: FloatArray
    drawn_kwh: FloatArray
    efficiency_charge: FloatArray
    efficiency_discharge: FloatArray
    kept: FloatArray
    gives: BoolArray

    def by_unit(self, values: FloatArray) -> FloatArray:
        """Return the sums of values by store over each unit's stores, shape (S, ...)."""
        return np.asarray(self.member @ values)


def members(owner: IntArray, units: int) -> FloatArray:
    """Return 1 where a device belongs to a unit, shape (S, devices)."""
    return np.asarray(np.arange(units)[:, None] == owner, dtype=np.float64)


def store_data(
    h: Forecasts, stores: Sequence[tuple[int, str, Store]], units: Sequence[str]
) -> StoreData:
    """Return stores as arrays; each is given with the position of its unit and its id."""
    devices = [device for _, _, device in stores]

    def each(values: Sequence[float]) -> FloatArray:
        return np.asarray(values, dtype=np.float64)

    def hourly(values: Sequence[FloatArray]) -> FloatArray:
        return np.asarray(values, dtype=np.float64).reshape(len(devices), h.hours)

    plugged = hourly([device.connected(h) for device in devices])
    away = plugged == 0.0
    # A car gives after its first return; a store that is never away gives always.
    back = np.maximum.accumulate(away, axis=1) | ~away.any(axis=1, keepdims=True)
    owner = np.asarray([unit for unit, _, _ in stores], dtype=np.int64)
    return StoreData(
        owner=owner,
        member=members(owner, len(units)),
        keys=tuple((units[unit], name) for unit, name, _ in stores),
        rated_kw=each([device.discharge_limit_kw for device in devices]),
        capacity_kwh=each([device.capacity_kwh for device in devices]),
        charge_max_kw=plugged * each([d.charge_limit_kw for d in devices])[:, None],
        discharge_max_kw=plugged * each([d.discharge_limit_kw for d in devices])[:, None],
        charge_min_kw=each([getattr(d, "p_charge_min_kw", 0.0) for d in devices]),
        floor_kwh=hourly([device.soc_floor_kwh(h) for device in devices]),
        ceiling_kwh=each([device.soc_max * device.capacity_kwh for device in devices]),
        start_kwh=each([device.soc_start * device.capacity_kwh for device in devices]),
        drawn_kwh=hourly([device.drawn_kwh(h) for device in devices]),
        efficiency_charge=each([device.efficiency_charge for device in devices]),
        efficiency_discharge=each([device.efficiency_discharge for device in devices]),
        kept=each([device.kept(h.dt_h) for device in devices]),
        gives=back & ~away,
    )


class StoreState:
    """What stores do in the day so far.

    A standing loss is put back in every hour: ``standing_kw`` keeps the energy at which the day
    begins, and counts as booked. What is charged beyond it loses its share of every hour.

    Attributes
    ----------
    p_kw
        Power at the terminals, positive where a store discharges, shape (K, T).
    energy_kwh
        Energy at the end of each hour, shape (K, T).
    charged, discharged
        Hours in which a step has charged or discharged it: it never does both.
    """

    def __init__(self, data: StoreData, dt_h: float) -> None:
        self.data, self.dt_h = data, dt_h
        count, hours = data.floor_kwh.shape
        lost_kwh = (1.0 - data.kept) * data.start_kwh
        standing = lost_kwh / (data.efficiency_charge * dt_h)
        self.standing_kw = np.minimum(standing[:, None], data.charge_max_kw)
        self.p_kw: FloatArray = -self.standing_kw
        self.charged: BoolArray = np.zeros((count, hours), dtype=np.bool_)
        self.discharged: BoolArray = np.zeros((count, hours), dtype=np.bool_)
        self._lossless = bool(np.all(data.kept == 1.0))
        self._decay = data.kept[:, None] ** np.arange(hours)
        self.energy_kwh = self._energy()

    def _energy(self) -> FloatArray:
        """Return the energy at the end of each hour that the powers leave, kWh, shape (K, T)."""
        data, energy = self.data, np.empty(self.p_kw.shape)
        stored = data.start_kwh
        put_in = self.dt_h * data.efficiency_charge[:, None] * np.maximum(-self.p_kw, 0.0)
        taken = self.dt_h * np.maximum(self.p_kw, 0.0) / data.efficiency_discharge[:, None]
        change = put_in - taken - data.drawn_kwh
        for t in range(data.floor_kwh.shape[1]):
            stored = data.kept * stored + change[:, t]
            energy[:, t] = stored
        return energy

    def avail(self, t: int) -> FloatArray:
        """Return what more each store can give in hour t, kW, shape (K,).

        In closed form the limit of raising the discharge step by step until anything booked
        later would break (the paper's Fig. 3): with E at the ends of hours,
        ``min(Pmax - p[t], min over tau >= t of E[tau] - floor[tau])``, energies carried from t to
        tau by what is kept. A store that charges in the hour gives nothing.
        """
        data = self.data
        spare_kwh = self._least(self.energy_kwh[:, t:] - data.floor_kwh[:, t:])
        undone = np.maximum(-self.p_kw[:, t], 0.0)  # the standing loss is put back later
        per_kw = data.efficiency_charge * self.dt_h
        first = np.minimum(undone, spare_kwh / per_kw)
        rest = (spare_kwh - first * per_kw) * data.efficiency_discharge / self.dt_h
        most = np.minimum(first + rest, data.discharge_max_kw[:, t] - self.p_kw[:, t])
        return np.where(self.charged[:, t] | (most < NOTHING), 0.0, most)

    def room(self, t: int) -> FloatArray:
        """Return what more each store can take in hour t, kW, shape (K,).

        ``min(Pmax + p[t], min over tau >= t of Emax - E[tau])``, as in ``avail``; a store that
        discharges in the hour takes nothing.
        """
        data = self.data
        room_kwh = self._least(data.ceiling_kwh[:, None] - self.energy_kwh[:, t:])
        most = np.minimum(
            room_kwh / (data.efficiency_charge * self.dt_h),
            data.charge_max_kw[:, t] + self.p_kw[:, t],
        )
        return np.where(self.discharged[:, t] | (most < NOTHING), 0.0, most)

    @property
    def lacks(self) -> bool:
        """Whether any store is under a floor so far."""
        return bool((self.energy_kwh < self.data.floor_kwh - NEEDED_KWH).any())

    def needed(self, t: int) -> FloatArray:
        """Return the power in hour t that a later floor asks for, charging at once, kW, (K,)."""
        data = self.data
        short_kwh = -self._least(self.energy_kwh[:, t:] - data.floor_kwh[:, t:])
        return np.maximum(short_kwh, 0.0) / (data.efficiency_charge * self.dt_h)

    def _least(self, energies: FloatArray) -> FloatArray:
        """Return the least of energies at later ends, each as what must be moved now."""
        if not self._lossless:
            energies = energies / self._decay[:, : energies.shape[1]]
        return np.asarray(energies.min(axis=1)) if energies.size else np.zeros(len(energies))

    def discharge(self, t: int, power_kw: FloatArray) -> None:
        """Book a discharge in hour t, shape (K,)."""
        data = self.data
        undone = np.minimum(np.maximum(-self.p_kw[:, t], 0.0), power_kw)
        used = undone * data.efficiency_charge + (power_kw - undone) / data.efficiency_discharge
        self.p_kw[:, t] += power_kw
        self.discharged[:, t] |= power_kw > 0.0
        self._carry(t, -used * self.dt_h)

    def charge(self, t: int, power_kw: FloatArray) -> None:
        """Book a charge in hour t, shape (K,)."""
        self.p_kw[:, t] -= power_kw
        self.charged[:, t] |= power_kw > 0.0
        self._carry(t, power_kw * self.data.efficiency_charge * self.dt_h)

    def forgo(self, power_kw: FloatArray) -> None:
        """Take back charging that nothing could serve, kW, shape (K, T)."""
        self.p_kw = self.p_kw + power_kw
        self.energy_kwh = self._energy()

    def _carry(self, t: int, energy_kwh: FloatArray) -> None:
        """Add energy at the end of hour t and what is kept of it later."""
        left = self._decay[:, : self.energy_kwh.shape[1] - t]
        self.energy_kwh[:, t:] += energy_kwh[:, None] * left
