"""What a day comes to, from its dispatch alone: the same profit for every way to run it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.devices import Device, HomeLoad
from cmgplan.homes.accounts.money import (
    costs_of_home,
    emission_of_device,
    emission_of_imports,
)
from cmgplan.homes.case.records import HomeBase, HomesCase
from cmgplan.homes.day.dispatch import Dispatch
from cmgplan.response.case.prices import forecast_per_kwh
from cmgplan.response.model.penalty import penalties_of

UNDER = 1e-6
"""Emission over Emax up to which an hour counts as under it, kg/h."""


@dataclass(frozen=True)
class EmissionOfHome:
    """Emission of a home by hour, kg, each of shape (T,), and its Emax, kg/h.

    ``own_kg`` is that of its engines and boilers, ``retailer_kg`` that of what it buys.
    """

    own_kg: FloatArray
    retailer_kg: FloatArray
    emission_max_kg_per_h: float | None
    dt_h: float

    @property
    def total_kg(self) -> FloatArray:
        """Emission with the retailer's, kg, shape (T,)."""
        return self.own_kg + self.retailer_kg

    def hours_under(self, with_retailer: bool = False) -> int | None:
        """Return the number of hours within Emax, None where the home has none."""
        if self.emission_max_kg_per_h is None:
            return None
        kg = self.total_kg if with_retailer else self.own_kg
        return int(np.sum(kg <= (self.emission_max_kg_per_h + UNDER) * self.dt_h))


@dataclass(frozen=True)
class Profit:
    """Parts of the profit of a day of all homes, currency, and the emissions behind them.

    Attributes
    ----------
    served
        Heat and load of the case at the forecast price and ``heat_value_per_kwh``: a constant of
        the case, whatever is served. Appliances and cars do not count.
    sales, purchases, gas
        Paid by and to the retailer, and for gas.
    shift, unserved
        Cost of load that moved, and value of load that nothing served.
    peak
        Charge of the retailer for the greatest import of each home.
    value
        What optional jobs and the energy left in stores are worth.
    penalties
        Emissions at their penalty factors; they count by ``emission_weight``.
    emission
        By home.
    """

    served: float
    sales: float
    purchases: float
    gas: float
    shift: float
    unserved: float
    peak: float
    value: float
    penalties: float
    emission_weight: float
    emission: Mapping[str, EmissionOfHome]

    @property
    def total(self) -> float:
        """The profit: served - cost - weighted penalties."""
        return self.served - self.cost - self.emission_weight * self.penalties

    @property
    def cost(self) -> float:
        """Purchases - sales + gas + peak + shift + unserved - value, as of the one owner."""
        paid = self.purchases - self.sales + self.gas + self.peak
        return paid + self.shift + self.unserved - self.value

    @property
    def emission_kg(self) -> float:
        """Emission of all homes with the retailer's, kg."""
        return float(sum(home.total_kg.sum() for home in self.emission.values()))

    def share_under_emax(self, with_retailer: bool = False) -> float | None:
        """Return the share of home-hours within Emax, None where no home has one."""
        counted = [
            (home.hours_under(with_retailer), len(home.own_kg)) for home in self.emission.values()
        ]
        known = [(under, hours) for under, hours in counted if under is not None]
        total = sum(hours for _, hours in known)
        return sum(under for under, _ in known) / total if total else None


def profit_of(case: HomesCase, dispatch: Dispatch, emission_weight: float | None = None) -> Profit:
    """Return what a day of all homes comes to.

    ``emission_weight`` takes the place of the case's.
    """
    costs = [costs_of_home(case, home, dispatch) for home in case.ids]
    parts = {
        name: float(sum(getattr(cost, name).sum() for cost in costs))
        for name in ("sales", "purchases", "gas", "shift", "unserved", "peak", "value")
    }
    weight = case.file.response.emission_weight if emission_weight is None else emission_weight
    return Profit(
        served=served_value(case),
        penalties=penalties_of(case).of_day(case, dispatch),
        emission_weight=weight,
        emission={home.id: emission_of_home(case, home, dispatch) for home in case.homes},
        **parts,
    )


def served_value(case: HomesCase) -> float:
    """Return heat and load of the case at the forecast prices, currency: a constant."""
    h, heat = case.forecasts(), case.file.response.heat_value_per_kwh
    forecast = forecast_per_kwh(case)
    prices = {"electricity": forecast, "heat": np.full(case.hours, heat)}
    return float(
        sum(
            case.dt_h * np.sum(prices[device.carrier] * device.base_kw(h))
            for _, device in _devices(case)
            if isinstance(device, HomeLoad)
        )
    )


def emission_of_home(case: HomesCase, home: HomeBase, dispatch: Dispatch) -> EmissionOfHome:
    """Return what a home emits by hour."""
    own = np.zeros(case.hours)
    for device in home.devices():
        own = own + emission_of_device(case, home.id, device, dispatch)
    bought = emission_of_imports(case, home.id, dispatch)
    return EmissionOfHome(own, bought, home.emission_max_kg_per_h, case.dt_h)


def _devices(case: HomesCase) -> Iterator[tuple[HomeBase, Device]]:
    """Yield every device with its home."""
    for home in case.homes:
        for device in home.devices():
            yield home, device


@dataclass(frozen=True)
class Objectives:
    """The paper's objectives (1)-(5) as settled sums over the day.

    Everybody settles at one price of electricity and one of heat: producers (1) are paid it,
    consumers (3) pay it. What homes buy from the retailer costs consumers its own price, and
    what is sold to it brings producers its own price, so that

        producers - consumers = sales - purchases - peak charges - gas,

    and the retailer (2) has purchases and peak charges less sales. Dumped heat is paid by nobody.

    Attributes
    ----------
    producers
        (1): income of sun, wind, engines, boilers, pumps and stores, less gas, what electric
        heat draws and what stores take in, currency.
    retailer
        (2): purchases of the homes and peak charges less sales to it, currency.
    consumers
        (3): what loads, appliances and cars pay, currency.
    emission_kg
        (4): emission of plants and of the retailer, kg.
    emission_cost
        (5): penalties and gas, which the paper counts twice and is counted once, currency.
    """

    producers: float
    retailer: float
    consumers: float
    emission_kg: float
    emission_cost: float


CONSUMERS = frozenset({"load", "ev", "refrigerator", "water_heater", "job"})
"""Kinds of devices that consume; all others produce or store."""


def objectives_of(
    case: HomesCase,
    dispatch: Dispatch,
    electricity_per_kwh: FloatArray | None = None,
    heat_per_kwh: FloatArray | None = None,
) -> Objectives:
    """Return the settled sums of a day at market prices of shape (T,).

    Without prices, electricity has the forecast's and heat the ``heat_value_per_kwh``.
    """
    electricity = forecast_per_kwh(case) if electricity_per_kwh is None else electricity_per_kwh
    heat = case.file.response.heat_value_per_kwh
    heat_price = np.full(case.hours, heat) if heat_per_kwh is None else heat_per_kwh
    profit = profit_of(case, dispatch)
    producers, consumers = -profit.gas, 0.0
    for home, device in _devices(case):
        flows = dispatch.flows[home.id, device.id]
        worth = np.sum(electricity * flows.p_kw + heat_price * flows.heat_kw) * case.dt_h
        if device.kind in CONSUMERS:
            consumers -= float(worth)
        else:
            producers += float(worth)
    for home in case.homes:
        exchange = dispatch.exchange[home.id]
        dumped = dispatch.dumped_kw.get(home.id, np.zeros(case.hours))
        sold = np.sum(electricity * exchange.export_kw + heat_price * dumped)
        producers -= case.dt_h * float(sold)
        consumers -= case.dt_h * float(np.sum(electricity * exchange.import_kw))
    return Objectives(
        producers=producers + profit.sales,
        retailer=profit.purchases + profit.peak - profit.sales,
        consumers=consumers + profit.purchases + profit.peak,
        emission_kg=profit.emission_kg,
        emission_cost=profit.penalties + profit.gas,
    )
