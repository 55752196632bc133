"""A page: one self-contained HTML file that opens without a network."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import jinja2
import plotly.graph_objects as go
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from cmgplan.page.data_table import DataTable
from cmgplan.page.parts import Chart, Note, Overview, Section


def render(
    title: str,
    about: str,
    top: Overview,
    sections: Sequence[Section],
    sources: str = "",
    choice: str = "",
) -> str:
    """Return a whole page.

    Parameters
    ----------
    title, about
        Headline, and one sentence under it.
    top
        The first screen: verdict, boxes, totals, warnings.
    sections
        What follows, with links to it at the top.
    sources
        Text of the case's SOURCES.md.
    choice
        What a view is, where sections have views; those stand one after the other.
    """
    return (
        environment()
        .get_template("page.html.jinja")
        .render(
            title=title,
            about=about,
            top=top,
            sections=sections,
            sources=sources,
            choice=choice,
            views=list(dict.fromkeys(section.view for section in sections if section.view)),
            plotly_js=Markup(get_plotlyjs()),  # noqa: S704 - the library's own code
        )
    )


def environment(package: str = "cmgplan.page") -> jinja2.Environment:
    """Return the templates of this room and of a package, everything put into them escaped."""
    found = jinja2.Environment(
        loader=jinja2.ChoiceLoader(
            [jinja2.PackageLoader("cmgplan.page", "."), jinja2.PackageLoader(package, ".")]
        ),
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
