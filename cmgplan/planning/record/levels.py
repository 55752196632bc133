"""Levels, chosen point and loaded feeder in plan.json: what each costs, emits and loses."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cmgplan.planning.record.values import Amount, ByObjective, Count, Number, Part
from cmgplan.run.tables import GREATEST

LevelNumber = Literal[1, 2, 3, 4]


class Objectives(ByObjective[Number | None]):
    """Values of the three objectives: generation cost, emission cost and losses."""


class FeederTotals(Objectives):
    """The three objectives of the feeder, its import and its least voltage."""

    upstream_kwh: Number | None
    v_min_pu: Number | None

    def totals(self) -> dict[str, float | None]:
        """Return all five by their keys."""
        more = {"upstream_kwh": self.upstream_kwh, "v_min_pu": self.v_min_pu}
        return {**self.by_objective(), **more}


class Goal(Part):
    """Value that a solve of a level reached, and the bound that it proved."""

    value: Number | None
    bound: Number | None


class AllowedHours(Part):
    """Hours in which switches may close, summed over those of a kind."""

    microgrid: Count
    cluster: Count
    grid: Count


class _Solves(Part):
    """How the solves of a level ended. In plan.json keys of the last base stand first."""

    level: LevelNumber
    status: str
    stopped: dict[str, str | None]
    goals: dict[str, Goal]
    wall_s: Amount


class LevelRecord(Objectives, _Solves):
    """One of Levels 1 to 4: objectives, what it left over, and where switches may close."""

    unserved_kwh: Number | None
    surplus_kwh: Number | None
    short_hours: list[Count]
    surplus_hours: list[Count]
    short_microgrids: list[str]
    switch_hours_allowed: AllowedHours


class _Choice(Part):
    """Which point is chosen, and how."""

    point: Annotated[int, Field(ge=1, le=10**9)]
    rule: Literal["fuzzy", "override"]
    mu_min: Number | None


class Selected(Objectives, _Choice):
    """The chosen point and its objectives."""


class Weights(ByObjective[Number]):
    """Factors of the three objectives in the weighted sum."""


class Scales(ByObjective[Annotated[float, Field(gt=0.0, le=GREATEST)]]):
    """What the three objectives are divided by: their values without microgrids.

    Another scale where such a value is nothing; see ``notes``.
    """


class _OpfAnswer(Part):
    """How the optimal power flow ended."""

    status: str
    objective: Number | None
    iterations: Count | None


class Upper(FeederTotals, _OpfAnswer):
    """Levels 5 and 6: how the solve ended, totals, weights, and what they compare with."""

    weights: Weights
    scales: Scales
    lower_after_upper: Objectives
    without_cmg: FeederTotals
    without_microgrid_loads: FeederTotals
