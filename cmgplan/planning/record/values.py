"""Numbers of plan.json, and the part that every other part of it is."""

from __future__ import annotations

import math
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from cmgplan.run.tables import GREATEST

Number = Annotated[float, Field(ge=-GREATEST, le=GREATEST)]
Amount = Annotated[float, Field(ge=0.0, le=GREATEST)]
Count = Annotated[int, Field(ge=0, le=10**9)]

Objective = Literal["gc_usd", "ec_usd", "loss_kwh"]
"""f1, f2 and f3 by their columns."""

OBJECTIVES: tuple[Objective, ...] = ("gc_usd", "ec_usd", "loss_kwh")

ValueT = TypeVar("ValueT")


class Part(BaseModel):
    """Part of plan.json: keys that it does not name may stand in it, types are not converted."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True, allow_inf_nan=False)


class ByObjective(Part, Generic[ValueT]):
    """Something of each of the three objectives."""

    gc_usd: ValueT
    ec_usd: ValueT
    loss_kwh: ValueT

    def by_objective(self) -> dict[str, ValueT]:
        """Return what is told of each of the three, by its column."""
        return {"gc_usd": self.gc_usd, "ec_usd": self.ec_usd, "loss_kwh": self.loss_kwh}


def finite(value: float | None) -> float | None:
    """Return a number as plan.json tells it: None where it is not finite."""
    return None if value is None or not math.isfinite(value) else float(value)


def or_nan(value: float | None) -> float:
    """Return a number of plan.json for arithmetic: NaN where it tells none."""
    return math.nan if value is None else value
