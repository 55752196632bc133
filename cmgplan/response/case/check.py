"""Rules that demand response adds to those of every case of homes.

What every case of homes must keep is found in reading it: a retailer that pays more than it
takes, a car that fastest charging does not fill in time, a window shorter than the job, a
temperature outside its band, gaps in profiles.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cmgplan.case.folder import CASE_FILE
from cmgplan.devices import Car, CombinedHeatPower, Device
from cmgplan.errors import CaseError, Fault
from cmgplan.homes.case.kinds import unknown_kinds
from cmgplan.homes.case.records import HomeBase, HomesCase
from cmgplan.response.case.charging import short_of_floor
from cmgplan.response.case.emission import curve_of, output_range_kw
from cmgplan.response.case.prices import adjustment_per_kwh, forecast_per_kwh

ALLOWED_KG = 1e-6
"""Emission over Emax up to which a plant counts as within it, kg/h."""


def check_response(case: HomesCase) -> list[Fault]:
    """Return every fault of a case for demand response, errors before warnings."""
    found = [*unknown_kinds(case, "demand response"), *_adjustment(case)]
    for k, home in enumerate(case.homes):
        found += [*_emax(case, home, f"home[{k}]"), *_cars(case, home, f"home[{k}]")]
    return sorted(found, key=lambda fault: fault.severity)


def require_response(case: HomesCase) -> None:
    """Raise CaseError with every fault that keeps a case from demand response."""
    errors = [fault for fault in check_response(case) if fault.severity == "error"]
    if errors:
        raise CaseError(errors)


def _placed(home: HomeBase, where: str) -> Iterator[tuple[str, Device]]:
    """Yield every device of a home with its place in case.toml."""
    counts: dict[str, int] = {}
    for device in home.devices():
        k = counts.get(device.kind, 0)
        counts[device.kind] = k + 1
        yield f"{where}.{device.kind}[{k}]", device


def _emax(case: HomesCase, home: HomeBase, where: str) -> Iterator[Fault]:
    """Yield an Emax that is missing, or under what an engine emits at its least output."""
    if home.policy not in ("emission", "both"):
        return
    key, limit = f"{where}.emission_max_kg_per_h", home.emission_max_kg_per_h
    if limit is None:
        message = f"home {home.id} responds to emission without a limit of its own"
        mend = "give kg/h of its engines and boilers; without it they run as under price"
        yield Fault(CASE_FILE, key, message, mend, "warning")
        return
    for at, device in _placed(home, where):
        if not isinstance(device, CombinedHeatPower):
            continue
        least_kw = output_range_kw(device)[0]
        least = max(curve_of(case, device, t).kg_per_h(least_kw) for t in range(case.hours))
        if least > limit + ALLOWED_KG:
            message = (
                f"{limit:g} kg/h is under the {least:.4g} that {device.id} of home {home.id} "
                f"emits at its least output of {least_kw:.4g} kW, so that it could never run"
            )
            mend = f"raise it to {least:.4g} or more, lower {at}.fuel_min_kw or remove the engine"
            yield Fault(CASE_FILE, key, message, mend)


def _cars(case: HomesCase, home: HomeBase, where: str) -> Iterator[Fault]:
    """Yield a car that its least power of charging keeps from what it needs."""
    for at, device in _placed(home, where):
        if not isinstance(device, Car):
            continue
        short = short_of_floor(device, case.forecasts())
        if short is not None:
            t, kwh = short
            message = (
                f"with {device.p_charge_min_kw:g} kW or more at a time {device.id} of home "
                f"{home.id} ends hour {t} with {kwh:.3g} kWh less than it needs"
            )
            mend = "lower p_charge_min_kw, or leave room above what it needs"
            yield Fault(CASE_FILE, f"{at}.p_charge_min_kw", message, mend)


def _adjustment(case: HomesCase) -> Iterator[Fault]:
    """Yield an adjustment price that is above, or under, the forecast of every hour."""
    if case.file.response.adjustment_price_per_kwh == "mean":
        return
    price, forecast = adjustment_per_kwh(case), forecast_per_kwh(case)
    low, high = float(np.min(forecast)), float(np.max(forecast))
    if low <= price < high or not any(home.policy == "both" for home in case.homes):
        return
    message = f"{price:g} is outside the forecast of {low:g} to {high:g} per kWh: no load moves"
    mend = 'give a price in between, or "mean"'
    yield Fault(CASE_FILE, "response.adjustment_price_per_kwh", message, mend, "warning")
