"""The page of a comparison, in the look of the page of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from markupsafe import Markup
from plotly.offline import get_plotlyjs

from cmgplan.page.page import environment
from cmgplan.page.parts import Chart, Part, Section
from cmgplan.page.wording import in_intervals
from cmgplan.planning.report.compare import hourly, levels
from cmgplan.planning.report.compare.first_screen import first_screen
from cmgplan.planning.report.compare.fronts import front_charts
from cmgplan.planning.report.compare.runs import Comparison
from cmgplan.planning.report.compare.switches import switch_charts, switch_hours_table
from cmgplan.planning.report.compare.totals import Total
from cmgplan.version import __version__

TEMPLATE = "compare.html.jinja"


def render_comparison(comparison: Comparison, totals: Sequence[Total]) -> str:
    """Return the page that lays runs beside each other."""
    return (
        environment("cmgplan.planning.report.compare")
        .get_template(TEMPLATE)
        .render(
            names=[run.name for run in comparison.runs],
            top=first_screen(comparison, totals),
            sections=sections(comparison),
            plotly_js=Markup(get_plotlyjs()),  # noqa: S704 - the library's own code
            version=__version__,
        )
    )


def sections(comparison: Comparison) -> tuple[Section, ...]:
    """Return the sections of the page, in order."""
    table = switch_hours_table(comparison)
    switches: tuple[Part, ...] = switch_charts(comparison)
    parts: tuple[tuple[str, str, tuple[Part, ...]], ...] = (
        ("pareto", "Pareto fronts of the microgrids", front_charts(comparison)),
        ("schedule", "Switch schedules", (*switches, *([table] if table.rows else []))),
        ("shortage", "From level to level: shortage and surplus", levels.levels_charts(comparison)),
        ("exchange", "Exchange of the microgrids", hourly.exchange_charts(comparison)),
        ("losses", "Losses", hourly.losses_charts(comparison)),
        ("import", "Exchange with the upstream grid", (hourly.upstream_chart(comparison),)),
        ("voltages", "Voltages", levels.voltage_charts(comparison)),
        ("response", "Demand response", hourly.response_charts(comparison)),
        ("storage", "Storage and vehicles", hourly.stores_charts(comparison)),
        ("headroom", "Headroom", hourly.headroom_charts(comparison)),
    )
    return tuple(
        Section(name, title, tuple(_in_intervals(part, comparison.dt_h) for part in of))
        for name, title, of in parts
    )


def _in_intervals(part: Part, dt_h: float) -> Part:
    """Return a chart whose words speak of intervals where an interval is not an hour."""
    if not isinstance(part, Chart):
        return part
    for trace in part.figure.data if part.figure is not None else ():
        if trace.hovertemplate:
            trace.hovertemplate = in_intervals(trace.hovertemplate, dt_h)
    return replace(
        part,
        title=in_intervals(part.title, dt_h),
        sentence=in_intervals(part.sentence, dt_h),
    )
