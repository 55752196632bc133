"""The page of a run of the building."""

from __future__ import annotations

from dataclasses import replace

from cmgplan.building.report import feeder_sections, sections, sharing
from cmgplan.building.report.overview import overview
from cmgplan.building.report.run_record import BuildingRecord
from cmgplan.building.report.view import BuildingView
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.report.day_sections import day_sections
from cmgplan.homes.report.figures.view import DayView
from cmgplan.page.page import render
from cmgplan.page.wording import counted, named
from cmgplan.run.tables import Tables


def render_page(record: BuildingRecord, tables: Tables, case: HomesCase, sources: str = "") -> str:
    """Return the page of a run of the building.

    Parameters
    ----------
    record
        Content of run.json.
    tables
        Tables of the run by file stem.
    case
        The case as it was run.
    sources
        Text of the case's SOURCES.md.
    """
    about = record.case
    text = (
        f"Case {about.name}, {counted(about.hours, 'interval')} of {about.dt_h:g} h, counted from "
        f"0. {counted(len(about.homes), 'unit')}: {named(about.homes)}. Priority rules"
        f"{' that pay' if record.rules == 'paying' else ''}, with all units in one coalition and "
        "with everyone alone."
    )
    view = BuildingView.of(record, tables, case)
    day = DayView.of(tables, "coalition", about.hours, about.dt_h, record.currency)
    shared = [
        replace(section, title=f"{section.title}: coalition") for section in day_sections(day)
    ]
    return render(
        about.title or about.name,
        text,
        overview(view),
        (
            sections.money(view),
            sections.electricity(view),
            sections.heat(view),
            sections.exchange(view, tables),
            sections.sales(view),
            *sharing.sharing(view),
            *sharing.stochastic(view),
            *feeder_sections.feeder(view, tables),
            *shared,
            sections.assumptions(),
        ),
        sources,
    )
