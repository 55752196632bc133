"""The state of a day under the rules: what every step reads and writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.building.model.plant import Plant
from cmgplan.building.model.share import Groups, in_proportion, singles
from cmgplan.building.model.stores import StoreState


@dataclass
class Step:
    """What one step did; arrays of shape (S, T), kW.

    Attributes
    ----------
    p_kw, heat_kw
        What the unit's own devices give in the step (positive) or take, or what it buys
        (positive) or sells; of E1 and T1 the balance, of E3 and T2 what it gets from others.
    pool_kw, pool_heat_kw
        What the unit gives others in the step less what it gets from them.
    price_per_kwh
        What each unit is paid per kWh by others in the step.
    left_kw, left_heat_kw
        Balance after the step: surplus, or what is still short (negative).
    """

    name: str
    p_kw: FloatArray
    heat_kw: FloatArray
    pool_kw: FloatArray
    pool_heat_kw: FloatArray
    price_per_kwh: FloatArray
    left_kw: FloatArray
    left_heat_kw: FloatArray


@dataclass
class Sales:
    """What units sell to the retailer, kW, each of shape (S, T)."""

    renewable_kw: FloatArray
    engine_kw: FloatArray
    battery_kw: FloatArray

    @property
    def total_kw(self) -> FloatArray:
        """All that is sold, kW."""
        return self.renewable_kw + self.engine_kw + self.battery_kw


@dataclass(frozen=True)
class Foresight:
    """What rules that pay know of the day beforehand; the paper's know nothing.

    Attributes
    ----------
    charge_kw
        What each battery is charged with at most in step E9, shape (K, T).
    offered
        Share of the spare output of each CHP that E12 offers, shape (C, T).
    """

    charge_kw: FloatArray | None = None
    offered: FloatArray | None = None


class DayState:
    """A day of units in groups that trade, as far as the steps have come.

    Attributes
    ----------
    balance_kw, heat_kw
        Surplus of each unit and hour that nothing has taken yet, negative where it is short,
        shape (S, T). Steps move both towards 0.
    engine_kw
        Electric output of each CHP, shape (C, T).
    heater_kw
        By kind: heat of each boiler or heat pump, shape (B, T).
    imported_kw
        What units buy, shape (S, T).
    steps
        What every step did, in order.
    """

    def __init__(
        self, plant: Plant, groups: Sequence[Sequence[int]], knows: Foresight | None = None
    ) -> None:
        self.plant, self.knows = plant, knows or Foresight()
        together, self.alone = Groups(groups), singles(len(plant.units))
        self.partition = tuple(tuple(plant.units[s] for s in group) for group in together.groups)
        self.groups = together if plant.terms.electricity else self.alone
        self.heat_groups = together if plant.terms.heat else self.alone
        shape = (len(plant.units), plant.hours)
        self.shape = shape
        self.balance_kw, self.heat_kw = np.zeros(shape), np.zeros(shape)
        self.engine_kw = np.zeros((len(plant.engines.owner), plant.hours))
        self.heater_kw = {
            kind.kind: np.zeros((len(kind.owner), plant.hours)) for kind in plant.heaters
        }
        self.imported_kw = np.zeros(shape)
        self.sales = Sales(np.zeros(shape), np.zeros(shape), np.zeros(shape))
        self.batteries = StoreState(plant.batteries, plant.dt_h)
        self.cars = StoreState(plant.cars, plant.dt_h)
        self.tanks = StoreState(plant.tanks, plant.dt_h)
        self.steps: dict[str, Step] = {}

    def begin(self, name: str) -> Step:
        """Return the record of a step that begins, or goes on."""
        if name not in self.steps:
            self.steps[name] = Step(name, *(np.zeros(self.shape) for _ in range(7)))
        return self.steps[name]

    def end(self, step: Step) -> None:
        """Keep the balances that a step leaves."""
        step.left_kw, step.left_heat_kw = self.balance_kw.copy(), self.heat_kw.copy()

    @property
    def short_kw(self) -> FloatArray:
        """Electricity that units are short of, kW, shape (S, T)."""
        return np.maximum(-self.balance_kw, 0.0)

    @property
    def short_heat_kw(self) -> FloatArray:
        """Heat that units are short of, kW, shape (S, T)."""
        return np.maximum(-self.heat_kw, 0.0)

    @property
    def spare_kw(self) -> FloatArray:
        """Electric output that each CHP still has, kW, shape (C, T): eq. (21)."""
        return np.maximum(self.plant.engines.p_max_kw[:, None] - self.engine_kw, 0.0)

    def run_engines(
        self, wanted_kw: FloatArray, groups: Groups, at: slice = slice(None)
    ) -> FloatArray:
        """Raise CHPs by what groups want of them, by spare output; return by how much.

        ``wanted_kw`` has shape (G, hours), the return shape (C, hours), for the hours ``at``. A
        CHP that is off does not start for less than its least output; the others of its group
        take its part.
        """
        engines, spare, running = self.plant.engines, self.spare_kw[:, at], self.engine_kw[:, at]
        of, usable = groups.of_unit[engines.owner], spare > 0.0
        while True:
            room = spare * usable
            most = groups.sums(engines.by_unit(room))
            given = in_proportion(np.minimum(wanted_kw, most), room, of)
            low = (given > 0.0) & (running + given < engines.p_min_kw[:, None] - 1e-9)
            if not low.any():
                break
            for g in set(of.tolist()):  # the first of each group, so that others may start
                mine = np.flatnonzero(of == g)
                hit = low[mine].any(axis=0)
                usable[mine[np.argmax(low[mine], axis=0)[hit]], np.flatnonzero(hit)] = False
        self.engine_kw[:, at] += given
        return given

    def export_room_kw(self) -> FloatArray:
        """Return what each unit may still sell, kW, shape (S, T), its own limit alone."""
        return np.maximum(self.plant.terms.export_kw - self.sales.total_kw, 0.0)

    def within_total(
        self, wanted_kw: FloatArray, used_kw: FloatArray, at: slice = slice(None)
    ) -> FloatArray:
        """Return trade with the retailer cut in proportion to what all units together may.

        ``wanted_kw`` has shape (S, hours) for the hours ``at``, ``used_kw`` shape (S, T).
        """
        most = self.plant.terms.total_kw[at]
        if np.isinf(most).all():
            return wanted_kw
        left, total = np.maximum(most - used_kw[:, at].sum(axis=0), 0.0), wanted_kw.sum(axis=0)
        return wanted_kw * np.where(total > left, left / np.where(total > 0.0, total, 1.0), 1.0)
