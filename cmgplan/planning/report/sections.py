"""Sections of the page: which figures and tables stand where, and what is said of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from cmgplan.page.data_table import DataTable
from cmgplan.page.parts import Chart, Note, Part, Section
from cmgplan.page.wording import in_intervals
from cmgplan.planning.record.front import PointProof
from cmgplan.planning.record.plan import PlanRecord
from cmgplan.planning.report import assumptions, detail_tables
from cmgplan.planning.report.figures import all_figures
from cmgplan.planning.report.figures.exchange import exchange_sentence
from cmgplan.planning.report.figures.feeder_map import map_sentence
from cmgplan.planning.report.figures.headroom import error_sentence, headroom_sentence
from cmgplan.planning.report.figures.levels import by_hour_sentence, levels_sentence
from cmgplan.planning.report.figures.losses import losses_sentence
from cmgplan.planning.report.figures.pareto import (
    front_title,
    parallel_sentence,
    pareto_sentence,
    steps_sentence,
)
from cmgplan.planning.report.figures.response import leaders_sentence, response_sentence
from cmgplan.planning.report.figures.stores import (
    device_sentence,
    storage_sentence,
    stored_sentence,
)
from cmgplan.planning.report.figures.switches import WINDOWS, switches_sentence
from cmgplan.planning.report.figures.upstream import upstream_sentence
from cmgplan.planning.report.figures.voltage import peak_hour, profile_sentence, voltage_sentence
from cmgplan.planning.report.topology import FeederView
from cmgplan.run.tables import Tables


class _Builder:
    """Pairs each figure with its heading and sentence."""

    def __init__(self, summary: PlanRecord, tables: Tables, view: FeederView | None) -> None:
        self.summary, self.tables, self.view = summary, tables, view
        self.dt_h = summary.case.dt_h
        self.figures = all_figures(summary, tables, view)

    def chart(
        self,
        name: str,
        title: str,
        sentence: Callable[[], str],
        empty: str | None = None,
        *,
        half: bool = False,
    ) -> Chart:
        """Return a chart; ``empty`` says why there is none, by default the sentence does."""
        figure = self.figures.get(name)
        text = empty if figure is None and empty is not None else sentence()
        return Chart(
            name, in_intervals(title, self.dt_h), in_intervals(text, self.dt_h), figure, half
        )


def sections(summary: PlanRecord, tables: Tables, view: FeederView | None) -> tuple[Section, ...]:
    """Return the sections of the page, in order."""
    build = _Builder(summary, tables, view)
    makers: tuple[Callable[[_Builder], Section], ...] = (
        _levels,
        _map,
        _switches,
        _pareto,
        _exchange,
        _response,
        _losses,
        _stores,
        _voltage,
        _upstream,
        _headroom,
        _assumptions,
    )
    return tuple(_spoken(make(build), build.dt_h) for make in makers)


def _spoken(section: Section, dt_h: float) -> Section:
    """Return a section whose tables speak of intervals where these are no hours."""
    parts = tuple(
        part.renamed(lambda text: in_intervals(text, dt_h)) if isinstance(part, DataTable) else part
        for part in section.parts
    )
    return Section(section.name, in_intervals(section.title, dt_h), parts)


def _levels(b: _Builder) -> Section:
    return Section(
        "levels",
        "From level to level: shortage and surplus",
        (
            b.chart(
                "level_energy",
                "What each level leaves over",
                lambda: levels_sentence(b.summary, b.tables, b.dt_h),
            ),
            b.chart(
                "shortage",
                "Unserved demand by hour",
                lambda: by_hour_sentence(b.tables, "shortage_kw", "Unserved demand"),
                "No microgrid is short in any hour at any level.",
                half=True,
            ),
            b.chart(
                "surplus",
                "Surplus by hour",
                lambda: by_hour_sentence(b.tables, "surplus_kw", "Curtailed renewable power"),
                "No renewable power is curtailed at any level.",
                half=True,
            ),
            detail_tables.level_table(b.summary),
        ),
    )


def _map(b: _Builder) -> Section:
    chart = b.chart("feeder_map", "The loaded feeder", lambda: map_sentence(b.tables, b.view))
    table = detail_tables.microgrid_table(b.tables, b.view, b.dt_h)
    return Section("map", "The feeder, hour by hour", (chart, table))


def _switches(b: _Builder) -> Section:
    charts = [
        b.chart(f"switch_schedule_{kind}", title, partial(switches_sentence, b.tables, kind))
        for kind, title in WINDOWS.items()
    ]
    parts: tuple[Part, ...] = (*charts, detail_tables.switch_table(b.tables, b.dt_h))
    return Section("switches", "Switch schedule", parts)


def _pareto(b: _Builder) -> Section:
    return Section(
        "pareto",
        "Pareto front of the microgrids",
        (
            b.chart(
                "pareto_front",
                front_title(b.tables),
                lambda: pareto_sentence(b.summary, b.tables),
            ),
            detail_tables.pareto_table(b.summary, b.tables),
            *_explanations(b.summary.certificate.points),
            b.chart(
                "pareto_3d", "All three objectives", lambda: steps_sentence(b.tables), half=True
            ),
            b.chart(
                "pareto_parallel",
                "The points side by side",
                lambda: parallel_sentence(b.tables),
                half=True,
            ),
        ),
    )


def _exchange(b: _Builder) -> Section:
    charts = [
        b.chart(
            f"exchange_{level}",
            title,
            partial(exchange_sentence, b.tables, b.view, level, b.dt_h),
        )
        for level, title in (
            ("lower", "Lower level (Level 4)"),
            ("upper", "Upper level (Levels 5 and 6)"),
        )
    ]
    return Section("exchange", "Exchange of the clusters", tuple(charts))


def _response(b: _Builder) -> Section:
    return Section(
        "response",
        "Demand response",
        (
            b.chart(
                "demand_response",
                "Demand before and after",
                lambda: response_sentence(b.tables, b.dt_h),
            ),
            b.chart(
                "demand_response_by_microgrid",
                "By microgrid",
                lambda: leaders_sentence(b.tables, b.dt_h),
                "No microgrid moves its demand.",
            ),
        ),
    )


def _losses(b: _Builder) -> Section:
    chart = b.chart("losses", "Losses by hour", lambda: losses_sentence(b.tables, b.dt_h))
    return Section("losses", "Losses with and without microgrids", (chart,))


def _stores(b: _Builder) -> Section:
    none = storage_sentence(b.tables, b.dt_h) if "state_of_charge" not in b.figures else None
    still = none or "No battery and no vehicle charges or discharges in any hour."
    if none is not None:
        return Section("stores", "Storage and vehicles", (Note("", (none,)),))
    return Section(
        "stores",
        "Storage and vehicles",
        (
            b.chart(
                "storage_power",
                "Charge and discharge",
                lambda: storage_sentence(b.tables, b.dt_h),
                still,
            ),
            b.chart(
                "storage_by_device",
                "By device",
                lambda: device_sentence(b.tables, b.dt_h),
                still,
            ),
            b.chart("state_of_charge", "State of charge", lambda: stored_sentence(b.tables)),
        ),
    )


def _voltage(b: _Builder) -> Section:
    return Section(
        "voltage",
        "Voltages",
        (
            b.chart(
                "voltage_profile",
                f"Profile at the peak hour {peak_hour(b.tables)}",
                lambda: profile_sentence(b.tables),
            ),
            b.chart(
                "voltage_with",
                "Over bus and hour, with microgrids",
                lambda: voltage_sentence(b.tables, "upper", b.view),
                half=True,
            ),
            b.chart(
                "voltage_without",
                "Over bus and hour, without",
                lambda: voltage_sentence(b.tables, "without_cmg", b.view),
                half=True,
            ),
            detail_tables.bus_table(b.tables, b.view),
        ),
    )


def _upstream(b: _Builder) -> Section:
    chart = b.chart("upstream", "Import by hour", lambda: upstream_sentence(b.tables, b.dt_h))
    table = detail_tables.hour_table(b.summary, b.tables)
    return Section("upstream", "Exchange with the upstream grid", (chart, table))


def _headroom(b: _Builder) -> Section:
    broken = detail_tables.broken_table(b.summary)
    return Section(
        "headroom",
        "Headroom and forecast error",
        (
            b.chart("headroom", "Room left by hour", lambda: headroom_sentence(b.summary)),
            b.chart(
                "forecast_error", "Replay under forecast error", lambda: error_sentence(b.summary)
            ),
            *([broken] if broken is not None else []),
        ),
    )


def _assumptions(b: _Builder) -> Section:
    return Section(
        "assumptions",
        "What is assumed",
        (
            assumptions.option_table(b.summary, b.view),
            assumptions.model_table(),
            detail_tables.replay_table(b.summary),
            assumptions.version_table(b.summary),
        ),
    )


def _explanations(points: list[PointProof]) -> list[Note]:
    """Return why points have no schedule, where the run tells it."""
    notes = []
    for point in points:
        sentences = point.explanation
        if not sentences and point.status in ("infeasible", "limit") and point.reason:
            sentences = [point.reason]
        if sentences:
            notes.append(Note(f"Point {point.point}: {point.status}", tuple(sentences)))
    return notes
