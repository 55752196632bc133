"""A case of homes as one of its scenarios has it: prices, loads and weather scaled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.case.scenarios import FactorName, Scenario
from cmgplan.devices import Device, HomeLoad, SolarPlant, SolarThermal, WindPlant
from cmgplan.homes.case.records import HomesCase
from cmgplan.units import SHARE, column_unit

PRICES: Mapping[str, FactorName] = {"buy_per_kwh": "buy", "sell_per_kwh": "sell"}
"""Keys of the retailer's prices, and what scales them."""


def case_of(case: HomesCase, scenario: Scenario) -> HomesCase:
    """Return a case with what a scenario scales: prices of the retailer, loads, sun and wind.

    Columns are scaled under names of their own, so that a column that serves several uses is
    scaled in each by its own factor. A forecast that is a share of a rating stays within 1.
    """
    if all(scenario.factor(name) == 1.0 for name in scenario.factors):
        return case
    return scaled_case(case, scenario.id, {n: scenario.factor(n) for n in scenario.factors})


def scaled_case(
    case: HomesCase, name: str, factors: Mapping[FactorName, float | FloatArray]
) -> HomesCase:
    """Return a case with what factors scale, each a number or by hour, shape (T,).

    ``name`` begins the names of scaled columns; see ``case_of``.
    """
    scaled = _Scaled(case, name, factors)
    file = case.file
    homes = tuple(
        home.model_copy(
            update={
                kind: tuple(scaled.device(device) for device in getattr(home, kind))
                for kind in ("load", "pv", "wt", "solar_thermal")
            }
        )
        for home in case.homes
    )
    retailer = file.retailer
    if retailer is not None:
        retailer = retailer.model_copy(
            update={
                key: scaled.value(getattr(retailer, key), of, key) for key, of in PRICES.items()
            }
        )
    changed = file.model_copy(update={"home": homes, "retailer": retailer})
    return replace(case, file=changed, profiles={**case.profiles, **scaled.columns})


class _Scaled:
    """Numbers and columns of a case times factors."""

    def __init__(
        self, case: HomesCase, name: str, factors: Mapping[FactorName, float | FloatArray]
    ) -> None:
        self._case, self._name, self._factors = case, name, factors
        self.columns: dict[str, FloatArray] = {}

    def value(self, value: float | str, name: FactorName, key: str) -> float | str:
        """Return a number scaled, or the name of a column that is; ``key`` names the number."""
        factor = self._factors.get(name, 1.0)
        if not isinstance(value, str):
            if isinstance(factor, float):
                return factor * value
            scaled = f"{self._name}: {name} of {value:g} {key}"
            self.columns[scaled] = factor * np.full(self._case.hours, value)
            return scaled
        column = factor * np.asarray(self._case.profiles[value])
        if column_unit(value) == SHARE:
            column = np.minimum(column, 1.0)
        scaled = f"{self._name}: {name} of {value}"
        self.columns[scaled] = column
        return scaled

    def device(self, device: Device) -> Device:
        """Return a device scaled by what it depends on."""
        update: dict[str, Any] = {}
        if isinstance(device, HomeLoad):
            name: FactorName = "heat" if device.carrier == "heat" else "load"
            update["p_kw"] = self.value(device.p_kw, name, "p_kw")
        elif isinstance(device, SolarPlant | SolarThermal):
            update["forecast"] = self.value(device.forecast, "sun", "forecast")
        elif isinstance(device, WindPlant):
            update["forecast"] = self.value(device.forecast, "wind", "forecast")
        return device.model_copy(update=update)
