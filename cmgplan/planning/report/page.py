"""The page of a plan's run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup
from plotly.offline import get_plotlyjs

from cmgplan.page.page import environment
from cmgplan.planning.report.overview import overview
from cmgplan.planning.report.sections import sections
from cmgplan.planning.report.topology import FeederView
from cmgplan.run.tables import Tables


def render_page(
    summary: Mapping[str, Any],
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
    return (
        environment()
        .get_template("page.html.jinja")
        .render(
            case=summary["case"],
            top=overview(summary, tables),
            sections=sections(summary, tables, view),
            sources=sources,
            plotly_js=Markup(get_plotlyjs()),  # noqa: S704 - the library's own code
        )
    )
