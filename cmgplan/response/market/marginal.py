"""Bids at marginal cost: what a kWh more costs each plant, and what it is worth in each store.

With the on/off choices of the day held, the curves of these bids cross at the dual of the balance
wherever a plant, a store or the retailer is the one that would give a kWh more. Load that moves
bids as load that must be served, so that in hours where moving it decides the price the dual lies
elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from cmgplan.arrays import BoolArray, FloatArray
from cmgplan.devices import (
    Car,
    CombinedHeatPower,
    Device,
    ElectricBoiler,
    GasBoiler,
    HeatPump,
    HomeLoad,
    Job,
    SolarThermal,
    Thermostat,
)
from cmgplan.devices.renewable import HomePlant
from cmgplan.devices.store import Store
from cmgplan.homes.accounts.ledger import Carrier
from cmgplan.homes.accounts.money import emission_of_device
from cmgplan.homes.case.kinds import unknown_kind
from cmgplan.homes.case.records import HomeBase, HomesCase
from cmgplan.homes.clearing.bids import PoolCarrier, Side
from cmgplan.homes.day.dispatch import Dispatch
from cmgplan.response.case.emission import burners, curve_of, output_range_kw
from cmgplan.response.market.lines import DUMP, Line
from cmgplan.response.market.water import FULL_KWH, water_values
from cmgplan.response.model.penalty import Penalties, penalties_of
from cmgplan.response.model.policy import PolicyOfHome, policies_of

AT_CAP_KG = 1e-3
"""Emission under Emax up to which a home counts as at it, kg/h."""


@dataclass(frozen=True)
class PricedLine:
    """A line and what it asks or pays by hour, currency/kWh, shape (T,)."""

    line: Line
    price: FloatArray


def marginal_bids(
    case: HomesCase, dispatch: Dispatch, of_home: Mapping[Carrier, FloatArray]
) -> list[PricedLine]:
    """Return the bids of a day at marginal cost.

    Parameters
    ----------
    of_home
        By carrier: price in each home, currency/kWh, shape (T, homes). They value what is stored,
        and the heat that an engine gives beside its electricity.
    """
    policies, penalties = policies_of(case), penalties_of(case)
    found: list[PricedLine] = []
    for i, home in enumerate(case.homes):
        prices = {carrier: of_home[carrier][:, i] for carrier in of_home}
        maker = _Home(case, dispatch, home, prices, policies[home.id], penalties)
        found += maker.bids()
    return found


class _Home:
    """Makes the bids of one home."""

    def __init__(
        self,
        case: HomesCase,
        dispatch: Dispatch,
        home: HomeBase,
        prices: Mapping[Carrier, FloatArray],
        policy: PolicyOfHome,
        penalties: Penalties,
    ) -> None:
        self.case, self.dispatch, self.home, self.prices = case, dispatch, home, prices
        self.penalties, self.h = penalties, case.forecasts()
        pool = case.file.pool
        self.unserved: dict[PoolCarrier, float] = {
            "electricity": pool.unserved_electricity_per_kwh,
            "heat": pool.unserved_heat_per_kwh,
        }
        gas = case.file.gas
        self.gas = case.series(0.0 if gas is None else gas.price_per_kwh)
        self.at_cap = self._at_cap(policy)

    def bids(self) -> list[PricedLine]:
        """Return the bids of every device, and the dump, which takes any heat for nothing."""
        found = [line for device in self.home.devices() for line in self._of(device)]
        heat = [p.line.kw for p in found if p.line.carrier == "heat" and p.line.side == "sell"]
        if heat:
            dump = Line(self.home.id, DUMP, DUMP, "heat", "buy", np.sum(heat, axis=0))
            found.append(PricedLine(dump, np.zeros(self.case.hours)))
        return found

    def _at_cap(self, policy: PolicyOfHome) -> BoolArray:
        """Return the hours in which the home's plants may emit no more, shape (T,)."""
        limit = policy.emission_max_kg_per_h
        if limit is None:
            return np.zeros(self.case.hours, dtype=np.bool_)
        own = np.zeros(self.case.hours)
        for device in burners(tuple(self.home.devices())):
            own += emission_of_device(self.case, self.home.id, device, self.dispatch)
        return np.asarray(own / self.case.dt_h >= limit - AT_CAP_KG)

    def _of(self, device: Device) -> Iterator[PricedLine]:
        if isinstance(device, HomePlant | SolarThermal):
            carrier: PoolCarrier = "heat" if "heat" in device.carriers else "electricity"
            yield self._line(device, carrier, "sell", device.available_kw(self.h), 0.0)
        elif isinstance(device, CombinedHeatPower):
            yield from self._engine(device)
        elif isinstance(device, GasBoiler):
            heat = self.dispatch.flows[self.home.id, device.id].heat_kw
            on = heat > 0.0 if device.on_or_off else np.ones(len(heat), dtype=np.bool_)
            most = np.where(self.at_cap, heat, np.where(on, device.heat_max_kw, 0.0))
            cost = self.gas / device.efficiency + self._emission_cost(device, heat)
            yield self._line(device, "heat", "sell", most, cost)
        elif isinstance(device, HeatPump | ElectricBoiler):
            yield from self._electric_heat(device)
        elif isinstance(device, Store):
            yield from self._store(device)
        elif isinstance(device, HomeLoad | Job | Thermostat):
            yield from self._demand(device)
        else:
            raise unknown_kind(device, "the market of bids")

    def _engine(self, device: CombinedHeatPower) -> Iterator[PricedLine]:
        """Yield the least output while on, which is not in question, the rest, and the heat."""
        flows = self.dispatch.flows[self.home.id, device.id]
        on = flows.fuel_kw > device.off_kw
        output = np.maximum(flows.p_kw, 0.0)
        least, most = output_range_kw(device)
        sure = np.where(on, np.minimum(least, output), 0.0)
        top = np.where(self.at_cap, output, np.where(on | (not device.on_or_off), most, 0.0))
        beside = self.prices["heat"] * device.efficiency_heat / device.efficiency_electric
        fuel = self.gas / device.efficiency_electric
        cost = fuel + self._emission_cost(device, output) - beside
        yield self._line(device, "electricity", "sell", sure, 0.0)
        yield self._line(device, "electricity", "sell", np.maximum(top - sure, 0.0), cost)
        yield self._line(device, "heat", "sell", flows.heat_kw, 0.0)

    def _emission_cost(
        self, device: CombinedHeatPower | GasBoiler, output_kw: FloatArray
    ) -> FloatArray:
        """Return what the emission of a kWh more counts for, currency/kWh, shape (T,)."""
        price = self.penalties.of_device(self.home.id, device.id)
        weight = self.case.file.response.emission_weight * price
        curves = [curve_of(self.case, device, t) for t in self.h.steps]
        slope = [2.0 * c.square * p + c.linear for c, p in zip(curves, output_kw, strict=True)]
        return weight * np.array(slope)

    def _electric_heat(self, device: HeatPump | ElectricBoiler) -> Iterator[PricedLine]:
        flows = self.dispatch.flows[self.home.id, device.id]
        ratio = self.case.series(device.cop if isinstance(device, HeatPump) else device.efficiency)
        power, heat = self.prices["electricity"], self.prices["heat"]
        yield self._line(device, "heat", "sell", flows.heat_kw, power / ratio)
        yield self._line(device, "electricity", "buy", np.maximum(-flows.p_kw, 0.0), heat * ratio)

    def _store(self, device: Store) -> Iterator[PricedLine]:
        """Yield what a store takes and gives at what its energy is worth; cars must charge."""
        key, heat = (self.home.id, device.id), "heat" in device.carriers
        carrier: PoolCarrier = "heat" if heat else "electricity"
        net, soc = device.net_kw(self.dispatch.flows[key]), self.dispatch.state[key]
        given, taken = np.maximum(net, 0.0), np.maximum(-net, 0.0)
        if isinstance(device, Car):
            yield self._line(device, carrier, "buy", taken, self.unserved[carrier])
            if not (given > 0.0).any():
                return
        price = self.prices[carrier]
        worth = water_values(device, self.h, taken, given, soc, price)
        spare = soc > device.soc_floor_kwh(self.h) + FULL_KWH
        room = soc < _most_kwh(device) - FULL_KWH
        most = np.where(spare, device.discharge_limit_kw, given)
        yield self._line(device, carrier, "sell", most, worth / device.efficiency_discharge)
        if not isinstance(device, Car):
            most = np.where(room, device.charge_limit_kw, taken)
            yield self._line(device, carrier, "buy", most, worth * device.efficiency_charge)

    def _demand(self, device: Device) -> Iterator[PricedLine]:
        """Yield demand that must be served, at what leaving it unserved would cost."""
        key = (self.home.id, device.id)
        flows = self.dispatch.flows[key]
        missing = np.zeros(self.case.hours)
        if isinstance(device, HomeLoad):
            missing = self.dispatch.shifts[key].unserved_kw
        sides: tuple[tuple[PoolCarrier, FloatArray], ...] = (
            ("electricity", flows.p_kw),
            ("heat", flows.heat_kw),
        )
        for carrier, power in sides:
            if carrier in device.carriers:
                asked = np.maximum(-power, 0.0) + missing
                yield self._line(device, carrier, "buy", asked, self.unserved[carrier])

    def _line(
        self,
        device: Device,
        carrier: PoolCarrier,
        side: Side,
        kw: FloatArray,
        price: float | FloatArray,
    ) -> PricedLine:
        line = Line(self.home.id, device.id, device.kind, carrier, side, kw)
        asked = np.broadcast_to(np.asarray(price, dtype=np.float64), (self.case.hours,))
        return PricedLine(line, asked)


def _most_kwh(device: Store) -> float:
    """Return the most that a store holds, kWh."""
    return float(device.soc_max * device.capacity_kwh)
