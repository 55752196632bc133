"""Stochastic days of a case (section 5.3 of the paper): its loads with another mean, peak, shape.

The paper changes "peak hours, off-peak hours, peak size, average and variance of load"
stochastically and names no distribution. Here, for every column that loads draw from:

1. *peak hour*: the day moves by -1, 0 or 1 intervals of an hour (each as likely), in a circle;
2. *spread*: deviations from the day's mean are multiplied by a factor uniform in 0.8..1.2;
3. *mean*: the column is multiplied by a factor uniform in 0.92..1.08;
4. *noise*: every hour is multiplied by 1 + 0.05 z, z standard normal;

and what falls below 0 is 0. The first three are drawn once a day for each carrier, so that all
units have a cold or a busy day together; the noise is drawn for every unit and hour. Weather and
prices stay as they are, and so do columns of 0 and 1 alone, which say when an appliance runs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.devices import HomeLoad
from cmgplan.homes.case.records import HomesCase

MEAN, SPREAD, NOISE = 0.08, 0.2, 0.05
"""Half-widths of the mean's and the spread's factor, and deviation of the noise."""


@dataclass(frozen=True)
class Change:
    """How one carrier's loads differ in a day: moved hours, factors of spread and mean."""

    hours: int
    spread: float
    mean: float


def stochastic_day(case: HomesCase, seed: int, number: int) -> HomesCase:
    """Return a case with the loads of stochastic day ``number``, the same for the same seed.

    Each day has a generator of its own, so that it does not depend on how many others there are,
    nor on which process draws it.
    """
    rng = np.random.default_rng([seed, number])
    changes = {carrier: _change(rng) for carrier in ("electricity", "heat")}
    profiles = dict(case.profiles)
    for name, carrier in load_columns(case).items():
        noise = 1.0 + NOISE * rng.standard_normal(case.hours)
        profiles[name] = _changed(case.profiles[name], changes[carrier], noise, case.dt_h)
    return replace(case, profiles=profiles)


def load_columns(case: HomesCase) -> dict[str, str]:
    """Return the columns that loads draw from, and their carrier, in the order of the case."""
    found: dict[str, str] = {}
    for home in case.homes:
        for device in home.devices():
            if isinstance(device, HomeLoad):
                for name in (device.p_kw, device.profile):
                    if isinstance(name, str) and not _on_or_off(case.profiles[name]):
                        found.setdefault(name, device.carrier)
    return found


def _on_or_off(values: FloatArray) -> bool:
    """Return whether a column holds 0 and 1 alone."""
    return bool(np.isin(values, (0.0, 1.0)).all())


def _change(rng: np.random.Generator) -> Change:
    """Return how a carrier's loads differ, drawn."""
    hours = int(rng.integers(-1, 2))
    spread, mean = rng.uniform(1.0 - SPREAD, 1.0 + SPREAD), rng.uniform(1.0 - MEAN, 1.0 + MEAN)
    return Change(hours, float(spread), float(mean))


def _changed(values: FloatArray, change: Change, noise: FloatArray, dt_h: float) -> FloatArray:
    """Return a column moved, spread, scaled and with noise, never below 0."""
    moved = np.roll(values, round(change.hours / dt_h))
    mean = float(moved.mean())
    spread = mean + change.spread * (moved - mean)
    return np.maximum(change.mean * spread * noise, 0.0)
