"""Rules for the name and the plan options of a case."""

from __future__ import annotations

from collections.abc import Iterator

from cmgplan.case.folder import CASE_FILE
from cmgplan.case.ids import check_name
from cmgplan.errors import Fault
from cmgplan.planning.case.draft import Draft


def check_options(draft: Draft) -> Iterator[Fault]:
    """Yield what is wrong with the name, the weights of eq. (38) and the selected point."""
    yield from check_name(draft.raw.get("name"))
    if draft.plan is None:
        return
    zeta = draft.plan.zeta
    total = zeta.cost + zeta.emission + zeta.loss
    if abs(total - 1.0) > 1e-6:
        yield Fault(
            CASE_FILE,
            "plan.zeta",
            f"the weights sum to {total:g}",
            "make cost, emission and loss sum to 1",
        )
    points = draft.plan.most_points
    if draft.plan.select is not None and draft.plan.select > points:
        yield Fault(
            CASE_FILE,
            "plan.select",
            f"point {draft.plan.select} is selected of {points}",
            f"select one of 1 to {points}",
        )
