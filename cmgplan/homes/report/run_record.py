"""What run.json of a run of homes holds, whatever ran: the keys that all systems share."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cmgplan.errors import InputError
from cmgplan.run.strict_json import object_of, shortened
from cmgplan.run.tables import GREATEST

Number = Annotated[float, Field(ge=-GREATEST, le=GREATEST)]
Amount = Annotated[float, Field(ge=0.0, le=GREATEST)]
Text = Annotated[str, Field(min_length=1)]


class Part(BaseModel):
    """Part of run.json: keys that it does not name may stand in it, types are not converted."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True, allow_inf_nan=False)


class About(Part):
    """Which case was run; ``sha256`` is over the files of its copy."""

    name: Text
    title: str
    hours: Annotated[int, Field(ge=1, le=10**6)]
    dt_h: Annotated[float, Field(gt=0.0, le=1e4)]
    begins_h: Amount
    day: Annotated[str | None, Field(json_schema_extra={"format": "date"})]
    homes: Annotated[list[Text], Field(min_length=1)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class RunRecord(Part):
    """The keys of run.json that every run of homes has."""

    system: Text
    case: About
    currency: Text
    versions: dict[str, str]
    options: dict[str, Any]
    wall_s: dict[str, Amount]
    verified: Literal[True]
    warnings: list[str]


RecordT = TypeVar("RecordT", bound=RunRecord)


def parse_run(text: str, form: type[RecordT]) -> RecordT:
    """Return run.json as a record.

    Raises
    ------
    InputError
        It is no JSON, or a key is missing or of another type; the message names it.
    """
    try:
        return form.model_validate(object_of(text))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        told = f"{key}: {first['msg']}, not {shortened(repr(first['input']))}"
        raise InputError(told if key else str(first["msg"])) from error
    except ValueError as error:
        raise InputError(str(error)) from error
