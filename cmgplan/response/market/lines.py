"""What is offered and asked for in each hour of a day, line by line, from its dispatch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cmgplan.arrays import FloatArray
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

NOTHING_KW = 1e-9
"""Power up to which there is nothing to offer or to ask for."""


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
    """Return a line for each device, carrier and side that the day has energy of."""
    found: list[Line] = []
    for home in case.homes:
        for device in home.devices():
            flows = dispatch.flows[home.id, device.id]
            found += _sides(home.id, device.id, device.kind, "electricity", flows.p_kw)
            found += _sides(home.id, device.id, device.kind, "heat", flows.heat_kw)
        dumped = dispatch.dumped_kw.get(home.id)
        if dumped is not None:
            found += _sides(home.id, DUMP, DUMP, "heat", -dumped)
    return found


def _sides(
    home: str, device: str, kind: str, carrier: PoolCarrier, power_kw: FloatArray
) -> list[Line]:
    """Return the lines of an injection, which is sold where positive and bought where not."""
    sides: tuple[tuple[Side, FloatArray], ...] = (("sell", power_kw), ("buy", -power_kw))
    return [
        Line(home, device, kind, carrier, side, np.maximum(kw, 0.0))
        for side, kw in sides
        if (kw > NOTHING_KW).any()
    ]


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
