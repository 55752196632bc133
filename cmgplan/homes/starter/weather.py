"""Weather of a day, drawn from a month of hourly data: building eqs. (1)-(3)."""

from __future__ import annotations

from dataclasses import dataclass
from math import gamma

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.errors import InputError

SHAPE_LIMITS = (0.2, 50.0)
"""Shapes between which the Weibull distribution of wind is sought."""

CUT_IN_M_PER_S, RATED_M_PER_S, CUT_OUT_M_PER_S = 3.0, 12.0, 25.0
"""Usual speeds of small turbines; the paper names none."""

STANDARD_W_PER_M2 = 1000.0
"""Irradiance at which a panel gives its rating."""


@dataclass(frozen=True)
class Weather:
    """Distributions of a day's weather.

    Attributes
    ----------
    shape, scale_m_per_s
        k and c of the Weibull distribution of wind speed, eq. (1).
    mean_w_per_m2, deviation_w_per_m2
        Mean and standard deviation of irradiance in each hour of the day, shape (24,), eq. (2).
    """

    shape: float
    scale_m_per_s: float
    mean_w_per_m2: FloatArray
    deviation_w_per_m2: FloatArray

    def draw(self, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """Return wind speed in m/s and irradiance in W/m2 of a day, each of shape (24,)."""
        hours = len(self.mean_w_per_m2)
        wind = self.scale_m_per_s * rng.weibull(self.shape, hours)
        sun = rng.normal(self.mean_w_per_m2, self.deviation_w_per_m2)
        return wind, np.maximum(sun, 0.0)


def fit_weather(wind_m_per_s: FloatArray, irradiance_w_per_m2: FloatArray) -> Weather:
    """Return the distributions of hourly data, each of shape (days, 24).

    Wind has one distribution for all hours, by the greatest likelihood; irradiance one for each
    hour of the day.

    Raises
    ------
    InputError
        There are fewer than two days, a value is no number or below 0, or there is no wind.
    """
    for name, values in (("wind", wind_m_per_s), ("irradiance", irradiance_w_per_m2)):
        if values.ndim != 2 or len(values) < 2:
            raise InputError(f"{name} of at least two whole days is needed; give a month of hours")
        if not np.isfinite(values).all() or values.min() < 0.0:
            raise InputError(f"{name} holds values that are below 0 or no numbers; correct them")
    shape, scale = fit_weibull(wind_m_per_s.ravel())
    sun = irradiance_w_per_m2
    return Weather(shape, scale, sun.mean(axis=0), sun.std(axis=0, ddof=1))


def fit_weibull(speeds: FloatArray) -> tuple[float, float]:
    """Return shape and scale of the Weibull distribution of greatest likelihood.

    The shape k solves ``sum(x^k ln x) / sum(x^k) - 1 / k = mean(ln x)``, whose left side rises
    with k; the scale is ``mean(x^k)^(1/k)``. Calms (0) are left out.

    Raises
    ------
    InputError
        All speeds are 0 or the same.
    """
    moving = speeds[speeds > 0.0]
    if len(moving) < 2 or float(moving.max()) == float(moving.min()):
        raise InputError("speeds of wind are all 0 or all the same; give measured hours")
    logs = np.log(moving / moving.max())

    def excess(shape: float) -> float:
        weights = np.exp(shape * logs)
        return float((weights @ logs) / weights.sum() - 1.0 / shape - logs.mean())

    low, high = SHAPE_LIMITS
    for _ in range(100):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if excess(middle) < 0.0 else (low, middle)
    shape = 0.5 * (low + high)
    scale = float(moving.max()) * float(np.mean(np.exp(shape * logs))) ** (1.0 / shape)
    return shape, scale


def mean_speed(shape: float, scale: float) -> float:
    """Return the mean of a Weibull distribution: ``c Gamma(1 + 1 / k)``."""
    return scale * gamma(1.0 + 1.0 / shape)


def sun_share(irradiance_w_per_m2: FloatArray) -> FloatArray:
    """Return what panels give as a share of their rating, at most 1: eq. (3) per unit."""
    return np.minimum(irradiance_w_per_m2 / STANDARD_W_PER_M2, 1.0)


def wind_share(speed_m_per_s: FloatArray) -> FloatArray:
    """Return what a turbine gives as a share of its rating: with the cube up to rated speed."""
    v, low, rated = speed_m_per_s, CUT_IN_M_PER_S, RATED_M_PER_S
    rising = (v**3 - low**3) / (rated**3 - low**3)
    share = np.clip(rising, 0.0, 1.0)
    return np.where((v < low) | (v >= CUT_OUT_M_PER_S), 0.0, share)
