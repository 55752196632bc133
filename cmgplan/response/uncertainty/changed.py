"""A case with load, sun, wind and prices other than forecast."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from cmgplan.arrays import FloatArray
from cmgplan.case.scenarios import FactorName
from cmgplan.devices import HomeLoad, SolarPlant, SolarThermal, WindPlant
from cmgplan.errors import InputError
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.case.scenario_case import scaled_case

SCALED: Mapping[str, tuple[FactorName, ...]] = {
    "load": ("load", "heat"),
    "sun": ("sun",),
    "price": ("buy", "sell"),
    "wind": ("wind",),
}
"""What each uncertain quantity scales.

Both prices of the retailer and the forecast price move together, electric load and heat too: the
four fit into L9.
"""

DEVIATIONS: Mapping[str, float] = {"load": 0.10, "sun": 0.20, "price": 0.15, "wind": 0.25}
"""Standard deviations that are assumed where none are given, as shares."""

FORECAST = "uncertain: forecast_per_kwh"
"""Column of the forecast price where it is scaled."""


def quantities_of(case: HomesCase) -> tuple[str, ...]:
    """Return the quantities that a case knows, in the order of ``SCALED``."""
    devices = [device for home in case.homes for device in home.devices()]
    known = {
        "load": any(isinstance(d, HomeLoad) for d in devices),
        "sun": any(isinstance(d, SolarPlant | SolarThermal) for d in devices),
        "price": case.file.retailer is not None,
        "wind": any(isinstance(d, WindPlant) for d in devices),
    }
    return tuple(name for name in SCALED if known[name])


def deviations_of(case: HomesCase, given: Mapping[str, float] | None = None) -> dict[str, float]:
    """Return the standard deviations of what a case knows, assumed where they are not given.

    Raises
    ------
    InputError
        A quantity is named that there is not, or that the case does not know; or there is none.
    """
    known = quantities_of(case)
    for name in given or {}:
        if name not in SCALED:
            raise InputError(f"nothing uncertain is called {name}: take of {', '.join(SCALED)}")
        if name not in known:
            raise InputError(
                f"the case has no {name} that could deviate: take of {', '.join(known)}"
            )
    if not known:
        raise InputError("the case has no load, sun, wind or retailer, so that nothing deviates")
    chosen = known if given is None else tuple(name for name in known if name in given)
    return {name: (given or DEVIATIONS)[name] for name in chosen}


def changed_case(case: HomesCase, factors: Mapping[str, FloatArray]) -> HomesCase:
    """Return a case with its quantities times factors by hour, each of shape (T,).

    No factor may be negative. Both prices have the same one, so that what is paid for sales
    stays at most what purchases cost.
    """
    by_name: dict[FactorName, float | FloatArray] = {
        name: factors[quantity] for quantity in factors for name in SCALED[quantity]
    }
    changed = scaled_case(case, "uncertain", by_name)
    if "price" not in factors:
        return changed
    return _with_forecast(changed, factors["price"])


def _with_forecast(case: HomesCase, factor: FloatArray) -> HomesCase:
    """Return a case whose forecast price, where it has a number or a column, is scaled too."""
    section = case.file.response
    if section.forecast_per_kwh is None:
        return case
    column = factor * case.series(section.forecast_per_kwh)
    response = section.model_copy(update={"forecast_per_kwh": FORECAST})
    return replace(
        case,
        file=case.file.model_copy(update={"response": response}),
        profiles={**case.profiles, FORECAST: column},
    )
