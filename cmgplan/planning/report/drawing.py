"""The figures of a plan for whoever works in Python."""

from __future__ import annotations

import plotly.graph_objects as go

from cmgplan.planning.report.figures import all_figures, feeder_view
from cmgplan.planning.report.run_folder import Run
from cmgplan.planning.result import PlanResult


def figures(plan: PlanResult | Run) -> dict[str, go.Figure]:
    """Return the figures of a plan, or of a run that was read back, as Plotly objects.

    They are those of the page: ``figures(result)["pareto_front"].show()`` opens one in a
    browser, ``.write_html`` keeps it. Figures with nothing to show are left out.

    Parameters
    ----------
    plan
        What ``plan`` or ``read_run`` returned.

    Returns
    -------
    dict
        Figures by name, in the order of the page; the names stand at
        ``cmgplan.planning.report.figures.all_figures``.

    Raises
    ------
    CaseError
        A run's copy of its case cannot be read any more.
    """
    case = plan.load_case() if isinstance(plan, Run) else plan.case
    return all_figures(plan.summary, plan.tables, feeder_view(case))
