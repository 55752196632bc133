"""The day that a solved model holds, as a dispatch."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import pyomo.environ as pyo

from cmgplan.arrays import FloatArray
from cmgplan.devices import Flows, HomeLoad, Store
from cmgplan.homes.day.dispatch import DeviceKey, Dispatch, Exchange, Shift
from cmgplan.homes.optimum.model import DayModel

NOTHING_KW = 1e-9
"""Power that is nothing."""


def read_day(model: DayModel, backstopped: Collection[str] = ()) -> Dispatch:
    """Return what the variables of a model hold; ``backstopped`` homes may have a backstop.

    Imports, exports and dumped heat follow from the flows, so that balances hold to the last
    digit; a home does not buy and sell at once. Stored energy is what the flows leave, hour by
    hour.
    """
    h, case = model.h, model.case
    flows: dict[DeviceKey, Flows] = {}
    state: dict[DeviceKey, FloatArray] = {}
    shifts: dict[DeviceKey, Shift] = {}
    for placed in model.placed():
        block, device, key = placed.block, placed.device, (placed.home, placed.device.id)

        def hourly(name: str, block: Any = block) -> FloatArray:
            component = block.component(name)
            return np.array([pyo.value(component[t]) for t in h.steps], dtype=np.float64)

        if isinstance(device, HomeLoad):
            shifts[key], flows[key] = _of_load(device, hourly, model)
            continue
        flows[key] = Flows(hourly("p_inj"), hourly("q_inj"), hourly("heat_inj"), hourly("fuel"))
        if isinstance(device, Store):
            trace = device.simulate_flows(h, flows[key])
            if trace.soc_kwh is not None:
                state[key] = trace.soc_kwh
    exchange, dumped, backstop = {}, {}, {}
    for i, home in enumerate(case.homes):
        block = model.m.home[i]
        mine = [flows[home.id, device.id] for device in home.devices()]
        pool, pool_heat = (
            np.array([pyo.value(block.component(name)[t]) for t in h.steps])
            for name in ("pool", "pool_heat")
        )
        short = np.zeros((2, h.hours))
        if home.id in backstopped:
            held = [
                [pyo.value(block.short[carrier, t]) for t in h.steps]
                for carrier in ("electricity", "heat")
            ]
            short = np.maximum(_rounded(np.array(held, dtype=np.float64)), 0.0)
            if short.any():
                backstop[home.id] = short
        over = _rounded(sum((f.p_kw for f in mine), short[0]) - pool)
        traded = 0.0 if case.file.retailer is None else 1.0
        exchange[home.id] = Exchange(
            traded * np.maximum(-over, 0.0), traded * np.maximum(over, 0.0), pool, pool_heat
        )
        heat = sum((f.heat_kw for f in mine), short[1]) - pool_heat
        dumped[home.id] = np.maximum(_rounded(heat), 0.0)
    return Dispatch(flows, state, shifts, exchange, dumped, backstop)


def _rounded(power_kw: FloatArray) -> FloatArray:
    """Return powers without what is no more than a solver's rounding."""
    return np.where(np.abs(power_kw) < NOTHING_KW, 0.0, power_kw)


def _of_load(
    load: HomeLoad, hourly: Callable[[str], FloatArray], model: DayModel
) -> tuple[Shift, Flows]:
    """Return what of a load moves and is unserved, each hour with one of up and down."""
    net = hourly("up") - hourly("down")
    shift = Shift(np.maximum(net, 0.0), np.maximum(-net, 0.0), hourly("unserved"))
    flows = load.flows_of(model.h, shift.up_kw, shift.down_kw, shift.unserved_kw)
    return shift, flows
