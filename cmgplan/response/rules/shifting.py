"""Load that leaves an hour and arrives in a later one, under the rules."""

from __future__ import annotations

import numpy as np

from cmgplan.devices import HomeLoad
from cmgplan.response.rules.state import NOTHING_KW, HomeDay


def serve_backlog(day: HomeDay, t: int, most_kw: float = np.inf) -> None:
    """Let load that left earlier arrive, as much as may and at most a power: DR+, eq. (70)."""
    dt_h = day.plant.hours.dt_h
    rest = min(most_kw, float(day.plant.policy.arrive_max_kw[t]))
    for load in _movable(day):
        if day.down_kw[load.id][t] > NOTHING_KW:
            continue
        most = float(load.up_max_kw(day.plant.hours)[t]) - float(day.up_kw[load.id][t])
        waiting = day.left_kwh[load.id] / dt_h - float(day.up_kw[load.id][t])
        power = min(rest, most, waiting)
        if power > NOTHING_KW:
            day.up_kw[load.id][t] += power
            rest -= power


def shift_later(day: HomeDay, t: int, wanted_kw: float) -> None:
    """Let load leave a dear hour, as much as is wanted and can come back in time: DR-, eq. (68)."""
    policy = day.plant.policy
    if not policy.dear[t] or not policy.may_leave[t]:
        return
    rest = min(wanted_kw, float(policy.leave_max_kw[t]))
    for load in _movable(day):
        if day.up_kw[load.id][t] > NOTHING_KW:
            continue
        power = min(rest, float(load.down_max_kw(day.plant.hours)[t]), _room_kw(day, load, t))
        if power > NOTHING_KW:
            day.down_kw[load.id][t] = power
            rest -= power


def _movable(day: HomeDay) -> list[HomeLoad]:
    """Return the loads that the home's policy moves; ``none`` moves nothing."""
    if day.plant.policy.policy == "none":
        return []
    return [load for load in day.plant.loads if load.shiftable]


def _room_kw(day: HomeDay, load: HomeLoad, t: int) -> float:
    """Return what may still leave hour t, kW: its backlog is limited, and must be back in time.

    It comes back in the cheap hours within the delay, in each of which the rules serve the
    backlog, the oldest first, as far as it may arrive.
    """
    h = day.plant.hours
    waiting = day.left_kwh[load.id]
    limit = np.inf
    if load.shift_direction == "later" and load.shift_backlog_max_kwh is not None:
        limit = load.shift_backlog_max_kwh
    until = min(t + load.delay(h), h.hours - 1)
    later = slice(t + 1, until + 1)
    served = ~day.plant.policy.dear[later] & day.plant.policy.may_arrive[later]
    back = h.dt_h * float(np.where(served, load.up_max_kw(h)[later], 0.0).sum())
    return max(min(limit, back) - waiting, 0.0) / h.dt_h
