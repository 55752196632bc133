"""What a policy lets a home do in each hour: when load may move, and whether Emax is a limit.

Rules, the exact answer and heuristics all take these from here. What does not depend on the
policy stays with the devices: the limits of a load and its backlog in ``HomeLoad``, the band of a
thermostat and its end (a refrigerator ends no warmer, a water heater no colder than it began) in
``Thermostat.limits_c``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from cmgplan.arrays import BoolArray, FloatArray
from cmgplan.devices import HomeLoad
from cmgplan.devices.renewable import HomePlant
from cmgplan.homes.case.records import HomeBase, HomesCase
from cmgplan.response.case.prices import (
    adjustment_per_kwh,
    forecast_per_kwh,
    intensity_kg_per_kwh,
)

PolicyName = Literal["price", "emission", "both", "none"]

SAME = 1e-9
"""Share of a mean within which a value counts as the mean and not as above it."""


@dataclass(frozen=True)
class PolicyOfHome:
    """What a home's policy says of each hour; arrays are of shape (T,).

    Only electric load moves by a policy: the paper has no response of heat.

    Attributes
    ----------
    home, policy
        Id of the home, and its policy.
    may_leave, may_arrive
        Whether load may leave the hour (DR-), and arrive in it (DR+). Under ``price`` and
        ``none`` every hour may do both. Under ``emission`` load leaves hours in which the grid's
        intensity is above the mean of the day, under ``both`` hours in which the forecast is
        above the adjustment price; it arrives in the other hours.
    leave_max_kw
        The most that may leave an hour, of all loads of the home together, kW: response
        eq. (68), at most the load less the home's own sun and wind; 0 where none may leave.
    arrive_max_kw
        The most that may arrive in an hour, of all loads together, kW: eq. (70); 0 where none
        may arrive.
    dear
        Hours in which the rules respond: the forecast above the adjustment price, or under
        ``emission`` the intensity above its mean. The others are cheap (or clean).
    forecast_per_kwh
        Forecast price of electricity, currency/kWh.
    adjustment_per_kwh
        Price that tells dear hours from cheap ones, currency/kWh.
    emission_max_kg_per_h
        Emax where it is a limit on the home's own engines and boilers, kg/h, else None.
    yardstick_kg_per_h
        Emax of the home, whether it is a limit or not, kg/h; None where the case has none.
    """

    home: str
    policy: PolicyName
    may_leave: BoolArray
    may_arrive: BoolArray
    leave_max_kw: FloatArray
    arrive_max_kw: FloatArray
    dear: BoolArray
    forecast_per_kwh: FloatArray
    adjustment_per_kwh: float
    emission_max_kg_per_h: FloatArray | None
    yardstick_kg_per_h: float | None

    @property
    def capped(self) -> bool:
        """Whether Emax is a limit."""
        return self.emission_max_kg_per_h is not None


def policies_of(case: HomesCase) -> dict[str, PolicyOfHome]:
    """Return what the policy of every home says, by id."""
    return {home.id: policy_of(case, home) for home in case.homes}


def policy_of(case: HomesCase, home: HomeBase) -> PolicyOfHome:
    """Return what the policy of a home says."""
    forecast, adjustment = forecast_per_kwh(case), adjustment_per_kwh(case)
    dear = above(forecast, adjustment)
    if home.policy == "emission":
        intensity = intensity_kg_per_kwh(case)
        dear = above(intensity, float(intensity.mean()))
    masked = home.policy in ("emission", "both")
    free = np.ones(case.hours, dtype=np.bool_)
    leave, arrive = (dear, ~dear) if masked else (free, free)
    limit = home.emission_max_kg_per_h
    capped = masked and limit is not None
    leave_kw, arrive_kw = _movable_kw(case, home)
    return PolicyOfHome(
        home=home.id,
        policy=home.policy,
        may_leave=leave,
        may_arrive=arrive,
        leave_max_kw=np.where(leave, leave_kw, 0.0),
        arrive_max_kw=np.where(arrive, arrive_kw, 0.0),
        dear=dear,
        forecast_per_kwh=forecast,
        adjustment_per_kwh=adjustment,
        emission_max_kg_per_h=np.full(case.hours, limit) if capped else None,
        yardstick_kg_per_h=limit,
    )


def above(values: FloatArray, mean: float) -> BoolArray:
    """Return where values are above their mean, and not only by rounding, shape (T,)."""
    return np.asarray(values > mean + SAME * abs(mean))


def own_renewables_kw(case: HomesCase, home: HomeBase) -> FloatArray:
    """Return what the sun and the wind of a home offer, kW of electricity, shape (T,)."""
    h, zero = case.forecasts(), np.zeros(case.hours)
    plants = [device for device in home.devices() if isinstance(device, HomePlant)]
    return np.asarray(sum((plant.available_kw(h) for plant in plants), zero))


def _movable_kw(case: HomesCase, home: HomeBase) -> tuple[FloatArray, FloatArray]:
    """Return the most electric load that leaves, and that arrives, in each hour, kW."""
    h, zero = case.forecasts(), np.zeros(case.hours)
    loads = [
        device
        for device in home.devices()
        if isinstance(device, HomeLoad) and device.carrier == "electricity"
    ]
    base = sum((load.base_kw(h) for load in loads), zero)
    share = sum((load.down_max_kw(h) for load in loads), zero)
    arrive = sum((load.up_max_kw(h) for load in loads), zero)
    short = np.maximum(base - own_renewables_kw(case, home), 0.0)
    return np.minimum(share, short), np.asarray(arrive)
