"""Positions of one switch over the day that serve wanted hours with few operations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from networkx.utils import UnionFind

from cmgplan.arrays import BoolArray, FloatArray
from cmgplan.planning.model.switches import Switch, SwitchHours

CONFLICTS = 2000
"""Hours in which an unwanted switch is taken out of a cycle, before giving up."""


def trajectory(
    switch: Switch,
    wanted: BoolArray | FloatArray,
    may_close: BoolArray,
    *,
    limit: int | None,
    operation_price: float,
    missed_price: float,
    idle_price: float = 0.0,
) -> BoolArray:
    """Return the positions of least missed hours and operations, by dynamic programming.

    Parameters
    ----------
    wanted, may_close
        How much the switch is wanted closed in each hour, 0 to 1, and whether it may be.
    limit
        Operations allowed, from the switch's initial position.
    operation_price, missed_price, idle_price
        Weight of an operation, of a wanted hour in which it stays open, and of an unwanted one in
        which it is closed.
    """
    hours = len(wanted)
    most = hours if limit is None else min(limit, hours)
    cost = np.full((2, most + 1), np.inf)
    cost[int(switch.initially_closed), 0] = 0.0
    came = np.zeros((hours, 2, most + 1), dtype=np.int8)
    for t in range(hours):
        moved = np.full_like(cost, np.inf)
        moved[:, 1:] = cost[::-1, :-1] + operation_price
        came[t] = moved < cost
        cost = np.minimum(cost, moved)
        share = float(wanted[t])
        cost[0] += missed_price * share
        cost[1] += idle_price * (1.0 - share) if may_close[t] else np.inf
    position, used = np.unravel_index(int(np.argmin(cost)), cost.shape)
    found = np.zeros(hours, dtype=bool)
    for t in range(hours - 1, -1, -1):
        found[t] = bool(position)
        if came[t, position, used]:
            position, used = 1 - position, used - 1
    return found


def trajectories(
    switches: Sequence[Switch],
    wanted: SwitchHours,
    mask: SwitchHours,
    *,
    radial: bool,
    limit: int | None,
    operation_price: float,
    missed_price: float,
) -> SwitchHours | None:
    """Return positions of all switches that form forests, or None if no such are found.

    What is wanted in an hour must be a forest. A switch that closes a cycle with others in an
    hour in which it is not wanted may not close then.
    """
    may = {s.id: mask[s.id].copy() for s in switches}
    prices = {"operation_price": operation_price, "missed_price": missed_price}
    found = {s.id: trajectory(s, wanted[s.id], may[s.id], limit=limit, **prices) for s in switches}
    if not radial:
        return found
    for _ in range(CONFLICTS):
        conflict = _conflict(switches, wanted, found)
        if conflict is None:
            return found
        switch, t = conflict
        may[switch.id][t] = False
        found[switch.id] = trajectory(
            switch, wanted[switch.id], may[switch.id], limit=limit, **prices
        )
    return None


def _conflict(
    switches: Sequence[Switch], wanted: SwitchHours, closed: Mapping[str, BoolArray]
) -> tuple[Switch, int] | None:
    """Return a switch, an unwanted one if there is, and an hour in which it closes a cycle."""
    hours = len(next(iter(closed.values())))
    for t in range(hours):
        joined = UnionFind()
        here = [s for s in switches if closed[s.id][t]]
        for switch in sorted(here, key=lambda s: not wanted[s.id][t]):
            a, b = switch.ends
            if joined[a] == joined[b]:
                return switch, t
            joined.union(a, b)
    return None
