"""What plan.json holds, key by key: the form it is read by, and the source of its JSON Schema."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from cmgplan.run.strict_json import object_of, shortened
from cmgplan.run.tables import GREATEST

Number = Annotated[float, Field(ge=-GREATEST, le=GREATEST)]
Amount = Annotated[float, Field(ge=0.0, le=GREATEST)]
Count = Annotated[int, Field(ge=0, le=10**9)]


HOURLY = ("headroom.hourly[", "headroom.forecast_error.hours[")
"""Lists of one entry an hour, whose entries lack no key."""


def _in_order(rows: list[Any]) -> list[Any]:
    """Return rows of one entry an hour; ValueError unless they count from 0."""
    for t, row in enumerate(rows):
        if row.hour != t:
            raise ValueError(f"entry {t} is of hour {row.hour}")
    return rows


class Part(BaseModel):
    """Part of plan.json: keys that it does not name may stand in it, types are not converted."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True, allow_inf_nan=False)


class About(Part):
    """Which case was planned; ``sha256`` is over the files of its copy."""

    name: str
    title: str
    hours: Annotated[int, Field(ge=1, le=10**6)]
    dt_h: Annotated[float, Field(gt=0.0, le=1e4)]
    begins_h: Amount | None = None
    day: Annotated[str | None, Field(json_schema_extra={"format": "date"})] = None
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Options(Part):
    """How it was planned; ``PlanOptions`` says what each means."""

    points: Count
    sweep: str
    select: Count | None = None
    hierarchy: str
    minlp: str
    gap: Number
    time_limit_s: Number = 0.0
    radial: bool
    operation_cost_usd: Number = 0.0
    operation_limit: Count | None = None
    soc_balance: str = ""
    zeta: dict[str, Number] = {}
    normalise: bool = True
    upper_emissions: str = ""
    coupling: str = ""
    jobs: Count = 1


class Range(Part):
    """Least and greatest value of an objective in the payoff table."""

    min: Number | None
    max: Number | None


class Payoff(Part):
    """Least and greatest value of each objective in the payoff table."""

    gc_usd: Range
    ec_usd: Range
    loss_kwh: Range


class Goal(Part):
    """What a solve reached and proved."""

    value: Number | None
    bound: Number | None


class LevelRecord(Part):
    """One of Levels 1 to 4: objectives, what it left over, and where switches may close."""

    level: Literal[1, 2, 3, 4]
    status: str | None
    stopped: str | dict[str, str | None] | None
    goals: dict[str, Goal] = {}
    wall_s: Amount = 0.0
    gc_usd: Number | None
    ec_usd: Number | None
    loss_kwh: Number | None
    unserved_kwh: Number | None
    surplus_kwh: Number | None
    short_hours: list[Count]
    surplus_hours: list[Count]
    short_microgrids: list[str]
    switch_hours_allowed: dict[str, Count | None] | None
    explanation: str | list[str] | None = None
    reason: str | None = None


class Selected(Part):
    """The chosen point and its objectives."""

    point: Annotated[int, Field(ge=1, le=10**9)]
    rule: Literal["fuzzy", "override"]
    mu_min: Number | None
    gc_usd: Number | None
    ec_usd: Number | None
    loss_kwh: Number | None


class Objectives(Part):
    """The three objectives."""

    gc_usd: Number | None
    ec_usd: Number | None
    loss_kwh: Number | None


class FeederTotals(Objectives):
    """The three objectives of the feeder, its import and its least voltage."""

    upstream_kwh: Number | None
    v_min_pu: Number | None


class Upper(FeederTotals):
    """Levels 5 and 6: how the solve ended, totals, weights, and what they compare with.

    ``scales`` are what f1, f2, f3 are divided by: their values without microgrids, or another
    scale where such a value is nothing (see ``notes``).
    """

    status: str | None
    objective: Number | None
    iterations: Count | None = None
    weights: dict[str, Number]
    scales: dict[str, Annotated[float, Field(gt=0.0, le=GREATEST)]] | None = None
    lower_after_upper: Objectives | None
    without_cmg: FeederTotals | None
    without_microgrid_loads: FeederTotals | None


class PointProof(Part):
    """A point: why the search stopped, how value and bound closed in, why it holds no schedule.

    ``bound`` is that of the minimised objective, ``amount`` value less bound in its unit.
    """

    point: Count
    status: str
    gap: Number | None
    gap_usd: Number | None = None
    bound: Number | None = None
    amount: Number | None = None
    reason: str | None
    explanation: list[str] = []
    wall_s: Amount = 0.0
    history: list[dict[str, Number | str | None]]


class Cell(Part):
    """A combination of caps and the point that answers it; null: empty."""

    eps_gc_usd: Number
    eps_loss_kwh: Number
    point: Count | None


class Certificate(Part):
    """How far the front is proven.

    ``minimised`` is the objective that the points minimise, f2 unless it has no range; ``range``
    is that of this objective in its ``unit``. ``without_range`` are objectives that are the same,
    within what is negligible, in the whole payoff table.
    """

    range_ec_usd: Number | None
    absolute: bool | None
    minimised: Literal["gc_usd", "ec_usd", "loss_kwh"] | None = None
    unit: Literal["$", "kWh"] | None = None
    range: Number | None = None
    without_range: list[Literal["gc_usd", "ec_usd", "loss_kwh"]] | None = None
    worst_gap: Number | None
    statement: str | None
    points: list[PointProof] = []
    cells: list[Cell] = []


class LevelReplay(Part):
    """How far a level is from the independent power flow."""

    max_dv_pu: Amount | None
    max_dloss_kw: Amount | None
    hours: Count
    converged: bool = True


class Tolerance(Part):
    """What the replay allows."""

    dv_pu: Amount
    dloss_kw: Amount


class Replay(Part):
    """Comparison of the plan with the independent power flow."""

    lower: LevelReplay
    upper: LevelReplay
    tolerance: Tolerance
    passed: bool


class Room(Part):
    """What is unused in an hour."""

    hour: Count
    mt_kw: Number | None
    storage_kw: Number | None
    storage_kwh: Number | None
    pcc_kva: Number | None


class ErrorHour(Part):
    """An hour of the replay under forecast error."""

    hour: Count
    v_min_pu: Number | None
    v_max_pu: Number | None
    max_loading: Number | None
    converged: bool


class BrokenRecord(Part):
    """A limit that would break; ``BrokenLimit`` says what each key means."""

    kind: Literal["shortage", "connection", "voltage", "branch", "power_flow"]
    hour: Count
    place: str
    amount: Number | None
    unit: str
    limit: Number | None = None


class ForecastError(Part):
    """The replay under forecast error and the limits that it would break.

    ``broken`` is ``broken_limits`` in words, in the same order.
    """

    load_factor: Number
    renewable_factor: Number
    hours: Annotated[list[ErrorHour], AfterValidator(_in_order)]
    broken: list[str]
    broken_limits: list[BrokenRecord] = []

    @model_validator(mode="after")
    def _has_data_for_words(self) -> Self:
        """Refuse words without data, as of a version that kept words alone."""
        if len(self.broken) != len(self.broken_limits):
            told = f"{len(self.broken_limits)} broken_limits for {len(self.broken)} in broken"
            raise ValueError(f"{told}; another version wrote it")
        return self


class Headroom(Part):
    """Room left by hour, and the replay under forecast error."""

    hourly: Annotated[list[Room], AfterValidator(_in_order)]
    forecast_error: ForecastError | None


class Times(Part):
    """Wall-clock time of each part of the plan, s."""

    __pydantic_extra__: dict[str, Amount]
    total: Amount


class PlanRecord(Part):
    """Powers in kW, energies in kWh, costs in $ over the horizon; null where there is no value.

    More keys may be added.
    """

    model_config = ConfigDict(title="plan.json of a cmgplan run")

    case: About
    versions: dict[str, str | None]
    options: Options
    wall_s: Times
    v_slack_pu: Number
    payoff: Payoff
    levels: Annotated[list[LevelRecord], Field(min_length=1)]
    selected: Selected
    upper: Upper
    certificate: Certificate
    notes: list[str] = []
    replay: Replay
    headroom: Headroom


def parse_plan(text: str) -> dict[str, Any]:
    """Return the content of plan.json.

    Raises
    ------
    ValueError
        If it is no JSON object, names a key twice, or holds a value of a wrong type, not finite
        or beyond ``GREATEST``. A key that is missing is not a fault here, but in the entry of an
        hour; see ``missing_keys``.
    """
    content = object_of(text)
    wrong = [f for f in _faults(content) if f[1] != "missing" or f[0].startswith(HOURLY)]
    if wrong:
        key, _, told = wrong[0]
        raise ValueError(f"{key}: {told}")
    return content


def missing_keys(content: dict[str, Any]) -> list[str]:
    """Return the keys that a plan always has and this one lacks, as dotted paths."""
    return [key for key, kind, _ in _faults(content) if kind == "missing"]


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of plan.json, which ships as ``plan.schema.json``."""
    schema = PlanRecord.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _faults(content: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return key, kind and message of every fault."""
    try:
        PlanRecord.model_validate(content)
    except ValidationError as error:
        return [
            (_path(fault["loc"]), str(fault["type"]), _told(fault["msg"], fault["input"]))
            for fault in error.errors(include_url=False, include_context=False)
        ]
    return []


def _path(place: tuple[int | str, ...]) -> str:
    """Return a place as the page of a planner would name it: ``levels[2].gc_usd``."""
    told = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return shortened(told.lstrip("."), 120)


def _told(message: str, value: Any) -> str:
    """Return what is wrong, with the value found."""
    return f"{message}, not {shortened(repr(value), 60)}"
