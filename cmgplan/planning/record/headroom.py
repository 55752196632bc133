"""Replay and headroom in plan.json: what power flow confirms, what forecast error may break."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, model_validator

from cmgplan.network.broken_limit import BrokenLimit, Kind
from cmgplan.planning.record.values import Amount, Count, Number, Part


def _in_order(rows: list[Any]) -> list[Any]:
    """Return rows of one entry an hour; ValueError unless they count from 0."""
    for t, row in enumerate(rows):
        if row.hour != t:
            raise ValueError(f"entry {t} is of hour {row.hour}")
    return rows


class LevelReplay(Part):
    """How far a level is from the independent power flow."""

    max_dv_pu: Amount | None
    max_dloss_kw: Amount | None
    hours: Count
    converged: bool


class Tolerance(Part):
    """Differences of voltages and losses that the replay allows."""

    dv_pu: Amount
    dloss_kw: Amount


class Replay(Part):
    """Comparison of the plan with the independent power flow."""

    tolerance: Tolerance
    lower: LevelReplay
    upper: LevelReplay
    passed: bool


class Room(Part):
    """Unused power of turbines and storage, stored energy and rating of PCCs in an hour."""

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

    kind: Kind
    hour: Count
    place: str
    amount: Number | None
    unit: str
    limit: Number | None

    @classmethod
    def of(cls, broken: BrokenLimit) -> Self:
        """Return a limit as plan.json tells it."""
        return cls(
            kind=broken.kind,
            hour=broken.hour,
            place=broken.place,
            amount=broken.amount,
            unit=broken.unit,
            limit=broken.limit,
        )

    @property
    def told(self) -> BrokenLimit:
        """The limit, which can put itself in words."""
        return BrokenLimit(self.kind, self.hour, self.place, self.amount, self.unit, self.limit)


class ForecastError(Part):
    """The replay under forecast error and the limits that it would break.

    ``broken`` is ``broken_limits`` in words, in the same order.
    """

    load_factor: Number
    renewable_factor: Number
    hours: Annotated[list[ErrorHour], Field(min_length=1), AfterValidator(_in_order)]
    broken: list[str]
    broken_limits: list[BrokenRecord]

    @model_validator(mode="after")
    def _has_data_for_words(self) -> Self:
        """Refuse words without data, as of a version that kept words alone."""
        if len(self.broken) != len(self.broken_limits):
            told = f"{len(self.broken_limits)} broken_limits for {len(self.broken)} in broken"
            raise ValueError(f"{told}; another version wrote it")
        return self


class Headroom(Part):
    """Unused capacity by hour, and the replay under forecast error."""

    hourly: Annotated[list[Room], Field(min_length=1), AfterValidator(_in_order)]
    forecast_error: ForecastError
