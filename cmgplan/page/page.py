"""The page of a run: one self-contained HTML file that opens without a network."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import jinja2
import plotly.graph_objects as go
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from cmgplan.report.data_table import DataTable
from cmgplan.report.overview import overview
from cmgplan.report.sections import Chart, Note, sections
from cmgplan.report.tables import Tables
from cmgplan.report.topology import FeederView


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


def environment() -> jinja2.Environment:
    """Return the templates of this package, everything put into them escaped."""
    found = jinja2.Environment(
        loader=jinja2.PackageLoader("cmgplan.report", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.tests["chart"] = lambda part: isinstance(part, Chart)
    found.tests["table"] = lambda part: isinstance(part, DataTable)
    found.tests["note"] = lambda part: isinstance(part, Note)
    found.filters["figure_json"] = figure_json
    return found


def figure_json(figure: go.Figure) -> Markup:
    """Return a figure's data, layout and frames as JSON for a script element."""
    return script_json(json.loads(figure.to_json()))


def script_json(value: Any) -> Markup:
    """Return JSON that a script element can hold: no character in it ends the element."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704
