"""What every device shares: its record, the horizon it lives in, and its simulation trace."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pyomo.environ as pyo
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from cmgplan.units import usd_per_kwh

FloatArray = npt.NDArray[np.float64]


def _as_id(value: object) -> object:
    """Let an id be written as a number: bus 23 and bus "23" are the same bus."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value


Id = Annotated[str, BeforeValidator(_as_id), Field(min_length=1)]
NonNegative = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
Efficiency = Annotated[float, Field(gt=0.0, le=1.0, allow_inf_nan=False)]
Price = Literal["market"] | NonNegative
"""``"market"`` is the hourly energy price of eq. (1); a number is $/MWh."""


class Record(BaseModel):
    """Immutable record that refuses unknown keys and silent type conversions."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


@dataclass(frozen=True)
class Horizon:
    """The hours of a plan and what is forecast for them.

    Attributes
    ----------
    hours
        Number of intervals T; t = 0..T-1.
    dt_h
        Length of an interval, h.
    price_usd_per_mwh
        Energy price of each interval, shape (T,).
    profiles
        Named per-unit forecasts, each of shape (T,), values in 0..1.
    soc_balance
        ``"energy"``: the state of charge ends no lower than it began. ``"power"``: eq. (14) as
        printed, charged kWh at least discharged kWh at the terminals.
    begins_h
        Hour of the clock at which interval 0 begins, 0 at midnight.
    """

    hours: int
    dt_h: float
    price_usd_per_mwh: FloatArray
    profiles: Mapping[str, FloatArray] = field(default_factory=dict)
    soc_balance: Literal["energy", "power"] = "energy"
    begins_h: float = 0.0

    @property
    def steps(self) -> range:
        """The interval numbers 0..T-1."""
        return range(self.hours)

    def profile(self, name: str | None) -> FloatArray:
        """Return a named profile, or ones where no profile is named."""
        return np.ones(self.hours) if name is None else self.profiles[name]

    def price_usd_per_kwh(self, price: Price) -> FloatArray:
        """Return the hourly price of a source in $/kWh, shape (T,)."""
        values = (
            self.price_usd_per_mwh
            if isinstance(price, str)
            else np.full(self.hours, float(price), dtype=np.float64)
        )
        return np.asarray([usd_per_kwh(float(v)) for v in values], dtype=np.float64)


@dataclass(frozen=True)
class Breach:
    """A limit that a simulated dispatch breaks, and by how much."""

    hour: int
    limit: str
    excess: float


@dataclass(frozen=True)
class Trace:
    """What a device does when its dispatch is stepped through hour by hour.

    ``soc_kwh`` is the stored energy at the end of each hour, shape (T,), for devices that store.
    """

    cost_usd: float
    emission_usd: float
    soc_kwh: FloatArray | None = None
    breaches: Sequence[Breach] = ()


class Device(Record):
    """A device inside a microgrid.

    ``add_to`` fills a Pyomo block with the device's equations. Every block then carries

    - ``p_inj[t]``, ``q_inj[t]``: injection into the microgrid, kW and kvar,
    - ``cost_usd``, ``emission_usd``: its terms of f1 and f2, $ over the horizon.

    Renewables also carry ``curtailed[t]`` (kW), loads ``unserved[t]`` (kW) and
    ``unserved_q[t]`` (kvar), storage ``charge[t]``, ``discharge[t]`` (kW) and ``soc[t]`` (kWh).
    """

    kind: ClassVar[str]
    id: Id

    @abstractmethod
    def add_to(self, b: pyo.Block, h: Horizon) -> None:
        """Add variables, constraints and terms to block ``b``."""

    @abstractmethod
    def simulate(self, h: Horizon, p_kw: FloatArray, q_kvar: FloatArray) -> Trace:
        """Step a dispatch (injections of shape (T,)) through the horizon without Pyomo."""


def breaches(limit: str, excess: FloatArray, tolerance: float = 1e-4) -> list[Breach]:
    """Return a breach for every hour whose excess is over the tolerance (kW, kvar or kWh)."""
    return [Breach(int(t), limit, float(excess[t])) for t in np.flatnonzero(excess > tolerance)]


def energy_value(price_usd_per_kwh: FloatArray, power_kw: FloatArray, dt_h: float) -> float:
    """Return the value in $ of hourly powers at hourly prices."""
    return float(np.sum(price_usd_per_kwh * power_kw) * dt_h)


def total_emission_usd_per_mwh(prices: Mapping[str, float]) -> float:
    """Sum the emission prices of all pollutants, $/MWh: N_CO2 + N_SO2 + N_NOx in eq. (2)."""
    return float(sum(prices.values()))
