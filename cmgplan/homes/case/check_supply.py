"""Warnings where a load of electricity or heat cannot be served whatever anybody does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf

import numpy as np

from cmgplan.case.folder import CASE_FILE
from cmgplan.devices import Carrier, Device, Forecasts, HomeLoad
from cmgplan.errors import Fault
from cmgplan.homes.case.draft import Draft, DraftHome

TOLERANCE_KW = 1e-6


def check_supply(draft: Draft) -> Iterator[Fault]:
    """Yield a warning for homes, or for all that share a pool, with too little supply."""
    h, pool = draft.forecasts, draft.pool
    if h is None or pool is None:
        return
    shared: tuple[tuple[Carrier, bool], ...] = (
        ("electricity", pool.electricity),
        ("heat", pool.heat),
    )
    for carrier, together in shared:
        if carrier == "electricity" and "retailer" in draft.raw and draft.retailer is None:
            continue
        for homes in [draft.homes] if together else [[home] for home in draft.homes]:
            devices = [
                placed.record
                for home in homes
                for placed in home.devices
                if carrier in placed.record.carriers
            ]
            if all(home.whole for home in homes) and all(map(draft.usable, devices)):
                yield from _too_little(draft, homes, devices, h, carrier)


def _too_little(
    draft: Draft,
    homes: Sequence[DraftHome],
    devices: Sequence[Device],
    h: Forecasts,
    carrier: Carrier,
) -> Iterator[Fault]:
    """Yield a warning where homes have a load of a carrier and no source, or too small ones."""
    outside = _retailer_kw(draft, len(homes)) if carrier == "electricity" else 0.0
    need, most = np.zeros(h.hours), np.full(h.hours, outside)
    for device in devices:
        if isinstance(device, HomeLoad):
            need += device.base_kw(h) - device.down_max_kw(h)
        else:
            most += (device.power_range(h) if carrier == "electricity" else device.heat_range(h))[1]
    short = need - most
    hour = int(short.argmax())
    if not short[hour] > TOLERANCE_KW:
        return
    alone = len(homes) == 1
    where, who = (homes[0].where, f"home {homes[0].name}") if alone else ("home", "all homes")
    if most.any():
        message = (
            f"{who} can have at most {most[hour]:.4g} kW of {carrier} in hour {hour}, "
            f"where {need[hour]:.4g} kW must be served"
        )
    else:
        message = f"there is a load of {carrier} and no source of it in {who}"
    yield Fault(CASE_FILE, where, message, "add a source; what is lacking is not served", "warning")


def _retailer_kw(draft: Draft, homes: int) -> float:
    """Return the most that homes can buy, kW."""
    retailer = draft.retailer
    if retailer is None:
        return 0.0
    each = inf if retailer.power_max_kw is None else retailer.power_max_kw * homes
    total = inf if retailer.power_max_total_kw is None else retailer.power_max_total_kw
    return min(each, total)
