"""Records and the types of their fields: ids, numbers within a range, numbers or columns."""

from __future__ import annotations

import sys
from math import inf
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticKnownError


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


MOST = sys.float_info.max


def _number_or_column(
    *, above: float | None = None, at_least: float = 0.0, at_most: float | None = None
) -> BeforeValidator:
    """Return a check of a number or a column's name that gives one reason, not one for each."""

    def check(value: object) -> object:
        if isinstance(value, str) and value:
            return value
        if isinstance(value, str):
            raise PydanticKnownError("string_too_short", {"min_length": 1})
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise PydanticKnownError("float_type")
        if not abs(value) <= MOST:  # whole numbers may have any number of digits
            raise PydanticKnownError("finite_number")
        if above is not None and value <= above:
            raise PydanticKnownError("greater_than", {"gt": above})
        if value < at_least:
            raise PydanticKnownError("greater_than_equal", {"ge": at_least})
        if at_most is not None and value > at_most:
            raise PydanticKnownError("less_than_equal", {"le": at_most})
        return value

    return BeforeValidator(check)


Hourly = Annotated[float | str, _number_or_column()]
"""A number of 0 or more that holds in every hour, or the name of a column of the profiles."""
HourlyPositive = Annotated[float | str, _number_or_column(above=0.0)]
HourlyShare = Annotated[float | str, _number_or_column(at_most=1.0)]
HourlyFinite = Annotated[float | str, _number_or_column(at_least=-inf)]
"""As ``Hourly``, of either sign: a price."""


class Record(BaseModel):
    """Immutable record that refuses unknown keys and silent type conversions."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
