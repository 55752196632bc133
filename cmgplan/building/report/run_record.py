"""What run.json of a run of the building holds."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from cmgplan.homes.report.run_record import Amount, Number, Part, RunRecord, Text

ELECTRIC = tuple(f"E{k}" for k in range(1, 14))
THERMAL = tuple(f"T{k}" for k in range(1, 6))
STEP_NAMES = (*ELECTRIC, *THERMAL)
"""Steps in their order."""


Count = Annotated[int, Field(ge=0)]

IMPROVED = ("cost", "grid_kwh", "heat_unserved_kwh", "heat_dumped_kwh")
"""Totals that are compared over the stochastic days: the four of Table 6."""


class Options(Part):
    """How the building was run; ``BuildingOptions`` says what each means."""

    days: Annotated[int, Field(ge=0)]
    seed: Annotated[int, Field(ge=0)]
    priced: bool
    gap: Annotated[float, Field(gt=0.0, lt=1.0)]


class Totals(Part):
    """Totals of a day: money, and energies in kWh."""

    cost: Number
    grid_kwh: Number
    chp_kwh: Number
    chp_sold_kwh: Number
    spare_chp_kwh: Number
    battery_charge_kwh: Number
    battery_discharge_kwh: Number
    battery_sold_kwh: Number
    heat_short_1_kwh: Number
    heat_short_2_kwh: Number
    boiler_kwh: Number
    heat_unserved_kwh: Number
    heat_dumped_kwh: Number
    electricity_unserved_kwh: Number
    renewable_sold_kwh: Number
    unserved_value: Number

    @property
    def value(self) -> float:
        """Money paid and the value of unserved load."""
        return self.cost + self.unserved_value


class OptimumTotals(Part):
    """The one-owner optimum; ``cost`` without, ``value`` with the value of unserved load."""

    cost: Number
    value: Number
    bound: Number
    gap: Amount
    grid_kwh: Number
    heat_unserved_kwh: Number
    electricity_unserved_kwh: Number
    heat_dumped_kwh: Number


class Optima(Part):
    """The optimum with trade between units, and without; both or neither."""

    coalition: OptimumTotals | None = None
    alone: OptimumTotals | None = None


class UnitCosts(Part):
    """What a unit pays over the day in either way."""

    coalition: Number
    alone: Number


class SharingRecord(Part):
    """A way to share what all units are worth together; ``Sharing`` says what each key means."""

    share: dict[str, Number]
    least_excess: Number
    leaving: dict[str, Number]


class DayRecord(Part):
    """A stochastic day."""

    day: Annotated[int, Field(ge=0)]
    coalition: Totals
    alone: Totals
    optimum: Optima
    losers: list[Text]


class Indicators(Part):
    """How the plant was used, by item; ``rules.indicators`` says what each means."""

    coalition: dict[str, Number | None]
    alone: dict[str, Number | None]


class FeederScenario(Part):
    """Voltages of the feeder in a scenario; ``feeder.voltages`` says what each key means."""

    scenario: Text
    coalition: Count
    alone: Count
    grid: Count
    deviation_pu: Amount
    deviation_printed_pu: Number
    hourly_deviation_pu: list[Amount | None]
    v_min_pu: Amount | None
    v_min_bus: Text | None
    v_min_hour: Count | None
    hours_under_limit: list[Count]
    loss_kwh: Amount
    not_converged: list[Count]
    improvement: dict[str, Number]


class Supply(Part):
    """Energy not supplied and who lacks it; ``feeder.supply`` says what each key means."""

    ens_chp_kwh: Amount
    ens_kwh: Amount
    nodc_chp: Count
    nodc: Count
    customers_chp: Count
    customers: Count


class FaultScenario(Part):
    """A fault in a scenario: supply by kind of building and in all, and the feeder's voltages."""

    scenario: Text
    kinds: dict[str, Supply]
    total: Supply
    v_min_pu: Amount | None
    v_min_bus: Text | None
    v_min_hour: Count | None
    under_limit: bool
    not_converged: list[Count]


class FaultRecord(Part):
    """A fault of a line; ``cut_off`` lists buses by what joins them again."""

    fault: Count
    line: Text
    hours: list[Count]
    reconfigured: bool
    close: list[Text]
    close_after_h: Amount | None
    cut_off: dict[str, list[Text]]
    scenarios: list[FaultScenario]


class BuildingRecord(RunRecord):
    """run.json of ``cmgplan building``.

    ``values`` are those of coalitions of units by the rules, by ids joined by ``+``,
    ``optimal_values`` those in their own optimum where they were asked for; they and ``sharings``
    are empty where there are too many units. ``feeder`` and ``faults`` are empty where the case
    puts no buildings on a feeder.
    """

    system: Literal["building"]
    rules: Literal["paper", "paying"]
    options: Options  # type: ignore[assignment]
    coalition: Totals
    alone: Totals
    optimum: Optima
    indicators: Indicators
    units: Annotated[dict[str, UnitCosts], Field(min_length=1)]
    losers: list[Text]
    values: dict[str, Number]
    optimal_values: dict[str, Number]
    sharings: dict[str, SharingRecord]
    days: list[DayRecord]
    feeder: list[FeederScenario]
    faults: list[FaultRecord]

    def ways(self) -> dict[str, Totals]:
        """Return the totals of the day by way."""
        return {"coalition": self.coalition, "alone": self.alone}

    def improvements(self) -> dict[str, float | None]:
        """Return by how much less the coalition has of four totals over the stochastic days.

        As a share of what everyone alone has; None where that is nothing.
        """
        found: dict[str, float | None] = {}
        for key in IMPROVED:
            together = sum(getattr(day.coalition, key) for day in self.days)
            alone = sum(getattr(day.alone, key) for day in self.days)
            found[key] = 1.0 - together / alone if alone else None
        return found

    def optima(self) -> dict[str, OptimumTotals]:
        """Return the optima of the day by way; empty where none was sought."""
        return optima_of(self.optimum)


def optima_of(optima: Optima) -> dict[str, OptimumTotals]:
    """Return optima by way, those that there are."""
    found = {"coalition": optima.coalition, "alone": optima.alone}
    return {way: told for way, told in found.items() if told is not None}


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of run.json, which ships as ``building.schema.json``."""
    schema = BuildingRecord.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
