"""What prices in the market are at most."""

from __future__ import annotations

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.homes.case.records import HomesCase


def heat_price_max(case: HomesCase) -> FloatArray:
    """Return the ceiling of the price of heat, currency/kWh, shape (T,): market eq. (32).

    Where prices of electricity sum to nothing or less, heat has no ceiling but what it is worth
    unserved: else leaving it unserved would be free, or earn money.
    """
    pool, retailer = case.file.pool, case.file.retailer
    if pool.heat_price_max_per_kwh is not None:
        return case.series(pool.heat_price_max_per_kwh)
    if retailer is None:
        return np.full(case.hours, pool.unserved_heat_per_kwh)
    band = case.series(retailer.buy_per_kwh) + case.series(retailer.sell_per_kwh)
    return np.where(band > 0.0, band, pool.unserved_heat_per_kwh)


def unserved_heat_price(case: HomesCase) -> FloatArray:
    """Return what unserved heat costs in the market, currency/kWh, shape (T,)."""
    return np.minimum(heat_price_max(case), case.file.pool.unserved_heat_per_kwh)
