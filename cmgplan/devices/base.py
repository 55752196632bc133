"""What every device shares: its record, the forecasts it runs under, and what it can do."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import pyomo.environ as pyo

from cmgplan.arrays import FloatArray
from cmgplan.devices.fields import (
    Efficiency,
    Finite,
    Hourly,
    HourlyFinite,
    HourlyPositive,
    HourlyShare,
    Id,
    NonNegative,
    Positive,
    Price,
    Record,
    Share,
)
from cmgplan.devices.flows import Breach, Flow, Flows, State, Step, Trace, breaches
from cmgplan.units import usd_per_kwh

__all__ = [
    "OFF_KW",
    "Breach",
    "Carrier",
    "Conflict",
    "Device",
    "Efficiency",
    "Finite",
    "FloatArray",
    "Flow",
    "Flows",
    "Forecasts",
    "Hourly",
    "HourlyFinite",
    "HourlyPositive",
    "HourlyShare",
    "Id",
    "NonNegative",
    "Positive",
    "Price",
    "Record",
    "Share",
    "State",
    "Step",
    "Trace",
    "breaches",
    "complete",
    "energy_value",
    "total_emission_usd_per_mwh",
]


Carrier = Literal["electricity", "heat", "fuel"]

OFF_KW = 1e-3
"""Power up to which a plant counts as off: what a binary's tolerance leaves of a rating."""

CONTRACT = ("p_inj", "q_inj", "heat_inj", "fuel", "emission")
"""What the block of every device of a home has for each hour."""


@dataclass(frozen=True)
class Forecasts:
    """The hours of a plan and what is forecast for them.

    Attributes
    ----------
    hours
        Number of intervals T; t = 0..T-1.
    dt_h
        Length of an interval, h.
    price_usd_per_mwh
        Energy price of each interval, shape (T,); empty in a case of homes, whose devices have
        no prices.
    profiles
        Named columns, each of shape (T,): forecasts in 0..1, or values in the unit that their
        name ends in.
    soc_balance
        ``"energy"``: the state of charge ends no lower than it began. ``"power"``: eq. (14) as
        printed, charged kWh at least discharged kWh at the terminals.
    begins_h
        Hour of the clock at which interval 0 begins, 0 at midnight.
    """

    hours: int
    dt_h: float = 1.0
    price_usd_per_mwh: FloatArray = field(default_factory=lambda: np.zeros(0))
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

    def series(self, value: float | str) -> FloatArray:
        """Return a number for every hour, or the column that is named, shape (T,)."""
        if isinstance(value, str):
            return np.asarray(self.profiles[value], dtype=np.float64)
        return np.full(self.hours, float(value), dtype=np.float64)

    def hour(self, t: int) -> Forecasts:
        """Return the forecasts of interval t alone."""
        price = self.price_usd_per_mwh[t : t + 1]
        columns = {name: values[t : t + 1] for name, values in self.profiles.items()}
        begins_h = self.begins_h + t * self.dt_h
        return Forecasts(1, self.dt_h, price, columns, self.soc_balance, begins_h)

    def price_usd_per_kwh(self, price: Price) -> FloatArray:
        """Return the hourly price of a source in $/kWh, shape (T,)."""
        values = (
            self.price_usd_per_mwh
            if isinstance(price, str)
            else np.full(self.hours, float(price), dtype=np.float64)
        )
        return np.asarray([usd_per_kwh(float(v)) for v in values], dtype=np.float64)


class Conflict(NamedTuple):
    """Keys of one record that cannot hold together: the key to change, what is wrong, the mend."""

    key: str
    message: str
    mend: str


class Device(Record):
    """A device inside a microgrid or a home.

    ``add_to`` fills a Pyomo block with the device's equations. The block of a **planning**
    device then carries

    - ``p_inj[t]``, ``q_inj[t]``: injection into the microgrid, kW and kvar,
    - ``cost_usd``, ``emission_usd``: its terms of f1 and f2, $ over the horizon.

    The block of a device of a **home** carries

    - ``p_inj[t]``, ``q_inj[t]``, ``heat_inj[t]``: injection into the home, kW and kvar,
    - ``fuel[t]``: gas taken, kW, never negative,
    - ``money``: cost over the horizon in the currency of the case, purchases not among it,
    - ``emission[t]``: kg/h where the device has an emission of its own, else 0; from below
      where the emission is quadratic (see ``cmgplan.devices.emission``).

    In both, devices that ``can_curtail`` also carry ``curtailed[t]`` (kW), loads ``unserved[t]``
    (kW; between 0 and the demand in a home, 0 unless freed in planning), stores ``charge[t]``,
    ``discharge[t]`` (kW) and ``soc[t]`` (kWh at the end of the hour). In a home, loads that
    shift carry ``up[t]`` and ``down[t]`` (kW), devices that are on or off ``on[t]``, those with
    a temperature ``temperature[t]`` (deg C at the end of the hour), jobs ``start[t]``.

    Attributes tell what a device can do: ``carriers`` that it may give or take, ``stores``,
    ``can_curtail``; of a planning device also whether it ``responds``, with demand as a share
    ``gamma[t]`` of what it was before, and ``commits``, with a binary ``on[t]``.
    """

    kind: ClassVar[str]
    stores: ClassVar[bool] = False
    can_curtail: ClassVar[bool] = False
    responds: ClassVar[bool] = False
    column_keys: ClassVar[tuple[str, ...]] = ()
    """Keys that name, or may name, a column of the profiles."""
    id: Id

    @property
    def carriers(self) -> frozenset[Carrier]:
        """Carriers that the device may give or take."""
        return frozenset({"electricity"})

    @property
    def commits(self) -> bool:
        """Whether a planning device is committed hour by hour."""
        return False

    def wants_binary(self, h: Forecasts) -> bool:
        """Return whether the block has a binary variable."""
        return False

    def power_range(self, h: Forecasts) -> tuple[FloatArray, FloatArray]:
        """Return the least and the greatest injection of electricity, kW, each of shape (T,)."""
        return np.zeros(h.hours), np.zeros(h.hours)

    def heat_range(self, h: Forecasts) -> tuple[FloatArray, FloatArray]:
        """Return the least and the greatest injection of heat, kW, each of shape (T,)."""
        return np.zeros(h.hours), np.zeros(h.hours)

    def columns(self) -> Iterator[tuple[str, str]]:
        """Yield key and name of every column of the profiles that the record names."""
        for key in self.column_keys:
            name = getattr(self, key)
            if isinstance(name, str):
                yield key, name

    def conflicts(self) -> Iterator[Conflict]:
        """Yield what is wrong where several keys are joined."""
        yield from ()

    def conflicts_over(self, h: Forecasts) -> Iterator[Conflict]:
        """Yield what is wrong with the record in the hours of a case."""
        yield from ()

    @abstractmethod
    def add_to(self, b: pyo.Block, h: Forecasts) -> None:
        """Add variables, constraints and terms to block ``b``."""

    def tighten(self, b: Any, h: Forecasts) -> None:
        """Draw in bounds of block ``b`` that follow from the device's whole day; none by default.

        No dispatch is lost by it; what is left without integers is smaller.
        """

    def binaries(self, b: Any, h: Forecasts, flows: Flows) -> Iterator[tuple[Any, float]]:
        """Yield each binary variable of block ``b`` with the value that it has in a dispatch."""
        yield from ()

    @abstractmethod
    def simulate_flows(self, h: Forecasts, flows: Flows) -> Trace:
        """Step a dispatch through the horizon without Pyomo, and name every limit it breaks."""

    def simulate(self, h: Forecasts, p_kw: FloatArray, q_kvar: FloatArray) -> Trace:
        """Step a dispatch of electricity alone (injections of shape (T,)) through the horizon."""
        return self.simulate_flows(h, Flows.of(h.hours, p_kw, q_kvar))

    def start(self, h: Forecasts) -> State:
        """Return the state in which the device enters the first hour."""
        return State()

    def step(self, h: Forecasts, t: int, state: State, flow: Flow) -> Step:
        """Run hour t from a state and return the state at its end and the limits it breaks.

        What holds over the day (a state of charge at its end, energy moved and not lost) is
        judged in the last hour. Devices that carry nothing from hour to hour need no more than
        this: they simulate the hour alone.
        """
        trace = self.simulate_flows(h.hour(t), flow.as_flows())
        kg = 0.0 if trace.emission_kg is None else float(trace.emission_kg[0])
        found = tuple(replace(breach, hour=t) for breach in trace.breaches)
        return Step(state, found, trace.money, kg)

    def idle(self, flows: Flows) -> list[Breach]:
        """Return a breach for every hour with a flow of a carrier that is not the device's."""
        found: list[Breach] = []
        if "electricity" not in self.carriers:
            found += breaches("no active power", np.abs(flows.p_kw))
        if "heat" not in self.carriers:
            found += breaches("no heat", np.abs(flows.heat_kw))
        if "fuel" not in self.carriers:
            found += breaches("no fuel", np.abs(flows.fuel_kw))
        return found


def complete(b: pyo.Block, h: Forecasts) -> None:
    """Add zeros for what the block of a home's device must carry and does not have yet."""
    for name in CONTRACT:
        if b.component(name) is None:
            b.add_component(name, pyo.Expression(h.steps, rule=lambda b, t: 0.0))
    if b.component("money") is None:
        b.money = pyo.Expression(expr=0.0)


def energy_value(price_usd_per_kwh: FloatArray, power_kw: FloatArray, dt_h: float) -> float:
    """Return the value in $ of hourly powers at hourly prices."""
    return float(np.sum(price_usd_per_kwh * power_kw) * dt_h)


def total_emission_usd_per_mwh(prices: Mapping[str, float]) -> float:
    """Sum the emission prices of all pollutants, $/MWh: N_CO2 + N_SO2 + N_NOx in eq. (2)."""
    return float(sum(prices.values()))
