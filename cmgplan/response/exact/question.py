"""The owner of a case under its policies, and what is asked of it."""

from __future__ import annotations

from cmgplan.homes.case.records import HomesCase
from cmgplan.response.exact.model import ResponseDay
from cmgplan.response.exact.owner import ResponseOwner, ResponseQuestion
from cmgplan.response.model.penalty import penalties_of
from cmgplan.response.model.policy import policies_of
from cmgplan.response.model.profit import served_value


def owner_of(case: HomesCase, *, objectives: bool = False) -> ResponseOwner:
    """Return all homes of a case as one party that keeps their policies.

    ``objectives`` lets questions be asked about the paper's objectives.
    """
    model = ResponseDay(case, policies_of(case), penalties_of(case), objectives=objectives)
    return ResponseOwner(case, model, served_value(case))


def profit_question(case: HomesCase, emission_weight: float | None = None) -> ResponseQuestion:
    """Return the question for the greatest profit: the least of what is taken off the constant.

    ``emission_weight`` takes the place of the case's.
    """
    weight = case.file.response.emission_weight if emission_weight is None else emission_weight
    weights = {"cost": 1.0, "penalty": weight} if weight > 0.0 else {"cost": 1.0}
    return ResponseQuestion(weights)
