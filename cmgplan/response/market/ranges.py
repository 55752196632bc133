"""The ranges that bids are drawn in: response eqs. (9)-(96) in the order that makes them numbers.

Many of the paper's bounds are bids of others, some of each other: (32) and (49) bound the bids of
heat stores and collectors by one another. Evaluated in this order they are plain numbers: engines
and boilers by their cost; collectors and heat stores at one price, under those; the dump, water
heaters and heating by what the others ask; last what heat stores pay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.devices import CombinedHeatPower, ElectricBoiler, GasBoiler, HeatPump
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.day.dispatch import DeviceKey, Dispatch
from cmgplan.response.case.prices import forecast_per_kwh
from cmgplan.response.market.lines import DUMP, Line

MUST_RUN = ("load", "heat_pump", "electric_boiler", "chp")
"""Kinds whose demand for electricity is served at up to twice the forecast, (79)."""

FREE = ("solar_thermal", "thermal_store")
"""Kinds that offer heat without fuel: (32) and (49) give them one price."""


@dataclass(frozen=True)
class Costs:
    """What ranges are made from, currency/kWh.

    Attributes
    ----------
    forecast
        Forecast price of electricity, shape (T,).
    of_device
        By home and device that offers at its cost: its cost of a kWh, shape (T,). Of an engine
        per kWh of electricity, (53) over its output, and its heat has the same price (56); of a
        heat pump or an electric boiler the electricity that it takes at the forecast.
    heat_value
        Price of heat in a home where nothing has such a cost.
    """

    forecast: FloatArray
    of_device: Mapping[DeviceKey, FloatArray]
    heat_value: float


def costs_of(case: HomesCase, dispatch: Dispatch) -> Costs:
    """Return the costs behind the ranges of a day."""
    gas = case.file.gas
    price = case.series(0.0 if gas is None else gas.price_per_kwh)
    forecast = forecast_per_kwh(case)
    found: dict[DeviceKey, FloatArray] = {}
    for home in case.homes:
        for device in home.devices():
            if isinstance(device, CombinedHeatPower | GasBoiler):
                found[home.id, device.id] = price * fuel_per_kwh(device, home.id, dispatch)
            elif isinstance(device, HeatPump):
                found[home.id, device.id] = forecast / case.series(device.cop)
            elif isinstance(device, ElectricBoiler):
                found[home.id, device.id] = forecast / case.series(device.efficiency)
    return Costs(forecast, found, case.file.response.heat_value_per_kwh)


def fuel_per_kwh(
    device: CombinedHeatPower | GasBoiler, home: str, dispatch: Dispatch
) -> FloatArray:
    """Return the gas of a kWh that a plant gives, shape (T,); of an engine that is off, at full."""
    flows = dispatch.flows[home, device.id]
    if isinstance(device, GasBoiler):
        return np.full(len(flows.fuel_kw), 1.0 / device.efficiency)
    at_full = device.fuel_max_kw / max(device.p_max_kw, 1e-9)
    full = np.full(len(flows.fuel_kw), at_full)
    running = flows.p_kw > 1e-6
    return np.asarray(np.divide(flows.fuel_kw, flows.p_kw, out=full, where=running))


def bid_prices(
    case: HomesCase, lines: Sequence[Line], costs: Costs, share: FloatArray
) -> FloatArray:
    """Return what each line asks or pays, currency/kWh.

    Parameters
    ----------
    share
        Where in its range each line stands, 0 (its lower bound) to 1, shape (..., lines, T).

    Returns
    -------
    Array of the same shape.
    """
    price = np.zeros(share.shape)
    for k, line in enumerate(lines):
        if line.carrier == "electricity":
            price[..., k, :] = _electric(line, costs, share[..., k, :])
    for home in case.homes:
        mine = [k for k, ln in enumerate(lines) if ln.home == home.id and ln.carrier == "heat"]
        if mine:
            _fill_heat([(k, lines[k]) for k in mine], costs, share, price)
    return price


def _electric(line: Line, costs: Costs, share: FloatArray) -> FloatArray:
    """Return the bid of a line of electricity: (20), (22), (44), (47), (54), (79), (87), (91)."""
    f = costs.forecast
    if line.side == "sell" and (line.home, line.device) in costs.of_device:
        return np.asarray((1.0 + share) * costs.of_device[line.home, line.device])
    must_run = line.side == "buy" and line.kind in MUST_RUN
    return np.asarray((1.0 + share) * f if must_run else share * f)


def _fill_heat(
    mine: Sequence[tuple[int, Line]], costs: Costs, share: FloatArray, price: FloatArray
) -> None:
    """Fill in the bids of the lines of heat of one home, in the order of the module's text."""
    asked: list[FloatArray] = []
    for k, line in mine:
        if line.side == "sell" and line.kind not in FREE:
            cost = costs.of_device[line.home, line.device]
            price[..., k, :] = (1.0 + share[..., k, :]) * cost  # (54), (63)
            asked.append(price[..., k, :])
    value = np.full((*share.shape[:-2], share.shape[-1]), costs.heat_value)
    ceiling = np.min(asked, axis=0) if asked else value
    free = [k for k, line in mine if line.side == "sell" and line.kind in FREE]
    for k in free:
        price[..., k, :] = share[..., free[0], :] * ceiling  # (32), (49)
    asked += [price[..., k, :] for k in free[:1]]
    low, high = (np.min(asked, axis=0), np.max(asked, axis=0)) if asked else (value, value)
    poor = np.zeros(value.shape)
    for k, line in mine:
        if line.side == "sell" or line.kind == "thermal_store":
            continue
        if line.kind in (DUMP, "water_heater"):
            limit = low if line.kind == DUMP else high
            price[..., k, :] = share[..., k, :] * limit  # (82), (96)
            poor = np.maximum(poor, price[..., k, :])
        else:
            price[..., k, :] = (1.0 + share[..., k, :]) * high  # (80)
    for k, line in mine:
        if line.side == "buy" and line.kind == "thermal_store":
            price[..., k, :] = share[..., k, :] * poor  # (30)
