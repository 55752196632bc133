"""The page of a run of the market."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from cmgplan.homes.report.day_sections import day_sections
from cmgplan.homes.report.figures.view import DayView
from cmgplan.market.report.games_section import coalitions
from cmgplan.market.report.leaders_section import several
from cmgplan.market.report.overview import best, overview
from cmgplan.market.report.run_record import MarketRecord
from cmgplan.market.report.sections import incomes, moved, prices, scenarios
from cmgplan.market.report.suggestion import suggestion
from cmgplan.page.data_table import Column, data_table
from cmgplan.page.page import render
from cmgplan.page.parts import Note, Part, Section
from cmgplan.page.wording import counted, named
from cmgplan.run.tables import Tables

MOST_DAYS = 20
"""Structures whose day a page shows."""

MODEL = (
    ("Leaders", "choose what they put into the pool, knowing how the followers answer."),
    ("Followers", "take the price; their joint day of least cost clears the pool."),
    (
        "Prices",
        "The clearing price is what one kWh more is worth to the followers. Quantities are moved "
        "by a small step so that no other price clears.",
    ),
    ("Income", "Negative is a net cost. A constant tariff of own consumers is left out."),
    (
        "Bound",
        "The better of the search's own and of what all homes can earn together less what the "
        "followers earn alone.",
    ),
)
"""What the model assumes, as the page says it."""


def render_page(record: MarketRecord, tables: Tables, sources: str = "") -> str:
    """Return the page of a run of the market.

    Parameters
    ----------
    record
        Content of run.json.
    tables
        Tables of the run by file stem.
    sources
        Text of the case's SOURCES.md.
    """
    case = record.case
    about = (
        f"Case {case.name}, {counted(case.hours, 'interval')} of {case.dt_h:g} h, counted from 0. "
        f"{counted(len(case.homes), 'home')}: {named(case.homes)}. Coalitions of homes that lead "
        "and follow in a market of electricity and heat."
    )
    views = {
        s.structure: DayView.of(tables, s.structure, case.hours, case.dt_h, record.currency)
        for s in record.structures
    }
    return render(
        case.title or case.name,
        about,
        overview(record, tables),
        (
            incomes(record, tables),
            prices(record, tables),
            moved(record, views),
            coalitions(record),
            *((led,) if (led := suggestion(record, tables)) is not None else ()),
            *((several(record),) if record.equilibrium is not None else ()),
            *((scenarios(record),) if record.scenarios else ()),
            *_days(record, views),
            _assumptions(),
        ),
        sources,
        "The day of structure"
        if len(views) <= MOST_DAYS
        else f"The day of structure (of {len(views)}, {MOST_DAYS} are here)",
    )


def _days(record: MarketRecord, views: dict[str, DayView]) -> Iterator[Section]:
    """Yield what a page shows of the day of each structure, the best one first."""
    shown = best(record).structure
    names = [shown, *(s.structure for s in record.structures if s.structure != shown)]
    for k, way in enumerate(names[:MOST_DAYS]):
        for section in day_sections(views[way]):
            parts = tuple(_numbered(part, k) for part in section.parts)
            yield replace(section, name=f"{section.name}-{k}", parts=parts, view=way)


def _numbered(part: Part, k: int) -> Part:
    """Return a part whose name is its own among those of other days."""
    return part if isinstance(part, Note) else replace(part, name=f"{part.name}-{k}")


def _assumptions() -> Section:
    rows = [{"what": what, "how": how} for what, how in MODEL]
    columns = (Column("what", "What"), Column("how", "How it is taken"))
    return Section("model", "What is assumed", (data_table("model", "The model", columns, rows),))
