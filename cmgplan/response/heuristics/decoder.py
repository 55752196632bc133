"""Points in [0, 1]^D decoded to feasible schedules of a response day, many at once.

A point says what every device wishes for in every hour; the decoder makes of it the nearest
schedule that the case allows: temperatures keep their bands and stores their ends, load that left
arrives, cars are charged, Emax is kept. Boilers fill what heat is short and the retailer what
electricity is short, so that what remains unserved is paid for and never assumed away.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cmgplan.arrays import BoolArray, FloatArray
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.day.dispatch import Dispatch
from cmgplan.response.case.prices import intensity_kg_per_kwh
from cmgplan.response.heuristics.appliances import JobPart
from cmgplan.response.heuristics.assemble import assembled
from cmgplan.response.heuristics.balance import HeatHour, PowerHour, run_heat, run_power
from cmgplan.response.heuristics.encode import encoded
from cmgplan.response.heuristics.genes import Encoding, Feedback
from cmgplan.response.heuristics.parts import HomeParts, Parts
from cmgplan.response.heuristics.schedule import HomeSchedule, Schedule
from cmgplan.response.model.profit import served_value


@dataclass
class _Money:
    """Prices by hour, each of shape (T,), with the weighted penalties of emissions in them."""

    buy: FloatArray
    sell: FloatArray
    penalty_buy: FloatArray
    gas: FloatArray

    @classmethod
    def of(cls, parts: Parts) -> _Money:
        """Return the prices of a case."""
        case = parts.case
        retailer, gas, weight = case.file.retailer, case.file.gas, parts.weight
        kg = intensity_kg_per_kwh(case)
        return cls(
            case.series(0.0 if retailer is None else retailer.buy_per_kwh),
            case.series(0.0 if retailer is None else retailer.sell_per_kwh),
            np.asarray(weight * parts.penalties.retailer_per_kg * kg),
            case.series(0.0 if gas is None else gas.price_per_kwh),
        )


class Decoder:
    """Schedules of a case from points, with their profits.

    Parameters
    ----------
    case
        The homes; any case of homes, whatever devices it has.
    encoding
        ``direct``: a coordinate for every choice. ``feedback``: gains on features of the hour.

    Attributes
    ----------
    dimensions
        Number of coordinates D of a point.
    """

    def __init__(self, case: HomesCase, encoding: Encoding = "direct") -> None:
        self.case, self.encoding = case, encoding
        self._parts = Parts(case)
        self._feedback: Feedback | None = None
        if encoding == "feedback":
            self._feedback = self._parts.feedback()
        self.dimensions = self._parts.dimensions
        if self._feedback is not None:
            self.dimensions = self._feedback.dimensions
        self._money, self._served = _Money.of(self._parts), served_value(case)

    def __call__(self, points: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the profits of points, negated, and what their days miss.

        For methods that minimise: values of shape (points,), and breaches in kWh.
        """
        schedule = self.decode(points)
        return -self.profits(schedule), schedule.missed_kwh

    def decode(self, points: FloatArray) -> Schedule:
        """Return the schedules of points of shape (points, D)."""
        direct = points if self._feedback is None else self._feedback.direct(points)
        genes = np.ascontiguousarray(direct.T)
        schedule = Schedule(
            self._parts,
            [self._whole_day(home, genes) for home in self._parts.homes],
            len(points),
        )
        self._hours(schedule, genes)
        return schedule

    def dispatch(self, point: FloatArray) -> Dispatch:
        """Return the day of one point, shape (D,)."""
        return assembled(self.decode(np.atleast_2d(point)), 0)

    def encode(self, dispatch: Dispatch) -> FloatArray:
        """Return the point of the direct encoding whose day is the given one, shape (D,).

        Raises
        ------
        ValueError
            The encoding is by feedback, in which not every day has a point.
        """
        if self._feedback is not None:
            raise ValueError("only the direct encoding has a point for every day")
        return encoded(self._parts, dispatch)

    def free_from(self, hour: int, so_far: FloatArray) -> tuple[BoolArray, FloatArray]:
        """Return which coordinates decide an hour or later ones, and the least they may be.

        In the direct encoding, each of shape (D,). A job that a point ``so_far`` has begun by
        then is decided; any other starts no earlier than the hour.
        """
        free = np.ones(self._parts.dimensions, dtype=np.bool_)
        least = np.zeros(self._parts.dimensions)
        for home in self._parts.homes:
            for part in home.deciding():
                if isinstance(part, JobPart):
                    free[part.slot.first] = part.start_of(so_far) >= hour
                    least[part.slot.first] = part.least_from(hour)
                elif part.slot is not None:
                    free[part.slot.first : part.slot.first + hour] = False
        return free, least

    def joined(self, before: FloatArray, after: FloatArray, hour: int) -> FloatArray:
        """Return a point that follows one point before an hour and another from it on, (D,)."""
        free, least = self.free_from(hour, before)
        return np.where(free, np.maximum(after, least), before)

    def profits(self, schedule: Schedule) -> FloatArray:
        """Return the profits of schedules, currency, shape (points,)."""
        m, dt_h = self._money, self.case.dt_h
        pool = self.case.file.pool
        cost = np.zeros(schedule.points)
        for group in schedule.power.values():
            for t, hour in enumerate(group):
                bought = float(m.buy[t] + m.penalty_buy[t])
                cost += bought * hour.import_kw - float(m.sell[t]) * hour.export_kw
                cost += pool.unserved_electricity_per_kwh * hour.unserved_kw
        for heat_group in schedule.heat.values():
            for heat_hour in heat_group:
                cost += pool.unserved_heat_per_kwh * heat_hour.unserved_kw
        for home in schedule.homes:
            cost += self._cost_of_home(home)
        return np.asarray(self._served - dt_h * cost)

    def _cost_of_home(self, home: HomeSchedule) -> FloatArray:
        """Return gas, shifting and penalties of a home, currency per h, summed over hours."""
        gas, weight = self._money.gas, self._parts.weight
        cost = np.zeros(home.points)
        penalties = self._parts.penalties
        for engine, fuel, kg in zip(home.parts.engines, home.fuel_kw, home.kg_per_h, strict=True):
            per_kg = weight * penalties.of_device(home.parts.home.id, engine.device.id)
            cost += gas @ fuel + per_kg * kg.sum(axis=0)
        for load, left in zip(home.parts.loads, home.left_kw, strict=True):
            if left is not None and load.cost_per_kwh.any():
                cost += load.cost_per_kwh @ np.maximum(left, 0.0)
        for heater, heat_kw in zip(home.parts.heaters, home.heat_kw, strict=True):
            for t, heat in enumerate(heat_kw):
                cost += float(gas[t]) * heater.fuel_kw(heat)
                if heater.per_kg > 0.0:
                    cost += heater.per_kg * heater.kg_per_h(t, heat)
        return cost

    def _whole_day(self, parts: HomeParts, genes: FloatArray) -> HomeSchedule:
        """Decode what of a home needs no balance: appliances, loads that move, engines."""
        h, points = self._parts.h, genes.shape[1]
        home = HomeSchedule(parts, points, h)
        for appliance in parts.appliances:
            home.take(appliance, appliance.taken_kw(genes))
        for load in parts.loads:
            home.load_moved(load, load.left_kw(genes))
        limit = parts.policy.emission_max_kg_per_h
        if limit is not None:
            home.emission_left = np.repeat(limit[:, None], points, axis=1)
        for engine in parts.engines:
            fuel, kg = engine.run(genes, home.emission_left)
            home.run_engine(engine, fuel, kg)
        for plant in parts.plants:
            home.available_kw += plant.available_kw(h)
        for collector in parts.collectors:
            home.heat_need -= collector.available_kw(h)[:, None]
        home.begin()
        return home

    def _hours(self, schedule: Schedule, genes: FloatArray) -> None:
        """Run the hours: heat first, whose pumps draw electricity, then electricity."""
        hours = range(self._parts.h.hours)
        for k, group in enumerate(self._parts.heat_groups):
            self._prepare_tank([schedule.homes[i] for i in group])
            for t in hours:
                schedule.heat[k].append(self._heat(t, schedule, group, genes))
        for t in hours:
            total = self._total_limit(schedule.points)
            for k, group in enumerate(self._parts.electric_groups):
                hour = self._power(t, schedule, group, genes, total)
                if total is not None:
                    total = np.maximum(total - hour.import_kw - hour.export_kw, 0.0)
                schedule.power[k].append(hour)

    def _prepare_tank(self, homes: list[HomeSchedule]) -> None:
        """Let the only tank of a group charge while there is heat for it beside the loads."""
        tanks = [tank for home in homes for tank in home.parts.tanks]
        if len(tanks) != 1:
            return
        heaters = [heater for home in homes for heater in home.parts.heaters]
        need = sum((home.heat_need for home in homes), np.zeros(()))
        tanks[0].prepare(sum((heater.cap_kw for heater in heaters), -need))

    def _heat(self, t: int, schedule: Schedule, group: list[int], genes: FloatArray) -> HeatHour:
        """Run the heat of a group in an hour, and add what its plants draw of electricity."""
        homes = [schedule.homes[i] for i in group]
        heaters = [heater for home in homes for heater in home.parts.heaters]
        tanks = [tank for home in homes for tank in home.parts.tanks]
        left = {
            i: home.emission_left[t]
            for i, home in zip(group, homes, strict=True)
            if home.emission_left is not None
        }
        hour = run_heat(
            t,
            heaters,
            tanks,
            genes,
            sum((home.heat_need[t] for home in homes), np.zeros(schedule.points)),
            sum((home.heat_load[t] for home in homes), np.zeros(schedule.points)),
            left,
        )
        for home in homes:
            for heater in home.parts.heaters:
                if heater.ratio is not None:
                    home.need[t] += heater.drawn_kw(t, heater.heat_kw[t])
        return hour

    def _power(
        self,
        t: int,
        schedule: Schedule,
        group: list[int],
        genes: FloatArray,
        total_kw: FloatArray | None,
    ) -> PowerHour:
        """Run the electricity of a group in an hour."""
        homes = [schedule.homes[i] for i in group]
        plant = float(sum(home.available_kw[t] for home in homes))
        return run_power(
            t,
            [battery for home in homes for battery in home.parts.batteries],
            genes,
            sum((home.need[t] for home in homes), np.full(schedule.points, -plant)),
            sum((home.load[t] for home in homes), np.zeros(schedule.points)),
            plant,
            self._limit(len(group), schedule.points, total_kw),
            (float(self._money.buy[t]), float(self._money.sell[t])),
        )

    def _total_limit(self, points: int) -> FloatArray | None:
        """Return what all homes may trade together, kW, shape (points,)."""
        retailer = self.case.file.retailer
        most = None if retailer is None else retailer.power_max_total_kw
        return None if most is None else np.full(points, most)

    def _limit(self, homes: int, points: int, total_kw: FloatArray | None) -> FloatArray | None:
        """Return what a group may trade, kW, shape (points,); None without a limit."""
        retailer = self.case.file.retailer
        if retailer is None:
            return np.zeros(points)
        if retailer.power_max_kw is None:
            return total_kw
        own = np.full(points, homes * retailer.power_max_kw)
        return own if total_kw is None else np.minimum(own, total_kw)
