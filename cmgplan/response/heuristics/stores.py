"""Stores of electricity and heat, cars among them: by the hour, within what the day allows."""

from __future__ import annotations

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.devices import Flows, Forecasts, Store
from cmgplan.errors import InfeasibleError
from cmgplan.response.heuristics.genes import Slot, gene_of, gene_signed, share_of, signed_of
from cmgplan.response.heuristics.reach import Levels

NOTHING_KW = 1e-6
"""Power that is nothing."""


class StorePart:
    """A store: response eqs. (19)-(44).

    What can only charge is off under a threshold and has its least power from there; what can
    give back as well discharges above ``IDLE`` and charges below. A wish is moved to the nearest
    stored energy from which every later demand on the store can still be met.
    """

    def __init__(self, device: Store, h: Forecasts, slot: Slot) -> None:
        self.device, self.slot, self._h = device, slot, h
        plugged, hours = device.connected(h), h.hours
        self._charge, self._discharge = (
            device.charge_limit_kw * plugged,
            device.discharge_limit_kw * plugged,
        )
        self._least = np.minimum(getattr(device, "p_charge_min_kw", 0.0), self._charge)
        self._in = device.efficiency_charge * h.dt_h
        self._out = h.dt_h / device.efficiency_discharge
        self.start_kwh = device.soc_start * device.capacity_kwh
        zero = np.zeros(hours)
        up, down = (self._in * self._least, self._in * self._charge), -self._out * self._discharge
        self._levels = Levels(
            self.start_kwh,
            device.soc_floor_kwh(h),
            np.full(hours, device.soc_max * device.capacity_kwh),
            [up, (down, zero)] if self._least.any() else [(down, up[1])],
            kept=device.kept(h.dt_h),
            drawn=device.drawn_kwh(h),
        )
        if not self._can_begin():
            raise InfeasibleError(
                f"{device.kind} {device.id}: no way to charge it keeps its limits over the day: "
                "charge faster, lower its least power, or ask for less at the end"
            )
        self.soc_kwh: list[FloatArray] = []
        self.net_kw: list[FloatArray] = []

    def _can_begin(self) -> bool:
        rest = self._levels.idle(0, np.array([self.start_kwh]))
        after = self._levels.nearest(0, rest, rest)
        return any(a - 1e-6 <= after[0] <= b + 1e-6 for a, b in self._levels.allowed[0])

    @property
    def gives(self) -> bool:
        """Whether it can give energy back."""
        return self.device.discharge_limit_kw > 0.0

    def begin(self, points: int) -> None:
        """Begin a day of so many points."""
        self._level = np.full(points, self.start_kwh)
        self._floor: FloatArray | None = None
        self.soc_kwh, self.net_kw = [], []

    def prepare(self, charge_kw: FloatArray) -> None:
        """Charge early enough where no more than given powers can be had, shape (T, points)."""
        within = self._in * np.minimum(np.maximum(charge_kw, 0.0), self._charge[:, None])
        floor, drawn = self.device.soc_floor_kwh(self._h), self.device.drawn_kwh(self._h)
        kept = self.device.kept(self._h.dt_h)
        self._floor = np.empty_like(within)
        low = np.full(within.shape[1], floor[-1])
        for t in range(self._h.hours - 1, -1, -1):
            low = np.maximum(low, floor[t])
            self._floor[t] = low
            low = (low - within[t] + drawn[t]) / kept

    def _floor_at(self, t: int) -> FloatArray | None:
        return None if self._floor is None else self._floor[t]

    def wish_kw(self, t: int, genes: FloatArray) -> FloatArray:
        """Return the wished power, positive where it discharges, shape (points,)."""
        gene, least, most = self.slot.of(genes)[t], float(self._least[t]), float(self._charge[t])
        if self.gives:
            share, given = signed_of(gene), float(self._discharge[t])
            if least == 0.0:
                return np.asarray(share * np.where(share >= 0.0, given, most))
            return np.where(share >= 0.0, share * given, -(least + -share * (most - least)))
        on, share = share_of(gene)
        return np.where(on, -(least + share * (most - least)), 0.0)

    def forced_kw(self, t: int) -> FloatArray:
        """Return the least that it must charge in hour t, kW, shape (points,)."""
        if self._needs_nothing(t):
            return np.zeros(len(self._level))
        return self._levels.rise(t, self._level, self._floor_at(t)) / self._in

    def _needs_nothing(self, t: int) -> bool:
        """Return whether idling is allowed from any level."""
        return float(self._charge[t]) == 0.0

    def run(
        self, t: int, wish_kw: FloatArray, charge_most_kw: FloatArray | None = None
    ) -> FloatArray:
        """Run hour t as near to a wish as the day allows; return the power, as in ``wish_kw``.

        ``charge_most_kw`` is what can be had for charging, shape (points,); only what the day
        makes it charge is more.
        """
        rest = self._levels.idle(t, self._level)
        change = wish_kw * np.where(wish_kw > 0.0, -self._out, -self._in)
        most = None if charge_most_kw is None else rest + self._in * charge_most_kw
        after = self._levels.nearest(t, rest, rest + change, most, self._floor_at(t))
        moved = after - rest
        net = moved / np.where(moved > 0.0, -self._in, -self._out)
        self._level = after
        self.soc_kwh.append(after)
        self.net_kw.append(net)
        return net

    def encode(self, flows: Flows) -> FloatArray:
        """Return the coordinates of a dispatch, shape (T,)."""
        net = self.device.net_kw(flows)
        charge, discharge = np.maximum(-net, 0.0), np.maximum(net, 0.0)
        span = np.where(self._charge > self._least, self._charge - self._least, 1.0)
        above = np.clip((charge - self._least) / span, 0.0, 1.0)
        if self.gives:
            given = discharge / np.maximum(self._discharge, 1e-12)
            # The least power is just under idling, so that it is not taken for it.
            taken = np.where(charge > NOTHING_KW, np.maximum(above, 1e-9), 0.0)
            return gene_signed(np.where(net >= 0.0, np.minimum(given, 1.0), -taken))
        return gene_of(charge > NOTHING_KW, above)
