"""The point of a day: coordinates whose decoded schedule is the day that is given."""

from __future__ import annotations

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.homes.day.dispatch import Dispatch
from cmgplan.response.heuristics.parts import HomeParts, Parts


def encoded(parts: Parts, dispatch: Dispatch) -> FloatArray:
    """Return the point of a day in the direct encoding, shape (D,)."""
    point = np.zeros(parts.dimensions)
    for home in parts.homes:
        _encode_home(home, dispatch, point)
    return point


def _encode_home(home: HomeParts, dispatch: Dispatch, point: FloatArray) -> None:
    """Write the coordinates of the devices of a home."""
    flows = {device.id: dispatch.flows[home.home.id, device.id] for device in home.home.devices()}
    for part in (*home.appliances, *home.batteries, *home.tanks, *home.heaters):
        if part.slot is not None:
            part.slot.of(point)[:] = part.encode(flows[part.device.id])
    for load in home.loads:
        if load.slot is not None:
            load.slot.of(point)[:] = load.encode(dispatch.shifts[home.home.id, load.device.id])
    limit = home.policy.emission_max_kg_per_h
    for engine in home.engines:
        own = flows[engine.device.id]
        engine.slot.of(point)[:] = engine.encode(own, limit)
        if limit is not None:
            limit = np.maximum(limit - engine.kg_per_h(own.fuel_kw[:, None])[:, 0], 0.0)
