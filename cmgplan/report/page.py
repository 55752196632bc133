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
from cmgplan.report.sections import Chart, Note, Section, sections
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
    parts = sections(summary, tables, view)
    return (
        environment()
        .get_template("page.html.jinja")
        .render(
            case=summary["case"],
            top=overview(summary, tables),
            sections=parts,
            sources=sources,
            template=script_json(_template(parts)),
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
    """Return a figure's data, layout and frames as JSON for a script element.

    The look that all figures share stands in the page once.
    """
    told = json.loads(figure.to_json())
    told["layout"].pop("template", None)
    return script_json(told)


def script_json(value: Any) -> Markup:
    """Return JSON that a script element can hold: no character in it ends the element."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704


def _template(parts: tuple[Section, ...]) -> Any:
    """Return the look that all figures share."""
    for section in parts:
        for part in section.parts:
            if isinstance(part, Chart) and part.figure is not None:
                return json.loads(part.figure.to_json())["layout"].get("template", {})
    return {}
