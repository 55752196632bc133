"""Devices whose day is decoded at once: thermostats, jobs and loads that move."""

from __future__ import annotations

import numpy as np

from cmgplan.arrays import FloatArray, IntArray
from cmgplan.devices import Flows, Forecasts, HomeLoad, Job
from cmgplan.devices.thermostat import Thermostat
from cmgplan.errors import InfeasibleError
from cmgplan.homes.day.dispatch import Shift
from cmgplan.response.heuristics.genes import IDLE, Slot, gene_signed, signed_of
from cmgplan.response.heuristics.reach import Counts, Levels

NOTHING_KWH = 1e-9
"""Energy that is nothing."""

BAND_K = 1e-6
"""Temperature by which rounding may miss a band."""


class ThermostatPart:
    """A refrigerator or a water heater: on or off by the hour, unless that would leave its band.

    Response eqs. (83)-(86), (92)-(95).
    """

    def __init__(self, device: Thermostat, h: Forecasts, slot: Slot) -> None:
        self.device, self.slot = device, slot
        low, high = device.limits_c(h)
        n, t = np.arange(h.hours + 1), np.arange(1, h.hours + 1)[:, None]
        by = h.dt_h * (n * device.on_k_per_h + (t - n) * device.off_k_per_h)
        temperature = device.t_start_c + by
        inside = (temperature >= low[:, None] - BAND_K) & (temperature <= high[:, None] + BAND_K)
        self._counts = Counts(inside & (n <= t))
        if not self._counts.possible[0, :2].any():
            raise InfeasibleError(
                f"{device.kind} {device.id}: neither on nor off keeps its band over the day: "
                "widen the band"
            )

    def taken_kw(self, genes: FloatArray) -> FloatArray:
        """Return what is taken, kW, shape (T, points)."""
        on = self._counts.decided(self.slot.of(genes) >= IDLE)
        return np.asarray(self.device.p_kw * on)

    def encode(self, flows: Flows) -> FloatArray:
        """Return the coordinates of a dispatch, shape (T,)."""
        return np.where(self.device.taken_kw(flows) > 0.5 * self.device.p_kw, 1.0, 0.0)


class JobPart:
    """A job: one coordinate chooses among the hours in which it may start, response (88)-(90)."""

    def __init__(self, device: Job, h: Forecasts, slot: Slot) -> None:
        self.device, self.slot = device, slot
        starts, n = device.starts(h), device.intervals(h)
        if not starts:
            raise InfeasibleError(
                f"job {device.id}: its window has no room for it: widen the window"
            )
        self._starts = np.array(starts)
        runs = np.arange(h.hours) - self._starts[:, None]
        self._power = device.p_kw * ((runs >= 0) & (runs < n)).T.astype(np.float64)

    def taken_kw(self, genes: FloatArray) -> FloatArray:
        """Return what is taken, kW, shape (T, points)."""
        return np.asarray(self._power[:, self._chosen(self.slot.of(genes)[0])])

    def _chosen(self, gene: FloatArray) -> IntArray:
        """Return the numbers of the starts that coordinates stand for."""
        choices = len(self._starts)
        return np.minimum((choices * gene).astype(np.int64), choices - 1)

    def start_of(self, point: FloatArray) -> int:
        """Return the hour in which it starts by one point, shape (D,)."""
        return int(self._starts[self._chosen(self.slot.of(point))[0]])

    def least_from(self, hour: int) -> float:
        """Return the least coordinate by which it starts no earlier than an hour."""
        gone = int(np.sum(self._starts < hour))
        return min(gone + 0.5, len(self._starts)) / len(self._starts) if gone else 0.0

    def encode(self, flows: Flows) -> FloatArray:
        """Return the coordinate of a dispatch, shape (1,)."""
        begun = int(np.argmax(-flows.p_kw > 0.5 * self.device.p_kw))
        k = int(np.argmin(np.abs(self._starts - begun)))
        return np.array([(k + 0.5) / len(self._starts)])


class ShiftPart:
    """A load some of which moves: above ``IDLE`` it leaves its hour, below it arrives in it.

    Response eqs. (68)-(72). ``leave_kw`` and ``arrive_kw`` are the most that may, shape (T,).
    """

    def __init__(
        self,
        device: HomeLoad,
        h: Forecasts,
        slot: Slot | None,
        leave_kw: FloatArray,
        arrive_kw: FloatArray,
    ) -> None:
        self.device, self.slot, self._h = device, slot, h
        self.base_kw = device.base_kw(h)
        self.cost_per_kwh = h.series(device.shift_cost_per_kwh)
        self._leave, self._arrive = h.dt_h * leave_kw, h.dt_h * arrive_kw
        self._any: Levels | None = None
        if slot is not None and device.shift_direction == "any":
            free = np.full(h.hours, float(self._leave.sum() + self._arrive.sum()))
            free[-1] = 0.0
            self._any = Levels(0.0, -free, free, [(-self._arrive, self._leave)])

    def left_kw(self, genes: FloatArray) -> FloatArray | None:
        """Return what leaves each hour less what arrives, kW, shape (T, points); None for none."""
        if self.slot is None:
            return None
        share = signed_of(self.slot.of(genes))
        wanted = np.where(share > 0.0, share * self._leave[:, None], share * self._arrive[:, None])
        moved = self._later(wanted) if self._any is None else self._either(wanted, self._any)
        return moved / self._h.dt_h

    def _either(self, wanted: FloatArray, levels: Levels) -> FloatArray:
        """Return what leaves, kWh, where it may arrive before or after."""
        level, moved = np.zeros(wanted.shape[1]), np.empty_like(wanted)
        for t, wish in enumerate(wanted):
            after = levels.nearest(t, level, level + wish)
            moved[t] = after - level
            level = after
        return moved

    def _later(self, wanted: FloatArray) -> FloatArray:
        """Return what leaves, kWh, where it may only arrive later, within the delay and room.

        All that left by an hour must have arrived a delay later: it does as long as what is owed
        never exceeds the room for arrivals until then.
        """
        hours, points = wanted.shape
        delay, most = self.device.delay(self._h), self.device.shift_backlog_max_kwh
        room = np.concatenate([[0.0], np.cumsum(self._arrive)])  # for arrivals before each hour
        left, arrived = np.zeros((hours + 1, points)), np.zeros(points)
        moved = np.empty_like(wanted)
        for t, wish in enumerate(wanted):
            # The last hour for what left in s < t; what was due before t has arrived.
            due = np.clip(np.arange(t) + delay, t, hours - 1)
            owed = left[1 : t + 1] - (room[due + 1] - room[t + 1])[:, None]
            must = np.maximum(owed.max(axis=0) - arrived, 0.0) if t else np.zeros(points)
            backlog = left[t] - arrived
            come = np.minimum(np.maximum(-wish, must), np.minimum(self._arrive[t], backlog))
            come = np.where(come > NOTHING_KWH, come, 0.0)  # rounding forbids no leaving
            ahead = room[min(t + delay, hours - 1) + 1] - room[t + 1] - backlog
            free = ahead if most is None else np.minimum(ahead, most - backlog)
            go = np.where(come > 0.0, 0.0, np.clip(wish, 0.0, np.maximum(free, 0.0)))
            left[t + 1], arrived = left[t] + go, arrived + come
            moved[t] = go - come
        return moved

    def encode(self, shift: Shift) -> FloatArray:
        """Return the coordinates of a dispatch, shape (T,)."""
        net = self._h.dt_h * (shift.down_kw - shift.up_kw)
        most = np.where(net > 0.0, self._leave, self._arrive)
        return gene_signed(np.divide(net, most, out=np.zeros_like(net), where=most > 1e-12))
