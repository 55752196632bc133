"""The study file as records: what is asked for, before it is compared with any case."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field, create_model

from cmgplan.case.records import Day
from cmgplan.devices import Record
from cmgplan.devices.base import NonNegative, Positive

FactorName = Literal["load", "sun", "wind", "price"]
"""What a scenario of a study scales."""

FACTORS: tuple[FactorName, ...] = ("load", "sun", "wind", "price")

SystemName = Literal["planning", "market", "building", "response", "optimum"]

Text = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(ge=1)]
MOST_TASKS = 100_000
"""Tasks that a study may have."""


class _Days(Record):
    """The days of a study but for the key ``from``, which Python keeps for itself."""

    to: Day | None = None
    every: Count | None = None
    typical: Annotated[int, Field(ge=1, le=366)] | None = None

    @property
    def begins(self) -> date | None:
        """First day."""
        found: date | None = getattr(self, "from")
        return found

    @property
    def listed(self) -> tuple[date, ...] | None:
        """Days named one by one."""
        found: tuple[date, ...] | None = getattr(self, "list")  # noqa: B009 - a key of the file
        return found


_OWN_KEYS: dict[str, Any] = {
    "from": (Day | None, None),
    "list": (Annotated[tuple[Day, ...], Field(min_length=1)] | None, None),
}
DaysSection = create_model("DaysSection", __base__=_Days, **_OWN_KEYS)
"""``[over] days``: from, to and every; or list; or typical."""


class Spreads(Record):
    """Standard deviations of the factors, as shares."""

    load: NonNegative = 0.0
    sun: NonNegative = 0.0
    wind: NonNegative = 0.0
    price: NonNegative = 0.0

    def varied(self) -> dict[FactorName, float]:
        """Return the factors that vary, in the order of ``FACTORS``."""
        return {name: getattr(self, name) for name in FACTORS if getattr(self, name) > 0.0}


class ScenarioSection(Record):
    """``[over] scenarios``: an orthogonal array, random factors, or a file of factors."""

    method: Literal["toat", "monte-carlo", "file"] | None = None
    array: Literal["L4", "L8", "L9", "L16", "L27"] | None = None
    n: Annotated[int, Field(ge=1, le=MOST_TASKS)] | None = None
    seed: Annotated[int, Field(ge=0)] | None = None
    sd: Spreads | None = None
    file: Text | None = None

    @property
    def kind(self) -> str:
        """The method; a file alone says its own."""
        return self.method or ("file" if self.file is not None else "")


class OverSection(Record):
    """``[over]``: what the study runs over. Absent keys leave the case as it is."""

    days: DaysSection | None = None
    scenarios: ScenarioSection | None = None
    options: dict[Text, Any] = Field(default_factory=dict)


class LimitsSection(Record):
    """``[limits]``: what ends a task, and how often one is tried again that crashed."""

    time_per_task_s: Positive | None = None
    memory_per_task_mb: Positive | None = None
    retries: Annotated[int, Field(ge=0, le=10)] = 1


class StudyFile(Record):
    """The whole of a study file. ``format`` is the version of this format."""

    format: Literal[1]
    name: Text
    system: SystemName
    cases: Annotated[tuple[Text, ...], Field(min_length=1)]
    over: OverSection = OverSection()
    limits: LimitsSection = LimitsSection()
