"""The page of a plan's run."""

from __future__ import annotations

from cmgplan.page.page import render
from cmgplan.page.wording import counted
from cmgplan.planning.record.plan import PlanRecord
from cmgplan.planning.report.overview import overview
from cmgplan.planning.report.sections import sections
from cmgplan.planning.report.topology import FeederView
from cmgplan.run.tables import Tables


def render_page(
    summary: PlanRecord,
    tables: Tables,
    view: FeederView | None = None,
    sources: str = "",
) -> str:
    """Return the page of a run.

    Parameters
    ----------
    summary
        Content of plan.json.
    tables
        Tables of the run by file stem.
    view
        What the case says of the feeder; without it the map is left out.
    sources
        Text of the case's SOURCES.md.
    """
    case = summary.case
    about = (
        f"Case {case.name}, {counted(case.hours, 'interval')} of {case.dt_h:g} h, counted "
        "from 0. Microgrids in clusters on a distribution feeder."
    )
    return render(
        case.title or case.name,
        about,
        overview(summary, tables),
        sections(summary, tables, view),
        sources,
    )
