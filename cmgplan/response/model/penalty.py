"""Price of emissions: penalty factors Max-Max and Min-Max, response eqs. (16)-(18)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cmgplan.devices import CombinedHeatPower
from cmgplan.homes.accounts.money import emission_of_device, emission_of_imports
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.day.dispatch import DeviceKey, Dispatch
from cmgplan.response.case.emission import (
    Burner,
    burners,
    greatest_kg_per_h,
    output_range_kw,
)


@dataclass(frozen=True)
class Penalties:
    """Prices of emissions, currency/kg: of each plant that burns gas, and of the retailer."""

    per_kg: Mapping[DeviceKey, float]
    retailer_per_kg: float

    def of_device(self, home: str, device: str) -> float:
        """Return the price of what a device emits, currency/kg; 0 where it burns nothing."""
        return self.per_kg.get((home, device), 0.0)

    def of_home(self, case: HomesCase, home: str, dispatch: Dispatch) -> float:
        """Return what the emissions of a home cost over the day, currency, unweighted."""
        devices = next(h for h in case.homes if h.id == home).devices()
        bought = self.retailer_per_kg * emission_of_imports(case, home, dispatch).sum()
        own = sum(
            self.of_device(home, d.id) * emission_of_device(case, home, d, dispatch).sum()
            for d in burners(tuple(devices))
        )
        return float(bought + own)

    def of_day(self, case: HomesCase, dispatch: Dispatch) -> float:
        """Return what the emissions of all homes cost over the day, currency, unweighted."""
        return sum(self.of_home(case, home, dispatch) for home in case.ids)


def penalties_of(case: HomesCase) -> Penalties:
    """Return the prices of emissions that ``[response]`` asks for.

    ``max-max`` is eq. (17): the penalty price of fuel times the greatest output, over the
    emission there. ``min-min`` is the paper's Min-Max, eq. (18): the same with the least output
    in the numerator, which is 0 for boilers. The retailer has ``retailer_penalty_per_kg``, by
    default the mean of the CHPs' (of the boilers' where there is no CHP).
    """
    section = case.file.response
    per_kg = {
        (home.id, device.id): _factor(case, device)
        for home in case.homes
        for device in burners(tuple(home.devices()))
    }
    if section.penalty == "none":
        return Penalties(dict.fromkeys(per_kg, 0.0), 0.0)
    retailer = section.retailer_penalty_per_kg
    if retailer is None:
        engines = {
            (home.id, device.id)
            for home in case.homes
            for device in home.devices()
            if isinstance(device, CombinedHeatPower)
        }
        known = [per_kg[key] for key in per_kg if key in engines] or list(per_kg.values())
        retailer = float(np.mean(known)) if known else 0.0
    return Penalties(per_kg, retailer)


def _factor(case: HomesCase, device: Burner) -> float:
    """Return the penalty factor of a plant, currency/kg; 0 where it emits nothing."""
    section = case.file.response
    least, most = output_range_kw(device)
    emitted = greatest_kg_per_h(case, device)
    if section.penalty == "none" or emitted <= 0.0:
        return 0.0
    counted = most if section.penalty == "max-max" else least
    return section.penalty_fuel_per_kwh * counted / emitted
