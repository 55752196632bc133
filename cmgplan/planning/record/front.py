"""The front in plan.json: payoff table, and how far every point is proven."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import SerializerFunctionWrapHandler, model_serializer

from cmgplan.planning.record.values import Amount, ByObjective, Count, Number, Objective, Part


class Range(Part):
    """Least and greatest value of an objective in the payoff table."""

    min: Number | None
    max: Number | None


class Payoff(ByObjective[Range]):
    """Least and greatest value of each objective in the payoff table."""


class Step(Part):
    """A value that a search reached or a bound that it proved, after how many seconds, and how.

    Only one of the two keys stands in plan.json.
    """

    s: Number
    value: Number | None = None
    bound: Number | None = None
    by: str

    @model_serializer(mode="wrap")
    def _told_keys(self, whole: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in whole(self).items() if key in self.model_fields_set}


class PointProof(Part):
    """A point: why the search stopped, how value and bound closed in, why it holds no schedule.

    ``bound`` is that of the minimised objective, ``amount`` value less bound in its unit.
    """

    point: Count
    status: str
    gap: Number | None
    gap_usd: Number | None
    bound: Number | None
    amount: Number | None
    reason: str | None
    explanation: list[str]
    wall_s: Amount
    history: list[Step]


class Cell(Part):
    """A combination of caps and the point that answers it; null: empty."""

    eps_gc_usd: Number
    eps_loss_kwh: Number
    point: Count | None

    def caps(self) -> dict[str, float]:
        """Return both caps by their columns in pareto.csv."""
        return {"eps_gc_usd": self.eps_gc_usd, "eps_loss_kwh": self.eps_loss_kwh}


class Certificate(Part):
    """How far the front is proven.

    ``minimised`` is the objective that the points minimise, f2 unless it has no range; ``range``
    is that of this objective in its ``unit``. ``without_range`` are objectives that are the same,
    within what is negligible, in the whole payoff table.
    """

    range_ec_usd: Number | None
    absolute: bool
    minimised: Objective
    unit: Literal["$", "kWh"]
    range: Number | None
    without_range: list[Objective]
    worst_gap: Number | None
    statement: str
    points: list[PointProof]
    cells: list[Cell]
