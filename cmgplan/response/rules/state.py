"""A day of one home while the rules run it: what its devices do, hour by hour."""

from __future__ import annotations

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.devices import CombinedHeatPower, Flows, GasBoiler, HomeLoad, Store
from cmgplan.homes.day.dispatch import Dispatch, Shift
from cmgplan.response.case.emission import output_range_kw
from cmgplan.response.rules.plant import Heater, Plant

NOTHING_KW = 1e-9
"""Power that is nothing."""


class HomeDay:
    """What a home has decided so far; arrays are of shape (T,), kW.

    Attributes
    ----------
    plant
        The home as the rules see it.
    reserve_kwh
        By store: least energy at the end of each hour from which its day still ends in time.
    level_kwh
        By store: energy when the current hour begins.
    store_kw
        By store: positive where it gives.
    engine_kw, heater_kw
        By device: electricity of engines, heat of heaters.
    up_kw, down_kw, unserved_kw
        By load: what arrives, leaves and is not served.
    left_kwh
        By load: what has left and not yet arrived.
    curtailed_kw
        Electricity of sun and wind that nothing takes.
    import_kw, export_kw, pool_kw, pool_heat_kw, dumped_kw
        Trade, and heat that nothing takes.
    """

    def __init__(self, plant: Plant, reserve_kwh: dict[str, FloatArray]) -> None:
        self.plant, self.reserve_kwh = plant, reserve_kwh
        stores = (*plant.batteries, *plant.tanks)
        loads = (*plant.loads, *plant.heat_loads)
        self.level_kwh = {s.id: s.soc_start * s.capacity_kwh for s in stores}
        self.store_kw = {s.id: self._zeros() for s in stores}
        self.soc_kwh = {s.id: self._zeros() for s in stores}
        self.engine_kw = {d.id: self._zeros() for d in plant.engines}
        self.heater_kw = {d.id: self._zeros() for d in plant.heaters}
        self.up_kw = {d.id: self._zeros() for d in loads}
        self.down_kw = {d.id: self._zeros() for d in loads}
        self.unserved_kw = {d.id: self._zeros() for d in loads}
        self.left_kwh = {d.id: 0.0 for d in loads}
        self.curtailed_kw = self._zeros()
        self.import_kw, self.export_kw, self.pool_kw = (self._zeros() for _ in range(3))
        self.pool_heat_kw, self.dumped_kw = self._zeros(), self._zeros()

    def resume(self, dispatch: Dispatch, hour: int) -> None:
        """Take what was done before an hour from a day, and begin the hour in its state."""
        name, over, plant = self.plant.home.id, slice(hour), self.plant
        for store in (*plant.batteries, *plant.tanks):
            soc = dispatch.state[name, store.id]
            net = store.net_kw(dispatch.flows[name, store.id])
            self.store_kw[store.id][over], self.soc_kwh[store.id][over] = net[over], soc[over]
            if hour > 0:
                self.level_kwh[store.id] = float(soc[hour - 1])
        for engine in plant.engines:
            self.engine_kw[engine.id][over] = dispatch.flows[name, engine.id].p_kw[over]
        for heater in plant.heaters:
            self.heater_kw[heater.id][over] = dispatch.flows[name, heater.id].heat_kw[over]
        for load in (*plant.loads, *plant.heat_loads):
            moved = dispatch.shifts[name, load.id]
            self.up_kw[load.id][over] = moved.up_kw[over]
            self.down_kw[load.id][over] = moved.down_kw[over]
            self.unserved_kw[load.id][over] = moved.unserved_kw[over]
            owed = float(np.sum(moved.down_kw[over] - moved.up_kw[over]))
            self.left_kwh[load.id] = max(plant.hours.dt_h * owed, 0.0)
        made = [dispatch.flows[name, device.id].p_kw for device in plant.renewables]
        self.curtailed_kw[over] = (plant.renewable_kw - sum(made, self._zeros()))[over]
        exchange = dispatch.exchange[name]
        for key in ("import_kw", "export_kw", "pool_kw", "pool_heat_kw"):
            getattr(self, key)[over] = getattr(exchange, key)[over]
        self.dumped_kw[over] = dispatch.dumped_kw.get(name, self._zeros())[over]

    def _zeros(self) -> FloatArray:
        return np.zeros(self.plant.hours.hours)

    def short_kw(self, t: int) -> float:
        """Return the electricity that is lacking before any trade, kW; negative if it is left."""
        p = self.plant
        short = float(p.load_kw[t] + p.fixed_kw[t] - p.renewable_kw[t] + self.curtailed_kw[t])
        for load in p.loads:
            short += self.up_kw[load.id][t] - self.down_kw[load.id][t]
            short -= self.unserved_kw[load.id][t]
        short -= sum(self.engine_kw[d.id][t] for d in p.engines)
        short -= sum(self.store_kw[s.id][t] for s in p.batteries)
        return float(short + sum(self.drawn_kw(d, t) for d in p.heaters))

    def heat_short_kw(self, t: int) -> float:
        """Return the heat that is lacking before any trade, kW; negative where it is left."""
        p = self.plant
        short = float(p.heat_load_kw[t] + p.fixed_heat_kw[t] - p.collected_kw[t])
        short -= sum(self.unserved_kw[load.id][t] for load in p.heat_loads)
        short -= sum(self.engine_heat_kw(d, t) for d in p.engines)
        short -= sum(self.store_kw[s.id][t] for s in p.tanks)
        return float(short - sum(self.heater_kw[d.id][t] for d in p.heaters))

    def fuel_kw(self, engine: CombinedHeatPower, t: int) -> float:
        """Return the gas of an engine, kW, response eq. (51)."""
        power = float(self.engine_kw[engine.id][t])
        return fuel_of(engine, power) if power > 0.0 else 0.0

    def engine_heat_kw(self, engine: CombinedHeatPower, t: int) -> float:
        """Return the heat of an engine, kW, response eq. (52)."""
        return engine.efficiency_heat * self.fuel_kw(engine, t)

    def drawn_kw(self, heater: Heater, t: int) -> float:
        """Return the electricity that a heater draws, kW; 0 for a gas boiler."""
        if isinstance(heater, GasBoiler):
            return 0.0
        made = float(self.heater_kw[heater.id][t])
        return made / float(heater.heat_per_power(self.plant.hours)[t]) if made > 0.0 else 0.0

    def emitted_kg_per_h(self, t: int, but: str = "") -> float:
        """Return what engines and boilers emit in hour t, kg/h, one of them left out."""
        total = 0.0
        for device in (*self.plant.engines, *self.plant.heaters):
            made = self.engine_kw if isinstance(device, CombinedHeatPower) else self.heater_kw
            output = float(made[device.id][t])
            if output > 0.0 and device.id != but and device.id in self.plant.curves:
                total += self.plant.curves[device.id][t].kg_per_h(output)
        return total

    def most_kw(self, burner: CombinedHeatPower | GasBoiler, t: int) -> float | None:
        """Return the most that a burner may make in an hour under Emax; None if it must be off."""
        least, most = output_range_kw(burner)
        limit = self.plant.limit_kg_per_h(t)
        if not np.isfinite(limit):
            return most
        rest = limit - self.emitted_kg_per_h(t, but=burner.id)
        return self.plant.curves[burner.id][t].most_kw(rest, least, most)

    def end_hour(self, t: int) -> None:
        """Carry stores and moved load into the next hour."""
        dt_h = self.plant.hours.dt_h
        for store in (*self.plant.batteries, *self.plant.tanks):
            net = float(self.store_kw[store.id][t])
            after = store.next_soc_kwh(
                self.level_kwh[store.id], max(-net, 0.0), max(net, 0.0), 0.0, dt_h
            )
            self.level_kwh[store.id] = self.soc_kwh[store.id][t] = float(after)
        for load in self.plant.loads:
            moved = self.down_kw[load.id][t] - self.up_kw[load.id][t]
            self.left_kwh[load.id] = max(self.left_kwh[load.id] + dt_h * float(moved), 0.0)

    def shift_of(self, load: HomeLoad) -> Shift:
        """Return what moved of a load and what nothing served of it."""
        return Shift(self.up_kw[load.id], self.down_kw[load.id], self.unserved_kw[load.id])

    def flows_of_store(self, store: Store) -> Flows:
        """Return the flows of a store."""
        power, hours = self.store_kw[store.id], self.plant.hours.hours
        if store.prefix == "heat":
            return Flows.of(hours, heat_kw=power)
        return Flows.of(hours, p_kw=power)


def fuel_of(engine: CombinedHeatPower, power_kw: float) -> float:
    """Return the gas of an engine that is on, kW, response eq. (51)."""
    return (power_kw - engine.offset_kw) / engine.efficiency_electric
