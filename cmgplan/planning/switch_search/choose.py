"""Which search of switch schedules answers Level 4, as the plan's options ask."""

from __future__ import annotations

from cmgplan.planning.case.records import Case, PlanOptions
from cmgplan.planning.model.grid_models import ConvexModel
from cmgplan.planning.switch_search.decomposition import DecompositionSearch
from cmgplan.planning.switch_search.schedules import SwitchSearch
from cmgplan.planning.switch_search.whole import BonminSearch, HighsSearch


def switch_search(case: Case, options: PlanOptions, convex: ConvexModel) -> SwitchSearch:
    """Return the search that the options ask for."""
    if options.minlp == "bonmin":
        return BonminSearch(case, options, convex)
    if options.minlp == "highs":
        return HighsSearch(case, options, convex)
    return DecompositionSearch(case, options, convex)
