"""What run.json of an optimum holds, and its table of the front."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from cmgplan.homes.report.run_record import Amount, Number, Part, RunRecord
from cmgplan.run.tables import TableForm, table_form

FRONT: TableForm = table_form(
    "point",
    "status selected cost emission_kg bound gap emission_cap_kg mu_cost mu_emission mu_min",
    ints="point selected",
    texts="status",
    empty="bound gap emission_cap_kg",
)
"""Form of ``front.csv``: one row for each point, from least cost to least emission."""

Status = Literal["optimal", "feasible"]
PointNumber = Annotated[int, Field(ge=1, le=10**4)]


class Options(Part):
    """How it was sought; ``OptimumOptions`` says what each means."""

    emission_weight: Amount
    front: Annotated[int, Field(ge=2, le=200)] | None
    gap: Annotated[float, Field(gt=0.0, lt=1.0)]
    time_limit_s: Annotated[float, Field(gt=0.0)]


class FrontPoint(Part):
    """A point of the front, as in front.csv."""

    point: PointNumber
    status: Status
    selected: Literal[0, 1]
    cost: Number
    emission_kg: Number
    bound: Number | None
    gap: Amount | None
    emission_cap_kg: Number | None
    mu_cost: Number
    mu_emission: Number
    mu_min: Number


class OptimumRecord(RunRecord):
    """run.json of ``cmgplan optimum``.

    ``objective`` is ``cost + emission_weight * emission_kg`` of the day that the tables hold,
    ``bound`` its proven lower bound, ``gap`` ``(objective - bound) / max(|objective|, 1)``; both
    are null where nothing is proven.
    """

    system: Literal["optimum"]
    options: Options  # type: ignore[assignment]
    status: Status
    objective: Number
    bound: Number | None
    gap: Amount | None
    cost: Number
    emission_kg: Number
    point: PointNumber | None
    front: Annotated[list[FrontPoint], Field(min_length=1)] | None


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of run.json, which ships as ``optimum.schema.json``."""
    schema = OptimumRecord.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
