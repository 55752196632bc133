"""What a device gives and takes, and what a simulation of it tells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cmgplan.arrays import FloatArray


@dataclass(frozen=True)
class Flow:
    """Flows of one device in one hour; signs and units as in ``Flows``."""

    p_kw: float = 0.0
    q_kvar: float = 0.0
    heat_kw: float = 0.0
    fuel_kw: float = 0.0

    def as_flows(self) -> Flows:
        """Return the flows of a horizon that is this hour alone."""
        values = (self.p_kw, self.q_kvar, self.heat_kw, self.fuel_kw)
        return Flows(*(np.array([value], dtype=np.float64) for value in values))


@dataclass(frozen=True)
class Flows:
    """Flows of one device, each of shape (T,).

    Attributes
    ----------
    p_kw, q_kvar, heat_kw
        Injection of electricity and heat into the site: positive where the device delivers.
    fuel_kw
        Gas that the device burns, kW, never negative.
    """

    p_kw: FloatArray
    q_kvar: FloatArray
    heat_kw: FloatArray
    fuel_kw: FloatArray

    @classmethod
    def of(
        cls,
        hours: int,
        p_kw: FloatArray | None = None,
        q_kvar: FloatArray | None = None,
        heat_kw: FloatArray | None = None,
        fuel_kw: FloatArray | None = None,
    ) -> Flows:
        """Return the flows of ``hours`` intervals; what is not given is zero."""
        given = (p_kw, q_kvar, heat_kw, fuel_kw)
        return cls(*(np.zeros(hours) if values is None else values for values in given))

    def at(self, t: int) -> Flow:
        """Return the flows of hour t."""
        return Flow(
            float(self.p_kw[t]),
            float(self.q_kvar[t]),
            float(self.heat_kw[t]),
            float(self.fuel_kw[t]),
        )


@dataclass(frozen=True)
class Breach:
    """A limit that a simulated dispatch breaks, and by how much.

    ``limit`` is the key of the record that sets the limit, or its name in words. ``excess`` is
    in the unit of the limit.
    """

    hour: int
    limit: str
    excess: float


@dataclass(frozen=True)
class Trace:
    """What a device does when its dispatch is stepped through hour by hour.

    Attributes
    ----------
    cost_usd, emission_usd
        Terms of f1 and f2 of a planning case, $ over the horizon.
    soc_kwh
        Stored energy at the end of each hour, shape (T,), of devices that store.
    breaches
        Limits that the dispatch breaks.
    money
        What the dispatch costs beyond purchases (the cost of shifting load), in the currency of
        the case, over the horizon.
    emission_kg
        Emission in each hour, kg, shape (T,), of devices with an emission of their own.
    state
        What the device carries from hour to hour, at the end of each hour, shape (T,): stored
        energy or a backlog in kWh, a temperature in deg C, or hours that a job has run.
    """

    cost_usd: float = 0.0
    emission_usd: float = 0.0
    soc_kwh: FloatArray | None = None
    breaches: Sequence[Breach] = ()
    money: float = 0.0
    emission_kg: FloatArray | None = None
    state: FloatArray | None = None


@dataclass(frozen=True)
class State:
    """What a device carries from one hour into the next.

    Attributes
    ----------
    level
        Stored energy in kWh, temperature in deg C, hours that a job has run, or the energy in
        kWh that left its hour and has not arrived yet (negative where it arrived before).
    owed
        Interval and kWh of every amount of load that left it and has not arrived yet, oldest
        first; only of loads that move later.
    on
        Whether the device ran in the hour before.
    given_kwh
        Energy injected so far; only of stores that must take in what they give.
    """

    level: float = 0.0
    owed: tuple[tuple[int, float], ...] = ()
    on: bool = False
    given_kwh: float = 0.0


@dataclass(frozen=True)
class Step:
    """One hour of a device: the state at its end, limits broken in it, money and emission."""

    state: State
    breaches: tuple[Breach, ...] = ()
    money: float = 0.0
    emission_kg: float = 0.0


def breaches(limit: str, excess: FloatArray, tolerance: float = 1e-4) -> list[Breach]:
    """Return a breach for every hour whose excess is over the tolerance (kW, kvar or kWh)."""
    over = excess > tolerance
    if not over.any():
        return []
    return [Breach(int(t), limit, float(excess[t])) for t in np.flatnonzero(over)]
