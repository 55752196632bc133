"""What is offered and asked for in each hour of a day, line by line, from its dispatch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.devices import Device, Forecasts, HomeLoad
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.clearing.bids import PoolCarrier, Side
from cmgplan.homes.day.dispatch import Dispatch

CARRIERS: tuple[PoolCarrier, ...] = ("electricity", "heat")

APPLIANCES = ("refrigerator", "water_heater", "job", "ev")
"""Kinds whose bids may be rejected, response eqs. (44), (87), (91), (96)."""

WEIGHED = ("load", "bid")
"""Kinds that weigh the prices of homes which do not share a carrier: loads, and given bids."""

DUMP = "dump"
"""Kind, and name in place of a device, of heat that nothing else takes."""


@dataclass(frozen=True)
class Line:
    """What a device sells or buys of a carrier over the day.

    Attributes
    ----------
    home, device, kind
        Who: id of the home and of its device, and the device's kind.
    carrier, side
        What, and whether it is offered or asked for.
    kw
        How much by hour, kW, shape (T,), never negative.
    """

    home: str
    device: str
    kind: str
    carrier: PoolCarrier
    side: Side
    kw: FloatArray


def lines_of(case: HomesCase, dispatch: Dispatch) -> list[Line]:
    """Return a line for each device, carrier and side on which it can be, used or not.

    What lines there are depends on the case alone, so that draws of bids mean the same for days
    that differ by rounding.
    """
    found: list[Line] = []
    for home in case.homes:
        for device in home.devices():
            flows = dispatch.flows[home.id, device.id]
            parts: tuple[tuple[PoolCarrier, FloatArray], ...] = (
                ("electricity", flows.p_kw),
                ("heat", flows.heat_kw),
            )
            for carrier, power in parts:
                for side in _sides(device, carrier, case.forecasts()):
                    kw = np.maximum(power if side == "sell" else -power, 0.0)
                    found.append(Line(home.id, device.id, device.kind, carrier, side, kw))
        if any("heat" in device.carriers for device in home.devices()):
            kw = np.maximum(dispatch.dumped_kw.get(home.id, np.zeros(case.hours)), 0.0)
            found.append(Line(home.id, DUMP, DUMP, "heat", "buy", kw))
    return found


def _sides(device: Device, carrier: PoolCarrier, h: Forecasts) -> list[Side]:
    """Return the sides of a carrier on which a device can be."""
    if carrier not in device.carriers:
        return []
    if isinstance(device, HomeLoad):
        return ["buy"]
    least, most = device.heat_range(h) if carrier == "heat" else device.power_range(h)
    sides: list[Side] = []
    if (most > 0.0).any():
        sides.append("sell")
    if (least < 0.0).any():
        sides.append("buy")
    return sides


def places(case: HomesCase, carrier: PoolCarrier) -> list[tuple[str, ...]]:
    """Return the groups of homes that share one book of a carrier.

    All homes where they have a pool of it, else each home by itself.
    """
    pool = case.file.pool
    shared = pool.heat if carrier == "heat" else pool.electricity
    return [case.ids] if shared else [(home,) for home in case.ids]


def kw_of(lines: Sequence[Line], hours: int) -> FloatArray:
    """Return the quantities of lines, kW, shape (lines, T)."""
    return np.array([line.kw for line in lines]) if lines else np.zeros((0, hours))
