"""Prices and intensities of the retailer as the policies see them."""

from __future__ import annotations

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.homes.accounts.ledger import Carrier
from cmgplan.homes.case.records import HomesCase


def forecast_per_kwh(case: HomesCase) -> FloatArray:
    """Return the forecast price of electricity, currency/kWh, shape (T,).

    By default the mean of what the retailer takes and pays; 0 where there is no retailer.
    """
    given, retailer = case.file.response.forecast_per_kwh, case.file.retailer
    if given is not None:
        return case.series(given)
    if retailer is None:
        return np.zeros(case.hours)
    both = case.series(retailer.buy_per_kwh) + case.series(retailer.sell_per_kwh)
    return np.asarray(0.5 * both, dtype=np.float64)


def forecasts_of(case: HomesCase) -> dict[Carrier, FloatArray]:
    """Return by carrier what clearing prices are measured by, currency/kWh, shape (T,).

    The forecast of electricity, the value of heat.
    """
    heat = np.full(case.hours, case.file.response.heat_value_per_kwh, dtype=np.float64)
    return {"electricity": forecast_per_kwh(case), "heat": heat}


def adjustment_per_kwh(case: HomesCase) -> float:
    """Return the adjustment price, currency/kWh: a number, or the mean of the forecast."""
    given = case.file.response.adjustment_price_per_kwh
    return float(forecast_per_kwh(case).mean()) if given == "mean" else float(given)


def intensity_kg_per_kwh(case: HomesCase) -> FloatArray:
    """Return what a kWh from the retailer emits, kg/kWh, shape (T,); 0 without a retailer."""
    retailer = case.file.retailer
    return case.series(0.0 if retailer is None else retailer.emission_kg_per_kwh)
