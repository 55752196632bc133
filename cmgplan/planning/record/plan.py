"""The whole of plan.json, which a finished plan says of itself, and the source of its schema."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field, ValidationError, WithJsonSchema

from cmgplan.planning.record.front import Certificate, Payoff
from cmgplan.planning.record.headroom import Headroom, Replay
from cmgplan.planning.record.levels import LevelRecord, Selected, Upper
from cmgplan.planning.record.values import Amount, Count, Number, Part
from cmgplan.run.strict_json import object_of, shortened

SHA256 = r"^[0-9a-f]{64}$"

SHOWN_KEYS = 5
"""Missing keys that a message names."""


class About(Part):
    """Which case was planned; ``sha256`` is over the files of its copy."""

    name: str
    title: str
    hours: Annotated[int, Field(ge=1, le=10**6)]
    dt_h: Annotated[float, Field(gt=0.0, le=1e4)]
    begins_h: Amount
    day: Annotated[str | None, Field(json_schema_extra={"format": "date"})]
    # None until the copy is written: the schema is of the file.
    sha256: Annotated[
        Annotated[str, Field(pattern=SHA256)] | None,
        WithJsonSchema({"type": "string", "pattern": SHA256}),
    ]


class Options(Part):
    """How it was planned; ``PlanOptions`` says what each means."""

    points: Count
    sweep: str
    select: Count | None
    hierarchy: str
    minlp: str
    gap: Number
    time_limit_s: Number
    radial: bool
    operation_cost_usd: Number
    operation_limit: Count | None
    soc_balance: str
    zeta: dict[str, Number]
    normalise: bool
    upper_emissions: str
    coupling: str
    jobs: Count


class Times(Part):
    """Wall-clock time of each part of the plan, s."""

    levels_1_to_3: Amount
    level_4: Amount
    levels_5_and_6: Amount
    replay: Amount
    tables_and_headroom: Amount
    total: Amount

    def parts(self) -> dict[str, float]:
        """Return every part by its name, the total last."""
        return {
            "levels_1_to_3": self.levels_1_to_3,
            "level_4": self.level_4,
            "levels_5_and_6": self.levels_5_and_6,
            "replay": self.replay,
            "tables_and_headroom": self.tables_and_headroom,
            "total": self.total,
        }


class PlanRecord(Part):
    """Powers in kW, energies in kWh, costs in $ over the horizon; null where there is no value.

    More keys may be added.
    """

    model_config = ConfigDict(title="plan.json of a cmgplan run")

    case: About
    versions: dict[str, str | None]
    options: Options
    v_slack_pu: Number
    payoff: Payoff
    levels: Annotated[list[LevelRecord], Field(min_length=4, max_length=4)]
    selected: Selected
    upper: Upper
    certificate: Certificate
    notes: list[str]
    headroom: Headroom
    replay: Replay
    wall_s: Times


def parse_plan(text: str) -> PlanRecord:
    """Return the content of plan.json.

    Raises
    ------
    ValueError
        If it is no JSON object, names a key twice, lacks a key, or holds a value of a wrong type,
        not finite or beyond ``GREATEST``.
    """
    content = object_of(text)
    try:
        record = PlanRecord.model_validate(content)
    except ValidationError as error:
        raise ValueError(_first_fault(error)) from None
    if record.case.sha256 is None:
        raise ValueError("case.sha256: Input should be a valid string, not None")
    return record


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of plan.json, which ships as ``plan.schema.json``."""
    schema = PlanRecord.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _first_fault(error: ValidationError) -> str:
    """Return the first value that is wrong, or the first keys that are missing."""
    faults = error.errors(include_url=False, include_context=False)
    missing = [_path(fault["loc"]) for fault in faults if fault["type"] == "missing"]
    wrong = next((fault for fault in faults if fault["type"] != "missing"), None)
    if wrong is not None:
        told = shortened(repr(wrong["input"]), 60)
        return f"{_path(wrong['loc'])}: {wrong['msg']}, not {told}"
    more = f" and {len(missing) - SHOWN_KEYS} more" if len(missing) > SHOWN_KEYS else ""
    return f"lacks {', '.join(missing[:SHOWN_KEYS])}{more}"


def _path(place: tuple[int | str, ...]) -> str:
    """Return a place as the page of a planner would name it: ``levels[2].gc_usd``."""
    told = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return shortened(told.lstrip("."), 120)
