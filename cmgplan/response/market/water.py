"""What energy in a store is worth, from the prices of its carrier over the day."""

from __future__ import annotations

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.devices import Forecasts
from cmgplan.devices.store import Store

SOME_KW = 1e-6
"""Power from which a store counts as charging or discharging."""

FULL_KWH = 1e-5
"""Energy within which a store counts as full or empty."""


def water_values(
    store: Store,
    h: Forecasts,
    charge_kw: FloatArray,
    discharge_kw: FloatArray,
    soc_kwh: FloatArray,
    price: FloatArray,
) -> FloatArray:
    """Return the value of a kWh in a store in each hour, currency/kWh, shape (T,).

    Between hours that end full or empty one value holds. It is what charging costs at least and
    discharging brings at most: ``price / efficiency`` of the dearest hour that charges, and
    ``price * efficiency`` of the cheapest that discharges; the middle where both are known. It is
    the dual of the store's balance where the day is an optimum at these prices. Where neither
    happens it is what the best hour of the stretch would bring.
    """
    least = store.soc_floor_kwh(h)
    tight = (soc_kwh <= least + FULL_KWH) | (soc_kwh >= store.capacity_kwh - FULL_KWH)
    value = np.zeros(h.hours)
    begin = 0
    for end in [*(np.flatnonzero(tight[:-1]) + 1).tolist(), h.hours]:
        part = slice(begin, end)
        bought = price[part][charge_kw[part] > SOME_KW] / store.efficiency_charge
        sold = price[part][discharge_kw[part] > SOME_KW] * store.efficiency_discharge
        known = [*([bought.max()] if bought.size else []), *([sold.min()] if sold.size else [])]
        best = price[part].max(initial=0.0) * store.efficiency_discharge
        value[part] = float(np.mean(known)) if known else best
        begin = end
    return value
