"""What run.json of a run of demand response holds."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from cmgplan.homes.report.run_record import Amount, Number, Part, RunRecord, Text

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Count = Annotated[int, Field(ge=0, le=10**9)]


class Options(Part):
    """How the case was run; ``ResponseOptions`` says what each means."""

    methods: Annotated[list[Text], Field(min_length=1)]
    runs: Annotated[int, Field(ge=1)]
    evaluations: Annotated[int, Field(ge=1)]
    seed: Count
    gap: Annotated[float, Field(gt=0.0, lt=1.0)]


class ProfitParts(Part):
    """Parts of a profit: ``total`` is served - costs + sales - weighted penalties."""

    served: Number
    sales: Number
    purchases: Number
    gas: Number
    shift: Number
    unserved: Number
    peak: Number = 0.0
    value: Number = 0.0
    penalties: Number
    emission_weight: Amount
    total: Number


class ObjectivesRecord(Part):
    """Objectives (1)-(5) as settled sums; ``Objectives`` says what each means."""

    producers: Number
    retailer: Number
    consumers: Number
    emission_kg: Number
    emission_cost: Number


class MethodRecord(Part):
    """Statistics of a method's runs, and what its best day comes to."""

    runs: Annotated[int, Field(ge=1)]
    evaluations: Count
    profit_min: Number
    profit_max: Number
    profit_mean: Number
    profit_sd: Amount
    gap_mean: Amount
    wall_s: Amount
    status: Text
    profit: ProfitParts
    objectives: ObjectivesRecord


class UnderEmax(Part):
    """Shares of hours in which emission is within Emax: a home's own, and with its purchases."""

    own: Share | None
    total: Share | None


class UnderEmaxOfDay(UnderEmax):
    """The same over all homes that have an Emax, and home by home."""

    homes: dict[str, UnderEmax]


class MarketRecord(Part):
    """The market of a day; ``market_summary`` says what each key means."""

    bids: Text
    asked_kwh: dict[str, Amount]
    rejected_kwh: dict[str, Amount]
    settlement: dict[str, Number]
    draws: Count
    drawn_over_forecast: Number | None
    drawn_below: Share | None


class ComparedRecord(Part):
    """The optimum of the same homes with less flexibility; ``Compared`` says what each means."""

    profit: Number
    money: Number
    emission_kg: Number
    share_under_emax: Share | None
    bound: Number


class FactorRecord(Part):
    """An uncertain quantity, its deviation as a share, and the hours [from, to) it holds for."""

    quantity: Text
    sd: Amount
    hours: Annotated[list[Count], Field(min_length=2, max_length=2)]


class SpreadRecord(Part):
    """Mean and spread of a result by an orthogonal array; ``Spread`` says what each key means."""

    array: Text
    runs: Annotated[int, Field(ge=1)]
    mean: Number
    sd: Amount
    correlation: Text
    factors: list[FactorRecord]
    results: Annotated[list[Number], Field(min_length=1)]


class ReferenceRecord(Part):
    """A large sample: mean, spread, and the standard error of the mean."""

    runs: Annotated[int, Field(ge=1)]
    mean: Number
    sd: Amount
    standard_error: Amount


class ToatRecord(Part):
    """What uncertainty does to the exact answer, and to its day as a fixed plan.

    ``exact`` plans each run anew, knowing it; ``plan`` carries out the day of the exact answer.
    ``reference`` is a large sample of the plan; the errors against it are those of the array and
    of random samples of its size, of the mean in currency and of the deviation as a share.
    """

    exact: SpreadRecord
    plan: SpreadRecord
    reference: ReferenceRecord
    mean_error: dict[str, Number]
    sd_error: dict[str, Number]


class RollingRecord(Part):
    """A drawn day planned once, replanned every hour, and foreseen; see ``Foresight``."""

    ahead_h: Count
    seed: Count
    once: Number
    rolled: Number
    perfect: Number
    worth: Number
    recovered: Number | None


class ResponseRecord(RunRecord):
    """run.json of ``cmgplan respond``.

    ``methods``, ``emission_kg``, ``share_under_emax`` and ``market`` are by way, which is the
    name of a method; ``policies`` and ``emax_kg_per_h`` by home. ``bound`` is above every profit.
    ``claims`` are numbers that claims about the run are judged by.
    """

    system: Literal["response"]
    options: Options  # type: ignore[assignment]
    policies: Annotated[dict[str, Text], Field(min_length=1)]
    methods: Annotated[dict[str, MethodRecord], Field(min_length=1)]
    bound: Number
    emission_kg: dict[str, Number]
    emax_kg_per_h: dict[str, Amount | None]
    share_under_emax: dict[str, UnderEmaxOfDay]
    market: dict[str, MarketRecord]
    compared: dict[str, ComparedRecord]
    toat: ToatRecord | None
    rolling: RollingRecord | None
    claims: dict[str, Any]


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of run.json, which ships as ``response.schema.json``."""
    schema = ResponseRecord.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
