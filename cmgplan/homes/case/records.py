"""What a case of homes holds: one immutable record for each section of its case.toml."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, create_model

from cmgplan.arrays import FloatArray
from cmgplan.case.records import Bus, Line, NetworkSection, TimeSection
from cmgplan.case.scenarios import Scenario
from cmgplan.devices import HOME_KINDS, Device, Forecasts, Site
from cmgplan.devices.base import (
    Finite,
    Hourly,
    HourlyFinite,
    Id,
    NonNegative,
    Positive,
    Record,
    Share,
)
from cmgplan.errors import Fault

Name = Annotated[str, Field(min_length=1)]
ClockHour = Annotated[int, Field(ge=0, le=24)]
Hours = tuple[ClockHour, ClockHour]
"""Whole hours of the clock from and to, the second not among them."""


class Retailer(Record):
    """``[retailer]``: the market outside, market eqs. (33), (37) and (38).

    A home pays ``buy_per_kwh`` and is paid ``sell_per_kwh``. ``power_max_kw`` limits each home
    each way, ``power_max_total_kw`` all homes together. ``peak_charge_per_kw`` is paid by each
    home for the greatest import of its day.
    """

    buy_per_kwh: HourlyFinite
    sell_per_kwh: HourlyFinite
    power_max_kw: NonNegative | None = None
    power_max_total_kw: NonNegative | None = None
    emission_kg_per_kwh: Hourly = 0.0
    peak_charge_per_kw: NonNegative = 0.0


class Gas(Record):
    """``[gas]``: price of fuel and its emission, where a device has none of its own."""

    price_per_kwh: HourlyFinite
    emission_kg_per_kwh: Hourly = 0.0


class Pool(Record):
    """``[pool]``: lossless trade between homes, and what load that nothing serves is worth.

    ``heat_price_max_per_kwh`` is the ceiling of the price of heat; without it, the sum of the
    retailer's prices of the hour, market eq. (32).
    """

    electricity: bool = True
    heat: bool = True
    heat_price_max_per_kwh: Hourly | None = None
    unserved_electricity_per_kwh: NonNegative = 10.0
    unserved_heat_per_kwh: NonNegative = 1.0


class MarketSection(Record):
    """``[market]``: how the coalition market is run."""

    gap: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.01
    predicted_per_kwh: HourlyFinite | None = None
    quantity_max_kw: Positive = 1000.0
    shade_kw: NonNegative = 0.01
    direction_rule: bool = False
    response_reward_weight: NonNegative = 0.0


class LoadMix(Record):
    """``[[building.load_mix]]``: a scenario, and its buildings of each kind on every bus."""

    name: Id
    coalition: Annotated[int, Field(ge=0)] = 0
    alone: Annotated[int, Field(ge=0)] = 0
    grid: Annotated[int, Field(ge=0)] = 0


class BuildingFault(Record):
    """``[[building.fault]]``: a line out of service, and the ties that close after a while."""

    line: Id
    hours: Hours
    close_after_h: NonNegative = 0.0
    close: tuple[Id, ...] = ()


DAY_H = 24.0

SLACK_H = 1e-9
"""Time by which an end may pass the end of a case, h."""


def fault_window_h(
    fault: BuildingFault, begins_h: float, long_h: float
) -> tuple[float, float] | None:
    """Return when a fault begins and ends, in hours from the beginning of a case.

    Its hours are those of the clock, on the first day on which they lie in a case that begins at
    ``begins_h`` of the clock and is ``long_h`` long; None where it holds no such day.
    """
    begins, ends = fault.hours
    start = (begins - begins_h) % DAY_H
    return (start, start + ends - begins) if start + ends - begins <= long_h + SLACK_H else None


class FeederLine(Line):
    """Row of lines.csv of a case of homes, which may say how often the line fails."""


class BuildingSection(Record):
    """``[building]``: prices and options of the priority rules."""

    price_coefficient: Hourly | None = None
    power_coefficient: Hourly = 1.0
    surplus_price_per_kwh: Finite = 0.03
    chp_exchange_share: Share = 0.9
    heat_exchange_factor: NonNegative = 3.0
    boiler_exchange_factor: NonNegative = 1.1
    renewable_sale_share: Share = 0.1
    sell_hours: Hours = (16, 24)
    charge_order: Literal["time", "price"] = "time"
    surplus_steps: Literal["hourly", "separate"] = "hourly"
    sell_renewables: bool = True
    rules: Literal["paper", "paying"] = "paper"
    load_mix: tuple[LoadMix, ...] = ()
    fault: tuple[BuildingFault, ...] = ()


class ResponseSection(Record):
    """``[response]``: prices and options of the response policies, response eqs. (17), (18)."""

    penalty: Literal["max-max", "min-min", "none"] = "max-max"
    emission_weight: NonNegative = 1.0
    penalty_fuel_per_kwh: NonNegative = 0.035
    retailer_penalty_per_kg: NonNegative | None = None
    adjustment_price_per_kwh: Literal["mean"] | Finite = "mean"
    forecast_per_kwh: HourlyFinite | None = None
    heat_value_per_kwh: NonNegative = 0.055
    bids: Literal["marginal-cost", "random", "bids.csv"] = "marginal-cost"


class HomeBase(Record):
    """``[[home]]`` without its devices.

    ``not_together`` lists groups of ids of jobs of which no two run at once.
    """

    id: Id
    policy: Literal["price", "emission", "both", "none"] = "none"
    emission_max_kg_per_h: NonNegative | None = None
    bus: Id | None = None
    power_factor: Share = 1.0
    not_together: tuple[tuple[Id, ...], ...] = ()

    def devices(self) -> Iterator[Device]:
        """Yield every device, in the order of ``HOME_KINDS`` and of the file within a kind."""
        for kind in HOME_KINDS:
            yield from getattr(self, kind)

    def site(self) -> Site:
        """Return the home's devices as a site."""
        return Site(self.id, tuple(self.devices()))


def _with_devices() -> type[HomeBase]:
    """Return the record of a home with a list of devices for each kind that there is."""
    lists: Any = tuple
    fields: dict[str, Any] = {name: (lists[kind, ...], ()) for name, kind in HOME_KINDS.items()}
    doc = "``[[home]]``: a home microgrid and its devices, listed by kind."
    return create_model("Home", __base__=HomeBase, __doc__=doc, __module__=__name__, **fields)


Home = _with_devices()


class HomesFile(Record):
    """The whole of the case.toml of a case of homes. ``format`` is the version of this format."""

    format: Literal[1]
    system: Literal["homes"]
    name: Name
    title: str = ""
    currency: Name = "USD"
    profiles: str = "profiles.csv"
    time: TimeSection
    retailer: Retailer | None = None
    gas: Gas | None = None
    pool: Pool = Pool()
    market: MarketSection = MarketSection()
    building: BuildingSection = BuildingSection()
    response: ResponseSection = ResponseSection()
    network: NetworkSection | None = None
    home: Annotated[tuple[Home, ...], Field(min_length=1)]  # type: ignore[valid-type]


@dataclass(frozen=True)
class HomesCase:
    """A case of homes that has been read and found usable.

    Attributes
    ----------
    file
        Contents of case.toml.
    profiles
        Columns of the profiles file other than the time, each of shape (T,).
    scenarios
        Scenarios with their weights, which sum to 1; one of weight 1 where the case has none.
    folder
        Where it was read from.
    buses, lines
        Rows of the network tables; empty without ``[network]``.
    begins_h
        Hour of the clock at which interval 0 begins, 0 at midnight.
    warnings
        What was found that stops no run.
    """

    file: HomesFile
    profiles: Mapping[str, FloatArray]
    scenarios: tuple[Scenario, ...]
    folder: Path
    buses: tuple[Bus, ...] = ()
    lines: tuple[FeederLine, ...] = ()
    begins_h: float = 0.0
    warnings: tuple[Fault, ...] = ()

    @property
    def name(self) -> str:
        """Name of the case."""
        return self.file.name

    @property
    def homes(self) -> tuple[HomeBase, ...]:
        """Homes in the order of the file."""
        return self.file.home

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of the homes, in the order of the file."""
        return tuple(home.id for home in self.homes)

    @property
    def hours(self) -> int:
        """Number of intervals T."""
        return self.file.time.hours

    @property
    def dt_h(self) -> float:
        """Length of an interval, h."""
        return self.file.time.dt_h

    def forecasts(self) -> Forecasts:
        """Return the hours and what is forecast for them."""
        return Forecasts(self.hours, self.dt_h, profiles=self.profiles, begins_h=self.begins_h)

    def series(self, value: float | str) -> FloatArray:
        """Return a number for every hour, or the column that is named, shape (T,)."""
        return self.forecasts().series(value)
