"""The page of a run of demand response."""

from __future__ import annotations

from dataclasses import replace

from cmgplan.homes.report.day_sections import day_sections
from cmgplan.page.page import render
from cmgplan.page.wording import counted, named
from cmgplan.response.report import sections
from cmgplan.response.report.overview import overview
from cmgplan.response.report.price_section import prices
from cmgplan.response.report.run_record import ResponseRecord
from cmgplan.response.report.uncertain import uncertainty
from cmgplan.response.report.view import NAMES, ResponseView
from cmgplan.response.report.worth_section import compared
from cmgplan.run.tables import Tables


def render_page(record: ResponseRecord, tables: Tables, sources: str = "") -> str:
    """Return the page of a run of demand response.

    Parameters
    ----------
    record
        Content of run.json.
    tables
        Tables of the run by file stem.
    sources
        Text of the case's SOURCES.md.
    """
    case, view = record.case, ResponseView.of(record, tables)
    policies = ", ".join(f"{home}: {policy}" for home, policy in record.policies.items())
    about = (
        f"Case {case.name}, {counted(case.hours, 'interval')} of {case.dt_h:g} h, counted from 0. "
        f"{counted(len(case.homes), 'home')}: {named(case.homes)}. Demand response by policy "
        f"({policies}), run by: {', '.join(NAMES.get(way, way) for way in record.methods)}."
    )
    shown = view.best
    day = [
        replace(section, title=f"{section.title}: {NAMES.get(shown, shown)}")
        for section in day_sections(view.days[shown])
    ]
    return render(
        case.title or case.name,
        about,
        overview(view),
        (
            sections.methods(view),
            sections.response(view),
            sections.supply(view),
            sections.emissions(view),
            prices(view),
            *compared(view),
            *uncertainty(view),
            *day,
            sections.assumptions(),
        ),
        sources,
    )
